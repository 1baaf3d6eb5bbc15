//! Tells the neighbours of addresses that were added or moved: at once, and once more a little later.
//!
//! The worker notes what it adds and removes; an address that goes is not spoken of again.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ovsdp_proto::IfName;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::log;
use crate::model::Arp;
use crate::packet::{self, Announcement, Turn};
use crate::plan::Memory;
use crate::rtnl::Rtnl;

/// What is still to be said.
#[derive(Debug)]
pub(super) struct Announcer {
    runtime: Handle,
    /// Added since the last time it was said.
    due: Vec<(IfName, IpAddr)>,
    /// To be said once more.
    again: BTreeMap<(IfName, IpAddr), AbortHandle>,
}

impl Announcer {
    /// Nothing yet. The second time is the runtime's to remember.
    pub(super) const fn new(runtime: Handle) -> Self {
        Self { runtime, due: Vec::new(), again: BTreeMap::new() }
    }

    /// An address was added and may be used.
    pub(super) fn added(&mut self, ifname: IfName, address: IpAddr) {
        self.due.push((ifname, address));
    }

    /// An address was removed.
    pub(super) fn removed(&mut self, ifname: IfName, address: IpAddr) {
        self.due.retain(|due| *due != (ifname, address));
        if let Some(task) = self.again.remove(&(ifname, address)) {
            task.abort();
        }
    }

    /// Whether there is anything to say.
    pub(super) fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Says what is due. Nothing depends on it being heard: what cannot be said is logged.
    pub(super) fn say(&mut self, rtnl: &mut Rtnl, memory: &Memory) {
        self.again.retain(|_, task| !task.is_finished());
        for (ifname, address) in std::mem::take(&mut self.due) {
            let arp = memory.interface(ifname).map_or_else(Arp::default, |interface| interface.arp.clone());
            let Ok(Some(link)) = rtnl.link(&ifname) else { continue };
            let Some(mac) = link.mac.filter(|_| link.up && link.ethernet && arp.announces(address)) else { continue };
            let router = link.inet6.is_some_and(|inet6| inet6.forwarding != 0);
            let what = Announcement { ifindex: link.index, mac, address, router };
            if let Err(error) = packet::announce(&what, Turn::First) {
                log::say(format_args!("the neighbours of {ifname} were not told of {address}: {error}"));
                continue;
            }
            let task = self.runtime.spawn(async move {
                tokio::time::sleep(Duration::from_secs(arp.again_secs.into())).await;
                // The link may have gone meanwhile, and the address with it.
                let _ = packet::announce(&what, Turn::Again);
            });
            if let Some(earlier) = self.again.insert((ifname, address), task.abort_handle()) {
                earlier.abort();
            }
        }
    }
}
