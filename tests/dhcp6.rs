//! The DHCPv6 client against dnsmasq, as in `dhcp.rs`.

#![cfg(test)] // for clippy: here unwrapping is how facts are stated

use std::time::Duration;

use ovsdp::dhcp::v6::{Ask, Cause, Event, Identity, duid, iaid, start};
use ovsdp_proto::IfName;
use tokio::runtime::Handle;

use crate::dhcp::{BRIDGE, Dnsmasq, Net, PATIENCE, Running, run};

const RANGE: &str = "--dhcp-range=fd00::10,fd00::11,64,2m";

fn net() -> Option<Net> {
    let net = Net::new()?;
    assert!(run("ip", &["-n", &net.server, "address", "add", "fd00::1/64", "dev", "s0", "nodad"]));
    Some(net)
}

fn server(net: &Net) -> Dnsmasq {
    net.dnsmasq(&[RANGE, "--dhcp-option=option6:dns-server,[fd00::53]", "--dhcp-option=option6:domain-search,lab.example.org"])
}

fn ask(ifindex: u32) -> Ask {
    Ask {
        ifname: IfName::new(BRIDGE).unwrap(),
        ifindex,
        identity: Identity { duid: duid(&[7; 16]), iaid: iaid(BRIDGE), name: Some("web1".to_owned()) },
        address: true,
        request: None,
        resume: None,
        timeout: Some(PATIENCE),
    }
}

/// From the moment the link came up, when nothing can be sent yet.
#[test]
fn a_lease_is_had_renewed_confirmed_and_released() {
    let Some(net) = net() else { return };
    let mut server = server(&net);
    let lease = net.client(async |index| {
        let mut running = Running::start(start, ask(index));
        let lease = running.bound().await;
        running.client.renew();
        let Event::Renewed(renewed) = running.event().await else { panic!("not renewed") };
        assert_eq!((renewed.address, &renewed.dns), (lease.address, &lease.dns));
        running.client.stop().await;
        let mut running = Running::start(start, Ask { resume: Some(renewed.clone()), ..ask(index) });
        assert_eq!(running.bound().await, renewed, "as it was");
        server.wait_for("DHCPCONFIRM(s0)");
        // From a thread that may block, as a plan's steps run on.
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || runtime.block_on(running.client.release())).await.unwrap();
        lease
    });
    assert!(["fd00::10", "fd00::11"].contains(&lease.address.unwrap().to_string().as_str()), "{lease:?}");
    assert!(lease.server.is_unicast_link_local());
    assert_eq!((lease.dns[0].to_string(), lease.search[0].as_str()), ("fd00::53".to_owned(), "lab.example.org"));
    assert_eq!((lease.preferred_secs, lease.valid_secs), (120, 120));
    server.wait_for("DHCPRELEASE(s0)");
    assert_eq!(server.seen.iter().filter(|line| line.contains("DHCPSOLICIT(s0)")).count(), 1, "{:#?}", server.seen);
    assert!(server.said("DHCPRENEW(s0)") && server.said("client provides name: web1"), "{:#?}", server.seen);
}

#[test]
fn a_declined_address_is_replaced() {
    let Some(net) = net() else { return };
    let mut server = server(&net);
    net.client(async |index| {
        let mut running = Running::start(start, ask(index));
        let first = running.bound().await;
        running.client.decline();
        assert_ne!(running.bound().await.address, first.address);
    });
    server.wait_for("DHCPDECLINE(s0)");
}

#[test]
fn only_the_rest_is_asked_for() {
    let Some(net) = net() else { return };
    let mut server = server(&net);
    let told = net.client(async |index| Running::start(start, Ask { address: false, ..ask(index) }).bound().await);
    assert_eq!((told.address, told.dns[0].to_string()), (None, "fd00::53".to_owned()));
    server.wait_for("DHCPINFORMATION-REQUEST(s0)");
    assert!(!server.said("DHCPSOLICIT"));
}

#[test]
fn silence_ends_in_words() {
    let Some(net) = net() else { return };
    net.client(async |index| {
        // Longer than the kernel takes to make sure of the link-local address.
        let mut running = Running::start(start, Ask { timeout: Some(Duration::from_secs(5)), ..ask(index) });
        let Event::Failed(error) = running.event().await else { panic!("no failure") };
        assert_eq!(error.to_string(), "no DHCPv6 server answered on ovsbr0 within 5 s");
        assert!(running.events.recv().await.is_none(), "the client has ended");

        assert!(run("ip", &["link", "set", BRIDGE, "down"]));
        let mut running = Running::start(start, Ask { timeout: Some(Duration::from_secs(1)), ..ask(index) });
        let Event::Failed(error) = running.event().await else { panic!("no failure") };
        assert_eq!(error.cause, Cause::NoLinkLocal);
    });
}
