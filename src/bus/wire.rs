//! Messages: the header, and what stands behind it.

use super::Error;
use super::value::{Cursor, Value, pad, put_signature, put_text, put_u32};

/// No answer to what is called here comes near this.
pub(super) const MAX_MESSAGE: usize = 1 << 20;

const METHOD_CALL: u8 = 1;
const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;
/// A program that does not run is not started for the call's sake.
const NO_AUTO_START: u8 = 2;

/// Fields of the header.
mod field {
    pub(super) const PATH: u8 = 1;
    pub(super) const INTERFACE: u8 = 2;
    pub(super) const MEMBER: u8 = 3;
    pub(super) const ERROR_NAME: u8 = 4;
    pub(super) const REPLY_SERIAL: u8 = 5;
    pub(super) const DESTINATION: u8 = 6;
    pub(super) const SIGNATURE: u8 = 8;
}

/// Errors that say there is nobody to answer.
const ABSENT: [&str; 4] = [
    "org.freedesktop.DBus.Error.ServiceUnknown",
    "org.freedesktop.DBus.Error.NameHasNoOwner",
    "org.freedesktop.DBus.Error.UnknownMethod",
    "org.freedesktop.DBus.Error.UnknownInterface",
];

/// A message of the bus's.
#[derive(Debug)]
pub(super) struct Incoming {
    /// The call that it answers.
    pub(super) reply_to: Option<u32>,
    /// What it says.
    pub(super) outcome: Result<Vec<Value>, Error>,
}

/// The bytes of a call.
pub(super) fn call(serial: u32, (service, path): (&str, &str), interface: &str, method: &str, arguments: &[Value]) -> Vec<u8> {
    let (mut body, mut signature) = (Vec::new(), String::new());
    for argument in arguments {
        argument.sign(&mut signature);
        argument.put(&mut body);
    }
    let mut out = vec![b'l', METHOD_CALL, NO_AUTO_START, 1];
    put_u32(&mut out, u32::try_from(body.len()).unwrap_or(u32::MAX));
    put_u32(&mut out, serial);
    let mut fields = Vec::new();
    // Behind the length of the fields they begin at a multiple of 8 as well: 16.
    for (number, kind, text) in [
        (field::PATH, 'o', path),
        (field::DESTINATION, 's', service),
        (field::INTERFACE, 's', interface),
        (field::MEMBER, 's', method),
        (field::SIGNATURE, 'g', signature.as_str()),
    ] {
        pad(&mut fields, 8);
        fields.extend_from_slice(&[number, 1, u8::try_from(kind).unwrap_or(b's'), 0]);
        if kind == 'g' {
            put_signature(&mut fields, text);
        } else {
            put_text(&mut fields, text);
        }
    }
    put_u32(&mut out, u32::try_from(fields.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(&fields);
    pad(&mut out, 8);
    out.extend_from_slice(&body);
    out
}

/// How long the message is that `bytes` begin with; `None` while that is not known yet.
pub(super) fn length(bytes: &[u8]) -> Result<Option<usize>, Error> {
    let Some(start) = bytes.get(..16) else { return Ok(None) };
    let mut cursor = begin(start)?;
    cursor.at = 4;
    let body = cursor.u32()? as usize;
    cursor.at = 12;
    let fields = cursor.u32()? as usize;
    let header = 16usize.saturating_add(fields).checked_next_multiple_of(8).ok_or(Error::Garbled("an impossible length"))?;
    Ok(Some(header.saturating_add(body)))
}

fn begin(bytes: &[u8]) -> Result<Cursor<'_>, Error> {
    match bytes.first() {
        Some(b'l') => Ok(Cursor { bytes, at: 0, big: false }),
        Some(b'B') => Ok(Cursor { bytes, at: 0, big: true }),
        _ => Err(Error::Garbled("a message in no byte order there is")),
    }
}

/// Reads one whole message.
pub(super) fn read(bytes: &[u8]) -> Result<Incoming, Error> {
    let mut cursor = begin(bytes)?;
    cursor.at = 1;
    let kind = cursor.byte()?;
    cursor.at = 12;
    let fields = cursor.u32()? as usize;
    let end = 16usize.saturating_add(fields);
    let (mut reply_to, mut name, mut signature) = (None, String::new(), String::new());
    while cursor.at < end {
        cursor.align(8);
        if cursor.at >= end {
            break;
        }
        let number = cursor.byte()?;
        let kind = cursor.signature()?;
        let Some(value) = cursor.values(&kind, 0)?.into_iter().next() else {
            return Err(Error::Garbled("a header with a value of a kind no header has"));
        };
        match (number, value) {
            (field::REPLY_SERIAL, Value::Uint(serial)) => reply_to = Some(serial),
            (field::ERROR_NAME, Value::Text(text)) => name = text,
            (field::SIGNATURE, Value::Text(text)) => signature = text,
            _ => {}
        }
    }
    cursor.at = end;
    cursor.align(8);
    // Alignment counts from where the body begins, which is a multiple of 8 here.
    let values = cursor.values(&signature, 0)?;
    let outcome = match kind {
        METHOD_RETURN => Ok(values),
        ERROR if ABSENT.contains(&name.as_str()) => Err(Error::Absent),
        ERROR => {
            let message = if let Some(Value::Text(text)) = values.into_iter().next() { text } else { String::new() };
            Err(Error::Refused { name, message })
        }
        _ => return Ok(Incoming { reply_to: None, outcome: Ok(Vec::new()) }),
    };
    Ok(Incoming { reply_to, outcome })
}
