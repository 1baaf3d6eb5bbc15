//! Limits on the number of connections in a zone: the `ovs_ct_limit` family. They belong to the network namespace, not to
//! one datapath.

use crate::error::{DecodeError, Reason};
use crate::family::{self, Request};
use crate::nla::{self, TooLong};
use crate::uapi::ct_limit::{DEFAULT_ZONE, VERSION, attr, cmd};

const FAMILY: &str = "ovs_ct_limit";
/// Length of `struct ovs_zone_limit`.
const LEN: usize = 12;

/// Which zone a limit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Zone {
    /// Every zone without a limit of its own.
    Default,
    /// This one.
    Number(u16),
}

/// A limit: `struct ovs_zone_limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What it is about.
    pub zone: Zone,
    /// The most connections there may be; 0: as many as come.
    pub limit: u32,
    /// The connections there are. Only in an answer.
    pub count: u32,
}

/// Reads the limits an answer has, in its order. One about a zone that cannot be is left out.
///
/// # Errors
/// When a header or attribute is malformed.
pub fn parse(payload: &[u8]) -> Result<impl Iterator<Item = Limit> + Clone + use<'_>, DecodeError> {
    let (_, _, mut attrs) = family::parse(payload)?;
    let mut limits: &[[u8; LEN]] = &[];
    for attr in attrs.by_ref().filter(|attr| attr.kind() == attr::ZONE_LIMIT) {
        let (whole, []) = attr.payload().as_chunks() else { return Err(attr.error(FAMILY, Reason::BadLength)) };
        limits = whole;
    }
    family::ended(&attrs, FAMILY)?;
    Ok(limits.iter().filter_map(|bytes| {
        let (words, _) = bytes.as_chunks();
        let &[zone, limit, count] = words else { return None };
        let zone = match i32::from_ne_bytes(zone) {
            DEFAULT_ZONE => Zone::Default,
            zone => Zone::Number(u16::try_from(zone).ok()?),
        };
        Some(Limit { zone, limit: u32::from_ne_bytes(limit), count: u32::from_ne_bytes(count) })
    }))
}

fn put(out: &mut Vec<u8>, request: Request, command: u8, limits: &mut dyn Iterator<Item = (Zone, u32)>) -> Result<(), TooLong> {
    let mut limits = limits.peekable();
    family::put(out, request, command, VERSION, 0, |out| {
        if limits.peek().is_none() {
            return Ok(());
        }
        nla::put_nested(out, attr::ZONE_LIMIT, |out| {
            for (zone, limit) in limits {
                let zone = match zone {
                    Zone::Default => DEFAULT_ZONE,
                    Zone::Number(zone) => i32::from(zone),
                };
                for word in [zone.to_ne_bytes(), limit.to_ne_bytes(), [0; 4]] {
                    out.extend_from_slice(&word);
                }
            }
            Ok(())
        })
    })
}

/// Appends SET: each zone with its limit.
///
/// # Errors
/// [`TooLong`] when they do not fit an attribute (5,460 do); nothing is appended then.
pub fn set(out: &mut Vec<u8>, request: Request, limits: &[(Zone, u32)]) -> Result<(), TooLong> {
    put(out, request, cmd::SET, &mut limits.iter().copied())
}

/// Appends DEL: these zones have the default limit from then on.
///
/// # Errors
/// As [`set`].
pub fn del(out: &mut Vec<u8>, request: Request, zones: &[Zone]) -> Result<(), TooLong> {
    put(out, request, cmd::DEL, &mut zones.iter().map(|zone| (*zone, 0)))
}

/// Appends GET: the limits of these zones, or of all that have one and the default when none is named.
///
/// # Errors
/// As [`set`].
pub fn get(out: &mut Vec<u8>, request: Request, zones: &[Zone]) -> Result<(), TooLong> {
    put(out, request, cmd::GET, &mut zones.iter().map(|zone| (*zone, 0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nlmsg::Message;

    #[test]
    fn limits_read_back() {
        let mut out = Vec::new();
        set(&mut out, Request::new(30, 1, 0), &[(Zone::Default, 10), (Zone::Number(65535), 0)]).unwrap();
        let limits: Vec<_> = parse(Message::parse(&out).unwrap().0.payload).unwrap().collect();
        let expected = [Limit { zone: Zone::Default, limit: 10, count: 0 }, Limit { zone: Zone::Number(65535), limit: 0, count: 0 }];
        assert_eq!(limits, expected);
        out.clear();
        get(&mut out, Request::new(30, 1, 0), &[]).unwrap();
        assert_eq!(out.len(), 24);
        assert_eq!(parse(&out[16..]).unwrap().count(), 0);
        out.clear();
        assert!(del(&mut out, Request::new(30, 1, 0), &[Zone::Number(1); 6000]).is_err());
        assert!(out.is_empty());
    }
}
