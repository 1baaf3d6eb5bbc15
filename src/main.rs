//! The `ovsdp` binary: the command line's words become one call.

use std::process::ExitCode;

use ovsdp::{agent, cli};

fn main() -> ExitCode {
    cli::main(|args| agent::run(&agent::Options { background: args.background, per_vport: args.per_vport }))
}
