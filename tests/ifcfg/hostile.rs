//! Any bytes: no panic, a bound on what comes out, and errors that can be drawn.

use ovsdp::ifcfg::{self, Host, MAX_TOTAL, Sources, Style};
use proptest::prelude::*;

fn read(bytes: &[u8]) {
    let mut sources = Sources::new("x");
    sources.insert("ifcfg-x", bytes);
    sources.insert("../network", bytes);
    let outcome = ifcfg::intent(&sources, &Host::new("host1"));
    assert_eq!(outcome.intent.is_none(), outcome.has_errors());
    for found in &outcome.diagnostics {
        let drawn = found.render(&sources, Style::Plain);
        assert!(!drawn.chars().any(|c| c.is_control() && c != '\n'), "{drawn:?}");
        serde_json::to_string(found).unwrap();
    }
    let total: usize = ifcfg::evaluate(&sources, "ifcfg-x", &Host::new("host1")).vars.iter().map(|(_, var)| var.value.bytes().len()).sum();
    assert!(total <= 2 * MAX_TOTAL + 100);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read(&bytes);
    }

    #[test]
    fn bytes_of_the_language(bytes in "(A|TYPE|OVS_BRIDGE|DEVICE|=|\\+=|OVSPort|OVSBridge|\\$|\\{|\\}|\\(|\\)|`|'|\"|\\\\|\n|\r| |:-|~|#|;|é|\u{a0}|hostname){0,60}") {
        read(bytes.as_bytes());
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
        file.extend(unit.as_bytes().iter().cycle().take(ifcfg::MAX_FILE / 4));
        read(&file);
    }
}
