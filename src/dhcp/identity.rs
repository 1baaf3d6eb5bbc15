//! Who the client says to be. Pure.

/// What a client tells servers about itself besides its Ethernet address. A server that knew a client by one of these must be told the
/// same again, or it takes it for another one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// The host name (option 12), 1 to 255 bytes; see [`super::host_name`]. Not sent beside [`Self::fqdn`] (RFC 4702, 3.1).
    pub hostname: Option<String>,
    /// The domain's name the server is to enter for the address (option 81, RFC 4702): labels of 1 to 63 bytes, 253 in all.
    pub fqdn: Option<String>,
    /// The client identifier (option 61), 2 to 255 bytes. dhclient sends none on Ethernet.
    pub client_id: Option<Vec<u8>>,
    /// The vendor class (option 60), 1 to 255 bytes.
    pub vendor_class: Option<String>,
}

/// The client identifier of a host that DHCPv6 servers know by `duid` (2 to 130 bytes), for its interface `iaid` (RFC 4361 6.1).
pub fn of_duid(iaid: u32, duid: &[u8]) -> Vec<u8> {
    /// The type of such an identifier.
    const DUID: u8 = 255;
    [&[DUID][..], &iaid.to_be_bytes(), duid].concat()
}

/// The server is to enter the name and the address (S), and the name is as DNS packs it (E).
const FQDN_FLAGS: u8 = 0b0101;

/// The value of option 81 for `name`.
pub(super) fn fqdn(name: &str) -> Vec<u8> {
    [&[FQDN_FLAGS, 0, 0][..], &labels(name)].concat()
}

/// A domain's name as DNS packs it. One without a dot is only the beginning of one and has no end mark (RFC 4702 2.3.1, RFC 4704 4.2).
pub(super) fn labels(name: &str) -> Vec<u8> {
    let mut value = Vec::new();
    let name = name.trim_end_matches('.');
    for label in name.split('.') {
        if let Ok(len) = u8::try_from(label.len()) {
            value.push(len);
            value.extend_from_slice(label.as_bytes());
        }
    }
    if name.contains('.') {
        value.push(0);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_dhcpv6_servers_know_it() {
        assert_eq!(of_duid(0x0a0b_0c0d, &[0, 4, 1, 2]), [255, 10, 11, 12, 13, 0, 4, 1, 2]);
    }

    #[test]
    fn a_whole_name_ends_and_a_part_of_one_does_not() {
        assert_eq!(fqdn("web1.example.org"), b"\x05\0\0\x04web1\x07example\x03org\0");
        assert_eq!(fqdn("web1.example.org."), fqdn("web1.example.org"));
        assert_eq!(fqdn("web1"), b"\x05\0\0\x04web1");
    }
}
