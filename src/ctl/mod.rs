//! The control socket: the varlink interface `io.ovsdp`, its service side for the agent and its client side for commands.
//!
//! It carries requests and answers and nothing else: it must not know how a bridge is brought up, and holds no state.

pub mod api;
pub mod client;
pub mod handover;
pub mod metrics;
pub mod service;

/// What a detached agent says on its standard output once it answers on the socket; a line that is neither this nor begins with [`WAITING`]
/// is an [`Error`](crate::error::Error) as JSON.
pub const READY: &str = "ready";
/// What a line begins with that says what it does until then.
pub const WAITING: &str = "waiting: ";
