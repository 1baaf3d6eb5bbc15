//! What is asked of a port with several interfaces, and of LACP on any port: how its members share the load, which of them
//! may carry packets, and what is said to the partner at the other end.
//!
//! The names, defaults and ranges are Open vSwitch's (the Port and Interface tables of its database). It must not know what
//! a member's link does now; that is the switch's.

use std::time::Duration;

use ovsdp_proto::{IfName, Mac};
use serde::{Deserialize, Serialize};

/// How a bond's members share the load (`bond_mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BondMode {
    /// One member carries everything, the others wait.
    #[default]
    ActiveBackup,
    /// By source address and VLAN; needs nothing of the partner.
    BalanceSlb,
    /// By addresses and ports of layers 3 and 4; needs LACP.
    BalanceTcp,
}

impl BondMode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::ActiveBackup, Self::BalanceSlb, Self::BalanceTcp];

    /// The mode's name.
    pub const fn text(self) -> &'static str {
        match self {
            Self::ActiveBackup => "active-backup",
            Self::BalanceSlb => "balance-slb",
            Self::BalanceTcp => "balance-tcp",
        }
    }

    /// The mode of that name.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.text() == text)
    }
}

/// How it is told whether a member's link works (`bond-detect-mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detect {
    /// By the kernel's word, which comes by itself.
    #[default]
    Carrier,
    /// By asking the device's transceiver every so often (`bond-miimon-interval`, 200 ms), for drivers that do not say.
    Miimon {
        /// Milliseconds between two questions; what is below 100 is taken for 100, as by Open vSwitch.
        interval: u32,
    },
}

/// What Open vSwitch takes for `bond-miimon-interval` when it is not said, and the least it takes, in milliseconds.
pub const MIIMON: u32 = 200;
const MIIMON_MIN: u32 = 100;

impl Detect {
    /// Time between two questions; `None` when the kernel's word is waited for.
    pub fn every(self) -> Option<Duration> {
        match self {
            Self::Carrier => None,
            Self::Miimon { interval } => Some(Duration::from_millis(interval.max(MIIMON_MIN).into())),
        }
    }
}

/// LACP on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Lacp {
    /// Whether it speaks first (`lacp=active`), or only answers (`passive`).
    pub active: bool,
    /// Whether the partner is asked to speak every second and not every 30 (`lacp-time=fast`).
    pub fast: bool,
    /// Whether a bond whose partner does not speak LACP works as active-backup meanwhile (`lacp-fallback-ab`).
    pub fallback_ab: bool,
    /// The system's address (`lacp-system-id`); `None` takes the bridge's. Never zero.
    pub system: Option<Mac>,
    /// The system's priority (`lacp-system-priority`), 1 to 65535, lower is better; `None` takes Open vSwitch's: 65534 for
    /// a bond, 65535 for a port with one interface.
    pub system_priority: Option<u16>,
}

impl Default for Lacp {
    /// Active and slow, with what Open vSwitch takes for the rest.
    fn default() -> Self {
        Self { active: true, fast: false, fallback_ab: false, system: None, system_priority: None }
    }
}

/// What LACP says of one interface; `None` takes Open vSwitch's default. 1 to 65535 each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LacpMember {
    /// The port's number (`lacp-port-id`); by default one the switch gives it.
    pub port_id: Option<u16>,
    /// The port's priority (`lacp-port-priority`), lower is better; by default 65535.
    pub port_priority: Option<u16>,
    /// The aggregation key (`lacp-aggregation-key`): ports with other keys are not aggregated; by default the port id of
    /// the bond's first member.
    pub key: Option<u16>,
}

/// How a port's interfaces are one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Bond {
    /// How the members share the load.
    pub mode: BondMode,
    /// How long a member's link must be up before it carries packets (`bond_updelay`), in milliseconds.
    pub updelay: u32,
    /// How long a member's link must be down before it no longer does (`bond_downdelay`), in milliseconds.
    pub downdelay: u32,
    /// How it is told whether a link is up.
    pub detect: Detect,
    /// The member that is active whenever it can be, in active-backup (`bond-primary`).
    pub primary: Option<IfName>,
    /// Milliseconds between two looks at how even the load is (`bond-rebalance-interval`): 0 for never, else at least 1000.
    pub rebalance_interval: u32,
    /// What the hash that spreads the load begins with (`bond-hash-basis`).
    pub hash_basis: u32,
}

/// The least time between two looks at how even the load is.
pub const REBALANCE_MIN: u32 = 1_000;

impl Default for Bond {
    /// Open vSwitch's: active-backup, no delays, a look at the load every 10 seconds.
    fn default() -> Self {
        Self {
            mode: BondMode::ActiveBackup,
            updelay: 0,
            downdelay: 0,
            detect: Detect::Carrier,
            primary: None,
            rebalance_interval: 10_000,
            hash_basis: 0,
        }
    }
}

impl Bond {
    /// Time between two looks at how even the load is; `None` for never. What is too short is taken for the shortest.
    pub fn rebalance(&self) -> Option<Duration> {
        let interval = self.rebalance_interval;
        (interval != 0).then(|| Duration::from_millis(interval.max(REBALANCE_MIN).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_have_the_names_open_vswitch_gives_them() {
        assert_eq!(BondMode::ALL.map(BondMode::text), ["active-backup", "balance-slb", "balance-tcp"]);
        assert_eq!(BondMode::of("balance-slb"), Some(BondMode::BalanceSlb));
        assert_eq!(BondMode::of("stable"), None);
        assert_eq!(serde_json::to_string(&BondMode::BalanceTcp).unwrap(), "\"balance-tcp\"");
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        assert_eq!(serde_json::from_str::<Bond>("{}").unwrap(), Bond::default());
        assert_eq!(serde_json::from_str::<Lacp>("{}").unwrap(), Lacp::default());
        let bond: Bond = serde_json::from_str(r#"{"detect":{"miimon":{"interval":200}},"mode":"balance-tcp"}"#).unwrap();
        assert_eq!((bond.detect, bond.mode), (Detect::Miimon { interval: 200 }, BondMode::BalanceTcp));
    }

    #[test]
    fn a_transceiver_is_asked_no_more_than_ten_times_a_second() {
        let every = [Detect::Carrier, Detect::Miimon { interval: 1 }, Detect::Miimon { interval: MIIMON }].map(Detect::every);
        assert_eq!(every, [None, Some(Duration::from_millis(100)), Some(Duration::from_millis(200))]);
    }

    #[test]
    fn the_load_is_looked_at_no_more_than_once_a_second() {
        let every = |rebalance_interval| Bond { rebalance_interval, ..Bond::default() }.rebalance();
        assert_eq!([every(0), every(1), every(10_000)], [None, Some(Duration::from_secs(1)), Some(Duration::from_secs(10))]);
    }
}
