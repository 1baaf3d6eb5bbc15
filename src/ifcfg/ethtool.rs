//! `ETHTOOL_OPTS`: what a device itself is asked for, as ethtool's command line has it: items with `;` between, each an option with the
//! device's name and what it is to be, or without an option what `-s` takes.
//!
//! It must not know which of it a device has.

use super::code::Code;
use super::diag::{Diagnostic, shown};
use super::settings::{Reader, Role};
use super::span::Span;
use crate::model::{Tuning, TuningSetting as Setting, WAKE};

const KEY: &str = "ETHTOOL_OPTS";

/// What an item speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Features,
    Rings,
    Pause,
    Change,
}

impl Command {
    fn of(word: &str) -> Option<Self> {
        match word {
            "-K" | "--features" | "--offload" => Some(Self::Features),
            "-G" | "--set-ring" => Some(Self::Rings),
            "-A" | "--pause" => Some(Self::Pause),
            "-s" | "--change" => Some(Self::Change),
            _ => None,
        }
    }
}

/// A word of the value and where it stands.
type Word<'a> = (&'a str, Span);

/// What is wrong with an item: where, in what words, and what to do.
struct Wrong {
    at: Span,
    message: String,
    help: String,
}

impl Wrong {
    fn new(at: Span, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { at, message: message.into(), help: help.into() }
    }
}

/// Reads it for the device called `device`, where there is one of its own.
pub(super) fn read(reader: &mut Reader<'_>, role: &Role, device: &str) -> Tuning {
    let why = match role {
        Role::Port(_) | Role::Bridge | Role::Internal(_) | Role::Fake(..) | Role::Plain | Role::Member => {
            return tuning(reader, device, role.is_uplink());
        }
        Role::Bond(..) => "write it into the files of its members",
        Role::Tunnel(..) | Role::Patch(..) => "remove it",
    };
    if let Some((_, var)) = reader.text(KEY).filter(|(_, var)| &*var.file == reader.file) {
        reader.warning(Code::NoEffect, var, format!("`{KEY}` has no effect here: there is no network device of this name"), why);
    }
    Tuning::default()
}

/// Reads it whatever the file is. `port`: the device is one of a bridge's ports.
pub(super) fn tuning(reader: &mut Reader<'_>, device: &str, port: bool) -> Tuning {
    let mut tuning = Tuning::default();
    let Some((_, var)) = reader.text(KEY) else { return tuning };
    let own = &*var.file == reader.file;
    for item in items(var.value.words()) {
        if let Err(Wrong { at, message, help }) = read_item(&item, device, &mut tuning) {
            let found = Diagnostic::error(Code::Unsupported, &var.file, message).help(help);
            reader.sink.push(if own { found.at(at) } else { found });
        }
    }
    if port && tuning.features.iter().any(|(name, on)| *on && matches!(name.as_str(), "lro" | "large-receive-offload" | "rx-lro")) {
        let message = "`lro on` has no effect on a port: what it merged could not be sent on, so the kernel turns it off";
        reader.warning(Code::NoEffect, var, message, "remove it");
        tuning.features.retain(|(name, _)| !matches!(name.as_str(), "lro" | "large-receive-offload" | "rx-lro"));
    }
    let says = |setting: Setting| tuning.settings.get(&setting).copied();
    if says(Setting::Autoneg) != Some(0) && (says(Setting::Speed).is_some() || says(Setting::Duplex).is_some()) {
        let message = "`speed` and `duplex` without `autoneg off` limit what is offered to the other end, which is not supported yet";
        reader.error(Code::Unsupported, var, message, "add `autoneg off`, or remove them");
    }
    tuning
}

/// The words of each item.
fn items<'a>(words: impl Iterator<Item = Word<'a>>) -> Vec<Vec<Word<'a>>> {
    let mut items = vec![Vec::new()];
    for (word, span) in words {
        for (at, part) in word.split(';').enumerate() {
            if at > 0 {
                items.push(Vec::new());
            }
            if let Some(item) = items.last_mut().filter(|_| !part.is_empty()) {
                item.push((part, span));
            }
        }
    }
    items.retain(|item| !item.is_empty());
    items
}

fn read_item(item: &[Word<'_>], device: &str, tuning: &mut Tuning) -> Result<(), Wrong> {
    let (option, rest) = match item {
        [(word, at), rest @ ..] if word.starts_with('-') => {
            let Some(option) = Command::of(word) else {
                let message = format!("`ethtool {}` is not supported yet: the device would stay as it is", shown(word.as_bytes()));
                return Err(Wrong::new(*at, message, "remove it; `-K`, `-G`, `-A` and `-s` are read"));
            };
            match rest {
                [(name, _), rest @ ..] if *name == device => (option, rest),
                [(name, at), ..] => {
                    let message = format!("`{}` is not the device of this file", shown(name.as_bytes()));
                    return Err(Wrong::new(*at, message, format!("write `{word} {device}`, or `{word} ${{DEVICE}}` below `DEVICE=`")));
                }
                [] => return Err(Wrong::new(*at, format!("`{word}` without a device"), format!("write `{word} {device}` and what it is to be"))),
            }
        }
        rest => (Command::Change, rest),
    };
    let at = item.first().map_or_else(Span::default, |(_, at)| *at);
    if rest.is_empty() {
        return Err(Wrong::new(at, "nothing is asked for here", "write what the device is to be, such as `gro off`"));
    }
    for pair in rest.chunks(2) {
        let (key, at) = pair.first().copied().unwrap_or_default();
        let Some((value, value_at)) = pair.get(1).copied() else {
            return Err(Wrong::new(at, format!("`{}` without a value", shown(key.as_bytes())), "write what it is to be behind it"));
        };
        let wrong =
            |what: &str| Err(Wrong::new(value_at, format!("`{}` is no value for `{}`", shown(value.as_bytes()), shown(key.as_bytes())), what));
        if option == Command::Features {
            if key.is_empty() || !key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
                return Err(Wrong::new(at, format!("`{}` cannot be a feature's name", shown(key.as_bytes())), "`ethtool -k` lists them"));
            }
            match switch(value) {
                Some(on) => tuning.features.push((key.to_owned(), on)),
                None => return wrong("write `on` or `off`"),
            }
            continue;
        }
        let Some((setting, read, form)) = setting(option, key) else {
            let message = format!("`{}` is not supported yet: the device would stay as it is", shown(key.as_bytes()));
            return Err(Wrong::new(at, message, known(option)));
        };
        match read(value) {
            Some(number) => drop(tuning.settings.insert(setting, number)),
            None => return wrong(form),
        }
    }
    Ok(())
}

/// How a value is read, and how it is written.
type Form = (Setting, fn(&str) -> Option<u32>, &'static str);

fn setting(option: Command, key: &str) -> Option<Form> {
    const NUMBER: &str = "write a number";
    const SWITCH: &str = "write `on` or `off`";
    let form: Form = match (option, key) {
        (Command::Rings, "rx") => (Setting::RingRx, number, NUMBER),
        (Command::Rings, "rx-mini") => (Setting::RingRxMini, number, NUMBER),
        (Command::Rings, "rx-jumbo") => (Setting::RingRxJumbo, number, NUMBER),
        (Command::Rings, "tx") => (Setting::RingTx, number, NUMBER),
        (Command::Pause, "autoneg") => (Setting::PauseAutoneg, flag, SWITCH),
        (Command::Pause, "rx") => (Setting::PauseRx, flag, SWITCH),
        (Command::Pause, "tx") => (Setting::PauseTx, flag, SWITCH),
        (Command::Change, "autoneg") => (Setting::Autoneg, flag, SWITCH),
        (Command::Change, "speed") => (Setting::Speed, number, "write megabits a second, such as `1000`"),
        (Command::Change, "duplex") => (Setting::Duplex, duplex, "write `half` or `full`"),
        (Command::Change, "wol") => (Setting::WakeOn, wake, "write `d` for none, or letters of `pumbagf`"),
        _ => return None,
    };
    Some(form)
}

const fn known(option: Command) -> &'static str {
    match option {
        Command::Features => "`ethtool -k` lists them",
        Command::Rings => "remove it; `rx`, `rx-mini`, `rx-jumbo` and `tx` are read",
        Command::Pause => "remove it; `autoneg`, `rx` and `tx` are read",
        Command::Change => "remove it; `speed`, `duplex`, `autoneg` and `wol` are read",
    }
}

fn switch(word: &str) -> Option<bool> {
    match word {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn flag(word: &str) -> Option<u32> {
    switch(word).map(u32::from)
}

fn number(word: &str) -> Option<u32> {
    word.parse().ok().filter(|number| (1..u32::MAX).contains(number) && word.bytes().all(|b| b.is_ascii_digit()))
}

fn duplex(word: &str) -> Option<u32> {
    match word {
        "half" => Some(0),
        "full" => Some(1),
        _ => None,
    }
}

/// ethtool's letters; `d` turns everything off before it, and `s` needs a password nobody should write into such a file.
fn wake(word: &str) -> Option<u32> {
    word.chars().try_fold(0, |bits, letter| match letter {
        'd' => Some(0),
        's' => None,
        _ => WAKE.iter().find(|(known, _)| *known == letter).map(|(_, bit)| bits | bit),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Tuning, String> {
        let words = text.split(' ').filter(|word| !word.is_empty()).map(|word| (word, Span::default()));
        let mut tuning = Tuning::default();
        items(words).iter().try_for_each(|item| read_item(item, "eth0", &mut tuning)).map_err(|wrong| wrong.message)?;
        Ok(tuning)
    }

    #[test]
    fn every_form() {
        let all = of(
            "-K eth0 gro off tx on;--offload eth0 gro on; -G eth0 rx 512 tx 256 ;-A eth0 autoneg off rx on; speed 100 duplex half autoneg off wol pg",
        )
        .unwrap();
        assert_eq!(all.features, [("gro".to_owned(), false), ("tx".to_owned(), true), ("gro".to_owned(), true)]);
        let settings: Vec<_> = all.settings.iter().map(|(setting, value)| format!("{setting} {}", setting.text(*value))).collect();
        assert_eq!(settings, ["ring rx 512", "ring tx 256", "pause autoneg off", "pause rx on", "autoneg off", "speed 100", "duplex half", "wol pg"]);
        assert_eq!(of("-s eth0 wol d").unwrap().settings[&Setting::WakeOn], 0);
        assert!(of(";; ;").unwrap().is_empty());
    }

    #[test]
    fn what_is_not_read_is_refused() {
        for (text, message) in [
            ("-C eth0 rx-usecs 3", "`ethtool -C` is not supported yet: the device would stay as it is"),
            ("-K eth1 gro off", "`eth1` is not the device of this file"),
            ("-K gro off", "`gro` is not the device of this file"),
            ("-K", "`-K` without a device"),
            ("-K eth0", "nothing is asked for here"),
            ("-K eth0 gro", "`gro` without a value"),
            ("-K eth0 gro maybe", "`maybe` is no value for `gro`"),
            ("-K eth0 GRO off", "`GRO` cannot be a feature's name"),
            ("-G eth0 rx 0", "`0` is no value for `rx`"),
            ("-G eth0 rx +5", "`+5` is no value for `rx`"),
            ("mdix on", "`mdix` is not supported yet: the device would stay as it is"),
            ("wol s", "`s` is no value for `wol`"),
        ] {
            assert_eq!(of(text).unwrap_err(), message, "{text}");
        }
    }
}
