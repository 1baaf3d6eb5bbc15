//! Ports that are more than one device, or speak LACP: the bonds and LACP machines of every bridge, and what runs them.
//!
//! A [`Bundle`] is such a port as a topology has it; here is its state, which outlives the topology. What a bond may not
//! know (MAC tables, other ports) is put to it by [`Switch`].

use core::fmt;
use core::time::Duration;

use foldhash::quality::RandomState;
use hashbrown::HashMap;
use ovsdp_proto::key::L2;
use ovsdp_proto::nla::Attrs;
use ovsdp_proto::uapi::action;
use ovsdp_proto::{IfName, Mac};
use serde::{Deserialize, Serialize};

use super::bond::{self, Bond, LacpStatus, Refused};
use super::lacp::{self, Lacp};
use super::state::Switch;
use super::time::Moment;
use super::topology::PortId;
use super::vlan::TagRead;
use crate::model::{self, Detect};

/// What a port is made of, when it is more than one device or speaks LACP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// How the members are one; `None` when there is one member, which only speaks LACP.
    pub bond: Option<model::Bond>,
    /// How it speaks LACP, if it does.
    pub lacp: Option<lacp::Settings>,
    /// The devices that are attached now.
    pub members: Vec<Bundled>,
}

/// A device of a [`Bundle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bundled {
    /// Its name.
    pub name: IfName,
    /// Its number in the datapath.
    pub dp_port: u32,
    /// Its address.
    pub mac: Mac,
    /// Whether it has a carrier. Of a bond that asks transceivers this is taken for the answer until there is one.
    pub carrier: bool,
    /// What LACP says of it.
    pub lacp: model::LacpMember,
}

/// The priority of a system that nobody gave one: of one with a bond, and of one with a single link (Open vSwitch's).
const BOND_PRIORITY: u16 = 65534;
const LINK_PRIORITY: u16 = 65535;

impl Bundle {
    /// What `port` asks for; `None` when it is a port like any other. `attached` says of a device its number in the datapath,
    /// its address and whether it has a carrier, if it is attached; `system` is the bridge's address.
    pub fn of(port: &model::Port, system: Mac, mut attached: impl FnMut(IfName) -> Option<(u32, Mac, bool)>) -> Option<Self> {
        if !port.is_bundle() {
            return None;
        }
        let several = port.interfaces.len() > 1 || port.bond.is_some();
        let members = port.interfaces.iter().filter_map(|interface| {
            let (dp_port, mac, carrier) = attached(interface.name)?;
            Some(Bundled { name: interface.name, dp_port, mac, carrier, lacp: interface.lacp })
        });
        let lacp = port.lacp.map(|lacp| lacp::Settings {
            system: lacp.system.unwrap_or(system),
            system_priority: lacp.system_priority.unwrap_or(if several { BOND_PRIORITY } else { LINK_PRIORITY }),
            active: lacp.active,
            fast: lacp.fast,
            fallback_ab: lacp.fallback_ab,
        });
        let bond = several.then(|| port.bond.clone().unwrap_or_default());
        Some(Self { bond, lacp, members: members.collect() })
    }
}

/// The lowest priority LACP has, which is what ports have that nobody gave one.
const LOWEST: u16 = u16::MAX;

impl Bundled {
    fn to_lacp(self) -> lacp::Member {
        // The kernel numbers ports below 65536.
        let number = u16::try_from(self.dp_port).unwrap_or(u16::MAX);
        let model::LacpMember { port_id, port_priority, key } = self.lacp;
        let (port, priority) = (port_id.unwrap_or(number), port_priority.unwrap_or(LOWEST));
        lacp::Member { name: self.name, mac: self.mac, port, priority, key: key.unwrap_or(0) }
    }

    const fn to_bond(self) -> bond::Member {
        bond::Member { name: self.name, dp_port: self.dp_port, mac: self.mac }
    }
}

/// Where among the bundles a datapath port is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) bundle: usize,
    pub(super) member: usize,
}

/// What of a bundle outlives a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The bridge.
    pub bridge: IfName,
    /// The port.
    pub port: IfName,
    /// The address of the bond's active member.
    pub active: Option<Mac>,
    /// The members whose partners speak, and what those say of themselves.
    pub partners: Vec<(IfName, lacp::Info)>,
}

/// One port's state.
#[derive(Debug)]
pub(super) struct One {
    /// Index of its bridge.
    pub(super) bridge: usize,
    pub(super) port: PortId,
    name: IfName,
    members: Vec<Bundled>,
    /// How it is told whether a member's link works.
    detect: Detect,
    pub(super) bond: Option<Bond>,
    pub(super) lacp: Option<Lacp>,
}

impl One {
    /// Brings bond and LACP to what is asked of them now.
    fn follow(&mut self, now: Moment, spec: &Bundle, recirc_id: u32, remembered: Option<&Remembered>) {
        let (name, fresh) = (self.name, self.lacp.is_none());
        let detect = spec.bond.as_ref().map_or(Detect::Carrier, |bond| bond.detect);
        let (asked_before, asks) = (self.detect.every().is_some(), detect.every().is_some());
        self.detect = detect;
        // What a transceiver said holds until it is asked again, whatever the kernel says meanwhile.
        let answer = |member: &Bundled| self.members.iter().find(|known| asked_before && asks && known.name == member.name);
        let members: Vec<Bundled> =
            spec.members.iter().map(|member| Bundled { carrier: answer(member).unwrap_or(member).carrier, ..*member }).collect();
        match (spec.lacp, &mut self.lacp) {
            (None, lacp) => *lacp = None,
            (Some(settings), Some(lacp)) => lacp.configure(settings),
            (Some(settings), lacp @ None) => *lacp = Some(Lacp::new(name, settings)),
        }
        if let Some(lacp) = &mut self.lacp {
            lacp.set_members(now, members.iter().map(|member| (member.to_lacp(), member.carrier)));
            for (member, partner) in remembered.into_iter().flat_map(|before| &before.partners).filter(|_| fresh) {
                lacp.remember(now, member, *partner);
            }
        }
        let status = self.status();
        let Self { lacp, bond, .. } = self;
        match &spec.bond {
            None => *bond = None,
            Some(asked) => {
                let fallback_ab = spec.lacp.is_some_and(|lacp| lacp.fallback_ab);
                let settings = bond::Settings { bond: asked.clone(), fallback_ab, recirc_id };
                let active = remembered.and_then(|before| before.active);
                let bond = bond.get_or_insert_with(|| Bond::new(now, name, settings.clone(), active));
                bond.configure(now, settings);
                let agreed = |member: &str| lacp.as_ref().is_some_and(|lacp| lacp.may_enable(member));
                // Before its members come: they are not to carry packets that LACP has not agreed on.
                bond.set_lacp(now, status, agreed);
                bond.set_members(members.iter().map(|member| (member.to_bond(), member.carrier, agreed(&member.name))));
            }
        }
        for Bundled { name, carrier, .. } in &members {
            self.set_carrier(now, name, *carrier);
        }
        self.members = members;
        // So that the first packet finds an active member. Every flow is decided again anyway.
        if let Some(bond) = &mut self.bond {
            bond.run(now);
        }
    }

    fn set_carrier(&mut self, now: Moment, member: &str, up: bool) {
        if let Some(lacp) = &mut self.lacp {
            lacp.set_carrier(now, member, up);
        }
        if let Some(bond) = &mut self.bond {
            bond.set_carrier(member, up);
        }
    }

    fn status(&self) -> LacpStatus {
        match &self.lacp {
            None => LacpStatus::Off,
            Some(lacp) if lacp.negotiated() => LacpStatus::Negotiated,
            Some(_) => LacpStatus::Configured,
        }
    }

    /// Runs both; returns whether every flow must be decided again.
    fn run(&mut self, now: Moment, send: &mut dyn FnMut(u32, &[u8])) -> bool {
        let members = &self.members;
        if let Some(lacp) = &mut self.lacp {
            lacp.run(now, &mut |member, frame| {
                if let Some(member) = members.iter().find(|one| one.name == member) {
                    send(member.dp_port, frame);
                }
            });
        }
        let status = self.status();
        let Self { lacp, bond: Some(bond), .. } = self else { return false };
        bond.set_lacp(now, status, |member| lacp.as_ref().is_some_and(|lacp| lacp.may_enable(member)));
        bond.run(now)
    }

    fn next(&self) -> Option<Moment> {
        let lacp = self.lacp.as_ref().and_then(Lacp::next);
        lacp.into_iter().chain(self.bond.as_ref().and_then(Bond::next)).min()
    }
}

/// Every bundle of a switch.
#[derive(Debug, Default)]
pub(super) struct Bundles {
    pub(super) all: Vec<One>,
    by_recirc: HashMap<u32, usize, RandomState>,
    /// Of an earlier run, for those that are yet to come.
    remembered: Vec<Remembered>,
}

impl Bundles {
    /// Takes the bundles out of force, for [`add`](Self::add) to put back those that stay.
    pub(super) fn take(&mut self) -> HashMap<PortId, One, RandomState> {
        self.by_recirc.clear();
        self.all.drain(..).map(|one| (one.port, one)).collect()
    }

    /// Puts a bundle in force: what it was before, brought to what is asked of it now. Returns its place.
    pub(super) fn add(
        &mut self,
        now: Moment,
        before: Option<One>,
        (bridge, bridge_name): (usize, IfName),
        (port, name): (PortId, IfName),
        spec: &Bundle,
    ) -> usize {
        let recirc_id = self.recirc_id(&bridge_name, &name);
        let found = self.remembered.iter().position(|before| before.bridge == bridge_name && before.port == name);
        let remembered = found.map(|at| self.remembered.swap_remove(at));
        let fresh = || One { bridge, port, name, members: Vec::new(), detect: Detect::Carrier, bond: None, lacp: None };
        let mut one = before.unwrap_or_else(fresh);
        one.bridge = bridge;
        one.follow(now, spec, recirc_id, remembered.as_ref());
        self.by_recirc.insert(recirc_id, self.all.len());
        self.all.push(one);
        self.all.len() - 1
    }

    /// The number packets of a bond come round by: made of its name, so that the agent after this one finds its own flows.
    fn recirc_id(&self, bridge: &str, port: &str) -> u32 {
        // FNV-1a; of 31 bits, because it is printed as a signed number. 0 is a packet that has not been round.
        let hash =
            bridge.bytes().chain([0]).chain(port.bytes()).fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let mut id = (hash & 0x7fff_ffff).max(1);
        while self.by_recirc.contains_key(&id) {
            id = id % 0x7fff_ffff + 1;
        }
        id
    }

    /// The bundle whose packets come round by this number.
    pub(super) fn by_recirc(&self, id: u32) -> Option<usize> {
        self.by_recirc.get(&id).copied()
    }

    /// The members of the bundle at a place, by number and name.
    pub(super) fn members(&self, at: usize) -> impl Iterator<Item = (u32, IfName)> {
        self.all.get(at).into_iter().flat_map(|one| one.members.iter().map(|member| (member.dp_port, member.name)))
    }

    /// The bond at a place.
    pub(super) fn bond(&mut self, at: usize) -> Option<&mut Bond> {
        self.all.get_mut(at)?.bond.as_mut()
    }
}

/// Why a question about bonds has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoLacp;

impl fmt::Display for NoLacp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such lacp object")
    }
}

impl core::error::Error for NoLacp {}

impl Switch {
    /// Says that a device's carrier came or went. Returns whether it is a bundle's that goes by it: then
    /// [`run_bundles`](Self::run_bundles).
    pub fn set_carrier(&mut self, now: Moment, device: &str, up: bool) -> bool {
        let changed = self.set_link(now, device, up, |detect| detect == Detect::Carrier);
        if changed {
            self.note_carrier(device, up);
        }
        changed
    }

    /// Says what a device's transceiver answered. Returns whether that is news to a bond that [asks](Self::asked): then
    /// [`run_bundles`](Self::run_bundles).
    pub fn set_transceiver(&mut self, now: Moment, device: &str, up: bool) -> bool {
        self.set_link(now, device, up, |detect| detect != Detect::Carrier)
    }

    /// The devices whose transceivers are to be asked whether their links work, each with the time between two questions.
    pub fn asked(&self) -> impl Iterator<Item = (IfName, Duration)> {
        let asking = self.bundles.all.iter().filter_map(|one| Some((one, one.detect.every()?)));
        asking.flat_map(|(one, every)| one.members.iter().map(move |member| (member.name, every)))
    }

    fn set_link(&mut self, now: Moment, device: &str, up: bool, goes_by: impl Fn(Detect) -> bool) -> bool {
        let mut changed = false;
        for one in self.bundles.all.iter_mut().filter(|one| goes_by(one.detect)) {
            let Some(member) = one.members.iter_mut().find(|member| *member.name == *device && member.carrier != up) else { continue };
            member.carrier = up;
            one.set_carrier(now, device, up);
            changed = true;
        }
        changed
    }

    /// Takes a packet that [`upcall`](Self::upcall) gave the reason [`Lacp`](super::Reason::Lacp): its key and the whole
    /// frame. Then [`run_bundles`](Self::run_bundles).
    pub fn receive_lacp(&mut self, now: Moment, key: &[u8], frame: &[u8]) {
        let dp_port = L2::parse(key).ok().and_then(|l2| l2.in_port);
        let slot = dp_port.and_then(|dp_port| self.by_dp_port.get(&dp_port)).and_then(|ingress| ingress.slot);
        let Some(Slot { bundle, member }) = slot else { return };
        let Some(One { members, lacp: Some(lacp), .. }) = self.bundles.all.get_mut(bundle) else { return };
        let Some(member) = members.get(member) else { return };
        // What is wrong with it the machine counts; a carrier that is late will be told.
        let _ = lacp.receive(now, &member.name, frame.get(14..).unwrap_or(&[]));
    }

    /// Does what is due of bonds and LACP. `send` is handed the frames to send, each with the datapath port it goes out by.
    /// When what members do has changed, so has the generation: the revalidator is to pass over the flows at once.
    pub fn run_bundles(&mut self, now: Moment, send: &mut dyn FnMut(u32, &[u8])) {
        let mut changed = false;
        for at in 0..self.bundles.all.len() {
            let one = &mut self.bundles.all[at];
            changed |= one.run(now, send);
            if one.bond.as_mut().is_some_and(Bond::announcements_due) {
                self.announce(at, send);
            }
        }
        if changed {
            self.outdate_all();
        }
    }

    /// Announces by a bond every station that is behind another port of its bridge.
    fn announce(&mut self, at: usize, send: &mut dyn FnMut(u32, &[u8])) {
        let One { bridge, port, .. } = self.bundles.all[at];
        let Some(bond) = self.bundles.bond(at) else { return };
        let bridge = &self.bridges[bridge];
        let Some(rules) = bridge.ports.iter().find(|one| one.id == port).map(|port| &port.rules) else { return };
        for ((vlan, mac), found) in bridge.fdb.iter() {
            if found.port != port
                && let Some(tag) = rules.tag_of(vlan)
                && let Some(dp_port) = bond.announce_by(mac, vlan)
            {
                send(dp_port, bond::announcement(mac, tag).bytes());
            }
        }
    }

    /// Has bonds give their buckets to the members that a flow of an earlier run sends them by, so that connections stay where
    /// they are.
    pub(super) fn keep_buckets(&mut self, key: &[u8], actions: &[u8]) {
        let Ok(l2) = L2::parse(key) else { return };
        let ingress = l2.in_port.and_then(|dp_port| self.by_dp_port.get(&dp_port));
        let admitted = ingress.and_then(|place| self.bridges[place.bridge].ports[place.index].rules.admit(&l2, &mut TagRead::default()).ok());
        let outputs = Attrs::new(actions).filter(|attr| attr.kind() == action::OUTPUT).filter_map(|attr| attr.u32());
        for dp_port in outputs {
            let Some(slot) = self.by_dp_port.get(&dp_port).and_then(|ingress| ingress.slot) else { continue };
            let round = self.bundles.by_recirc(l2.recirc_id);
            let Some(bond) = self.bundles.bond(slot.bundle) else { continue };
            match round {
                Some(bundle) if bundle == slot.bundle => bond.keep_bucket(l2.dp_hash, dp_port),
                None if l2.recirc_id == 0 => {
                    if let Some(admitted) = admitted {
                        bond.keep_source(l2.eth_src, admitted.vlan, dp_port);
                    }
                }
                Some(_) | None => {}
            }
        }
    }

    /// When [`run_bundles`](Self::run_bundles) has something to do next, if nothing happens before; `None` when it has not.
    pub fn next_bundle_run(&self) -> Option<Moment> {
        self.bundles.all.iter().filter_map(One::next).min()
    }

    /// What of the bundles outlives a restart.
    pub fn remember_bundles(&self) -> Vec<Remembered> {
        let remembered = |one: &One| Remembered {
            bridge: self.bridges[one.bridge].name,
            port: one.name,
            active: one.bond.as_ref().and_then(Bond::active_mac),
            partners: one.lacp.iter().flat_map(Lacp::partners).collect(),
        };
        self.bundles.all.iter().map(remembered).collect()
    }

    /// Has bundles that are yet to come begin where an earlier run was: the same member is active, and partners that spoke are
    /// believed to speak still, for as long as one may be silent. Call it before [`set_topology`](Self::set_topology).
    pub fn restore_bundles(&mut self, remembered: Vec<Remembered>) {
        self.bundles.remembered = remembered;
    }

    /// What `bond/show` says of one bond, or of all.
    ///
    /// # Errors
    /// There is no bond of that name.
    pub fn show_bonds(&self, now: Moment, port: Option<&str>) -> Result<String, Refused> {
        let mut text = String::new();
        for bond in self.bonds(port) {
            bond.show(now, &mut text);
        }
        if port.is_some() && text.is_empty() { Err(Refused::NoBond) } else { Ok(text) }
    }

    /// What `bond/list` says.
    pub fn list_bonds(&self) -> String {
        let mut text = bond::LIST_HEADER.to_owned();
        self.bonds(None).for_each(|bond| bond.list(&mut text));
        text
    }

    /// What `lacp/show` says of one port, or of all; with `stats` what `lacp/show-stats` does.
    ///
    /// # Errors
    /// There is no port of that name that speaks LACP.
    pub fn show_lacp(&self, port: Option<&str>, stats: bool) -> Result<String, NoLacp> {
        let mut text = String::new();
        let wanted = self.bundles.all.iter().filter(|one| port.is_none_or(|port| *one.name == *port));
        for lacp in wanted.filter_map(|one| one.lacp.as_ref()) {
            if stats { lacp.show_stats(&mut text) } else { lacp.show(&mut text) }
        }
        if port.is_some() && text.is_empty() { Err(NoLacp) } else { Ok(text) }
    }

    /// Has a person's change done to the bond `port`. Then [`run_bundles`](Self::run_bundles).
    ///
    /// # Errors
    /// There is no bond of that name, or it refuses.
    pub fn change_bond<T>(&mut self, port: &str, change: impl FnOnce(&mut Bond) -> Result<T, Refused>) -> Result<T, Refused> {
        let at = self.bundles.all.iter().position(|one| *one.name == *port && one.bond.is_some());
        change(at.and_then(|at| self.bundles.bond(at)).ok_or(Refused::NoBond)?)
    }

    fn bonds<'a>(&'a self, port: Option<&'a str>) -> impl Iterator<Item = &'a Bond> {
        self.bundles.all.iter().filter(move |one| port.is_none_or(|port| *one.name == *port)).filter_map(|one| one.bond.as_ref())
    }
}
