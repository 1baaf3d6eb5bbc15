//! Open vSwitch bridges from ifcfg files: the library behind the `ovsdp` binary.

pub mod dp;
pub mod nl;
pub mod rtnl;
