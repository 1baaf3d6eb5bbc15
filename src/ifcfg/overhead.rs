//! Whether what a bridge sends through a tunnel fits where the tunnel's packets go out.
//!
//! It must not guess: without an `MTU` in the bridge's file, or without the carrier's, nothing is said.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use ovsdp_proto::IfName;

use super::code::Code;
use super::diag::Diagnostic;
use super::settings::{Placed, Role, Settings};
use super::surroundings::Device;
use crate::model::{Encap, Erspan, Field, Intent, Interface, Tunnel};

/// The inner Ethernet header.
const ETHERNET: u32 = 14;

/// How many bytes a tunnel adds to an IP packet. A key or a checksum counts where it may be sent.
fn overhead(tunnel: &Tunnel) -> u32 {
    let ip = if matches!(tunnel.remote, Field::Is(remote) if remote.is_ipv6()) { 40 } else { 20 };
    let optional = |has: bool| if has { 4 } else { 0 };
    let header = match tunnel.encap {
        Encap::Vxlan { .. } | Encap::Geneve { .. } => 8 + 8,
        Encap::Gre | Encap::Ip6Gre => 4 + optional(tunnel.out_key.is_some()) + optional(tunnel.csum),
        Encap::Erspan(Erspan::V1 { .. }) | Encap::Ip6Erspan(Erspan::V1 { .. }) => 8 + 8,
        Encap::Erspan(Erspan::V2 { .. }) | Encap::Ip6Erspan(Erspan::V2 { .. }) => 8 + 12,
    };
    ip + header + ETHERNET
}

/// A tunnel, and what goes through it.
struct Narrow<'a> {
    port: &'a Settings,
    tunnel: &'a Tunnel,
    /// The interface that its packets go out by, and its MTU.
    carrier: (IfName, u32),
    /// The largest packet that fits.
    most: u32,
}

/// Reports the MTUs of bridges and internal ports that are too large for a tunnel of the same bridge: each once, with the tunnel that least
/// goes through. `devices`: the host's, when known.
pub(super) fn find(list: &[Settings], intent: &Intent, devices: &[Device], found: &mut Vec<Diagnostic>) {
    let carriers = Carriers::of(list, intent, devices);
    let mut narrowest: BTreeMap<IfName, Narrow<'_>> = BTreeMap::new();
    for port in list {
        let Role::Tunnel(bridge, tunnel) = &port.role else { continue };
        let Some(carrier) = carriers.of_tunnel(port.device.name, tunnel) else { continue };
        let narrow = Narrow { port, tunnel, carrier, most: carrier.1.saturating_sub(overhead(tunnel)) };
        if narrowest.get(&bridge.name).is_none_or(|before| narrow.most < before.most) {
            narrowest.insert(bridge.name, narrow);
        }
    }
    for sender in list {
        let bridge = match &sender.role {
            Role::Bridge => sender.device.name,
            Role::Internal(bridge) | Role::Fake(bridge, _) => bridge.name,
            _ => continue,
        };
        let Some(&Narrow { port, tunnel, carrier: (carrier, carried), most }) = narrowest.get(&bridge) else { continue };
        let Some(Placed { value: mtu, span }) = sender.mtu.filter(|mtu| mtu.value > most) else { continue };
        let message = format!(
            "`{}` sends packets of up to {mtu} bytes, the tunnel `{}` makes {} of them, and `{carrier}` carries {carried}",
            sender.device.name,
            port.device.name,
            mtu.saturating_add(overhead(tunnel))
        );
        let diagnostic = Diagnostic::warning(Code::Mtu, &sender.file, message)
            .at(span)
            .note("what is too large is dropped: a tunnel's packets are not fragmented");
        let help = format!("write `MTU={most}` here, or a larger one into the file of `{carrier}` where its network carries it");
        found.push(diagnostic.help(help).related(&port.file, port.device.span, "the tunnel"));
    }
}

/// The interfaces that tunnels' packets may go out by.
struct Carriers<'a> {
    intent: &'a Intent,
    /// The interfaces that are ports and need others, which tunnels do.
    needing: BTreeMap<IfName, &'a Interface>,
    /// The networks of the interfaces' own addresses. Of two interfaces in one, the first.
    networks: BTreeMap<IpNet, (usize, &'a Settings)>,
    /// How long their prefixes are.
    lengths: BTreeSet<u8>,
    /// The MTUs of the host's devices.
    now: BTreeMap<IfName, u32>,
}

impl<'a> Carriers<'a> {
    fn of(list: &'a [Settings], intent: &'a Intent, devices: &[Device]) -> Self {
        let ports = intent.bridges.values().flat_map(|bridge| bridge.ports.values()).flat_map(|port| &port.interfaces);
        let needing = ports.filter(|one| !one.requires.is_empty()).map(|one| (one.name, one)).collect();
        let (mut networks, mut lengths) = (BTreeMap::new(), BTreeSet::new());
        for (at, one) in list.iter().enumerate() {
            let v6 = one.ipv6.addresses.iter().map(|net| IpNet::V6(*net));
            for net in one.ask.addresses().iter().copied().chain(v6) {
                lengths.insert(net.prefix_len());
                networks.entry(net.trunc()).or_insert((at, one));
            }
        }
        Self { intent, needing, networks, lengths, now: devices.iter().map(|device| (device.name, device.mtu)).collect() }
    }

    /// The interface that a tunnel's packets go out by, as far as the folder tells, and its MTU.
    fn of_tunnel(&self, port: IfName, tunnel: &Tunnel) -> Option<(IfName, u32)> {
        let remote = tunnel.remote.value()?;
        let plain = self.needing.get(&port).into_iter().flat_map(|one| &one.requires).find_map(|name| self.intent.plain.get(name));
        let of_plain = plain.map(|one| (one.name, one.mtu));
        let ours = || {
            let around = self.lengths.iter().filter_map(|length| IpNet::new(remote, *length).ok());
            let holds = around.filter_map(|net| self.networks.get(&net.trunc()));
            holds.min_by_key(|(at, _)| *at).map(|(_, one)| (one.device.name, one.mtu.map(|mtu| mtu.value)))
        };
        let (name, asked) = of_plain.or_else(ours)?;
        Some((name, asked.or_else(|| self.now.get(&name).copied())?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Check, Host, Sources};
    use super::*;

    fn found(own: &str, carrier: &str, tunnel: &str) -> Vec<String> {
        let mut sources = Sources::new("network-scripts");
        sources.insert("ifcfg-ovsbr0", format!("DEVICE=ovsbr0\nTYPE=OVSBridge\nIPADDR=198.51.100.5\nPREFIX=24\n{own}"));
        sources.insert("ifcfg-eth6", format!("DEVICE=eth6\nIPADDR=192.0.2.5\nPREFIX=24\nIPV6ADDR=2001:db8::5/64\n{carrier}"));
        sources.insert("ifcfg-t0", format!("DEVICE=t0\nTYPE=OVSTunnel\nOVS_BRIDGE=ovsbr0\n{tunnel}"));
        let all = Check::begin(&sources, &Host::new("host1")).finish(&sources, None);
        all.into_iter().filter(|found| found.code == Code::Mtu).map(|found| found.message).collect()
    }

    #[test]
    fn each_kind_adds_its_header() {
        for (kind, remote, options, adds) in [
            ("vxlan", "192.0.2.9", "", 50),
            ("vxlan", "2001:db8::9", "", 70),
            ("geneve", "192.0.2.9", "options:key=7", 50),
            ("gre", "192.0.2.9", "", 38),
            ("gre", "192.0.2.9", "options:key=7 options:csum=true", 46),
            ("ip6gre", "2001:db8::9", "", 58),
            ("erspan", "192.0.2.9", "options:erspan_ver=1", 50),
            ("erspan", "192.0.2.9", "options:erspan_ver=2", 54),
        ] {
            let tunnel = format!("OVS_TUNNEL_TYPE={kind}\nOVS_TUNNEL_OPTIONS=\"options:remote_ip={remote} {options}\"\n");
            let fits = format!("MTU={}\n", 1500 - adds);
            assert_eq!(found(&fits, "MTU=1500\n", &tunnel), Vec::<String>::new(), "{kind} {options}");
            let list = found(&format!("MTU={}\n", 1501 - adds), "MTU=1500\n", &tunnel);
            assert!(
                matches!(list.as_slice(), [one] if one.contains("makes 1501 of them") && one.contains("`eth6` carries 1500")),
                "{kind}: {list:?}"
            );
        }
    }

    #[test]
    fn nothing_is_said_of_what_is_not_known() {
        let tunnel = "OVS_TUNNEL_TYPE=vxlan\nOVS_TUNNEL_OPTIONS=options:remote_ip=192.0.2.9\n";
        assert!(found("", "MTU=1500\n", tunnel).is_empty());
        assert!(found("MTU=1500\n", "", tunnel).is_empty());
    }

    #[test]
    fn of_many_tunnels_each_of_many_interfaces_is_told_of_the_narrowest() {
        let mut sources = Sources::new("network-scripts");
        sources.insert("ifcfg-ovsbr0", "DEVICE=ovsbr0\nTYPE=OVSBridge\nMTU=1450\n");
        sources.insert("ifcfg-eth6", "DEVICE=eth6\nIPADDR=192.0.2.5\nPREFIX=24\nMTU=1500\n");
        for number in 0..4094 {
            let text = format!("DEVICE=p{number}\nTYPE=OVSIntPort\nOVS_BRIDGE=ovsbr0\nMTU={}\n", 1450 + number % 2);
            sources.insert(format!("ifcfg-p{number}"), text);
        }
        for number in 0..1000 {
            // GRE with a key and a checksum takes 46 bytes, VXLAN 50; of an IPv6 address nobody knows the way.
            let (kind, remote) = [("gre", "192.0.2.9"), ("vxlan", "2001:db8::9"), ("vxlan", "192.0.2.9")][number % 3];
            let options = format!("options:remote_ip={remote} options:key={number} options:csum=true");
            let text = format!("DEVICE=t{number}\nTYPE=OVSTunnel\nOVS_BRIDGE=ovsbr0\nOVS_TUNNEL_TYPE={kind}\nOVS_TUNNEL_OPTIONS=\"{options}\"\n");
            sources.insert(format!("ifcfg-t{number}"), text);
        }
        let all = Check::begin(&sources, &Host::new("host1")).finish(&sources, None);
        assert!(all.iter().all(|found| found.code != Code::Tunnel), "{:?}", all.first());
        let found: Vec<_> = all.into_iter().filter(|found| found.code == Code::Mtu).collect();
        // Of many VXLAN tunnels the first in the folder's order.
        assert_eq!(found.len(), 4094 / 2);
        assert!(
            found
                .iter()
                .all(|found| found.message.contains("makes 1501 of them") && found.related.len() == 1 && found.related[0].file == "ifcfg-t101")
        );
    }
}
