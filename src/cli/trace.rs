//! `ovsdp trace`: how a bridge would treat a packet, step by step, in the manner of `ovs-appctl ofproto/trace`. The running
//! agent tells, with its MAC tables; or the bridges of a folder's files do, which have learned nothing yet.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use ovsdp_proto::Mac;
use ovsdp_proto::flow::{FlowBuf, parse_flow};
use ovsdp_proto::key::L2;

use super::{launch, output};
use crate::ctl::api::Trace;
use crate::error::{Error, Kind};
use crate::host::config;
use crate::host::paths::Run;
use crate::model::{self, Intent};
use crate::switch::{Bridge, Bundle, Moment, Port, Switch, Topology, Untraceable, Way};

/// What the command is for, in full.
pub(super) const ABOUT: &str = "Print how a bridge would treat a packet, step by step, and change nothing.\n\n\
    FLOW describes the packet as `ovsdp flows` prints one; a whole line of it may be pasted, of which the key counts. Ports may be \
    called by name or number, LOCAL is the bridge's own; what is not named is zero. The last two lines are the flow that the packet would \
    have installed: which packets it matches, and what it does with them.\n\n\
    The running agent is asked, and answers with its MAC tables as they are. With --dir the bridges are those that the files of a folder \
    ask for, with all their ports attached and nothing learned: that needs neither the agent nor a privilege, and knows ports by name only.";

/// The arguments of `ovsdp trace`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
        ovsdp trace ovsbr0 \\\n    'in_port(eth0),eth(src=52:54:00:00:00:01,dst=ff:ff:ff:ff:ff:ff),eth_type(0x0806)'\n  \
        ovsdp trace ovsbr0 \\\n    'in_port(2),eth(src=52:54:00:00:00:01,dst=52:54:00:00:00:02),eth_type(0x8100),vlan(vid=5,pcp=0),encap(eth_type(0x0800))'\n  \
        ovsdp trace --dir ./network-scripts ovsbr0 \\\n    'in_port(eth0),eth(src=52:54:00:00:00:01,dst=01:80:c2:00:00:00)'")]
pub(super) struct TraceArgs {
    /// The bridge
    bridge: String,
    /// The packet, as a flow's text
    flow: String,
    /// Print ports by name instead of number
    #[arg(long)]
    names: bool,
    /// Ask no agent: take the bridges from the ifcfg files in DIR
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(run: &Run, args: &TraceArgs) -> Result<(), Error> {
    let TraceArgs { bridge, flow, names, dir, json } = args;
    readable(flow)?;
    let trace = match dir {
        Some(dir) => offline(dir, bridge, flow)?,
        None => match launch::running(run)? {
            Some(mut client) => client.trace(bridge, flow, *names)?,
            None => {
                return Err(Error::new(Kind::NoSuch, "the agent is not running, so nothing is switched")
                    .advise("`ovsdp up` starts it; with --dir the bridges that files ask for are traced without it"));
            }
        },
    };
    if *json { output::json(&trace) } else { output::text(&text(&trace)) }
}

/// Fails where the flow's text is wrong whatever ports there are, and shows where.
fn readable(flow: &str) -> Result<(), Error> {
    let mut buf = FlowBuf::default();
    parse_flow(flow, Some(&|_: &str| Some(0)), &mut buf).map_err(|error| {
        let column = flow.get(..error.span.start).unwrap_or(flow).chars().count() + 1;
        let rest: String = flow.get(error.span.start..).unwrap_or_default().chars().take(40).collect();
        Error::new(Kind::Usage, format!("FLOW: column {column}, at `{rest}`: {}", error.reason)).advise("`ovsdp trace --help` has examples")
    })?;
    match L2::parse(&buf.key) {
        Ok(L2 { in_port: Some(_), .. }) => Ok(()),
        _ => Err(Error::new(Kind::Usage, format!("FLOW: {}", Untraceable::NoInPort)).advise("`ovsdp trace --help` has examples")),
    }
}

/// Above every number a port of a datapath can have (`DP_MAX_PORTS`): a number in the flow's text is then no port's.
const FIRST: u32 = 0x1_0000;

fn offline(dir: &Path, name: &str, flow: &str) -> Result<Trace, Error> {
    let config = config::read(dir)?;
    let missing = |what: String, known: Vec<String>| {
        let error = Error::new(Kind::NoSuch, what);
        if known.is_empty() { error } else { error.advise(format!("the files name: {}", known.join(", "))) }
    };
    let Some(bridge) = config.intent.bridges.values().find(|bridge| bridge.name().as_str() == name) else {
        let known = config.intent.bridges.keys().map(ToString::to_string).collect();
        return Err(missing(format!("{name}: no bridge by that name in {}", dir.display()), known));
    };
    let mut switch = Switch::new();
    // The names are a map's keys, each once, the numbers ascend, and no two tunnels take the same, or there were no intent.
    let _ = switch.set_topology(Moment(0), topology(&config.intent));
    match switch.explain(Moment(0), name, flow, true) {
        Ok(told) => Ok(Trace::of(name, told)),
        Err(Untraceable::NoPort(port)) => {
            Err(missing(format!("{name} has no port {port}"), bridge.interfaces().map(|interface| interface.name.to_string()).collect()))
        }
        Err(error) => Err(Error::new(if error.is_missing() { Kind::NoSuch } else { Kind::Usage }, error.to_string())),
    }
}

/// The bridges, with all their ports attached. Every link works, as far as files can say.
fn topology(intent: &Intent) -> Topology {
    let (mut numbers, mut devices) = (FIRST.., BTreeMap::new());
    let mut bridges = Vec::new();
    for bridge in intent.bridges.values() {
        let Some(local) = numbers.next() else { break };
        let mut switch = Bridge::new(bridge.name(), local).rules(&bridge.rules, &bridge.local_rules);
        for (name, port) in &bridge.ports {
            let rules = &port.rules;
            if let Some(bundle) = Bundle::of(port, Mac::ZERO, |_| Some((numbers.next()?, Mac::ZERO, true))) {
                switch = switch.with(Port { name: *name, way: Way::Bundle(bundle), rules: rules.clone() });
                continue;
            }
            for interface in &port.interfaces {
                let Some(number) = numbers.next() else { break };
                let way = match interface.kind {
                    model::Kind::System | model::Kind::Internal => Way::Device(number),
                    model::Kind::Tunnel(tunnel) => Way::Tunnel(*devices.entry(tunnel.encap.device().name()).or_insert(number), tunnel),
                    model::Kind::Patch { peer } => Way::Patch(peer),
                };
                switch = switch.with(Port { name: interface.name, way, rules: rules.clone() });
            }
        }
        bridges.push(switch);
    }
    Topology { bridges }
}

fn text(trace: &Trace) -> String {
    let Trace { bridge, flow, steps, verdict, megaflow, actions } = trace;
    let title = format!("bridge(\"{bridge}\")");
    let mut out = format!("Flow: {flow}\n\n{title}\n{}\n", "-".repeat(title.chars().count()));
    // Writing to a String cannot fail.
    for step in steps {
        let _ = writeln!(out, " {:<10} {}", step.rule, step.text);
    }
    let _ = writeln!(out, " {:<10} {verdict}\n", "verdict");
    let megaflow = megaflow.as_deref().unwrap_or("none: a flow would not match this packet, not hold its actions, or not be worth having");
    let _ = writeln!(out, "Megaflow: {megaflow}\nDatapath actions: {actions}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: &str = "in_port(eth0),eth(src=52:54:00:00:00:01,dst=52:54:00:00:00:02),eth_type(0x0800),ipv4(src=10.0.0.1)";

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        file("ifcfg-ovsbr0", "DEVICE=ovsbr0\nDEVICETYPE=ovs\nTYPE=OVSBridge\nONBOOT=yes\n");
        file("ifcfg-eth0", "DEVICE=eth0\nDEVICETYPE=ovs\nTYPE=OVSPort\nOVS_BRIDGE=ovsbr0\nONBOOT=yes\n");
        file("ifcfg-eth1", "DEVICE=eth1\nDEVICETYPE=ovs\nTYPE=OVSPort\nOVS_BRIDGE=ovsbr0\nONBOOT=yes\n");
        dir
    }

    #[test]
    fn files_alone_flood_to_every_other_port() {
        let dir = folder();
        assert_eq!(
            text(&offline(dir.path(), "ovsbr0", FLOW).unwrap()),
            "Flow: recirc_id(0),in_port(eth0),eth(src=52:54:00:00:00:01,dst=52:54:00:00:00:02),eth_type(0x0800),\
             ipv4(src=10.0.0.1,dst=0.0.0.0,proto=0,tos=0,ttl=0,frag=no)\n\n\
             bridge(\"ovsbr0\")\n----------------\n \
             admission  it comes in by eth0 of ovsbr0\n \
             vlan       it has no tag: VLAN 0\n \
             reserved   52:54:00:00:00:02 is none of the groups that no bridge forwards\n \
             learning   52:54:00:00:00:01 would be learned behind this port\n \
             lookup     52:54:00:00:00:02 is not in the MAC table: to every other port\n \
             output     to ovsbr0\n \
             left-out   not to eth0: the packet came in by it\n \
             output     to eth1\n \
             verdict    flooded: it is not known where its destination is\n\n\
             Megaflow: recirc_id(0),in_port(eth0),eth(src=52:54:00:00:00:01,dst=52:54:00:00:00:02),eth_type(0x0800)\n\
             Datapath actions: ovsbr0,eth1\n"
        );
    }

    #[test]
    fn files_alone_lead_through_patch_ports_and_tunnels() {
        let dir = folder();
        let file = |name: &str, text: &str| {
            std::fs::write(dir.path().join(format!("ifcfg-{name}")), format!("DEVICE={name}\nDEVICETYPE=ovs\nONBOOT=yes\n{text}")).unwrap();
        };
        file("b1", "TYPE=OVSBridge\n");
        file("vnet0", "TYPE=OVSIntPort\nOVS_BRIDGE=b1\n");
        for (name, bridge, peer) in [("up", "b1", "down"), ("down", "ovsbr0", "up")] {
            file(name, &format!("TYPE=OVSPatchPort\nOVS_BRIDGE={bridge}\nOVS_PATCH_PEER={peer}\n"));
        }
        for (name, key) in [("vx1", 1), ("vx2", 2)] {
            let options = format!("OVS_TUNNEL_OPTIONS=\"options:remote_ip=192.0.2.1 options:key={key}\"\n");
            file(name, &format!("TYPE=OVSTunnel\nOVS_TUNNEL_TYPE=vxlan\nOVS_BRIDGE=b1\n{options}"));
        }
        let trace = offline(dir.path(), "ovsbr0", FLOW).unwrap();
        let outer = |key: u32| format!("set(tunnel(tun_id={key:#x},dst=192.0.2.1,ttl=64,tp_dst=4789,flags(df|key)))");
        assert_eq!(trace.actions, format!("ovsbr0,eth1,b1,vnet0,{},vx1,{},vx1", outer(1), outer(2)), "the device is called after one of its ports");
        let by_tunnel = offline(dir.path(), "b1", &format!("tunnel(tun_id=0x2,src=192.0.2.1,dst=192.0.2.9),{}", FLOW.replace("eth0", "vx1")));
        assert!(by_tunnel.unwrap().steps[0].text.contains("it comes in by vx2 of b1"));
    }

    #[test]
    fn what_is_not_there_and_what_cannot_be_read_have_their_codes() {
        let dir = folder();
        let fails = |bridge: &str, flow: &str| offline(dir.path(), bridge, flow).unwrap_err();
        assert_eq!(fails("br9", FLOW).kind, Kind::NoSuch);
        assert!(fails("ovsbr0", "in_port(eth7),eth()").to_string().contains("no port eth7\n  the files name: ovsbr0, eth0, eth1"));
        assert_eq!(fails("ovsbr0", "in_port(2),eth()").kind, Kind::NoSuch);
        assert_eq!(fails("ovsbr0", "eth(src=52:54:00:00:00:01)").kind, Kind::Usage);
        let error = readable("in_port(eth0),eht()").unwrap_err();
        assert!(error.kind == Kind::Usage && error.message.contains("column 15"), "{error}");
        readable(FLOW).unwrap();
    }
}
