//! Keys, masks and actions as the builders make them, with everything text can carry and nothing it cannot: in a mask no
//! value's bits where the printer shows them by name, structures' padding zero, a tunnel's attributes in the kernel's order.

use ovsdp_proto::action::{self, Action, Cookie, ToUserspace};
use ovsdp_proto::key::{Field, GeneveOpt, Lse, NshBase, NshField, TunnelField, Vlan};
use ovsdp_proto::nla::{self, TooLong};
use ovsdp_proto::uapi::{self, ct, key, nat, tunnel_key};
use ovsdp_proto::{Mac, key as keys};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// A key and its mask.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

/// An attribute.
fn attr(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    nla::put(&mut out, kind, payload).unwrap();
    out
}

fn pair(kind: u16, value: &[u8], mask: &[u8]) -> Pair {
    (attr(kind, value), attr(kind, mask))
}

fn join(pairs: impl IntoIterator<Item = Pair>) -> Pair {
    let mut all = Pair::default();
    for (value, mask) in pairs {
        all.0.extend(value);
        all.1.extend(mask);
    }
    all
}

/// Bytes that are often all zeros or all ones.
fn bytes(len: usize) -> BoxedStrategy<Vec<u8>> {
    prop_oneof![Just(vec![0; len]), Just(vec![0xff; len]), vec(any::<u8>(), len)].boxed()
}

/// Takes out of a value and its mask what text cannot carry.
type Fix = fn(&mut [u8], &mut [u8]);

/// Bytes of a structure and of its mask, with what is not to be there taken out by `fix`.
fn structure(kind: u16, len: usize, fix: Fix) -> BoxedStrategy<Pair> {
    (bytes(len), bytes(len))
        .prop_map(move |(mut value, mut mask)| {
            fix(&mut value, &mut mask);
            pair(kind, &value, &mask)
        })
        .boxed()
}

fn frag(value: &mut u8, mask: &mut u8) {
    *mask = if *mask & 1 == 0 { 0 } else { 0xff };
    *value = if *mask == 0 { 0 } else { *value % 3 };
}

fn nothing(_: &mut [u8], _: &mut [u8]) {}

/// Flags that are printed by name: the value has none its mask has not.
fn by_name(value: &mut [u8], mask: &mut [u8], all: u16) {
    let be = |bytes: &[u8]| u16::from_be_bytes([bytes[0], bytes[1]]);
    if be(mask) != u16::MAX {
        let bits = be(mask) & all;
        mask.copy_from_slice(&bits.to_be_bytes());
        let flags = be(value) & bits;
        value.copy_from_slice(&flags.to_be_bytes());
    }
}

/// One field with its number; nests aside.
fn leaf() -> BoxedStrategy<(u16, Pair)> {
    let plain = prop_oneof![
        Just((key::PRIORITY, 4)),
        Just((key::IN_PORT, 4)),
        Just((key::ETHERNET, 12)),
        Just((key::ETHERTYPE, 2)),
        Just((key::TCP, 4)),
        Just((key::UDP, 4)),
        Just((key::SCTP, 4)),
        Just((key::ICMP, 2)),
        Just((key::ICMPV6, 2)),
        Just((key::ND, 28)),
        Just((key::SKB_MARK, 4)),
        Just((key::DP_HASH, 4)),
        Just((key::RECIRC_ID, 4)),
        Just((key::CT_ZONE, 2)),
        Just((key::CT_MARK, 4)),
        Just((key::CT_LABELS, 16)),
        Just((key::PACKET_TYPE, 4)),
        Just((key::IPV6_EXTHDRS, 2)),
        (40u16..64, 0usize..40),
        (1usize..4).prop_map(|entries| (key::MPLS, entries * 4)),
    ]
    .prop_flat_map(|(kind, len)| structure(kind, len, nothing).prop_map(move |pair| (kind, pair)));
    let fixed: [(u16, usize, Fix); 9] = [
        (key::IPV4, 12, |value, mask| frag(&mut value[11], &mut mask[11])),
        (key::IPV6, 40, |value, mask| {
            for bytes in [&mut *value, &mut *mask] {
                bytes[32] = 0;
                bytes[33] &= 0xf;
            }
            frag(&mut value[39], &mut mask[39]);
        }),
        (key::ARP, 24, |value, mask| [value, mask].into_iter().for_each(|bytes| bytes[22..].fill(0))),
        (key::CT_ORIG_TUPLE_IPV4, 16, |value, mask| [value, mask].into_iter().for_each(|bytes| bytes[13..].fill(0))),
        (key::CT_ORIG_TUPLE_IPV6, 40, |value, mask| [value, mask].into_iter().for_each(|bytes| bytes[37..].fill(0))),
        (key::ND_EXTENSIONS, 8, |value, mask| {
            value[5..].fill(0);
            mask[..4].fill(0xff);
            mask[5..].fill(0);
        }),
        (key::VLAN, 2, |_, mask| mask[0] |= 0x10),
        (key::TCP_FLAGS, 2, |value, mask| by_name(value, mask, 0x1ff)),
        (key::CT_STATE, 4, |value, mask| {
            value[1..].fill(0);
            mask[1..].fill(0);
        }),
    ];
    let fixed = (0..fixed.len()).prop_flat_map(move |at| {
        let (kind, len, fix) = fixed[at];
        structure(kind, len, fix).prop_map(move |pair| (kind, pair))
    });
    prop_oneof![4 => plain, 3 => fixed, 1 => tunnel().prop_map(|pair| (key::TUNNEL, pair)), 1 => nsh().prop_map(|pair| (key::NSH, pair))].boxed()
}

fn nsh() -> BoxedStrategy<Pair> {
    (bytes(24), bytes(24))
        .prop_map(|(mut value, mut mask)| {
            (value[2], mask[2]) = (1, 0xff);
            value.iter_mut().zip(&mask).for_each(|(value, mask)| *value &= mask);
            let both = |bytes: &[u8]| [attr(uapi::nsh::BASE, &bytes[..8]), attr(uapi::nsh::MD1, &bytes[8..])].concat();
            pair(key::NSH, &both(&value), &both(&mask))
        })
        .boxed()
}

fn options() -> BoxedStrategy<Pair> {
    let option = (any::<[u8; 3]>(), bytes(3), 0u8..32, (0usize..4).prop_flat_map(|words| (bytes(words * 4), bytes(words * 4))));
    let geneve = vec(option, 0..3).prop_map(|options| {
        let (mut value, mut mask) = (Vec::new(), Vec::new());
        for (head, bits, len_mask, (data, data_mask)) in options {
            value.extend([head[0], head[1], head[2], u8::try_from(data.len() / 4).unwrap()]);
            mask.extend([bits[0], bits[1], bits[2], len_mask]);
            assert!(keys::GeneveOpts(&value).all(|opt: Result<GeneveOpt<'_>, _>| opt.is_ok() || !data.is_empty()));
            value.extend(data);
            mask.extend(data_mask);
        }
        pair(tunnel_key::GENEVE_OPTS, &value, &mask)
    });
    let gbp = (0u32..1 << 24, 0u32..1 << 24).prop_map(|(value, mask)| {
        let gbp = |gbp: u32| attr(uapi::vport::vxlan_ext::GBP, &gbp.to_ne_bytes());
        pair(tunnel_key::VXLAN_OPTS, &gbp(value), &gbp(mask))
    });
    let erspan = (0u32..4, any::<u8>(), bytes(4), bytes(4), any::<(u8, u8, u8, u8)>()).prop_map(|(version, bits, index, index_mask, hw)| {
        let version_mask = if bits == 0xff { u32::MAX } else { bits.into() };
        let md = |version: u32, kind: u32, index: &[u8], f0: u8, f1: u8| {
            let mut out = [version.to_ne_bytes(), [0; 4], [0; 4]].concat();
            match kind {
                1 => out[4..8].copy_from_slice(index),
                2 => (out[10], out[11]) = (f0 & 3, f1 & 0xf8),
                _ => {}
            }
            out
        };
        pair(tunnel_key::ERSPAN_OPTS, &md(version, version, &index, hw.0, hw.1), &md(version_mask, version, &index_mask, hw.2, hw.3))
    });
    let other = structure(99, 3, nothing);
    prop_oneof![geneve, gbp, erspan, other, Just(Pair::default())].boxed()
}

fn tunnel() -> BoxedStrategy<Pair> {
    let outer = |kind, len| option::of(structure(kind, len, nothing)).prop_map(Option::unwrap_or_default);
    let flag = |kind| {
        prop_oneof![Just((false, false)), Just((false, true)), Just((true, true))].prop_map(move |(value, mask)| {
            let put = |there: bool| if there { attr(kind, &[]) } else { Vec::new() };
            (put(value), put(mask))
        })
    };
    let first = (
        outer(tunnel_key::ID, 8),
        outer(tunnel_key::IPV4_SRC, 4),
        outer(tunnel_key::IPV4_DST, 4),
        outer(tunnel_key::IPV6_SRC, 16),
        outer(tunnel_key::IPV6_DST, 16),
        outer(tunnel_key::TOS, 1),
        outer(tunnel_key::TTL, 1),
    );
    let rest = (
        flag(tunnel_key::DONT_FRAGMENT),
        flag(tunnel_key::CSUM),
        outer(tunnel_key::TP_SRC, 2),
        outer(tunnel_key::TP_DST, 2),
        flag(tunnel_key::OAM),
        options(),
    );
    (first, rest)
        .prop_map(|((a, b, c, d, e, f, g), (h, i, j, k, l, m))| {
            let (value, mask) = join([a, b, c, d, e, f, g, h, i, j, k, l, m]);
            pair(key::TUNNEL, &value, &mask)
        })
        .boxed()
}

/// Fields, none twice.
fn fields(leaf: BoxedStrategy<(u16, Pair)>) -> BoxedStrategy<Pair> {
    vec(leaf, 0..8)
        .prop_map(|fields| {
            let mut seen = std::collections::HashSet::new();
            join(fields.into_iter().filter(|(kind, _)| seen.insert(*kind)).map(|(_, pair)| pair))
        })
        .boxed()
}

/// A key and its mask, three levels deep at most.
pub(super) fn key_and_mask() -> BoxedStrategy<Pair> {
    let mut level = fields(leaf());
    for _ in 0..2 {
        let encap = level.prop_map(|(value, mask)| (key::ENCAP, pair(key::ENCAP, &value, &mask)));
        level = fields(prop_oneof![6 => leaf(), 1 => encap].boxed());
    }
    level
}

/// Appends actions to a list.
fn made(fill: impl FnOnce(&mut Vec<u8>) -> Result<(), TooLong>) -> Vec<u8> {
    let mut out = Vec::new();
    fill(&mut out).unwrap();
    out
}

fn simple() -> BoxedStrategy<Vec<u8>> {
    let number = prop_oneof![Just(0u32), Just(u32::MAX), any::<u32>()];
    let by_number: [fn(&mut Vec<u8>, u32); 6] =
        [action::output, action::recirc, action::trunc, action::meter, action::drop, |out, basis| action::hash(out, basis & 1, basis)];
    let bare: [fn(&mut Vec<u8>); 4] = [action::pop_vlan, action::pop_eth, action::ct_clear, action::pop_nsh];
    let mpls = (any::<u32>(), any::<u16>(), any::<u16>(), 0u8..3).prop_map(|(lse, eth_type, flags, which)| {
        made(|out| {
            match which {
                0 => action::push_mpls(out, Lse(lse), eth_type),
                1 => action::add_mpls(out, Lse(lse), eth_type, flags),
                _ => action::pop_mpls(out, eth_type),
            }
            Ok(())
        })
    });
    prop_oneof![
        (0..by_number.len(), number).prop_map(move |(at, value)| made(|out| {
            by_number[at](out, value);
            Ok(())
        })),
        (0..bare.len()).prop_map(move |at| made(|out| {
            bare[at](out);
            Ok(())
        })),
        mpls,
        (any::<u16>(), any::<u16>()).prop_map(|(tpid, tci)| made(|out| Action::PushVlan(Vlan { tpid, tci }).put(out))),
        any::<([u8; 6], [u8; 6])>().prop_map(|(src, dst)| made(|out| {
            action::push_eth(out, Mac(src), Mac(dst));
            Ok(())
        })),
        (any::<u32>(), option::of(vec(any::<u8>(), 0..=16))).prop_map(|(group, cookie)| made(|out| action::psample(out, group, cookie.as_deref()))),
        (26u16..100, vec(any::<u8>(), 0..9)).prop_map(|(kind, payload)| attr(kind, &payload)),
        push_nsh(),
        userspace(),
        set(),
        set_masked(),
        conntrack(),
    ]
    .boxed()
}

fn push_nsh() -> BoxedStrategy<Vec<u8>> {
    (any::<[u8; 8]>(), any::<[u32; 4]>(), vec(any::<u8>(), 0..12), any::<bool>())
        .prop_map(|([flags, ttl, mdtype, np, p0, p1, p2, p3], context, md2, first)| {
            let mut base = NshBase { flags, ttl, mdtype, np, path_hdr: u32::from_be_bytes([p0, p1, p2, p3]) };
            let mut header = Vec::new();
            if first {
                base.mdtype = 1;
                NshField::Base(base).put(&mut header).unwrap();
                NshField::Md1(context).put(&mut header).unwrap();
            } else {
                base.mdtype = 2;
                NshField::Base(base).put(&mut header).unwrap();
                // A multiple of 4 bytes that does not begin with 4 zeros.
                let mut md2 = [vec![1], md2].concat();
                md2.resize(md2.len().next_multiple_of(4), 0);
                NshField::Md2(&md2).put(&mut header).unwrap();
            }
            made(|out| action::push_nsh(out, &header))
        })
        .boxed()
}

fn userspace() -> BoxedStrategy<Vec<u8>> {
    let cookie = prop_oneof![
        any::<u32>().prop_map(|reason| Cookie::SlowPath { reason }),
        (any::<u16>(), any::<u32>()).prop_map(|(tci, output)| Cookie::SFlow { vlan_tci: if tci & 0xefff == 0 { 0 } else { tci | 0x1000 }, output }),
        any::<u32>().prop_map(|output_port| Cookie::Ipfix { output_port }),
        (any::<u16>(), any::<[u32; 4]>(), 0u32..3).prop_map(|(probability, [a, b, c, d], direction)| Cookie::FlowSample {
            probability,
            collector_set_id: a,
            obs_domain_id: b,
            obs_point_id: c,
            output_port: d,
            direction
        }),
        any::<(u16, bool, bool, u32, u64, u16, u16)>().prop_map(
            |(reason, dont_send, continuation, recirc_id, rule_cookie, controller_id, max_len)| Cookie::Controller {
                reason,
                dont_send,
                continuation,
                recirc_id,
                rule_cookie,
                controller_id,
                max_len
            }
        ),
    ];
    let userdata = prop_oneof![Just(None), vec(any::<u8>(), 0..40).prop_map(Some), cookie.prop_map(|cookie| Some(cookie.to_bytes().to_vec()))];
    (any::<u32>(), userdata, option::of(any::<u32>()), any::<bool>())
        .prop_map(|(pid, userdata, egress_tun_port, actions)| {
            made(|out| action::userspace(out, &ToUserspace { pid, userdata: userdata.as_deref(), egress_tun_port, actions }))
        })
        .boxed()
}

/// A whole header; of those with a mask, its value.
fn set() -> BoxedStrategy<Vec<u8>> {
    let field = leaf().prop_filter_map("set whole", |(kind, (value, _))| {
        let mut value = value;
        match kind {
            key::TUNNEL => return None,
            key::NSH | key::ENCAP => return None,
            key::CT_STATE => value[5..].fill(0),
            _ => {}
        }
        Some(value)
    });
    let tunnel = any::<(u64, [u8; 4], u8, u8, u16)>().prop_map(|(id, dst, tos, ttl, port)| {
        let mut out = Vec::new();
        let option = [1, 2, 3, 1, 0, 0, 0, tos];
        for field in [
            TunnelField::Id(id),
            TunnelField::Ipv4Dst(dst.into()),
            TunnelField::Tos(tos),
            TunnelField::Ttl(ttl),
            TunnelField::DontFragment,
            TunnelField::TpDst(port),
            TunnelField::GeneveOpts(&option),
        ] {
            field.put(&mut out).unwrap();
        }
        attr(key::TUNNEL, &out)
    });
    let nsh = any::<([u8; 8], [u32; 4])>().prop_map(|([flags, ttl, mdtype, np, p0, p1, p2, p3], context)| {
        let mut out = Vec::new();
        NshField::Base(NshBase { flags, ttl, mdtype, np, path_hdr: u32::from_be_bytes([p0, p1, p2, p3]) }).put(&mut out).unwrap();
        if mdtype == 1 {
            NshField::Md1(context).put(&mut out).unwrap();
        }
        attr(key::NSH, &out)
    });
    prop_oneof![4 => field, 1 => tunnel, 1 => nsh]
        .prop_map(|field| {
            let one = nla::Attrs::new(&field).next().unwrap();
            made(|out| action::set(out, &Field::Other(one)))
        })
        .boxed()
}

fn set_masked() -> BoxedStrategy<Vec<u8>> {
    leaf()
        .prop_filter_map("set partly", |(kind, (value, mask))| {
            let payload = |bytes: &[u8]| nla::Attrs::new(bytes).next().unwrap().payload().to_vec();
            let (mut value, mut mask) = (payload(&value), payload(&mask));
            if matches!(kind, key::TUNNEL | key::NSH | key::ND_EXTENSIONS) {
                return None;
            }
            // What is to match anything is printed by a name without a value.
            if mask.is_empty() || kind == key::TCP_FLAGS || kind == key::CT_STATE {
                return None;
            }
            if mask[0] == 0xff {
                mask[0] = 0x1f;
            }
            value.iter_mut().zip(&mask).for_each(|(value, mask)| *value &= mask);
            if kind == key::VLAN {
                // Without the bit that says a tag is there, `cfi=0` is printed, and read as masked.
                value[0] |= 0x10;
            }
            Some(attr(uapi::action::SET_MASKED, &attr(kind, &[value, mask].concat())))
        })
        .boxed()
}

fn conntrack() -> BoxedStrategy<Vec<u8>> {
    let range = prop_oneof![
        any::<([u8; 4], [u8; 4])>().prop_map(|(a, b)| (a.min(b).to_vec(), a.max(b).to_vec())),
        any::<([u8; 16], [u8; 16])>().prop_map(|(a, b)| (a.min(b).to_vec(), a.max(b).to_vec())),
    ];
    let ports = (1u16..=u16::MAX, 1u16..=u16::MAX).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let nat = (any::<bool>(), option::of((range, any::<bool>(), option::of((ports, any::<bool>())))), any::<[bool; 3]>()).prop_map(
        |(source, range, flags)| {
            let mut out = attr(if source { nat::SRC } else { nat::DST }, &[]);
            if let Some(((first, last), both, ports)) = range {
                out.extend(attr(nat::IP_MIN, &first));
                if both && first != last {
                    out.extend(attr(nat::IP_MAX, &last));
                }
                if let Some(((first, last), both)) = ports {
                    nla::put_u16(&mut out, nat::PROTO_MIN, first);
                    if both && first != last {
                        nla::put_u16(&mut out, nat::PROTO_MAX, last);
                    }
                }
            }
            for (flag, kind) in flags.into_iter().zip([nat::PERSISTENT, nat::PROTO_HASH, nat::PROTO_RANDOM]) {
                out.extend(if flag { attr(kind, &[]) } else { Vec::new() });
            }
            out
        },
    );
    let nat = prop_oneof![Just(None), Just(Some(Vec::new())), nat.prop_map(Some)];
    let name = || option::of("[a-zA-Z0-9_.-]{1,16}");
    (any::<[bool; 2]>(), option::of(1u16..), option::of(any::<[u8; 8]>()), option::of((bytes(16), bytes(16))), name(), name(), nat)
        .prop_map(|([commit, force], zone, mark, labels, helper, timeout, nat)| {
            let mut out = Vec::new();
            for (flag, kind) in [(commit, ct::COMMIT), (force, ct::FORCE_COMMIT)] {
                out.extend(if flag { attr(kind, &[]) } else { Vec::new() });
            }
            if let Some(zone) = zone {
                nla::put_u16(&mut out, ct::ZONE, zone);
            }
            if let Some(mark) = mark {
                out.extend(attr(ct::MARK, &mark));
            }
            if let Some((value, mask)) = labels {
                out.extend(attr(ct::LABELS, &[value, mask].concat()));
            }
            for (name, kind) in [(helper, ct::HELPER), (timeout, ct::TIMEOUT)] {
                out.extend(name.map(|name| attr(kind, format!("{name}\0").as_bytes())).unwrap_or_default());
            }
            out.extend(nat.map(|nat| attr(ct::NAT, &nat)).unwrap_or_default());
            made(|to| action::ct(to, &out))
        })
        .boxed()
}

/// A list of actions with nests in it.
pub(super) fn actions() -> BoxedStrategy<Vec<u8>> {
    vec(simple(), 0..4)
        .prop_map(|actions| actions.concat())
        .prop_recursive(4, 24, 3, |inner| {
            let two = (inner.clone(), inner.clone(), any::<u16>());
            let nest = prop_oneof![
                inner.clone().prop_map(|list| made(|out| action::clone(out, &list))),
                inner.clone().prop_map(|list| made(|out| action::dec_ttl(out, &list))),
                (inner.clone(), 0u32..=1000).prop_map(|(list, share)| made(|out| {
                    // Shares are printed in tenths of a per cent.
                    let probability = (u64::from(u32::MAX) * u64::from(share) + 500) / 1000;
                    action::sample(out, u32::try_from(probability).unwrap(), &list)
                })),
                two.prop_map(|(greater, less, len)| made(|out| action::check_pkt_len(out, len, &greater, &less))),
            ];
            (inner, nest).prop_map(|(mut list, nest)| {
                list.extend(nest);
                list
            })
        })
        .boxed()
}
