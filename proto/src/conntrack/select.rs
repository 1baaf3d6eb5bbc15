//! Which connections are meant: fields of their tuples, as `ovs-dpctl flush-conntrack` reads them.

use core::net::IpAddr;

use super::{Connection, ICMP, ICMPV6, Layer4, Tuple};

/// Fields of one direction; what is zero matches anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Partial {
    /// Where packets come from.
    pub src: Option<IpAddr>,
    /// Where they go.
    pub dst: Option<IpAddr>,
    /// The source port.
    pub src_port: u16,
    /// The destination port.
    pub dst_port: u16,
    /// ICMP's identifier, type and code. Where the protocol is asked for they count as soon as an address is given, all three.
    pub icmp: (u16, u8, u8),
}

/// Which connections are meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Select {
    /// The IP protocol; 0: any.
    pub protocol: u8,
    /// Whether addresses are IPv4; as soon as one is given, also one of zeros, the others are not meant.
    pub ipv4: Option<bool>,
    /// As the first packet was.
    pub orig: Partial,
    /// As answers are.
    pub reply: Partial,
}

impl Partial {
    const fn is_addressed(&self) -> bool {
        self.src.is_some() || self.dst.is_some()
    }

    fn matches(&self, tuple: &Tuple, protocol: u8) -> bool {
        let address = |wanted: Option<IpAddr>, is| wanted.is_none_or(|wanted| wanted == is);
        let layer4 = match tuple.layer4 {
            Layer4::Icmp { id, kind, code } => protocol == 0 || !self.is_addressed() || self.icmp == (id, kind, code),
            Layer4::Ports { src, dst } => [(self.src_port, src), (self.dst_port, dst)].iter().all(|(wanted, is)| *wanted == 0 || wanted == is),
        };
        address(self.src, tuple.src) && address(self.dst, tuple.dst) && layer4
    }
}

impl Select {
    /// Whether nothing is asked, and so every connection is meant. Ports are not asked without a protocol.
    pub const fn is_all(&self) -> bool {
        self.protocol == 0 && self.ipv4.is_none()
    }

    /// Whether the connection is meant.
    pub fn matches(&self, connection: &Connection<'_>) -> bool {
        let Connection { orig, reply, .. } = connection;
        let family = self.ipv4.is_none_or(|ipv4| orig.src.is_ipv4() == ipv4);
        let protocol = self.protocol == 0 || self.protocol == orig.protocol;
        family && protocol && self.orig.matches(orig, self.protocol) && self.reply.matches(reply, self.protocol)
    }

    /// The one tuple that is meant, when the first packet's fields are all given and nothing else is.
    pub fn exact(&self) -> Option<Tuple> {
        let Partial { src: Some(src), dst: Some(dst), src_port, dst_port, icmp: (id, kind, code) } = self.orig else { return None };
        if self.reply != Partial::default() {
            return None;
        }
        let layer4 = match self.protocol {
            0 => return None,
            ICMP | ICMPV6 => Layer4::Icmp { id, kind, code },
            _ if src_port == 0 || dst_port == 0 => return None,
            _ => Layer4::Ports { src: src_port, dst: dst_port },
        };
        Some(Tuple { src, dst, protocol: self.protocol, layer4 })
    }

    /// Reads the fields of one direction into `reply` or the other part, `KEY=VALUE` with commas or blanks between.
    ///
    /// # Errors
    /// What cannot be read, in `ovs-dpctl`'s words.
    pub fn read(&mut self, text: &str, reply: bool) -> Result<(), String> {
        for item in text.split([',', ' ', '\t', '\r', '\n']).filter(|item| !item.is_empty()) {
            let (key, value) = item.split_once(['=', ':']).unwrap_or((item, ""));
            if value.is_empty() {
                return Err(format!("field {key} missing value"));
            }
            self.field(key, value, reply)?;
        }
        let part = if reply { &self.reply } else { &self.orig };
        if self.protocol == 0 && (part.src_port != 0 || part.dst_port != 0) {
            return Err("port is set without protocol".into());
        }
        Ok(())
    }

    fn field(&mut self, key: &str, value: &str, reply: bool) -> Result<(), String> {
        let protocol = self.protocol;
        let part = if reply { &mut self.reply } else { &mut self.orig };
        let bad = || format!("failed to parse field {key}");
        match key {
            "ct_nw_src" | "ct_nw_dst" | "ct_ipv6_src" | "ct_ipv6_dst" => {
                let ipv4 = key.starts_with("ct_nw");
                if self.ipv4.is_some_and(|is| is != ipv4) {
                    return Err(format!("the L3 protocol does not match {value}"));
                }
                let room = if key.ends_with("src") { &mut part.src } else { &mut part.dst };
                if room.is_some() {
                    return Err(format!("{key} is set multiple times"));
                }
                let address: IpAddr = value.parse().ok().filter(|address: &IpAddr| address.is_ipv4() == ipv4).ok_or_else(bad)?;
                self.ipv4 = Some(ipv4);
                // An address of zeros matches any.
                *room = (!address.is_unspecified()).then_some(address);
            }
            "ct_nw_proto" => self.protocol = u8::try_from(number(value).ok_or_else(bad)?).map_err(|_| bad())?,
            "ct_tp_src" | "ct_tp_dst" => {
                let port = number(value).ok_or_else(bad)?;
                *(if key == "ct_tp_src" { &mut part.src_port } else { &mut part.dst_port }) = port;
            }
            "icmp_id" | "icmp_type" | "icmp_code" => {
                if !matches!(protocol, ICMP | ICMPV6) {
                    return Err("invalid L4 fields".into());
                }
                let value = number(value).ok_or_else(bad)?;
                let byte = u8::try_from(value).map_err(|_| bad());
                match key {
                    "icmp_id" => part.icmp.0 = value,
                    "icmp_type" => part.icmp.1 = byte?,
                    _ => part.icmp.2 = byte?,
                }
            }
            _ => return Err(format!("invalid conntrack tuple field: {key}")),
        }
        Ok(())
    }
}

/// A number of 16 bits, decimal or, with 0x, hexadecimal.
fn number(text: &str) -> Option<u16> {
    match text.strip_prefix("0x") {
        Some(digits) if !digits.starts_with('+') => u16::from_str_radix(digits, 16).ok(),
        None if !text.starts_with('+') => text.parse().ok(),
        _ => None,
    }
}
