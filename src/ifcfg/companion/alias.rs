//! Alias files: `ifcfg-NAME:1` with one further address of an interface, `ifcfg-NAME-range1` with a run of them.
//!
//! It must not read the interface's own file; what an alias takes over from there is handed in.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use ovsdp_proto::{IfName, ifname};

use super::super::assign::{Evaluated, Var, Vars};
use super::super::code::Code;
use super::super::diag::{Diagnostic, Sink, shown};
use super::super::keys::is_false;
use super::super::settings::{Reader, Role, Settings, value_span};
use super::super::{address, ipv6, reach};
use super::Written;
use crate::model::Alias;

/// What an alias's file may say; everything else has no effect there.
const KEYS: [&str; 22] = [
    "ARPCHECK",
    "ARPUPDATE",
    "BOOTPROTO",
    "BROADCAST",
    "CLONENUM_START",
    "DEVICE",
    "DEVICETYPE",
    "HOTPLUG",
    "IPADDR",
    "IPADDR_END",
    "IPADDR_START",
    "IPV6ADDR",
    "IPV6INIT",
    "NAME",
    "NETMASK",
    "NETWORK",
    "NM_CONTROLLED",
    "NO_ALIASROUTING",
    "ONPARENT",
    "PREFIX",
    "TYPE",
    "UUID",
];

/// The device whose alias a file of this name is, if it is one: `br0` of `ifcfg-br0:1` and `ifcfg-br0-range1`.
pub(in crate::ifcfg) fn parent(file: &str) -> Option<&str> {
    let name = file.strip_prefix("ifcfg-")?;
    name.split_once(':').or_else(|| name.rsplit_once("-range")).map(|(parent, _)| parent).filter(|parent| !parent.is_empty())
}

/// Reads an alias's file, `evaluated`, into the settings of the interface it belongs to, whose own variables are `inherited`.
pub(in crate::ifcfg) fn read(file: &str, evaluated: Evaluated, inherited: &Vars, settings: &mut Settings, found: &mut Vec<Diagnostic>) {
    let Evaluated { vars, used, mut sink } = evaluated;
    if !sink.has_errors() {
        let mut reader = Reader { file, vars: &vars, sink: &mut sink };
        if has_place(&mut reader, settings) && reader.flag("ONPARENT") != Some(false) {
            let mut own = Own { reader, inherited, settings };
            if file.contains(':') {
                own.one();
            } else {
                own.range();
            }
            own.without_effect(&used);
        }
    }
    found.extend(sink.into_list());
}

/// Whether the interface can have addresses, which is reported when it cannot.
fn has_place(reader: &mut Reader<'_>, settings: &Settings) -> bool {
    let name = settings.device.name;
    let diagnostic = match &settings.role {
        Role::Bridge | Role::Fake(..) | Role::Internal(_) | Role::Plain | Role::Member => return true,
        Role::Port(bridge) | Role::Bond(bridge, _) => {
            let to = reader.file.replacen(name.as_str(), bridge.name.as_str(), 1);
            let message = format!("`{name}` is a port and carries no address: this host would be without this one");
            Diagnostic::error(Code::AddressOnPort, reader.file, message).help(format!("rename the file to `{to}`, and `{name}` in it with it"))
        }
        Role::Tunnel(..) | Role::Patch(..) => {
            Diagnostic::warning(Code::NoEffect, reader.file, format!("this file has no effect: there is no network device `{name}`"))
                .help("remove it")
        }
    };
    reader.sink.push(diagnostic);
    false
}

/// One end of a range.
fn end<'a>(reader: &mut Reader<'a>, key: &str) -> Option<(Ipv4Addr, &'a Var)> {
    let Some((text, var)) = reader.text(key) else {
        let found = Diagnostic::error(Code::MissingKey, reader.file, format!("a range without `{key}`"));
        reader.sink.push(found.help("add it: the file's addresses are those from `IPADDR_START` to `IPADDR_END`"));
        return None;
    };
    Some((address::ipv4(reader, text, var, "")?, var))
}

/// Whether a variable holds a word for no.
fn says_no(vars: &Vars, key: &str) -> bool {
    vars.get(key).and_then(|var| var.value.text()).is_some_and(is_false)
}

/// One file on its way into the settings.
struct Own<'a, 'b> {
    reader: Reader<'a>,
    inherited: &'b Vars,
    settings: &'b mut Settings,
}

impl Own<'_, '_> {
    /// A file with one address of either family.
    fn one(&mut self) {
        let Some(label) = self.label() else { return };
        let reader = &mut self.reader;
        let v6 = if reader.flag("IPV6INIT") == Some(false) { None } else { reader.text("IPV6ADDR") };
        if let Some((text, var)) = v6 {
            match ipv6::parse(text) {
                Ok(_) if says_no(self.inherited, "IPV6INIT") => {
                    reader.warning(Code::NoEffect, var, "`IPV6ADDR` has no effect: the interface's file says `IPV6INIT=no`", "remove one of them");
                }
                Ok(net) if self.settings.ipv6.addresses.contains(&net) => {
                    reader.warning(Code::AddressTwice, var, format!("`{net}` is written twice"), "remove one of them");
                }
                Ok(net) => self.settings.ipv6.addresses.push(net),
                Err((message, help)) => reader.error(Code::BadValue, var, message, help),
            }
        }
        match reader.text("IPADDR") {
            Some((text, var)) => {
                let Some(ip) = address::ipv4(reader, text, var, "") else { return };
                let Some(prefix) = self.prefix(ip, var) else { return };
                let broadcast = self.broadcast(ip, prefix);
                self.add((ip, prefix), broadcast, label, var);
            }
            None if v6.is_none() => {
                let found = Diagnostic::error(Code::MissingKey, reader.file, "an alias without `IPADDR`");
                reader.sink.push(found.help("add `IPADDR=` and the address, or remove the file"));
            }
            None => {}
        }
    }

    /// What the address is called; `None` when that cannot be.
    fn label(&mut self) -> Option<String> {
        let device = self.settings.device.name;
        let suffix = self.reader.file.strip_prefix("ifcfg-").unwrap_or_default();
        let (label, at) = match self.reader.text("DEVICE") {
            Some((text, var)) => (text, Some(var)),
            None => (suffix, None),
        };
        if let Some(var) = at.filter(|_| label != suffix) {
            let message = format!("this file is called `ifcfg-{}` and describes `{}`", shown(suffix.as_bytes()), shown(label.as_bytes()));
            self.reader.warning(Code::DeviceName, var, message, format!("rename the file to `ifcfg-{label}`"));
        }
        let number = label.strip_prefix(device.as_str()).and_then(|rest| rest.strip_prefix(':'));
        let fine = number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        if fine && label.len() <= ifname::MAX_LEN {
            return Some(label.to_owned());
        }
        let message = format!("`{}` cannot be an alias of `{device}`", shown(label.as_bytes()));
        let help = format!("`{device}:`, then letters and digits, {} bytes in all", ifname::MAX_LEN);
        let found = Diagnostic::error(Code::BadName, self.reader.file, message).help(help);
        self.reader.sink.push(match at {
            Some(var) => found.at(value_span(var)),
            None => found,
        });
        None
    }

    /// A file with every address between two of one /24.
    fn range(&mut self) {
        let device = self.settings.device.name;
        let Some((first, at)) = end(&mut self.reader, "IPADDR_START") else { return };
        let Some((last, end)) = end(&mut self.reader, "IPADDR_END") else { return };
        let reader = &mut self.reader;
        if u32::from(first) >> 8 != u32::from(last) >> 8 || first > last {
            let message = format!("`{first}` to `{last}` is no range: both ends lie in one /24, the first before the last");
            reader.error(Code::BadValue, end, message, "write a file for each /24");
            return;
        }
        let Some((text, var)) = reader.text("CLONENUM_START") else {
            let found = Diagnostic::error(Code::MissingKey, reader.file, "a range without `CLONENUM_START`");
            reader.sink.push(found.help(format!("add `CLONENUM_START=0`: the addresses are called `{device}:0` and on")));
            return;
        };
        let Some(number) = text.parse::<u32>().ok().filter(|number| *number <= 1_000_000 && text.bytes().all(|b| b.is_ascii_digit())) else {
            reader.error(Code::BadValue, var, format!("`{}` is no number from 0 to 1000000", shown(text.as_bytes())), "write `CLONENUM_START=0`");
            return;
        };
        let Some(prefix) = self.prefix(first, at) else { return };
        let broadcast = self.broadcast(first, prefix);
        for (ip, number) in (u32::from(first)..=u32::from(last)).map(Ipv4Addr::from).zip(number..) {
            let label = format!("{device}:{number}");
            if label.len() > ifname::MAX_LEN {
                let message = format!("`{label}` has more than {} bytes, so the kernel takes no such name", ifname::MAX_LEN);
                self.reader.error(Code::BadName, var, message, "write a smaller number, or give the interface a shorter name");
                return;
            }
            self.add((ip, prefix), broadcast, label, at);
        }
    }

    /// The prefix length: the alias's own, else the interface's, else that of the address's class.
    fn prefix(&mut self, ip: Ipv4Addr, at: &Var) -> Option<u8> {
        let said = |vars: &Vars, file: &str| {
            ["PREFIX", "NETMASK"].iter().any(|key| vars.get(key).is_some_and(|var| &*var.file == file && !var.value.bytes().is_empty()))
        };
        if said(self.reader.vars, self.reader.file) || !said(self.inherited, &self.settings.file) {
            return address::prefix(&mut self.reader, ip, at, "");
        }
        // What is wrong with it is said of the interface's own file.
        let mut sink = Sink::default();
        address::prefix(&mut Reader { file: &self.settings.file, vars: self.inherited, sink: &mut sink }, ip, at, "")
    }

    fn broadcast(&mut self, ip: Ipv4Addr, prefix: u8) -> Option<Ipv4Addr> {
        reach::broadcast(&mut self.reader, "BROADCAST", Ipv4Net::new(ip, prefix).ok()?)
    }

    fn add(&mut self, (ip, prefix): (Ipv4Addr, u8), broadcast: Option<Ipv4Addr>, label: String, at: &Var) {
        let Ok(address) = Ipv4Net::new(ip, prefix) else { return };
        let taken = self.settings.aliases.iter().find(|alias| alias.value.address.addr() == ip || alias.value.label == label);
        let own = self.settings.ask.addresses().iter().any(|net| net.addr() == std::net::IpAddr::V4(ip));
        if own || taken.is_some_and(|alias| alias.value.address.addr() == ip) {
            self.reader.warning(
                Code::AddressTwice,
                at,
                format!("`{}` has the address {ip} already", self.settings.device.name),
                "remove one of them",
            );
            return;
        }
        if let Some(other) = taken {
            let message = format!("`{label}` is the name of {} already", other.value.address.addr());
            let found = Diagnostic::error(Code::DeviceTwice, self.reader.file, message).at(self.reader.span(at));
            self.reader.sink.push(found.help("give each alias a name of its own").related(&other.file, other.span, "called so too"));
            return;
        }
        let (file, span) = (self.reader.file.to_owned(), self.reader.span(at));
        self.settings.aliases.push(Written { value: Alias { address, label }, file, span });
        let said = |reader: &mut Reader<'_>, inherited: &Vars, key: &str| reader.flag(key).map_or_else(|| says_no(inherited, key), |flag| !flag);
        self.settings.reach.broadcasts.extend(broadcast.map(|broadcast| (ip, broadcast)));
        if said(&mut self.reader, self.inherited, "ARPCHECK") {
            self.settings.arp.unchecked.insert(ip);
        }
        if said(&mut self.reader, self.inherited, "ARPUPDATE") {
            self.settings.arp.unannounced.insert(ip);
        }
    }

    /// Says of a lease, and of every other key of the file, that it has no effect.
    fn without_effect(&mut self, used: &BTreeSet<String>) {
        let file = self.reader.file;
        let name: IfName = self.settings.device.name;
        if let Some((_, var)) = self.reader.text("BOOTPROTO").filter(|(text, var)| &*var.file == file && ["dhcp", "bootp"].contains(text)) {
            let message = "`BOOTPROTO` has no effect in an alias's file: its address is a fixed one";
            self.reader.warning(Code::NoEffect, var, message, "write `BOOTPROTO=none`, or remove it");
        }
        for (key, var) in self.reader.vars.of(file).filter(|(key, var)| !KEYS.contains(key) && !used.contains(*key) && !var.value.bytes().is_empty())
        {
            let found = Diagnostic::warning(Code::NoEffect, file, format!("`{key}` has no effect in an alias's file"));
            let help = if key == "ONBOOT" {
                "write `ONPARENT=`, or remove it".to_owned()
            } else {
                format!("write it into the file of `{name}`, or remove it")
            };
            self.reader.sink.push(found.at(var.name_span).help(help));
        }
    }
}
