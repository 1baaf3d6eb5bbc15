//! dnsmasq as the DHCP server, and as the IPv6 router that advertises.

use std::time::Duration;

use crate::guest::{Host, Process};

/// A DHCP server on one interface (no DNS). Dropping it kills it.
#[derive(Debug)]
pub struct Dnsmasq {
    /// The daemon. Its stderr is the log of every request.
    pub process: Process,
}

impl Dnsmasq {
    /// Serves `range` (`FIRST,LAST,NETMASK,LEASE`, for instance `172.16.3.140,172.16.3.150,255.255.255.0,1h`) on
    /// `interface`, which must have an address in it. `options` are further words for the command line:
    /// `--dhcp-option=option:router,172.16.3.1`.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(host: &Host, interface: &str, range: &str, options: &[&str]) -> anyhow::Result<Dnsmasq> {
        let mut process = host.spawn(&format!(
            "dnsmasq --keep-in-foreground --log-facility=- --log-dhcp --conf-file=/dev/null --user=root --port=0 --bind-interfaces \
             --pid-file=/run/dnsmasq-{interface}.pid --dhcp-leasefile=/run/dnsmasq-{interface}.leases --no-ping --dhcp-authoritative \
             --interface={interface} --except-interface=lo --dhcp-range={range} {}",
            options.join(" ")
        ))?;
        process.wait_log("DHCP, sockets bound exclusively", Duration::from_secs(20))?;
        Ok(Dnsmasq { process })
    }

    /// Advertises `interface` as an IPv6 router with `prefixes` (64 bits each) that addresses are made of, for an hour. The
    /// interface must have an address in each.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn advertise(host: &Host, interface: &str, prefixes: &[&str]) -> anyhow::Result<Dnsmasq> {
        let ranges: Vec<_> = prefixes.iter().map(|prefix| format!("--dhcp-range={prefix},ra-only,64,1h")).collect();
        let mut process = host.spawn(&format!(
            "dnsmasq --keep-in-foreground --log-facility=- --conf-file=/dev/null --user=root --port=0 --bind-interfaces --enable-ra \
             --pid-file=/run/dnsmasq-ra-{interface}.pid --dhcp-leasefile=/run/dnsmasq-ra-{interface}.leases \
             --interface={interface} --except-interface=lo {}",
            ranges.join(" ")
        ))?;
        process.wait_log("IPv6 router advertisement enabled", Duration::from_secs(20))?;
        Ok(Dnsmasq { process })
    }
}
