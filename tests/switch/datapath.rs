//! A kernel datapath reduced to what the switch can see of it: frames become keys as `flow_extract` and
//! `ovs_nla_put_key` make them, masks are refused as `ovs_nla_get_match` refuses them, and a frame is matched as
//! `ovs_flow_tbl_lookup` does: under the mask, with TCIs, Ethernet type and port exact where the mask is silent.

use std::collections::BTreeMap;

use ovsdp::switch::{Counters, Decision, Insert, Install, Learned, Moment, Pass, Policy, Reason, Revalidator, Seed, Switch, Topology, Ufid, Verdict};
use ovsdp_proto::Mac;
use ovsdp_proto::key::{KeyBuf, L2, TunnelField, VLAN_PRESENT};
use ovsdp_proto::nla::{self, Attrs};
use ovsdp_proto::uapi::{action, key, tunnel_key};

/// An Ethernet frame.
pub(super) fn frame(dst: Mac, src: Mac, tags: &[(u16, u16)], eth_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = [dst.0, src.0].concat();
    for (tpid, tci) in tags {
        bytes.extend(tpid.to_be_bytes());
        bytes.extend(tci.to_be_bytes());
    }
    bytes.extend(eth_type.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|two| u16::from_be_bytes(two.try_into().unwrap()))
}

/// The key of a frame that came in by `port`, fields that nobody reads among it.
pub(super) fn key_of(port: u32, frame: &[u8]) -> Vec<u8> {
    key_after(port, frame, 0, 0)
}

/// The number of a device that tunnels go by. A frame that comes in by this or a higher one was unwrapped there, out of one of [`OUTERS`].
pub(super) const DEVICE: u32 = 60_000;

/// What frames were wrapped in: key, where it came from (10.0.0.x), type of service. To 10.0.0.1, all of them.
pub(super) const OUTERS: [(u64, u8, u8); 7] = [(1, 2, 0), (1, 3, 0), (2, 2, 0), (1, 2, 3), (0, 4, 0x2b), (7, 9, 0), (2, 9, 2)];

/// How [`Agent::delivered`] names where a wrapped frame went: by the device, to 10.0.0.`to`, with this key.
pub(super) fn wrapped(to: u8, id: u64) -> u32 {
    DEVICE + u32::from(to) + (u32::try_from(id).unwrap() << 8)
}

/// The same of a frame that went round by `recirc_id` with a hash.
fn key_after(port: u32, frame: &[u8], recirc_id: u32, dp_hash: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(outer) = port.checked_sub(DEVICE) {
        put_outer(&mut bytes, OUTERS[outer as usize]);
    }
    let mut buf = KeyBuf::new();
    buf.recirc_id(recirc_id).dp_hash(dp_hash).priority(0).in_port(port.min(DEVICE)).skb_mark(0);
    buf.ethernet(Mac(frame[6..12].try_into().unwrap()), Mac(frame[..6].try_into().unwrap()));
    bytes.extend(buf.as_bytes());
    put_type(&mut bytes, frame, 12, 0);
    bytes
}

fn put_outer(out: &mut Vec<u8>, (id, from, tos): (u64, u8, u8)) {
    let (src, dst) = ([10, 0, 0, from].into(), [10, 0, 0, 1].into());
    let fields = [
        TunnelField::Id(id),
        TunnelField::Ipv4Src(src),
        TunnelField::Ipv4Dst(dst),
        TunnelField::Tos(tos),
        TunnelField::Ttl(64),
        TunnelField::TpSrc(40000),
        TunnelField::TpDst(4789),
    ];
    nla::put_nested::<nla::TooLong>(out, key::TUNNEL, |out| fields.iter().try_for_each(|field| field.put(out))).unwrap();
}

fn put_type(out: &mut Vec<u8>, frame: &[u8], at: usize, depth: u32) {
    let eth_type = be16(frame, at).unwrap_or(0);
    if matches!(eth_type, 0x8100 | 0x88a8) && depth < 2 {
        // The tag and the type behind it must be there, else the kernel leaves tag and TPID zero.
        let tci = be16(frame, at + 2).filter(|_| frame.len() >= at + 6).map(|tci| tci | VLAN_PRESENT);
        nla::put_be16(out, key::ETHERTYPE, if tci.is_some() { eth_type } else { 0 });
        nla::put_be16(out, key::VLAN, tci.unwrap_or(0));
        nla::put_nested::<nla::TooLong>(out, key::ENCAP, |out| {
            if tci.is_some() {
                put_type(out, frame, at + 4, depth + 1);
            }
            Ok(())
        })
        .unwrap();
        return;
    }
    if eth_type < 0x600 {
        return;
    }
    nla::put_be16(out, key::ETHERTYPE, eth_type);
    let payload = frame.get(at + 2..).unwrap_or(&[]);
    let byte = |at: usize| payload.get(at).copied().unwrap_or(0);
    // The last byte: not a fragment, the first one, a later one.
    match eth_type {
        0x0800 => {
            nla::put_array(out, key::IPV4, [10, 0, 0, byte(0), 10, 0, 0, byte(1), 17, byte(2), 64u8.wrapping_sub(byte(3)), byte(4)]);
            nla::put_array(out, key::UDP, [0, byte(3), 0, byte(4)]);
        }
        0x86dd => {
            let mut ip = [0; 40];
            (ip[15], ip[31], ip[36], ip[37], ip[38], ip[39]) = (byte(0), byte(1), 58, byte(2), 64u8.wrapping_sub(byte(3)), byte(4));
            nla::put_array(out, key::IPV6, ip);
            nla::put_be16(out, key::IPV6_EXTHDRS, byte(4).into());
            nla::put_array(out, key::ICMPV6, [135, byte(0)]);
            nla::put_array(out, key::ND, [byte(1); 28]);
        }
        0x0806 => {
            // A request or a reply; of a request the sender's own address or another's.
            let mut arp = [0; 24];
            (arp[3], arp[7], arp[9]) = (byte(0), byte(1), byte(2).wrapping_add(1));
            nla::put_array(out, key::ARP, arp);
        }
        _ => {}
    }
}

/// What a flow can match on of a key, all of it as numbers: layer 2, then the outer header, then the inner IP header's type of
/// service and time to live, then the hash.
pub(super) type Fields = [u64; 17];

pub(super) fn fields(key: &[u8]) -> Fields {
    let l2 = L2::parse(key).unwrap();
    let (outer, inner) = (l2.vlan, l2.inner_vlan);
    let tpid = |vlan: Option<ovsdp_proto::key::Vlan>| vlan.map_or(0, |vlan| u64::from(vlan.tpid));
    let tci = |vlan: Option<ovsdp_proto::key::Vlan>| vlan.map_or(0, |vlan| u64::from(vlan.tci));
    let port = l2.in_port.map_or(u64::MAX, u64::from);
    let (src, dst) = (l2.eth_src.as_u64(), l2.eth_dst.as_u64());
    let [id, from, to, tos, has] = outer_fields(key);
    let [inner_tos, inner_ttl] = ip_fields(innermost(key));
    let (recirc, eth_type, hash) = (u64::from(l2.recirc_id), u64::from(l2.eth_type), u64::from(l2.dp_hash));
    [recirc, port, src, dst, eth_type, tpid(outer), tci(outer), tpid(inner), tci(inner), id, from, to, tos, has, inner_tos, inner_ttl, hash]
}

/// The attributes behind every tag.
fn innermost(key: &[u8]) -> &[u8] {
    Attrs::new(key).find(key::ENCAP).map_or(key, |encap| innermost(encap.payload()))
}

/// The outer header's key, addresses and type of service, and whether there is a key.
fn outer_fields(key: &[u8]) -> [u64; 5] {
    let nest = Attrs::new(key).find(key::TUNNEL).map(|nest| nest.nested());
    let find = |attr| nest.and_then(|nest| nest.find(attr));
    let address = |attr| find(attr).and_then(|attr| attr.be32()).map_or(0, u64::from);
    let id = find(tunnel_key::ID).and_then(|attr| attr.be64());
    let tos = find(tunnel_key::TOS).and_then(|attr| attr.u8()).map_or(0, u64::from);
    [id.unwrap_or(0), address(tunnel_key::IPV4_SRC), address(tunnel_key::IPV4_DST), tos, if id.is_some() { u64::MAX } else { 0 }]
}

/// Type of service and time to live of an IP header.
fn ip_fields(level: &[u8]) -> [u64; 2] {
    let attrs = Attrs::new(level);
    let two = |kind, at: usize| attrs.find(kind).map(|ip| [u64::from(ip.payload()[at]), u64::from(ip.payload()[at + 1])]);
    two(key::IPV4, 9).or_else(|| two(key::IPV6, 37)).unwrap_or_default()
}

/// The mask the kernel makes of `mask` for `key`, or why it refuses it.
pub(super) fn kernel_mask(key: &[u8], mask: &[u8]) -> Result<Fields, &'static str> {
    const ALL: u64 = u64::MAX;
    let l2 = L2::parse(key).map_err(|_| "the key")?;
    if l2.vlan.is_some_and(|vlan| vlan.tci & VLAN_PRESENT == 0) {
        return Err("a VLAN attribute unexpected, or no flow of this frame");
    }
    // "Always match on tci."
    let mut made = [0, 0, 0, 0, 0, 0, ALL, 0, ALL, 0, 0, 0, 0, 0, 0, 0, 0];
    if let Some(nest) = Attrs::new(mask).find(key::TUNNEL) {
        if nest.nested().find(tunnel_key::TTL).is_none() {
            return Err("IP tunnel TTL not specified");
        }
        if Attrs::new(key).find(key::TUNNEL).is_none() {
            return Err("a mask of a tunnel for a packet of none");
        }
        made[9..14].copy_from_slice(&outer_fields(mask));
    }
    let has = |attrs, kind| Attrs::new(innermost(attrs)).find(kind).is_some();
    if [key::IPV4, key::IPV6].into_iter().any(|kind| has(mask, kind) && !has(key, kind)) {
        return Err("a mask of IP for another protocol");
    }
    made[14..16].copy_from_slice(&ip_fields(innermost(mask)));
    let mut level = mask;
    for (place, tag) in [l2.vlan, l2.inner_vlan, None].into_iter().enumerate() {
        let attrs = Attrs::new(level);
        let eth_type = attrs.find(key::ETHERTYPE).and_then(|attr| attr.be16());
        let encap = attrs.find(key::ENCAP);
        let tci = attrs.find(key::VLAN).and_then(|attr| attr.be16());
        if place == 0 {
            made[0] = attrs.find(key::RECIRC_ID).and_then(|attr| attr.u32()).map_or(0, u64::from);
            made[16] = attrs.find(key::DP_HASH).and_then(|attr| attr.u32()).map_or(0, u64::from);
            made[1] = if attrs.find(key::IN_PORT).is_some() { ALL } else { 0 };
            if let Some(ethernet) = attrs.find(key::ETHERNET).and_then(|attr| attr.array::<12>()) {
                made[2] = Mac(ethernet[..6].try_into().unwrap()).as_u64();
                made[3] = Mac(ethernet[6..].try_into().unwrap()).as_u64();
            }
        }
        match (encap, tag) {
            (None, _) if tci.is_some() => return Err("a VLAN attribute unexpected"),
            (None, _) => {
                made[4] = if eth_type.is_some() { ALL } else { 0 };
                return Ok(made);
            }
            (Some(_), None) => return Err("an ENCAP mask for a frame without a tag"),
            (Some(_), Some(tag)) if tag.tci & VLAN_PRESENT == 0 => return Err("an ENCAP mask for a tag cut short"),
            (Some(encap), Some(_)) => {
                if eth_type != Some(0xffff) {
                    return Err("TPID not exact");
                }
                let tci = tci.unwrap_or(0);
                if tci & VLAN_PRESENT == 0 {
                    return Err("present bit not exact");
                }
                (made[5 + 2 * place], made[6 + 2 * place]) = (ALL, u64::from(tci));
                level = encap.payload();
            }
        }
    }
    Err("nested too deep")
}

/// Whether a flow of such a key, under the mask the kernel made, covers another packet.
pub(super) fn covers(flow: &Fields, made: &Fields, packet: &Fields) -> bool {
    flow.iter().zip(made).zip(packet).all(|((flow, made), packet)| packet & made == flow & made)
}

/// One flow of the datapath.
#[derive(Debug, Clone)]
pub(super) struct KernelFlow {
    pub(super) key: Vec<u8>,
    pub(super) mask: Vec<u8>,
    pub(super) actions: Vec<u8>,
    pub(super) counters: Counters,
    fields: Fields,
    made: Fields,
}

impl KernelFlow {
    fn matches(&self, packet: &Fields) -> bool {
        covers(&self.fields, &self.made, packet)
    }
}

/// The ports a list of actions sends to, whatever is done before.
pub(super) fn outputs(actions: &[u8]) -> Vec<u32> {
    let port = |what| if let Done::Output(port) = what { port } else { panic!("it goes round") };
    deliver(actions, &[0; 64]).into_iter().map(|(what, _)| port(what)).collect()
}

/// What becomes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Output(u32),
    /// By the tunnels' device, to 10.0.0.`to` with a key.
    Wrapped {
        to: u8,
        id: u64,
    },
    Recirculate {
        id: u32,
        dp_hash: u32,
    },
}

/// What a list of actions makes of a frame: where it goes, and as what. A tag is taken from where it is, be it there or not.
pub(super) fn deliver(actions: &[u8], frame: &[u8]) -> Vec<(Done, Vec<u8>)> {
    let (mut frame, mut out, mut dp_hash, mut outer) = (frame.to_vec(), Vec::new(), 0, None);
    for attr in Attrs::new(actions) {
        match attr.kind() {
            action::OUTPUT if attr.u32() == Some(DEVICE) => out.push((outer.take().expect("an outer header of its own"), frame.clone())),
            action::OUTPUT => out.push((Done::Output(attr.u32().unwrap()), frame.clone())),
            action::POP_VLAN => drop(frame.drain(12..16)),
            action::PUSH_VLAN => {
                let [t0, t1, c0, c1] = attr.array::<4>().unwrap();
                assert_ne!(c0 & 0x10, 0, "the kernel refuses a tag without the present bit");
                frame.splice(12..12, [t0, t1, c0 & 0xef, c1]);
            }
            action::HASH => {
                let [0, 0, 0, 0, b0, b1, b2, b3] = attr.array::<8>().unwrap() else { panic!("not by layers 3 and 4") };
                dp_hash = hash(&frame, u32::from_ne_bytes([b0, b1, b2, b3]));
            }
            action::RECIRC => out.push((Done::Recirculate { id: attr.u32().unwrap(), dp_hash }, frame.clone())),
            action::CLONE => out.extend(deliver(attr.payload(), &frame)),
            action::SET => {
                if let Some(nest) = attr.nested().find(key::TUNNEL).map(|nest| nest.nested()) {
                    let to = nest.find(tunnel_key::IPV4_DST).and_then(|attr| attr.array::<4>()).unwrap()[3];
                    outer = Some(Done::Wrapped { to, id: nest.find(tunnel_key::ID).and_then(|attr| attr.be64()).unwrap_or(0) });
                }
            }
            kind => panic!("action {kind}"),
        }
    }
    out
}

/// What the datapath computes over a frame's layers 3 and 4: any function of what is in them will do.
fn hash(frame: &[u8], basis: u32) -> u32 {
    frame[12..].iter().fold(basis, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193).rotate_left(5)).max(1)
}

/// An agent and its datapath.
pub(super) struct Agent {
    pub(super) now: Moment,
    pub(super) switch: Switch,
    pub(super) flows: ovsdp::switch::FlowTable,
    pub(super) revalidator: Revalidator,
    pub(super) kernel: BTreeMap<Ufid, KernelFlow>,
    pub(super) decision: Decision,
    pub(super) upcalls: u32,
    /// Where the last packet went out, and as what.
    pub(super) delivered: Vec<(u32, Vec<u8>)>,
    /// Check with every packet a flow handles that the switch would decide, and know, the same.
    pub(super) strict: bool,
}

impl Agent {
    pub(super) fn new(topology: Topology) -> Self {
        Self {
            now: Moment(0),
            switch: super::switch(topology),
            flows: ovsdp::switch::FlowTable::new(Seed([3; 16]), ovsdp::switch::FLOW_LIMIT),
            revalidator: Revalidator::new(Policy::default()),
            kernel: BTreeMap::new(),
            decision: Decision::new(),
            upcalls: 0,
            delivered: Vec::new(),
            strict: false,
        }
    }

    /// A frame comes in by `port`. Returns the ports it goes out by.
    pub(super) fn packet(&mut self, port: u32, frame: &[u8]) -> Vec<u32> {
        self.delivered = self.pass(port, frame, 0, 0);
        self.delivered.iter().map(|(port, _)| *port).collect()
    }

    /// A frame comes in with this key. Returns what is done with it, by a flow or by the switch.
    pub(super) fn keyed(&mut self, key: &[u8], frame: &[u8]) -> Vec<u8> {
        let packet = fields(key);
        let mut hits = self.kernel.values_mut().filter(|flow| flow.matches(&packet));
        let Some(flow) = hits.next() else { return self.upcall(key, frame) };
        // A drop for a port that left its bridge may overlap flows of before, until a pass deletes those.
        assert!(!self.strict || hits.next().is_none(), "two flows match one packet");
        flow.counters.packets += 1;
        flow.counters.bytes += frame.len() as u64;
        flow.counters.used = Some(self.now);
        let (actions, mask) = (flow.actions.clone(), flow.mask.clone());
        if self.strict {
            self.switch.translate(self.now, key, &mut self.decision);
            assert_eq!(actions, self.decision.actions, "{:?}", self.decision.reason);
            assert_eq!(mask, self.decision.mask);
            assert!(!self.decision.unlearned, "the sender would have been learned");
        }
        actions
    }

    /// One pass of a frame through the datapath, and those its actions ask for. Returns where what went out.
    fn pass(&mut self, port: u32, frame: &[u8], recirc_id: u32, dp_hash: u32) -> Vec<(u32, Vec<u8>)> {
        let actions = self.keyed(&key_after(port, frame, recirc_id, dp_hash), frame);
        let mut out = Vec::new();
        for (what, frame) in deliver(&actions, frame) {
            match what {
                Done::Output(port) => out.push((port, frame)),
                Done::Wrapped { to, id } => out.push((wrapped(to, id), frame)),
                Done::Recirculate { id, dp_hash } => {
                    assert_eq!(recirc_id, 0, "round and round");
                    out.extend(self.pass(port, &frame, id, dp_hash));
                }
            }
        }
        out
    }

    fn upcall(&mut self, key: &[u8], frame: &[u8]) -> Vec<u8> {
        self.upcalls += 1;
        let mut decision = std::mem::take(&mut self.decision);
        self.switch.upcall(self.now, key, &mut decision);
        for learned in &decision.learned {
            self.delete_outdated(learned);
        }
        match self.flows.insert(self.now, key, &decision, self.switch.generation()) {
            Insert::New(ufid) => self.put(ufid, key, &decision),
            Insert::Replaced(ufid) => self.kernel.get_mut(&ufid).unwrap().actions.clone_from(&decision.actions),
            Insert::Same(ufid) => panic!("an upcall of a flow that is there: {:?} beside {:?}", fields(key), self.kernel[&ufid]),
            Insert::NotInstalled => {}
        }
        self.flows.settle(&mut self.switch);
        if decision.reason == Reason::Lacp {
            self.switch.receive_lacp(self.now, key, frame);
        }
        let actions = decision.actions.clone();
        self.decision = decision;
        actions
    }

    fn delete_outdated(&mut self, learned: &Learned) {
        let kernel = &mut self.kernel;
        self.flows.outdated(learned, &mut |ufid| assert!(kernel.remove(&ufid).is_some()));
    }

    fn put(&mut self, ufid: Ufid, key: &[u8], decision: &Decision) {
        assert_ne!(decision.install, Install::No);
        let made = kernel_mask(key, &decision.mask).unwrap();
        let flow = KernelFlow {
            key: key.to_vec(),
            mask: decision.mask.clone(),
            actions: decision.actions.clone(),
            counters: Counters::default(),
            fields: fields(key),
            made,
        };
        assert!(self.kernel.insert(ufid, flow).is_none());
    }

    /// A revalidator's pass over all flows.
    pub(super) fn revalidate(&mut self) -> Pass {
        self.switch.expire(self.now);
        self.flows.settle(&mut self.switch);
        let entries: Vec<(Ufid, Counters)> = self.kernel.iter().map(|(ufid, flow)| (*ufid, flow.counters)).collect();
        let count = u32::try_from(entries.len()).unwrap();
        self.revalidator.begin(self.now, &mut self.flows, count);
        let mut also = Vec::new();
        for (ufid, counters) in entries {
            let Self { now, switch, flows, revalidator, decision, .. } = self;
            let verdict = revalidator.check(*now, switch, flows, &ufid, counters, decision, &mut |ufid| also.push(ufid));
            match verdict {
                Verdict::Keep => {}
                Verdict::Delete(_) => {
                    self.kernel.remove(&ufid).unwrap();
                }
                Verdict::Modify => self.kernel.get_mut(&ufid).unwrap().actions.clone_from(&self.decision.actions),
                // Named by `also` before its own turn came.
                Verdict::Stranger => assert!(also.contains(&ufid)),
            }
        }
        for ufid in also {
            self.kernel.remove(&ufid);
        }
        self.flows.settle(&mut self.switch);
        let pass = self.revalidator.end(&mut self.flows, count, std::time::Duration::from_millis(1));
        assert_eq!(self.flows.len() as usize, self.kernel.len());
        pass
    }
}
