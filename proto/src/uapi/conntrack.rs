//! The kernel's connection table over `NETLINK_NETFILTER`: `include/uapi/linux/netfilter/nfnetlink_conntrack.h` and its
//! neighbours, of which this is a selection.

/// `NFNL_SUBSYS_CTNETLINK`: the upper byte of a message's type.
pub const SUBSYS: u8 = 1;

constants! {
    /// Commands: the lower byte of a message's type.
    cmd, "IPCTNL_MSG_CT_", u8 {
        NEW = 0, "a connection, as an answer.";
        GET = 1, "read one connection, or all of them.";
        DELETE = 2, "remove a connection, or all of them.";
    }
}
constants! {
    /// Attributes of a connection. Numbers are in network byte order.
    attr, "CTA_", u16 {
        TUPLE_ORIG = 1, "nest of [`tuple`](super::tuple), as its first packet was.";
        TUPLE_REPLY = 2, "nest of [`tuple`](super::tuple), as answers are.";
        STATUS = 3, "u32, bits of [`status`](super::status).";
        PROTOINFO = 4, "nest of [`protoinfo`](super::protoinfo).";
        HELP = 5, "nest of [`help`](super::help).";
        TIMEOUT = 7, "u32, seconds left.";
        MARK = 8, "u32.";
        COUNTERS_ORIG = 9, "nest of [`counters`](super::counters).";
        COUNTERS_REPLY = 10, "nest of [`counters`](super::counters).";
        ID = 12, "u32.";
        TUPLE_MASTER = 14, "nest of [`tuple`](super::tuple), of the connection this one is expected by.";
        ZONE = 18, "u16; left out for zone 0.";
        TIMESTAMP = 20, "nest of [`timestamp`](super::timestamp).";
        LABELS = 22, "16 bytes, the least significant first.";
    }
}
constants! {
    /// Attributes of a tuple.
    tuple, "CTA_TUPLE_", u16 {
        IP = 1, "nest of [`ip`](super::ip).";
        PROTO = 2, "nest of [`proto`](super::proto).";
    }
}
constants! {
    /// Attributes of a tuple's addresses.
    ip, "CTA_IP_", u16 {
        V4_SRC = 1, "4 bytes.";
        V4_DST = 2, "4 bytes.";
        V6_SRC = 3, "16 bytes.";
        V6_DST = 4, "16 bytes.";
    }
}
constants! {
    /// Attributes of a tuple's protocol.
    proto, "CTA_PROTO_", u16 {
        NUM = 1, "u8, the IP protocol.";
        SRC_PORT = 2, "u16.";
        DST_PORT = 3, "u16.";
        ICMP_ID = 4, "u16.";
        ICMP_TYPE = 5, "u8.";
        ICMP_CODE = 6, "u8.";
        ICMPV6_ID = 7, "u16.";
        ICMPV6_TYPE = 8, "u8.";
        ICMPV6_CODE = 9, "u8.";
    }
}
constants! {
    /// What a protocol keeps.
    protoinfo, "CTA_PROTOINFO_", u16 {
        TCP = 1, "nest of [`tcp`](super::tcp).";
        SCTP = 3, "nest of [`sctp`](super::sctp).";
    }
}
constants! {
    /// What TCP keeps.
    tcp, "CTA_PROTOINFO_TCP_", u16 {
        STATE = 1, "u8, one of [`tcp_state`](super::tcp_state).";
        WSCALE_ORIGINAL = 2, "u8.";
        WSCALE_REPLY = 3, "u8.";
        FLAGS_ORIGINAL = 4, "two u8: flags, mask.";
        FLAGS_REPLY = 5, "two u8: flags, mask.";
    }
}
constants! {
    /// What SCTP keeps.
    sctp, "CTA_PROTOINFO_SCTP_", u16 {
        STATE = 1, "u8.";
        VTAG_ORIGINAL = 2, "u32.";
        VTAG_REPLY = 3, "u32.";
    }
}
constants! {
    /// Counters of one direction.
    counters, "CTA_COUNTERS_", u16 {
        PACKETS = 1, "u64.";
        BYTES = 2, "u64.";
    }
}
constants! {
    /// Times, in nanoseconds since 1970.
    timestamp, "CTA_TIMESTAMP_", u16 {
        START = 1, "u64.";
        STOP = 2, "u64.";
    }
}
constants! {
    /// A helper.
    help, "CTA_HELP_", u16 {
        NAME = 1, "string.";
    }
}
constants! {
    /// Bits of a connection's status.
    status, "IPS_", u32 {
        EXPECTED = 1, "another connection expected it.";
        SEEN_REPLY = 2, "there were packets both ways.";
        ASSURED = 4, "it is not thrown away early.";
        CONFIRMED = 8, "its first packet got through.";
        SRC_NAT = 0x10, "its source is translated.";
        DST_NAT = 0x20, "its destination is translated.";
        SEQ_ADJUST = 0x40, "its sequence numbers are adjusted.";
        SRC_NAT_DONE = 0x80, "translation of the source is set up.";
        DST_NAT_DONE = 0x100, "translation of the destination is set up.";
        DYING = 0x200, "it is being removed.";
        FIXED_TIMEOUT = 0x400, "packets do not prolong it.";
        TEMPLATE = 0x800, "it is a template.";
        UNTRACKED = 0x1000, "it is not tracked.";
    }
}
constants! {
    /// The states of a TCP connection.
    tcp_state, "TCP_CONNTRACK_", u8 {
        NONE = 0, "none.";
        SYN_SENT = 1, "SYN seen.";
        SYN_RECV = 2, "SYN and ACK seen.";
        ESTABLISHED = 3, "established.";
        FIN_WAIT = 4, "FIN seen.";
        CLOSE_WAIT = 5, "FIN acknowledged.";
        LAST_ACK = 6, "FIN seen both ways.";
        TIME_WAIT = 7, "the last ACK seen.";
        CLOSE = 8, "closed.";
        SYN_SENT2 = 9, "SYN seen both ways.";
    }
}

/// Hands every number here to `visit`, with the name the kernel's headers give it.
pub fn each(visit: &mut dyn FnMut(&'static str, i64)) {
    visit("NFNL_SUBSYS_CTNETLINK", i64::from(SUBSYS));
    for (name, value) in cmd::ALL.iter().chain(tcp_state::ALL) {
        visit(name, i64::from(*value));
    }
    for all in [attr::ALL, tuple::ALL, ip::ALL, proto::ALL, protoinfo::ALL, tcp::ALL, sctp::ALL, counters::ALL, timestamp::ALL, help::ALL] {
        for (name, value) in all {
            visit(name, i64::from(*value));
        }
    }
    for (name, value) in status::ALL {
        visit(name, i64::from(*value));
    }
}
