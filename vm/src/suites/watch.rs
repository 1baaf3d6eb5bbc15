//! `ovsdp stats`, `top` and `metrics` beside stock `ovs-dpctl` on the same datapath.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::stage::plain_bridge;
use crate::guest::{Host, Terminal, World, eventually};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("watch::stats_are_those_of_ovs_dpctl", stats_are_those_of_ovs_dpctl).seconds(120),
    Test::new("watch::stats_go_on", stats_go_on).seconds(150),
    Test::new("watch::top_sees_a_ping", top_sees_a_ping).seconds(150),
    Test::new("watch::top_gives_the_terminal_back", top_gives_the_terminal_back).seconds(120),
    Test::new("watch::metrics_are_those_of_ovs_dpctl", metrics_are_those_of_ovs_dpctl).seconds(150),
    Test::new("watch::metrics_are_served", metrics_are_served).once().seconds(120),
];

const PATIENCE: Duration = Duration::from_secs(30);

/// A host with the datapath dp0: the ports v1 and i0 (internal), a flow from i0 to v1 that a few packets used, one that none did,
/// and packets that no flow matched and nobody took. Nothing happens by itself.
fn quiet(world: &World) -> anyhow::Result<Host> {
    let host = world.host("h")?;
    host.run("modprobe openvswitch; for of in all default; do echo 1 >/proc/sys/net/ipv6/conf/$of/disable_ipv6; done")?;
    host.run("ip link add v1 type veth peer name v2 && ip link set v2 up")?;
    host.run("ovs-dpctl add-dp dp0 v1 i0,type=internal")?;
    host.run("ovs-dpctl add-flow 'in_port(2),eth(),eth_type(0x0800),ipv4(frag=no)' 1")?;
    host.run("ovs-dpctl add-flow 'ufid:00112233-4455-6677-8899-aabbccddeeff,in_port(1),eth(),eth_type(0x0800),ipv4(frag=no)' 2")?;
    host.run("ip link set v1 up && ip link set i0 up && ip addr add 10.9.0.1/24 dev i0")?;
    host.run("ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev i0")?;
    host.try_run("ping -n -q -c 3 -i 0.1 -W 1 -s 500 10.9.0.2; ping -n -q -c 1 -W 1 10.9.0.3")?;
    // It is asked for three times, a second apart, whether ping still waits or not.
    eventually(PATIENCE, || {
        let asked = host.run("ip neigh show to 10.9.0.3 dev i0")?;
        ensure!(!asked.stdout.contains("INCOMPLETE"), "{asked}");
        Ok(())
    })?;
    Ok(host)
}

/// What `ovs-dpctl -s show` prints of the datapath and its ports, number by number: `hit`, `flows`, `v1 RX packets`, `v1 TX bytes`.
fn theirs(host: &Host, datapath: &str) -> anyhow::Result<BTreeMap<String, u64>> {
    let shown = host.run(&format!("ovs-dpctl -s show {datapath}"))?;
    let (mut found, mut port, mut way) = (BTreeMap::new(), String::new(), String::new());
    for line in shown.stdout.lines() {
        if let Some((_, name)) = line.strip_prefix("  port ").and_then(|line| line.split_once(": ")) {
            port = name.split(' ').next().unwrap_or_default().to_owned() + " ";
        }
        let mut words = line.split_ascii_whitespace().peekable();
        while let Some(word) = words.next() {
            match word.split_once(':') {
                None if ["RX", "TX"].contains(&word) => word.clone_into(&mut way),
                Some((name, count)) => {
                    // A colon may be followed by a blank: `flows: 2`.
                    let count = if count.is_empty() { words.peek().copied().unwrap_or_default() } else { count };
                    let way = if port.is_empty() { String::new() } else { format!("{way} ") };
                    if let Ok(count) = count.parse() {
                        // `hit` is that of the lookups, which come first.
                        found.entry(format!("{port}{way}{name}")).or_insert(count);
                    }
                }
                None => {}
            }
        }
    }
    ensure!(found.contains_key("hit") && found.contains_key("flows"), "cannot read {shown}");
    Ok(found)
}

/// A number of ours and theirs by name, as pairs to compare.
fn pairs(ours: &Value, theirs: &BTreeMap<String, u64>) -> Vec<(String, Option<u64>, Option<u64>)> {
    let mut pairs = Vec::new();
    let mut pair = |ours: &Value, name: &str| pairs.push((name.to_owned(), ours.as_u64(), theirs.get(name).copied()));
    for name in ["hit", "missed", "lost", "flows"] {
        pair(&ours[name], name);
    }
    for port in ours["ports"].as_array().into_iter().flatten() {
        for (way, short) in [("RX", "rx"), ("TX", "tx")] {
            for (name, key) in [("packets", "packets"), ("bytes", "bytes"), ("errors", "errors"), ("dropped", "dropped")] {
                pair(&port[format!("{short}_{key}")], &format!("{} {way} {name}", port["name"].as_str().unwrap_or_default()));
            }
        }
    }
    pairs
}

fn stats_are_those_of_ovs_dpctl(world: &mut World) -> anyhow::Result<()> {
    let none = world.host("none")?;
    let failed = none.try_run("ovsdp stats")?.fails_with(4)?;
    ensure!(failed.stderr.contains("there is no datapath"), "{failed}");
    let host = quiet(world)?;
    let numbers = theirs(&host, "dp0")?;
    let line = host.json("ovsdp stats --json")?;
    let ours = &line["datapaths"][0];
    let pairs = pairs(ours, &numbers);
    ensure!(pairs.len() == 4 + 3 * 8, "{line}");
    for (name, ours, theirs) in pairs {
        ensure!(ours.is_some() && ours == theirs, "{name}: ours {ours:?}, theirs {theirs:?}");
    }
    ensure!(numbers["hit"] >= 3 && numbers["missed"] >= 1 && numbers["v1 TX packets"] >= 3, "nothing happened: {numbers:?}");
    let masks = &ours["masks"];
    ensure!(masks.as_u64() == numbers.get("total").copied(), "{masks} masks, theirs {numbers:?}");
    // The flows together: as theirs, one by one.
    let dump = host.run("ovs-dpctl dump-flows dp0")?;
    let sum =
        |name: &str| -> u64 { dump.stdout.split(", ").filter_map(|word| word.strip_prefix(name)?.strip_prefix(':')?.parse::<u64>().ok()).sum() };
    let totals = &ours["flow_totals"];
    ensure!(totals["flows"] == 2 && totals["packets"] == sum("packets") && totals["bytes"] == sum("bytes"), "{totals}, theirs {dump}");
    ensure!(sum("packets") >= 3 && totals["idle"].as_u64() >= Some(1), "{totals}");

    // An ordinary user, and text.
    let user = host.try_run_as_user("ovsdp stats --json")?.success()?;
    let user: Value = serde_json::from_str(&user.stdout)?;
    ensure!(user["datapaths"][0]["ports"] == ours["ports"], "{user}\nroot has\n{line}");
    let text = host.run("ovsdp stats --datapath dp0")?;
    ensure!(text.stdout.starts_with("dp0: 3 ports, 2 flows, ") && text.stdout.contains("\n     1  v1  "), "{text}");
    // Upcalls of a port, where the kernel counts them.
    let (port, counted) = (&ours["ports"][2], counts_upcalls(&host)?);
    ensure!(port["upcalls"].is_u64() == counted && port["upcall_errors"].is_u64() == counted, "{port}");

    // Each of several; one of them; one that is not there.
    host.run("ovs-dpctl add-dp a")?;
    let both = host.json("ovsdp stats --json")?;
    ensure!(both["datapaths"][0]["name"] == "a" && both["datapaths"][1]["name"] == "dp0", "{both}");
    let one = host.json("ovsdp stats --json --datapath a")?;
    ensure!(one["datapaths"].as_array().map(Vec::len) == Some(1) && one["datapaths"][0]["name"] == "a", "{one}");
    host.try_run("ovsdp stats --datapath nope")?.fails_with(4)?;
    host.try_run("ovsdp stats --count 3")?.fails_with(2)?;
    host.try_run("ovsdp stats --watch 0")?.fails_with(2)?;
    Ok(())
}

/// Whether the host's kernel counts upcalls by port: from 6.3 on.
fn counts_upcalls(host: &Host) -> anyhow::Result<bool> {
    let release = host.run("uname -r")?.stdout;
    let mut numbers = release.split('.').map_while(|number| number.parse::<u32>().ok());
    Ok((numbers.next(), numbers.next()) >= (Some(6), Some(3)))
}

/// The readings that were printed, whole lines only.
fn readings(text: &str) -> Vec<Value> {
    text.split_inclusive('\n').filter(|line| line.ends_with('\n')).filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn stats_go_on(world: &mut World) -> anyhow::Result<()> {
    let host = quiet(world)?;
    let ping = host.spawn("ping -n -q -i 0.05 10.9.0.2")?;
    let output = host.run("ovsdp stats --watch 0.5 --count 3 --json")?;
    let all = readings(&output.stdout);
    ensure!(all.len() == 3 && all[0]["datapaths"][0]["rates"].is_null(), "{output}");
    for reading in &all[1..] {
        let rates = &reading["datapaths"][0]["rates"];
        // What the host puts into its internal port, that port has sent.
        ensure!(rates["ports"]["i0"]["tx_packets"].as_f64() > Some(0.0) && rates["flow_packets"].as_f64() > Some(0.0), "{rates}");
        ensure!(rates["ports"]["dp0"]["rx_packets"] == 0.0, "{rates}");
    }
    drop(ping);
    let text = host.run("ovsdp stats --watch 0.2 --count 2")?;
    ensure!(text.stdout.contains("UPCALLS/s") && text.stdout.contains(" hit (0.0/s), "), "{text}");
    // The reader goes: quietly.
    let left = host.run("(ovsdp stats --watch 0.2; echo code $? >&2) | head -n 1")?;
    ensure!(left.stderr == "code 0\n", "{left}");

    // The datapath goes and comes back.
    let mut watch = host.spawn("ovsdp stats --watch 0.2 --json --datapath dp0")?;
    eventually(PATIENCE, || {
        ensure!(readings(&watch.stdout()).len() >= 2, "{}", watch.stdout());
        Ok(())
    })?;
    host.run("ovs-dpctl del-dp dp0")?;
    watch.wait_log("datapath dp0 is gone", PATIENCE)?;
    let empty = |reading: &Value| reading["datapaths"].as_array().is_some_and(Vec::is_empty);
    eventually(PATIENCE, || {
        ensure!(readings(&watch.stdout()).last().is_some_and(empty), "{}", watch.stdout());
        Ok(())
    })?;
    host.run("ovs-dpctl add-dp dp0")?;
    eventually(PATIENCE, || {
        ensure!(readings(&watch.stdout()).last().is_some_and(|reading| !empty(reading)), "{}", watch.stdout());
        Ok(())
    })?;
    // Another datapath of the name: the first reading of it has no rates.
    let all = readings(&watch.stdout());
    let back = all.iter().skip_while(|reading| !empty(reading)).find(|reading| !empty(reading)).context("it did not come back")?;
    ensure!(back["datapaths"][0]["rates"]["hit"].is_null(), "{back}");
    Ok(())
}

/// A switch with the stations a and b on p1 and p2 of br0, both of which know the other's MAC.
fn bridge(world: &World) -> anyhow::Result<[Host; 3]> {
    let (switch, a, b) = (world.host("switch")?, world.host("a")?, world.host("b")?);
    world.veth_with_macs(&switch, ("p1", "00:16:3e:01:00:01"), &a, ("eth0", "00:16:3e:02:00:01"))?;
    world.veth_with_macs(&switch, ("p2", "00:16:3e:01:00:02"), &b, ("eth0", "00:16:3e:02:00:02"))?;
    for (station, own, other) in [(&a, 1, 2), (&b, 2, 1)] {
        station.run(&format!("ip addr add 10.0.0.{own}/24 dev eth0"))?;
        station.run(&format!("ip neigh replace 10.0.0.{other} lladdr 00:16:3e:02:00:0{other} dev eth0 nud permanent"))?;
    }
    plain_bridge(&switch, "br0", &["p1", "p2"])?;
    a.run("ping -n -q -c 2 -i 0.1 -w 10 10.0.0.2")?;
    Ok([switch, a, b])
}

fn top_sees_a_ping(world: &mut World) -> anyhow::Result<()> {
    let [switch, a, _b] = bridge(world)?;
    let usage = switch.try_run("ovsdp top </dev/null")?.fails_with(2)?;
    ensure!(usage.stderr.contains("--batch"), "{usage}");
    switch.try_run("ovsdp top --count 1")?.fails_with(2)?;
    let ping = a.ping_stream("10.0.0.2", 20)?;
    ping.wait_replies(5, PATIENCE)?;
    // An ordinary user may.
    let output = switch.try_run_as_user("ovsdp top --batch --count 2 --interval 1")?.success()?;
    ensure!(output.stdout.matches("datapath ovs-system: ").count() == 2, "{output}");
    let rate = |port: &str| {
        let line = output.stdout.lines().find(|line| line.split_ascii_whitespace().nth(1) == Some(port));
        line.and_then(|line| line.split_ascii_whitespace().nth(2)?.parse::<f64>().ok())
    };
    // What IPv6 has to say by itself passes br0 too, but is far less.
    ensure!(rate("br0").is_some() && rate("p1") > rate("br0") && rate("p2") > rate("br0"), "{output}");
    // The busiest flow is one of the ping's two, with ports by name.
    let header = output.stdout.lines().position(|line| line.contains("PACKETS/s")).context("no flows")?;
    let busiest = output.stdout.lines().nth(header + 1).unwrap_or_default();
    ensure!(busiest.contains("in_port(p") && busiest.contains("eth_type(0x0800)") && busiest.contains(" actions:p"), "{busiest}\nin {output}");
    let json = switch.json("ovsdp top --batch --count 1 --interval 1 --json --rows 1")?;
    let port = json["ports"].as_array().and_then(|ports| ports.iter().find(|port| port["name"] == "p1")).context("no p1")?;
    ensure!(port["rx_packets"].as_f64() > Some(1.0), "{json}");
    ensure!(json["flows"].as_array().map(Vec::len) == Some(1) && json["flows"][0]["packets_per_second"].as_f64() > Some(1.0), "{json}");
    // The kernel's text of that flow is the one shown.
    let theirs = switch.run("ovs-dpctl --names dump-flows ovs-system")?.stdout;
    let flow = json["flows"][0]["flow"].as_str().and_then(|flow| flow.split(" actions:").next()).context("no flow")?;
    ensure!(theirs.contains(flow), "{flow} is not in\n{theirs}");
    Ok(())
}

fn top_gives_the_terminal_back(world: &mut World) -> anyhow::Result<()> {
    let host = quiet(world)?;
    for end in [None, Some(Signal::SIGTERM), Some(Signal::SIGHUP)] {
        let mut terminal = Terminal::open()?;
        let before = terminal.settings()?;
        let path = terminal.path()?;
        let mut top = host.spawn(&format!("ovsdp top --interval 0.2 <{path} >{path}"))?;
        eventually(PATIENCE, || {
            ensure!(terminal.shown().contains("ovsdp top: dp0, 3 ports, 2 flows"), "{:?} {}", terminal.shown(), top.stderr());
            Ok(())
        })?;
        ensure!(terminal.settings()? != before, "the terminal was not taken over");
        terminal.press("f")?;
        eventually(PATIENCE, || {
            let shown = terminal.shown();
            ensure!(shown.contains("[Flows]") && shown.contains("in_port(i0)"), "{shown:?}");
            Ok(())
        })?;
        match end {
            None => terminal.press("q")?,
            Some(signal) => top.signal(signal)?,
        }
        ensure!(top.wait(PATIENCE)? == 0, "{end:?}: {}", top.stderr());
        ensure!(terminal.settings()? == before, "{end:?}: the terminal is not as it was");
        let shown = terminal.shown();
        // It leaves the alternate screen and shows the cursor.
        ensure!(shown.rfind("\x1b[?1049l") > shown.rfind("\x1b[?1049h"), "{end:?}: {shown:?}");
        ensure!(shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l"), "{end:?}: {shown:?}");
    }
    Ok(())
}

/// The samples of OpenMetrics text, by name and labels as they stand there.
fn samples(text: &str) -> anyhow::Result<BTreeMap<String, f64>> {
    let body = text.strip_suffix("# EOF\n").with_context(|| format!("no EOF at the end of {text}"))?;
    let sample = |line: &str| Some((line.rsplit_once(' ')?.0.to_owned(), line.rsplit_once(' ')?.1.parse().ok()?));
    body.lines().filter(|line| !line.starts_with('#')).map(|line| sample(line).with_context(|| format!("no sample: {line}"))).collect()
}

fn metrics_are_those_of_ovs_dpctl(world: &mut World) -> anyhow::Result<()> {
    let [switch, _a, _b] = bridge(world)?;
    // What the stations still had to say by themselves has been said when two looks are the same.
    let (ours, theirs) = eventually(PATIENCE, || {
        let before = theirs(&switch, "ovs-system")?;
        let ours = samples(&switch.run("ovsdp metrics")?.stdout)?;
        ensure!(before == theirs(&switch, "ovs-system")?, "it is never quiet");
        Ok((ours, before))
    })?;
    let of = |name: &str| ours.get(name).copied().with_context(|| format!("no {name} in {ours:?}"));
    for (name, theirs_name) in
        [("hit_packets_total", "hit"), ("missed_packets_total", "missed"), ("lost_packets_total", "lost"), ("flows", "flows"), ("masks", "total")]
    {
        let value = of(&format!("ovsdp_datapath_{name}{{datapath=\"ovs-system\"}}"))?;
        ensure!(value == theirs[theirs_name] as f64, "{name}: {value}, theirs {theirs:?}");
    }
    for (port, number) in [("p1", super::stage::port_number(&switch, "p1")?), ("p2", super::stage::port_number(&switch, "p2")?)] {
        for (name, theirs_name) in
            [("receive_packets", "RX packets"), ("receive_bytes", "RX bytes"), ("transmit_packets", "TX packets"), ("transmit_bytes", "TX bytes")]
        {
            let value = of(&format!("ovsdp_port_{name}_total{{datapath=\"ovs-system\",port=\"{port}\",number=\"{number}\"}}"))?;
            ensure!(value == theirs[&format!("{port} {theirs_name}")] as f64, "{port} {name}: {value}, theirs {theirs:?}");
        }
    }
    // Upcalls of a port: whatever the stations sent first was one.
    let upcalls = ours.iter().filter(|(name, _)| name.starts_with("ovsdp_port_upcalls_total{")).map(|(_, count)| count);
    ensure!((upcalls.sum::<f64>() > 0.0) == counts_upcalls(&switch)?, "{ours:?}");
    // The agent's, while it runs and for whom it answers.
    ensure!(of("ovsdp_agent_reachable")? == 1.0 && of("ovsdp_agent_upcalls_total")? > 0.0 && of("ovsdp_agent_upcall_overruns_total")? == 0.0);
    ensure!(of("ovsdp_agent_upcall_batch_seconds_count")? > 0.0 && of("ovsdp_agent_upcall_batch_seconds_sum")? > 0.0);
    ensure!(of("ovsdp_agent_upcall_batch_seconds_bucket{le=\"+Inf\"}")? == of("ovsdp_agent_upcall_batch_seconds_count")?);
    ensure!(of("ovsdp_bridge_macs{bridge=\"br0\"}")? >= 2.0 && of("ovsdp_agent_netlink_losses_total{what=\"buffer_full\"}")? == 0.0);
    eventually(PATIENCE, || {
        let ours = samples(&switch.run("ovsdp metrics")?.stdout)?;
        ensure!(ours["ovsdp_agent_revalidation_seconds_count"] > 0.0, "flows were never looked at");
        Ok(())
    })?;
    let user = samples(&switch.try_run_as_user("ovsdp metrics")?.success()?.stdout)?;
    ensure!(user["ovsdp_agent_reachable"] == 0.0 && user.contains_key("ovsdp_datapath_flows{datapath=\"ovs-system\"}"), "{user:?}");
    Ok(())
}

fn metrics_are_served(world: &mut World) -> anyhow::Result<()> {
    let host = quiet(world)?;
    for address in ["0.0.0.0:9177", "[::]:9177", "10.9.0.1:9177"] {
        let refused = host.try_run(&format!("ovsdp metrics --listen {address}"))?.fails_with(2)?;
        ensure!(refused.stderr.contains("--allow-remote"), "{refused}");
    }
    let mut served = host.spawn("ovsdp metrics --listen 127.0.0.1:9177")?;
    served.wait_log("http://127.0.0.1:9177/metrics", PATIENCE)?;
    let ask = |request: &str| anyhow::Ok(host.try_run(&format!("printf '{request}' | nc -N -w 10 127.0.0.1 9177"))?.stdout);
    let whole = || ask("GET /metrics HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n");
    let get = || anyhow::Ok(whole()?.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default());
    let (scraped, printed) = (samples(&get()?)?, samples(&host.run("ovsdp metrics")?.stdout)?);
    ensure!(scraped == printed && scraped.len() > 20, "{scraped:?}\nbut\n{printed:?}");
    let whole = whole()?;
    ensure!(whole.starts_with("HTTP/1.1 200 OK\r\n") && whole.contains("application/openmetrics-text; version=1.0.0"), "{whole}");
    for (request, status) in
        [("GET / HTTP/1.1\\r\\n\\r\\n", "404"), ("POST /metrics HTTP/1.1\\r\\n\\r\\n", "405"), ("\\026\\003\\001\\n\\n", "400"), ("GET /met", "400")]
    {
        let answer = ask(request)?;
        ensure!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
    }
    // Some who say nothing do not keep the others waiting; more than there are seats do, until their time is over.
    let silent: Vec<_> = (0..12).map(|_| host.spawn("nc 127.0.0.1 9177")).collect::<anyhow::Result<_>>()?;
    eventually(PATIENCE, || {
        let open = host.run("ss -Htn state established sport = :9177")?.stdout.lines().count();
        ensure!(open >= 12, "{open} connections");
        Ok(())
    })?;
    eventually(PATIENCE, || samples(&get()?))?;
    drop(silent);
    served.signal(Signal::SIGTERM)?;
    ensure!(served.wait(PATIENCE)? == 0);
    // Told to, it listens anywhere.
    let mut served = host.spawn("ovsdp metrics --listen 0.0.0.0:9178 --allow-remote")?;
    served.wait_log("metrics at", PATIENCE)?;
    let answer = host.run("printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' | nc -N -w 10 10.9.0.1 9178")?;
    ensure!(answer.stdout.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let busy = host.try_run("ovsdp metrics --listen 127.0.0.1:9178")?.fails_with(1)?;
    ensure!(busy.stderr.contains("cannot listen on 127.0.0.1:9178"), "{busy}");
    Ok(())
}
