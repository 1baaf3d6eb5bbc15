//! VLANs, and which of them a port is in. What each mode does to a packet is the switch's (`switch/vlan.rs`); here are only the
//! settings, each of a value that can be.
//!
//! A fake bridge needs nothing of its own here: it is an internal port and others, all in [`Vlans::Access`] of its VLAN.

use core::fmt;

use serde::{Deserialize, Serialize};

/// A VLAN's number, 0 to 4095; 0 is the VLAN of packets without a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Vid(u16);

/// A number above 4095 is no VLAN's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoVlan(pub u16);

impl fmt::Display for NoVlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is no VLAN: they go from 0 (untagged) to 4095", self.0)
    }
}

impl core::error::Error for NoVlan {}

impl TryFrom<u16> for Vid {
    type Error = NoVlan;

    fn try_from(vid: u16) -> Result<Self, NoVlan> {
        if vid < 4096 { Ok(Self(vid)) } else { Err(NoVlan(vid)) }
    }
}

impl From<Vid> for u16 {
    fn from(Vid(vid): Vid) -> Self {
        vid
    }
}

/// A set of VLANs, written as their numbers in order.
#[derive(Clone, PartialEq, Eq)]
pub struct VlanSet(Box<[u64; 64]>);

impl VlanSet {
    /// No VLAN.
    pub fn none() -> Self {
        Self(Box::new([0; 64]))
    }

    /// Every VLAN, 0 among them.
    pub fn all() -> Self {
        Self(Box::new([u64::MAX; 64]))
    }

    /// Whether a VLAN is in it; a number that is no VLAN's is not.
    #[inline]
    pub fn contains(&self, vid: u16) -> bool {
        self.0.get(usize::from(vid / 64)).is_some_and(|word| word >> (vid % 64) & 1 != 0)
    }

    /// Whether no VLAN is in it.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Puts a VLAN in.
    pub fn insert(&mut self, vid: Vid) {
        self.0[usize::from(vid.0 / 64)] |= 1 << (vid.0 % 64);
    }

    /// Takes a VLAN out.
    pub fn remove(&mut self, vid: Vid) {
        self.0[usize::from(vid.0 / 64)] &= !(1 << (vid.0 % 64));
    }

    /// The VLANs in it, in order.
    pub fn iter(&self) -> impl Iterator<Item = Vid> {
        (0..4096).filter(|vid| self.contains(*vid)).map(Vid)
    }
}

impl Default for VlanSet {
    fn default() -> Self {
        Self::none()
    }
}

impl fmt::Debug for VlanSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(u16::from)).finish()
    }
}

impl FromIterator<Vid> for VlanSet {
    fn from_iter<I: IntoIterator<Item = Vid>>(vids: I) -> Self {
        let mut set = Self::none();
        vids.into_iter().for_each(|vid| set.insert(vid));
        set
    }
}

impl Serialize for VlanSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for VlanSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Vid>::deserialize(deserializer)?.into_iter().collect())
    }
}

/// Which VLANs a port is in, and how (`vlan_mode`, `tag`, `trunks`, `cvlans`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vlans {
    /// In every VLAN, or those of `carried`; packets have the tags of theirs.
    Trunk {
        /// `None`: every VLAN.
        carried: Option<VlanSet>,
    },
    /// In one VLAN; packets have no tag.
    Access {
        /// The VLAN.
        vlan: Vid,
    },
    /// A trunk whose packets without a tag belong to a VLAN of it.
    Native {
        /// That VLAN. When it is not 0 it is carried, and VLAN 0 is not.
        vlan: Vid,
        /// Whether packets of that VLAN leave with a tag (`native-tagged`) or without (`native-untagged`).
        tagged: bool,
        /// The other VLANs; `None`: all.
        carried: Option<VlanSet>,
    },
    /// A customer's port: its packets travel in one VLAN with whatever tags they have, under a tag of the provider's
    /// (`dot1q-tunnel`).
    Tunnel {
        /// The provider's VLAN.
        vlan: Vid,
        /// The provider's tag.
        tag: ServiceTag,
        /// The customer's VLANs that are let through; `None`: all.
        customers: Option<VlanSet>,
    },
}

impl Default for Vlans {
    fn default() -> Self {
        Self::Trunk { carried: None }
    }
}

/// The protocol of a provider's tag (`qinq-ethtype`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ServiceTag {
    /// 0x88a8.
    #[default]
    #[serde(rename = "802.1ad")]
    Ad,
    /// 0x8100.
    #[serde(rename = "802.1q")]
    Q,
}

impl ServiceTag {
    /// The tag's TPID.
    pub const fn tpid(self) -> u16 {
        match self {
            Self::Ad => 0x88a8,
            Self::Q => 0x8100,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BridgeRules, PortRules, PriorityTags};

    fn vid(vid: u16) -> Vid {
        Vid::try_from(vid).unwrap()
    }

    #[test]
    fn a_set_has_what_was_put_in() {
        let mut set: VlanSet = [0, 63, 64, 4095].map(vid).into_iter().collect();
        assert_eq!(set.iter().map(u16::from).collect::<Vec<_>>(), [0, 63, 64, 4095]);
        set.remove(vid(63));
        assert!(!set.contains(63) && set.contains(64) && !set.contains(4096) && !set.contains(u16::MAX));
        assert_eq!((VlanSet::all().iter().count(), VlanSet::none().iter().count()), (4096, 0));
        assert!(VlanSet::none().is_empty() && !set.is_empty());
    }

    #[test]
    fn settings_are_written_and_read_and_a_wrong_vlan_is_refused() {
        let rules = PortRules {
            vlans: Vlans::Native { vlan: vid(5), tagged: true, carried: Some([vid(7)].into_iter().collect()) },
            priority_tags: PriorityTags::IfNonzero,
            protected: true,
        };
        let text = serde_json::to_string(&rules).unwrap();
        assert_eq!(text, r#"{"vlans":{"native":{"vlan":5,"tagged":true,"carried":[7]}},"priority_tags":"if-nonzero","protected":true}"#);
        assert_eq!(serde_json::from_str::<PortRules>(&text).unwrap(), rules);
        assert_eq!(serde_json::from_str::<PortRules>("{}").unwrap(), PortRules::default());
        assert_eq!(serde_json::from_str::<BridgeRules>("{}").unwrap(), BridgeRules::default());
        assert!(serde_json::from_str::<VlanSet>("[4096]").is_err());
        assert!(serde_json::from_str::<Vlans>(r#"{"access":{"vlan":4096}}"#).is_err());
    }
}
