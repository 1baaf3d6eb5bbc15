//! What the plan's steps are done with: the kernel, the resolver's file, other programs' DHCP clients, and the agent's own
//! memory and leases.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ovsdp_proto::IfName;
use ovsdp_proto::uapi::vport::kind as vport_kind;

use super::announcer::Announcer;
use super::inbox::{Order, Orders};
use super::leases::Leases;
use super::leases6::Leases6;
use super::limit::Limit;
use super::numbers::Numbers;
use super::seen::Seen;
use super::shared::Shared;
use super::topology::{Attached, Places};
use super::why::{GONE, THERE, Why, file_error, forgive, missing, reading_error, step_error};
use super::{claims, hardware};
use crate::dp::{Dispatch, Dp};
use crate::error::{Error, Kind};
use crate::host::hardware::observe as observe_hardware;
use crate::host::observe::observe;
use crate::host::paths::{RESOLV_CONF, Run};
use crate::host::{clients, convert, firewall, ipv6, journal, network_manager, resolved, resolver, store};
use crate::plan::{self, DhcpClient, Entry, Executor, Firewall, Hardware, Journal, Memory, NetworkManager, Observed, Step, StepError};
use crate::rtnl::{self, LinkChange, Mode, Rtnl};

/// Where upcalls are to go.
#[derive(Debug, Clone)]
pub(super) struct Upcalls {
    /// The handlers' sockets.
    pub(super) pids: Vec<u32>,
    /// How the kernel is asked to choose among them.
    pub(super) dispatch: Dispatch,
    /// Second descriptors of the sockets, for a successor.
    pub(super) shared: Arc<[OwnedFd]>,
}

/// The executor of plans.
#[derive(Debug)]
pub(super) struct Hands {
    pub(super) run: Run,
    pub(super) rtnl: Rtnl,
    pub(super) dp: Dp,
    pub(super) upcalls: Upcalls,
    pub(super) shared: Arc<Shared>,
    pub(super) leases: Leases,
    pub(super) leases6: Leases6,
    pub(super) announcer: Announcer,
    pub(super) orders: Orders,
    /// When the change that waits to be confirmed is taken back, in [`super::alarm::now_ms`]: no repair may keep that waiting.
    pub(super) deadline_ms: Option<u64>,
    /// When the change under way has taken too long: no step of it begins after that. Taking back has no such end.
    pub(super) limit: Option<Limit>,
    /// Orders that came while something was waited for.
    pub(super) pending: Vec<Order>,
    /// Which bridge each vport belongs to, changes under way included.
    pub(super) places: Places,
    /// The datapath's ports as of the last [`Hands::refresh`], and what was attached and detached here since.
    pub(super) attached: Attached,
    /// The numbers of those.
    pub(super) numbers: Numbers,
    /// Whether more of the topology may be outdated than the next device adds.
    pub(super) outdated: bool,
    /// Whether what is remembered has changed since it was last kept. Only while a change is under way: its journal brings back what
    /// was before, whichever of the two is kept.
    pub(super) unkept: bool,
    /// What the host was last seen to be, while changes are made in a row.
    pub(super) seen: Seen,
}

/// Whether a step is done as planned, or taken back as far as it was ever done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Strict,
    Lenient,
}

impl Hands {
    pub(super) fn index(&mut self, name: IfName) -> Result<u32, Why> {
        Ok(self.rtnl.link(&name)?.ok_or_else(|| missing("find", name))?.index)
    }

    /// The MTU of every device.
    ///
    /// # Errors
    /// The kernel did not answer.
    pub(super) fn mtus(&mut self) -> Result<BTreeMap<IfName, u32>, Error> {
        Ok(self.rtnl.links()?.into_iter().map(|link| (link.name, link.mtu)).collect())
    }

    /// Tells the neighbours of the addresses added since the last time. Nothing that waits may come before it.
    pub(super) fn announce(&mut self) {
        if self.announcer.is_due() {
            let memory = self.shared.memory().clone();
            self.announcer.say(&mut self.rtnl, &memory);
        }
    }

    /// Changes what is remembered, and keeps it.
    ///
    /// # Errors
    /// It could not be written down.
    pub(super) fn remember(&mut self, change: impl FnOnce(&mut Memory)) -> Result<(), Error> {
        self.seen.forget();
        change(&mut self.shared.memory());
        self.unkept = true;
        let path = self.run.memory();
        self.keep_memory().map_err(|error| Error::new(Kind::Failed, format!("cannot write {}: {error}", path.display())))
    }

    /// Keeps what is remembered, if it has changed.
    fn keep_memory(&mut self) -> std::io::Result<()> {
        if self.unkept {
            store::save(&self.run.memory(), &*self.shared.memory())?;
            self.unkept = false;
        }
        Ok(())
    }

    /// Keeps what is remembered before the journal no longer owes it.
    fn keep_memory_first(&mut self) -> Result<(), StepError> {
        self.keep_memory().map_err(|error| file_error("writing what is remembered", &self.run.memory(), &error))
    }

    fn perform(&mut self, step: &Step, way: Way) -> Result<(), Why> {
        match step {
            Step::CreateDatapath => self.create_datapath(way),
            Step::DeleteDatapath => self.delete_datapath(way),
            Step::CreateInternal { bridge, name, port_no } => self.attach(*bridge, *name, vport_kind::INTERNAL, *port_no, way),
            Step::AttachSystem { bridge, name, port_no } => self.attach(*bridge, *name, vport_kind::NETDEV, *port_no, way),
            Step::DetachVport { name, .. } => self.detach(*name, way),
            Step::CreateTunnel { device } => self.create_tunnel(*device, way),
            Step::DeleteTunnel { device } => self.delete_tunnel(*device),
            Step::AttachTunnel { device, port_no } => self.add_vport(device.name(), vport_kind::NETDEV, *port_no, way),
            Step::DetachTunnel { device, .. } => self.detach(device.name(), way),
            Step::SetMac { name, to, .. } => self.set_link(*name, LinkChange { mac: Some(*to), ..LinkChange::default() }),
            Step::SetMtu { name, to, .. } => self.set_link(*name, LinkChange { mtu: Some(*to), ..LinkChange::default() }),
            Step::SetUp { name } => self.set_link(*name, LinkChange { up: Some(true), ..LinkChange::default() }),
            Step::SetDown { name } => {
                let result = self.set_link(*name, LinkChange { up: Some(false), ..LinkChange::default() });
                if way == Way::Lenient { forgive(result, GONE) } else { result }
            }
            Step::AddAddress { address, .. } => {
                self.add_address(address, way)?;
                // What the kernel has yet to make sure of is not claimed before it has.
                if address.flags & plan::ADDRESS_NODAD != 0 || address.address.addr().is_ipv4() {
                    self.announcer.added(address.ifname, address.address.addr());
                }
                Ok(())
            }
            Step::ChangeAddress { to, .. } => self.add_address(to, way),
            Step::SetIpv6 { name, setting, to, .. } => match ipv6::set(*name, *setting, *to) {
                Err(error) if way == Way::Lenient && error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                result => result.map_err(|error| claims::not_set(*name, *setting, &error).into()),
            },
            Step::Tune { name, to, .. } => hardware::tune(*name, to, way == Way::Lenient),
            Step::SetZone { name, to, .. } => Ok(firewall::put(*name, to.as_ref(), way == Way::Lenient)?),
            Step::LeaveAlone { from, to, managed } => Ok(network_manager::tell(from, to, managed, way == Way::Lenient)?),
            Step::AwaitCarrier { devices } => self.await_carrier(devices),
            Step::ProbeAddresses { claims } => self.probe(claims),
            Step::AwaitAddresses { addresses } => self.await_addresses(addresses),
            Step::RemoveAddress { address } => {
                self.announcer.removed(address.ifname, address.address.addr());
                let result = self.index(address.ifname).and_then(|index| Ok(self.rtnl.delete_address(&convert::to_address(address, index))?));
                if way == Way::Lenient { forgive(result, GONE) } else { result }
            }
            Step::AddRoute { route, .. } => {
                let result = self.route(route).and_then(|route| Ok(self.rtnl.add_route(&route, Mode::Append)?));
                // An equal one that is there already is what was wanted.
                forgive(result, THERE)
            }
            Step::ChangeRoute { to, .. } => {
                let route = self.route(to)?;
                Ok(self.rtnl.add_route(&route, Mode::Replace)?)
            }
            Step::RemoveRoute { route } => {
                let result = self.route(route).and_then(|route| Ok(self.rtnl.delete_route(&route)?));
                // The kernel takes a route away with the address it prefers or the device that goes down.
                forgive(result, GONE)
            }
            Step::AddRule { rule } => {
                let result = self.rtnl.add_rule(&convert::to_rule(rule)).map_err(Why::from);
                // An equal one that is there already is what was wanted.
                forgive(result, THERE)
            }
            Step::RemoveRule { rule } => forgive(self.rtnl.delete_rule(&convert::to_rule(rule)).map_err(Why::from), GONE),
            Step::WriteResolver { to, .. } => {
                resolver::write(Path::new(RESOLV_CONF), to.as_deref()).map_err(|error| Why::new(Kind::Failed, format!("{RESOLV_CONF}: {error}")))
            }
            Step::TellResolver { ifname, to, .. } => match self.index(*ifname) {
                // Gone, and what was told for it with it.
                Err(Why { errno: Some(Errno::ENODEV), .. }) if way == Way::Lenient => Ok(()),
                index => Ok(resolved::tell(*ifname, index?, to, way == Way::Lenient)?),
            },
            Step::PauseDhcpClient { client } => signal(client, Signal::SIGSTOP),
            Step::ResumeDhcpClient { client } => signal(client, Signal::SIGCONT),
            Step::ObtainLease { bridge, ifname, request } => self.obtain(*bridge, *ifname, *request),
            Step::AdoptLease { bridge, ifname, lease } => self.adopt(*bridge, *ifname, lease),
            Step::ReleaseLease { bridge, ifname, lease, unless } => self.release(*bridge, *ifname, lease.as_ref(), *unless),
            Step::ObtainLease6 { bridge, ifname, request } => self.obtain6(*bridge, *ifname, *request),
            Step::AdoptLease6 { bridge, ifname, lease } => self.adopt6(*bridge, *ifname, lease),
            Step::ReleaseLease6 { bridge, ifname, lease, unless } => self.release6(*bridge, *ifname, lease.as_ref(), *unless),
            Step::Remember { bridge, to, .. } => {
                let before = self.shared.memory().remember(*bridge, (**to).clone());
                self.unkept = true;
                if let Some(before) = before {
                    self.outdated = true;
                    self.ask_as_said(*bridge, &before);
                    self.ask_as_said6(*bridge, &before);
                }
                Ok(())
            }
            Step::RememberRows { to, .. } => Ok(self.remember(|memory| memory.rows.clone_from(to))?),
            Step::Forget { bridge, .. } => {
                let was_there = self.shared.memory().forget(*bridge);
                self.unkept |= was_there;
                self.outdated |= was_there;
                Ok(())
            }
        }
    }

    fn set_link(&mut self, name: IfName, change: LinkChange) -> Result<(), Why> {
        let index = self.index(name)?;
        Ok(self.rtnl.set_link(index, &change)?)
    }

    /// Adds an address, or gives the one that is there these lifetimes. A lease's is valid for as long as the lease is now.
    /// One whose time is up is not given back.
    fn add_address(&mut self, address: &plan::Address, way: Way) -> Result<(), Why> {
        let index = self.index(address.ifname)?;
        let mut wanted = convert::to_address(address, index);
        let left = match wanted.ip {
            IpAddr::V4(ip) => self.leases.remaining(ip).map(|left| (Some(left), Some(left))),
            IpAddr::V6(ip) => self.leases6.remaining(ip),
        };
        if let (Some(_), Some(left)) = (wanted.valid_lft, left) {
            (wanted.valid_lft, wanted.preferred_lft) = left;
        }
        if way == Way::Lenient && wanted.valid_lft == Some(0) {
            return Ok(());
        }
        Ok(self.rtnl.add_address(&wanted, Mode::Replace)?)
    }

    /// A route as the kernel is to be told of it.
    fn route(&mut self, route: &plan::Route) -> Result<rtnl::Route, Why> {
        let index = convert::device_of(route).map(|device| self.index(device)).transpose()?;
        Ok(convert::to_route(route, index))
    }
}

/// Stops or continues another program's DHCP client, if it is still the same process.
fn signal(client: &DhcpClient, signal: Signal) -> Result<(), Why> {
    let Ok(pid) = i32::try_from(client.pid) else { return Ok(()) };
    if !clients::is_there(client.pid, client.start_time) {
        return Ok(());
    }
    match kill(Pid::from_raw(pid), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(Why::new(Kind::NotPermitted, format!("{} (process {pid}): {}", client.name, errno.desc()))),
    }
}

impl Executor for Hands {
    fn observe(&mut self) -> Result<Observed, StepError> {
        if let Some(seen) = self.seen.take() {
            return Ok(seen);
        }
        let memory = self.shared.memory().clone();
        observe(&mut self.rtnl, Some(&mut self.dp), memory).map_err(|error| reading_error("the host's network", error))
    }

    fn settled(&mut self, observed: Observed) {
        self.seen.keep(observed);
    }

    fn hardware(&mut self, names: &BTreeSet<IfName>) -> Result<BTreeMap<IfName, Hardware>, StepError> {
        observe_hardware(names).map_err(|error| reading_error("what devices can do", error))
    }

    fn firewall(&mut self) -> Result<Option<Firewall>, StepError> {
        firewall::observe().map_err(|error| reading_error("the firewall's zones", error))
    }

    fn manager(&mut self, names: &BTreeSet<IfName>) -> Result<NetworkManager, StepError> {
        network_manager::observe(names).map_err(|error| reading_error("what NetworkManager manages", error))
    }

    fn execute(&mut self, step: &Step) -> Result<(), StepError> {
        if let Some(limit) = self.over() {
            return Err(step_error(step, limit.error().into()));
        }
        self.seen.forget();
        self.perform(step, Way::Strict).map_err(|why| step_error(step, why))
    }

    fn undo(&mut self, step: &Step) -> Result<(), StepError> {
        self.seen.forget();
        self.perform(step, Way::Lenient).map_err(|why| step_error(step, why))
    }

    fn record(&mut self, journal: &Journal) -> Result<(), StepError> {
        self.keep_memory_first()?;
        let path = self.run.journal();
        journal::save(&path, journal).map_err(|error| file_error("writing the journal", &path, &error))
    }

    fn note(&mut self, entry: &Entry<'_>) -> Result<(), StepError> {
        if matches!(entry, Entry::TakenBack(_)) {
            self.keep_memory_first()?;
        }
        let path = self.run.journal();
        journal::append(&path, entry).map_err(|error| file_error("writing the journal", &path, &error))
    }

    fn clear_journal(&mut self) -> Result<(), StepError> {
        self.keep_memory_first()?;
        let path = self.run.journal();
        store::remove(&path).map_err(|error| file_error("removing the journal", &path, &error))
    }
}
