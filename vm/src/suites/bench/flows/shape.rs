//! Flows of three shapes, as a file of `ovs-dpctl add-flows`. All flows of a shape have one mask, as a switch's flows mostly do,
//! and each an identifier, as those that a switch installs.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::net::Ipv4Addr;

use anyhow::{Context, bail};

/// The number of the port that packets come in by.
pub(super) const IN_PORT: u32 = 2;
/// The number of the port that they leave by.
pub(super) const OUT_PORT: u32 = 3;
/// The number of the geneve port.
pub(super) const TUNNEL_PORT: u32 = 4;

/// What a flow matches and does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    /// Two Ethernet addresses, IPv4 whatever it says; forwarded.
    L2,
    /// A TCP connection in a VLAN; the tag is taken off.
    Vlan,
    /// A UDP stream that came through a geneve tunnel with two options.
    Tunnel,
}

impl Shape {
    pub(super) const ALL: [Shape; 3] = [Shape::L2, Shape::Vlan, Shape::Tunnel];

    /// As `guest flows` takes it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Shape::L2 => "l2",
            Shape::Vlan => "vlan",
            Shape::Tunnel => "tunnel",
        }
    }

    fn from_word(word: &str) -> anyhow::Result<Shape> {
        match Shape::ALL.into_iter().find(|shape| shape.word() == word) {
            Some(shape) => Ok(shape),
            None => bail!("no shape is called {word}"),
        }
    }

    /// Writes the line of flow `number`, which no other number of any shape has.
    fn line(self, number: u32, to: &mut impl Write) -> io::Result<()> {
        let [_, a, b, c] = number.to_be_bytes();
        let inside = Ipv4Addr::from(0x0a00_0000 | number);
        // A UUID is a hash: bytes that differ all over. No blank behind it: `ovs-dpctl` takes the first for the end of the key.
        let hash = u64::from(number).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (high, low) = (hash >> 32, hash & 0xffff_ffff);
        write!(to, "ufid:{high:08x}-{:04x}-{:04x}-{:04x}-{:04x}{:08x},", low >> 16, low & 0xffff, 0x8000 | self as u16, a, number)?;
        write!(to, "recirc_id(0),")?;
        let ethernet = format!("eth(src=02:00:00:{a:02x}:{b:02x}:{c:02x},dst=02:00:01:{c:02x}:{a:02x}:{b:02x})");
        match self {
            Shape::L2 => writeln!(to, "in_port({IN_PORT}),{ethernet},eth_type(0x0800),ipv4(frag=no) {OUT_PORT}"),
            Shape::Vlan => writeln!(
                to,
                "in_port({IN_PORT}),{ethernet},eth_type(0x8100),vlan(vid={},pcp=0),encap(eth_type(0x0800),\
                 ipv4(src={inside},dst=192.168.1.1,proto=6,tos=0/0x3,ttl=64,frag=no),tcp(src={},dst=443),tcp_flags(0/0)) pop_vlan,{OUT_PORT}",
                1 + number % 4000,
                1024 + number % 60_000,
            ),
            Shape::Tunnel => writeln!(
                to,
                "tunnel(tun_id=0x{number:x},src=172.16.{b}.{c},dst=172.31.0.1,ttl=64,\
                 geneve({{class=0x102,type=0x80,len=4,0x{number:x}}}{{class=0x102,type=0x81,len=8,0x{hash:x}}}),flags(-df+csum+key)),\
                 in_port({TUNNEL_PORT}),{ethernet},eth_type(0x0800),ipv4(src={inside},dst=192.168.1.1,proto=17,frag=no),\
                 udp(src={},dst=53) {OUT_PORT}",
                1024 + number % 60_000,
            ),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shape::L2 => "L2",
            Shape::Vlan => "L3/L4 with VLAN",
            Shape::Tunnel => "geneve tunnel",
        })
    }
}

/// Prints the flows `from` to (not including) `to` of a shape: what `guest flows SHAPE FROM TO` does.
///
/// # Errors
/// When nobody reads, or the words are wrong.
pub fn print(shape: &str, from: &str, to: &str) -> anyhow::Result<()> {
    let shape = Shape::from_word(shape)?;
    let number = |word: &str| word.parse::<u32>().with_context(|| format!("{word} is no number"));
    let mut out = BufWriter::new(io::stdout().lock());
    for number in number(from)?..number(to)? {
        shape.line(number, &mut out).context("cannot write")?;
    }
    out.flush().context("cannot write")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_flow_is_another() {
        let (mut keys, mut identifiers) = (HashSet::new(), HashSet::new());
        for shape in Shape::ALL {
            for number in (0..1000).chain(499_000..500_000) {
                let mut line = Vec::new();
                shape.line(number, &mut line).unwrap();
                let line = String::from_utf8(line).unwrap();
                let (identifier, flow) = line.split_once(',').unwrap();
                assert_eq!(identifier.len(), "ufid:".len() + 36, "{identifier}");
                assert!(identifiers.insert(identifier.to_owned()), "{line}");
                assert!(keys.insert(flow.split_once(' ').unwrap().0.to_owned()), "{line}");
            }
        }
    }
}
