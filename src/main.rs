//! The `ovsdp` binary.
fn main() {}
