//! Static addresses: what a person put into a MAC table, and what may happen to it.

use ovsdp::switch::fdb::Learn;
use ovsdp::switch::{Bridge, FdbEntry, Moment, Refused, Topology};
use ovsdp_proto::Mac;

use super::datapath::{Agent, frame};
use super::{mac, name, one_bridge, seconds};

fn plain(dst: u32, src: u32) -> Vec<u8> {
    frame(mac(dst), mac(src), &[], 0x0800, &[0; 20])
}

fn pin(agent: &mut Agent, port: &str, number: u32) -> Result<Learn, Refused> {
    agent.switch.pin(agent.now, "br0", port, (0, mac(number)))
}

/// The static addresses of `br0` by number of their port.
fn statics(agent: &Agent) -> Vec<(Mac, u32)> {
    let entries = agent.switch.fdb("br0").unwrap().iter().filter(|(_, found)| found.is_static);
    entries.map(|((_, mac), found)| (mac, agent.switch.dp_port(found.port).unwrap())).collect()
}

#[test]
fn traffic_goes_there_and_does_not_move_it() {
    let mut agent = Agent::new(one_bridge(3));
    agent.strict = true;
    assert_eq!(pin(&mut agent, "p4", 2), Ok(Learn::New { evicted: None }));
    assert_eq!(agent.packet(2, &plain(2, 1)), [4]);
    // The station itself speaks elsewhere: its packets are forwarded, those to it go where they went.
    assert_eq!(agent.packet(3, &plain(1, 2)), [2]);
    assert_eq!(agent.packet(3, &plain(1, 2)), [2]);
    assert_eq!(agent.packet(2, &plain(2, 1)), [4]);
    agent.now = agent.now + seconds(1);
    assert_eq!(agent.revalidate().deleted, 0);
    assert_eq!(statics(&agent), [(mac(2), 4)]);
    let stats = agent.switch.fdb_stats("br0").unwrap();
    assert_eq!((stats.current, stats.statics, stats.learned, stats.moved), (2, 1, 1, 0));
}

#[test]
fn flows_follow_each_change() {
    let mut agent = Agent::new(one_bridge(3));
    agent.packet(2, &plain(2, 1));
    assert_eq!(agent.packet(2, &plain(2, 1)), [1, 3, 4], "by the flow");
    pin(&mut agent, "p4", 2).unwrap();
    assert_eq!(agent.revalidate().modified, 1);
    assert_eq!(agent.packet(2, &plain(2, 1)), [4]);
    assert!(matches!(pin(&mut agent, "LOCAL", 2), Ok(Learn::Moved { .. })));
    assert_eq!(agent.revalidate().modified, 1);
    assert_eq!(agent.packet(2, &plain(2, 1)), [1]);
    agent.switch.unlearn("br0", 0, mac(2)).unwrap();
    assert_eq!(agent.revalidate().modified, 1);
    assert_eq!(agent.packet(2, &plain(2, 1)), [1, 3, 4]);
    assert_eq!(agent.upcalls, 1);
}

#[test]
fn neither_time_nor_flushing_takes_it() {
    let mut agent = Agent::new(one_bridge(3));
    agent.packet(2, &plain(9, 1));
    pin(&mut agent, "p4", 2).unwrap();
    pin(&mut agent, "p2", 1).unwrap();
    agent.packet(3, &plain(9, 3));
    assert_eq!(agent.switch.flush(agent.now, "br0", None), Ok(1), "3 was learned; 1 was, before it was made static");
    // A shorter time to live is none of a static address's business.
    let topology = Topology { bridges: vec![one_bridge(3).bridges[0].clone().aging(seconds(15))] };
    agent.now = agent.now + seconds(100_000);
    agent.switch.set_topology(agent.now, topology).unwrap();
    agent.switch.expire(agent.now);
    assert_eq!(statics(&agent), [(mac(2), 4), (mac(1), 2)]);
    assert_eq!(agent.switch.next_expiry(), None);
}

#[test]
fn the_next_agent_has_it() {
    let mut old = Agent::new(one_bridge(3));
    pin(&mut old, "p4", 2).unwrap();
    let long_after = Moment(10_000_000);
    let text = serde_json::to_string(&old.switch.snapshot(long_after)).unwrap();
    assert_eq!(text, r#"[{"bridge":"br0","vlan":0,"mac":"52:54:00:00:00:02","port":"p4","age_ms":10000000,"static":true}]"#);
    let entries: Vec<FdbEntry> = serde_json::from_str(&text).unwrap();
    let mut new = Agent::new(one_bridge(3));
    new.now = long_after;
    // What it heard meanwhile does not outweigh what a person said.
    new.packet(3, &plain(9, 2));
    assert_eq!(new.switch.restore(new.now, &entries), 1);
    assert_eq!(statics(&new), [(mac(2), 4)]);
    assert_eq!(new.switch.fdb("br0").unwrap().len(), 1);
    assert_eq!(new.packet(2, &plain(2, 1)), [4]);
    assert_eq!(new.switch.restore(new.now, &entries), 0, "it is there already");
}

#[test]
fn a_full_table_takes_a_ports_learned_addresses_first_and_counts_right() {
    let topology = Topology { bridges: vec![one_bridge(3).bridges[0].clone().table_size(10)] };
    let mut agent = Agent::new(topology);
    for number in 0..6 {
        pin(&mut agent, "p2", number).unwrap();
    }
    for number in 10..14 {
        agent.packet(2, &plain(99, number));
    }
    let counts = |agent: &Agent| {
        let stats = agent.switch.fdb_stats("br0").unwrap();
        (stats.current, stats.statics, stats.evicted)
    };
    assert_eq!(counts(&agent), (10, 6, 0));
    for number in 20..24 {
        agent.packet(3, &plain(99, number));
    }
    assert_eq!(counts(&agent), (10, 6, 4), "p2 had most: its learned ones went");
    agent.packet(4, &plain(99, 30));
    assert_eq!(counts(&agent), (10, 5, 5), "it still had most, and only static ones");
    assert_eq!(statics(&agent)[0], (mac(1), 2));
    assert_eq!(pin(&mut agent, "p4", 31), Ok(Learn::New { evicted: Some((0, mac(1))) }));
    assert_eq!(counts(&agent), (10, 5, 6));
}

#[test]
fn it_goes_with_its_port() {
    let mut agent = Agent::new(one_bridge(3));
    pin(&mut agent, "p4", 2).unwrap();
    pin(&mut agent, "p3", 3).unwrap();
    agent.switch.set_topology(agent.now, one_bridge(2)).unwrap();
    assert_eq!(statics(&agent), [(mac(3), 3)]);
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut agent = Agent::new(Topology { bridges: vec![Bridge::new(name("br0"), 1).port(name("LOCAL"), 2)] });
    let at = Moment(0);
    assert_eq!(agent.switch.pin(at, "br9", "p2", (0, mac(1))), Err(Refused::NoBridge));
    assert_eq!(agent.switch.pin(at, "br0", "p9", (0, mac(1))), Err(Refused::NoPort));
    assert_eq!(agent.switch.pin(at, "br0", "LOCAL", (4096, mac(1))), Err(Refused::BadVlan));
    assert_eq!(agent.switch.pin(at, "br0", "LOCAL", (0, Mac::BROADCAST)), Err(Refused::Group));
    assert_eq!(agent.switch.unlearn("br0", 0, mac(1)), Err(Refused::NoAddress));
    assert!(agent.switch.fdb("br0").unwrap().is_empty());
    agent.switch.pin(at, "br0", "LOCAL", (0, mac(1))).unwrap();
    assert_eq!(statics(&agent), [(mac(1), 2)], "a port of that name comes before the word");
    assert!(matches!(agent.switch.pin(at, "br0", "LOCAL", (0, mac(1))), Ok(Learn::Static { .. })));
}
