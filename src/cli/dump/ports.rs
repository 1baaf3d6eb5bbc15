//! The ports of a datapath by number and by name.

use std::collections::BTreeMap;

use ovsdp_proto::IfName;

use crate::dp::{self, Datapath, Dp};

/// What the ports of a datapath are called.
#[derive(Debug, Default)]
pub(in crate::cli) struct Ports(BTreeMap<u32, IfName>);

impl Ports {
    /// Asks the kernel.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub(in crate::cli) fn of(dp: &mut Dp, datapath: &Datapath) -> Result<Self, dp::Error> {
        Ok(dp.vports(datapath.index)?.into_iter().map(|vport| (vport.number, vport.name)).collect())
    }

    /// A port's name.
    pub(in crate::cli) fn name(&self, number: u32) -> Option<&str> {
        self.0.get(&number).map(IfName::as_str)
    }

    /// Every port, by number.
    pub(in crate::cli) fn iter(&self) -> impl Iterator<Item = (u32, IfName)> {
        self.0.iter().map(|(number, name)| (*number, *name))
    }

    /// A port's number.
    pub(in crate::cli) fn number(&self, name: &str) -> Option<u32> {
        self.0.iter().find(|(_, known)| known.as_str() == name).map(|(number, _)| *number)
    }
}

impl FromIterator<(u32, IfName)> for Ports {
    fn from_iter<I: IntoIterator<Item = (u32, IfName)>>(ports: I) -> Self {
        Self(ports.into_iter().collect())
    }
}
