//! A small honest kernel: it refuses what the real one refuses and takes away what the real one takes away.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};
use ovsdp_proto::{IfName, Mac};

use crate::model::{Addressing, Ipv6Setting, Kind};
use crate::plan::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lenient {
    No,
    Yes,
}

/// The kernel, the DHCP server, the agent's memory and its journal.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) state: Observed,
    pub(super) journal: Option<Journal>,
    /// How many bytes of it were written.
    pub(super) written: usize,
    /// How often everything was read.
    pub(super) looks: usize,
    /// What the DHCP server answers; `None` is silence.
    pub(super) server: Option<Lease>,
    /// Addresses the server was told are free.
    pub(super) released: Vec<std::net::Ipv4Addr>,
    /// The same, of IPv6.
    pub(super) server6: Option<Lease6>,
    pub(super) released6: Vec<Ipv6Addr>,
    /// The steps still to be done before one fails.
    pub(super) fail_in: Option<usize>,
    /// The steps still to be done before the agent is killed; the bool: after the step was done, not before.
    pub(super) kill_in: Option<(usize, bool)>,
    /// The same, for the steps of a rollback: killed before the step is done.
    pub(super) kill_undo_in: Option<usize>,
    pub(super) killed: bool,
    pub(super) executed: usize,
    pub(super) now: u64,
    pub(super) made: u8,
    /// A setting that never sticks, for what does not converge.
    pub(super) stubborn_mtu: bool,
    /// Addresses somebody else on the link has.
    pub(super) taken: Vec<IpAddr>,
    /// What NetworkManager's profiles have for devices, by their UUIDs.
    pub(super) profiles: BTreeMap<String, (IfName, Vec<Address>, Vec<Route>)>,
}

pub(super) fn name(text: &str) -> IfName {
    IfName::new(text).unwrap()
}

fn error(step: &Step, reason: &str) -> StepError {
    StepError { what: step.to_string(), object: String::new(), reason: reason.to_owned(), advice: None, kind: ErrorKind::Failed }
}

fn link_local(mac: Mac) -> IpNet {
    let [a, b, c, d, e, f] = mac.0.map(u16::from);
    IpNet::V6(Ipv6Net::new(Ipv6Addr::new(0xfe80, 0, 0, 0, (a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d, e << 8 | f), 64).unwrap())
}

impl World {
    pub(super) fn new() -> Self {
        let mut state = Observed { machine: [9; 16], ..Observed::default() };
        state.resolver = Resolver { content: Some("nameserver 172.16.3.1\n".to_owned()), ours_to_write: true, resolved: None };
        state.links.insert(name("lo"), Link { mtu: 65536, up: true, ethernet: false, loopback: true, ..nic(1, Mac::ZERO) });
        Self {
            state,
            journal: None,
            written: 0,
            looks: 0,
            server: None,
            released: Vec::new(),
            server6: None,
            released6: Vec::new(),
            fail_in: None,
            kill_in: None,
            kill_undo_in: None,
            killed: false,
            executed: 0,
            now: 1000,
            made: 0,
            stubborn_mtu: false,
            taken: Vec::new(),
            profiles: BTreeMap::new(),
        }
    }

    pub(super) fn add_nic(&mut self, ifname: &str, mac: &str, up: bool) {
        let index = u32::try_from(self.state.links.len()).unwrap() + 1;
        let mac: Mac = mac.parse().unwrap();
        self.state.links.insert(name(ifname), Link { kind: Some("veth".to_owned()), ..nic(index, mac) });
        if up {
            self.set_up(name(ifname));
        }
    }

    pub(super) fn add_address(&mut self, ifname: &str, net: &str, lifetime: Option<u32>) {
        let address = Address { valid_lft: lifetime, preferred_lft: lifetime, ..Address::lasting(name(ifname), net.parse().unwrap()) };
        self.insert_address(address).unwrap();
    }

    pub(super) fn add_route(&mut self, route: Route) {
        self.insert_route(route).unwrap();
    }

    /// Everything that must be as it was: orders, indices and port numbers of new things aside.
    pub(super) fn snapshot(&self) -> Observed {
        let mut state = self.state.clone();
        for address in &mut state.addresses {
            address.flags &= ADDRESS_NOPREFIXROUTE | ADDRESS_SECONDARY;
        }
        for (ifname, link) in &mut state.links {
            link.index = 0;
            // The datapath's own device gets a random one each time, and nobody looks at it.
            link.mac = link.mac.filter(|_| *ifname != name("ovs-system"));
        }
        state.addresses.sort_by_key(|a| (a.ifname, a.address, a.peer));
        // An advertised default route comes back behind the one the kernel makes of the next advertisement.
        for route in state.routes.iter_mut().filter(|route| route.is_ipv6() && route.is_default() && route.is_transient()) {
            route.metric = Some(1024);
        }
        state.routes.sort_by_key(|r| (r.ifname, r.dst, r.via, r.table, r.metric, r.prefsrc, r.protocol));
        state.routes.dedup();
        state
    }

    fn is_up(&self, ifname: IfName) -> bool {
        self.state.links.get(&ifname).is_some_and(|link| link.up)
    }

    fn connect(&mut self, address: &Address) {
        let dst = address.opposite().trunc();
        let alone = dst.prefix_len() == dst.max_prefix_len() && address.peer.is_none();
        if !self.is_up(address.ifname) || address.flags & ADDRESS_NOPREFIXROUTE != 0 || alone {
            return;
        }
        let prefsrc = matches!(dst, IpNet::V4(_)).then(|| address.address.addr());
        let metric = if matches!(dst, IpNet::V6(_)) { Some(256) } else { address.metric };
        let route = Route { scope: SCOPE_LINK, prefsrc, metric, ..Route::main(address.ifname, dst, None, PROTOCOL_KERNEL) };
        let exists = |r: &Route| r.ifname == route.ifname && r.dst == dst && r.protocol == PROTOCOL_KERNEL;
        if !self.state.routes.iter().any(exists) {
            self.state.routes.push(route);
        }
    }

    fn insert_address(&mut self, mut address: Address) -> Result<(), &'static str> {
        if !self.state.links.contains_key(&address.ifname) {
            return Err("ENODEV");
        }
        if self.state.addresses_on(address.ifname).any(|there| there.is_same(&address)) {
            return Err("EEXIST");
        }
        let follows = self.state.addresses_on(address.ifname).any(|there| there.shares_subnet(&address));
        address.flags = address.settable().flags | if follows { ADDRESS_SECONDARY } else { 0 };
        self.state.addresses.push(address.clone());
        if !follows {
            self.connect(&address);
        }
        Ok(())
    }

    fn delete_address(&mut self, address: &Address) -> Result<(), &'static str> {
        let Some(at) = self.state.addresses.iter().position(|there| there.is_same(address)) else { return Err("EADDRNOTAVAIL") };
        let gone = self.state.addresses.remove(at);
        let me = gone.ifname;
        if matches!(gone.address, IpNet::V4(_)) {
            if gone.flags & ADDRESS_SECONDARY == 0 {
                self.state.addresses.retain(|a| !(a.ifname == me && a.shares_subnet(&gone)));
                self.state.routes.retain(|r| !(r.ifname == me && r.protocol == PROTOCOL_KERNEL && r.prefsrc == Some(gone.address.addr())));
            }
            if !self.state.addresses_on(me).any(|a| matches!(a.address, IpNet::V4(_))) {
                self.state.routes.retain(|r| r.ifname != me || r.is_ipv6());
            }
            let (source, net) = (gone.address.addr(), &mut self.state);
            if !net.addresses.iter().any(|a| a.address.addr() == source) {
                net.routes.retain(|r| r.prefsrc != Some(source));
            }
        } else {
            let still = self.state.addresses_on(me).any(|a| a.address.trunc() == gone.address.trunc());
            self.state.routes.retain(|r| still || !(r.ifname == me && r.protocol == PROTOCOL_KERNEL && r.dst == gone.address.trunc()));
        }
        Ok(())
    }

    /// As it is read back: of one that leads nowhere nobody can tell for whose sake it is there.
    fn as_read(route: &Route) -> Route {
        Route { ifname: if route.leads_nowhere() { name(NOWHERE) } else { route.ifname }, ..route.clone() }
    }

    fn insert_route(&mut self, route: Route) -> Result<(), &'static str> {
        let route = Self::as_read(&route);
        let Some(link) = self.state.links.get(&route.ifname) else { return Err("ENODEV") };
        if !link.up {
            return Err("ENETDOWN");
        }
        let clash = |there: &Route| route.is_ipv6() && route.stands_in_the_way_of(there);
        if self.state.routes.iter().any(|there| *there == route || clash(there)) {
            return Err("EEXIST");
        }
        for (via, onlink) in route.gateways() {
            let link_local = matches!(via, IpAddr::V6(v6) if v6.segments()[0] == 0xfe80);
            let on_link = |r: &Route| r.ifname == route.ifname && !r.has_gateway() && r.dst.contains(&via);
            if !link_local && !onlink && !self.state.routes.iter().any(on_link) {
                return Err("ENETUNREACH");
            }
        }
        if route.prefsrc.is_some_and(|source| !self.state.addresses.iter().any(|a| a.address.addr() == source)) {
            return Err("EINVAL");
        }
        self.state.routes.push(route);
        Ok(())
    }

    pub(super) fn set_up(&mut self, ifname: IfName) {
        let Some(link) = self.state.links.get_mut(&ifname).filter(|link| !link.up) else { return };
        link.up = true;
        let (mac, mtu) = (link.mac.unwrap_or_default(), link.mtu);
        if let Some(conf) = self.state.ipv6.devices.get_mut(&ifname) {
            conf.insert(Ipv6Setting::Mtu, i32::try_from(mtu).unwrap());
        }
        let there: Vec<Address> = self.state.addresses_on(ifname).filter(|a| a.flags & ADDRESS_SECONDARY == 0).cloned().collect();
        for address in there {
            self.connect(&address);
        }
        let _ = self.insert_address(Address { scope: SCOPE_LINK, ..Address::lasting(ifname, link_local(mac)) });
    }

    fn set_down(&mut self, ifname: IfName) {
        if let Some(link) = self.state.links.get_mut(&ifname) {
            link.up = false;
        }
        self.state.routes.retain(|r| r.ifname != ifname);
        self.state.addresses.retain(|a| a.ifname != ifname || matches!(a.address, IpNet::V4(_)));
    }

    fn free_port(&self) -> u32 {
        (0..).find(|no| !self.state.vports.values().any(|vport| vport.port_no == *no)).unwrap()
    }

    pub(super) fn new_internal(&mut self, ifname: IfName, port_no: u32) {
        self.made += 1;
        let mac = Mac([2, 0xff, 0, 0, 0, self.made]);
        self.state.links.insert(ifname, Link { kind: Some("openvswitch".to_owned()), ..nic(100, mac) });
        let conf = &mut self.state.ipv6;
        if !conf.default.is_empty() {
            conf.devices.insert(ifname, conf.default.clone());
        }
        self.state.vports.insert(ifname, Vport { port_no, kind: Kind::Internal, tunnel: false });
    }

    fn attach(&mut self, port: IfName, port_no: Option<u32>) -> Result<(), &'static str> {
        if !self.state.datapath || !self.state.links.contains_key(&port) {
            return Err("ENODEV");
        }
        if self.state.vports.contains_key(&port) {
            return Err("EEXIST");
        }
        let port_no = port_no.unwrap_or_else(|| self.free_port());
        self.state.vports.insert(port, Vport { port_no, kind: Kind::System, tunnel: false });
        self.state.links.get_mut(&port).unwrap().master = Some(name("ovs-system"));
        Ok(())
    }

    fn remove_vport(&mut self, ifname: IfName) -> Result<(), &'static str> {
        let vport = self.state.vports.remove(&ifname).ok_or("ENODEV")?;
        match vport.kind {
            Kind::Internal => {
                self.state.links.remove(&ifname);
                self.state.ipv6.devices.remove(&ifname);
                self.state.hardware.remove(&ifname);
                self.state.resolver.resolved.iter_mut().for_each(|told| drop(told.remove(&ifname)));
                self.state.addresses.retain(|a| a.ifname != ifname);
                self.state.routes.retain(|r| r.ifname != ifname);
            }
            _ => {
                if let Some(link) = self.state.links.get_mut(&ifname) {
                    link.master = None;
                }
            }
        }
        Ok(())
    }

    fn remembered(&mut self, bridge: IfName) -> Option<&mut Remembered> {
        self.state.memory.get_mut(bridge)
    }

    fn serve(&mut self, bridge: IfName, ifname: IfName) -> Result<(), &'static str> {
        if !self.is_up(ifname) {
            return Err("ENETDOWN");
        }
        let persistent = self.state.memory.dhcp_of(ifname).is_some_and(|dhcp| dhcp.asking.persistent);
        let Some(mut lease) = self.server.clone() else { return if persistent { Ok(()) } else { Err("no answer") } };
        let vports = self.state.vports.clone();
        let now = self.now;
        let remembered = self.remembered(bridge).ok_or("unknown bridge")?;
        let through = match &remembered.intent.local.addressing {
            Addressing::Dhcp(dhcp) => dhcp.through.clone(),
            _ => Vec::new(),
        };
        if !through.iter().all(|port| vports.contains_key(port)) {
            return Err("no answer: not attached");
        }
        lease.obtained = now;
        remembered.leases.insert(ifname, lease);
        Ok(())
    }

    fn serve6(&mut self, bridge: IfName, ifname: IfName) -> Result<(), &'static str> {
        if !self.is_up(ifname) {
            return Err("ENETDOWN");
        }
        let dhcp = self.state.memory.dhcp6_of(ifname).cloned().ok_or("nobody asked")?;
        let Some(lease) = self.server6.clone() else { return if dhcp.persistent { Ok(()) } else { Err("no answer") } };
        let lease = Lease6 { obtained: self.now, address: lease.address.filter(|_| dhcp.address), ..lease };
        self.remembered(bridge).ok_or("unknown bridge")?.leases6.insert(ifname, lease);
        Ok(())
    }

    /// NetworkManager configures a device by a profile that has what is there.
    pub(super) fn add_profile(&mut self, ifname: &str, uuid: &str) {
        let name = name(ifname);
        let addresses = self.state.addresses_on(name).filter(|address| !address.is_link_local_v6()).cloned().collect();
        let routes = self.state.routes_on(name).cloned().collect();
        self.profiles.insert(uuid.to_owned(), (name, addresses, routes));
        self.state.manager.manages.get_or_insert_default().insert(name, Some(uuid.to_owned()));
    }

    /// It lets go of what it configured with all of that, and what it is to have back it makes as its profile says; without one it would take
    /// away what it finds, and is held off.
    fn leave_alone(&mut self, from: &BTreeSet<IfName>, to: &BTreeSet<IfName>, managed: &BTreeMap<IfName, Option<String>>) {
        self.state.manager.told.clone_from(to);
        for name in to.difference(from) {
            let Some(known) = self.state.manager.manages.as_mut().and_then(|all| all.remove(name)) else { continue };
            if known.is_some() {
                self.state.addresses.retain(|address| address.ifname != *name);
                self.set_down(*name);
            }
        }
        for name in from.difference(to) {
            let Some(Some(uuid)) = managed.get(name) else { continue };
            let all = self.state.manager.manages.get_or_insert_default();
            if all.insert(*name, Some(uuid.clone())).is_some() {
                continue;
            }
            let (_, addresses, routes) = self.profiles[uuid].clone();
            self.set_down(*name);
            self.state.addresses.retain(|address| address.ifname != *name);
            self.set_up(*name);
            addresses.into_iter().for_each(|address| self.insert_address(address).unwrap());
            // Those of the link are there already.
            for route in routes {
                let _ = self.insert_route(route);
            }
        }
    }

    fn act(&mut self, step: &Step, lenient: Lenient) -> Result<(), &'static str> {
        match step {
            Step::CreateDatapath => {
                if self.state.datapath {
                    return Err("EEXIST");
                }
                self.state.datapath = true;
                self.new_internal(name("ovs-system"), 0);
            }
            Step::DeleteDatapath => {
                if !self.state.datapath {
                    return Err("ENODEV");
                }
                let vports: Vec<IfName> = self.state.vports.keys().copied().collect();
                assert!(lenient == Lenient::Yes || vports.len() == 1, "only an empty datapath is deleted: {vports:?}");
                // The executor's promise: what others attached meanwhile keeps it.
                if vports.len() > 1 {
                    return Ok(());
                }
                for vport in vports {
                    self.remove_vport(vport)?;
                }
                self.state.datapath = false;
            }
            Step::CreateInternal { name, port_no, .. } => {
                if !self.state.datapath {
                    return Err("ENODEV");
                }
                if self.state.links.contains_key(name) {
                    return Err("EEXIST");
                }
                self.new_internal(*name, port_no.unwrap_or_else(|| self.free_port()));
            }
            Step::AttachSystem { name, port_no, .. } => self.attach(*name, *port_no)?,
            Step::DetachVport { name, kind, .. } => {
                assert!(lenient == Lenient::Yes || self.state.vports.get(name).is_some_and(|v| v.kind == *kind));
                self.remove_vport(*name)?;
            }
            Step::CreateTunnel { device } => {
                if self.state.links.contains_key(&device.name()) {
                    return Err("EEXIST");
                }
                let link = Link { kind: Some(device.kind().to_owned()), tunnel: Some(*device), ..nic(99, Mac::ZERO) };
                self.state.links.insert(device.name(), Link { up: true, mtu: 65000, ..link });
                self.state.memory.tunnels.insert(*device);
            }
            Step::DeleteTunnel { device } => {
                let vports = &self.state.vports;
                assert!(lenient == Lenient::Yes || !vports.contains_key(&device.name()), "a device is detached before it is deleted");
                self.state.links.remove(&device.name());
                self.state.memory.tunnels.remove(device);
            }
            Step::AttachTunnel { device, port_no } => self.attach(device.name(), *port_no)?,
            Step::DetachTunnel { device, .. } => self.remove_vport(device.name())?,
            Step::SetMac { name, to, .. } => self.state.links.get_mut(name).ok_or("ENODEV")?.mac = Some(*to),
            Step::SetMtu { name, to, .. } => {
                let stubborn = self.stubborn_mtu;
                let link = self.state.links.get_mut(name).ok_or("ENODEV")?;
                if !stubborn {
                    link.mtu = *to;
                    if let Some(conf) = self.state.ipv6.devices.get_mut(name) {
                        conf.insert(Ipv6Setting::Mtu, i32::try_from(*to).unwrap());
                    }
                }
            }
            Step::SetUp { name } => {
                self.state.links.get(name).ok_or("ENODEV")?;
                self.set_up(*name);
            }
            Step::SetDown { name } => {
                self.state.links.get(name).ok_or("ENODEV")?;
                self.set_down(*name);
            }
            Step::AddAddress { address, .. } => self.insert_address(address.clone())?,
            Step::ChangeAddress { to, .. } => {
                let there = self.state.addresses.iter_mut().find(|there| there.is_same(to)).ok_or("ENOENT")?;
                (there.valid_lft, there.preferred_lft) = (to.valid_lft, to.preferred_lft);
            }
            Step::RemoveAddress { address } => self.delete_address(address)?,
            Step::AddRoute { route, .. } => self.insert_route(route.clone())?,
            Step::ChangeRoute { from, to } => {
                let there = self.state.routes.iter().filter(|there| there.competes_with(to)).count();
                assert!(lenient == Lenient::Yes || there == 1, "the kernel replaces the first of them: {there}");
                self.state.routes.retain(|there| *there != Self::as_read(from) && *there != Self::as_read(to));
                self.insert_route(to.clone())?;
            }
            Step::RemoveRoute { route } => {
                let at = self.state.routes.iter().position(|there| *there == Self::as_read(route)).ok_or("ESRCH")?;
                self.state.routes.remove(at);
            }
            Step::AddRule { rule } => {
                if self.state.rules.iter().any(|there| rule.is_met_by(there)) {
                    return Err("EEXIST");
                }
                // The kernel puts one without a priority before all but the first.
                let first = self.state.rules.iter().filter_map(|there| there.priority).filter(|priority| *priority > 0).min();
                let priority = rule.priority.or(Some(first.unwrap_or(32766) - 1));
                self.state.rules.push(crate::model::PolicyRule { priority, ..rule.clone() });
                self.state.rules.sort_by_key(|rule| rule.priority);
            }
            Step::RemoveRule { rule } => {
                let at = self.state.rules.iter().position(|there| rule.is_met_by(there)).ok_or("ENOENT")?;
                self.state.rules.remove(at);
            }
            Step::SetIpv6 { name, setting, to, .. } => {
                let link = self.state.links.get(name).ok_or("ENODEV")?;
                if *setting == Ipv6Setting::Mtu && u32::try_from(*to).unwrap() > link.mtu {
                    return Err("EINVAL");
                }
                self.state.ipv6.devices.entry(*name).or_default().insert(*setting, *to);
            }
            Step::TellResolver { ifname, to, .. } => {
                let told = self.state.resolver.resolved.as_mut().ok_or("ENOENT")?;
                if !self.state.links.contains_key(ifname) {
                    return Err("ENODEV");
                }
                told.insert(*ifname, to.clone());
                told.retain(|_, link| *link != LinkResolver::default());
            }
            Step::Tune { name, to, .. } => {
                let hardware = self.state.hardware.get_mut(name).ok_or("ENODEV")?;
                for (feature, on) in &to.features {
                    hardware.features.get_mut(feature).filter(|feature| feature.changeable).ok_or("EINVAL")?.wanted = *on;
                }
                hardware.settings.extend(to.settings.iter().map(|(setting, value)| (*setting, *value)));
            }
            Step::SetZone { name, to, .. } => {
                let firewall = self.state.firewall.as_mut().ok_or("nobody is called so")?;
                let zone = to.as_ref().map(|zone| zone.name(&firewall.default).to_owned());
                if zone.as_ref().is_some_and(|zone| !firewall.zones.contains(zone)) {
                    return Err("INVALID_ZONE");
                }
                firewall.interfaces.remove(name);
                firewall.interfaces.extend(zone.map(|zone| (*name, zone)));
            }
            Step::LeaveAlone { from, to, managed } => self.leave_alone(from, to, managed),
            Step::ProbeAddresses { claims } => {
                for claim in claims {
                    assert!(self.is_up(claim.ifname), "asked on a link that is down");
                    if self.taken.contains(&claim.address.into()) {
                        return Err("somebody has it");
                    }
                }
            }
            Step::AwaitCarrier { devices } => {
                for (device, _) in devices {
                    assert!(self.is_up(*device), "carrier is waited for on a link that is down");
                }
            }
            Step::AwaitAddresses { addresses } => {
                for (name, address) in addresses {
                    let there = self.state.addresses_on(*name).any(|there| there.address.addr() == IpAddr::V6(*address));
                    if !there || self.taken.contains(&(*address).into()) {
                        return Err("somebody has it");
                    }
                }
            }
            Step::WriteResolver { to, .. } => self.state.resolver.content.clone_from(to),
            Step::PauseDhcpClient { client } => self.pause(client, true)?,
            Step::ResumeDhcpClient { client } => self.pause(client, false)?,
            Step::ObtainLease { bridge, ifname, .. } => self.serve(*bridge, *ifname)?,
            Step::AdoptLease { bridge, ifname, lease } => {
                self.remembered(*bridge).ok_or("ENOENT")?.leases.insert(*ifname, lease.clone());
            }
            Step::ReleaseLease { bridge, ifname, unless, .. } => {
                let lease = self.remembered(*bridge).and_then(|bridge| bridge.leases.remove(ifname)).ok_or("ENOENT")?;
                if Some(lease.address.addr()) != *unless {
                    self.released.push(lease.address.addr());
                }
            }
            Step::ObtainLease6 { bridge, ifname, .. } => self.serve6(*bridge, *ifname)?,
            Step::AdoptLease6 { bridge, ifname, lease } => {
                self.remembered(*bridge).ok_or("ENOENT")?.leases6.insert(*ifname, lease.clone());
            }
            Step::ReleaseLease6 { bridge, ifname, lease, unless } => {
                let held = self.remembered(*bridge).and_then(|bridge| bridge.leases6.remove(ifname)).ok_or("ENOENT")?;
                if let Some(address) = held.address.filter(|address| Some(*address) != *unless) {
                    let in_use = self.state.addresses.iter().any(|there| there.address.addr() == address);
                    assert!(lease.is_none() || !in_use, "it is in use still");
                    self.released6.push(address);
                }
            }
            Step::Remember { bridge, to, .. } => drop(self.state.memory.remember(*bridge, (**to).clone())),
            Step::RememberRows { to, .. } => self.state.memory.rows.clone_from(to),
            Step::Forget { bridge, .. } => {
                if !self.state.memory.forget(*bridge) {
                    return Err("ENOENT");
                }
            }
        }
        Ok(())
    }

    fn pause(&mut self, client: &DhcpClient, paused: bool) -> Result<(), &'static str> {
        let there = self.state.dhcp_clients.iter_mut().find(|there| there.pid == client.pid && there.start_time == client.start_time);
        there.ok_or("ESRCH")?.paused = paused;
        Ok(())
    }

    /// What the agent's successor does first.
    pub(super) fn restart(&mut self) {
        (self.killed, self.kill_in, self.fail_in) = (false, None, None);
        let Some(mut journal) = self.journal.clone() else { return };
        recover(self, &mut journal, &mut |_| {}).unwrap();
        assert_eq!(self.journal, Some(journal).filter(|journal| journal.unconfirmed.is_some()));
    }
}

impl Executor for World {
    fn observe(&mut self) -> Result<Observed, StepError> {
        self.looks += 1;
        let manager = NetworkManager::default();
        Ok(Observed { hardware: BTreeMap::new(), firewall: None, manager, ..self.state.clone() })
    }

    fn hardware(&mut self, names: &BTreeSet<IfName>) -> Result<BTreeMap<IfName, Hardware>, StepError> {
        Ok(self.state.hardware.iter().filter(|(name, _)| names.contains(*name)).map(|(name, one)| (*name, one.clone())).collect())
    }

    fn firewall(&mut self) -> Result<Option<Firewall>, StepError> {
        Ok(self.state.firewall.clone())
    }

    fn manager(&mut self, names: &BTreeSet<IfName>) -> Result<NetworkManager, StepError> {
        let mut manager = self.state.manager.clone();
        manager.manages.iter_mut().for_each(|all| all.retain(|name, _| names.contains(name) && !manager.told.contains(name)));
        Ok(manager)
    }

    fn execute(&mut self, step: &Step) -> Result<(), StepError> {
        assert!(self.journal.as_ref().is_some_and(|journal| journal.done.last() == Some(step)), "journalled before it is done: {step}");
        if self.killed {
            return Err(error(step, "killed"));
        }
        if let Some((left, after)) = self.kill_in {
            if left == 0 {
                self.killed = true;
                if after {
                    self.act(step, Lenient::No).map_err(|reason| error(step, reason))?;
                }
                return Err(error(step, "killed"));
            }
            self.kill_in = Some((left - 1, after));
        }
        if let Some(left) = self.fail_in {
            if left == 0 {
                self.fail_in = None;
                return Err(error(step, "injected"));
            }
            self.fail_in = Some(left - 1);
        }
        self.executed += 1;
        self.act(step, Lenient::No).map_err(|reason| error(step, reason))
    }

    fn undo(&mut self, step: &Step) -> Result<(), StepError> {
        match self.kill_undo_in {
            Some(0) => (self.killed, self.kill_undo_in) = (true, None),
            Some(left) => self.kill_undo_in = Some(left - 1),
            None => {}
        }
        if self.killed {
            return Err(error(step, "killed"));
        }
        match self.act(step, Lenient::Yes) {
            Ok(()) | Err("EEXIST" | "ENODEV" | "ENOENT" | "ESRCH" | "EADDRNOTAVAIL") => Ok(()),
            Err(reason) => Err(error(step, reason)),
        }
    }

    fn record(&mut self, journal: &Journal) -> Result<(), StepError> {
        if !self.killed {
            self.written += serde_json::to_vec(journal).unwrap().len();
            self.journal = Some(journal.clone());
        }
        Ok(())
    }

    fn note(&mut self, entry: &Entry<'_>) -> Result<(), StepError> {
        if !self.killed {
            let text = serde_json::to_string(entry).unwrap();
            self.written += text.len();
            assert!(self.journal.as_mut().expect("recorded before it is changed").follow(serde_json::from_str(&text).unwrap()), "{text}");
        }
        Ok(())
    }

    fn clear_journal(&mut self) -> Result<(), StepError> {
        if !self.killed {
            self.journal = None;
        }
        Ok(())
    }
}

/// An Ethernet device, down.
fn nic(index: u32, mac: Mac) -> Link {
    Link {
        index,
        mac: Some(mac),
        permanent_mac: None,
        mtu: 1500,
        up: false,
        kind: None,
        tunnel: None,
        ethernet: true,
        loopback: false,
        master: None,
        lower: None,
    }
}

/// Every link's MAC by name, for a quick look.
pub(super) fn macs(state: &Observed) -> BTreeMap<String, String> {
    state.links.iter().filter_map(|(name, link)| Some((name.to_string(), link.mac?.to_string()))).collect()
}
