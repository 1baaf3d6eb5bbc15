//! How a DHCP server is asked: who says to be asking, for how long, and what becomes of the lease in the end.
//!
//! It must not know messages or servers.

use serde::{Deserialize, Serialize};

/// How a DHCP server is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Asking {
    /// The name to give.
    pub name: HostName,
    /// Who the client is, where it is not the Ethernet address alone that says so (`DHCP_CLIENT_ID`).
    pub client_id: Option<ClientId>,
    /// What kind of client it is (`DHCP_VENDOR_CLASS_IDENTIFIER`), 1 to 255 bytes.
    pub vendor_class: Option<String>,
    /// How long the first lease is waited for, in seconds, 1 to [`super::LONGEST_WAIT`] (`IPV4_DHCP_TIMEOUT`); `None` leaves it to the agent.
    pub timeout_secs: Option<u16>,
    /// Whether to go on asking when that time is up, instead of failing (`PERSISTENT_DHCLIENT`).
    pub persistent: bool,
    /// Whether a lease that nobody needs any longer is given back to the server (`DHCPRELEASE`).
    pub release: bool,
}

impl Asking {
    /// Whether the server is told of an address that a device was made with.
    pub fn needs_permanent_mac(&self) -> bool {
        matches!(self.client_id, Some(ClientId::PermanentMac | ClientId::Duid(Iaid::PermanentMac)))
    }
}

impl Default for Asking {
    fn default() -> Self {
        Self { name: HostName::System, client_id: None, vendor_class: None, timeout_secs: None, persistent: false, release: true }
    }
}

/// The name a client gives.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostName {
    /// The host's own, up to its first dot.
    #[default]
    System,
    /// None at all (`DHCP_SEND_HOSTNAME=no`).
    Silent,
    /// This one (`DHCP_HOSTNAME`), 1 to 255 bytes.
    Host(String),
    /// This one, as a domain's name for the server to enter (`DHCP_FQDN`): labels of 1 to 63 bytes, 253 in all.
    Full(String),
}

/// Who a client is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientId {
    /// The interface's Ethernet address, as an identifier.
    Mac,
    /// The Ethernet address that the interface's device was made with, as an identifier; see [`Iaid::PermanentMac`].
    PermanentMac,
    /// These bytes, 2 to 255; the first says of what type the others are.
    Bytes(Vec<u8>),
    /// The host as DHCPv6 servers know it, and which of its interfaces (RFC 4361).
    Duid(Iaid),
}

/// Which of a host's interfaces asks (`DHCP_IAID`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Iaid {
    /// A number made of its name, as DHCPv6 servers are told.
    Name,
    /// The last four bytes of its Ethernet address.
    Mac,
    /// The last four bytes of the Ethernet address that its device was made with; of an interface that a datapath makes, the device of the
    /// first port that the lease goes through and that has one.
    PermanentMac,
    /// This one.
    Number(u32),
}
