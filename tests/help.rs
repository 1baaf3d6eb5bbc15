//! Every command there is teaches itself.

use std::process::Command;

/// What `ovsdp WORDS --help` prints.
fn help(words: &[String]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_ovsdp")).args(words).arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{words:?}: {}{text}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The commands that a help text lists, `help` itself aside.
fn listed(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   ")).filter_map(|line| line.split_ascii_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Walks all commands below `words`; returns how many it met.
fn walk(words: &[String]) -> usize {
    let text = help(words);
    let usage = format!("Usage: {}", [&["ovsdp".to_owned()], words].concat().join(" "));
    // `dpctl` prints it as `ovs-dpctl` does.
    assert!(text.to_lowercase().contains(&usage.to_lowercase()), "{words:?} has no `{usage}`:\n{text}");
    let below = listed(&text);
    below.iter().map(|name| walk(&[words, std::slice::from_ref(name)].concat())).sum::<usize>() + 1
}

#[test]
fn every_command_prints_its_help() {
    let commands = walk(&[]);
    assert!(commands > 10, "{commands} commands");
}

#[test]
fn help_by_its_own_command_is_the_same() {
    let output = Command::new(env!("CARGO_BIN_EXE_ovsdp")).args(["help", "up"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), help(&["up".to_owned()]));
}

#[test]
fn the_program_says_what_it_is_and_knows_the_other_word_for_restart() {
    let text = help(&[]);
    assert!(text.starts_with("Brings Open vSwitch bridges up from ifcfg files"), "{text}");
    assert_eq!(help(&["reload".to_owned()]), help(&["restart".to_owned()]));
}
