//! Bonds: several interfaces that are one port, as Open vSwitch has them. One [`Bond`] for each such port.
//!
//! ```text
//! carrier, LACP ─→ Bond::set_carrier, set_lacp ─→ run: which members carry packets, which is active   machine.rs
//! a packet in   ─→ Bond::admit: whether it may be one the network sent back                           admit.rs
//! a packet out  ─→ Bond::exit, exit_after: by which member                                            buckets.rs, hash.rs
//! flows' bytes  ─→ Bond::account ─→ run: buckets that move to a member with less to do                rebalance.rs
//! a failover    ─→ Bond::announcements_due, announcement: the network learns where stations are now   announce.rs
//! a person      ─→ Bond::show, set_active, …                                                          show.rs, command.rs
//! ```
//!
//! It must not know MAC tables, flows, the datapath or clocks.

mod admit;
mod announce;
mod buckets;
mod command;
mod hash;
mod machine;
mod rebalance;
mod show;

pub use admit::Verdict;
pub use announce::{Announcement, announcement};
pub use buckets::Exit;
pub use command::Refused;
pub use hash::hash_mac;
pub use machine::{Bond, LacpStatus, Member, Settings};
pub use show::LIST_HEADER;
