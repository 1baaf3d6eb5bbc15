//! Who the client says to be. Pure.

/// What a client tells servers about itself. A server that knew a client by the first two must be told the same again, or it takes it for
/// another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who the host is, to every server ([`duid`]), 3 to 130 bytes.
    pub duid: Vec<u8>,
    /// Which of the host's interfaces it is about ([`iaid`]).
    pub iaid: u32,
    /// The name the server is to enter for the address (option 39, RFC 4704): labels of 1 to 63 bytes, 253 in all. One without a dot is the
    /// beginning of a name.
    pub name: Option<String>,
}

/// A DUID of a UUID (RFC 6355).
const DUID_UUID: u16 = 4;

/// FNV-1a with a start of one's own. It must not change between releases: a host would be another one to every server.
fn hash(start: u64, bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Who the host is, made of the machine's id. The id itself stays at home, as machine-id(5) asks: what is told is derived from it.
///
/// ```
/// use ovsdp::dhcp::v6::duid;
/// let duid = duid(&[7; 16]);
/// assert_eq!((duid.len(), &duid[..2]), (18, &[0, 4][..]));
/// ```
pub fn duid(machine: &[u8; 16]) -> Vec<u8> {
    let half = |start| hash(start, machine.iter().copied().chain(*b"DHCPv6 client"));
    let uuid = u128::from(half(0xcbf2_9ce4_8422_2325)) << 64 | u128::from(half(0x8422_2325_cbf2_9ce4));
    // Version 8, a UUID of one's own making (RFC 9562 5.8).
    let uuid = uuid & !(0xf << 76 | 0x3 << 62) | 0x8 << 76 | 0x2 << 62;
    [&DUID_UUID.to_be_bytes()[..], &uuid.to_be_bytes()[..]].concat()
}

/// Which of the host's interfaces it is, made of its name: a bridge's Ethernet address may become another one.
pub fn iaid(ifname: &str) -> u32 {
    let hash = hash(0xcbf2_9ce4_8422_2325, ifname.bytes());
    u32::try_from((hash >> 32) ^ (hash & 0xffff_ffff)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_one_is_stays() {
        // Written down: a release that says otherwise makes every host another one.
        let text: String = duid(&[7; 16]).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, "00048a95c19067dd88a9a63c2d57ab1d34fa");
        assert_ne!(duid(&[7; 16]), duid(&[8; 16]));
        assert_eq!(iaid("ovsbr0"), 0x421b_4929);
        assert_ne!(iaid("ovsbr0"), iaid("ovsbr1"));
    }
}
