//! Flows: the `ovs_flow` family.

use crate::error::{DecodeError, Reason};
use crate::family::{self, Request};
use crate::key::Key;
use crate::nla::{self, Attr, Attrs, TooLong};
use crate::text::put::pair;
use crate::uapi::flow::{VERSION, attr, cmd};

mod json;
mod line;
mod text;

pub use json::append_flow_json;
pub use line::{Line, append_flow};
pub use text::{Counted, FlowBuf, FlowText, Form, parse_flow};

const FAMILY: &str = "ovs_flow";

/// Counters of a flow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Packets that matched.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A flow's identifier, chosen by whoever installs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ufid(pub [u8; 16]);

impl Ufid {
    /// The identifier as `ovs-dpctl` writes it: a UUID of four host-order words.
    pub(crate) fn text(self) -> [u8; 36] {
        let mut text = [b'-'; 36];
        let mut places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34].into_iter();
        for word in self.0.as_chunks::<4>().0 {
            for (byte, place) in u32::from_ne_bytes(*word).to_be_bytes().into_iter().zip(&mut places) {
                text[place..place + 2].copy_from_slice(&pair(byte));
            }
        }
        text
    }
}

impl core::fmt::Display for Ufid {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(core::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

/// A flow, as an answer or an event describes it. Only the parts the request did not omit are there.
#[derive(Debug, Clone, Copy)]
pub struct Flow<'a> {
    /// The command: NEW for an answer, DEL for one that is removed.
    pub cmd: u8,
    /// The datapath, by its local port's interface index.
    pub dp_ifindex: u32,
    /// Its identifier; `None` for a flow installed without one, or one that is not 16 bytes long.
    pub ufid: Option<Ufid>,
    /// Its counters; zeros while the kernel leaves them out.
    pub stats: Stats,
    /// When it last matched, in milliseconds on the monotonic clock; `None`: never.
    pub used: Option<u64>,
    /// Every TCP flag seen.
    pub tcp_flags: u8,
    /// The values to match, as attributes of [`uapi::key`](crate::uapi::key).
    pub key: Option<&'a [u8]>,
    /// The bits that must match; `None`: all of them.
    pub mask: Option<&'a [u8]>,
    /// What to do, as attributes of [`uapi::action`](crate::uapi::action); `None` when omitted, or too large for a dump.
    pub actions: Option<&'a [u8]>,
    attrs: Attrs<'a>,
}

impl<'a> Flow<'a> {
    /// Reads a message's payload.
    ///
    /// # Errors
    /// When a header or attribute is malformed. What is inside key, mask and actions is not looked at.
    #[inline]
    pub fn parse(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let (cmd, dp_ifindex, mut attrs) = family::parse(payload)?;
        let mut this =
            Self { cmd, dp_ifindex, ufid: None, stats: Stats::default(), used: None, tcp_flags: 0, key: None, mask: None, actions: None, attrs };
        for attr in attrs.by_ref() {
            match attr.kind() {
                attr::KEY => this.key = Some(attr.payload()),
                attr::ACTIONS => this.actions = Some(attr.payload()),
                attr::STATS => {
                    let [packets, bytes] = family::u64s(attr.payload()).ok_or(attr.error(FAMILY, Reason::BadLength))?;
                    this.stats = Stats { packets, bytes };
                }
                attr::TCP_FLAGS => this.tcp_flags = u8::from_ne_bytes(attr.fixed(FAMILY)?),
                attr::USED => this.used = Some(u64::from_ne_bytes(attr.fixed(FAMILY)?)),
                attr::MASK => this.mask = Some(attr.payload()),
                attr::UFID => this.ufid = attr.array().map(Ufid),
                _ => {}
            }
        }
        family::ended(&attrs, FAMILY)?;
        Ok(this)
    }

    /// Every attribute, those without a field among them.
    pub const fn attrs(&self) -> Attrs<'a> {
        self.attrs
    }

    /// The values to match.
    pub fn key(&self) -> Option<Key<'a>> {
        self.key.map(Key::new)
    }

    /// The bits that must match.
    pub fn mask(&self) -> Option<Key<'a>> {
        self.mask.map(Key::new)
    }

    /// The identifier as the kernel has it, also one of another length than 16 bytes.
    pub fn raw_ufid(&self) -> Option<Attr<'a>> {
        self.attrs.find(attr::UFID)
    }
}

/// A flow to install or change. Key, mask and actions are attributes already encoded, see
/// [`KeyBuf`](crate::key::KeyBuf) and [`action`](crate::action).
#[derive(Debug, Clone, Copy, Default)]
pub struct Put<'a> {
    /// The datapath, by its local port's interface index.
    pub dp_ifindex: u32,
    /// Its identifier.
    pub ufid: Option<Ufid>,
    /// The values to match. Only a SET that changes no actions may leave it out, when the identifier names the flow: the
    /// kernel checks new actions against key and mask.
    pub key: Option<&'a [u8]>,
    /// The bits that must match; `None`: all of them.
    pub mask: Option<&'a [u8]>,
    /// What to do: NEW demands it, no action at all drops. `None`, for SET: unchanged.
    pub actions: Option<&'a [u8]>,
    /// Zero the counters of a flow that exists.
    pub clear: bool,
    /// A feature probe: the kernel does not log its failure.
    pub probe: bool,
}

impl Put<'_> {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        if let Some(Ufid(ufid)) = self.ufid {
            nla::put_array(out, attr::UFID, ufid);
        }
        for (kind, bytes) in [(attr::KEY, self.key), (attr::MASK, self.mask), (attr::ACTIONS, self.actions)] {
            if let Some(bytes) = bytes {
                nla::put(out, kind, bytes)?;
            }
        }
        if self.clear {
            nla::put_flag(out, attr::CLEAR);
        }
        if self.probe {
            nla::put_flag(out, attr::PROBE);
        }
        Ok(())
    }
}

/// Appends NEW: install a flow. With [`nlmsg::flag::CREATE`](crate::nlmsg::flag::CREATE) one that exists is left alone or
/// changed, and with EXCL too it is an error; without CREATE it must exist.
///
/// # Errors
/// [`TooLong`] when a part does not fit an attribute; nothing is appended then.
#[inline]
pub fn new(out: &mut Vec<u8>, request: Request, flow: &Put<'_>) -> Result<(), TooLong> {
    family::put(out, request, cmd::NEW, VERSION, flow.dp_ifindex, |out| flow.put(out))
}

/// Appends SET: change a flow that exists.
///
/// # Errors
/// [`TooLong`] when a part does not fit an attribute; nothing is appended then.
pub fn set(out: &mut Vec<u8>, request: Request, flow: &Put<'_>) -> Result<(), TooLong> {
    family::put(out, request, cmd::SET, VERSION, flow.dp_ifindex, |out| flow.put(out))
}

/// How a request names a flow.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// By its identifier.
    Ufid(Ufid),
    /// By its key, for one installed without an identifier.
    Key(&'a [u8]),
}

impl Which<'_> {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        match self {
            Self::Ufid(Ufid(ufid)) => {
                nla::put_array(out, attr::UFID, *ufid);
                Ok(())
            }
            Self::Key(key) => nla::put(out, attr::KEY, key),
        }
    }
}

fn put_omit(out: &mut Vec<u8>, omit: u32) {
    if omit != 0 {
        nla::put_u32(out, attr::UFID_FLAGS, omit);
    }
}

/// Appends GET: read one flow, without what `omit` ([`uapi::flow::ufid`](crate::uapi::flow::ufid)) says.
///
/// # Errors
/// [`TooLong`] when the key does not fit an attribute; nothing is appended then.
pub fn get(out: &mut Vec<u8>, request: Request, dp_ifindex: u32, which: Which<'_>, omit: u32) -> Result<(), TooLong> {
    family::put(out, request, cmd::GET, VERSION, dp_ifindex, |out| {
        which.put(out)?;
        put_omit(out, omit);
        Ok(())
    })
}

/// Appends GET: read every flow, without what `omit` ([`uapi::flow::ufid`](crate::uapi::flow::ufid)) says.
///
/// # Errors
/// None in practice.
pub fn dump(out: &mut Vec<u8>, request: Request, dp_ifindex: u32, omit: u32) -> Result<(), TooLong> {
    let request = Request { flags: request.flags | crate::nlmsg::flag::DUMP, ..request };
    family::put(out, request, cmd::GET, VERSION, dp_ifindex, |out| {
        put_omit(out, omit);
        Ok(())
    })
}

/// Appends DEL: remove one flow. With [`nlmsg::flag::ECHO`](crate::nlmsg::flag::ECHO) the answer has its last counters, and
/// leaves out what `omit` says.
///
/// # Errors
/// [`TooLong`] when the key does not fit an attribute; nothing is appended then.
pub fn del(out: &mut Vec<u8>, request: Request, dp_ifindex: u32, which: Which<'_>, omit: u32) -> Result<(), TooLong> {
    family::put(out, request, cmd::DEL, VERSION, dp_ifindex, |out| {
        which.put(out)?;
        put_omit(out, omit);
        Ok(())
    })
}

/// Appends DEL: remove every flow of the datapath.
///
/// # Errors
/// None in practice.
pub fn flush(out: &mut Vec<u8>, request: Request, dp_ifindex: u32) -> Result<(), TooLong> {
    family::put(out, request, cmd::DEL, VERSION, dp_ifindex, |_| Ok(()))
}
