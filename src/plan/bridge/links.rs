//! A bridge's devices: made, attached, with their MAC and MTU, and up.

use std::collections::BTreeSet;

use ovsdp_proto::{IfName, Mac};

use super::{DEFAULT_MTU, Work};
use crate::model::{Addressing, Interface, Kind};
use crate::plan::away::is_away;
use crate::plan::ipv6;
use crate::plan::mac::{self, Candidate};
use crate::plan::step::Step;

impl Work<'_> {
    /// Makes and attaches what is missing, with its MAC and MTU, and brings it up.
    pub(super) fn interfaces(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut up = Vec::new();
        let mut settings = Vec::new();
        for (interface, _) in &self.goals {
            let name = interface.name;
            if interface.kind == Kind::System {
                let (before, after) = self.plain(interface);
                steps.extend(before);
                settings.extend(after);
                up.push(interface);
                continue;
            }
            let link = self.observed.links.get(&name).filter(|_| self.observed.vports.contains_key(&name));
            if link.is_none() {
                steps.push(Step::CreateInternal { bridge: self.name, name, port_no: None });
            }
            let (from_mac, to_mac) = (link.and_then(|link| link.mac), self.mac(interface));
            if from_mac != Some(to_mac) {
                steps.push(Step::SetMac { name, from: from_mac, to: to_mac });
            }
            let (from_mtu, to_mtu) = (link.map(|link| link.mtu), self.mtu(interface));
            let new_mtu = (from_mtu.unwrap_or(DEFAULT_MTU) != to_mtu).then_some(to_mtu);
            if let Some(to) = new_mtu {
                steps.extend(link.and_then(|_| ipv6::free_mtu(self.observed, name)));
                steps.push(Step::SetMtu { name, from: from_mtu, to });
            }
            let (before, after) = ipv6::settings(self.observed, interface, self.befores_of(name), self.pinned(name), new_mtu);
            steps.extend(before);
            steps.extend(self.device_steps(name));
            settings.extend(after);
            up.push(interface);
        }
        let away = |name: IfName| self.target.is_some_and(|target| is_away(self.observed, target, name));
        for member in self.members.iter().filter(|member| !away(member.name)) {
            let name = member.name;
            // What makes the device go down and up for a moment is done before it carries anything.
            steps.extend(self.device_steps(name));
            if !self.observed.vports.contains_key(&name) {
                steps.push(Step::AttachSystem { bridge: self.name, name, port_no: None });
            }
            if let Some(link) = self.observed.links.get(&name) {
                let to = self.member_mac(member);
                steps.extend(to.filter(|to| link.mac != Some(*to)).map(|to| Step::SetMac { name, from: link.mac, to }));
                let to = self.member_mtu(member);
                if link.mtu != to {
                    steps.extend(ipv6::free_mtu(self.observed, name));
                    steps.push(Step::SetMtu { name, from: Some(link.mtu), to });
                }
            }
            up.push(member);
        }
        let is_up = |name: &IfName| self.observed.links.get(name).is_some_and(|link| link.up);
        let otherwise = up.into_iter().filter(|one| is_up(&one.name) == one.down);
        steps.extend(otherwise.map(|one| if one.down { Step::SetDown { name: one.name } } else { Step::SetUp { name: one.name } }));
        steps.extend(settings);
        steps
    }

    /// What gives a device that is no port its MAC, its MTU and the kernel's settings, where a file asks for them: before it comes up, and after.
    fn plain(&self, interface: &Interface) -> (Vec<Step>, Vec<Step>) {
        let name = interface.name;
        let mut steps = Vec::new();
        let Some(link) = self.observed.links.get(&name) else { return Default::default() };
        steps.extend(interface.mac.filter(|to| link.mac != Some(*to)).map(|to| Step::SetMac { name, from: link.mac, to }));
        let leased = self.leases.get(&name).and_then(|lease| lease.mtu).map(u32::from);
        let mtu = interface.mtu.or(leased).filter(|to| link.mtu != *to);
        if let Some(to) = mtu {
            steps.extend(ipv6::free_mtu(self.observed, name));
            steps.push(Step::SetMtu { name, from: Some(link.mtu), to });
        }
        let (before, after) = ipv6::settings(self.observed, interface, self.befores_of(name), self.pinned(name), mtu);
        steps.extend(before);
        steps.extend(self.device_steps(name));
        (steps, after)
    }

    /// What is done to a device before it carries anything: what it is asked for itself, and the firewall's zone it is to be in.
    fn device_steps(&self, name: IfName) -> impl Iterator<Item = Step> {
        let zone = self.zones.get(&name).and_then(|change| change.step.clone());
        self.tunings.get(&name).into_iter().flat_map(|change| change.steps.iter().cloned()).chain(zone)
    }

    /// The ports among those that `steps` attach or bring up whose carrier is waited for.
    pub(super) fn carriers(&self, steps: &[Step]) -> Vec<(IfName, u16)> {
        let of_bridge = self.target.map_or(0, |bridge| bridge.local.patience.carrier_secs);
        let secs = |own: u16| if own > 0 { own } else { of_bridge };
        let begins = |step: &Step| if let Step::AttachSystem { name, .. } | Step::SetUp { name } = step { Some(*name) } else { None };
        let beginning: BTreeSet<IfName> = steps.iter().filter_map(begins).collect();
        let plain = self.goals.iter().map(|(interface, _)| interface).filter(|interface| interface.kind == Kind::System);
        let waiting = self.members.iter().chain(plain).map(|one| (one.name, secs(one.patience.carrier_secs)));
        waiting.filter(|(name, secs)| *secs > 0 && beginning.contains(name)).collect()
    }

    fn mac(&self, interface: &Interface) -> Mac {
        let invented = || mac::invented(&self.observed.machine, &interface.name);
        match interface.mac {
            Some(mac) => mac,
            None if interface.name == self.name => mac::of_members(&self.candidates()).unwrap_or_else(invented),
            None => invented(),
        }
    }

    /// One device for each port: a bond's is the first by name.
    fn candidates(&self) -> Vec<Candidate> {
        let Some(target) = self.target else { return Vec::new() };
        let through: BTreeSet<IfName> = match &target.local.addressing {
            Addressing::Dhcp(dhcp) => dhcp.through.iter().copied().collect(),
            _ => BTreeSet::new(),
        };
        let mut candidates = Vec::new();
        for (name, port) in &target.ports {
            let first = port.interfaces.iter().filter(|interface| interface.kind == Kind::System).min_by_key(|interface| interface.name);
            if let Some((first, mac)) = first.and_then(|first| Some((first, self.member_mac(first)?))) {
                candidates.push(Candidate { mac, through: through.contains(name) || through.contains(&first.name) });
            }
        }
        candidates
    }

    fn mtu(&self, interface: &Interface) -> u32 {
        let leased = self.leases.get(&interface.name).and_then(|lease| lease.mtu).map(u32::from);
        interface.mtu.unwrap_or_else(|| leased.map_or(self.least_mtu, |leased| leased.min(self.least_mtu)))
    }

    /// What the files asked of a member before this.
    pub(super) fn pinned(&self, name: IfName) -> Option<&Interface> {
        self.asked_before.get(&name).copied()
    }

    fn member_mac(&self, member: &Interface) -> Option<Mac> {
        let there = self.observed.links.get(&member.name).and_then(|link| link.mac);
        let pinned = self.pinned(member.name).and_then(|old| old.mac);
        let before = self.befores.get(&member.name).and_then(|before| before.mac);
        // Nobody asks any longer for what we set: back to what it was. What others set is theirs.
        member.mac.or(if pinned.is_some() && pinned == there { before } else { there })
    }

    pub(super) fn member_mtu(&self, member: &Interface) -> u32 {
        let there = self.observed.links.get(&member.name).map(|link| link.mtu);
        let pinned = self.pinned(member.name).and_then(|old| old.mtu);
        let before = self.befores.get(&member.name).map(|before| before.mtu);
        member.mtu.or(if pinned.is_some() && pinned == there { before } else { there }).unwrap_or(DEFAULT_MTU)
    }
}
