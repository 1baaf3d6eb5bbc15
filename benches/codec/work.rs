//! What the benches of the codec work on: flows a kernel printed, cut out of the captures, and the same reading and writing
//! done by other crates.

pub(crate) mod baseline;

use std::path::Path;

use ovsdp::dp::filter::{Filter, Rule};
use ovsdp_proto::flow::{self, Flow, Put, Ufid, append_flow, append_flow_json};
use ovsdp_proto::key::{Key, KeyBuf, parse_key};
use ovsdp_proto::nla::{self, Attrs};
use ovsdp_proto::nlmsg::{self, Messages};
use ovsdp_proto::text::Style;
use ovsdp_proto::{DecodeError, Mac, Request, action, genl, uapi};

/// How many flows a whole dump has.
pub(crate) const FLOWS: u32 = 100_000;
/// The kernel fills datagrams of a dump up to this many bytes.
const DATAGRAM: usize = 32 * 1024;
/// Behind the headers of netlink, of generic netlink and of the family.
pub(crate) const HEADERS: usize = nlmsg::HEADER_LEN + genl::HEADER_LEN + genl::OVS_HEADER_LEN;

/// The first message of a kernel's dumps for which `wanted` holds.
fn captured(wanted: impl Fn(&Flow<'_>) -> bool) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto/tests/captures");
    let bytes = std::fs::read(folder.join("6.12-flow-dump.bin")).unwrap();
    let found = Messages::new(&bytes).map_while(Result::ok).find(|message| Flow::parse(message.payload).is_ok_and(|flow| wanted(&flow)));
    found.unwrap().bytes.to_vec()
}

/// A flow's line.
pub(crate) fn line(message: &[u8], verbose: bool) -> String {
    let mut out = Vec::new();
    append_flow(&mut out, &read(message), 200_000, &Style { names: None, verbose });
    String::from_utf8(out).unwrap()
}

/// The flow of a message.
pub(crate) fn read(message: &[u8]) -> Flow<'_> {
    Flow::parse(Messages::new(message).next().unwrap().unwrap().payload).unwrap()
}

/// A flow a kernel dumped, whose line has these pieces, with the counters and the time that the recorder's flow did not get:
/// 968 packets, 262,243 bytes, last used at 123,456 ms.
pub(crate) fn full(pieces: &[&str]) -> Vec<u8> {
    let message = captured(|flow| {
        let mut out = Vec::new();
        append_flow(&mut out, flow, 0, &Style::default());
        flow.key.is_some() && pieces.iter().all(|piece| String::from_utf8_lossy(&out).contains(piece))
    });
    let mut out = message[..HEADERS].to_vec();
    for attr in Attrs::new(&message[HEADERS..]).filter(|attr| attr.kind() != uapi::flow::attr::ACTIONS) {
        attr.put(&mut out).unwrap();
    }
    counters(&mut out);
    nla::put(&mut out, uapi::flow::attr::ACTIONS, read(&message).actions.unwrap()).unwrap();
    sized(out)
}

/// A flow a kernel dumped when it was asked for neither key, nor mask, nor actions, with counters as [`full`] has them.
pub(crate) fn terse() -> Vec<u8> {
    let mut out = captured(|flow| flow.ufid.is_some() && flow.key.is_none() && flow.actions.is_none() && flow.used.is_none());
    counters(&mut out);
    sized(out)
}

fn counters(out: &mut Vec<u8>) {
    nla::put(out, uapi::flow::attr::STATS, [968u64, 262_243].map(u64::to_ne_bytes).as_flattened()).unwrap();
    nla::put_u64(out, uapi::flow::attr::USED, 123_456);
}

/// Fills in the message's length.
fn sized(mut message: Vec<u8>) -> Vec<u8> {
    let len = u32::try_from(message.len()).unwrap();
    message[..4].copy_from_slice(&len.to_ne_bytes());
    message
}

/// A plain flow as the switch installs it for an IPv4 packet: both addresses, the Ethernet type, no fragment.
pub(crate) fn plain() -> Vec<u8> {
    full(&["recirc_id(0x101),in_port(1),eth(src=", "eth_type(0x0800)", "actions:1,0"])
}

/// The datagrams of a dump of [`FLOWS`] flows like [`plain`], each with addresses and an identifier of its own.
pub(crate) fn dump() -> Vec<Vec<u8>> {
    let plain = plain();
    let ufid = Attrs::new(&plain[HEADERS..]).find(uapi::flow::attr::UFID).unwrap();
    let key = Attrs::new(&plain[HEADERS..]).find(uapi::flow::attr::KEY).unwrap();
    let ethernet = key.nested().find(uapi::key::ETHERNET).unwrap();
    let (ufid, ethernet) = (HEADERS + ufid.offset() + nla::HEADER_LEN, HEADERS + key.offset() + ethernet.offset() + 2 * nla::HEADER_LEN);
    let mut datagrams = vec![Vec::with_capacity(DATAGRAM)];
    for number in 0..FLOWS {
        let mut message = plain.clone();
        let bytes = number.to_be_bytes();
        message[ufid..ufid + 4].copy_from_slice(&bytes);
        message[ethernet + 2..ethernet + 6].copy_from_slice(&bytes);
        message[ethernet + 8..ethernet + 12].copy_from_slice(&(!number).to_be_bytes());
        match datagrams.last_mut() {
            Some(last) if last.len() + message.len() <= DATAGRAM => last.extend(message),
            _ => datagrams.push(message),
        }
    }
    datagrams
}

/// What every reader adds up of a flow, so that none can skip a part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) used: u64,
    pub(crate) flags: u64,
    /// Attributes of key, mask and actions.
    pub(crate) attrs: u64,
    /// Bytes of their payloads.
    pub(crate) payload: u64,
    /// Numbers of ports in the key.
    pub(crate) ports: u64,
}

impl Sum {
    pub(crate) fn part(&mut self, kind: u16, payload: &[u8]) {
        self.attrs += 1;
        self.payload += payload.len() as u64;
        if kind == uapi::key::IN_PORT
            && let Ok(port) = payload.try_into()
        {
            self.ports += u64::from(u32::from_ne_bytes(port));
        }
    }
}

/// Reads a flow and every attribute inside it with this project's codec.
pub(crate) fn ours(message: &[u8], sum: &mut Sum) -> Result<(), DecodeError> {
    for message in Messages::new(message) {
        let flow = Flow::parse(message?.payload)?;
        sum.packets += flow.stats.packets;
        sum.bytes += flow.stats.bytes;
        sum.used += flow.used.unwrap_or(0);
        sum.flags += u64::from(flow.tcp_flags);
        for attr in [flow.key, flow.mask, flow.actions].into_iter().flatten().flat_map(Attrs::new) {
            sum.part(attr.kind(), attr.payload());
        }
    }
    Ok(())
}

/// The parts of a FLOW_NEW, made anew for every flow.
#[derive(Default)]
pub(crate) struct Builder {
    pub(crate) key: KeyBuf,
    pub(crate) mask: KeyBuf,
    pub(crate) actions: Vec<u8>,
}

/// The addresses of a flow that is installed.
pub(crate) const STATIONS: (Mac, Mac) = (Mac([0x52, 0x54, 0, 1, 2, 3]), Mac([0x52, 0x54, 0, 4, 5, 6]));
/// Its identifier.
pub(crate) const UFID: [u8; 16] = [7; 16];

impl Builder {
    /// Appends a FLOW_NEW of one output for a station's frames to another.
    pub(crate) fn flow_new(&mut self, (src, dst): (Mac, Mac), port: u32, out: &mut Vec<u8>) {
        self.key.clear();
        self.mask.clear();
        self.actions.clear();
        self.key.recirc_id(0).in_port(port).ethernet(src, dst).eth_type(0x0800);
        self.mask.recirc_id(u32::MAX).in_port(u32::MAX).ethernet(Mac::BROADCAST, Mac::BROADCAST).eth_type(0xffff);
        action::output(&mut self.actions, port + 1);
        let (key, mask) = (Some(self.key.as_bytes()), Some(self.mask.as_bytes()));
        let put = Put { dp_ifindex: 3, ufid: Some(Ufid(UFID)), key, mask, actions: Some(&self.actions), ..Put::default() };
        flow::new(out, Request::new(29, 1, nlmsg::flag::CREATE), &put).unwrap();
    }
}

/// Appends a FLOW_NEW of a flow that was read.
pub(crate) fn again(flow: &Flow<'_>, out: &mut Vec<u8>) {
    let put = Put { dp_ifindex: 3, ufid: flow.ufid, key: flow.key, mask: flow.mask, actions: flow.actions, ..Put::default() };
    flow::new(out, Request::new(29, 1, nlmsg::flag::CREATE), &put).unwrap();
}

/// Flows of every sort that is printed, by name.
pub(crate) fn lines() -> [(&'static str, Vec<u8>); 4] {
    [
        ("plain", plain()),
        ("IPv4 behind a VLAN tag", full(&["eth_type(0x8100),vlan(vid=100,pcp=5),encap(eth_type(0x0800),ipv4(src=10.0.0.1"])),
        ("IPv6", full(&["eth_type(0x86dd),ipv6(src=fe80::1,dst=fe80::2,label=0x1234"])),
        ("tunnel with Geneve options", full(&["tunnel(tun_id=", "geneve({class="])),
    ]
}

/// Every flow of `datagrams` as JSON; how many there were.
pub(crate) fn to_json(datagrams: &[Vec<u8>], line: &mut Vec<u8>, out: &mut Vec<u8>) -> u32 {
    let mut flows = 0;
    for datagram in datagrams {
        out.clear();
        for message in Messages::new(datagram) {
            let flow = Flow::parse(message.unwrap().payload).unwrap();
            line.clear();
            append_flow(line, &flow, 200_000, &Style::default());
            append_flow_json(out, &flow, line, &|port| (port == 1).then_some("eth0"));
            out.push(b'\n');
            flows += 1;
        }
        std::hint::black_box(&out);
    }
    flows
}

/// A filter that has to look at the Ethernet type and at one station's address: it chooses one flow.
pub(crate) fn filter() -> Filter {
    let (mut key, mut mask) = (Vec::new(), Vec::new());
    let message = plain();
    let station = Key::new(read(&message).key.unwrap()).ethernet().unwrap().src.0;
    let src = Mac([station[0], station[1], 0, 0, 0, 77]);
    parse_key(&format!("eth(src={src}),eth_type(0x0800)"), None, &mut key, &mut mask).unwrap();
    Filter::new(Rule::Covers).with_key(&key, &mask).unwrap()
}

/// How many flows of `datagrams` a filter chooses.
pub(crate) fn chosen(datagrams: &[Vec<u8>], filter: &Filter) -> usize {
    let messages = datagrams.iter().flat_map(|datagram| Messages::new(datagram));
    messages.filter(|message| filter.chooses(&Flow::parse(message.as_ref().unwrap().payload).unwrap())).count()
}

/// Prints every flow of a dump, a line each, and returns how many there were.
pub(crate) fn to_text(datagrams: &[Vec<u8>], out: &mut Vec<u8>) -> u32 {
    let mut flows = 0;
    for datagram in datagrams {
        out.clear();
        for message in Messages::new(datagram) {
            append_flow(out, &Flow::parse(message.unwrap().payload).unwrap(), 200_000, &Style::default());
            out.push(b'\n');
            flows += 1;
        }
        std::hint::black_box(&out);
    }
    flows
}
