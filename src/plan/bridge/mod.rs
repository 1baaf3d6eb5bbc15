//! The steps for one bridge: up, changed in place, shrunk, or down.
//!
//! Their order is what keeps connections alive: everything is added in its new place before it is removed from its old one.

mod leases6;
mod links;
mod release;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use ovsdp_proto::IfName;

use crate::model::{Addressing, Bridge, Interface, Ipv6Setting, Kind};
use crate::plan::before::{addresses_to_leave, capture, with_owed};
use crate::plan::diff::{Own, strip, towards};
use crate::plan::goal::{self, Goal, Kept};
use crate::plan::lease6::Lease6;
use crate::plan::memory::{Before, Lease, OwnRule, Remembered};
use crate::plan::observed::{Address, DhcpClient, Observed, Route};
use crate::plan::probe;
use crate::plan::step::{Claim, Step};
use crate::plan::{routes, rules, tuning, zones};

pub(in crate::plan) use release::detach;

/// The MTU of an internal port the kernel has just made, and of a bridge without ports.
const DEFAULT_MTU: u32 = 1500;

/// What is to be done for one bridge.
#[derive(Debug, Default)]
pub(in crate::plan) struct BridgePlan {
    /// The steps up to the point where the neighbours are to be asked about `claims`; all, when there are none.
    pub(in crate::plan) steps: Vec<Step>,
    /// The devices whose carrier is waited for then, each for so many seconds at most.
    pub(in crate::plan) carriers: Vec<(IfName, u16)>,
    /// The addresses to be asked about then, together with those of other bridges.
    pub(in crate::plan) claims: Vec<Claim>,
    /// The steps from there to the point where everything is in its place.
    pub(in crate::plan) after_claims: Vec<Step>,
    /// The addresses that may be used only once the kernel has made sure of them.
    pub(in crate::plan) awaited: Vec<(IfName, Ipv6Addr)>,
    /// What comes after everything else of all bridges: it waits for others.
    pub(in crate::plan) last: Vec<Step>,
    /// What is to be remembered of it, `None` when it is to be forgotten. The resolver's part is the caller's.
    pub(in crate::plan) after: Option<Remembered>,
    /// What people should be told.
    pub(in crate::plan) notes: Vec<String>,
}

/// The plan that makes `name` what `target` says, with the ports `target` lists and no other of ours.
pub(in crate::plan) fn plan(observed: &Observed, name: IfName, target: Option<&Bridge>) -> BridgePlan {
    let work = Work::new(observed, name, target);
    let mut plan = BridgePlan { notes: work.notes(), ..BridgePlan::default() };
    let mut remove = Vec::new();
    let mut before = Vec::new();
    let mut last = Vec::new();
    let alone = target.is_none_or(|target| target.ports.is_empty() && !target.is_plain());
    let all_routes: Vec<_> = work.goals.iter().flat_map(|(_, goal)| goal.routes.iter().cloned()).collect();
    for (interface, goal) in &work.goals {
        let own_routes = work.own_routes(interface.name);
        let own = Own { addresses: work.old.map_or(&[], |old| &old.addresses), routes: &own_routes };
        let mut change = towards(observed, interface.name, goal, &own, &work.renewed(interface.name), &all_routes);
        // A rule is there only while what it leads to is.
        change.add.extend(rules::missing(observed, &interface.rules));
        remove.extend(rules::superfluous(observed, interface.name, &interface.rules, work.own_rules()));
        plan.awaited.extend(probe::awaited(interface, change.add.iter()));
        let divided = probe::divide(observed, interface, &mut change, alone);
        plan.claims.extend(divided.claims);
        before.extend(divided.before);
        last.extend(divided.after);
        remove.extend(change.remove);
    }
    plan.steps.extend(work.release_leases());
    plan.steps.extend(work.pause());
    let interfaces = work.interfaces();
    plan.carriers = work.carriers(&interfaces);
    plan.steps.extend(interfaces);
    plan.steps.extend(before);
    last.extend(work.give_back());
    for member in &work.members {
        last.extend(strip(observed, member.name));
    }
    last.extend(remove);
    last.extend(work.retire());
    if plan.claims.is_empty() {
        plan.steps.append(&mut last);
    }
    plan.after_claims = last;
    plan.last.extend(work.obtain());
    plan.last.extend(work.obtain6());
    plan.after = work.remembered();
    plan
}

struct Work<'a> {
    observed: &'a Observed,
    name: IfName,
    target: Option<&'a Bridge>,
    old: Option<&'a Remembered>,
    /// What the files asked of each interface before this.
    asked_before: BTreeMap<IfName, &'a Interface>,
    /// The system devices it is to have.
    members: Vec<&'a Interface>,
    /// What each of them had before.
    befores: BTreeMap<IfName, Before>,
    /// The smallest MTU of any of them.
    least_mtu: u32,
    /// The DHCP clients to be stopped.
    pausing: Vec<&'a DhcpClient>,
    /// The leases that go on.
    leases: BTreeMap<IfName, Lease>,
    /// Those of IPv6.
    leases6: BTreeMap<IfName, Lease6>,
    /// The system devices it no longer has.
    released: Vec<(IfName, &'a Before)>,
    /// Its internal interfaces, or the plain device that it is, with what they are to carry.
    goals: Vec<(&'a Interface, Goal)>,
    /// What becomes of its devices themselves.
    tunings: BTreeMap<IfName, tuning::Change>,
    /// What becomes of the firewall's zones they are in.
    zones: BTreeMap<IfName, zones::Change>,
}

impl<'a> Work<'a> {
    fn new(observed: &'a Observed, name: IfName, target: Option<&'a Bridge>) -> Self {
        let old = observed.memory.get(name);
        let of_kind = |kind: Kind| target.into_iter().flat_map(Bridge::interfaces).filter(move |interface| interface.kind == kind);
        let members: Vec<&Interface> = of_kind(Kind::System).filter(|interface| interface.name != name).collect();
        let member_names: BTreeSet<IfName> = members.iter().map(|member| member.name).collect();
        let is_member = |name: IfName| member_names.contains(&name);
        let pausing: Vec<&DhcpClient> = observed.dhcp_clients.iter().filter(|client| !client.paused && is_member(client.ifname)).collect();
        let mut befores = BTreeMap::new();
        for member in &members {
            let pausing_here = pausing.iter().filter(|client| client.ifname == member.name).map(|client| (*client).clone());
            let before = match old.and_then(|old| old.members.get(&member.name)) {
                None => {
                    let now = match observed.taken.get(&member.name) {
                        Some(taken) => Before { paused_clients: pausing_here.collect(), ..taken.before.clone() },
                        None => capture(observed, member.name, pausing_here.collect()),
                    };
                    // Whichever bridge owes the device something: whoever has the device owes it from now on.
                    with_owed(now, observed.memory.bridges.values().find_map(|bridge| bridge.owed.get(&member.name)))
                }
                Some(known) => {
                    let mut before = known.clone();
                    let new: Vec<DhcpClient> = pausing_here.filter(|client| !known.paused_clients.iter().any(|old| is_same(old, client))).collect();
                    before.paused_clients.extend(new);
                    before
                }
            };
            befores.insert(member.name, before);
        }
        let old_members = old.into_iter().flat_map(|old| &old.members);
        let released: Vec<(IfName, &Before)> = old_members.filter(|(name, _)| !is_member(**name)).map(|(name, before)| (*name, before)).collect();
        let mut asked_before = BTreeMap::new();
        for interface in old.into_iter().flat_map(|old| old.intent.interfaces()) {
            asked_before.entry(interface.name).or_insert(interface);
        }
        let mut work = Self {
            observed,
            name,
            target,
            old,
            asked_before,
            members,
            befores,
            least_mtu: DEFAULT_MTU,
            pausing,
            leases: BTreeMap::new(),
            leases6: BTreeMap::new(),
            released,
            goals: Vec::new(),
            tunings: BTreeMap::new(),
            zones: BTreeMap::new(),
        };
        work.least_mtu = work.members.iter().map(|member| work.member_mtu(member)).min().unwrap_or(DEFAULT_MTU);
        (work.leases, work.leases6) = (work.kept_leases(), work.kept_leases6());
        let plain = of_kind(Kind::System).filter(|interface| interface.name == name);
        work.goals = of_kind(Kind::Internal).chain(plain).map(|interface| (interface, work.goal(interface))).collect();
        work.tunings = target.into_iter().flat_map(Bridge::interfaces).map(|interface| (interface.name, work.tuning(interface))).collect();
        work.zones = target.into_iter().flat_map(Bridge::interfaces).map(|interface| (interface.name, work.zone(interface))).collect();
        work
    }

    /// A lease goes on where the interface still wants one, unless a port takes its address along.
    fn kept_leases(&self) -> BTreeMap<IfName, Lease> {
        let wants = |name: IfName| {
            let mut interfaces = self.target.into_iter().flat_map(Bridge::interfaces);
            interfaces.any(|interface| interface.name == name && matches!(interface.addressing, Addressing::Dhcp(_)))
        };
        let taken = |lease: &Lease| self.released.iter().any(|(port, before)| self.is_present(*port) && before.had(lease.address.addr().into()));
        let leases = self.old.into_iter().flat_map(|old| &old.leases);
        leases.filter(|(name, lease)| wants(**name) && !taken(lease)).map(|(name, lease)| (*name, lease.clone())).collect()
    }

    /// What the ports had whose place `interface` takes: those of the bridge's own only.
    fn befores_of(&self, interface: IfName) -> &BTreeMap<IfName, Before> {
        static NONE: BTreeMap<IfName, Before> = BTreeMap::new();
        if interface == self.name { &self.befores } else { &NONE }
    }

    fn goal(&self, interface: &Interface) -> Goal {
        let leases = (self.leases.get(&interface.name), self.leases6.get(&interface.name));
        goal::of(self.observed, interface, self.befores_of(interface.name), leases, &self.kept(interface.name))
    }

    fn kept(&self, interface: IfName) -> Kept<'_> {
        let Some(old) = self.old else { return Kept::default() };
        if old.leases.contains_key(&interface) && !self.leases.contains_key(&interface) {
            return Kept { own_addresses: &old.addresses, own_routes: &old.routes, ..Kept::default() };
        }
        let addresses = self.observed.addresses_on(interface).filter(|there| old.addresses.iter().any(|own| own.is(there)));
        let routes = self.observed.routes_on(interface).filter(|there| old.routes.iter().any(|own| own.is_met_by(there)));
        Kept { addresses: addresses.cloned().collect(), routes: routes.cloned().collect(), own_addresses: &old.addresses, own_routes: &old.routes }
    }

    /// What becomes of the device of `interface` itself. One that is not attached yet is asked anew.
    fn tuning(&self, interface: &Interface) -> tuning::Change {
        let name = interface.name;
        let is_there = |_: &&Interface| self.observed.vports.contains_key(&name) || self.target.is_some_and(Bridge::is_plain);
        let pinned = self.pinned(name).filter(is_there).map(|old| &old.tuning);
        tuning::towards(self.observed, interface, pinned, self.old.and_then(|old| old.tuned.get(&name)))
    }

    fn zone(&self, interface: &Interface) -> zones::Change {
        let name = interface.name;
        let pinned = self.pinned(name).and_then(|old| old.zone.as_ref());
        zones::towards(self.observed, interface, pinned, self.old.and_then(|old| old.zones.get(&name)))
    }

    /// What NetworkManager let go of, now or before.
    fn let_go(&self, name: IfName) -> Option<(IfName, Option<String>)> {
        let now = self.observed.taken.get(&name).map(|taken| taken.profile.clone());
        let profile = now.or_else(|| self.old.and_then(|old| old.let_go.get(&name).cloned()))?;
        Some((name, profile))
    }

    /// The rules that are ours, of every interface of the bridge.
    fn own_rules(&self) -> &[OwnRule] {
        self.old.map_or(&[], |old| &old.rules)
    }

    /// The routes that are ours on `interface`.
    fn own_routes(&self, interface: IfName) -> Vec<Route> {
        self.old.into_iter().flat_map(|old| &old.routes).filter(|route| route.ifname == interface).cloned().collect()
    }

    /// The addresses whose lifetimes the kernel does not know yet, their leases being newer.
    fn renewed(&self, interface: IfName) -> Vec<IpNet> {
        let applied = self.old.and_then(|old| old.applied.get(&interface));
        let lease = self.leases.get(&interface).filter(|lease| applied != Some(&lease.obtained));
        lease.map(|lease| IpNet::V4(lease.address)).into_iter().chain(self.renewed6(interface)).collect()
    }

    fn release_leases(&self) -> Vec<Step> {
        let leases = self.old.into_iter().flat_map(|old| &old.leases).filter(|(name, _)| !self.leases.contains_key(*name));
        leases
            .map(|(name, lease)| {
                let address = lease.address.addr();
                let goes_back = self.creditors().any(|(_, before)| before.had(address.into()));
                let stays = self.goals.iter().any(|(_, goal)| goal.addresses.iter().any(|wanted| wanted.address.addr() == IpAddr::V4(address)));
                // Unasked is what the file said while the lease was held (`DHCPRELEASE`).
                let unasked = self.pinned(*name).is_some_and(|old| matches!(&old.addressing, Addressing::Dhcp(dhcp) if !dhcp.asking.release));
                let unless = (goes_back || stays || unasked).then_some(address);
                Step::ReleaseLease { bridge: self.name, ifname: *name, lease: Some(lease.clone()), unless }
            })
            .collect()
    }

    fn pause(&self) -> Vec<Step> {
        self.pausing.iter().map(|client| Step::PauseDhcpClient { client: (*client).clone() }).collect()
    }

    /// Whether `port` can be given something back.
    fn is_present(&self, port: IfName) -> bool {
        self.observed.links.contains_key(&port)
    }

    fn obtain(&self) -> Vec<Step> {
        let wanting = self.goals.iter().filter(|(interface, _)| self.can_ask(interface));
        let wanting = wanting.filter(|(interface, _)| !self.leases.contains_key(&interface.name) && !self.is_asking(interface));
        wanting
            .map(|(interface, goal)| Step::ObtainLease { bridge: self.name, ifname: interface.name, request: self.request(interface, goal) })
            .collect()
    }

    /// Whether a lease is wanted that is not there yet: what it carries is not known.
    fn awaits_lease(&self, interface: &Interface) -> bool {
        matches!(interface.addressing, Addressing::Dhcp(_)) && !self.leases.contains_key(&interface.name)
    }

    /// Whether a lease is being asked for all the time since the interface was last brought up (`PERSISTENT_DHCLIENT`).
    fn is_asking(&self, interface: &Interface) -> bool {
        let persistent = |interface: &Interface| matches!(&interface.addressing, Addressing::Dhcp(dhcp) if dhcp.asking.persistent);
        persistent(interface) && self.pinned(interface.name).is_some_and(persistent)
    }

    /// Whether a lease is wanted and a port is attached that it can come through.
    fn can_ask(&self, interface: &Interface) -> bool {
        let Addressing::Dhcp(dhcp) = &interface.addressing else { return false };
        dhcp.through.is_empty() || self.target.is_some_and(|bridge| dhcp.through.iter().any(|port| bridge.ports.contains_key(port)))
    }

    /// The address to ask for: the one that is to be kept alive, and of several the one that a lease gave.
    fn request(&self, interface: &Interface, goal: &Goal) -> Option<Ipv4Addr> {
        let there = self.observed.addresses_on(interface.name);
        let v4 = |address: &Address| match address.address {
            IpNet::V4(net) => Some((address.valid_lft.is_some(), net.addr())),
            IpNet::V6(_) => None,
        };
        let known: Vec<_> = goal.addresses.iter().chain(there).filter(|address| !interface.has_alias(address.address)).filter_map(v4).collect();
        let ports = self.befores.values().filter(|_| interface.name == self.name).flat_map(|before| &before.addresses);
        let before = ports.filter_map(v4).map(|(_, address)| address).next();
        known.iter().find(|(limited, _)| *limited).or_else(|| known.first()).map(|(_, address)| *address).or(before)
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let Some(target) = self.target else { return notes };
        let why = match &target.local.addressing {
            Addressing::Static(_) => Some("does not ask for this one"),
            // What a lease says is not known yet.
            Addressing::Dhcp(_) => None,
            Addressing::None => Some("asks for no address"),
        };
        let stays = |address: &&Address| target.local.ipv6.is_asked_for() && matches!(address.address, IpNet::V6(_));
        for (member, why) in self.members.iter().zip(why.into_iter().cycle()) {
            let leaving = addresses_to_leave(self.observed, member.name).filter(|address| !stays(address) && !self.keeps(address));
            for address in leaving {
                notes.push(format!("{} loses {}: it becomes a port and {} {why}", member.name, address.address, self.name));
            }
        }
        for (interface, goal) in self.goals.iter().filter(|(interface, _)| !self.awaits_lease(interface)) {
            let missing =
                routes::asked(interface.name, &interface.routes).into_iter().filter(|asked| !goal.routes.iter().any(|route| asked.is_met_by(route)));
            notes.extend(missing.map(|route| routes::why_not(&route, goal)));
        }
        notes.extend(self.tunings.values().flat_map(|change| change.notes.iter().cloned()));
        notes.extend(self.zones.values().filter_map(|change| change.note.clone()));
        let conf = &self.observed.ipv6;
        let routes = |interface: &Interface| interface.ipv6.settings.get(&Ipv6Setting::Forwarding) == Some(&1);
        for (interface, _) in self.goals.iter().filter(|(interface, _)| routes(interface) && !conf.forwards && !conf.default.is_empty()) {
            let name = interface.name;
            notes.push(format!("{name} is to route IPv6, but this host does not: `sysctl -w net.ipv6.conf.all.forwarding=1` makes it"));
        }
        notes
    }

    fn remembered(&self) -> Option<Remembered> {
        let target = self.target?;
        Some(Remembered {
            intent: target.clone(),
            members: self.befores.clone(),
            owed: self.owed(),
            addresses: self.goals.iter().flat_map(|(_, goal)| goal.own_addresses.clone()).collect(),
            routes: self.goals.iter().flat_map(|(_, goal)| goal.own_routes.clone()).collect(),
            rules: self
                .goals
                .iter()
                .flat_map(|(interface, _)| rules::ours(self.observed, interface.name, &interface.rules, self.own_rules()))
                .collect(),
            tuned: self.tunings.iter().filter(|(_, change)| !change.before.is_empty()).map(|(name, change)| (*name, change.before.clone())).collect(),
            zones: self.zones.iter().filter_map(|(name, change)| Some((*name, change.before.clone()?))).collect(),
            let_go: target.interfaces().filter_map(|interface| self.let_go(interface.name)).collect(),
            resolver_before: self.old.and_then(|old| old.resolver_before.clone()),
            leases: self.leases.clone(),
            applied: self.leases.iter().map(|(name, lease)| (*name, lease.obtained)).collect(),
            leases6: self.leases6.clone(),
            applied6: self.leases6.iter().map(|(name, lease)| (*name, lease.obtained)).collect(),
        })
    }
}

fn is_same(one: &DhcpClient, other: &DhcpClient) -> bool {
    one.pid == other.pid && one.start_time == other.start_time
}
