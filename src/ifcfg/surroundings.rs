//! The host beside its files: what its devices, its rules for devices' names and the files' own permissions say against them.
//!
//! It must not look at the host; whoever checks hands it in.

use ovsdp_proto::{IfName, Mac};
use serde::{Deserialize, Serialize};

use super::code::Code;
use super::diag::{Diagnostic, Severity, shown};
use super::file::Sources;
use super::manager::{self, Manager};
use super::settings::{Placed, Role, Settings};
use super::span::Span;
use super::zone;

/// What is known of the host that the files are for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Surroundings {
    /// The kernel's network devices.
    pub devices: Vec<Device>,
    /// What the devices have against what the files ask for.
    pub obstacles: Vec<Obstacle>,
    /// Who may write the files.
    pub access: Vec<Access>,
    /// Rules that give devices names by their addresses.
    pub rules: Vec<NamingRule>,
    /// NetworkManager, when it runs.
    pub manager: Option<Manager>,
    /// Whether firewalld runs, where that was asked.
    pub firewall: Option<bool>,
}

/// A network device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its name.
    pub name: IfName,
    /// Its Ethernet address, when it has one.
    pub mac: Option<Mac>,
    /// The addresses it may be known by: its own, the one it was made with, the one it had before a port's file gave it another.
    #[serde(default)]
    pub known_by: Vec<Mac>,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// Whether a datapath made it: such a device may have a port's address.
    pub internal: bool,
}

/// Why a device cannot be what the files say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// The device the files name.
    pub device: IfName,
    /// Why not, in one line.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// Who may write a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The file's name in the folder; empty for the folder itself.
    pub file: String,
    /// Its permissions (`st_mode`), of which the low nine bits are looked at.
    pub mode: u32,
    /// The owner's number.
    pub owner: u32,
    /// The group's number.
    pub group: u32,
}

/// A rule that gives the device with an address a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamingRule {
    /// The absolute path of the file it stands in.
    pub file: String,
    /// Where its address stands.
    pub span: Span,
    /// The address.
    pub mac: Mac,
    /// The name.
    pub name: String,
    /// Whether it holds for any device with that address, one that a datapath made included.
    pub any_device: bool,
}

/// Reports into `found` what of `around` contradicts the files.
pub(super) fn compare(list: &[Settings], around: &Surroundings, sources: &Sources, found: &mut Vec<Diagnostic>) {
    for settings in list {
        found.extend(hardware(settings, &around.devices));
        let onboot = settings.onboot && bridge(list, settings).is_none_or(|bridge| bridge.onboot);
        for obstacle in around.obstacles.iter().filter(|obstacle| obstacle.device == settings.device.name) {
            let mut diagnostic = Diagnostic::error(Code::Obstacle, &settings.file, &*obstacle.message);
            let awaited = settings.patience.device_secs > 0 && !around.devices.iter().any(|device| device.name == settings.device.name);
            if !onboot || awaited {
                // The device may be there by the time somebody asks for it.
                diagnostic.severity = Severity::Warning;
            }
            found.push(diagnostic.at(settings.device.span).help(&*obstacle.help));
        }
    }
    if let Some(manager) = &around.manager {
        manager::compare(list, manager, &around.devices, found);
    }
    if around.firewall == Some(false) {
        zone::without_firewall(list, found);
    }
    found.extend(around.access.iter().filter_map(|access| loose(access, sources)));
    for rule in &around.rules {
        naming(rule, list, &around.devices, found);
    }
}

/// The bridge a port is in.
fn bridge<'a>(list: &'a [Settings], port: &Settings) -> Option<&'a Settings> {
    let name = port.role.bridge()?;
    list.iter().find(|settings| settings.role == Role::Bridge && settings.device.name == name.name)
}

fn hardware(settings: &Settings, devices: &[Device]) -> Option<Diagnostic> {
    let Placed { value: wanted, span } = settings.hwaddr?;
    let name = settings.device.name;
    let holder = devices.iter().find(|device| device.mac == Some(wanted) && !device.internal);
    let device = devices.iter().find(|device| device.name == name);
    let message = match device {
        // A port may have been given another address by its own file.
        Some(device) if device.mac == Some(wanted) || device.known_by.contains(&wanted) => return None,
        Some(device) if settings.asked_mac().is_some() && device.mac == settings.asked_mac() => return None,
        Some(Device { mac: Some(mac), .. }) => format!("`{name}` has the address {mac} on this host, not {wanted}"),
        Some(_) => format!("`{name}` has no Ethernet address on this host"),
        None => {
            let holder = holder?;
            format!("the device with this address is called `{}` on this host, not `{name}`", holder.name)
        }
    };
    let help = match holder {
        Some(holder) => format!("write `DEVICE={}` and rename the file, or rename the device; `{}` has this address", holder.name, holder.name),
        None => "write the address `ip link` shows, or remove the line".to_owned(),
    };
    Some(match device {
        Some(_) => Diagnostic::error(Code::Hwaddr, &settings.file, message).at(span).help(help).note("`ovsdp up` refuses it, as network-scripts did"),
        None => Diagnostic::warning(Code::Hwaddr, &settings.file, message).at(span).help(help),
    })
}

fn loose(access: &Access, sources: &Sources) -> Option<Diagnostic> {
    let path = sources.path(&access.file);
    let path = if access.file.is_empty() { sources.dir().display() } else { path.display() };
    let what = if access.file.is_empty() { format!("the folder {path}") } else { "this file".to_owned() };
    let (message, help) = if access.mode & 0o002 != 0 {
        (format!("everybody on this host may write {what}"), format!("`chmod o-w {path}`"))
    } else if access.owner != 0 {
        (format!("{what} belongs to the user with the number {}", access.owner), format!("`chown root {path}`"))
    } else if access.mode & 0o020 != 0 && access.group != 0 {
        (format!("the group with the number {} may write {what}", access.group), format!("`chmod g-w {path}`"))
    } else {
        return None;
    };
    let note = "whoever may write it decides what root does to this host's network";
    Some(Diagnostic::warning(Code::Access, &access.file, message).note(note).help(help))
}

fn naming(rule: &NamingRule, list: &[Settings], devices: &[Device], found: &mut Vec<Diagnostic>) {
    let (mac, name) = (rule.mac, shown(rule.name.as_bytes()));
    let warning = |message: String| Diagnostic::warning(Code::NamingRule, &rule.file, message).at(rule.span);
    for settings in list {
        let device = settings.device.name;
        match (&settings.role, settings.hwaddr) {
            (Role::Port(_), Some(hwaddr)) if hwaddr.value == mac && *device != *rule.name => {
                let diagnostic =
                    warning(format!("this rule calls the device with the address {mac} `{name}`; `{}` calls it `{device}`", settings.file));
                let diagnostic = diagnostic.help("let both say the same name, and remove the rule if nothing else needs it");
                found.push(diagnostic.related(&settings.file, hwaddr.span, "the same address"));
            }
            (Role::Port(_), Some(hwaddr)) if hwaddr.value != mac && *device == *rule.name => {
                let diagnostic = warning(format!("this rule gives the name `{device}` to {mac}; `{}` means {}", settings.file, hwaddr.value));
                let diagnostic = diagnostic.help("let both say the same address, and remove the rule if nothing else needs it");
                found.push(diagnostic.related(&settings.file, hwaddr.span, "another address"));
            }
            (Role::Bridge | Role::Fake(..) | Role::Internal(_), _) if *device == *rule.name && settings.asked_mac() != Some(mac) => {
                let diagnostic = warning(format!("this rule gives a network device the name `{device}`, which `{}` wants for itself", settings.file));
                let diagnostic =
                    diagnostic.help(format!("give the device another name, or call the interface in `{}` something else", settings.file));
                found.push(diagnostic.related(&settings.file, settings.device.span, "made under this name"));
            }
            (Role::Bridge | Role::Fake(..) | Role::Internal(_), _)
                if rule.any_device && *device != *rule.name && shares(settings, mac, list, devices) =>
            {
                let diagnostic = warning(format!("this rule catches `{device}` too, which will have the address {mac}, and calls it `{name}`"));
                let note = format!("udev tries to rename `{device}`: that fails while the other name is taken, and succeeds when it is not");
                let diagnostic = diagnostic.note(note);
                let help = "let it hold for the hardware alone: add `DRIVERS==\"?*\"` to a rule, `PermanentMACAddress=` instead of `MACAddress=` to a .link file";
                found.push(diagnostic.help(help).related(&settings.file, settings.device.span, "has that address, by `MACADDR` or from its port"));
            }
            _ => {}
        }
    }
}

/// Whether `settings`' interface, which a datapath makes, will have the address `mac`: by its own file, or as a bridge by a port's.
fn shares(settings: &Settings, mac: Mac, list: &[Settings], devices: &[Device]) -> bool {
    if settings.asked_mac().is_some() || settings.role != Role::Bridge {
        return settings.asked_mac() == Some(mac);
    }
    list.iter().any(|port| {
        let has = |device: &Device| device.name == port.device.name && device.mac == Some(mac);
        let by_file = port.asked_mac().or(port.hwaddr.map(|hwaddr| hwaddr.value)) == Some(mac);
        matches!(&port.role, Role::Port(bridge) if bridge.name == settings.device.name) && (by_file || devices.iter().any(has))
    })
}
