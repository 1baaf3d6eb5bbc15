//! Datapaths: the `ovs_datapath` family, version 2.

use crate::error::{DecodeError, Reason};
use crate::family::{self, Request};
use crate::ifname::IfName;
use crate::nla::{self, Attr, Attrs, TooLong};
use crate::uapi::dp::{VERSION, attr, cmd};

const FAMILY: &str = "ovs_datapath";

/// Counters of a datapath.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Packets a flow matched.
    pub hit: u64,
    /// Packets no flow matched.
    pub missed: u64,
    /// Of those, packets that could not be sent up.
    pub lost: u64,
    /// Flows there are.
    pub flows: u64,
}

/// Counters of a datapath's masks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MegaflowStats {
    /// Masks tried, over all lookups.
    pub mask_hit: u64,
    /// Masks there are.
    pub masks: u32,
    /// Lookups that the mask cache shortened.
    pub cache_hit: u64,
}

impl MegaflowStats {
    fn from_bytes(bytes: [u8; 32]) -> Self {
        let [mask_hit, masks, cache_hit, _] = family::u64s::<4>(&bytes).unwrap_or_default();
        // The second word is a u32 and padding, in memory's order.
        let [m0, m1, m2, m3, ..] = masks.to_ne_bytes();
        Self { mask_hit, masks: u32::from_ne_bytes([m0, m1, m2, m3]), cache_hit }
    }
}

/// A datapath, as an answer or an event describes it.
#[derive(Debug, Clone, Copy)]
pub struct Datapath<'a> {
    /// The command: an answer to GET or SET or the creation carries NEW (or SET), an event also DEL.
    pub cmd: u8,
    /// The local port's interface index: what requests name the datapath by.
    pub dp_ifindex: u32,
    /// Its name.
    pub name: &'a [u8],
    /// Its counters.
    pub stats: Option<Stats>,
    /// Its masks' counters.
    pub megaflow_stats: Option<MegaflowStats>,
    /// Bits of [`uapi::dp::feature`](crate::uapi::dp::feature).
    pub user_features: Option<u32>,
    /// Entries of the mask cache of each CPU.
    pub masks_cache_size: Option<u32>,
    per_cpu_pids: Option<Attr<'a>>,
    attrs: Attrs<'a>,
}

impl<'a> Datapath<'a> {
    /// Reads a message's payload.
    ///
    /// # Errors
    /// When a header or attribute is malformed, or the name is missing.
    pub fn parse(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let (cmd, dp_ifindex, mut attrs) = family::parse(payload)?;
        let mut name = None;
        let mut this = Self {
            cmd,
            dp_ifindex,
            name: b"",
            stats: None,
            megaflow_stats: None,
            user_features: None,
            masks_cache_size: None,
            per_cpu_pids: None,
            attrs,
        };
        for attr in attrs.by_ref() {
            match attr.kind() {
                attr::NAME => name = Some(attr.cstr()),
                attr::STATS => {
                    let [hit, missed, lost, flows] = family::u64s(attr.payload()).ok_or(attr.error(FAMILY, Reason::BadLength))?;
                    this.stats = Some(Stats { hit, missed, lost, flows });
                }
                attr::MEGAFLOW_STATS => this.megaflow_stats = Some(MegaflowStats::from_bytes(attr.fixed(FAMILY)?)),
                attr::USER_FEATURES => this.user_features = Some(u32::from_ne_bytes(attr.fixed(FAMILY)?)),
                attr::MASKS_CACHE_SIZE => this.masks_cache_size = Some(u32::from_ne_bytes(attr.fixed(FAMILY)?)),
                attr::PER_CPU_PIDS => this.per_cpu_pids = Some(attr),
                _ => {}
            }
        }
        family::ended(&attrs, FAMILY)?;
        this.name = name.ok_or(DecodeError::new(FAMILY, attr::NAME, 0, Reason::Missing))?;
        Ok(this)
    }

    /// Every attribute, those without an accessor among them.
    pub const fn attrs(&self) -> Attrs<'a> {
        self.attrs
    }

    /// The upcall sockets, one for each CPU; nothing when upcalls are dispatched per vport.
    pub fn per_cpu_pids(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.per_cpu_pids.into_iter().flat_map(|attr| attr.u32s())
    }
}

/// How a request names a datapath.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// By its local port's interface index.
    Index(u32),
    /// By its name.
    Name(&'a IfName),
}

impl Which<'_> {
    const fn index(&self) -> u32 {
        match self {
            Self::Index(index) => *index,
            Self::Name(_) => 0,
        }
    }

    fn put(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        match self {
            Self::Index(_) => Ok(()),
            Self::Name(name) => put_name(out, attr::NAME, name),
        }
    }
}

/// Appends a device's name with the NUL the kernel asks for.
pub(crate) fn put_name(out: &mut Vec<u8>, kind: u16, name: &IfName) -> Result<(), TooLong> {
    nla::put_nested(out, kind, |out| {
        out.extend_from_slice(name.as_str().as_bytes());
        out.push(0);
        Ok(())
    })
}

fn put_u32s(out: &mut Vec<u8>, kind: u16, values: &[u32]) -> Result<(), TooLong> {
    nla::put_nested(out, kind, |out| {
        for value in values {
            out.extend_from_slice(&value.to_ne_bytes());
        }
        Ok(())
    })
}

/// What a new datapath shall be.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// Its name and its local port's.
    pub name: &'a IfName,
    /// The socket for the local port's upcalls; 0: none. The kernel demands the attribute even when it is not used.
    pub upcall_pid: u32,
    /// Bits of [`uapi::dp::feature`](crate::uapi::dp::feature).
    pub user_features: u32,
    /// One upcall socket for each CPU; empty: left out.
    pub per_cpu_pids: &'a [u32],
    /// The interface index of its local port. From Linux 6.1.
    pub ifindex: Option<u32>,
    /// Entries of the mask cache of each CPU.
    pub masks_cache_size: Option<u32>,
}

/// Appends NEW: create a datapath.
///
/// # Errors
/// [`TooLong`] when the sockets do not fit an attribute; nothing is appended then.
pub fn new(out: &mut Vec<u8>, request: Request, new: &New<'_>) -> Result<(), TooLong> {
    family::put(out, request, cmd::NEW, VERSION, 0, |out| {
        put_name(out, attr::NAME, new.name)?;
        nla::put_u32(out, attr::UPCALL_PID, new.upcall_pid);
        nla::put_u32(out, attr::USER_FEATURES, new.user_features);
        if !new.per_cpu_pids.is_empty() {
            put_u32s(out, attr::PER_CPU_PIDS, new.per_cpu_pids)?;
        }
        if let Some(ifindex) = new.ifindex {
            nla::put_u32(out, attr::IFINDEX, ifindex);
        }
        if let Some(size) = new.masks_cache_size {
            nla::put_u32(out, attr::MASKS_CACHE_SIZE, size);
        }
        Ok(())
    })
}

/// What to change of a datapath.
#[derive(Debug, Clone, Copy)]
pub struct Set<'a> {
    /// Which one.
    pub which: Which<'a>,
    /// All its features: the kernel clears them when they are left out, so they cannot be.
    pub user_features: u32,
    /// One upcall socket for each CPU; empty: unchanged.
    pub per_cpu_pids: &'a [u32],
    /// Entries of the mask cache of each CPU; `None`: unchanged.
    pub masks_cache_size: Option<u32>,
}

/// Appends SET: change a datapath.
///
/// # Errors
/// [`TooLong`] when the sockets do not fit an attribute; nothing is appended then.
pub fn set(out: &mut Vec<u8>, request: Request, set: &Set<'_>) -> Result<(), TooLong> {
    family::put(out, request, cmd::SET, VERSION, set.which.index(), |out| {
        set.which.put(out)?;
        nla::put_u32(out, attr::USER_FEATURES, set.user_features);
        if !set.per_cpu_pids.is_empty() {
            put_u32s(out, attr::PER_CPU_PIDS, set.per_cpu_pids)?;
        }
        if let Some(size) = set.masks_cache_size {
            nla::put_u32(out, attr::MASKS_CACHE_SIZE, size);
        }
        Ok(())
    })
}

/// Appends GET: read one datapath.
///
/// # Errors
/// None in practice: a name fits.
pub fn get(out: &mut Vec<u8>, request: Request, which: Which<'_>) -> Result<(), TooLong> {
    family::put(out, request, cmd::GET, VERSION, which.index(), |out| which.put(out))
}

/// Appends GET: read every datapath. The request's flags need [`nlmsg::flag::DUMP`](crate::nlmsg::flag::DUMP), set here.
///
/// # Errors
/// None in practice.
pub fn dump(out: &mut Vec<u8>, request: Request) -> Result<(), TooLong> {
    let request = Request { flags: request.flags | crate::nlmsg::flag::DUMP, ..request };
    family::put(out, request, cmd::GET, VERSION, 0, |_| Ok(()))
}

/// Appends DEL: remove a datapath with its ports and flows.
///
/// # Errors
/// None in practice: a name fits.
pub fn del(out: &mut Vec<u8>, request: Request, which: Which<'_>) -> Result<(), TooLong> {
    family::put(out, request, cmd::DEL, VERSION, which.index(), |out| which.put(out))
}
