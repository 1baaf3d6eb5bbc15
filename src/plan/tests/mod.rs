//! The room against a small honest kernel.

mod commands;
mod confirm;
mod fake;
mod ipv6;
mod leases;
mod leases6;
mod manager;
mod many;
mod plain;
mod random;
mod reach;
mod resolver;
mod routes;
mod scene;
mod shapes;
mod tuning;
mod tunnels;
mod waits;
mod zones;

use std::net::IpAddr;

use ipnet::IpNet;

use self::fake::{World, name};
use super::*;
use crate::model::{Addressing, Bridge, Dhcp, Intent, Interface, Kind, Port, Static};

fn interface(ifname: &str, kind: Kind, addressing: Addressing) -> Interface {
    Interface { addressing, ..Interface::new(name(ifname), kind) }
}

fn bridge(ifname: &str, addressing: Addressing, members: &[&str]) -> Bridge {
    let ports = members.iter().map(|member| (name(member), Port::new(interface(member, Kind::System, Addressing::None))));
    Bridge { local: interface(ifname, Kind::Internal, addressing), ports: ports.collect(), ..Bridge::new(name(ifname)) }
}

fn intent(bridges: impl IntoIterator<Item = Bridge>) -> Intent {
    Intent { bridges: bridges.into_iter().map(|bridge| (bridge.name(), bridge)).collect(), ..Intent::default() }
}

fn dhcp(through: &[&str]) -> Addressing {
    Addressing::Dhcp(Dhcp { through: through.iter().map(|port| name(port)).collect(), ..Dhcp::default() })
}

fn fixed(addresses: &[&str], gateway: Option<&str>, dns: &[&str]) -> Addressing {
    Addressing::Static(Static {
        addresses: addresses.iter().map(|net| net.parse().unwrap()).collect(),
        gateway: gateway.map(|gateway| gateway.parse().unwrap()),
        dns: dns.iter().map(|server| server.parse().unwrap()).collect(),
        ..Static::default()
    })
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn default_route(ifname: &str, via: &str) -> Route {
    Route::main(name(ifname), net("0.0.0.0/0"), Some(ip(via)), PROTOCOL_DHCP)
}

fn lease() -> Lease {
    Lease {
        address: "172.16.3.140/24".parse().unwrap(),
        routers: vec!["172.16.3.1".parse().unwrap()],
        classless: Vec::new(),
        dns: vec!["172.16.3.1".parse().unwrap()],
        domain: None,
        search: Vec::new(),
        mtu: None,
        server: "172.16.3.1".parse().unwrap(),
        lease_secs: 3600,
        renew_secs: None,
        rebind_secs: None,
        obtained: 0,
    }
}

fn terms() -> Unconfirmed {
    Unconfirmed { whole: 0, deadline_ms: 61_000, seconds: 60, by: "a test".to_owned() }
}

fn up(world: &mut World, intent: &Intent) -> Report {
    apply(world, &Target::Up { intent, names: &[] }, &mut |_| {})
}

fn take_down(world: &mut World) -> Report {
    apply(world, &Target::Down { names: &[], with_foreign_ports: false }, &mut |_| {})
}

/// Brings up what must come up, and looks that the second time changes nothing.
#[track_caller]
fn up_for_good(world: &mut World, intent: &Intent) -> Report {
    let report = up(world, intent);
    assert!(matches!(report.outcome, Outcome::Applied), "{:#?}", report.outcome);
    assert_eq!(up(world, intent).outcome, Outcome::Unchanged);
    assert_eq!(world.journal, None);
    report
}

#[track_caller]
fn down_for_good(world: &mut World) -> Report {
    let report = take_down(world);
    assert!(matches!(report.outcome, Outcome::Applied), "{:#?}", report.outcome);
    assert_eq!(take_down(world).outcome, Outcome::Unchanged);
    report
}

/// Fails, and kills the agent before and after, every step there is between `start` and `target` in turn: each time the
/// state before is there again.
#[track_caller]
fn breaks_nowhere(start: &World, target: &Target<'_>) {
    let before = start.snapshot();
    let mut whole = start.clone();
    let report = apply(&mut whole, target, &mut |_| {});
    assert!(matches!(report.outcome, Outcome::Applied), "{:#?}", report.outcome);
    for k in 0..report.steps.len() {
        let mut world = World { fail_in: Some(k), ..start.clone() };
        let report = apply(&mut world, target, &mut |_| {});
        assert!(matches!(report.outcome, Outcome::RolledBack(Cause::Step { .. })), "step {k}: {:#?}", report.outcome);
        assert_same(&world.snapshot(), &before, &format!("step {k} failed"));
        assert_eq!(world.journal, None);
        for after in [false, true] {
            let mut world = World { kill_in: Some((k, after)), ..start.clone() };
            let _ = apply(&mut world, target, &mut |_| {});
            assert!(world.killed);
            world.restart();
            assert_same(&world.snapshot(), &before, &format!("killed at step {k}, done: {after}"));
        }
    }
    let last = report.steps.len() - 1;
    for k in 0.. {
        let mut world = World { fail_in: Some(last), kill_undo_in: Some(k), ..start.clone() };
        let _ = apply(&mut world, target, &mut |_| {});
        if !world.killed {
            break;
        }
        world.restart();
        assert_same(&world.snapshot(), &before, &format!("killed at step {k} of the rollback"));
    }
}

#[track_caller]
fn assert_same(now: &Observed, before: &Observed, when: &str) {
    // Piece by piece: a whole state does not fit on a screen.
    assert_eq!(now.links, before.links, "{when}: links");
    assert_eq!(now.addresses, before.addresses, "{when}: addresses");
    assert_eq!(now.routes, before.routes, "{when}: routes");
    assert_eq!(now, before, "{when}");
}
