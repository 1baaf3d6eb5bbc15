//! Packets made up at random, as the text of a flow that both switches read.

use super::config::{Bridge, Flavour, Setup, device};
use super::dice::Dice;
use super::roll::{REMOTES, VLANS};

/// A packet that comes in by a port.
#[derive(Debug, Clone)]
pub(super) struct Packet {
    pub(super) in_port: String,
    /// Of one that comes out of a tunnel: the device, and the outer header as text.
    outer: Option<(&'static str, String)>,
    pub(super) src: String,
    pub(super) dst: String,
    /// The outer one first.
    pub(super) tags: Vec<Tag>,
    /// What is under the tags, as text.
    body: String,
}

/// A VLAN tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tag {
    pub(super) tpid: u16,
    pub(super) vid: u16,
    pub(super) pcp: u8,
}

/// A priority that no packet is made up with.
pub(super) const MADE_UP: u8 = 5;

/// Addresses of stations, few enough that they meet.
pub(super) const STATIONS: [&str; 5] = ["02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03", "02:00:00:00:00:04", "02:00:00:00:00:05"];

const GROUPS: [&str; 16] = [
    "ff:ff:ff:ff:ff:ff",
    "ff:ff:ff:ff:ff:ff",
    "ff:ff:ff:ff:ff:ff",
    "01:00:5e:00:00:63",
    "33:33:00:00:00:01",
    "01:80:c2:00:00:00",
    "01:80:c2:00:00:02",
    "01:80:c2:00:00:0e",
    "01:80:c2:00:00:0f",
    "01:80:c2:00:00:10",
    "01:00:0c:cc:cc:cc",
    "01:00:0c:cc:cc:c3",
    "01:00:0c:cc:cc:c8",
    "01:00:0c:cd:cd:cd",
    "00:e0:2b:00:00:04",
    "00:e0:2b:00:00:05",
];

impl Packet {
    /// Makes one up that comes in by a port of `bridge`.
    pub(super) fn roll(dice: &mut Dice, setup: &Setup, bridge: &Bridge) -> Packet {
        let doors = bridge.doors();
        let in_port = doors[dice.below(doors.len())].clone();
        let src = if dice.one_in(20) { dice.pick(&GROUPS) } else { dice.pick(&STATIONS) };
        let dst = if dice.one_in(3) { dice.pick(&GROUPS) } else { dice.pick(&STATIONS) };
        // Who speaks to itself is known in Open vSwitch only once it has spoken, and a trace is not heard.
        let dst = if dst == src { GROUPS[0] } else { dst };
        let (counts, vlans, types): (&[usize], &[u16], &[u16]) = match setup.flavour {
            Flavour::Alone => (&[0, 0, 1, 1, 1, 2, 2, 3], &VLANS, &[0x8100, 0x8100, 0x88a8]),
            Flavour::Priorities => (&[0, 1, 1], &VLANS, &[0x8100]),
            Flavour::Customers => (&[0, 1, 1, 2], &VLANS[1..], &[0x8100, 0x8100, 0x88a8]),
        };
        let tag = |dice: &mut Dice| {
            let (tpid, vid, pcp) = (dice.pick(types), dice.pick(vlans), dice.pick(&[0, 0, 3, 7]));
            Tag { tpid, vid, pcp: if vid == 0 && setup.flavour == Flavour::Priorities { 0 } else { pcp } }
        };
        let count = dice.pick(counts).min(setup.room(bridge, &in_port));
        let tags = (0..count).map(|_| tag(dice)).collect();
        let body = match dice.below(8) {
            0 | 1 => {
                let (sip, tip) = (dice.pick(&["10.0.0.7", "10.0.0.8"]), dice.pick(&["10.0.0.7", "10.0.0.8"]));
                format!("eth_type(0x0806),arp(sip={sip},tip={tip},op={},sha={src},tha=00:00:00:00:00:00)", dice.pick(&[1, 1, 2, 3]))
            }
            2 => "eth_type(0x86dd),ipv6(src=fe80::1,dst=fe80::2,label=0,proto=59,tclass=0x42,hlimit=9,frag=no)".to_owned(),
            3 => "eth_type(0x8809)".to_owned(),
            4 => "eth_type(0x88cc)".to_owned(),
            _ => "eth_type(0x0800),ipv4(src=10.0.0.7,dst=10.0.0.8,proto=253,tos=0xb8,ttl=7,frag=no)".to_owned(),
        };
        let outer = bridge.tunnel(&in_port).map(|(kind, options)| (device(kind), outer(dice, options)));
        Packet { in_port, outer, src: src.to_owned(), dst: dst.to_owned(), tags, body }
    }

    /// Whether its destination is no station's address.
    pub(super) fn is_to_group(&self) -> bool {
        !self.dst.starts_with("02:")
    }

    /// The same to a station that never speaks.
    pub(super) fn to_nobody(&self) -> Packet {
        Packet { dst: "02:00:00:00:00:99".to_owned(), ..self.clone() }
    }

    /// The same with a priority in the tags, but for the first `known`, that have neither that nor a VLAN.
    pub(super) fn with_priorities(&self, known: usize) -> Packet {
        let mut packet = self.clone();
        packet.tags.iter_mut().skip(known).filter(|tag| tag.vid == 0 && tag.pcp == 0).for_each(|tag| tag.pcp = MADE_UP);
        packet
    }

    /// The flow, as Open vSwitch reads it: out of a tunnel it comes by the device.
    pub(super) fn flow(&self) -> String {
        self.flow_by(self.outer.as_ref().map_or(&self.in_port, |(device, _)| device))
    }

    /// The flow, as ours reads it: out of a tunnel it comes by any port of the device.
    pub(super) fn flow_by_port(&self) -> String {
        self.flow_by(&self.in_port)
    }

    fn flow_by(&self, in_port: &str) -> String {
        // The kernel shows two tags, of a third only its type.
        let body = match self.tags.get(2) {
            Some(Tag { tpid, .. }) => format!("eth_type({tpid:#06x})"),
            None => self.body.clone(),
        };
        let inside = self
            .tags
            .iter()
            .take(2)
            .rev()
            .fold(body, |inside, Tag { tpid, vid, pcp }| format!("eth_type({tpid:#06x}),vlan(vid={vid},pcp={pcp}),encap({inside})"));
        let outer = self.outer.as_ref().map_or("", |(_, outer)| outer);
        format!("{outer}in_port({in_port}),eth(src={},dst={}),{inside}", self.src, self.dst)
    }
}

/// The outer header of a packet that a tunnel with these options has, or nearly has.
fn outer(dice: &mut Dice, options: &[String]) -> String {
    let value = |key: &str| options.iter().find_map(|option| option.strip_prefix(key)?.strip_prefix('='));
    let key = value("in_key").or(value("key")).and_then(|key| key.parse().ok()).unwrap_or(0_u64);
    let key = if dice.one_in(8) { key + 1 } else { key };
    let far = value("remote_ip").unwrap_or(REMOTES[0]);
    let src = if dice.one_in(8) && !far.contains(':') { dice.pick(&REMOTES) } else { far };
    let (v6, dsts) = if far.contains(':') { ("ipv6_", ["fd00::1", "fd00::9"]) } else { ("", ["10.0.0.1", "10.0.0.9"]) };
    let dst = dsts[usize::from(dice.one_in(4))];
    let tos = dice.pick(&["0", "0", "0x1", "0x3"]);
    format!("tunnel(tun_id={key:#x},{v6}src={src},{v6}dst={dst},tos={tos},ttl=64,flags(key)),")
}
