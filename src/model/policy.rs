//! A rule that says by which table packets are routed, written down for an interface.
//!
//! It must not know which rules there are, nor the words of the files it stood in.

use std::fmt;

use ipnet::IpNet;
use ovsdp_proto::IfName;
use serde::{Deserialize, Serialize};

/// Which packets, and what becomes of them. `None` and 0 in a selector mean any packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRule {
    /// Whether it is about IPv6's packets.
    pub ipv6: bool,
    /// Its place among the rules, the lowest first; `None` leaves the choice to the kernel: before all that were chosen so or given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u32>,
    /// Whether it holds for the packets that do not match.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub not: bool,
    /// From this network, without host bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<IpNet>,
    /// To this network, without host bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<IpNet>,
    /// That came in through this device; `lo` for the host's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iif: Option<IfName>,
    /// Of sockets bound to this device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oif: Option<IfName>,
    /// With this mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// With this type of service.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub tos: u8,
    /// Of this protocol above IP.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub ipproto: u8,
    /// From one of these ports, the first and the last, not 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sport: Option<(u16, u16)>,
    /// To one of these ports, the first and the last, not 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dport: Option<(u16, u16)>,
    /// Of sockets of one of these users, the first and the last, neither the highest there could be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uids: Option<(u32, u32)>,
    /// Out of a tunnel, with this key, not 0.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub tunnel: u64,
    /// What becomes of the packets.
    pub action: RuleAction,
}

/// A mark and which of its bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The bits' values.
    pub value: u32,
    /// The bits that count, not 0.
    pub mask: u32,
}

/// What becomes of the packets of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleAction {
    /// They are routed by a table.
    Lookup {
        /// Its number, not 0.
        table: u32,
        /// Routes to networks of at most this prefix length do not count.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        suppress: Option<u8>,
        /// Routes out of devices of this group do not count.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        suppress_group: Option<u32>,
    },
    /// They are routed by the table of the VRF that they belong to, if they belong to one.
    Vrf,
    /// The rules before this priority, which is behind the rule's own, are passed over.
    Goto(u32),
    /// Nothing.
    Nop,
    /// They are dropped.
    Blackhole,
    /// They are dropped, and the sender is told that the host is unreachable.
    Unreachable,
    /// They are dropped, and the sender is told that it is forbidden.
    Prohibit,
}

impl RuleAction {
    /// By a table, all of its routes counting.
    pub const fn lookup(table: u32) -> Self {
        Self::Lookup { table, suppress: None, suppress_group: None }
    }
}

impl PolicyRule {
    /// A rule about every packet.
    pub const fn new(ipv6: bool, action: RuleAction) -> Self {
        Self {
            ipv6,
            priority: None,
            not: false,
            from: None,
            to: None,
            iif: None,
            oif: None,
            mark: None,
            tos: 0,
            ipproto: 0,
            sport: None,
            dport: None,
            uids: None,
            tunnel: 0,
            action,
        }
    }

    /// Whether `there`, a rule of the kernel's, is this one: all is the same, but for a priority that nobody asked for.
    pub fn is_met_by(&self, there: &Self) -> bool {
        let priority = self.priority.or(there.priority);
        there.priority == priority && Self { priority, ..self.clone() } == *there
    }
}

impl fmt::Display for PolicyRule {
    /// As `ip rule add` takes it, after a `-6` of its own for IPv6.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.ipv6 { "-6" } else { "" })?;
        let mut words: Vec<String> = Vec::new();
        words.extend(self.not.then(|| "not".to_owned()));
        words.push(self.from.map_or_else(|| "from all".to_owned(), |net| format!("from {net}")));
        words.extend(self.to.map(|net| format!("to {net}")));
        words.extend(self.iif.map(|name| format!("iif {name}")));
        words.extend(self.oif.map(|name| format!("oif {name}")));
        words.extend(self.mark.map(|Mark { value, mask }| match mask {
            u32::MAX => format!("fwmark {value:#x}"),
            _ => format!("fwmark {value:#x}/{mask:#x}"),
        }));
        words.extend((self.tos != 0).then(|| format!("tos {:#x}", self.tos)));
        words.extend((self.ipproto != 0).then(|| format!("ipproto {}", self.ipproto)));
        for (name, ports) in [("sport", self.sport), ("dport", self.dport)] {
            words.extend(ports.map(|(first, last)| if first == last { format!("{name} {first}") } else { format!("{name} {first}-{last}") }));
        }
        words.extend(self.uids.map(|(first, last)| format!("uidrange {first}-{last}")));
        words.extend((self.tunnel != 0).then(|| format!("tun_id {}", self.tunnel)));
        words.push(match self.action {
            RuleAction::Lookup { table, suppress, suppress_group } => {
                let length = suppress.map(|length| format!(" suppress_prefixlength {length}")).unwrap_or_default();
                let group = suppress_group.map(|group| format!(" suppress_ifgroup {group}")).unwrap_or_default();
                format!("lookup {table}{length}{group}")
            }
            RuleAction::Vrf => "l3mdev".to_owned(),
            RuleAction::Goto(priority) => format!("goto {priority}"),
            RuleAction::Nop => "nop".to_owned(),
            RuleAction::Blackhole => "blackhole".to_owned(),
            RuleAction::Unreachable => "unreachable".to_owned(),
            RuleAction::Prohibit => "prohibit".to_owned(),
        });
        words.extend(self.priority.map(|priority| format!("priority {priority}")));
        let space = if self.ipv6 { " " } else { "" };
        write!(f, "{space}{}", words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_priority_may_be_left_open() {
        let rule = PolicyRule { from: "192.0.2.0/24".parse().ok(), ..PolicyRule::new(false, RuleAction::lookup(100)) };
        let there = PolicyRule { priority: Some(32765), ..rule.clone() };
        assert!(rule.is_met_by(&there));
        assert!(!PolicyRule { priority: Some(5), ..rule.clone() }.is_met_by(&there));
        assert!(!PolicyRule { tos: 16, ..rule }.is_met_by(&there));
    }

    #[test]
    fn told_as_ip_takes_it() {
        let mut rule = PolicyRule::new(true, RuleAction::Lookup { table: 254, suppress: Some(0), suppress_group: None });
        assert_eq!(rule.to_string(), "-6 from all lookup 254 suppress_prefixlength 0");
        rule = PolicyRule { ipv6: false, not: true, mark: Some(Mark { value: 1, mask: 0xff }), dport: Some((1, 2)), priority: Some(7), ..rule };
        assert_eq!(rule.to_string(), "not from all fwmark 0x1/0xff dport 1-2 lookup 254 suppress_prefixlength 0 priority 7");
        rule = PolicyRule { uids: Some((1, 9)), tunnel: 7, ..PolicyRule::new(false, RuleAction::Vrf) };
        assert_eq!(rule.to_string(), "from all uidrange 1-9 tun_id 7 l3mdev");
    }
}
