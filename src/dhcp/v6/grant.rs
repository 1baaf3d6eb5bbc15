//! From a reply's options to a [`Lease`]: each value checked, since all of it is a stranger's word. Pure.

use std::net::Ipv6Addr;

use super::super::grant::search;
use super::lease::Lease;
use super::wire::{Answer, Association, Granted, code, status};

/// The shortest lease taken, in seconds, and the soonest it is renewed: below that, renewing would be all the client does.
const MIN_LEASE: u32 = 10;
const MIN_RENEW: u32 = 5;
/// When to ask again for what is no lease, where the server does not say, and at the soonest (RFC 8415, 7.6).
const REFRESH: u32 = 86400;
const MIN_REFRESH: u32 = 600;

/// The address `association` grants that can be lived with: `wanted` where it is among them.
pub(super) fn address(association: &Association, wanted: Option<Ipv6Addr>) -> Option<Granted> {
    let timely = association.rebind == 0 || association.renew <= association.rebind;
    let mut usable = association.addresses.iter().filter(|granted| {
        let good = granted.status == status::SUCCESS && granted.preferred <= granted.valid && granted.valid >= MIN_LEASE;
        good && is_a_hosts(granted.address)
    });
    let any = usable.clone().next();
    usable.find(|granted| Some(granted.address) == wanted).or(any).copied().filter(|_| timely && association.status == status::SUCCESS)
}

/// The lease of the address `granted` in `answer`, which came from `server`, counted from `obtained` (seconds since 1970).
pub(super) fn lease(answer: &Answer<'_>, association: &Association, granted: Granted, server: Ipv6Addr, obtained: u64) -> Lease {
    let (renew_secs, rebind_secs) = times(association, granted);
    Lease {
        address: Some(granted.address),
        preferred_secs: granted.preferred,
        valid_secs: granted.valid,
        renew_secs,
        rebind_secs,
        ..information(answer, server, obtained)
    }
}

/// What `answer` says besides addresses.
pub(super) fn information(answer: &Answer<'_>, server: Ipv6Addr, obtained: u64) -> Lease {
    let secs = answer.number(code::REFRESH).unwrap_or(REFRESH).max(MIN_REFRESH);
    Lease {
        address: None,
        preferred_secs: 0,
        valid_secs: secs,
        dns: servers(answer.option(code::DNS)),
        search: answer.option(code::SEARCH).and_then(search).unwrap_or_default(),
        server,
        server_duid: answer.server.to_vec(),
        obtained,
        renew_secs: secs,
        rebind_secs: secs,
    }
}

/// T1 and T2; by RFC 8415's shares (14.2) where the server leaves them to the client, or says what cannot be.
fn times(association: &Association, granted: Granted) -> (u32, u32) {
    let base = if granted.preferred == 0 { granted.valid } else { granted.preferred };
    let share = |fifths: u32| if base == Lease::FOREVER { Lease::FOREVER } else { base / 5 * fifths + base % 5 * fifths / 5 };
    let half = if base == Lease::FOREVER { Lease::FOREVER } else { base / 2 };
    let or = |said: u32, own: u32| if said == 0 { own } else { said };
    let (renew, rebind) = (or(association.renew, half), or(association.rebind, share(4)));
    let (renew, rebind) = if renew <= rebind && (rebind <= granted.valid || rebind == Lease::FOREVER) { (renew, rebind) } else { (half, share(4)) };
    let renew = renew.max(MIN_RENEW);
    (renew, rebind.max(renew))
}

fn servers(value: Option<&[u8]>) -> Vec<Ipv6Addr> {
    let (chunks, _) = value.unwrap_or_default().as_chunks::<16>();
    // One on the link would have to be told with its interface, which a resolver's file of ours does not.
    chunks.iter().map(|octets| Ipv6Addr::from(*octets)).filter(|address| is_a_hosts(*address)).collect()
}

/// Whether a host can have the address, and be reached at it from beyond the link.
fn is_a_hosts(address: Ipv6Addr) -> bool {
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast() || address.is_unicast_link_local())
        && address.to_ipv4_mapped().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOREVER: u32 = Lease::FOREVER;

    fn granted(preferred: u32, valid: u32) -> Granted {
        Granted { address: "2001:db8::5".parse().unwrap(), preferred, valid, status: 0 }
    }

    fn association(renew: u32, rebind: u32, addresses: Vec<Granted>) -> Association {
        Association { renew, rebind, status: 0, addresses }
    }

    #[test]
    fn times_that_cannot_be_are_the_clients_own() {
        for (said, lifetimes, expected) in [
            ((0, 0), (100, 200), (50, 80)),
            ((30, 70), (100, 200), (30, 70)),
            ((30, 0), (100, 200), (30, 80)),
            ((0, 300), (100, 200), (50, 80)),
            ((1, 2), (100, 200), (5, 5)),
            ((0, 0), (0, 200), (100, 160)),
            ((0, 0), (FOREVER, FOREVER), (FOREVER, FOREVER)),
            ((FOREVER, FOREVER), (100, 200), (FOREVER, FOREVER)),
            ((60, 90), (FOREVER, FOREVER), (60, 90)),
        ] {
            let granted = granted(lifetimes.0, lifetimes.1);
            assert_eq!(times(&association(said.0, said.1, vec![granted]), granted), expected, "{said:?} {lifetimes:?}");
        }
    }

    #[test]
    fn addresses_that_can_be_lived_with() {
        let good = granted(100, 200);
        let other = Granted { address: "2001:db8::6".parse().unwrap(), ..good };
        assert_eq!(address(&association(0, 0, vec![good, other]), None), Some(good));
        assert_eq!(address(&association(0, 0, vec![good, other]), Some(other.address)), Some(other));
        assert_eq!(address(&association(0, 0, vec![granted(300, 200), other]), Some(good.address)), Some(other));
        for bad in ["::", "::1", "ff02::1", "fe80::1", "::ffff:1.2.3.4"] {
            assert_eq!(address(&association(0, 0, vec![Granted { address: bad.parse().unwrap(), ..good }]), None), None, "{bad}");
        }
        assert_eq!(address(&association(0, 0, vec![granted(0, 0)]), None), None);
        assert_eq!(address(&association(0, 0, vec![Granted { status: 1, ..good }]), None), None);
        assert_eq!(address(&association(9, 8, vec![good]), None), None, "T1 behind T2");
        assert_eq!(address(&Association { status: 2, ..association(0, 0, vec![good]) }, None), None);
    }
}
