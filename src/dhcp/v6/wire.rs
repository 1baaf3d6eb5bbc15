//! DHCPv6 messages as bytes (RFC 8415, 8 and 21). Pure.

use std::net::Ipv6Addr;
use std::time::Duration;

use super::super::identity::labels;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Solicit = 1,
    Advertise = 2,
    Request = 3,
    Confirm = 4,
    Renew = 5,
    Rebind = 6,
    Reply = 7,
    Release = 8,
    Decline = 9,
    InformationRequest = 11,
}

/// Options' numbers.
pub(super) mod code {
    pub(in super::super) const CLIENT_ID: u16 = 1;
    pub(in super::super) const SERVER_ID: u16 = 2;
    pub(in super::super) const IA_NA: u16 = 3;
    pub(in super::super) const IA_ADDRESS: u16 = 5;
    pub(in super::super) const WANTED: u16 = 6;
    pub(in super::super) const PREFERENCE: u16 = 7;
    pub(in super::super) const ELAPSED: u16 = 8;
    pub(in super::super) const STATUS: u16 = 13;
    pub(in super::super) const DNS: u16 = 23;
    pub(in super::super) const SEARCH: u16 = 24;
    pub(in super::super) const REFRESH: u16 = 32;
    pub(in super::super) const FQDN: u16 = 39;
    pub(in super::super) const SOLICIT_LONGEST: u16 = 82;
    pub(in super::super) const INFORMATION_LONGEST: u16 = 83;
}

/// What a status option says (RFC 8415, 21.13).
pub(super) mod status {
    pub(in super::super) const SUCCESS: u16 = 0;
    pub(in super::super) const NO_ADDRESSES: u16 = 2;
    pub(in super::super) const NO_BINDING: u16 = 3;
    pub(in super::super) const NOT_ON_LINK: u16 = 4;
}

/// The most bytes a DUID has: its type and 128 more.
const LONGEST_DUID: usize = 130;
/// The server is to enter the address for the name (S).
const FQDN_FLAGS: u8 = 0b001;

/// A message to servers.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) kind: Kind,
    /// The exchange's number, 24 bits.
    pub(super) xid: u32,
    /// How long the exchange has been going on.
    pub(super) elapsed: Duration,
    pub(super) duid: &'a [u8],
    /// The one server that is meant.
    pub(super) server: Option<&'a [u8]>,
    /// The association that it is about, and the address in it.
    pub(super) association: Option<(u32, Option<Ipv6Addr>)>,
    pub(super) name: Option<&'a str>,
}

impl Question<'_> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let [_, xid @ ..] = self.xid.to_be_bytes();
        let mut message = vec![self.kind as u8];
        message.extend_from_slice(&xid);
        put(&mut message, code::CLIENT_ID, self.duid);
        if let Some(server) = self.server {
            put(&mut message, code::SERVER_ID, server);
        }
        let hundredths = u16::try_from(self.elapsed.as_millis() / 10).unwrap_or(u16::MAX);
        put(&mut message, code::ELAPSED, &hundredths.to_be_bytes());
        if let Some((iaid, address)) = self.association {
            // The times are the server's to choose.
            let mut value = [&iaid.to_be_bytes()[..], &[0; 8]].concat();
            if let Some(address) = address {
                put(&mut value, code::IA_ADDRESS, &[&address.octets()[..], &[0; 8]].concat());
            }
            put(&mut message, code::IA_NA, &value);
        }
        let wanted: &[u16] = match self.kind {
            Kind::Solicit | Kind::Request | Kind::Renew | Kind::Rebind => &[code::DNS, code::SEARCH, code::SOLICIT_LONGEST],
            Kind::InformationRequest => &[code::DNS, code::SEARCH, code::REFRESH, code::INFORMATION_LONGEST],
            _ => &[],
        };
        if !wanted.is_empty() {
            let value: Vec<u8> = wanted.iter().flat_map(|code| code.to_be_bytes()).collect();
            put(&mut message, code::WANTED, &value);
            if let Some(name) = self.name.filter(|_| self.kind != Kind::InformationRequest) {
                put(&mut message, code::FQDN, &[&[FQDN_FLAGS][..], &labels(name)].concat());
            }
        }
        message
    }
}

fn put(message: &mut Vec<u8>, code: u16, value: &[u8]) {
    // Everything put here is far shorter.
    let Ok(len) = u16::try_from(value.len()) else { return };
    message.extend_from_slice(&code.to_be_bytes());
    message.extend_from_slice(&len.to_be_bytes());
    message.extend_from_slice(value);
}

/// A message from a server, in which every option is whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer<'a> {
    /// [`Kind::Advertise`] or [`Kind::Reply`].
    pub(super) kind: Kind,
    pub(super) xid: u32,
    /// Who the server is.
    pub(super) server: &'a [u8],
    /// Who is answered.
    pub(super) client: &'a [u8],
    options: &'a [u8],
}

/// One address of an association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Granted {
    pub(super) address: Ipv6Addr,
    pub(super) preferred: u32,
    pub(super) valid: u32,
    pub(super) status: u16,
}

/// An association of addresses (IA_NA).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Association {
    pub(super) renew: u32,
    pub(super) rebind: u32,
    pub(super) status: u16,
    pub(super) addresses: Vec<Granted>,
}

impl<'a> Answer<'a> {
    /// Reads a message; `None` when it is no server's answer or not whole, or does not say who answers whom.
    pub(super) fn decode(message: &'a [u8]) -> Option<Self> {
        let (head, options) = message.split_at_checked(4)?;
        let kind = match head.first()? {
            2 => Kind::Advertise,
            7 => Kind::Reply,
            _ => return None,
        };
        let xid = u32::from_be_bytes(head.try_into().ok()?) & 0x00ff_ffff;
        if !is_whole(options) {
            return None;
        }
        let duid = |code| first(options, code).filter(|duid| (1..=LONGEST_DUID).contains(&duid.len()));
        Some(Self { kind, xid, server: duid(code::SERVER_ID)?, client: duid(code::CLIENT_ID)?, options })
    }

    /// An option's value; of several the first.
    pub(super) fn option(&self, code: u16) -> Option<&'a [u8]> {
        first(self.options, code)
    }

    /// A number of 32 bits.
    pub(super) fn number(&self, code: u16) -> Option<u32> {
        Some(u32::from_be_bytes(self.option(code)?.try_into().ok()?))
    }

    /// What it says of the message as a whole.
    pub(super) fn status(&self) -> u16 {
        status_of(self.options)
    }

    /// The association `iaid`.
    pub(super) fn association(&self, iaid: u32) -> Option<Association> {
        each(self.options).filter(|(code, _)| *code == code::IA_NA).find_map(|(_, value)| {
            let (head, options) = value.split_at_checked(12)?;
            if number(head, 0)? != iaid || !is_whole(options) {
                return None;
            }
            let addresses = each(options).filter(|(code, _)| *code == code::IA_ADDRESS).filter_map(|(_, value)| granted(value)).collect();
            Some(Association { renew: number(head, 4)?, rebind: number(head, 8)?, status: status_of(options), addresses })
        })
    }
}

fn granted(value: &[u8]) -> Option<Granted> {
    let (address, rest) = value.split_first_chunk::<16>()?;
    let (times, options) = rest.split_at_checked(8)?;
    let granted = Granted { address: Ipv6Addr::from(*address), preferred: number(times, 0)?, valid: number(times, 4)?, status: status_of(options) };
    is_whole(options).then_some(granted)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn status_of(options: &[u8]) -> u16 {
    let code = first(options, code::STATUS).and_then(|value| value.first_chunk::<2>());
    code.map_or(status::SUCCESS, |code| u16::from_be_bytes(*code))
}

fn first(options: &[u8], wanted: u16) -> Option<&[u8]> {
    each(options).find(|(code, _)| *code == wanted).map(|(_, value)| value)
}

/// An option's number and value.
type Item<'a> = (u16, &'a [u8]);

/// The first option of `options` and what follows; `None` at their end, and where an option is cut off.
fn split(options: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let (code, rest) = options.split_first_chunk::<2>()?;
    let (len, rest) = rest.split_first_chunk::<2>()?;
    let (value, rest) = rest.split_at_checked(u16::from_be_bytes(*len).into())?;
    Some(((u16::from_be_bytes(*code), value), rest))
}

fn each(mut options: &[u8]) -> impl Iterator<Item = Item<'_>> {
    std::iter::from_fn(move || {
        let (option, rest) = split(options)?;
        options = rest;
        Some(option)
    })
}

fn is_whole(mut options: &[u8]) -> bool {
    while let Some((_, rest)) = split(options) {
        options = rest;
    }
    options.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solicit_byte_by_byte() {
        let question = Question {
            kind: Kind::Solicit,
            xid: 0xaabbcc,
            elapsed: Duration::from_millis(1230),
            duid: &[0, 4, 9],
            server: None,
            association: Some((7, Some("2001:db8::5".parse().unwrap()))),
            name: Some("web1.example.org"),
        };
        let mut expected = vec![1, 0xaa, 0xbb, 0xcc, 0, 1, 0, 3, 0, 4, 9, 0, 8, 0, 2, 0, 123, 0, 3, 0, 40, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0];
        expected.extend([0, 5, 0, 24, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([0, 6, 0, 6, 0, 23, 0, 24, 0, 82]);
        expected.extend(b"\x00\x27\x00\x13\x01\x04web1\x07example\x03org\x00");
        assert_eq!(question.encode(), expected);
        let long = Question { elapsed: Duration::from_secs(10_000), association: None, name: Some("web1"), ..question };
        assert!(long.encode().windows(6).any(|bytes| bytes == [0, 8, 0, 2, 0xff, 0xff]), "as much as there is room for");
        assert!(long.encode().ends_with(b"\x00\x27\x00\x06\x01\x04web1"), "the beginning of a name");
    }

    #[test]
    fn what_is_cut_off_or_says_too_little_is_no_answer() {
        let whole = [7, 1, 2, 3, 0, 1, 0, 1, 9, 0, 2, 0, 1, 8];
        let answer = Answer::decode(&whole).unwrap();
        assert_eq!((answer.kind, answer.xid, answer.client, answer.server), (Kind::Reply, 0x010203, &[9][..], &[8][..]));
        for len in 0..whole.len() {
            assert!(Answer::decode(&whole[..len]).is_none(), "{len}");
        }
        assert!(Answer::decode(&[&[1], &whole[1..]].concat()).is_none(), "another client's question");
        assert!(Answer::decode(&[7, 1, 2, 3, 0, 1, 0, 1, 9, 0, 2, 0, 0]).is_none(), "a server without a name");
    }
}
