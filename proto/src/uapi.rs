//! The numbers of the kernel's interface: `include/uapi/linux/openvswitch.h` as of Linux 6.12, and of
//! `include/uapi/linux/{netlink,genetlink}.h` what reading answers needs; of netfilter's what [`conntrack`] needs.
//!
//! Each group has `ALL`, its constants by the name the header gives them; `proto/tests/uapi.rs` compares them with the
//! installed header. [`SINCE`] lists what an older header lacks.

macro_rules! constants {
    ($(#[$outer:meta])* $module:ident, $prefix:literal, $ty:ty { $($name:ident = $value:expr, $doc:literal;)* }) => {
        $(#[$outer])*
        pub mod $module {
            $(
                #[doc = concat!("`", $prefix, stringify!($name), "`: ", $doc)]
                pub const $name: $ty = $value;
            )*
            /// Every constant of this group, by the name the kernel's header gives it.
            pub const ALL: &[(&str, $ty)] = &[$((concat!($prefix, stringify!($name)), $name)),*];
        }
    };
}

pub mod conntrack;

/// Datapaths: the `ovs_datapath` family.
pub mod dp {
    /// `OVS_DATAPATH_FAMILY`: the family's name.
    pub const FAMILY: &str = "ovs_datapath";
    /// `OVS_DATAPATH_MCGROUP`: the multicast group's name.
    pub const MCGROUP: &str = "ovs_datapath";
    /// `OVS_DATAPATH_VERSION`: the version a request must carry. Below 2 the kernel clears the features of a datapath that
    /// exists already.
    pub const VERSION: u8 = 2;
    /// `OVS_DP_VER_FEATURES`: the first version that knows features.
    pub const VER_FEATURES: u8 = 2;
    /// `OVSP_LOCAL`: the local port's number.
    pub const LOCAL_PORT: u32 = 0;

    constants! {
        /// Commands.
        cmd, "OVS_DP_CMD_", u8 {
            UNSPEC = 0, "never sent.";
            NEW = 1, "create a datapath.";
            DEL = 2, "delete a datapath and all it has.";
            GET = 3, "read one datapath, or all of them.";
            SET = 4, "change a datapath's features.";
        }
    }
    constants! {
        /// Attributes.
        attr, "OVS_DP_ATTR_", u16 {
            UNSPEC = 0, "never sent.";
            NAME = 1, "string, the datapath's and its local port's name.";
            UPCALL_PID = 2, "u32, the socket for the local port's upcalls; NEW demands it.";
            STATS = 3, "`struct ovs_dp_stats`, 4 × u64.";
            MEGAFLOW_STATS = 4, "`struct ovs_dp_megaflow_stats`, 32 bytes.";
            USER_FEATURES = 5, "u32, bits of [`feature`](super::feature).";
            PAD = 6, "padding that aligns a u64.";
            MASKS_CACHE_SIZE = 7, "u32, entries of the per-CPU mask cache; 0 turns it off.";
            PER_CPU_PIDS = 8, "array of u32, one upcall socket for each CPU.";
            IFINDEX = 9, "u32, the interface index a new datapath shall have.";
        }
    }
    constants! {
        /// Bits of `USER_FEATURES`.
        feature, "OVS_DP_F_", u32 {
            UNALIGNED = 1, "a message's last attribute may be unpadded: upcalls without a copy.";
            VPORT_PIDS = 2, "a vport may have several upcall sockets.";
            TC_RECIRC_SHARING = 4, "recirculation ids are shared with tc.";
            DISPATCH_UPCALL_PER_CPU = 8, "upcalls go to the socket of the CPU they happen on.";
        }
    }
}

/// Packets: the `ovs_packet` family.
pub mod packet {
    /// `OVS_PACKET_FAMILY`: the family's name.
    pub const FAMILY: &str = "ovs_packet";
    /// `OVS_PACKET_VERSION`: the family's version.
    pub const VERSION: u8 = 1;

    constants! {
        /// Commands.
        cmd, "OVS_PACKET_CMD_", u8 {
            UNSPEC = 0, "never sent.";
            MISS = 1, "from the kernel: no flow matched this packet.";
            ACTION = 2, "from the kernel: a `userspace` action sent this packet.";
            EXECUTE = 3, "to the kernel: run actions on this packet.";
        }
    }
    constants! {
        /// Attributes.
        attr, "OVS_PACKET_ATTR_", u16 {
            UNSPEC = 0, "never sent.";
            PACKET = 1, "the frame's bytes, from the Ethernet header.";
            KEY = 2, "nest of [`key`](crate::uapi::key).";
            ACTIONS = 3, "nest of [`action`](crate::uapi::action).";
            USERDATA = 4, "the cookie of the `userspace` action.";
            EGRESS_TUN_KEY = 5, "nest of [`tunnel_key`](crate::uapi::tunnel_key): the tunnel the packet will leave by.";
            UNUSED1 = 6, "never sent.";
            UNUSED2 = 7, "never sent.";
            PROBE = 8, "flag, a feature probe: the kernel shall not log its failure.";
            MRU = 9, "u16, the largest fragment received of a packet that was reassembled.";
            LEN = 10, "u32, the packet's length before it was truncated.";
            HASH = 11, "u64, the packet's hash and how it was computed.";
        }
    }
}

/// Ports: the `ovs_vport` family.
pub mod vport {
    /// `OVS_VPORT_FAMILY`: the family's name.
    pub const FAMILY: &str = "ovs_vport";
    /// `OVS_VPORT_MCGROUP`: the multicast group's name.
    pub const MCGROUP: &str = "ovs_vport";
    /// `OVS_VPORT_VERSION`: the family's version.
    pub const VERSION: u8 = 1;

    constants! {
        /// Commands.
        cmd, "OVS_VPORT_CMD_", u8 {
            UNSPEC = 0, "never sent.";
            NEW = 1, "add a port.";
            DEL = 2, "remove a port.";
            GET = 3, "read one port, or all of a datapath.";
            SET = 4, "change a port.";
        }
    }
    constants! {
        /// What a port is.
        kind, "OVS_VPORT_TYPE_", u32 {
            UNSPEC = 0, "never sent.";
            NETDEV = 1, "a network device.";
            INTERNAL = 2, "a network device the datapath makes.";
            GRE = 3, "a GRE tunnel.";
            VXLAN = 4, "a VXLAN tunnel.";
            GENEVE = 5, "a Geneve tunnel.";
        }
    }
    constants! {
        /// Attributes.
        attr, "OVS_VPORT_ATTR_", u16 {
            UNSPEC = 0, "never sent.";
            PORT_NO = 1, "u32, the port's number in its datapath.";
            TYPE = 2, "u32, one of [`kind`](super::kind).";
            NAME = 3, "string, the device's name.";
            OPTIONS = 4, "nest of [`tunnel`](super::tunnel).";
            UPCALL_PID = 5, "array of u32, the sockets for this port's upcalls; NEW demands it.";
            STATS = 6, "`struct ovs_vport_stats`, 8 × u64.";
            PAD = 7, "padding that aligns a u64.";
            IFINDEX = 8, "u32, the device's interface index.";
            NETNSID = 9, "s32, the network namespace the device is in, when not ours.";
            UPCALL_STATS = 10, "nest of [`upcall`](super::upcall).";
        }
    }
    constants! {
        /// Attributes of `UPCALL_STATS`. They begin at 0, unlike every other enumeration here.
        upcall, "OVS_VPORT_UPCALL_ATTR_", u16 {
            SUCCESS = 0, "u64, upcalls that were delivered.";
            FAIL = 1, "u64, upcalls that were lost.";
        }
    }
    constants! {
        /// Attributes of `OPTIONS`.
        tunnel, "OVS_TUNNEL_ATTR_", u16 {
            UNSPEC = 0, "never sent.";
            DST_PORT = 1, "u16, the UDP port the tunnel listens at.";
            EXTENSION = 2, "nest of [`vxlan_ext`](super::vxlan_ext).";
        }
    }
    constants! {
        /// VXLAN extensions, on a port and in a tunnel's key.
        vxlan_ext, "OVS_VXLAN_EXT_", u16 {
            UNSPEC = 0, "never sent.";
            GBP = 1, "flag on a port; u32 in a key: the group policy.";
        }
    }
}

/// Flows: the `ovs_flow` family.
pub mod flow {
    /// `OVS_FLOW_FAMILY`: the family's name.
    pub const FAMILY: &str = "ovs_flow";
    /// `OVS_FLOW_MCGROUP`: the multicast group's name.
    pub const MCGROUP: &str = "ovs_flow";
    /// `OVS_FLOW_VERSION`: the family's version.
    pub const VERSION: u8 = 1;

    constants! {
        /// Commands.
        cmd, "OVS_FLOW_CMD_", u8 {
            UNSPEC = 0, "never sent.";
            NEW = 1, "install a flow.";
            DEL = 2, "remove a flow, or all of them when none is named.";
            GET = 3, "read one flow, or all of them.";
            SET = 4, "change a flow.";
        }
    }
    constants! {
        /// Attributes.
        attr, "OVS_FLOW_ATTR_", u16 {
            UNSPEC = 0, "never sent.";
            KEY = 1, "nest of [`key`](crate::uapi::key): the values to match.";
            ACTIONS = 2, "nest of [`action`](crate::uapi::action).";
            STATS = 3, "`struct ovs_flow_stats`, 2 × u64; absent while 0.";
            TCP_FLAGS = 4, "u8, every TCP flag seen.";
            USED = 5, "u64, milliseconds on the monotonic clock when it last matched.";
            CLEAR = 6, "flag, zero the statistics.";
            MASK = 7, "nest of [`key`](crate::uapi::key): the bits that must match.";
            PROBE = 8, "flag, a feature probe: the kernel shall not log its failure.";
            UFID = 9, "1 to 16 bytes, the flow's identifier.";
            UFID_FLAGS = 10, "u32, bits of [`ufid`](super::ufid).";
            PAD = 11, "padding that aligns a u64.";
        }
    }
    constants! {
        /// What an answer may leave out.
        ufid, "OVS_UFID_F_", u32 {
            OMIT_KEY = 1, "leave out the key.";
            OMIT_MASK = 2, "leave out the mask.";
            OMIT_ACTIONS = 4, "leave out the actions.";
        }
    }
}

constants! {
    /// Attributes of a flow's key and mask.
    key, "OVS_KEY_ATTR_", u16 {
        UNSPEC = 0, "never sent.";
        ENCAP = 1, "nest of these: what is behind the VLAN tag.";
        PRIORITY = 2, "u32, `skb->priority`.";
        IN_PORT = 3, "u32, the port the packet came in by.";
        ETHERNET = 4, "source and destination address, 6 bytes each.";
        VLAN = 5, "be16, the TCI; 0x1000 says that a tag is present.";
        ETHERTYPE = 6, "be16, the Ethernet type, or a VLAN's TPID.";
        IPV4 = 7, "`struct ovs_key_ipv4`.";
        IPV6 = 8, "`struct ovs_key_ipv6`.";
        TCP = 9, "source and destination port, be16 each.";
        UDP = 10, "source and destination port, be16 each.";
        ICMP = 11, "type and code, a byte each.";
        ICMPV6 = 12, "type and code, a byte each.";
        ARP = 13, "`struct ovs_key_arp`.";
        ND = 14, "`struct ovs_key_nd`.";
        SKB_MARK = 15, "u32, `skb->mark`.";
        TUNNEL = 16, "nest of [`tunnel_key`](super::tunnel_key).";
        SCTP = 17, "source and destination port, be16 each.";
        TCP_FLAGS = 18, "be16, the TCP flags.";
        DP_HASH = 19, "u32, the hash a `hash` action computed.";
        RECIRC_ID = 20, "u32, the pass after a `recirc` action.";
        MPLS = 21, "array of be32 label stack entries.";
        CT_STATE = 22, "u32, bits of [`ct_state`](super::ct_state).";
        CT_ZONE = 23, "u16, the connection-tracking zone.";
        CT_MARK = 24, "u32, the connection's mark.";
        CT_LABELS = 25, "16 bytes, the connection's labels.";
        CT_ORIG_TUPLE_IPV4 = 26, "`struct ovs_key_ct_tuple_ipv4`.";
        CT_ORIG_TUPLE_IPV6 = 27, "`struct ovs_key_ct_tuple_ipv6`.";
        NSH = 28, "nest of [`nsh`](super::nsh).";
        PACKET_TYPE = 29, "be32, used between userspace programs, never sent to the kernel.";
        ND_EXTENSIONS = 30, "used between userspace programs, never sent to the kernel.";
        TUNNEL_INFO = 31, "inside the kernel only.";
        IPV6_EXTHDRS = 32, "u16, bits for the extension headers seen.";
    }
}

constants! {
    /// Attributes of a tunnel's key. They begin at 0.
    tunnel_key, "OVS_TUNNEL_KEY_ATTR_", u16 {
        ID = 0, "be64, the tunnel's key.";
        IPV4_SRC = 1, "be32, the outer source address.";
        IPV4_DST = 2, "be32, the outer destination address.";
        TOS = 3, "u8, the outer type of service.";
        TTL = 4, "u8, the outer time to live.";
        DONT_FRAGMENT = 5, "flag, the outer DF bit.";
        CSUM = 6, "flag, the outer checksum.";
        OAM = 7, "flag, an OAM frame.";
        GENEVE_OPTS = 8, "Geneve options, 4-byte units.";
        TP_SRC = 9, "be16, the outer source port.";
        TP_DST = 10, "be16, the outer destination port.";
        VXLAN_OPTS = 11, "nest of [`vxlan_ext`](super::vport::vxlan_ext).";
        IPV6_SRC = 12, "16 bytes, the outer source address.";
        IPV6_DST = 13, "16 bytes, the outer destination address.";
        PAD = 14, "padding that aligns a u64.";
        ERSPAN_OPTS = 15, "`struct erspan_metadata`.";
        IPV4_INFO_BRIDGE = 16, "flag, the tunnel bridges.";
    }
}

constants! {
    /// What a packet is of a fragmented one.
    frag, "OVS_FRAG_TYPE_", u8 {
        NONE = 0, "no fragment.";
        FIRST = 1, "the fragment with offset 0.";
        LATER = 2, "a fragment with another offset.";
    }
}

constants! {
    /// Bits of `CT_STATE`.
    ct_state, "OVS_CS_F_", u32 {
        NEW = 0x01, "the connection begins.";
        ESTABLISHED = 0x02, "part of a connection.";
        RELATED = 0x04, "related to a connection.";
        REPLY_DIR = 0x08, "in the reply direction.";
        INVALID = 0x10, "could not be tracked.";
        TRACKED = 0x20, "connection tracking has happened.";
        SRC_NAT = 0x40, "source translated.";
        DST_NAT = 0x80, "destination translated.";
        NAT_MASK = 0xc0, "either translation.";
    }
}

constants! {
    /// Attributes of an NSH key.
    nsh, "OVS_NSH_KEY_ATTR_", u16 {
        UNSPEC = 0, "never sent.";
        BASE = 1, "flags, TTL, MD type, next protocol, be32 path header.";
        MD1 = 2, "four be32 of context.";
        MD2 = 3, "context headers of MD type 2.";
    }
}

constants! {
    /// Actions.
    action, "OVS_ACTION_ATTR_", u16 {
        UNSPEC = 0, "never sent.";
        OUTPUT = 1, "u32, send to this port.";
        USERSPACE = 2, "nest of [`userspace`](super::userspace).";
        SET = 3, "nest of one attribute of [`key`](super::key).";
        PUSH_VLAN = 4, "TPID and TCI, be16 each.";
        POP_VLAN = 5, "no argument.";
        SAMPLE = 6, "nest of [`sample`](super::sample).";
        RECIRC = 7, "u32, look the packet up again with this recirculation id.";
        HASH = 8, "algorithm and basis, u32 each.";
        PUSH_MPLS = 9, "be32 label stack entry, be16 Ethernet type.";
        POP_MPLS = 10, "be16, the Ethernet type afterwards.";
        SET_MASKED = 11, "nest of one attribute of [`key`](super::key): value, then mask.";
        CT = 12, "nest of [`ct`](super::ct).";
        TRUNC = 13, "u32, the next output sends at most this many bytes.";
        PUSH_ETH = 14, "source and destination address.";
        POP_ETH = 15, "no argument.";
        CT_CLEAR = 16, "no argument.";
        PUSH_NSH = 17, "nest of one `NSH` of [`key`](super::key), itself a nest of [`nsh`](super::nsh).";
        POP_NSH = 18, "no argument.";
        METER = 19, "u32, the meter's number.";
        CLONE = 20, "nest of these.";
        CHECK_PKT_LEN = 21, "nest of [`check_pkt_len`](super::check_pkt_len).";
        ADD_MPLS = 22, "be32 label stack entry, be16 Ethernet type, u16 flags.";
        DEC_TTL = 23, "nest of [`dec_ttl`](super::dec_ttl).";
        DROP = 24, "u32, the reason.";
        PSAMPLE = 25, "nest of [`psample`](super::psample).";
    }
}

constants! {
    /// Attributes of a `sample` action.
    sample, "OVS_SAMPLE_ATTR_", u16 {
        UNSPEC = 0, "never sent.";
        PROBABILITY = 1, "u32, the fraction of 2³²−1.";
        ACTIONS = 2, "nest of [`action`](super::action).";
    }
}

constants! {
    /// Attributes of a `userspace` action.
    userspace, "OVS_USERSPACE_ATTR_", u16 {
        UNSPEC = 0, "never sent.";
        PID = 1, "u32, the socket; ignored when upcalls are dispatched per CPU.";
        USERDATA = 2, "a cookie that comes back with the packet.";
        EGRESS_TUN_PORT = 3, "u32, report the tunnel this port would send by.";
        ACTIONS = 4, "flag, send the flow's actions too.";
    }
}

constants! {
    /// Algorithms of a `hash` action.
    hash_alg, "OVS_HASH_ALG_", u32 {
        L4 = 0, "addresses and ports.";
        SYM_L4 = 1, "addresses and ports, the same in both directions.";
    }
}

constants! {
    /// Attributes of a `ct` action.
    ct, "OVS_CT_ATTR_", u16 {
        UNSPEC = 0, "never sent.";
        COMMIT = 1, "flag, keep the connection.";
        ZONE = 2, "u16, the zone.";
        MARK = 3, "u32 value, u32 mask.";
        LABELS = 4, "16 bytes of value, 16 of mask.";
        HELPER = 5, "string, the helper for related connections.";
        NAT = 6, "nest of [`nat`](super::nat).";
        FORCE_COMMIT = 7, "flag, keep it and make this its original direction.";
        EVENTMASK = 8, "u32, the events to report.";
        TIMEOUT = 9, "string, the timeout policy.";
    }
}

constants! {
    /// Attributes of address translation in a `ct` action.
    nat, "OVS_NAT_ATTR_", u16 {
        UNSPEC = 0, "never sent.";
        SRC = 1, "flag, translate the source.";
        DST = 2, "flag, translate the destination.";
        IP_MIN = 3, "4 or 16 bytes, the first address.";
        IP_MAX = 4, "4 or 16 bytes, the last address.";
        PROTO_MIN = 5, "u16, the first port.";
        PROTO_MAX = 6, "u16, the last port.";
        PERSISTENT = 7, "flag, the mapping survives a reboot.";
        PROTO_HASH = 8, "flag, ports by hash.";
        PROTO_RANDOM = 9, "flag, ports at random.";
    }
}

constants! {
    /// Attributes of a `check_pkt_len` action.
    check_pkt_len, "OVS_CHECK_PKT_LEN_ATTR_", u16 {
        UNSPEC = 0, "never sent.";
        PKT_LEN = 1, "u16, the length to compare with.";
        ACTIONS_IF_GREATER = 2, "nest of [`action`](super::action).";
        ACTIONS_IF_LESS_EQUAL = 3, "nest of [`action`](super::action).";
    }
}

constants! {
    /// Attributes of a `psample` action.
    psample, "OVS_PSAMPLE_ATTR_", u16 {
        GROUP = 1, "u32, the sample's source.";
        COOKIE = 2, "at most [`PSAMPLE_COOKIE_MAX_SIZE`](super::limit::PSAMPLE_COOKIE_MAX_SIZE) bytes.";
    }
}

constants! {
    /// Attributes of a `dec_ttl` action.
    dec_ttl, "OVS_DEC_TTL_ATTR_", u16 {
        UNSPEC = 0, "never sent.";
        ACTION = 1, "nest of [`action`](super::action), run when the TTL is used up.";
    }
}

constants! {
    /// Sizes.
    limit, "OVS_", usize {
        CT_LABELS_LEN_32 = 4, "words of a connection's labels.";
        CT_LABELS_LEN = 16, "bytes of a connection's labels.";
        PSAMPLE_COOKIE_MAX_SIZE = 16, "bytes of a sample's cookie.";
    }
}

constants! {
    /// Sizes of NSH.
    nsh_limit, "NSH_", usize {
        MD1_CONTEXT_SIZE = 4, "words of context in MD type 1.";
    }
}

constants! {
    /// Flags of `add_mpls`.
    mpls, "OVS_MPLS_", u16 {
        L3_TUNNEL_FLAG_MASK = 1, "insert before the layer-3 header, not before the packet.";
    }
}

/// Meters: the `ovs_meter` family.
pub mod meter {
    /// `OVS_METER_FAMILY`: the family's name.
    pub const FAMILY: &str = "ovs_meter";
    /// `OVS_METER_MCGROUP`: the multicast group's name.
    pub const MCGROUP: &str = "ovs_meter";
    /// `OVS_METER_VERSION`: the family's version.
    pub const VERSION: u8 = 1;

    constants! {
        /// Commands.
        cmd, "OVS_METER_CMD_", u8 {
            UNSPEC = 0, "never sent.";
            FEATURES = 1, "read what the datapath supports.";
            SET = 2, "add or change a meter.";
            DEL = 3, "remove a meter.";
            GET = 4, "read a meter.";
        }
    }
    constants! {
        /// Attributes.
        attr, "OVS_METER_ATTR_", u16 {
            UNSPEC = 0, "never sent.";
            ID = 1, "u32, the meter's number.";
            KBPS = 2, "flag, rates are in kbit/s, not packets/s.";
            STATS = 3, "`struct ovs_flow_stats`.";
            BANDS = 4, "nest whose elements are nests of [`band`](super::band).";
            USED = 5, "u64, milliseconds on the monotonic clock.";
            CLEAR = 6, "flag, zero the statistics.";
            MAX_METERS = 7, "u32, how many meters there can be.";
            MAX_BANDS = 8, "u32, how many bands a meter can have.";
            PAD = 9, "padding that aligns a u64.";
        }
    }
    constants! {
        /// Attributes of a band.
        band, "OVS_BAND_ATTR_", u16 {
            UNSPEC = 0, "never sent.";
            TYPE = 1, "u32, one of [`band_type`](super::band_type).";
            RATE = 2, "u32, in the meter's unit.";
            BURST = 3, "u32, in the meter's unit.";
            STATS = 4, "`struct ovs_flow_stats`.";
        }
    }
    constants! {
        /// What a band does.
        band_type, "OVS_METER_BAND_TYPE_", u32 {
            UNSPEC = 0, "never sent.";
            DROP = 1, "drop what exceeds the rate.";
        }
    }
}

/// Connection limits: the `ovs_ct_limit` family.
pub mod ct_limit {
    /// `OVS_CT_LIMIT_FAMILY`: the family's name.
    pub const FAMILY: &str = "ovs_ct_limit";
    /// `OVS_CT_LIMIT_MCGROUP`: the multicast group's name.
    pub const MCGROUP: &str = "ovs_ct_limit";
    /// `OVS_CT_LIMIT_VERSION`: the family's version.
    pub const VERSION: u8 = 1;
    /// `OVS_ZONE_LIMIT_DEFAULT_ZONE`: stands for every zone without a limit of its own.
    pub const DEFAULT_ZONE: i32 = -1;

    constants! {
        /// Commands.
        cmd, "OVS_CT_LIMIT_CMD_", u8 {
            UNSPEC = 0, "never sent.";
            SET = 1, "add or change a limit.";
            DEL = 2, "remove a limit.";
            GET = 3, "read limits.";
        }
    }
    constants! {
        /// Attributes.
        attr, "OVS_CT_LIMIT_ATTR_", u16 {
            UNSPEC = 0, "never sent.";
            ZONE_LIMIT = 1, "array of `struct ovs_zone_limit`.";
        }
    }
}

/// Generic netlink's controller: the `nlctrl` family.
pub mod ctrl {
    /// `GENL_ID_CTRL`: its id, the only one known beforehand.
    pub const ID: u16 = 0x10;
    /// The version a request carries.
    pub const VERSION: u8 = 2;

    constants! {
        /// Commands.
        cmd, "CTRL_CMD_", u8 {
            UNSPEC = 0, "never sent.";
            NEWFAMILY = 1, "a family, as an answer or because it was added.";
            DELFAMILY = 2, "a family was removed.";
            GETFAMILY = 3, "read a family.";
            NEWOPS = 4, "operations were added.";
            DELOPS = 5, "operations were removed.";
            GETOPS = 6, "not used.";
            NEWMCAST_GRP = 7, "a multicast group was added.";
            DELMCAST_GRP = 8, "a multicast group was removed.";
            GETMCAST_GRP = 9, "not used.";
            GETPOLICY = 10, "read what attributes a family takes.";
        }
    }
    constants! {
        /// Attributes.
        attr, "CTRL_ATTR_", u16 {
            UNSPEC = 0, "never sent.";
            FAMILY_ID = 1, "u16, the message type to use.";
            FAMILY_NAME = 2, "string.";
            VERSION = 3, "u32.";
            HDRSIZE = 4, "u32, bytes of the family's own header.";
            MAXATTR = 5, "u32, its largest attribute.";
            OPS = 6, "nest whose elements are nests of [`op`](super::op).";
            MCAST_GROUPS = 7, "nest whose elements are nests of [`mcast_grp`](super::mcast_grp).";
            POLICY = 8, "nest: a policy dump's content.";
            OP_POLICY = 9, "nest: which policy an operation has.";
            OP = 10, "u32, an operation.";
        }
    }
    constants! {
        /// Attributes of an operation.
        op, "CTRL_ATTR_OP_", u16 {
            UNSPEC = 0, "never sent.";
            ID = 1, "u32, the command.";
            FLAGS = 2, "u32, what it is able to do and needs.";
        }
    }
    constants! {
        /// Attributes of an operation's policies.
        op_policy, "CTRL_ATTR_POLICY_", u16 {
            UNSPEC = 0, "never sent.";
            DO = 1, "u32, the policy of a request.";
            DUMP = 2, "u32, the policy of a dump.";
        }
    }
    constants! {
        /// Attributes of a multicast group.
        mcast_grp, "CTRL_ATTR_MCAST_GRP_", u16 {
            UNSPEC = 0, "never sent.";
            NAME = 1, "string.";
            ID = 2, "u32, the number to join.";
        }
    }
}

constants! {
    /// Attributes of an extended acknowledgement.
    nlmsgerr, "NLMSGERR_ATTR_", u16 {
        UNUSED = 0, "never sent.";
        MSG = 1, "string, what went wrong.";
        OFFS = 2, "u32, where in the request, in bytes from its header.";
        COOKIE = 3, "bytes, an operation's result.";
        POLICY = 4, "nest of [`nl_policy`](super::nl_policy): what the attribute must be.";
        MISS_TYPE = 5, "u32, the attribute that is missing.";
        MISS_NEST = 6, "u32, the nest it is missing from, in bytes from the header; absent: the message itself.";
    }
}

constants! {
    /// Attributes of a policy.
    nl_policy, "NL_POLICY_TYPE_ATTR_", u16 {
        UNSPEC = 0, "never sent.";
        TYPE = 1, "u32, the kind of attribute.";
        MIN_VALUE_S = 2, "s64.";
        MAX_VALUE_S = 3, "s64.";
        MIN_VALUE_U = 4, "u64.";
        MAX_VALUE_U = 5, "u64.";
        MIN_LENGTH = 6, "u32, bytes.";
        MAX_LENGTH = 7, "u32, bytes.";
        POLICY_IDX = 8, "u32.";
        POLICY_MAXTYPE = 9, "u32.";
        BITFIELD32_MASK = 10, "u32.";
        PAD = 11, "padding that aligns a u64.";
        MASK = 12, "u64, the bits allowed.";
    }
}

/// Constants that came after Linux 6.1, with the release that brought them: a header of an older kernel lacks them.
pub const SINCE: &[(&str, (u8, u8))] = &[
    ("OVS_VPORT_ATTR_UPCALL_STATS", (6, 3)),
    ("OVS_VPORT_UPCALL_ATTR_SUCCESS", (6, 3)),
    ("OVS_VPORT_UPCALL_ATTR_FAIL", (6, 3)),
    ("OVS_HASH_ALG_SYM_L4", (6, 5)),
    ("OVS_ACTION_ATTR_DROP", (6, 6)),
    ("OVS_ACTION_ATTR_PSAMPLE", (6, 11)),
    ("OVS_PSAMPLE_ATTR_GROUP", (6, 11)),
    ("OVS_PSAMPLE_ATTR_COOKIE", (6, 11)),
    ("OVS_PSAMPLE_COOKIE_MAX_SIZE", (6, 11)),
];

/// The constants of the header that are strings.
pub const STRINGS: &[(&str, &str)] = &[
    ("OVS_DATAPATH_FAMILY", dp::FAMILY),
    ("OVS_DATAPATH_MCGROUP", dp::MCGROUP),
    ("OVS_PACKET_FAMILY", packet::FAMILY),
    ("OVS_VPORT_FAMILY", vport::FAMILY),
    ("OVS_VPORT_MCGROUP", vport::MCGROUP),
    ("OVS_FLOW_FAMILY", flow::FAMILY),
    ("OVS_FLOW_MCGROUP", flow::MCGROUP),
    ("OVS_METER_FAMILY", meter::FAMILY),
    ("OVS_METER_MCGROUP", meter::MCGROUP),
    ("OVS_CT_LIMIT_FAMILY", ct_limit::FAMILY),
    ("OVS_CT_LIMIT_MCGROUP", ct_limit::MCGROUP),
];

/// Hands every number here to `visit`, with the name the kernel's header gives it.
pub fn each(visit: &mut dyn FnMut(&'static str, i64)) {
    fn group<T: Copy + TryInto<i64>>(visit: &mut dyn FnMut(&'static str, i64), all: &[(&'static str, T)]) {
        for (name, value) in all {
            visit(name, (*value).try_into().unwrap_or(i64::MIN));
        }
    }
    group(
        visit,
        &[
            ("OVS_DATAPATH_VERSION", dp::VERSION),
            ("OVS_DP_VER_FEATURES", dp::VER_FEATURES),
            ("OVS_PACKET_VERSION", packet::VERSION),
            ("OVS_VPORT_VERSION", vport::VERSION),
            ("OVS_FLOW_VERSION", flow::VERSION),
            ("OVS_METER_VERSION", meter::VERSION),
            ("OVS_CT_LIMIT_VERSION", ct_limit::VERSION),
        ],
    );
    group(visit, &[("OVSP_LOCAL", dp::LOCAL_PORT)]);
    group(visit, &[("OVS_ZONE_LIMIT_DEFAULT_ZONE", ct_limit::DEFAULT_ZONE)]);
    group(visit, &[("GENL_ID_CTRL", ctrl::ID)]);
    for all in [dp::cmd::ALL, packet::cmd::ALL, vport::cmd::ALL, flow::cmd::ALL, meter::cmd::ALL, ct_limit::cmd::ALL, ctrl::cmd::ALL, frag::ALL] {
        group(visit, all);
    }
    for all in [
        dp::attr::ALL,
        packet::attr::ALL,
        vport::attr::ALL,
        vport::upcall::ALL,
        vport::tunnel::ALL,
        vport::vxlan_ext::ALL,
        flow::attr::ALL,
        key::ALL,
        tunnel_key::ALL,
        nsh::ALL,
        action::ALL,
        sample::ALL,
        userspace::ALL,
        ct::ALL,
        nat::ALL,
        check_pkt_len::ALL,
        psample::ALL,
        dec_ttl::ALL,
        mpls::ALL,
        meter::attr::ALL,
        meter::band::ALL,
        ct_limit::attr::ALL,
        ctrl::attr::ALL,
        ctrl::op::ALL,
        ctrl::op_policy::ALL,
        ctrl::mcast_grp::ALL,
        nlmsgerr::ALL,
        nl_policy::ALL,
    ] {
        group(visit, all);
    }
    for all in [dp::feature::ALL, vport::kind::ALL, flow::ufid::ALL, ct_state::ALL, hash_alg::ALL, meter::band_type::ALL] {
        group(visit, all);
    }
    for all in [limit::ALL, nsh_limit::ALL] {
        group(visit, all);
    }
    conntrack::each(visit);
}
