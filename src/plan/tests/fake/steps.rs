//! What each step does to the kernel, and what the other programs make of it: servers, their clients, NetworkManager.

use super::*;

impl World {
    pub(super) fn remembered(&mut self, bridge: IfName) -> Option<&mut Remembered> {
        self.state.memory.get_mut(bridge)
    }

    pub(super) fn serve(&mut self, bridge: IfName, ifname: IfName) -> Result<(), &'static str> {
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

    pub(super) fn serve6(&mut self, bridge: IfName, ifname: IfName) -> Result<(), &'static str> {
        if !self.is_up(ifname) {
            return Err("ENETDOWN");
        }
        let dhcp = self.state.memory.dhcp6_of(ifname).cloned().ok_or("nobody asked")?;
        let Some(lease) = self.server6.clone() else { return if dhcp.persistent { Ok(()) } else { Err("no answer") } };
        let lease = Lease6 { obtained: self.now, address: lease.address.filter(|_| dhcp.address), ..lease };
        self.remembered(bridge).ok_or("unknown bridge")?.leases6.insert(ifname, lease);
        Ok(())
    }

    /// It lets go of what it configured with all of that, and what it is to have back it makes as its profile says; without one it would take
    /// away what it finds, and is held off.
    pub(super) fn leave_alone(&mut self, from: &BTreeSet<IfName>, to: &BTreeSet<IfName>, managed: &BTreeMap<IfName, Option<String>>) {
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

    pub(super) fn act(&mut self, step: &Step, lenient: Lenient) -> Result<(), &'static str> {
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

    pub(super) fn pause(&mut self, client: &DhcpClient, paused: bool) -> Result<(), &'static str> {
        let there = self.state.dhcp_clients.iter_mut().find(|there| there.pid == client.pid && there.start_time == client.start_time);
        there.ok_or("ESRCH")?.paused = paused;
        Ok(())
    }
}
