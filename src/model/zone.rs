//! The firewall's zone that an interface is to be in.
//!
//! It must not know which zones a firewall has.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A zone of firewalld's (`ZONE`): one by its name, or whichever is its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone(String);

impl Zone {
    /// The zone called `name`, the default one when that is empty; `None` when no zone can be called so: firewalld takes letters, digits,
    /// `_`, `-` and `/`.
    pub fn new(name: &str) -> Option<Self> {
        name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/')).then(|| Self(name.to_owned()))
    }

    /// As firewalld is told it: the name, empty for the default zone.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, where `default` is the default zone's.
    pub fn name<'a>(&'a self, default: &'a str) -> &'a str {
        if self.0.is_empty() { default } else { &self.0 }
    }
}

/// As it reads in a sentence.
impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("the default zone") } else { write!(f, "the zone {}", self.0) }
    }
}
