use proptest::collection::{btree_map, btree_set};
use proptest::prelude::*;

use super::*;
use crate::vsctl::uuid::Uuid;

/// Gives no name a row of its own.
struct Nobody;

impl Symbols for Nobody {
    fn row(&mut self, _: &str) -> Uuid {
        Uuid(1)
    }
}

const fn many(atom: AtomKind) -> Type {
    Type { key: Base::any(atom), value: None, min: 0, max: usize::MAX }
}

const fn map(key: AtomKind, value: AtomKind) -> Type {
    Type { value: Some(Base::any(value)), ..many(key) }
}

fn read(text: &str, kind: &Type) -> Result<Datum, BadValue> {
    datum(text, kind, &mut Nobody)
}

fn any_atom(kind: AtomKind) -> BoxedStrategy<Atom> {
    match kind {
        AtomKind::Integer => any::<i64>().prop_map(Atom::Integer).boxed(),
        AtomKind::Boolean => any::<bool>().prop_map(Atom::Boolean).boxed(),
        // The database has no texts with NUL in them.
        AtomKind::String => prop_oneof!["[^\\x00]{0,12}", "[a-z_.\\\\\"{}=, -]{0,8}", Just("true".to_owned())].prop_map(Atom::String).boxed(),
        AtomKind::Uuid => any::<u128>().prop_map(|uuid| Atom::Uuid(Uuid(uuid))).boxed(),
    }
}

fn any_kind() -> impl Strategy<Value = AtomKind> {
    prop_oneof![Just(AtomKind::Integer), Just(AtomKind::Boolean), Just(AtomKind::String), Just(AtomKind::Uuid)]
}

fn any_datum() -> impl Strategy<Value = (Type, Datum)> {
    let set = any_kind().prop_flat_map(|kind| (Just(many(kind)), btree_set(any_atom(kind), 0..6).prop_map(Datum::Set)));
    let maps = (any_kind(), any_kind()).prop_flat_map(|(k, v)| (Just(map(k, v)), btree_map(any_atom(k), any_atom(v), 0..6).prop_map(Datum::Map)));
    prop_oneof![set, maps]
}

proptest! {
    #[test]
    fn what_is_printed_is_read_as_itself((kind, datum) in any_datum()) {
        prop_assert_eq!(read(&datum.text(&kind), &kind), Ok(datum));
    }

    #[test]
    fn no_text_panics_and_a_mistake_is_in_it(text in "[a-z0-9\\[\\]{}=:, \"\\\\u@é-]{0,24}", (kind, _) in any_datum()) {
        if let Err(bad) = read(&text, &kind) {
            prop_assert!(bad.bytes.start <= bad.bytes.end && bad.bytes.end <= text.len(), "{bad:?}");
            prop_assert!(text.get(bad.bytes.clone()).is_some(), "{:?} cuts a character", bad);
        }
    }
}

#[test]
fn a_range_is_bounded() {
    let kind = many(AtomKind::Integer);
    assert_eq!(read("2-4,7", &kind).unwrap().text(&kind), "[2, 3, 4, 7]");
    assert_eq!(read("-2--1", &kind).unwrap().text(&kind), "[-2, -1]");
    assert!(read("0-9223372036854775807", &kind).unwrap_err().text.contains("at most"));
    assert!(read("-9223372036854775808-9223372036854775807", &kind).unwrap_err().text.contains("at most"));
}

#[test]
fn a_mistake_points_at_its_bytes() {
    let kind = many(AtomKind::Integer);
    let text = "[1, x, 3]";
    let bad = read(text, &kind).unwrap_err();
    assert_eq!(&text[bad.bytes], "x");
    let pairs = map(AtomKind::String, AtomKind::String);
    let text = "{a=b, c!d}";
    assert_eq!(&text[read(text, &pairs).unwrap_err().bytes], "!");
    // Open vSwitch's own message ends in the middle here.
    assert_eq!(read("a", &pairs).unwrap_err().text, "a: syntax error at \"\" expecting \"=\"");
}

#[test]
fn printed_for_people_scripts_and_programs() {
    let kind = map(AtomKind::String, AtomKind::String);
    let options = read(r#"{remote_ip="1.2.3.4",key=flow}"#, &kind).unwrap();
    assert_eq!(options.text(&kind), r#"{key=flow, remote_ip="1.2.3.4"}"#);
    assert_eq!(plain(&options), "key=flow remote_ip=1.2.3.4");
    assert_eq!(json(&options).to_string(), r#"["map",[["key","flow"],["remote_ip","1.2.3.4"]]]"#);
    let one = Type { max: 1, ..many(AtomKind::Integer) };
    assert_eq!((read("[]", &one).unwrap().text(&one), read("[5]", &one).unwrap().text(&one)), ("[]".into(), "5".into()));
    assert_eq!(plain(&read(r#"["",a]"#, &many(AtomKind::String)).unwrap()), " a");
}
