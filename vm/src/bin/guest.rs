//! What runs in the guest: PID 1, and started by it again, the process of each test, process 1 of each host, and what
//! measures in one.
//!
//! It must be static, and must not be started on a machine that is worth something: as PID 1 it mounts and powers off.

use std::path::Path;
use std::process::ExitCode;

use ovsdp_vm::guest::{arrivals, blast, clock, first_reply, init, sandbox};
use ovsdp_vm::peers::manager;
use ovsdp_vm::suites::bench;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["run", name, log] => sandbox::run(name, Path::new(log)),
        ["hold", name] => sandbox::hold(name),
        ["clock", file] => clock::run(file, false),
        ["clock", file, "silent"] => clock::run(file, true),
        ["peak", ref command @ ..] => clock::peak(command),
        ["first-reply", address] => first_reply::run(address),
        ["blast", interface, ref traffic @ ..] => blast::run(interface, traffic),
        ["arrivals", interface, count, quiet] => arrivals::run(interface, count, quiet),
        ["manager", ref words @ ..] => manager::run(words),
        ["bare-handler", datapath, a, b] => bench::bare_handler(datapath, a, b),
        ["flows", shape, from, to] => bench::print_flows(shape, from, to),
        ["bare-dump", extent, datapath] => bench::bare_dump(extent, datapath, false),
        ["bare-dump", extent, datapath, "count"] => bench::bare_dump(extent, datapath, true),
        _ if std::process::id() == 1 => init::run().inspect_err(|error| {
            eprintln!("the guest's PID 1: {error:#}");
            let _ = init::power_off();
        }),
        _ => Err(anyhow::anyhow!("this is PID 1 of a guest: `cargo vm` puts it where it belongs")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
