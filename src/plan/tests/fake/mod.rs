//! A small honest kernel: it refuses what the real one refuses and takes away what the real one takes away.

mod kernel;
mod steps;

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

    /// NetworkManager configures a device by a profile that has what is there.
    pub(super) fn add_profile(&mut self, ifname: &str, uuid: &str) {
        let name = name(ifname);
        let addresses = self.state.addresses_on(name).filter(|address| !address.is_link_local_v6()).cloned().collect();
        let routes = self.state.routes_on(name).cloned().collect();
        self.profiles.insert(uuid.to_owned(), (name, addresses, routes));
        self.state.manager.manages.get_or_insert_default().insert(name, Some(uuid.to_owned()));
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
