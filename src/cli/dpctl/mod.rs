//! `ovsdp dpctl`, and the program itself when it is called `ovs-dpctl`: the kernel's datapaths, ports and flows, one by one.
//!
//! Words, output and meaning are those of `ovs-dpctl` of Open vSwitch 3.1. A failure is a line on standard error and exit
//! code 1, as there. Where it is stricter it refuses what `ovs-dpctl` takes without effect; `docs/dpctl.md` lists that.
//! Looking needs no privilege and changes nothing: no request that is sent for it could.

mod cache;
mod call;
mod change;
mod commands;
mod complaint;
mod conntrack;
mod ct_limits;
mod datapaths;
mod flows;
mod help;
mod iface;
mod meter_text;
mod meters;
mod normalize;
mod openflow;
mod options;
mod ports;
mod put;
mod send;
mod show;
mod stats;
mod target;
mod tunnel;

use std::process::ExitCode;

use call::Call;
use complaint::Complaint;
use options::Parsed;

use super::output;

/// Runs a command line; `program` is what complaints begin with.
pub(super) fn main(program: &str, args: &[String]) -> ExitCode {
    let refuse = |complaint: &str| {
        eprintln!("{program}: {complaint}");
        ExitCode::FAILURE
    };
    let (options, mut words) = match options::parse(args) {
        Ok(Parsed::Words(options, words)) => (options, words),
        Ok(Parsed::Help) => return output::said(program, &help::usage(program)),
        Ok(Parsed::Version) => return output::said(program, concat!("ovs-dpctl (ovsdp) ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Parsed::List) => return output::said(program, options::LIST),
        Err(wrong) => return refuse(&wrong),
    };
    if words.is_empty() {
        return refuse("missing command name; use --help for help");
    }
    let name = words.remove(0);
    let command = match commands::find(&name) {
        Ok(command) => command,
        Err(complaint) => return refuse(&complaint.to_string()),
    };
    if let Err(complaint) = command.admits(words.len(), &options) {
        return refuse(&complaint.to_string());
    }
    if let Some(seconds) = options.timeout {
        // The signal's own action ends the process, as it ends ovs-dpctl.
        nix::unistd::alarm::set(seconds);
    }
    let mut call = Call::new(program, options, words);
    if let Err(complaint) = (command.run)(&mut call) {
        call.complain(&complaint);
    }
    call.exit_code()
}

/// How a command ends: its last complaint, if it has one.
type Outcome = Result<(), Complaint>;
