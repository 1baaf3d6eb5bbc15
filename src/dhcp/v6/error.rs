//! Why there is no lease, in words for a person.

use std::net::Ipv6Addr;

use ovsdp_proto::IfName;

/// Why a client ended without a first lease.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}", what = self.text())]
pub struct Error {
    /// The interface asked on.
    pub ifname: IfName,
    /// How long it was asked, in seconds.
    pub secs: u64,
    /// The reason.
    pub cause: Cause,
}

/// The reason there is no lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// No server said anything.
    Silence,
    /// A server offered an address and then neither granted nor refused it.
    Unfinished(Ipv6Addr),
    /// A server has no address to give.
    Exhausted(Ipv6Addr),
    /// A server refused what was asked of it, more than once.
    Refused(Ipv6Addr),
    /// The interface has no link-local address that may be used, so nobody could be asked.
    NoLinkLocal,
    /// Asking itself failed: the kernel's words.
    Io(String),
    /// The kernel does not let this process open the client's port.
    NotPermitted,
}

impl Error {
    fn text(&self) -> String {
        let Self { ifname, secs, cause } = self;
        match cause {
            Cause::Silence => format!("no DHCPv6 server answered on {ifname} within {secs} s"),
            Cause::Unfinished(server) => {
                format!("the DHCPv6 server {server} offered {ifname} an address and did not grant it within {secs} s")
            }
            Cause::Exhausted(server) => format!("the DHCPv6 server {server} has no address for {ifname}, asked for {secs} s"),
            Cause::Refused(server) => format!("the DHCPv6 server {server} refused {ifname} a lease for {secs} s"),
            Cause::NoLinkLocal => format!("{ifname} has no link-local address to ask a DHCPv6 server from, waited for {secs} s"),
            Cause::Io(why) => format!("asking for a DHCPv6 lease on {ifname} failed for {secs} s: {why}"),
            Cause::NotPermitted => format!("asking for a DHCPv6 lease on {ifname} needs port 546, which is not permitted"),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self.cause {
            Cause::Silence => {
                "see that the bridge's uplink is attached and has carrier, that the server serves this network, and that the packet filter lets \
                 answers in (UDP to port 546)"
            }
            Cause::Unfinished(_) => "see the server's log: its pool may be exhausted, or another server may answer in its place",
            Cause::Exhausted(_) => "see the server's log: its pool may be exhausted, or it may serve only hosts it knows",
            Cause::Refused(_) => "see the server's log: the address asked for may belong to another host or network",
            Cause::NoLinkLocal => "see `ip -6 addr`: IPv6 may be off for it, or somebody else has its address (dadfailed)",
            Cause::Io(_) => "see that the interface exists and is up",
            Cause::NotPermitted => "run the agent as root or give it CAP_NET_BIND_SERVICE and CAP_NET_RAW",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_a_sentence() {
        let error = |cause| Error { ifname: IfName::new("ovsbr0").unwrap(), secs: 30, cause };
        assert_eq!(error(Cause::Silence).to_string(), "no DHCPv6 server answered on ovsbr0 within 30 s");
        let server = "fe80::1".parse().unwrap();
        assert_eq!(error(Cause::Exhausted(server)).to_string(), "the DHCPv6 server fe80::1 has no address for ovsbr0, asked for 30 s");
        assert!(error(Cause::NoLinkLocal).hint().contains("dadfailed"));
    }
}
