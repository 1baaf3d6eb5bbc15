//! The steps about the datapath, its ports and the tunnel devices among them, and where upcalls go.

use ovsdp_proto::IfName;
use ovsdp_proto::vport::{New, Which};

use super::hands::{Hands, Upcalls, Way};
use super::log;
use super::why::{GONE, Why, forgive, missing};
use crate::dp::{Datapath, Dispatch};
use crate::error::{Error, Kind};
use crate::host::convert;
use crate::host::observe::system;
use crate::model::Device;
use crate::nl;

impl Hands {
    /// Which datapath there is.
    fn datapath(&mut self) -> Result<Datapath, Why> {
        let system = system()?;
        self.dp.datapath(&system)?.ok_or_else(|| missing("find datapath", system))
    }

    /// Has the kernel send every upcall of `datapath` to the handlers.
    ///
    /// # Errors
    /// The kernel refused.
    pub(super) fn direct_upcalls(&mut self, datapath: &Datapath) -> Result<(), Error> {
        let Upcalls { pids, dispatch, .. } = self.upcalls.clone();
        let datapath = self.dp.set_upcall_pids(datapath, &pids, dispatch)?;
        if datapath.dispatch() == Dispatch::PerVport {
            for vport in self.dp.vports(datapath.index)? {
                self.dp.set_vport_upcall_pids(datapath.index, Which::Number(vport.number), &pids)?;
            }
        }
        Ok(())
    }

    pub(super) fn create_datapath(&mut self, way: Way) -> Result<(), Why> {
        let name = system()?;
        if way == Way::Lenient && self.dp.datapath(&name)?.is_some() {
            return Ok(());
        }
        let Upcalls { pids, dispatch, .. } = self.upcalls.clone();
        self.dp.create_datapath(&name, &pids, dispatch)?;
        Ok(self.refresh()?)
    }

    pub(super) fn delete_datapath(&mut self, way: Way) -> Result<(), Why> {
        let name = system()?;
        // The kernel would take the ports of others along.
        if let Some(datapath) = self.dp.datapath(&name)?
            && let Some(other) = self.dp.vports(datapath.index)?.into_iter().find(|vport| vport.number != 0)
        {
            log::say(format_args!("the datapath stays: {} is a port of it", other.name));
            let busy = || Why::new(Kind::Failed, format!("{} was attached to it meanwhile", other.name));
            return if way == Way::Lenient { Ok(()) } else { Err(busy()) };
        }
        let result = self.dp.delete_datapath(&name).map_err(Why::from);
        if way == Way::Lenient {
            forgive(result, GONE)?
        } else {
            result?
        }
        Ok(self.refresh()?)
    }

    pub(super) fn attach(&mut self, bridge: IfName, name: IfName, kind: u32, port_no: Option<u32>, way: Way) -> Result<(), Why> {
        // Before its first packet comes up the switch must know where it belongs.
        self.places.insert(name, bridge);
        self.add_vport(name, kind, port_no, way)
    }

    pub(super) fn add_vport(&mut self, name: IfName, kind: u32, port_no: Option<u32>, way: Way) -> Result<(), Why> {
        let datapath = self.datapath()?;
        if way == Way::Lenient && self.dp.vport(datapath.index, Which::Name(&name))?.is_some() {
            return Ok(self.refresh()?);
        }
        let pids: &[u32] = if datapath.dispatch() == Dispatch::PerVport { &self.upcalls.pids } else { &[] };
        let port_no = port_no.or_else(|| self.numbers.free());
        let new = New { dp_ifindex: datapath.index, name: &name, kind, upcall_pids: pids, port_no, ifindex: None, tunnel: None };
        let mut made = self.dp.add_vport(&new);
        // Somebody else's port has the number meanwhile: any other does, flows are decided anew.
        if port_no.is_some() && made.as_ref().is_err_and(|error| matches!(error.kind(), nl::Kind::Busy | nl::Kind::Exists)) {
            made = self.dp.add_vport(&New { port_no: None, ..new });
        }
        let made = made?;
        Ok(self.note_attached(made.name, made.number)?)
    }

    pub(super) fn detach(&mut self, name: IfName, way: Way) -> Result<(), Why> {
        let result = self.datapath().and_then(|datapath| Ok(self.dp.delete_vport(datapath.index, Which::Name(&name))?));
        if way == Way::Lenient {
            forgive(result, GONE)?
        } else {
            result?
        }
        self.places.remove(&name);
        Ok(self.note_detached(name)?)
    }

    pub(super) fn create_tunnel(&mut self, device: Device, way: Way) -> Result<(), Why> {
        let (name, tunnel) = (device.name(), convert::to_tunnel(device));
        let is_there = way == Way::Lenient && self.rtnl.link(&name)?.is_some_and(|link| link.tunnel == Some(tunnel));
        if !is_there {
            self.rtnl.create_tunnel(&name, tunnel).map_err(|failure| {
                let lacking = failure.kind() == nl::Kind::NotSupported;
                let mut why = Why::from(failure);
                if lacking {
                    why.error.advice = Some(format!("install the kernel's module for it and `modprobe {}`", device.module()));
                }
                why
            })?;
        }
        if let Err(error) = self.remember(|memory| _ = memory.tunnels.insert(device)) {
            // One that nobody remembers to have made would stay for ever.
            self.delete_tunnel(device)?;
            return Err(error.into());
        }
        Ok(())
    }

    /// Deletes a device of ours. One that is gone, or has become something else, is no longer ours either way.
    pub(super) fn delete_tunnel(&mut self, device: Device) -> Result<(), Why> {
        if let Some(link) = self.rtnl.link(&device.name())?.filter(|link| link.tunnel == Some(convert::to_tunnel(device))) {
            forgive(self.rtnl.delete_link(link.index).map_err(Why::from), GONE)?;
        }
        Ok(self.remember(|memory| _ = memory.tunnels.remove(&device))?)
    }
}
