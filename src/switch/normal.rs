//! The pipeline: what a standalone Open vSwitch does with every packet (its NORMAL action), step by step.
//!
//! 1. Where it came from: a port of a bridge, or dropped. What a port's LACP is to hear goes there, and what came round to be
//!    spread over a bond's members goes to one.
//! 2. Admission: a tag cut short or a reserved destination is dropped; else the packet has a VLAN of the bridge. A bond drops
//!    what it must not take.
//! 3. Learning: the sender is behind this port.
//! 4. Lookup: to the destination's port; dropped if that is where it came from; to every other port if it is not known.
//!
//! Each step records what it read of the packet, and only that is in the mask: the flow then answers exactly the packets
//! for which every step would read the same. Each step also tells an [`Observer`] what it found, which is how a decision is
//! traced; for packets that is [`Silent`], and nothing of it is left in the program.

use core::time::Duration;

use ovsdp_proto::Mac;
use ovsdp_proto::key::{L2, VLAN_PRESENT};

use super::arp;
use super::bond::{Exit, Verdict};
use super::bundles::{Bundles, Slot};
use super::decision::{Decision, Install, Learned, Load, Read, Reason, Station};
use super::fdb::{Fdb, Learn};
use super::lacp::SLOW_PROTOCOLS;
use super::reserved::is_reserved;
use super::state::{Bridge, Ingress, Port, Switch};
use super::steps::{LeftOut, Observer, Silent, Step};
use super::time::Moment;
use super::topology::PortId;

/// How long a bond may not move a station that has just said where it is.
const ARP_LOCK: Duration = Duration::from_secs(5);

/// What to do about the packet's sender.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Teach {
    /// Learn it.
    Yes,
    /// Only say whether it is known.
    No,
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
    /// behind another port since `used` stays there.
    pub fn credit(&mut self, now: Moment, key: &[u8], used: Moment) -> Option<Learned> {
        let l2 = L2::parse(key).ok()?;
        let ingress = self.ingress(&l2).ok()?;
        if is_reserved(l2.eth_dst) {
            return None;
        }
        let vlan = admit(&l2).ok()?;
        self.expire_in(ingress.bridge, now);
        match self.verdict(ingress, l2.eth_dst) {
            Verdict::Drop => return None,
            Verdict::DropIfMoved if self.sent_back(now, ingress, vlan, &l2, key) => return None,
            Verdict::DropIfMoved | Verdict::Accept => {}
        }
        let known = self.bridges[ingress.bridge].fdb.find((vlan, l2.eth_src));
        if known.is_some_and(|known| known.port != ingress.port && known.used >= used) {
            return None;
        }
        if known.is_none() && now.since(used) >= self.bridges[ingress.bridge].fdb.limits().aging() {
            return None;
        }
        self.learn(now, ingress, vlan, &l2).1
    }

    fn decide<O: Observer>(&mut self, now: Moment, key: &[u8], out: &mut Decision, teach: Teach, observer: &mut O) {
        out.clear();
        let mut read = Read::default();
        let Ok(l2) = L2::parse(key) else { return };
        if let Some(at) = self.bundles.by_recirc(l2.recirc_id) {
            return self.spread(at, &l2, out, observer);
        }
        let ingress = match self.ingress(&l2) {
            Ok(ingress) => ingress,
            Err((reason, install)) => return out.settle(&l2, reason, read, install),
        };
        let bridge = self.bridges[ingress.bridge].id;
        (out.bridge, out.port) = (Some(bridge), Some(ingress.port));
        observer.step(Step::Admitted { bridge, port: ingress.port });

        if self.hears_lacp(ingress, &l2) {
            return out.settle(&l2, Reason::Lacp, read, Install::No);
        }
        read.dst = true;
        if is_reserved(l2.eth_dst) {
            return out.settle(&l2, Reason::Reserved, read, Install::Yes);
        }
        observer.step(Step::NotReserved { destination: l2.eth_dst });
        let vlan = match admit(&l2) {
            Ok(vlan) => vlan,
            Err(reason) => return out.settle(&l2, reason, read, Install::No),
        };
        observer.step(Step::Vlan { vlan, tagged: l2.vlan.is_some() });

        let verdict = self.verdict(ingress, l2.eth_dst);
        if verdict == Verdict::Drop {
            return out.settle(&l2, Reason::BondClosed, read, Install::Yes);
        }
        (read.src, read.vid) = (true, true);
        let station = |mac| Station { bridge, vlan, mac };
        self.expire_in(ingress.bridge, now);
        // What it says would have to be in the flow's mask: a flow for each pair of addresses, of what is rare.
        let wary = self.bridges[ingress.bridge].wary && arp::is_broadcast(&l2);
        let install = if wary { Install::No } else { Install::Yes };
        if verdict == Verdict::DropIfMoved && self.sent_back(now, ingress, vlan, &l2, key) {
            out.from = Some(station(l2.eth_src));
            return out.settle(&l2, Reason::SentBack, read, install);
        }
        let learn = if l2.eth_src.is_multicast() {
            Learn::Refused
        } else {
            out.from = Some(station(l2.eth_src));
            match teach {
                Teach::Yes => {
                    let (learn, learned) = self.learn(now, ingress, vlan, &l2);
                    out.learned = learned;
                    if wary && ingress.slot.is_none() && arp::is_gratuitous(&l2, key) {
                        self.bridges[ingress.bridge].fdb.lock((vlan, l2.eth_src), now + ARP_LOCK);
                    }
                    learn
                }
                Teach::No => {
                    let learn = self.bridges[ingress.bridge].fdb.foresee((vlan, l2.eth_src), ingress.port);
                    out.unlearned = matches!(learn, Learn::New { .. } | Learn::Moved { .. });
                    learn
                }
            }
        };
        observer.step(Step::Sender { sender: l2.eth_src, learn });

        let bridge = &self.bridges[ingress.bridge];
        let reason = if l2.eth_dst.is_multicast() {
            observer.step(Step::Group { destination: l2.eth_dst });
            flood(&mut self.bundles, bridge, ingress, (&l2, vlan), out, observer);
            Reason::Group
        } else {
            out.to = Some(station(l2.eth_dst));
            let found = locate(&bridge.fdb, learn, ingress, vlan, &l2);
            observer.step(Step::Station { destination: l2.eth_dst, port: found });
            self.unicast(ingress, found, (&l2, vlan), out, observer)
        };
        out.settle(&l2, reason, read, install);
    }

    /// Sends a packet that came round by the member of a bond that its hash chooses.
    fn spread<O: Observer>(&mut self, at: usize, l2: &L2, out: &mut Decision, observer: &mut O) {
        let Bundles { all, .. } = &mut self.bundles;
        let (one, read) = (&mut all[at], Read { bucket: true, ..Read::default() });
        let exit = one.bond.as_mut().map_or(Exit::Nowhere, |bond| bond.exit_after(l2.dp_hash));
        let Exit::Bucket { dp_port, bucket } = exit else {
            return out.settle(l2, Reason::Recirculated, Read::default(), Install::Briefly);
        };
        let port = one.port;
        (out.bridge, out.port) = (Some(self.bridges[one.bridge].id), Some(port));
        out.output(dp_port);
        out.loads.push(Load { port, bucket });
        observer.step(Step::Member { port, exit });
        out.settle(l2, Reason::Spread, read, Install::Yes);
    }

    /// Whether a packet is for the LACP of the port it came in by.
    fn hears_lacp(&self, ingress: Ingress, l2: &L2) -> bool {
        let speaks = |slot: Slot| self.bundles.all[slot.bundle].lacp.is_some();
        l2.eth_type == SLOW_PROTOCOLS && l2.vlan.is_none() && ingress.slot.is_some_and(speaks)
    }

    /// What the bond a packet came in by makes of it, if it is a bond.
    fn verdict(&self, ingress: Ingress, dst: Mac) -> Verdict {
        let Some(Slot { bundle, member }) = ingress.slot else { return Verdict::Accept };
        self.bundles.all[bundle].bond.as_ref().map_or(Verdict::Accept, |bond| bond.admit(member, dst))
    }

    /// Whether a packet that came in by a bond was sent back by the network: its sender is behind another port. Unless it says
    /// that it has moved; which is not believed of one that has just said where it is, there.
    fn sent_back(&self, now: Moment, ingress: Ingress, vlan: u16, l2: &L2, key: &[u8]) -> bool {
        let (fdb, address) = (&self.bridges[ingress.bridge].fdb, (vlan, l2.eth_src));
        let elsewhere = fdb.find(address).is_some_and(|found| found.port != ingress.port);
        elsewhere && (!arp::is_gratuitous(l2, key) || fdb.is_locked(now, address))
    }

    /// Which port of which bridge a packet belongs to; else why it is dropped, and whether a flow may do so.
    fn ingress(&self, l2: &L2) -> Result<Ingress, (Reason, Install)> {
        let in_port = l2.in_port.ok_or((Reason::NoPort, Install::No))?;
        if !l2.ethernet {
            return Err((Reason::NoEthernet, Install::No));
        }
        if l2.recirc_id != 0 {
            return Err((Reason::Recirculated, Install::Briefly));
        }
        self.by_dp_port.get(&in_port).copied().ok_or((Reason::UnknownPort, Install::Briefly))
    }

    #[inline]
    fn learn(&mut self, now: Moment, ingress: Ingress, vlan: u16, l2: &L2) -> (Learn, Option<Learned>) {
        let Bridge { id, fdb, .. } = &mut self.bridges[ingress.bridge];
        let bridge = *id;
        let learned = |moved| Some(Learned { station: Station { bridge, vlan, mac: l2.eth_src }, port: ingress.port, moved });
        let learn = fdb.learn(now, (vlan, l2.eth_src), ingress.port);
        let learned = match learn {
            Learn::Known | Learn::Static { .. } | Learn::Refused => None,
            Learn::Moved { .. } => learned(true),
            Learn::New { evicted } => {
                if let Some((vlan, mac)) = evicted {
                    self.forget(Station { bridge, vlan, mac });
                }
                learned(false)
            }
        };
        (learn, learned)
    }

    /// To the port a station is behind; everywhere when that is not known.
    fn unicast<O: Observer>(&mut self, ingress: Ingress, found: Option<PortId>, packet: (&L2, u16), out: &mut Decision, observer: &mut O) -> Reason {
        if found == Some(ingress.port) {
            return Reason::SamePort;
        }
        match found.and_then(|port| self.exits.get(&port)) {
            Some(port) => {
                send(&mut self.bundles, port, packet, out, observer);
                Reason::Forwarded
            }
            None => {
                flood(&mut self.bundles, &self.bridges[ingress.bridge], ingress, packet, out, observer);
                Reason::Unknown
            }
        }
    }
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

/// To every port but the one it came from.
fn flood<O: Observer>(bundles: &mut Bundles, bridge: &Bridge, ingress: Ingress, packet: (&L2, u16), out: &mut Decision, observer: &mut O) {
    for port in &bridge.ports {
        if port.id == ingress.port {
            observer.step(Step::LeftOut { port: port.id, why: LeftOut::CameFrom });
            continue;
        }
        send(bundles, port, packet, out, observer);
    }
}

/// By a port; of a bond, by the member a packet of this VLAN goes out by.
fn send<O: Observer>(bundles: &mut Bundles, port: &Port, (l2, vlan): (&L2, u16), out: &mut Decision, observer: &mut O) {
    let Some(bond) = port.bundle.and_then(|at| bundles.bond(at)) else {
        out.output(port.dp_port);
        return observer.step(Step::Output { port: port.id });
    };
    let exit = bond.exit(l2.eth_src, vlan);
    match exit {
        Exit::Nowhere => {}
        Exit::Port { dp_port } => out.output(dp_port),
        Exit::Bucket { dp_port, bucket } => {
            out.output(dp_port);
            out.loads.push(Load { port: port.id, bucket });
        }
        Exit::Recirculate { recirc_id, basis } => out.recirculate(recirc_id, basis),
    }
    observer.step(Step::Member { port: port.id, exit });
}
