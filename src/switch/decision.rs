//! What the switch makes of a packet: what to do with it, which other packets would be treated the same, and why.

use ovsdp_proto::key::{L2, VLAN_PRESENT};
use ovsdp_proto::nla::{self, TooLong};
use ovsdp_proto::uapi::{hash_alg, key};
use ovsdp_proto::{Mac, action};
use serde::Serialize;

use super::pieces;
use super::topology::{BridgeId, PortId};
use super::tunnel::{self, Outer};

/// A station: an address in a VLAN of a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Station {
    /// The bridge.
    pub bridge: BridgeId,
    /// The VLAN, 0 when untagged.
    pub vlan: u16,
    /// The address; never a group's.
    pub mac: Mac,
}

/// A station the MAC table did not have behind this port. Flows that were decided without knowing so are wrong from now on:
/// [`FlowTable::outdated`](super::FlowTable::outdated) finds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learned {
    /// The station.
    pub station: Station,
    /// The port it is behind now.
    pub port: PortId,
    /// Whether it was behind another port before.
    pub moved: bool,
}

/// A bucket of a bond that a decision sends packets by: their bytes are the bucket's load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// The bond's port.
    pub port: PortId,
    /// The bucket.
    pub bucket: u8,
}

/// Why a packet is treated as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Dropped: the key cannot be read.
    #[default]
    Malformed,
    /// Dropped: the key names no port the packet came in by.
    NoPort,
    /// Dropped: there is no Ethernet header.
    NoEthernet,
    /// Dropped: it went round by a `recirc` action that is not ours.
    Recirculated,
    /// Dropped: the port belongs to no bridge.
    UnknownPort,
    /// Dropped: it came out of a tunnel that is no port's.
    UnknownTunnel,
    /// Dropped: a router on the way was congested, and the packet inside cannot say so.
    Congested,
    /// Dropped: patch ports send it round and round.
    Ring,
    /// Dropped: its VLAN tag is cut short.
    PartialTag,
    /// Dropped: its port does not take packets of its VLAN.
    NotAdmitted,
    /// Dropped: it is for a group address that no bridge forwards.
    Reserved,
    /// Dropped: its destination is behind the port it came from.
    SamePort,
    /// Dropped: the port its destination is behind leads nowhere.
    Nowhere,
    /// Taken: it is for the port itself, which speaks LACP.
    Lacp,
    /// Dropped: it came in by a member of a bond that does not take it now.
    BondClosed,
    /// Dropped: it came in by a bond, and its sender is behind another port: the network sent it back.
    SentBack,
    /// Sent by the member of a bond that its hash chose.
    Spread,
    /// Dropped: the port its destination is behind does not carry packets of its VLAN.
    NotCarried,
    /// Dropped: it came in by a protected port, and its destination is behind another.
    Protected,
    /// Sent to every other port: it is in a VLAN in which everything is.
    FloodVlan,
    /// Sent to the port its destination is behind.
    Forwarded,
    /// Sent to every other port: the destination is a group.
    Group,
    /// Sent to every other port: the destination's port is not known.
    Unknown,
}

impl Reason {
    /// The reason in words, for a person.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Malformed => "dropped: the flow key cannot be read",
            Self::NoPort => "dropped: it came in by no port",
            Self::NoEthernet => "dropped: it has no Ethernet header",
            Self::Recirculated => "dropped: recirculated by a flow that is not ours",
            Self::UnknownPort => "dropped: its port belongs to no bridge",
            Self::UnknownTunnel => "dropped: it came out of a tunnel that is no port's",
            Self::Congested => "dropped: the tunnel's packet met congestion, which the packet inside cannot tell",
            Self::Ring => "dropped: patch ports send it round and round",
            Self::Nowhere => "dropped: the port its destination is behind leads nowhere",
            Self::PartialTag => "dropped: its VLAN tag is cut short",
            Self::NotAdmitted => "dropped: its port does not take packets of its VLAN",
            Self::Reserved => "dropped: its destination is a reserved group that no bridge forwards",
            Self::SamePort => "dropped: its destination is behind the port it came from",
            Self::NotCarried => "dropped: the port its destination is behind does not carry its VLAN",
            Self::Protected => "dropped: its destination is behind a protected port, as it came in by one",
            Self::FloodVlan => "flooded: in its VLAN nothing is learned",
            Self::Lacp => "taken: it is for the port itself, which speaks LACP",
            Self::BondClosed => "dropped: it came in by a member of a bond that does not take it now",
            Self::SentBack => "dropped: its sender is behind another port, so the network sent it back to the bond",
            Self::Spread => "sent by the member of the bond that its hash chose",
            Self::Forwarded => "forwarded to the port its destination is behind",
            Self::Group => "flooded: its destination is a group",
            Self::Unknown => "flooded: it is not known where its destination is",
        }
    }
}

/// Whether a decision may be installed as a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Install {
    /// No: execute the actions on this packet only. No flow of this key could ever match it, or none is worth having.
    #[default]
    No,
    /// For a few seconds, whatever its traffic: it only keeps packets that nobody wants from coming up one by one.
    Briefly,
    /// As long as it is used.
    Yes,
}

/// What the switch makes of a packet. Made once and handed to each call: its memory is used again.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// The actions, as the payload of ACTIONS. Empty: drop.
    pub actions: Vec<u8>,
    /// The mask, as the payload of MASK. It belongs to the very key bytes the decision was asked for: FLOW_NEW takes the
    /// upcall's KEY payload untouched, and this beside it. Empty when [`install`](Self::install) is [`Install::No`].
    pub mask: Vec<u8>,
    /// The bridge that decided; `None` when the port belongs to none.
    pub bridge: Option<BridgeId>,
    /// The port it came in by, as the bridge knows it.
    pub port: Option<PortId>,
    /// The station that sent it, when the decision read that and it can be a station's address.
    pub from: Option<Station>,
    /// The station it is for, when the decision read that and it can be a station's address.
    pub to: Option<Station>,
    /// What the MAC tables learned from it: the bridge's own, and those of bridges it went to by patch ports.
    pub learned: Vec<Learned>,
    /// A MAC table does not have the sender behind this port, and was not told: [`Switch::translate`](super::Switch::translate)
    /// leaves it alone, where an upcall would have learned. Not said where the table is full: then senders push each other out,
    /// and an upcall for each would only go on with that.
    pub unlearned: bool,
    /// The sender would be learned behind a bond to which the network sends back what it is sent by it: nobody knows the sender to
    /// be elsewhere.
    pub(super) doubtful: bool,
    /// The buckets of bonds it sends by.
    pub loads: Vec<Load>,
    /// How many copies of the packet the actions make.
    pub copies: u32,
    /// Why.
    pub reason: Reason,
    /// Whether it may be installed.
    pub install: Install,
}

/// Which fields beyond the port a decision read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Read {
    pub(super) src: bool,
    pub(super) dst: bool,
    /// Bits of the outer tag; that it is there is always read.
    pub(super) tci: u16,
    /// Bits of the inner tag; that it is there is always read.
    pub(super) inner_tci: u16,
    /// The lowest 8 bits of the hash that was left by an action.
    pub(super) bucket: bool,
    /// The outer header it came in with; then the port it came in by depends on that too.
    pub(super) outer: Option<Outer>,
    /// Bits of an IP packet's type of service.
    pub(super) tos: u8,
    /// An IP packet's time to live.
    pub(super) ttl: bool,
}

impl Decision {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets what it held, keeps its memory.
    pub(super) fn clear(&mut self) {
        let (mut actions, mut mask) = (core::mem::take(&mut self.actions), core::mem::take(&mut self.mask));
        let (mut learned, mut loads) = (core::mem::take(&mut self.learned), core::mem::take(&mut self.loads));
        actions.clear();
        mask.clear();
        learned.clear();
        loads.clear();
        *self = Self { actions, mask, learned, loads, ..Self::default() };
    }

    /// Whether the packet is dropped.
    pub fn is_drop(&self) -> bool {
        self.actions.is_empty()
    }

    /// Whether the actions are more than one flow, or one execution, takes. Such a decision is not installed.
    pub fn is_oversized(&self) -> bool {
        self.copies > pieces::COPIES || self.actions.len() > pieces::BYTES
    }

    /// Hands out the actions in pieces, to be executed one after the other: when they are oversized.
    pub fn pieces(&self, each: &mut dyn FnMut(&[u8])) {
        pieces::pieces(&self.actions, each);
    }

    /// Appends sending to a datapath port.
    pub(super) fn output(&mut self, dp_port: u32) {
        self.copies += 1;
        action::output(&mut self.actions, dp_port);
    }

    /// Appends having the datapath hash the packet by layers 3 and 4 and bring it round under a number.
    pub(super) fn recirculate(&mut self, recirc_id: u32, basis: u32) {
        self.copies += 1;
        action::hash(&mut self.actions, hash_alg::L4, basis);
        action::recirc(&mut self.actions, recirc_id);
    }

    /// Settles the decision: its reason, and a mask of what was read if it may be installed.
    pub(super) fn settle(&mut self, l2: &L2, reason: Reason, read: Read, install: Install) {
        self.reason = reason;
        self.install = install;
        // A frame that ends within a tag has no key of its own: what the kernel makes of this one's is a frame with a
        // length field (eth_type 802.2), and a flow of that would never match it.
        let cut_short = [l2.vlan, l2.inner_vlan].into_iter().flatten().any(|vlan| vlan.tci & VLAN_PRESENT == 0);
        if cut_short || (install != Install::No && put_mask(&mut self.mask, l2, read).is_err()) {
            self.install = Install::No;
        }
        if self.install == Install::No {
            self.mask.clear();
        }
    }
}

/// Appends a mask the kernel takes for a key like this (`ovs_nla_get_match`). RECIRC_ID and IN_PORT tell passes and ports
/// apart and are always exact, and so is ETHERTYPE, which the kernel makes exact anyhow. Of a tag the kernel demands the
/// TPID and the present bit; a TCI not in the mask would be taken for exact, so each tag's is there, if only with its present
/// bit.
fn put_mask(out: &mut Vec<u8>, l2: &L2, read: Read) -> Result<(), TooLong> {
    const EXACT: u16 = 0xffff;
    let byte = |on: bool| if on { 0xff } else { 0 };
    let (s, d) = (byte(read.src), byte(read.dst));
    nla::put_u32(out, key::RECIRC_ID, u32::MAX);
    if read.bucket {
        nla::put_u32(out, key::DP_HASH, 0xff);
    }
    nla::put_u32(out, key::IN_PORT, u32::MAX);
    nla::put_array(out, key::ETHERNET, [s, s, s, s, s, s, d, d, d, d, d, d]);
    nla::put_be16(out, key::ETHERTYPE, EXACT);
    if let Some(outer) = read.outer {
        outer.put_mask(out)?;
    }
    if l2.vlan.is_none() {
        return put_ip(out, l2, read);
    }
    nla::put_be16(out, key::VLAN, VLAN_PRESENT | read.tci);
    nla::put_nested(out, key::ENCAP, |out| {
        nla::put_be16(out, key::ETHERTYPE, EXACT);
        if l2.inner_vlan.is_none() {
            return put_ip(out, l2, read);
        }
        nla::put_be16(out, key::VLAN, VLAN_PRESENT | read.inner_tci);
        nla::put_nested(out, key::ENCAP, |out| {
            nla::put_be16(out, key::ETHERTYPE, EXACT);
            put_ip(out, l2, read)
        })
    })
}

/// Appends what is read of the IP header: its type of service and time to live.
fn put_ip(out: &mut Vec<u8>, l2: &L2, read: Read) -> Result<(), TooLong> {
    if read.tos == 0 && !read.ttl {
        return Ok(());
    }
    let (kind, len, (tos, ttl)) = match l2.eth_type {
        0x0800 => (key::IPV4, 12, tunnel::IPV4),
        _ => (key::IPV6, 40, tunnel::IPV6),
    };
    let mut bytes = [0; 40];
    (bytes[tos], bytes[ttl]) = (read.tos, if read.ttl { 0xff } else { 0 });
    nla::put(out, kind, &bytes[..len])
}
