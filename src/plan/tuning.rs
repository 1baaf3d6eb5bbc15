//! What devices themselves are asked for (`ETHTOOL_OPTS`): from what each says of itself to the steps, and back when nobody asks any longer.
//!
//! Features are compared with the kernel's word for what is wanted of a device, whatever came of it. Numbers are not compared any longer once
//! they were set: drivers round them, or say another speed without carrier.
//!
//! It must not know the kernel's messages.

use std::collections::{BTreeMap, BTreeSet};

use ovsdp_proto::IfName;
use serde::{Deserialize, Serialize};

use super::apply::Target;
use super::memory::Memory;
use super::observed::Observed;
use super::step::Step;
use crate::model::{Bridge, Interface, Kind, Tuning, TuningGroup, TuningSetting as Setting};

/// What a device says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hardware {
    /// Its features by the kernel's names.
    pub features: BTreeMap<String, Feature>,
    /// Its numbers; one it has not, or nobody may see, is not there.
    pub settings: BTreeMap<Setting, u32>,
}

/// One feature of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// Whether the device lets it be changed.
    pub changeable: bool,
    /// Whether somebody wants it on.
    pub wanted: bool,
    /// Whether it is on.
    pub active: bool,
}

/// Features and numbers with values: as a device is to be, or was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tuned {
    /// Features on or off, by the kernel's names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub features: BTreeMap<String, bool>,
    /// Numbers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<Setting, u32>,
}

impl Tuned {
    pub(super) fn is_empty(&self) -> bool {
        self.features.is_empty() && self.settings.is_empty()
    }

    /// In words, with `;` between.
    pub(super) fn text(&self) -> String {
        let features = self.features.iter().map(|(name, on)| format!("{name} {}", if *on { "on" } else { "off" }));
        let settings = self.settings.iter().map(|(setting, value)| format!("{setting} {}", setting.text(*value)));
        features.chain(settings).collect::<Vec<_>>().join("; ")
    }
}

/// ethtool's names for several features, and the older names of single ones.
const NAMES: &[(&[&str], &[&str])] = &[
    (&["rx", "rx-checksumming"], &["rx-checksum"]),
    (&["tx", "tx-checksumming"], &["tx-checksum-ipv4", "tx-checksum-ip-generic", "tx-checksum-ipv6", "tx-checksum-fcoe-crc", "tx-checksum-sctp"]),
    (&["sg", "scatter-gather"], &["tx-scatter-gather", "tx-scatter-gather-fraglist"]),
    (
        &["tso", "tcp-segmentation-offload"],
        &["tx-tcp-segmentation", "tx-tcp-ecn-segmentation", "tx-tcp-mangleid-segmentation", "tx-tcp6-segmentation"],
    ),
    (&["ufo", "udp-fragmentation-offload"], &["tx-udp-fragmentation"]),
    (&["gso", "generic-segmentation-offload"], &["tx-generic-segmentation"]),
    (&["gro", "generic-receive-offload"], &["rx-gro"]),
    (&["lro", "large-receive-offload"], &["rx-lro"]),
    (&["rxvlan", "rx-vlan-offload"], &["rx-vlan-hw-parse"]),
    (&["txvlan", "tx-vlan-offload"], &["tx-vlan-hw-insert"]),
    (&["ntuple", "ntuple-filters"], &["rx-ntuple-filter"]),
    (&["rxhash", "receive-hashing"], &["rx-hashing"]),
];

/// The devices a plan for `target` must know more of.
pub fn looked_at(target: &Target<'_>, memory: &Memory) -> BTreeSet<IfName> {
    let asking = |one: &&Interface| !one.tuning.is_empty();
    let mut names: BTreeSet<IfName> = memory.all().flat_map(|(_, bridge)| bridge.tuned.keys().copied()).collect();
    match target {
        Target::Up { intent, .. } => {
            let interfaces = intent.bridges.values().flat_map(Bridge::interfaces).chain(intent.plain.values());
            names.extend(interfaces.filter(asking).map(|one| one.name));
        }
        Target::Set { bridges, .. } => {
            let bridges = bridges.iter().filter_map(|(_, bridge)| bridge.as_ref());
            names.extend(bridges.flat_map(Bridge::interfaces).filter(asking).map(|one| one.name));
        }
        Target::Down { .. } => {}
    }
    names
}

/// What becomes of one device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Change {
    pub(super) steps: Vec<Step>,
    pub(super) notes: Vec<String>,
    /// What it had before it was asked for anything.
    pub(super) before: Tuned,
}

/// From what the device of `interface` is like to what is asked of it. `pinned`: what was asked of it last, while it has been attached
/// since; `had`: what it had before.
pub(super) fn towards(observed: &Observed, interface: &Interface, pinned: Option<&Tuning>, had: Option<&Tuned>) -> Change {
    let name = interface.name;
    let mut change = Change { before: had.cloned().unwrap_or_default(), ..Change::default() };
    // One that is not there yet is asked once it is: `later`.
    let Some(hardware) = observed.hardware.get(&name) else { return change };
    let mut to = back(hardware, &change.before, pinned, &interface.tuning);
    change.before.features.retain(|feature, _| asks_for(&interface.tuning, feature));
    change.before.settings.retain(|setting, _| interface.tuning.settings.contains_key(setting));
    for (word, on) in &interface.tuning.features {
        let all = kernel_names(word);
        let known: Vec<(&str, Feature)> = all.iter().filter_map(|feature| Some((*feature, *hardware.features.get(*feature)?))).collect();
        let usable: Vec<_> = known.iter().filter(|(_, feature)| feature.changeable).collect();
        if usable.is_empty() && (known.is_empty() || known.iter().all(|(_, feature)| feature.active != *on)) {
            let why = if known.is_empty() { "has no such feature" } else { "does not let it be changed" };
            change.notes.push(format!("{name} stays without `{word} {}`: the device {why}", if *on { "on" } else { "off" }));
        }
        for (feature, state) in usable {
            change.before.features.entry((*feature).to_owned()).or_insert(state.wanted);
            to.features.remove(*feature);
            if state.wanted != *on {
                to.features.insert((*feature).to_owned(), *on);
            }
        }
    }
    for (setting, wanted) in &interface.tuning.settings {
        let Some(now) = hardware.settings.get(setting) else {
            let group = setting.group().name();
            change.notes.push(format!("{name} stays without `{setting} {}`: the device has no {group} to set", setting.text(*wanted)));
            continue;
        };
        change.before.settings.entry(*setting).or_insert(*now);
        let was_set = pinned.is_some_and(|pinned| pinned.settings.get(setting) == Some(wanted));
        if now != wanted && !was_set {
            to.settings.insert(*setting, *wanted);
        }
    }
    change.steps = steps(name, hardware, to);
    change
}

/// What is asked of the devices that are to be made for `targets`. What they have is not known, so it is said in the files' words.
pub(super) fn later(observed: &Observed, targets: &[(IfName, Option<Bridge>)]) -> Vec<Step> {
    let interfaces = targets.iter().filter_map(|(_, target)| target.as_ref()).flat_map(Bridge::interfaces);
    let new = interfaces.filter(|one| one.kind == Kind::Internal && !one.tuning.is_empty() && !observed.links.contains_key(&one.name));
    let asked = |tuning: &Tuning| Tuned { features: tuning.features.iter().cloned().collect(), settings: tuning.settings.clone() };
    new.map(|one| Step::Tune { name: one.name, from: Tuned::default(), to: asked(&one.tuning) }).collect()
}

/// The steps that give a device back what it had before it was asked for what `pinned` says.
pub(super) fn give_back(observed: &Observed, name: IfName, pinned: Option<&Tuning>, had: &Tuned) -> Vec<Step> {
    let Some(hardware) = observed.hardware.get(&name) else { return Vec::new() };
    steps(name, hardware, back(hardware, had, pinned, &Tuning::default()))
}

/// What of `had` is to be again because `asked` no longer speaks of it. What somebody else has changed since is theirs.
fn back(hardware: &Hardware, had: &Tuned, pinned: Option<&Tuning>, asked: &Tuning) -> Tuned {
    let ours = |feature: &str| pinned.and_then(|pinned| pinned.features.iter().rev().find(|(word, _)| kernel_names(word).contains(&feature)));
    let features = had.features.iter().filter(|(feature, _)| !asks_for(asked, feature));
    let features = features.filter(|(feature, had)| {
        let now = hardware.features.get(*feature).map(|now| now.wanted);
        now.is_some_and(|now| now != **had && ours(feature).is_none_or(|(_, on)| *on == now))
    });
    let settings = had.settings.iter().filter(|(setting, _)| !asked.settings.contains_key(setting));
    let settings = settings.filter(|(setting, had)| hardware.settings.get(setting).is_some_and(|now| now != *had));
    Tuned {
        features: features.map(|(feature, on)| (feature.clone(), *on)).collect(),
        settings: settings.map(|(setting, value)| (*setting, *value)).collect(),
    }
}

fn asks_for(tuning: &Tuning, feature: &str) -> bool {
    tuning.features.iter().any(|(word, _)| kernel_names(word).contains(&feature))
}

fn kernel_names(word: &str) -> Vec<&str> {
    let group = NAMES.iter().find(|(names, _)| names.contains(&word));
    group.map_or_else(|| vec![word], |(_, features)| features.to_vec())
}

/// One step for each message the kernel is told it in.
fn steps(name: IfName, hardware: &Hardware, to: Tuned) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut push = |to: Tuned| {
        if !to.is_empty() {
            let features = to.features.keys().filter_map(|feature| Some((feature.clone(), hardware.features.get(feature)?.wanted)));
            // Speed and duplex mean something only beside what was agreed on.
            let mut from = Tuned { features: features.collect(), settings: BTreeMap::new() };
            from.settings.extend(to.settings.keys().filter_map(|setting| Some((*setting, *hardware.settings.get(setting)?))));
            steps.push(Step::Tune { name, from, to });
        }
    };
    push(Tuned { features: to.features, settings: BTreeMap::new() });
    for group in TuningGroup::ALL {
        let settings = to.settings.iter().filter(|(setting, _)| setting.group() == group);
        push(Tuned { features: BTreeMap::new(), settings: settings.map(|(setting, value)| (*setting, *value)).collect() });
    }
    steps
}
