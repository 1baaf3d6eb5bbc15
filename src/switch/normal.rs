//! The pipeline: what a standalone Open vSwitch does with every packet (its NORMAL action), step by step.
//!
//! 1. Where it came from: a port of a bridge, or dropped.
//! 2. Admission: a tag cut short or a reserved destination is dropped; else the packet has a VLAN of the bridge.
//! 3. Learning: the sender is behind this port.
//! 4. Lookup: to the destination's port; dropped if that is where it came from; to every other port if it is not known.
//!
//! Each step records what it read of the packet, and only that is in the mask: the flow then answers exactly the packets
//! for which every step would read the same.

use ovsdp_proto::key::{L2, VLAN_PRESENT};

use super::decision::{Decision, Install, Learned, Read, Reason, Station};
use super::fdb::Learn;
use super::reserved::is_reserved;
use super::state::{Bridge, Ingress, Switch};
use super::time::Moment;

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
        self.decide(now, key, out, Teach::Yes);
    }

    /// Decides the same without learning: what a flow of this key should do now. `out.unlearned` says that its sender is
    /// not known to be behind this port.
    pub fn translate(&mut self, now: Moment, key: &[u8], out: &mut Decision) {
        self.decide(now, key, out, Teach::No);
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
        let known = self.bridges[ingress.bridge].fdb.find((vlan, l2.eth_src));
        if known.is_some_and(|known| known.port != ingress.port && known.used >= used) {
            return None;
        }
        if known.is_none() && now.since(used) >= self.bridges[ingress.bridge].fdb.limits().aging() {
            return None;
        }
        self.learn(now, ingress, vlan, &l2)
    }

    fn decide(&mut self, now: Moment, key: &[u8], out: &mut Decision, teach: Teach) {
        out.clear();
        let mut read = Read::default();
        let Ok(l2) = L2::parse(key) else { return };
        let ingress = match self.ingress(&l2) {
            Ok(ingress) => ingress,
            Err((reason, install)) => return out.settle(&l2, reason, read, install),
        };
        let bridge = self.bridges[ingress.bridge].id;
        (out.bridge, out.port) = (Some(bridge), Some(ingress.port));

        read.dst = true;
        if is_reserved(l2.eth_dst) {
            return out.settle(&l2, Reason::Reserved, read, Install::Yes);
        }
        let vlan = match admit(&l2) {
            Ok(vlan) => vlan,
            Err(reason) => return out.settle(&l2, reason, read, Install::No),
        };

        (read.src, read.vid) = (true, true);
        let station = |mac| Station { bridge, vlan, mac };
        self.expire_in(ingress.bridge, now);
        if !l2.eth_src.is_multicast() {
            out.from = Some(station(l2.eth_src));
            match teach {
                Teach::Yes => out.learned = self.learn(now, ingress, vlan, &l2),
                Teach::No => {
                    let known = self.bridges[ingress.bridge].fdb.find((vlan, l2.eth_src));
                    out.unlearned = known.is_none_or(|known| known.port != ingress.port);
                }
            }
        }

        let reason = if l2.eth_dst.is_multicast() {
            flood(&self.bridges[ingress.bridge], ingress, out);
            Reason::Group
        } else {
            out.to = Some(station(l2.eth_dst));
            self.unicast(ingress, vlan, &l2, out)
        };
        out.settle(&l2, reason, read, Install::Yes);
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

    fn learn(&mut self, now: Moment, ingress: Ingress, vlan: u16, l2: &L2) -> Option<Learned> {
        let Bridge { id, fdb, .. } = &mut self.bridges[ingress.bridge];
        let bridge = *id;
        let learned = |moved| Learned { station: Station { bridge, vlan, mac: l2.eth_src }, port: ingress.port, moved };
        match fdb.learn(now, (vlan, l2.eth_src), ingress.port) {
            Learn::Known | Learn::Refused => None,
            Learn::Moved { .. } => Some(learned(true)),
            Learn::New { evicted } => {
                if let Some((vlan, mac)) = evicted {
                    self.forget(Station { bridge, vlan, mac });
                }
                Some(learned(false))
            }
        }
    }

    fn unicast(&self, ingress: Ingress, vlan: u16, l2: &L2, out: &mut Decision) -> Reason {
        let bridge = &self.bridges[ingress.bridge];
        let found = bridge.fdb.find((vlan, l2.eth_dst)).map(|found| found.port);
        if found == Some(ingress.port) {
            return Reason::SamePort;
        }
        match found.and_then(|port| self.dp_ports.get(&port)) {
            Some(dp_port) => {
                out.output(*dp_port);
                Reason::Forwarded
            }
            None => {
                flood(bridge, ingress, out);
                Reason::Unknown
            }
        }
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
fn flood(bridge: &Bridge, ingress: Ingress, out: &mut Decision) {
    for port in bridge.ports.iter().filter(|port| port.id != ingress.port) {
        out.output(port.dp_port);
    }
}
