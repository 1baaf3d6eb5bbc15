//! A step as a line for people: what is being done, and the `+`, `-`, `~` line of a difference.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use ovsdp_proto::IfName;

use super::lease6::Lease6;
use super::observed::{Address, LinkResolver, SCOPE_HOST, SCOPE_LINK, SCOPE_UNIVERSE};
use super::step::Step;
use super::unseen;
use crate::model::{Kind, Zone};

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateDatapath => f.write_str("creating the datapath ovs-system"),
            Self::DeleteDatapath => f.write_str("deleting the datapath ovs-system"),
            Self::CreateInternal { bridge, name, .. } if bridge == name => write!(f, "creating bridge {name}"),
            Self::CreateInternal { bridge, name, .. } => write!(f, "creating internal port {name} on {bridge}"),
            Self::AttachSystem { bridge, name, .. } => write!(f, "attaching {name} to {bridge}"),
            Self::DetachVport { bridge, name, kind: Kind::Internal, .. } if bridge == name => write!(f, "deleting bridge {name}"),
            Self::DetachVport { bridge, name, kind: Kind::Internal, .. } => write!(f, "deleting internal port {name} of {bridge}"),
            Self::DetachVport { bridge, name, .. } => write!(f, "detaching {name} from {bridge}"),
            Self::CreateTunnel { device } => write!(f, "creating the tunnel device {}", device.name()),
            Self::DeleteTunnel { device } => write!(f, "deleting the tunnel device {}", device.name()),
            Self::AttachTunnel { device, .. } => write!(f, "attaching {} to the datapath", device.name()),
            Self::DetachTunnel { device, .. } => write!(f, "detaching {} from the datapath", device.name()),
            Self::SetMac { name, to, .. } => write!(f, "setting the MAC of {name} to {to}"),
            Self::SetMtu { name, to, .. } => write!(f, "setting the MTU of {name} to {to}"),
            Self::SetUp { name } => write!(f, "bringing {name} up"),
            Self::SetDown { name } => write!(f, "taking {name} down"),
            Self::AddAddress { address, from: Some(from) } => write!(f, "moving {} from {from} to {}", Bare(address), address.ifname),
            Self::AddAddress { address, from: None } => write!(f, "adding {} to {}", Bare(address), address.ifname),
            Self::ChangeAddress { from, to } => write!(f, "changing {} on {} to be valid {}", Bare(from), from.ifname, Lifetime(to.valid_lft)),
            Self::RemoveAddress { address } => write!(f, "removing {} from {}", Bare(address), address.ifname),
            Self::AddRoute { route, from: Some(from) } => write!(f, "moving route {route} from {from}"),
            Self::AddRoute { route, from: None } => write!(f, "adding route {route}"),
            Self::ChangeRoute { to, .. } => write!(f, "changing route {to}"),
            Self::RemoveRoute { route } => write!(f, "removing route {route}"),
            Self::AddRule { rule } => write!(f, "adding rule {rule}"),
            Self::RemoveRule { rule } => write!(f, "removing rule {rule}"),
            Self::SetIpv6 { name, setting, to, .. } => write!(f, "setting IPv6 {setting} of {name} to {to}"),
            Self::Tune { name, to, .. } => write!(f, "setting {} of {name}", to.text()),
            Self::SetZone { name, to: Some(to), .. } => write!(f, "putting {name} into {to} of the firewall"),
            Self::SetZone { name, to: None, .. } => write!(f, "taking {name} out of the zones of the firewall"),
            Self::LeaveAlone { from, to, .. } => match only(to, from) {
                Some(names) => write!(f, "having NetworkManager leave {names} alone"),
                None => write!(f, "no longer having NetworkManager leave {} alone", only(from, to).unwrap_or_default()),
            },
            Self::AwaitCarrier { devices } => {
                let each: Vec<_> = devices.iter().map(|(name, secs)| format!("{name} ({secs} s at most)")).collect();
                write!(f, "waiting for carrier on {}", each.join(", "))
            }
            Self::ProbeAddresses { claims } => {
                write!(f, "asking whether anybody has {}", list(claims.iter().map(|claim| (claim.address.into(), claim.ifname))))
            }
            Self::AwaitAddresses { addresses } => {
                write!(f, "waiting until {} may be used", list(addresses.iter().map(|(name, address)| ((*address).into(), *name))))
            }
            Self::WriteResolver { to: Some(_), .. } => f.write_str("writing /etc/resolv.conf"),
            Self::WriteResolver { to: None, .. } => f.write_str("removing /etc/resolv.conf"),
            Self::TellResolver { ifname, to, .. } => write!(f, "telling systemd-resolved of {} for {ifname}", Told(to)),
            Self::PauseDhcpClient { client } => write!(f, "pausing {} (process {}) on {}", client.name, client.pid, client.ifname),
            Self::ResumeDhcpClient { client } => write!(f, "resuming {} (process {}) on {}", client.name, client.pid, client.ifname),
            Self::ObtainLease { ifname, request: Some(request), .. } => write!(f, "asking for a lease of {request} on {ifname}"),
            Self::ObtainLease { ifname, request: None, .. } => write!(f, "asking for a lease on {ifname}"),
            Self::AdoptLease { ifname, lease, .. } => write!(f, "keeping the lease of {} on {ifname}", lease.address.addr()),
            Self::ReleaseLease { ifname, lease: Some(lease), unless, .. } if *unless == Some(lease.address.addr()) => {
                write!(f, "no longer renewing {} on {ifname}", lease.address.addr())
            }
            Self::ReleaseLease { ifname, lease: Some(lease), .. } => write!(f, "releasing the lease of {} on {ifname}", lease.address.addr()),
            Self::ReleaseLease { ifname, lease: None, .. } => write!(f, "giving up the lease on {ifname}"),
            Self::ObtainLease6 { ifname, request: Some(request), .. } => write!(f, "asking for a DHCPv6 lease of {request} on {ifname}"),
            Self::ObtainLease6 { ifname, request: None, .. } => write!(f, "asking for a DHCPv6 lease on {ifname}"),
            Self::AdoptLease6 { ifname, lease, .. } => write!(f, "keeping {} on {ifname}", Held(Some(lease))),
            Self::ReleaseLease6 { ifname, lease: Some(lease), unless, .. } if lease.address.is_none() || *unless == lease.address => {
                write!(f, "no longer renewing {} on {ifname}", Held(Some(lease)))
            }
            Self::ReleaseLease6 { ifname, lease, .. } => write!(f, "releasing {} on {ifname}", Held(lease.as_ref())),
            Self::Remember { bridge, from, to } => match unseen::difference(from.as_ref().map(|from| &from.intent), &to.intent) {
                Some(what) => write!(f, "changing {bridge}: {what}"),
                None => write!(f, "remembering {bridge}"),
            },
            Self::RememberRows { .. } => f.write_str("remembering what is kept of no bridge"),
            Self::Forget { bridge, .. } => write!(f, "forgetting {bridge}"),
        }
    }
}

/// One line of a difference: its sign and its text.
pub(super) fn difference(step: &Step) -> (char, String) {
    match step {
        Step::CreateDatapath => ('+', "datapath ovs-system".to_owned()),
        Step::DeleteDatapath => ('-', "datapath ovs-system".to_owned()),
        Step::CreateInternal { bridge, name, .. } => ('+', port(*bridge, *name, Kind::Internal)),
        Step::AttachSystem { bridge, name, .. } => ('+', port(*bridge, *name, Kind::System)),
        Step::DetachVport { bridge, name, kind, .. } => ('-', port(*bridge, *name, *kind)),
        Step::CreateTunnel { device } => ('+', format!("tunnel device {}", device.name())),
        Step::DeleteTunnel { device } => ('-', format!("tunnel device {}", device.name())),
        Step::AttachTunnel { device, .. } => ('+', format!("port {} of the datapath", device.name())),
        Step::DetachTunnel { device, .. } => ('-', format!("port {} of the datapath", device.name())),
        Step::SetMac { name, from, to } => ('~', changed(*name, "mac", from.as_ref(), to)),
        Step::SetMtu { name, from, to } => ('~', changed(*name, "mtu", from.as_ref(), to)),
        Step::SetUp { name } => ('~', changed(*name, "state", Some(&"down"), &"up")),
        Step::SetDown { name } => ('~', changed(*name, "state", Some(&"up"), &"down")),
        Step::AddAddress { address, .. } => ('+', format!("address {} on {}", Bare(address), address.ifname)),
        Step::RemoveAddress { address } => ('-', format!("address {} on {}", Bare(address), address.ifname)),
        Step::ChangeAddress { from, to } => {
            ('~', format!("address {} on {}: valid {} -> {}", Bare(from), from.ifname, Lifetime(from.valid_lft), Lifetime(to.valid_lft)))
        }
        Step::AddRoute { route, .. } => ('+', format!("route {route}")),
        Step::ChangeRoute { from, to } => ('~', format!("route {from} -> {to}")),
        Step::RemoveRoute { route } => ('-', format!("route {route}")),
        Step::AddRule { rule } => ('+', format!("rule {rule}")),
        Step::RemoveRule { rule } => ('-', format!("rule {rule}")),
        Step::SetIpv6 { name, setting, from, to } => ('~', changed(*name, &format!("IPv6 {setting}"), from.as_ref(), to)),
        Step::Tune { name, from, to } => ('~', changed(*name, "settings", Some(from.text()).filter(|from| !from.is_empty()).as_ref(), &to.text())),
        Step::SetZone { name, from, to } => ('~', changed(*name, "zone", Some(&in_zone(from.as_ref())), &in_zone(to.as_ref()))),
        Step::LeaveAlone { from, to, .. } => match only(to, from) {
            Some(names) => ('+', format!("NetworkManager leaves {names} alone")),
            None => ('-', format!("NetworkManager leaves {} alone", only(from, to).unwrap_or_default())),
        },
        Step::AwaitCarrier { .. } | Step::ProbeAddresses { .. } | Step::AwaitAddresses { .. } => ('~', step.to_string()),
        Step::WriteResolver { from: None, .. } => ('+', "file /etc/resolv.conf".to_owned()),
        Step::WriteResolver { to: None, .. } => ('-', "file /etc/resolv.conf".to_owned()),
        Step::WriteResolver { .. } => ('~', "file /etc/resolv.conf".to_owned()),
        Step::TellResolver { ifname, from, to } => ('~', changed(*ifname, "resolver", Some(&Told(from)), &Told(to))),
        Step::PauseDhcpClient { client } => ('~', format!("{} (process {}) on {}: running -> paused", client.name, client.pid, client.ifname)),
        Step::ResumeDhcpClient { client } => ('~', format!("{} (process {}) on {}: paused -> running", client.name, client.pid, client.ifname)),
        Step::ObtainLease { ifname, request: Some(request), .. } => ('+', format!("lease on {ifname} (asking for {request})")),
        Step::ObtainLease { ifname, request: None, .. } => ('+', format!("lease on {ifname}")),
        Step::AdoptLease { ifname, lease, .. } => ('+', format!("lease of {} on {ifname}", lease.address.addr())),
        Step::ReleaseLease { ifname, lease: Some(lease), .. } => ('-', format!("lease of {} on {ifname}", lease.address.addr())),
        Step::ReleaseLease { ifname, lease: None, .. } => ('-', format!("lease on {ifname}")),
        Step::ObtainLease6 { ifname, request: Some(request), .. } => ('+', format!("DHCPv6 lease on {ifname} (asking for {request})")),
        Step::ObtainLease6 { ifname, request: None, .. } => ('+', format!("DHCPv6 lease on {ifname}")),
        Step::AdoptLease6 { ifname, lease, .. } => ('+', format!("{} on {ifname}", Held(Some(lease)))),
        Step::ReleaseLease6 { ifname, lease, .. } => ('-', format!("{} on {ifname}", Held(lease.as_ref()))),
        Step::Remember { bridge, from, to } => match unseen::difference(from.as_ref().map(|from| &from.intent), &to.intent) {
            Some(what) => ('~', format!("{bridge}: {what}")),
            None => ('~', format!("memory of {bridge}")),
        },
        Step::RememberRows { .. } => ('~', "what is kept of no bridge".to_owned()),
        Step::Forget { bridge, .. } => ('-', format!("memory of {bridge}")),
    }
}

fn port(bridge: IfName, name: IfName, kind: Kind) -> String {
    match kind {
        Kind::Internal if bridge == name => format!("bridge {name}"),
        Kind::Internal => format!("port {name} of {bridge} (internal)"),
        _ => format!("port {name} of {bridge}"),
    }
}

/// Addresses with their devices, the first few of them by name.
fn list(addresses: impl ExactSizeIterator<Item = (IpAddr, IfName)>) -> String {
    const NAMED: usize = 4;
    let beyond = addresses.len().saturating_sub(NAMED);
    let mut text = addresses.take(NAMED).map(|(address, name)| format!("{address} ({name})")).collect::<Vec<_>>().join(", ");
    if beyond > 0 {
        text += &format!(" and {beyond} more");
    }
    text
}

fn changed<T: fmt::Display>(name: IfName, what: &str, from: Option<&T>, to: &T) -> String {
    match from {
        Some(from) => format!("{what} of {name}: {from} -> {to}"),
        None => format!("{what} of {name}: {to}"),
    }
}

/// The names of `those` that are not among `others`; `None` when there are none.
fn only(those: &BTreeSet<IfName>, others: &BTreeSet<IfName>) -> Option<String> {
    let names: Vec<&str> = those.difference(others).map(|name| name.as_str()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn in_zone(zone: Option<&Zone>) -> String {
    zone.map_or("none", |zone| zone.name("default")).to_owned()
}

/// Servers and domains in one line.
struct Told<'a>(&'a LinkResolver);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers = self.0.servers.iter().map(ToString::to_string);
        let all: Vec<String> = servers.chain(self.0.search.iter().cloned()).collect();
        f.write_str(if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }.as_str())
    }
}

/// An address without its device.
struct Bare<'a>(&'a Address);

impl fmt::Display for Bare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.0;
        match address.peer {
            Some(peer) => write!(f, "{} peer {peer}", address.address)?,
            None => write!(f, "{}", address.address)?,
        }
        if !address.address.addr().is_ipv4() {
            return Ok(());
        }
        // What goes without saying is not said.
        let usual = Address::lasting(address.ifname, address.opposite()).broadcast;
        if let Some(broadcast) = address.broadcast.filter(|broadcast| Some(*broadcast) != usual) {
            write!(f, " broadcast {broadcast}")?;
        }
        match address.scope {
            SCOPE_UNIVERSE => Ok(()),
            SCOPE_LINK => f.write_str(" scope link"),
            SCOPE_HOST => f.write_str(" scope host"),
            other => write!(f, " scope {other}"),
        }
    }
}

/// A lease of IPv6, as far as it is known.
struct Held<'a>(Option<&'a Lease6>);

impl fmt::Display for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Lease6 { address: Some(address), .. }) => write!(f, "the DHCPv6 lease of {address}"),
            Some(Lease6 { address: None, .. }) => f.write_str("what a DHCPv6 server says"),
            None => f.write_str("the DHCPv6 lease"),
        }
    }
}

struct Lifetime(Option<u32>);

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(seconds) => write!(f, "{seconds} s"),
            None => f.write_str("for ever"),
        }
    }
}
