//! The messages between host and guest: the [`Plan`] the host puts into the image, the [`Event`]s the guest sends back.
//!
//! Events travel over a serial line of their own, one JSON document a line behind [`PREFIX`]. What else appears on that
//! line (a kernel that prints there, an emulator's warning) does not carry the prefix and is not an event.

use serde::{Deserialize, Serialize};

/// What every event's line starts with.
pub const PREFIX: &str = "@ovsdp-vm ";

/// Where the plan lies in the guest.
pub const PLAN_PATH: &str = "/vm/plan.json";

/// Where the test binary of ovsdp's library lies in the guest, when a test wants it.
pub const LIBRARY_PATH: &str = "/vm/library";

/// Where the guest binary lies in the guest.
pub const GUEST_PATH: &str = "/vm/guest";

/// What one boot is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The terminal a person sits at, `/dev/ttyS0` for instance.
    pub console: String,
    /// The serial line events are written to.
    pub results: String,
    /// Kernel modules this boot must do without, by name.
    pub without_modules: Vec<String>,
    /// What to do once the guest is up.
    pub action: Action,
}

/// What the guest does once it is up.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Run the tests of these names in this order, each in a sandbox of its own. None at all proves that the guest boots.
    Tests(Vec<String>),
    /// Run one program of [`crate::registry::programs`] and pass on what it prints.
    Program(String),
    /// Give the person at the console a shell.
    Shell,
}

/// What the guest tells the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// PID 1 is up and has read its plan.
    Booted {
        /// The kernel's release, as in `uname -r`.
        release: String,
        /// Since the kernel started.
        uptime_ms: u64,
    },
    /// A test begins.
    Started {
        /// The test's name.
        name: String,
    },
    /// A line for the person, from a program.
    Text {
        /// Without its newline.
        line: String,
    },
    /// A test, or the program, ended.
    Finished {
        /// The test's name.
        name: String,
        /// Whether it did what it promises.
        passed: bool,
        /// How long it took.
        millis: u64,
        /// Everything it ran, with output, and the kernel's messages meanwhile. Empty when it passed.
        log: String,
    },
    /// Nothing more will come: the guest powers off.
    Done,
}

impl Event {
    /// The line to write, with prefix and newline.
    ///
    /// # Errors
    /// When the event cannot be written as JSON, which no event here can cause.
    pub fn to_line(&self) -> serde_json::Result<String> {
        Ok(format!("{PREFIX}{}\n", serde_json::to_string(self)?))
    }

    /// The event in a line, if the line carries one. What stands before the prefix is noise of somebody else's.
    #[must_use]
    pub fn from_line(line: &str) -> Option<Event> {
        let (_, json) = line.split_once(PREFIX)?;
        serde_json::from_str(json.trim_end()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_its_line_and_noise_is_no_event() {
        let event = Event::Finished { name: "smoke::x".into(), passed: false, millis: 12, log: "a\n\"b\"\r\n".into() };
        let line = event.to_line().unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(Event::from_line(&line), Some(event.clone()));
        assert_eq!(Event::from_line(&format!("[    0.1] noise {}\r\n", line.trim_end())), Some(event));
        assert_eq!(Event::from_line("[    0.1] Linux version 6.1"), None);
        assert_eq!(Event::from_line("@ovsdp-vm {half"), None);
    }
}
