//! An acknowledgement becomes a result: the error number, the kernel's own words, and the attribute it points at by name.
//! Bytes only: no socket here.

use core::fmt::Write as _;

use nix::errno::Errno;
use ovsdp_proto::nla::{self, Attrs};
use ovsdp_proto::nlmsg::{self, Message, flag, kind};
use ovsdp_proto::uapi::nlmsgerr;
use ovsdp_proto::{DecodeError, Reason};

use super::error::Error;
use super::names::Names;

/// Nests deeper than this are not looked into.
const MAX_DEPTH: usize = 16;

/// The outcome that an ERROR or DONE message reports of `request` (its bytes, header included).
pub(super) fn outcome(message: &Message<'_>, request: &[u8], names: &Names) -> Result<(), Error> {
    let Some((code, rest)) = message.payload.split_first_chunk::<4>() else {
        // The kernel always sends one; an old one might end a dump without.
        let cut = Error::Decode(DecodeError::new("netlink acknowledgement", 0, 0, Reason::Truncated));
        return if message.kind == kind::DONE { Ok(()) } else { Err(cut) };
    };
    let code = i32::from_ne_bytes(*code);
    if code >= 0 {
        // A dump's end may carry a positive count.
        return Ok(());
    }
    let words = Words::read(message, rest);
    Err(Error::Kernel {
        errno: Errno::from_raw(code.saturating_neg()),
        message: words.message.filter(|text| !text.is_empty()).map(|text| String::from_utf8_lossy(text).trim().into()),
        attr: words.attribute(request, names),
    })
}

/// The extended acknowledgement's attributes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Words<'a> {
    message: Option<&'a [u8]>,
    /// Offset of the attribute at fault, from the request's first byte.
    offset: Option<u32>,
    /// Number of an attribute that is missing, and the offset of the nest it is missing in (none: the outermost).
    missing: Option<u32>,
    missing_in: Option<u32>,
}

impl<'a> Words<'a> {
    /// Reads what follows the error number.
    fn read(message: &Message<'a>, rest: &'a [u8]) -> Self {
        let mut words = Self::default();
        if message.flags & flag::ACK_TLVS == 0 {
            return words;
        }
        // An error repeats the request's header, and all of it unless it says that it was capped. A dump's end does not.
        let skip = match message.kind {
            kind::DONE => 0,
            _ if message.flags & flag::CAPPED != 0 => nlmsg::HEADER_LEN,
            _ => rest.first_chunk::<4>().map_or(0, |len| nla::align(u32::from_ne_bytes(*len) as usize)),
        };
        for attr in Attrs::new(rest.get(skip..).unwrap_or(&[])) {
            match attr.kind() {
                nlmsgerr::MSG => words.message = Some(attr.cstr()),
                nlmsgerr::OFFS => words.offset = attr.u32(),
                nlmsgerr::MISS_TYPE => words.missing = attr.u32(),
                nlmsgerr::MISS_NEST => words.missing_in = attr.u32(),
                _ => {}
            }
        }
        words
    }

    /// The attribute the kernel points at, as a path of names.
    fn attribute(&self, request: &[u8], names: &Names) -> Option<Box<str>> {
        let (header, _) = Message::parse(request).ok()?;
        let attrs = nlmsg::HEADER_LEN + names.header_len(header.kind);
        if let Some(missing) = self.missing.and_then(|number| u16::try_from(number).ok()) {
            let mut path = self.missing_in.map_or(Some(Vec::new()), |nest| path_to(header.bytes, attrs, nest as usize))?;
            path.push(missing);
            return Some(format!("{}, which is missing", text(header.kind, &path, names)).into());
        }
        let path = path_to(header.bytes, attrs, self.offset? as usize)?;
        Some(text(header.kind, &path, names).into())
    }
}

/// The numbers that lead to the attribute whose header is at `offset` in `request`; its first attribute is at `first`.
fn path_to(request: &[u8], first: usize, offset: usize) -> Option<Vec<u16>> {
    let mut path = Vec::new();
    let mut list = request.get(first..)?;
    let mut base = first;
    while path.len() < MAX_DEPTH {
        let holds = |attr: &nla::Attr<'_>| {
            let start = base + attr.offset();
            (start..start + nla::HEADER_LEN + attr.payload().len()).contains(&offset)
        };
        let attr = Attrs::new(list).filter(holds).last()?;
        path.push(attr.kind());
        base += attr.offset();
        if base == offset {
            return Some(path);
        }
        base += nla::HEADER_LEN;
        // Within this attribute's header: not where an attribute begins.
        if offset < base {
            return None;
        }
        list = attr.payload();
    }
    None
}

/// `IFLA_LINKINFO.IFLA_INFO_KIND`; `attribute 7` for what has no name.
fn text(message_kind: u16, path: &[u16], names: &Names) -> String {
    let mut text = String::new();
    for (at, number) in path.iter().enumerate() {
        if at > 0 {
            text.push('.');
        }
        match names.name(message_kind, path.get(..=at).unwrap_or(&[])) {
            Some(name) => text.push_str(name),
            None => {
                // Writing to a String does not fail.
                let _ = write!(text, "attribute {number}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[derive(Debug)]
    struct Known;

    impl super::super::Naming for Known {
        fn header_len(&self, _kind: u16) -> usize {
            8
        }

        fn name(&self, _kind: u16, path: &[u16]) -> Option<&'static str> {
            match path {
                [4] => Some("OUTER"),
                [4, 2] => Some("INNER"),
                _ => None,
            }
        }
    }

    /// Eight bytes of family header, attribute 1, then attribute 4 with 1 and 2 inside.
    fn request() -> Vec<u8> {
        let mut out = Vec::new();
        nlmsg::put::<nla::TooLong>(&mut out, 30, flag::REQUEST, 7, |out| {
            out.extend_from_slice(&[0; 8]);
            nla::put(out, 1, b"abcde")?;
            nla::put_nested(out, 4, |out| {
                nla::put_u32(out, 1, 1);
                nla::put_u32(out, 2, 2);
                Ok(())
            })
        })
        .unwrap();
        out
    }

    fn reply(kind: u16, flags: u16, code: i32, echoed: &[u8], tlvs: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        nlmsg::put::<()>(&mut out, kind, flags, 7, |out| {
            out.extend_from_slice(&code.to_ne_bytes());
            out.extend_from_slice(echoed);
            tlvs(out);
            Ok(())
        })
        .unwrap();
        out
    }

    fn read(bytes: &[u8]) -> Result<(), Error> {
        let names: Names = Arc::new(Known);
        outcome(&Message::parse(bytes).unwrap().0, &request(), &names)
    }

    fn refused(errno: Errno, message: Option<&str>, attr: Option<&str>) -> Result<(), Error> {
        Err(Error::Kernel { errno, message: message.map(Into::into), attr: attr.map(Into::into) })
    }

    #[test]
    fn the_four_shapes_of_an_acknowledgement() {
        let request = request();
        assert_eq!(read(&reply(kind::ERROR, flag::CAPPED, 0, &request[..16], |_| ())), Ok(()));
        let words = |out: &mut Vec<u8>| {
            nla::put(out, nlmsgerr::MSG, b"Not so\0").unwrap();
            // 16 + 8, attribute 1 (12), header of 4 (4), attribute 1 within (8).
            nla::put_u32(out, nlmsgerr::OFFS, 48);
        };
        let expected = refused(Errno::EINVAL, Some("Not so"), Some("OUTER.INNER"));
        assert_eq!(read(&reply(kind::ERROR, flag::CAPPED | flag::ACK_TLVS, -22, &request[..16], words)), expected);
        assert_eq!(read(&reply(kind::ERROR, flag::ACK_TLVS, -22, &request, words)), expected);
        assert_eq!(read(&reply(kind::DONE, flag::ACK_TLVS, -22, &[], words)), expected);
        assert_eq!(read(&reply(kind::DONE, 0, 0, &[], |_| ())), Ok(()));
        assert_eq!(read(&reply(kind::ERROR, 0, -1, &request, |_| ())), refused(Errno::EPERM, None, None));
    }

    #[test]
    fn a_missing_attribute_is_named_where_it_is_missing() {
        let miss = |nest: Option<u32>, number| {
            reply(kind::ERROR, flag::CAPPED | flag::ACK_TLVS, -22, &request()[..16], |out| {
                nla::put_u32(out, nlmsgerr::MISS_TYPE, number);
                if let Some(nest) = nest {
                    nla::put_u32(out, nlmsgerr::MISS_NEST, nest);
                }
            })
        };
        assert_eq!(read(&miss(None, 4)), refused(Errno::EINVAL, None, Some("OUTER, which is missing")));
        assert_eq!(read(&miss(Some(36), 9)), refused(Errno::EINVAL, None, Some("OUTER.attribute 9, which is missing")));
    }

    #[test]
    fn offsets_that_point_nowhere_name_nothing() {
        let names: Names = Arc::new(Known);
        for offset in 0..80 {
            let bytes = reply(kind::ERROR, flag::CAPPED | flag::ACK_TLVS, -22, &request()[..16], |out| nla::put_u32(out, nlmsgerr::OFFS, offset));
            let attr = match outcome(&Message::parse(&bytes).unwrap().0, &request(), &names) {
                Err(Error::Kernel { attr, .. }) => attr,
                other => panic!("{other:?}"),
            };
            let expected = match offset {
                24 => Some("attribute 1"),
                36 => Some("OUTER"),
                40 => Some("OUTER.attribute 1"),
                48 => Some("OUTER.INNER"),
                // Looks like an attribute by chance: the bytes of attribute 1 do not.
                _ => None,
            };
            assert_eq!(attr.as_deref(), expected, "{offset}");
        }
    }

    #[test]
    fn cut_short_anywhere_it_neither_panics_nor_succeeds() {
        let whole = reply(kind::ERROR, flag::ACK_TLVS, -22, &request(), |out| nla::put(out, nlmsgerr::MSG, b"Not so\0").unwrap());
        for len in nlmsg::HEADER_LEN..whole.len() {
            let mut cut = whole[..len].to_vec();
            cut[..4].copy_from_slice(&u32::try_from(len).unwrap().to_ne_bytes());
            assert!(read(&cut).is_err(), "{len}");
        }
    }
}
