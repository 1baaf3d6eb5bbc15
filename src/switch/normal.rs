//! The pipeline: what a standalone Open vSwitch does with every packet (its NORMAL action), step by step.
//!
//! 1. Where it came from: a port of a bridge, or dropped.
//! 2. Admission: a packet whose tag is cut short, or of a VLAN that the port does not take, is dropped; else it has a VLAN of
//!    the bridge. One to a reserved group is dropped.
//! 3. Learning: the sender is behind this port.
//! 4. Lookup: to the destination's port; dropped if that is where it came from; to every other port if it is not known.
//! 5. Output: to ports that carry its VLAN, each with the tags that are right there; never from one protected port to another.
//!
//! Each step records what it read of the packet, and only that is in the mask: the flow then answers exactly the packets
//! for which every step would read the same. Each step also tells an [`Observer`] what it found, which is how a decision is
//! traced; for packets that is [`Silent`], and nothing of it is left in the program.

use ovsdp_proto::action;
use ovsdp_proto::key::L2;

use super::decision::{Decision, Install, Learned, Read, Reason, Station};
use super::fdb::{Fdb, Learn};
use super::reserved::is_reserved;
use super::state::{Bridge, Place, Port, Switch};
use super::steps::{LeftOut, Observer, Silent, Source, Step};
use super::time::Moment;
use super::topology::PortId;
use super::vlan::{Admitted, Edit};

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
        let bridge = &self.bridges[ingress.bridge];
        let vlan = bridge.ports[ingress.index].rules.admit(&l2, &mut Read::default()).ok()?.vlan;
        if (!bridge.forward_bpdu && is_reserved(l2.eth_dst)) || bridge.floods(vlan) {
            return None;
        }
        self.expire_in(ingress.bridge, now);
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
        let ingress = match self.ingress(&l2) {
            Ok(ingress) => ingress,
            Err((reason, install)) => return out.settle(&l2, reason, read, install),
        };
        let Bridge { id: bridge, forward_bpdu, plain, .. } = self.bridges[ingress.bridge];
        (out.bridge, out.port) = (Some(bridge), Some(ingress.port));
        observer.step(Step::Admitted { bridge, port: ingress.port });

        let admitted = if plain { Admitted::by_tag(&l2) } else { self.at(ingress).rules.admit(&l2, &mut read) };
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(reason @ Reason::PartialTag) => return out.settle(&l2, reason, read, Install::No),
            Err(reason) => return out.settle(&l2, reason, read, Install::Yes),
        };
        let Admitted { vlan, source, .. } = admitted;
        observer.step(Step::Vlan { vlan, source, tagged: l2.vlan.is_some() });
        if !forward_bpdu {
            read.dst = true;
            if is_reserved(l2.eth_dst) {
                return out.settle(&l2, Reason::Reserved, read, Install::Yes);
            }
            observer.step(Step::NotReserved { destination: l2.eth_dst });
        }
        // A provider's VLAN is the port's, whatever the packet's tags say.
        read.vid |= source != Source::Service;
        // Only a tag that just gives a priority would be touched by a plain port.
        let plain = plain && (source == Source::Tag || l2.vlan.is_none());
        let way = Way { l2: &l2, ingress, admitted, plain };
        if self.bridges[ingress.bridge].floods(vlan) {
            observer.step(Step::FloodVlan { vlan });
            self.flood(&way, &mut read, out, observer);
            return out.settle(&l2, Reason::FloodVlan, read, Install::Yes);
        }

        (read.src, read.dst) = (true, true);
        let station = |mac| Station { bridge, vlan, mac };
        self.expire_in(ingress.bridge, now);
        let learn = if l2.eth_src.is_multicast() {
            Learn::Refused
        } else {
            out.from = Some(station(l2.eth_src));
            match teach {
                Teach::Yes => {
                    let (learn, learned) = self.learn(now, ingress, vlan, &l2);
                    out.learned = learned;
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

        let reason = if l2.eth_dst.is_multicast() {
            observer.step(Step::Group { destination: l2.eth_dst });
            self.flood(&way, &mut read, out, observer);
            Reason::Group
        } else {
            out.to = Some(station(l2.eth_dst));
            let found = locate(&self.bridges[ingress.bridge].fdb, learn, ingress, vlan, &l2);
            observer.step(Step::Station { destination: l2.eth_dst, port: found });
            self.unicast(&way, found, &mut read, out, observer)
        };
        out.settle(&l2, reason, read, Install::Yes);
    }

    /// Which port of which bridge a packet belongs to; else why it is dropped, and whether a flow may do so.
    fn ingress(&self, l2: &L2) -> Result<Place, (Reason, Install)> {
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
    fn learn(&mut self, now: Moment, ingress: Place, vlan: u16, l2: &L2) -> (Learn, Option<Learned>) {
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
    fn unicast<O: Observer>(&self, way: &Way<'_>, found: Option<PortId>, read: &mut Read, out: &mut Decision, observer: &mut O) -> Reason {
        let Some(place) = found.and_then(|id| self.by_id.get(&id)) else {
            self.flood(way, read, out, observer);
            return Reason::Unknown;
        };
        let port = place.port;
        let leaves = match way.plain {
            true if port == way.ingress.port => Err(LeftOut::CameFrom),
            true => Ok(Edit::Keep),
            false => way.to(self.at(*place), self.at(way.ingress), read),
        };
        match leaves {
            Ok(edit) => {
                way.put_edit(Edit::Keep, edit, out);
                out.output(place.dp_port);
                observer.step(Step::Output { port, edit });
                Reason::Forwarded
            }
            Err(LeftOut::CameFrom) => Reason::SamePort,
            Err(LeftOut::Protected) => Reason::Protected,
            Err(LeftOut::NotCarried) => Reason::NotCarried,
        }
    }

    /// To every port that carries it but the one it came from: first those that need nothing done to its tags.
    fn flood<O: Observer>(&self, way: &Way<'_>, read: &mut Read, out: &mut Decision, observer: &mut O) {
        let ports = &self.bridges[way.ingress.bridge].ports;
        if way.plain {
            for port in ports {
                if port.id == way.ingress.port {
                    observer.step(Step::LeftOut { port: port.id, why: LeftOut::CameFrom });
                    continue;
                }
                out.output(port.dp_port);
                observer.step(Step::Output { port: port.id, edit: Edit::Keep });
            }
            return;
        }
        let ingress = self.at(way.ingress);
        let (mut pop, mut new) = (false, false);
        for port in ports {
            match way.to(port, ingress, read) {
                Ok(edit @ Edit::Keep) => {
                    out.output(port.dp_port);
                    observer.step(Step::Output { port: port.id, edit });
                }
                Ok(Edit::Pop) => pop = true,
                Ok(Edit::New) => new = true,
                Err(why) => observer.step(Step::LeftOut { port: port.id, why }),
            }
        }
        let mut before = Edit::Keep;
        for edit in [(pop, Edit::Pop), (new, Edit::New)].into_iter().filter_map(|(wanted, edit)| wanted.then_some(edit)) {
            way.put_edit(before, edit, out);
            before = edit;
            for port in ports.iter().filter(|port| way.to(port, ingress, &mut Read::default()) == Ok(edit)) {
                out.output(port.dp_port);
                observer.step(Step::Output { port: port.id, edit });
            }
        }
    }

    fn at(&self, place: Place) -> &Port {
        &self.bridges[place.bridge].ports[place.index]
    }
}

/// A packet that was let in, on its way to ports.
struct Way<'a> {
    l2: &'a L2,
    ingress: Place,
    admitted: Admitted,
    /// Every port of its bridge sends it as it is.
    plain: bool,
}

impl Way<'_> {
    /// What is done to its tags before it is sent to `port`; or why it is not sent there.
    #[inline]
    fn to(&self, port: &Port, ingress: &Port, read: &mut Read) -> Result<Edit, LeftOut> {
        if port.id == self.ingress.port {
            return Err(LeftOut::CameFrom);
        }
        if port.rules.protected && ingress.rules.protected {
            return Err(LeftOut::Protected);
        }
        port.rules.egress(self.admitted, self.l2, read).ok_or(LeftOut::NotCarried)
    }

    /// Appends what makes `edit` of the packet after `before`.
    fn put_edit(&self, before: Edit, edit: Edit, out: &mut Decision) {
        let popped = before == Edit::Pop;
        if !popped && (edit == Edit::Pop || (edit == Edit::New && self.admitted.replaces(self.l2))) {
            action::pop_vlan(&mut out.actions);
        }
        if edit == Edit::New {
            action::push_vlan(&mut out.actions, self.admitted.new_tag(self.l2));
        }
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
