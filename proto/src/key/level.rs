//! Which attributes of a key hold attributes of their own. Whoever walks a key of whatever depth asks here: the number that is
//! a nest in one list is a field in another.
//!
//! It must not know what a field means, nor how deep a key may be: that is for the one who walks.

use crate::uapi::{key, tunnel_key};

/// A list of attributes in a key or mask: what their numbers mean. As `ovs_key_lens` and `ovs_tunnel_key_lens` of the kernel have
/// it (`net/openvswitch/flow_netlink.c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// `OVS_KEY_ATTR_*`: the key itself, and what is behind a VLAN tag.
    Key,
    /// `OVS_TUNNEL_KEY_ATTR_*`: the outer header.
    Tunnel,
    /// `OVS_VXLAN_EXT_*`: the extensions of VXLAN within the outer header.
    VxlanOpts,
    /// `OVS_NSH_KEY_ATTR_*`: a network service header.
    Nsh,
}

impl Level {
    /// The list that an attribute of this one holds; `None` when its payload is a value. Options of Geneve and ERSPAN are values:
    /// they have a layout of their own.
    #[inline]
    pub const fn below(self, kind: u16) -> Option<Self> {
        match (self, kind) {
            (Self::Key, key::ENCAP) => Some(Self::Key),
            (Self::Key, key::TUNNEL) => Some(Self::Tunnel),
            (Self::Key, key::NSH) => Some(Self::Nsh),
            (Self::Tunnel, tunnel_key::VXLAN_OPTS) => Some(Self::VxlanOpts),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uapi::{nsh, vport::vxlan_ext};

    /// The names of a list's attributes.
    type Names = &'static [(&'static str, u16)];
    /// Those of them that hold others.
    type Nests = &'static [(&'static str, Level)];

    const LISTS: [(Level, Names, Nests); 4] = [
        (Level::Key, key::ALL, &[("OVS_KEY_ATTR_ENCAP", Level::Key), ("OVS_KEY_ATTR_TUNNEL", Level::Tunnel), ("OVS_KEY_ATTR_NSH", Level::Nsh)]),
        (Level::Tunnel, tunnel_key::ALL, &[("OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS", Level::VxlanOpts)]),
        (Level::VxlanOpts, vxlan_ext::ALL, &[]),
        (Level::Nsh, nsh::ALL, &[]),
    ];

    #[test]
    fn a_number_is_a_nest_only_in_its_own_list() {
        for (level, names, nests) in LISTS {
            for (name, kind) in names {
                let wanted = nests.iter().find(|(nest, _)| nest == name).map(|(_, level)| *level);
                assert_eq!(level.below(*kind), wanted, "{name}");
            }
            assert_eq!(level.below(u16::MAX), None);
            assert!(nests.iter().all(|(nest, _)| names.iter().any(|(name, _)| name == nest)), "{level:?}");
        }
    }
}
