//! Who this machine is: its id and its name.

use std::fs;

/// The machine's id: 16 bytes that stay the same over reboots. From `/etc/machine-id` (machine-id(5)), else D-Bus's copy,
/// else derived from the host name, so that an appliance without either still has a stable one.
pub fn id() -> [u8; 16] {
    for path in ["/etc/machine-id", "/var/lib/dbus/machine-id"] {
        if let Some(id) = fs::read_to_string(path).ok().and_then(|text| parse(text.trim())) {
            return id;
        }
    }
    // FNV-1a, twice with different starts: any fixed hash does, it only must never change.
    let name = host_name();
    let half = |start: u64| name.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let (high, low) = (half(0xcbf2_9ce4_8422_2325), half(0x8422_2325_cbf2_9ce4));
    ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
}

fn parse(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 {
        return None;
    }
    Some(u128::from_str_radix(text, 16).ok()?.to_be_bytes())
}

/// The machine's id in the form of a UUID.
pub fn uuid() -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(id()));
    let part = |range| hex.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

/// The host name as the kernel has it; empty when it has none.
pub fn host_name() -> String {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_id_is_32_hexadecimal_digits() {
        assert_eq!(parse("000102030405060708090a0b0c0d0e0f").unwrap()[15], 0x0f);
        assert_eq!(parse("uninitialized"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn the_uuid_is_stable_and_shaped_like_one() {
        assert_eq!(uuid(), uuid());
        assert_eq!(uuid().split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    }
}
