//! `ovsdp dpctl` and what flows' actions rely on: connections, limits of zones, meters. Beside stock `ovs-dpctl` on the same
//! table where it has the command; meters beside what arrives.

use std::time::Duration;

use anyhow::{Context, ensure};

use crate::guest::{Host, Process, World, eventually};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("dpctl_ct::connections_are_shown_and_flushed_the_same", connections).seconds(180),
    Test::new("dpctl_ct::limits_are_seen_by_the_other", limits).seconds(120),
    Test::new("dpctl_ct::a_meter_drops_what_it_counts", meters).seconds(120),
    Test::new("dpctl_ct::refuses", refuses).seconds(150),
];

/// Where the link lies that makes our binary be `ovs-dpctl`.
const OURS: &str = "/run/ours/ovs-dpctl";

/// Both ways between ports 1 and 2: ARP and neighbour discovery as they are, IPv4 through zone 5, IPv6 through zone 6; UDP
/// to port 9000 through zone 9, and to port 53 through none.
const FLOWS: &str = "\
in_port(1),eth(),eth_type(0x0806),arp() 2
in_port(2),eth(),eth_type(0x0806),arp() 1
in_port(1),eth(),eth_type(0x0800),ipv4(proto=1,frag=no),icmp() ct(commit,zone=5),2
in_port(2),eth(),eth_type(0x0800),ipv4(proto=1,frag=no),icmp() ct(commit,zone=5),1
in_port(1),eth(),eth_type(0x0800),ipv4(proto=6,frag=no),tcp(),tcp_flags(0/0) ct(commit,zone=5,mark=0x7/0xffffffff,label=0x1234/0xffffffffffffffffffffffffffffffff),2
in_port(2),eth(),eth_type(0x0800),ipv4(proto=6,frag=no),tcp(),tcp_flags(0/0) ct(commit,zone=5),1
in_port(1),eth(),eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=9000) ct(commit,zone=9),2
in_port(1),eth(),eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=53) ct(commit),2
in_port(1),eth(),eth_type(0x86dd),ipv6(proto=58,frag=no),icmpv6() ct(commit,zone=6),2
in_port(2),eth(),eth_type(0x86dd),ipv6(proto=58,frag=no),icmpv6() ct(commit,zone=6),1
";

/// A datapath with two stations, and the flows of [`FLOWS`].
struct Lan {
    host: Host,
    a: Host,
    b: Host,
}

impl Lan {
    fn new(world: &World) -> anyhow::Result<Lan> {
        let (host, a, b) = (world.host("h")?, world.host("a")?, world.host("b")?);
        host.run(&format!("mkdir -p /run/ours && ln -s /usr/bin/ovsdp {OURS} && modprobe openvswitch && modprobe nf_conntrack_netlink"))?;
        for setting in ["acct", "timestamp"] {
            host.run(&format!("echo 1 >/proc/sys/net/netfilter/nf_conntrack_{setting}"))?;
        }
        // None ends by itself while it is looked at.
        for protocol in ["icmp", "icmpv6", "udp"] {
            host.run(&format!("echo 600 >/proc/sys/net/netfilter/nf_conntrack_{protocol}_timeout"))?;
        }
        world.veth(&host, "p1", &a, "eth0")?;
        world.veth(&host, "p2", &b, "eth0")?;
        for (station, number) in [(&a, 1), (&b, 2)] {
            station.run("echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad")?;
            station.run(&format!("ip addr add 10.1.1.{number}/24 dev eth0 && ip addr add fd00::{number}/64 dev eth0"))?;
        }
        host.run(&format!("{OURS} add-dp dp0 p1 p2"))?;
        host.write("/tmp/flows", FLOWS)?;
        host.run(&format!("{OURS} add-flows dp0 /tmp/flows"))?;
        Ok(Lan { host, a, b })
    }

    fn ours(&self, arguments: &str) -> anyhow::Result<String> {
        Ok(self.host.run(&format!("{OURS} {arguments}"))?.stdout)
    }

    /// A TCP connection that stands until the two are dropped, pings of both kinds, and a UDP packet in zone 0.
    fn talk(&self) -> anyhow::Result<[Process; 2]> {
        self.a.run("ping -n -q -c 2 -i 0.1 -w 5 10.1.1.2 && ping -n -q -c 2 -i 0.1 -w 5 fd00::2")?;
        let server = self.b.spawn("nc -l 10.1.1.2 80")?;
        eventually(Duration::from_secs(10), || self.b.run("grep -q ':0050 00000000:0000 0A' /proc/net/tcp"))?;
        let client = self.a.spawn("sh -c 'sleep 100 | nc 10.1.1.2 80'")?;
        eventually(Duration::from_secs(10), || self.host.run(&format!("{OURS} dump-conntrack zone=5 | grep -q 'state=ESTABLISHED'")))?;
        self.udp(4000, 53)?;
        Ok([server, client])
    }

    /// One UDP packet to the other station. That nobody listens there does not matter.
    fn udp(&self, from: u16, to: u16) -> anyhow::Result<()> {
        self.a.try_run(&format!("echo x | nc -u -w 1 -p {from} 10.1.1.2 {to}"))?;
        Ok(())
    }

    /// The lines both programs print, sorted, with the seconds that pass made equal.
    fn same(&self, arguments: &str) -> anyhow::Result<Vec<String>> {
        let sorted = |program: &str| {
            let output = self.host.run(&format!("{program} {arguments}"))?;
            let mut lines: Vec<String> = output.stdout.lines().map(without_seconds).collect();
            lines.sort_unstable();
            anyhow::Ok(lines)
        };
        let (theirs, ours) = (sorted("ovs-dpctl")?, sorted(OURS)?);
        ensure!(theirs == ours, "`{arguments}` prints\n{theirs:#?}\nbut ours\n{ours:#?}");
        Ok(ours)
    }
}

fn without_seconds(line: &str) -> String {
    match line.split_once(",timeout=") {
        Some((before, after)) => format!("{before},timeout=S{}", after.trim_start_matches(|c: char| c.is_ascii_digit())),
        None => line.to_owned(),
    }
}

fn connections(world: &mut World) -> anyhow::Result<()> {
    let lan = Lan::new(world)?;
    let talk = lan.talk()?;
    let all = lan.same("dump-conntrack")?;
    for part in ["tcp,orig=(src=10.1.1.1,dst=10.1.1.2,", "icmp,orig=", "icmpv6,orig=(src=fd00::1,", "udp,orig=", ",mark=7,labels=0x1234,"] {
        ensure!(all.iter().any(|line| line.contains(part)), "no {part} in {all:#?}");
    }
    let more = lan.same("-m -s dump-conntrack dp0")?;
    for part in [",packets=", ",start=20", ",timeout=S", ",id=", "status=SEEN_REPLY|CONFIRMED", "flags_orig=WINDOW_SCALE|SACK_PERM"] {
        ensure!(more.iter().any(|line| line.contains(part)), "no {part} in {more:#?}");
    }
    ensure!(lan.same("dump-conntrack zone=6")?.len() == 1 && lan.same("dump-conntrack system@dp0 zone=0")?.len() == 1);
    ensure!(lan.same("dump-conntrack zone=77")?.is_empty());
    for arguments in ["ct-stats-show", "-m ct-stats-show dp0", "ct-stats-show dp0 zone=5 verbose", "ct-stats-show zone=6", "ct-bkts"] {
        lan.same(arguments)?;
    }
    ensure!(lan.same("ct-stats-show zone=5 verbose")?.iter().any(|line| line.ends_with("[ESTABLISHED]=1")));

    let left = || Ok::<_, anyhow::Error>(lan.same("dump-conntrack")?.len());
    let before = left()?;
    // One by its whole tuple, in the right zone only.
    let port = all.iter().find_map(|line| line.strip_prefix("tcp,")?.split_once("sport=")?.1.split(',').next()).context("no TCP connection")?;
    let tuple = format!("'ct_nw_src=10.1.1.1,ct_nw_dst=10.1.1.2,ct_nw_proto=6,ct_tp_src={port},ct_tp_dst=80'");
    // Theirs takes a datapath's name for a tuple here.
    for program in ["ovs-dpctl flush-conntrack", &format!("{OURS} flush-conntrack"), &format!("{OURS} flush-conntrack dp0")] {
        let wrong = lan.host.try_run(&format!("{program} zone=4 {tuple}"))?.fails_with(1)?;
        ensure!(wrong.stderr.contains("failed to flush conntrack (No such file or directory)"), "{wrong}");
    }
    lan.ours(&format!("flush-conntrack dp0 zone=5 {tuple}"))?;
    ensure!(left()? == before - 1 && !lan.same("dump-conntrack")?.iter().any(|line| line.starts_with("tcp,")));
    // Those that a part of the tuple means, in a zone and in all.
    lan.ours("flush-conntrack zone=5 ct_nw_proto=58")?;
    ensure!(left()? == before - 1);
    lan.ours("flush-conntrack '' ct_nw_proto=17,ct_tp_src=53")?;
    ensure!(left()? == before - 2 && lan.same("dump-conntrack zone=0")?.is_empty());
    lan.ours("flush-conntrack ct_ipv6_dst=fd00::2")?;
    ensure!(left()? == before - 3 && lan.same("dump-conntrack zone=6")?.is_empty());
    // A zone, and everything.
    drop(talk);
    lan.udp(4001, 53)?;
    lan.ours("flush-conntrack dp0 zone=5")?;
    ensure!(lan.same("dump-conntrack zone=5")?.is_empty() && !lan.same("dump-conntrack zone=0")?.is_empty());
    lan.ours("flush-conntrack")?;
    ensure!(lan.ours("dump-conntrack")?.is_empty());
    Ok(())
}

fn limits(world: &mut World) -> anyhow::Result<()> {
    let lan = Lan::new(world)?;
    ensure!(lan.same("ct-get-limits")? == ["default limit=0"]);
    lan.ours("ct-set-limits default=10 zone=9,limit=1 zone=0,limit=5")?;
    ensure!(lan.same("ct-get-limits dp0")? == ["default limit=10", "zone=0,limit=5,count=0", "zone=9,limit=1,count=0"]);
    // A second connection in the zone does not come to be.
    lan.udp(4000, 9000)?;
    lan.udp(4001, 9000)?;
    ensure!(lan.same("ct-get-limits zone=9")? == ["default limit=10", "zone=9,limit=1,count=1"]);
    ensure!(lan.same("dump-conntrack zone=9")?.len() == 1);
    lan.host.run("ovs-dpctl ct-set-limits dp0 zone=9,limit=2")?;
    lan.udp(4002, 9000)?;
    ensure!(lan.same("ct-get-limits zone=9,7")? == ["default limit=10", "zone=7,limit=10,count=0", "zone=9,limit=2,count=2"]);
    lan.ours("ct-del-limits dp0 zone=9,0")?;
    ensure!(lan.same("ct-get-limits")? == ["default limit=10"]);
    let user = lan.host.try_run_as_user(&format!("{OURS} ct-get-limits dp0"))?.success()?;
    ensure!(user.stdout == "default limit=10\n", "{user}");
    lan.ours("ct-set-limits dp0 default=0")?;
    Ok(())
}

/// Numbers behind `name:` in what `dump-meters` prints.
fn count(text: &str, name: &str) -> anyhow::Result<u64> {
    let (_, behind) = text.split_once(&format!("{name}:")).with_context(|| format!("no {name} in {text}"))?;
    Ok(behind.split_ascii_whitespace().next().unwrap_or("").parse()?)
}

fn meters(world: &mut World) -> anyhow::Result<()> {
    let lan = Lan::new(world)?;
    let features = lan.ours("meter-features")?;
    ensure!(count(&features, "max_meter")? > 0 && count(&features, "max_bands")? == 1 && features.contains("band_types: drop\n"), "{features}");
    lan.ours("add-meter dp0 'meter=3 pktps burst stats bands=type=drop rate=5 burst_size=5'")?;
    lan.ours("mod-flow 'in_port(1),eth(),eth_type(0x0800),ipv4(proto=1,frag=no),icmp()' 'meter(3),2'")?;
    let arrived = || {
        let snmp = lan.b.run("cat /proc/net/snmp")?;
        let mut lines = snmp.stdout.lines().filter_map(|line| line.strip_prefix("Icmp: "));
        let (names, values) = (lines.next().context("no Icmp")?, lines.next().context("no Icmp")?);
        let at = names.split(' ').position(|name| name == "InEchos").context("no InEchos")?;
        Ok::<u64, anyhow::Error>(values.split(' ').nth(at).context("no InEchos")?.parse()?)
    };
    lan.a.run("ping -n -q -c 1 -w 5 10.1.1.2")?;
    let before = arrived()?;
    lan.a.try_run("ping -n -q -c 60 -i 0.002 -W 1 10.1.1.2")?;
    let dump = lan.ours("dump-meters")?;
    let (came, dropped) = (count(&dump, "packet_in_count")?, count(&dump, "\n0: packet_count")?);
    ensure!(dump.starts_with("meter:3 ") && came == 61 && dropped > 0, "{dump}");
    ensure!(came - 1 - dropped == arrived()? - before, "{} arrived, but {dump}", arrived()? - before);
    ensure!(lan.ours("dump-flows")?.contains("packets:61, "), "{}", lan.ours("dump-flows")?);
    let user = lan.host.try_run_as_user(&format!("{OURS} dump-meters dp0 meter=3; {OURS} meter-features"))?.success()?;
    ensure!(user.stdout.contains("packet_in_count:61") && user.stdout.contains("max_bands:1"), "{user}");

    let again = lan.host.try_run(&format!("{OURS} add-meter meter=3 bands=type=drop rate=5"))?.fails_with(1)?;
    ensure!(again.stderr.contains("adding meter 3 (File exists)"), "{again}");
    // A rate that nothing exceeds.
    lan.ours("mod-meter meter=3 kbps bands=type=drop rate=1000000")?;
    let before = (arrived()?, count(&lan.ours("dump-meters dp0 meter=3")?, "\n0: packet_count")?);
    lan.a.run("ping -n -q -c 30 -i 0.002 -w 10 10.1.1.2")?;
    ensure!((arrived()?, count(&lan.ours("dump-meters dp0 meter=3")?, "\n0: packet_count")?) == (before.0 + 30, before.1), "it drops");
    lan.ours("del-meter dp0 meter=3")?;
    lan.host.try_run(&format!("{OURS} dump-meters dp0 meter=3"))?.fails_with(1)?;
    Ok(())
}

/// Calls that fail and change nothing, and how ours explains it. Theirs fails too at those marked.
const REFUSED: &[(&str, &str, bool)] = &[
    ("dump-conntrack nope", "No such device", true),
    ("dump-conntrack dp0 zone=5 x", "'dump-conntrack' command takes at most 2 arguments", false),
    ("dump-conntrack zone=65536", "invalid zone (Invalid argument)", false),
    ("flush-conntrack dp0 zone=x", "invalid zone (Invalid argument)", true),
    ("flush-conntrack foo=1", "invalid conntrack tuple field: foo (Invalid argument)", true),
    ("flush-conntrack ct_nw_src=10.1.1", "failed to parse field ct_nw_src (Invalid argument)", true),
    ("flush-conntrack ct_tp_src=1", "port is set without protocol (Invalid argument)", true),
    ("flush-conntrack ct_nw_proto=6,icmp_id=1", "invalid L4 fields (Invalid argument)", true),
    ("flush-conntrack nope ct_nw_proto=6", "No such device", true),
    ("flush-conntrack dp0 '' '' ''", "invalid arguments (Invalid argument)", true),
    ("--read-only flush-conntrack", "does not work in read only mode", true),
    ("ct-stats-show dp0 x", "unexpected argument x", false),
    ("ct-set-limits", "'ct-set-limits' command requires at least 1 arguments", true),
    ("ct-set-limits dp0 default=x", "invalid default limit (Invalid argument)", true),
    ("ct-set-limits zone=5", "failed to parse zone limit (Invalid argument)", true),
    ("ct-set-limits zone=5,limit=1 foo=1", "invalid zone limit field: foo (Invalid argument)", true),
    ("ct-set-limits dp0", "no limit is given", false),
    ("ct-get-limits zone=x", "invalid zone (Invalid argument)", true),
    ("ct-get-limits dp0 5", "invalid argument 5 (Invalid argument)", true),
    ("ct-del-limits zone=65536", "invalid zone (Invalid argument)", false),
    ("ct-set-maxconns 5", "ct set maxconns failed (Operation not supported)", true),
    ("ct-get-maxconns", "maxconns could not be retrieved (Operation not supported)", true),
    ("ct-get-nconns dp0", "nconns could not be retrieved (Operation not supported)", true),
    ("ct-enable-tcp-seq-chk", "enabling TCP sequence checking failed (Operation not supported)", true),
    ("ct-disable-tcp-seq-chk", "disabling TCP sequence checking failed (Operation not supported)", true),
    ("ct-get-tcp-seq-chk", "TCP sequence checking query failed (Operation not supported)", true),
    ("ipf-set-enabled v4", "enabling fragmentation reassembly failed (Operation not supported)", true),
    ("ipf-set-disabled v6", "disabling fragmentation reassembly failed (Operation not supported)", true),
    ("ipf-set-min-frag v4 1000", "fragment size", true),
    ("ipf-set-max-nfrags 1000", "setting maximum fragments failed (Operation not supported)", true),
    ("ipf-get-status", "ipf status could not be retrieved (Operation not supported)", true),
    ("offload-stats-show", "retrieving offload statistics (Operation not supported)", true),
    ("add-meter meter=1", "needs a band", false),
    ("add-meter meter=1 bands=type=drop rate=0", "rate of 0", false),
    ("add-meter meter=1 bands=type=drop rate=1 type=drop rate=2", "at most 1 bands", false),
    ("add-meter nope meter=1 bands=type=drop rate=1", "No such device", false),
    ("mod-meter meter=1 bands=type=drop rate=1", "changing meter 1 (No such file or directory)", false),
    ("del-meter meter=1", "deleting meter 1 (No such file or directory)", false),
    ("del-meter 1", "which one is said by meter=N", false),
    ("dump-meters meter=1", "reading meter 1 (No such file or directory)", false),
    ("--read-only add-meter meter=1 bands=type=drop rate=1", "read only mode", false),
    ("--atomic dump-flows", "takes no --atomic", false),
];

fn refuses(world: &mut World) -> anyhow::Result<()> {
    let lan = Lan::new(world)?;
    lan.a.run("ping -n -q -c 1 -w 5 10.1.1.2")?;
    let state = || Ok::<_, anyhow::Error>([lan.ours("dump-conntrack")?, lan.ours("ct-get-limits")?, lan.ours("dump-dps")?]);
    let before = state()?;
    for (arguments, said, both) in REFUSED {
        let ours = lan.host.try_run(&format!("{OURS} {arguments}"))?.fails_with(1)?;
        ensure!(
            ours.stderr.contains(said) && ours.stdout.is_empty() && ours.stderr.lines().count() == 1,
            "`{arguments}` does not say {said}: {ours}"
        );
        if *both {
            lan.host.try_run(&format!("ovs-dpctl {arguments}"))?.fails_with(1)?;
        }
    }
    for arguments in ["dump-conntrack", "ct-stats-show", "flush-conntrack", "ct-set-limits default=1", "add-meter meter=1 bands=type=drop rate=1"] {
        let user = lan.host.try_run_as_user(&format!("{OURS} {arguments}"))?.fails_with(1)?;
        ensure!(user.stderr.contains("(Operation not permitted)"), "{user}");
    }
    lan.host.try_run(&format!("{OURS} dump-meters meter=1"))?.fails_with(1)?;
    let after = state()?;
    ensure!(before == after, "a refusal changed something:\n{before:#?}\nis now:\n{after:#?}");
    // What theirs lists is listed, in its words.
    let list = |program: &str| {
        let text = lan.host.run(&format!("{program} list-commands"))?.stdout;
        Ok::<_, anyhow::Error>(text.lines().map(str::to_owned).collect::<Vec<_>>())
    };
    let (ours, theirs) = (list(OURS)?, list("ovs-dpctl")?);
    let missing: Vec<_> = theirs.iter().filter(|line| !ours.contains(line)).collect();
    ensure!(missing.is_empty(), "{missing:#?}");
    Ok(())
}
