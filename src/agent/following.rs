//! What happens to devices and datapaths without this agent, and what it does about it: what was a port is one again, and what a bridge has of
//! a device follows it.
//!
//! It must not decide what a bridge is to be: that is remembered, and the plan's.

use std::collections::BTreeSet;

use ovsdp_proto::IfName;

use super::hands::{Hands, Upcalls};
use super::log;
use super::worker::Worker;
use crate::dp::{self, Dispatch};
use crate::error::Error;
use crate::host::observe::system;
use crate::plan::{self, Executor};
use crate::rtnl;

impl Worker {
    /// Follows what happened to devices and datapaths.
    pub(super) fn follow(&mut self) {
        let mut appeared = false;
        let mut ports = false;
        let mut redirect = false;
        let (mut resized, mut fresh) = (BTreeSet::new(), BTreeSet::new());
        let mut lost = false;
        let mut returned = BTreeSet::new();
        let (mtus, carriers) = (&mut self.mtus, &mut self.carriers);
        let links = self.links.drain(|event| match event {
            rtnl::Event::Link(link) => {
                appeared = true;
                if carriers.insert(link.name, link.carrier) == Some(false) && link.carrier {
                    returned.insert(link.name);
                }
                match mtus.insert(link.name, link.mtu) {
                    None => drop(fresh.insert(link.name)),
                    Some(before) if before != link.mtu => drop(resized.insert(link.name)),
                    Some(_) => {}
                }
            }
            rtnl::Event::LinkGone { name, .. } => {
                mtus.remove(&name);
                carriers.remove(&name);
                ports = true;
            }
            rtnl::Event::Resync => (ports, lost) = (true, true),
            _ => {}
        });
        let datapaths = self.datapaths.drain(|event| {
            ports = true;
            redirect |= matches!(event, dp::Event::Datapath(_) | dp::Event::Resync);
        });
        for error in [links.err().map(Error::from), datapaths.err().map(Error::from)].into_iter().flatten() {
            log::say(format_args!("events were lost: {error}"));
            ports = true;
        }
        if ports && let Err(error) = self.hands.refresh() {
            log::say(format_args!("cannot see the datapath: {error}"));
        }
        if redirect {
            self.keep_upcalls();
        }
        if ports || appeared {
            self.reattach();
        }
        if lost {
            match self.hands.mtus() {
                Ok(now) => {
                    resized.extend(now.iter().filter(|(name, mtu)| self.mtus.get(*name).is_some_and(|before| before != *mtu)).map(|(name, _)| *name));
                    fresh.extend(now.keys().filter(|name| !self.mtus.contains_key(*name)).copied());
                    self.mtus = now;
                }
                Err(error) => log::say(format_args!("devices cannot be read: {error}")),
            }
        }
        self.resize(&resized);
        self.revive(&fresh);
        self.hands.confirm_leases6(&returned);
    }

    /// A bridge's internal ports have the smallest MTU of its devices, unless a file says otherwise: also when one of those gets another.
    fn resize(&mut self, resized: &BTreeSet<IfName>) {
        let bridges: BTreeSet<IfName> = {
            let memory = self.hands.shared.memory();
            resized.iter().filter_map(|name| memory.place_of(*name)).filter(|name| memory.bridges.contains_key(name)).collect()
        };
        bridges.into_iter().for_each(|bridge| self.restore(bridge));
    }

    /// A device that is no port and is back by its name becomes again what it was.
    fn revive(&mut self, fresh: &BTreeSet<IfName>) {
        let back: Vec<IfName> = self.hands.shared.memory().plain.keys().filter(|name| fresh.contains(*name)).copied().collect();
        for name in back {
            log::say(format_args!("{name} is back"));
            self.restore(name);
        }
    }

    /// Other tools rewrite a datapath's features by looking at it; upcalls must go on coming here.
    fn keep_upcalls(&mut self) {
        let Upcalls { dispatch, .. } = self.hands.upcalls;
        let result = system().and_then(|name| match self.hands.dp.datapath(&name)? {
            Some(datapath) => {
                let ours = datapath.per_cpu_pids.iter().all(|pid| self.hands.upcalls.pids.contains(pid));
                if datapath.dispatch() == dispatch && (dispatch == Dispatch::PerVport || ours) {
                    return Ok(());
                }
                self.hands.direct_upcalls(&datapath)
            }
            None => Ok(()),
        });
        if let Err(error) = result {
            log::say(format_args!("upcalls may go elsewhere: {error}"));
        }
    }

    /// A device that is back by its name becomes the port again that it was: attached at once, whatever else its bridge
    /// still waits for, and then everything else as it should be.
    pub(super) fn reattach(&mut self) {
        let memory = self.hands.shared.memory().clone();
        for (bridge, remembered) in &memory.bridges {
            let missing = remembered.members.keys().filter(|name| !self.hands.attached.contains_key(*name)).copied().collect::<Vec<_>>();
            let is_there = |hands: &mut Hands, name: &IfName| matches!(hands.rtnl.link(name), Ok(Some(link)) if link.name == *name);
            let back: Vec<_> = missing.into_iter().filter(|name| is_there(&mut self.hands, name)).collect();
            if back.is_empty() {
                continue;
            }
            for name in back {
                log::say(format_args!("{name} is back"));
                let attach = plan::Step::AttachSystem { bridge: *bridge, name, port_no: None };
                let stays_down = remembered.intent.interfaces().any(|one| one.name == name && one.down);
                for step in [attach].into_iter().chain((!stays_down).then_some(plan::Step::SetUp { name })) {
                    if let Err(error) = self.hands.execute(&step) {
                        log::say(error);
                    }
                }
            }
            self.restore(*bridge);
        }
    }
}
