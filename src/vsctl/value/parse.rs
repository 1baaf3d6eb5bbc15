//! Values read from ovs-vsctl's text: `5`, `[1, 2-4]`, `{k=v}`, `a=b,c=d`, `"a text"`, `@row`.

use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet};

use super::token::{is_sign, token, unescaped};
use super::{Atom, AtomKind, Base, Datum, Type};
use crate::vsctl::uuid::Uuid;

/// A text is no value of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::vsctl) struct BadValue {
    /// Why, in ovs-vsctl's words.
    pub(in crate::vsctl) text: String,
    /// Which of the text's bytes.
    pub(in crate::vsctl) bytes: Range<usize>,
}

impl BadValue {
    pub(super) fn new(text: impl Into<String>, bytes: Range<usize>) -> Self {
        Self { text: text.into(), bytes }
    }

    /// The same in a text that has `by` bytes more in front.
    pub(in crate::vsctl) fn moved(mut self, by: usize) -> Self {
        self.bytes = self.bytes.start + by..self.bytes.end + by;
        self
    }
}

/// What gives `@name` its row.
pub(in crate::vsctl) trait Symbols {
    /// The row `@name` stands for, now or later in the line.
    fn row(&mut self, name: &str) -> Uuid;
}

/// A range of integers has at most this many: more than VLANs there are, fewer than memory.
const MAX_RANGE: i64 = 65_536;

fn integer(text: &str) -> Option<i64> {
    let text = text.trim_start();
    text.parse().ok()
}

/// `5`, and `2-4` where a range may stand.
fn integers(text: &str, ranges: bool) -> Result<(i64, i64), String> {
    let bad = || format!("\"{text}\" is not a valid integer or range");
    if let Some(one) = integer(text) {
        return Ok((one, one));
    }
    let hyphen = text.char_indices().skip(1).find(|(_, c)| *c == '-').filter(|_| ranges).ok_or_else(bad)?.0;
    let (first, last) = integer(&text[..hyphen]).zip(integer(&text[hyphen + 1..])).ok_or_else(bad)?;
    if last < first {
        return Err(format!("\"{text}\" is not a valid range. Range end cannot be before start."));
    }
    Ok((first, last))
}

/// Reads one value of a kind from a text that is nothing but it; a range of integers as its first and last.
fn atoms(text: &str, base: &Base, ranges: bool, symbols: &mut dyn Symbols) -> Result<(Atom, Option<Atom>), String> {
    if text.is_empty() {
        return Err("An empty string is not valid as input; use \"\" to represent the empty string".into());
    }
    let atom = match base.atom {
        AtomKind::Integer => {
            let (first, last) = integers(text, ranges)?;
            for end in [first, last] {
                if let Some(why) = base.refuses(&Atom::Integer(end)) {
                    return Err(why);
                }
            }
            return Ok((Atom::Integer(first), (first != last).then_some(Atom::Integer(last))));
        }
        AtomKind::Boolean => match text {
            "true" | "yes" | "on" | "1" => Atom::Boolean(true),
            "false" | "no" | "off" | "0" => Atom::Boolean(false),
            _ => return Err(format!("\"{text}\" is not a valid boolean (use \"true\" or \"false\")")),
        },
        AtomKind::String => match text.strip_prefix('"') {
            None => Atom::from(text),
            Some(rest) => {
                let inner = rest.strip_suffix('"').ok_or_else(|| format!("{text}: missing quote at end of quoted string"))?;
                Atom::String(unescaped(inner).map_err(|why| format!("{text}: {why}"))?)
            }
        },
        AtomKind::Uuid if text.starts_with('@') => Atom::Uuid(symbols.row(text)),
        AtomKind::Uuid => Atom::Uuid(text.parse().map_err(|_| format!("\"{text}\" is not a valid UUID"))?),
    };
    match base.refuses(&atom) {
        Some(why) => Err(why),
        None => Ok((atom, None)),
    }
}

/// Reads one value from a text that is nothing but it.
///
/// # Errors
/// It is none, or not one of `base`.
pub(in crate::vsctl) fn atom(text: &str, base: &Base, symbols: &mut dyn Symbols) -> Result<Atom, BadValue> {
    atoms(text, base, false, symbols).map(|(atom, _)| atom).map_err(|why| BadValue::new(why, 0..text.len()))
}

/// A text being read.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn next(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches(' ').len();
    }

    fn skip(&mut self, sign: char) -> bool {
        let there = self.next() == Some(sign);
        self.at += if there { sign.len_utf8() } else { 0 };
        there
    }

    fn bad(&self, why: String) -> BadValue {
        BadValue::new(why, self.at..self.at + self.next().map_or(0, char::len_utf8))
    }

    fn atom(&mut self, base: &Base, ranges: bool, symbols: &mut dyn Symbols) -> Result<(Atom, Option<Atom>), BadValue> {
        let (piece, length) = token(self.rest()).map_err(|bad| bad.moved(self.at))?;
        let read = atoms(&piece, base, ranges, symbols).map_err(|why| BadValue::new(why, self.at..self.at + length))?;
        self.at += length;
        Ok(read)
    }
}

/// Reads what a column of a kind holds from a text that is nothing but it.
///
/// # Errors
/// It is none of that kind, has too few or too many elements, or one twice.
pub(in crate::vsctl) fn datum(text: &str, kind: &Type, symbols: &mut dyn Symbols) -> Result<Datum, BadValue> {
    let mut reader = Reader { text, at: 0 };
    let (open, close) = if kind.value.is_some() { ('{', '}') } else { ('[', ']') };
    reader.skip_blanks();
    let bracketed = reader.skip(open);
    reader.skip_blanks();
    let (mut set, mut map, mut count) = (BTreeSet::new(), BTreeMap::new(), 0_usize);
    let whole = 0..text.len();
    while let Some(c) = reader.next().filter(|c| !bracketed || *c != close) {
        if is_sign(c) {
            return Err(reader.bad(format!("{text}: unexpected \"{c}\" parsing {kind}")));
        }
        let start = reader.at;
        let (key, last) = reader.atom(&kind.key, kind.value.is_none(), symbols)?;
        match (kind.value, key, last) {
            (Some(value), key, _) => {
                reader.skip_blanks();
                if !reader.skip('=') {
                    let found = reader.next().map(String::from).unwrap_or_default();
                    return Err(reader.bad(format!("{}: syntax error at \"{found}\" expecting \"=\"", &text[start..])));
                }
                reader.skip_blanks();
                let (value, _) = reader.atom(&value, false, symbols)?;
                count += 1;
                map.insert(key, value);
            }
            (None, Atom::Integer(first), Some(Atom::Integer(last))) => {
                let more = last.checked_sub(first).filter(|more| *more < MAX_RANGE);
                let more = more.ok_or_else(|| BadValue::new(format!("{text}: a range has at most {MAX_RANGE} integers"), start..reader.at))?;
                count += usize::try_from(more).unwrap_or(usize::MAX).saturating_add(1);
                set.extend((first..=last).map(Atom::Integer));
            }
            (None, key, _) => {
                count += 1;
                set.insert(key);
            }
        }
        reader.skip_blanks();
        reader.skip(',');
        reader.skip_blanks();
    }
    if bracketed {
        if !reader.skip(close) {
            return Err(BadValue::new(format!("{text}: missing \"{close}\" at end of data"), whole));
        }
        reader.skip_blanks();
        if !reader.rest().is_empty() {
            return Err(BadValue::new(format!("{text}: trailing garbage after \"{close}\""), reader.at..text.len()));
        }
    }
    if count < kind.min {
        return Err(BadValue::new(format!("{text}: {count} value(s) specified but the minimum number is {}", kind.min), whole));
    }
    if count > kind.max {
        return Err(BadValue::new(format!("{text}: {count} value(s) specified but the maximum number is {}", kind.max), whole));
    }
    if kind.value.is_some() {
        let twice = map.len() != count;
        return if twice { Err(BadValue::new(format!("{text}: map contains duplicate key"), whole)) } else { Ok(Datum::Map(map)) };
    }
    if set.len() != count { Err(BadValue::new(format!("{text}: set contains duplicate value"), whole)) } else { Ok(Datum::Set(set)) }
}
