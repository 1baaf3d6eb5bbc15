//! What the agent remembers and the kernel has, as the rows that the ovs-vsctl dialect works on.

use std::collections::BTreeMap;

use ovsdp_proto::IfName;
use ovsdp_proto::vport::Stats;

use super::machine;
use super::observe::system;
use crate::dp::{self, Dp};
use crate::error::{Error, Kind};
use crate::model;
use crate::plan::Memory;
use crate::rtnl::{Link, Rtnl};
use crate::vsctl::{self, Database, State, Uuid};

/// The port number Open vSwitch gives a bridge's own interface.
const LOCAL: i64 = 65534;

/// The database of the bridges in `memory`, with how their interfaces are. `dp` is `None` where the kernel has no openvswitch module.
///
/// # Errors
/// The kernel did not answer, or what is remembered contradicts itself.
pub fn database(memory: &Memory, rtnl: &mut Rtnl, dp: Option<&mut Dp>) -> Result<Database, Error> {
    let root = Uuid(u128::from_be_bytes(machine::id()));
    let mut database = Database::of(root, memory.bridges.values().map(|bridge| &bridge.intent), &memory.rows)
        .map_err(|error| Error::new(Kind::Failed, error.text))?;
    database.introduce();
    if memory.bridges.is_empty() {
        return Ok(database);
    }
    let links: BTreeMap<IfName, Link> = rtnl.links()?.into_iter().map(|link| (link.name, link)).collect();
    let vports: BTreeMap<IfName, dp::Vport> = match dp {
        Some(dp) => match dp.datapath(&system()?)? {
            Some(datapath) => dp.vports(datapath.index)?.into_iter().map(|vport| (vport.name, vport)).collect(),
            None => BTreeMap::new(),
        },
        None => BTreeMap::new(),
    };
    for (bridge, remembered) in &memory.bridges {
        for interface in remembered.intent.interfaces() {
            let device = match interface.kind {
                model::Kind::System | model::Kind::Internal => Some(interface.name),
                model::Kind::Tunnel(tunnel) => Some(tunnel.encap.device().name()),
                model::Kind::Patch { .. } => None,
            };
            if let Some(device) = device {
                let state = state(device, links.get(&device), vports.get(&device), interface.kind.has_device());
                let state = if interface.name == *bridge { State { port: state.port.map(|_| LOCAL), ..state } } else { state };
                database.observe(&interface.name, &state);
            }
        }
    }
    Ok(database)
}

/// How an interface is whose packets go through `device`; `own`: which is its own.
fn state(device: IfName, link: Option<&Link>, vport: Option<&dp::Vport>, own: bool) -> State {
    let Some(vport) = vport else {
        let error = format!("could not open network device {device} (No such device)");
        return State { port: Some(-1), error: Some(error), ..State::default() };
    };
    let counted = vport.stats.filter(|_| own).as_ref().map(statistics).unwrap_or_default();
    let link = link.filter(|_| own);
    State {
        ifindex: link.map(|link| link.index),
        mac: link.and_then(|link| link.mac),
        mtu: link.map(|link| link.mtu),
        up: link.map(|link| link.up),
        carrier: link.map(|link| link.up && link.carrier),
        port: Some(vport.number.into()),
        error: None,
        statistics: counted,
    }
}

fn statistics(stats: &Stats) -> BTreeMap<&'static str, i64> {
    let counts = [
        ("rx_packets", stats.rx_packets),
        ("rx_bytes", stats.rx_bytes),
        ("rx_errors", stats.rx_errors),
        ("rx_dropped", stats.rx_dropped),
        ("tx_packets", stats.tx_packets),
        ("tx_bytes", stats.tx_bytes),
        ("tx_errors", stats.tx_errors),
        ("tx_dropped", stats.tx_dropped),
    ];
    counts.into_iter().map(|(name, count)| (name, i64::try_from(count).unwrap_or(i64::MAX))).collect()
}

/// The program's error for one of the dialect's.
pub fn error(error: vsctl::Error) -> Error {
    let kind = match error.kind {
        vsctl::Kind::Usage | vsctl::Kind::Value => Kind::Usage,
        vsctl::Kind::Absent | vsctl::Kind::No => Kind::NoSuch,
        vsctl::Kind::NotYet => Kind::TimedOut,
        vsctl::Kind::Conflict | vsctl::Kind::Refused => Kind::Failed,
    };
    let end = Error::new(kind, error.text);
    match error.help {
        Some(help) => end.advise(help),
        None => end,
    }
}
