//! Which datapath is meant: `[system@]NAME`, or the only one there is.

use nix::errno::Errno;
use ovsdp_proto::IfName;

use super::complaint::{Complaint, Why};
use crate::dp::{Datapath, Dp};

/// The kind of datapath the kernel has, and every name without a kind means.
const SYSTEM: &str = "system";

/// Opens a socket to the datapaths.
///
/// # Errors
/// The kernel has none, or there is no room for a socket; said as about `doing`.
pub(super) fn connect(doing: &str) -> Result<Dp, Complaint> {
    Dp::open().map_err(|error| Complaint::because(doing, &error))
}

/// The name behind `[system@]NAME`.
///
/// # Errors
/// It is another kind of datapath.
fn kernel_name(text: &str) -> Result<&str, Why> {
    match text.split_once('@') {
        None | Some(("" | SYSTEM, _)) => Ok(text.split_once('@').map_or(text, |(_, name)| name)),
        Some(("netdev" | "dummy", _)) => Err(Why::explained(
            Errno::ENODEV,
            "a datapath in userspace lives in a running ovs-vswitchd; ovsdp works on the kernel's, which are called system@NAME",
        )),
        Some((kind, _)) => Err(Why::explained(Errno::EAFNOSUPPORT, format!("there is no kind of datapath called {kind}"))),
    }
}

/// The name of a datapath to be made.
///
/// # Errors
/// It cannot be one.
pub(super) fn new_name(text: &str) -> Result<IfName, Why> {
    IfName::new(kernel_name(text)?).map_err(|bad| Why::explained(Errno::EINVAL, bad.to_string()))
}

/// The datapath that `text` names.
///
/// # Errors
/// There is none, or the kernel does not answer.
pub(super) fn lookup(dp: &mut Dp, text: &str) -> Result<Datapath, Why> {
    // What cannot be a device's name is nobody's.
    let name = IfName::new(kernel_name(text)?).map_err(|_| Why::errno(Errno::ENODEV))?;
    match dp.datapath(&name) {
        Ok(Some(datapath)) => Ok(datapath),
        Ok(None) => Err(Why::errno(Errno::ENODEV)),
        Err(error) => Err(Why::from(&error)),
    }
}

/// The datapath that `text` names; without one, the only one there is.
///
/// # Errors
/// There is none, or several and none was named.
pub(super) fn lookup_or_only(dp: &mut Dp, text: Option<&str>) -> Result<Datapath, Complaint> {
    if let Some(text) = text {
        return lookup(dp, text).map_err(|why| Complaint::because(format!("datapath {text} not found"), why));
    }
    let mut all = all(dp)?;
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(Complaint::new("no datapaths exist")),
        (Some(_), false) => Err(Complaint::new("multiple datapaths, specify one")),
    }
}

/// Every datapath, by name.
///
/// # Errors
/// The kernel does not answer.
pub(super) fn all(dp: &mut Dp) -> Result<Vec<Datapath>, Complaint> {
    let mut all = dp.datapaths().map_err(|error| Complaint::because("listing datapaths", &error))?;
    all.sort_by_key(|datapath| datapath.name);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_and_an_empty_kind_mean_the_kernels() {
        assert_eq!([kernel_name("dp0"), kernel_name("system@dp0"), kernel_name("@dp0")], [Ok("dp0"), Ok("dp0"), Ok("dp0")]);
        assert!(kernel_name("netdev@dp0").is_err() && kernel_name("foo@dp0").is_err());
        assert!(new_name("a b").is_err() && new_name("system@").is_err() && new_name("abcdefghijklmnop").is_err());
    }
}
