//! The switch's state: the topology in force, a MAC table for each bridge, and what became outdated.

use core::time::Duration;

use foldhash::quality::RandomState;
use hashbrown::HashMap;
use ovsdp_proto::{IfName, Mac};

use super::bundles::{Bundles, Slot};
use super::decision::{Load, Station};
use super::fdb::{self, Address, Fdb, FdbEntry, Restored};
use super::lately::Lately;
use super::time::Moment;
use super::topology::{BadTopology, BridgeId, PortId, Topology, Way};
use super::tunnel::{Ports, Select};
use super::vlan::Rules;
use crate::model::{BondMode, Tunnel, VlanSet};

/// How many forgotten stations are kept one by one. When there are more, every flow is looked at again instead.
const FORGOTTEN_MAX: usize = 8192;

/// A bridge as the pipeline wants it.
#[derive(Debug)]
pub(super) struct Bridge {
    pub(super) id: BridgeId,
    pub(super) name: IfName,
    /// Every port, the local one among them, in the order a flood goes through them: by number in the datapath, tunnels
    /// behind what goes out as it is, and what leads to other bridges last.
    pub(super) ports: Vec<Port>,
    pub(super) fdb: Fdb,
    /// The one that stands for the bridges this one is joined to by patch ports, itself among them; `None` when it is to none.
    pub(super) group: Option<BridgeId>,
    /// The VLANs in which nothing is learned; `None`: no VLAN.
    flood_vlans: Option<VlanSet>,
    /// Whether every port is plain.
    pub(super) plain: bool,
    /// Whether packets to reserved groups are forwarded as others.
    pub(super) forward_bpdu: bool,
    /// Whether it has a bond that has to tell stations that moved from packets that were sent back.
    pub(super) wary: bool,
    /// Which stations it was made to forget while it had.
    pub(super) lately: Lately,
}

impl Bridge {
    pub(super) fn new(id: BridgeId, name: IfName, macs: fdb::Limits) -> Self {
        Self {
            id,
            name,
            ports: Vec::new(),
            fdb: Fdb::new(macs),
            group: None,
            flood_vlans: None,
            plain: true,
            forward_bpdu: false,
            wary: false,
            lately: Lately::default(),
        }
    }

    /// Whether nothing is learned in a VLAN.
    pub(super) fn floods(&self, vlan: u16) -> bool {
        self.flood_vlans.as_ref().is_some_and(|set| set.contains(vlan))
    }

    /// Puts other flood VLANs in force: in one that is new nothing learned is left, and nothing static is heeded.
    pub(super) fn set_flood_vlans(&mut self, flood_vlans: &VlanSet) {
        if self.flood_vlans.as_ref().is_none_or(|before| before != flood_vlans) {
            let learned = self.fdb.iter().filter(|((vlan, _), found)| !found.is_static && flood_vlans.contains(*vlan));
            let gone: Vec<Address> = learned.map(|(address, _)| address).collect();
            for address in gone {
                self.fdb.forget(address);
            }
            self.flood_vlans = (!flood_vlans.is_empty()).then(|| flood_vlans.clone());
        }
    }

    /// The stations that are not behind a patch port.
    fn own_stations(&self) -> impl Iterator<Item = Address> {
        let patches: Vec<PortId> = self.ports.iter().filter(|port| port.is_patch()).map(|port| port.id).collect();
        self.fdb.iter().filter(move |(_, found)| !patches.contains(&found.port)).map(|(station, _)| station)
    }

    /// What flows depend on that depend on the bridge's addresses.
    pub(super) const fn stations(&self) -> Stations {
        Stations { bridge: self.id, group: self.group }
    }
}

/// What flows depend on that depend on a bridge's addresses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stations {
    bridge: BridgeId,
    group: Option<BridgeId>,
}

impl Stations {
    /// That of an address. Where bridges are joined, a packet may pass several of them, each with a VLAN of its own for it:
    /// what is seen of an address in one of them concerns every flow from and to the address.
    pub(super) const fn of(self, vlan: u16, mac: Mac) -> Station {
        match self.group {
            Some(bridge) => Station { bridge, vlan: 0, mac },
            None => Station { bridge: self.bridge, vlan, mac },
        }
    }
}

/// A port as the pipeline wants it.
#[derive(Debug, Clone)]
pub(super) struct Port {
    pub(super) id: PortId,
    pub(super) name: IfName,
    pub(super) exit: Exit,
    pub(super) rules: Rules,
}

impl Port {
    /// Whether it leads into another bridge.
    const fn is_patch(&self) -> bool {
        matches!(self.exit, Exit::Patch(_))
    }
}

/// Where a packet goes that goes out by a port.
#[derive(Debug, Clone, Copy)]
pub(super) enum Exit {
    /// To a port of the datapath, as it is.
    Device(u32),
    /// By a member of a bundle.
    Bundle {
        /// Index into the bundles.
        at: usize,
        /// The first member's number in the datapath.
        first: u32,
    },
    /// To a port of the datapath, wrapped.
    Tunnel(u32, Tunnel),
    /// Into another bridge; nowhere when there is no peer.
    Patch(Option<Place>),
}

impl Exit {
    /// The datapath's port it goes through, if it goes through one; the first of several.
    pub(super) const fn dp_port(&self) -> Option<u32> {
        match self {
            Self::Device(number) | Self::Tunnel(number, _) | Self::Bundle { first: number, .. } => Some(*number),
            Self::Patch(_) => None,
        }
    }

    /// Where in a flood it comes.
    pub(super) const fn order(&self) -> (u8, u32) {
        match self {
            Self::Device(number) | Self::Bundle { first: number, .. } => (0, *number),
            Self::Tunnel(number, _) => (1, *number),
            Self::Patch(_) => (2, 0),
        }
    }
}

/// Where a port is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Index into [`Switch::bridges`].
    pub(super) bridge: usize,
    /// Index into that bridge's ports.
    pub(super) index: usize,
    pub(super) port: PortId,
    /// Which member of which bundle, of a packet that came in by one.
    pub(super) slot: Option<Slot>,
}

/// Where a station was found in the MAC tables the last time, to be looked at first; what is there now says whether it still is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seat {
    /// Index into [`Switch::bridges`].
    pub(super) bridge: u32,
    /// The place in that bridge's table.
    pub(super) entry: u32,
}

/// Every bridge of a datapath. One value; whoever shares it between handlers puts a lock round it.
#[derive(Debug, Default)]
pub struct Switch {
    topology: Topology,
    pub(super) bridges: Vec<Bridge>,
    pub(super) by_dp_port: HashMap<u32, Place, RandomState>,
    /// The tunnel ports, whose numbers in the datapath are not theirs alone.
    pub(super) tunnels: Ports<Place>,
    /// For packets to a learned station.
    pub(super) by_id: HashMap<PortId, Place, RandomState>,
    pub(super) bundles: Bundles,
    last_id: u32,
    outdated: Outdated,
}

/// What flows must be decided again.
#[derive(Debug, Default)]
struct Outdated {
    /// All of those decided under a lower number.
    generation: u64,
    /// Those to and from these stations, which are no longer known.
    forgotten: Vec<Station>,
}

impl Outdated {
    fn forget(&mut self, station: Station) {
        if self.forgotten.len() < FORGOTTEN_MAX {
            self.forgotten.push(station);
        } else {
            self.all();
        }
    }

    fn all(&mut self) {
        self.generation += 1;
        self.forgotten.clear();
    }
}

impl Switch {
    /// A switch without bridges: every packet comes from an unknown port.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of the state every flow depends on. A flow decided under another number must be decided again.
    pub const fn generation(&self) -> u64 {
        self.outdated.generation
    }

    /// The topology in force.
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Puts another topology in force. Bridges and ports that are still there by name keep their handles and MAC tables;
    /// of a port that is not, the addresses are forgotten. Returns whether anything changed; if so, the generation did.
    ///
    /// # Errors
    /// [`BadTopology`]; the one before stays in force.
    pub fn set_topology(&mut self, now: Moment, topology: Topology) -> Result<bool, BadTopology> {
        topology.check()?;
        if topology == self.topology {
            return Ok(false);
        }
        let mut old: HashMap<IfName, Bridge, RandomState> = self.bridges.drain(..).map(|bridge| (bridge.name, bridge)).collect();
        self.by_dp_port.clear();
        self.tunnels.clear();
        self.by_id.clear();
        let mut bundles = self.bundles.take();
        // Stations of ports that are gone.
        let mut homeless = Vec::new();
        for (index, spec) in topology.bridges.iter().enumerate() {
            let mut bridge = old.remove(&*spec.name).unwrap_or_else(|| Bridge::new(BridgeId(self.fresh_id()), spec.name, spec.macs));
            // Every flow is decided again anyway: nothing needs to be told what the table forgets here.
            if bridge.fdb.limits() != spec.macs {
                bridge.fdb.set_limits(spec.macs, &mut |_| {});
                bridge.fdb.expire(now, &mut |_| {});
            }
            bridge.set_flood_vlans(&spec.flood_vlans);
            bridge.forward_bpdu = spec.forward_bpdu;
            let was_wary = core::mem::take(&mut bridge.wary);
            let before: HashMap<IfName, Port, RandomState> = bridge.ports.drain(..).map(|port| (port.name, port)).collect();
            for (name, way, rules) in spec.all_ports() {
                let (known, rules) = (before.get(&*name), Rules::from(rules));
                let id = known.map_or_else(|| PortId(self.fresh_id()), |port| port.id);
                // What was learned behind it may be in VLANs it is no longer in.
                if known.is_some_and(|port| port.rules != rules) {
                    if was_wary {
                        bridge.lately.note(now, &bridge.fdb, Some(id));
                    }
                    bridge.fdb.flush_port(id, &mut |_| {});
                }
                let exit = match way {
                    Way::Device(number) => Exit::Device(*number),
                    Way::Tunnel(number, tunnel) => Exit::Tunnel(*number, *tunnel),
                    Way::Patch(_) => Exit::Patch(None),
                    Way::Bundle(made_of) => {
                        let Some(first) = made_of.members.first() else { continue };
                        bridge.wary |= made_of.bond.as_ref().is_some_and(|bond| bond.mode == BondMode::BalanceSlb);
                        let at = self.bundles.add(now, bundles.remove(&id), (index, spec.name), (id, name), made_of);
                        Exit::Bundle { at, first: first.dp_port }
                    }
                };
                bridge.ports.push(Port { id, name, exit, rules });
            }
            bridge.ports.sort_by_key(|port| (port.exit.order(), port.name));
            bridge.plain = bridge.ports.iter().all(|port| port.rules.is_plain());
            for (at, port) in bridge.ports.iter().enumerate() {
                self.settle(Place { bridge: index, index: at, port: port.id, slot: None }, &port.exit);
            }
            for gone in before.values().filter(|port| !self.by_id.contains_key(&port.id)) {
                if !gone.is_patch() {
                    bridge.fdb.forget_port(gone.id, &mut |station| homeless.push(station));
                    continue;
                }
                // Who was behind a patch port is where it was, in another bridge, and only this one does not reach it any more.
                if was_wary {
                    bridge.lately.note(now, &bridge.fdb, Some(gone.id));
                }
                bridge.fdb.forget_port(gone.id, &mut |_| {});
            }
            self.bridges.push(bridge);
        }
        homeless.extend(old.values().flat_map(Bridge::own_stations));
        self.forget_homeless(&homeless);
        self.join(&topology);
        self.topology = topology;
        self.outdated.all();
        Ok(true)
    }

    /// Has every bridge forget stations whose port is gone. They turn up elsewhere, perhaps behind another bridge, which would go on sending
    /// to the one they have left. Every flow is to be decided again.
    pub(super) fn forget_homeless(&mut self, stations: &[fdb::Address]) {
        for bridge in &mut self.bridges {
            for station in stations {
                bridge.fdb.forget_learned(*station);
            }
        }
    }

    /// Notes where a port is, and by which packets it is found.
    pub(super) fn settle(&mut self, place: Place, exit: &Exit) {
        self.by_id.insert(place.port, place);
        match exit {
            Exit::Device(number) => drop(self.by_dp_port.insert(*number, place)),
            Exit::Tunnel(number, tunnel) => self.tunnels.insert(Select::of(*number, tunnel), place),
            Exit::Patch(_) => {}
            Exit::Bundle { at, .. } => {
                for (member, (number, _)) in self.bundles.members(*at).enumerate() {
                    self.by_dp_port.insert(number, Place { slot: Some(Slot { bundle: *at, member }), ..place });
                }
            }
        }
    }

    /// Notes that every flow must be decided again.
    pub(super) fn outdate_all(&mut self) {
        self.outdated.all();
    }

    /// Has the topology in force say what a bundle's device has become, so that it equals the next one that says so.
    pub(super) fn note_carrier(&mut self, device: &str, up: bool) {
        let ports = self.topology.bridges.iter_mut().flat_map(|bridge| &mut bridge.ports);
        let bundles = ports.filter_map(|port| if let Way::Bundle(bundle) = &mut port.way { Some(bundle) } else { None });
        let members = bundles.flat_map(|bundle| &mut bundle.members);
        members.filter(|member| *member.name == *device).for_each(|member| member.carrier = up);
    }

    /// Credits bonds with bytes that were sent by these buckets; says whether the load of one of them is looked at.
    pub(super) fn account(&mut self, now: Moment, loads: &[Load], bytes: u64) -> bool {
        let mut looked_at = false;
        for Load { port, bucket } in loads.iter().filter(|_| bytes > 0) {
            let exit = self.port(*port).map(|port| port.exit);
            if let Some(Exit::Bundle { at, .. }) = exit
                && let Some(bond) = self.bundles.bond(at)
            {
                bond.account(now, *bucket, bytes);
                looked_at |= bond.rebalances().is_some();
            }
        }
        looked_at
    }

    /// Lets silent stations go, in every bridge. A packet does so for its own bridge; this is for a quiet network.
    pub fn expire(&mut self, now: Moment) {
        for index in 0..self.bridges.len() {
            self.expire_in(index, now);
        }
    }

    /// When [`expire`](Self::expire) has something to do next; `None` when no station is known.
    pub fn next_expiry(&self) -> Option<Moment> {
        self.bridges.iter().filter_map(|bridge| bridge.fdb.next_expiry()).min()
    }

    /// The shortest time that an address stays in any bridge without being seen; the longest there is when there is no bridge.
    pub fn shortest_aging(&self) -> Duration {
        self.bridges.iter().map(|bridge| bridge.fdb.limits().aging()).min().unwrap_or(Duration::MAX)
    }

    /// A bridge's MAC table.
    pub fn fdb(&self, bridge: &str) -> Option<&Fdb> {
        self.index_of(bridge).map(|index| &self.bridges[index].fdb)
    }

    /// What happened to a bridge's MAC table.
    pub fn fdb_stats(&self, bridge: &str) -> Option<fdb::Stats> {
        self.fdb(bridge).map(Fdb::stats)
    }

    /// What each MAC table counts.
    pub fn all_fdb_stats(&self) -> impl Iterator<Item = fdb::Stats> {
        self.bridges.iter().map(|bridge| bridge.fdb.stats())
    }

    /// A bridge's name.
    pub fn bridge_name(&self, id: BridgeId) -> Option<IfName> {
        self.bridges.iter().find(|bridge| bridge.id == id).map(|bridge| bridge.name)
    }

    /// A bridge's handle.
    pub fn bridge_id(&self, name: &str) -> Option<BridgeId> {
        self.index_of(name).map(|index| self.bridges[index].id)
    }

    /// A port.
    pub(super) fn port(&self, id: PortId) -> Option<&Port> {
        let place = self.by_id.get(&id)?;
        self.bridges[place.bridge].ports.get(place.index)
    }

    /// A port's name.
    pub fn port_name(&self, id: PortId) -> Option<IfName> {
        self.port(id).map(|port| port.name)
    }

    /// A port's number in the datapath, which a tunnel port shares with others; that of the first member of a bundle. A patch
    /// port has none.
    pub fn dp_port(&self, id: PortId) -> Option<u32> {
        self.port(id)?.exit.dp_port()
    }

    /// The number in the datapath of a bridge's device that a person calls so: by its name, or `LOCAL`.
    pub fn port_number(&self, bridge: &str, word: &str) -> Option<u32> {
        let index = self.index_of(bridge)?;
        match self.bridges[index].port(word).map(|port| port.exit) {
            None | Some(Exit::Bundle { .. }) => self.numbered(index).find(|(_, name)| **name == *word).map(|(number, _)| number),
            Some(exit) => exit.dp_port(),
        }
    }

    /// Every number a bridge has in the datapath, with its name: a bundle's members, not the bundle. A tunnel device is called
    /// after each of its ports.
    pub(super) fn numbered(&self, bridge: usize) -> impl Iterator<Item = (u32, IfName)> {
        self.bridges[bridge].ports.iter().flat_map(|port| {
            let (members, alone) = match port.exit {
                Exit::Bundle { at, .. } => (Some(self.bundles.members(at)), None),
                exit => (None, exit.dp_port().map(|number| (number, port.name))),
            };
            members.into_iter().flatten().chain(alone)
        })
    }

    /// The name of the device with this number in the datapath.
    pub(super) fn member_name(&self, dp_port: u32) -> Option<IfName> {
        self.numbered(self.by_dp_port.get(&dp_port)?.bridge).find(|(number, _)| *number == dp_port).map(|(_, name)| name)
    }

    /// Every MAC table as values that survive a restart: each bridge's static addresses, then its least recently used first.
    pub fn snapshot(&self, now: Moment) -> Vec<FdbEntry> {
        let mut all = Vec::new();
        for bridge in &self.bridges {
            let names: HashMap<PortId, IfName, RandomState> = bridge.ports.iter().map(|port| (port.id, port.name)).collect();
            let entries = bridge.fdb.iter();
            all.extend(entries.filter_map(|one| Some(FdbEntry::new(now, bridge.name, *names.get(&one.1.port)?, one))));
        }
        all
    }

    /// Puts a snapshot's addresses back, each as old as it was: into the bridges and ports there are now, behind what was
    /// learned meanwhile. Returns how many were put back. Call it after [`set_topology`](Self::set_topology).
    pub fn restore(&mut self, now: Moment, entries: &[FdbEntry]) -> usize {
        let mut count = 0;
        for bridge in &mut self.bridges {
            let ids: HashMap<IfName, PortId, RandomState> = bridge.ports.iter().map(|port| (port.name, port.id)).collect();
            let mine = entries.iter().filter(|entry| entry.bridge == bridge.name);
            let restored = mine.filter_map(|entry| {
                let port = *ids.get(&*entry.port)?;
                Some(Restored { address: (entry.vlan, entry.mac), port, used: fdb::seen(now, entry), is_static: entry.is_static })
            });
            count += bridge.fdb.restore(now, restored);
        }
        if count > 0 {
            self.outdated.all();
        }
        count
    }

    /// Whether there are stations for [`forgotten`](Self::forgotten) to hand over.
    pub(super) const fn has_forgotten(&self) -> bool {
        !self.outdated.forgotten.is_empty()
    }

    /// Hands over the stations that are no longer known: flows to and from them must be decided again
    /// ([`FlowTable::settle`](super::FlowTable::settle) asks for them).
    pub fn forgotten(&mut self) -> impl Iterator<Item = Station> {
        self.outdated.forgotten.drain(..)
    }

    /// Notes that a station is no longer known.
    pub(super) fn forget(&mut self, station: Station) {
        self.outdated.forget(station);
    }

    /// Lets a bridge's silent stations go.
    pub(super) fn expire_in(&mut self, index: usize, now: Moment) {
        self.drain(index, |fdb, gone| fdb.expire(now, gone));
        self.bridges[index].lately.expire(now);
    }

    /// Has `take` remove addresses from a bridge's MAC table, and notes that their stations are no longer known.
    pub(super) fn drain(&mut self, index: usize, take: impl FnOnce(&mut Fdb, &mut dyn FnMut(Address))) {
        let Self { bridges, outdated, .. } = self;
        let bridge = &mut bridges[index];
        let stations = bridge.stations();
        take(&mut bridge.fdb, &mut |(vlan, mac)| outdated.forget(stations.of(vlan, mac)));
    }

    /// Joins anew what is joined by patch ports, some of which are elsewhere in their bridges.
    pub(super) fn rejoin(&mut self) {
        let topology = core::mem::take(&mut self.topology);
        self.join(&topology);
        self.topology = topology;
    }

    /// Has the topology in force say that there is a bridge more.
    pub(super) fn add_to_topology(&mut self, bridge: super::topology::Bridge) {
        self.topology.bridges.push(bridge);
    }

    /// Has the topology in force say that a bridge has a port more.
    pub(super) fn port_added(&mut self, bridge: usize, port: super::topology::Port) {
        self.topology.bridges[bridge].ports.push(port);
    }

    /// Has the topology in force say that a bridge has a port less.
    pub(super) fn port_removed(&mut self, bridge: usize, name: IfName) {
        self.topology.bridges[bridge].ports.retain(|port| port.name != name);
    }

    /// Joins patch ports that name each other, and the bridges they belong to into groups.
    fn join(&mut self, topology: &Topology) {
        let of_bridge = |(bridge, spec): (usize, &super::topology::Bridge)| -> Vec<(usize, IfName, IfName)> {
            spec.ports.iter().filter_map(|port| if let Way::Patch(peer) = port.way { Some((bridge, port.name, peer)) } else { None }).collect()
        };
        let ends: Vec<(usize, IfName, IfName)> = topology.bridges.iter().enumerate().flat_map(of_bridge).collect();
        let mut groups: Vec<usize> = (0..self.bridges.len()).collect();
        for (bridge, name, peer) in &ends {
            // A port's name is its bridge's matter: of several peers of that name the one counts that names this one.
            let other = ends.iter().find(|(other, end, theirs)| end == peer && theirs == name && other != bridge);
            let Some((other, ..)) = other else { continue };
            let found = self.bridges[*other].ports.iter().find(|port| port.name == *peer).and_then(|port| self.by_id.get(&port.id)).copied();
            if let Some(port) = self.bridges[*bridge].ports.iter_mut().find(|port| port.name == *name) {
                port.exit = Exit::Patch(found);
            }
            let (from, to) = (groups[*bridge].max(groups[*other]), groups[*bridge].min(groups[*other]));
            groups.iter_mut().filter(|group| **group == from).for_each(|group| *group = to);
        }
        for index in 0..self.bridges.len() {
            let joined = groups.iter().filter(|group| **group == groups[index]).count() > 1;
            self.bridges[index].group = joined.then(|| self.bridges[groups[index]].id);
        }
    }

    pub(super) fn fresh_id(&mut self) -> u32 {
        self.last_id = self.last_id.wrapping_add(1);
        self.last_id
    }

    pub(super) fn index_of(&self, bridge: &str) -> Option<usize> {
        self.bridges.iter().position(|one| *one.name == *bridge)
    }
}
