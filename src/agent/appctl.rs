//! What `ovs-appctl` is asked of bonds, LACP and the flows of the switch, in its words and with its answers.

use ovsdp_proto::Mac;

use super::shared::{Core, Shared, now};
use crate::dp;
use crate::error::{Error, Kind};
use crate::switch::bond::{self, Refused};

/// The commands with what they take, for whoever names another.
const COMMANDS: &[(&str, &str)] = &[
    ("bond/list", ""),
    ("bond/show", "[PORT]"),
    ("bond/set-active-member", "PORT MEMBER"),
    ("bond/migrate", "PORT HASH MEMBER"),
    ("bond/enable-member", "PORT MEMBER"),
    ("bond/disable-member", "PORT MEMBER"),
    ("bond/hash", "MAC [VLAN] [BASIS]"),
    ("lacp/show", "[PORT]"),
    ("lacp/show-stats", "[PORT]"),
    ("upcall/show", ""),
    ("upcall/set-flow-limit", "NUMBER"),
    ("revalidator/wait", ""),
];

/// Whether a command is answered after a look at all flows.
pub(super) fn waits(words: &[String]) -> bool {
    words.first().is_some_and(|word| word == "revalidator/wait")
}

/// Carries out one command; returns what it prints.
///
/// # Errors
/// There is no such command, bond or member; or it is refused.
pub(super) fn run(shared: &Shared, words: &[String]) -> Result<String, Error> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let refused = |error: Refused| {
        let kind = if matches!(error, Refused::NoBond | Refused::NoMember) { Kind::NoSuch } else { Kind::Failed };
        Error::new(kind, error.to_string())
    };
    let line = |text: &str| format!("{text}\n");
    let change = |port: &str, change: &dyn Fn(&mut bond::Bond) -> Result<&'static str, Refused>| {
        let done = shared.core().switch.change_bond(port, change).map_err(refused)?;
        shared.bundles.ring();
        Ok(line(done))
    };
    match words.as_slice() {
        ["bond/list"] => Ok(shared.core().switch.list_bonds()),
        ["bond/show", port @ ..] if port.len() < 2 => shared.core().switch.show_bonds(now(), port.first().copied()).map_err(refused),
        ["lacp/show" | "lacp/show-stats", port @ ..] if port.len() < 2 => {
            let shown = shared.core().switch.show_lacp(port.first().copied(), words[0] == "lacp/show-stats");
            shown.map_err(|error| Error::new(Kind::NoSuch, error.to_string()))
        }
        ["bond/set-active-member" | "bond/set-active-slave", port, member] => {
            change(port, &|bond| bond.set_active(member).map(|new| if new { "done" } else { "no change" }))
        }
        ["bond/enable-member" | "bond/enable-slave", port, member] => change(port, &|bond| bond.set_enabled(member, true).map(|()| "enabled")),
        ["bond/disable-member" | "bond/disable-slave", port, member] => change(port, &|bond| bond.set_enabled(member, false).map(|()| "disabled")),
        ["bond/migrate", port, hash, member] => {
            let number: u64 = hash.parse().map_err(|_| Error::new(Kind::Usage, "bad hash"))?;
            let [.., bucket] = number.to_be_bytes();
            change(port, &|bond| bond.migrate(bucket, member).map(|()| "migrated"))
        }
        ["upcall/show"] => {
            let mut out = line(&format!("system@{}:", dp::SYSTEM));
            let core = shared.core();
            core.revalidator.show(&core.flows, &mut out);
            Ok(out)
        }
        ["upcall/set-flow-limit", number] => {
            let limit = number.parse().map_err(|_| Error::new(Kind::Usage, format!("{number}: not a number of flows")))?;
            let mut core = shared.core();
            let Core { flows, revalidator, .. } = &mut *core;
            revalidator.set_limit(flows, limit);
            Ok(line(&format!("set flow_limit to {limit}")))
        }
        // It is answered after a look at the flows.
        ["revalidator/wait"] => Ok(String::new()),
        ["bond/hash", mac, rest @ ..] if rest.len() < 3 => hash(mac, rest).map(|bucket| line(&bucket.to_string())),
        _ => {
            let known = words.first().and_then(|word| COMMANDS.iter().find(|(command, _)| command == word));
            let message = match (known, words.first()) {
                (Some((command, takes)), _) => format!("{command} takes {}", if takes.is_empty() { "nothing" } else { takes }),
                (None, Some(word)) => format!("\"{word}\" is not a valid command"),
                (None, None) => "no command is named".to_owned(),
            };
            let commands: Vec<&str> = COMMANDS.iter().map(|(command, _)| *command).collect();
            Err(Error::new(Kind::Usage, message).advise(format!("there are: {}", commands.join(", "))))
        }
    }
}

fn hash(mac: &str, rest: &[&str]) -> Result<u8, Error> {
    let bad = |what: &str| Error::new(Kind::Usage, format!("invalid {what}"));
    let mac: Mac = mac.parse().map_err(|_| bad("mac"))?;
    let vlan = rest.first().map_or(Ok(0), |vlan| vlan.parse()).map_err(|_| bad("vlan"))?;
    let basis = rest.get(1).map_or(Ok(0), |basis| basis.parse()).map_err(|_| bad("basis"))?;
    let [.., bucket] = bond::hash_mac(mac, vlan, basis).to_be_bytes();
    Ok(bucket)
}
