//! The host's names, given from outside: `$(hostname)` is computed, not run.
//!
//! It must not ask the system; who calls does.

use super::numbers::Numbers;

/// What `hostname` would print, and what `ip` calls the kernel's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Host {
    name: String,
    fqdn: Option<String>,
    numbers: Numbers,
}

impl Host {
    /// A host called `name`; its full name is known when `name` has a dot.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let fqdn = name.contains('.').then(|| name.clone());
        Self { name, fqdn, numbers: Numbers::default() }
    }

    /// With the full name the resolver gives.
    #[must_use]
    pub fn with_fqdn(mut self, fqdn: impl Into<String>) -> Self {
        self.fqdn = Some(fqdn.into());
        self
    }

    /// With the host's own names for tables, scopes and protocols.
    #[must_use]
    pub fn with_numbers(mut self, numbers: Numbers) -> Self {
        self.numbers = numbers;
        self
    }

    /// What `ip` calls the kernel's numbers on this host.
    pub const fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// What `hostname` prints.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What `hostname -s` prints: the name up to its first dot.
    pub fn short(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }

    /// What `hostname -f` prints, when that is known.
    pub fn fqdn(&self) -> Option<&str> {
        self.fqdn.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let host = Host::new("a.example.org");
        assert_eq!((host.name(), host.short(), host.fqdn()), ("a.example.org", "a", Some("a.example.org")));
        assert_eq!(Host::new("a").fqdn(), None);
        assert_eq!(Host::new("a").with_fqdn("a.b").fqdn(), Some("a.b"));
    }
}
