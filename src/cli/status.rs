//! `ovsdp status`: how bridges are, from the kernel and, when it runs and lets this user ask, from the agent.

use std::fmt::Write;

use ovsdp_proto::IfName;
use serde::Serialize;

use super::show::{memory, vports};
use super::{launch, output};
use crate::ctl::api::{AgentStatus, BridgeStatus, UnconfirmedStatus};
use crate::error::{Error, Kind};
use crate::host::paths::Run;
use crate::host::{clock, convert};
use crate::plan::{HeldLease, Remembered};
use crate::rtnl::Rtnl;

#[derive(Debug, Serialize)]
struct Status {
    /// The agent; absent when it does not run or this user may not ask it.
    agent: Option<AgentStatus>,
    bridges: Vec<Bridge>,
    /// The devices that are no port of any bridge and were brought up because bridges need them.
    devices: Vec<Device>,
}

#[derive(Debug, Serialize)]
struct Bridge {
    #[serde(flatten)]
    device: Device,
    ports: Vec<Port>,
    /// What only the agent knows.
    switch: Option<BridgeStatus>,
}

/// A bridge's own device, or one that is no port.
#[derive(Debug, Serialize)]
struct Device {
    name: IfName,
    mac: Option<String>,
    mtu: Option<u32>,
    up: bool,
    addresses: Vec<String>,
    routes: Vec<String>,
    leases: Vec<HeldLease>,
    /// The interfaces that are to have a lease and have none.
    asking: Vec<IfName>,
    /// The same, of a DHCPv6 server.
    asking6: Vec<IfName>,
}

#[derive(Debug, Serialize)]
struct Port {
    name: IfName,
    number: Option<u32>,
    up: bool,
    carrier: bool,
    received: u64,
    sent: u64,
}

pub(super) fn run(run: &Run, name: Option<&str>, json: bool) -> Result<(), Error> {
    let memory = memory(run)?;
    if let Some(name) = name
        && !memory.all().any(|(known, _)| known.as_str() == name)
    {
        let known: Vec<_> = memory.all().map(|(known, _)| known.as_str()).collect();
        let error = Error::new(Kind::NoSuch, format!("{name}: no bridge by that name is up"));
        return Err(if known.is_empty() { error } else { error.advise(format!("up are: {}", known.join(", "))) });
    }
    let agent = match launch::running(run) {
        Ok(Some(mut client)) => Some(client.status()?),
        Ok(None) => None,
        // What the kernel says is everybody's; the rest is not.
        Err(error) if error.kind == Kind::NotPermitted => None,
        Err(error) => return Err(error),
    };
    let vports = vports()?;
    let mut rtnl = Rtnl::open()?;
    let links = rtnl.links()?;
    let names = convert::names(&links);
    let (addresses, routes) = (rtnl.addresses()?, rtnl.routes()?);
    let link = |name: &IfName| links.iter().find(|link| link.name == *name);

    let now = clock::unix_secs();
    let device = |name: IfName, remembered: &Remembered| {
        let own = link(&name);
        let kept = routes
            .iter()
            .flat_map(|route| convert::routes(route, &names))
            .filter(|route| route.ifname == name && route.table == crate::rtnl::table::MAIN && !route.is_ipv6());
        Device {
            name,
            mac: own.and_then(|own| own.mac).map(|mac| mac.to_string()),
            mtu: own.map(|own| own.mtu),
            up: own.is_some_and(|own| own.up),
            addresses: addresses.iter().filter(|address| own.is_some_and(|own| own.index == address.index)).map(ToString::to_string).collect(),
            routes: kept.map(|route| route.to_string()).collect(),
            leases: remembered.held(now),
            asking: remembered.asking(),
            asking6: remembered.asking6(),
        }
    };

    let is_wanted = |known: &IfName| name.is_none_or(|name| known.as_str() == name);
    let bridges = memory.bridges.iter().filter(|(name, _)| is_wanted(name)).map(|(bridge, remembered)| {
        let port = |name: IfName| {
            let vport = vports.get(&name);
            let stats = vport.and_then(|vport| vport.stats);
            Port {
                name,
                number: vport.map(|vport| vport.number),
                up: link(&name).is_some_and(|link| link.up),
                carrier: link(&name).is_some_and(|link| link.carrier),
                received: stats.map_or(0, |stats| stats.rx_packets),
                sent: stats.map_or(0, |stats| stats.tx_packets),
            }
        };
        let others = remembered.intent.ports.values().flat_map(|port| &port.interfaces).map(|interface| interface.name);
        Bridge {
            device: device(*bridge, remembered),
            ports: std::iter::once(*bridge).chain(others).map(port).collect(),
            switch: agent.as_ref().and_then(|agent| agent.bridges.iter().find(|status| status.name == bridge.as_str()).cloned()),
        }
    });
    let bridges = bridges.collect();
    let devices = memory.plain.iter().filter(|(name, _)| is_wanted(name)).map(|(name, remembered)| device(*name, remembered)).collect();
    let status = Status { agent, bridges, devices };
    if json { output::json(&status) } else { output::text(&text(&status)) }
}

/// A device's own lines, and then those about its leases.
fn lines(device: &Device) -> (String, String) {
    let (mut own, mut leased) = (String::new(), String::new());
    let state = if device.up { "up" } else { "down" };
    // Writing to a String cannot fail.
    let _ = writeln!(own, "{}: {state}, mac {}, mtu {}", device.name, device.mac.as_deref().unwrap_or("none"), device.mtu.unwrap_or(0));
    for address in &device.addresses {
        let _ = writeln!(own, "    address {address}");
    }
    for route in &device.routes {
        let _ = writeln!(own, "    route {route}");
    }
    for lease in &device.leases {
        let _ = writeln!(leased, "    lease {} on {} from {}, {} s left", lease.address, lease.interface, lease.server, lease.remaining);
    }
    for interface in &device.asking {
        let _ = writeln!(leased, "    no lease on {interface}: asking for one");
    }
    for interface in &device.asking6 {
        let _ = writeln!(leased, "    no DHCPv6 lease on {interface}: asking for one");
    }
    (own, leased)
}

fn text(Status { agent, bridges, devices }: &Status) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    for bridge in bridges {
        let (own, leased) = lines(&bridge.device);
        out.push_str(&own);
        for port in &bridge.ports {
            let number = port.number.map_or_else(|| "not attached".to_owned(), |number| format!("port {number}"));
            let state = match (port.up, port.carrier) {
                (false, _) => "down",
                (true, false) => "no carrier",
                (true, true) => "up",
            };
            let _ = writeln!(out, "    {}: {number}, {state}, {} received, {} sent", port.name, port.received, port.sent);
        }
        out.push_str(&leased);
        if let Some(BridgeStatus { macs, macs_max, learned, moved, expired, evicted, .. }) = &bridge.switch {
            let _ = writeln!(out, "    macs {macs} of {macs_max}: {learned} learned, {moved} moved, {expired} expired, {evicted} evicted");
        }
    }
    for device in devices {
        let (own, leased) = lines(device);
        out.push_str(&own);
        out.push_str("    no port: here because bridges need it\n");
        out.push_str(&leased);
    }
    match agent {
        Some(agent) => {
            if let Some(UnconfirmedStatus { by, seconds, left }) = &agent.unconfirmed {
                let _ = writeln!(out, "unconfirmed: the change of {by} goes back in {left} s of {seconds} s unless `ovsdp confirm` is said");
            }
            let AgentStatus { version, pid, dispatch, handlers, upcalls, overruns, dropped, installed, refused, flows, flow_limit, .. } = agent;
            let _ = writeln!(
                out,
                "agent {version}: process {pid}, {handlers} handlers, {dispatch} upcalls: {upcalls} answered, {overruns} overruns, {dropped} dropped; \
                 {flows} flows of {flow_limit}, {installed} installed, {refused} refused"
            );
        }
        None => out.push_str("agent: not running, or not yours to ask\n"),
    }
    out
}
