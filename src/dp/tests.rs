//! Against a kernel with the openvswitch module, each test in a network namespace of its own. On a machine without it,
//! or without root, veth or iproute2, they say loudly that they were skipped; a virtual machine runs this same binary.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use ovsdp_proto::flow::{Put, Stats, Ufid, Which as Flow};
use ovsdp_proto::key::KeyBuf;
use ovsdp_proto::packet::Execute;
use ovsdp_proto::vport::Which;
use ovsdp_proto::{IfName, Mac, action};

use super::owner::{Owner, owner};
use super::*;
use crate::nl::Kind;
use crate::nl::namespace::{self, PAIR};

/// Runs `test` in a thread with a fresh network namespace that has the pair v0 and v1.
pub(super) fn in_namespace(name: &str, test: impl FnOnce(Families) + Send) {
    match family::resolve() {
        Ok(families) => namespace::in_namespace(name, &[PAIR], || test(families)),
        Err(error) => eprintln!("\n*** SKIPPED: {name}: {error} ***\n"),
    }
}

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

fn name(text: &str) -> IfName {
    IfName::new(text).unwrap()
}

#[test]
fn datapaths_and_vports_come_and_go() {
    in_namespace("datapaths_and_vports_come_and_go", |families| {
        let mut dp = Dp::new(families).unwrap();
        let mut events = Events::open(families).unwrap();
        let system = name(SYSTEM);
        assert_eq!(dp.datapath(&system).unwrap(), None);
        assert_eq!(dp.datapaths().unwrap(), []);
        let made = dp.create_datapath(&system, &[4711, 4712], Dispatch::PerCpu).unwrap();
        assert_eq!(made.dispatch(), Dispatch::PerCpu);
        assert_eq!(made.per_cpu_pids, cpu::spread(&[4711, 4712], cpu::slots()));
        let found = dp.datapath(&system).unwrap().unwrap();
        assert_eq!((found.index, found.features, &found.per_cpu_pids), (made.index, made.features, &made.per_cpu_pids));
        assert_eq!(dp.datapaths().unwrap().len(), 1);
        let again = dp.create_datapath(&system, &[1], Dispatch::PerCpu).unwrap_err();
        assert!(matches!(again.kind(), Kind::Exists | Kind::Busy), "{again}");
        assert_eq!(dp.set_upcall_pids(&made, &[9], Dispatch::PerCpu).unwrap().per_cpu_pids, vec![9; cpu::slots()]);
        assert!(dp.set_upcall_pids(&made, &[], Dispatch::PerCpu).unwrap().per_cpu_pids.iter().all(|pid| *pid == 0));

        let v0 = dp.add_netdev(made.index, &name("v0"), &[]).unwrap();
        assert_eq!((v0.number, v0.kind, v0.name), (1, VportKind::Netdev, name("v0")));
        let internal = dp.add_internal(made.index, &name("ovsbr0"), &[]).unwrap();
        assert_eq!((internal.number, internal.kind), (2, VportKind::Internal));
        let vports = dp.vports(made.index).unwrap();
        let mut seen: Vec<_> = vports.iter().map(|vport| (vport.number, vport.name.as_str(), vport.kind)).collect();
        seen.sort_unstable_by_key(|(number, ..)| *number);
        assert_eq!(seen, [(0, "ovs-system", VportKind::Internal), (1, "v0", VportKind::Netdev), (2, "ovsbr0", VportKind::Internal)]);
        assert!(vports.iter().all(|vport| vport.stats.is_some() && vport.ifindex.is_some()));
        assert_eq!(dp.vport(0, Which::Name(&name("v0"))).unwrap().map(|vport| vport.number), Some(1));
        assert_eq!(dp.vport(made.index, Which::Number(9)).unwrap(), None);
        dp.set_vport_upcall_pids(made.index, Which::Number(1), &[77]).unwrap();
        assert_eq!(dp.vport(made.index, Which::Number(1)).unwrap().unwrap().upcall_pids, [77]);

        let nothing = dp.add_netdev(made.index, &name("eth9"), &[]).unwrap_err();
        assert_eq!(nothing.kind(), Kind::NoDevice);
        assert_eq!(nothing.to_string(), "cannot attach eth9: No such device (ENODEV)");
        assert_eq!(dp.add_netdev(made.index, &name("v0"), &[]).unwrap_err().kind(), Kind::Exists);
        assert_eq!(dp.add_internal(made.index, &name("v1"), &[]).unwrap_err().kind(), Kind::Exists);
        assert_eq!(dp.add_netdev(made.index, &name("lo"), &[]).unwrap_err().kind(), Kind::Invalid);
        assert_eq!(dp.delete_vport(made.index, Which::Number(0)).unwrap_err().kind(), Kind::Invalid);

        dp.delete_vport(made.index, Which::Name(&name("v0"))).unwrap();
        assert_eq!(dp.delete_vport(made.index, Which::Number(1)).unwrap_err().kind(), Kind::NoDevice);
        dp.delete_datapath(&system).unwrap();
        assert_eq!(dp.delete_datapath(&system).unwrap_err().kind(), Kind::NoDevice);
        assert_eq!(dp.counters(), Counters::default());

        let mut all = Vec::new();
        while events.wait(Duration::from_millis(200)).unwrap() {
            events.drain(|event| all.push(event)).unwrap();
        }
        assert!(all.iter().any(|event| matches!(event, Event::Datapath(datapath) if datapath.index == made.index)), "{all:?}");
        assert!(all.iter().any(|event| matches!(event, Event::Vport(vport) if vport.name == *"ovsbr0")), "{all:?}");
        assert!(all.iter().any(|event| matches!(event, Event::VportGone(vport) if vport.name == *"v0")), "{all:?}");
        assert!(all.iter().any(|event| matches!(event, Event::DatapathGone(_))), "{all:?}");
    });
}

#[test]
fn a_device_that_vanishes_is_told() {
    in_namespace("a_device_that_vanishes_is_told", |families| {
        let mut dp = Dp::new(families).unwrap();
        let made = dp.create_datapath(&name(SYSTEM), &[], Dispatch::PerCpu).unwrap();
        dp.add_netdev(made.index, &name("v0"), &[]).unwrap();
        let mut events = Events::open(families).unwrap();
        ip("link delete v1");
        let mut all = Vec::new();
        while all.is_empty() && events.wait(Duration::from_secs(5)).unwrap() {
            events.drain(|event| all.push(event)).unwrap();
        }
        assert!(all.iter().any(|event| matches!(event, Event::VportGone(vport) if vport.name == *"v0" && vport.number == 1)), "{all:?}");
    });
}

/// A datapath with v0 (port 1) and the internal port br0 (2), all up; broadcasts of v1 come in by v0.
fn with_traffic(families: Families, dp: &mut Dp) -> (Datapath, UpcallSocket) {
    let upcalls = UpcallSocket::open(families).unwrap();
    let datapath = dp.create_datapath(&name(SYSTEM), &[upcalls.portid()], Dispatch::PerCpu).unwrap();
    assert_eq!(dp.add_netdev(datapath.index, &name("v0"), &[]).unwrap().number, 1);
    assert_eq!(dp.add_internal(datapath.index, &name("br0"), &[]).unwrap().number, 2);
    for command in ["link set br0 up", "link set v0 up", "link set v1 up", "address add 10.0.0.1/24 dev v1"] {
        ip(command);
    }
    (datapath, upcalls)
}

/// Makes the kernel ask for `times` neighbours on v1: as many ARP broadcasts into the datapath.
fn broadcasts(times: u8) {
    let socket = std::net::UdpSocket::bind("10.0.0.1:0").unwrap();
    for host in 0..times {
        let _ = socket.send_to(b"?", (std::net::Ipv4Addr::new(10, 0, 0, 100 + host), 9));
    }
}

#[test]
fn an_upcall_becomes_a_flow() {
    in_namespace("an_upcall_becomes_a_flow", |families| {
        let mut dp = Dp::new(families).unwrap();
        let (datapath, mut upcalls) = with_traffic(families, &mut dp);
        let mut actions = Vec::new();
        action::output(&mut actions, 2);
        let ufid = Ufid(*b"a flow of a test");
        let mut mask = KeyBuf::default();
        mask.in_port(u32::MAX).ethernet(Mac::BROADCAST, Mac::BROADCAST).eth_type(0xffff);
        let before = dp.vport(datapath.index, Which::Number(2)).unwrap().unwrap().stats.unwrap();

        broadcasts(1);
        let mut requests = Requests::new(families);
        let until = Instant::now() + Duration::from_secs(5);
        while requests.is_empty() && Instant::now() < until {
            upcalls.wait(Duration::from_millis(100)).unwrap();
            upcalls
                .drain(64, |upcall| {
                    let l2 = upcall.l2().unwrap();
                    // What the guest's IPv6 sends by itself is of no interest.
                    if requests.is_empty() && upcall.packet.get(12..14) == Some(&[8, 6]) {
                        assert_eq!(upcall.dp_ifindex, datapath.index);
                        assert_eq!(l2.in_port, Some(1));
                        let dp_ifindex = datapath.index;
                        let put = Put {
                            dp_ifindex,
                            ufid: Some(ufid),
                            key: Some(upcall.key),
                            mask: Some(mask.as_bytes()),
                            actions: Some(&actions),
                            ..Put::default()
                        };
                        requests.put_flow(&put).unwrap();
                        let execute = Execute {
                            dp_ifindex,
                            packet: upcall.packet,
                            key: upcall.key,
                            actions: &actions,
                            hash: upcall.hash,
                            ..Execute::default()
                        };
                        requests.execute(&execute).unwrap();
                    }
                })
                .unwrap();
        }
        assert_eq!(requests.len(), 2);
        assert_eq!(dp.fire(&mut requests, |place, error| panic!("{place}: {error}")).unwrap(), 0);
        let after = dp.vport(datapath.index, Which::Number(2)).unwrap().unwrap().stats.unwrap();
        // What the datapath puts out of an internal port is what its device receives.
        println!("internal port: {before:?} -> {after:?}");
        assert_eq!(after.rx_packets - before.rx_packets, 1, "the packet itself");

        // Broadcasts for other hosts match the flow now and ask nobody.
        // (The first host is being asked for already.)
        broadcasts(4);
        std::thread::sleep(Duration::from_millis(100));
        let mut stats = Stats::default();
        let mut full = Vec::new();
        dp.flows(datapath.index, Parts::Full, |flow| match flow {
            None => full.clear(),
            Some(flow) => {
                stats = flow.stats;
                full.push((flow.ufid, flow.key.is_some(), flow.mask.is_some(), flow.actions.map(<[u8]>::to_vec)));
            }
        })
        .unwrap();
        assert_eq!(full, [(Some(ufid), true, true, Some(actions.clone()))]);
        assert!(stats.packets >= 3 && stats.bytes >= 3 * 42, "{stats:?}");
        let mut terse = Vec::new();
        dp.flows(datapath.index, Parts::Terse, |flow| terse.extend(flow.map(|flow| (flow.ufid, flow.key.is_some(), flow.actions.is_some()))))
            .unwrap();
        assert_eq!(terse, [(Some(ufid), false, false)]);
        assert!(dp.flow(datapath.index, Flow::Ufid(ufid), |flow| assert!(flow.used.is_some())).unwrap());

        requests.clear();
        requests.delete_flow(datapath.index, Flow::Ufid(ufid), true).unwrap();
        requests.delete_flow(datapath.index, Flow::Ufid(ufid), false).unwrap();
        let mut last = Vec::new();
        let results = dp.run(&mut requests, |place, flow| last.push((place, flow.stats.packets)));
        assert_eq!(last.len(), 1);
        assert!(last[0].0 == 0 && last[0].1 >= stats.packets);
        assert_eq!(results[0], Ok(()));
        assert_eq!(results[1].as_ref().unwrap_err().errno(), Some(Errno::ENOENT));
        assert!(!dp.flow(datapath.index, Flow::Ufid(ufid), |_| ()).unwrap());
        dp.flush_flows(datapath.index).unwrap();
        assert_eq!(dp.counters(), Counters::default());
    });
}

#[test]
fn many_flows_go_in_and_come_out() {
    in_namespace("many_flows_go_in_and_come_out", |families| {
        let mut dp = Dp::new(families).unwrap();
        let (datapath, _upcalls) = with_traffic(families, &mut dp);
        let count = 5000u32;
        let mut requests = Requests::new(families);
        let mut mask = KeyBuf::default();
        mask.in_port(u32::MAX).ethernet(Mac::BROADCAST, Mac::BROADCAST).eth_type(0xffff);
        for n in 0..count {
            let [a, b, c, d] = n.to_be_bytes();
            let mut key = KeyBuf::default();
            key.in_port(1).ethernet(Mac([2, 0, a, b, c, d]), Mac::BROADCAST).eth_type(0x88b5);
            let ufid = Some(Ufid([a, b, c, d, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]));
            let (key, mask) = (Some(key.as_bytes()), Some(mask.as_bytes()));
            requests.put_flow(&Put { dp_ifindex: datapath.index, ufid, key, mask, actions: Some(&[]), ..Put::default() }).unwrap();
        }
        assert!(dp.run(&mut requests, |_, _| ()).iter().all(Result::is_ok));
        let mut seen = std::collections::HashSet::new();
        dp.flows(datapath.index, Parts::Full, |flow| match flow {
            None => seen.clear(),
            Some(flow) => assert!(flow.ufid.is_some_and(|ufid| seen.insert(ufid)) && flow.actions.is_some()),
        })
        .unwrap();
        assert_eq!(seen.len(), count as usize);
        dp.flush_flows(datapath.index).unwrap();
        let mut left = 0;
        dp.flows(datapath.index, Parts::Terse, |flow| left += usize::from(flow.is_some())).unwrap();
        assert_eq!(left, 0);
        assert_eq!(dp.counters(), Counters::default());
    });
}

#[test]
fn what_the_kernel_refuses_is_said_in_words() {
    in_namespace("what_the_kernel_refuses_is_said_in_words", |families| {
        let mut dp = Dp::new(families).unwrap();
        let datapath = dp.create_datapath(&name(SYSTEM), &[], Dispatch::PerCpu).unwrap();
        let mut key = KeyBuf::default();
        key.in_port(1).ethernet(Mac([2; 6]), Mac::BROADCAST).eth_type(0x88b5);
        let put = Put { dp_ifindex: datapath.index, key: Some(key.as_bytes()), actions: Some(&[]), ..Put::default() };
        assert!(dp.probe(&put).unwrap());
        // An action nobody knows.
        let unknown = [8, 0, 200, 0, 0, 0, 0, 0];
        assert!(!dp.probe(&Put { actions: Some(&unknown), ..put }).unwrap());
        let mut requests = Requests::new(families);
        requests.put_flow(&Put { actions: None, ..put }).unwrap();
        requests.set_flow(&put).unwrap();
        requests.put_flow(&put).unwrap();
        let results = dp.run(&mut requests, |_, _| ());
        println!("a flow without actions: {}", results[0].as_ref().unwrap_err());
        assert_eq!(results[0].as_ref().unwrap_err().errno(), Some(Errno::EINVAL));
        assert_eq!(results[1].as_ref().unwrap_err().kind(), Kind::NotFound);
        assert_eq!(results[2], Ok(()));
        let gone = dp.execute(&Execute { dp_ifindex: 4711, packet: &[0; 60], key: key.as_bytes(), actions: &[], ..Execute::default() });
        assert_eq!(gone.unwrap_err().kind(), Kind::NoDevice);
    });
}

#[test]
fn a_full_upcall_queue_is_counted_and_receiving_goes_on() {
    in_namespace("a_full_upcall_queue_is_counted_and_receiving_goes_on", |families| {
        let mut dp = Dp::new(families).unwrap();
        let (datapath, mut upcalls) = with_traffic(families, &mut dp);
        setsockopt(&upcalls, sockopt::RcvBuf, &1024).unwrap();
        broadcasts(50);
        let until = Instant::now() + Duration::from_secs(5);
        let (mut got, mut overruns) = (0, 0);
        while overruns == 0 && Instant::now() < until {
            upcalls.wait(Duration::from_millis(100)).unwrap();
            let drained = upcalls.drain(64, |_| ()).unwrap();
            got += drained.upcalls;
            overruns += drained.overruns;
        }
        assert!(got > 0 && overruns > 0, "{got} upcalls, {overruns} overruns");
        assert!(upcalls.counters().enobufs > 0);
        assert!(dp.datapath(&name(SYSTEM)).unwrap().unwrap().stats.unwrap().lost > 0);
        setsockopt(&upcalls, sockopt::RcvBuf, &(1 << 20)).unwrap();
        while upcalls.drain(64, |_| ()).unwrap().more {}
        broadcasts(60);
        assert!(upcalls.wait(Duration::from_secs(5)).unwrap());
        assert!(upcalls.drain(64, |_| ()).unwrap().upcalls > 0);
        assert!(datapath.index > 0);
    });
}

#[test]
fn the_owner_is_known() {
    in_namespace("the_owner_is_known", |families| {
        let mut dp = Dp::new(families).unwrap();
        let upcalls = UpcallSocket::open(families).unwrap();
        let portid = upcalls.portid();
        let datapath = dp.create_datapath(&name(SYSTEM), &[portid], Dispatch::PerCpu).unwrap();
        assert_eq!(owner(&datapath, &[], &[portid]).unwrap(), Owner::Us);
        match owner(&datapath, &[], &[]).unwrap() {
            Owner::Other { portid: other, process: Some(process) } => assert_eq!((other, process.pid), (portid, std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(upcalls);
        assert_eq!(owner(&datapath, &[], &[]).unwrap(), Owner::Nobody);
    });
}
