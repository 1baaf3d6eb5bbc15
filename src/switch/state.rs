//! The switch's state: the topology in force, a MAC table for each bridge, and what became outdated.

use foldhash::quality::RandomState;
use hashbrown::HashMap;
use ovsdp_proto::IfName;

use super::decision::Station;
use super::fdb::{self, Address, Fdb, FdbEntry, Found, Restored};
use super::time::Moment;
use super::topology::{BadTopology, BridgeId, PortId, Topology};
use super::vlan::Rules;
use crate::model::VlanSet;

/// How many forgotten stations are kept one by one. When there are more, every flow is looked at again instead.
const FORGOTTEN_MAX: usize = 8192;

/// A bridge as the pipeline wants it.
#[derive(Debug)]
pub(super) struct Bridge {
    pub(super) id: BridgeId,
    pub(super) name: IfName,
    /// Every port, the local one among them, by number in the datapath: what a flood goes through.
    pub(super) ports: Vec<Port>,
    pub(super) fdb: Fdb,
    /// `None`: no VLAN.
    pub(super) flood_vlans: Option<VlanSet>,
    /// Whether every port is plain.
    pub(super) plain: bool,
    pub(super) forward_bpdu: bool,
}

/// A port as the pipeline wants it.
#[derive(Debug, Clone)]
pub(super) struct Port {
    pub(super) id: PortId,
    pub(super) dp_port: u32,
    pub(super) name: IfName,
    pub(super) rules: Rules,
}

/// Where a port is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Index into [`Switch::bridges`].
    pub(super) bridge: usize,
    /// Index into that bridge's ports.
    pub(super) index: usize,
    pub(super) port: PortId,
    pub(super) dp_port: u32,
}

/// Every bridge of a datapath. One value; whoever shares it between handlers puts a lock round it.
#[derive(Debug, Default)]
pub struct Switch {
    topology: Topology,
    pub(super) bridges: Vec<Bridge>,
    pub(super) by_dp_port: HashMap<u32, Place, RandomState>,
    /// For packets to a learned station.
    pub(super) by_id: HashMap<PortId, Place, RandomState>,
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

impl Bridge {
    /// Whether nothing is learned in a VLAN.
    pub(super) fn floods(&self, vlan: u16) -> bool {
        self.flood_vlans.as_ref().is_some_and(|set| set.contains(vlan))
    }

    /// Puts other flood VLANs in force: in one that is new nothing learned is left, and nothing static is heeded.
    fn set_flood_vlans(&mut self, flood_vlans: &VlanSet) {
        if self.flood_vlans.as_ref().is_none_or(|before| before != flood_vlans) {
            let learned = self.fdb.iter().filter(|((vlan, _), found)| !found.is_static && flood_vlans.contains(*vlan));
            let gone: Vec<Address> = learned.map(|(address, _)| address).collect();
            for address in gone {
                self.fdb.forget(address);
            }
            self.flood_vlans = (!flood_vlans.is_empty()).then(|| flood_vlans.clone());
        }
    }
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
        self.by_id.clear();
        for (index, spec) in topology.bridges.iter().enumerate() {
            let mut bridge = match old.remove(&*spec.name) {
                Some(bridge) => bridge,
                None => Bridge {
                    id: BridgeId(self.fresh_id()),
                    name: spec.name,
                    ports: Vec::new(),
                    fdb: Fdb::new(spec.macs),
                    flood_vlans: None,
                    plain: true,
                    forward_bpdu: false,
                },
            };
            // Every flow is decided again anyway: nothing needs to be told what the table forgets here.
            if bridge.fdb.limits() != spec.macs {
                bridge.fdb.set_limits(spec.macs, &mut |_| {});
                bridge.fdb.expire(now, &mut |_| {});
            }
            bridge.set_flood_vlans(&spec.flood_vlans);
            bridge.forward_bpdu = spec.forward_bpdu;
            let before: HashMap<IfName, Port, RandomState> = bridge.ports.drain(..).map(|port| (port.name, port)).collect();
            for (name, dp_port, rules) in spec.all_ports() {
                let rules = Rules::from(rules);
                let known = before.get(&*name);
                let id = known.map_or_else(|| PortId(self.fresh_id()), |port| port.id);
                // What was learned behind it may be in VLANs it is no longer in.
                if known.is_some_and(|port| port.rules != rules) {
                    bridge.fdb.flush_port(id, &mut |_| {});
                }
                bridge.ports.push(Port { id, dp_port, name, rules });
            }
            bridge.ports.sort_by_key(|port| port.dp_port);
            bridge.plain = bridge.ports.iter().all(|port| port.rules.is_plain());
            for (at, port) in bridge.ports.iter().enumerate() {
                let place = Place { bridge: index, index: at, port: port.id, dp_port: port.dp_port };
                self.by_dp_port.insert(port.dp_port, place);
                self.by_id.insert(port.id, place);
            }
            for gone in before.values().filter(|port| !self.by_id.contains_key(&port.id)) {
                bridge.fdb.forget_port(gone.id, &mut |_| {});
            }
            self.bridges.push(bridge);
        }
        self.topology = topology;
        self.outdated.all();
        Ok(true)
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

    /// A bridge's MAC table.
    pub fn fdb(&self, bridge: &str) -> Option<&Fdb> {
        self.index_of(bridge).map(|index| &self.bridges[index].fdb)
    }

    /// What happened to a bridge's MAC table.
    pub fn fdb_stats(&self, bridge: &str) -> Option<fdb::Stats> {
        self.fdb(bridge).map(Fdb::stats)
    }

    /// Where a station is.
    pub fn find(&self, station: Station) -> Option<Found> {
        self.bridges.iter().find(|bridge| bridge.id == station.bridge)?.fdb.find((station.vlan, station.mac))
    }

    /// A bridge's name.
    pub fn bridge_name(&self, id: BridgeId) -> Option<IfName> {
        self.bridges.iter().find(|bridge| bridge.id == id).map(|bridge| bridge.name)
    }

    /// A bridge's handle.
    pub fn bridge_id(&self, name: &str) -> Option<BridgeId> {
        self.index_of(name).map(|index| self.bridges[index].id)
    }

    /// A port's name.
    pub fn port_name(&self, id: PortId) -> Option<IfName> {
        self.port(id).map(|port| port.name)
    }

    /// A port.
    pub(super) fn port(&self, id: PortId) -> Option<&Port> {
        let place = self.by_id.get(&id)?;
        self.bridges[place.bridge].ports.get(place.index)
    }

    /// A port's number in the datapath.
    pub fn dp_port(&self, id: PortId) -> Option<u32> {
        self.by_id.get(&id).map(|place| place.dp_port)
    }

    /// The number in the datapath of a bridge's port that a person calls so: by its name, or `LOCAL`.
    pub fn port_number(&self, bridge: &str, word: &str) -> Option<u32> {
        self.bridges[self.index_of(bridge)?].port(word).map(|port| port.dp_port)
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
    }

    /// Has `take` remove addresses from a bridge's MAC table, and notes that their stations are no longer known.
    pub(super) fn drain(&mut self, index: usize, take: impl FnOnce(&mut Fdb, &mut dyn FnMut(Address))) {
        let Self { bridges, outdated, .. } = self;
        let Bridge { id, fdb, .. } = &mut bridges[index];
        let bridge = *id;
        take(fdb, &mut |(vlan, mac)| outdated.forget(Station { bridge, vlan, mac }));
    }

    fn fresh_id(&mut self) -> u32 {
        self.last_id = self.last_id.wrapping_add(1);
        self.last_id
    }

    pub(super) fn index_of(&self, bridge: &str) -> Option<usize> {
        self.bridges.iter().position(|one| *one.name == *bridge)
    }
}
