//! LACP, the protocol by which two systems agree which of the links between them are one (IEEE 802.1AX, clause 6), as Open
//! vSwitch speaks it: one [`Lacp`] for each port, with a member for each of its interfaces.
//!
//! ```text
//! a frame of type 0x8809 ─→ Lacp::receive      machine.rs, pdu.rs
//! carrier                ─→ Lacp::set_carrier
//! time                   ─→ Lacp::run ─→ PDUs to send; which members may carry packets    select.rs
//! a person               ─→ Lacp::show, show_stats                                       show.rs
//! ```
//!
//! It must not know bonds, the datapath or clocks: time is passed in, and what to send is handed to the caller.

mod machine;
mod pdu;
mod select;
mod show;

pub use machine::{Counts, Lacp, Member, Received, Settings};
pub use pdu::{FRAME_LEN, Info, PDU_LEN, Pdu, SLOW_PROTOCOLS, State, Unreadable, frame};
