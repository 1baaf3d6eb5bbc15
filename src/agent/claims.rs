//! Making sure that an address is nobody else's: IPv4 by asking the neighbours, IPv6 by waiting for the kernel to have asked.

use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use ovsdp_proto::IfName;

use super::hands::Hands;
use super::why::Why;
use crate::error::{Error, Kind};
use crate::host::ipv6;
use crate::model::Ipv6Setting;
use crate::packet;
use crate::plan::{ADDRESS_TENTATIVE, Claim};
use crate::rtnl::Events;

/// How long the kernel may take to make sure of IPv6 addresses; as long as network-scripts waited.
const PATIENCE: Duration = Duration::from_secs(30);
/// Duplicate address detection found somebody (`IFA_F_DADFAILED`).
const DADFAILED: u32 = 0x08;

impl Hands {
    /// Asks the neighbours about all of `claims`; it fails when somebody has one.
    pub(super) fn probe(&mut self, claims: &[Claim]) -> Result<(), Why> {
        match self.holder(claims)? {
            None => Ok(()),
            Some(packet::Conflict { ifname, address, holder }) => Err(in_use(ifname, address.into(), &format!("{holder} has it"))),
        }
    }

    /// Asks the neighbours about all of `claims`, and returns the first that somebody has.
    pub(super) fn holder(&mut self, claims: &[Claim]) -> Result<Option<packet::Conflict>, Why> {
        self.announce();
        let links = self.rtnl.links()?;
        let own: Vec<_> = links.iter().filter_map(|link| link.mac).collect();
        let mut asked = Vec::new();
        for claim in claims {
            let link = links
                .iter()
                .find(|link| link.name == claim.ifname)
                .ok_or_else(|| Why::new(Kind::Failed, format!("{}: there is no such device", claim.ifname)))?;
            let mac = link.mac.ok_or_else(|| Why::new(Kind::Failed, format!("{} has no Ethernet address to ask with", claim.ifname)))?;
            let (ifname, address, wait) = (claim.ifname, claim.address, Duration::from_secs(claim.wait_secs.into()));
            asked.push(packet::Claim { ifname, ifindex: link.index, mac, address, tries: claim.tries, wait });
        }
        packet::probe(&asked, &own).map_err(|error| Why::new(Kind::Failed, format!("the neighbours cannot be asked: {error}")))
    }

    /// Waits until none of `addresses` is tentative any longer; it fails when somebody else has one.
    pub(super) fn await_addresses(&mut self, addresses: &[(IfName, Ipv6Addr)]) -> Result<(), Why> {
        if let Some((ifname, address, how)) = self.duplicate(addresses)? {
            return Err(in_use(ifname, address.into(), how));
        }
        addresses.iter().for_each(|(ifname, address)| self.announcer.added(*ifname, (*address).into()));
        Ok(())
    }

    /// Waits until none of `addresses` is tentative any longer, and returns the first that somebody else has, with how that is known.
    pub(super) fn duplicate(&mut self, addresses: &[(IfName, Ipv6Addr)]) -> Result<Option<(IfName, Ipv6Addr, &'static str)>, Why> {
        self.announce();
        let deadline = self.within_limit(Instant::now() + PATIENCE);
        // Before the first look: what changes after it is told.
        let mut events = Events::open()?;
        let mut waiting = addresses.to_vec();
        loop {
            let there = self.rtnl.addresses()?;
            let mut left = Vec::new();
            for (ifname, address) in waiting {
                let index = self.index(ifname)?;
                let found = there.iter().find(|there| there.index == index && there.ip == IpAddr::V6(address));
                match found.map(|found| found.flags) {
                    None => return Ok(Some((ifname, address, "the kernel took it away again"))),
                    Some(flags) if flags & DADFAILED != 0 => {
                        return Ok(Some((ifname, address, "duplicate address detection failed (dadfailed)")));
                    }
                    Some(flags) if flags & ADDRESS_TENTATIVE != 0 => left.push((ifname, address)),
                    Some(_) => {}
                }
            }
            if left.is_empty() {
                return Ok(None);
            }
            waiting = left;
            let Some(time) = deadline.checked_duration_since(Instant::now()).filter(|time| !time.is_zero()) else {
                let list = waiting.iter().map(|(ifname, address)| format!("{address} on {ifname}")).collect::<Vec<_>>().join(", ");
                let how_long = match self.limit.filter(|limit| limit.at <= deadline) {
                    Some(limit) => limit.error().message,
                    None => format!("{} s have passed", PATIENCE.as_secs()),
                };
                let error = Error::new(Kind::TimedOut, format!("{how_long}, and duplicate address detection has not ended for {list}"));
                return Err(error.advise("see that the link has carrier: `ip -6 addr show tentative`").into());
            };
            events.wait(time)?;
            while events.drain(|_| {})? {}
        }
    }
}

fn in_use(ifname: IfName, address: IpAddr, how: &str) -> Why {
    let error = Error::new(Kind::Failed, format!("{address} is in use on the network of {ifname}: {how}"));
    let advice = match address {
        IpAddr::V4(_) => format!("give {ifname} another address; `ARPCHECK=no` in ifcfg-{ifname} takes it without asking"),
        IpAddr::V6(_) => format!("give {ifname} another address in ifcfg-{ifname}"),
    };
    error.advise(advice).into()
}

/// Why one of the kernel's settings for IPv6 is not as it should be.
pub(super) fn not_set(name: IfName, setting: Ipv6Setting, error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => Kind::KernelLacks,
        io::ErrorKind::PermissionDenied => Kind::NotPermitted,
        _ => Kind::Failed,
    };
    let advice = match (error.kind(), setting) {
        (io::ErrorKind::NotFound, _) => "the kernel has no IPv6, or not for this device: take the IPV6 keys out of its file, or turn IPv6 on",
        (io::ErrorKind::InvalidInput, Ipv6Setting::Mtu) => "IPV6_MTU may not be larger than the device's MTU",
        (io::ErrorKind::ReadOnlyFilesystem, _) => "/proc/sys is read-only here: `IPV6_SET_SYSCTLS=no` leaves the settings alone",
        _ => "`IPV6_SET_SYSCTLS=no` leaves the settings alone",
    };
    Error::new(kind, format!("{}: {error}", ipv6::path(name, setting).display())).advise(advice)
}
