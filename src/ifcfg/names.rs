//! Which name on a command line means which file, in the order network-scripts look.
//!
//! It must not say what to do about a name nobody has; the commands do.

use ovsdp_proto::IfName;

use super::suggest;

/// What a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A device of the intent: a bridge or a port.
    Ours(IfName),
    /// A file that is not Open vSwitch's.
    Foreign {
        /// The file's name.
        file: String,
    },
    /// A file with errors; the diagnostics say which.
    Broken {
        /// The file's name.
        file: String,
    },
    /// Nothing by that name.
    Unknown {
        /// The name nearest to it.
        suggestion: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) file: String,
    pub(super) device: Option<String>,
    pub(super) alias: Option<String>,
    pub(super) state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ours(IfName),
    Foreign,
    Broken,
}

/// The names a folder knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names(pub(super) Vec<Entry>);

impl Names {
    /// What `argument` means: `ifcfg-ARGUMENT`, else a file of that name, else the `NAME=`, else the `DEVICE=` of a file.
    pub fn find(&self, argument: &str) -> Found {
        let base = argument.rsplit('/').next().unwrap_or(argument);
        let exact = |entry: &&Entry| entry.file.strip_prefix("ifcfg-") == Some(argument);
        let file = |entry: &&Entry| entry.file == base;
        let alias = |entry: &&Entry| {
            let name = entry.alias.as_deref().unwrap_or_default();
            ["", "Auto ", "System "].iter().any(|prefix| {
                name.len() == prefix.len() + argument.len()
                    && name.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
                    && name.get(prefix.len()..).is_some_and(|tail| tail.eq_ignore_ascii_case(argument))
            })
        };
        let device = |entry: &&Entry| entry.device.as_deref() == Some(argument);
        let entries = || self.0.iter();
        let found = entries().find(exact).or_else(|| entries().find(file)).or_else(|| entries().find(alias)).or_else(|| entries().find(device));
        match found {
            _ if argument.is_empty() => Found::Unknown { suggestion: None },
            Some(Entry { state: State::Ours(name), .. }) => Found::Ours(*name),
            Some(Entry { state: State::Foreign, file, .. }) => Found::Foreign { file: file.clone() },
            Some(Entry { state: State::Broken, file, .. }) => Found::Broken { file: file.clone() },
            None => Found::Unknown { suggestion: suggest::nearest(argument, self.all()).map(str::to_owned) },
        }
    }

    /// The file of Open vSwitch's that describes `device`.
    pub fn file_of(&self, device: &str) -> Option<&str> {
        self.0.iter().find(|entry| matches!(entry.state, State::Ours(name) if *name == *device)).map(|entry| &*entry.file)
    }

    /// Every device of the intent's, and every file's suffix, by file.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|entry| entry.state != State::Foreign).flat_map(|entry| entry.device.as_deref().or(entry.file.strip_prefix("ifcfg-")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_scripts_order() {
        let ours = |name: &str| State::Ours(IfName::new(name).unwrap());
        let entry = |file: &str, device: &str, alias: Option<&str>, state| Entry {
            file: file.to_owned(),
            device: Some(device.to_owned()),
            alias: alias.map(str::to_owned),
            state,
        };
        let names = Names(vec![
            entry("ifcfg-gre0", "ovs-gre0", None, ours("ovs-gre0")),
            entry("ifcfg-ovsbr0", "ovsbr0", Some("System main"), ours("ovsbr0")),
            entry("ifcfg-eth9", "eth9", None, State::Foreign),
            entry("ifcfg-br1", "br1", None, State::Broken),
        ]);
        let found = |name: &str| Found::Ours(IfName::new(name).unwrap());
        assert_eq!(names.find("gre0"), found("ovs-gre0"));
        assert_eq!(names.find("ovs-gre0"), found("ovs-gre0"));
        assert_eq!(names.find("./ifcfg-ovsbr0"), found("ovsbr0"));
        assert_eq!(names.find("MAIN"), found("ovsbr0"));
        assert_eq!(names.find("eth9"), Found::Foreign { file: "ifcfg-eth9".to_owned() });
        assert_eq!(names.find("br1"), Found::Broken { file: "ifcfg-br1".to_owned() });
        assert_eq!(names.find("ovsbr"), Found::Unknown { suggestion: Some("ovsbr0".to_owned()) });
        assert_eq!(names.find(""), Found::Unknown { suggestion: None });
    }
}
