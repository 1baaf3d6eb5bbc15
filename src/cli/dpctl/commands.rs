//! The commands, in the order `list-commands` prints them, and those of `ovs-dpctl` that are not here.

use std::fmt::Write;

use super::call::Call;
use super::complaint::Complaint;
use super::{Outcome, cache, datapaths, flows, help, output, ports, put, show};

/// A command.
pub(super) struct Command {
    /// Its name.
    pub name: &'static str,
    /// Its arguments, for the list.
    pub usage: &'static str,
    /// The fewest arguments.
    least: usize,
    /// The most arguments.
    most: usize,
    /// Whether it changes anything.
    writes: bool,
    /// What it does.
    pub run: fn(&mut Call<'_>) -> Outcome,
}

const ANY: usize = usize::MAX;

const fn reads(name: &'static str, usage: &'static str, (least, most): (usize, usize), run: fn(&mut Call<'_>) -> Outcome) -> Command {
    Command { name, usage, least, most, writes: false, run }
}

const fn writes(name: &'static str, usage: &'static str, (least, most): (usize, usize), run: fn(&mut Call<'_>) -> Outcome) -> Command {
    Command { name, usage, least, most, writes: true, run }
}

/// Every command.
pub(super) const COMMANDS: &[Command] = &[
    writes("add-dp", "dp [iface...]", (1, ANY), datapaths::add),
    writes("del-dp", "dp", (1, 1), datapaths::delete),
    writes("add-if", "dp iface...", (2, ANY), ports::add),
    writes("del-if", "dp iface...", (2, ANY), ports::delete),
    writes("set-if", "dp iface...", (2, ANY), ports::set),
    reads("dump-dps", "", (0, 0), datapaths::dump),
    reads("show", "[-s] [dp...]", (0, ANY), show::run),
    reads("dump-flows", "[-m] [--names] [dp] [filter=..] [type=..] [pmd=..]", (0, 6), flows::dump),
    writes("add-flow", "[dp] flow actions", (2, 3), put::add),
    writes("mod-flow", "[dp] flow actions", (2, 3), put::modify),
    reads("get-flow", "[dp] ufid", (1, 2), flows::get),
    writes("del-flow", "[dp] flow", (1, 2), put::delete),
    writes("add-flows", "[dp] file", (1, 2), put::add_file),
    writes("mod-flows", "[dp] file", (1, 2), put::modify_file),
    writes("del-flows", "[dp] [file]", (0, 2), put::delete_file),
    reads("cache-get-size", "[dp]", (0, 1), cache::get),
    writes("cache-set-size", "dp cache <size>", (3, 3), cache::set),
    reads("help", "", (0, ANY), help::run),
    reads("list-commands", "", (0, ANY), list),
    reads("parse-actions", "actions", (1, ANY), put::actions),
];

/// Commands of `ovs-dpctl` that are not here, with the reason.
const MISSING: &[(&str, &str)] = &[
    ("normalize-actions", "it serves Open vSwitch's own tests; `parse-actions` prints actions in canonical form"),
    ("offload-stats-show", "hardware offload is ovs-vswitchd's"),
    ("dump-conntrack", CONNTRACK),
    ("flush-conntrack", CONNTRACK),
    ("ct-stats-show", CONNTRACK),
    ("ct-bkts", USERSPACE_CONNTRACK),
    ("ct-set-maxconns", USERSPACE_CONNTRACK),
    ("ct-get-maxconns", USERSPACE_CONNTRACK),
    ("ct-get-nconns", USERSPACE_CONNTRACK),
    ("ct-enable-tcp-seq-chk", USERSPACE_CONNTRACK),
    ("ct-disable-tcp-seq-chk", USERSPACE_CONNTRACK),
    ("ct-get-tcp-seq-chk", USERSPACE_CONNTRACK),
    ("ct-set-limits", LIMITS),
    ("ct-del-limits", LIMITS),
    ("ct-get-limits", LIMITS),
    ("ipf-set-enabled", USERSPACE_CONNTRACK),
    ("ipf-set-disabled", USERSPACE_CONNTRACK),
    ("ipf-set-min-frag", USERSPACE_CONNTRACK),
    ("ipf-set-max-nfrags", USERSPACE_CONNTRACK),
    ("ipf-get-status", USERSPACE_CONNTRACK),
];

const CONNTRACK: &str = "it does not read the kernel's connection table yet; conntrack(8) does";
const LIMITS: &str = "it does not speak the ovs_ct_limit family yet";
const USERSPACE_CONNTRACK: &str = "the kernel's datapath has no such thing: it belongs to Open vSwitch's own datapath in userspace";

/// The command called `name`.
///
/// # Errors
/// There is none, or it is one that `ovs-dpctl` has and this program has not.
pub(super) fn find(name: &str) -> Result<&'static Command, Complaint> {
    if let Some(command) = COMMANDS.iter().find(|command| command.name == name) {
        return Ok(command);
    }
    match MISSING.iter().find(|(missing, _)| *missing == name) {
        Some((_, reason)) => Err(Complaint::new(format!("'{name}' is a command of Open vSwitch that ovsdp does not have: {reason}"))),
        None => Err(Complaint::new(format!("unknown command '{name}'; use --help for help"))),
    }
}

impl Command {
    /// Whether it may be called with `count` arguments.
    ///
    /// # Errors
    /// It may not.
    pub(super) fn admits(&self, count: usize, read_only: bool) -> Outcome {
        let Self { name, least, most, .. } = self;
        if count < *least {
            return Err(Complaint::new(format!("'{name}' command requires at least {least} arguments")));
        }
        if count > *most {
            return Err(Complaint::new(format!("'{name}' command takes at most {most} arguments")));
        }
        if self.writes && read_only {
            return Err(Complaint::new(format!("'{name}' command does not work in read only mode")));
        }
        Ok(())
    }
}

fn list(_call: &mut Call<'_>) -> Outcome {
    let mut text = "The available commands are:\n".to_owned();
    for Command { name, usage, .. } in COMMANDS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<23} {usage}");
    }
    Ok(output::text(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_there_or_refused_by_name_but_not_both() {
        for (name, _) in MISSING {
            assert!(!COMMANDS.iter().any(|command| command.name == *name), "{name} is there and refused");
            assert!(find(name).is_err_and(|complaint| complaint.to_string().contains(name)));
        }
        assert!(find("frob").is_err_and(|complaint| complaint.to_string() == "unknown command 'frob'; use --help for help"));
    }

    #[test]
    fn arguments_are_counted() {
        let says = |name: &str, count, read_only| find(name).and_then(|command| command.admits(count, read_only)).map_err(|said| said.to_string());
        assert_eq!(says("add-dp", 0, false), Err("'add-dp' command requires at least 1 arguments".into()));
        assert_eq!(says("dump-dps", 1, false), Err("'dump-dps' command takes at most 0 arguments".into()));
        assert_eq!(says("del-flows", 0, true), Err("'del-flows' command does not work in read only mode".into()));
        assert_eq!(says("dump-flows", 1, true), Ok(()));
    }
}
