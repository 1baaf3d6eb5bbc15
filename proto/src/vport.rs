//! Ports: the `ovs_vport` family.

use crate::datapath::put_name;
use crate::error::{DecodeError, Reason};
use crate::family::{self, Request};
use crate::ifname::IfName;
use crate::nla::{self, Attr, Attrs, TooLong};
use crate::uapi::vport::{VERSION, attr, cmd, tunnel, upcall, vxlan_ext};

const FAMILY: &str = "ovs_vport";

/// Counters of a port, as the datapath sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Packets received.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Bad packets received.
    pub rx_errors: u64,
    /// Packets that could not be sent.
    pub tx_errors: u64,
    /// Packets dropped on the way in.
    pub rx_dropped: u64,
    /// Packets dropped on the way out.
    pub tx_dropped: u64,
}

/// Upcalls of a port. From Linux 6.3.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UpcallStats {
    /// Upcalls that were delivered.
    pub success: u64,
    /// Upcalls that were lost.
    pub fail: u64,
}

/// A port, as an answer or an event describes it.
#[derive(Debug, Clone, Copy)]
pub struct Vport<'a> {
    /// The command: an answer to GET or NEW carries NEW, to SET SET; an event also DEL.
    pub cmd: u8,
    /// The datapath, by its local port's interface index.
    pub dp_ifindex: u32,
    /// Its number.
    pub port_no: u32,
    /// One of [`uapi::vport::kind`](crate::uapi::vport::kind).
    pub kind: u32,
    /// Its device's name.
    pub name: &'a [u8],
    /// Its device's interface index, in its own network namespace.
    pub ifindex: Option<u32>,
    /// The network namespace its device was moved to, as numbered in ours; `None` when it is here.
    pub netnsid: Option<i32>,
    /// Its counters.
    pub stats: Option<Stats>,
    /// Its upcalls.
    pub upcall_stats: Option<UpcallStats>,
    upcall_pids: Option<Attr<'a>>,
    options: Option<Attr<'a>>,
    attrs: Attrs<'a>,
}

/// Options of a tunnel port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tunnel {
    /// The UDP port it listens at.
    pub dst_port: Option<u16>,
    /// Whether VXLAN's group policy is on.
    pub gbp: bool,
}

impl<'a> Vport<'a> {
    /// Reads a message's payload.
    ///
    /// # Errors
    /// When a header or attribute is malformed, or number, type or name is missing.
    pub fn parse(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let (cmd, dp_ifindex, mut attrs) = family::parse(payload)?;
        let (mut port_no, mut kind, mut name) = (None, None, None);
        let mut this = Self {
            cmd,
            dp_ifindex,
            port_no: 0,
            kind: 0,
            name: b"",
            ifindex: None,
            netnsid: None,
            stats: None,
            upcall_stats: None,
            upcall_pids: None,
            options: None,
            attrs,
        };
        for attr in attrs.by_ref() {
            match attr.kind() {
                attr::PORT_NO => port_no = Some(u32::from_ne_bytes(attr.fixed(FAMILY)?)),
                attr::TYPE => kind = Some(u32::from_ne_bytes(attr.fixed(FAMILY)?)),
                attr::NAME => name = Some(attr.cstr()),
                attr::IFINDEX => this.ifindex = Some(u32::from_ne_bytes(attr.fixed(FAMILY)?)),
                attr::NETNSID => this.netnsid = Some(i32::from_ne_bytes(attr.fixed(FAMILY)?)),
                attr::STATS => {
                    let [rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped] =
                        family::u64s(attr.payload()).ok_or(attr.error(FAMILY, Reason::BadLength))?;
                    this.stats = Some(Stats { rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped });
                }
                attr::UPCALL_STATS => {
                    let mut stats = UpcallStats::default();
                    for counter in attr.nested() {
                        match counter.kind() {
                            // Here SUCCESS is attribute 0; a padding attribute of the same number has no payload.
                            upcall::SUCCESS if counter.payload().is_empty() => {}
                            upcall::SUCCESS => stats.success = u64::from_ne_bytes(counter.fixed(FAMILY)?),
                            upcall::FAIL => stats.fail = u64::from_ne_bytes(counter.fixed(FAMILY)?),
                            _ => {}
                        }
                    }
                    this.upcall_stats = Some(stats);
                }
                attr::UPCALL_PID => this.upcall_pids = Some(attr),
                attr::OPTIONS => this.options = Some(attr),
                _ => {}
            }
        }
        family::ended(&attrs, FAMILY)?;
        let missing = |attr| DecodeError::new(FAMILY, attr, 0, Reason::Missing);
        this.port_no = port_no.ok_or(missing(attr::PORT_NO))?;
        this.kind = kind.ok_or(missing(attr::TYPE))?;
        this.name = name.ok_or(missing(attr::NAME))?;
        Ok(this)
    }

    /// Every attribute, those without an accessor among them.
    pub const fn attrs(&self) -> Attrs<'a> {
        self.attrs
    }

    /// The sockets its upcalls go to, unless they are dispatched per CPU.
    pub fn upcall_pids(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.upcall_pids.into_iter().flat_map(|attr| attr.u32s())
    }

    /// The options of a tunnel port; `None` when there are none.
    pub fn tunnel(&self) -> Option<Tunnel> {
        let options = self.options?.nested();
        Some(Tunnel {
            dst_port: options.find(tunnel::DST_PORT).and_then(|attr| attr.u16()),
            gbp: options.find(tunnel::EXTENSION).is_some_and(|ext| ext.nested().find(vxlan_ext::GBP).is_some()),
        })
    }
}

/// How a request names a port.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// By its number.
    Number(u32),
    /// By its device's name.
    Name(&'a IfName),
}

impl Which<'_> {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        match self {
            Self::Number(number) => {
                nla::put_u32(out, attr::PORT_NO, *number);
                Ok(())
            }
            Self::Name(name) => put_name(out, attr::NAME, name),
        }
    }
}

fn put_pids(out: &mut Vec<u8>, pids: &[u32]) -> Result<(), TooLong> {
    nla::put_nested(out, attr::UPCALL_PID, |out| {
        for pid in pids {
            out.extend_from_slice(&pid.to_ne_bytes());
        }
        Ok(())
    })
}

fn put_tunnel(out: &mut Vec<u8>, options: &Tunnel) -> Result<(), TooLong> {
    nla::put_nested(out, attr::OPTIONS, |out| {
        if let Some(port) = options.dst_port {
            nla::put_u16(out, tunnel::DST_PORT, port);
        }
        if options.gbp {
            nla::put_nested::<TooLong>(out, tunnel::EXTENSION, |out| {
                nla::put_flag(out, vxlan_ext::GBP);
                Ok(())
            })?;
        }
        Ok(())
    })
}

/// What a new port shall be.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// The datapath, by its local port's interface index.
    pub dp_ifindex: u32,
    /// Its device's name.
    pub name: &'a IfName,
    /// One of [`uapi::vport::kind`](crate::uapi::vport::kind).
    pub kind: u32,
    /// The sockets for its upcalls; empty: a single 0, none. The kernel demands the attribute even when it is not used.
    pub upcall_pids: &'a [u32],
    /// Its number; `None`: the lowest free one, from 1.
    pub port_no: Option<u32>,
    /// The interface index of an internal port. From Linux 6.1.
    pub ifindex: Option<u32>,
    /// A tunnel port's options.
    pub tunnel: Option<Tunnel>,
}

/// Appends NEW: add a port. With [`nlmsg::flag::ECHO`](crate::nlmsg::flag::ECHO) the answer tells its number.
///
/// # Errors
/// [`TooLong`] when the sockets do not fit an attribute; nothing is appended then.
pub fn new(out: &mut Vec<u8>, request: Request, new: &New<'_>) -> Result<(), TooLong> {
    family::put(out, request, cmd::NEW, VERSION, new.dp_ifindex, |out| {
        nla::put_u32(out, attr::TYPE, new.kind);
        put_name(out, attr::NAME, new.name)?;
        put_pids(out, if new.upcall_pids.is_empty() { &[0] } else { new.upcall_pids })?;
        if let Some(number) = new.port_no {
            nla::put_u32(out, attr::PORT_NO, number);
        }
        if let Some(ifindex) = new.ifindex {
            nla::put_u32(out, attr::IFINDEX, ifindex);
        }
        new.tunnel.as_ref().map_or(Ok(()), |options| put_tunnel(out, options))
    })
}

/// Appends SET: give a port other upcall sockets.
///
/// # Errors
/// [`TooLong`] when the sockets do not fit an attribute; nothing is appended then.
pub fn set_upcall_pids(out: &mut Vec<u8>, request: Request, dp_ifindex: u32, which: Which<'_>, pids: &[u32]) -> Result<(), TooLong> {
    family::put(out, request, cmd::SET, VERSION, dp_ifindex, |out| {
        which.put(out)?;
        put_pids(out, pids)
    })
}

/// Appends SET: give a tunnel port other options.
///
/// # Errors
/// None in practice: they fit.
pub fn set_tunnel(out: &mut Vec<u8>, request: Request, dp_ifindex: u32, which: Which<'_>, options: &Tunnel) -> Result<(), TooLong> {
    family::put(out, request, cmd::SET, VERSION, dp_ifindex, |out| {
        which.put(out)?;
        put_tunnel(out, options)
    })
}

/// Appends GET: read one port. By name `dp_ifindex` may be 0: any datapath of this network namespace.
///
/// # Errors
/// None in practice: a name fits.
pub fn get(out: &mut Vec<u8>, request: Request, dp_ifindex: u32, which: Which<'_>) -> Result<(), TooLong> {
    family::put(out, request, cmd::GET, VERSION, dp_ifindex, |out| which.put(out))
}

/// Appends GET: read every port of a datapath.
///
/// # Errors
/// None in practice.
pub fn dump(out: &mut Vec<u8>, request: Request, dp_ifindex: u32) -> Result<(), TooLong> {
    let request = Request { flags: request.flags | crate::nlmsg::flag::DUMP, ..request };
    family::put(out, request, cmd::GET, VERSION, dp_ifindex, |_| Ok(()))
}

/// Appends DEL: remove a port. The local port cannot be; flows that name the port stay.
///
/// # Errors
/// None in practice: a name fits.
pub fn del(out: &mut Vec<u8>, request: Request, dp_ifindex: u32, which: Which<'_>) -> Result<(), TooLong> {
    family::put(out, request, cmd::DEL, VERSION, dp_ifindex, |out| which.put(out))
}
