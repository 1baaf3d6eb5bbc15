//! NetworkManager beside the files: whether it keeps a port's device, as far as its own files tell.
//!
//! It must not look at the host; whoever checks hands in what it found.

use std::collections::BTreeMap;

use ovsdp_proto::IfName;
use serde::{Deserialize, Serialize};

use super::code::Code;
use super::diag::Diagnostic;
use super::settings::{Role, Settings};
use super::span::Span;
use super::surroundings::Device;

/// A NetworkManager that runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Manager {
    /// Whether it manages a device, where it has written that down.
    pub devices: BTreeMap<IfName, bool>,
    /// The devices its configuration tells it to leave alone, in its words: `interface-name:eth*`, `mac:…`, `except:…`.
    pub unmanaged: Vec<String>,
    /// Whether it has the plugin that reads ifcfg files, so that `NM_CONTROLLED=no` holds.
    pub reads_ifcfg: bool,
}

/// Reports the ports whose devices NetworkManager keeps, or may.
pub(super) fn compare(list: &[Settings], manager: &Manager, devices: &[Device], found: &mut Vec<Diagnostic>) {
    for settings in list {
        let ports: Vec<(IfName, Span)> = match &settings.role {
            Role::Port(_) => vec![(settings.device.name, settings.device.span)],
            Role::Bond(_, members) => members.iter().map(|member| (member.name, member.span)).collect(),
            _ => continue,
        };
        for (name, span) in ports {
            let obeys_file = manager.reads_ifcfg && settings.nm_controlled == Some(false) && name == settings.device.name;
            let message = match manager.devices.get(&name) {
                Some(true) => format!("NetworkManager runs on this host and manages `{name}`, as its own notes say"),
                Some(false) => continue,
                None if obeys_file || is_left(manager, name, devices) => continue,
                None => format!("NetworkManager runs on this host, and nothing in its configuration has it leave `{name}` alone"),
            };
            let diagnostic = Diagnostic::warning(Code::NetworkManager, &settings.file, message).at(span);
            found.push(if settings.nm_controlled == Some(true) {
                diagnostic.help(format!("write `NM_CONTROLLED=no`, then `ovsdp up` has NetworkManager leave `{name}` alone"))
            } else {
                let note = "what it has configured there, and the link's being up, it takes along when it lets go: connections stop for a moment";
                diagnostic.note(note).help(format!("`ovsdp up` has it leave `{name}` alone; see docs/devices.md"))
            });
        }
    }
}

/// Whether the configuration has NetworkManager leave a device alone, or may have: what some of its words match cannot be told from here.
fn is_left(manager: &Manager, name: IfName, devices: &[Device]) -> bool {
    let (excepted, named): (Vec<_>, Vec<_>) = manager.unmanaged.iter().map(|word| word.trim()).partition(|word| word.starts_with("except:"));
    let holds = |word: &str| matches(word, name, devices).unwrap_or(true);
    let is_excepted = excepted.iter().filter_map(|word| word.strip_prefix("except:")).any(|word| matches(word, name, devices) == Some(true));
    named.into_iter().any(holds) && !is_excepted
}

/// Whether one of its words matches a device; `None` when that cannot be told.
fn matches(word: &str, name: IfName, devices: &[Device]) -> Option<bool> {
    if word == "*" {
        return Some(true);
    }
    match word.split_once(':').unwrap_or(("interface-name", word)) {
        ("interface-name", pattern) => Some(match pattern.strip_prefix('=') {
            Some(exact) => exact == name.as_str(),
            None => glob(pattern.strip_prefix('~').unwrap_or(pattern).as_bytes(), name.as_bytes())?,
        }),
        ("mac", text) => {
            let mac = text.trim().parse().ok()?;
            devices.iter().find(|device| device.name == name).map(|device| device.known_by.contains(&mac) || device.mac == Some(mac))
        }
        ("type", kind) => (kind == "ethernet").then_some(true),
        _ => None,
    }
}

/// Whether a pattern with `*` and `?` matches; `None` for one with brackets.
fn glob(pattern: &[u8], text: &[u8]) -> Option<bool> {
    match (pattern.split_first(), text.split_first()) {
        (Some((b'[' | b'\\', _)), _) => None,
        (None, left) => Some(left.is_none()),
        (Some((b'*', rest)), left) => match glob(rest, text)? {
            true => Some(true),
            false => left.map_or(Some(false), |(_, text)| glob(pattern, text)),
        },
        (Some((b'?', rest)), Some((_, text))) => glob(rest, text),
        (Some((one, rest)), Some((other, text))) if one == other => glob(rest, text),
        _ => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(words: &[&str], name: &str) -> bool {
        let unmanaged = words.iter().map(|word| (*word).to_owned()).collect();
        is_left(&Manager { unmanaged, ..Manager::default() }, IfName::new(name).unwrap(), &[])
    }

    #[test]
    fn its_words_as_it_reads_them() {
        assert!(left(&["interface-name:eth0", "interface-name:br*"], "eth0") && !left(&["interface-name:eth1"], "eth0"));
        assert!(left(&["interface-name:e*0"], "eth0") && left(&["interface-name:eth?"], "eth0") && left(&["eth0"], "eth0"));
        assert!(left(&["interface-name:=eth0"], "eth0") && !left(&["interface-name:=eth*"], "eth0") && !left(&["interface-name:eth?"], "eth10"));
        assert!(left(&["*"], "eth0") && !left(&["*", "except:interface-name:eth*"], "eth0") && left(&["*", "except:interface-name:eth1"], "eth0"));
        assert!(left(&["type:ethernet"], "eth0") && !left(&[], "eth0"));
        // What cannot be told from here is given the benefit of the doubt.
        assert!(left(&["driver:e1000"], "eth0") && left(&["interface-name:eth[0-9]"], "eth0"));
    }
}
