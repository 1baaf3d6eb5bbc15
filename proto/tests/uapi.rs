//! Compares every constant of `ovsdp_proto::uapi` with the kernel's own header, both ways: a wrong one fails, and so does one
//! the header has and we lack.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test's helpers may fail it")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use ovsdp_proto::uapi;

/// What the header says, by name.
#[derive(Default)]
struct Header {
    numbers: BTreeMap<String, i64>,
    strings: BTreeMap<String, String>,
    /// `#define`s that are not plain values.
    skipped: Vec<String>,
}

fn without_comments(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        out.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
        // What stood on two lines must not become one.
        out.push(' ');
    }
    out + rest
}

/// Drops what only the kernel itself sees.
fn without_kernel_only(text: &str) -> String {
    let (mut out, mut depth) = (String::new(), 0usize);
    for line in text.lines() {
        let word = line.trim();
        if depth > 0 {
            if word.starts_with("#if") {
                depth += 1;
            } else if word.starts_with("#endif") {
                depth -= 1;
            }
        } else if word == "#ifdef __KERNEL__" {
            depth = 1;
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// Evaluates what the header uses: numbers, names, `+ - | << *`, parentheses, casts and `sizeof(__u32)`.
fn evaluate(text: &str, known: &BTreeMap<String, i64>) -> Option<i64> {
    let text = text.replace("sizeof(__u32)", "4").replace("(__u32)", "");
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_whitespace() {
            continue;
        }
        if c.is_alphanumeric() || c == '_' {
            let mut word = String::from(c);
            while let Some(more) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                word.push(more);
            }
            tokens.push(word);
        } else if c == '<' {
            chars.next_if_eq(&'<')?;
            tokens.push("<<".into());
        } else {
            tokens.push(c.into());
        }
    }
    fn primary(tokens: &mut &[String], known: &BTreeMap<String, i64>) -> Option<i64> {
        let (first, rest) = tokens.split_first()?;
        *tokens = rest;
        if first == "(" {
            let value = binary(tokens, known, 0)?;
            let (close, rest) = tokens.split_first()?;
            *tokens = rest;
            return (close == ")").then_some(value);
        }
        if first == "-" {
            return primary(tokens, known).map(|value| -value);
        }
        let digits = first.trim_end_matches(['U', 'L']);
        match digits.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok().or_else(|| known.get(first).copied()),
        }
    }
    fn binary(tokens: &mut &[String], known: &BTreeMap<String, i64>, level: usize) -> Option<i64> {
        const LEVELS: [&[&str]; 4] = [&["|"], &["<<"], &["+", "-"], &["*"]];
        let Some(operators) = LEVELS.get(level) else { return primary(tokens, known) };
        let mut value = binary(tokens, known, level + 1)?;
        while let Some((operator, rest)) = tokens.split_first().filter(|(first, _)| operators.contains(&first.as_str())) {
            *tokens = rest;
            let right = binary(tokens, known, level + 1)?;
            value = match operator.as_str() {
                "|" => value | right,
                "<<" => value << right,
                "+" => value + right,
                "-" => value - right,
                _ => value * right,
            };
        }
        Some(value)
    }
    let mut rest = tokens.as_slice();
    let value = binary(&mut rest, known, 0)?;
    rest.is_empty().then_some(value)
}

fn parse(text: &str) -> Header {
    let text = without_kernel_only(&without_comments(text));
    let mut header = Header::default();
    let mut rest = text.as_str();
    while let Some((_, after)) = rest.split_once("enum") {
        rest = after;
        // Only a definition: a name or none, then a brace.
        let Some((name, body)) = after.split_once('{') else { break };
        if !name.trim().chars().all(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let Some((body, _)) = body.split_once('}') else { break };
        // Some have preprocessor lines among their names.
        let body = body.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n");
        let mut next = 0;
        for entry in body.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (name, value) = entry.split_once('=').map_or((entry, None), |(name, value)| (name.trim(), Some(value)));
            let value = value.map_or(Some(next), |text| evaluate(text, &header.numbers));
            let Some(value) = value else { panic!("cannot evaluate the enumerator {entry:?}") };
            header.numbers.insert(name.to_owned(), value);
            next = value + 1;
        }
    }
    let joined = text.replace("\\\n", " ");
    for line in joined.lines().filter_map(|line| line.trim().strip_prefix("#define")) {
        let line = line.trim();
        let (name, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let value = value.trim();
        if let Some(string) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
            header.strings.insert(name.to_owned(), string.to_owned());
        } else if let Some(number) = evaluate(value, &header.numbers) {
            header.numbers.insert(name.to_owned(), number);
        } else {
            header.skipped.push(format!("{name} {value}"));
        }
    }
    header
}

/// Headers of this machine: the installed one, and those of kernels' header packages.
fn headers(file: &str) -> Vec<PathBuf> {
    let mut roots = vec![PathBuf::from("/usr/include")];
    let packages = std::fs::read_dir("/usr/src").into_iter().flatten().flatten().map(|entry| entry.path());
    roots.extend(packages.filter(|path| path.join("include/uapi").is_dir()).map(|path| path.join("include/uapi")));
    roots.extend(std::env::var_os("OVSDP_UAPI_DIR").map(PathBuf::from));
    roots.into_iter().map(|root| root.join("linux").join(file)).filter(|path| path.is_file()).collect()
}

fn ours() -> BTreeMap<&'static str, i64> {
    let mut all = BTreeMap::new();
    uapi::each(&mut |name, value| assert_eq!(all.insert(name, value), None, "{name} is in uapi.rs twice"));
    all
}

/// A name that is the header's own bookkeeping, not part of the interface.
fn bookkeeping(name: &str) -> bool {
    name.starts_with("__") || name.ends_with("_MAX") || name.starts_with("_UAPI") || name == "_LINUX_OPENVSWITCH_H"
}

fn compare(path: &Path) {
    let header = parse(&std::fs::read_to_string(path).unwrap());
    let ours = ours();
    let mut faults = Vec::new();
    for (name, value) in &header.numbers {
        match ours.get(name.as_str()) {
            Some(mine) if mine != value => faults.push(format!("{name} is {value}, uapi.rs says {mine}")),
            None if !bookkeeping(name) => faults.push(format!("{name} = {value} is missing in uapi.rs")),
            _ => {}
        }
    }
    for (name, value) in &header.strings {
        match uapi::STRINGS.iter().find(|(mine, _)| mine == name) {
            Some((_, mine)) if mine != value => faults.push(format!("{name} is {value:?}, uapi.rs says {mine:?}")),
            None => faults.push(format!("{name} = {value:?} is missing in uapi.rs")),
            _ => {}
        }
    }
    let mut newer = 0;
    for name in ours.keys().filter(|name| name.starts_with("OVS") && !header.numbers.contains_key(**name)) {
        match uapi::SINCE.iter().find(|(listed, _)| listed == name) {
            Some(_) => newer += 1,
            None => faults.push(format!("{name} of uapi.rs is not in the header, nor in SINCE")),
        }
    }
    println!("{}: {} numbers and {} strings compared, {newer} of ours are newer", path.display(), header.numbers.len(), header.strings.len());
    for skipped in &header.skipped {
        println!("  not compared, no plain value: {skipped}");
    }
    assert!(header.numbers.len() > 200, "{}: only {} numbers found", path.display(), header.numbers.len());
    assert!(faults.is_empty(), "{}:\n{}", path.display(), faults.join("\n"));
}

#[test]
fn every_constant_is_the_kernels() {
    let found = headers("openvswitch.h");
    for path in &found {
        compare(path);
    }
    if found.is_empty() {
        skipped("no linux/openvswitch.h on this machine (package linux-libc-dev); no constant was compared");
    } else if !found.iter().any(|path| std::fs::read_to_string(path).unwrap().contains("OVS_ACTION_ATTR_PSAMPLE")) {
        let names: Vec<_> = uapi::SINCE.iter().map(|(name, _)| *name).collect();
        skipped(&format!("no header of Linux 6.12 (package linux-headers-6.12…-common); not compared: {}", names.join(", ")));
    }
}

/// Says what was not compared, past the test harness, which swallows what a passing test prints.
fn skipped(what: &str) {
    writeln!(std::io::stderr().lock(), "SKIPPED in proto/tests/uapi.rs: {what}").unwrap();
}

/// Of netlink's own headers we have a selection: what we have must be right.
#[test]
fn the_selection_of_netlinks_constants_is_the_kernels() {
    let mut all = BTreeMap::new();
    let netfilter = ["nfnetlink.h", "nfnetlink_conntrack.h", "nf_conntrack_common.h", "nf_conntrack_tcp.h"].map(|file| format!("netfilter/{file}"));
    for file in ["netlink.h", "genetlink.h"].into_iter().chain(netfilter.iter().map(String::as_str)) {
        for path in headers(file) {
            all.extend(parse(&std::fs::read_to_string(path).unwrap()).numbers);
        }
    }
    if all.is_empty() {
        skipped("no linux/netlink.h on this machine (package linux-libc-dev)");
        return;
    }
    all.insert("GENL_ID_CTRL".into(), all["NLMSG_MIN_TYPE"]);
    let mine = ours().into_iter().filter(|(name, _)| !name.starts_with("OVS") && !name.starts_with("NSH"));
    for (name, value) in mine {
        assert_eq!(all.get(name), Some(&value), "{name}");
    }
}

#[test]
fn the_reader_of_headers_notices() {
    let header = parse(
        "#define OVS_A 3 /* x */\nenum e {\n OVS_B,\n#ifdef __KERNEL__\n OVS_K,\n#endif\n OVS_C = (1 << 3) | 1,\n OVS_D };\n#define OVS_S \"s\"",
    );
    let numbers: Vec<_> = header.numbers.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(numbers, [("OVS_A", 3), ("OVS_B", 0), ("OVS_C", 9), ("OVS_D", 10)]);
    assert_eq!(header.strings["OVS_S"], "s");
}
