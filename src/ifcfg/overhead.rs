//! Whether what a bridge sends through a tunnel fits where the tunnel's packets go out.
//!
//! It must not guess: without an `MTU` in the bridge's file, or without the carrier's, nothing is said.

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

/// Reports the MTUs of bridges and internal ports that are too large for a tunnel of the same bridge. `devices`: the host's, when known.
pub(super) fn find(list: &[Settings], intent: &Intent, devices: &[Device], found: &mut Vec<Diagnostic>) {
    for port in list {
        let Role::Tunnel(bridge, tunnel) = &port.role else { continue };
        let Some((carrier, carried)) = carrier(list, intent, devices, port.device.name, tunnel) else { continue };
        let most = carried.saturating_sub(overhead(tunnel));
        for sender in list {
            let is_in = match &sender.role {
                Role::Bridge => sender.device.name == bridge.name,
                Role::Internal(of) | Role::Fake(of, _) => of.name == bridge.name,
                _ => false,
            };
            let Some(Placed { value: mtu, span }) = sender.mtu.filter(|mtu| is_in && mtu.value > most) else { continue };
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
}

/// The interface that a tunnel's packets go out by, as far as the folder tells, and its MTU.
fn carrier(list: &[Settings], intent: &Intent, devices: &[Device], port: IfName, tunnel: &Tunnel) -> Option<(IfName, u32)> {
    let remote = tunnel.remote.value()?;
    let mut all = intent.bridges.values().flat_map(|bridge| &bridge.ports).flat_map(|(_, port)| &port.interfaces);
    let plain = all.find(|one| one.name == port).into_iter().flat_map(|one| &one.requires).find_map(|name| intent.plain.get(name));
    let holds = |one: &&Settings| {
        let v6 = one.ipv6.addresses.iter().map(|net| IpNet::V6(*net));
        one.ask.addresses().iter().copied().chain(v6).any(|net| net.contains(&remote))
    };
    let of_plain = plain.map(|one: &Interface| (one.name, one.mtu));
    let (name, asked) = of_plain.or_else(|| list.iter().find(holds).map(|one| (one.device.name, one.mtu.map(|mtu| mtu.value))))?;
    let now = || devices.iter().find(|device| device.name == name).map(|device| device.mtu);
    Some((name, asked.or_else(now)?))
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
}
