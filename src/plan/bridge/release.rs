//! What a bridge no longer has: taken off the datapath, and given back what it had before.

use std::collections::{BTreeMap, BTreeSet};

use ovsdp_proto::IfName;

use super::{DEFAULT_MTU, Work, is_same};
use crate::model::Kind;
use crate::plan::before::{still_owed, to_give_back};
use crate::plan::diff::{give_back, strip, strip_nowhere};
use crate::plan::memory::Before;
use crate::plan::observed::{Address, Observed};
use crate::plan::step::Step;
use crate::plan::{ipv6, rules, tuning, zones};

impl Work<'_> {
    /// The devices that get something back, with what they had.
    pub(super) fn creditors(&self) -> impl Iterator<Item = (IfName, &Before)> {
        let owed = self.old.into_iter().flat_map(|old| &old.owed).map(|(port, before)| (*port, before));
        let elsewhere = |port: &IfName| self.observed.memory.bridges.values().any(|bridge| bridge.members.contains_key(port));
        let owed = owed.filter(move |(port, _)| !self.befores.contains_key(port) && !elsewhere(port));
        self.released.iter().copied().chain(owed).filter(|(port, _)| self.is_present(*port))
    }

    pub(super) fn keeps(&self, address: &Address) -> bool {
        self.goals.iter().flat_map(|(_, goal)| &goal.addresses).any(|kept| kept.address.addr() == address.address.addr())
    }

    pub(super) fn give_back(&self) -> Vec<Step> {
        let Some(old) = self.old else { return Vec::new() };
        let back = |(port, before)| {
            let (addresses, routes) = to_give_back(self.observed, port, before, (self.name, old), &|address| self.keeps(address));
            give_back(self.observed, port, self.name, &addresses, &routes)
        };
        self.creditors().flat_map(back).collect()
    }

    pub(super) fn owed(&self) -> BTreeMap<IfName, Before> {
        let Some(old) = self.old else { return BTreeMap::new() };
        let keeps = |address: &Address| self.keeps(address);
        let rest = |(port, before)| {
            let given = to_give_back(self.observed, port, before, (self.name, old), &keeps);
            Some((port, still_owed(before, &given, &keeps)?))
        };
        self.creditors().filter_map(rest).collect()
    }

    /// Takes off what the bridge no longer has: internal ports with all they carry, then system devices.
    pub(super) fn retire(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let kept: BTreeSet<IfName> = self.goals.iter().map(|(interface, _)| interface.name).collect();
        let internals = self.old.into_iter().flat_map(|old| old.intent.interfaces()).filter(|interface| interface.kind == Kind::Internal);
        let mut internals: Vec<IfName> = internals.map(|interface| interface.name).filter(|name| !kept.contains(name)).collect();
        // The bridge's own goes last.
        internals.reverse();
        for name in &internals {
            steps.extend(rules::superfluous(self.observed, *name, &[], self.own_rules()));
            steps.extend(strip_nowhere(self.observed, &self.own_routes(*name)));
            steps.extend(strip(self.observed, *name));
        }
        steps.extend(self.release_leases6());
        for (port, before) in self.released.iter().filter(|(port, _)| self.is_present(*port)) {
            // Before packets to this host come in by it again.
            steps.extend(self.zone_back(*port));
            steps.extend(detach(self.observed, self.name, *port));
            let Some(link) = self.observed.links.get(port) else { continue };
            // Down first: taken back, it comes up with the MAC its link-local address was made from.
            if link.up && !before.up {
                steps.push(Step::SetDown { name: *port });
            }
            let pinned = self.pinned(*port);
            if let Some(to) = before.mac.filter(|to| link.mac != Some(*to) && pinned.and_then(|old| old.mac) == link.mac) {
                steps.push(Step::SetMac { name: *port, from: link.mac, to });
            }
            let tuned = self.old.and_then(|old| old.tuned.get(port));
            steps.extend(tuned.into_iter().flat_map(|had| tuning::give_back(self.observed, *port, pinned.map(|old| &old.tuning), had)));
            if link.mtu != before.mtu && pinned.and_then(|old| old.mtu) == Some(link.mtu) {
                steps.push(Step::SetMtu { name: *port, from: Some(link.mtu), to: before.mtu });
            }
        }
        for name in &internals {
            steps.extend(ipv6::free_mtu(self.observed, *name));
            if self.observed.links.get(name).is_some_and(|link| link.up) {
                steps.push(Step::SetDown { name: *name });
            }
            steps.extend(ipv6::unset(self.observed, *name));
            // It goes with the device; taken back, it is there again.
            let tuned = self.old.and_then(|old| old.tuned.get(name));
            steps.extend(tuned.into_iter().flat_map(|had| tuning::give_back(self.observed, *name, self.pinned(*name).map(|old| &old.tuning), had)));
            steps.extend(detach(self.observed, self.name, *name));
            steps.extend(self.zone_back(*name));
        }
        for (_, before) in &self.released {
            let stopped =
                self.observed.dhcp_clients.iter().filter(|client| client.paused && before.paused_clients.iter().any(|old| is_same(old, client)));
            steps.extend(stopped.map(|client| Step::ResumeDhcpClient { client: client.clone() }));
        }
        steps
    }

    fn zone_back(&self, name: IfName) -> Option<Step> {
        let had = self.old?.zones.get(&name)?;
        zones::give_back(self.observed, name, self.pinned(name).and_then(|old| old.zone.as_ref()), had)
    }
}

/// The step that takes `name` off the datapath, with what brings it back into `bridge`; `None` when it is not attached.
pub(in crate::plan) fn detach(observed: &Observed, bridge: IfName, name: IfName) -> Option<Step> {
    let vport = observed.vports.get(&name)?;
    let link = observed.links.get(&name);
    let (mac, mtu) = (link.and_then(|link| link.mac), link.map_or(DEFAULT_MTU, |link| link.mtu));
    Some(Step::DetachVport { bridge, name, kind: vport.kind, port_no: vport.port_no, mac, mtu })
}
