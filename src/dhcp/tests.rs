//! The state machine in virtual time, over frames dnsmasq sent and messages no server should.

use std::net::Ipv4Addr;
use std::time::Duration;

use ovsdp_proto::{IfName, Mac};
use proptest::prelude::*;

use super::machine::{Machine, Now, Out};
use super::{Ask, Cause, Event, Identity, Lease, Loss, frame};

const MAC: Mac = Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
const HERE: Ipv4Addr = Ipv4Addr::new(172, 16, 3, 140);
const SERVER: Ipv4Addr = Ipv4Addr::new(172, 16, 3, 1);
const OTHER: Ipv4Addr = Ipv4Addr::new(172, 16, 3, 2);
const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
const NAK: u8 = 6;

/// A captured frame.
fn captured(name: &str) -> Vec<u8> {
    let lines = include_str!("fixtures/dnsmasq.txt").lines();
    let hex = lines.filter_map(|line| line.split_once(' ')).find(|(first, _)| *first == name).unwrap().1;
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}

/// A captured frame's message as an answer to exchange `xid`.
fn answer(name: &str, xid: [u8; 4]) -> Vec<u8> {
    let mut message = frame::payload(&captured(name)).unwrap().to_vec();
    message[4..8].copy_from_slice(&xid);
    message
}

/// A message made here.
fn reply(kind: u8, xid: [u8; 4], address: Ipv4Addr, server: Ipv4Addr, more: &[u8]) -> Vec<u8> {
    let mut message = vec![0; 236];
    message[..3].copy_from_slice(&[2, 1, 6]);
    message[4..8].copy_from_slice(&xid);
    message[16..20].copy_from_slice(&address.octets());
    message[28..34].copy_from_slice(&MAC.0);
    message.extend_from_slice(&[99, 130, 83, 99, 53, 1, kind, 54, 4]);
    message.extend_from_slice(&server.octets());
    message.extend_from_slice(more);
    message.push(255);
    message
}

/// Lease time, T1 and T2 as options.
fn times(lease: u32, renew: u32, rebind: u32) -> Vec<u8> {
    [(51, lease), (58, renew), (59, rebind)].iter().flat_map(|(code, secs)| [&[*code, 4][..], &secs.to_be_bytes()].concat()).collect()
}

/// What a message to the server says.
#[derive(Debug, PartialEq)]
struct Said {
    kind: u8,
    client: Ipv4Addr,
    requested: Option<Ipv4Addr>,
    server: Option<Ipv4Addr>,
}

fn said(message: &[u8]) -> Said {
    let four = |bytes: &[u8]| Ipv4Addr::from(<[u8; 4]>::try_from(bytes).unwrap());
    let mut options = &message[240..];
    let mut said = Said { kind: 0, client: four(&message[12..16]), requested: None, server: None };
    while let [code, len, rest @ ..] = options {
        if *code == 255 {
            break;
        }
        let (value, rest) = rest.split_at(usize::from(*len));
        match code {
            50 => said.requested = Some(four(value)),
            53 => said.kind = value[0],
            54 => said.server = Some(four(value)),
            61 => panic!("a client identifier"),
            _ => {}
        }
        options = rest;
    }
    said
}

fn ask() -> Ask {
    Ask {
        ifname: IfName::new("ovsbr0").unwrap(),
        ifindex: 7,
        mac: MAC,
        identity: Identity { hostname: Some("web1".to_owned()), ..Identity::default() },
        request: None,
        resume: None,
        timeout: Some(Duration::from_secs(30)),
    }
}

/// A machine with its clock.
struct Client {
    machine: Machine,
    now: Now,
    out: Vec<Out>,
}

impl Client {
    fn new(ask: Ask) -> Self {
        let now = Now { boot: Duration::from_secs(1000), unix: 1_800_000_000 };
        let mut machine = Machine::new(ask, now, 42);
        let out = machine.begin(now);
        Self { machine, now, out }
    }

    /// Lets the clock run to the next thing due, which is never the present.
    fn next(&mut self) -> Duration {
        let at = self.machine.next().expect("something is due");
        assert!(at > self.now.boot, "it would run hot");
        let passed = at - self.now.boot;
        self.now.boot = at;
        self.now.unix += passed.as_secs();
        self.out = self.machine.poll(self.now);
        passed
    }

    fn hear(&mut self, message: &[u8]) -> &[Out] {
        self.out = self.machine.receive(self.now, message);
        &self.out
    }

    /// The last message sent.
    fn sent(&self) -> &[u8] {
        match self.out.last() {
            Some(Out::Broadcast { message, .. } | Out::Unicast { message, .. }) => message,
            other => panic!("{other:?}"),
        }
    }

    fn xid(&self) -> [u8; 4] {
        self.sent()[4..8].try_into().unwrap()
    }

    /// Bound to [`HERE`] through a discover.
    fn bound(times: &[u8]) -> Self {
        let mut client = Self::new(ask());
        let offer = reply(OFFER, client.xid(), HERE, SERVER, times);
        client.hear(&offer);
        let ack = reply(ACK, client.xid(), HERE, SERVER, times);
        assert!(matches!(client.hear(&ack), [Out::Tell(Event::Bound(_))]), "{:?}", client.out);
        client
    }
}

#[test]
fn what_dnsmasq_grants() {
    let mut client = Client::new(Ask { request: Some(HERE), ..ask() });
    assert_eq!(said(client.sent()), Said { kind: REQUEST, client: ANY, requested: Some(HERE), server: None });
    let ack = answer("ACK", client.xid());
    let [Out::Tell(Event::Bound(lease))] = client.hear(&ack) else { panic!("{:?}", client.out) };
    let net = |text: &str| text.parse().unwrap();
    let expected = Lease {
        address: net("172.16.3.140/24"),
        broadcast: Some(Ipv4Addr::new(172, 16, 3, 255)),
        routers: vec![],
        routes: vec![
            (net("0.0.0.0/0"), SERVER),
            (net("10.8.0.0/16"), Ipv4Addr::new(172, 16, 3, 9)),
            (net("169.254.169.254/32"), Ipv4Addr::UNSPECIFIED),
        ],
        dns: vec![SERVER, Ipv4Addr::new(9, 9, 9, 9)],
        domain: Some("example.com".to_owned()),
        search: vec!["eng.example.com".to_owned(), "example.com".to_owned()],
        mtu: Some(1400),
        server: SERVER,
        obtained: 1_800_000_000,
        lease_secs: 120,
        renew_secs: 60,
        rebind_secs: 105,
    };
    assert_eq!(*lease, expected);
    assert_eq!(serde_json::from_str::<Lease>(&serde_json::to_string(lease).unwrap()).unwrap(), expected);
    assert!(!client.machine.listening());
}

#[test]
fn an_address_nobody_knows_is_discovered() {
    let mut client = Client::new(Ask { request: Some(HERE), ..ask() });
    client.next();
    assert_eq!(said(client.sent()).kind, REQUEST, "a second time");
    client.next();
    assert_eq!(said(client.sent()), Said { kind: DISCOVER, client: ANY, requested: Some(HERE), server: None });
    assert!(client.now.boot <= Duration::from_secs(1002), "time is left for the rest");
    let xid = client.xid();
    let offer = answer("OFFER", xid);
    client.hear(&offer);
    assert_eq!(said(client.sent()), Said { kind: REQUEST, client: ANY, requested: Some(HERE), server: Some(SERVER) });
    assert_eq!(client.xid(), xid, "one exchange");
    assert_eq!(client.hear(&answer("NAK", [9; 4])), [], "somebody else's");
    let mut theirs = answer("ACK", xid);
    theirs[33] ^= 1;
    assert_eq!(client.hear(&theirs), [], "for another host");
    assert_eq!(client.hear(&reply(ACK, xid, OTHER, SERVER, &times(120, 60, 100))), [], "not what was asked for");
    assert_eq!(client.hear(&reply(NAK, xid, ANY, OTHER, &[])), [], "not who was asked");
    assert!(matches!(client.hear(&answer("ACK", xid)), [Out::Tell(Event::Bound(_))]));
}

#[test]
fn a_refusal_of_the_old_address_is_no_delay() {
    let mut client = Client::new(Ask { request: Some(HERE), ..ask() });
    let nak = answer("NAK", client.xid());
    client.hear(&nak);
    assert_eq!(said(client.sent()), Said { kind: DISCOVER, client: ANY, requested: None, server: None });
}

#[test]
fn renewing_rebinding_and_losing() {
    let mut client = Client::bound(&times(3600, 1800, 3150));
    assert_eq!(client.next(), Duration::from_secs(1800));
    let Out::Unicast { source: HERE, server: SERVER, message } = &client.out[0] else { panic!("{:?}", client.out) };
    assert_eq!(said(message), Said { kind: REQUEST, client: HERE, requested: None, server: None });
    let ack = reply(ACK, client.xid(), HERE, SERVER, &times(3600, 1800, 3150));
    let [Out::Tell(Event::Renewed(lease))] = client.hear(&ack) else { panic!("{:?}", client.out) };
    assert_eq!(lease.obtained, 1_800_001_800);

    client.next();
    let begun = client.now.boot;
    let mut broadcasts = 0;
    let mut unicasts = 1;
    let mut xid = client.xid();
    while !matches!(client.out[0], Out::Tell(_)) {
        assert!(client.next() >= Duration::from_secs(1));
        match &client.out[0] {
            Out::Unicast { .. } => unicasts += 1,
            Out::Broadcast { source, message } => {
                assert_eq!((*source, said(message)), (HERE, Said { kind: REQUEST, client: HERE, requested: None, server: None }));
                broadcasts += 1;
                xid = client.xid();
            }
            Out::Tell(_) => {}
        }
    }
    assert_eq!(client.now.boot - begun, Duration::from_secs(1800), "to the second");
    assert!((4..12).contains(&unicasts) && (3..9).contains(&broadcasts), "{unicasts} {broadcasts}");
    assert_eq!(client.out[0], Out::Tell(Event::Lost { reason: Loss::Expired }));
    assert_eq!(said(client.sent()), Said { kind: DISCOVER, client: ANY, requested: Some(HERE), server: None });
    assert_eq!(client.hear(&reply(ACK, xid, HERE, SERVER, &times(3600, 1800, 3150))), [], "too late");
    for _ in 0..40 {
        assert!(client.next() < Duration::from_secs(72));
        assert_eq!(said(client.sent()).kind, DISCOVER, "after a first lease it never gives up");
    }
    let offer = reply(OFFER, client.xid(), OTHER, SERVER, &times(3600, 0, 0));
    client.hear(&offer);
    let ack = reply(ACK, client.xid(), OTHER, SERVER, &times(3600, 0, 0));
    assert!(matches!(client.hear(&ack), [Out::Tell(Event::Bound(lease))] if lease.address.addr() == OTHER));
}

#[test]
fn another_server_may_renew_only_at_rebinding() {
    let mut client = Client::bound(&times(100, 50, 80));
    client.next();
    assert_eq!(client.hear(&reply(ACK, client.xid(), HERE, OTHER, &times(100, 50, 80))), []);
    client.out = vec![Out::Broadcast { source: ANY, message: vec![0; 300] }];
    client.next();
    let ack = reply(ACK, client.xid(), HERE, OTHER, &times(100, 50, 80));
    assert!(matches!(client.hear(&ack), [Out::Tell(Event::Renewed(lease))] if lease.server == OTHER));
}

#[test]
fn a_refused_renewal_loses_the_lease_at_once() {
    let mut client = Client::bound(&times(100, 50, 80));
    client.out = client.machine.renew(client.now);
    let nak = reply(NAK, client.xid(), ANY, SERVER, &[]);
    assert_eq!(client.hear(&nak), [Out::Tell(Event::Lost { reason: Loss::Refused })]);
    assert!(client.next() >= Duration::from_secs(1));
    assert_eq!(said(client.sent()), Said { kind: DISCOVER, client: ANY, requested: None, server: None });
}

#[test]
fn release_says_goodbye_to_the_server() {
    let mut client = Client::bound(&times(100, 50, 80));
    let out = client.machine.release(client.now);
    let [Out::Unicast { source: HERE, server: SERVER, message }] = &out[..] else { panic!("{out:?}") };
    assert_eq!(said(message), Said { kind: 7, client: HERE, requested: None, server: Some(SERVER) });
    assert!(client.machine.finished() && client.machine.next().is_none());
    let mut client = Client::new(ask());
    assert_eq!(client.machine.release(client.now), [], "nothing to give back");
}

/// The error after the timeout, when `server` answers each message sent.
fn failure(server: impl Fn(u8, [u8; 4]) -> Option<Vec<u8>>) -> (Cause, usize) {
    let mut client = Client::new(ask());
    let mut messages = 0;
    loop {
        while let Some(Out::Broadcast { message, .. }) = client.out.last() {
            messages += 1;
            match server(said(message).kind, client.xid()) {
                Some(answer) => client.hear(&answer),
                None => break,
            };
        }
        client.next();
        if let [Out::Tell(Event::Failed(error))] = &client.out[..] {
            assert_eq!(client.now.boot, Duration::from_secs(1030), "at the timeout and not before");
            assert!(client.machine.finished() && client.machine.next().is_none());
            return (error.cause.clone(), messages);
        }
    }
}

#[test]
fn a_declined_address_is_not_asked_for_again() {
    let mut client = Client::bound(&times(120, 60, 105));
    client.out = client.machine.decline(client.now);
    let told = said(client.sent());
    assert_eq!((told.kind, told.requested, told.server), (4, Some(HERE), Some(SERVER)));
    assert!(client.next() >= Duration::from_secs(10), "at once");
    let told = said(client.sent());
    assert_eq!((told.kind, told.requested), (DISCOVER, None));
    assert_eq!(client.machine.decline(client.now), [], "without a lease");
}

#[test]
fn without_a_limit_it_never_gives_up() {
    let mut client = Client::new(Ask { timeout: None, ..ask() });
    for _ in 0..100 {
        client.next();
        assert_eq!(said(client.sent()).kind, DISCOVER);
    }
    assert!(!client.machine.finished());
}

#[test]
fn the_reason_for_having_none() {
    let (cause, messages) = failure(|_, _| None);
    assert_eq!(cause, Cause::Silence);
    assert!((4..7).contains(&messages), "{messages}");

    let offer = |kind, xid| (kind == DISCOVER).then(|| reply(OFFER, xid, HERE, SERVER, &times(100, 50, 80)));
    assert_eq!(failure(offer).0, Cause::Unfinished(SERVER));

    // A server that offers and refuses without end is asked less and less often.
    let (cause, messages) = failure(|kind, xid| offer(kind, xid).or_else(|| Some(reply(NAK, xid, ANY, SERVER, &[]))));
    assert_eq!(cause, Cause::Refused);
    assert!((6..14).contains(&messages), "{messages}");

    // What cannot be lived with is no offer.
    for bad in [times(5, 2, 3), [times(100, 50, 80), vec![1, 4, 255, 0, 255, 0]].concat(), vec![]] {
        assert_eq!(failure(|_, xid| Some(reply(OFFER, xid, HERE, SERVER, &bad))).0, Cause::Silence, "{bad:?}");
    }
    for bad in [ANY, Ipv4Addr::BROADCAST, Ipv4Addr::LOCALHOST, Ipv4Addr::new(224, 0, 0, 1)] {
        assert_eq!(failure(|_, xid| Some(reply(OFFER, xid, bad, SERVER, &times(100, 50, 80)))).0, Cause::Silence);
    }
}

#[test]
fn what_is_not_permitted_fails_at_once() {
    let mut client = Client::new(ask());
    let out = client.machine.forbidden();
    assert!(matches!(&out[..], [Out::Tell(Event::Failed(error))] if error.cause == Cause::NotPermitted && error.hint().contains("CAP_NET_RAW")));
    assert!(client.machine.finished());
}

#[test]
fn times_out_of_order_are_shares_of_the_lease() {
    for (renew, rebind) in [(0, 0), (90, 80), (50, 100), (50, 50)] {
        let client = Client::bound(&times(100, renew, rebind));
        let [Out::Tell(Event::Bound(lease))] = &client.out[..] else { panic!() };
        assert_eq!((lease.renew_secs, lease.rebind_secs), (50, 88));
    }
}

#[test]
fn a_lease_without_end_is_left_alone() {
    let mut client = Client::bound(&times(Lease::FOREVER, 10, 20));
    assert_eq!(client.machine.next(), None);
    client.out = client.machine.renew(client.now);
    let ack = reply(ACK, client.xid(), HERE, SERVER, &times(Lease::FOREVER, 10, 20));
    assert!(client.machine.next().is_some(), "asked again if this gets lost");
    assert!(matches!(client.hear(&ack), [Out::Tell(Event::Renewed(_))]));
    assert_eq!(client.machine.next(), None);
}

#[test]
fn resuming() {
    let lease = {
        let client = Client::bound(&times(1000, 500, 800));
        let [Out::Tell(Event::Bound(lease))] = &client.out[..] else { panic!() };
        lease.clone()
    };
    let resume = |obtained| Client::new(Ask { resume: Some(Lease { obtained, ..lease.clone() }), ..ask() });

    let mut client = resume(1_800_000_000 - 400);
    assert!(matches!(&client.out[..], [Out::Tell(Event::Bound(again))] if again.address == lease.address));
    assert_eq!(client.next(), Duration::from_secs(100), "what was left to T1");
    assert!(matches!(client.out[..], [Out::Unicast { .. }]));

    // Late for T2 already; over; from a calendar that ran ahead; from before the machine's start.
    let mut client = resume(1_800_000_000 - 900);
    client.out = client.machine.poll(client.now);
    assert!(matches!(client.out[..], [Out::Broadcast { source: HERE, .. }]), "{:?}", client.out);
    for obtained in [1_800_000_000 - 1000, 0, 1_800_000_001] {
        let client = resume(obtained);
        assert_eq!(said(client.sent()), Said { kind: REQUEST, client: ANY, requested: Some(HERE), server: None });
    }
    let forever = Lease { obtained: 1, lease_secs: Lease::FOREVER, ..lease };
    let client = Client::new(Ask { resume: Some(forever), ..ask() });
    assert_eq!(said(client.sent()).requested, Some(HERE));
}

/// A machine in each phase, with the exchange it listens to.
fn everywhere() -> Vec<([u8; 4], Client)> {
    let rebooting = Client::new(Ask { request: Some(HERE), ..ask() });
    let discovering = Client::new(ask());
    let mut requesting = Client::new(ask());
    let offer = answer("OFFER", requesting.xid());
    requesting.hear(&offer);
    let mut renewing = Client::bound(&times(100, 50, 80));
    renewing.next();
    let mut rebinding = Client::bound(&times(100, 50, 80));
    rebinding.next();
    rebinding.next();
    let bound = ([0; 4], Client::bound(&times(100, 50, 80)));
    let mut all: Vec<_> = [rebooting, discovering, requesting, renewing, rebinding].into_iter().map(|client| (client.xid(), client)).collect();
    all.push(bound);
    all
}

/// Whether what is told can be given to the kernel.
fn is_sane(out: &Out) -> bool {
    match out {
        Out::Tell(Event::Bound(l) | Event::Renewed(l)) => {
            l.lease_secs >= 10
                && 0 < l.renew_secs
                && l.renew_secs < l.rebind_secs
                && l.rebind_secs < l.lease_secs
                && l.address.prefix_len() > 0
                && l.mtu.is_none_or(|mtu| mtu >= 576)
                && l.domain.iter().chain(&l.search).all(|name| name.bytes().all(|b| b.is_ascii_graphic()))
        }
        _ => true,
    }
}

proptest! {
    #[test]
    fn random_frames_are_no_harm(frame in proptest::collection::vec(any::<u8>(), 0..600)) {
        frame::payload(&frame);
        for (_, mut client) in everywhere() {
            prop_assert_eq!(client.hear(&frame), []);
        }
    }

    #[test]
    fn broken_answers_are_no_harm(
        name in prop_oneof![Just("OFFER"), Just("ACK"), Just("NAK")],
        cut in 0usize..400,
        changes in proptest::collection::vec((0usize..400, any::<u8>()), 0..6),
    ) {
        let mut frame = captured(name);
        frame.truncate(frame.len().min(cut.max(200)));
        for (at, value) in &changes {
            if let Some(byte) = frame.get_mut(*at) { *byte = *value }
        }
        frame::payload(&frame);
        for (xid, mut client) in everywhere() {
            let mut message = frame.get(42..).unwrap_or_default().to_vec();
            if let Some(number) = message.get_mut(4..8) { number.copy_from_slice(&xid) }
            client.hear(&message);
            prop_assert!(client.out.iter().all(is_sane), "{:?}", client.out);
            for _ in 0..4 {
                if client.machine.next().is_some_and(|at| at > client.now.boot) { client.next(); }
            }
        }
    }

    #[test]
    fn random_options_are_no_harm(kind in prop_oneof![Just(OFFER), Just(ACK), Just(NAK)],
                                  options in proptest::collection::vec((1u8..130, proptest::collection::vec(any::<u8>(), 0..40)), 0..12)) {
        let bytes: Vec<u8> = options.iter().flat_map(|(code, value)| {
            [&[*code, u8::try_from(value.len()).unwrap()][..], value].concat()
        }).collect();
        for (xid, mut client) in everywhere() {
            client.hear(&reply(kind, xid, HERE, SERVER, &bytes));
            prop_assert!(client.out.iter().all(is_sane), "{:?}", client.out);
        }
    }
}
