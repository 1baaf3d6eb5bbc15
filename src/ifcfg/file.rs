//! The text of a folder as a value: file names and their bytes. What everything pure in this room takes, so that the
//! commands, the agent and the tests read the same thing.
//!
//! It must not read anything itself; `dir` does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The name under which `/etc/sysconfig/network`, the file beside the folder, is kept.
pub const NETWORK: &str = "../network";

/// The name under which `/etc/sysconfig/static-routes` is kept, likewise.
pub const STATIC_ROUTES: &str = "../static-routes";

/// The largest file that is read, in bytes.
pub const MAX_FILE: usize = 1 << 20;

const BACKUPS: [&str; 7] = ["~", ".bak", ".old", ".orig", ".rpmnew", ".rpmorig", ".rpmsave"];
const COMPANIONS: [&str; 4] = ["route-", "route6-", "rule-", "rule6-"];

/// The files of one folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources {
    dir: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
    unreadable: BTreeMap<String, String>,
    skipped: Vec<String>,
}

impl Sources {
    /// An empty folder called `dir` in messages.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), ..Self::default() }
    }

    /// Adds a file; [`NETWORK`] is the one beside the folder. Backups are put aside, see [`skipped`](Self::skipped).
    pub fn insert(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        let name = name.into();
        if is_backup(&name) {
            self.skipped.push(name);
        } else {
            self.files.insert(name, bytes.into());
        }
    }

    /// Adds a file somebody named, a backup or not.
    pub fn insert_named(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.files.insert(name.into(), bytes.into());
    }

    /// Notes a file that is there and cannot be read, and why.
    pub fn insert_unreadable(&mut self, name: impl Into<String>, why: impl Into<String>) {
        self.unreadable.insert(name.into(), why.into());
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A file's bytes.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// A file's path for people.
    pub fn path(&self, name: &str) -> PathBuf {
        match self.dir.parent() {
            Some(parent) if self.dir.file_name().is_some() => name.strip_prefix("../").map_or_else(|| self.dir.join(name), |name| parent.join(name)),
            _ => self.dir.join(name),
        }
    }

    /// The interfaces' files with their bytes, by name; not `ifcfg-lo`.
    pub fn interfaces(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().filter(|(name, _)| is_interface(name)).map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// Routes' and rules' files with their bytes.
    pub fn companions(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().filter(|(name, _)| is_companion(name)).map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// Files that could not be read, with the reason.
    pub fn unreadable(&self) -> impl Iterator<Item = (&str, &str)> {
        self.unreadable.iter().map(|(name, why)| (name.as_str(), why.as_str()))
    }

    /// Names of backups that were left alone.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }
}

/// Whether initscripts would pass over a file of this name.
pub fn is_backup(name: &str) -> bool {
    backup_of(name).is_some()
}

/// The name a backup was made of, and the ending that makes it one.
pub(super) fn backup_of(name: &str) -> Option<(&str, &'static str)> {
    BACKUPS.iter().find_map(|suffix| Some((name.strip_suffix(suffix)?, *suffix)))
}

/// Whether a file of this name describes an interface.
pub fn is_interface(name: &str) -> bool {
    name.strip_prefix("ifcfg-").is_some_and(|rest| !rest.is_empty() && rest != "lo") && !is_backup(name)
}

/// Whether a file of this name holds routes or rules.
pub fn is_companion(name: &str) -> bool {
    let beside = COMPANIONS.iter().any(|prefix| name.starts_with(prefix)) || name.strip_suffix(".route").is_some_and(|device| !device.is_empty());
    beside && !is_backup(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_and_the_loopback_are_passed_over() {
        for name in ["ifcfg-eth0~", "ifcfg-eth0.bak", "ifcfg-eth0.rpmsave", "ifcfg-lo", "ifcfg-", "network", "route-eth0"] {
            assert!(!is_interface(name), "{name}");
        }
        assert!(is_interface("ifcfg-eth0.100"));
        assert!(is_companion("route6-eth0") && is_companion("eth0.route"));
        assert!(!is_companion("route-eth0.old"));
    }

    #[test]
    fn the_network_file_has_a_path_of_its_own() {
        let sources = Sources::new("/etc/sysconfig/network-scripts");
        assert_eq!(sources.path(NETWORK), PathBuf::from("/etc/sysconfig/network"));
        assert_eq!(sources.path(STATIC_ROUTES), PathBuf::from("/etc/sysconfig/static-routes"));
        assert_eq!(Sources::new("x").path("ifcfg-a"), PathBuf::from("x/ifcfg-a"));
        assert_eq!(Sources::new("").path(NETWORK), PathBuf::from("../network"));
    }

    #[test]
    fn backups_are_remembered_not_read() {
        let mut sources = Sources::new("x");
        sources.insert("ifcfg-a.orig", "A=1");
        assert_eq!(sources.skipped(), ["ifcfg-a.orig"]);
        assert_eq!(sources.interfaces().count(), 0);
    }
}
