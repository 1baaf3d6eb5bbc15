//! `SCOPE` and `BROADCAST`: how far the addresses of a file reach, and whom they stand opposite.
//!
//! `SCOPE` is what network-scripts put behind the device's name on `ip addr add`'s command line: here only the words that belong there are
//! read. It must not read the addresses beyond which number belongs to which.

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

use super::address::Ask;
use super::assign::Var;
use super::code::Code;
use super::diag::shown;
use super::settings::{Reader, Role};
use crate::model::Reach;

/// What to write instead.
const FORMS: &str = "write `SCOPE=\"scope link\"`, `host`, `site`, `global` or a number from 0 to 254 behind `scope`, or `SCOPE=\"peer 192.0.2.2\"`";

/// Reads both for the addresses of `ask`.
pub(super) fn read(reader: &mut Reader<'_>, role: Option<&Role>, ask: &Ask) -> Reach {
    let why = match (role, ask) {
        (Some(Role::Tunnel(..) | Role::Patch(..)), _) => Some("without a device of its own"),
        (Some(role), _) if role.is_uplink() => Some("on a port"),
        (_, Ask::Dhcp { .. }) => Some("beside DHCP: the server says how far its address reaches"),
        (_, Ask::Static(fixed)) if !fixed.addresses.is_empty() => None,
        _ => Some("without an address"),
    };
    if let Some(why) = why {
        without(reader, why);
        return Reach::default();
    }
    let mut reach = Reach::default();
    scope(reader, &mut reach, ask.addresses());
    for suffix in suffixes(reader) {
        let Some((_, at)) = reader.text(&format!("BROADCAST{suffix}")) else { continue };
        let own = reader.text(&format!("IPADDR{suffix}")).and_then(|(text, _)| text.parse::<Ipv4Addr>().ok());
        // An address that is not read has its own finding.
        let net = own.and_then(|own| ask.addresses().iter().find(|net| net.addr() == own));
        match net {
            Some(IpNet::V4(net)) => {
                let opposite = reach.peer.unwrap_or(*net);
                if let Some(broadcast) = broadcast(reader, &format!("BROADCAST{suffix}"), opposite) {
                    reach.broadcasts.insert(net.addr(), broadcast);
                }
            }
            _ if own.is_none() => {
                let message = format!("`BROADCAST{suffix}` has no effect without `IPADDR{suffix}`");
                reader.warning(Code::NoEffect, at, message, "remove it");
            }
            _ => {}
        }
    }
    reach
}

/// What stands behind `BROADCAST` in the names of variables.
fn suffixes(reader: &Reader<'_>) -> Vec<String> {
    reader.vars.iter().filter_map(|(name, _)| name.strip_prefix("BROADCAST")).map(str::to_owned).collect()
}

fn without(reader: &mut Reader<'_>, why: &str) {
    let keys = suffixes(reader).into_iter().map(|suffix| format!("BROADCAST{suffix}"));
    for key in std::iter::once("SCOPE".to_owned()).chain(keys) {
        if let Some((_, var)) = reader.text(&key).filter(|(_, var)| &*var.file == reader.file) {
            reader.warning(Code::NoEffect, var, format!("`{key}` has no effect {why}"), "remove it");
        }
    }
}

/// `BROADCAST`, of an address that leads to `opposite`: an address, or `+` and `-` for all host bits set and unset as `ip` has it.
pub(super) fn broadcast(reader: &mut Reader<'_>, key: &str, opposite: Ipv4Net) -> Option<Ipv4Addr> {
    let (text, var) = reader.text(key)?;
    let address = match text {
        // As it follows; two addresses and fewer have none.
        "+" => return None,
        "-" if opposite.prefix_len() > 30 => return None,
        "-" => opposite.network(),
        _ => match text.parse::<Ipv4Addr>() {
            Ok(address) => address,
            Err(_) => {
                let message = format!("`{}` is no IPv4 address", shown(text.as_bytes()));
                reader.error(Code::BadValue, var, message, format!("write such as `{key}={}`, or remove it: it follows", opposite.broadcast()));
                return None;
            }
        },
    };
    if !opposite.contains(&address) && !address.is_broadcast() {
        let message = format!("`{address}` is not in {}: the neighbours there do not listen to it", opposite.trunc());
        reader.warning(Code::BadValue, var, message, format!("write `{key}={}`, or remove it: it follows", opposite.broadcast()));
    }
    Some(address)
}

fn scope(reader: &mut Reader<'_>, reach: &mut Reach, addresses: &[IpNet]) {
    let Some((text, var)) = reader.text("SCOPE") else { return };
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    for pair in words.chunks(2) {
        let (known, what) = match pair {
            ["scope", word] => (number(word).map(|number| reach.scope = number).is_some(), *word),
            ["peer", word] => match peer(word) {
                Some(_) if addresses.len() > 1 => {
                    let message = "`peer` is the other end of one address, and there are several here";
                    reader.error(Code::BadValue, var, message, "keep one address in this file; the others can be aliases, `ifcfg-NAME:1`");
                    return;
                }
                Some(peer) if addresses.iter().any(|net| net.addr() == peer.addr()) => {
                    reader.error(Code::BadValue, var, format!("`{}` is the interface's own address", peer.addr()), "write the other end's");
                    return;
                }
                found => {
                    reach.peer = found;
                    (found.is_some(), *word)
                }
            },
            other => (false, other.first().copied().unwrap_or_default()),
        };
        if !known {
            refuse(reader, var, what);
            return;
        }
    }
}

fn refuse(reader: &mut Reader<'_>, var: &Var, what: &str) {
    let message = format!("`{}`: `SCOPE` takes `scope` and `peer`, each with its value", shown(what.as_bytes()));
    reader.error(Code::BadValue, var, message, FORMS);
}

/// A scope by the names every host has, or by its number; 255 is the kernel's word for nowhere.
fn number(word: &str) -> Option<u8> {
    match word {
        "global" => Some(0),
        "site" => Some(200),
        "link" => Some(253),
        "host" => Some(254),
        _ => word.parse().ok().filter(|number| *number < 255 && word.bytes().all(|b| b.is_ascii_digit())),
    }
}

/// The other end: alone when it has no prefix length.
fn peer(word: &str) -> Option<Ipv4Net> {
    let net = word.parse::<Ipv4Net>().ok().or_else(|| word.parse::<Ipv4Addr>().ok().map(Ipv4Net::from))?;
    let address = net.addr();
    (net.prefix_len() > 0 && !(address.is_unspecified() || address.is_multicast() || address.is_broadcast())).then_some(net)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_and_peers() {
        for (word, expected) in [("link", Some(253)), ("global", Some(0)), ("200", Some(200)), ("255", None), ("+1", None), ("LINK", None)] {
            assert_eq!(number(word), expected, "{word}");
        }
        assert_eq!(peer("192.0.2.2").unwrap().prefix_len(), 32);
        assert_eq!(peer("192.0.2.2/30").unwrap().prefix_len(), 30);
        for bad in ["", "eth0", "0.0.0.0", "192.0.2.2/0", "192.0.2.2/33", "2001:db8::1"] {
            assert_eq!(peer(bad), None, "{bad}");
        }
    }
}
