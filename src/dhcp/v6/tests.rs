//! The state machine in virtual time, over messages dnsmasq sent and messages no server should.

use std::net::Ipv6Addr;
use std::time::Duration;

use ovsdp_proto::IfName;
use proptest::prelude::*;

use super::super::machine::Now;
use super::machine::{Machine, Out};
use super::{Ask, Cause, Event, Identity, Lease, Loss};

const HERE: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x10);
const THERE: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x11);
const FROM: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const DUID: [u8; 6] = [0, 4, 1, 2, 3, 4];
const IAID: u32 = 0x0a0b_0c0d;
const SERVER: &[u8] = &[0, 1, 7, 7];
const OTHER: &[u8] = &[0, 1, 8, 8];

const SOLICIT: u8 = 1;
const ADVERTISE: u8 = 2;
const REQUEST: u8 = 3;
const CONFIRM: u8 = 4;
const RENEW: u8 = 5;
const REBIND: u8 = 6;
const REPLY: u8 = 7;
const RELEASE: u8 = 8;
const DECLINE: u8 = 9;
const INFORMATION: u8 = 11;

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes()[..], &u16::try_from(value.len()).unwrap().to_be_bytes(), value].concat()
}

/// An answer with `options` behind who answers whom.
fn answer(kind: u8, xid: [u8; 3], server: &[u8], options: &[Vec<u8>]) -> Vec<u8> {
    [vec![kind], xid.to_vec(), option(1, &DUID), option(2, server), options.concat()].concat()
}

fn address(address: Ipv6Addr, preferred: u32, valid: u32) -> Vec<u8> {
    option(5, &[&address.octets()[..], &preferred.to_be_bytes(), &valid.to_be_bytes()].concat())
}

fn status(code: u16) -> Vec<u8> {
    option(13, &[&code.to_be_bytes()[..], b"words"].concat())
}

fn association(renew: u32, rebind: u32, inner: &[Vec<u8>]) -> Vec<u8> {
    option(3, &[&IAID.to_be_bytes()[..], &renew.to_be_bytes(), &rebind.to_be_bytes(), &inner.concat()].concat())
}

/// An association of [`HERE`]: T1 50 s, T2 80 s, preferred 100 s, valid 200 s.
fn usual() -> Vec<u8> {
    association(50, 80, &[address(HERE, 100, 200)])
}

/// What a message to servers says.
#[derive(Debug, PartialEq)]
struct Said {
    kind: u8,
    server: Option<Vec<u8>>,
    address: Option<Ipv6Addr>,
}

fn said(message: &[u8]) -> Said {
    let mut said = Said { kind: message[0], server: None, address: None };
    let mut options = &message[4..];
    while let [a, b, c, d, rest @ ..] = options {
        let (value, rest) = rest.split_at(usize::from(u16::from_be_bytes([*c, *d])));
        match u16::from_be_bytes([*a, *b]) {
            1 => assert_eq!(value, DUID),
            2 => said.server = Some(value.to_vec()),
            3 => {
                assert_eq!(value[..4], IAID.to_be_bytes());
                said.address = value.get(16..32).map(|bytes| Ipv6Addr::from(<[u8; 16]>::try_from(bytes).unwrap()));
            }
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
        identity: Identity { duid: DUID.to_vec(), iaid: IAID, name: None },
        address: true,
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
    /// The number of the last exchange.
    xid: [u8; 3],
}

impl Client {
    fn new(ask: Ask) -> Self {
        let now = Now { boot: Duration::from_secs(1000), unix: 1_800_000_000 };
        let mut machine = Machine::new(ask, now, 42);
        let out = machine.begin(now);
        Self { machine, now, out: Vec::new(), xid: [0; 3] }.did(out)
    }

    fn did(mut self, out: Vec<Out>) -> Self {
        self.take(out);
        self
    }

    /// Takes what the machine wants done.
    fn take(&mut self, out: Vec<Out>) -> &[Out] {
        self.out = out;
        if let Some(Out::Send(message)) = self.out.last() {
            self.xid = message[1..4].try_into().unwrap();
        }
        &self.out
    }

    /// Lets the clock run to the next thing due, which is never the present.
    fn next(&mut self) -> Duration {
        let at = self.machine.next().expect("something is due");
        assert!(at > self.now.boot, "it would run hot");
        let passed = at - self.now.boot;
        self.now.boot = at;
        self.now.unix = 1_800_000_000 + (at - Duration::from_secs(1000)).as_secs();
        let out = self.machine.poll(self.now);
        self.take(out);
        passed
    }

    fn hear(&mut self, message: &[u8]) -> &[Out] {
        let out = self.machine.receive(self.now, FROM, message);
        self.take(out)
    }

    /// Hears an answer to the last message sent.
    fn answered(&mut self, kind: u8, server: &[u8], options: &[Vec<u8>]) -> &[Out] {
        self.hear(&answer(kind, self.xid, server, options))
    }

    /// Says goodbye, or what else `order` is.
    fn told(&mut self, order: fn(&mut Machine, Now) -> Vec<Out>) -> &[Out] {
        let out = order(&mut self.machine, self.now);
        self.take(out)
    }

    /// The last message sent.
    fn sent(&self) -> &[u8] {
        match self.out.last() {
            Some(Out::Send(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    /// Bound to [`HERE`] by [`SERVER`].
    fn bound(options: &[Vec<u8>]) -> Self {
        let mut client = Self::new(ask());
        client.answered(ADVERTISE, SERVER, &[usual(), option(7, &[255])]);
        client.answered(REPLY, SERVER, options);
        assert!(matches!(client.out[..], [Out::Tell(Event::Bound(_))]), "{:?}", client.out);
        client
    }

    /// The same, at T1 and with its first question sent.
    fn renewing() -> Self {
        let mut client = Self::bound(&[usual()]);
        client.next();
        client
    }
}

fn lost(reason: Loss) -> Out {
    Out::Tell(Event::Lost { reason })
}

#[test]
fn of_several_offers_the_preferred_one() {
    let mut client = Client::new(Ask { request: Some(THERE), ..ask() });
    assert_eq!(said(client.sent()), Said { kind: SOLICIT, server: None, address: Some(THERE) });
    let xid = client.xid;
    assert_eq!(client.hear(&answer(ADVERTISE, xid, OTHER, &[association(0, 0, &[status(2)]), option(7, &[200])])), [], "nothing to give");
    assert_eq!(client.hear(&answer(ADVERTISE, xid, OTHER, &[usual(), option(7, &[5])])), [], "there may be a better one");
    assert_eq!(client.hear(&answer(ADVERTISE, xid, SERVER, &[usual(), option(7, &[9])])), []);
    assert_eq!(client.hear(&answer(ADVERTISE, xid, b"late", &[usual(), option(7, &[9])])), [], "the first of equals");
    let waited = client.next();
    assert!(waited > Duration::from_secs(1) && waited < Duration::from_millis(1200), "{waited:?}");
    assert_eq!(said(client.sent()), Said { kind: REQUEST, server: Some(SERVER.to_vec()), address: Some(HERE) });
    assert_ne!(client.xid, xid, "another exchange");
    assert_eq!(client.hear(&answer(REPLY, xid, SERVER, &[usual()])), [], "of the exchange before");
    assert_eq!(client.answered(REPLY, OTHER, &[usual()]), [], "not who was asked");
}

#[test]
fn what_is_granted_is_kept() {
    let names = b"\x03lab\x07example\x03org\x00";
    let dns = [Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1), FROM].map(|address| address.octets()).concat();
    let client = Client::bound(&[usual(), option(23, &dns), option(24, names)]);
    let Out::Tell(Event::Bound(lease)) = &client.out[0] else { panic!("{:?}", client.out) };
    let expected = Lease {
        address: Some(HERE),
        preferred_secs: 100,
        valid_secs: 200,
        dns: vec![Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1)],
        search: vec!["lab.example.org".to_owned()],
        server: FROM,
        server_duid: SERVER.to_vec(),
        obtained: 1_800_000_000,
        renew_secs: 50,
        rebind_secs: 80,
    };
    assert_eq!(*lease, expected);
    assert_eq!(serde_json::from_str::<Lease>(&serde_json::to_string(lease).unwrap()).unwrap(), expected);
    assert!(!client.machine.listening());
}

/// What dnsmasq 2.90 answered to a Solicit, a Request and a Renew of this DUID and IAID.
#[test]
fn what_dnsmasq_says() {
    let captured = |name: &str| {
        let lines = include_str!("fixtures/dnsmasq.txt").lines();
        let hex = lines.filter_map(|line| line.split_once(' ')).find(|(first, _)| *first == name).unwrap().1;
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect::<Vec<u8>>()
    };
    let with_xid = |name: &str, xid: [u8; 3]| {
        let mut message = captured(name);
        message[1..4].copy_from_slice(&xid);
        message
    };
    let mut client = Client::new(ask());
    let advertise = with_xid("ADVERTISE", client.xid);
    client.hear(&advertise);
    if client.out.is_empty() {
        client.next();
    }
    assert_eq!(said(client.sent()).kind, REQUEST);
    let reply = with_xid("REPLY", client.xid);
    let [Out::Tell(Event::Bound(lease))] = client.hear(&reply) else { panic!("{:?}", client.out) };
    assert_eq!((lease.preferred_secs, lease.valid_secs, lease.renew_secs, lease.rebind_secs), (120, 120, 60, 105));
    assert_eq!(lease.dns, ["fd00::53".parse::<Ipv6Addr>().unwrap()]);
    assert_eq!(lease.search, ["lab.example.org", "example.org"]);
    assert!(lease.address.is_some_and(|address| address.segments()[0] == 0xfd00), "{lease:?}");
    client.next();
    let renewed = with_xid("RENEWED", client.xid);
    assert!(matches!(client.hear(&renewed), [Out::Tell(Event::Renewed(_))]), "{:?}", client.out);
}

#[test]
fn renewing_rebinding_and_losing() {
    let mut client = Client::bound(&[association(1800, 2880, &[address(HERE, 3600, 7200)])]);
    assert_eq!(client.next(), Duration::from_secs(1800));
    assert_eq!(said(client.sent()), Said { kind: RENEW, server: Some(SERVER.to_vec()), address: Some(HERE) });
    let [Out::Tell(Event::Renewed(lease))] = client.answered(REPLY, SERVER, &[association(1800, 2880, &[address(HERE, 3600, 7200)])]) else {
        panic!("{:?}", client.out)
    };
    assert_eq!(lease.obtained, 1_800_001_800);

    client.next();
    let begun = client.now.boot;
    let (mut renewals, mut rebindings) = (1, 0);
    let mut last = client.out.clone();
    while !matches!(client.out[0], Out::Tell(_)) {
        let passed = client.next();
        assert!(passed <= Duration::from_secs(660), "{passed:?}");
        match &client.out[0] {
            Out::Send(message) if message[0] == RENEW => renewals += 1,
            Out::Send(message) => {
                assert_eq!(said(message), Said { kind: REBIND, server: None, address: Some(HERE) });
                assert!(client.now.boot - begun >= Duration::from_secs(1080), "not before T2");
                rebindings += 1;
                last.clone_from(&client.out);
            }
            Out::Tell(_) => {}
        }
    }
    assert_eq!(client.now.boot - begun, Duration::from_secs(5400), "to the second");
    assert!((5..=9).contains(&renewals) && (9..=16).contains(&rebindings), "{renewals} {rebindings}");
    assert_eq!(client.out[0], lost(Loss::Expired));
    assert_eq!(said(client.sent()), Said { kind: SOLICIT, server: None, address: Some(HERE) });
    let Out::Send(late) = &last[0] else { panic!() };
    let late = answer(REPLY, late[1..4].try_into().unwrap(), SERVER, &[usual()]);
    assert_eq!(client.hear(&late), [], "too late");
    let mut passed = Duration::ZERO;
    for _ in 0..40 {
        passed = client.next();
        assert_eq!(said(client.sent()).kind, SOLICIT, "after a first lease it never gives up");
    }
    assert!(passed > Duration::from_secs(3200) && passed < Duration::from_secs(3970), "{passed:?}");
}

#[test]
fn a_server_says_how_often_it_may_be_asked() {
    let mut client = Client::new(Ask { timeout: None, ..ask() });
    client.answered(ADVERTISE, SERVER, &[association(0, 0, &[status(2)]), option(82, &60_u32.to_be_bytes())]);
    let mut passed = Duration::ZERO;
    for _ in 0..20 {
        passed = client.next();
    }
    assert!(passed > Duration::from_secs(53) && passed < Duration::from_secs(67), "{passed:?}");
}

#[test]
fn any_server_may_rebind() {
    let mut client = Client::renewing();
    assert_eq!(client.answered(REPLY, OTHER, &[usual()]), [], "not who was asked");
    client.next();
    while said(client.sent()).kind != REBIND {
        client.next();
    }
    assert!(matches!(client.answered(REPLY, OTHER, &[usual()]), [Out::Tell(Event::Renewed(lease))] if lease.server_duid == OTHER));
}

#[test]
fn a_server_that_has_forgotten_is_asked_anew() {
    let mut client = Client::renewing();
    client.answered(REPLY, SERVER, &[association(0, 0, &[status(3)])]);
    assert_eq!(said(client.sent()), Said { kind: REQUEST, server: Some(SERVER.to_vec()), address: Some(HERE) });
    assert!(matches!(client.answered(REPLY, SERVER, &[usual()]), [Out::Tell(Event::Renewed(lease))] if lease.address == Some(HERE)));

    // It will not: the address is ours for as long as was said, and then not.
    let mut client = Client::renewing();
    client.answered(REPLY, SERVER, &[association(0, 0, &[status(3)])]);
    assert_eq!(client.answered(REPLY, SERVER, &[association(0, 0, &[status(2)])]), []);
    let mut kinds = Vec::new();
    while !client.out.contains(&lost(Loss::Expired)) {
        client.next();
        kinds.push(said(client.sent()).kind);
    }
    assert_eq!(client.now.boot, Duration::from_secs(1200));
    assert!(kinds.len() < 20 && kinds[..kinds.len() - 1].iter().all(|kind| *kind == REBIND), "{kinds:?}");
}

#[test]
fn a_renewal_may_bring_another_address_or_end_this_one() {
    let mut client = Client::renewing();
    let changed = association(50, 80, &[address(HERE, 0, 0), address(THERE, 100, 200)]);
    assert!(matches!(client.answered(REPLY, SERVER, &[changed]), [Out::Tell(Event::Bound(lease))] if lease.address == Some(THERE)));
    client.next();
    assert_eq!(client.answered(REPLY, SERVER, &[association(50, 80, &[address(THERE, 0, 0)])]), [lost(Loss::Refused)]);
    assert!(client.next() >= Duration::from_secs(1));
    assert_eq!(said(client.sent()), Said { kind: SOLICIT, server: None, address: None });
    let mut client = Client::renewing();
    assert_eq!(client.answered(REPLY, SERVER, &[status(1)]), [], "a failure is asked again in its time");
    assert_eq!(client.answered(REPLY, SERVER, &[status(4)][..0]), [], "nothing said of the address");
}

#[test]
fn a_lease_from_before_is_confirmed() {
    let Out::Tell(Event::Bound(lease)) = Client::bound(&[usual()]).out.remove(0) else { panic!() };
    let resumed = || Client::new(Ask { resume: Some(Lease { obtained: 1_799_999_990, ..lease.clone() }), ..ask() });
    let mut client = resumed();
    assert!(matches!(&client.out[0], Out::Tell(Event::Bound(same)) if same.address == lease.address), "held at once: {:?}", client.out);
    assert_eq!(said(client.sent()), Said { kind: CONFIRM, server: None, address: Some(HERE) });
    assert_eq!(client.answered(REPLY, OTHER, &[status(0)]), []);
    assert!(!client.machine.listening());
    assert_eq!(client.next(), Duration::from_secs(40), "renewed in its time");

    let mut client = resumed();
    assert!(matches!(client.answered(REPLY, OTHER, &[status(4)]), [Out::Tell(Event::Lost { reason: Loss::Refused }), Out::Send(_)]));
    assert_eq!(said(client.sent()), Said { kind: SOLICIT, server: None, address: None });

    // Nobody says anything.
    let mut client = resumed();
    let (mut passed, mut asked) = (client.next(), 0);
    while !client.out.is_empty() {
        asked += 1;
        passed += client.next();
    }
    assert!(passed == Duration::from_secs(10) && (2..6).contains(&asked), "{passed:?} {asked}");
    assert_eq!(client.next(), Duration::from_secs(30));

    let ended = Client::new(Ask { resume: Some(Lease { obtained: 1_799_999_000, ..lease.clone() }), ..ask() });
    assert_eq!(ended.out[0], lost(Loss::Expired));
    assert_eq!(said(ended.sent()), Said { kind: SOLICIT, server: None, address: Some(HERE) });
    let mut client = Client::bound(&[usual()]);
    client.told(Machine::confirm);
    assert_eq!(said(client.sent()).kind, CONFIRM, "when the link may be another one");
}

#[test]
fn an_address_somebody_else_has_is_declined() {
    let mut client = Client::bound(&[usual()]);
    client.told(Machine::decline);
    assert_eq!(said(client.sent()), Said { kind: DECLINE, server: Some(SERVER.to_vec()), address: Some(HERE) });
    assert_eq!(client.answered(REPLY, OTHER, &[status(0)]), [], "not who was told");
    let mut unheard = Client::bound(&[usual()]);
    unheard.told(Machine::decline);
    for _ in 0..3 {
        unheard.next();
        assert_eq!(said(unheard.sent()).kind, DECLINE);
    }
    unheard.next();
    assert_eq!(said(unheard.sent()), Said { kind: SOLICIT, server: None, address: None });

    let mut client = Client::bound(&[usual()]);
    client.told(Machine::decline);
    assert_eq!(client.answered(REPLY, SERVER, &[status(0)]), []);
    client.next();
    assert_eq!(said(client.sent()), Said { kind: SOLICIT, server: None, address: None });
    let mut client = Client::new(ask());
    assert_eq!(client.told(Machine::decline), [], "nothing to decline");
}

#[test]
fn release_says_goodbye_to_the_server() {
    let mut client = Client::bound(&[usual()]);
    client.told(Machine::release);
    assert_eq!(said(client.sent()), Said { kind: RELEASE, server: Some(SERVER.to_vec()), address: Some(HERE) });
    assert!(!client.machine.finished() && client.machine.listening());
    let before = client.now.boot;
    client.next();
    assert_eq!(said(client.sent()).kind, RELEASE, "once more");
    assert!(client.now.boot - before < Duration::from_secs(2), "within the time it is waited for");
    client.answered(REPLY, SERVER, &[status(0)]);
    assert!(client.machine.finished() && client.machine.next().is_none());
    let mut client = Client::bound(&[usual()]);
    client.told(Machine::release);
    while !client.machine.finished() {
        client.next();
    }
    assert!(client.now.boot < Duration::from_secs(1020));
    let mut client = Client::new(ask());
    assert_eq!(client.told(Machine::release), [], "nothing to give back");
    assert!(client.machine.finished());
}

#[test]
fn without_an_address_only_the_rest_is_asked_for() {
    let mut client = Client::new(Ask { address: false, ..ask() });
    assert_eq!(said(client.sent()), Said { kind: INFORMATION, server: None, address: None });
    assert!(!client.sent().windows(4).any(|bytes| bytes[..2] == [0, 3] && bytes[2..] == [0, 12]), "no association");
    let dns = option(23, &HERE.octets());
    let [Out::Tell(Event::Bound(lease))] = client.answered(REPLY, SERVER, &[dns.clone(), option(32, &1000_u32.to_be_bytes())]) else {
        panic!("{:?}", client.out)
    };
    assert_eq!((lease.address, lease.valid_secs, &lease.dns[..]), (None, 1000, &[HERE][..]));
    let lease = lease.clone();
    assert_eq!(client.next(), Duration::from_secs(1000));
    // It is no lease: it goes on for as long as nobody says otherwise.
    for _ in 0..10 {
        client.next();
        assert_eq!(said(client.sent()).kind, INFORMATION);
    }
    assert!(matches!(client.answered(REPLY, OTHER, &[dns]), [Out::Tell(Event::Renewed(lease))] if lease.valid_secs == 86400));
    assert_eq!(client.told(Machine::release), [], "nothing to give back");

    let mut client = Client::new(Ask { address: false, resume: Some(lease), ..ask() });
    assert!(matches!(&client.out[..], [Out::Tell(Event::Bound(_)), Out::Send(message)] if message[0] == INFORMATION), "{:?}", client.out);
    assert!(matches!(client.answered(REPLY, SERVER, &[]), [Out::Tell(Event::Renewed(lease))] if lease.dns.is_empty()));
}

/// The error after the timeout, when `server` answers each message sent.
fn failure(server: impl Fn(u8) -> Option<(u8, Vec<Vec<u8>>)>) -> (Cause, usize) {
    let mut client = Client::new(ask());
    let mut messages = 0;
    loop {
        while let Some(Out::Send(message)) = client.out.last() {
            messages += 1;
            match server(message[0]) {
                Some((kind, options)) => drop(client.answered(kind, SERVER, &options).len()),
                None => break,
            }
        }
        client.next();
        if let [Out::Tell(Event::Failed(error))] = &client.out[..] {
            assert_eq!(client.now.boot, Duration::from_secs(1030), "to the second");
            assert!(client.machine.finished());
            return (error.cause.clone(), messages);
        }
    }
}

#[test]
fn why_there_is_no_lease() {
    let (cause, messages) = failure(|_| None);
    assert_eq!((cause, messages), (Cause::Silence, 5));
    let (cause, messages) = failure(|_| Some((ADVERTISE, vec![status(2)])));
    assert_eq!((cause, messages), (Cause::Exhausted(FROM), 5));
    let advertise = || Some((ADVERTISE, vec![usual(), option(7, &[255])]));
    let (cause, messages) = failure(|kind| if kind == SOLICIT { advertise() } else { None });
    assert!(cause == Cause::Unfinished(FROM) && messages < 12, "{cause:?} {messages}");
    let (cause, messages) = failure(|kind| if kind == SOLICIT { advertise() } else { Some((REPLY, vec![association(0, 0, &[status(2)])])) });
    assert!(cause == Cause::Exhausted(FROM) && messages < 14, "a server that offers and refuses makes no storm: {messages}");
    let (cause, messages) = failure(|kind| if kind == SOLICIT { advertise() } else { Some((REPLY, vec![status(4)])) });
    assert!(cause == Cause::Refused(FROM) && messages < 14, "{cause:?} {messages}");
}

#[test]
fn an_address_to_ask_from_is_waited_for() {
    let mut client = Client::new(ask());
    client.machine.unready(client.now);
    for _ in 0..3 {
        assert!(client.next() <= Duration::from_secs(1));
        assert_eq!(said(client.sent()).kind, SOLICIT);
        client.machine.unready(client.now);
    }
    client.next();
    // What was not sent was no try: this is the first, and offers are waited for.
    assert_eq!(client.answered(ADVERTISE, SERVER, &[usual()]), []);
    let mut client = Client::new(ask());
    loop {
        if let [Out::Tell(Event::Failed(error))] = &client.out[..] {
            assert_eq!(error.cause, Cause::NoLinkLocal);
            break;
        }
        client.machine.unready(client.now);
        client.next();
    }
    let mut client = Client::new(ask());
    client.machine.trouble("Network is down".to_owned());
    client.now.boot += Duration::from_secs(30);
    assert!(matches!(&client.machine.poll(client.now)[..], [Out::Tell(Event::Failed(error))] if error.cause == Cause::Io("Network is down".into())));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in prop_oneof![Just(2_u8), Just(7)]) {
        let mut clients = [Client::new(ask()), Client::renewing()];
        for client in &mut clients {
            let xid = client.xid;
            client.hear(&bytes);
            client.hear(&[&[kind], &xid[..], &bytes[..]].concat());
            client.hear(&answer(kind, xid, SERVER, std::slice::from_ref(&bytes)));
            client.hear(&answer(kind, xid, SERVER, &[option(3, &[&IAID.to_be_bytes()[..], &bytes].concat())]));
            client.hear(&answer(kind, xid, SERVER, &[association(1, 2, std::slice::from_ref(&bytes))]));
            client.hear(&answer(kind, xid, SERVER, &[usual(), option(24, &bytes), option(23, &bytes), option(82, &bytes)]));
        }
    }

    /// Whatever servers say, and whoever asks for what: time goes on between messages, and an address is had by a lease that holds.
    #[test]
    fn it_never_runs_hot_or_keeps_an_ended_address(
        words in proptest::collection::vec((0_u8..9, 0_u16..6, 0_u32..300, 0_u32..300, 0_u32..400), 1..60),
    ) {
        let mut client = Client::new(Ask { timeout: None, ..ask() });
        let mut held: Option<(Lease, Duration)> = None;
        let mut at_once = 0;
        for (what, code, renew, preferred, valid) in words {
            match what {
                0 => drop(client.told(Machine::renew).len()),
                1 => drop(client.told(Machine::confirm).len()),
                2 => {
                    client.told(Machine::decline);
                    held = held.filter(|_| false);
                }
                3 => {
                    let inner = [address(HERE, preferred, valid), status(code)];
                    client.hear(&answer(REPLY, client.xid, SERVER, &[association(renew, preferred, &inner)]));
                }
                4 => drop(client.hear(&answer(ADVERTISE, client.xid, SERVER, &[usual(), option(7, &[255])])).len()),
                5 => drop(client.hear(&answer(REPLY, client.xid, SERVER, &[association(renew, 0, &[address(THERE, preferred, valid)])])).len()),
                6 => drop(client.hear(&answer(REPLY, client.xid, OTHER, &[status(code)])).len()),
                _ => {
                    let at = client.machine.next().expect("it never ends by itself");
                    at_once = if at > client.now.boot { 0 } else { at_once + 1 };
                    prop_assert!(at_once < 3, "it runs hot");
                    client.now.boot = client.now.boot.max(at);
                    client.told(Machine::poll);
                }
            }
            for out in &client.out {
                match out {
                    Out::Send(_) => {}
                    Out::Tell(Event::Bound(lease) | Event::Renewed(lease)) => held = Some((lease.clone(), client.now.boot)),
                    Out::Tell(Event::Lost { .. }) => held = None,
                    Out::Tell(Event::Failed(error)) => panic!("{error}"),
                }
            }
            if let Some((lease, _)) = &held {
                prop_assert!(lease.preferred_secs <= lease.valid_secs && lease.renew_secs <= lease.rebind_secs && lease.valid_secs >= 10);
            }
            let next = client.machine.next();
            prop_assert!(next.is_some(), "nothing is due");
            if let (Some((_, since)), true) = (&held, client.out.is_empty()) {
                prop_assert!(client.now.boot <= *since + Duration::from_secs(400));
            }
        }
    }
}
