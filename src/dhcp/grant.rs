//! From a reply's options to a [`Lease`]: each value checked, since all of it is a stranger's word. Pure.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::lease::Lease;
use super::wire::{Reply, address, code, usable};

/// The shortest lease taken, in seconds: below that, renewing would be all the client does.
pub(super) const MIN_LEASE: u32 = 10;
/// dhclient's scripts take no smaller MTU from a server.
const MIN_MTU: u16 = 576;

/// The lease that `reply` grants, counted from `obtained` (seconds since 1970) and from `server` when the reply does not
/// name its own; `None` when its address, mask or time cannot be lived with.
pub(super) fn lease(reply: &Reply, server: Option<Ipv4Addr>, obtained: u64) -> Option<Lease> {
    let host = Some(reply.address).filter(usable)?;
    let address = match reply.option(code::MASK) {
        Some(mask) => Ipv4Net::with_netmask(host, self::address(mask)?).ok().filter(|net| net.prefix_len() > 0)?,
        None => Ipv4Net::new(host, class_prefix(host)).ok()?,
    };
    let broadcast = reply.option(code::BROADCAST).and_then(self::address).filter(|b| !b.is_unspecified());
    let routes = reply.option(code::ROUTES).and_then(routes).unwrap_or_default();
    let routers = if routes.is_empty() { addresses(reply.option(code::ROUTERS)) } else { Vec::new() };
    let (lease_secs, renew_secs, rebind_secs) = times(reply)?;
    Some(Lease {
        address,
        broadcast: broadcast.or_else(|| (address.prefix_len() < 31).then(|| address.broadcast())),
        routers,
        routes,
        dns: addresses(reply.option(code::DNS)),
        domain: reply.option(code::DOMAIN).and_then(domain),
        search: reply.option(code::SEARCH).and_then(search).unwrap_or_default(),
        mtu: reply.option(code::MTU).and_then(|v| Some(u16::from_be_bytes(v.try_into().ok()?))).filter(|mtu| *mtu >= MIN_MTU),
        server: reply.server.or(server)?,
        obtained,
        lease_secs,
        renew_secs,
        rebind_secs,
    })
}

/// Lease time, T1 and T2; the latter two by RFC 2131's shares when missing or out of order.
fn times(reply: &Reply) -> Option<(u32, u32, u32)> {
    let secs = |code| Some(u32::from_be_bytes(reply.option(code)?.try_into().ok()?));
    let lease = secs(code::LEASE_TIME).filter(|lease| *lease >= MIN_LEASE)?;
    let (half, most) = (lease / 2, lease - lease / 8);
    let (renew, rebind) = (secs(code::RENEWAL).unwrap_or(half), secs(code::REBINDING).unwrap_or(most));
    Some(if 0 < renew && renew < rebind && rebind < lease { (lease, renew, rebind) } else { (lease, half, most) })
}

/// The prefix length of an address's class.
fn class_prefix(address: Ipv4Addr) -> u8 {
    match address.octets()[0] {
        0..128 => 8,
        128..192 => 16,
        _ => 24,
    }
}

/// A list of addresses without those no host can have.
fn addresses(value: Option<&[u8]>) -> Vec<Ipv4Addr> {
    value.unwrap_or_default().chunks_exact(4).filter_map(address).filter(usable).collect()
}

/// Classless routes (RFC 3442); `None` when the value is not wholly such.
fn routes(mut value: &[u8]) -> Option<Vec<(Ipv4Net, Ipv4Addr)>> {
    let mut routes = Vec::new();
    while let [prefix, rest @ ..] = value {
        let (bytes, rest) = rest.split_at_checked(usize::from(*prefix).div_ceil(8))?;
        let (gateway, rest) = rest.split_at_checked(4)?;
        let mut target = [0; 4];
        target.get_mut(..bytes.len())?.copy_from_slice(bytes);
        routes.push((Ipv4Net::new(target.into(), *prefix).ok()?.trunc(), address(gateway)?));
        value = rest;
    }
    Some(routes)
}

/// A domain's name, closing dot and zero bytes dropped; `None` when it holds what a resolver's file must not.
fn domain(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.trim_end_matches('\0').trim_end_matches('.');
    is_domain(text).then(|| text.to_owned())
}

fn is_domain(text: &str) -> bool {
    !text.is_empty() && text.len() <= 253 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// A search list (RFC 3397): names as DNS packs them, pointers only backwards; `None` when the value is not wholly such.
pub(super) fn search(value: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut at = 0;
    while at < value.len() {
        let (name, next) = packed_name(value, at)?;
        names.push(name);
        at = next;
    }
    Some(names)
}

/// The name at `start` and where the next one begins.
fn packed_name(value: &[u8], start: usize) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut at = start;
    let mut next = None;
    loop {
        let len = usize::from(*value.get(at)?);
        match len {
            0 => break,
            1..64 => {
                let label = std::str::from_utf8(value.get(at + 1..at + 1 + len)?).ok()?;
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(label);
                at += 1 + len;
            }
            // Every jump goes before the last one's target or the name outgrows its limit, so this ends.
            192.. => {
                let target = (len & 0x3f) << 8 | usize::from(*value.get(at + 1)?);
                next = next.or(Some(at + 2));
                at = Some(target).filter(|target| *target < at)?;
            }
            _ => return None,
        }
        if name.len() > 253 {
            return None;
        }
    }
    is_domain(&name).then_some((name, next.unwrap_or(at + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classless_routes_of_every_width() {
        let value = [0, 10, 0, 0, 1, 8, 10, 0, 0, 0, 0, 24, 192, 168, 7, 10, 0, 0, 2, 25, 192, 168, 8, 255, 10, 0, 0, 3, 32, 1, 2, 3, 4, 10, 0, 0, 4];
        let text: Vec<_> = routes(&value).unwrap().into_iter().map(|(net, via)| format!("{net} {via}")).collect();
        assert_eq!(text, ["0.0.0.0/0 10.0.0.1", "10.0.0.0/8 0.0.0.0", "192.168.7.0/24 10.0.0.2", "192.168.8.128/25 10.0.0.3", "1.2.3.4/32 10.0.0.4"]);
        for bad in [&value[..value.len() - 1], &[33, 1, 2, 3, 4, 5, 1, 2, 3, 4], &[24, 1]] {
            assert_eq!(routes(bad), None);
        }
    }

    #[test]
    fn search_lists_with_pointers() {
        let value = b"\x03eng\x05apple\x03com\x00\x09marketing\xc0\x04";
        assert_eq!(search(value).unwrap(), ["eng.apple.com", "marketing.apple.com"]);
        for bad in [&b"\xc0\x00"[..], b"\x01a\xc0\x00", b"\x05ab", b"\x01a", b"\x02a\n\x00", b"\x80"] {
            assert_eq!(search(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_domain_cannot_write_a_resolvers_file() {
        assert_eq!(domain(b"example.com.\0").as_deref(), Some("example.com"));
        assert_eq!(domain(b"example.com\nnameserver 6.6.6.6"), None);
        assert_eq!(domain(b"\xff"), None);
    }
}
