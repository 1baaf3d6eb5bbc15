//! `dump-conntrack`, `flush-conntrack`, `ct-stats-show`, `ct-bkts`: the kernel's table of connections, which all datapaths
//! share with the rest of the network namespace. A datapath must be there all the same, as for `ovs-dpctl`.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::hash::BuildHasher;
use std::io::{self, BufWriter, Write};

use nix::errno::Errno;
use ovsdp_proto::conntrack::{Connection, Info, Select, Style, append_connection, tcp_state, tcp_state_name};

use super::call::Call;
use super::complaint::{Complaint, Why};
use super::{Outcome, output, target};
use crate::dp::{self, Conntrack};

/// What a command's words are beside the datapath.
#[derive(Debug, Default, PartialEq, Eq)]
struct Words<'a> {
    datapath: Option<&'a str>,
    zone: Option<u16>,
    rest: Vec<&'a str>,
}

/// Reads `[DP] [zone=N] REST…`.
fn words(args: &[String]) -> Result<Words<'_>, Complaint> {
    let mut words = Words::default();
    let mut args = args.iter().map(String::as_str).peekable();
    words.datapath = args.next_if(|word| !word.is_empty() && !word.contains('=') && *word != "verbose");
    if let Some(text) = args.next_if(|word| word.starts_with("zone=")) {
        words.zone = Some(zone(text.strip_prefix("zone=").unwrap_or(""))?);
    }
    words.rest = args.collect();
    Ok(words)
}

/// Reads a zone's number.
pub(super) fn zone(text: &str) -> Result<u16, Complaint> {
    let number = text.parse().ok().filter(|_| !text.starts_with('+'));
    number.ok_or_else(|| Complaint::because("invalid zone", Why::explained(Errno::EINVAL, format!("{text} is not a zone, which is 0 to 65535"))))
}

fn open(words: &Words<'_>) -> Result<Conntrack, Complaint> {
    let mut dp = target::connect("opening datapath")?;
    target::lookup_or_only(&mut dp, words.datapath)?;
    Conntrack::open().map_err(|error| Complaint::because("opening the connection table", &error))
}

/// The kernel answers nobody else, and does not say so.
fn because(what: &str, error: &dp::Error) -> Complaint {
    match error.errno() {
        Some(Errno::EPERM) => {
            Complaint::because(what, Why::explained(Errno::EPERM, "the kernel shows connections only to those who have CAP_NET_ADMIN"))
        }
        _ => Complaint::because(what, error),
    }
}

/// What could not be read was left out: that is said, not hidden.
fn left_out(call: &Call<'_>, table: &Conntrack) {
    if table.unreadable() > 0 {
        call.warn(&format!("{} connections could not be read and were left out", table.unreadable()));
    }
}

/// `dump-conntrack [DP] [zone=N]`.
pub(super) fn dump(call: &mut Call<'_>) -> Outcome {
    let words = words(&call.args)?;
    if let Some(word) = words.rest.first() {
        return Err(Complaint::because(format!("unexpected argument {word}"), Why::errno(Errno::EINVAL)));
    }
    let mut table = open(&words)?;
    let style = Style { verbose: call.options.more, statistics: call.options.statistics };
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let (mut line, mut result, mut printed) = (Vec::new(), Ok(()), HashSet::new());
    let dumped = table.connections(|connection| {
        let Some(connection) = connection else { return };
        if result.is_err() || words.zone.is_some_and(|zone| zone != connection.zone) {
            return;
        }
        // After a loss the kernel shows all of them again; a hash of eight bytes is enough to know one by.
        if !printed.insert(printed.hasher().hash_one((connection.orig, connection.zone, connection.id))) {
            return;
        }
        line.clear();
        append_connection(&mut line, connection, style);
        line.push(b'\n');
        result = out.write_all(&line);
    });
    output::finish(result.and_then(|()| out.flush()))?;
    left_out(call, &table);
    dumped.map_err(|error| because("starting conntrack dump", &error))
}

/// `flush-conntrack [DP] [zone=N] [ORIG-TUPLE [REPLY-TUPLE]]`.
pub(super) fn flush(call: &mut Call<'_>) -> Outcome {
    let words = words(&call.args)?;
    let invalid = |said: String| Complaint::because(said, Why::errno(Errno::EINVAL));
    let mut select = Select::default();
    for (at, tuple) in words.rest.iter().enumerate() {
        if at > 1 {
            return Err(invalid("invalid arguments".into()));
        }
        select.read(tuple, at == 1).map_err(invalid)?;
    }
    let mut table = open(&words)?;
    let done = match (select.exact(), words.zone) {
        (Some(tuple), zone) => table.remove(zone.unwrap_or(0), &tuple),
        (None, None) if select.is_all() => table.flush(),
        (None, zone) => table.remove_all(zone, &select).map(drop),
    };
    left_out(call, &table);
    done.map_err(|error| because("failed to flush conntrack", &error))
}

/// Protocols that are counted by name, in the order they are printed.
const COUNTED: [(u8, &str); 7] = [(6, "TCP"), (17, "UDP"), (136, "UDPLITE"), (132, "SCTP"), (1, "ICMP"), (33, "DCCP"), (2, "IGMP")];
/// Counted as one of its own and not printed: so does `ovs-dpctl`.
const ICMPV6: u8 = 58;

/// Connections by protocol, and those of TCP by state.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    total: u64,
    protocols: [u64; COUNTED.len()],
    other: u64,
    states: [u64; 11],
}

impl Counts {
    fn add(&mut self, connection: &Connection<'_>) {
        self.total += 1;
        match COUNTED.iter().position(|(number, _)| *number == connection.orig.protocol) {
            Some(at) => self.protocols[at] += 1,
            None if connection.orig.protocol == ICMPV6 => {}
            None => self.other += 1,
        }
        if connection.orig.protocol == 6 {
            let state = match connection.info {
                Info::Tcp { state, .. } => tcp_state(state),
                _ => 0,
            };
            // What is between two states is called by its end.
            let state = match state {
                3 => 4,
                9 => 10,
                state => state,
            };
            if let Some(count) = self.states.get_mut(state) {
                *count += 1;
            }
        }
    }

    fn text(&self, verbose: bool) -> String {
        let mut text = format!("Connections Stats:\n    Total: {}\n", self.total);
        for ((_, name), count) in COUNTED.iter().zip(self.protocols).filter(|(_, count)| *count > 0) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name}: {count}");
            if *name == "TCP" && verbose {
                text.push_str("    Conn per TCP states:\n");
                for (state, count) in self.states.iter().enumerate().filter(|(_, count)| **count > 0) {
                    let _ = writeln!(text, "\t  [{}]={count}", tcp_state_name(state));
                }
            }
        }
        if self.other > 0 {
            let _ = writeln!(text, "  Other: {}", self.other);
        }
        text
    }
}

/// `ct-stats-show [DP] [zone=N] [verbose]`.
pub(super) fn stats(call: &mut Call<'_>) -> Outcome {
    let mut args = call.args.clone();
    let before = args.len();
    args.retain(|word| word != "verbose");
    let verbose = call.options.more || args.len() < before;
    let words = words(&args)?;
    if let Some(word) = words.rest.first() {
        return Err(Complaint::because(format!("unexpected argument {word}"), Why::errno(Errno::EINVAL)));
    }
    let mut table = open(&words)?;
    let mut counts = Counts::default();
    let dumped = table.connections(|connection| match connection {
        None => counts = Counts::default(),
        Some(connection) if words.zone.is_none_or(|zone| zone == connection.zone) => counts.add(connection),
        Some(_) => {}
    });
    dumped.map_err(|error| because("starting conntrack dump", &error))?;
    left_out(call, &table);
    Ok(output::text(&counts.text(verbose))?)
}

/// `ct-bkts [DP] [gt=N]`: the kernel does not tell its table's buckets.
pub(super) fn buckets(_call: &mut Call<'_>) -> Outcome {
    Ok(output::text("Command is available for UserSpace ConnTracker only.\n")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Vec<String> {
        text.split(' ').filter(|word| !word.is_empty()).map(|word| word.replace("''", "")).collect()
    }

    #[test]
    fn words_are_told_apart() {
        let read = args("dp0 zone=5 '' ct_nw_proto=6");
        assert_eq!(words(&read).unwrap(), Words { datapath: Some("dp0"), zone: Some(5), rest: vec!["", "ct_nw_proto=6"] });
        let read = args("ct_nw_proto=6");
        assert_eq!(words(&read).unwrap(), Words { datapath: None, zone: None, rest: vec!["ct_nw_proto=6"] });
        for bad in ["zone=", "zone=x", "zone=65536", "zone=-1", "zone=+1", "zone=5x"] {
            assert!(words(&args(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn counts_are_laid_out_as_ovs_dpctl_does() {
        let mut counts = Counts { total: 6, protocols: [2, 1, 0, 0, 1, 0, 0], other: 1, ..Counts::default() };
        counts.states[4] = 2;
        let plain = "Connections Stats:\n    Total: 6\n  TCP: 2\n  UDP: 1\n  ICMP: 1\n  Other: 1\n";
        assert_eq!(counts.text(false), plain);
        assert_eq!(counts.text(true), plain.replace("TCP: 2\n", "TCP: 2\n    Conn per TCP states:\n\t  [ESTABLISHED]=2\n"));
    }
}
