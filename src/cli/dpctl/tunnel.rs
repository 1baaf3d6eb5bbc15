//! Tunnel ports: what a port's name says about it, and `type=vxlan` and its like as the kernel's vport types take them.

use ovsdp_proto::IfName;
use ovsdp_proto::uapi::vport::kind;
use ovsdp_proto::vport::Tunnel;

use super::iface::Iface;
use crate::dp::{Vport, VportKind};

/// A type of tunnel: its name, how Open vSwitch's devices of it begin, the UDP port that goes without saying, and the
/// kernel's vport type.
struct Type {
    name: &'static str,
    device: &'static str,
    port: Option<u16>,
    kind: Option<u32>,
}

const fn tunnel(name: &'static str, device: &'static str, port: Option<u16>, kind: Option<u32>) -> Type {
    Type { name, device, port, kind }
}

const TYPES: &[Type] = &[
    tunnel("geneve", "genev_sys", Some(6081), Some(kind::GENEVE)),
    tunnel("gre", "gre_sys", None, Some(kind::GRE)),
    tunnel("vxlan", "vxlan_sys", Some(4789), Some(kind::VXLAN)),
    tunnel("erspan", "erspan_sys", None, None),
    tunnel("ip6erspan", "ip6erspan_sys", None, None),
    tunnel("ip6gre", "ip6gre_sys", None, None),
    tunnel("lisp", "lisp_sys", Some(4341), None),
    tunnel("stt", "stt_sys", Some(7471), None),
    tunnel("gtpu", "gtpu_sys", Some(2152), None),
    tunnel("bareudp", "bareudp_sys", None, None),
];

/// Options that every tunnel type takes in Open vSwitch. A port of a datapath has none of them: each flow says where its
/// packets go.
const OF_THE_FLOW: &[&str] = &[
    "remote_ip",
    "local_ip",
    "key",
    "in_key",
    "out_key",
    "tos",
    "ttl",
    "df_default",
    "csum",
    "egress_pkt_mark",
    "packet_type",
    "erspan_ver",
    "erspan_idx",
    "erspan_dir",
    "erspan_hwid",
];

fn of(vport: &Vport) -> Option<&'static Type> {
    match vport.kind {
        VportKind::Netdev => TYPES.iter().find(|of| vport.name.starts_with(of.device)),
        VportKind::Internal | VportKind::Other(_) => None,
        kind => TYPES.iter().find(|of| of.kind == Some(kind.number())),
    }
}

/// What type of port it is, in Open vSwitch's words. A tunnel's device is known by its name.
pub(super) fn type_of(vport: &Vport) -> &'static str {
    match vport.kind {
        VportKind::Internal => "internal",
        _ => of(vport).map_or("system", |of| of.name),
    }
}

/// Whether the port is a tunnel's.
pub(super) fn is_tunnel(vport: &Vport) -> bool {
    of(vport).is_some()
}

/// A tunnel port's settings as `show` prints them, sorted by name.
pub(super) fn settings(vport: &Vport) -> String {
    let Some(of) = of(vport) else { return String::new() };
    let behind = vport.name.strip_prefix(of.device).and_then(|rest| rest.get(1..)).unwrap_or("");
    let digits = behind.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
    let unusual = digits.parse::<u16>().ok().filter(|port| *port != 0 && of.port.is_some_and(|usual| usual != *port));
    match (of.name, unusual) {
        ("erspan" | "ip6erspan", _) => "erspan_ver=0, packet_type=ptap".into(),
        (_, Some(port)) => format!("dst_port={port}, packet_type=ptap"),
        (_, None) => "packet_type=ptap".into(),
    }
}

/// A tunnel port to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct New {
    /// Its device's name: one device serves every tunnel of its type and UDP port.
    pub name: IfName,
    /// The kernel's vport type.
    pub kind: u32,
    /// Its options.
    pub options: Option<Tunnel>,
    /// What was asked for and has no effect on a datapath's port.
    pub idle: Vec<String>,
}

/// The tunnel port that `iface` asks for.
///
/// # Errors
/// Its type is none of the kernel's, or an option is unknown or missing.
pub(super) fn plan(iface: &Iface) -> Result<New, String> {
    let Some(of) = TYPES.iter().find(|of| of.name == iface.kind) else {
        return Err(match iface.kind.as_str() {
            "patch" => "a patch port exists in ovs-vswitchd only, never in a datapath; join bridges with a veth pair".into(),
            "tap" | "dpdk" | "dpdkvhostuser" | "dpdkvhostuserclient" | "afxdp" | "dummy" => {
                format!("type {} belongs to datapaths in userspace; the kernel's has system, internal, vxlan, geneve and gre", iface.kind)
            }
            other => format!("unknown type {other}; the kernel's datapath has system, internal, vxlan, geneve and gre"),
        });
    };
    let Some(kind) = of.kind else {
        return Err(format!(
            "the kernel has no vport type {}; make the device with `ip link add … type … external` and add it as a system device",
            of.name
        ));
    };
    let mut tunnel = Tunnel { dst_port: of.port, gbp: false };
    let mut idle = Vec::new();
    let mut remote = false;
    for (key, value) in &iface.options {
        match (key.as_str(), value.as_str()) {
            ("dst_port", port) if of.port.is_some() => {
                tunnel.dst_port = Some(port.parse().ok().filter(|port| *port > 0).ok_or_else(|| format!("dst_port={port} is no UDP port"))?);
            }
            ("exts", "gbp") if of.name == "vxlan" => tunnel.gbp = true,
            (key, value) if OF_THE_FLOW.contains(&key) => {
                remote |= key == "remote_ip" && !value.is_empty();
                if value != "flow" {
                    idle.push(format!("{key}={value}"));
                }
            }
            (key, value) => return Err(format!("a {} port has no option {key}={value}", of.name)),
        }
    }
    if !remote {
        return Err(format!("{} type requires valid 'remote_ip' argument", of.name));
    }
    let name = match tunnel.dst_port {
        Some(port) => format!("{}_{port}", of.device),
        None => of.device.to_owned(),
    };
    let name = IfName::new(&name).map_err(|bad| bad.to_string())?;
    Ok(New { name, kind, options: of.port.is_some().then_some(tunnel), idle })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vport(name: &str, kind: VportKind) -> Vport {
        let name = IfName::new(name).unwrap();
        let (stats, upcall_stats, upcall_pids) = (None, None, Vec::new());
        Vport { datapath: 1, number: 1, kind, name, ifindex: None, netnsid: None, stats, upcall_stats, upcall_pids, tunnel: None }
    }

    #[test]
    fn a_name_tells_the_tunnel() {
        // ovs-dpctl show, Open vSwitch 3.1 on Linux 6.12
        for (name, kind, of, settings) in [
            ("eth0", VportKind::Netdev, "system", ""),
            ("i0", VportKind::Internal, "internal", ""),
            ("vxlan_sys_0", VportKind::Internal, "internal", ""),
            ("vxlan_sys_4789", VportKind::Netdev, "vxlan", "packet_type=ptap"),
            ("vxlan_sys_4789", VportKind::Vxlan, "vxlan", "packet_type=ptap"),
            ("vxlan_sys_8472", VportKind::Vxlan, "vxlan", "dst_port=8472, packet_type=ptap"),
            ("genev_sys_6081", VportKind::Netdev, "geneve", "packet_type=ptap"),
            ("gre_sys", VportKind::Gre, "gre", "packet_type=ptap"),
            ("erspan_sys", VportKind::Netdev, "erspan", "erspan_ver=0, packet_type=ptap"),
            ("ip6gre_sys", VportKind::Netdev, "ip6gre", "packet_type=ptap"),
        ] {
            let vport = vport(name, kind);
            assert_eq!((type_of(&vport), super::settings(&vport).as_str()), (of, settings), "{name}");
        }
    }

    #[test]
    fn options_become_the_kernels() {
        let plan = |text: &str| plan(&text.parse().unwrap());
        let New { name, options, idle, .. } = plan("vx1,type=vxlan,dst_port=8472,remote_ip=flow,key=flow,exts=gbp").unwrap();
        assert_eq!((name.as_str(), options, idle.len()), ("vxlan_sys_8472", Some(Tunnel { dst_port: Some(8472), gbp: true }), 0));
        let New { name, options, idle, .. } = plan("g,type=gre,remote_ip=1.2.3.4").unwrap();
        assert_eq!((name.as_str(), options, idle), ("gre_sys", None, vec!["remote_ip=1.2.3.4".to_owned()]));
        for bad in [
            "x,type=vxlan",
            "x,type=vxlan,remote_ip=flow,foo=1",
            "x,type=gre,remote_ip=flow,dst_port=5",
            "x,type=vxlan,remote_ip=flow,dst_port=0",
            "x,type=geneve,remote_ip=flow,exts=gbp",
            "x,type=erspan,remote_ip=flow",
            "x,type=patch",
            "x,type=foo",
        ] {
            assert!(plan(bad).is_err(), "{bad}");
        }
    }
}
