//! Bytes to text to bytes, text to bytes to text, and text from anyone.

use ovsdp_proto::action::{append_actions, parse_actions};
use ovsdp_proto::key::{append_key, parse_key};
use ovsdp_proto::text::Style;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::fixtures::{canonical, text};
use super::generate::{actions, key_and_mask};

const VERBOSE: Style<'static> = Style { names: None, verbose: true };

/// Whatever is handed in, nothing panics, an error is about a piece of the text, and what is printed of it reads as the same.
fn any_text(kind: &str, text: &str) {
    for style in [Style::default(), VERBOSE] {
        match canonical(kind, text, None, &style) {
            Err(error) => assert!(text.get(error.span.start..error.span.end).is_some(), "{text}: {error:?}"),
            // A key of which nothing must match is printed as nothing.
            Ok(printed) if printed.is_empty() || printed.ends_with(", ") => {}
            Ok(printed) => {
                let again = canonical(kind, &printed, None, &style).unwrap_or_else(|error| panic!("{text}\n{printed}\n{error:?}"));
                assert_eq!(again, printed, "{text}");
            }
        }
    }
}

/// Every line of the fixtures, with what it is.
fn lines() -> Vec<(&'static str, &'static str)> {
    let files = [("key", include_str!("keys.txt")), ("actions", include_str!("actions.txt")), ("flow", include_str!("flows.txt"))];
    let lines = files.into_iter().flat_map(|(kind, file)| file.lines().map(move |line| (kind, line.trim_start_matches("-m "))));
    lines.filter(|(_, line)| !line.starts_with('#')).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn keys_come_out_as_they_went_in((key, mask) in key_and_mask()) {
        let long = text(|out| append_key(out, &key, Some(&mask), &VERBOSE));
        let (mut key_again, mut mask_again) = (Vec::new(), Vec::new());
        let read = parse_key(&long, None, &mut key_again, &mut mask_again);
        prop_assert!(read.is_ok(), "{} {:?}", long, read);
        prop_assert_eq!(&key_again, &key, "{}", &long);
        prop_assert_eq!(&mask_again, &mask, "{}", &long);
        let short = text(|out| append_key(out, &key, Some(&mask), &Style::default()));
        if !short.is_empty() {
            let again = canonical("key", &short, None, &Style::default()); prop_assert_eq!(again, Ok(short));
        }
    }

    #[test]
    fn actions_come_out_as_they_went_in(actions in actions()) {
        let text = text(|out| append_actions(out, &actions, &Style::default()));
        let mut again = Vec::new();
        let read = parse_actions(&text, None, &mut again);
        prop_assert!(read.is_ok(), "{} {:?}", text, read);
        prop_assert_eq!(again, actions, "{}", text);
    }

    #[test]
    fn text_of_anyone(text in "\\PC*") {
        for kind in ["key", "actions", "flow"] {
            any_text(kind, &text);
        }
    }

    #[test]
    fn text_that_looks_right(words in vec(prop_oneof![
        Just("("), Just(")"), Just(","), Just("="), Just("/"), Just(" "), Just("{"), Just("}"), Just("+"), Just("-"), Just("|"), Just(":"),
        Just("in_port"), Just("eth"), Just("src"), Just("tunnel"), Just("geneve"), Just("flags"), Just("ct_state"), Just("encap"), Just("nsh"),
        Just("clone"), Just("set"), Just("ct"), Just("nat"), Just("userspace"), Just("pid"), Just("sample"), Just("drop"), Just("tnl_pop"),
        Just("1"), Just("0x"), Just("0"), Just("ff"), Just("%"), Just("key40"), Just("action40"), Just("ufid"), Just("packets"), Just("é"),
    ], 0..40)) {
        let text = words.concat();
        for kind in ["key", "actions", "flow"] {
            any_text(kind, &text);
        }
    }

    #[test]
    fn lines_that_were_damaged(line in any::<Index>(), at in any::<Index>(), other in any::<Index>(), how in 0..5, byte in 0x20u8..0x7f) {
        let lines = lines();
        let (kind, line) = *line.get(&lines);
        let mut text = line.to_owned();
        let (at, other) = (at.index(text.len() + 1), other.index(text.len() + 1));
        match how {
            0 => text.truncate(at),
            1 => text.insert(at, char::from(byte)),
            2 if at < text.len() => text.replace_range(at..=at, char::from(byte).encode_utf8(&mut [0; 4])),
            3 => text.replace_range(at.min(other)..at.max(other), ""),
            _ => text.insert_str(at, &line[other..]),
        }
        any_text(kind, &text);
    }
}
