//! A connection as `ovs-dpctl dump-conntrack` prints it.

use core::net::IpAddr;

use super::{Connection, Counters, Info, Layer4, Tuple};
use crate::text::flags;
use crate::text::put::{BigHex, Escaped, Ip6, Thousandths, put};
use crate::uapi::conntrack::tcp_state as kernel;

/// How much is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// The kernel's number, status, and all that the protocol keeps.
    pub verbose: bool,
    /// Counters, times and what is left of the timeout.
    pub statistics: bool,
}

/// The states of TCP by the numbers they are counted under, see [`tcp_state`].
const TCP_STATES: [&str; 11] =
    ["CLOSED", "LISTEN", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "CLOSE_WAIT", "FIN_WAIT_1", "CLOSING", "LAST_ACK", "FIN_WAIT_2", "TIME_WAIT"];
const SCTP_STATES: [&str; 10] = [
    "CLOSED",
    "CLOSED",
    "COOKIE_WAIT",
    "COOKIE_ECHOED",
    "ESTABLISHED",
    "SHUTDOWN_SENT",
    "SHUTDOWN_RECD",
    "SHUTDOWN_ACK_SENT",
    "HEARTBEAT_SENT",
    "HEARTBEAT_ACKED",
];
/// Flags by their bits.
const TCP_FLAGS: [&str; 6] = ["WINDOW_SCALE", "SACK_PERM", "CLOSE_INIT", "BE_LIBERAL", "DATA_UNACKNOWLEDGED", "MAXACK_SET"];
/// Status bits; those behind them Open vSwitch does not know.
const STATUS: [&str; 13] = [
    "EXPECTED",
    "SEEN_REPLY",
    "ASSURED",
    "CONFIRMED",
    "SRC_NAT",
    "DST_NAT",
    "SEQ_ADJUST",
    "SRC_NAT_DONE",
    "DST_NAT_DONE",
    "DYING",
    "FIXED_TIMEOUT",
    "TEMPLATE",
    "UNTRACKED",
];

/// The state of a TCP connection by Open vSwitch's numbers, of which there are 11.
pub const fn tcp_state(state: u8) -> usize {
    match state {
        kernel::SYN_SENT | kernel::SYN_SENT2 => 2,
        kernel::SYN_RECV => 3,
        kernel::ESTABLISHED => 4,
        kernel::CLOSE_WAIT => 5,
        kernel::FIN_WAIT => 6,
        kernel::CLOSE => 7,
        kernel::LAST_ACK => 8,
        kernel::TIME_WAIT => 10,
        _ => 0,
    }
}

/// The name of one of these numbers.
pub fn tcp_state_name(state: usize) -> &'static str {
    TCP_STATES.get(state).copied().unwrap_or("CLOSED")
}

/// The name of SCTP's state.
pub fn sctp_state_name(state: u8) -> &'static str {
    SCTP_STATES.get(usize::from(state)).copied().unwrap_or("CLOSED")
}

/// Appends an IP protocol by name where Open vSwitch has one.
fn append_protocol(out: &mut Vec<u8>, protocol: u8) {
    match protocol {
        1 => put!(out, "icmp"),
        2 => put!(out, "igmp"),
        6 => put!(out, "tcp"),
        17 => put!(out, "udp"),
        33 => put!(out, "dccp"),
        58 => put!(out, "icmpv6"),
        132 => put!(out, "sctp"),
        136 => put!(out, "udplite"),
        other => put!(out, other),
    }
}

fn append_tuple(out: &mut Vec<u8>, tuple: &Tuple) {
    for (name, address) in [("src=", tuple.src), (",dst=", tuple.dst)] {
        match address {
            IpAddr::V4(address) => put!(out, name, address),
            IpAddr::V6(address) => put!(out, name, Ip6(address)),
        }
    }
    match tuple.layer4 {
        Layer4::Ports { src, dst } => put!(out, ",sport=", src, ",dport=", dst),
        Layer4::Icmp { id, kind, code } => put!(out, ",id=", id, ",type=", kind, ",code=", code),
    }
}

fn append_way(out: &mut Vec<u8>, name: &str, tuple: &Tuple, counters: Counters, style: Style) {
    put!(out, ",", name, "=(");
    append_tuple(out, tuple);
    if style.statistics && counters != Counters::default() {
        put!(out, ",packets=", counters.packets, ",bytes=", counters.bytes);
    }
    put!(out, ")");
}

/// Appends a time in nanoseconds since 1970 as date and time of day, in UTC, to the millisecond.
fn append_time(out: &mut Vec<u8>, name: &str, nanos: u64) {
    let millis = nanos / 1_000_000;
    let (seconds, days) = (millis / 1000 % 86_400, millis / 86_400_000);
    // Years that begin in March, so that the leap day is the last: 400 of them have 146,097 days.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (year, date) = (year + era * 400 + u64::from(month >= 10), day - (153 * month + 2) / 5 + 1);
    let month = if month < 10 { month + 3 } else { month - 9 };
    put!(out, ",", name, "=", year);
    for (before, value) in [("-", month), ("-", date), ("T", seconds / 3600), (":", seconds / 60 % 60), (":", seconds % 60)] {
        put!(out, before, if value < 10 { "0" } else { "" }, value);
    }
    put!(out, ".", Thousandths(millis));
}

fn append_info(out: &mut Vec<u8>, info: &Info, style: Style) {
    match *info {
        Info::None => {}
        Info::Tcp { state, scales, flags: [there, back] } => {
            let state = tcp_state(state);
            if !style.verbose {
                // Both ends of one connection are in one state for the kernel: what is between two is called by its end.
                let state = match state {
                    9 => 10,
                    3 => 4,
                    state => state,
                };
                return put!(out, ",protoinfo=(state=", tcp_state_name(state), ")");
            }
            let name = tcp_state_name(state);
            put!(out, ",protoinfo=(state_orig=", name, ",state_reply=", name);
            if scales != [0, 0] {
                put!(out, ",wscale_orig=", scales[0], ",wscale_reply=", scales[1]);
            }
            for (name, value) in [("orig", there), ("reply", back)] {
                put!(out, ",flags_", name, "=");
                flags(out, u32::from(value & 0x3f), &TCP_FLAGS);
            }
            put!(out, ")");
        }
        Info::Sctp { state, tags: [there, back] } => {
            // Open vSwitch prints the tags as the machine reads the wire's bytes.
            let (there, back) = (u32::from_ne_bytes(there), u32::from_ne_bytes(back));
            put!(out, ",protoinfo=(state=", sctp_state_name(state), ",vtag_orig=", there, ",vtag_reply=", back, ")");
        }
    }
}

/// Appends a connection, which is UTF-8, without a newline.
pub fn append_connection(out: &mut Vec<u8>, of: &Connection<'_>, style: Style) {
    append_protocol(out, of.orig.protocol);
    append_way(out, "orig", &of.orig, of.counters[0], style);
    append_way(out, "reply", &of.reply, of.counters[1], style);
    if style.statistics && of.times != [0, 0] {
        append_time(out, "start", of.times[0]);
        if of.times[1] != 0 {
            append_time(out, "stop", of.times[1]);
        }
    }
    if style.verbose {
        put!(out, ",id=", of.id);
    }
    if of.zone != 0 {
        put!(out, ",zone=", of.zone);
    }
    if style.verbose {
        put!(out, ",status=");
        flags(out, of.status & 0x1fff, &STATUS);
    }
    if style.statistics {
        put!(out, ",timeout=", of.timeout);
    }
    if of.mark != 0 {
        put!(out, ",mark=", of.mark);
    }
    if of.labels != 0 {
        put!(out, ",labels=", BigHex(&of.labels.to_be_bytes()));
    }
    append_info(out, &of.info, style);
    if let Some(helper) = of.helper {
        put!(out, ",helper=", Escaped(helper));
    }
    if let (true, Some(parent)) = (style.verbose, &of.parent) {
        put!(out, ",parent=(");
        append_tuple(out, parent);
        put!(out, ")");
    }
}
