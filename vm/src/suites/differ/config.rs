//! Bridges, as `ovs-vsctl` is told of them and as files say the same.
//!
//! What a port is told is one text for both: the words after `ovs-vsctl add-port` are those of `OVS_OPTIONS`.

use std::collections::BTreeMap;

/// Some bridges that are joined to each other, or not.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) bridges: Vec<Bridge>,
    pub(super) flavour: Flavour,
}

/// What is met together. What is on purpose not as in Open vSwitch (`compare.rs`) can be told of one bridge, not of what several have made of
/// a packet: so where bridges are joined some things are not met beside others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    /// Everything, in one bridge.
    Alone,
    /// Joined bridges, with priorities, and nothing under a tag. Between the bridges no tag only says a priority.
    Priorities,
    /// Joined bridges, with tags under tags, and none that only says a priority.
    Customers,
}

/// One bridge.
#[derive(Debug, Clone)]
pub(super) struct Bridge {
    pub(super) name: String,
    /// What its record in the table `Bridge` has.
    pub(super) settings: Vec<String>,
    /// What its own port's record has.
    pub(super) local: Vec<String>,
    /// Its fake bridges, and the VLANs of those.
    pub(super) fakes: Vec<(String, u16)>,
    pub(super) ports: Vec<Port>,
}

/// One port.
#[derive(Debug, Clone)]
pub(super) struct Port {
    pub(super) name: String,
    /// The bridge it is added to, or a fake one of that.
    pub(super) on: String,
    pub(super) kind: Kind,
    /// What its record has.
    pub(super) settings: Vec<String>,
}

/// What a port is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Internal,
    Patch {
        peer: String,
    },
    /// With LACP it has no partner, and is shut.
    Bond {
        members: Vec<String>,
        lacp: bool,
    },
    Tunnel {
        kind: &'static str,
        options: Vec<String>,
    },
}

/// What makes a port a customer's.
pub(super) const CUSTOMERS: &str = "vlan_mode=dot1q-tunnel";

impl Setup {
    /// How many tags a packet may have that comes in by a port. Open vSwitch knows two, and loses what is under two when it puts on
    /// another: of one bridge it can be told how.
    pub(super) fn room(&self, bridge: &Bridge, in_port: &str) -> usize {
        if self.flavour == Flavour::Alone {
            return usize::MAX;
        }
        let is_customers = |port: &Port| port.settings.iter().any(|setting| setting == CUSTOMERS);
        2 - usize::from(bridge.is_customers(in_port)) - usize::from(self.joins().any(is_customers))
    }

    /// Whether the patch ports lead in a ring.
    pub(super) fn has_ring(&self) -> bool {
        self.joins().count() / 2 >= self.bridges.len()
    }

    fn joins(&self) -> impl Iterator<Item = &Port> {
        self.bridges.iter().flat_map(|bridge| &bridge.ports).filter(|port| matches!(port.kind, Kind::Patch { .. }))
    }

    /// What a datapath's port is called here by the name of each: members are called as their bond, as which of them carries a packet is
    /// chance, and tunnels as their device.
    pub(super) fn aliases(&self) -> BTreeMap<String, String> {
        let mut aliases = BTreeMap::new();
        for port in self.bridges.iter().flat_map(|bridge| &bridge.ports) {
            match &port.kind {
                Kind::Bond { members, .. } => aliases.extend(members.iter().map(|member| (member.clone(), port.name.clone()))),
                Kind::Tunnel { kind, .. } => _ = aliases.insert(port.name.clone(), device(kind).to_owned()),
                Kind::Internal | Kind::Patch { .. } => {}
            }
        }
        aliases
    }

    /// The words for `ovs-vsctl` that make it, in one transaction.
    pub(super) fn vsctl(&self) -> String {
        let mut words = String::new();
        for bridge in &self.bridges {
            let name = &bridge.name;
            words += &format!(" -- add-br {name}");
            if !bridge.settings.is_empty() {
                words += &format!(" -- set Bridge {name} {}", bridge.settings.join(" "));
            }
            if !bridge.local.is_empty() {
                words += &format!(" -- set Port {name} {}", bridge.local.join(" "));
            }
            for (fake, vlan) in &bridge.fakes {
                words += &format!(" -- add-br {fake} {name} {vlan}");
            }
            for Port { name, on, kind, settings } in &bridge.ports {
                let settings = settings.join(" ");
                words += &match kind {
                    Kind::Internal => format!(" -- add-port {on} {name} {settings} -- set Interface {name} type=internal"),
                    Kind::Patch { peer } => format!(" -- add-port {on} {name} {settings} -- set Interface {name} type=patch options:peer={peer}"),
                    Kind::Bond { members, .. } => format!(" -- add-bond {on} {name} {} {settings}", members.join(" ")),
                    Kind::Tunnel { kind, options } => {
                        format!(" -- add-port {on} {name} {settings} -- set Interface {name} type={kind} {}", prefixed(options))
                    }
                };
            }
        }
        words
    }

    /// The files that say the same: the names of the devices, and the lines.
    pub(super) fn files(&self) -> Vec<(String, String)> {
        let mut files = Vec::new();
        let mut file = |name: &str, lines: &[String]| {
            let lines = lines.iter().fold(String::new(), |text, line| text + line + "\n");
            files.push((name.to_owned(), format!("DEVICE={name}\nDEVICETYPE=ovs\nONBOOT=yes\nBOOTPROTO=none\n{lines}")));
        };
        for bridge in &self.bridges {
            let mut extra = Vec::new();
            if !bridge.settings.is_empty() {
                extra.push(format!("set Bridge {} {}", bridge.name, bridge.settings.join(" ")));
            }
            if !bridge.local.is_empty() {
                extra.push(format!("set Port {} {}", bridge.name, bridge.local.join(" ")));
            }
            file(&bridge.name, &["TYPE=OVSBridge".to_owned(), format!("OVS_EXTRA=\"{}\"", extra.join(" -- "))]);
            for (fake, vlan) in &bridge.fakes {
                file(fake, &["TYPE=OVSBridge".to_owned(), format!("OVS_OPTIONS=\"{} {vlan}\"", bridge.name)]);
            }
            for Port { name, on, kind, settings } in &bridge.ports {
                let options = format!("OVS_OPTIONS=\"{}\"", settings.join(" "));
                let on = format!("OVS_BRIDGE={on}");
                let kind = match kind {
                    Kind::Internal => vec!["TYPE=OVSIntPort".to_owned()],
                    Kind::Patch { peer } => vec!["TYPE=OVSPatchPort".to_owned(), format!("OVS_PATCH_PEER={peer}")],
                    Kind::Bond { members, .. } => vec!["TYPE=OVSBond".to_owned(), format!("BOND_IFACES=\"{}\"", members.join(" "))],
                    Kind::Tunnel { kind, options } => {
                        vec!["TYPE=OVSTunnel".to_owned(), format!("OVS_TUNNEL_TYPE={kind}"), format!("OVS_TUNNEL_OPTIONS=\"{}\"", prefixed(options))]
                    }
                };
                file(name, &[kind, vec![on, options]].concat());
            }
        }
        files
    }
}

/// The kernel's device of a type of tunnel.
pub(super) fn device(kind: &str) -> &'static str {
    match kind {
        "vxlan" => "vxlan_sys_4789",
        "geneve" => "genev_sys_6081",
        _ => "gre_sys",
    }
}

fn prefixed(options: &[String]) -> String {
    options.iter().map(|option| format!("options:{option}")).collect::<Vec<_>>().join(" ")
}

impl Bridge {
    /// The ports a packet can come in by: devices, and tunnels.
    pub(super) fn doors(&self) -> Vec<String> {
        let mut doors = vec![self.name.clone()];
        doors.extend(self.fakes.iter().map(|(name, _)| name.clone()));
        for port in &self.ports {
            match &port.kind {
                Kind::Internal => doors.push(port.name.clone()),
                Kind::Bond { members, .. } => doors.extend(members.iter().cloned()),
                Kind::Tunnel { .. } => doors.push(port.name.clone()),
                Kind::Patch { .. } => {}
            }
        }
        doors
    }

    /// The tunnel of this name: its type and options.
    pub(super) fn tunnel(&self, name: &str) -> Option<(&'static str, &[String])> {
        self.ports.iter().find(|port| port.name == name).and_then(|port| match &port.kind {
            Kind::Tunnel { kind, options } => Some((*kind, &options[..])),
            _ => None,
        })
    }

    /// Whether that port is a customer's.
    pub(super) fn is_customers(&self, port: &str) -> bool {
        self.settings_of(port).is_some_and(|settings| settings.iter().any(|setting| setting == CUSTOMERS))
    }

    /// Whether one of its ports has a setting that begins so.
    pub(super) fn is_told(&self, what: &str) -> bool {
        self.ports.iter().map(|port| &port.settings).chain([&self.local]).flatten().any(|setting| setting.starts_with(what))
    }

    /// What the port called so, or that has a member called so, is told; `None` when it is none of this bridge.
    pub(super) fn settings_of(&self, port: &str) -> Option<Vec<String>> {
        if port == self.name {
            return Some(self.local.clone());
        }
        let in_fake = |name: &str| self.fakes.iter().find(|(fake, _)| fake == name).map(|(_, vlan)| format!("tag={vlan}"));
        let has = |kind: &Kind| matches!(kind, Kind::Bond { members, .. } if members.iter().any(|member| member == port));
        let found = self.ports.iter().find(|known| known.name == port || has(&known.kind));
        found.map(|known| known.settings.iter().cloned().chain(in_fake(&known.on)).collect()).or_else(|| in_fake(port).map(|tag| vec![tag]))
    }
}
