//! The names of the attributes of the Open vSwitch families, for what the kernel says about requests.

use ovsdp_proto::ack::{self, Ext};

use super::family::Families;
use crate::nl::Naming;

/// The families' attributes by the names that the kernel's header gives them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ovs {
    pub(super) families: Families,
}

impl Naming for Ovs {
    fn attribute(&self, kind: u16, request: &[u8], ext: &Ext<'_>) -> Option<String> {
        let Families { datapath, vport, flow, packet, .. } = self.families;
        let family = [(datapath, &ack::DATAPATH), (vport, &ack::VPORT), (flow, &ack::FLOW), (packet, &ack::PACKET)];
        let (_, family) = family.into_iter().find(|(id, _)| *id == kind)?;
        ext.path(request, family).map(|path| path.to_string())
    }
}

/// One family beside those four.
#[derive(Debug, Clone, Copy)]
pub(super) struct One {
    pub(super) id: u16,
    pub(super) family: &'static ack::Family,
}

impl Naming for One {
    fn attribute(&self, kind: u16, request: &[u8], ext: &Ext<'_>) -> Option<String> {
        (kind == self.id).then(|| ext.path(request, self.family))?.map(|path| path.to_string())
    }
}
