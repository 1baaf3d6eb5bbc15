//! A further IPv4 address of an interface with a name of its own.
//!
//! It must not know where it was written down.

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// A further address. It is there however the interface gets its other ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// The address with its prefix length.
    pub address: Ipv4Net,
    /// What it is called (`IFA_LABEL`): the interface's name, a colon and more, 15 bytes at most.
    pub label: String,
}
