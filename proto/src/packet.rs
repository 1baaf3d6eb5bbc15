//! Packets: the `ovs_packet` family. Upcalls from the kernel, and packets for it to run actions on.

use crate::error::{DecodeError, Reason};
use crate::family::{self, Request};
use crate::key::{Key, L2};
use crate::nla::{self, Attrs, TooLong};
use crate::uapi::packet::{VERSION, attr, cmd};

const FAMILY: &str = "ovs_packet";

/// A packet the kernel sent up.
#[derive(Debug, Clone, Copy)]
pub struct Upcall<'a> {
    /// MISS: no flow matched; ACTION: a `userspace` action sent it.
    pub cmd: u8,
    /// The datapath, by its local port's interface index.
    pub dp_ifindex: u32,
    /// The frame, from the Ethernet header.
    pub packet: &'a [u8],
    /// Its key, as attributes of [`uapi::key`](crate::uapi::key).
    pub key: &'a [u8],
    /// The cookie of the `userspace` action.
    pub userdata: Option<&'a [u8]>,
    /// The flow's actions, when the `userspace` action asked for them.
    pub actions: Option<&'a [u8]>,
    /// The tunnel the packet will leave by, when the `userspace` action asked for it.
    pub egress_tun_key: Option<&'a [u8]>,
    /// The largest fragment received of a packet that was reassembled: EXECUTE must be told.
    pub mru: Option<u16>,
    /// The packet's length before it was truncated.
    pub len: Option<u32>,
    /// The packet's hash and how it was computed: EXECUTE may be told.
    pub hash: Option<u64>,
    attrs: Attrs<'a>,
}

impl<'a> Upcall<'a> {
    /// Reads a message's payload.
    ///
    /// # Errors
    /// When a header or attribute is malformed, or packet or key is missing. What is inside the key is not looked at.
    #[inline]
    pub fn parse(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let (cmd, dp_ifindex, mut attrs) = family::parse(payload)?;
        let (mut packet, mut key) = (None, None);
        let mut this = Self {
            cmd,
            dp_ifindex,
            packet: &[],
            key: &[],
            userdata: None,
            actions: None,
            egress_tun_key: None,
            mru: None,
            len: None,
            hash: None,
            attrs,
        };
        for attr in attrs.by_ref() {
            match attr.kind() {
                attr::PACKET => packet = Some(attr.payload()),
                attr::KEY => key = Some(attr.payload()),
                attr::ACTIONS => this.actions = Some(attr.payload()),
                attr::USERDATA => this.userdata = Some(attr.payload()),
                attr::EGRESS_TUN_KEY => this.egress_tun_key = Some(attr.payload()),
                attr::MRU => this.mru = Some(u16::from_ne_bytes(attr.fixed(FAMILY)?)),
                attr::LEN => this.len = Some(u32::from_ne_bytes(attr.fixed(FAMILY)?)),
                attr::HASH => this.hash = Some(u64::from_ne_bytes(attr.fixed(FAMILY)?)),
                _ => {}
            }
        }
        family::ended(&attrs, FAMILY)?;
        this.packet = packet.ok_or(DecodeError::new(FAMILY, attr::PACKET, 0, Reason::Missing))?;
        this.key = key.ok_or(DecodeError::new(FAMILY, attr::KEY, 0, Reason::Missing))?;
        Ok(this)
    }

    /// Every attribute, those without a field among them.
    pub const fn attrs(&self) -> Attrs<'a> {
        self.attrs
    }

    /// The key.
    pub const fn key(&self) -> Key<'a> {
        Key::new(self.key)
    }

    /// What a learning switch reads of the key.
    ///
    /// # Errors
    /// See [`L2::parse`].
    pub fn l2(&self) -> Result<L2, DecodeError> {
        L2::parse(self.key)
    }
}

/// A packet for the kernel to run actions on. Key and actions are attributes already encoded.
#[derive(Debug, Clone, Copy, Default)]
pub struct Execute<'a> {
    /// The datapath, by its local port's interface index.
    pub dp_ifindex: u32,
    /// The frame, from the Ethernet header.
    pub packet: &'a [u8],
    /// Its metadata: of these attributes the kernel takes the port it came in by, priority, mark, tunnel and connection,
    /// and reads the rest from the frame itself. An upcall's own key serves.
    pub key: &'a [u8],
    /// What to do.
    pub actions: &'a [u8],
    /// The upcall's.
    pub mru: Option<u16>,
    /// The upcall's.
    pub hash: Option<u64>,
    /// A feature probe: the kernel does not log its failure.
    pub probe: bool,
}

/// Appends EXECUTE.
///
/// # Errors
/// [`TooLong`] when a part does not fit an attribute; nothing is appended then.
#[inline]
pub fn execute(out: &mut Vec<u8>, request: Request, execute: &Execute<'_>) -> Result<(), TooLong> {
    family::put(out, request, cmd::EXECUTE, VERSION, execute.dp_ifindex, |out| {
        nla::put(out, attr::PACKET, execute.packet)?;
        nla::put(out, attr::KEY, execute.key)?;
        nla::put(out, attr::ACTIONS, execute.actions)?;
        if execute.probe {
            nla::put_flag(out, attr::PROBE);
        }
        if let Some(mru) = execute.mru {
            nla::put_u16(out, attr::MRU, mru);
        }
        if let Some(hash) = execute.hash {
            nla::put_u64(out, attr::HASH, hash);
        }
        Ok(())
    })
}
