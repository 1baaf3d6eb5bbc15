//! Reading actions.

use crate::action::FAMILY;
use crate::error::DecodeError;
use crate::key::{Ethernet, Lse, Vlan};
use crate::nla::{self, Attr, Attrs, TooLong};
use crate::uapi::{action, check_pkt_len as cpl, ct, dec_ttl as ttl, nat, psample as ps, sample as sa, userspace as us};

/// Declares the view of an action's nest: it borrows the attribute, so what it does not know is carried through.
macro_rules! nest {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:path, $ty:ty, $read:expr;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name<'a>(pub Attr<'a>);

        impl<'a> $name<'a> {
            /// Every attribute of the nest.
            pub const fn attrs(&self) -> Attrs<'a> {
                self.0.nested()
            }

            $(
                $(#[$field_doc])*
                pub fn $field(&self) -> $ty {
                    #[allow(clippy::redundant_closure_call, reason = "the closure is the macro's argument")]
                    ($read)(self.attrs().find($kind))
                }
            )*
        }
    };
}

/// A payload that is a list of attributes itself.
fn list<'a>(attr: Option<Attr<'a>>) -> Option<&'a [u8]> {
    attr.map(|attr| attr.payload())
}

/// A number.
fn number(attr: Option<Attr<'_>>) -> Option<u32> {
    attr?.u32()
}

/// A 16-bit number.
fn short(attr: Option<Attr<'_>>) -> Option<u16> {
    attr?.u16()
}

/// A flag.
fn flag(attr: Option<Attr<'_>>) -> bool {
    attr.is_some()
}

/// Text.
fn text<'a>(attr: Option<Attr<'a>>) -> Option<&'a [u8]> {
    attr.map(|attr| attr.cstr())
}

nest! {
    /// `userspace`: send the packet up.
    Userspace {
        /// The socket.
        pid: us::PID, Option<u32>, number;
        /// The cookie.
        userdata: us::USERDATA, Option<&'a [u8]>, list;
        /// Report the tunnel this port would send by.
        egress_tun_port: us::EGRESS_TUN_PORT, Option<u32>, number;
        /// Send the flow's actions too.
        with_actions: us::ACTIONS, bool, flag;
    }
}

nest! {
    /// `sample`: run actions on some packets.
    Sample {
        /// The fraction of 2³²−1.
        probability: sa::PROBABILITY, Option<u32>, number;
        /// The actions.
        actions: sa::ACTIONS, Option<&'a [u8]>, list;
    }
}

nest! {
    /// `ct`: track the connection.
    Ct {
        /// Keep the connection.
        commit: ct::COMMIT, bool, flag;
        /// Keep it and make this its original direction.
        force_commit: ct::FORCE_COMMIT, bool, flag;
        /// The zone.
        zone: ct::ZONE, Option<u16>, short;
        /// The mark to set: value and mask.
        mark: ct::MARK, Option<(u32, u32)>, |attr: Option<Attr<'_>>| {
            let [v0, v1, v2, v3, m0, m1, m2, m3] = attr?.array()?;
            Some((u32::from_ne_bytes([v0, v1, v2, v3]), u32::from_ne_bytes([m0, m1, m2, m3])))
        };
        /// The labels to set: value and mask.
        labels: ct::LABELS, Option<([u8; 16], [u8; 16])>, |attr: Option<Attr<'_>>| {
            match attr?.payload().as_chunks() {
                (&[value, mask], []) => Some((value, mask)),
                _ => None,
            }
        };
        /// The helper for related connections.
        helper: ct::HELPER, Option<&'a [u8]>, text;
        /// Translate addresses.
        nat: ct::NAT, Option<Nat<'a>>, |attr: Option<Attr<'a>>| attr.map(Nat);
        /// The events to report.
        eventmask: ct::EVENTMASK, Option<u32>, number;
        /// The timeout policy.
        timeout: ct::TIMEOUT, Option<&'a [u8]>, text;
    }
}

nest! {
    /// Address translation in a `ct` action.
    Nat {
        /// Translate the source.
        src: nat::SRC, bool, flag;
        /// Translate the destination.
        dst: nat::DST, bool, flag;
        /// The first address: 4 or 16 bytes.
        ip_min: nat::IP_MIN, Option<&'a [u8]>, list;
        /// The last address: 4 or 16 bytes.
        ip_max: nat::IP_MAX, Option<&'a [u8]>, list;
        /// The first port.
        proto_min: nat::PROTO_MIN, Option<u16>, short;
        /// The last port.
        proto_max: nat::PROTO_MAX, Option<u16>, short;
        /// The mapping survives a reboot.
        persistent: nat::PERSISTENT, bool, flag;
        /// Ports by hash.
        proto_hash: nat::PROTO_HASH, bool, flag;
        /// Ports at random.
        proto_random: nat::PROTO_RANDOM, bool, flag;
    }
}

nest! {
    /// `check_pkt_len`: one list of actions for long packets, another for the rest.
    CheckPktLen {
        /// The length.
        pkt_len: cpl::PKT_LEN, Option<u16>, short;
        /// For longer packets.
        if_greater: cpl::ACTIONS_IF_GREATER, Option<&'a [u8]>, list;
        /// For the rest.
        if_less_equal: cpl::ACTIONS_IF_LESS_EQUAL, Option<&'a [u8]>, list;
    }
}

nest! {
    /// `dec_ttl`: decrement the time to live.
    DecTtl {
        /// The actions when it is used up.
        actions: ttl::ACTION, Option<&'a [u8]>, list;
    }
}

nest! {
    /// `psample`: send a copy to psample's listeners.
    Psample {
        /// The sample's source.
        group: ps::GROUP, Option<u32>, number;
        /// The cookie.
        cookie: ps::COOKIE, Option<&'a [u8]>, list;
    }
}

/// One action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<'a> {
    /// Send to this port.
    Output(u32),
    /// Send the packet up.
    Userspace(Userspace<'a>),
    /// Overwrite a header: a nest with one attribute for [`Field::read`](crate::key::Field::read).
    Set(Attr<'a>),
    /// Overwrite some bits of a header: a nest with one attribute, value then mask.
    SetMasked(Attr<'a>),
    /// Put a tag on.
    PushVlan(Vlan),
    /// Take the outermost tag off.
    PopVlan,
    /// Run actions on some packets.
    Sample(Sample<'a>),
    /// Look the packet up again with this id.
    Recirc(u32),
    /// Leave a hash in the packet's key.
    Hash {
        /// One of [`uapi::hash_alg`](crate::uapi::hash_alg).
        alg: u32,
        /// What it starts from.
        basis: u32,
    },
    /// Put a label on.
    PushMpls {
        /// The entry.
        lse: Lse,
        /// The Ethernet type afterwards.
        eth_type: u16,
    },
    /// Take a label off; the packet is of this Ethernet type afterwards.
    PopMpls(u16),
    /// Track the connection.
    Ct(Ct<'a>),
    /// The next output sends at most this many bytes.
    Trunc(u32),
    /// Put an Ethernet header on.
    PushEth(Ethernet),
    /// Take the Ethernet header off.
    PopEth,
    /// Forget the connection.
    CtClear,
    /// Put a network service header on: a nest with one attribute, the key's NSH.
    PushNsh(Attr<'a>),
    /// Take the network service header off.
    PopNsh,
    /// Drop what exceeds this meter's rate.
    Meter(u32),
    /// Run actions on a copy: a nest of actions.
    Clone(Attr<'a>),
    /// Different actions for long and short packets.
    CheckPktLen(CheckPktLen<'a>),
    /// Put a label on, at the packet's or the layer-3 header's start.
    AddMpls {
        /// The entry.
        lse: Lse,
        /// The Ethernet type afterwards.
        eth_type: u16,
        /// Flags of [`uapi::mpls`](crate::uapi::mpls).
        flags: u16,
    },
    /// Decrement the time to live.
    DecTtl(DecTtl<'a>),
    /// Drop the packet, for this reason.
    Drop(u32),
    /// Send a copy to psample's listeners.
    Psample(Psample<'a>),
    /// An action this version does not know, or one with flags in its type that the kernel does not set: to be carried
    /// through untouched.
    Other(Attr<'a>),
}

impl<'a> Action<'a> {
    /// Reads one action. What is inside a nest is looked at by the nest's own accessors.
    ///
    /// # Errors
    /// [`Reason::BadLength`](crate::Reason::BadLength) when it does not have its type's length.
    #[inline]
    pub fn read(attr: Attr<'a>) -> Result<Self, DecodeError> {
        let number = || attr.fixed(FAMILY).map(u32::from_ne_bytes);
        let bare = |value: Self| attr.fixed::<0>(FAMILY).map(|[]| value);
        Ok(match attr.kind() {
            action::USERSPACE => Self::Userspace(Userspace(attr)),
            action::SET => Self::Set(attr),
            action::SET_MASKED => Self::SetMasked(attr),
            action::SAMPLE => Self::Sample(Sample(attr)),
            action::CT => Self::Ct(Ct(attr)),
            action::PUSH_NSH => Self::PushNsh(attr),
            action::CLONE => Self::Clone(attr),
            action::CHECK_PKT_LEN => Self::CheckPktLen(CheckPktLen(attr)),
            action::DEC_TTL => Self::DecTtl(DecTtl(attr)),
            action::PSAMPLE => Self::Psample(Psample(attr)),
            _ if attr.raw_type() != attr.kind() => Self::Other(attr),
            action::OUTPUT => Self::Output(number()?),
            action::PUSH_VLAN => {
                let [t0, t1, c0, c1] = attr.fixed(FAMILY)?;
                Self::PushVlan(Vlan { tpid: u16::from_be_bytes([t0, t1]), tci: u16::from_be_bytes([c0, c1]) })
            }
            action::POP_VLAN => bare(Self::PopVlan)?,
            action::RECIRC => Self::Recirc(number()?),
            action::HASH => {
                let [a0, a1, a2, a3, b0, b1, b2, b3] = attr.fixed(FAMILY)?;
                Self::Hash { alg: u32::from_ne_bytes([a0, a1, a2, a3]), basis: u32::from_ne_bytes([b0, b1, b2, b3]) }
            }
            action::PUSH_MPLS => {
                let [l0, l1, l2, l3, t0, t1, _, _] = attr.fixed(FAMILY)?;
                Self::PushMpls { lse: Lse(u32::from_be_bytes([l0, l1, l2, l3])), eth_type: u16::from_be_bytes([t0, t1]) }
            }
            action::POP_MPLS => Self::PopMpls(u16::from_be_bytes(attr.fixed(FAMILY)?)),
            action::TRUNC => Self::Trunc(number()?),
            action::PUSH_ETH => Self::PushEth(Ethernet::from_bytes(attr.fixed(FAMILY)?)),
            action::POP_ETH => bare(Self::PopEth)?,
            action::CT_CLEAR => bare(Self::CtClear)?,
            action::POP_NSH => bare(Self::PopNsh)?,
            action::METER => Self::Meter(number()?),
            action::ADD_MPLS => {
                let [l0, l1, l2, l3, t0, t1, f0, f1] = attr.fixed(FAMILY)?;
                Self::AddMpls {
                    lse: Lse(u32::from_be_bytes([l0, l1, l2, l3])),
                    eth_type: u16::from_be_bytes([t0, t1]),
                    flags: u16::from_ne_bytes([f0, f1]),
                }
            }
            action::DROP => Self::Drop(number()?),
            _ => Self::Other(attr),
        })
    }

    /// Appends the action. [`Action::PushVlan`] is appended as it is, see [`push_vlan`](super::push_vlan).
    ///
    /// # Errors
    /// [`TooLong`] when one of the variants that borrow holds more than an attribute can; nothing is appended then.
    pub fn put(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        match *self {
            Self::Userspace(Userspace(attr))
            | Self::Set(attr)
            | Self::SetMasked(attr)
            | Self::Sample(Sample(attr))
            | Self::Ct(Ct(attr))
            | Self::PushNsh(attr)
            | Self::Clone(attr)
            | Self::CheckPktLen(CheckPktLen(attr))
            | Self::DecTtl(DecTtl(attr))
            | Self::Psample(Psample(attr))
            | Self::Other(attr) => return attr.put(out),
            Self::PushVlan(Vlan { tpid, tci }) => {
                let ([t0, t1], [c0, c1]) = (tpid.to_be_bytes(), tci.to_be_bytes());
                nla::put_array(out, action::PUSH_VLAN, [t0, t1, c0, c1]);
            }
            Self::Output(port) => super::output(out, port),
            Self::PopVlan => super::pop_vlan(out),
            Self::Recirc(id) => super::recirc(out, id),
            Self::Hash { alg, basis } => super::hash(out, alg, basis),
            Self::PushMpls { lse, eth_type } => super::push_mpls(out, lse, eth_type),
            Self::PopMpls(eth_type) => super::pop_mpls(out, eth_type),
            Self::Trunc(max_len) => super::trunc(out, max_len),
            Self::PushEth(Ethernet { src, dst }) => super::push_eth(out, src, dst),
            Self::PopEth => super::pop_eth(out),
            Self::CtClear => super::ct_clear(out),
            Self::PopNsh => super::pop_nsh(out),
            Self::Meter(id) => super::meter(out, id),
            Self::AddMpls { lse, eth_type, flags } => super::add_mpls(out, lse, eth_type, flags),
            Self::Drop(reason) => super::drop(out, reason),
        }
        Ok(())
    }
}

/// Iterates over a list of actions; see [`actions`].
#[derive(Debug, Clone, Copy)]
pub struct Actions<'a> {
    attrs: Attrs<'a>,
}

impl Actions<'_> {
    /// Checks that every action of the list can be read.
    ///
    /// # Errors
    /// [`Reason::BadLength`](crate::Reason::BadLength) at the first that cannot.
    pub fn check(mut self) -> Result<(), DecodeError> {
        self.by_ref().try_for_each(|action| action.map(|_| ()))?;
        crate::family::ended(&self.attrs, FAMILY)
    }
}

impl<'a> Iterator for Actions<'a> {
    type Item = Result<Action<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.attrs.next().map(Action::read)
    }
}

/// The actions of a list, in order. One that cannot be read is an error in its place.
pub const fn actions(bytes: &[u8]) -> Actions<'_> {
    Actions { attrs: Attrs::new(bytes) }
}
