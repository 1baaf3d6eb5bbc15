//! Generic netlink's controller: which id a family has, which multicast groups.

use core::convert::Infallible;

use crate::error::{DecodeError, Reason};
use crate::family;
use crate::genl::{self, Genl};
use crate::nla::{self, Attr, Attrs, TooLong};
use crate::nlmsg;
use crate::uapi::ctrl::{self, attr, cmd};

const FAMILY: &str = "nlctrl";

/// Appends GETFAMILY for the family called `name`.
///
/// # Errors
/// [`TooLong`] when the name does not fit an attribute; nothing is appended then.
pub fn get_family(out: &mut Vec<u8>, seq: u32, flags: u16, name: &str) -> Result<(), TooLong> {
    nlmsg::put(out, ctrl::ID, flags | nlmsg::flag::REQUEST, seq, |out| {
        genl::put(out, cmd::GETFAMILY, ctrl::VERSION);
        nla::put_nested(out, attr::FAMILY_NAME, |out| {
            out.extend_from_slice(name.as_bytes());
            out.push(0);
            Ok(())
        })
    })
}

/// Appends a GETFAMILY that dumps every family.
pub fn dump_families(out: &mut Vec<u8>, seq: u32) {
    let Ok(()) = nlmsg::put::<Infallible>(out, ctrl::ID, nlmsg::flag::DUMP | nlmsg::flag::REQUEST, seq, |out| {
        genl::put(out, cmd::GETFAMILY, ctrl::VERSION);
        Ok(())
    });
}

/// A family, as NEWFAMILY describes it.
#[derive(Debug, Clone, Copy)]
pub struct Family<'a> {
    /// The command: NEWFAMILY for an answer, DELFAMILY or NEWMCAST_GRP and so on for an event.
    pub cmd: u8,
    /// The id: the type of its messages.
    pub id: u16,
    /// Its name.
    pub name: &'a [u8],
    /// The version the kernel speaks; 0 when not told.
    pub version: u32,
    /// Bytes of its own header.
    pub hdrsize: u32,
    /// Its largest attribute.
    pub maxattr: u32,
    groups: Option<Attr<'a>>,
    ops: Option<Attr<'a>>,
    attrs: Attrs<'a>,
}

/// An operation of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op {
    /// The command.
    pub id: u32,
    /// What it can do and needs, `GENL_*` bits.
    pub flags: u32,
}

impl<'a> Family<'a> {
    /// Reads a message's payload.
    ///
    /// # Errors
    /// When a header or attribute is malformed, or id or name is missing.
    pub fn parse(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let genl = Genl::parse(payload)?;
        let mut attrs = Attrs::new(genl.payload);
        let (mut id, mut name) = (None, None);
        let mut this = Self { cmd: genl.cmd, id: 0, name: b"", version: 0, hdrsize: 0, maxattr: 0, groups: None, ops: None, attrs };
        for attr in attrs.by_ref() {
            match attr.kind() {
                attr::FAMILY_ID => id = Some(u16::from_ne_bytes(attr.fixed(FAMILY)?)),
                attr::FAMILY_NAME => name = Some(attr.cstr()),
                attr::VERSION => this.version = u32::from_ne_bytes(attr.fixed(FAMILY)?),
                attr::HDRSIZE => this.hdrsize = u32::from_ne_bytes(attr.fixed(FAMILY)?),
                attr::MAXATTR => this.maxattr = u32::from_ne_bytes(attr.fixed(FAMILY)?),
                attr::OPS => this.ops = Some(attr),
                attr::MCAST_GROUPS => this.groups = Some(attr),
                _ => {}
            }
        }
        family::ended(&attrs, FAMILY)?;
        this.id = id.ok_or(DecodeError::new(FAMILY, attr::FAMILY_ID, 0, Reason::Missing))?;
        this.name = name.ok_or(DecodeError::new(FAMILY, attr::FAMILY_NAME, 0, Reason::Missing))?;
        Ok(this)
    }

    /// Every attribute, those without an accessor among them.
    pub const fn attrs(&self) -> Attrs<'a> {
        self.attrs
    }

    /// The multicast groups: name and number. Malformed ones are left out.
    pub fn groups(&self) -> impl Iterator<Item = (&'a [u8], u32)> + use<'a> {
        self.groups.map(|groups| groups.nested()).into_iter().flatten().filter_map(|group| {
            let attrs = group.nested();
            Some((attrs.find(ctrl::mcast_grp::NAME)?.cstr(), attrs.find(ctrl::mcast_grp::ID)?.u32()?))
        })
    }

    /// The number of the multicast group called `name`.
    pub fn group(&self, name: &str) -> Option<u32> {
        self.groups().find(|(found, _)| *found == name.as_bytes()).map(|(_, id)| id)
    }

    /// The operations. Malformed ones are left out.
    pub fn ops(&self) -> impl Iterator<Item = Op> + use<'a> {
        self.ops.map(|ops| ops.nested()).into_iter().flatten().filter_map(|op| {
            let attrs = op.nested();
            Some(Op { id: attrs.find(ctrl::op::ID)?.u32()?, flags: attrs.find(ctrl::op::FLAGS)?.u32()? })
        })
    }
}
