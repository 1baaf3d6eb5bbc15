//! Datapaths: making, finding, removing them, and where their upcalls go.

use ovsdp_proto::datapath::{self, MegaflowStats, Stats, Which};
use ovsdp_proto::nlmsg::{Message, flag};
use ovsdp_proto::uapi::dp::{attr, feature};
use ovsdp_proto::{DecodeError, IfName, Reason, Request};

use super::{Dp, Error, absent};
use crate::nl::{self, Kind};

/// The name of the one datapath that every bridge of a network namespace shares.
pub const SYSTEM: &str = "ovs-system";

/// A datapath.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datapath {
    /// The interface index of its local port: what requests name it by.
    pub index: u32,
    /// Its name, and its local port's.
    pub name: IfName,
    /// Bits of [`feature`].
    pub features: u32,
    /// The upcall socket of each CPU; empty when upcalls are dispatched per vport.
    pub per_cpu_pids: Vec<u32>,
    /// Packets and flows.
    pub stats: Option<Stats>,
    /// Masks.
    pub megaflow_stats: Option<MegaflowStats>,
    /// Entries of each CPU's mask cache.
    pub masks_cache_size: Option<u32>,
}

/// Where a datapath's upcalls go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dispatch {
    /// To the socket of the CPU that met the packet (5.15 and later).
    PerCpu,
    /// To a socket of the vport the packet came in by; vports must be told theirs.
    PerVport,
}

impl Datapath {
    /// Where its upcalls go.
    pub const fn dispatch(&self) -> Dispatch {
        // A kernel too old for it may take the feature bit without a word; only a new one shows the sockets.
        if self.features & feature::DISPATCH_UPCALL_PER_CPU != 0 && !self.per_cpu_pids.is_empty() { Dispatch::PerCpu } else { Dispatch::PerVport }
    }

    pub(super) fn parse(payload: &[u8]) -> Result<Self, nl::Error> {
        let view = datapath::Datapath::parse(payload)?;
        Ok(Self {
            index: view.dp_ifindex,
            name: name(view.name, "ovs_datapath", attr::NAME)?,
            features: view.user_features.unwrap_or(0),
            per_cpu_pids: view.per_cpu_pids().collect(),
            stats: view.stats,
            megaflow_stats: view.megaflow_stats,
            masks_cache_size: view.masks_cache_size,
        })
    }
}

/// A device's name out of an answer.
pub(super) fn name(bytes: &[u8], family: &'static str, attr: u16) -> Result<IfName, DecodeError> {
    let text = core::str::from_utf8(bytes).ok();
    text.and_then(|text| IfName::new(text).ok()).ok_or(DecodeError::new(family, attr, 0, Reason::BadValue))
}

fn read(message: &Message<'_>) -> Result<Datapath, nl::Error> {
    Datapath::parse(message.payload)
}

/// Features of a datapath with this dispatch.
const fn features(dispatch: Dispatch) -> u32 {
    // Unaligned: the kernel then hands up packets without copying them.
    match dispatch {
        Dispatch::PerCpu => feature::UNALIGNED | feature::DISPATCH_UPCALL_PER_CPU,
        Dispatch::PerVport => feature::UNALIGNED | feature::VPORT_PIDS,
    }
}

impl Dp {
    /// The datapath called `name`; `None` when there is none.
    ///
    /// # Errors
    /// When the kernel does not answer or its answer cannot be read.
    pub fn datapath(&mut self, name: &IfName) -> Result<Option<Datapath>, Error> {
        let request = Request::new(self.families.datapath, 0, 0);
        let found = self.one(|batch| batch.append(|out| datapath::get(out, request, Which::Name(name))), read);
        absent(found).map_err(|error| error.on("look up datapath", name).into())
    }

    /// Every datapath of the network namespace.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub fn datapaths(&mut self) -> Result<Vec<Datapath>, Error> {
        let request = Request::new(self.families.datapath, 0, 0);
        self.all(|batch| batch.append(|out| datapath::dump(out, request)), read).map_err(|error| error.on("list", "datapaths").into())
    }

    /// Makes a datapath whose upcalls go to the sockets `pids` (port ids, each serving its share of CPUs): per CPU where
    /// that is wanted and the kernel can, otherwise per vport, which [`Datapath::dispatch`] then says. Its local port is
    /// down.
    ///
    /// # Errors
    /// [`Kind::Exists`] or [`Kind::Busy`] when a device has the name, [`Kind::NotPermitted`].
    pub fn create_datapath(&mut self, name: &IfName, pids: &[u32], wanted: Dispatch) -> Result<Datapath, Error> {
        let request = Request::new(self.families.datapath, 0, flag::ECHO);
        let slots = super::cpu::spread(pids, super::cpu::slots());
        let make = |this: &mut Self, dispatch| {
            let new = datapath::New {
                name,
                // Its local port's own upcalls, where they are dispatched per vport.
                upcall_pid: if dispatch == Dispatch::PerVport { pids.first().copied().unwrap_or(0) } else { 0 },
                user_features: features(dispatch),
                per_cpu_pids: if dispatch == Dispatch::PerCpu { &slots } else { &[] },
                ifindex: None,
                masks_cache_size: None,
            };
            this.one(|batch| batch.append(|out| datapath::new(out, request, &new)), read)
        };
        let mut made = make(self, wanted);
        if wanted == Dispatch::PerCpu && matches!(&made, Err(error) if matches!(error.kind(), Kind::NotSupported | Kind::Invalid)) {
            made = make(self, Dispatch::PerVport);
        }
        let made = made.map_err(|error| error.on("create datapath", name))?;
        // A kernel that took the per-CPU bit without knowing it is told what it does know.
        if made.dispatch() == Dispatch::PerVport && made.features & feature::DISPATCH_UPCALL_PER_CPU != 0 {
            return self.set_upcall_pids(&made, pids, Dispatch::PerVport);
        }
        Ok(made)
    }

    /// Directs a datapath's upcalls to the sockets `pids`, as [`Dp::create_datapath`] does: for an agent that takes over
    /// after a restart, and after somebody else rewrote the features. Where upcalls are dispatched per vport, each
    /// vport must be told too. Without `pids`, upcalls are counted as lost.
    ///
    /// # Errors
    /// [`Kind::NoDevice`] when it is gone, [`Kind::NotPermitted`].
    pub fn set_upcall_pids(&mut self, datapath: &Datapath, pids: &[u32], wanted: Dispatch) -> Result<Datapath, Error> {
        let request = Request::new(self.families.datapath, 0, flag::ECHO);
        // A slot without a socket is 0: the kernel then counts the upcall as lost.
        let slots = super::cpu::spread(if pids.is_empty() { &[0] } else { pids }, super::cpu::slots());
        let set = |this: &mut Self, dispatch| {
            let set = datapath::Set {
                which: Which::Index(datapath.index),
                user_features: features(dispatch),
                per_cpu_pids: if dispatch == Dispatch::PerCpu { &slots } else { &[] },
                masks_cache_size: None,
            };
            this.one(|batch| batch.append(|out| datapath::set(out, request, &set)), read)
        };
        let mut done = set(self, wanted);
        let unknown = match &done {
            Ok(now) => now.dispatch() == Dispatch::PerVport,
            Err(error) => matches!(error.kind(), Kind::NotSupported | Kind::Invalid),
        };
        if unknown && wanted == Dispatch::PerCpu {
            done = set(self, Dispatch::PerVport);
        }
        done.map_err(|error| error.on("set upcall sockets of datapath", datapath.name).into())
    }

    /// Removes a datapath with its flows, internal ports and devices. Other devices are given back; tunnel devices made
    /// for it stay.
    ///
    /// # Errors
    /// [`Kind::NoDevice`] when there is none, [`Kind::NotPermitted`].
    pub fn delete_datapath(&mut self, name: &IfName) -> Result<(), Error> {
        let request = Request::new(self.families.datapath, 0, 0);
        self.done(|batch| batch.append(|out| datapath::del(out, request, Which::Name(name))))
            .map_err(|error| error.on("delete datapath", name).into())
    }
}
