//! DHCP messages (RFC 2131, RFC 2132): requests to bytes, replies from bytes. Pure.
//!
//! A reply comes from whoever is on the link. Nothing here trusts a length, and a bad option costs that option only,
//! never the ones behind it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ovsdp_proto::Mac;

use super::identity::{Identity, fqdn};

/// Option codes the client speaks of.
pub(super) mod code {
    pub(in crate::dhcp) const MASK: u8 = 1;
    pub(in crate::dhcp) const ROUTERS: u8 = 3;
    pub(in crate::dhcp) const DNS: u8 = 6;
    pub(in crate::dhcp) const HOST_NAME: u8 = 12;
    pub(in crate::dhcp) const DOMAIN: u8 = 15;
    pub(in crate::dhcp) const MTU: u8 = 26;
    pub(in crate::dhcp) const BROADCAST: u8 = 28;
    pub(in crate::dhcp) const REQUESTED: u8 = 50;
    pub(in crate::dhcp) const LEASE_TIME: u8 = 51;
    pub(in crate::dhcp) const OVERLOAD: u8 = 52;
    pub(in crate::dhcp) const KIND: u8 = 53;
    pub(in crate::dhcp) const SERVER: u8 = 54;
    pub(in crate::dhcp) const PARAMETERS: u8 = 55;
    pub(in crate::dhcp) const MAX_SIZE: u8 = 57;
    pub(in crate::dhcp) const VENDOR_CLASS: u8 = 60;
    pub(in crate::dhcp) const CLIENT_ID: u8 = 61;
    pub(in crate::dhcp) const FQDN: u8 = 81;
    pub(in crate::dhcp) const RENEWAL: u8 = 58;
    pub(in crate::dhcp) const REBINDING: u8 = 59;
    pub(in crate::dhcp) const SEARCH: u8 = 119;
    pub(in crate::dhcp) const ROUTES: u8 = 121;
}

/// What is asked for. Classless routes stand before routers, as RFC 3442 wants.
const WANTED: [u8; 11] = [
    code::MASK,
    code::BROADCAST,
    code::ROUTES,
    code::ROUTERS,
    code::DNS,
    code::DOMAIN,
    code::SEARCH,
    code::MTU,
    code::LEASE_TIME,
    code::RENEWAL,
    code::REBINDING,
];

const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// The fixed part, cookie excluded.
const HEADER: usize = 236;
const SNAME: std::ops::Range<usize> = 44..108;
const FILE: std::ops::Range<usize> = 108..HEADER;
/// BOOTP's message size: relays and old servers drop shorter ones.
const MIN_SIZE: usize = 300;
/// The largest reply taken: an Ethernet frame's worth of UDP.
const MAX_SIZE: u16 = 1472;

/// A message's type (option 53).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Discover = 1,
    Offer = 2,
    Request = 3,
    Decline = 4,
    Ack = 5,
    Nak = 6,
    Release = 7,
}

/// A message to a server. There is no client identifier among the options unless the identity has one: dhclient sends none on
/// Ethernet, and a server that knew the port by its address alone must know the bridge as the same client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) kind: Kind,
    pub(super) xid: u32,
    /// Seconds since the client began asking.
    pub(super) secs: u16,
    pub(super) mac: Mac,
    /// The address the client has and answers ARP for; 0.0.0.0 before it is bound.
    pub(super) client: Ipv4Addr,
    pub(super) requested: Option<Ipv4Addr>,
    pub(super) server: Option<Ipv4Addr>,
    pub(super) identity: &'a Identity,
}

impl Request<'_> {
    /// The message, without UDP's header.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(MIN_SIZE);
        out.extend_from_slice(&[1, 1, 6, 0]); // a request, over Ethernet, six bytes of address, no relay
        out.extend_from_slice(&self.xid.to_be_bytes());
        out.extend_from_slice(&self.secs.to_be_bytes());
        out.extend_from_slice(&[0, 0]); // no broadcast flag: a raw socket hears unicast too
        out.extend_from_slice(&self.client.octets());
        out.extend_from_slice(&[0; 12]);
        out.extend_from_slice(&self.mac.0);
        out.resize(HEADER, 0);
        out.extend_from_slice(&COOKIE);

        put(&mut out, code::KIND, &[self.kind as u8]);
        if let Some(server) = self.server {
            put(&mut out, code::SERVER, &server.octets());
        }
        if let Some(requested) = self.requested {
            put(&mut out, code::REQUESTED, &requested.octets());
        }
        // Whoever had itself known by it must be known by it in every message (RFC 2131, 2).
        if let Some(id) = &self.identity.client_id {
            put(&mut out, code::CLIENT_ID, id);
        }
        if !matches!(self.kind, Kind::Release | Kind::Decline) {
            match (&self.identity.fqdn, &self.identity.hostname) {
                (Some(name), _) => put(&mut out, code::FQDN, &fqdn(name)),
                (None, Some(name)) => put(&mut out, code::HOST_NAME, name.as_bytes()),
                (None, None) => {}
            }
            if let Some(class) = &self.identity.vendor_class {
                put(&mut out, code::VENDOR_CLASS, class.as_bytes());
            }
            put(&mut out, code::MAX_SIZE, &MAX_SIZE.to_be_bytes());
            put(&mut out, code::PARAMETERS, &WANTED);
        }
        out.push(255);
        out.resize(out.len().max(MIN_SIZE), 0);
        out
    }
}

/// One option; a value too long for its length byte is left out.
fn put(out: &mut Vec<u8>, code: u8, value: &[u8]) {
    if let (Ok(len), false) = (u8::try_from(value.len()), value.is_empty()) {
        out.extend_from_slice(&[code, len]);
        out.extend_from_slice(value);
    }
}

/// A server's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) kind: Kind,
    pub(super) xid: u32,
    pub(super) mac: Mac,
    /// The address granted or offered (`yiaddr`).
    pub(super) address: Ipv4Addr,
    /// The server's identifier (option 54).
    pub(super) server: Option<Ipv4Addr>,
    options: BTreeMap<u8, Vec<u8>>,
}

impl Reply {
    /// The reply in `message`; `None` for whatever is not a server's offer, grant or refusal to an Ethernet client.
    pub(super) fn decode(message: &[u8]) -> Option<Self> {
        let header = message.get(..HEADER)?;
        if header.get(..3)? != [2, 1, 6] || message.get(HEADER..HEADER + 4)? != COOKIE {
            return None;
        }
        let mut options = BTreeMap::new();
        collect(message.get(HEADER + 4..)?, &mut options);
        // RFC 2132 9.3: the fields of the boot file's and the server's name may hold more options, in that order.
        let overload = options.get(&code::OVERLOAD).and_then(|v| v.first()).copied().unwrap_or(0);
        if overload & 1 != 0 {
            collect(header.get(FILE)?, &mut options);
        }
        if overload & 2 != 0 {
            collect(header.get(SNAME)?, &mut options);
        }
        let kind = match *options.get(&code::KIND)?.as_slice() {
            [2] => Kind::Offer,
            [5] => Kind::Ack,
            [6] => Kind::Nak,
            _ => return None,
        };
        Some(Self {
            kind,
            xid: u32::from_be_bytes(header.get(4..8)?.try_into().ok()?),
            mac: Mac(header.get(28..34)?.try_into().ok()?),
            address: address(header.get(16..20)?)?,
            server: options.get(&code::SERVER).and_then(|v| address(v)).filter(usable),
            options,
        })
    }

    /// The value of an option, its parts joined (RFC 3396).
    pub(super) fn option(&self, code: u8) -> Option<&[u8]> {
        self.options.get(&code).map(Vec::as_slice)
    }
}

/// An address some host can have.
pub(super) fn usable(address: &Ipv4Addr) -> bool {
    !(address.octets()[0] == 0 || address.is_loopback() || address.is_multicast() || address.octets()[0] >= 240)
}

/// Four bytes as an address.
pub(super) fn address(bytes: &[u8]) -> Option<Ipv4Addr> {
    Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?))
}

/// Adds the options of one field. A length that leaves the field ends it.
fn collect(mut field: &[u8], options: &mut BTreeMap<u8, Vec<u8>>) {
    loop {
        match field {
            [0, rest @ ..] => field = rest,
            [] | [255, ..] | [_] => return,
            [code, len, rest @ ..] => {
                let Some((value, rest)) = rest.split_at_checked(usize::from(*len)) else { return };
                options.entry(*code).or_default().extend_from_slice(value);
                field = rest;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discover_has_no_client_identifier() {
        let ask = Request {
            kind: Kind::Discover,
            xid: 0x0102_0304,
            secs: 3,
            mac: Mac([2, 0, 0, 0, 0, 9]),
            client: Ipv4Addr::UNSPECIFIED,
            requested: Some(Ipv4Addr::new(172, 16, 3, 140)),
            server: None,
            identity: &Identity { hostname: Some("web1".to_owned()), ..Identity::default() },
        };
        let bytes = ask.encode();
        assert_eq!(bytes.len(), 300);
        assert_eq!(bytes[..12], [1, 1, 6, 0, 1, 2, 3, 4, 0, 3, 0, 0]);
        assert_eq!(bytes[28..34], [2, 0, 0, 0, 0, 9]);
        let mut options = BTreeMap::new();
        collect(&bytes[240..], &mut options);
        assert_eq!(options.keys().copied().collect::<Vec<_>>(), [12, 50, 53, 55, 57]);
        assert_eq!(options[&12], b"web1");
        assert_eq!(options[&50], [172, 16, 3, 140]);
    }

    #[test]
    fn the_identity_goes_with_every_message() {
        let identity = Identity {
            hostname: Some("web1".to_owned()),
            fqdn: Some("web1.example.org".to_owned()),
            client_id: Some(vec![0, b'i', b'd']),
            vendor_class: Some("rack".to_owned()),
        };
        let options = |kind| {
            let nobody = Ipv4Addr::UNSPECIFIED;
            let request = Request { kind, xid: 1, secs: 0, mac: Mac::ZERO, client: nobody, requested: None, server: None, identity: &identity };
            let mut options = BTreeMap::new();
            collect(&request.encode()[240..], &mut options);
            options
        };
        for kind in [Kind::Discover, Kind::Request] {
            let options = options(kind);
            assert_eq!(options.keys().copied().collect::<Vec<_>>(), [53, 55, 57, 60, 61, 81], "no host name beside the full one");
            assert_eq!((&options[&60][..], &options[&61][..]), (&b"rack"[..], &b"\0id"[..]));
        }
        assert_eq!(options(Kind::Release).keys().copied().collect::<Vec<_>>(), [53, 61]);
    }

    #[test]
    fn a_release_says_only_who_and_to_whom() {
        let at = Ipv4Addr::new(10, 0, 0, 2);
        let bytes = Request {
            kind: Kind::Release,
            xid: 1,
            secs: 0,
            mac: Mac::ZERO,
            client: at,
            requested: None,
            server: Some(Ipv4Addr::new(10, 0, 0, 1)),
            identity: &Identity { hostname: Some("x".to_owned()), vendor_class: Some("y".to_owned()), ..Identity::default() },
        }
        .encode();
        let mut options = BTreeMap::new();
        collect(&bytes[240..], &mut options);
        assert_eq!(options.keys().copied().collect::<Vec<_>>(), [53, 54]);
        assert_eq!(bytes[12..16], at.octets());
    }

    #[test]
    fn options_spill_into_both_names_and_are_joined() {
        let mut message = vec![0; HEADER];
        message[..3].copy_from_slice(&[2, 1, 6]);
        message[FILE][..6].copy_from_slice(&[6, 4, 1, 1, 1, 1]);
        message[SNAME][..4].copy_from_slice(&[15, 2, b'a', b'b']);
        message.extend_from_slice(&COOKIE);
        message.extend_from_slice(&[53, 1, 5, 52, 1, 3, 6, 4, 8, 8, 8, 8, 0, 0, 99, 200, 1]);
        let reply = Reply::decode(&message).unwrap();
        assert_eq!(reply.option(6), Some(&[8, 8, 8, 8, 1, 1, 1, 1][..]));
        assert_eq!(reply.option(15), Some(&b"ab"[..]));
        assert_eq!(reply.option(99), None, "its length left the message");
        assert_eq!(reply.server, None);
    }
}
