//! What host and guest share: the table of suites, the messages between the two, and the API the suites are written with.
//!
//! The `ovsdp-vm` binary (`src/main.rs`, `src/host/`) runs on the developer's machine and only reads names and time
//! limits from the table; the `ovsdp-vm-guest` binary (`src/bin/guest.rs`) is PID 1 of the guest and runs what is in it.
//! Nothing in this library may touch the machine it was built on: it acts only inside a guest.

pub mod guest;
pub mod peers;
pub mod protocol;
pub mod registry;
pub mod suites;
