//! `--probe`: whether the gateways answer once a change is made. A change after which they do not is no change to leave a host with.

use std::net::IpAddr;
use std::time::Duration;

use ovsdp_proto::IfName;

use super::hands::Hands;
use super::why::Why;
use crate::ctl::service::Probe;
use crate::error::{Error, Kind};
use crate::packet::{self, Neighbour};
use crate::plan::{Address, Executor, Observed, TABLE_MAIN};

/// How long who is to answer is asked, once a second. Long enough for a link that has just come up.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long who may not answer anyway is asked, before the change.
const BEFORE: Duration = Duration::from_secs(2);
/// For how long the change is one that goes back by itself, in seconds: should the agent be killed while it asks.
pub(super) const PROVISIONAL_SECS: u32 = 30;

/// A gateway, and the device it is on.
type Gateway = (IpAddr, IfName);

/// The gateways of the default routes out of `devices`, of all devices when that is `None`. Of the main table: others are for some packets only.
fn gateways(observed: &Observed, devices: Option<&[IfName]>) -> Vec<Gateway> {
    let of_these = |name: IfName| devices.is_none_or(|devices| devices.contains(&name));
    let routes = observed.routes.iter().filter(|route| route.is_default() && route.table == TABLE_MAIN && of_these(route.ifname));
    let mut found: Vec<Gateway> = Vec::new();
    for gateway in routes.filter_map(|route| Some((route.via?, route.ifname))) {
        if !found.contains(&gateway) {
            found.push(gateway);
        }
    }
    found
}

/// The device on whose network `address` is: that of the narrowest one.
fn on_link(observed: &Observed, address: IpAddr) -> Option<Gateway> {
    let networks = observed.addresses.iter().filter(|there| there.address.contains(&address) && there.address.addr() != address);
    networks.max_by_key(|there| there.address.prefix_len()).map(|there| (address, there.ifname))
}

/// The address to ask a gateway with: one of its own network if there is one.
fn source(observed: &Observed, (gateway, device): Gateway) -> Option<IpAddr> {
    let of_family = |there: &&Address| there.address.addr().is_ipv4() == gateway.is_ipv4();
    let own: Vec<&Address> = observed.addresses_on(device).filter(of_family).collect();
    own.iter().find(|there| there.address.contains(&gateway)).or_else(|| own.first()).map(|there| there.address.addr())
}

impl Hands {
    /// Who of `probe` is asked after the change and does not answer now, before it; nobody where none is known yet.
    ///
    /// # Errors
    /// The kernel did not answer.
    pub(super) fn silent_before(&mut self, probe: &Probe) -> Result<Vec<IpAddr>, Error> {
        let observed = self.seen()?;
        let known = match probe {
            Probe::Gateway => gateways(&observed, None),
            Probe::Address(address) => on_link(&observed, *address).into_iter().collect(),
        };
        // What cannot be asked now says nothing about what can be then.
        Ok(self.silent(&observed, &known, BEFORE).map(|silent| silent.into_iter().map(|(address, _)| address).collect()).unwrap_or_default())
    }

    /// Asks who is to answer after a change that made `devices` what they are; `silent` did not answer before it. The error says who did not.
    ///
    /// # Errors
    /// Somebody does not answer, or there is nobody to ask.
    pub(super) fn prove(&mut self, probe: &Probe, devices: &[IfName], silent: &[IpAddr]) -> Result<(), Error> {
        // What the neighbours remember of where this host is, is right before they are asked.
        self.announce();
        let observed = self.seen()?;
        let asked = match probe {
            Probe::Gateway => gateways(&observed, Some(devices)),
            Probe::Address(address) => on_link(&observed, *address).into_iter().collect(),
        };
        if asked.is_empty() {
            return Err(match probe {
                Probe::Gateway => {
                    Error::new(Kind::Failed, "--probe: no default route leads out of what was brought up, so there is no gateway to ask")
                        .advise("name a neighbour that answers: `--probe=ADDRESS`")
                }
                Probe::Address(address) => {
                    Error::new(Kind::Failed, format!("--probe: {address} is in no network of this host, so it cannot be asked"))
                        .advise("name a neighbour: a router's or another host's address in one of this host's networks")
                }
            });
        }
        let unheard = self.silent(&observed, &asked, PATIENCE).map_err(|Why { error, .. }| error)?;
        let Some((address, device)) = unheard.first().copied() else { return Ok(()) };
        let how = if address.is_ipv4() { "ARP" } else { "neighbour discovery" };
        let error = Error::new(Kind::Failed, format!("{address} does not answer on {device}: asked by {how} for {} s", PATIENCE.as_secs()));
        Err(if silent.contains(&address) {
            error.advise(
                "it did not answer before the change either: if it never does, name another neighbour with `--probe=ADDRESS`, or leave --probe out",
            )
        } else {
            error.advise(format!("see that {device} leads to its network, by the right port and VLAN, and that the address is right"))
        })
    }

    fn seen(&mut self) -> Result<Observed, Error> {
        self.observe().map_err(Error::from)
    }

    /// Who of `asked` does not answer for `patience`.
    fn silent(&mut self, observed: &Observed, asked: &[Gateway], patience: Duration) -> Result<Vec<Gateway>, Why> {
        let mut neighbours = Vec::new();
        let mut unaskable = Vec::new();
        for gateway in asked {
            let (address, ifname) = *gateway;
            let link = self.rtnl.link(&ifname)?.filter(|link| link.up && link.ethernet);
            match (link.and_then(|link| Some((link.index, link.mac?))), source(observed, *gateway)) {
                (Some((ifindex, mac)), Some(source)) => neighbours.push(Neighbour { ifname, ifindex, mac, source, address }),
                _ => unaskable.push(*gateway),
            }
        }
        let silent =
            packet::silent(&neighbours, patience).map_err(|error| Why::new(Kind::Failed, format!("the neighbours cannot be asked: {error}")))?;
        Ok(unaskable.into_iter().chain(silent.into_iter().map(|one| (one.address, one.ifname))).collect())
    }
}
