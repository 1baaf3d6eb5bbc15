//! Bytes from anyone as an interface file, the half before the first NUL as the network file beside it: nothing panics, what
//! comes out is bounded, every finding is about a piece of its file and can be drawn, and what a file sets, printed, reads
//! back as the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ovsdp::ifcfg::{self, Host, MAX_TOTAL, MAX_VALUE, NETWORK, Sources, Style, quoted};

const NAME: &str = "ifcfg-x";

fuzz_target!(|bytes: &[u8]| {
    let (network, file) = match bytes.iter().position(|&b| b == 0) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (&b""[..], bytes),
    };
    let host = Host::new("host1");
    let mut sources = Sources::new("x");
    sources.insert(NETWORK, network);
    sources.insert(NAME, file);

    let outcome = ifcfg::intent(&sources, &host);
    assert_eq!(outcome.intent.is_none(), outcome.has_errors());
    let evaluation = ifcfg::evaluate(&sources, NAME, &host);
    for found in outcome.diagnostics.iter().chain(&evaluation.diagnostics) {
        let text = sources.get(&found.file).unwrap_or_default();
        if let Some(span) = found.span {
            assert!(span.start <= span.end && span.end <= text.len(), "{found:?}");
        }
        assert!(!found.render(&sources, Style::Plain).is_empty());
    }
    let mut total = 0;
    let mut printed = String::new();
    for (name, var) in evaluation.vars.iter() {
        assert!(var.value.bytes().len() <= MAX_VALUE, "{name}");
        total += var.value.bytes().len();
        if !var.file.is_empty() {
            printed.push_str(&format!("{name}={}\n", quoted(var.value.bytes())));
        }
    }
    assert!(total <= 2 * MAX_TOTAL);
    // Printed again a value may be four times as long, and a file of such values too large.
    if evaluation.has_errors() || printed.len() > MAX_VALUE {
        return;
    }
    sources.insert(NETWORK, Vec::new());
    sources.insert(NAME, printed);
    let again = ifcfg::evaluate(&sources, NAME, &host);
    assert!(!again.has_errors(), "{:?}", again.diagnostics);
    for (name, var) in evaluation.vars.iter().filter(|(_, var)| !var.file.is_empty()) {
        assert_eq!(again.vars.get(name).map(|var| var.value.bytes()), Some(var.value.bytes()), "{name}");
    }
});
