//! The pipeline: what a standalone Open vSwitch does with every packet (its NORMAL action), step by step.
//!
//! 1. Where it came from: a port of a bridge, or dropped. What a port's LACP is to hear goes there, and what came round to be
//!    spread over a bond's members goes to one.
//! 2. Admission: a packet whose tag is cut short, or of a VLAN that the port does not take, is dropped; else it has a VLAN of
//!    the bridge. One to a reserved group is dropped, and what a bond must not take.
//! 3. Learning: the sender is behind this port.
//! 4. Lookup: to the destination's port; dropped if that is where it came from; to every other port if it is not known.
//! 5. Output (`output.rs`): to ports that carry its VLAN, each with the tags that are right there; never from one protected port
//!    to another. By a bond it goes out by one member, by a tunnel port wrapped; by a patch port it comes in by the other end, and
//!    2 to 5 happen there too.
//!
//! Each step records what it read of the packet, and only that is in the mask: the flow then answers exactly the packets
//! for which every step would read the same. Each step also tells an [`Observer`] what it found, which is how a decision is
//! traced; for packets that is [`Silent`], and nothing of it is left in the program.

use ovsdp_proto::key::L2;

use super::arp;
use super::arrival::Arrival;
use super::bond::Verdict;
use super::decision::{Decision, Install, Learned, Read, Reason};
use super::fdb::{Fdb, Learn};
use super::frame::Frame;
use super::members::ARP_LOCK;
use super::output::Apart;
use super::reserved::is_reserved;
use super::state::{Place, Switch};
use super::steps::{Observer, Silent, Source, Step};
use super::time::Moment;
use super::topology::PortId;
use super::tunnel::{self, Inner, Outer};
use super::vlan::{Admitted, TagRead};

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
pub(super) struct Walk<'a, O> {
    now: Moment,
    pub(super) key: &'a [u8],
    /// What the key says.
    pub(super) l2: &'a L2,
    teach: Teach,
    pub(super) out: &'a mut Decision,
    pub(super) observer: &'a mut O,
    pub(super) read: Read,
    /// The outer header; behind a patch port its key is no longer the packet's.
    pub(super) outer: Option<Outer>,
    passes: u32,
    /// Something was read that no mask can say.
    fleeting: bool,
    pub(super) apart: Apart,
}

/// It went through more bridges than it may.
pub(super) struct TooFar;

/// A packet that a bridge let in, on its way to ports.
pub(super) struct Inside<'a> {
    pub(super) frame: &'a Frame,
    pub(super) ingress: Place,
    pub(super) admitted: Admitted,
    /// Every port of the bridge sends it as it is.
    pub(super) plain: bool,
    /// How many patch ports are behind it.
    pub(super) depth: u32,
}

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
    /// not known to be behind this port, and could be.
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
        if let Some(at) = self.bundles.by_recirc(l2.recirc_id) {
            return self.spread(at, &l2, out, observer);
        }
        let Arrival { ingress, outer } = self.arrive(key, &l2);
        let read = Read { outer, ..Read::default() };
        let ingress = match ingress {
            Ok(ingress) => ingress,
            Err((reason, install)) => return out.settle(&l2, reason, read, install),
        };
        (out.bridge, out.port) = (Some(self.bridges[ingress.bridge].id), Some(ingress.port));
        let apart = Apart::default();
        let mut walk = Walk { now, key, l2: &l2, teach, out, observer, read, outer, passes: 0, fleeting: false, apart };
        let (reason, install) = match self.pass(&mut walk, &Frame::new(&l2), ingress, 0) {
            Ok(settled) => settled,
            Err(TooFar) => {
                walk.out.actions.clear();
                walk.out.loads.clear();
                walk.out.copies = 0;
                (Reason::Ring, Install::Briefly)
            }
        };
        let (read, install) = (walk.read, if walk.fleeting || walk.out.is_oversized() { Install::No } else { install });
        out.settle(&l2, reason, read, install);
    }

    /// A packet's way through one bridge, which it enters by `ingress` behind `depth` patch ports.
    pub(super) fn pass<O: Observer>(
        &mut self,
        walk: &mut Walk<'_, O>,
        frame: &Frame,
        ingress: Place,
        depth: u32,
    ) -> Result<(Reason, Install), TooFar> {
        walk.passes += 1;
        if depth > DEPTH || walk.passes > PASSES {
            return Err(TooFar);
        }
        let mut tags = TagRead::default();
        let settled = self.enter(walk, frame, &mut tags, ingress, depth);
        frame.note(tags, &mut walk.read);
        settled
    }

    fn enter<O: Observer>(
        &mut self,
        walk: &mut Walk<'_, O>,
        frame: &Frame,
        tags: &mut TagRead,
        ingress: Place,
        depth: u32,
    ) -> Result<(Reason, Install), TooFar> {
        let l2 = &frame.l2;
        let bridge = &self.bridges[ingress.bridge];
        let (id, stations, plain, forward_bpdu, wary, joined) =
            (bridge.id, bridge.stations(), bridge.plain, bridge.forward_bpdu, bridge.wary, bridge.group.is_some());
        walk.observer.step(Step::Admitted { bridge: id, port: ingress.port });
        if depth == 0 && walk.outer.is_some_and(|outer| outer.congested()) {
            let inner = Inner::parse(walk.key, l2);
            if inner.is_ip() {
                walk.read.tos |= tunnel::ECN;
            }
            if inner.cannot_tell_congestion() {
                return Ok((Reason::Congested, Install::Yes));
            }
        }
        if self.hears_lacp(ingress, l2) {
            return Ok((Reason::Lacp, Install::No));
        }

        let admitted = if plain { Admitted::by_tag(l2) } else { bridge.ports[ingress.index].rules.admit(l2, tags) };
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(reason @ Reason::PartialTag) => return Ok((reason, Install::No)),
            Err(reason) => return Ok((reason, Install::Yes)),
        };
        let Admitted { vlan, source, .. } = admitted;
        walk.observer.step(Step::Vlan { vlan, source, tagged: l2.vlan.is_some() });
        walk.read.dst |= !forward_bpdu || ingress.slot.is_some();
        if !forward_bpdu {
            if is_reserved(l2.eth_dst) {
                return Ok((Reason::Reserved, Install::Yes));
            }
            walk.observer.step(Step::NotReserved { destination: l2.eth_dst });
        }
        let verdict = self.verdict(walk.now, ingress, l2.eth_dst);
        if verdict == Verdict::Drop {
            return Ok((Reason::BondClosed, Install::Yes));
        }
        // A provider's VLAN is the port's, whatever the packet's tags say.
        tags.vid |= source != Source::Service;
        // Only a tag that just gives a priority would be touched by a plain port.
        let plain = plain && (source == Source::Tag || l2.vlan.is_none());
        let inside = Inside { frame, ingress, admitted, plain, depth };
        if self.bridges[ingress.bridge].floods(vlan) {
            walk.observer.step(Step::FloodVlan { vlan });
            if !matches!(walk.teach, Teach::AsOf(_)) || joined {
                self.flood(walk, &inside, tags)?;
            }
            return Ok((Reason::FloodVlan, Install::Yes));
        }

        (walk.read.src, walk.read.dst) = (true, true);
        self.expire_in(ingress.bridge, walk.now);
        if walk.out.from.is_none() && !l2.eth_src.is_multicast() {
            walk.out.from = Some(stations.of(vlan, l2.eth_src));
        }
        // What it says would have to be in the flow's mask: a flow for each pair of addresses, of what is rare.
        walk.fleeting |= wary && arp::is_broadcast(l2);
        if matches!(verdict, Verdict::DropIfMoved | Verdict::DropIfMovedYet)
            && let Some(install) = self.sent_back(walk.now, ingress, vlan, walk.l2, walk.key)
        {
            return Ok((Reason::SentBack, if verdict == Verdict::DropIfMovedYet { Install::No } else { install }));
        }
        let learn = self.sender(walk, ingress, vlan);
        walk.out.doubtful |= verdict == Verdict::DropIfMoved && matches!(learn, Learn::New { .. } | Learn::Moved { .. });
        walk.observer.step(Step::Sender { sender: l2.eth_src, learn });
        if matches!(walk.teach, Teach::AsOf(_)) && !joined {
            return Ok((Reason::Forwarded, Install::No));
        }

        if l2.eth_dst.is_multicast() {
            walk.observer.step(Step::Group { destination: l2.eth_dst });
            self.flood(walk, &inside, tags)?;
            return Ok((Reason::Group, Install::Yes));
        }
        if walk.out.to.is_none() {
            walk.out.to = Some(stations.of(vlan, l2.eth_dst));
        }
        let found = locate(&self.bridges[ingress.bridge].fdb, learn, ingress, vlan, l2);
        walk.observer.step(Step::Station { destination: l2.eth_dst, port: found });
        let reason = self.unicast(walk, &inside, tags, found)?;
        Ok((reason, Install::Yes))
    }

    /// What the MAC table makes of the sender.
    #[inline]
    fn sender<O: Observer>(&mut self, walk: &mut Walk<'_, O>, ingress: Place, vlan: u16) -> Learn {
        let (now, address) = (walk.now, (vlan, walk.l2.eth_src));
        if address.1.is_multicast() {
            return Learn::Refused;
        }
        let fdb = &self.bridges[ingress.bridge].fdb;
        match walk.teach {
            Teach::Yes => {}
            Teach::No => {
                let learn = fdb.foresee(address, ingress.port);
                walk.out.unlearned |= matches!(learn, Learn::New { evicted: None } | Learn::Moved { .. });
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
        let bridge = &mut self.bridges[ingress.bridge];
        if bridge.wary && walk.teach == Teach::Yes && ingress.slot.is_none() && arp::is_gratuitous(walk.l2, walk.key) {
            bridge.fdb.lock(address, now + ARP_LOCK);
        }
        learn
    }

    #[inline]
    fn learn(&mut self, now: Moment, ingress: Place, vlan: u16, l2: &L2) -> (Learn, Option<Learned>) {
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
}

/// Where the destination is once `learn` has happened to the table, whether it has already or is only foreseen.
fn locate(fdb: &Fdb, learn: Learn, ingress: Place, vlan: u16, l2: &L2) -> Option<PortId> {
    match learn {
        Learn::New { .. } | Learn::Moved { .. } if l2.eth_dst == l2.eth_src => Some(ingress.port),
        Learn::New { evicted: Some(gone) } if gone == (vlan, l2.eth_dst) => None,
        _ => fdb.find((vlan, l2.eth_dst)).map(|found| found.port),
    }
}
