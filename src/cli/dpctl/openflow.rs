//! `filter=`: a match in OpenFlow's words, as bytes of flows' keys. What it means is up to [`Filter`].
//!
//! Fields stand in an order in which each one's layer is known already, as in `tcp,tp_dst=80`; so `ovs-dpctl` has it too.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ovsdp_proto::key::VLAN_PRESENT;
use ovsdp_proto::uapi::{key, tunnel_key};

use crate::cli::dump::Ports;
use crate::dp::filter::{Filter, Rule};

const IP: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;

/// Words that stand for an Ethernet type and an IP protocol.
const PROTOCOLS: &[(&str, u16, Option<u8>)] = &[
    ("ip", IP, None),
    ("ipv4", IP, None),
    ("ip4", IP, None),
    ("arp", ARP, None),
    ("rarp", 0x8035, None),
    ("ipv6", IPV6, None),
    ("ip6", IPV6, None),
    ("icmp", IP, Some(ICMP)),
    ("tcp", IP, Some(TCP)),
    ("udp", IP, Some(UDP)),
    ("sctp", IP, Some(SCTP)),
    ("icmp6", IPV6, Some(ICMPV6)),
    ("tcp6", IPV6, Some(TCP)),
    ("udp6", IPV6, Some(UDP)),
    ("sctp6", IPV6, Some(SCTP)),
];

/// OpenFlow's fields that no flow of a datapath has: by name, or by what the name begins with.
const ELSEWHERE: &[&str] = &["metadata", "reg", "xreg", "xxreg", "actset_output", "conj_id", "tun_metadata", "in_port_oxm"];

/// Bits of a connection's state.
const CT_STATE: &[&str] = &["new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"];

/// Reads a match; ports may be given by name.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(text: &str, ports: &Ports) -> Result<Filter, String> {
    let mut this = Match { filter: Filter::new(Rule::Agrees), dl_type: None, nw_proto: None, ports };
    let mut seen = Vec::new();
    for item in text.split([',', ' ', '\t', '\r', '\n']).filter(|item| !item.is_empty()) {
        let (name, value) = item.split_once('=').map_or((item, None), |(name, value)| (name, Some(value)));
        if seen.contains(&name) {
            return Err(format!("{text}: field {name} set multiple times"));
        }
        seen.push(name);
        if let Some((_, dl_type, nw_proto)) = PROTOCOLS.iter().find(|(known, ..)| *known == name) {
            if value.is_some() {
                return Err(format!("{text}: {name} takes no value"));
            }
            this.protocol(*dl_type, *nw_proto).map_err(|wrong| format!("{text}: {wrong}"))?;
            continue;
        }
        let value = value.ok_or_else(|| match known(name) {
            true => format!("{text}: {name} needs a value"),
            false => format!("{text}: unknown field {name}"),
        });
        this.field(name, value?).map_err(|wrong| match wrong {
            Wrong::Unknown if elsewhere(name) => format!("{text}: flows in a datapath have no {name}; it is a field of OpenFlow tables"),
            Wrong::Unknown => format!("{text}: unknown field {name}"),
            Wrong::Prerequisite => format!("{text}: prerequisites not met for setting {name}"),
            Wrong::Value(why) => format!("{text}: bad value for {name} ({why})"),
        })?;
    }
    Ok(this.filter)
}

fn elsewhere(name: &str) -> bool {
    ELSEWHERE.iter().any(|begin| name.strip_prefix(begin).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit())))
}

/// Whether a field has this name.
fn known(name: &str) -> bool {
    let ports = Ports::default();
    let mut any = Match { filter: Filter::new(Rule::Agrees), dl_type: None, nw_proto: None, ports: &ports };
    !matches!(any.field(name, ""), Err(Wrong::Unknown))
}

/// Why a field cannot be taken.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    /// No field has this name.
    Unknown,
    /// It belongs to a layer that is not there.
    Prerequisite,
    /// What stands behind `=`.
    Value(String),
}

/// A match, as far as it was read.
struct Match<'a> {
    filter: Filter,
    dl_type: Option<u16>,
    nw_proto: Option<u8>,
    ports: &'a Ports,
}

impl Match<'_> {
    fn put(&mut self, path: &[u16], offset: usize, value: &[u8], mask: &[u8]) {
        let filter = std::mem::replace(&mut self.filter, Filter::new(Rule::Agrees));
        self.filter = filter.with(path, offset, value, mask);
    }

    fn put_innermost(&mut self, kind: u16, offset: usize, value: &[u8], mask: &[u8]) {
        let filter = std::mem::replace(&mut self.filter, Filter::new(Rule::Agrees));
        self.filter = filter.with_innermost(kind, offset, value, mask);
    }

    fn protocol(&mut self, dl_type: u16, nw_proto: Option<u8>) -> Result<(), &'static str> {
        if self.dl_type.replace(dl_type).is_some() {
            return Err("Ethernet type set multiple times");
        }
        self.put_innermost(key::ETHERTYPE, 0, &dl_type.to_be_bytes(), &[0xff; 2]);
        if let Some(nw_proto) = nw_proto {
            self.nw_proto = Some(nw_proto);
            let (kind, offset) = if dl_type == IPV6 { (key::IPV6, 36) } else { (key::IPV4, 8) };
            self.put_innermost(kind, offset, &[nw_proto], &[0xff]);
        }
        Ok(())
    }

    fn needs(&self, dl_type: &[u16], nw_proto: &[u8]) -> Result<(), Wrong> {
        let layer3 = dl_type.is_empty() || self.dl_type.is_some_and(|known| dl_type.contains(&known));
        let layer4 = nw_proto.is_empty() || self.nw_proto.is_some_and(|known| nw_proto.contains(&known));
        if layer3 && layer4 { Ok(()) } else { Err(Wrong::Prerequisite) }
    }

    fn field(&mut self, name: &str, text: &str) -> Result<(), Wrong> {
        match name {
            "in_port" => {
                let port = self.ports.number(text).map_or_else(|| number(text, 32).map(lower4), Ok)?;
                self.put(&[key::IN_PORT], 0, &port.to_ne_bytes(), &[0xff; 4]);
            }
            "recirc_id" => self.host32(key::RECIRC_ID, text)?,
            "ct_mark" => self.host32(key::CT_MARK, text)?,
            "pkt_mark" => self.host32(key::SKB_MARK, text)?,
            "ct_zone" => {
                let [value, mask] = masked(text, 16)?.map(lower2);
                self.put(&[key::CT_ZONE], 0, &value.to_ne_bytes(), &mask.to_ne_bytes());
            }
            "ct_state" => {
                let [value, mask] = state(text)?;
                self.put(&[key::CT_STATE], 0, &value.to_ne_bytes(), &mask.to_ne_bytes());
            }
            "tun_id" | "tunnel_id" => {
                let [value, mask] = masked(text, 64)?;
                self.put(&[key::TUNNEL, tunnel_key::ID], 0, &value.to_be_bytes(), &mask.to_be_bytes());
            }
            "tun_src" => self.outer::<Ipv4Addr>(tunnel_key::IPV4_SRC, text)?,
            "tun_dst" => self.outer::<Ipv4Addr>(tunnel_key::IPV4_DST, text)?,
            "tun_ipv6_src" => self.outer::<Ipv6Addr>(tunnel_key::IPV6_SRC, text)?,
            "tun_ipv6_dst" => self.outer::<Ipv6Addr>(tunnel_key::IPV6_DST, text)?,
            "dl_src" | "eth_src" => self.mac(0, text)?,
            "dl_dst" | "eth_dst" => self.mac(6, text)?,
            "dl_vlan" | "dl_vlan_pcp" | "vlan_vid" | "vlan_pcp" | "vlan_tci" => {
                let [value, mask] = vlan(name, text)?;
                self.put(&[key::VLAN], 0, &value.to_be_bytes(), &mask.to_be_bytes());
            }
            "dl_type" | "eth_type" => {
                let dl_type = lower2(number(text, 16)?);
                self.protocol(dl_type, None).map_err(|wrong| Wrong::Value(wrong.to_owned()))?;
            }
            _ => self.layer3(name, text)?,
        }
        Ok(())
    }

    fn layer3(&mut self, name: &str, text: &str) -> Result<(), Wrong> {
        match name {
            "nw_src" | "ip_src" | "nw_dst" | "ip_dst" => {
                self.needs(&[IP, ARP], &[])?;
                let [value, mask] = address::<Ipv4Addr>(text)?;
                let kind = if self.dl_type == Some(ARP) { key::ARP } else { key::IPV4 };
                self.put_innermost(kind, if name.ends_with("src") { 0 } else { 4 }, &value, &mask);
            }
            "arp_spa" | "arp_tpa" => {
                self.needs(&[ARP], &[])?;
                let [value, mask] = address::<Ipv4Addr>(text)?;
                self.put_innermost(key::ARP, if name == "arp_spa" { 0 } else { 4 }, &value, &mask);
            }
            "ipv6_src" | "ipv6_dst" => {
                self.needs(&[IPV6], &[])?;
                let [value, mask] = address::<Ipv6Addr>(text)?;
                self.put_innermost(key::IPV6, if name.ends_with("src") { 0 } else { 16 }, &value, &mask);
            }
            "arp_op" => {
                self.needs(&[ARP], &[])?;
                self.big2(key::ARP, 8, text)?;
            }
            "nw_proto" | "ip_proto" => {
                self.needs(&[IP, IPV6, ARP], &[])?;
                let proto = lower1(number(text, 8)?);
                match self.dl_type {
                    Some(ARP) => self.put_innermost(key::ARP, 8, &[0, proto], &[0xff; 2]),
                    Some(IPV6) => self.put_innermost(key::IPV6, 36, &[proto], &[0xff]),
                    _ => self.put_innermost(key::IPV4, 8, &[proto], &[0xff]),
                }
                self.nw_proto = Some(proto);
            }
            "nw_tos" | "nw_ttl" => {
                self.needs(&[IP, IPV6], &[])?;
                let (value, mask) = (lower1(number(text, 8)?), if name == "nw_tos" { 0xfc } else { 0xff });
                let (kind, first) = if self.dl_type == Some(IPV6) { (key::IPV6, 37) } else { (key::IPV4, 9) };
                self.put_innermost(kind, first + usize::from(name == "nw_ttl"), &[value & mask], &[mask]);
            }
            _ => self.layer4(name, text)?,
        }
        Ok(())
    }

    fn layer4(&mut self, name: &str, text: &str) -> Result<(), Wrong> {
        let (protocol, part) = name.rsplit_once('_').ok_or(Wrong::Unknown)?;
        let allowed: &[u8] = match protocol {
            "tp" => &[TCP, UDP, SCTP],
            "tcp" => &[TCP],
            "udp" => &[UDP],
            "sctp" => &[SCTP],
            "icmp" => &[ICMP],
            "icmpv6" => &[ICMPV6],
            _ => return Err(Wrong::Unknown),
        };
        let offset = match (protocol, part) {
            ("icmp" | "icmpv6", "type") => 0,
            ("icmp" | "icmpv6", "code") => 1,
            ("tp" | "tcp" | "udp" | "sctp", "src") => 0,
            ("tp" | "tcp" | "udp" | "sctp", "dst") => 2,
            _ => return Err(Wrong::Unknown),
        };
        let layer3: &[u16] = match protocol {
            "icmp" => &[IP],
            "icmpv6" => &[IPV6],
            _ => &[IP, IPV6],
        };
        self.needs(layer3, allowed)?;
        let kind = match self.nw_proto {
            Some(TCP) => key::TCP,
            Some(UDP) => key::UDP,
            Some(SCTP) => key::SCTP,
            icmp => {
                let kind = if icmp == Some(ICMP) { key::ICMP } else { key::ICMPV6 };
                self.put_innermost(kind, offset, &[lower1(number(text, 8)?)], &[0xff]);
                return Ok(());
            }
        };
        self.big2(kind, offset, text)
    }

    /// A host-order number of four bytes.
    fn host32(&mut self, kind: u16, text: &str) -> Result<(), Wrong> {
        let [value, mask] = masked(text, 32)?.map(lower4);
        self.put(&[kind], 0, &value.to_ne_bytes(), &mask.to_ne_bytes());
        Ok(())
    }

    /// A network-order number of two bytes, behind the tags.
    fn big2(&mut self, kind: u16, offset: usize, text: &str) -> Result<(), Wrong> {
        let [value, mask] = masked(text, 16)?.map(lower2);
        self.put_innermost(kind, offset, &value.to_be_bytes(), &mask.to_be_bytes());
        Ok(())
    }

    fn outer<A: Address>(&mut self, kind: u16, text: &str) -> Result<(), Wrong> {
        let [value, mask] = address::<A>(text)?;
        self.put(&[key::TUNNEL, kind], 0, &value, &mask);
        Ok(())
    }

    fn mac(&mut self, offset: usize, text: &str) -> Result<(), Wrong> {
        let (value, mask) = text.split_once('/').map_or((text, None), |(value, mask)| (value, Some(mask)));
        let read = |text: &str| ovsdp_proto::Mac::from_str(text).map(|mac| mac.0).map_err(|_| Wrong::Value(format!("{text} is no Ethernet address")));
        let (value, mask) = (read(value)?, mask.map_or(Ok([0xff; 6]), read)?);
        self.put(&[key::ETHERNET], offset, &value, &mask);
        Ok(())
    }
}

/// A number of at most `bits` bits, decimal or with `0x`.
fn number(text: &str, bits: u32) -> Result<u64, Wrong> {
    let read = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if !digits.starts_with('+') => u64::from_str_radix(digits, 16),
        _ if text.starts_with('+') => return Err(Wrong::Value(format!("{text} is no number"))),
        _ => text.parse(),
    };
    let number = read.map_err(|_| Wrong::Value(format!("{text} is no number")))?;
    match number.checked_shr(bits).unwrap_or(0) {
        0 => Ok(number),
        _ => Err(Wrong::Value(format!("{text} is more than {bits} bits hold"))),
    }
}

/// `VALUE` or `VALUE/MASK`.
fn masked(text: &str, bits: u32) -> Result<[u64; 2], Wrong> {
    match text.split_once('/') {
        Some((value, mask)) => Ok([number(value, bits)?, number(mask, bits)?]),
        None => Ok([number(text, bits)?, u64::MAX]),
    }
}

fn lower4(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or(0)
}

fn lower2(number: u64) -> u16 {
    u16::try_from(number & u64::from(u16::MAX)).unwrap_or(0)
}

fn lower1(number: u64) -> u8 {
    u8::try_from(number & u64::from(u8::MAX)).unwrap_or(0)
}

/// `+est-new`, or a number with or without a mask.
fn state(text: &str) -> Result<[u32; 2], Wrong> {
    if !text.starts_with(['+', '-']) {
        return Ok(masked(text, 32)?.map(lower4));
    }
    let (mut value, mut mask, mut rest) = (0, 0, text);
    while let Some(sign) = rest.chars().next() {
        let (name, behind) = rest[1..].split_at(rest[1..].find(['+', '-']).unwrap_or(rest.len() - 1));
        let bit = CT_STATE.iter().position(|known| *known == name).ok_or_else(|| Wrong::Value(format!("{name} is no state of a connection")))?;
        if mask >> bit & 1 != 0 {
            return Err(Wrong::Value(format!("{name} is there twice")));
        }
        mask |= 1 << bit;
        value |= u32::from(sign == '+') << bit;
        rest = behind;
    }
    Ok([value, mask])
}

/// Bits of the outermost tag's TCI.
fn vlan(name: &str, text: &str) -> Result<[u16; 2], Wrong> {
    Ok(match name {
        // What OpenFlow 1.0 calls no tag.
        "dl_vlan" if matches!(number(text, 16)?, 0xffff) => [0, VLAN_PRESENT | 0xfff],
        "dl_vlan" => [lower2(number(text, 12)?) | VLAN_PRESENT, VLAN_PRESENT | 0xfff],
        "vlan_vid" => {
            let [value, mask] = masked(text, 13)?.map(lower2);
            [value, mask & (VLAN_PRESENT | 0xfff)]
        }
        "vlan_tci" => masked(text, 16)?.map(lower2),
        _ => [lower2(number(text, 3)?) << 13 | VLAN_PRESENT, 0xe000 | VLAN_PRESENT],
    })
}

/// An address of either family, as bytes.
trait Address: FromStr {
    /// Its bytes in the wire's order.
    fn bytes(self) -> Vec<u8>;
}

impl Address for Ipv4Addr {
    fn bytes(self) -> Vec<u8> {
        self.octets().to_vec()
    }
}

impl Address for Ipv6Addr {
    fn bytes(self) -> Vec<u8> {
        self.octets().to_vec()
    }
}

/// An address, and behind `/` how many leading bits of it count, or a mask.
fn address<A: Address>(text: &str) -> Result<[Vec<u8>; 2], Wrong> {
    let read = |text: &str| A::from_str(text).map(A::bytes).map_err(|_| Wrong::Value(format!("{text} is no address")));
    let Some((value, mask)) = text.split_once('/') else {
        let value = read(text)?;
        let mask = vec![0xff; value.len()];
        return Ok([value, mask]);
    };
    let value = read(value)?;
    let Ok(bits) = mask.parse::<usize>() else { return Ok([value, read(mask)?]) };
    if bits > value.len() * 8 {
        return Err(Wrong::Value(format!("an address has {} bits", value.len() * 8)));
    }
    let byte = |at: usize| (0..8).filter(|bit| at * 8 + bit < bits).fold(0, |byte, bit| byte | 0x80 >> bit);
    let mask = (0..value.len()).map(byte).collect();
    Ok([value, mask])
}

#[cfg(test)]
mod tests;
