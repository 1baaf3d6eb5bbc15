//! `ovsdp dpctl` beside stock `ovs-dpctl` on the same datapath: the same bytes wherever both can print, the same changes,
//! and refusals that change nothing.

use std::time::Duration;

use anyhow::ensure;

use super::stage::plain_bridge;
use crate::guest::{Host, Output, World, eventually};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("dpctl::shows_the_same", shows_the_same).seconds(120),
    Test::new("dpctl::prints_flows_the_same", prints_flows_the_same).seconds(180),
    Test::new("dpctl::changes_flows_the_same", changes_flows_the_same).seconds(180),
    Test::new("dpctl::a_life_seen_by_the_other", a_life_seen_by_the_other).seconds(180),
    Test::new("dpctl::refuses", refuses).seconds(180),
    Test::new("dpctl::looking_changes_nothing", looking_changes_nothing).seconds(90),
];

/// Where the link lies that makes our binary be `ovs-dpctl`.
pub(super) const OURS: &str = "/run/ours/ovs-dpctl";

/// A host with ours beside theirs, on which nothing sends packets by itself.
pub(super) fn stage(world: &World) -> anyhow::Result<Host> {
    let host = world.host("h")?;
    host.run(&format!("mkdir -p /run/ours && ln -s /usr/bin/ovsdp {OURS} && modprobe openvswitch"))?;
    host.run("for of in all default; do echo 1 >/proc/sys/net/ipv6/conf/$of/disable_ipv6; done")?;
    Ok(host)
}

/// What a program printed, with the one thing that goes on by itself made equal.
fn stdout(output: &Output) -> String {
    let mut text = String::new();
    let mut rest = output.stdout.as_str();
    while let Some((before, after)) = rest.split_once("used:") {
        let end = after.find([',', '\n']).unwrap_or(after.len());
        let (used, after) = after.split_at(end);
        text += before;
        text += if used == "never" { "used:never" } else { "used:S" };
        rest = after;
    }
    text + rest
}

/// Both programs print the same and succeed, whoever is first. Returns what they print.
pub(super) fn same(host: &Host, arguments: &str) -> anyhow::Result<String> {
    let ours_first = arguments.len().is_multiple_of(2);
    let early = ours_first.then(|| host.run(&format!("{OURS} {arguments}"))).transpose()?;
    let theirs = host.run(&format!("ovs-dpctl {arguments}"))?;
    let ours = match early {
        Some(early) => early,
        None => host.run(&format!("{OURS} {arguments}"))?,
    };
    let (theirs, ours) = (stdout(&theirs), stdout(&ours));
    ensure!(theirs == ours, "`{arguments}` prints\n{theirs}\nbut ours\n{ours}");
    Ok(ours)
}

/// The same bytes for an ordinary user, by our program.
pub(super) fn same_for_a_user(host: &Host, arguments: &str) -> anyhow::Result<()> {
    let (user, root) = (host.try_run_as_user(&format!("ovsdp dpctl {arguments}"))?.success()?, host.run(&format!("ovsdp dpctl {arguments}"))?);
    ensure!(stdout(&user) == stdout(&root), "an ordinary user sees\n{user}\nbut root\n{root}");
    Ok(())
}

fn shows_the_same(world: &mut World) -> anyhow::Result<()> {
    let host = stage(world)?;
    ensure!(same(&host, "show")?.is_empty() && same(&host, "dump-dps")?.is_empty());
    host.run("ip link add v1 type veth peer name v2 && ip link set v2 up && ip link add d1 type dummy")?;
    host.run("ip link add x1 type vxlan id 5 dstport 9999 && ip link set x1 mtu 600")?;
    host.run("ovs-dpctl add-dp dp0 v1 i0,type=internal x1 d1,port_no=7")?;
    host.run("ovs-dpctl add-if dp0 vx,type=vxlan,remote_ip=flow,key=flow vy,type=vxlan,remote_ip=flow,dst_port=8472,exts=gbp")?;
    host.run("ovs-dpctl add-if dp0 ge,type=geneve,remote_ip=flow,port_no=20 gr,type=gre,remote_ip=flow er,type=erspan,remote_ip=flow,key=flow")?;
    ensure!(same(&host, "show")?.contains("vxlan_sys_8472 (vxlan: dst_port=8472, packet_type=ptap)"));
    // Packets, ones too large and ones dropped, and bytes beyond a kibibyte.
    host.run("ovs-dpctl add-flow 'in_port(2),eth()' 1,3")?;
    host.run("ip addr add 10.9.0.1/24 dev i0 && ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev i0")?;
    host.try_run("ping -n -q -c 3 -i 0.1 -W 1 -s 500 10.9.0.2; ping -n -q -c 1 -W 1 -s 1000 10.9.0.2")?;
    let shown = same(&host, "-s show dp0")?;
    ensure!(shown.contains("KiB)") && shown.contains("errors:1 dropped:3 "), "{shown}");
    same(&host, "show system@dp0 --statistics")?;
    same(&host, "dump-dps")?;
    same(&host, "cache-get-size")?;
    same(&host, "cache-get-size dp0")?;
    host.run(&format!("{OURS} cache-set-size dp0 masks-cache 500"))?;
    ensure!(same(&host, "cache-get-size")?.contains("masks-cache: size:512"));
    same(&host, "cache-set-size dp0 masks-cache 0")?;
    same(&host, "show dp0")?;
    for arguments in ["show", "show -s dp0", "dump-dps", "cache-get-size"] {
        same_for_a_user(&host, arguments)?;
    }
    Ok(())
}

/// Flows of many kinds, as `ovs-dpctl add-flows` reads them.
const FLOWS: &str = "\
in_port(1),eth(),eth_type(0x0800),ipv4(frag=no) 2
ufid:00112233-4455-6677-8899-aabbccddeeff,recirc_id(0),in_port(2),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x0806),arp(sip=10.0.0.1,tip=10.0.0.2,op=1/0xff) 1
ufid:00112233-4455-6677-8899-aabbccddee01,in_port(2),skb_mark(0x5/0xf),eth(dst=01:00:00:00:00:00/01:00:00:00:00:00),eth_type(0x8100),vlan(vid=99,pcp=7),encap(eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0,proto=6,frag=no),tcp(dst=80/0xfff0),tcp_flags(0/0)) pop_vlan,push_vlan(vid=12,pcp=0),1,7
ufid:00112233-4455-6677-8899-aabbccddee02,in_port(2),eth(),eth_type(0x86dd),ipv6(src=fe80::/ffff::,proto=58,frag=no),icmpv6(type=135,code=0),nd(target=fe80::1) 1
ufid:00112233-4455-6677-8899-aabbccddee03,in_port(2),eth(),eth_type(0x0800),ipv4(proto=17,ttl=64,frag=no),udp(src=53) set(ipv4(ttl=63)),trunc(100),sample(sample=50.0%,actions(7)),1
ufid:00112233-4455-6677-8899-aabbccddee04,ct_state(+est+trk),in_port(7),eth(),eth_type(0x0800),ipv4(frag=no) ct(commit,zone=5),recirc(1)
ufid:00112233-4455-6677-8899-aabbccddee05,tunnel(tun_id=0x7,src=10.1.1.1,dst=10.1.1.2,ttl=64,flags(-df+key)),in_port(3),eth(),eth_type(0x0800),ipv4(frag=no) set(tunnel(tun_id=0x8,dst=10.1.1.3,ttl=64,flags(df|key))),3
";

fn prints_flows_the_same(world: &mut World) -> anyhow::Result<()> {
    let host = stage(world)?;
    host.run("ip link add v1 type veth peer name v2 && ip link set v2 up && ip link add d1 type dummy")?;
    host.run(&format!("{OURS} add-dp dp0 v1 i0,type=internal vx,type=vxlan,remote_ip=flow d1,port_no=7"))?;
    host.write("/tmp/flows", FLOWS)?;
    let added = host.run("ovs-dpctl add-flows dp0 /tmp/flows")?;
    ensure!(!added.stderr.contains("ovs-dpctl:"), "not all flows are in: {added}");
    // One that is used, with TCP flags.
    host.run("ovs-dpctl add-flow 'in_port(2),eth(),eth_type(0x0800),ipv4(proto=6,frag=no),tcp(),tcp_flags(0/0)' 7")?;
    host.run("ip addr add 10.9.0.1/24 dev i0 && ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev i0")?;
    host.try_run("nc -w 1 10.9.0.2 80 </dev/null")?;
    let plain = same(&host, "dump-flows")?;
    ensure!(plain.lines().count() == 8 && plain.contains("used:S, flags:S,"), "{plain}");
    same(&host, "-m dump-flows dp0")?;
    ensure!(same(&host, "--names dump-flows")?.contains("in_port(i0)"));
    same(&host, "-m --no-names dump-flows system@dp0")?;
    let ours = host.run("ovsdp dpctl dump-flows type=ovs dp0")?;
    ensure!(stdout(&ours) == plain, "type=ovs leaves something out: {ours}");
    same(&host, "get-flow ufid:00112233-4455-6677-8899-aabbccddee01")?;
    same(&host, "-m get-flow dp0 ufid:00112233-4455-6677-8899-aabbccddee05")?;
    same(&host, "--names get-flow ufid:00112233-4455-6677-8899-aabbccddee03")?;
    for arguments in ["dump-flows", "dump-flows -m dp0", "get-flow ufid:00112233-4455-6677-8899-aabbccddee01"] {
        same_for_a_user(&host, arguments)?;
    }
    host.run(&format!("{OURS} del-flows"))?;
    ensure!(same(&host, "dump-flows")?.is_empty());
    Ok(())
}

/// Lines of which some cannot be done. What the good ones leave behind is told by the last.
const MIXED: &str = "\
# a remark, and an empty line

in_port(1),eth(),eth_type(0x0800),ipv4(frag=no) 2
add in_port(1),eth(),eth_type(0x0800),ipv4(frag=no) 3
modify in_port(1),eth(),eth_type(0x0800),ipv4(frag=no) 4 # known by now
modify in_port(4),eth(),eth_type(0x0800),ipv4(frag=no) 4
in_port(2),eth(),eth_type(0x0806) 1
frob in_port(5),eth() 1
in_port(5),eth(),eth_type(0x0800),ipv4(frag=no) foo(1)
in_port(5),eth(),eth_type(0x0800),ipv4(frag=no)
add in_port(6),eth(),eth_type(0x0800),ipv4(frag=no) 1
delete in_port(6),eth(),eth_type(0x0800),ipv4(frag=no)
delete in_port(7),eth(),eth_type(0x0800),ipv4(frag=no)
add in_port(v1),eth(),eth_type(0x88cc) 2
";

/// The lines of [`MIXED`] that fail, and the words that say why.
const FAILING: &[(u32, &str)] = &[
    (4, "updating flow table (File exists)"),
    (6, "updating flow table (No such file or directory)"),
    (7, "updating flow table (Invalid argument)"),
    (8, "no key field has this name"),
    (9, "no action has this name"),
    (10, "actions are missing"),
    (13, "deleting flow (No such file or directory)"),
];

/// Flows and actions to be normalized.
const NORMALIZED: &[&str] = &[
    "'in_port(1),eth(),eth_type(0x0800),ipv4(frag=no)' 9,2,7",
    "'in_port(p1),eth(),eth_type(0x0800),ipv4(frag=no)' 'push_vlan(vid=12,pcp=0),p2,pop_vlan,2,push_vlan(vid=5,pcp=3),3' p1=7 p2=9",
    "'in_port(1),eth(),eth_type(0x8100),vlan(vid=9,pcp=1),encap(eth_type(0x0806),arp())' 1,pop_vlan,2",
    "'in_port(1),eth(),eth_type(0x8847),mpls(label=7,tc=2,ttl=9,bos=1)' '1,push_vlan(vid=3,pcp=0),2,set(eth(src=00:00:00:00:00:01)),6,5'",
];

fn changes_flows_the_same(world: &mut World) -> anyhow::Result<()> {
    let host = stage(world)?;
    let ours = |arguments: &str| host.run(&format!("{OURS} {arguments}"));
    host.run("ip link add v1 type veth peer name v2 && ip link add d1 type dummy")?;
    ours("add-dp dp0 v1 i0,type=internal vx,type=vxlan,remote_ip=flow d1,port_no=7")?;
    let sorted = || {
        let dump = ours("-m dump-flows")?;
        let mut lines: Vec<_> = dump.stdout.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        anyhow::Ok(lines)
    };
    host.write("/tmp/flows", FLOWS)?;
    host.write("/tmp/mixed", MIXED)?;
    // Whoever adds them, the kernel has the same flows.
    host.run("ovs-dpctl add-flows /tmp/flows")?;
    let theirs = sorted()?;
    ours("del-flows && ovsdp dpctl add-flows - </tmp/flows")?;
    ensure!(sorted()? == theirs && theirs.len() == 7, "other flows than\n{theirs:#?}\nare there\n{:#?}", sorted()?);
    // What is dumped can be put back, and names what to delete.
    ours("dump-flows -m >/tmp/dump && ovsdp dpctl del-flows dp0 && ovsdp dpctl add-flows dp0 /tmp/dump")?;
    ensure!(sorted()? == theirs, "{:#?}", sorted()?);
    ours("del-flows dp0 /tmp/dump")?;
    ensure!(sorted()?.is_empty());

    host.run("ovs-dpctl add-flows dp0 /tmp/mixed")?;
    let theirs = sorted()?;
    ours("del-flows dp0")?;
    let mixed = host.try_run(&format!("{OURS} add-flows dp0 /tmp/mixed"))?.fails_with(1)?;
    ensure!(sorted()? == theirs && theirs.len() == 2, "other flows than\n{theirs:#?}\nare there\n{:#?}", sorted()?);
    for (line, why) in FAILING {
        let named = mixed.stderr.lines().any(|said| said.contains(&format!("/tmp/mixed:{line}: ")) && said.contains(why));
        ensure!(named, "line {line} is not said to fail with {why}: {mixed}");
    }
    ensure!(mixed.stderr.lines().count() == FAILING.len(), "{mixed}");

    // One by one.
    ours("del-flows")?;
    let flow = "'in_port(1),eth(),eth_type(0x0800),ipv4(frag=no)'";
    ours(&format!("add-flow {flow} 2"))?;
    ensure!(same(&host, "dump-flows")?.ends_with("actions:2\n"));
    let again = host.try_run(&format!("{OURS} add-flow dp0 {flow} 2"))?.fails_with(1)?;
    ensure!(again.stderr.contains("updating flow table (File exists)"), "{again}");
    ensure!(same(&host, &format!("-s mod-flow {flow} 3,7"))? == "packets:0, bytes:0, used:never\n");
    ensure!(same(&host, "dump-flows")?.ends_with("actions:3,7\n"));
    // Theirs knows drop as an action of its own, which this kernel refuses.
    ours(&format!("--clear mod-flow dp0 {flow} drop"))?;
    ensure!(same(&host, "dump-flows")?.ends_with("actions:drop\n"));
    ensure!(ours(&format!("-s del-flow {flow}"))?.stdout == "packets:0, bytes:0, used:never\n");
    let gone = host.try_run(&format!("{OURS} mod-flow {flow} 3; {OURS} del-flow {flow}"))?.fails_with(1)?;
    ensure!(gone.stderr.contains("updating flow table (No such file") && gone.stderr.contains("deleting flow (No such file"), "{gone}");
    ours(&format!("--may-create mod-flow {flow} 3"))?;
    same(&host, "parse-actions 'push_vlan(vid=12,pcp=0),1,2'")?;
    for arguments in NORMALIZED {
        // Theirs ends no line but the first.
        let line = |program: &str| anyhow::Ok(host.run(&format!("{program} -m normalize-actions {arguments}"))?.stdout.replace('\n', ""));
        let (ours, theirs) = (line(OURS)?, line("ovs-dpctl")?);
        ensure!(ours == theirs, "`normalize-actions {arguments}` prints\n{theirs}\nbut ours\n{ours}");
    }
    // Many at once, of which one is there already.
    let one = |n: u32| format!("in_port(2),eth(src=02:00:00:00:{:02x}:{:02x}),eth_type(0x88b5) 1\n", n / 256, n % 256);
    host.write("/tmp/many", &((1..=3000).map(one).collect::<String>() + &one(1)))?;
    let many = host.try_run(&format!("{OURS} add-flows /tmp/many"))?.fails_with(1)?;
    ensure!(many.stderr.contains("/tmp/many:3001: updating flow table (File exists)") && many.stderr.lines().count() == 1, "{many}");
    ensure!(host.run("ovs-dpctl show")?.stdout.contains("flows: 3001\n"));
    Ok(())
}

fn a_life_seen_by_the_other(world: &mut World) -> anyhow::Result<()> {
    let host = stage(world)?;
    let ours = |arguments: &str| host.run(&format!("{OURS} {arguments}"));
    host.run("ip link add d1 type dummy && ip link add d2 type dummy")?;
    ours("add-dp dp0")?;
    ensure!(same(&host, "dump-dps")? == "system@dp0\n");
    ours("add-if system@dp0 d1 i0,type=internal d2,port_no=9")?;
    ours("add-if dp0 vx,type=vxlan,remote_ip=flow,key=flow vy,type=vxlan,dst_port=8472,remote_ip=flow,exts=gbp")?;
    let warned = ours("add-if dp0 ge,type=geneve,remote_ip=1.2.3.4 gr,type=gre,remote_ip=flow,port_no=30")?;
    ensure!(warned.stderr.contains("remote_ip=1.2.3.4"), "{warned}");
    let shown = same(&host, "show dp0")?;
    for port in ["port 9: d2\n", "i0 (internal)", "vxlan_sys_4789 (vxlan: packet_type=ptap)", "genev_sys_6081 (geneve", "port 30: gre_sys (gre"] {
        ensure!(shown.contains(port), "no {port} in {shown}");
    }
    for device in ["d1", "i0", "vxlan_sys_8472", "gre_sys"] {
        let link = host.run(&format!("ip -d link show up dev {device}"))?;
        ensure!(link.stdout.contains(if device == "i0" { " openvswitch " } else { "master dp0" }), "{link}");
        ensure!(device != "vxlan_sys_8472" || (link.stdout.contains("external") && link.stdout.contains("gbp")), "{link}");
    }
    ours("set-if dp0 d2,type=system,port_no=9 vxlan_sys_4789,type=vxlan")?;
    ours("del-if dp0 d1 9 i0 vxlan_sys_4789 gre_sys")?;
    let shown = same(&host, "show")?;
    ensure!(shown.contains("genev_sys_6081") && !shown.contains("d2") && !shown.contains("gre_sys"), "{shown}");
    host.run("ip link show dev d2")?;
    for gone in ["i0", "vxlan_sys_4789", "gre_sys"] {
        host.try_run(&format!("ip link show dev {gone}"))?.fails_with(1)?;
    }
    // A tunnel that they made, and whose device they keep beside the datapath, goes the same way.
    host.run("ovs-dpctl add-if dp0 vz,type=vxlan,remote_ip=flow,dst_port=7777")?;
    ours("del-if dp0 vxlan_sys_7777")?;
    host.try_run("ip link show dev vxlan_sys_7777")?.fails_with(1)?;
    ours("del-dp dp0")?;
    ensure!(same(&host, "show")?.is_empty() && same(&host, "dump-dps")?.is_empty());
    host.try_run("ip link show dev genev_sys_6081")?.fails_with(1)?;
    // Theirs removes what is ours.
    ours("add-dp dp1 d1")?;
    host.run("ovs-dpctl del-dp dp1")?;
    ensure!(ours("dump-dps")?.stdout.is_empty());
    // Several: the same ones, ours by name.
    ours("add-dp b && ovsdp dpctl add-dp a")?;
    let theirs = host.run("ovs-dpctl dump-dps")?.stdout;
    let mut theirs: Vec<_> = theirs.lines().collect();
    theirs.sort_unstable();
    ensure!(ours("dump-dps")?.stdout.lines().eq(theirs), "other datapaths");
    Ok(())
}

/// Calls that both refuse with exit code 1, and how both explain it.
const REFUSED_BY_BOTH: &[(&str, &str)] = &[
    ("", "missing command name; use --help for help"),
    ("frob", "unknown command 'frob'; use --help for help"),
    ("--frob show", "unrecognized option '--frob'"),
    ("--n show", "option '--n' is ambiguous; possibilities: '--names' '--no-names'"),
    ("-t x show", "value x on -t or --timeout is invalid"),
    ("add-dp", "'add-dp' command requires at least 1 arguments"),
    ("dump-dps x", "'dump-dps' command takes at most 0 arguments"),
    ("--read-only del-flows", "'del-flows' command does not work in read only mode"),
    ("add-dp dp0", "add_dp (File exists)"),
    ("add-dp d1", "add_dp (File exists)"),
    ("add-dp waytoolongnameforadatapath", "add_dp (Invalid argument)"),
    ("add-dp bogus@foo", "add_dp (Address family not supported by protocol)"),
    ("del-dp nope", "opening datapath (No such device)"),
    ("show nope", "opening datapath nope failed (No such device)"),
    ("show netdev@dp0", "opening datapath netdev@dp0 failed (No such device)"),
    ("add-if nope d1", "opening datapath (No such device)"),
    ("add-if dp0 d1", "adding d1 to dp0 failed (File exists)"),
    ("add-if dp0 lo", "adding lo to dp0 failed (Invalid argument)"),
    ("add-if dp0 nodev", "nodev: failed to open network device (No such device)"),
    ("add-if dp0 ,", ", is not a valid network device name"),
    ("add-if dp0 d2,port_no=7", "adding d2 to dp0 failed (Device or resource busy)"),
    ("add-if dp0 waytoolongnameforifa,type=internal", "adding waytoolongnameforifa to dp0 failed (Invalid argument)"),
    ("add-if dp0 vx,type=vxlan", "vxlan type requires valid 'remote_ip' argument"),
    ("set-if dp0 d1,type=internal", "d1: can't change type from system to internal"),
    ("set-if dp0 d1,port_no=9", "d1: can't change port number from 7 to 9"),
    ("set-if dp0 nodev", "nodev: failed to query port in dp0 (No such device)"),
    ("del-if dp0 nodev", "no port named nodev"),
    ("del-if dp0 dp0", "deleting port dp0 from dp0 failed (Invalid argument)"),
    ("del-if dp0 99", "deleting port 99 from dp0 failed (No such device)"),
    ("cache-set-size dp0 masks-cache x", "size is malformed (Invalid argument)"),
    ("cache-set-size dp0 foo 512", "Cache name \"foo\" not found on dpif (Invalid argument)"),
    ("cache-set-size dp0 masks-cache 99999999", "Setting cache size failed (Numerical result out of range)"),
    ("cache-set-size nope masks-cache 1", "Opening datapath nope failed (No such device)"),
    ("add-flow 'foo(1)' 3", "parsing flow key"),
    ("add-flow 'in_port(7),eth(),eth_type(0x0801)' 'foo(3)'", "parsing actions"),
    ("add-flow 'ufid:zz,in_port(7),eth(),eth_type(0x0801)' 1", "parsing flow"),
    ("add-flow 'in_port(2),eth(),eth_type(0x0806)' 1", "updating flow table (Invalid argument)"),
    ("mod-flow 'in_port(2),eth(),eth_type(0x0801)' 1", "updating flow table (No such file or directory)"),
    ("del-flow 'in_port(2),eth(),eth_type(0x0801)'", "deleting flow (No such file or directory)"),
    ("get-flow ufid:00112233-4455-6677-8899-aabbccddeef0", "getting flow (No such file or directory)"),
];

/// Calls that only ours refuses, since theirs ignores what is wrong or does what ours does not.
const REFUSED_BY_OURS: &[(&str, &str)] = &[
    ("--log-file=/tmp/log show", "keeps no log"),
    ("add-dp netdev@foo", "ovs-vswitchd"),
    ("get-flow ufid:0011", "parsing flow ufid (Invalid argument)"),
    ("get-flow foo", "parsing flow ufid"),
    ("add-if dp0 d2,foo=bar", "takes no option foo"),
    ("add-if dp0 d2,port_no=abc", "port_no=abc is not a port number"),
    ("add-if dp0 er,type=erspan,remote_ip=flow", "no vport type erspan"),
    ("add-if dp0 pa,type=patch,peer=pb", "patch"),
    ("set-if dp0 d1,foo=bar", "d1: arguments provided to device that is not configurable"),
    ("del-flows nope", "Opening file \"nope\" failed (No such file or directory)"),
    ("add-flows dp0 /nonexist", "Opening file \"/nonexist\" failed (No such file or directory)"),
    ("dump-flows dp0 x", "unexpected argument"),
    ("dump-flows nope", "No such device"),
    ("dump-flows filter=metadata=1", "metadata"),
    ("dump-flows pmd=1", "pmd="),
    ("dump-flows type=tc", "type=tc"),
    ("normalize-actions a b", "parsing the flow (Invalid argument)"),
];

fn refuses(world: &mut World) -> anyhow::Result<()> {
    let host = stage(world)?;
    for line in ["dump-flows", "show nope", "del-flows"] {
        host.try_run(&format!("{OURS} {line}"))?.fails_with(1)?;
    }
    host.run("ip link add d1 type dummy && ip link add d2 type dummy")?;
    host.run(&format!("{OURS} add-dp dp0 d1,port_no=7"))?;
    let before = state(&host)?;
    for (arguments, said) in REFUSED_BY_BOTH.iter().chain(REFUSED_BY_OURS) {
        let ours = host.try_run(&format!("{OURS} {arguments}"))?.fails_with(1)?;
        ensure!(ours.stderr.contains(said) && ours.stdout.is_empty(), "`{arguments}` does not say {said}: {ours}");
    }
    let user =
        host.try_run_as_user(&format!("{OURS} add-dp dpu; {OURS} add-if dp0 d2; {OURS} del-if dp0 7; {OURS} del-flows dp0; {OURS} del-dp dp0"))?;
    ensure!(user.code == 1 && user.stderr.matches("(Operation not permitted)").count() == 5, "{user}");
    let after = state(&host)?;
    ensure!(before == after, "a refusal changed something:\n{before}\nis now:\n{after}");
    // That theirs says the same is checked for a few: it takes a second to start.
    for (arguments, said) in REFUSED_BY_BOTH.iter().step_by(3) {
        let theirs = host.try_run(&format!("ovs-dpctl {arguments}"))?.fails_with(1)?;
        ensure!(theirs.stderr.contains(said), "{theirs}");
    }
    // One bad interface among good ones does not stop them.
    let mixed = host.try_run(&format!("{OURS} add-if dp0 nodev d2 d1"))?.fails_with(1)?;
    ensure!(mixed.stderr.contains("nodev:") && mixed.stderr.contains("adding d1"), "{mixed}");
    ensure!(host.run(&format!("{OURS} show"))?.stdout.contains(": d2\n"));
    // Several datapaths, and none named.
    host.run(&format!("{OURS} add-dp dp1"))?;
    let several = host.try_run(&format!("{OURS} dump-flows"))?.fails_with(1)?;
    ensure!(several.stderr.contains("multiple datapaths, specify one"), "{several}");
    Ok(())
}

fn state(host: &Host) -> anyhow::Result<String> {
    Ok(host.run("ip -d link show")?.stdout + &host.run(&format!("{OURS} show"))?.stdout)
}

/// Where upcalls go to a socket for each vport, the features say so: whoever rewrites them by looking (ovs-dpctl does)
/// makes the kernel lose every upcall.
fn looking_changes_nothing(world: &mut World) -> anyhow::Result<()> {
    let switch = stage(world)?;
    let (a, b) = (world.host("a")?, world.host("b")?);
    world.veth(&switch, "p1", &a, "eth0")?;
    world.veth(&switch, "p2", &b, "eth0")?;
    a.run("ip addr add 10.0.0.1/24 dev eth0")?;
    b.run("ip addr add 10.0.0.2/24 dev eth0")?;
    let _agent = switch.spawn("ovsdp agent --dispatch per-vport")?;
    eventually(Duration::from_secs(20), || switch.run("test -S /run/ovsdp/io.ovsdp"))?;
    plain_bridge(&switch, "br0", &["p1", "p2"])?;
    for arguments in ["dump-dps", "show", "-s show ovs-system", "-m dump-flows", "dump-flows --names ovs-system", "cache-get-size"] {
        switch.run(&format!("{OURS} {arguments}"))?;
    }
    a.run("ping -n -c 3 -i 0.1 -w 10 10.0.0.2")?;
    // Setting the cache's size is a change of the datapath that keeps its features.
    switch.run(&format!("{OURS} cache-set-size ovs-system masks-cache 64 && {OURS} del-flows"))?;
    b.run("ip addr add 10.0.0.3/24 dev eth0 && ip neigh flush all")?;
    a.run("ip neigh flush all && ping -n -c 3 -i 0.1 -w 10 10.0.0.3")?;
    let shown = switch.run(&format!("{OURS} show"))?;
    ensure!(shown.stdout.contains(" lost:0\n") && shown.stdout.contains("size:64"), "{shown}");
    Ok(())
}
