//! What the README says is what there is.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use ovsdp::error::Kind;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn ovsdp(arguments: &[&str]) -> std::process::Output {
    // A run directory and a folder that do not exist: nothing of this machine is looked at.
    let mut command = Command::new(env!("CARGO_BIN_EXE_ovsdp"));
    command.args(arguments).env("OVSDP_RUN", "/nonexistent/run").env("OVSDP_DIR", "/nonexistent/files").output().unwrap()
}

#[test]
fn ci_runs_the_readmes_second_command() {
    let readme = read("README.md");
    let commands: Vec<_> = readme.lines().filter_map(|line| line.strip_prefix("    cargo vm ")).collect();
    assert_eq!(commands, ["demo", "test --all"]);
    assert!(read(".ci/run").lines().any(|line| line == "exec cargo vm test --all"));
}

#[test]
fn every_command_it_names_teaches_with_help() {
    let readme = read("README.md");
    let named: BTreeSet<_> = readme.match_indices("`ovsdp ").filter_map(|(at, _)| readme[at + 7..].split([' ', '`']).next()).collect();
    assert!(named.len() >= 9, "{named:?}");
    for command in named {
        let output = ovsdp(&[command, "--help"]);
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && help.contains("Usage: ovsdp"), "{command}: {help}");
        // The agent and generate print no facts; what metrics prints is for programs already; vsctl has ovs-vsctl's own word for it.
        match command {
            "agent" | "generate" | "metrics" => {}
            "vsctl" => assert!(help.contains("--format"), "{command} has no --format"),
            _ => assert!(help.contains("--json"), "{command} has no --json"),
        }
    }
}

#[test]
fn its_exit_codes_are_the_programs() {
    let readme = read("README.md");
    let listed: Vec<u8> = readme.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()?.parse().ok()).collect();
    let kinds =
        [Kind::Failed, Kind::Usage, Kind::BadConfiguration, Kind::NoSuch, Kind::NotPermitted, Kind::KernelLacks, Kind::OtherSwitch, Kind::TimedOut];
    let ours: Vec<u8> = std::iter::once(0).chain(kinds.map(Kind::exit_code)).collect();
    assert_eq!(listed, ours);
}

#[test]
fn wrong_words_and_missing_folders_have_their_codes() {
    let code = |arguments: &[&str]| ovsdp(arguments).status.code().unwrap();
    assert_eq!(code(&[]), 2);
    assert_eq!(code(&["upp"]), 2);
    assert_eq!(code(&["down"]), 2);
    assert_eq!(code(&["--version"]), 0);
    for command in ["up", "plan", "restart"] {
        let output = ovsdp(&[command]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(4), "{command}: {error}");
        assert!(error.contains("/nonexistent/files") && error.contains("--dir"), "{error}");
    }
}

#[test]
fn the_scenes_files_stand_in_it_as_the_suite_plays_them() {
    let readme = read("README.md");
    let stage = read("vm/src/suites/stage.rs");
    for assignment in ["TYPE=OVSPort", "OVS_BRIDGE=ovsbr0", "TYPE=OVSBridge", "OVSBOOTPROTO=dhcp", "OVSDHCPINTERFACES=eth0"] {
        assert!(readme.contains(&format!("    {assignment}\n")) && stage.contains(assignment), "{assignment}");
    }
}
