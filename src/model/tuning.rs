//! What a network device itself is asked for beside its address and MTU: offloads, rings, pause frames, speed, wake-up.
//!
//! It must not know which of it a device has.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What files ask of a device (`ETHTOOL_OPTS`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tuning {
    /// Offloads and other features to be on or off, in the files' order: of two that speak of the same the later counts. Each is a
    /// feature's own name in the kernel, or one of ethtool's for several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<(String, bool)>,
    /// Everything else.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<Setting, u32>,
}

impl Tuning {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty() && self.settings.is_empty()
    }
}

/// One number of a device's. What is on or off is 1 or 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    /// Packets the receive ring holds.
    RingRx,
    /// Packets the receive ring for small ones holds.
    RingRxMini,
    /// Packets the receive ring for jumbo frames holds.
    RingRxJumbo,
    /// Packets the transmit ring holds.
    RingTx,
    /// Whether pause frames are agreed on with the other end.
    PauseAutoneg,
    /// Whether pause frames are heeded.
    PauseRx,
    /// Whether pause frames are sent.
    PauseTx,
    /// Whether speed and duplex are agreed on with the other end.
    Autoneg,
    /// Megabits a second.
    Speed,
    /// Both ways at once: 1, or one at a time: 0.
    Duplex,
    /// What wakes the host up: bits `WAKE_*` of `include/uapi/linux/ethtool.h`.
    WakeOn,
}

/// What the kernel is told, and says, in one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// The sizes of rings.
    Rings,
    /// Pause frames.
    Pause,
    /// Speed and duplex.
    Link,
    /// Waking up.
    Wake,
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 4] = [Self::Rings, Self::Pause, Self::Link, Self::Wake];

    /// As it reads in a sentence.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rings => "ring sizes",
            Self::Pause => "pause frames",
            Self::Link => "speed and duplex",
            Self::Wake => "wake-on-LAN",
        }
    }
}

impl Setting {
    /// The message it belongs to.
    pub const fn group(self) -> Group {
        match self {
            Self::RingRx | Self::RingRxMini | Self::RingRxJumbo | Self::RingTx => Group::Rings,
            Self::PauseAutoneg | Self::PauseRx | Self::PauseTx => Group::Pause,
            Self::Autoneg | Self::Speed | Self::Duplex => Group::Link,
            Self::WakeOn => Group::Wake,
        }
    }

    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RingRx => "ring rx",
            Self::RingRxMini => "ring rx-mini",
            Self::RingRxJumbo => "ring rx-jumbo",
            Self::RingTx => "ring tx",
            Self::PauseAutoneg => "pause autoneg",
            Self::PauseRx => "pause rx",
            Self::PauseTx => "pause tx",
            Self::Autoneg => "autoneg",
            Self::Speed => "speed",
            Self::Duplex => "duplex",
            Self::WakeOn => "wol",
        }
    }

    /// A value as ethtool's command line has it.
    pub fn text(self, value: u32) -> String {
        match self {
            Self::PauseAutoneg | Self::PauseRx | Self::PauseTx | Self::Autoneg => if value == 0 { "off" } else { "on" }.to_owned(),
            Self::Duplex => if value == 0 { "half" } else { "full" }.to_owned(),
            Self::WakeOn if value == 0 => "d".to_owned(),
            Self::WakeOn => WAKE.iter().filter(|(_, bit)| value & bit != 0).map(|(letter, _)| *letter).collect(),
            _ => value.to_string(),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// ethtool's letters for what wakes a host up, with the kernel's bits.
pub const WAKE: [(char, u32); 8] = [('p', 1), ('u', 2), ('m', 4), ('b', 8), ('a', 16), ('g', 32), ('s', 64), ('f', 128)];
