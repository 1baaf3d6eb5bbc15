//! `add-if`, `set-if`, `del-if`. One port's failure does not stop those behind it, but is told by the exit code.

use nix::errno::Errno;
use ovsdp_proto::IfName;
use ovsdp_proto::uapi::vport::kind;
use ovsdp_proto::vport::{self, Tunnel, Which};

use super::call::Call;
use super::complaint::{Complaint, Why};
use super::iface::Iface;
use super::{Outcome, target, tunnel};
use crate::dp::{Datapath, Dp, Vport, VportKind};
use crate::rtnl::{LinkChange, Rtnl};

fn open(call: &Call<'_>) -> Result<(Dp, Datapath), Complaint> {
    let mut dp = target::connect("opening datapath")?;
    let datapath = target::lookup(&mut dp, call.arg(0)).map_err(|why| Complaint::because("opening datapath", why))?;
    Ok((dp, datapath))
}

fn links() -> Result<Rtnl, Complaint> {
    Rtnl::open().map_err(|error| Complaint::because("opening an rtnetlink socket", &error))
}

/// Does `each` for every argument behind the datapath, and passes on what it complains about.
fn for_each(call: &mut Call<'_>, mut each: impl FnMut(&Call<'_>, &str) -> Outcome) -> Outcome {
    for at in 1..call.args.len() {
        if let Err(complaint) = each(call, call.arg(at)) {
            call.complain(&complaint);
        }
    }
    Ok(())
}

/// `add-if DP IFACE…`.
pub(super) fn add(call: &mut Call<'_>) -> Outcome {
    let (mut dp, datapath) = open(call)?;
    add_to(call, &mut dp, &datapath)
}

/// Adds the interfaces named behind the datapath.
pub(super) fn add_to(call: &mut Call<'_>, dp: &mut Dp, datapath: &Datapath) -> Outcome {
    let mut rtnl = links()?;
    for_each(call, |call, text| add_one(call, dp, &mut rtnl, datapath, text))
}

/// What to ask the kernel for.
struct Wanted {
    name: IfName,
    kind: u32,
    tunnel: Option<Tunnel>,
}

fn add_one(call: &Call<'_>, dp: &mut Dp, rtnl: &mut Rtnl, datapath: &Datapath, text: &str) -> Outcome {
    let iface: Iface = text.parse().map_err(Complaint::new)?;
    if iface.port_no == Some(0) {
        return Err(Complaint::new(format!("{}: port 0 is the datapath's own", iface.name)));
    }
    let wanted = wanted(call, rtnl, &iface)?;
    let failed = || format!("adding {} to {} failed", iface.name, call.arg(0));
    let new = vport::New {
        dp_ifindex: datapath.index,
        name: &wanted.name,
        kind: wanted.kind,
        upcall_pids: &[],
        port_no: iface.port_no,
        ifindex: None,
        tunnel: wanted.tunnel,
    };
    let made = dp.add_vport(&new).map_err(|error| Complaint::because(failed(), &error))?;
    let up = |why: Why| Complaint::because(format!("{}: failed bringing interface up", iface.name), why);
    let link = rtnl.link(&made.name).map_err(|error| up(Why::from(&error)))?.ok_or_else(|| up(Why::errno(Errno::ENODEV)))?;
    rtnl.set_link(link.index, &LinkChange { up: Some(true), ..LinkChange::default() }).map_err(|error| up(Why::from(&error)))
}

fn wanted(call: &Call<'_>, rtnl: &mut Rtnl, iface: &Iface) -> Result<Wanted, Complaint> {
    let about = |text: &str| Complaint::new(format!("{}: {text}", iface.name));
    let no_options = || match iface.options.first() {
        Some((key, _)) => Err(about(&format!("a device of type {} takes no option {key}", iface.kind))),
        None => Ok(()),
    };
    match iface.kind.as_str() {
        "system" => {
            no_options()?;
            let failed = |why: Why| Complaint::because(format!("{}: failed to open network device", iface.name), why);
            let name = IfName::new(&iface.name).map_err(|bad| failed(Why::explained(Errno::ENODEV, bad.to_string())))?;
            let found = rtnl.link(&name).map_err(|error| failed(Why::from(&error)))?;
            // The kernel finds a link by its other names too, but attaches it by its own only.
            found.filter(|link| link.name == name).ok_or_else(|| failed(Why::errno(Errno::ENODEV)))?;
            Ok(Wanted { name, kind: kind::NETDEV, tunnel: None })
        }
        "internal" => {
            no_options()?;
            let name = IfName::new(&iface.name).map_err(|bad| {
                Complaint::because(format!("adding {} to {} failed", iface.name, call.arg(0)), Why::explained(Errno::EINVAL, bad.to_string()))
            })?;
            Ok(Wanted { name, kind: kind::INTERNAL, tunnel: None })
        }
        _ => {
            let tunnel::New { name, kind, options, idle } = tunnel::plan(iface).map_err(|wrong| about(&wrong))?;
            if !idle.is_empty() {
                call.warn(&format!("{}: {} has no effect on a datapath's port: each flow sets where its packets go", iface.name, idle.join(" ")));
            }
            Ok(Wanted { name, kind, tunnel: options })
        }
    }
}

/// `set-if DP IFACE…`: the kernel changes nothing about a port, so this checks that it is what is said.
pub(super) fn set(call: &mut Call<'_>) -> Outcome {
    let (mut dp, datapath) = open(call)?;
    for_each(call, |call, text| {
        let iface: Iface = text.parse().map_err(Complaint::new)?;
        let name = &iface.name;
        let failed = |why: Why| Complaint::because(format!("{name}: failed to query port in {}", call.arg(0)), why);
        let vport = find(&mut dp, &datapath, name).map_err(failed)?.ok_or_else(|| failed(Why::errno(Errno::ENODEV)))?;
        let kind = tunnel::type_of(&vport);
        if iface.kind_given && iface.kind != kind {
            return Err(Complaint::new(format!("{name}: can't change type from {kind} to {}", iface.kind)));
        }
        match iface.port_no {
            Some(number) if number != vport.number => {
                return Err(Complaint::new(format!("{name}: can't change port number from {} to {number}", vport.number)));
            }
            _ => {}
        }
        match iface.options.first() {
            None => Ok(()),
            Some(_) if tunnel::is_tunnel(&vport) => {
                Err(Complaint::new(format!("{name}: the kernel changes no option of a tunnel port; delete it and add it again")))
            }
            Some(_) => Err(Complaint::new(format!("{name}: arguments provided to device that is not configurable"))),
        }
    })
}

/// The port called `name` of this datapath.
fn find(dp: &mut Dp, datapath: &Datapath, name: &str) -> Result<Option<Vport>, Why> {
    let Ok(name) = IfName::new(name) else { return Ok(None) };
    let found = dp.vport(datapath.index, Which::Name(&name)).map_err(|error| Why::from(&error))?;
    Ok(found.filter(|vport| vport.datapath == datapath.index))
}

/// `del-if DP IFACE…`, each by name or number.
pub(super) fn delete(call: &mut Call<'_>) -> Outcome {
    let (mut dp, datapath) = open(call)?;
    for_each(call, |call, text| {
        let failed = |why: Why| Complaint::because(format!("deleting port {text} from {} failed", call.arg(0)), why);
        let vport = match text.parse() {
            Ok(number) => dp.vport(datapath.index, Which::Number(number)).map_err(|error| failed(Why::from(&error)))?,
            Err(_) => {
                let found = find(&mut dp, &datapath, text).map_err(failed)?;
                Some(found.ok_or_else(|| Complaint::new(format!("no port named {text}")))?)
            }
        };
        let vport = vport.ok_or_else(|| failed(Why::errno(Errno::ENODEV)))?;
        if vport.number == 0 {
            return Err(failed(Why::explained(Errno::EINVAL, "port 0 is the datapath's own; del-dp deletes both")));
        }
        dp.delete_vport(datapath.index, Which::Number(vport.number)).map_err(|error| failed(Why::from(&error)))?;
        if vport.kind == VportKind::Netdev && tunnel::is_tunnel(&vport) {
            delete_tunnel_device(&vport).map_err(failed)?;
        }
        Ok(())
    })
}

/// Open vSwitch makes a tunnel's device beside the datapath, so it stays when its port goes.
fn delete_tunnel_device(vport: &Vport) -> Result<(), Why> {
    let mut rtnl = Rtnl::open().map_err(|error| Why::from(&error))?;
    match rtnl.link(&vport.name).map_err(|error| Why::from(&error))? {
        Some(link) => rtnl.delete_link(link.index).map_err(|error| Why::from(&error)),
        None => Ok(()),
    }
}
