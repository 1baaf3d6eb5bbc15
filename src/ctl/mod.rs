//! The control socket: the varlink interface `io.ovsdp`, its service side for the agent and its client side for commands.
//!
//! It carries requests and answers and nothing else: it must not know how a bridge is brought up, and holds no state.

pub mod api;
pub mod client;
pub mod service;
