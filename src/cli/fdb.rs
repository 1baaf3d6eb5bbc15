//! `ovsdp fdb`: the MAC tables, in the words of `ovs-appctl fdb/…`: shown, counted, changed.

use std::fmt::Write;

use clap::{Args, Subcommand, value_parser};
use ovsdp_proto::Mac;

use super::{launch, output};
use crate::ctl::api::{Fdb, FdbChanged, FdbCounts, FdbStats};
use crate::ctl::service::FdbChange;
use crate::error::{Error, Kind};
use crate::host::paths::Run;

/// The arguments of `ovsdp fdb`.
#[derive(Debug, Clone, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "A bridge that is called like one of the commands is named behind `show`: `ovsdp fdb show add`. Ports are named behind \
        their bridge, where any name goes: `ovsdp fdb add br0 flush 0 52:54:00:00:00:01`.\n\n\
        Examples:\n  \
        ovsdp fdb ovsbr0\n  \
        ovsdp fdb add ovsbr0 eth0 0 52:54:00:00:00:01\n  \
        ovsdp fdb stats --json | jq '.tables[0].moved'"
)]
pub(super) struct FdbArgs {
    /// What else to do
    #[command(subcommand)]
    command: Option<FdbCommand>,
    /// A bridge; all of them when there is none
    bridge: Option<String>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    json: bool,
}

/// One of the commands of `ovsdp fdb`.
#[derive(Debug, Clone, Subcommand)]
enum FdbCommand {
    /// Print the MAC table of a bridge, or of all, as without a command
    Show {
        /// A bridge; all of them when there is none
        bridge: Option<String>,
    },
    /// Put a static address into a bridge's MAC table
    #[command(
        long_about = "Put a static address into a bridge's MAC table.\n\n\
        Packets for MAC in VLAN then leave by PORT only. A static address does not age, packets from it do not move it, `flush` leaves it, \
        and the next agent takes it over. It goes with `del`, with its port, or with its bridge; or, when the table is full, as the last \
        of the addresses of a port that has more than the others. When the command returns, flows follow.",
        after_help = "Example:\n  ovsdp fdb add ovsbr0 eth0 0 52:54:00:00:00:01"
    )]
    Add {
        /// The bridge
        bridge: String,
        /// The bridge's port by name; LOCAL is the bridge's own
        port: String,
        /// The VLAN, 0 for untagged frames
        #[arg(value_parser = value_parser!(u16).range(0..=4095))]
        vlan: u16,
        /// The Ethernet address
        #[arg(value_parser = station)]
        mac: Mac,
    },
    /// Take an address, static or learned, out of a bridge's MAC table
    #[command(long_about = "Take an address, static or learned, out of a bridge's MAC table.\n\n\
        The next packet from it is learned again. When the command returns, flows follow; when the table does not have the address it ends \
        with exit code 4.")]
    Del {
        /// The bridge
        bridge: String,
        /// The VLAN, 0 for untagged frames
        #[arg(value_parser = value_parser!(u16).range(0..=4095))]
        vlan: u16,
        /// The Ethernet address
        mac: Mac,
    },
    /// Forget every learned address of a bridge, or of all; static ones stay
    Flush {
        /// A bridge; all of them when there is none
        bridge: Option<String>,
    },
    /// Print what the MAC table of a bridge, or of each, has counted
    Stats {
        /// A bridge; all of them when there is none
        bridge: Option<String>,
    },
}

/// Reads a station's address.
fn station(text: &str) -> Result<Mac, String> {
    match text.parse::<Mac>() {
        Ok(mac) if mac.is_multicast() => Err("it is a group's address, which is not behind one port".to_owned()),
        Ok(mac) => Ok(mac),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn run(run: &Run, args: FdbArgs) -> Result<(), Error> {
    let FdbArgs { command, bridge, json } = args;
    let Some(mut client) = launch::running(run)? else {
        return Err(Error::new(Kind::NoSuch, "the agent is not running, so there are no MAC tables").advise("`ovsdp up` starts it"));
    };
    let change = match command.unwrap_or(FdbCommand::Show { bridge }) {
        FdbCommand::Show { bridge } => {
            let fdb = client.fdb(bridge.as_deref())?;
            return if json { output::json(&fdb) } else { output::text(&text(&fdb, bridge.is_none())) };
        }
        FdbCommand::Stats { bridge } => {
            let stats = client.fdb_stats(bridge.as_deref())?;
            return if json { output::json(&stats) } else { output::text(&counts(&stats)) };
        }
        FdbCommand::Add { bridge, port, vlan, mac } => FdbChange::Add { bridge, port, vlan, mac: mac.to_string() },
        FdbCommand::Del { bridge, vlan, mac } => FdbChange::Del { bridge, vlan, mac: mac.to_string() },
        FdbCommand::Flush { bridge } => FdbChange::Flush { bridge },
    };
    let changed = client.change_fdb(&change)?;
    if json { output::json(&changed) } else { output::text(&done(&change, changed)) }
}

fn text(fdb: &Fdb, with_bridge: bool) -> String {
    let mut out =
        String::from(if with_bridge { "Bridge           Port  VLAN  MAC                Age\n" } else { " Port  VLAN  MAC                Age\n" });
    for entry in &fdb.entries {
        let port =
            if entry.port == entry.bridge { "LOCAL".to_owned() } else { entry.port_no.map_or_else(|| entry.port.clone(), |no| no.to_string()) };
        if with_bridge {
            let _ = write!(out, "{:<15} ", entry.bridge);
        }
        let age = if entry.is_static { "static".to_owned() } else { format!("{:>3}", entry.age) };
        let _ = writeln!(out, "{port:>5}  {:>4}  {}  {age}", entry.vlan, entry.mac);
    }
    out
}

fn counts(stats: &FdbStats) -> String {
    let mut out = String::new();
    for FdbCounts { bridge, current, maximum, statics, learned, expired, evicted, moved } in &stats.tables {
        let _ = writeln!(out, "Statistics for bridge \"{bridge}\":");
        let _ = writeln!(out, "  Current/maximum MAC entries in the table: {current}/{maximum}");
        for (what, count) in [
            ("Current static MAC entries in the table", u64::from(*statics)),
            ("Total number of learned MAC entries", *learned),
            ("Total number of expired MAC entries", *expired),
            ("Total number of evicted MAC entries", *evicted),
            ("Total number of port moved MAC entries", *moved),
        ] {
            let _ = writeln!(out, "  {what:<40}: {count}");
        }
    }
    out
}

/// What a change did, in words.
fn done(change: &FdbChange, FdbChanged { changed }: FdbChanged) -> String {
    match change {
        FdbChange::Add { bridge, port, vlan, mac } if changed == 0 => {
            format!("nothing to do: {mac} in VLAN {vlan} of {bridge} is static behind {port} already\n")
        }
        FdbChange::Add { bridge, port, vlan, mac } => format!("{mac} in VLAN {vlan} of {bridge} is static, behind {port}\n"),
        FdbChange::Del { bridge, vlan, mac } => format!("{mac} in VLAN {vlan} of {bridge} is forgotten\n"),
        FdbChange::Flush { .. } => match changed {
            1 => "1 learned address is forgotten\n".to_owned(),
            changed => format!("{changed} learned addresses are forgotten\n"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::api::FdbEntry;

    #[test]
    fn the_columns_of_fdb_show() {
        let entry = |port: &str, port_no, is_static| FdbEntry {
            bridge: "br0".into(),
            port: port.into(),
            port_no,
            vlan: 0,
            mac: "52:54:00:00:00:01".into(),
            age: 7,
            is_static,
        };
        let fdb = Fdb { entries: vec![entry("eth1", Some(3), true), entry("br0", Some(1), false), entry("eth0", Some(2), false)] };
        assert_eq!(
            text(&fdb, false),
            " Port  VLAN  MAC                Age\n    3     0  52:54:00:00:00:01  static\nLOCAL     0  52:54:00:00:00:01    7\n    \
             2     0  52:54:00:00:00:01    7\n"
        );
    }

    #[test]
    fn any_bridge_and_port_can_be_named() {
        let parse = |words: &str| match crate::cli::args::parse(words.split(' ').map(Into::into).collect()) {
            Ok(crate::cli::args::Command::Fdb(args)) => args,
            other => panic!("{words}: {other:?}"),
        };
        assert_eq!(parse("ovsdp fdb br0 --json").bridge.as_deref(), Some("br0"));
        for name in ["add", "del", "flush", "stats", "show", "help"] {
            let args = parse(&format!("ovsdp fdb show {name} --json"));
            assert!(args.json && matches!(args.command, Some(FdbCommand::Show { bridge: Some(bridge) }) if bridge == name));
            let args = parse(&format!("ovsdp fdb add {name} {name} 4095 52:54:00:00:00:01"));
            assert!(matches!(args.command, Some(FdbCommand::Add { bridge, port, vlan: 4095, .. }) if bridge == name && port == name));
        }
        for wrong in ["fdb br0 stats", "fdb add br0 p1 4096 52:54:00:00:00:01", "fdb add br0 p1 0 01:00:5e:00:00:01", "fdb del br0 0 x"] {
            assert!(crate::cli::args::parse(format!("ovsdp {wrong}").split(' ').map(Into::into).collect()).is_err(), "{wrong}");
        }
    }

    /// The layout of `fdb/stats-show`.
    #[test]
    fn counts_stand_in_one_column() {
        let table = FdbCounts { bridge: "br0".into(), current: 17, maximum: 8192, statics: 2, learned: 20, expired: 1, evicted: 3, moved: 4 };
        assert_eq!(
            counts(&FdbStats { tables: vec![table] }),
            "Statistics for bridge \"br0\":\n  \
             Current/maximum MAC entries in the table: 17/8192\n  \
             Current static MAC entries in the table : 2\n  \
             Total number of learned MAC entries     : 20\n  \
             Total number of expired MAC entries     : 1\n  \
             Total number of evicted MAC entries     : 3\n  \
             Total number of port moved MAC entries  : 4\n"
        );
    }
}
