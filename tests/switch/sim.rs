//! Two switches joined by a cable, with hosts that move.

use ovsdp_proto::Mac;

use super::datapath::{Agent, frame};
use super::{mac, one_bridge, seconds};

/// The port the cable between the two is in, on both sides.
const CABLE: u32 = 2;

/// Two agents, the cable, and what came out anywhere else.
struct Pair {
    agents: [Agent; 2],
}

impl Pair {
    fn new() -> Self {
        Self { agents: [Agent::new(one_bridge(5)), Agent::new(one_bridge(5))] }
    }

    /// A host at a port of a switch sends. Returns the places it comes out, as (switch, port).
    fn send(&mut self, (at, port): (usize, u32), dst: Mac, src: Mac) -> Vec<(usize, u32)> {
        let bytes = frame(dst, src, &[], 0x0800, &[0; 40]);
        let mut heard = Vec::new();
        for out in self.agents[at].packet(port, &bytes) {
            if out != CABLE {
                heard.push((at, out));
                continue;
            }
            let far = self.agents[1 - at].packet(CABLE, &bytes);
            assert!(!far.contains(&CABLE), "sent back where it came from");
            heard.extend(far.into_iter().map(|out| (1 - at, out)));
        }
        heard.sort_unstable();
        heard
    }

    fn wait(&mut self, time: std::time::Duration) {
        for agent in &mut self.agents {
            agent.now = agent.now + time;
            agent.revalidate();
        }
    }
}

#[test]
fn hosts_find_each_other_and_then_nobody_else_hears_them() {
    let mut net = Pair::new();
    let (a, b) = ((0, 3), (1, 4));
    let everywhere: Vec<_> = [(0, 1), (0, 4), (0, 5), (0, 6), (1, 1), (1, 3), (1, 4), (1, 5), (1, 6)].into();
    assert_eq!(net.send(a, Mac::BROADCAST, mac(1)), everywhere);
    assert_eq!(net.send(b, mac(1), mac(2)), [a]);
    assert_eq!(net.send(a, mac(2), mac(1)), [b]);
    let upcalls = net.agents[0].upcalls;
    for _ in 0..100 {
        assert_eq!(net.send(a, mac(2), mac(1)), [b]);
    }
    assert_eq!(net.agents[0].upcalls, upcalls, "the flow answers");
}

#[test]
fn a_host_that_moves_is_found_with_its_first_packet() {
    let mut net = Pair::new();
    let places = [(0, 3), (1, 4), (1, 5), (0, 6), (0, 3), (0, 5), (1, 4), (0, 3)];
    let peers = [((0, 4), mac(2)), ((1, 3), mac(3)), ((1, 1), mac(4))];
    for (peer, address) in peers {
        net.send(peer, Mac::BROADCAST, address);
    }
    for place in places {
        // It says one thing to all, and everyone finds it; no time passes.
        net.send(place, Mac::BROADCAST, mac(1));
        for (peer, address) in peers {
            assert_eq!(net.send(peer, mac(1), address), [place]);
            assert_eq!(net.send(place, address, mac(1)), [peer]);
        }
    }
}

#[test]
fn a_host_that_moves_on_one_switch_is_found_by_whomever_it_spoke_to() {
    let mut net = Pair::new();
    net.send((0, 1), Mac::BROADCAST, mac(2));
    for port in [3, 4, 5, 3, 4, 3, 6, 5] {
        assert_eq!(net.send((0, port), mac(2), mac(1)), [(0, 1)]);
        assert_eq!(net.send((0, 1), mac(1), mac(2)), [(0, port)]);
    }
}

#[test]
fn a_host_that_only_ever_talks_through_flows_stays_known() {
    let mut net = Pair::new();
    let (a, b) = ((0, 3), (1, 4));
    net.send(a, mac(2), mac(1));
    net.send(b, mac(1), mac(2));
    for _ in 0..400 {
        net.wait(seconds(5));
        assert_eq!(net.send(a, mac(2), mac(1)), [b]);
        assert_eq!(net.send(b, mac(1), mac(2)), [a]);
    }
    assert!(net.agents[0].upcalls <= 4, "{} upcalls in 2000 seconds", net.agents[0].upcalls);
}

#[test]
fn a_host_that_falls_silent_is_looked_for_everywhere() {
    let mut net = Pair::new();
    let (a, b) = ((0, 3), (1, 4));
    net.send(a, mac(2), mac(1));
    net.send(b, mac(1), mac(2));
    for _ in 0..70 {
        net.wait(seconds(5));
        net.send(a, mac(2), mac(1));
    }
    let heard = net.send(a, mac(2), mac(1));
    assert_eq!(heard.len(), 9, "the flow's actions followed the expiry: {heard:?}");
}

#[test]
fn a_flood_of_addresses_harms_only_its_own_port() {
    let mut net = Pair::new();
    let mut topology = one_bridge(5);
    topology.bridges[0] = topology.bridges[0].clone().table_size(200);
    net.agents[0] = Agent::new(topology);
    let (a, b) = ((0, 3), (0, 4));
    net.send(a, mac(2), mac(1));
    net.send(b, mac(1), mac(2));
    net.send(a, mac(2), mac(1));
    for number in 0..1_000 {
        net.send((0, 5), mac(1), mac(1_000_000 + number));
    }
    let fdb = net.agents[0].switch.fdb("br0").unwrap();
    assert_eq!((fdb.len(), fdb.stats().evicted), (200, 802));
    assert_eq!(net.send(a, mac(2), mac(1)), [b]);
    assert_eq!(net.send(b, mac(1), mac(2)), [a]);
    net.agents[0].revalidate();
    assert_eq!(net.send(a, mac(2), mac(1)), [b]);
    assert_eq!(net.send(b, mac(1), mac(2)), [a]);
}
