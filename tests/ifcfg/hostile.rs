//! Any bytes: no panic, a bound on what comes out, and errors that can be drawn.

use ovsdp::ifcfg::{self, Check, Host, MAX_TOTAL, Sources, Style};
use proptest::prelude::*;

fn read(bytes: &[u8]) {
    let mut sources = Sources::new("x");
    sources.insert("ifcfg-x", bytes);
    sources.insert("../network", bytes);
    understand(&sources);
}

/// The same bytes as every file that may stand beside an interface's.
fn read_beside(bytes: &[u8]) {
    let mut sources = Sources::new("x");
    sources.insert("ifcfg-br0", "DEVICE=br0\nDEVICETYPE=ovs\nTYPE=OVSBridge\nIPADDR=192.0.2.1\nPREFIX=24\n");
    for name in ["route-br0", "route6-br0", "rule-br0", "rule6-br0", "br0.route", "ifcfg-br0:1", "ifcfg-br0-range1", ifcfg::STATIC_ROUTES] {
        sources.insert(name, bytes);
    }
    understand(&sources);
}

fn understand(sources: &Sources) {
    let outcome = ifcfg::intent(sources, &Host::new("host1"));
    assert_eq!(outcome.intent.is_none(), outcome.has_errors());
    let checked = Check::begin(sources, &Host::new("host1")).finish(sources, None);
    for found in outcome.diagnostics.iter().chain(&checked) {
        let drawn = found.render(sources, Style::Plain);
        assert!(!drawn.chars().any(|c| c.is_control() && c != '\n'), "{drawn:?}");
        serde_json::to_string(found).unwrap();
    }
    let total: usize = ifcfg::evaluate(sources, "ifcfg-x", &Host::new("host1")).vars.iter().map(|(_, var)| var.value.bytes().len()).sum();
    assert!(total <= 2 * MAX_TOTAL + 100);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read(&bytes);
        read_beside(&bytes);
    }

    #[test]
    fn bytes_of_route_and_rule_files(bytes in "(10\\.0\\.0\\.0|/|8|via|192\\.0\\.2\\.9|::|from|all|table|main|mtu|lock|any|net|gw|-|ADDRESS0=|IPADDR_START=|\n|\r| |#|\\$|é){0,60}") {
        read_beside(bytes.as_bytes());
    }

    #[test]
    fn bytes_of_the_language(bytes in "(A|TYPE|OVS_BRIDGE|DEVICE|=|\\+=|OVSPort|OVSBridge|\\$|\\{|\\}|\\(|\\)|`|'|\"|\\\\|\n|\r| |:-|~|#|;|é|\u{a0}|hostname){0,60}") {
        read(bytes.as_bytes());
    }
}

/// A setting may come from the network file, whose places mean nothing in the interface's.
#[test]
fn findings_stand_in_the_file_they_name() {
    let common = format!("# {}\nDEVICETYPE=ovs\n", "x".repeat(100));
    let bridge = "TYPE=OVSBridge\nDEVICE=br0\n";
    for (network, file) in [
        ("", "A=1"),
        ("TYPE=OVSPort\n", "A=1"),
        ("TYPE=OVSPort\nOVS_BRIDGE=nosuch\nDEVICE=eth0\n", "A=1"),
        ("TYPE=OVSPort\nOVS_BRIDGE=br0\nDEVICE=eth0\nIPADDR=192.0.2.1\n", "A=1"),
        ("TYPE=OVSPort\nOVS_BRIDGE=br0\nDEVICE=br0\n", "A=1"),
        ("OVSBOOTPROTO=dhcp\nOVSDHCPINTERFACES='eth7 !'\n", bridge),
        ("OVSBOOTPROTO=dhcp\n", bridge),
        ("DEVICE=br0\nIPADDR=192.0.2.1\nGATEWAY=198.51.100.1\n", "TYPE=OVSBridge\n"),
    ] {
        let mut sources = Sources::new("x");
        sources.insert(ifcfg::NETWORK, format!("{common}{network}"));
        sources.insert("ifcfg-x", file);
        sources.insert("ifcfg-y", file);
        for found in ifcfg::intent(&sources, &Host::new("h")).diagnostics {
            let places = found.related.iter().map(|other| (&other.file, other.span)).chain(found.span.map(|span| (&found.file, span)));
            for (name, span) in places {
                assert!(span.start <= span.end && span.end <= sources.get(name).unwrap().len(), "{network:?} {found:?}");
            }
        }
    }
}

/// Of kinds a careless reader takes square time or memory for: each would then not end, or end the machine.
#[test]
fn large_files_stay_small() {
    for unit in [
        "A=$B;",
        "A=b c\n",
        "A=b\nA=$A$A\n",
        "A+=xxxxxxxx\n",
        "A=\"${B:-",
        "A='\nB='",
        "A=\"\\\n\"",
        "\u{201c}",
        "A=\u{a0};",
        "A=$(",
        "A=$(x)",
        "A=`x`",
        "export A=$H ",
        "A",
        "#",
        "\\\n",
        "\r",
        "A=${B:-x} ",
        "$'\\x",
    ] {
        let mut file = format!("H={}\n", "x".repeat(60_000)).into_bytes();
        file.extend(unit.as_bytes().iter().cycle().take(ifcfg::MAX_FILE / 8));
        read(&file);
    }
}

/// The same of the files beside an interface's.
#[test]
fn large_files_beside_stay_small() {
    for unit in ["10.0.0.0/8 via 192.0.2.9\n", "from all table 7\n", "any net ", "ADDRESS0=10.0.0.0\n"] {
        read_beside(&unit.bytes().cycle().take(ifcfg::MAX_FILE / 8).collect::<Vec<_>>());
    }
    let different: String = (0..4096_u32).map(|n| format!("10.{}.{}.0/24 via 192.0.2.9\n", n >> 8, n & 255)).collect();
    read_beside(different.as_bytes());
}

#[test]
fn the_room_starts_nothing_and_reads_in_one_file() {
    let room = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ifcfg");
    let mut files = vec![room.join("assign/tests.rs")];
    files.extend(std::fs::read_dir(room.join("companion")).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()));
    files.extend(std::fs::read_dir(room).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()));
    assert!(files.len() > 15);
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        for word in ["process", "nix::", "Socket", "TcpStream", "std::env", "std::thread", "std::time", "libc"] {
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            assert!(!code.into_iter().any(|line| line.contains(word)), "{} names {word}", path.display());
        }
        assert!(path.ends_with("dir.rs") || !(text.contains("std::fs") || text.contains("std::io")), "{} reads", path.display());
    }
}
