//! The steps about leases, what becomes of them, and that clients run for those, and only those, that the memory wants one.
//!
//! It must not know what a lease brings: that is the plan's.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use ovsdp_proto::{IfName, Mac};

use super::hands::Hands;
use super::inbox::Order;
use super::leases::{self, Asker};
use super::why::Why;
use super::worker::Worker;
use super::{alarm, leases6, log};
use crate::dhcp;
use crate::error::{Error, Kind};
use crate::plan::{self, Claim, Executor, Lease, Remembered};
use crate::rtnl::{self, Mode};

/// How long a client that gives up in time itself is waited for beyond that, and one that declined an address.
pub(super) const MARGIN: Duration = Duration::from_secs(15);

impl Hands {
    fn asker(&mut self, ifname: IfName) -> Result<Asker, Why> {
        let link = self.rtnl.link(&ifname)?.ok_or_else(|| Why::new(Kind::Failed, "there is no such device"))?;
        let mac = link.mac.ok_or_else(|| Why::new(Kind::Failed, "it has no Ethernet address to ask with"))?;
        let asking = self.shared.memory().dhcp_of(ifname).map(|dhcp| dhcp.asking.clone()).unwrap_or_default();
        let permanent = if asking.needs_permanent_mac() { self.permanent_mac(ifname)? } else { mac };
        Ok(Asker { ifname, ifindex: link.index, mac, permanent, asking })
    }

    /// The Ethernet address that an interface's device was made with, or the first of those that its lease goes through.
    fn permanent_mac(&mut self, ifname: IfName) -> Result<Mac, Why> {
        let devices = self.shared.memory().devices_of_lease(ifname);
        for name in std::iter::once(ifname).chain(devices) {
            if let Some(mac) = self.rtnl.link(&name)?.and_then(|link| link.permanent_mac) {
                return Ok(mac);
            }
        }
        let why = Why::new(Kind::Failed, "`perm-mac`: no device here has an Ethernet address from its making");
        Err(why.advise("write `mac` into `DHCP_CLIENT_ID` or `DHCP_IAID` of the interface's file"))
    }

    pub(super) fn obtain(&mut self, bridge: IfName, ifname: IfName, request: Option<Ipv4Addr>) -> Result<(), Why> {
        self.announce();
        let asker = self.asker(ifname)?;
        let (persistent, patience) = (asker.asking.persistent, asker.patience());
        self.leases.ask(asker, request);
        let mut limit = if persistent { patience } else { patience + MARGIN };
        if let Some(at) = self.deadline_ms {
            limit = limit.min(Duration::from_millis(at.saturating_sub(alarm::now_ms())));
        }
        let end = self.within_limit(Instant::now() + limit);
        let mut declined = false;
        let lease = loop {
            let order = self.orders.wait(end.saturating_duration_since(Instant::now()));
            if order.is_none()
                && let Some(limit) = self.over()
            {
                self.leases.clients.stop(ifname);
                return Err(limit.error().into());
            }
            match order {
                Some(Order::Lease(of, dhcp::Event::Bound(lease) | dhcp::Event::Renewed(lease))) if of == ifname => {
                    let lease = leases::to_plan(&lease);
                    if !self.declined(ifname, &lease)? {
                        break lease;
                    }
                    declined = true;
                }
                Some(Order::Lease(of, dhcp::Event::Failed(error))) if of == ifname => {
                    self.leases.clients.stop(ifname);
                    let kind = match error.cause {
                        dhcp::Cause::Silence | dhcp::Cause::Unfinished(_) => Kind::TimedOut,
                        dhcp::Cause::NotPermitted => Kind::NotPermitted,
                        dhcp::Cause::Refused | dhcp::Cause::Io(_) => Kind::Failed,
                    };
                    return Err(Error::new(kind, error.to_string()).advise(error.hint()).into());
                }
                Some(Order::Lease(of, dhcp::Event::Lost { .. })) if of == ifname => {}
                Some(other) => self.meanwhile(other),
                None if persistent => {
                    log::say(format_args!("{ifname} has no lease after {} s; asking on", limit.as_secs()));
                    return Ok(());
                }
                None if declined => {
                    self.leases.clients.stop(ifname);
                    let why = Why::new(Kind::TimedOut, "the DHCP server leases addresses that other hosts have");
                    return Err(why.advise("see the agent's log for who has them; `ARPCHECK=no` in the interface's file takes them all the same"));
                }
                None => {
                    self.leases.clients.stop(ifname);
                    return Err(Why::new(Kind::TimedOut, "the DHCP client said nothing in its time"));
                }
            }
        };
        Ok(self.keep(bridge, ifname, Some(lease))?)
    }

    /// Puts by an order that came while something is waited for. A lease that was renewed holds from now on all the same: its address would
    /// end in the kernel meanwhile.
    pub(super) fn meanwhile(&mut self, order: Order) {
        if let Order::Lease(ifname, dhcp::Event::Renewed(lease) | dhcp::Event::Bound(lease)) = &order
            && let Err(why) = self.prolong(*ifname, &leases::to_plan(lease))
        {
            log::say(format_args!("{ifname} has its lease renewed, but not its address: {why}"));
        }
        if let Order::Lease6(ifname, dhcp::v6::Event::Renewed(lease) | dhcp::v6::Event::Bound(lease)) = &order
            && let Err(why) = self.prolong6(*ifname, &leases6::to_plan(lease))
        {
            log::say(format_args!("{ifname} has its DHCPv6 lease renewed, but not its address: {why}"));
        }
        self.pending.push(order);
    }

    /// Has the kernel keep the address of a lease for as long as that is good now. Only where the host has the address for that very lease.
    fn prolong(&mut self, ifname: IfName, lease: &Lease) -> Result<(), Why> {
        let is_held = self.shared.memory().all().filter_map(|(_, bridge)| bridge.leases.get(&ifname)).any(|held| held.address == lease.address);
        if !is_held {
            return Ok(());
        }
        self.leases.note(lease);
        let (index, ip) = (self.index(ifname)?, IpAddr::V4(lease.address.addr()));
        let secs = (lease.lease_secs != u32::MAX).then_some(lease.lease_secs);
        if let Some(there) = self.rtnl.addresses()?.into_iter().find(|there| there.index == index && there.ip == ip) {
            self.rtnl.add_address(&rtnl::Address { valid_lft: secs, preferred_lft: secs, ..there }, Mode::Replace)?;
        }
        Ok(())
    }

    /// Asks the neighbours about the address of a lease that was just granted, unless the host has it already or the file says not to
    /// (`ARPCHECK`). When somebody has it the server is told, and whoever asked waits for another.
    pub(super) fn declined(&mut self, ifname: IfName, lease: &Lease) -> Result<bool, Why> {
        let (address, arp) =
            (lease.address.addr(), self.shared.memory().interface(ifname).map(|interface| interface.arp.clone()).unwrap_or_default());
        if !arp.check || self.rtnl.addresses()?.iter().any(|there| there.ip == address) {
            return Ok(false);
        }
        let claim = Claim { ifname, address, tries: arp.tries, wait_secs: arp.wait_secs };
        let Some(holder) = self.holder(&[claim])? else { return Ok(false) };
        log::say(format_args!("{ifname} was leased {address} by {}, but {} has it: declined", lease.server, holder.holder));
        self.leases.clients.decline(ifname);
        Ok(true)
    }

    pub(super) fn adopt(&mut self, bridge: IfName, ifname: IfName, lease: &Lease) -> Result<(), Why> {
        let asker = self.asker(ifname)?;
        self.leases.resume(asker, lease);
        Ok(self.keep(bridge, ifname, Some(lease.clone()))?)
    }

    pub(super) fn release(&mut self, bridge: IfName, ifname: IfName, lease: Option<&Lease>, unless: Option<Ipv4Addr>) -> Result<(), Why> {
        let held = self.shared.memory().get(bridge).and_then(|remembered| remembered.leases.get(&ifname).cloned());
        match lease.or(held.as_ref()) {
            Some(lease) if unless != Some(lease.address.addr()) => self.leases.clients.release(ifname),
            _ => self.leases.clients.stop(ifname),
        }
        Ok(self.keep(bridge, ifname, None)?)
    }

    /// Puts a lease into the memory of its bridge, or takes it out.
    ///
    /// # Errors
    /// It could not be written down.
    pub(super) fn keep(&mut self, bridge: IfName, ifname: IfName, lease: Option<Lease>) -> Result<(), Error> {
        if let Some(lease) = &lease {
            self.leases.note(lease);
        }
        self.remember(|memory| {
            let Some(remembered) = memory.get_mut(bridge) else { return };
            match lease {
                Some(lease) => drop(remembered.leases.insert(ifname, lease)),
                None => drop(remembered.leases.remove(&ifname)),
            }
        })
    }

    /// Has the clients of the leases that `bridge` holds go on as is remembered now, where that is otherwise than `before`.
    pub(super) fn ask_as_said(&mut self, bridge: IfName, before: &Remembered) {
        if before.leases.is_empty() {
            return;
        }
        let Some(now) = self.shared.memory().get(bridge).cloned() else { return };
        let asking = |of: &Remembered, name: IfName| {
            of.intent.interfaces().find(|one| one.name == name).and_then(|one| one.addressing.dhcp()).map(|dhcp| dhcp.asking.clone())
        };
        for (ifname, lease) in &now.leases {
            let (was, is) = (asking(before, *ifname), asking(&now, *ifname));
            if was != is && was.is_some() && is.is_some() {
                self.resume(*ifname, lease);
            }
        }
    }

    /// Goes on with the leases that are held, as an agent's successor.
    pub(super) fn resume_leases(&mut self) {
        let memory = self.shared.memory().clone();
        for (ifname, lease) in memory.all().flat_map(|(_, bridge)| &bridge.leases) {
            self.resume(*ifname, lease);
        }
    }

    fn resume(&mut self, ifname: IfName, lease: &Lease) {
        match self.asker(ifname) {
            Ok(asker) => self.leases.resume(asker, lease),
            Err(why) => log::say(format_args!("the lease of {} is not renewed: {ifname}: {why}", lease.address)),
        }
    }

    /// Asks where a lease is asked for without end and nobody does, and stops where nobody wants one any longer: a change that was taken
    /// back may have left either.
    pub(super) fn tend_clients(&mut self) {
        let memory = self.shared.memory().clone();
        for ifname in self.leases.clients.asking().into_iter().filter(|name| memory.dhcp_of(*name).is_none()) {
            self.leases.clients.stop(ifname);
        }
        let asked = self.leases.clients.asking();
        let wanting = memory.all().flat_map(|(_, bridge)| bridge.intent.interfaces().map(move |interface| (bridge, interface)));
        for (bridge, interface) in wanting {
            let (ifname, persistent) = (interface.name, interface.addressing.dhcp().is_some_and(|dhcp| dhcp.asking.persistent));
            if !persistent || bridge.leases.contains_key(&ifname) || asked.contains(&ifname) {
                continue;
            }
            match self.asker(ifname) {
                Ok(asker) => self.leases.ask(asker, None),
                Err(why) => log::say(format_args!("nobody asks for a lease on {ifname}: {why}")),
            }
        }
    }
}

impl Worker {
    /// What became of an interface's lease.
    pub(super) fn lease(&mut self, ifname: IfName, event: dhcp::Event) {
        let memory = self.hands.shared.memory().clone();
        let Some(bridge) = memory.place_of(ifname) else { return };
        match event {
            dhcp::Event::Bound(lease) | dhcp::Event::Renewed(lease) => {
                let lease = leases::to_plan(&lease);
                if memory.get(bridge).and_then(|remembered| remembered.leases.get(&ifname)) == Some(&lease) {
                    return;
                }
                match self.hands.declined(ifname, &lease) {
                    Ok(true) => return,
                    Ok(false) => {}
                    Err(why) => log::say(format_args!("{ifname}: {why}")),
                }
                log::say(format_args!("{ifname} has {} from {} for {} s", lease.address, lease.server, lease.lease_secs));
                if let Err(error) = self.hands.keep(bridge, ifname, Some(lease)) {
                    log::say(error);
                }
                self.restore(bridge);
            }
            dhcp::Event::Lost { reason } => {
                log::say(format_args!("the lease of {ifname} is lost: {reason}; asking for another"));
                let held = memory.get(bridge).and_then(|remembered| remembered.leases.get(&ifname));
                if let Some(lease) = held {
                    self.give_up_address(ifname, lease.address.addr().into());
                }
                if let Err(error) = self.hands.keep(bridge, ifname, None) {
                    log::say(error);
                }
            }
            dhcp::Event::Failed(error) => log::say(error),
        }
    }

    /// An address whose lease ended must not be used (RFC 2131 4.4.5, RFC 8415 18.2.10).
    pub(super) fn give_up_address(&mut self, ifname: IfName, leased: IpAddr) {
        let is_leased = |address: &plan::Address| address.ifname == ifname && address.address.addr() == leased;
        let result = self.hands.observe().map(|observed| observed.addresses.into_iter().find(is_leased));
        match result {
            Ok(Some(address)) => {
                if let Err(error) = self.hands.undo(&plan::Step::RemoveAddress { address }) {
                    log::say(error);
                }
            }
            Ok(None) => {}
            Err(error) => log::say(error),
        }
    }
}
