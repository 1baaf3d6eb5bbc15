//! The `ovsdp` binary: the command line's words become one call.

use std::process::ExitCode;

use ovsdp::{agent, cli};

fn main() -> ExitCode {
    if let Some(done) = cli::as_another(std::env::args_os()) {
        return done;
    }
    cli::main(|args| agent::run(&agent::Options { background: args.background, per_vport: args.per_vport, replace: args.replace }))
}
