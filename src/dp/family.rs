//! What the kernel calls the Open vSwitch families today: their message types, asked once and all in one message, since every command
//! waits for the answer. Asking takes no privilege, and the one thing that goes wrong is that the family is not there. Asking by name
//! makes the kernel load the module. Multicast groups, which only the agent listens to, are `groups`'s.

use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use ovsdp_proto::{nlctrl, uapi};

use super::error::Error;
use crate::nl::{self, Batch, Nameless, Protocol, Socket};

/// How long the kernel may take, module loading included.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// Message types of the four families. They stay the same until the module is unloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Families {
    /// Message type of `ovs_datapath`.
    pub datapath: u16,
    /// Message type of `ovs_vport`.
    pub vport: u16,
    /// Message type of `ovs_flow`.
    pub flow: u16,
    /// Message type of `ovs_packet`.
    pub packet: u16,
}

/// Resolves the families.
///
/// # Errors
/// [`Error::NoFamily`] when the kernel has no openvswitch module, [`Error::Failed`] when it does not answer or its answer
/// is not what it should be.
pub fn resolve() -> Result<Families, Error> {
    let [datapath, vport, flow, packet] = ask([uapi::dp::FAMILY, uapi::vport::FAMILY, uapi::flow::FAMILY, uapi::packet::FAMILY])?;
    Ok(Families { datapath, vport, flow, packet })
}

/// The message type of one family beside those four, as [`resolve`] does it.
///
/// # Errors
/// As [`resolve`]: [`Error::NoFamily`] also when the kernel was built without what this family is for.
pub(super) fn resolve_one(name: &'static str) -> Result<u16, Error> {
    ask([name]).map(|[family]| family)
}

/// The message types of families by name.
fn ask<const N: usize>(names: [&'static str; N]) -> Result<[u16; N], Error> {
    let on = |error: nl::Error| error.on("look up", "the openvswitch families");
    let mut socket = Socket::open_for_a_moment(Protocol::Generic, Arc::new(Nameless)).map_err(on)?;
    socket.set_timeout(TIMEOUT);
    let mut batch = Batch::repeatable();
    for name in names {
        batch.append(|out| nlctrl::get_family(out, 0, 0, name)).map_err(on)?;
    }
    let mut families = [0; N];
    let results = socket.batch(&mut batch, |place, message| {
        let family = nlctrl::Family::parse(message.payload)?;
        if let Some(slot) = families.get_mut(place) {
            *slot = family.id;
        }
        Ok(())
    });
    for (name, result) in names.into_iter().zip(results) {
        result.map_err(|error| refused(name, error))?;
    }
    Ok(families)
}

fn refused(name: &'static str, error: nl::Error) -> Error {
    match error {
        nl::Error::Kernel { errno: Errno::ENOENT, .. } => Error::NoFamily(name),
        error => error.on("look up generic netlink family", name).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_without_the_module_is_told_from_other_failures() {
        let kernel = |errno| nl::Error::Kernel { errno, message: None, attr: None };
        assert_eq!(refused("ovs_flow", kernel(Errno::ENOENT)), Error::NoFamily("ovs_flow"));
        let refused = refused("ovs_flow", kernel(Errno::EPERM));
        assert_eq!(refused.kind(), nl::Kind::NotPermitted);
        assert_eq!(refused.to_string(), "cannot look up generic netlink family ovs_flow: Operation not permitted (EPERM)");
    }

    #[test]
    fn the_running_kernel_answers() {
        match resolve() {
            Ok(families) => assert!(families.datapath >= 16),
            Err(error) => assert_eq!(error, Error::NoFamily("ovs_datapath")),
        }
        // Every kernel has the family of families.
        assert_eq!(ask(["nlctrl"]).unwrap(), [uapi::ctrl::ID]);
        assert_eq!(ask(["nlctrl", "no_such_family"]).unwrap_err(), Error::NoFamily("no_such_family"));
    }
}
