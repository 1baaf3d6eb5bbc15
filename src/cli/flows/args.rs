//! What `ovsdp flows` takes, and the help that teaches it.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};

/// What the command is for, in full.
pub(in crate::cli) const ABOUT: &str = "Print the kernel's flows, as `ovs-dpctl dump-flows` does.\n\n\
    Flows are printed as they come out of the kernel, each once. It needs neither the agent nor a privilege. What did not go straight \
    (messages lost, flows that moved away while they were read) is said in one line on standard error.";

/// The arguments of `ovsdp flows`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "What --filter means: MATCH is a key as flows print it, fields in parentheses with commas between, a part as VALUE or \
        VALUE/MASK. A flow is shown when it matches every bit that MATCH names, with that value; what MATCH does not name may be anything. \
        So ipv4(src=10.0.0.0/8) shows flows for 10.1.0.0/16, for 10.0.0.0/8 and for 10.1.2.3, but not those for 0.0.0.0/0 or of which \
        the source does not matter. A field without a value, as tcp(), demands nothing. A tagged frame's fields are in encap(…), as they \
        are printed. Flows cannot be chosen by Geneve or ERSPAN options.\n\n\
        Examples:\n  \
        ovsdp flows ovsbr0 --sort packets --top 10\n  \
        ovsdp flows --port eth0 --filter 'eth_type(0x0800),ipv4(dst=10.0.0.0/8,proto=6)'\n  \
        ovsdp flows --filter 'tunnel(tun_id=0x7)' --names\n  \
        ovsdp flows --json | jq 'select(.packets > 1000) | .key'")]
pub(in crate::cli) struct FlowsArgs {
    /// Only the flows of packets that came in by this bridge's ports
    pub bridge: Option<String>,
    /// The same as BRIDGE
    #[arg(long = "bridge", value_name = "BRIDGE")]
    pub bridge_option: Option<String>,
    /// Only the flows of packets that came in by this port, by name or number; may be given again for more ports
    #[arg(long = "port", value_name = "NAME|NUMBER")]
    pub ports: Vec<String>,
    /// Only flows that match this, such as 'eth_type(0x0800),ipv4(src=10.0.0.0/8)'; see below
    #[arg(long, value_name = "MATCH")]
    pub filter: Option<String>,
    /// Order them, largest or most recently used first; they are printed when all are read
    #[arg(long, value_enum)]
    pub sort: Option<Sort>,
    /// Only the first N in the order of --sort [default order: packets]
    #[arg(long, value_name = "N")]
    pub top: Option<NonZeroUsize>,
    /// Print identifiers and fields that match anything, too, and ports by name
    #[arg(short = 'm', long = "more")]
    pub more: bool,
    /// Print ports by name
    #[arg(long)]
    pub names: bool,
    /// Print JSON, one flow a line, instead of text
    #[arg(
        long,
        long_help = "Print JSON, one flow a line, instead of text: {ufid, packets, bytes, used, tcp_flags, in_port, in_port_name, key, actions}.\n\
            used is in seconds since then, null when never; tcp_flags are letters as in the text; ufid, in_port and in_port_name are null \
            when there is none; key and actions are as in the text"
    )]
    pub json: bool,
}

/// What flows are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Sort {
    /// Packets that matched
    Packets,
    /// Their bytes
    Bytes,
    /// When it last matched
    Used,
}
