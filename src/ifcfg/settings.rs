//! One file's variables to typed settings: what interface it describes, and what it asks for.
//!
//! It must not look at other files; what needs them is kept with its place, for `folder`.

use ovsdp_proto::{IfName, Mac};

use super::address::{self, Ask};
use super::assign::{Var, Vars};
use super::code::Code;
use super::companion::Written;
use super::diag::{Diagnostic, Sink, shown};
use super::keys::{self, is_false, is_true};
use super::span::Span;
use super::{arp, bond, ethtool, extra, fake, idle, ipv6, patience, reach, requires, suggest, tunnel, zone};
use crate::model::{Alias, Arp, Ipv6, Patience, PolicyRule, Reach, Route, Tuning, Tunnel, Vid, Zone};

/// A device's name and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: IfName,
    pub(super) span: Span,
}

/// A value and where it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

/// What kind of interface a file describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// `TYPE=OVSBridge`
    Bridge,
    /// `TYPE=OVSPort`, in the bridge named.
    Port(Named),
    /// `TYPE=OVSIntPort`, in the bridge named.
    Internal(Named),
    /// `TYPE=OVSTunnel`, in the bridge named.
    Tunnel(Named, Tunnel),
    /// `TYPE=OVSPatchPort`, in the bridge named, and its peer.
    Patch(Named, Named),
    /// `TYPE=OVSBond`, in the bridge named, and its members: two or more.
    Bond(Named, Vec<Named>),
    /// `TYPE=OVSBridge` that is a VLAN of the bridge named.
    Fake(Named, Vid),
    /// A network device that is no port, in a file that is not Open vSwitch's.
    Plain,
    /// A device of a bond, in a file that is not Open vSwitch's.
    Member,
}

impl Role {
    /// The bridge a port is in; `None` for a bridge and what is not in a file of Open vSwitch's.
    pub(super) const fn bridge(&self) -> Option<&Named> {
        match self {
            Self::Bridge | Self::Plain | Self::Member => None,
            Self::Port(bridge)
            | Self::Internal(bridge)
            | Self::Tunnel(bridge, _)
            | Self::Patch(bridge, _)
            | Self::Bond(bridge, _)
            | Self::Fake(bridge, _) => Some(bridge),
        }
    }

    /// The devices of a bond; none of anything else.
    pub(super) const fn members(&self) -> &[Named] {
        if let Self::Bond(_, members) = self { members.as_slice() } else { &[] }
    }

    /// Whether it is for other devices to carry its packets, and addresses on it have no effect.
    pub(super) const fn is_uplink(&self) -> bool {
        matches!(self, Self::Port(_) | Self::Bond(..) | Self::Member)
    }

    /// Whether an interface of this kind is a network device of its own name that can have addresses.
    pub(super) const fn has_addresses(&self) -> bool {
        matches!(self, Self::Bridge | Self::Internal(_) | Self::Fake(..) | Self::Plain)
    }
}

/// What one file asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) file: String,
    pub(super) device: Named,
    pub(super) role: Role,
    pub(super) onboot: bool,
    /// What it says of NetworkManager (`NM_CONTROLLED`).
    pub(super) nm_controlled: Option<bool>,
    pub(super) mac: Option<Mac>,
    pub(super) mtu: Option<Placed<u32>>,
    /// The address a port's device is to be known by (`HWADDR`).
    pub(super) hwaddr: Option<Placed<Mac>>,
    pub(super) ask: Ask,
    pub(super) reach: Reach,
    pub(super) ipv6: Ipv6,
    pub(super) arp: Arp,
    pub(super) tuning: Tuning,
    /// Whether the link stays down (`LINKSTATUS`).
    pub(super) down: bool,
    /// The firewall's zone it asks for (`ZONE`).
    pub(super) zone: Option<Placed<Zone>>,
    pub(super) patience: Patience,
    /// What `OVSREQUIRES` names.
    pub(super) requires: Vec<Named>,
    pub(super) extra: extra::Extra,
    /// The routes of the files beside this one; none until those are read.
    pub(super) routes: Vec<Written<Route>>,
    /// The addresses of the files beside this one, likewise.
    pub(super) aliases: Vec<Written<Alias>>,
    /// The rules of the files beside this one, likewise.
    pub(super) rules: Vec<Written<PolicyRule>>,
    /// What there is to say of its keys unless an alias takes them over.
    pub(super) unless_inherited: Vec<Diagnostic>,
}

impl Settings {
    /// Whether it is about the device `name`: its own, or one of a bond.
    pub(super) fn is_about(&self, name: IfName) -> bool {
        self.device.name == name || self.role.members().iter().any(|member| member.name == name)
    }

    /// The Ethernet address the interface is to have. What ovs-vsctl is told comes after what the keys say, as `hwaddr` counts
    /// before the device's own address.
    pub(super) fn asked_mac(&self) -> Option<Mac> {
        self.extra.member(self.device.name).and_then(|own| own.mac).or(self.mac)
    }
}

/// The types this version builds.
const BUILT: [&str; 6] = ["OVSBridge", "OVSPort", "OVSIntPort", "OVSBond", "OVSTunnel", "OVSPatchPort"];
/// The types only Open vSwitch's userspace datapath can carry.
const USERSPACE: [&str; 5] = ["OVSUserBridge", "OVSDPDKPort", "OVSDPDKVhostUserPort", "OVSDPDKRPort", "OVSDPDKBond"];

/// Whether a file is Open vSwitch's, as far as its variables tell.
pub(super) fn is_ours(vars: &Vars) -> bool {
    let text = |key: &str| vars.get(key).and_then(|var| var.value.text()).unwrap_or_default();
    let kind = text("TYPE");
    let lower = kind.to_ascii_lowercase();
    let device = text("DEVICETYPE").trim().to_ascii_lowercase();
    lower.trim().starts_with("ovs")
        || (kind.len() >= 5 && BUILT.iter().any(|known| suggest::distance(lower.as_bytes(), known.to_ascii_lowercase().as_bytes()) <= 1))
        || device.starts_with("ovs")
        || (device.len() == 3 && suggest::distance(device.as_bytes(), b"ovs") <= 1)
}

/// Whether the text of a file that could not be read to its end may be Open vSwitch's.
pub(super) fn may_be_ours(src: &[u8]) -> bool {
    src.windows(3).any(|w| w == b"OVS") || src.windows(4).any(|w| w == b"=ovs" || w == b"\"ovs" || w == b"'ovs")
}

/// One file's variables, with the words for what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) file: &'a str,
    pub(super) vars: &'a Vars,
    pub(super) sink: &'a mut Sink,
}

impl<'a> Reader<'a> {
    /// A key's text, blanks around it taken off; `None` when it is unset or empty.
    pub(super) fn text(&mut self, key: &str) -> Option<(&'a str, &'a Var)> {
        let var = self.vars.get(key)?;
        if var.file.is_empty() {
            return None;
        }
        let Some(text) = var.value.text() else {
            self.sink.push(Diagnostic::error(Code::BadValue, &var.file, format!("the value of `{key}` is not UTF-8")).at(var.value.span()));
            return None;
        };
        Some((text.trim_matches([' ', '\t', '\n']), var)).filter(|(text, _)| !text.is_empty())
    }

    pub(super) fn error(&mut self, code: Code, var: &Var, message: impl Into<String>, help: impl Into<String>) {
        self.sink.push(Diagnostic::error(code, &var.file, message).at(value_span(var)).help(help));
    }

    pub(super) fn warning(&mut self, code: Code, var: &Var, message: impl Into<String>, help: impl Into<String>) {
        self.sink.push(Diagnostic::warning(code, &var.file, message).at(value_span(var)).help(help));
    }

    /// A yes or no; a warning and `None` when it is neither.
    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        let (text, var) = self.text(key)?;
        match (is_true(text), is_false(text)) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => {
                self.warning(
                    Code::BadValue,
                    var,
                    format!("`{}` is neither yes nor no", shown(text.as_bytes())),
                    format!("write `{key}=yes` or `{key}=no`"),
                );
                None
            }
        }
    }

    /// Where a variable's value stands in the reader's file; the file's beginning when another file set it.
    pub(super) fn span(&self, var: &Var) -> Span {
        if &*var.file == self.file { value_span(var) } else { Span::default() }
    }

    fn device(&mut self, key: &str, text: &str, var: &Var) -> Option<Named> {
        match IfName::new(text) {
            Ok(name) => Some(Named { name, span: self.span(var) }),
            Err(bad) => {
                let message = format!("`{}` cannot be a device's name: {bad}", shown(text.as_bytes()));
                self.error(Code::BadName, var, message, format!("write the name of a device after `{key}=`"));
                None
            }
        }
    }
}

/// Where a variable's value stands, or its name when the value is empty.
pub(super) fn value_span(var: &Var) -> Span {
    let span = var.value.span();
    if span.start == span.end { var.name_span } else { span }
}

/// Reads the settings of `file`; `None` when an error was reported, in which case there is one in `sink`.
pub(super) fn read(file: &str, vars: &Vars, sink: &mut Sink) -> Option<Settings> {
    let role = role(&mut Reader { file, vars, sink });
    read_as(file, vars, sink, role)
}

/// Reads the settings of `file` in the light of its `role`; likewise.
pub(super) fn read_as(file: &str, vars: &Vars, sink: &mut Sink, role: Option<Role>) -> Option<Settings> {
    let mut reader = Reader { file, vars, sink };
    let device = device(&mut reader);
    reader.flag("HOTPLUG");
    let onboot = reader.flag("ONBOOT").unwrap_or(true);
    let mtu = mtu(&mut reader);
    let mac = mac(&mut reader);
    let nm_controlled = network_manager(&mut reader);
    let hwaddr = role.as_ref().and_then(|role| hardware(&mut reader, role));
    if let Some(role) = &role {
        of_other_types(&mut reader, role);
        if let Some(device) = &device
            && let Some(bridge) = role.bridge()
            && bridge.name == device.name
        {
            let found = Diagnostic::error(Code::NoSuchBridge, file, format!("`{}` cannot be in itself", device.name));
            reader.sink.push(found.at(bridge.span).help("`OVS_BRIDGE=` names the bridge, `DEVICE=` the port"));
        }
    }
    let name = device.as_ref().map(|device| device.name);
    let ipv6 = ipv6::read(&mut reader, role.as_ref(), name, mtu);
    let arp = arp::read(&mut reader, role.as_ref());
    let patience = role.as_ref().map(|role| patience::read(&mut reader, role)).unwrap_or_default();
    let tuning = role.as_ref().zip(name).map(|(role, name)| ethtool::read(&mut reader, role, &name)).unwrap_or_default();
    let zone = role.as_ref().and_then(|role| zone::read(&mut reader, role));
    let requires = requires::read(&mut reader);
    let extra = extra::read(&mut reader, role.as_ref(), name);
    let ask = address::read(&mut reader, role.as_ref(), name, !ipv6.addresses.is_empty() || ipv6.dhcp.is_some());
    let reach = reach::read(&mut reader, role.as_ref(), &ask);
    let down = role.as_ref().is_some_and(|role| stays_down(&mut reader, role, ask != Ask::None || ipv6.is_asked_for()));
    let unless_inherited = role.as_ref().map(|role| idle::read(&mut reader, role, &ask)).unwrap_or_default();
    if reader.sink.has_errors() {
        return None;
    }
    Some(Settings {
        file: file.to_owned(),
        device: device?,
        role: role?,
        onboot,
        nm_controlled,
        mac,
        mtu,
        hwaddr,
        ask,
        reach,
        ipv6,
        arp,
        tuning,
        down,
        zone,
        patience,
        requires,
        extra: extra?,
        aliases: Vec::new(),
        routes: Vec::new(),
        rules: Vec::new(),
        unless_inherited,
    })
}

fn role(reader: &mut Reader<'_>) -> Option<Role> {
    let kind = reader.vars.get("TYPE").filter(|var| !var.value.bytes().is_empty());
    if let Some((device, var)) = reader.text("DEVICETYPE")
        && device != "ovs"
    {
        let message = format!("`{}` is no device type of Open vSwitch's", shown(device.as_bytes()));
        reader.warning(Code::UnknownKey, var, message, "write `DEVICETYPE=ovs`");
    }
    let Some(var) = kind else {
        let found = Diagnostic::error(Code::MissingKey, reader.file, "`DEVICETYPE=ovs` without `TYPE`");
        let own = reader.vars.get("DEVICETYPE").filter(|var| &*var.file == reader.file);
        let at = own.map_or_else(Span::default, |var| var.name_span);
        reader.sink.push(found.at(at).help("add `TYPE=OVSBridge`, `TYPE=OVSPort` or `TYPE=OVSIntPort`"));
        return None;
    };
    let text = var.value.text().unwrap_or("?");
    match text {
        "OVSBridge" => {
            kernel_datapath(reader);
            return fake::read(reader).ok().map(|fake| fake.unwrap_or(Role::Bridge));
        }
        "OVSPort" | "OVSIntPort" | "OVSTunnel" | "OVSPatchPort" | "OVSBond" => {
            let Some((bridge, at)) = reader.text("OVS_BRIDGE") else {
                let found = Diagnostic::error(Code::MissingKey, reader.file, format!("`TYPE={text}` without `OVS_BRIDGE`"));
                reader.sink.push(found.at(reader.span(var)).help("add `OVS_BRIDGE=` and the bridge's name"));
                return None;
            };
            if is_true(bridge) && bridge.len() > 1 {
                reader.error(Code::Dialect, at, format!("`OVS_BRIDGE={bridge}` is SUSE's dialect"), "write the bridge's name");
                return None;
            }
            let bridge = reader.device("OVS_BRIDGE", bridge, at)?;
            return match text {
                "OVSPort" => Some(Role::Port(bridge)),
                "OVSIntPort" => Some(Role::Internal(bridge)),
                "OVSBond" => {
                    bond::of_no_device(reader);
                    bond::members(reader).map(|members| Role::Bond(bridge, members))
                }
                "OVSTunnel" => tunnel::tunnel(reader).map(|tunnel| Role::Tunnel(bridge, tunnel)),
                _ => tunnel::peer(reader).map(|peer| Role::Patch(bridge, peer)),
            };
        }
        _ => {}
    }
    let shown = shown(text.as_bytes());
    if USERSPACE.contains(&text) || text.starts_with("OVSDPDK") {
        let message = format!("`TYPE={shown}` needs Open vSwitch's userspace datapath; ovsdp switches in the kernel");
        reader.error(Code::Userspace, var, message, "use `OVSBridge` and `OVSPort` with a device the kernel drives, or leave it to Open vSwitch");
    } else {
        let near = suggest::nearest(text, BUILT.into_iter().chain(USERSPACE));
        let help = near.map_or_else(|| "write `OVSBridge`, `OVSPort` or `OVSIntPort`".to_owned(), |near| format!("did you mean `{near}`?"));
        reader.error(Code::BadType, var, format!("`{shown}` is no interface type of Open vSwitch's"), help);
    }
    None
}

/// Keys that say what another type of interface is.
fn of_other_types(reader: &mut Reader<'_>, role: &Role) {
    for (key, own, of) in [
        ("DATAPATH", matches!(role, Role::Bridge | Role::Fake(..)), "OVSBridge"),
        ("OVS_TUNNEL_TYPE", matches!(role, Role::Tunnel(..)), "OVSTunnel"),
        ("OVS_TUNNEL_OPTIONS", matches!(role, Role::Tunnel(..)), "OVSTunnel"),
        ("OVS_PATCH_PEER", matches!(role, Role::Patch(..)), "OVSPatchPort"),
        ("BOND_IFACES", matches!(role, Role::Bond(..)), "OVSBond"),
    ] {
        if let Some((_, var)) = reader.text(key).filter(|_| !own) {
            reader.warning(Code::NoEffect, var, format!("`{key}` has no effect here: it belongs to TYPE={of}"), "remove it");
        }
    }
    if let (Role::Bridge | Role::Fake(..), Some((_, var))) = (role, reader.text("OVS_BRIDGE")) {
        let message = "`OVS_BRIDGE` has no effect here: a bridge is in no other one";
        reader.warning(Code::NoEffect, var, message, "remove it, or write `TYPE=OVSIntPort` if this is to be a port");
    }
}

/// `DATAPATH` other than the kernel's.
fn kernel_datapath(reader: &mut Reader<'_>) {
    if let Some((_, var)) = reader.text("DATAPATH").filter(|(text, _)| *text != "system") {
        let message = "`DATAPATH` asks for Open vSwitch's userspace datapath; ovsdp switches in the kernel";
        reader.error(Code::Userspace, var, message, "remove it");
    }
}

fn device(reader: &mut Reader<'_>) -> Option<Named> {
    let suffix = reader.file.strip_prefix("ifcfg-").unwrap_or(reader.file);
    if let Some((text, var)) = reader.text("DEVICE") {
        let named = reader.device("DEVICE", text, var)?;
        if text != suffix {
            let message = format!("this file is called `ifcfg-{}` and describes `{text}`", shown(suffix.as_bytes()));
            reader.warning(Code::DeviceName, var, message, format!("rename the file to `ifcfg-{text}`"));
        }
        return Some(named);
    }
    match IfName::new(suffix) {
        Ok(name) => {
            let found = Diagnostic::warning(Code::DeviceName, reader.file, format!("no `DEVICE`: the file's name makes it `{name}`"));
            reader.sink.push(found.help(format!("add `DEVICE={name}`")));
            Some(Named { name, span: Span::default() })
        }
        Err(_) => {
            reader.sink.push(Diagnostic::error(Code::MissingKey, reader.file, "no `DEVICE`").help("add `DEVICE=` and the interface's name"));
            None
        }
    }
}

fn mtu(reader: &mut Reader<'_>) -> Option<Placed<u32>> {
    let (text, var) = reader.text("MTU")?;
    let number = text.parse::<u32>().ok().filter(|number| text.bytes().all(|b| b.is_ascii_digit()) && (68..=65535).contains(number));
    if number.is_none() {
        let message = format!("`{}` is no MTU: a number of bytes from 68 to 65535", shown(text.as_bytes()));
        reader.error(Code::BadValue, var, message, "write a number such as `MTU=1500`");
    }
    Some(Placed { value: number?, span: reader.span(var) })
}

fn mac(reader: &mut Reader<'_>) -> Option<Mac> {
    let (text, var) = reader.text("MACADDR")?;
    match text.parse::<Mac>() {
        Err(bad) => {
            reader.error(Code::BadMac, var, format!("`{}`: {bad}", shown(text.as_bytes())), "write `MACADDR=52:54:00:12:34:56`");
            None
        }
        Ok(mac) if mac.is_multicast() || mac == Mac::ZERO => {
            let what = if mac == Mac::ZERO { "is all zeros" } else { "names a group: its first byte is odd" };
            reader.error(Code::BadMac, var, format!("`{mac}` {what}, so no interface can have it"), "make the first byte even, such as `52`");
            None
        }
        Ok(mac) => Some(mac),
    }
}

fn network_manager(reader: &mut Reader<'_>) -> Option<bool> {
    let asked = reader.flag("NM_CONTROLLED");
    if asked == Some(true)
        && let Some(var) = reader.vars.get("NM_CONTROLLED")
    {
        let message = "`NM_CONTROLLED=yes`: NetworkManager may take this device away";
        reader.warning(Code::NetworkManager, var, message, "write `NM_CONTROLLED=no`");
    }
    asked
}

/// `HWADDR`, where there is a device to be known by it.
fn hardware(reader: &mut Reader<'_>, role: &Role) -> Option<Placed<Mac>> {
    let (text, var) = reader.text("HWADDR")?;
    if !matches!(role, Role::Port(_) | Role::Plain | Role::Member) {
        let message = "`HWADDR` means nothing here: this device is made, not found";
        reader.warning(Code::Hwaddr, var, message, "write `MACADDR=` to give it an address");
        return None;
    }
    match text.parse() {
        Ok(value) => Some(Placed { value, span: reader.span(var) }),
        Err(_) => {
            let message = format!("`{}` is no Ethernet address", shown(text.as_bytes()));
            reader.error(Code::BadValue, var, message, "write six pairs of hexadecimal digits");
            None
        }
    }
}

/// `LINKSTATUS=down`: whether the link is to be down.
fn stays_down(reader: &mut Reader<'_>, role: &Role, addressed: bool) -> bool {
    let Some((text, var)) = reader.text("LINKSTATUS") else { return false };
    if text != "down" {
        let message = format!("`LINKSTATUS={}` has no effect: only `down` means something", shown(text.as_bytes()));
        reader.warning(Code::NoEffect, var, message, "remove it");
        return false;
    }
    match role {
        Role::Bond(..) | Role::Tunnel(..) | Role::Patch(..) => {
            reader.warning(Code::NoEffect, var, "`LINKSTATUS` has no effect here: this port has no link of its own", "remove it");
            false
        }
        Role::Plain => {
            reader.error(Code::Unsupported, var, "`LINKSTATUS=down`: a device that a bridge needs is of no use while it is down", "remove it");
            false
        }
        _ if addressed => {
            let message = "`LINKSTATUS=down` on an interface with an address: nothing would reach it, and its routes could not be made";
            reader.error(Code::BadValue, var, message, "remove it, or the lines that give the interface its address");
            false
        }
        _ => true,
    }
}

/// What there is to say about the keys of `file` that nothing above reads.
pub(super) fn judge_keys(file: &str, vars: &Vars, used: &std::collections::BTreeSet<String>, sink: &mut Sink) {
    for (name, var) in vars.of(file) {
        if let Some(found) = keys::judge(file, name, &var.value, used.contains(name)) {
            let span = if found.code == Code::UnknownKey || found.code == Code::Dialect { var.name_span } else { var.name_span.to(var.value.span()) };
            sink.push(found.at(if span.start < span.end { span } else { var.name_span }));
        }
    }
}
