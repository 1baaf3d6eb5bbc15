//! OVSDB's values as ovs-vsctl reads them: atoms, sets of them, booleans and numbers.
//!
//! It must not know columns.

/// Splits a value into its atoms: `[1,2]`, `1,2`, `"a b"`, `{}`. Quotes are taken off.
pub(super) fn atoms(text: &str) -> Result<Vec<String>, &'static str> {
    elements(within(text, &[('[', ']'), ('{', '}')])?, |text| atom(text, ','))
}

/// Splits a map's value into its pairs: `{a=b,c="d,e"}` or `a=b,c=d`.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    elements(within(text, &[('{', '}')])?, |text| {
        let (key, after) = atom(text, '=')?;
        let after = after.trim_start().strip_prefix('=').ok_or("a map is written KEY=VALUE")?;
        let (value, after) = atom(after.trim_start(), ',')?;
        Ok(((key, value), after))
    })
}

/// What stands within a value's brackets, or all of it when it has none.
fn within<'a>(text: &'a str, brackets: &[(char, char)]) -> Result<&'a str, &'static str> {
    let Some((inner, close)) = brackets.iter().find_map(|(open, close)| Some((text.strip_prefix(*open)?, *close))) else { return Ok(text) };
    inner.strip_suffix(close).ok_or("a bracket is open")
}

/// What stands between commas, each read by `one`, which returns what is behind it as well.
fn elements<'a, T>(text: &'a str, one: impl Fn(&'a str) -> Result<(T, &'a str), &'static str>) -> Result<Vec<T>, &'static str> {
    let mut elements = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (element, after) = one(rest)?;
        elements.push(element);
        rest = match after.trim_start().strip_prefix(',') {
            Some(after) if after.trim().is_empty() => return Err("a comma is the last thing in it"),
            Some(after) => after.trim_start(),
            None if after.trim().is_empty() => "",
            None => return Err("something stands behind a quote"),
        };
    }
    Ok(elements)
}

/// One atom and what is behind it: quoted as JSON has it, or up to `end`.
fn atom(text: &str, end: char) -> Result<(String, &str), &'static str> {
    if !text.starts_with('"') {
        let (atom, _) = text.split_once(end).unwrap_or((text, ""));
        let after = text.get(atom.len()..).unwrap_or_default();
        return if atom.trim().is_empty() { Err("a value is empty") } else { Ok((atom.trim().to_owned(), after)) };
    }
    let mut escaped = false;
    let close = text.char_indices().skip(1).find(|(_, c)| {
        let closes = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        closes
    });
    let (at, _) = close.ok_or("a quote is open")?;
    let quoted = text.get(..=at).unwrap_or_default();
    let atom: String = serde_json::from_str(quoted).map_err(|_| "a quoted value has an escape that is none")?;
    Ok((atom, text.get(at + 1..).unwrap_or_default()))
}

/// A boolean, as OVSDB reads it.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_and_quotes() {
        let of = |text: &str| atoms(text).unwrap();
        assert_eq!(of("7"), ["7"]);
        assert_eq!(of("1,2, 3"), ["1", "2", "3"]);
        assert_eq!(of("[10,20]"), ["10", "20"]);
        assert_eq!(of("[]"), [""; 0]);
        assert_eq!(of(r#""a,b""#), ["a,b"]);
        assert_eq!(of(r#"["a\"b",c]"#), ["a\"b", "c"]);
        for bad in ["[1", "1,,2", "1,", "\"a", "\"a\"b", ",", "\"\\x\""] {
            assert!(atoms(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn maps() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(pairs("{a=b,c=\"d,e\"}").unwrap(), [pair("a", "b"), pair("c", "d,e")]);
        assert_eq!(pairs("hwaddr=02:00:00:00:00:01").unwrap(), [pair("hwaddr", "02:00:00:00:00:01")]);
        assert!(pairs("{}").unwrap().is_empty());
        for bad in ["a", "{a=b", "a=", "a=b,", "=b"] {
            assert!(pairs(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,40}") {
            let _ = (atoms(&text), pairs(&text));
        }
    }
}
