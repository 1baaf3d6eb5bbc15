//! Who this machine is: its id and its name.

use std::fs::{self, File};
use std::io::Read;
use std::net::IpAddr;

use super::iproute;
use crate::ifcfg::Host;

/// As much of `/etc/hosts` as is read, in bytes.
const MAX_HOSTS: u64 = 1 << 20;

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

/// What `$(hostname)` in a file comes to. The full name is what `/etc/hosts` (hosts(5)) says, else the name itself when it
/// has a dot; no name server is asked, for while the network comes up there is none.
pub fn names() -> Host {
    let host = Host::new(host_name()).with_numbers(iproute::numbers());
    let mut hosts = Vec::new();
    let read = File::open("/etc/hosts").and_then(|file| file.take(MAX_HOSTS).read_to_end(&mut hosts));
    match read.ok().and_then(|_| canonical(&String::from_utf8_lossy(&hosts), host.name()).map(str::to_owned)) {
        Some(full) => host.with_fqdn(full),
        None => host,
    }
}

/// The first name on the first line of `hosts` that has `name` among its names, as the resolver reads that file.
fn canonical<'a>(hosts: &'a str, name: &str) -> Option<&'a str> {
    hosts.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_ascii_whitespace();
        words.next()?.parse::<IpAddr>().ok()?;
        let first = words.next()?;
        std::iter::once(first).chain(words).any(|word| word.eq_ignore_ascii_case(name)).then_some(first)
    })
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
    fn the_full_name_is_what_hostname_prints() {
        // What `hostname -f` of Debian 12 printed with each of these as /etc/hosts.
        for (hosts, full) in [
            ("127.0.0.1 localhost zz9", Some("localhost")),
            ("127.0.1.1 zz9.example.org zz9", Some("zz9.example.org")),
            ("127.0.1.1\tzz9", Some("zz9")),
            ("10.0.0.1 a.b ZZ9 #x", Some("a.b")),
            ("::1 six.example.org zz9\n127.0.0.1 four.example.org zz9", Some("six.example.org")),
            ("127.0.0.1 four.example.org zz9\n::1 six.example.org zz9", Some("four.example.org")),
            ("10.0.0.1 other # zz9", None),
            ("300.1.1.1 bad.example zz9\n10.0.0.2 good.example zz9", Some("good.example")),
            ("", None),
        ] {
            assert_eq!(canonical(hosts, "zz9"), full, "{hosts:?}");
        }
    }

    #[test]
    fn the_uuid_is_stable_and_shaped_like_one() {
        assert_eq!(uuid(), uuid());
        assert_eq!(uuid().split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    }
}
