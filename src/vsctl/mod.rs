//! The ovs-vsctl dialect, as `OVS_OPTIONS` and `OVS_EXTRA` have it: words become settings of a Port, Bridge or Interface row, and those
//! become the model's. Every column is either applied, recorded (kept, with no meaning here), or refused with the reason; the tables
//! say which (`columns`).
//!
//! Pure: words in, values out. It must not know files, the kernel or what is there already.

mod bridge;
mod columns;
mod command;
mod interface;
mod port;
mod setting;
mod value;

pub use bridge::{BridgeAsk, bridge};
pub use columns::{COLUMNS, Class, Column, Table};
pub use command::{Command, commands};
pub use interface::{InterfaceAsk, interface};
pub use port::{PortAsk, port};
pub use setting::{Setting, settings};

/// What is wrong with a word, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which word, counted from 0.
    pub word: usize,
    /// What is wrong with it.
    pub reason: String,
    /// What to do.
    pub help: String,
}

impl Fault {
    fn new(word: usize, reason: impl Into<String>, help: impl Into<String>) -> Self {
        Self { word, reason: reason.into(), help: help.into() }
    }
}
