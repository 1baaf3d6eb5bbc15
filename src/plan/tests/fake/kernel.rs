//! What the kernel itself does: with an address comes its route, with a link that goes down its routes go, and the like.

use super::*;

impl World {
    pub(super) fn is_up(&self, ifname: IfName) -> bool {
        self.state.links.get(&ifname).is_some_and(|link| link.up)
    }

    pub(super) fn connect(&mut self, address: &Address) {
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

    pub(super) fn insert_address(&mut self, mut address: Address) -> Result<(), &'static str> {
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

    pub(super) fn delete_address(&mut self, address: &Address) -> Result<(), &'static str> {
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
    pub(super) fn as_read(route: &Route) -> Route {
        Route { ifname: if route.leads_nowhere() { name(NOWHERE) } else { route.ifname }, ..route.clone() }
    }

    pub(super) fn insert_route(&mut self, route: Route) -> Result<(), &'static str> {
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

    pub(in crate::plan::tests) fn set_up(&mut self, ifname: IfName) {
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

    pub(super) fn set_down(&mut self, ifname: IfName) {
        if let Some(link) = self.state.links.get_mut(&ifname) {
            link.up = false;
        }
        self.state.routes.retain(|r| r.ifname != ifname);
        self.state.addresses.retain(|a| a.ifname != ifname || matches!(a.address, IpNet::V4(_)));
    }

    pub(super) fn free_port(&self) -> u32 {
        (0..).find(|no| !self.state.vports.values().any(|vport| vport.port_no == *no)).unwrap()
    }

    pub(in crate::plan::tests) fn new_internal(&mut self, ifname: IfName, port_no: u32) {
        self.made += 1;
        let mac = Mac([2, 0xff, 0, 0, 0, self.made]);
        self.state.links.insert(ifname, Link { kind: Some("openvswitch".to_owned()), ..nic(100, mac) });
        let conf = &mut self.state.ipv6;
        if !conf.default.is_empty() {
            conf.devices.insert(ifname, conf.default.clone());
        }
        self.state.vports.insert(ifname, Vport { port_no, kind: Kind::Internal, tunnel: false });
    }

    pub(super) fn attach(&mut self, port: IfName, port_no: Option<u32>) -> Result<(), &'static str> {
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

    pub(super) fn remove_vport(&mut self, ifname: IfName) -> Result<(), &'static str> {
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
}
