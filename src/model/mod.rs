//! Intent: what the files ask for, validated and free of text that still needs reading. Every value here is one the
//! kernel could be given.
//!
//! It must not know files, spans, the kernel or what is there already; those are `ifcfg`'s and `plan`'s.

mod address;
mod vlan;

use std::collections::BTreeMap;

use ovsdp_proto::{IfName, Mac};
use serde::{Deserialize, Serialize};

pub use address::{Addressing, Dhcp, Static};
pub use vlan::{BridgeRules, NoVlan, PortRules, PriorityTags, ServiceTag, Vid, VlanSet, Vlans};

/// Everything a folder of files asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Intent {
    /// The bridges by name.
    pub bridges: BTreeMap<IfName, Bridge>,
}

/// One learning switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bridge {
    /// Whether it comes up when nobody names it (`ONBOOT`, true unless the file says otherwise).
    pub onboot: bool,
    /// The local port's interface, of the bridge's own name: always [`Kind::Internal`].
    pub local: Interface,
    /// The other ports by name, the local one not among them.
    pub ports: BTreeMap<IfName, Port>,
    /// How it switches.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rules: BridgeRules,
    /// How its local port switches.
    #[serde(default, skip_serializing_if = "is_default")]
    pub local_rules: PortRules,
}

impl Bridge {
    /// A bridge with nothing but its local port, that comes up by itself.
    pub fn new(name: IfName) -> Self {
        Self {
            onboot: true,
            local: Interface::new(name, Kind::Internal),
            ports: BTreeMap::new(),
            rules: BridgeRules::default(),
            local_rules: PortRules::default(),
        }
    }

    /// The bridge's name, which is its local interface's too.
    pub fn name(&self) -> IfName {
        self.local.name
    }

    /// Every interface of the bridge: the local one first, then the ports' in the order of the ports' names.
    pub fn interfaces(&self) -> impl Iterator<Item = &Interface> {
        std::iter::once(&self.local).chain(self.ports.values().flat_map(|port| &port.interfaces))
    }
}

/// What a bridge sees as one attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Whether it is attached when nobody names it (`ONBOOT`).
    pub onboot: bool,
    /// The network devices under it: one, or several when it is a bond. Never empty.
    pub interfaces: Vec<Interface>,
    /// How it switches.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rules: PortRules,
}

impl Port {
    /// A port with one interface, that is attached without being named.
    pub fn new(interface: Interface) -> Self {
        Self { onboot: true, interfaces: vec![interface], rules: PortRules::default() }
    }
}

/// Whether a setting is what it is when nobody asks for anything: it is then not written.
fn is_default<T: Default + PartialEq>(setting: &T) -> bool {
    *setting == T::default()
}

/// What kind of network device an interface is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A device that exists by itself, such as `eth0`.
    System,
    /// A device the datapath makes for the host to use.
    Internal,
}

/// One network device under a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// The device's name.
    pub name: IfName,
    /// What kind of device it is.
    pub kind: Kind,
    /// The Ethernet address asked for (`MACADDR`); `None` leaves a system device as it is and lets a bridge take its
    /// port's.
    pub mac: Option<Mac>,
    /// The MTU asked for in bytes (`MTU`), 68 to 65535; `None` lets it follow the ports'.
    pub mtu: Option<u32>,
    /// How it gets its addresses. [`Addressing::None`] on system interfaces: a port carries no address.
    pub addressing: Addressing,
}

impl Interface {
    /// An interface that asks for nothing.
    pub fn new(name: IfName, kind: Kind) -> Self {
        Self { name, kind, mac: None, mtu: None, addressing: Addressing::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rules_that_are_asked_for_are_written_and_they_come_back() {
        let mut bridge = Bridge::new(IfName::new("br0").unwrap());
        bridge.ports.insert(IfName::new("p1").unwrap(), Port::new(Interface::new(IfName::new("p1").unwrap(), Kind::System)));
        let plain = serde_json::to_string(&bridge).unwrap();
        assert!(!plain.contains("rules"), "{plain}");
        assert_eq!(serde_json::from_str::<Bridge>(&plain).unwrap(), bridge);
        bridge.rules.forward_bpdu = true;
        bridge.local_rules.protected = true;
        bridge.ports.values_mut().for_each(|port| port.rules.vlans = Vlans::Access { vlan: Vid::try_from(5).unwrap() });
        let text = serde_json::to_string(&bridge).unwrap();
        assert_eq!(serde_json::from_str::<Bridge>(&text).unwrap(), bridge);
    }
}
