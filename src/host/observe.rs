//! Everything a plan depends on, read at once.

use std::collections::BTreeMap;
use std::path::Path;

use ovsdp_proto::IfName;

use super::{clients, convert, ipv6, machine, paths, resolved, resolver};
use crate::dp::{self, Dp, VportKind};
use crate::error::{Error, Kind};
use crate::model;
use crate::plan::{self, Memory, Observed};
use crate::rtnl::Rtnl;

/// The datapath's name, as a name.
///
/// # Errors
/// Never: the name is a constant that is one.
pub fn system() -> Result<IfName, Error> {
    IfName::new(dp::SYSTEM).map_err(|error| Error::new(Kind::Failed, error.to_string()))
}

/// Reads the kernel and the files. `dp` is `None` where the kernel has no openvswitch module: then there is no datapath.
/// `memory` is what the agent remembers. DHCP clients are looked for on every device that could become a port.
///
/// # Errors
/// The kernel did not answer, or the resolver's file cannot be read.
pub fn observe(rtnl: &mut Rtnl, dp: Option<&mut Dp>, memory: Memory) -> Result<Observed, Error> {
    let links = rtnl.links()?;
    let names = convert::names(&links);
    let datapath = match dp {
        Some(dp) => match dp.datapath(&system()?)? {
            Some(datapath) => Some(dp.vports(datapath.index)?),
            None => None,
        },
        None => None,
    };
    let (content, ours_to_write) = resolver::read(Path::new(paths::RESOLV_CONF))
        .map_err(|error| Error::new(Kind::Failed, format!("cannot read {}: {error}", paths::RESOLV_CONF)))?;
    let resolved = if ours_to_write { None } else { resolved::observe(&links, &memory)? };
    let candidates: Vec<IfName> = links.iter().filter(|link| link.ethernet && !link.loopback).map(|link| link.name).collect();
    Ok(Observed {
        datapath: datapath.is_some(),
        vports: datapath.iter().flatten().map(|vport| (vport.name, vport_of(vport))).collect(),
        links: links.iter().map(|link| (link.name, convert::link(link, &names))).collect(),
        addresses: rtnl.addresses()?.iter().filter_map(|address| convert::address(address, &names)).collect(),
        routes: rtnl.routes()?.iter().flat_map(|route| convert::routes(route, &names)).collect(),
        rules: rtnl.rules()?.iter().filter_map(convert::rule).collect(),
        // Asked for apart: only whoever knows the target knows of whom. Likewise what follows.
        hardware: BTreeMap::new(),
        firewall: None,
        manager: plan::NetworkManager::default(),
        taken: BTreeMap::new(),
        resolver: plan::Resolver { content, ours_to_write, resolved },
        dhcp_clients: clients::find(&candidates).into_iter().map(client_of).collect(),
        memory,
        ipv6: ipv6::observe(&links),
        machine: machine::id(),
    })
}

const fn vport_of(vport: &dp::Vport) -> plan::Vport {
    let kind = if matches!(vport.kind, VportKind::Internal) { model::Kind::Internal } else { model::Kind::System };
    let tunnel = !matches!(vport.kind, VportKind::Internal | VportKind::Netdev);
    plan::Vport { port_no: vport.number, kind, tunnel }
}

fn client_of(client: clients::Client) -> plan::DhcpClient {
    let clients::Client { pid, start_time, program, ifname, paused } = client;
    plan::DhcpClient { pid, start_time, name: program, ifname, paused }
}
