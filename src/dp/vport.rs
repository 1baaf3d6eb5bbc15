//! Vports: a datapath's ports.

use ovsdp_proto::nlmsg::{Message, flag};
use ovsdp_proto::uapi::vport::{attr, kind};
use ovsdp_proto::vport::{self, Stats, Tunnel, UpcallStats, Which};
use ovsdp_proto::{IfName, Request};

use super::datapath::name;
use super::{Dp, Error, absent};
use crate::nl;

/// What kind of port it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VportKind {
    /// A network device that was there before.
    Netdev,
    /// A network device the datapath makes: the host's side of a bridge.
    Internal,
    /// A GRE tunnel made by the datapath.
    Gre,
    /// A VXLAN tunnel made by the datapath.
    Vxlan,
    /// A Geneve tunnel made by the datapath.
    Geneve,
    /// Another number.
    Other(u32),
}

impl VportKind {
    /// By its number (`OVS_VPORT_TYPE_*`).
    pub const fn of(number: u32) -> Self {
        match number {
            kind::NETDEV => Self::Netdev,
            kind::INTERNAL => Self::Internal,
            kind::GRE => Self::Gre,
            kind::VXLAN => Self::Vxlan,
            kind::GENEVE => Self::Geneve,
            other => Self::Other(other),
        }
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        match self {
            Self::Netdev => kind::NETDEV,
            Self::Internal => kind::INTERNAL,
            Self::Gre => kind::GRE,
            Self::Vxlan => kind::VXLAN,
            Self::Geneve => kind::GENEVE,
            Self::Other(other) => other,
        }
    }
}

/// A vport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vport {
    /// The datapath, by its local port's interface index.
    pub datapath: u32,
    /// Its number in the datapath; 0 is the local port.
    pub number: u32,
    /// What kind of port it is.
    pub kind: VportKind,
    /// Its device's name.
    pub name: IfName,
    /// Its device's interface index, in the namespace the device is in.
    pub ifindex: Option<u32>,
    /// The namespace its device was moved to, as numbered in ours; `None` when it is here.
    pub netnsid: Option<i32>,
    /// Packets and bytes, as the port's device counts them: what the datapath puts out of an internal port is received.
    pub stats: Option<Stats>,
    /// Upcalls (6.3 and later).
    pub upcall_stats: Option<UpcallStats>,
    /// The sockets its upcalls go to, unless they are dispatched per CPU.
    pub upcall_pids: Vec<u32>,
    /// A tunnel's options.
    pub tunnel: Option<Tunnel>,
}

impl Vport {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, nl::Error> {
        let view = vport::Vport::parse(payload)?;
        Ok(Self {
            datapath: view.dp_ifindex,
            number: view.port_no,
            kind: VportKind::of(view.kind),
            name: name(view.name, "ovs_vport", attr::NAME)?,
            ifindex: view.ifindex,
            netnsid: view.netnsid,
            stats: view.stats,
            upcall_stats: view.upcall_stats,
            upcall_pids: view.upcall_pids().collect(),
            tunnel: view.tunnel(),
        })
    }
}

fn read(message: &Message<'_>) -> Result<Vport, nl::Error> {
    Vport::parse(message.payload)
}

fn describe(which: &Which<'_>) -> String {
    match which {
        Which::Number(number) => format!("number {number}"),
        Which::Name(name) => name.to_string(),
    }
}

impl Dp {
    /// Attaches a device (it becomes promiscuous and loses large receive offload), or makes an internal port or tunnel.
    /// Returns the port with its number.
    ///
    /// # Errors
    /// [`nl::Kind::NoDevice`] when there is no such device (or only an alternative name), [`nl::Kind::Exists`] when it is
    /// in this datapath already or an internal port's name is taken, [`nl::Kind::Busy`] when it has another master,
    /// [`nl::Kind::Invalid`] for loopback, other than Ethernet, and internal ports of a datapath,
    /// [`nl::Kind::NotPermitted`].
    pub fn add_vport(&mut self, new: &vport::New<'_>) -> Result<Vport, Error> {
        let request = Request::new(self.families.vport, 0, flag::ECHO);
        self.one(|batch| batch.append(|out| vport::new(out, request, new)), read).map_err(|error| error.on("attach", new.name).into())
    }

    /// Attaches the existing device `name` to `datapath`. `upcall_pids` matter only where upcalls are dispatched per vport.
    ///
    /// # Errors
    /// As [`Dp::add_vport`].
    pub fn add_netdev(&mut self, datapath: u32, name: &IfName, upcall_pids: &[u32]) -> Result<Vport, Error> {
        let kind = kind::NETDEV;
        self.add_vport(&vport::New { dp_ifindex: datapath, name, kind, upcall_pids, port_no: None, ifindex: None, tunnel: None })
    }

    /// Makes an internal port, and with it a device called `name`, which is down and has a random MAC address.
    ///
    /// # Errors
    /// As [`Dp::add_vport`].
    pub fn add_internal(&mut self, datapath: u32, name: &IfName, upcall_pids: &[u32]) -> Result<Vport, Error> {
        let kind = kind::INTERNAL;
        self.add_vport(&vport::New { dp_ifindex: datapath, name, kind, upcall_pids, port_no: None, ifindex: None, tunnel: None })
    }

    /// Detaches a port; an internal one's device goes with it. Flows that name it stay. The local port cannot be detached.
    ///
    /// # Errors
    /// [`nl::Kind::NoDevice`] when there is none, [`nl::Kind::Invalid`] for the local port, [`nl::Kind::NotPermitted`].
    pub fn delete_vport(&mut self, datapath: u32, which: Which<'_>) -> Result<(), Error> {
        let request = Request::new(self.families.vport, 0, 0);
        self.done(|batch| batch.append(|out| vport::del(out, request, datapath, which))).map_err(|error| error.on("detach", describe(&which)).into())
    }

    /// One port; `None` when there is none. By name, `datapath` may be 0: any of the network namespace.
    ///
    /// # Errors
    /// When the kernel does not answer or its answer cannot be read.
    pub fn vport(&mut self, datapath: u32, which: Which<'_>) -> Result<Option<Vport>, Error> {
        let request = Request::new(self.families.vport, 0, 0);
        let found = self.one(|batch| batch.append(|out| vport::get(out, request, datapath, which)), read);
        absent(found).map_err(|error| error.on("look up port", describe(&which)).into())
    }

    /// Every port of a datapath, the local one too.
    ///
    /// # Errors
    /// [`nl::Kind::NoDevice`] when the datapath is gone; when the kernel does not answer.
    pub fn vports(&mut self, datapath: u32) -> Result<Vec<Vport>, Error> {
        let request = Request::new(self.families.vport, 0, 0);
        self.all(|batch| batch.append(|out| vport::dump(out, request, datapath)), read).map_err(|error| error.on("list", "ports").into())
    }

    /// Directs a port's upcalls to other sockets, where they are dispatched per vport.
    ///
    /// # Errors
    /// [`nl::Kind::NoDevice`] when there is none, [`nl::Kind::NotPermitted`].
    pub fn set_vport_upcall_pids(&mut self, datapath: u32, which: Which<'_>, pids: &[u32]) -> Result<(), Error> {
        let request = Request::new(self.families.vport, 0, 0);
        let pids = if pids.is_empty() { &[0] } else { pids };
        self.done(|batch| batch.append(|out| vport::set_upcall_pids(out, request, datapath, which, pids)))
            .map_err(|error| error.on("set upcall sockets of port", describe(&which)).into())
    }
}
