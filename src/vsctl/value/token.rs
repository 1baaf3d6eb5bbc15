//! The smallest pieces: what stands between the language's signs, and quoted strings.

use super::parse::BadValue;

/// The signs that end a token unless quoted.
pub(super) fn is_sign(c: char) -> bool {
    matches!(c, ':' | '=' | ',' | ' ' | '[' | ']' | '{' | '}' | '!' | '<' | '>')
}

/// Reads a token from the start of a text: up to a sign outside quotes. Returns it, still with its quotes, and its length in
/// bytes. A backslash outside quotes is taken away and protects what follows.
///
/// # Errors
/// A quote has no end, or a backslash nothing after it.
pub(in crate::vsctl) fn token(text: &str) -> Result<(String, usize), BadValue> {
    let (mut out, mut quoted) = (String::new(), false);
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                let Some((_, next)) = chars.next() else {
                    return Err(BadValue::new(format!("{text}: backslash at end of argument"), at..text.len()));
                };
                if quoted {
                    out.push('\\');
                }
                out.push(next);
            }
            '"' => {
                quoted = !quoted;
                out.push('"');
            }
            sign if !quoted && is_sign(sign) => return Ok((out, at)),
            other => out.push(other),
        }
    }
    if quoted {
        return Err(BadValue::new(format!("{text}: quoted string extends past end of argument"), 0..text.len()));
    }
    Ok((out, text.len()))
}

/// The four digits after `\u`, with `digits` at the first of them.
fn unit(digits: &str) -> Result<u32, &'static str> {
    let four = digits.get(..4).filter(|four| four.bytes().all(|b| b.is_ascii_hexdigit()));
    match four {
        Some(four) => u32::from_str_radix(four, 16).map_err(|_| "malformed \\u escape"),
        None if digits.len() < 4 => Err("quoted string ends within \\u escape"),
        None => Err("malformed \\u escape"),
    }
}

/// The character after `\u`, and how many bytes it took.
fn unicode(digits: &str) -> Result<(char, usize), &'static str> {
    match unit(digits)? {
        0 => Err("null bytes not supported in quoted strings"),
        high @ 0xd800..0xdc00 => {
            let low = digits[4..].strip_prefix("\\u").map(unit).transpose()?.filter(|low| (0xdc00..0xe000).contains(low));
            let low = low.ok_or("malformed escaped surrogate pair")?;
            let c = char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)).ok_or("malformed escaped surrogate pair")?;
            Ok((c, 10))
        }
        unit => Ok((char::from_u32(unit).ok_or("malformed escaped surrogate pair")?, 4)),
    }
}

/// What stands between quotes, read as a JSON string is.
///
/// # Errors
/// An escape is none.
pub(super) fn unescaped(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '"']) {
        out.push_str(&rest[..at]);
        let Some(escape) = rest[at..].strip_prefix('\\') else { return Err("quotation mark in the middle of a quoted string".into()) };
        let Some(c) = escape.chars().next() else { return Err("quoted string ends with a backslash".into()) };
        rest = &escape[c.len_utf8()..];
        out.push(match c {
            '"' | '\\' | '/' => c,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (c, length) = unicode(rest)?;
                rest = &rest[length..];
                c
            }
            other => return Err(format!("bad escape \\{other}")),
        });
    }
    out.push_str(rest);
    Ok(out)
}
