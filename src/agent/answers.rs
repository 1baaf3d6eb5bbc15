//! Answers to upcalls: a decision for each, and in one batch the removal of flows the decision made wrong, the flow, and the
//! packet, in that order.

use ovsdp_proto::flow::{Put, Which};
use ovsdp_proto::key::{beside_the_packet, concise};
use ovsdp_proto::packet::{Execute, Upcall};

use super::log;
use super::shared::{Core, Shared};
use crate::dp::{Dp, Families, Requests};
use crate::nl;
use crate::switch::{Decision, Insert, Moment, Reason, Ufid};

/// A batch is sent before it grows beyond this: the kernel takes no message larger than the socket's send buffer, whose
/// usual limit is 208 KiB (`net.core.wmem_default`).
const WIRE_MAX: usize = 96 * 1024;

/// Answers under way.
pub(super) struct Answers {
    requests: Requests,
    decision: Decision,
    /// The places of flow installations among the requests.
    installs: Vec<(usize, Ufid)>,
    /// Whether LACP was heard among the upcalls.
    heard: bool,
    /// The key of the packet without what says nothing: what is decided by, and the flow's.
    key: Vec<u8>,
    /// What of it the kernel is told beside the packet.
    beside: Vec<u8>,
}

impl Answers {
    /// None yet.
    pub(super) fn new(families: Families) -> Self {
        Self { requests: Requests::new(families), decision: Decision::new(), installs: Vec::new(), heard: false, key: Vec::new(), beside: Vec::new() }
    }

    /// Answers one upcall, and sends what there is when it is as much as fits.
    pub(super) fn give(&mut self, dp: &mut Dp, shared: &Shared, core: &mut Core, now: Moment, upcall: &Upcall<'_>) {
        self.decide(core, now, upcall);
        if self.decision.is_oversized() {
            return self.execute_in_pieces(dp, shared, core, upcall);
        }
        if self.requests.wire_len() > WIRE_MAX {
            self.send(dp, shared, core);
        }
    }

    #[cold]
    fn execute_in_pieces(&mut self, dp: &mut Dp, shared: &Shared, core: &mut Core, upcall: &Upcall<'_>) {
        let decision = std::mem::take(&mut self.decision);
        beside_the_packet(&self.key, &mut self.beside);
        decision.pieces(&mut |actions| {
            execute(&mut self.requests, upcall, &self.beside, actions);
            if self.requests.wire_len() > WIRE_MAX {
                self.send(dp, shared, core);
            }
        });
        self.decision = decision;
    }

    /// Decides what becomes of one packet, and collects what is to be sent for that.
    fn decide(&mut self, core: &mut Core, now: Moment, upcall: &Upcall<'_>) {
        let Core { switch, flows, .. } = core;
        let Self { requests, decision, installs, heard, key, beside } = self;
        let dp_ifindex = upcall.dp_ifindex;
        concise(upcall.key, key);
        switch.upcall(now, key, decision);
        if decision.reason == Reason::Lacp {
            switch.receive_lacp(now, key, upcall.packet);
            *heard = true;
        }
        // What does not fit a message is not sent: a flow that is missing costs another upcall, a packet is lost as on any wire.
        for learned in &decision.learned {
            flows.outdated(learned, &mut |ufid| drop(requests.delete_flow(dp_ifindex, Which::Ufid(ufid), false)));
        }
        let put = |ufid| Put {
            dp_ifindex,
            ufid: Some(ufid),
            key: Some(key),
            mask: Some(&decision.mask),
            actions: Some(&decision.actions),
            clear: false,
            probe: false,
        };
        let placed = match flows.insert(now, key, decision, switch.generation()) {
            Insert::New(ufid) => Some((requests.put_flow(&put(ufid)), ufid)),
            Insert::Replaced(ufid) => Some((requests.set_flow(&put(ufid)), ufid)),
            Insert::Same(_) | Insert::NotInstalled => None,
        };
        match placed {
            Some((Ok(place), ufid)) => installs.push((place, ufid)),
            Some((Err(_), ufid)) => drop(flows.remove(&ufid)),
            None => {}
        }
        if !decision.is_drop() && !decision.is_oversized() {
            beside_the_packet(key, beside);
            execute(requests, upcall, beside, &decision.actions);
        }
    }

    /// Sends what has been collected and forgets what the kernel refused.
    pub(super) fn send(&mut self, dp: &mut Dp, shared: &Shared, core: &mut Core) {
        if std::mem::take(&mut self.heard) {
            shared.bundles.ring();
        }
        let Self { requests, installs, .. } = self;
        if requests.is_empty() {
            return;
        }
        let (mut refused, mut taken_back) = (0, false);
        let sent = dp.fire(requests, |place, error| {
            // A flow another handler's upcall of the same burst has installed is as good as this one.
            if error.kind() != nl::Kind::Exists {
                refused += 1;
            }
            if let Ok(found) = installs.binary_search_by_key(&place, |(place, _)| *place)
                && let Some((_, ufid)) = installs.get(found)
            {
                core.flows.remove(ufid);
                taken_back = true;
            }
        });
        if let Err(error) = sent {
            log::say(format_args!("some answers to upcalls were not sent: {error}"));
        }
        if taken_back {
            // Whatever is in the kernel in its place is for the revalidator to find.
            shared.ring();
        }
        shared.counters.installed.add(installs.len());
        shared.counters.refused.add(refused);
        installs.clear();
        requests.clear();
    }
}

/// Has actions executed on the packet that came up; `key` is what its key says beside the packet.
fn execute(requests: &mut Requests, upcall: &Upcall<'_>, key: &[u8], actions: &[u8]) {
    let Upcall { dp_ifindex, packet, mru, hash, .. } = *upcall;
    let _ = requests.execute(&Execute { dp_ifindex, packet, key, actions, mru, hash, probe: false });
}

#[cfg(test)]
mod tests {
    use ovsdp_proto::key::KeyBuf;
    use ovsdp_proto::{IfName, Mac, nla, uapi};

    use super::*;
    use crate::switch::{Bridge, Topology};

    /// The payload of the upcall of a packet from one station to another, by port 2.
    fn upcall(from: u32, to: u32) -> Vec<u8> {
        let mac = |number: u32| {
            let [a, b, c, d] = number.to_be_bytes();
            Mac([0x52, 0x54, a, b, c, d])
        };
        let mut key = KeyBuf::new();
        key.recirc_id(0).in_port(2).ethernet(mac(from), mac(to)).eth_type(0x0800);
        let mut payload = vec![uapi::packet::cmd::MISS, 1, 0, 0, 7, 0, 0, 0];
        nla::put(&mut payload, uapi::packet::attr::KEY, key.as_bytes()).unwrap();
        nla::put(&mut payload, uapi::packet::attr::PACKET, &[0; 60]).unwrap();
        payload
    }

    #[test]
    fn an_answer_allocates_its_flows_key_and_nothing_else() {
        let shared = Shared::new(1).unwrap();
        let mut core = shared.core();
        let name = |text| IfName::new(text).unwrap();
        let bridge = Bridge::new(name("br0"), 1).port(name("p2"), 2).port(name("p3"), 3);
        assert!(core.switch.set_topology(Moment(0), Topology { bridges: vec![bridge] }).unwrap());
        let mut answers = Answers::new(Families { datapath: 20, vport: 21, flow: 22, packet: 23 });
        let burst: Vec<Vec<u8>> = (0..64).map(|number| upcall(number, 1_000_000)).collect();
        let round = |answers: &mut Answers, core: &mut Core| {
            for payload in &burst {
                answers.decide(core, Moment(1), &Upcall::parse(payload).unwrap());
            }
            let (flows, requests) = (answers.installs.len(), answers.requests.len());
            answers.installs.clear();
            answers.requests.clear();
            (flows, requests)
        };
        let forget = |core: &mut Core| {
            let names: Vec<Ufid> = core.flows.iter().map(|flow| flow.ufid).collect();
            names.iter().for_each(|ufid| drop(core.flows.remove(ufid)));
        };
        for _ in 0..2 {
            assert_eq!(round(&mut answers, &mut core), (64, 128));
            forget(&mut core);
        }
        let mut done = (0, 0);
        let counted = allocation_counter::measure(|| done = round(&mut answers, &mut core));
        assert_eq!((done, counted.count_total), ((64, 128), 64));
        // The same packets again, as a burst brings them before its first flow is in the kernel: no flow is installed twice.
        let counted = allocation_counter::measure(|| done = round(&mut answers, &mut core));
        assert_eq!((done, counted.count_total), ((0, 64), 0));
    }
}
