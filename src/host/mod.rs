//! This host as the plan sees it: what the kernel and a few files say, gathered for [`crate::plan`], and the small things
//! outside the kernel's tables that commands and agent share.
//!
//! It reads; whoever changes the host is the agent.

pub mod clients;
pub mod clock;
pub mod config;
pub mod convert;
mod fault;
pub mod firewall;
pub mod hardware;
pub mod iproute;
pub mod ipv6;
pub mod journal;
pub mod machine;
mod manager;
pub mod network_manager;
pub mod observe;
pub mod paths;
pub mod resolved;
pub mod resolver;
pub mod rows;
pub mod store;
pub mod surroundings;
pub mod udev;

pub use fault::of_step;
