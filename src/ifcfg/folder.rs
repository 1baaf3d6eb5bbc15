//! The files of a folder put together: who is in which bridge, what a lease goes through, and everything that only shows
//! when files are read beside each other.
//!
//! It must not read text; it takes typed settings and says what they come to.

use std::collections::{BTreeMap, BTreeSet};

use ovsdp_proto::IfName;

use super::address::Ask;
use super::code::Code;
use super::diag::Diagnostic;
use super::fake::Fakes;
use super::settings::{Named, Role, Settings};
use super::span::Span;
use super::{bond, joined, requires, suggest};
use crate::model::{Addressing, Bridge, Dhcp, Intent, Interface, Kind, PolicyRule, Port, RuleAction, Vlans};

/// A file that is not read as settings, as far as it tells who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Other {
    pub(super) file: String,
    pub(super) device: Option<String>,
    pub(super) device_span: Span,
    /// Open vSwitch's, with errors; else somebody else's.
    pub(super) broken: bool,
    /// What it says of the device, when that is a bond's.
    pub(super) says: bond::Member,
}

impl Other {
    /// Whether it is the file of `device` and could not be read.
    fn is_broken(&self, device: &str) -> bool {
        self.broken && (self.device.as_deref() == Some(device) || self.file.strip_prefix("ifcfg-") == Some(device))
    }
}

/// Makes the intent of `list`, and reports into `found` what does not fit. `plain`: the devices that are no port of any. The intent
/// counts only when no error stands.
pub(super) fn build(list: &[Settings], others: &[Other], plain: &[IfName], found: &mut Vec<Diagnostic>) -> Intent {
    let mut folder = Folder { list, others, found };
    let unique = folder.unique();
    folder.foreign_twins();
    let mut intent = Intent::default();
    for settings in unique.iter().filter(|settings| settings.role == Role::Bridge) {
        let local = interface(settings, Kind::Internal);
        intent.bridges.insert(
            settings.device.name,
            Bridge {
                onboot: settings.onboot,
                local,
                rules: settings.extra.rules.clone(),
                local_rules: settings.extra.port.rules.clone(),
                external_ids: settings.extra.external_ids.clone(),
                records: settings.extra.records.clone(),
                ..Bridge::new(settings.device.name)
            },
        );
    }
    let fakes = Fakes::of(&unique);
    let mut members: Vec<&Settings> = Vec::new();
    for settings in &unique {
        let Some(named) = settings.role.bridge() else { continue };
        let (bridge, vlan) = fakes.resolve(named.name);
        match intent.bridges.get_mut(&bridge) {
            Some(target) => {
                target.ports.insert(settings.device.name, port(settings, others, vlan));
                target.records.extend(settings.extra.records.iter().cloned());
                members.push(settings);
            }
            None => folder.no_such_bridge(settings, named, &unique),
        }
    }
    for settings in unique.iter().filter(|settings| settings.role == Role::Bridge).chain(&members) {
        folder.lease(settings, &fakes, &mut intent);
    }
    let mut required = requires::resolve(&unique, plain, &fakes, folder.found);
    for bridge in intent.bridges.values_mut() {
        let local = std::iter::once((bridge.local.name, &mut bridge.local));
        // What a bond waits for, its first member does.
        let ports = bridge.ports.iter_mut().filter_map(|(name, port)| Some((*name, port.interfaces.first_mut()?)));
        local.chain(ports).for_each(|(name, one)| one.requires = required.remove(&name).unwrap_or_default());
    }
    for settings in &unique {
        if settings.role == Role::Bridge && intent.bridges.get(&settings.device.name).is_some_and(|bridge| bridge.ports.is_empty()) {
            folder.empty_bridge(settings);
        }
    }
    let addressed = |bridge: &&Bridge| bridge.interfaces().any(Interface::is_addressed);
    let addressed: BTreeSet<IfName> = intent.bridges.values().filter(addressed).map(Bridge::name).collect();
    for settings in members {
        folder.address_on_port(settings, &fakes, &addressed);
    }
    folder.routes_and_addresses(&unique);
    bond::of_two(&unique, folder.found);
    folder.found.extend(bond::findings(&unique, others));
    joined::patches(&unique, |device| others.iter().any(|other| other.is_broken(device)), folder.found);
    joined::tunnels(&unique, folder.found);
    intent
}

/// The port a file describes. `vlan`: that of the fake bridge it is in, which a tag of its own takes it out of.
fn port(settings: &Settings, others: &[Other], vlan: Option<Vlans>) -> Port {
    let asked = &settings.extra.port;
    let kind = match &settings.role {
        Role::Bridge | Role::Internal(_) | Role::Fake(..) => Kind::Internal,
        Role::Port(_) | Role::Bond(..) | Role::Plain | Role::Member => Kind::System,
        Role::Tunnel(_, tunnel) => Kind::Tunnel(*tunnel),
        Role::Patch(_, peer) => Kind::Patch { peer: peer.name },
    };
    let own = if let Role::Fake(_, vlan) = settings.role { Some(Vlans::Access { vlan }) } else { vlan };
    let mut rules = asked.rules.clone();
    if let Some(vlans) = own.filter(|_| rules.vlans == Vlans::default()) {
        rules.vlans = vlans;
    }
    let (interfaces, bond) = match &settings.role {
        Role::Bond(_, members) => (bond::interfaces(settings, members, others), asked.bond.clone()),
        _ => (vec![interface(settings, kind)], None),
    };
    Port {
        onboot: settings.onboot,
        interfaces,
        rules,
        bond,
        lacp: asked.lacp,
        fake_bridge: matches!(settings.role, Role::Fake(..)),
        external_ids: asked.external_ids.clone(),
        by_command: false,
    }
}

/// The interface a file describes, before what a lease goes through is known.
pub(super) fn interface(settings: &Settings, kind: Kind) -> Interface {
    let addressing = match &settings.ask {
        Ask::Static(fixed) => Addressing::Static(fixed.clone()),
        // What it goes through is filled in once the bridge's ports are known.
        Ask::Dhcp { lease, .. } => Addressing::Dhcp(lease.clone()),
        Ask::None | Ask::OnPort { .. } => Addressing::None,
    };
    let asked = settings.extra.interface().cloned().unwrap_or_else(|| Interface::new(settings.device.name, kind));
    let plain = Interface { external_ids: asked.external_ids, lacp: asked.lacp, ..Interface::new(settings.device.name, kind) };
    if !kind.has_device() {
        return plain;
    }
    let (reach, ipv6, arp) = (settings.reach.clone(), settings.ipv6.clone(), settings.arp.clone());
    let mac = settings.asked_mac();
    let mtu = asked.mtu.or(settings.mtu.map(|mtu| mtu.value));
    let routes = settings.routes.iter().map(|route| route.value.clone()).collect();
    let rules = settings.rules.iter().map(|rule| rule.value.clone()).collect();
    let aliases = settings.aliases.iter().map(|alias| alias.value.clone()).collect();
    let (patience, tuning) = (settings.patience, settings.tuning.clone());
    let zone = settings.zone.as_ref().map(|zone| zone.value.clone());
    Interface {
        mac,
        aliases,
        routes,
        rules,
        hwaddr: settings.hwaddr.map(|hwaddr| hwaddr.value),
        mtu,
        addressing,
        reach,
        ipv6,
        arp,
        tuning,
        down: settings.down,
        zone,
        nm_controlled: settings.nm_controlled == Some(true),
        patience,
        ..plain
    }
}

struct Folder<'a> {
    list: &'a [Settings],
    others: &'a [Other],
    found: &'a mut Vec<Diagnostic>,
}

impl<'a> Folder<'a> {
    /// The settings, one for each device; a second one is an error.
    fn unique(&mut self) -> Vec<&'a Settings> {
        let mut first: BTreeMap<IfName, &Settings> = BTreeMap::new();
        let mut unique = Vec::new();
        for settings in self.list {
            let device = settings.device.name;
            let Some(before) = first.get(&device) else {
                first.insert(device, settings);
                unique.push(settings);
                continue;
            };
            let message = match (&before.role, &settings.role) {
                (Role::Bridge, Role::Bridge) => format!("two files describe the bridge `{device}`"),
                (Role::Bridge, _) | (_, Role::Bridge) => format!("`{device}` is a bridge in one file and a port in another"),
                (before, after) => match (before.bridge(), after.bridge()) {
                    (Some(a), Some(b)) if a.name != b.name => format!("`{device}` is put into two bridges, `{}` and `{}`", a.name, b.name),
                    _ => format!("two files describe the port `{device}`"),
                },
            };
            let diagnostic = Diagnostic::error(Code::DeviceTwice, &settings.file, message).at(settings.device.span);
            let diagnostic = diagnostic.help("keep one of the files; a copy kept aside may end in `.bak`");
            self.found.push(diagnostic.related(&before.file, before.device.span, "described here first"));
        }
        unique
    }

    /// Files that are not Open vSwitch's and speak of a device that is.
    fn foreign_twins(&mut self) {
        for other in self.others.iter().filter(|other| !other.broken) {
            let Some(device) = other.device.as_deref() else { continue };
            let Some(ours) = self.list.iter().find(|settings| *settings.device.name == *device) else { continue };
            let message = format!("`{device}` is an Open vSwitch interface in `{}`; this file is not read", ours.file);
            let diagnostic = Diagnostic::warning(Code::DeviceTwice, &other.file, message).at(other.device_span);
            self.found.push(diagnostic.help("remove this file; network-scripts would bring the device up a second time"));
        }
    }

    fn is_broken(&self, device: &str) -> bool {
        self.others.iter().any(|other| other.is_broken(device))
    }

    fn no_such_bridge(&mut self, settings: &Settings, bridge: &Named, unique: &[&Settings]) {
        let name = bridge.name;
        // Its own errors say more.
        if self.is_broken(&name) {
            return;
        }
        let file = format!("ifcfg-{name}");
        let bridges = || unique.iter().filter(|other| other.role == Role::Bridge);
        let (message, help) = if let Some(port) = unique.iter().find(|other| other.device.name == name) {
            (format!("`{name}` is a port in `{}`, not a bridge", port.file), "name the bridge".to_owned())
        } else if let Some(other) = bridges().find(|other| other.file == file) {
            (format!("no bridge is called `{name}`: `{file}` describes `{}`", other.device.name), format!("write `OVS_BRIDGE={}`", other.device.name))
        } else if self.others.iter().any(|other| other.file == file || other.device.as_deref() == Some(&*name)) {
            (format!("`{name}` is not an Open vSwitch bridge in its file"), format!("write `TYPE=OVSBridge` and `DEVICETYPE=ovs` into `{file}`"))
        } else {
            let help = match suggest::nearest(&name, bridges().map(|other| &*other.device.name)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("add `{file}` with `DEVICE={name}`, `DEVICETYPE=ovs` and `TYPE=OVSBridge`"),
            };
            (format!("no file describes a bridge `{name}`"), help)
        };
        self.found.push(Diagnostic::error(Code::NoSuchBridge, &settings.file, message).at(bridge.span).help(help));
    }

    /// What a lease goes through, now that the bridge's ports are known.
    fn lease(&mut self, settings: &Settings, fakes: &Fakes, intent: &mut Intent) {
        let Ask::Dhcp { through, at, lease } = &settings.ask else { return };
        let bridge_name = settings.role.bridge().map_or(settings.device.name, |bridge| fakes.resolve(bridge.name).0);
        let Some(bridge) = intent.bridges.get_mut(&bridge_name) else { return };
        let mut names: Vec<IfName> = Vec::new();
        for named in through {
            if bridge.ports.contains_key(&named.name) {
                names.push(named.name);
            } else if !self.is_broken(&named.name) {
                let message = format!("`{}` is not a port of `{bridge_name}`, so no lease can come through it", named.name);
                let near = suggest::nearest(&named.name, bridge.ports.keys().map(|port| &**port)).map(|near| format!("did you mean `{near}`?"));
                let help = near.unwrap_or_else(|| format!("write `OVS_BRIDGE={bridge_name}` into `ifcfg-{}`, or remove it here", named.name));
                self.found.push(Diagnostic::error(Code::DhcpInterfaces, &settings.file, message).at(named.span).help(help));
            }
        }
        if through.is_empty() && settings.role == Role::Bridge {
            let system = |port: &&Port| port.interfaces.iter().any(|interface| interface.kind == Kind::System);
            names = bridge.ports.iter().filter(|(_, port)| system(port)).map(|(name, _)| *name).collect();
            let list = names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" ");
            let found = if names.is_empty() {
                let message = format!("a lease for `{bridge_name}`, which has no port it could come through");
                Diagnostic::warning(Code::DhcpInterfaces, &settings.file, message)
                    .help(format!("add a file with `TYPE=OVSPort` and `OVS_BRIDGE={bridge_name}`"))
            } else {
                let message = format!("DHCP without `OVSDHCPINTERFACES`: the lease is asked for once `{list}` is attached");
                Diagnostic::warning(Code::DhcpInterfaces, &settings.file, message).help(format!("add `OVSDHCPINTERFACES=\"{list}\"`"))
            };
            self.found.push(found.at(*at).note("network-scripts would never ask"));
        }
        let interfaces = std::iter::once(&mut bridge.local).chain(bridge.ports.values_mut().flat_map(|port| &mut port.interfaces));
        for interface in interfaces.filter(|interface| interface.name == settings.device.name) {
            interface.addressing = Addressing::Dhcp(Dhcp { through: names.clone(), ..lease.clone() });
        }
    }

    fn empty_bridge(&mut self, settings: &Settings) {
        let name = settings.device.name;
        // A port whose file is broken may be the one.
        if self.others.iter().any(|other| other.broken) {
            return;
        }
        let found = Diagnostic::warning(Code::EmptyBridge, &settings.file, format!("no file puts a port into `{name}`")).at(settings.device.span);
        self.found.push(found.help(format!("write `TYPE=OVSPort` and `OVS_BRIDGE={name}` into the file of a network device")));
    }

    /// An address on a port: without effect where the bridge has one, and an error where the host would lose its last.
    /// `bridges` are those that have one.
    fn address_on_port(&mut self, settings: &Settings, fakes: &Fakes, bridges: &BTreeSet<IfName>) {
        let (Role::Port(bridge) | Role::Bond(bridge, _)) = &settings.role else { return };
        let addressed = bridges.contains(&fakes.resolve(bridge.name).0);
        let own = if let Ask::OnPort { at } = settings.ask { Some(at) } else { None };
        let own = own.map(|at| (settings.file.as_str(), at, format!("`{}` is a port", settings.device.name)));
        for (file, at, who) in bond::addressed(settings, self.others).chain(own) {
            let found = if addressed {
                Diagnostic::warning(Code::AddressOnPort, file, format!("{who} and carries no address: this line has no effect")).help("remove it")
            } else {
                let message = format!("{who} and carries no address, and nothing else on `{}` has one", bridge.name);
                Diagnostic::error(Code::AddressOnPort, file, message)
                    .help(format!("move the address lines to `ifcfg-{}`", bridge.name))
                    .note("going on would take the address off this host")
            };
            self.found.push(found.at(at));
        }
    }

    /// A table of its own that no rule of the folder leads to: its default route would never be taken.
    fn table(&mut self, settings: &Settings, unique: &[&Settings]) {
        let Some(own) = settings.ask.table() else { return };
        let leads = |rule: &PolicyRule| matches!(rule.action, RuleAction::Lookup { table, .. } if table == own);
        if unique.iter().flat_map(|settings| &settings.rules).any(|rule| leads(&rule.value)) {
            return;
        }
        let message = format!("`IPV4_ROUTE_TABLE={own}`: no rule file leads to that table, so its routes, a default route among them, are not taken");
        let found = Diagnostic::warning(Code::RuleFile, &settings.file, message).at(settings.device.span);
        let help = format!("write a line such as `from 192.0.2.10 table {own} priority 1000` into `rule-{}`", settings.device.name);
        self.found.push(found.help(help).note("NetworkManager ignores the key where there is a rule file"));
    }

    fn routes_and_addresses(&mut self, unique: &[&Settings]) {
        // Those of one family, table and metric compete.
        let mut defaults: BTreeMap<(bool, Option<u32>, Option<u32>), &Settings> = BTreeMap::new();
        let mut addresses = BTreeMap::new();
        for settings in unique {
            let fixed = if let Ask::Static(fixed) = &settings.ask { Some(fixed) } else { None };
            let aliases = settings.aliases.iter().map(|alias| alias.value.address.addr().into());
            let v4 = fixed.into_iter().flat_map(|fixed| &fixed.addresses).map(ipnet::IpNet::addr).chain(aliases);
            for address in v4.chain(settings.ipv6.addresses.iter().map(|net| net.addr().into())) {
                if let Some(first) = addresses.insert(address, *settings) {
                    let message = format!("`{}` has the address {address} as well", first.device.name);
                    let found = Diagnostic::warning(Code::AddressTwice, &settings.file, message).at(settings.device.span);
                    self.found.push(found.help("give each interface an address of its own").related(&first.file, first.device.span, "here too"));
                }
            }
            self.table(settings, unique);
            let v4 = fixed.filter(|fixed| fixed.gateway.is_some());
            let v4 = v4
                .map(|fixed| ((false, fixed.table, fixed.metric), "write `DEFROUTE=no` into one of the files, or a `METRIC=` of its own into each"));
            let v6 = settings.ipv6.gateway.map(|_| ((true, None, None), "remove `IPV6_DEFAULTGW` from one of the files"));
            for (kind, help) in v4.into_iter().chain(v6) {
                if let Some(first) = defaults.get(&kind) {
                    let message = format!("`{}` has a default route of the same metric; one of them wins by chance", first.device.name);
                    let found = Diagnostic::warning(Code::TwoDefaultRoutes, &settings.file, message).at(settings.device.span);
                    self.found.push(found.help(help).related(&first.file, first.device.span, "the other one"));
                }
                defaults.entry(kind).or_insert(settings);
            }
        }
    }
}
