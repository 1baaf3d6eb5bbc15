//! NetworkManager as its files show it: whether it runs, what it has written down of devices, what its configuration has it leave alone.
//!
//! It reads, and judges nothing: `ifcfg` does. What is asked on the bus is `network_manager`'s.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ovsdp_proto::IfName;

use crate::ifcfg::{self, Manager};

/// Where its configuration is, in the order of precedence, the least first (NetworkManager.conf(5)).
const CONF_DIRS: [&str; 3] = ["usr/lib/NetworkManager/conf.d", "run/NetworkManager/conf.d", "etc/NetworkManager/conf.d"];
/// What is read before the files of those folders.
const CONF: &str = "etc/NetworkManager/NetworkManager.conf";
/// Where its process writes its number down, unless a service manager started it.
const PID: &str = "run/NetworkManager/NetworkManager.pid";
/// What it writes down of devices, a file each, called by the device's index.
const DEVICES: &str = "run/NetworkManager/devices";
/// Where its plugins may be, each in a folder of its version's.
const PLUGINS: [&str; 3] = ["usr/lib64/NetworkManager", "usr/lib/NetworkManager", "usr/lib/x86_64-linux-gnu/NetworkManager"];
/// The plugin that reads ifcfg files.
const IFCFG_PLUGIN: &str = "libnm-settings-plugin-ifcfg-rh.so";
/// More files than this in one folder are not looked through.
const MAX_FILES: usize = 1000;

/// What there is to know of it below `root`, where `devices` are called by their indexes; `None` when it does not run. `on_bus`: it does. What
/// could not be read goes into `failed`.
pub(super) fn find(root: &Path, on_bus: bool, devices: &BTreeMap<u32, IfName>, failed: &mut Vec<String>) -> Option<Manager> {
    if !on_bus && !has_process(root, failed) {
        return None;
    }
    let mut manager = Manager::default();
    for (index, device) in devices {
        let Some(notes) = text(&root.join(DEVICES).join(index.to_string()), failed) else { continue };
        let managed = lines(&notes).filter(|line| line.section == "device" && line.key == "managed").last();
        manager.devices.extend(managed.and_then(|line| Some((*device, truth(line.value)?))));
    }
    for path in configuration(root, failed) {
        let Some(conf) = text(&path, failed) else { continue };
        unmanaged(&conf, &mut manager.unmanaged);
    }
    let folders = PLUGINS.iter().filter_map(|dir| fs::read_dir(root.join(dir)).ok()).flatten().take(MAX_FILES).flatten();
    manager.reads_ifcfg = folders.into_iter().any(|folder| folder.path().join(IFCFG_PLUGIN).exists());
    Some(manager)
}

/// Whether the process that wrote its number down is there.
fn has_process(root: &Path, failed: &mut Vec<String>) -> bool {
    let pid = text(&root.join(PID), failed).and_then(|text| text.trim().parse::<u32>().ok());
    let name = pid.and_then(|pid| fs::read_to_string(root.join(format!("proc/{pid}/comm"))).ok());
    name.is_some_and(|name| name.trim() == "NetworkManager")
}

/// The files of the configuration, in the order they count. One in a later folder stands in for its namesake in an earlier one.
fn configuration(root: &Path, failed: &mut Vec<String>) -> Vec<PathBuf> {
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    for dir in CONF_DIRS.map(|dir| root.join(dir)) {
        let entries = match fs::read_dir(&dir).and_then(|entries| entries.take(MAX_FILES).collect::<io::Result<Vec<_>>>()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                failed.push(format!("cannot read {}: {error}", dir.display()));
                continue;
            }
        };
        let conf = |entry: &fs::DirEntry| entry.file_name().to_str().filter(|name| name.ends_with(".conf")).map(str::to_owned);
        files.extend(entries.iter().filter_map(|entry| Some((conf(entry)?, entry.path()))));
    }
    std::iter::once(root.join(CONF)).chain(files.into_values()).collect()
}

/// A line of one of its files.
struct Line<'a> {
    section: &'a str,
    key: &'a str,
    value: &'a str,
}

fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut section = "";
    text.lines().map(str::trim).filter(|line| !line.starts_with('#')).filter_map(move |line| {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
            return None;
        }
        let (key, value) = line.split_once('=')?;
        Some(Line { section, key: key.trim(), value: value.trim() })
    })
}

/// What a file of the configuration adds to, or makes of, the devices that are left alone.
fn unmanaged(conf: &str, words: &mut Vec<String>) {
    let list = |value: &str| value.split([';', ',']).map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect::<Vec<_>>();
    let mut by_device: BTreeMap<&str, (Option<bool>, Vec<String>)> = BTreeMap::new();
    for line in lines(conf) {
        match (line.section, line.key) {
            ("keyfile", "unmanaged-devices") => *words = list(line.value),
            ("keyfile", "unmanaged-devices+") => words.extend(list(line.value)),
            ("keyfile", "unmanaged-devices-") => words.retain(|word| !list(line.value).contains(word)),
            (section, "managed") if section.starts_with("device") => by_device.entry(section).or_default().0 = truth(line.value),
            (section, "match-device") if section.starts_with("device") => by_device.entry(section).or_default().1 = list(line.value),
            _ => {}
        }
    }
    // A section without a match is for every device.
    let left = by_device.into_values().filter(|(managed, _)| *managed == Some(false));
    words.extend(left.flat_map(|(_, devices)| if devices.is_empty() { vec!["*".to_owned()] } else { devices }));
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// A file's text; `None` when there is none, or none that can be read, which is said.
fn text(path: &Path, failed: &mut Vec<String>) -> Option<String> {
    match ifcfg::read(path) {
        Ok(bytes) => bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => {
            failed.push(format!("cannot read {}: {error}", path.display()));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_its_files_say() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let (eth0, eth1) = (IfName::new("eth0").unwrap(), IfName::new("eth1").unwrap());
        let devices = [(2, eth0), (3, eth1)].into();
        let find = || find(root.path(), false, &devices, &mut Vec::new());
        assert_eq!(find(), None);
        assert_eq!(super::find(root.path(), true, &devices, &mut Vec::new()), Some(Manager::default()));
        write("run/NetworkManager/NetworkManager.pid", "77\n");
        write("proc/77/comm", "bash\n");
        assert_eq!(find(), None, "its number is another process's now");
        write("proc/77/comm", "NetworkManager\n");
        assert_eq!(find(), Some(Manager::default()));
        write("run/NetworkManager/devices/2", "[device]\nmanaged=true\nconnection-uuid=x\n");
        write("run/NetworkManager/devices/3", "[device]\nmanaged=false\n[other]\nmanaged=true\n");
        write("etc/NetworkManager/NetworkManager.conf", "[keyfile]\nunmanaged-devices=interface-name:a;mac:02:00:00:00:00:01\n");
        write("usr/lib/NetworkManager/conf.d/10-x.conf", "[keyfile]\nunmanaged-devices=none-of-it\n");
        write("etc/NetworkManager/conf.d/10-x.conf", "# shadows its namesake\n[keyfile]\nunmanaged-devices+=interface-name:b\n");
        let devices_conf =
            "[device-a]\nmatch-device=interface-name:c,interface-name:d\nmanaged=0\n[device-b]\nmatch-device=interface-name:e\nmanaged=1\n";
        write("etc/NetworkManager/conf.d/20-y.conf", devices_conf);
        write("usr/lib64/NetworkManager/1.40/libnm-settings-plugin-ifcfg-rh.so", "");
        let manager = find().unwrap();
        assert_eq!(manager.devices, [(eth0, true), (eth1, false)].into());
        let words = ["interface-name:a", "mac:02:00:00:00:00:01", "interface-name:b", "interface-name:c", "interface-name:d"];
        assert_eq!(manager.unmanaged, words);
        assert!(manager.reads_ifcfg);
    }
}
