//! The pipeline: what a standalone Open vSwitch does with every packet (its NORMAL action), step by step.
//!
//! 1. Where it came from: a port of a bridge, or dropped.
//! 2. Admission: a tag cut short or a reserved destination is dropped; else the packet has a VLAN of the bridge.
//! 3. Learning: the sender is behind this port.
//! 4. Lookup: to the destination's port; dropped if that is where it came from; to every other port if it is not known.
//! 5. By a tunnel port it goes out wrapped; by a patch port it comes in by the other end, and 2 to 4 happen there too.
//!
//! Each step records what it read of the packet, and only that is in the mask: the flow then answers exactly the packets
//! for which every step would read the same. Each step also tells an [`Observer`] what it found, which is how a decision is
//! traced; for packets that is [`Silent`], and nothing of it is left in the program.

use ovsdp_proto::key::{L2, VLAN_PRESENT};

use super::arrival::Arrival;
use super::decision::{Decision, Install, Learned, Read, Reason};
use super::fdb::{Fdb, Learn};
use super::reserved::is_reserved;
use super::state::{Exit, Ingress, Port, Switch};
use super::steps::{LeftOut, Observer, Silent, Step};
use super::time::Moment;
use super::topology::PortId;
use super::tunnel::{self, Inner, Outer};
use crate::model::{Inherit, Tunnel};

/// How many patch ports a packet may pass one behind the other (Open vSwitch's `MAX_DEPTH`).
const DEPTH: u32 = 64;
/// How many bridges a packet may go through in all, for all of its copies (Open vSwitch's `MAX_RESUBMITS`).
const PASSES: u32 = 4096;

/// What to do about the packet's sender.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Teach {
    /// Learn it.
    Yes,
    /// Only say whether it is known.
    No,
    /// Learn it as of then, unless it was seen elsewhere since; nothing else is asked.
    AsOf(Moment),
}

/// A packet's way through the bridges.
struct Walk<'a, O> {
    now: Moment,
    key: &'a [u8],
    l2: &'a L2,
    teach: Teach,
    out: &'a mut Decision,
    observer: &'a mut O,
    read: Read,
    /// The outer header; behind a patch port its key is no longer the packet's.
    outer: Option<Outer>,
    passes: u32,
}

/// It went through more bridges than it may.
struct TooFar;

impl Switch {
    /// Decides what to do with a packet the kernel found no flow for, and learns from it. `key` is the upcall's KEY
    /// payload; a flow of the decision takes these bytes as they are.
    ///
    /// Then, in one batch: delete the flows `out.learned` made wrong, install the decision, execute it. In that order a
    /// station that moved is found by the next packet. Decisions must reach the kernel in the order they were made.
    pub fn upcall(&mut self, now: Moment, key: &[u8], out: &mut Decision) {
        self.decide(now, key, out, Teach::Yes, &mut Silent);
    }

    /// Decides the same without learning: what a flow of this key should do now. `out.unlearned` says that its sender is
    /// not known to be behind this port.
    pub fn translate(&mut self, now: Moment, key: &[u8], out: &mut Decision) {
        self.decide(now, key, out, Teach::No, &mut Silent);
    }

    /// Decides as [`upcall`](Self::upcall) would, without learning, and returns each step. Only time does anything: what has
    /// expired by `now` goes.
    pub fn trace(&mut self, now: Moment, key: &[u8], out: &mut Decision) -> Vec<Step> {
        let mut steps = Vec::new();
        self.decide(now, key, out, Teach::No, &mut steps);
        steps
    }

    /// Learns from packets the kernel handled by itself: the last of them had this key and came in at `used`. Without
    /// this, a station whose flows are all in the kernel would be forgotten while it speaks. A station that has been seen
    /// behind another port since `used` stays there. What was learned is in `out.learned`; the rest of `out` says nothing.
    pub fn credit(&mut self, now: Moment, key: &[u8], used: Moment, out: &mut Decision) {
        self.decide(now, key, out, Teach::AsOf(used), &mut Silent);
    }

    fn decide<O: Observer>(&mut self, now: Moment, key: &[u8], out: &mut Decision, teach: Teach, observer: &mut O) {
        out.clear();
        let Ok(l2) = L2::parse(key) else { return };
        let Arrival { ingress, outer } = self.arrive(key, &l2);
        let read = Read { outer, ..Read::default() };
        let ingress = match ingress {
            Ok(ingress) => ingress,
            Err((reason, install)) => return out.settle(&l2, reason, read, install),
        };
        (out.bridge, out.port) = (Some(self.bridges[ingress.bridge].id), Some(ingress.port));
        let mut walk = Walk { now, key, l2: &l2, teach, out, observer, read, outer, passes: 0 };
        let (reason, install) = match self.pass(&mut walk, ingress, 0) {
            Ok(settled) => settled,
            Err(TooFar) => {
                walk.out.actions.clear();
                (Reason::Ring, Install::Briefly)
            }
        };
        let read = walk.read;
        out.settle(&l2, reason, read, install);
    }

    /// A packet's way through one bridge, which it enters by `ingress` behind `depth` patch ports.
    fn pass<O: Observer>(&mut self, walk: &mut Walk<'_, O>, ingress: Ingress, depth: u32) -> Result<(Reason, Install), TooFar> {
        walk.passes += 1;
        if depth > DEPTH || walk.passes > PASSES {
            return Err(TooFar);
        }
        let l2 = walk.l2;
        let (bridge, stations) = (self.bridges[ingress.bridge].id, self.bridges[ingress.bridge].stations());
        walk.observer.step(Step::Admitted { bridge, port: ingress.port });
        if depth == 0 && walk.outer.is_some_and(|outer| outer.congested()) {
            let inner = Inner::parse(walk.key, l2);
            if inner.is_ip() {
                walk.read.tos |= tunnel::ECN;
            }
            if inner.cannot_tell_congestion() {
                return Ok((Reason::Congested, Install::Yes));
            }
        }

        walk.read.dst = true;
        if is_reserved(l2.eth_dst) {
            return Ok((Reason::Reserved, Install::Yes));
        }
        walk.observer.step(Step::NotReserved { destination: l2.eth_dst });
        let vlan = match admit(l2) {
            Ok(vlan) => vlan,
            Err(reason) => return Ok((reason, Install::No)),
        };
        walk.observer.step(Step::Vlan { vlan, tagged: l2.vlan.is_some() });

        (walk.read.src, walk.read.vid) = (true, true);
        self.expire_in(ingress.bridge, walk.now);
        if depth == 0 && !l2.eth_src.is_multicast() {
            walk.out.from = Some(stations.of(vlan, l2.eth_src));
        }
        let learn = self.sender(walk, ingress, vlan);
        walk.observer.step(Step::Sender { sender: l2.eth_src, learn });
        if matches!(walk.teach, Teach::AsOf(_)) && self.bridges[ingress.bridge].group.is_none() {
            return Ok((Reason::Forwarded, Install::No));
        }

        if l2.eth_dst.is_multicast() {
            walk.observer.step(Step::Group { destination: l2.eth_dst });
            self.flood(walk, ingress, depth)?;
            return Ok((Reason::Group, Install::Yes));
        }
        if depth == 0 {
            walk.out.to = Some(stations.of(vlan, l2.eth_dst));
        }
        let found = locate(&self.bridges[ingress.bridge].fdb, learn, ingress, vlan, l2);
        walk.observer.step(Step::Station { destination: l2.eth_dst, port: found });
        let reason = self.unicast(walk, ingress, found, depth)?;
        Ok((reason, Install::Yes))
    }

    /// What the MAC table makes of the sender.
    #[inline]
    fn sender<O: Observer>(&mut self, walk: &mut Walk<'_, O>, ingress: Ingress, vlan: u16) -> Learn {
        let (now, address) = (walk.now, (vlan, walk.l2.eth_src));
        if address.1.is_multicast() {
            return Learn::Refused;
        }
        let fdb = &self.bridges[ingress.bridge].fdb;
        match walk.teach {
            Teach::Yes => {}
            Teach::No => {
                let learn = fdb.foresee(address, ingress.port);
                walk.out.unlearned |= matches!(learn, Learn::New { .. } | Learn::Moved { .. });
                return learn;
            }
            Teach::AsOf(used) => {
                let outdated = match fdb.find(address) {
                    Some(known) => known.port != ingress.port && known.used >= used,
                    None => now.since(used) >= fdb.limits().aging(),
                };
                if outdated {
                    return Learn::Refused;
                }
            }
        }
        let (learn, learned) = self.learn(now, ingress, vlan, walk.l2);
        walk.out.learned.extend(learned);
        learn
    }

    #[inline]
    fn learn(&mut self, now: Moment, ingress: Ingress, vlan: u16, l2: &L2) -> (Learn, Option<Learned>) {
        let bridge = &mut self.bridges[ingress.bridge];
        let stations = bridge.stations();
        let learned = |moved| Some(Learned { station: stations.of(vlan, l2.eth_src), port: ingress.port, moved });
        let learn = bridge.fdb.learn(now, (vlan, l2.eth_src), ingress.port);
        let learned = match learn {
            Learn::Known | Learn::Static { .. } | Learn::Refused => None,
            Learn::Moved { .. } => learned(true),
            Learn::New { evicted } => {
                if let Some((vlan, mac)) = evicted {
                    self.forget(stations.of(vlan, mac));
                }
                learned(false)
            }
        };
        (learn, learned)
    }

    /// To the port a station is behind; everywhere when that is not known.
    fn unicast<O: Observer>(&mut self, walk: &mut Walk<'_, O>, ingress: Ingress, found: Option<PortId>, depth: u32) -> Result<Reason, TooFar> {
        if found == Some(ingress.port) {
            return Ok(Reason::SamePort);
        }
        match found.and_then(|port| Some((port, *self.exits.get(&port)?))) {
            Some((port, exit)) => Ok(if self.leave(walk, port, exit, depth)? { Reason::Forwarded } else { Reason::Nowhere }),
            None => {
                self.flood(walk, ingress, depth)?;
                Ok(Reason::Unknown)
            }
        }
    }

    /// To every port but the one it came from.
    fn flood<O: Observer>(&mut self, walk: &mut Walk<'_, O>, ingress: Ingress, depth: u32) -> Result<(), TooFar> {
        for at in 0..self.bridges[ingress.bridge].ports.len() {
            let Port { id, exit, .. } = self.bridges[ingress.bridge].ports[at];
            if id == ingress.port {
                walk.observer.step(Step::LeftOut { port: id, why: LeftOut::CameFrom });
                continue;
            }
            self.leave(walk, id, exit, depth)?;
        }
        Ok(())
    }

    /// Out by a port; says whether that leads anywhere.
    #[inline]
    fn leave<O: Observer>(&mut self, walk: &mut Walk<'_, O>, port: PortId, exit: Exit, depth: u32) -> Result<bool, TooFar> {
        match exit {
            Exit::Device(dp_port) => {
                walk.out.output(dp_port);
                walk.observer.step(Step::Output { port });
            }
            Exit::Tunnel(dp_port, tunnel) => {
                let Some(()) = wrap(walk, &tunnel) else {
                    walk.observer.step(Step::LeftOut { port, why: LeftOut::OwnAddress });
                    return Ok(false);
                };
                walk.out.output(dp_port);
                walk.observer.step(Step::Output { port });
            }
            Exit::Patch(None) => {
                walk.observer.step(Step::LeftOut { port, why: LeftOut::NoPeer });
                return Ok(false);
            }
            Exit::Patch(Some(peer)) => {
                walk.observer.step(Step::Output { port });
                let outer = walk.outer;
                walk.outer = outer.map(Outer::without_id);
                let (reason, _) = self.pass(walk, peer, depth + 1)?;
                walk.outer = outer;
                walk.observer.step(Step::Passed { bridge: self.bridges[peer.bridge].id, reason });
            }
        }
        Ok(true)
    }
}

/// Sets the outer header `tunnel` gives the packet, and notes what that depends on. `None`: it does not go by this tunnel.
fn wrap<O>(walk: &mut Walk<'_, O>, tunnel: &Tunnel) -> Option<()> {
    let inherits = tunnel.tos == Inherit::Inner || tunnel.ttl == Inherit::Inner;
    let inner = if inherits { Inner::parse(walk.key, walk.l2) } else { Inner::default() };
    tunnel::set(&mut walk.out.actions, tunnel, walk.outer.as_ref(), &inner)?;
    if inner.is_ip() {
        walk.read.tos |= if tunnel.tos == Inherit::Inner { tunnel::DSCP } else { 0 };
        walk.read.ttl |= tunnel.ttl == Inherit::Inner;
    }
    Some(())
}

/// Where the destination is once `learn` has happened to the table, whether it has already or is only foreseen.
fn locate(fdb: &Fdb, learn: Learn, ingress: Ingress, vlan: u16, l2: &L2) -> Option<PortId> {
    match learn {
        Learn::New { .. } | Learn::Moved { .. } if l2.eth_dst == l2.eth_src => Some(ingress.port),
        Learn::New { evicted: Some(gone) } if gone == (vlan, l2.eth_dst) => None,
        _ => fdb.find((vlan, l2.eth_dst)).map(|found| found.port),
    }
}

/// The VLAN of the bridge a packet belongs to: its tag's, 0 without one.
fn admit(l2: &L2) -> Result<u16, Reason> {
    match l2.vlan {
        Some(vlan) if vlan.tci & VLAN_PRESENT == 0 => Err(Reason::PartialTag),
        Some(vlan) => Ok(vlan.vid()),
        None if matches!(l2.eth_type, 0x8100 | 0x88a8) => Err(Reason::PartialTag),
        None => Ok(0),
    }
}
