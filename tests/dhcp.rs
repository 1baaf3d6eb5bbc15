//! The DHCP client against dnsmasq, each test in two network namespaces of its own joined by a veth pair.
//!
//! Needs root, veth and dnsmasq; says so on standard error, past the harness, and passes when one is missing.

#![cfg(test)] // for clippy: here unwrapping is how facts are stated

use std::fmt::Debug;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ipnet::Ipv4Net;
use ovsdp::dhcp::{Ask, Became, Cause, Event, Identity, Lease, Loss, Order, Task, start};
use ovsdp_proto::{IfName, Mac};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const MAC: &str = "52:54:00:12:34:56";
pub(crate) const BRIDGE: &str = "ovsbr0";
/// Longer than anything here takes on a busy machine; no test waits it out.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server's and a client's namespace with a link between them.
pub(crate) struct Net {
    pub(crate) server: String,
    client: String,
    folder: tempfile::TempDir,
}

impl Net {
    /// `None`, loudly, where this cannot be had.
    pub(crate) fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = |role| format!("ovsdp-dhcp-{}-{number}-{role}", std::process::id());
        let net = Self { server: name("s"), client: name("c"), folder: tempfile::tempdir().unwrap() };
        let ready = run("dnsmasq", &["--version"])
            && run("ip", &["netns", "add", &net.server])
            && run("ip", &["netns", "add", &net.client])
            && run("ip", &["-n", &net.server, "link", "add", "s0", "type", "veth", "peer", "name", BRIDGE, "netns", &net.client])
            && run("ip", &["-n", &net.client, "link", "set", BRIDGE, "address", MAC, "up"])
            && run("ip", &["-n", &net.server, "link", "set", "s0", "up"])
            && run("ip", &["-n", &net.server, "address", "add", "172.16.3.1/24", "dev", "s0"]);
        if !ready {
            let _ = writeln!(std::io::stderr(), "\n*** SKIPPED a DHCP test: it needs root, network namespaces, veth and dnsmasq-base ***\n");
            return None;
        }
        Some(net)
    }

    fn address(&self, verb: &str, address: &str) {
        assert!(run("ip", &["-n", &self.client, "address", verb, address, "dev", BRIDGE]));
    }

    fn leases(&self) -> std::path::PathBuf {
        self.folder.path().join("leases")
    }

    pub(crate) fn dnsmasq(&self, options: &[&str]) -> Dnsmasq {
        let mut child = Command::new("ip")
            .args(["netns", "exec", &self.server, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--pid-file="])
            .args(["--interface=s0", "--bind-interfaces", "--user=root", "--log-dhcp", "--log-facility=-", "--no-ping"])
            .arg(format!("--dhcp-leasefile={}", self.leases().display()))
            .args(options)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, log) = channel();
        let stderr = child.stderr.take().unwrap();
        std::thread::spawn(move || BufReader::new(stderr).lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        let mut server = Dnsmasq { child, log, seen: Vec::new() };
        server.wait_for(", IP range");
        server
    }

    /// Runs `test` on a thread in the client's namespace, inside a runtime such as the agent's.
    pub(crate) fn client<T: Send>(&self, test: impl AsyncFnOnce(u32) -> T + Send) -> T {
        let namespace = File::open(format!("/run/netns/{}", self.client)).unwrap();
        std::thread::scope(|scope| {
            scope
                .spawn(move || {
                    nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
                    let index = nix::net::if_::if_nametoindex(BRIDGE).unwrap();
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    runtime.block_on(test(index))
                })
                .join()
                .unwrap()
        })
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        run("ip", &["netns", "delete", &self.client]);
        run("ip", &["netns", "delete", &self.server]);
    }
}

pub(crate) fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

pub(crate) struct Dnsmasq {
    child: Child,
    log: Receiver<String>,
    pub(crate) seen: Vec<String>,
}

impl Dnsmasq {
    /// Waits until a line of the log holds `text`.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let late = Instant::now() + PATIENCE;
        while !self.said(text) {
            let line = self.log.recv_timeout(late.saturating_duration_since(Instant::now()));
            self.seen.push(line.unwrap_or_else(|_| panic!("dnsmasq never said {text:?}, but:\n{}", self.seen.join("\n"))));
        }
    }

    /// Whether a line read so far holds `text`.
    pub(crate) fn said(&self, text: &str) -> bool {
        self.seen.iter().any(|line| line.contains(text))
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(ifindex: u32) -> Ask {
    Ask {
        ifname: IfName::new(BRIDGE).unwrap(),
        ifindex,
        mac: MAC.parse::<Mac>().unwrap(),
        identity: Identity { hostname: Some("web1".to_owned()), ..Identity::default() },
        request: None,
        resume: None,
        timeout: Some(PATIENCE),
    }
}

/// A client and what it says, of either family.
pub(crate) struct Running<O, L, E> {
    pub(crate) client: Task<O>,
    pub(crate) events: UnboundedReceiver<(IfName, Became<L, E>)>,
}

impl<O: Order, L: Debug, E: Debug> Running<O, L, E> {
    /// Has `start` begin a client on this runtime.
    pub(crate) fn start<A>(start: impl FnOnce(A, &Handle, UnboundedSender<(IfName, Became<L, E>)>) -> Task<O>, ask: A) -> Self {
        let (sender, events) = unbounded_channel();
        Self { client: start(ask, &Handle::current(), sender), events }
    }

    pub(crate) async fn event(&mut self) -> Became<L, E> {
        let (ifname, event) = tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("an event in time").expect("a live client");
        assert_eq!(ifname.as_str(), BRIDGE);
        event
    }

    pub(crate) async fn bound(&mut self) -> L {
        match self.event().await {
            Became::Bound(lease) => lease,
            other => panic!("{other:?}"),
        }
    }
}

const RANGE: &str = "--dhcp-range=172.16.3.100,172.16.3.199,255.255.255.0,2m";
const TAKEN_OVER: Ipv4Addr = Ipv4Addr::new(172, 16, 3, 140);

fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn a_lease_is_taken_over_renewed_and_released() {
    let Some(net) = Net::new() else { return };
    // As dhclient on eth0 left it: no client identifier (`*`), the short host name. And the address has moved already.
    std::fs::write(net.leases(), format!("{} {MAC} {TAKEN_OVER} web1 *\n", unix() + 120)).unwrap();
    net.address("add", "172.16.3.140/24");
    let mut server = net.dnsmasq(&[
        RANGE,
        "--dhcp-option=option:router,172.16.3.254",
        "--dhcp-option=option:classless-static-route,0.0.0.0/0,172.16.3.1,10.8.0.0/16,172.16.3.9,169.254.169.254/32,0.0.0.0",
        "--dhcp-option=option:dns-server,172.16.3.1,9.9.9.9",
        "--dhcp-option=option:mtu,1400",
        "--dhcp-option=option:domain-search,eng.example.com,example.com",
        "--dhcp-option=option:ntp-server,172.16.3.1",
        "--domain=example.com",
    ]);
    let (lease, renewed) = net.client(async |index| {
        let mut running = Running::start(start, Ask { request: Some(TAKEN_OVER), ..ask(index) });
        let lease = running.bound().await;
        running.client.renew();
        let Event::Renewed(renewed) = running.event().await else { panic!("not renewed") };
        // From a thread that may block, as a plan's steps run on.
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || runtime.block_on(running.client.release())).await.unwrap();
        (lease, renewed)
    });
    let net4 = |text: &str| text.parse::<Ipv4Net>().unwrap();
    let at = |last| Ipv4Addr::new(172, 16, 3, last);
    assert_eq!(lease.address, net4("172.16.3.140/24"));
    assert_eq!(lease.broadcast, Some(at(255)));
    assert!(lease.routers.is_empty(), "classless routes replace them");
    let routes = [(net4("0.0.0.0/0"), at(1)), (net4("10.8.0.0/16"), at(9)), (net4("169.254.169.254/32"), Ipv4Addr::UNSPECIFIED)];
    assert_eq!(lease.routes, routes);
    assert_eq!(lease.dns, [at(1), Ipv4Addr::new(9, 9, 9, 9)]);
    assert_eq!(lease.domain.as_deref(), Some("example.com"));
    assert_eq!(lease.search, ["eng.example.com", "example.com"]);
    assert_eq!((lease.mtu, lease.server, lease.lease_secs), (Some(1400), at(1), 120));
    assert!(lease.renew_secs <= 60 && lease.rebind_secs <= 105, "dnsmasq takes a little off: {lease:?}");
    assert!(unix() - lease.obtained < 60);
    assert!(renewed.obtained >= lease.obtained);
    let Lease { obtained, renew_secs, rebind_secs, .. } = lease;
    assert_eq!(Lease { obtained, renew_secs, rebind_secs, ..renewed }, lease);
    server.wait_for(&format!("DHCPRELEASE(s0) {TAKEN_OVER} {MAC}"));
    assert!(!server.said("DHCPDISCOVER"), "the address was known: asking for it was enough");
    assert_eq!(server.seen.iter().filter(|line| line.contains("DHCPACK(s0) 172.16.3.140")).count(), 2, "{:#?}", server.seen);
}

#[test]
fn a_lease_from_nothing_renews_itself() {
    let Some(net) = Net::new() else { return };
    // The other way to answer a client without an address, and a first renewal after three seconds.
    let mut server = net.dnsmasq(&[RANGE, "--dhcp-broadcast", "--dhcp-option-force=58,3"]);
    net.client(async |index| {
        let mut running = Running::start(start, ask(index));
        let lease = running.bound().await;
        assert_eq!(lease.renew_secs, 3, "{lease:?}");
        assert_eq!(lease.routers, [Ipv4Addr::new(172, 16, 3, 1)]);
        net.address("add", &lease.address.to_string());
        let begun = Instant::now();
        let Event::Renewed(renewed) = running.event().await else { panic!("not renewed") };
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert_eq!(renewed.address, lease.address);
        assert!(renewed.obtained > lease.obtained);
        running.client.stop().await;
    });
    server.wait_for("DHCPDISCOVER");
    assert!(!server.said("DHCPRELEASE"), "stopped, not released");
    assert!(std::fs::read_to_string(net.leases()).unwrap().trim_end().ends_with("web1 *"), "a name and no client identifier");
}

#[test]
fn a_server_that_took_over_is_found_by_rebinding() {
    let Some(net) = Net::new() else { return };
    let server = net.dnsmasq(&[RANGE, "--dhcp-option-force=58,3", "--dhcp-option-force=59,5"]);
    net.client(async |index| {
        let mut running = Running::start(start, ask(index));
        let lease = running.bound().await;
        assert_eq!((lease.renew_secs, lease.rebind_secs), (3, 5));
        net.address("add", &lease.address.to_string());
        drop(server);
        assert!(run("ip", &["-n", &net.server, "address", "delete", "172.16.3.1/24", "dev", "s0"]));
        assert!(run("ip", &["-n", &net.server, "address", "add", "172.16.3.2/24", "dev", "s0"]));
        let _other = net.dnsmasq(&[RANGE]);
        let Event::Renewed(renewed) = running.event().await else { panic!("not renewed") };
        assert_eq!((renewed.address, renewed.server), (lease.address, Ipv4Addr::new(172, 16, 3, 2)));
    });
}

#[test]
fn a_refused_address_is_replaced() {
    let Some(net) = Net::new() else { return };
    let mut server = net.dnsmasq(&[RANGE, "--dhcp-authoritative"]);
    let lease = net.client(async |index| {
        let mut running = Running::start(start, Ask { request: Some(Ipv4Addr::new(192, 168, 7, 7)), ..ask(index) });
        running.bound().await
    });
    server.wait_for("DHCPNAK(s0) 192.168.7.7");
    assert!(lease.address.contains(&Ipv4Addr::new(172, 16, 3, 1)));
}

#[test]
fn a_refused_renewal_loses_the_lease_and_finds_another() {
    let Some(net) = Net::new() else { return };
    let server = net.dnsmasq(&[RANGE]);
    net.client(async |index| {
        let mut running = Running::start(start, ask(index));
        let lease = running.bound().await;
        net.address("add", &lease.address.to_string());
        drop(server);
        std::fs::remove_file(net.leases()).unwrap();
        let _other = net.dnsmasq(&["--dhcp-range=172.16.3.10,172.16.3.20,255.255.255.0,2m", "--dhcp-authoritative"]);
        running.client.renew();
        assert_eq!(running.event().await, Event::Lost { reason: Loss::Refused });
        assert_ne!(running.bound().await.address, lease.address);
    });
}

#[test]
fn silence_ends_in_time_and_in_words() {
    let Some(net) = Net::new() else { return };
    net.client(async |index| {
        let begun = Instant::now();
        let mut running = Running::start(start, Ask { timeout: Some(Duration::from_secs(2)), request: Some(TAKEN_OVER), ..ask(index) });
        let Event::Failed(error) = running.event().await else { panic!("no failure") };
        assert!((2..4).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
        assert_eq!(error.to_string(), "no DHCP server answered on ovsbr0 within 2 s");
        assert!(running.events.recv().await.is_none(), "the client has ended");
        running.client.stop().await;

        assert!(run("ip", &["link", "set", BRIDGE, "down"]));
        let mut running = Running::start(start, Ask { timeout: Some(Duration::from_secs(1)), ..ask(index) });
        let Event::Failed(error) = running.event().await else { panic!("no failure") };
        assert!(matches!(&error.cause, Cause::Io(why) if why.contains("down")), "{error}");

        let mut running = Running::start(start, Ask { timeout: Some(Duration::from_secs(1)), ..ask(index + 1000) });
        let Event::Failed(error) = running.event().await else { panic!("no failure") };
        assert!(matches!(&error.cause, Cause::Io(why) if why.contains("No such device")), "{error}");
    });
}

#[test]
fn a_restarted_agent_goes_on_with_its_lease() {
    let Some(net) = Net::new() else { return };
    let mut server = net.dnsmasq(&[RANGE]);
    net.client(async |index| {
        let mut running = Running::start(start, ask(index));
        let lease = running.bound().await;
        net.address("add", &lease.address.to_string());
        running.client.stop().await;

        let text = serde_json::to_string(&lease).unwrap();
        let mut running = Running::start(start, Ask { resume: Some(serde_json::from_str(&text).unwrap()), ..ask(index) });
        assert_eq!(running.bound().await, lease, "as it was");
        running.client.renew();
        assert!(matches!(running.event().await, Event::Renewed(again) if again.address == lease.address));

        // One whose time ran out while nobody was there is asked for again.
        let mut running = Running::start(start, Ask { resume: Some(Lease { obtained: 1, ..lease.clone() }), ..ask(index) });
        let again = running.bound().await;
        assert_eq!(again.address, lease.address);
        assert!(again.obtained > 1);
    });
    server.wait_for("DHCPDISCOVER");
    server.wait_for("DHCPACK");
    assert_eq!(server.seen.iter().filter(|line| line.contains("DHCPDISCOVER")).count(), 1);
}
