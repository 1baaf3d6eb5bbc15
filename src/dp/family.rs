//! What the kernel calls the Open vSwitch families today: their ids and multicast groups, asked once with the crate
//! `genetlink`. It keeps the kernel's error number, which is all that is needed here: asking takes no privilege, and the
//! one thing that goes wrong is that the family is not there. Asking by name makes the kernel load the module.

use std::time::Duration;

use genetlink::GenetlinkError;
use genetlink::resolver::{Family, Resolver};
use nix::errno::Errno;
use ovsdp_proto::{DecodeError, Reason, uapi};

use super::error::Error;
use crate::nl;

/// How long the kernel may take, module loading included.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Message types and multicast groups of the four families. They stay the same until the module is unloaded.
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
    /// Multicast group where datapaths come and go.
    pub datapath_group: u32,
    /// Multicast group where vports come and go.
    pub vport_group: u32,
}

/// Resolves the families on a small runtime of its own, so that threads without one can ask too.
///
/// # Errors
/// As [`resolve_async`]; [`Error::Failed`] also when there is no room for a runtime.
pub fn resolve() -> Result<Families, Error> {
    wait_for(resolve_async)
}

/// The message type of one family beside those four, as [`resolve`] does it.
///
/// # Errors
/// As [`resolve`]: [`Error::NoFamily`] also when the kernel was built without what this family is for.
pub(super) fn resolve_one(name: &'static str) -> Result<u16, Error> {
    wait_for(|| async move {
        match tokio::time::timeout(TIMEOUT, ask([name])).await {
            Ok(answer) => answer.map(|[family]| family.id),
            Err(_) => Err(nl::Error::TimedOut(TIMEOUT).on("look up generic netlink family", name).into()),
        }
    })
}

fn wait_for<T: Send, F: Future<Output = Result<T, Error>>>(future: impl FnOnce() -> F + Send) -> Result<T, Error> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
            nl::Error::Socket { call: "epoll_create", errno }.on("look up", "the openvswitch families")
        })?;
        runtime.block_on(future())
    };
    if tokio::runtime::Handle::try_current().is_err() {
        return run();
    }
    // A runtime must not block inside another one. The thread is in the caller's network namespace: it is inherited.
    let thread = std::thread::Builder::new().name("families".into());
    std::thread::scope(|scope| thread.spawn_scoped(scope, run).ok().and_then(|thread| thread.join().ok()))
        .unwrap_or_else(|| Err(nl::Error::Socket { call: "clone", errno: Errno::EAGAIN }.on("look up", "the openvswitch families").into()))
}

/// Resolves the families; needs a tokio runtime with its I/O and time drivers.
///
/// # Errors
/// [`Error::NoFamily`] when the kernel has no openvswitch module, [`Error::Failed`] when it does not answer or its answer
/// is not what it should be.
pub async fn resolve_async() -> Result<Families, Error> {
    let names = [uapi::dp::FAMILY, uapi::vport::FAMILY, uapi::flow::FAMILY, uapi::packet::FAMILY];
    let [datapath, vport, flow, packet] = match tokio::time::timeout(TIMEOUT, ask(names)).await {
        Ok(answer) => answer?,
        Err(_) => return Err(nl::Error::TimedOut(TIMEOUT).on("look up", "the openvswitch families").into()),
    };
    let group = |family: &Family, name: &'static str| {
        let missing = nl::Error::Decode(DecodeError::new("nlctrl", uapi::ctrl::attr::MCAST_GROUPS, 0, Reason::Missing));
        family.multicast_groups.get(name).copied().ok_or_else(|| missing.on("look up multicast group", name))
    };
    Ok(Families {
        datapath_group: group(&datapath, uapi::dp::MCGROUP)?,
        vport_group: group(&vport, uapi::vport::MCGROUP)?,
        datapath: datapath.id,
        vport: vport.id,
        flow: flow.id,
        packet: packet.id,
    })
}

async fn ask<const N: usize>(names: [&'static str; N]) -> Result<[Family; N], Error> {
    let (connection, handle, _unasked) = genetlink::new_connection().map_err(|error| {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
        nl::Error::Socket { call: "socket", errno }.on("look up", "the openvswitch families")
    })?;
    // Ends when the last handle is dropped, at the end of this function.
    let connection = tokio::spawn(connection);
    let mut resolver = Resolver::new();
    let mut families = names.map(|_| Family::default());
    for (family, name) in families.iter_mut().zip(names) {
        *family = resolver.query_family(&handle, name).await.map_err(|error| translate(name, error))?;
    }
    drop(handle);
    connection.abort();
    Ok(families)
}

fn translate(name: &'static str, error: GenetlinkError) -> Error {
    let error = match error {
        GenetlinkError::NetlinkError(error) => match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
            Errno::ENOENT => return Error::NoFamily(name),
            errno => nl::Error::Kernel { errno, message: None, attr: None },
        },
        GenetlinkError::AttributeNotFound(_) => nl::Error::Decode(DecodeError::new("nlctrl", uapi::ctrl::attr::FAMILY_ID, 0, Reason::Missing)),
        GenetlinkError::DecodeError(_) => nl::Error::Decode(DecodeError::new("nlctrl", 0, 0, Reason::BadValue)),
        GenetlinkError::ProtocolError(_) | GenetlinkError::NoMessageReceived => nl::Error::Lost,
    };
    error.on("look up generic netlink family", name).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_without_the_module_is_told_from_other_failures() {
        let missing = GenetlinkError::NetlinkError(std::io::Error::from_raw_os_error(2));
        assert_eq!(translate("ovs_flow", missing), Error::NoFamily("ovs_flow"));
        let refused = translate("ovs_flow", GenetlinkError::NetlinkError(std::io::Error::from_raw_os_error(1)));
        assert_eq!(refused.kind(), nl::Kind::NotPermitted);
        assert_eq!(refused.to_string(), "cannot look up generic netlink family ovs_flow: Operation not permitted (EPERM)");
    }

    #[test]
    fn the_running_kernel_answers_in_and_outside_a_runtime() {
        let outside = resolve();
        match &outside {
            Ok(families) => assert!(families.datapath >= 16 && families.vport_group > 0),
            Err(error) => assert_eq!(error, &Error::NoFamily("ovs_datapath")),
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert_eq!(runtime.block_on(async { resolve() }), outside);
    }
}
