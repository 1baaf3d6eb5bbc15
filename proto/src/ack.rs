//! Acknowledgements: what the kernel answers when a request succeeded, failed, or a dump ended, and what its extended
//! acknowledgement says about why and where.
//!
//! The kernel gives the place as an offset into the request. [`Ext::path`] turns it into the attributes' names, such as
//! `OVS_VPORT_ATTR_OPTIONS/OVS_TUNNEL_ATTR_DST_PORT`.

use core::fmt;

use crate::error::{DecodeError, Reason};
use crate::nla::{Attrs, align};
use crate::nlmsg::{self, Message, flag, kind};
use crate::uapi::{self, nlmsgerr};
use crate::{genl, nla};

/// The name errors carry here.
const FAMILY: &str = "nlmsgerr";

/// An acknowledgement: the payload of an ERROR or DONE message.
#[derive(Debug, Clone, Copy)]
pub struct Ack<'a> {
    /// The error number, positive; 0: success.
    pub errno: i32,
    /// How the request's bytes begin, as the kernel returned them: its header at least, all of it after a failure unless
    /// the socket has asked otherwise. `None` at the end of a dump.
    pub request: Option<&'a [u8]>,
    /// The extended acknowledgement; empty when the kernel sent none.
    pub ext: Ext<'a>,
}

impl<'a> Ack<'a> {
    /// Reads an ERROR or DONE message.
    ///
    /// # Errors
    /// [`Reason::BadValue`] when the message is neither, [`Reason::Truncated`] or [`Reason::BadLength`] when it is malformed.
    pub fn parse(message: &Message<'a>) -> Result<Self, DecodeError> {
        let error = |offset, reason| DecodeError::new(FAMILY, 0, offset, reason);
        let (code, rest) = match (message.kind, message.payload.split_first_chunk()) {
            (kind::ERROR | kind::DONE, Some((code, rest))) => (i32::from_ne_bytes(*code), rest),
            // Some dumps end without a code.
            (kind::DONE, None) if message.payload.is_empty() => (0, message.payload),
            (kind::ERROR | kind::DONE, None) => return Err(error(0, Reason::Truncated)),
            _ => return Err(error(0, Reason::BadValue)),
        };
        let mut request = None;
        let mut tlvs = rest;
        if message.kind == kind::ERROR {
            let header = rest.first_chunk::<4>().ok_or(error(4, Reason::Truncated))?;
            let len = usize::try_from(u32::from_ne_bytes(*header)).unwrap_or(usize::MAX);
            let len = if message.flags & flag::CAPPED != 0 { nlmsg::HEADER_LEN } else { len.max(nlmsg::HEADER_LEN) };
            // The length is the request's own claim; padding may be missing behind the last attribute.
            request = Some(rest.get(..len).ok_or(error(4, Reason::BadLength))?);
            tlvs = rest.get(align(len)..).unwrap_or(&[]);
        }
        let ext = Ext { attrs: Attrs::new(if message.flags & flag::ACK_TLVS != 0 { tlvs } else { &[] }) };
        Ok(Self { errno: code.saturating_neg().max(0), request, ext })
    }

    /// Success as `Ok`, else the acknowledgement as the error.
    ///
    /// # Errors
    /// Itself, when [`Ack::errno`] is not 0.
    pub fn result(self) -> Result<(), Self> {
        if self.errno == 0 { Ok(()) } else { Err(self) }
    }
}

/// An extended acknowledgement.
#[derive(Debug, Clone, Copy)]
pub struct Ext<'a> {
    attrs: Attrs<'a>,
}

impl<'a> Ext<'a> {
    /// Every attribute, those without an accessor among them.
    pub const fn attrs(&self) -> Attrs<'a> {
        self.attrs
    }

    /// What the kernel says, without a full stop; not always UTF-8 by contract, though it is in practice.
    pub fn message(&self) -> Option<&'a [u8]> {
        Some(self.attrs.find(nlmsgerr::MSG)?.cstr())
    }

    /// Where in the request the fault is, in bytes from its header.
    pub fn offset(&self) -> Option<u32> {
        self.attrs.find(nlmsgerr::OFFS)?.u32()
    }

    /// An operation's result.
    pub fn cookie(&self) -> Option<&'a [u8]> {
        Some(self.attrs.find(nlmsgerr::COOKIE)?.payload())
    }

    /// What the attribute should have been: attributes of [`uapi::nl_policy`].
    pub fn policy(&self) -> Option<Attrs<'a>> {
        Some(self.attrs.find(nlmsgerr::POLICY)?.nested())
    }

    /// The number of an attribute that is missing.
    pub fn miss_type(&self) -> Option<u32> {
        self.attrs.find(nlmsgerr::MISS_TYPE)?.u32()
    }

    /// Where in the request the nest is that it is missing from, in bytes from its header; `None`: the message itself.
    pub fn miss_nest(&self) -> Option<u32> {
        self.attrs.find(nlmsgerr::MISS_NEST)?.u32()
    }

    /// The attribute this is about: the faulty one, or the missing one. `request` is the whole request as it was sent.
    pub fn path(&self, request: &[u8], family: &'static Family) -> Option<AttrPath> {
        let to = |offset: u32| AttrPath::resolve(request, usize::try_from(offset).ok()?, family);
        if let Some(missing) = self.miss_type().and_then(|kind| u16::try_from(kind).ok()) {
            let mut path = match self.miss_nest() {
                Some(nest) => to(nest)?,
                None => AttrPath::root(family),
            };
            return path.push(missing).then_some(path);
        }
        to(self.offset()?)
    }
}

/// The names of a nest's attributes, and of the nests among them.
#[derive(Debug)]
pub struct Names {
    attrs: &'static [(&'static str, u16)],
    nests: &'static [(u16, &'static Names)],
}

impl Names {
    fn name(&self, kind: u16) -> Option<&'static str> {
        self.attrs.iter().find(|(_, number)| *number == kind).map(|(name, _)| *name)
    }

    fn nest(&self, kind: u16) -> Option<&'static Self> {
        self.nests.iter().find(|(number, _)| *number == kind).map(|(_, names)| *names)
    }
}

/// A family: where its attributes begin and what they are called.
#[derive(Debug)]
pub struct Family {
    header: usize,
    names: &'static Names,
}

const OVS_HEADER: usize = nlmsg::HEADER_LEN + genl::HEADER_LEN + genl::OVS_HEADER_LEN;

/// `nlctrl`.
pub static CTRL: Family = Family { header: nlmsg::HEADER_LEN + genl::HEADER_LEN, names: &Names { attrs: uapi::ctrl::attr::ALL, nests: &[] } };
/// `ovs_datapath`.
pub static DATAPATH: Family = Family { header: OVS_HEADER, names: &Names { attrs: uapi::dp::attr::ALL, nests: &[] } };
/// `ovs_vport`.
pub static VPORT: Family = Family {
    header: OVS_HEADER,
    names: &Names { attrs: uapi::vport::attr::ALL, nests: &[(uapi::vport::attr::OPTIONS, &TUNNEL), (uapi::vport::attr::UPCALL_STATS, &UPCALL)] },
};
/// `ovs_flow`.
pub static FLOW: Family = Family {
    header: OVS_HEADER,
    names: &Names {
        attrs: uapi::flow::attr::ALL,
        nests: &[(uapi::flow::attr::KEY, &KEY), (uapi::flow::attr::MASK, &KEY), (uapi::flow::attr::ACTIONS, &ACTION)],
    },
};
/// `ovs_packet`.
pub static PACKET: Family = Family {
    header: OVS_HEADER,
    names: &Names {
        attrs: uapi::packet::attr::ALL,
        nests: &[(uapi::packet::attr::KEY, &KEY), (uapi::packet::attr::ACTIONS, &ACTION), (uapi::packet::attr::EGRESS_TUN_KEY, &TUNNEL_KEY)],
    },
};
/// `ovs_meter`.
pub static METER: Family = Family { header: OVS_HEADER, names: &Names { attrs: uapi::meter::attr::ALL, nests: &[] } };
/// `ovs_ct_limit`.
pub static CT_LIMIT: Family = Family { header: OVS_HEADER, names: &Names { attrs: uapi::ct_limit::attr::ALL, nests: &[] } };

static TUNNEL: Names = Names { attrs: uapi::vport::tunnel::ALL, nests: &[(uapi::vport::tunnel::EXTENSION, &VXLAN_EXT)] };
static VXLAN_EXT: Names = Names { attrs: uapi::vport::vxlan_ext::ALL, nests: &[] };
static UPCALL: Names = Names { attrs: uapi::vport::upcall::ALL, nests: &[] };
static KEY: Names = Names { attrs: uapi::key::ALL, nests: &[(uapi::key::ENCAP, &KEY), (uapi::key::TUNNEL, &TUNNEL_KEY), (uapi::key::NSH, &NSH)] };
static TUNNEL_KEY: Names = Names { attrs: uapi::tunnel_key::ALL, nests: &[(uapi::tunnel_key::VXLAN_OPTS, &VXLAN_EXT)] };
static NSH: Names = Names { attrs: uapi::nsh::ALL, nests: &[] };
static ACTION: Names = Names {
    attrs: uapi::action::ALL,
    nests: &[
        (uapi::action::USERSPACE, &Names { attrs: uapi::userspace::ALL, nests: &[] }),
        (uapi::action::SET, &KEY),
        (uapi::action::SET_MASKED, &KEY),
        (uapi::action::SAMPLE, &Names { attrs: uapi::sample::ALL, nests: &[(uapi::sample::ACTIONS, &ACTION)] }),
        (uapi::action::CT, &Names { attrs: uapi::ct::ALL, nests: &[(uapi::ct::NAT, &Names { attrs: uapi::nat::ALL, nests: &[] })] }),
        (uapi::action::PUSH_NSH, &KEY),
        (uapi::action::CLONE, &ACTION),
        (
            uapi::action::CHECK_PKT_LEN,
            &Names {
                attrs: uapi::check_pkt_len::ALL,
                nests: &[(uapi::check_pkt_len::ACTIONS_IF_GREATER, &ACTION), (uapi::check_pkt_len::ACTIONS_IF_LESS_EQUAL, &ACTION)],
            },
        ),
        (uapi::action::DEC_TTL, &Names { attrs: uapi::dec_ttl::ALL, nests: &[(uapi::dec_ttl::ACTION, &ACTION)] }),
        (uapi::action::PSAMPLE, &Names { attrs: uapi::psample::ALL, nests: &[] }),
    ],
};

/// The deepest path: the kernel itself copies actions no deeper than 16 levels.
pub const MAX_DEPTH: usize = 16;

/// Which attribute of a request is meant: the numbers from the outermost nest inwards. Its text is their names, with `/`
/// between; a number without a name is `#` and the number.
#[derive(Clone, Copy)]
pub struct AttrPath {
    names: &'static Names,
    kinds: [u16; MAX_DEPTH],
    len: usize,
}

impl AttrPath {
    fn root(family: &'static Family) -> Self {
        Self { names: family.names, kinds: [0; MAX_DEPTH], len: 0 }
    }

    /// Adds a step, if there is room.
    fn push(&mut self, kind: u16) -> bool {
        match self.kinds.get_mut(self.len) {
            Some(room) => {
                *room = kind;
                self.len += 1;
                true
            }
            None => false,
        }
    }

    /// Finds the attribute that begins at `offset` of `request`, or the innermost whose payload `offset` is in. `None` when
    /// there is none there, or it is too deep.
    pub fn resolve(request: &[u8], offset: usize, family: &'static Family) -> Option<Self> {
        let mut path = Self::root(family);
        let (mut base, mut names) = (family.header, Some(family.names));
        let mut list = request.get(base..)?;
        while let Some(here) = names {
            let found = Attrs::new(list).take_while(|attr| base + attr.offset() <= offset).last();
            let attr = found.filter(|attr| offset < base + attr.offset() + nla::HEADER_LEN + attr.payload().len().max(1));
            let Some(attr) = attr else { break };
            if !path.push(attr.kind()) {
                return None;
            }
            let payload = base + attr.offset() + nla::HEADER_LEN;
            if offset < payload {
                break;
            }
            (base, list, names) = (payload, attr.payload(), here.nest(attr.kind()));
        }
        (path.len > 0).then_some(path)
    }

    /// The attributes' numbers, outermost first.
    pub fn kinds(&self) -> &[u16] {
        self.kinds.get(..self.len).unwrap_or(&[])
    }
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Some(self.names);
        for (at, kind) in self.kinds().iter().enumerate() {
            if at > 0 {
                f.write_str("/")?;
            }
            match names.and_then(|names| names.name(*kind)) {
                Some(name) => f.write_str(name)?,
                None => write!(f, "#{kind}")?,
            }
            names = names.and_then(|names| names.nest(*kind));
        }
        Ok(())
    }
}

impl fmt::Debug for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttrPath({self})")
    }
}

impl PartialEq for AttrPath {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self.names, other.names) && self.kinds() == other.kinds()
    }
}

impl Eq for AttrPath {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IfName, Request, key::Level, nlmsg::Messages, vport};

    fn request() -> Vec<u8> {
        let mut out = Vec::new();
        let new = vport::New {
            dp_ifindex: 3,
            name: &IfName::new("vx0").unwrap(),
            kind: uapi::vport::kind::VXLAN,
            upcall_pids: &[],
            port_no: None,
            ifindex: None,
            tunnel: Some(vport::Tunnel { dst_port: Some(4789), gbp: true }),
        };
        vport::new(&mut out, Request::new(30, 1, flag::ACK), &new).unwrap();
        out
    }

    fn answer(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        nlmsg::put::<()>(&mut out, kind, flags, 1, |out| {
            out.extend_from_slice(payload);
            Ok(())
        })
        .unwrap();
        out
    }

    #[test]
    fn the_names_go_into_what_a_key_has_for_nests() {
        fn agree(names: &Names, level: Level) {
            for (name, kind) in names.attrs {
                match (names.nest(*kind), level.below(*kind)) {
                    (None, None) => {}
                    (Some(_), Some(below)) if below == level => {}
                    (Some(names), Some(below)) => agree(names, below),
                    (names, below) => panic!("{name}: {names:?}, {below:?}"),
                }
            }
        }
        agree(&KEY, Level::Key);
    }

    #[test]
    fn an_offset_becomes_names() {
        let request = request();
        let at = request.len() - 16;
        let path = AttrPath::resolve(&request, at, &VPORT).unwrap();
        assert_eq!(path.to_string(), "OVS_VPORT_ATTR_OPTIONS/OVS_TUNNEL_ATTR_DST_PORT");
        let last = AttrPath::resolve(&request, request.len() - 4, &VPORT).unwrap();
        assert_eq!(last.to_string(), "OVS_VPORT_ATTR_OPTIONS/OVS_TUNNEL_ATTR_EXTENSION/OVS_VXLAN_EXT_GBP");
        assert_eq!(AttrPath::resolve(&request, request.len(), &VPORT), None);
        assert_eq!(AttrPath::resolve(&request, 3, &VPORT), None);
    }

    #[test]
    fn both_forms_and_both_messages() {
        let request = request();
        let mut tlvs = Vec::new();
        nla::put(&mut tlvs, nlmsgerr::MSG, b"Invalid attribute\0").unwrap();
        nla::put_u32(&mut tlvs, nlmsgerr::OFFS, 24);
        let code = (-22i32).to_ne_bytes();
        let whole = [&code[..], &request, &tlvs].concat();
        let capped = [&code[..], &request[..16], &tlvs].concat();
        let done = [&code[..], &tlvs].concat();
        for (kind, flags, payload) in [(kind::ERROR, 0, whole), (kind::ERROR, flag::CAPPED, capped), (kind::DONE, flag::MULTI, done)] {
            let bytes = answer(kind, flags | flag::ACK_TLVS, &payload);
            let message = Messages::new(&bytes).next().unwrap().unwrap();
            let ack = Ack::parse(&message).unwrap();
            assert_eq!(ack.errno, 22);
            assert_eq!(ack.ext.message(), Some(b"Invalid attribute".as_slice()));
            assert_eq!(ack.ext.path(&request, &VPORT).unwrap().to_string(), "OVS_VPORT_ATTR_TYPE");
        }
    }

    #[test]
    fn a_missing_attribute_has_a_path_too() {
        let request = request();
        let mut tlvs = Vec::new();
        nla::put_u32(&mut tlvs, nlmsgerr::MISS_TYPE, 1);
        nla::put_u32(&mut tlvs, nlmsgerr::MISS_NEST, u32::try_from(request.len() - 20).unwrap());
        let ext = Ext { attrs: Attrs::new(&tlvs) };
        assert_eq!(ext.path(&request, &VPORT).unwrap().to_string(), "OVS_VPORT_ATTR_OPTIONS/OVS_TUNNEL_ATTR_DST_PORT");
    }

    #[test]
    fn success_and_its_absence() {
        let ok = answer(kind::ERROR, flag::CAPPED, &[&[0; 4][..], &request()[..16]].concat());
        assert!(Ack::parse(&Messages::new(&ok).next().unwrap().unwrap()).unwrap().result().is_ok());
        let empty = answer(kind::DONE, flag::MULTI, &[]);
        assert_eq!(Ack::parse(&Messages::new(&empty).next().unwrap().unwrap()).unwrap().errno, 0);
        let short = answer(kind::ERROR, 0, &[0; 3]);
        assert_eq!(Ack::parse(&Messages::new(&short).next().unwrap().unwrap()).unwrap_err().reason, Reason::Truncated);
    }
}
