//! The API suites are written with: a clean [`World`], [`Host`]s in it, and what runs in them.
//!
//! Everything here drives real tools (`ip`, `ping`, `tcpdump`, `nsenter`) and records each command with its output in
//! the test's log, which a person sees only when the test fails. It must not know ovsdp: the suites do.

pub mod arrivals;
pub mod blast;
mod capture;
pub mod clock;
mod command;
pub mod first_reply;
mod gate;
mod host;
pub mod init;
mod klog;
mod log;
mod ping;
mod process;
pub mod sandbox;
mod terminal;
mod wait;
pub mod wire;
mod world;

pub use arrivals::{Arrivals, Arrived};
pub use blast::{Blast, Sent, Traffic};
pub use capture::Capture;
pub use clock::Timed;
pub use command::Output;
pub use first_reply::FirstReply;
pub use gate::{Gate, Then};
pub use host::Host;
pub use log::Log;
pub use ping::{PingReport, PingStream};
pub use process::Process;
pub use terminal::Terminal;
pub use wait::{eventually, uptime};
pub use wire::Wire;
pub use world::World;

/// The environment of everything a guest runs, and all of it.
const ENVIRONMENT: [(&str, &str); 4] = [("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("HOME", "/root"), ("LC_ALL", "C"), ("TERM", "linux")];

/// A command with the guest's environment and nothing on its stdin.
fn tool(program: &str) -> std::process::Command {
    let mut command = std::process::Command::new(program);
    command.env_clear().envs(ENVIRONMENT).stdin(std::process::Stdio::null());
    command
}
