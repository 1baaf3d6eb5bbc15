//! Actions as text.

use core::fmt::{self, Write};
use core::net::{Ipv4Addr, Ipv6Addr};

use crate::action::{Action, Cookie, Ct, FAMILY, Nat, Userspace};
use crate::key::fmt::{MAX_DEPTH, Mask, write_attr, write_labels, write_lse, write_nsh_masked, write_tci};
use crate::key::{Ipv6, NshBase, NshField, Vlan};
use crate::nla::{Attr, Attrs};
use crate::text::{self, Appender, BigHex, Bytes, Hex, Ip6, List, Style};
use crate::uapi::{hash_alg, key, mpls, nsh};

/// Prints a list of actions; `drop` when it is empty. No allocation.
///
/// # Errors
/// Only what `out` returns.
pub fn fmt_actions(out: &mut dyn Write, actions: &[u8], style: &Style<'_>) -> fmt::Result {
    write_actions(out, actions, style, 0)
}

/// Appends a list of actions as text, which is UTF-8; `drop` when it is empty. No allocation when `out` has room.
pub fn append_actions(out: &mut Vec<u8>, actions: &[u8], style: &Style<'_>) {
    // Appending does not fail.
    let _ = fmt_actions(&mut Appender(out), actions, style);
}

fn write_actions(out: &mut dyn Write, bytes: &[u8], style: &Style<'_>, depth: usize) -> fmt::Result {
    if bytes.is_empty() {
        return out.write_str("drop");
    }
    if depth > MAX_DEPTH {
        return out.write_str("<nested too deep>");
    }
    let mut list = List::new(out);
    let mut attrs = Attrs::new(bytes);
    for attr in attrs.by_ref() {
        write_action(list.item()?, attr, style, depth)?;
    }
    text::leftover(list.out, attrs.rest(), bytes.len())
}

fn generic(out: &mut dyn Write, attr: Attr<'_>) -> fmt::Result {
    write!(out, "action{}", attr.kind())?;
    if attr.payload().is_empty() { Ok(()) } else { write!(out, "({})", Bytes(attr.payload(), " ")) }
}

fn write_action(out: &mut dyn Write, attr: Attr<'_>, style: &Style<'_>, depth: usize) -> fmt::Result {
    let Ok(action) = Action::read(attr) else {
        write!(out, "bad length {} for: ", attr.payload().len())?;
        return generic(out, attr);
    };
    let nested = |out: &mut dyn Write, actions: Option<&[u8]>| write_actions(out, actions.unwrap_or_default(), style, depth + 1);
    match action {
        Action::Output(port) => style.port(out, port),
        Action::Userspace(up) => write_userspace(out, up, style),
        Action::Set(attr) => write_set(out, attr, depth),
        Action::SetMasked(attr) => write_set_masked(out, attr, depth),
        Action::PushVlan(Vlan { tpid, tci }) => {
            out.write_str("push_vlan(")?;
            if tpid != 0x8100 {
                write!(out, "tpid=0x{tpid:04x},")?;
            }
            write_tci(out, tci, u16::MAX, false)?;
            out.write_char(')')
        }
        Action::PopVlan => out.write_str("pop_vlan"),
        Action::Sample(sample) => match (sample.probability(), sample.actions()) {
            (Some(probability), Some(actions)) => {
                write!(out, "sample(sample={:.1}%,actions(", f64::from(probability) * 100.0 / f64::from(u32::MAX))?;
                nested(out, Some(actions))?;
                out.write_str("))")
            }
            _ => out.write_str("sample(error)"),
        },
        Action::Recirc(id) => write!(out, "recirc({})", Hex(id.into())),
        Action::Hash { alg: hash_alg::L4, basis } => write!(out, "hash(l4({basis}))"),
        Action::Hash { alg: hash_alg::SYM_L4, basis } => write!(out, "hash(sym_l4({basis}))"),
        Action::Hash { alg, .. } => write!(out, "hash(Unknown hash algorithm({alg}))"),
        Action::PushMpls { lse, eth_type } => {
            out.write_str("push_mpls(")?;
            write_lse(out, lse)?;
            write!(out, ",eth_type=0x{eth_type:x})")
        }
        Action::PopMpls(eth_type) => write!(out, "pop_mpls(eth_type=0x{eth_type:x})"),
        Action::Ct(ct) => write_ct(out, ct),
        Action::Trunc(max_len) => write!(out, "trunc({max_len})"),
        Action::PushEth(eth) => write!(out, "push_eth(src={},dst={})", eth.src, eth.dst),
        Action::PopEth => out.write_str("pop_eth"),
        Action::CtClear => out.write_str("ct_clear"),
        Action::PushNsh(attr) => write_push_nsh(out, attr),
        Action::PopNsh => out.write_str("pop_nsh()"),
        Action::Meter(id) => write!(out, "meter({id})"),
        Action::Clone(attr) => {
            out.write_str("clone(")?;
            nested(out, Some(attr.payload()))?;
            out.write_char(')')
        }
        Action::CheckPktLen(check) => match check.pkt_len() {
            Some(len) => {
                write!(out, "check_pkt_len(size={len},gt(")?;
                nested(out, check.if_greater())?;
                out.write_str("),le(")?;
                nested(out, check.if_less_equal())?;
                out.write_str("))")
            }
            None => out.write_str("check_pkt_len(error)"),
        },
        Action::AddMpls { lse, eth_type, flags } => {
            out.write_str("add_mpls(")?;
            write_lse(out, lse)?;
            write!(out, ",eth_type=0x{eth_type:x}")?;
            // `ovs-dpctl` prints none; what it leaves out here is what it means most often.
            if flags != mpls::L3_TUNNEL_FLAG_MASK {
                write!(out, ",flags={}", Hex(flags.into()))?;
            }
            out.write_char(')')
        }
        Action::DecTtl(dec) => {
            out.write_str("dec_ttl(le_1(")?;
            nested(out, dec.actions())?;
            out.write_str("))")
        }
        Action::Drop(reason) => write!(out, "drop({reason})"),
        Action::Psample(sample) => {
            write!(out, "psample(group={}", sample.group().unwrap_or_default())?;
            if let Some(cookie) = sample.cookie() {
                write!(out, ",cookie=0x{}", Bytes(cookie, ""))?;
            }
            out.write_char(')')
        }
        Action::Other(attr) => generic(out, attr),
    }
}

fn write_userspace(out: &mut dyn Write, up: Userspace<'_>, style: &Style<'_>) -> fmt::Result {
    let Some(pid) = up.pid() else {
        return out.write_str("userspace(error)");
    };
    write!(out, "userspace(pid={pid}")?;
    if let Some(cookie) = up.userdata() {
        match Cookie::from_bytes(cookie) {
            Some(cookie) => write_cookie(out, cookie, style)?,
            None => write!(out, ",userdata({})", Bytes(cookie, ""))?,
        }
    }
    if up.with_actions() {
        out.write_str(",actions")?;
    }
    if let Some(port) = up.egress_tun_port() {
        out.write_str(",tunnel_out_port=")?;
        style.port(out, port)?;
    }
    out.write_char(')')
}

fn write_cookie(out: &mut dyn Write, cookie: Cookie, style: &Style<'_>) -> fmt::Result {
    match cookie {
        Cookie::SFlow { vlan_tci, output } => write!(out, ",sFlow(vid={},pcp={},output={output})", vlan_tci & 0xfff, vlan_tci >> 13),
        Cookie::SlowPath { reason } => {
            out.write_str(",slow_path(")?;
            text::flags_by(out, reason, Cookie::REASONS, ',')?;
            out.write_char(')')
        }
        Cookie::FlowSample { probability, collector_set_id, obs_domain_id, obs_point_id, output_port, direction } => {
            write!(out, ",flow_sample(probability={probability},collector_set_id={collector_set_id},")?;
            write!(out, "obs_domain_id={obs_domain_id},obs_point_id={obs_point_id},output_port=")?;
            style.port(out, output_port)?;
            out.write_str(match direction {
                1 => ",ingress)",
                2 => ",egress)",
                _ => ")",
            })
        }
        Cookie::Ipfix { output_port } => {
            out.write_str(",ipfix(output_port=")?;
            style.port(out, output_port)?;
            out.write_char(')')
        }
        Cookie::Controller { reason, dont_send, continuation, recirc_id, rule_cookie, controller_id, max_len } => {
            write!(out, ",controller(reason={reason},dont_send={},continuation={},", u8::from(dont_send), u8::from(continuation))?;
            write!(out, "recirc_id={recirc_id},rule_cookie={},controller_id={controller_id},max_len={max_len})", Hex(rule_cookie))
        }
    }
}

fn write_set(out: &mut dyn Write, attr: Attr<'_>, depth: usize) -> fmt::Result {
    out.write_str("set(")?;
    match attr.nested().next() {
        Some(field) => write_attr(out, field, Mask::Exact, &Style { names: None, verbose: true }, depth)?,
        None => out.write_str("error")?,
    }
    out.write_char(')')
}

fn write_set_masked(out: &mut dyn Write, attr: Attr<'_>, depth: usize) -> fmt::Result {
    out.write_str("set(")?;
    match attr.nested().next() {
        None => out.write_str("error")?,
        Some(field) if field.kind() == key::NSH => write_set_nsh(out, field)?,
        Some(field) => {
            let style = Style { names: None, verbose: false };
            let (value, mask) = field.payload().split_at(field.payload().len() / 2);
            // The kernel does not mask what is larger: that is a tunnel.
            if mask.len() == value.len() && value.len() <= Ipv6::LEN {
                write_attr(out, Attr::new(field.kind(), value), Mask::Bits(mask), &style, depth)?;
            } else {
                write_attr(out, field, Mask::Exact, &style, depth)?;
            }
        }
    }
    out.write_char(')')
}

fn write_set_nsh(out: &mut dyn Write, attr: Attr<'_>) -> fmt::Result {
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
    out.write_str("nsh(")?;
    write_nsh_masked(out, base, context, [flags, ttl, mdtype, np, si], u32::from_be_bytes([0, p0, p1, p2]), md1_mask)?;
    out.write_char(')')
}

fn write_push_nsh(out: &mut dyn Write, attr: Attr<'_>) -> fmt::Result {
    out.write_str("push_nsh(")?;
    let mut list = List::new(out);
    for field in attr.nested().find(key::NSH).into_iter().flat_map(|header| header.nested()) {
        match NshField::read(field) {
            Ok(NshField::Base(b)) => {
                write!(list.item()?, "flags={},ttl={},mdtype={},np={},spi=0x{:x},si={}", b.flags, b.ttl, b.mdtype, b.np, b.spi(), b.si())?;
            }
            Ok(NshField::Md1(context)) => {
                for (name, value) in ["c1", "c2", "c3", "c4"].into_iter().zip(context) {
                    write!(list.item()?, "{name}=0x{value:x}")?;
                }
            }
            Ok(NshField::Md2(bytes)) => write!(list.item()?, "md2={}", BigHex(bytes))?,
            Ok(NshField::Other(_)) | Err(_) => write!(list.item()?, "error")?,
        }
    }
    out.write_char(')')
}

fn write_ct(out: &mut dyn Write, ct: Ct<'_>) -> fmt::Result {
    out.write_str("ct")?;
    let zone = ct.zone().filter(|zone| *zone != 0);
    let (mark, labels, helper, timeout, nat) = (ct.mark(), ct.labels(), ct.helper(), ct.timeout(), ct.nat());
    let any = ct.commit() || ct.force_commit() || zone.is_some() || mark.is_some();
    if !(any || labels.is_some() || helper.is_some() || timeout.is_some() || nat.is_some()) {
        return Ok(());
    }
    out.write_char('(')?;
    let mut list = List::new(out);
    if ct.commit() {
        list.item()?.write_str("commit")?;
    }
    if ct.force_commit() {
        list.item()?.write_str("force_commit")?;
    }
    if let Some(zone) = zone {
        write!(list.item()?, "zone={zone}")?;
    }
    if let Some((value, mask)) = mark {
        write!(list.item()?, "mark={}/{}", Hex(value.into()), Hex(mask.into()))?;
    }
    if let Some((value, mask)) = labels {
        list.item()?.write_str("label=")?;
        write_labels(list.out, value, Some(mask), true)?;
    }
    if let Some(helper) = helper {
        write!(list.item()?, "helper={}", helper.escape_ascii())?;
    }
    if let Some(timeout) = timeout {
        write!(list.item()?, "timeout={}", timeout.escape_ascii())?;
    }
    if let Some(nat) = nat {
        write_nat(list.item()?, nat)?;
    }
    out.write_char(')')
}

fn write_nat(out: &mut dyn Write, nat: Nat<'_>) -> fmt::Result {
    out.write_str("nat")?;
    if !nat.src() && !nat.dst() {
        return Ok(());
    }
    write!(out, "({}", if nat.src() { "src" } else { "dst" })?;
    if let Some(min) = nat.ip_min() {
        out.write_char('=')?;
        let port = nat.proto_min().filter(|port| *port != 0);
        write_nat_ip(out, min, port.is_some())?;
        if let Some(max) = nat.ip_max().filter(|max| *max != min && max.iter().any(|byte| *byte != 0)) {
            out.write_char('-')?;
            write_nat_ip(out, max, port.is_some())?;
        }
        if let Some(port) = port {
            write!(out, ":{port}")?;
            if let Some(max) = nat.proto_max().filter(|max| *max != 0 && *max != port) {
                write!(out, "-{max}")?;
            }
        }
    }
    for (flag, name) in [(nat.persistent(), ",persistent"), (nat.proto_hash(), ",hash"), (nat.proto_random(), ",random")] {
        if flag {
            out.write_str(name)?;
        }
    }
    out.write_char(')')
}

fn write_nat_ip(out: &mut dyn Write, ip: &[u8], port: bool) -> fmt::Result {
    match (<[u8; 4]>::try_from(ip), <[u8; 16]>::try_from(ip)) {
        (Ok(ip), _) => write!(out, "{}", Ipv4Addr::from(ip)),
        (_, Ok(ip)) if port => write!(out, "[{}]", Ip6(Ipv6Addr::from(ip))),
        (_, Ok(ip)) => write!(out, "{}", Ip6(Ipv6Addr::from(ip))),
        _ => write!(out, "{FAMILY}: an address of {} bytes", ip.len()),
    }
}
