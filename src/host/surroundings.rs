//! This host as `ovsdp check` sees it beside its files: devices, permissions, and rules for devices' names.
//!
//! It reads, with no privilege, and judges nothing: `ifcfg` does.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ovsdp_proto::IfName;

use super::paths::Run;
use super::{firewall, manager, network_manager as on_bus, observe, paths, store, udev};
use crate::dp::{self, Dp};
use crate::error::Error;
use crate::ifcfg::{self, Access, Device, NETWORK, Obstacle, STATIC_ROUTES, Sources, Surroundings};
use crate::model::{Intent, Kind};
use crate::plan::{self, Memory, Observed};
use crate::rtnl::Rtnl;

/// More files than this in one folder of .link files are not looked through.
const MAX_LINKS: usize = 1000;

/// What was learned of the host, and what could not be.
#[derive(Debug, Default)]
pub struct Gathered {
    /// What was learned.
    pub around: Surroundings,
    /// What could not be read, in words for a person.
    pub failed: Vec<String>,
}

/// Looks at the host that `sources`, whose files ask for `intent`, are for. Files with rules for devices' names
/// are put into `sources`.
pub fn gather(sources: &mut Sources, intent: &Intent) -> Gathered {
    let mut gathered = Gathered::default();
    match observed(memory(&mut gathered)) {
        Ok(mut observed) => {
            zones(&mut observed, intent, &mut gathered);
            devices(&observed, intent, &mut gathered.around);
        }
        Err(error) => gathered.failed.push(format!("the kernel's devices are not compared: {error}")),
    }
    gathered.around.manager = network_manager(&mut gathered.failed);
    access(sources, &mut gathered);
    rules(sources, &mut gathered);
    gathered
}

/// NetworkManager, when it runs.
fn network_manager(failed: &mut Vec<String>) -> Option<ifcfg::Manager> {
    let links = Rtnl::open().and_then(|mut rtnl| rtnl.links()).unwrap_or_default();
    let runs = on_bus::runs().unwrap_or_else(|error| {
        failed.push(error.message);
        false
    });
    manager::find(Path::new("/"), runs, &links.into_iter().map(|link| (link.index, link.name)).collect(), failed)
}

/// What the agent remembers of ports: what it gave them, and what they had before.
fn memory(gathered: &mut Gathered) -> Memory {
    let path = Run::from_env().memory();
    store::load(&path).map(Option::unwrap_or_default).unwrap_or_else(|error| {
        gathered.failed.push(format!("what the agent remembers is not compared: cannot read {}: {error}", path.display()));
        Memory::default()
    })
}

fn observed(memory: Memory) -> Result<Observed, Error> {
    let mut dp = match Dp::open() {
        Ok(dp) => Some(dp),
        Err(dp::Error::NoFamily(_)) => None,
        Err(error) => return Err(error.into()),
    };
    observe::observe(&mut Rtnl::open()?, dp.as_mut(), memory)
}

/// The firewall's zones, where the files ask for some.
fn zones(observed: &mut Observed, intent: &Intent, gathered: &mut Gathered) {
    if !plan::asks_firewall(&plan::Target::Up { intent, names: &[] }, &Memory::default()) {
        return;
    }
    match firewall::observe() {
        Ok(firewall) => {
            gathered.around.firewall = Some(firewall.is_some());
            observed.firewall = firewall;
        }
        Err(error) => gathered.failed.push(format!("the firewall's zones are not compared: {error}")),
    }
}

fn devices(observed: &Observed, intent: &Intent, around: &mut Surroundings) {
    let internal = |name: &IfName| observed.vports.get(name).is_some_and(|vport| vport.kind == Kind::Internal);
    let device = |(name, link): (&IfName, &plan::Link)| Device {
        name: *name,
        mac: link.mac,
        known_by: plan::known_by(observed, *name),
        mtu: link.mtu,
        internal: internal(name),
    };
    around.devices = observed.links.iter().map(device).collect();
    let obstacle = |(device, error): (IfName, plan::PlanError)| Obstacle { device, message: error.to_string(), help: error.advice() };
    around.obstacles = plan::obstacles(intent, observed).into_iter().map(obstacle).collect();
}

fn access(sources: &Sources, gathered: &mut Gathered) {
    let files = sources.interfaces().chain(sources.companions()).map(|(name, _)| name);
    let beside = [NETWORK, STATIC_ROUTES].into_iter().filter(|name| sources.get(name).is_some());
    for name in files.chain(beside).chain([""]) {
        let path = if name.is_empty() { sources.dir().to_owned() } else { sources.path(name) };
        match fs::metadata(&path) {
            Ok(meta) => {
                gathered.around.access.push(Access { file: name.to_owned(), mode: meta.mode(), owner: meta.uid(), group: meta.gid() });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => gathered.failed.push(format!("cannot tell who may write {}: {error}", path.display())),
        }
    }
}

fn rules(sources: &mut Sources, gathered: &mut Gathered) {
    let mut links: BTreeMap<String, PathBuf> = BTreeMap::new();
    for dir in paths::LINK_DIRS {
        let entries = match fs::read_dir(dir).and_then(|entries| entries.take(MAX_LINKS + 1).collect::<io::Result<Vec<_>>>()) {
            Ok(entries) if entries.len() > MAX_LINKS => {
                gathered.failed.push(format!("{dir} holds more than {MAX_LINKS} files; its .link files are not compared"));
                continue;
            }
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                gathered.failed.push(format!("cannot read {dir}: {error}"));
                continue;
            }
        };
        for entry in entries {
            if let Some(name) = entry.file_name().to_str().filter(|name| name.ends_with(".link")) {
                // The first folder's file stands in for those of the same name in the others.
                links.entry(name.to_owned()).or_insert_with(|| entry.path());
            }
        }
    }
    let persistent = PathBuf::from(paths::PERSISTENT_RULES);
    for path in std::iter::once(persistent).chain(links.into_values()) {
        let bytes = match ifcfg::read(&path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => continue,
            Err(error) => {
                gathered.failed.push(format!("cannot read {}: {error}", path.display()));
                continue;
            }
        };
        let (Some(file), Ok(text)) = (path.to_str(), std::str::from_utf8(&bytes)) else { continue };
        let found = if file.ends_with(".link") { udev::link(file, text) } else { udev::rules(file, text) };
        if !found.is_empty() {
            gathered.around.rules.extend(found);
            let file = file.to_owned();
            sources.insert_named(file, bytes);
        }
    }
}
