//! Network devices that are no port of any bridge, and which of them bridges need: those that `OVSREQUIRES` names, and those that a tunnel's
//! packets go out by.
//!
//! A file nobody needs is somebody else's and is not judged.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use ovsdp_proto::IfName;

use super::address::Ask;
use super::assign::Vars;
use super::companion;
use super::diag::{Diagnostic, Severity, Sink};
use super::folder;
use super::keys::is_false;
use super::settings::{self, Named, Role, Settings};
use crate::model::{Intent, Kind, Route, RouteKind};

/// Keys that make a device part of something else, or something else than a device that is there by itself.
const OTHERS: [&str; 9] = ["BRIDGE", "MASTER", "BONDING_MASTER", "BONDING_OPTS", "TEAM_MASTER", "TEAM_CONFIG", "PHYSDEV", "VID", "DEVICETYPE"];
/// Such keys where they say yes.
const OTHERS_YES: [&str; 2] = ["SLAVE", "VLAN"];

/// A plain device's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plain {
    /// The device.
    pub(super) name: IfName,
    /// Whether it comes up by itself.
    onboot: bool,
    /// What the file says; `None` when it cannot be carried out.
    pub(super) settings: Option<Settings>,
    /// What was found in it.
    pub(super) found: Vec<Diagnostic>,
}

/// The device whose file this is, when it is a network device and nothing else. Never the loopback device.
fn device(file: &str, vars: &Vars) -> Option<IfName> {
    let text = |key: &str| vars.get(key).and_then(|var| var.value.text()).map(str::trim).filter(|text| !text.is_empty());
    let kind = text("TYPE").is_none_or(|kind| kind.eq_ignore_ascii_case("ethernet"));
    let own = |key: &&str| text(key).is_some();
    // `VLAN=yes` in the network file has another meaning.
    let yes = |key: &&str| vars.get(key).is_some_and(|var| &*var.file == file) && text(key).is_some_and(|text| !is_false(text));
    // Open vSwitch's words in such a file have a finding of their own.
    let ovs = vars.of(file).any(|(key, _)| key.starts_with("OVS"));
    if !kind || ovs || OTHERS.iter().any(own) || OTHERS_YES.iter().any(yes) {
        return None;
    }
    let name = text("DEVICE").or_else(|| file.strip_prefix("ifcfg-"))?;
    IfName::new(name).ok().filter(|name| *name != *"lo" && !name.contains(':'))
}

/// Reads a file that is not Open vSwitch's, when it is a plain device's.
pub(super) fn read(file: &str, vars: &Vars, used: &BTreeSet<String>) -> Option<Plain> {
    let name = device(file, vars)?;
    let (mut sink, mut keys) = (Sink::default(), Sink::default());
    let settings = settings::read_as(file, vars, &mut sink, Some(Role::Plain));
    settings::judge_keys(file, vars, used, &mut keys);
    let refused = keys.has_errors();
    let mut found = sink.into_list();
    // What only has no effect is not this program's to say of another's file.
    found.extend(keys.into_list().into_iter().filter(|found| found.severity == Severity::Error));
    let onboot = vars.get("ONBOOT").and_then(|var| var.value.text()).is_none_or(|text| !is_false(text.trim()));
    Some(Plain { name, onboot, settings: settings.filter(|_| !refused), found })
}

/// Puts the findings of the files beside plain devices' own with those devices; the rest is returned.
pub(super) fn sort(plain: &mut [Plain], found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut rest = Vec::new();
    for diagnostic in found {
        let whose = plain.iter_mut().find(|one| one.settings.as_ref().is_some_and(|settings| companion::belongs(settings, &diagnostic.file)));
        match whose {
            Some(one) => one.found.push(diagnostic),
            None => rest.push(diagnostic),
        }
    }
    for one in plain.iter_mut().filter(|one| one.found.iter().any(|found| found.severity == Severity::Error)) {
        one.settings = None;
    }
    rest
}

/// Puts the devices into `intent` that its bridges need, and says of each bridge's tunnels which they need. Returns the others that come
/// up by themselves.
pub(super) fn take(list: &[Settings], plain: Vec<Plain>, intent: &mut Intent, found: &mut Vec<Diagnostic>) -> Vec<IfName> {
    let mut needed: BTreeSet<IfName> = list.iter().flat_map(|settings| &settings.requires).map(|named: &Named| named.name).collect();
    for settings in list {
        let Role::Tunnel(_, tunnel) = &settings.role else { continue };
        let ends = [tunnel.local.and_then(|local| Some((local.value()?, true))), tunnel.remote.value().map(|remote| (remote, false))];
        let ways: BTreeSet<IfName> = ends.into_iter().flatten().filter_map(|(address, own)| way(list, &plain, address, own)).collect();
        let ports = intent.bridges.values_mut().filter_map(|bridge| bridge.ports.get_mut(&settings.device.name));
        for interface in ports.flat_map(|port| &mut port.interfaces) {
            let new: Vec<IfName> = ways.iter().filter(|name| !interface.requires.contains(*name)).copied().collect();
            interface.requires.extend(new);
        }
        needed.extend(ways);
    }
    let mut left = Vec::new();
    for Plain { name, onboot, settings, found: own } in plain {
        if !needed.contains(&name) {
            left.extend(onboot.then_some(name));
            continue;
        }
        let broken = settings.is_none();
        for mut diagnostic in own {
            if diagnostic.severity == Severity::Error {
                diagnostic.severity = Severity::Warning;
            }
            found.push(if broken { diagnostic.note(format!("so `{name}`, which bridges need, is left as it is")) } else { diagnostic });
        }
        match settings {
            Some(settings) => drop(intent.plain.insert(name, folder::interface(&settings, Kind::System))),
            None => left.push(name),
        }
    }
    let is_there = |name: &IfName| intent.plain.contains_key(name) || list.iter().any(|settings| settings.device.name == *name);
    for bridge in intent.bridges.values_mut() {
        let interfaces = std::iter::once(&mut bridge.local).chain(bridge.ports.values_mut().flat_map(|port| &mut port.interfaces));
        interfaces.for_each(|one| one.requires.retain(is_there));
    }
    left
}

/// The plain device that `address` is on, if it is to be this host's `own`, else the one that packets to it go out by.
fn way(list: &[Settings], plain: &[Plain], address: IpAddr, own: bool) -> Option<IfName> {
    if own {
        let has = |plain: &&Plain| plain.settings.as_ref().is_some_and(|settings| nets(settings).any(|net| net.addr() == address));
        return plain.iter().find(has).map(|plain| plain.name);
    }
    let others = plain.iter().filter_map(|plain| Some((reach(plain.settings.as_ref()?, address)?, plain.name)));
    let best = others.max_by_key(|(length, _)| *length)?;
    // Of two ways the narrower network is taken, and at worst the one that needs nothing else.
    let ours = list.iter().filter_map(|settings| reach(settings, address)).max();
    ours.is_none_or(|ours| ours < best.0).then_some(best.1)
}

/// The networks a file names for its interface.
fn nets(settings: &Settings) -> impl Iterator<Item = IpNet> {
    let aliases = settings.aliases.iter().map(|alias| IpNet::V4(alias.value.address));
    let v6 = settings.ipv6.addresses.iter().map(|net| IpNet::V6(*net));
    settings.ask.addresses().iter().copied().chain(aliases).chain(v6)
}

/// How long the prefix is of the narrowest network out of an interface that holds `address`; 0 for a default route.
fn reach(settings: &Settings, address: IpAddr) -> Option<u8> {
    let routes = settings.routes.iter().map(|route| &route.value);
    let routed = routes.filter(|route| route.kind == RouteKind::Unicast && route.table == Route::MAIN).map(|route| route.dst);
    let within = nets(settings).chain(routed).filter(|net| net.contains(&address)).map(|net| net.prefix_len()).max();
    let default = match (&settings.ask, address) {
        (Ask::Static(fixed), IpAddr::V4(_)) => fixed.gateway.is_some() && fixed.table.is_none(),
        (Ask::Dhcp { lease, .. }, IpAddr::V4(_)) => lease.default_route && lease.table.is_none(),
        (_, IpAddr::V6(_)) => settings.ipv6.gateway.is_some(),
        _ => false,
    };
    within.or(default.then_some(0))
}
