//! Why there is no lease, in words for a person.

use std::net::Ipv4Addr;

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
    Unfinished(Ipv4Addr),
    /// A server refused what was asked of it, more than once.
    Refused,
    /// Asking itself failed: the kernel's words.
    Io(String),
    /// The kernel does not let this process send raw frames.
    NotPermitted,
}

impl Error {
    fn text(&self) -> String {
        let Self { ifname, secs, cause } = self;
        match cause {
            Cause::Silence => format!("no DHCP server answered on {ifname} within {secs} s"),
            Cause::Unfinished(server) => {
                format!("the DHCP server {server} offered {ifname} an address and did not grant it within {secs} s")
            }
            Cause::Refused => format!("the DHCP server refused {ifname} a lease for {secs} s"),
            Cause::Io(why) => format!("asking for a DHCP lease on {ifname} failed for {secs} s: {why}"),
            Cause::NotPermitted => format!("asking for a DHCP lease on {ifname} needs a raw socket, which is not permitted"),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self.cause {
            Cause::Silence => {
                "see that the bridge's uplink is attached and has carrier, that the server serves this network, and that a switch \
                 on the way is not holding the port back (spanning tree)"
            }
            Cause::Unfinished(_) => "see the server's log: its pool may be exhausted, or another server may answer in its place",
            Cause::Refused => "see the server's log: the address asked for may belong to another host or network",
            Cause::Io(_) => "see that the interface exists and is up",
            Cause::NotPermitted => "run the agent as root or give it CAP_NET_RAW",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_a_sentence() {
        let error = Error { ifname: IfName::new("ovsbr0").unwrap(), secs: 30, cause: Cause::Silence };
        assert_eq!(error.to_string(), "no DHCP server answered on ovsbr0 within 30 s");
        assert!(error.hint().contains("uplink"));
    }
}
