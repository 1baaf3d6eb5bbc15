//! One change of one thing, with everything needed to take it back.
//!
//! It must not know why it is wanted, nor how it is done.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use ovsdp_proto::{IfName, Mac};
use serde::{Deserialize, Serialize};

use super::lease6::Lease6;
use super::memory::{Lease, Remembered};
use super::observed::{Address, DhcpClient, LinkResolver, Route};
use super::tuning::Tuned;
use super::unseen;
use crate::model::{Device, Ipv6Setting, Kind, PolicyRule, Record, Zone};

/// One change of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Make the shared datapath.
    CreateDatapath,
    /// Delete the shared datapath, which has no port left but its own.
    DeleteDatapath,
    /// Make an internal port, down, with whatever MAC the kernel gives it.
    CreateInternal {
        /// The bridge it belongs to.
        bridge: IfName,
        /// The port and its device; the bridge's own name for its local port.
        name: IfName,
        /// The number it is to have; the executor's choice when `None`.
        port_no: Option<u32>,
    },
    /// Attach a system device to the datapath.
    AttachSystem {
        /// The bridge it belongs to.
        bridge: IfName,
        /// The device.
        name: IfName,
        /// The number it is to have; the executor's choice when `None`.
        port_no: Option<u32>,
    },
    /// Take a port off the datapath; an internal one's device is gone with it.
    DetachVport {
        /// The bridge it belongs to.
        bridge: IfName,
        /// The port.
        name: IfName,
        /// Which kind it is.
        kind: Kind,
        /// Its number, to have it again.
        port_no: u32,
        /// An internal one's MAC, to have it again.
        mac: Option<Mac>,
        /// An internal one's MTU, to have it again.
        mtu: u32,
    },
    /// Make a tunnel device, up. From then on it is ours.
    CreateTunnel {
        /// The device.
        device: Device,
    },
    /// Delete a tunnel device of ours.
    DeleteTunnel {
        /// The device.
        device: Device,
    },
    /// Attach a tunnel device to the datapath: for the ports of every bridge.
    AttachTunnel {
        /// The device.
        device: Device,
        /// The number it is to have; the executor's choice when `None`.
        port_no: Option<u32>,
    },
    /// Take a tunnel device off the datapath.
    DetachTunnel {
        /// The device.
        device: Device,
        /// Its number, to have it again.
        port_no: u32,
    },
    /// Change a device's Ethernet address.
    SetMac {
        /// The device.
        name: IfName,
        /// What it has; `None` when the device is made in the same plan.
        from: Option<Mac>,
        /// What it is to have.
        to: Mac,
    },
    /// Change a device's MTU.
    SetMtu {
        /// The device.
        name: IfName,
        /// What it has; `None` when the device is made in the same plan.
        from: Option<u32>,
        /// What it is to have.
        to: u32,
    },
    /// Bring a device up.
    SetUp {
        /// The device.
        name: IfName,
    },
    /// Take a device down.
    SetDown {
        /// The device.
        name: IfName,
    },
    /// Add an address.
    AddAddress {
        /// The address. One with lifetimes has those it had when the plan was made; whoever knows the time now takes
        /// what has passed since off a lease's.
        address: Address,
        /// The device it moves from, for people; its removal there is another step.
        from: Option<IfName>,
    },
    /// Change an address's lifetimes and metric in place.
    ChangeAddress {
        /// As it is.
        from: Address,
        /// As it is to be.
        to: Address,
    },
    /// Remove an address.
    RemoveAddress {
        /// The address.
        address: Address,
    },
    /// Add a route behind any other to the same destination (`NLM_F_CREATE | NLM_F_APPEND`), never in place of it.
    AddRoute {
        /// The route.
        route: Route,
        /// The device it moves from, for people; its removal there is another step.
        from: Option<IfName>,
    },
    /// Put a route in the place of another to the same next hop, at once: the only one of its destination, table, metric and type of service.
    ChangeRoute {
        /// As it is.
        from: Route,
        /// As it is to be.
        to: Route,
    },
    /// Remove a route, exactly this one.
    RemoveRoute {
        /// The route.
        route: Route,
    },
    /// Add a rule; without a priority the kernel chooses one.
    AddRule {
        /// The rule.
        rule: PolicyRule,
    },
    /// Remove a rule, exactly this one.
    RemoveRule {
        /// The rule, with its priority.
        rule: PolicyRule,
    },
    /// Change one of the kernel's settings for a device's IPv6.
    SetIpv6 {
        /// The device.
        name: IfName,
        /// Which setting.
        setting: Ipv6Setting,
        /// What it is; `None` when the device is made in the same plan.
        from: Option<i32>,
        /// What it is to be.
        to: i32,
    },
    /// Change what a device does by itself: its features, or the numbers that go in one message.
    Tune {
        /// The device.
        name: IfName,
        /// As it is.
        from: Tuned,
        /// As it is to be.
        to: Tuned,
    },
    /// Put an interface, whether it is there or not, into one of the firewall's zones.
    SetZone {
        /// The interface.
        name: IfName,
        /// The zone it is in, `None` when in none.
        from: Option<Zone>,
        /// The zone it is to be in, `None` to take it out.
        to: Option<Zone>,
    },
    /// Have NetworkManager leave devices alone, whether they are there or not, and have others back; wait until it has.
    LeaveAlone {
        /// The devices it is told to leave alone.
        from: BTreeSet<IfName>,
        /// Those it is to be told.
        to: BTreeSet<IfName>,
        /// Of those that are in only one of both the ones it had in hand, each with the UUID of the profile it configures it by, if any.
        managed: BTreeMap<IfName, Option<String>>,
    },
    /// Wait until each of these devices has carrier, or its time is up: then things go on without.
    AwaitCarrier {
        /// The devices, each with the longest wait in seconds.
        devices: Vec<(IfName, u16)>,
    },
    /// Ask the neighbours whether anybody has these addresses, all at once; it fails when somebody does.
    ProbeAddresses {
        /// The addresses, none of which this host has.
        claims: Vec<Claim>,
    },
    /// Wait until the kernel has made sure that nobody else has these addresses (duplicate address detection); it fails
    /// when somebody does.
    AwaitAddresses {
        /// The addresses by device.
        addresses: Vec<(IfName, Ipv6Addr)>,
    },
    /// Write the resolver's file.
    WriteResolver {
        /// Its text now, `None` when there is no file.
        from: Option<String>,
        /// Its text to be, `None` to remove it.
        to: Option<String>,
    },
    /// Tell systemd-resolved which servers to ask through an interface, and for which domains; nothing of either takes it all back.
    TellResolver {
        /// The interface.
        ifname: IfName,
        /// What it has been told.
        from: LinkResolver,
        /// What it is to be told.
        to: LinkResolver,
    },
    /// Stop another program's DHCP client (SIGSTOP).
    PauseDhcpClient {
        /// The client.
        client: DhcpClient,
    },
    /// Let another program's DHCP client go on (SIGCONT).
    ResumeDhcpClient {
        /// The client.
        client: DhcpClient,
    },
    /// Get a lease and keep it renewed: afterwards it is found in the bridge's memory. How long to wait is the executor's; where the
    /// files say so it goes on asking when the time is up, which is no failure.
    ObtainLease {
        /// The bridge.
        bridge: IfName,
        /// The interface that asks.
        ifname: IfName,
        /// The address to ask for: the one the port had.
        request: Option<Ipv4Addr>,
    },
    /// Keep a lease renewed that was held before.
    AdoptLease {
        /// The bridge.
        bridge: IfName,
        /// The interface.
        ifname: IfName,
        /// The lease.
        lease: Lease,
    },
    /// Stop keeping a lease and take it out of the bridge's memory.
    ReleaseLease {
        /// The bridge.
        bridge: IfName,
        /// The interface.
        ifname: IfName,
        /// The lease held, `None` when it is not known: the undo of obtaining one.
        lease: Option<Lease>,
        /// The address that lives on elsewhere: the server is told (DHCPRELEASE) only when the lease's is another one.
        unless: Option<Ipv4Addr>,
    },
    /// As [`Self::ObtainLease`], of IPv6. The executor makes sure that nobody else has the address.
    ObtainLease6 {
        /// The bridge.
        bridge: IfName,
        /// The interface that asks.
        ifname: IfName,
        /// The address to ask for.
        request: Option<Ipv6Addr>,
    },
    /// As [`Self::AdoptLease`], of IPv6.
    AdoptLease6 {
        /// The bridge.
        bridge: IfName,
        /// The interface.
        ifname: IfName,
        /// The lease.
        lease: Lease6,
    },
    /// As [`Self::ReleaseLease`], of IPv6.
    ReleaseLease6 {
        /// The bridge.
        bridge: IfName,
        /// The interface.
        ifname: IfName,
        /// The lease held, `None` when it is not known: the undo of obtaining one.
        lease: Option<Lease6>,
        /// The address that lives on elsewhere: the server is told only when the lease's is another one.
        unless: Option<Ipv6Addr>,
    },
    /// Put down in the agent's memory what a bridge is. The leases of a bridge that is remembered already stay as they are.
    Remember {
        /// The bridge.
        bridge: IfName,
        /// As it was remembered.
        from: Option<Box<Remembered>>,
        /// As it is to be remembered.
        to: Box<Remembered>,
    },
    /// Put down in the agent's memory what is kept that belongs to no bridge.
    RememberRows {
        /// As it was remembered.
        from: Vec<Record>,
        /// As it is to be remembered.
        to: Vec<Record>,
    },
    /// Forget a bridge.
    Forget {
        /// The bridge.
        bridge: IfName,
        /// As it was remembered.
        from: Box<Remembered>,
    },
}

/// An IPv4 address that is about to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The device it is asked about on.
    pub ifname: IfName,
    /// The address.
    pub address: Ipv4Addr,
    /// How often to ask, a second apart.
    pub tries: u8,
    /// How long to listen at most, in seconds.
    pub wait_secs: u8,
}

impl Step {
    /// The steps that take this one back, in order. Each must be harmless where this step was never done.
    pub fn undo(&self) -> Vec<Self> {
        match self.clone() {
            Self::CreateDatapath => vec![Self::DeleteDatapath],
            Self::DeleteDatapath => vec![Self::CreateDatapath],
            Self::CreateInternal { bridge, name, port_no } => vec![detach(bridge, name, Kind::Internal, port_no)],
            Self::AttachSystem { bridge, name, port_no } => vec![detach(bridge, name, Kind::System, port_no)],
            Self::DetachVport { bridge, name, kind: Kind::Internal, port_no, mac, mtu } => {
                let create = Self::CreateInternal { bridge, name, port_no: Some(port_no) };
                let mac = mac.map(|to| Self::SetMac { name, from: None, to });
                [Some(create), mac, Some(Self::SetMtu { name, from: None, to: mtu })].into_iter().flatten().collect()
            }
            Self::DetachVport { bridge, name, port_no, .. } => vec![Self::AttachSystem { bridge, name, port_no: Some(port_no) }],
            Self::CreateTunnel { device } => vec![Self::DeleteTunnel { device }],
            Self::DeleteTunnel { device } => vec![Self::CreateTunnel { device }],
            Self::AttachTunnel { device, port_no } => vec![Self::DetachTunnel { device, port_no: port_no.unwrap_or(0) }],
            Self::DetachTunnel { device, port_no } => vec![Self::AttachTunnel { device, port_no: Some(port_no) }],
            // A device made in this plan goes away whole.
            Self::SetMac { from: None, .. } | Self::SetMtu { from: None, .. } => Vec::new(),
            Self::SetMac { name, from: Some(from), to } => vec![Self::SetMac { name, from: Some(to), to: from }],
            Self::SetMtu { name, from: Some(from), to } => vec![Self::SetMtu { name, from: Some(to), to: from }],
            Self::SetUp { name } => vec![Self::SetDown { name }],
            Self::SetDown { name } => vec![Self::SetUp { name }],
            Self::AddAddress { address, .. } => vec![Self::RemoveAddress { address }],
            Self::ChangeAddress { from, to } => vec![Self::ChangeAddress { from: to, to: from }],
            Self::RemoveAddress { address } => {
                let ifname = address.ifname;
                let label = address.label.clone();
                vec![Self::AddAddress { address: Address { label, ..address.moved_to(ifname) }, from: None }]
            }
            Self::AddRoute { route, .. } => vec![Self::RemoveRoute { route }],
            Self::ChangeRoute { from, to } => vec![Self::ChangeRoute { from: to, to: from }],
            Self::RemoveRoute { route } => vec![Self::AddRoute { route: route.stand_in(), from: None }],
            Self::AddRule { rule } => vec![Self::RemoveRule { rule }],
            Self::RemoveRule { rule } => vec![Self::AddRule { rule }],
            Self::SetIpv6 { from: None, .. } | Self::AwaitCarrier { .. } | Self::ProbeAddresses { .. } | Self::AwaitAddresses { .. } => Vec::new(),
            Self::SetIpv6 { name, setting, from: Some(from), to } => vec![Self::SetIpv6 { name, setting, from: Some(to), to: from }],
            Self::Tune { name, from, to } => vec![Self::Tune { name, from: to, to: from }],
            Self::SetZone { name, from, to } => vec![Self::SetZone { name, from: to, to: from }],
            Self::LeaveAlone { from, to, managed } => vec![Self::LeaveAlone { from: to, to: from, managed }],
            Self::WriteResolver { from, to } => vec![Self::WriteResolver { from: to, to: from }],
            Self::TellResolver { ifname, from, to } => vec![Self::TellResolver { ifname, from: to, to: from }],
            Self::PauseDhcpClient { client } => vec![Self::ResumeDhcpClient { client: DhcpClient { paused: true, ..client } }],
            Self::ResumeDhcpClient { client } => vec![Self::PauseDhcpClient { client: DhcpClient { paused: false, ..client } }],
            Self::ObtainLease { bridge, ifname, request } => {
                vec![Self::ReleaseLease { bridge, ifname, lease: None, unless: request }]
            }
            Self::AdoptLease { bridge, ifname, lease } => {
                let unless = Some(lease.address.addr());
                vec![Self::ReleaseLease { bridge, ifname, lease: Some(lease), unless }]
            }
            Self::ReleaseLease { bridge, ifname, lease, .. } => lease.map(|lease| Self::AdoptLease { bridge, ifname, lease }).into_iter().collect(),
            Self::ObtainLease6 { bridge, ifname, request } => vec![Self::ReleaseLease6 { bridge, ifname, lease: None, unless: request }],
            Self::AdoptLease6 { bridge, ifname, lease } => {
                let unless = lease.address;
                vec![Self::ReleaseLease6 { bridge, ifname, lease: Some(lease), unless }]
            }
            Self::ReleaseLease6 { bridge, ifname, lease, .. } => lease.map(|lease| Self::AdoptLease6 { bridge, ifname, lease }).into_iter().collect(),
            Self::Remember { bridge, from: Some(from), to } => vec![Self::Remember { bridge, from: Some(to), to: from }],
            Self::Remember { bridge, from: None, to } => vec![Self::Forget { bridge, from: to }],
            Self::RememberRows { from, to } => vec![Self::RememberRows { from: to, to: from }],
            Self::Forget { bridge, from } => vec![Self::Remember { bridge, from: None, to: from }],
        }
    }

    /// Whether it only looks: it takes time and can fail, but changes nothing.
    pub fn is_look(&self) -> bool {
        matches!(self, Self::AwaitCarrier { .. } | Self::ProbeAddresses { .. } | Self::AwaitAddresses { .. })
    }

    /// Whether it changes nothing but the agent's own notes: people need no line for it.
    pub fn is_quiet(&self) -> bool {
        match self {
            Self::Remember { from, to, .. } => unseen::difference(from.as_ref().map(|from| &from.intent), &to.intent).is_none(),
            Self::Forget { .. } => true,
            _ => false,
        }
    }
}

fn detach(bridge: IfName, name: IfName, kind: Kind, port_no: Option<u32>) -> Step {
    Step::DetachVport { bridge, name, kind, port_no: port_no.unwrap_or(0), mac: None, mtu: 0 }
}
