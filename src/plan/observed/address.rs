//! An address as the kernel has it, and what two of them are to each other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use ovsdp_proto::IfName;
use serde::{Deserialize, Serialize};

use super::route::SCOPE_UNIVERSE;
use crate::plan::per_device::OnDevice;

/// The address follows another one of its subnet and goes with it (`IFA_F_SECONDARY`; IPv6: a temporary address).
pub const ADDRESS_SECONDARY: u32 = 0x01;
/// No duplicate address detection (`IFA_F_NODAD`).
pub const ADDRESS_NODAD: u32 = 0x02;
/// Duplicate address detection has not ended yet (`IFA_F_TENTATIVE`).
pub const ADDRESS_TENTATIVE: u32 = 0x40;
/// The kernel makes no connected route for it (`IFA_F_NOPREFIXROUTE`).
pub const ADDRESS_NOPREFIXROUTE: u32 = 0x200;
/// The flags somebody may set; the others are the kernel's own report: NODAD, HOMEADDRESS, NOPREFIXROUTE, MCAUTOJOIN.
const ADDRESS_SETTABLE: u32 = ADDRESS_NODAD | 0x10 | ADDRESS_NOPREFIXROUTE | 0x400;

/// One address on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The device.
    pub ifname: IfName,
    /// The address itself (host bits kept) with its prefix length.
    pub address: IpNet,
    /// The other end, when it differs from the address itself.
    pub peer: Option<IpAddr>,
    /// The broadcast address.
    pub broadcast: Option<Ipv4Addr>,
    /// IPv4's label, such as `eth0:1`.
    pub label: Option<String>,
    /// How far it reaches (`RT_SCOPE_*`).
    pub scope: u8,
    /// `IFA_F_*`, as the kernel reports them.
    pub flags: u32,
    /// Seconds it stays valid, `None` for ever.
    pub valid_lft: Option<u32>,
    /// Seconds it stays preferred, `None` for ever.
    pub preferred_lft: Option<u32>,
    /// The metric of its connected route.
    pub metric: Option<u32>,
}

impl OnDevice for Address {
    fn device(&self) -> IfName {
        self.ifname
    }
}

impl Address {
    /// A lasting address of global scope, as a file asks for it.
    pub fn lasting(ifname: IfName, address: IpNet) -> Self {
        let broadcast = match address {
            IpNet::V4(net) if net.prefix_len() < 31 => Some(net.broadcast()),
            _ => None,
        };
        Self {
            ifname,
            address,
            peer: None,
            broadcast,
            label: None,
            scope: SCOPE_UNIVERSE,
            flags: 0,
            valid_lft: None,
            preferred_lft: None,
            metric: None,
        }
    }

    /// Whether it is IPv6's fe80::/10, which every port keeps.
    pub fn is_link_local_v6(&self) -> bool {
        matches!(self.address, IpNet::V6(net) if is_link_local(net.addr()))
    }

    /// Whether it is one the kernel holds once per device: the same address, prefix and peer there.
    pub fn is_same(&self, other: &Self) -> bool {
        self.ifname == other.ifname && self.address == other.address && self.peer == other.peer
    }

    /// What it leads to: its peer where it has one, else itself, in either case with its prefix length.
    pub fn opposite(&self) -> IpNet {
        self.peer.and_then(|peer| IpNet::new(peer, self.address.prefix_len()).ok()).unwrap_or(self.address)
    }

    /// Whether both lie in one subnet in the sense of IPv4's primary and secondary addresses.
    pub fn shares_subnet(&self, other: &Self) -> bool {
        matches!((self.opposite(), other.opposite()), (IpNet::V4(a), IpNet::V4(b)) if a.trunc() == b.trunc())
    }

    /// Whether `there`, which is the same, lacks what this one asks for and the kernel changes of none that is there: of IPv4 its scope, and
    /// a broadcast address. That there is none where the usual one is asked for does not count.
    pub fn must_be_made_anew(&self, there: &Self) -> bool {
        let IpNet::V4(_) = self.address else { return false };
        let usual = Self::lasting(self.ifname, self.opposite()).broadcast;
        let broadcast = self.broadcast.is_some_and(|wanted| there.broadcast.map_or(Some(wanted) != usual, |there| there != wanted));
        self.scope != there.scope || broadcast
    }

    /// This address with only the flags somebody may set.
    pub fn settable(&self) -> Self {
        Self { flags: self.flags & ADDRESS_SETTABLE, ..self.clone() }
    }

    /// This address as another device is to carry it; a label follows the device's name.
    pub fn moved_to(&self, ifname: IfName) -> Self {
        let label = self.label.as_ref().and_then(|label| {
            let label = label.strip_prefix(self.ifname.as_str()).map(|rest| format!("{ifname}{rest}"))?;
            (label.len() <= 15 && label != ifname.as_str()).then_some(label)
        });
        let mut moved = Self { ifname, label, ..self.settable() };
        // The host already defends it on the other device: asking the link again would only make it unusable for a second.
        if matches!(self.address, IpNet::V6(_)) && self.flags & ADDRESS_TENTATIVE == 0 {
            moved.flags |= ADDRESS_NODAD;
        }
        moved
    }
}

/// Whether `address` is in fe80::/10.
pub(in crate::plan) fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}
