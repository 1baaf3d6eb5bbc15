//! The kinds of values that calls need, on the wire and back.

use super::Error;

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `y`
    Byte(u8),
    /// `b`
    Bool(bool),
    /// `i`
    Int(i32),
    /// `u`
    Uint(u32),
    /// `s`, `o` or `g`: where it is written it is `s`.
    Text(String),
    /// `o`, where it is written.
    Path(String),
    /// `ay`
    Bytes(Vec<u8>),
    /// `v`, where it is written; where it is read it is what lies in it.
    Variant(Box<Value>),
    /// `a(…)`: the signature of one element between the parentheses, and the elements' values. An array of anything else, `a{…}` or `as`, is
    /// read as if there were parentheses.
    List(String, Vec<Vec<Value>>),
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Appends its signature.
    pub(super) fn sign(&self, out: &mut String) {
        match self {
            Self::Byte(_) => out.push('y'),
            Self::Bool(_) => out.push('b'),
            Self::Int(_) => out.push('i'),
            Self::Uint(_) => out.push('u'),
            Self::Text(_) => out.push('s'),
            Self::Path(_) => out.push('o'),
            Self::Bytes(_) => out.push_str("ay"),
            Self::Variant(_) => out.push('v'),
            Self::List(element, _) => {
                out.push_str("a(");
                out.push_str(element);
                out.push(')');
            }
        }
    }

    /// Appends it to a body, aligned to where the body begins.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Byte(byte) => out.push(*byte),
            Self::Bool(flag) => put_u32(out, u32::from(*flag)),
            Self::Int(number) => {
                pad(out, 4);
                out.extend_from_slice(&number.to_le_bytes());
            }
            Self::Uint(number) => put_u32(out, *number),
            Self::Text(text) | Self::Path(text) => put_text(out, text),
            Self::Bytes(bytes) => {
                put_u32(out, length(bytes.len()));
                out.extend_from_slice(bytes);
            }
            Self::Variant(value) => {
                let mut kind = String::new();
                value.sign(&mut kind);
                put_signature(out, &kind);
                value.put(out);
            }
            Self::List(_, elements) => {
                put_u32(out, 0);
                let at = out.len() - 4;
                // What lies between the length and the first element does not count.
                pad(out, 8);
                let start = out.len();
                for element in elements {
                    pad(out, 8);
                    element.iter().for_each(|value| value.put(out));
                }
                let taken = length(out.len() - start).to_le_bytes();
                if let Some(place) = out.get_mut(at..at + 4) {
                    place.copy_from_slice(&taken);
                }
            }
        }
    }
}

/// A length on the wire; nothing here comes near its end.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

pub(super) fn pad(out: &mut Vec<u8>, to: usize) {
    out.resize(out.len().next_multiple_of(to), 0);
}

pub(super) fn put_u32(out: &mut Vec<u8>, number: u32) {
    pad(out, 4);
    out.extend_from_slice(&number.to_le_bytes());
}

/// A signature: its 8-bit length, itself, and a zero.
pub(super) fn put_signature(out: &mut Vec<u8>, text: &str) {
    out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_u32(out, length(text.len()));
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

/// Values in values are followed this deep.
const DEEPEST: u8 = 4;

/// The first complete type of `signature`, parentheses around it taken off, what stands behind it, and what its values are aligned to.
fn element(signature: &str) -> Option<(&str, &str, usize)> {
    let mut depth = 0u32;
    for (at, kind) in signature.char_indices() {
        match kind {
            '(' | '{' => depth += 1,
            ')' | '}' if depth == 1 && !signature.starts_with('a') => return Some((signature.get(1..at)?, signature.get(at + 1..)?, 8)),
            ')' | '}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 && kind != 'a' {
            let align = match signature.chars().next()? {
                'y' | 'g' | 'v' => 1,
                'n' | 'q' => 2,
                'x' | 't' | 'd' => 8,
                _ => 4,
            };
            return Some((signature.get(..=at)?, signature.get(at + 1..)?, align));
        }
    }
    None
}

/// Reads values off a message, in either byte order.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) big: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let end = self.at.checked_add(length).ok_or(Error::Garbled("an impossible length"))?;
        let taken = self.bytes.get(self.at..end).ok_or(Error::Garbled("a message shorter than it says"))?;
        self.at = end;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Error> {
        self.take(1).map(|bytes| bytes.first().copied().unwrap_or_default())
    }

    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        self.align(4);
        let bytes: [u8; 4] = self.take(4)?.try_into().unwrap_or_default();
        Ok(if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// A text of a 32-bit length (`s`, `o`).
    pub(super) fn text(&mut self) -> Result<String, Error> {
        let length = self.u32()? as usize;
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.take(1)?;
        Ok(text)
    }

    /// A signature: a text of an 8-bit length.
    pub(super) fn signature(&mut self) -> Result<String, Error> {
        let length = self.byte()?.into();
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.take(1)?;
        Ok(text)
    }

    /// The values of a signature, up to the first of a kind that [`Value`] has not. `depth`: how many values it lies in.
    pub(super) fn values(&mut self, mut signature: &str, depth: u8) -> Result<Vec<Value>, Error> {
        let mut values = Vec::new();
        while let Some(kind) = signature.chars().next() {
            let rest = signature.get(kind.len_utf8()..).unwrap_or_default();
            signature = rest;
            values.push(match kind {
                'y' => Value::Byte(self.byte()?),
                'b' => Value::Bool(self.u32()? != 0),
                'i' => Value::Int(self.u32()?.cast_signed()),
                'u' => Value::Uint(self.u32()?),
                's' | 'o' => Value::Text(self.text()?),
                'g' => Value::Text(self.signature()?),
                'v' if depth < DEEPEST => {
                    let inner = self.signature()?;
                    match self.values(&inner, depth + 1)?.into_iter().next() {
                        Some(value) => value,
                        None => break,
                    }
                }
                'a' if rest.starts_with('y') => {
                    signature = rest.get(1..).unwrap_or_default();
                    let length = self.u32()? as usize;
                    Value::Bytes(self.take(length)?.to_vec())
                }
                'a' if depth < DEEPEST => {
                    let Some((element, behind, align)) = element(rest) else { break };
                    signature = behind;
                    let length = self.u32()? as usize;
                    self.align(align);
                    let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or(Error::Garbled("an impossible length"))?;
                    let mut elements = Vec::new();
                    while self.at < end {
                        self.align(align);
                        let before = self.at;
                        elements.push(self.values(element, depth + 1)?);
                        // An element of a kind that is not read would be read for ever.
                        if self.at == before {
                            break;
                        }
                    }
                    self.at = end;
                    Value::List(element.to_owned(), elements)
                }
                _ => break,
            });
        }
        Ok(values)
    }
}
