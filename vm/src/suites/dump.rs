//! Reading many flows: `dump-flows` and `ovsdp flows` beside stock `ovs-dpctl` on the same flows, chosen and ordered.

use std::fmt::Write;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::dpctl::{OURS, same, same_for_a_user, stage};
use crate::guest::{Host, World};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("dump::many_flows_the_same", many_flows_the_same).seconds(180),
    Test::new("dump::filters_the_same", filters_the_same).seconds(180),
    Test::new("dump::chooses_and_orders", chooses_and_orders).seconds(180),
];

/// How many flows the suite calls many: some thirty datagrams of them.
const MANY: u32 = 2000;

/// A datapath `ovs-system` with the ports 1 (v1), 2 (v2), 3 (a VXLAN tunnel) and 4 to 6 (dummies).
fn datapath(world: &World) -> anyhow::Result<Host> {
    let host = stage(world)?;
    host.run("ip link add v1 type veth peer name v2 && for d in d4 d5 d6; do ip link add $d type dummy; done")?;
    host.run(&format!("{OURS} add-dp ovs-system v1 v2 vx,type=vxlan,remote_ip=flow d4 d5 d6"))?;
    Ok(host)
}

/// Flow number `n` of many: with an identifier or without, of several kinds.
fn flow(n: u32) -> String {
    let [_, a, b, c] = n.to_be_bytes();
    let ufid = if n.is_multiple_of(5) { String::new() } else { format!("ufid:{n:08x}-0000-0000-0000-{:012x},", u64::from(n) * 7919) };
    let in_port = n % 3 + 4;
    let what = match n % 4 {
        0 => format!("eth_type(0x0800),ipv4(src=10.{a}.{b}.{c},proto=6,frag=no),tcp(dst={}),tcp_flags(0/0)", n % 5000 + 1),
        1 => format!("eth_type(0x0800),ipv4(src=10.{a}.{b}.{c},dst=192.168.0.0/16,frag=no)"),
        2 => format!("eth_type(0x86dd),ipv6(src=2001:db8::{n:x},proto=17,frag=no),udp(src=53)"),
        _ => format!("eth_type(0x8100),vlan(vid={},pcp=0),encap(eth_type(0x0806),arp(sip=10.{a}.{b}.{c},op=1))", n % 4000 + 1),
    };
    format!("{ufid}in_port({in_port}),eth(src=02:00:00:{a:02x}:{b:02x}:{c:02x}),{what} {}\n", n % 2 + 1)
}

fn add(host: &Host, flows: impl Iterator<Item = u32>) -> anyhow::Result<()> {
    host.write("/tmp/many", &flows.map(flow).collect::<String>())?;
    host.run(&format!("{OURS} add-flows /tmp/many"))?;
    Ok(())
}

fn many_flows_the_same(world: &mut World) -> anyhow::Result<()> {
    let host = datapath(world)?;
    ensure!(same(&host, "dump-flows")?.is_empty());
    ensure!(host.run("ovsdp flows && ovsdp flows --json && ovsdp flows --sort used --top 3")?.stdout.is_empty());
    add(&host, 0..MANY)?;
    for arguments in ["dump-flows", "-m dump-flows", "--names dump-flows"] {
        let printed = same(&host, arguments)?;
        ensure!(printed.lines().count() == MANY as usize, "{arguments} prints {} flows", printed.lines().count());
    }
    same_for_a_user(&host, "dump-flows")?;
    let theirs = host.run("ovs-dpctl --names dump-flows")?.stdout;
    let ours = host.try_run_as_user("ovsdp flows --names")?.success()?;
    ensure!(ours.stdout == theirs && ours.stderr.is_empty(), "`ovsdp flows --names` prints something else, or complains: {}", ours.stderr);
    // As JSON the same flows in the same order, each with the pieces of its line.
    let plain = host.run("ovsdp flows")?.stdout;
    let json = host.run("ovsdp flows --json")?.stdout;
    ensure!(json.lines().count() == MANY as usize);
    for (json, line) in json.lines().zip(plain.lines()) {
        let flow: Value = serde_json::from_str(json).with_context(|| json.to_owned())?;
        let text = |name: &str| flow[name].as_str().unwrap_or_default().to_owned();
        ensure!(line == format!("{}, packets:0, bytes:0, used:never, actions:{}", text("key"), text("actions")), "{json} is not\n{line}");
        let port = format!("in_port({}),", flow["in_port"]);
        ensure!(line.contains(&port) && text("in_port_name") == format!("d{}", flow["in_port"]) && flow["used"].is_null(), "{json}");
    }
    // Who reads one line only ends it: quietly, and no thread stays behind.
    for program in ["ovsdp flows", "ovsdp flows --json", "ovsdp flows --sort packets", "ovsdp dpctl dump-flows", "ovsdp dpctl -m dump-flows"] {
        let head = host.run(&format!("{{ {program}; echo ended with $? >&2; }} | head -n 1"))?;
        ensure!(head.stdout.lines().count() == 1 && head.stderr == "ended with 0\n", "{head}");
    }
    Ok(())
}

/// Matches that both read.
const MATCHES: &[&str] = &[
    "in_port=4",
    "in_port=77",
    "ip",
    "arp",
    "ipv6",
    "tcp",
    "udp",
    "sctp",
    "icmp",
    "icmp6",
    "tcp6",
    "udp6",
    "dl_src=02:00:00:00:00:08",
    "dl_dst=02:00:00:00:00:08",
    "eth_src=02:00:00:00:00:08,ip",
    "dl_type=0x0800",
    "dl_type=0x86dd,in_port=4",
    "eth_type=0x0806",
    "dl_vlan=8",
    "dl_vlan=65535",
    "dl_vlan=8,dl_vlan_pcp=0",
    "dl_vlan_pcp=3",
    "vlan_tci=0x1008",
    "vlan_tci=0",
    "ip,nw_src=10.0.0.8",
    "ip,ip_dst=192.168.5.5",
    "ip,nw_dst=10.0.0.8",
    "ip,nw_proto=6",
    "ipv6,nw_proto=17",
    "tcp,tp_dst=9",
    "tcp,tcp_dst=9",
    "tcp,tcp_src=9",
    "udp6,udp_src=53",
    "udp6,udp_src=54",
    "ipv6,ipv6_src=2001:db8::a",
    "ipv6,ipv6_dst=2001:db8::a",
    "arp,arp_spa=10.0.0.7",
    "arp,arp_op=1",
    "arp,arp_op=2",
    "tun_id=7",
    "tun_id=8",
    "tun_src=10.1.1.1",
    "tun_dst=10.1.1.9",
    "ct_state=0x22",
    "ct_state=0x21",
    "ct_zone=5",
    "ct_mark=1",
    "recirc_id=0",
    "recirc_id=1",
    "pkt_mark=5",
    "ip,nw_ttl=3",
    "in_port=5 ip",
    "in_port=d4",
    "ip,nw_src=10.0.0.8/32",
];

/// Matches that neither takes.
const REFUSED: &[&str] = &["nw_src=10.0.0.1", "nw_ttl=3,ip", "frob=1", "ip,arp", "in_port=1,in_port=2", "tp_dst=80", "dl_src=02", "dl_type=0x12345"];

/// Matches that only ours takes, each beside one that chooses the same of these flows by both.
const MORE: &[(&str, &str)] = &[
    ("ip,nw_dst=192.168.5.0/24", "ip,nw_dst=192.168.5.5"),
    ("tcp,tp_dst=9/0xfffe", "tcp,tp_dst=9"),
    ("udp6,tp_src=53", "udp6,udp_src=53"),
    ("arp,nw_src=10.0.0.7", "arp,arp_spa=10.0.0.7"),
    ("ct_state=+est-new+trk-rel-rpl-inv-snat-dnat", "ct_state=0x22"),
];

fn filters_the_same(world: &mut World) -> anyhow::Result<()> {
    let host = datapath(world)?;
    add(&host, 0..40)?;
    host.write(
        "/tmp/more",
        "ct_state(+est+trk),ct_zone(5),in_port(1),eth(),eth_type(0x0800),ipv4(frag=no) 2\n\
         ct_state(0),ct_mark(0x3/0x3),in_port(1),eth(),eth_type(0x0800),ipv4(frag=no) 2\n\
         recirc_id(0x1),skb_mark(0x5),in_port(1),eth(),eth_type(0x88cc) 2\n\
         recirc_id(0),in_port(1),eth(),eth_type(0x88cc) 2\n\
         tunnel(tun_id=0x7,src=10.1.1.1,dst=10.1.1.2,ttl=64,flags(key)),in_port(3),eth(),eth_type(0x0800),ipv4(frag=no) 1\n\
         in_port(2),eth(),eth_type(0x0800),ipv4(proto=1,ttl=3,frag=no),icmp(type=8,code=0) 1\n\
         in_port(2),eth(),eth_type(0x86dd),ipv6(proto=58,frag=no),icmpv6(type=128,code=0) 1\n\
         in_port(2),eth(),eth_type(0x8100),vlan(vid=8,pcp=3),encap(eth_type(0x0800),ipv4(proto=6,frag=no),tcp(dst=9),tcp_flags(0/0)) 1\n\
         in_port(2),eth() 1\n",
    )?;
    let added = host.run(&format!("{OURS} add-flows /tmp/more"))?;
    ensure!(added.stderr.is_empty(), "{added}");
    let all = same(&host, "dump-flows")?.lines().count();
    let mut wrong = String::new();
    let (mut some, mut none) = (0, 0);
    for filter in MATCHES {
        match same(&host, &format!("dump-flows 'filter={filter}'")) {
            Ok(shown) if shown.is_empty() => none += 1,
            Ok(shown) => some += usize::from(shown.lines().count() < all),
            Err(error) => {
                let _ = writeln!(wrong, "{filter}: {error:#}");
            }
        }
    }
    for filter in REFUSED {
        let theirs = host.try_run(&format!("ovs-dpctl dump-flows 'filter={filter}'"))?;
        let ours = host.try_run(&format!("{OURS} dump-flows 'filter={filter}'"))?;
        if ours.code == 0 || theirs.code == 0 || !ours.stderr.contains("Failed to parse filter") {
            let _ = writeln!(wrong, "{filter}: ours says {ours}\ntheirs {theirs}");
        }
    }
    for (more, plain) in MORE {
        let theirs = host.try_run(&format!("ovs-dpctl dump-flows 'filter={more}'"))?;
        let ours = host.try_run(&format!("{OURS} dump-flows 'filter={more}'"))?;
        let alike = host.run(&format!("ovs-dpctl dump-flows 'filter={plain}'"))?;
        if theirs.code == 0 || ours.code != 0 || ours.stdout != alike.stdout {
            let _ = writeln!(wrong, "{more}: ours says {ours}\ntheirs {theirs}\nand to {plain} {alike}");
        }
    }
    ensure!(wrong.is_empty(), "{wrong}");
    ensure!(some > 20 && none > 0, "{some} matches choose some flows, {none} none: nothing was compared");
    Ok(())
}

fn chooses_and_orders(world: &mut World) -> anyhow::Result<()> {
    let host = datapath(world)?;
    add(&host, 0..60)?;
    let all = host.run("ovsdp flows")?.stdout;
    let chosen = |options: &str, wanted: &dyn Fn(&str) -> bool| {
        let shown = host.run(&format!("ovsdp flows {options}"))?.stdout;
        let expected: String = all.lines().filter(|line| wanted(line)).map(|line| format!("{line}\n")).collect();
        ensure!(shown == expected && !shown.is_empty() && shown != all, "`ovsdp flows {options}` prints\n{shown}\nand not\n{expected}");
        Ok(())
    };
    chosen("--port d4", &|line| line.contains("in_port(4)"))?;
    chosen("--port 4 --port d5", &|line| line.contains("in_port(4)") || line.contains("in_port(5)"))?;
    chosen("--filter 'in_port(d6)'", &|line| line.contains("in_port(6)"))?;
    chosen("--filter 'eth_type(0x0800),ipv4(src=10.0.0.0/8)'", &|line| line.contains("ipv4(src=10."))?;
    chosen("--filter 'ipv4(proto=6)'", &|line| line.contains("proto=6"))?;
    chosen("--filter 'ipv4(src=10.0.0.16/28,proto=6),tcp(dst=17)' --port d5", &|line| line.contains("src=10.0.0.16,"))?;
    chosen("--filter 'encap(eth_type(0x0806))'", &|line| line.contains("encap(eth_type(0x0806)"))?;
    ensure!(host.run("ovsdp flows --filter 'eth_type(0x0806)' --port d4")?.stdout.is_empty());
    host.try_run("ovsdp flows --port d9")?.fails_with(4)?;
    host.try_run("ovsdp flows --bridge br0")?.fails_with(4)?;
    host.try_run("ovsdp flows br0 --bridge br1")?.fails_with(2)?;
    host.try_run("ovsdp flows --top 0")?.fails_with(2)?;
    let wrong = host.try_run("ovsdp flows --filter 'in_port(1),frob(2)'")?.fails_with(2)?;
    ensure!(wrong.stderr.contains("column 12"), "{wrong}");
    // Flows that are used a different number of times.
    host.run("ip link set v1 up && ip link set v2 up && ip link set d4 up && ovsdp dpctl add-if ovs-system i7,type=internal")?;
    host.run("ip link set i7 up && ip addr add 10.9.0.1/24 dev i7")?;
    for (n, packets) in [(2, 2), (3, 5), (4, 3)] {
        host.run(&format!("ovsdp dpctl add-flow 'in_port(7),eth(dst=02:00:00:00:09:0{n}),eth_type(0x0800),ipv4(frag=no)' 4"))?;
        host.run(&format!("ip neigh add 10.9.0.{n} lladdr 02:00:00:00:09:0{n} dev i7"))?;
        host.try_run(&format!("ping -n -q -c {packets} -i 0.05 -W 1 -s {} 10.9.0.{n}", 600 / packets))?;
    }
    let order = |options: &str| -> anyhow::Result<Vec<String>> {
        let shown = host.run(&format!("ovsdp flows --json {options}"))?.stdout;
        let port = |line: &str| serde_json::from_str::<Value>(line).map(|flow| flow["key"].as_str().unwrap_or_default().to_owned());
        Ok(shown.lines().map(port).collect::<Result<_, _>>()?)
    };
    let number = |key: &String| key.split_once("dst=02:00:00:00:09:0").and_then(|(_, behind)| behind.chars().next()).unwrap_or('-');
    for (options, expected) in [
        ("--sort packets --top 4", "342-"),
        ("--top 2", "34"),
        ("--sort bytes --top 3", "342"),
        ("--sort used --top 3", "432"),
        ("--sort used --port i7", "432"),
    ] {
        let shown: String = order(options)?.iter().map(number).collect();
        ensure!(shown == expected, "`{options}` prints {shown}, not {expected}: {}", host.run("ovsdp flows --port i7")?.stdout);
    }
    ensure!(order("--sort packets")?.len() == 63);
    Ok(())
}
