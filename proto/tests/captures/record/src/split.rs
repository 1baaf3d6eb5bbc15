//! Turns the console's log of a run into the files the tests read: for each group of captures a `.bin` with the kernel's
//! answers one behind the other, and a `.txt` that says which is which.

use std::collections::BTreeMap;
use std::fmt::Write as _;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).expect("hexadecimal digits")).collect()
}

pub fn split(log: &str, folder: &str) {
    let text = String::from_utf8_lossy(&std::fs::read(log).expect("the log")).replace('\r', "");
    let after = |line: &str, word: &str| line.find(word).map(|at| line[at + word.len()..].to_owned());
    let kernel = text.lines().find_map(|line| after(line, "KERNEL ")).expect("a line KERNEL");
    assert!(text.lines().any(|line| line == "END"), "the run did not end");
    let release: String = kernel.split('.').take(2).collect::<Vec<_>>().join(".");
    let mut groups: BTreeMap<&str, (Vec<u8>, String)> = BTreeMap::new();
    for line in text.lines() {
        let Some(line) = after(line, "CAP ") else { continue };
        let [name, command, request, answer]: [&str; 4] = line.split('|').collect::<Vec<_>>().try_into().expect("four parts");
        let group = match name.split('-').collect::<Vec<_>>()[..] {
            ["flow", "action", ..] => "flow-action",
            ["flow", "dump", ..] => "flow-dump",
            [first, ..] => ["nlctrl", "dp", "vport", "flow", "upcall"].into_iter().find(|group| *group == first).expect("a known group"),
            [] => unreachable!("split yields one part at least"),
        };
        let (bin, index) = groups.entry(group).or_default();
        let answer = bytes(answer);
        writeln!(index, "[{name}]\ncommand: {command}\nrequest: {request}\nlength: {}", answer.len()).unwrap();
        bin.extend_from_slice(&answer);
    }
    for (name, (bin, index)) in groups {
        let mut sidecar = format!("kernel: {kernel}\n{index}");
        if name == "flow-dump" {
            for (marker, key) in [("TEXT ", "text"), ("VERBOSE ", "verbose")] {
                for line in text.lines().filter_map(|line| line.strip_prefix(marker)).filter(|line| line.contains("actions:")) {
                    writeln!(sidecar, "{key}: {line}").unwrap();
                }
            }
        }
        std::fs::write(format!("{folder}/{release}-{name}.bin"), bin).expect("a writable folder");
        std::fs::write(format!("{folder}/{release}-{name}.txt"), sidecar).expect("a writable folder");
    }
}
