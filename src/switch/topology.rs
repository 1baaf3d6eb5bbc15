//! What the switch has to know of the world: which bridges there are, and which datapath port belongs to which of their
//! ports. A [`Topology`] is a plain value made by whoever watches files and kernel; it replaces the one before as a whole.

use core::fmt;
use core::time::Duration;

use hashbrown::HashSet;
use ovsdp_proto::IfName;
use serde::{Deserialize, Serialize};

use super::bundles::Bundle;
use super::fdb;
use super::tunnel::Select;
use crate::model::{BridgeRules, PortRules, Tunnel, VlanSet};

/// A bridge's handle: the same as long as a bridge of that name exists without interruption, then never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BridgeId(pub(crate) u32);

/// A port's handle: the same as long as its bridge has a port of that name, whatever its number in the datapath becomes;
/// then never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortId(pub(crate) u32);

/// Every bridge of a datapath.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topology {
    /// The bridges, in any order.
    pub bridges: Vec<Bridge>,
}

/// One learning switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// Its name, which is its local port's too.
    pub name: IfName,
    /// What its local port leads to.
    pub local: Way,
    /// The other ports that are attached now, in any order. One that waits for its device is left out.
    pub ports: Vec<Port>,
    /// Aging time and size of its MAC table.
    pub macs: fdb::Limits,
    /// The VLANs in which nothing is learned and everything flooded.
    pub flood_vlans: VlanSet,
    /// Whether packets to reserved groups are forwarded as others.
    pub forward_bpdu: bool,
    /// How the local port switches.
    pub local_rules: PortRules,
}

/// One attachment of a bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: IfName,
    /// What it leads to.
    pub way: Way,
    /// How it switches.
    pub rules: PortRules,
}

impl Port {
    /// A port that is in every VLAN.
    pub fn new(name: IfName, way: Way) -> Self {
        Self { name, way, rules: PortRules::default() }
    }
}

/// What a port leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// The datapath's port with this number, which is this port's alone.
    Device(u32),
    /// Another host, through the datapath's port with this number: a tunnel device, which many ports share.
    Tunnel(u32, Tunnel),
    /// The port of this name of another bridge. Nothing goes through until that one names this one as its peer.
    Patch(IfName),
    /// Several of the datapath's ports that are one, or one that speaks LACP; without a member the port is not there.
    Bundle(Bundle),
}

impl Way {
    /// The datapath's port it goes through, if it goes through one; the first of several.
    pub fn dp_port(&self) -> Option<u32> {
        match self {
            Self::Device(number) | Self::Tunnel(number, _) => Some(*number),
            Self::Bundle(bundle) => bundle.members.first().map(|member| member.dp_port),
            Self::Patch(_) => None,
        }
    }
}

impl Bridge {
    /// A bridge with nothing but its local port, and the usual settings.
    pub fn new(name: IfName, local: u32) -> Self {
        let (macs, flood_vlans, local_rules) = (fdb::Limits::default(), VlanSet::none(), PortRules::default());
        Self { name, local: Way::Device(local), ports: Vec::new(), macs, flood_vlans, forward_bpdu: false, local_rules }
    }

    /// The same with one more port, which leads to a port of the datapath.
    #[must_use]
    pub fn port(self, name: IfName, dp_port: u32) -> Self {
        self.port_with(name, dp_port, PortRules::default())
    }

    /// The same with one more port, which leads to a port of the datapath and switches so.
    #[must_use]
    pub fn port_with(self, name: IfName, dp_port: u32, rules: PortRules) -> Self {
        self.with(Port { name, way: Way::Device(dp_port), rules })
    }

    /// The same with one more port, that is a bundle.
    #[must_use]
    pub fn bundle(self, name: IfName, bundle: Bundle) -> Self {
        self.with(Port::new(name, Way::Bundle(bundle)))
    }

    /// The same with one more port.
    #[must_use]
    pub fn with(mut self, port: Port) -> Self {
        self.ports.push(port);
        self
    }

    /// The same with settings of the model.
    #[must_use]
    pub fn rules(mut self, rules: &BridgeRules, local: &PortRules) -> Self {
        let BridgeRules { mac_aging, mac_table_size, flood_vlans, forward_bpdu } = rules;
        let usual = fdb::Limits::default();
        self.macs = fdb::Limits::new(mac_aging.unwrap_or(usual.aging()), mac_table_size.unwrap_or(usual.size()));
        (self.flood_vlans, self.forward_bpdu, self.local_rules) = (flood_vlans.clone(), *forward_bpdu, local.clone());
        self
    }

    /// The same with another aging time for MACs.
    #[must_use]
    pub fn aging(mut self, aging: Duration) -> Self {
        self.macs = fdb::Limits::new(aging, self.macs.size());
        self
    }

    /// The same with another size of its MAC table.
    #[must_use]
    pub fn table_size(mut self, size: u32) -> Self {
        self.macs = fdb::Limits::new(self.macs.aging(), size);
        self
    }

    /// Every port's name, what it leads to and how it switches, the local one first.
    pub(crate) fn all_ports(&self) -> impl Iterator<Item = (IfName, &Way, &PortRules)> {
        let local = core::iter::once((self.name, &self.local, &self.local_rules));
        local.chain(self.ports.iter().map(|port| (port.name, &port.way, &port.rules)))
    }
}

/// Why a topology cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadTopology {
    /// Two bridges have this name.
    BridgeTwice(IfName),
    /// Two ports of the first bridge have the second name (its local port counts).
    PortTwice(IfName, IfName),
    /// Two ports have this number in the datapath.
    NumberTwice(u32),
    /// Two tunnel ports take the same packets; this is the second one.
    TunnelTwice(IfName),
}

impl fmt::Display for BadTopology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BridgeTwice(name) => write!(f, "two bridges are named {name}"),
            Self::PortTwice(bridge, port) => write!(f, "bridge {bridge} has two ports named {port}"),
            Self::TunnelTwice(port) => write!(f, "two tunnel ports take the same packets, and one of them is {port}"),
            Self::NumberTwice(number) => write!(f, "two ports have the number {number} in the datapath"),
        }
    }
}

impl core::error::Error for BadTopology {}

impl Topology {
    /// Checks that every name and number belongs to one thing only.
    ///
    /// # Errors
    /// [`BadTopology`] names the first that does not.
    pub fn check(&self) -> Result<(), BadTopology> {
        let mut bridges = HashSet::<_, foldhash::quality::RandomState>::default();
        let mut numbers = HashSet::<_, foldhash::quality::RandomState>::default();
        let mut ports = HashSet::<_, foldhash::quality::RandomState>::default();
        let mut devices = HashSet::<_, foldhash::quality::RandomState>::default();
        let mut tunnels = HashSet::<_, foldhash::quality::RandomState>::default();
        for bridge in &self.bridges {
            if !bridges.insert(bridge.name) {
                return Err(BadTopology::BridgeTwice(bridge.name));
            }
            ports.clear();
            for (name, way, _) in bridge.all_ports() {
                if !ports.insert(name) {
                    return Err(BadTopology::PortTwice(bridge.name, name));
                }
                let twice = match way {
                    Way::Device(number) => (!numbers.insert(*number)).then_some(*number),
                    Way::Bundle(bundle) => bundle.members.iter().map(|member| member.dp_port).find(|number| !numbers.insert(*number)),
                    Way::Tunnel(number, tunnel) => {
                        devices.insert(*number);
                        if !tunnels.insert(Select::of(*number, tunnel)) {
                            return Err(BadTopology::TunnelTwice(name));
                        }
                        None
                    }
                    Way::Patch(_) => None,
                };
                if let Some(number) = twice {
                    return Err(BadTopology::NumberTwice(number));
                }
            }
        }
        devices.intersection(&numbers).next().map_or(Ok(()), |number| Err(BadTopology::NumberTwice(*number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> IfName {
        IfName::new(text).unwrap()
    }

    #[test]
    fn a_name_or_number_belongs_to_one_thing() {
        let a = Bridge::new(name("a"), 1).port(name("p"), 2);
        let check = |bridges: Vec<Bridge>| Topology { bridges }.check();
        assert_eq!(check(vec![a.clone(), Bridge::new(name("b"), 3).port(name("p"), 4)]), Ok(()));
        assert_eq!(check(vec![a.clone(), Bridge::new(name("a"), 3)]), Err(BadTopology::BridgeTwice(name("a"))));
        assert_eq!(check(vec![a.clone().port(name("p"), 9)]), Err(BadTopology::PortTwice(name("a"), name("p"))));
        assert_eq!(check(vec![a.clone().port(name("a"), 9)]), Err(BadTopology::PortTwice(name("a"), name("a"))));
        assert_eq!(check(vec![a.clone(), Bridge::new(name("b"), 2)]), Err(BadTopology::NumberTwice(2)));

        let tunnel = |key| Tunnel::parse("vxlan", [("remote_ip", "10.0.0.2"), ("key", key)]).unwrap();
        let vx = |port, number, key| Port::new(name(port), Way::Tunnel(number, tunnel(key)));
        let b = Bridge::new(name("b"), 3).with(vx("vx0", 4, "1")).with(vx("vx1", 4, "2"));
        assert_eq!(check(vec![a.clone(), b.clone()]), Ok(()));
        assert_eq!(check(vec![a.clone().with(vx("vx2", 4, "2")), b.clone()]), Err(BadTopology::TunnelTwice(name("vx1"))));
        assert_eq!(check(vec![a.with(vx("vx2", 1, "3")), b]), Err(BadTopology::NumberTwice(1)));
    }
}
