//! The cookies Open vSwitch's userspace puts in its `userspace` actions. The kernel carries them through; `ovs-dpctl` prints
//! what they say. Layout: `struct user_action_cookie` of Open vSwitch 2.17 to 3.x, host byte order unless said otherwise.

/// A cookie's length in bytes.
pub const COOKIE_LEN: usize = 48;

/// No OpenFlow port.
const NO_PORT: u32 = 0xffff;

const SFLOW: u16 = 1;
const SLOW_PATH: u16 = 2;
const FLOW_SAMPLE: u16 = 3;
const IPFIX: u16 = 4;
const CONTROLLER: u16 = 5;

/// What a cookie says. The bridge and OpenFlow port it has besides are not text; they read as none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cookie {
    /// A sample for the bridge's sFlow.
    SFlow {
        /// The tag the packet leaves with, as a TCI.
        vlan_tci: u16,
        /// sFlow's output.
        output: u32,
    },
    /// A flow userspace carries out itself.
    SlowPath {
        /// Why: bits, see [`Cookie::REASONS`].
        reason: u32,
    },
    /// A sample for a flow's IPFIX.
    FlowSample {
        /// The share of 65535 that is sampled.
        probability: u16,
        /// The set of collectors.
        collector_set_id: u32,
        /// The observation domain.
        obs_domain_id: u32,
        /// The observation point.
        obs_point_id: u32,
        /// The datapath's port it leaves by; all ones: none.
        output_port: u32,
        /// 1 on the way in, 2 on the way out.
        direction: u32,
    },
    /// A sample for the bridge's IPFIX.
    Ipfix {
        /// The datapath's port it leaves by; all ones: none.
        output_port: u32,
    },
    /// A packet for the OpenFlow controller.
    Controller {
        /// OpenFlow's reason.
        reason: u16,
        /// Not sent after all.
        dont_send: bool,
        /// Sent as a continuation.
        continuation: bool,
        /// The state it goes on from.
        recirc_id: u32,
        /// The OpenFlow flow's cookie.
        rule_cookie: u64,
        /// Which controller.
        controller_id: u16,
        /// At most this many bytes.
        max_len: u16,
    },
}

/// Cuts fixed pieces out of a cookie.
fn cut<const N: usize>(bytes: &[u8; COOKIE_LEN], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

fn put<const N: usize>(bytes: &mut [u8; COOKIE_LEN], at: usize, piece: [u8; N]) {
    if let Some(room) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *room = piece;
    }
}

impl Cookie {
    /// The names of the bits of a slow path's reason, from the lowest.
    pub const REASONS: &'static [&'static str] = &["cfm", "bfd", "lacp", "stp", "lldp", "action", "match"];

    /// Reads a cookie; `None` when it is none of Open vSwitch's.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; COOKIE_LEN] = bytes.try_into().ok()?;
        let short = |at| u16::from_ne_bytes(cut(bytes, at));
        let long = |at| u32::from_ne_bytes(cut(bytes, at));
        let flag = |at| cut::<1>(bytes, at) != [0];
        Some(match short(0) {
            SFLOW => Self::SFlow { vlan_tci: u16::from_be_bytes(cut(bytes, 24)), output: long(28) },
            SLOW_PATH => Self::SlowPath { reason: long(28) },
            FLOW_SAMPLE => Self::FlowSample {
                probability: short(24),
                collector_set_id: long(28),
                obs_domain_id: long(32),
                obs_point_id: long(36),
                output_port: long(40),
                direction: long(44),
            },
            IPFIX => Self::Ipfix { output_port: long(24) },
            CONTROLLER => Self::Controller {
                dont_send: flag(24),
                continuation: flag(25),
                reason: short(26),
                recirc_id: long(28),
                rule_cookie: u64::from_be_bytes(cut(bytes, 32)),
                controller_id: short(40),
                max_len: short(42),
            },
            _ => return None,
        })
    }

    /// The cookie as Open vSwitch makes it, of no bridge and no port.
    pub fn to_bytes(self) -> [u8; COOKIE_LEN] {
        let mut out = [0; COOKIE_LEN];
        put(&mut out, 4, NO_PORT.to_ne_bytes());
        let kind = match self {
            Self::SFlow { vlan_tci, output } => {
                put(&mut out, 24, vlan_tci.to_be_bytes());
                put(&mut out, 28, output.to_ne_bytes());
                SFLOW
            }
            Self::SlowPath { reason } => {
                put(&mut out, 28, reason.to_ne_bytes());
                SLOW_PATH
            }
            Self::FlowSample { probability, collector_set_id, obs_domain_id, obs_point_id, output_port, direction } => {
                put(&mut out, 24, probability.to_ne_bytes());
                for (at, value) in [(28, collector_set_id), (32, obs_domain_id), (36, obs_point_id), (40, output_port), (44, direction)] {
                    put(&mut out, at, value.to_ne_bytes());
                }
                FLOW_SAMPLE
            }
            Self::Ipfix { output_port } => {
                put(&mut out, 24, output_port.to_ne_bytes());
                IPFIX
            }
            Self::Controller { reason, dont_send, continuation, recirc_id, rule_cookie, controller_id, max_len } => {
                put(&mut out, 24, [dont_send.into(), continuation.into()]);
                put(&mut out, 26, reason.to_ne_bytes());
                put(&mut out, 28, recirc_id.to_ne_bytes());
                put(&mut out, 32, rule_cookie.to_be_bytes());
                put(&mut out, 40, controller_id.to_ne_bytes());
                put(&mut out, 42, max_len.to_ne_bytes());
                CONTROLLER
            }
        };
        put(&mut out, 0, kind.to_ne_bytes());
        out
    }
}
