//! The steps about leases of IPv6, what becomes of them, and that clients run for those, and only those, that the memory wants one.
//!
//! It must not know what a lease brings: that is the plan's.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use ovsdp_proto::IfName;

use super::hands::Hands;
use super::inbox::Order;
use super::leases6::{self, Asker6};
use super::leasing::MARGIN;
use super::why::Why;
use super::worker::Worker;
use super::{alarm, log};
use crate::dhcp::v6::{Cause, Event};
use crate::error::{Error, Kind};
use crate::plan::{Lease6, Remembered};
use crate::rtnl::{self, Mode};

/// How long an address that is tried out stays should the agent be killed meanwhile, in seconds.
const TRIAL_SECS: u32 = 60;

impl Hands {
    fn asker6(&mut self, ifname: IfName) -> Result<Asker6, Why> {
        let ifindex = self.index(ifname)?;
        let dhcp = self.shared.memory().dhcp6_of(ifname).cloned().unwrap_or_default();
        Ok(Asker6 { ifname, ifindex, dhcp })
    }

    pub(super) fn obtain6(&mut self, bridge: IfName, ifname: IfName, request: Option<Ipv6Addr>) -> Result<(), Why> {
        self.announce();
        let asker = self.asker6(ifname)?;
        let (persistent, patience) = (asker.dhcp.persistent, asker.patience());
        self.leases6.ask(asker, request);
        let mut limit = if persistent { patience } else { patience + MARGIN };
        if let Some(at) = self.deadline_ms {
            limit = limit.min(Duration::from_millis(at.saturating_sub(alarm::now_ms())));
        }
        let end = self.within_limit(Instant::now() + limit);
        let mut declined = false;
        loop {
            let order = self.orders.wait(end.saturating_duration_since(Instant::now()));
            let why = match order {
                Some(Order::Lease6(of, Event::Bound(lease) | Event::Renewed(lease))) if of == ifname => {
                    let lease = leases6::to_plan(&lease);
                    match self.declined6(ifname, &lease) {
                        Ok(false) => return Ok(self.keep6(bridge, ifname, Some(lease))?),
                        Ok(true) => {
                            declined = true;
                            continue;
                        }
                        Err(why) => why,
                    }
                }
                Some(Order::Lease6(of, Event::Failed(error))) if of == ifname => {
                    let kind = match error.cause {
                        Cause::Silence | Cause::Unfinished(_) | Cause::NoLinkLocal => Kind::TimedOut,
                        Cause::NotPermitted => Kind::NotPermitted,
                        Cause::Exhausted(_) | Cause::Refused(_) | Cause::Io(_) => Kind::Failed,
                    };
                    Error::new(kind, error.to_string()).advise(error.hint()).into()
                }
                Some(Order::Lease6(of, Event::Lost { .. })) if of == ifname => continue,
                Some(other) => {
                    self.meanwhile(other);
                    continue;
                }
                None => match self.over() {
                    Some(limit) => limit.error().into(),
                    None if persistent => {
                        log::say(format_args!("{ifname} has no DHCPv6 lease after {} s; asking on", limit.as_secs()));
                        return Ok(());
                    }
                    None if declined => {
                        let why = Why::new(Kind::TimedOut, format!("the DHCPv6 server leases addresses to {ifname} that other hosts have"));
                        why.advise("see the agent's log for which; the server should be told to leave them out")
                    }
                    None => Why::new(Kind::TimedOut, "the DHCPv6 client said nothing in its time"),
                },
            };
            self.leases6.clients.stop(ifname);
            return Err(why);
        }
    }

    /// Has the kernel make sure that nobody else has the address of a lease that was just granted, unless the host has it already. When
    /// somebody has it the server is told, and whoever asked waits for another.
    fn declined6(&mut self, ifname: IfName, lease: &Lease6) -> Result<bool, Why> {
        let Some(address) = lease.address else { return Ok(false) };
        if self.rtnl.addresses()?.iter().any(|there| there.ip == IpAddr::V6(address)) {
            return Ok(false);
        }
        // It is put there for good by a step of its own, which can be taken back.
        let trial = rtnl::Address {
            valid_lft: Some(TRIAL_SECS),
            preferred_lft: Some(0),
            ..rtnl::Address::new(self.index(ifname)?, IpAddr::V6(address), 128)
        };
        self.rtnl.add_address(&trial, Mode::Replace)?;
        let taken = self.duplicate(&[(ifname, address)]);
        let removed = self.rtnl.delete_address(&trial).map_err(Why::from);
        let Some((.., how)) = taken? else { return removed.map(|()| false) };
        log::say(format_args!("{ifname} was leased {address} by {}, but {how}: declined", lease.server));
        self.leases6.clients.decline(ifname);
        Ok(true)
    }

    /// Has the kernel keep the address of a lease for as long as that is good now, while something else is waited for. Only where the host has
    /// the address for that very lease.
    pub(super) fn prolong6(&mut self, ifname: IfName, lease: &Lease6) -> Result<(), Why> {
        let is_held = self.shared.memory().all().filter_map(|(_, bridge)| bridge.leases6.get(&ifname)).any(|held| held.address == lease.address);
        let Some(address) = lease.address.filter(|_| is_held) else { return Ok(()) };
        self.leases6.note(lease);
        let (index, left) = (self.index(ifname)?, self.leases6.remaining(address).unwrap_or_default());
        if let Some(there) = self.rtnl.addresses()?.into_iter().find(|there| there.index == index && there.ip == IpAddr::V6(address)) {
            self.rtnl.add_address(&rtnl::Address { valid_lft: left.0, preferred_lft: left.1, ..there }, Mode::Replace)?;
        }
        Ok(())
    }

    pub(super) fn adopt6(&mut self, bridge: IfName, ifname: IfName, lease: &Lease6) -> Result<(), Why> {
        let asker = self.asker6(ifname)?;
        self.leases6.resume(asker, lease);
        Ok(self.keep6(bridge, ifname, Some(lease.clone()))?)
    }

    pub(super) fn release6(&mut self, bridge: IfName, ifname: IfName, lease: Option<&Lease6>, unless: Option<Ipv6Addr>) -> Result<(), Why> {
        let held = self.shared.memory().get(bridge).and_then(|remembered| remembered.leases6.get(&ifname).cloned());
        match lease.or(held.as_ref()) {
            Some(lease) if unless.is_none() || unless != lease.address => self.leases6.clients.release(ifname),
            _ => self.leases6.clients.stop(ifname),
        }
        Ok(self.keep6(bridge, ifname, None)?)
    }

    /// Puts a lease into the memory of its bridge, or takes it out.
    ///
    /// # Errors
    /// It could not be written down.
    fn keep6(&mut self, bridge: IfName, ifname: IfName, lease: Option<Lease6>) -> Result<(), Error> {
        if let Some(lease) = &lease {
            self.leases6.note(lease);
        }
        self.remember(|memory| {
            let Some(remembered) = memory.get_mut(bridge) else { return };
            match lease {
                Some(lease) => drop(remembered.leases6.insert(ifname, lease)),
                None => drop(remembered.leases6.remove(&ifname)),
            }
        })
    }

    /// Has the clients of the leases that `bridge` holds go on as is remembered now, where that is otherwise than `before`.
    pub(super) fn ask_as_said6(&mut self, bridge: IfName, before: &Remembered) {
        if before.leases6.is_empty() {
            return;
        }
        let Some(now) = self.shared.memory().get(bridge).cloned() else { return };
        let asking = |of: &Remembered, name: IfName| of.intent.interfaces().find(|one| one.name == name)?.ipv6.dhcp.clone();
        for (ifname, lease) in &now.leases6 {
            if let (Some(was), Some(is)) = (asking(before, *ifname), asking(&now, *ifname))
                && was.address == is.address
                && !was.asks_as(&is)
            {
                self.resume6(*ifname, lease);
            }
        }
    }

    /// Goes on with the leases that are held, as an agent's successor.
    pub(super) fn resume_leases6(&mut self) {
        let memory = self.shared.memory().clone();
        for (ifname, lease) in memory.all().flat_map(|(_, bridge)| &bridge.leases6) {
            self.resume6(*ifname, lease);
        }
    }

    fn resume6(&mut self, ifname: IfName, lease: &Lease6) {
        match self.asker6(ifname) {
            Ok(asker) => self.leases6.resume(asker, lease),
            Err(why) => log::say(format_args!("the DHCPv6 lease of {ifname} is not renewed: {why}")),
        }
    }

    /// Asks where a lease is asked for without end and nobody does, and stops where nobody wants one any longer: a change that was taken back
    /// may have left either.
    pub(super) fn tend_clients6(&mut self) {
        let memory = self.shared.memory().clone();
        for ifname in self.leases6.clients.asking().into_iter().filter(|name| memory.dhcp6_of(*name).is_none()) {
            self.leases6.clients.stop(ifname);
        }
        let asked = self.leases6.clients.asking();
        let wanting = memory.all().flat_map(|(_, bridge)| bridge.intent.interfaces().map(move |interface| (bridge, interface)));
        for (bridge, interface) in wanting {
            let (ifname, persistent) = (interface.name, interface.ipv6.dhcp.as_ref().is_some_and(|dhcp| dhcp.persistent));
            if !persistent || bridge.leases6.contains_key(&ifname) || asked.contains(&ifname) {
                continue;
            }
            match self.asker6(ifname) {
                Ok(asker) => self.leases6.ask(asker, None),
                Err(why) => log::say(format_args!("nobody asks for a DHCPv6 lease on {ifname}: {why}")),
            }
        }
    }

    /// Has servers asked whether leases fit the link that one of the devices leads to which have carrier again: it may be another one.
    pub(super) fn confirm_leases6(&self, returned: &BTreeSet<IfName>) {
        let memory = self.shared.memory();
        let over = |bridge: &Remembered| bridge.members.keys().any(|member| returned.contains(member));
        let concerned = memory.all().filter(|(name, remembered)| over(remembered) || (remembered.intent.is_plain() && returned.contains(*name)));
        concerned.flat_map(|(_, remembered)| remembered.leases6.keys()).for_each(|ifname| self.leases6.confirm(*ifname));
    }
}

impl Worker {
    /// What became of a lease.
    pub(super) fn lease6(&mut self, ifname: IfName, event: Event) {
        let memory = self.hands.shared.memory().clone();
        let Some(bridge) = memory.place_of(ifname) else { return };
        let held = memory.get(bridge).and_then(|remembered| remembered.leases6.get(&ifname));
        match event {
            Event::Bound(lease) | Event::Renewed(lease) => {
                let lease = leases6::to_plan(&lease);
                if held == Some(&lease) {
                    return;
                }
                match self.hands.declined6(ifname, &lease) {
                    Ok(true) => return,
                    Ok(false) => {}
                    Err(why) => log::say(format_args!("{ifname}: {why}")),
                }
                match lease.address {
                    Some(address) => log::say(format_args!("{ifname} has {address} from {} for {} s", lease.server, lease.valid_secs)),
                    None => log::say(format_args!("{ifname} has heard from {}", lease.server)),
                }
                if let Err(error) = self.hands.keep6(bridge, ifname, Some(lease)) {
                    log::say(error);
                }
                self.restore(bridge);
            }
            Event::Lost { reason } => {
                log::say(format_args!("the DHCPv6 lease of {ifname} is lost: {reason}; asking for another"));
                if let Some(address) = held.and_then(|lease| lease.address) {
                    self.give_up_address(ifname, IpAddr::V6(address));
                }
                if let Err(error) = self.hands.keep6(bridge, ifname, None) {
                    log::say(error);
                }
            }
            Event::Failed(error) => log::say(error),
        }
    }
}
