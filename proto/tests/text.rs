//! The language of flows: fixtures of every key and action, what `ovs-dpctl` printed, and random text and bytes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers may fail it")]

mod text {
    mod fixtures;
    mod generate;
    mod property;
}
