//! Actions as text.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::action::{Action, Cookie, Ct, FAMILY, Nat, Userspace};
use crate::key::fmt::{MAX_DEPTH, Mask, write_attr, write_labels, write_lse, write_nsh_masked, write_tci};
use crate::key::{Ipv6, NshBase, NshField, Vlan};
use crate::nla::{Attr, Attrs};
use crate::text::put::{BigHex, Bytes, Escaped, Hex, Hex16, Ip6, List, Prefixed, put};
use crate::text::{self, Style};
use crate::uapi::{hash_alg, key, mpls, nsh};

/// A `sample` of every packet.
const WHOLE: u64 = u32::MAX as u64;

/// Appends a list of actions as text, which is UTF-8; `drop` when it is empty. No allocation when `out` has room.
pub fn append_actions(out: &mut Vec<u8>, actions: &[u8], style: &Style<'_>) {
    write_actions(out, actions, style, 0);
}

fn write_actions(out: &mut Vec<u8>, bytes: &[u8], style: &Style<'_>, depth: usize) {
    if bytes.is_empty() {
        return put!(out, "drop");
    }
    if depth > MAX_DEPTH {
        return put!(out, "<nested too deep>");
    }
    let mut list = List::new(out);
    let mut attrs = Attrs::new(bytes);
    for attr in attrs.by_ref() {
        write_action(list.item(), attr, style, depth);
    }
    text::leftover(list.out, attrs.rest(), bytes.len());
}

fn generic(out: &mut Vec<u8>, attr: Attr<'_>) {
    put!(out, "action", attr.kind());
    if !attr.payload().is_empty() {
        put!(out, "(", Bytes(attr.payload(), " "), ")");
    }
}

fn write_action(out: &mut Vec<u8>, attr: Attr<'_>, style: &Style<'_>, depth: usize) {
    let Ok(action) = Action::read(attr) else {
        put!(out, "bad length ", attr.payload().len(), " for: ");
        return generic(out, attr);
    };
    let nested = |out: &mut Vec<u8>, actions: Option<&[u8]>| write_actions(out, actions.unwrap_or_default(), style, depth + 1);
    match action {
        Action::Output(port) => style.port(out, port),
        Action::Userspace(up) => write_userspace(out, up, style),
        Action::Set(attr) => write_set(out, attr, depth),
        Action::SetMasked(attr) => write_set_masked(out, attr, depth),
        Action::PushVlan(Vlan { tpid, tci }) => {
            put!(out, "push_vlan(");
            if tpid != 0x8100 {
                put!(out, "tpid=0x", Hex16(tpid), ",");
            }
            write_tci(out, tci, u16::MAX, false);
            put!(out, ")");
        }
        Action::PopVlan => put!(out, "pop_vlan"),
        Action::Sample(sample) => match (sample.probability(), sample.actions()) {
            (Some(probability), Some(actions)) => {
                // Tenths of a per cent, rounded: no share lies halfway between two.
                let tenths = (u64::from(probability) * 2000 + WHOLE) / (2 * WHOLE);
                put!(out, "sample(sample=", tenths / 10, ".", tenths % 10, "%,actions(");
                nested(out, Some(actions));
                put!(out, "))");
            }
            _ => put!(out, "sample(error)"),
        },
        Action::Recirc(id) => put!(out, "recirc(", Hex(id.into()), ")"),
        Action::Hash { alg: hash_alg::L4, basis } => put!(out, "hash(l4(", basis, "))"),
        Action::Hash { alg: hash_alg::SYM_L4, basis } => put!(out, "hash(sym_l4(", basis, "))"),
        Action::Hash { alg, .. } => put!(out, "hash(Unknown hash algorithm(", alg, "))"),
        Action::PushMpls { lse, eth_type } => {
            put!(out, "push_mpls(");
            write_lse(out, lse);
            put!(out, ",eth_type=", Prefixed(eth_type.into()), ")");
        }
        Action::PopMpls(eth_type) => put!(out, "pop_mpls(eth_type=", Prefixed(eth_type.into()), ")"),
        Action::Ct(ct) => write_ct(out, ct),
        Action::Trunc(max_len) => put!(out, "trunc(", max_len, ")"),
        Action::PushEth(eth) => put!(out, "push_eth(src=", eth.src, ",dst=", eth.dst, ")"),
        Action::PopEth => put!(out, "pop_eth"),
        Action::CtClear => put!(out, "ct_clear"),
        Action::PushNsh(attr) => write_push_nsh(out, attr),
        Action::PopNsh => put!(out, "pop_nsh()"),
        Action::Meter(id) => put!(out, "meter(", id, ")"),
        Action::Clone(attr) => {
            put!(out, "clone(");
            nested(out, Some(attr.payload()));
            put!(out, ")");
        }
        Action::CheckPktLen(check) => match check.pkt_len() {
            Some(len) => {
                put!(out, "check_pkt_len(size=", len, ",gt(");
                nested(out, check.if_greater());
                put!(out, "),le(");
                nested(out, check.if_less_equal());
                put!(out, "))");
            }
            None => put!(out, "check_pkt_len(error)"),
        },
        Action::AddMpls { lse, eth_type, flags } => {
            put!(out, "add_mpls(");
            write_lse(out, lse);
            put!(out, ",eth_type=", Prefixed(eth_type.into()));
            // `ovs-dpctl` prints none; what it leaves out here is what it means most often.
            if flags != mpls::L3_TUNNEL_FLAG_MASK {
                put!(out, ",flags=", Hex(flags.into()));
            }
            put!(out, ")");
        }
        Action::DecTtl(dec) => {
            put!(out, "dec_ttl(le_1(");
            nested(out, dec.actions());
            put!(out, "))");
        }
        Action::Drop(reason) => put!(out, "drop(", reason, ")"),
        Action::Psample(sample) => {
            put!(out, "psample(group=", sample.group().unwrap_or_default());
            if let Some(cookie) = sample.cookie() {
                put!(out, ",cookie=0x", Bytes(cookie, ""));
            }
            put!(out, ")");
        }
        Action::Other(attr) => generic(out, attr),
    }
}

fn write_userspace(out: &mut Vec<u8>, up: Userspace<'_>, style: &Style<'_>) {
    let Some(pid) = up.pid() else {
        return put!(out, "userspace(error)");
    };
    put!(out, "userspace(pid=", pid);
    if let Some(cookie) = up.userdata() {
        match Cookie::from_bytes(cookie) {
            Some(cookie) => write_cookie(out, cookie, style),
            None => put!(out, ",userdata(", Bytes(cookie, ""), ")"),
        }
    }
    if up.with_actions() {
        put!(out, ",actions");
    }
    if let Some(port) = up.egress_tun_port() {
        put!(out, ",tunnel_out_port=");
        style.port(out, port);
    }
    put!(out, ")");
}

fn write_cookie(out: &mut Vec<u8>, cookie: Cookie, style: &Style<'_>) {
    match cookie {
        Cookie::SFlow { vlan_tci, output } => put!(out, ",sFlow(vid=", vlan_tci & 0xfff, ",pcp=", vlan_tci >> 13, ",output=", output, ")"),
        Cookie::SlowPath { reason } => {
            put!(out, ",slow_path(");
            text::flags_by(out, reason, Cookie::REASONS, ",");
            put!(out, ")");
        }
        Cookie::FlowSample { probability, collector_set_id, obs_domain_id, obs_point_id, output_port, direction } => {
            put!(out, ",flow_sample(probability=", probability, ",collector_set_id=", collector_set_id, ",");
            put!(out, "obs_domain_id=", obs_domain_id, ",obs_point_id=", obs_point_id, ",output_port=");
            style.port(out, output_port);
            put!(
                out,
                match direction {
                    1 => ",ingress)",
                    2 => ",egress)",
                    _ => ")",
                }
            )
        }
        Cookie::Ipfix { output_port } => {
            put!(out, ",ipfix(output_port=");
            style.port(out, output_port);
            put!(out, ")");
        }
        Cookie::Controller { reason, dont_send, continuation, recirc_id, rule_cookie, controller_id, max_len } => {
            put!(out, ",controller(reason=", reason, ",dont_send=", u8::from(dont_send), ",continuation=", u8::from(continuation), ",");
            put!(out, "recirc_id=", recirc_id, ",rule_cookie=", Hex(rule_cookie), ",controller_id=", controller_id, ",max_len=", max_len, ")");
        }
    }
}

fn write_set(out: &mut Vec<u8>, attr: Attr<'_>, depth: usize) {
    put!(out, "set(");
    match attr.nested().next() {
        Some(field) => write_attr(out, field, Mask::Exact, &Style { names: None, verbose: true }, depth),
        None => put!(out, "error"),
    }
    put!(out, ")");
}

fn write_set_masked(out: &mut Vec<u8>, attr: Attr<'_>, depth: usize) {
    put!(out, "set(");
    match attr.nested().next() {
        None => put!(out, "error"),
        Some(field) if field.kind() == key::NSH => write_set_nsh(out, field),
        Some(field) => {
            let style = Style { names: None, verbose: false };
            let (value, mask) = field.payload().split_at(field.payload().len() / 2);
            // The kernel does not mask what is larger: that is a tunnel.
            if mask.len() == value.len() && value.len() <= Ipv6::LEN {
                write_attr(out, Attr::new(field.kind(), value), Mask::Bits(mask), &style, depth);
            } else {
                write_attr(out, field, Mask::Exact, &style, depth);
            }
        }
    }
    put!(out, ")");
}

fn write_set_nsh(out: &mut Vec<u8>, attr: Attr<'_>) {
    let (mut base, mut context) = (NshBase { flags: 0, ttl: 0, mdtype: 0, np: 0, path_hdr: 0 }, [0; 4]);
    let (mut base_mask, mut md1_mask) = ([0xff; 8], [0xff; 16]);
    for field in attr.nested() {
        let (value, mask) = field.payload().split_at(field.payload().len() / 2);
        match (NshField::read(Attr::new(field.kind(), value)), field.kind()) {
            (Ok(NshField::Base(value)), nsh::BASE) => {
                base = value;
                base_mask = mask.try_into().unwrap_or(base_mask);
            }
            (Ok(NshField::Md1(value)), nsh::MD1) => {
                context = value;
                md1_mask = mask.try_into().unwrap_or(md1_mask);
            }
            _ => {}
        }
    }
    let [flags, ttl, mdtype, np, p0, p1, p2, si] = base_mask;
    put!(out, "nsh(");
    write_nsh_masked(out, base, context, [flags, ttl, mdtype, np, si], u32::from_be_bytes([0, p0, p1, p2]), md1_mask);
    put!(out, ")");
}

fn write_push_nsh(out: &mut Vec<u8>, attr: Attr<'_>) {
    put!(out, "push_nsh(");
    let mut list = List::new(out);
    for field in attr.nested().find(key::NSH).into_iter().flat_map(|header| header.nested()) {
        match NshField::read(field) {
            Ok(NshField::Base(b)) => {
                put!(
                    list.item(),
                    "flags=",
                    b.flags,
                    ",ttl=",
                    b.ttl,
                    ",mdtype=",
                    b.mdtype,
                    ",np=",
                    b.np,
                    ",spi=",
                    Prefixed(b.spi().into()),
                    ",si=",
                    b.si()
                );
            }
            Ok(NshField::Md1(context)) => {
                for (name, value) in ["c1", "c2", "c3", "c4"].into_iter().zip(context) {
                    put!(list.item(), name, "=", Prefixed(value.into()));
                }
            }
            Ok(NshField::Md2(bytes)) => put!(list.item(), "md2=", BigHex(bytes)),
            Ok(NshField::Other(_)) | Err(_) => put!(list.item(), "error"),
        }
    }
    put!(out, ")");
}

fn write_ct(out: &mut Vec<u8>, ct: Ct<'_>) {
    put!(out, "ct");
    let zone = ct.zone().filter(|zone| *zone != 0);
    let (mark, labels, helper, timeout, nat) = (ct.mark(), ct.labels(), ct.helper(), ct.timeout(), ct.nat());
    let any = ct.commit() || ct.force_commit() || zone.is_some() || mark.is_some();
    if !(any || labels.is_some() || helper.is_some() || timeout.is_some() || nat.is_some()) {
        return;
    }
    put!(out, "(");
    let mut list = List::new(out);
    if ct.commit() {
        put!(list.item(), "commit");
    }
    if ct.force_commit() {
        put!(list.item(), "force_commit");
    }
    if let Some(zone) = zone {
        put!(list.item(), "zone=", zone);
    }
    if let Some((value, mask)) = mark {
        put!(list.item(), "mark=", Hex(value.into()), "/", Hex(mask.into()));
    }
    if let Some((value, mask)) = labels {
        put!(list.item(), "label=");
        write_labels(list.out, value, Some(mask), true);
    }
    if let Some(helper) = helper {
        put!(list.item(), "helper=", Escaped(helper));
    }
    if let Some(timeout) = timeout {
        put!(list.item(), "timeout=", Escaped(timeout));
    }
    if let Some(nat) = nat {
        write_nat(list.item(), nat);
    }
    put!(out, ")");
}

fn write_nat(out: &mut Vec<u8>, nat: Nat<'_>) {
    put!(out, "nat");
    if !nat.src() && !nat.dst() {
        return;
    }
    put!(out, "(", if nat.src() { "src" } else { "dst" });
    if let Some(min) = nat.ip_min() {
        put!(out, "=");
        let port = nat.proto_min().filter(|port| *port != 0);
        write_nat_ip(out, min, port.is_some());
        if let Some(max) = nat.ip_max().filter(|max| *max != min && max.iter().any(|byte| *byte != 0)) {
            put!(out, "-");
            write_nat_ip(out, max, port.is_some());
        }
        if let Some(port) = port {
            put!(out, ":", port);
            if let Some(max) = nat.proto_max().filter(|max| *max != 0 && *max != port) {
                put!(out, "-", max);
            }
        }
    }
    for (flag, name) in [(nat.persistent(), ",persistent"), (nat.proto_hash(), ",hash"), (nat.proto_random(), ",random")] {
        if flag {
            put!(out, name);
        }
    }
    put!(out, ")");
}

fn write_nat_ip(out: &mut Vec<u8>, ip: &[u8], port: bool) {
    match (<[u8; 4]>::try_from(ip), <[u8; 16]>::try_from(ip)) {
        (Ok(ip), _) => put!(out, Ipv4Addr::from(ip)),
        (_, Ok(ip)) if port => put!(out, "[", Ip6(Ipv6Addr::from(ip)), "]"),
        (_, Ok(ip)) => put!(out, Ip6(Ipv6Addr::from(ip))),
        _ => put!(out, FAMILY, ": an address of ", ip.len(), " bytes"),
    }
}
