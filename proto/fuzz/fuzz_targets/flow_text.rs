//! Text from anyone, as a key, as actions and as a flow: nothing panics, an error is about a piece of the text, and what is
//! printed of what was read reads as the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ovsdp_proto::action::{append_actions, parse_actions};
use ovsdp_proto::flow::{FlowBuf, parse_flow};
use ovsdp_proto::key::{append_key, parse_key};
use ovsdp_proto::text::{ParseError, Style};

fn canonical(kind: u8, text: &str, style: &Style<'_>) -> Result<String, ParseError> {
    let (mut out, mut buf) = (Vec::new(), FlowBuf::default());
    match kind {
        0 => {
            parse_key(text, None, &mut buf.key, &mut buf.mask)?;
            append_key(&mut out, &buf.key, Some(&buf.mask), style);
        }
        1 => {
            parse_actions(text, None, &mut buf.actions)?;
            append_actions(&mut out, &buf.actions, style);
        }
        _ => parse_flow(text, None, &mut buf)?.append_to(&mut out, &buf, style),
    }
    Ok(String::from_utf8(out).expect("what is printed is UTF-8"))
}

fuzz_target!(|text: &str| {
    for kind in 0..3 {
        for verbose in [false, true] {
            let style = Style { names: None, verbose };
            match canonical(kind, text, &style) {
                Err(error) => assert!(text.get(error.span.start..error.span.end).is_some(), "{error:?}"),
                // A key of which nothing must match is printed as nothing.
                Ok(printed) if printed.is_empty() || printed.ends_with(", ") => {}
                Ok(printed) => assert_eq!(canonical(kind, &printed, &style), Ok(printed)),
            }
        }
    }
});
