//! A connection as `ovs-dpctl dump-conntrack` prints it.

use core::fmt::{self, Write};
use core::net::IpAddr;

use super::{Connection, Counters, Info, Layer4, Tuple};
use crate::text::{Ip6, flags};
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

/// Prints an IP protocol by name where Open vSwitch has one.
///
/// # Errors
/// Only what `out` returns.
pub fn fmt_protocol(out: &mut dyn Write, protocol: u8) -> fmt::Result {
    match protocol {
        1 => out.write_str("icmp"),
        2 => out.write_str("igmp"),
        6 => out.write_str("tcp"),
        17 => out.write_str("udp"),
        33 => out.write_str("dccp"),
        58 => out.write_str("icmpv6"),
        132 => out.write_str("sctp"),
        136 => out.write_str("udplite"),
        other => write!(out, "{other}"),
    }
}

fn fmt_tuple(out: &mut dyn Write, tuple: &Tuple) -> fmt::Result {
    for (name, address) in [("src=", tuple.src), (",dst=", tuple.dst)] {
        match address {
            IpAddr::V4(address) => write!(out, "{name}{address}")?,
            IpAddr::V6(address) => write!(out, "{name}{}", Ip6(address))?,
        }
    }
    match tuple.layer4 {
        Layer4::Ports { src, dst } => write!(out, ",sport={src},dport={dst}"),
        Layer4::Icmp { id, kind, code } => write!(out, ",id={id},type={kind},code={code}"),
    }
}

fn fmt_way(out: &mut dyn Write, name: &str, tuple: &Tuple, counters: Counters, style: Style) -> fmt::Result {
    write!(out, ",{name}=(")?;
    fmt_tuple(out, tuple)?;
    if style.statistics && counters != Counters::default() {
        write!(out, ",packets={},bytes={}", counters.packets, counters.bytes)?;
    }
    out.write_char(')')
}

/// Prints a time in nanoseconds since 1970 as date and time of day, in UTC, to the millisecond.
fn fmt_time(out: &mut dyn Write, name: &str, nanos: u64) -> fmt::Result {
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
    let (hour, minute, second, milli) = (seconds / 3600, seconds / 60 % 60, seconds % 60, millis % 1000);
    write!(out, ",{name}={year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}")
}

fn fmt_info(out: &mut dyn Write, info: &Info, style: Style) -> fmt::Result {
    match *info {
        Info::None => Ok(()),
        Info::Tcp { state, scales, flags: [there, back] } => {
            let state = tcp_state(state);
            if !style.verbose {
                // Both ends of one connection are in one state for the kernel: what is between two is called by its end.
                let state = match state {
                    9 => 10,
                    3 => 4,
                    state => state,
                };
                return write!(out, ",protoinfo=(state={})", tcp_state_name(state));
            }
            let name = tcp_state_name(state);
            write!(out, ",protoinfo=(state_orig={name},state_reply={name}")?;
            if scales != [0, 0] {
                write!(out, ",wscale_orig={},wscale_reply={}", scales[0], scales[1])?;
            }
            for (name, value) in [("orig", there), ("reply", back)] {
                write!(out, ",flags_{name}=")?;
                flags(out, u32::from(value & 0x3f), &TCP_FLAGS)?;
            }
            out.write_char(')')
        }
        Info::Sctp { state, tags: [there, back] } => {
            // Open vSwitch prints the tags as the machine reads the wire's bytes.
            let (there, back) = (u32::from_ne_bytes(there), u32::from_ne_bytes(back));
            write!(out, ",protoinfo=(state={},vtag_orig={there},vtag_reply={back})", sctp_state_name(state))
        }
    }
}

/// Prints a connection, without a newline.
///
/// # Errors
/// Only what `out` returns.
pub fn fmt_connection(out: &mut dyn Write, of: &Connection<'_>, style: Style) -> fmt::Result {
    fmt_protocol(out, of.orig.protocol)?;
    fmt_way(out, "orig", &of.orig, of.counters[0], style)?;
    fmt_way(out, "reply", &of.reply, of.counters[1], style)?;
    if style.statistics && of.times != [0, 0] {
        fmt_time(out, "start", of.times[0])?;
        if of.times[1] != 0 {
            fmt_time(out, "stop", of.times[1])?;
        }
    }
    if style.verbose {
        write!(out, ",id={}", of.id)?;
    }
    if of.zone != 0 {
        write!(out, ",zone={}", of.zone)?;
    }
    if style.verbose {
        out.write_str(",status=")?;
        flags(out, of.status & 0x1fff, &STATUS)?;
    }
    if style.statistics {
        write!(out, ",timeout={}", of.timeout)?;
    }
    if of.mark != 0 {
        write!(out, ",mark={}", of.mark)?;
    }
    if of.labels != 0 {
        write!(out, ",labels={:#x}", of.labels)?;
    }
    fmt_info(out, &of.info, style)?;
    if let Some(helper) = of.helper {
        write!(out, ",helper={}", helper.escape_ascii())?;
    }
    if let (true, Some(parent)) = (style.verbose, &of.parent) {
        out.write_str(",parent=(")?;
        fmt_tuple(out, parent)?;
        out.write_char(')')?;
    }
    Ok(())
}
