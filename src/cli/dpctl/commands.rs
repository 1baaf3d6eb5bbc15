//! The commands, in the order `list-commands` prints them.

use std::fmt::Write;

use nix::errno::Errno;

use super::call::Call;
use super::complaint::{Complaint, Why};
use super::options::Options;
use super::{Outcome, cache, conntrack, ct_limits, datapaths, flows, help, meters, normalize, output, ports, put, show};

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
    reads("offload-stats-show", "[dp]", (0, 1), |_| absent("retrieving offload statistics")),
    reads("dump-conntrack", "[-m] [-s] [dp] [zone=N]", (0, 2), conntrack::dump),
    writes("flush-conntrack", "[dp] [zone=N] [ct-orig-tuple] [ct-reply-tuple]", (0, 4), conntrack::flush),
    reads("cache-get-size", "[dp]", (0, 1), cache::get),
    writes("cache-set-size", "dp cache <size>", (3, 3), cache::set),
    reads("ct-stats-show", "[dp] [zone=N]", (0, 3), conntrack::stats),
    reads("ct-bkts", "[dp] [gt=N]", (0, 2), conntrack::buckets),
    writes("ct-set-maxconns", "[dp] maxconns", (1, 2), |_| absent("ct set maxconns failed")),
    reads("ct-get-maxconns", "[dp]", (0, 1), |_| absent("maxconns could not be retrieved")),
    reads("ct-get-nconns", "[dp]", (0, 1), |_| absent("nconns could not be retrieved")),
    writes("ct-enable-tcp-seq-chk", "[dp]", (0, 1), |_| absent("enabling TCP sequence checking failed")),
    writes("ct-disable-tcp-seq-chk", "[dp]", (0, 1), |_| absent("disabling TCP sequence checking failed")),
    reads("ct-get-tcp-seq-chk", "[dp]", (0, 1), |_| absent("TCP sequence checking query failed")),
    writes("ct-set-limits", "[dp] [default=L] [zone=N,limit=L]...", (1, ANY), ct_limits::set),
    writes("ct-del-limits", "[dp] zone=N1[,N2]...", (1, 2), ct_limits::delete),
    reads("ct-get-limits", "[dp] [zone=N1[,N2]...]", (0, 2), ct_limits::get),
    writes("ipf-set-enabled", "[dp] v4|v6", (1, 2), |_| absent("enabling fragmentation reassembly failed")),
    writes("ipf-set-disabled", "[dp] v4|v6", (1, 2), |_| absent("disabling fragmentation reassembly failed")),
    writes("ipf-set-min-frag", "[dp] v4|v6 minfragment", (2, 3), |_| absent("setting the minimum fragment size failed")),
    writes("ipf-set-max-nfrags", "[dp] maxfrags", (1, 2), |_| absent("setting maximum fragments failed")),
    reads("ipf-get-status", "[dp]", (0, 1), |_| absent("ipf status could not be retrieved")),
    reads("meter-features", "[dp]", (0, 1), meters::features),
    writes("add-meter", "[dp] meter=N [kbps|pktps] [burst] bands=...", (1, ANY), meters::add),
    writes("mod-meter", "[dp] meter=N [kbps|pktps] [burst] bands=...", (1, ANY), meters::modify),
    writes("del-meter", "[dp] meter=N", (1, 2), meters::delete),
    reads("dump-meters", "[dp] [meter=N]", (0, 2), meters::dump),
    reads("help", "", (0, ANY), help::run),
    reads("list-commands", "", (0, ANY), list),
    reads("parse-actions", "actions", (1, ANY), put::actions),
    reads("normalize-actions", "actions", (2, ANY), normalize::run),
];

/// Those that make many changes, and so can make all or none.
const MANY_CHANGES: &[&str] = &["add-flows", "mod-flows", "del-flows"];

/// What belongs to Open vSwitch's own datapath in userspace, or to its daemon: `ovs-dpctl` has the command, and fails.
fn absent(what: &str) -> Outcome {
    let why = "the kernel's datapath has no such thing: it belongs to a running ovs-vswitchd and its datapath in userspace";
    Err(Complaint::because(what, Why::explained(Errno::EOPNOTSUPP, why)))
}

/// The command called `name`.
///
/// # Errors
/// There is none.
pub(super) fn find(name: &str) -> Result<&'static Command, Complaint> {
    let found = COMMANDS.iter().find(|command| command.name == name);
    found.ok_or_else(|| Complaint::new(format!("unknown command '{name}'; use --help for help")))
}

impl Command {
    /// Whether it may be called with `count` arguments and these options.
    ///
    /// # Errors
    /// It may not.
    pub(super) fn admits(&self, count: usize, options: &Options) -> Outcome {
        let Self { name, least, most, .. } = self;
        if count < *least {
            return Err(Complaint::new(format!("'{name}' command requires at least {least} arguments")));
        }
        if count > *most {
            return Err(Complaint::new(format!("'{name}' command takes at most {most} arguments")));
        }
        if options.atomic && !MANY_CHANGES.contains(name) {
            return Err(Complaint::new(format!("'{name}' command takes no --atomic")));
        }
        if self.writes && options.read_only {
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
    fn what_is_no_command_is_said() {
        assert!(find("frob").is_err_and(|complaint| complaint.to_string() == "unknown command 'frob'; use --help for help"));
    }

    #[test]
    fn arguments_are_counted() {
        let says = |name: &str, count, read_only| {
            find(name).and_then(|command| command.admits(count, &Options { read_only, ..Options::default() })).map_err(|said| said.to_string())
        };
        assert_eq!(says("add-dp", 0, false), Err("'add-dp' command requires at least 1 arguments".into()));
        assert_eq!(says("dump-dps", 1, false), Err("'dump-dps' command takes at most 0 arguments".into()));
        assert_eq!(says("del-flows", 0, true), Err("'del-flows' command does not work in read only mode".into()));
        assert_eq!(says("dump-flows", 1, true), Ok(()));
    }
}
