//! The multicast groups of the Open vSwitch families, asked once with the crate `genetlink`, which keeps the kernel's error number. Only
//! what stays and listens needs them; commands must not wait for the runtime this takes.

use genetlink::GenetlinkError;
use genetlink::resolver::Resolver;
use nix::errno::Errno;
use ovsdp_proto::{DecodeError, Reason, uapi};

use super::error::Error;
use super::family::TIMEOUT;
use crate::nl;

/// Multicast groups. They stay the same until the module is unloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Groups {
    /// Where datapaths come and go.
    pub(super) datapath: u32,
    /// Where vports come and go.
    pub(super) vport: u32,
}

/// Resolves the groups on a small runtime of its own, so that threads without one can ask too.
///
/// # Errors
/// [`Error::NoFamily`] when the kernel has no openvswitch module, [`Error::Failed`] when it does not answer, its answer is not what it
/// should be, or there is no room for a runtime.
pub(super) fn resolve() -> Result<Groups, Error> {
    wait_for(async || {
        Ok(Groups { datapath: group(uapi::dp::FAMILY, uapi::dp::MCGROUP).await?, vport: group(uapi::vport::FAMILY, uapi::vport::MCGROUP).await? })
    })
}

async fn group(family: &'static str, name: &'static str) -> Result<u32, Error> {
    let groups = match tokio::time::timeout(TIMEOUT, ask(family)).await {
        Ok(answer) => answer?,
        Err(_) => return Err(nl::Error::TimedOut(TIMEOUT).on("look up generic netlink family", family).into()),
    };
    let missing = nl::Error::Decode(DecodeError::new("nlctrl", uapi::ctrl::attr::MCAST_GROUPS, 0, Reason::Missing));
    let found = groups.into_iter().find(|(called, _)| called == name).map(|(_, id)| id);
    found.ok_or_else(|| missing.on("look up multicast group", name).into())
}

async fn ask(name: &'static str) -> Result<Vec<(String, u32)>, Error> {
    let (connection, handle, _unasked) = genetlink::new_connection().map_err(|error| {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
        nl::Error::Socket { call: "socket", errno }.on("look up generic netlink family", name)
    })?;
    let connection = tokio::spawn(connection);
    let family = Resolver::new().query_family(&handle, name).await.map_err(|error| refused(name, error));
    connection.abort();
    Ok(family?.multicast_groups.into_iter().collect())
}

fn refused(name: &'static str, error: GenetlinkError) -> Error {
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

fn wait_for<T: Send>(task: impl AsyncFnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
            nl::Error::Socket { call: "epoll_create", errno }.on("look up", "multicast groups")
        })?;
        runtime.block_on(task())
    };
    if tokio::runtime::Handle::try_current().is_err() {
        return run();
    }
    // A runtime must not block inside another one. The thread is in the caller's network namespace: it is inherited.
    let thread = std::thread::Builder::new().name("groups".into());
    std::thread::scope(|scope| thread.spawn_scoped(scope, run).ok().and_then(|thread| thread.join().ok()))
        .unwrap_or_else(|| Err(nl::Error::Socket { call: "clone", errno: Errno::EAGAIN }.on("look up", "multicast groups").into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_without_the_module_is_told_from_other_failures() {
        let kernel = |errno: Errno| GenetlinkError::NetlinkError(std::io::Error::from_raw_os_error(errno as i32));
        assert_eq!(refused("ovs_flow", kernel(Errno::ENOENT)), Error::NoFamily("ovs_flow"));
        assert_eq!(refused("ovs_flow", kernel(Errno::EPERM)).kind(), nl::Kind::NotPermitted);
    }

    #[test]
    fn the_running_kernel_answers_with_and_without_a_runtime() {
        let answer = |answer: Result<Groups, Error>| match answer {
            Ok(groups) => assert!(groups.datapath > 0 && groups.vport > 0 && groups.datapath != groups.vport),
            Err(error) => assert_eq!(error, Error::NoFamily("ovs_datapath")),
        };
        answer(resolve());
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async { answer(resolve()) });
        // Every kernel has the family of families, with a group where families come and go.
        assert!(wait_for(async || group("nlctrl", "notify").await).unwrap() > 0);
        assert!(wait_for(async || group("nlctrl", "nothing").await).is_err());
    }
}
