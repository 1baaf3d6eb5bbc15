//! The names of the attributes of the Open vSwitch families, for what the kernel says about requests.

use ovsdp_proto::{genl, uapi};

use super::family::Families;
use crate::nl::Naming;

/// The families' attributes by the names that the kernel's header gives them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ovs {
    pub(super) families: Families,
}

impl Naming for Ovs {
    fn header_len(&self, _kind: u16) -> usize {
        genl::HEADER_LEN + genl::OVS_HEADER_LEN
    }

    fn name(&self, kind: u16, path: &[u16]) -> Option<&'static str> {
        let families = self.families;
        let (table, number): (&[(&'static str, u16)], u16) = match path {
            [number] if kind == families.datapath => (uapi::dp::attr::ALL, *number),
            [number] if kind == families.vport => (uapi::vport::attr::ALL, *number),
            [uapi::vport::attr::OPTIONS, number] if kind == families.vport => (uapi::vport::tunnel::ALL, *number),
            [number] if kind == families.flow => (uapi::flow::attr::ALL, *number),
            [uapi::flow::attr::KEY | uapi::flow::attr::MASK, number] if kind == families.flow => (uapi::key::ALL, *number),
            [uapi::flow::attr::ACTIONS, number] if kind == families.flow => (uapi::action::ALL, *number),
            [number] if kind == families.packet => (uapi::packet::attr::ALL, *number),
            [uapi::packet::attr::KEY, number] if kind == families.packet => (uapi::key::ALL, *number),
            [uapi::packet::attr::ACTIONS, number] if kind == families.packet => (uapi::action::ALL, *number),
            _ => return None,
        };
        table.iter().find(|(_, of)| *of == number).map(|(name, _)| *name)
    }
}
