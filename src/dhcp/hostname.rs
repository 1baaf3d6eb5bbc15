//! The name a client gives the server: the policy of the initscripts, so that a lease taken over keeps its name.

/// The name to send when nothing else is configured: the system's host name up to its first dot, unless it says nothing
/// (`localhost`, `(none)`, empty). `ifup-eth` hands dhclient the same.
///
/// ```
/// use ovsdp::dhcp::host_name;
/// assert_eq!(host_name("web1.example.com").as_deref(), Some("web1"));
/// assert_eq!(host_name("localhost.localdomain"), None);
/// ```
pub fn host_name(system: &str) -> Option<String> {
    let short = system.trim().split('.').next().unwrap_or("");
    (!matches!(short, "" | "(none)") && !short.eq_ignore_ascii_case("localhost")).then(|| short.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_say_nothing_are_not_sent() {
        for silent in ["", " \n", "(none)", "localhost", "localhost.localdomain", "Localhost", ".example.com"] {
            assert_eq!(host_name(silent), None, "{silent:?}");
        }
        assert_eq!(host_name("web1\n").as_deref(), Some("web1"));
        assert_eq!(host_name("a.b.c").as_deref(), Some("a"));
    }
}
