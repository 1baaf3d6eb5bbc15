//! What a flow matches on, from either switch's text: names of fields.

use std::collections::BTreeSet;

use super::actions::words;

/// What a flow matches on, as far as the two can be compared.
pub(super) type Fields = BTreeSet<&'static str>;

/// From `recirc_id=0,eth,in_port=p1,dl_vlan=5`.
pub(super) fn theirs(text: &str) -> Fields {
    let mut fields = Fields::new();
    for word in words(text) {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name {
            "dl_src" => _ = fields.insert("src"),
            "dl_dst" => _ = fields.insert("dst"),
            "dl_vlan" => _ = fields.insert("vid"),
            "dl_vlan_pcp" => _ = fields.insert("pcp"),
            "dl_vlan1" => _ = fields.insert("inner vid"),
            "dl_vlan_pcp1" => _ = fields.insert("inner pcp"),
            "vlan_tci" | "vlan_tci1" => {
                let mask = value.split_once("/0x").map_or(0xffff, |(_, mask)| u16::from_str_radix(mask, 16).unwrap_or(0xffff));
                let [vid, pcp] = if name == "vlan_tci" { ["vid", "pcp"] } else { ["inner vid", "inner pcp"] };
                fields.extend([(0x0fff, vid), (0xe000, pcp)].iter().filter(|(bits, _)| mask & bits != 0).map(|(_, field)| *field));
            }
            "arp_op" => _ = fields.insert("arp op"),
            "arp_spa" => _ = fields.insert("arp sip"),
            "arp_tpa" => _ = fields.insert("arp tip"),
            "tun_id" => _ = fields.insert("tunnel tun_id"),
            "tun_src" | "tun_ipv6_src" => _ = fields.insert("tunnel src"),
            "tun_dst" | "tun_ipv6_dst" => _ = fields.insert("tunnel dst"),
            "tun_tos" => _ = fields.insert("tunnel tos"),
            "nw_tos" | "nw_ecn" => _ = fields.insert("tos"),
            "nw_ttl" => _ = fields.insert("ttl"),
            _ => {}
        }
    }
    fields
}

/// From `recirc_id(0),in_port(p1),eth(src=…),eth_type(0x8100),vlan(vid=5),encap(eth_type(0x0800))`.
pub(super) fn ours(text: &str) -> Fields {
    let mut fields = Fields::new();
    collect(text, 0, &mut fields);
    fields
}

fn collect(text: &str, depth: usize, fields: &mut Fields) {
    for word in words(text) {
        let Some((name, inside)) = word.split_once('(') else { continue };
        let inside = inside.strip_suffix(')').unwrap_or(inside);
        if name == "encap" {
            collect(inside, depth + 1, fields);
            continue;
        }
        for part in words(inside) {
            let what = part.split(['=', '(']).next().unwrap_or(part);
            let field = match (name, what, depth) {
                ("eth", "src", _) => "src",
                ("eth", "dst", _) => "dst",
                ("vlan", "vid", 0) => "vid",
                ("vlan", "pcp", 0) => "pcp",
                ("vlan", "vid", _) => "inner vid",
                ("vlan", "pcp", _) => "inner pcp",
                ("arp", "op", _) => "arp op",
                ("arp", "sip", _) => "arp sip",
                ("arp", "tip", _) => "arp tip",
                ("tunnel", "tun_id", _) => "tunnel tun_id",
                ("tunnel", "src" | "ipv6_src", _) => "tunnel src",
                ("tunnel", "dst" | "ipv6_dst", _) => "tunnel dst",
                ("tunnel", "tos", _) => "tunnel tos",
                ("ipv4", "tos", _) | ("ipv6", "tclass", _) => "tos",
                ("ipv4", "ttl", _) | ("ipv6", "hlimit", _) => "ttl",
                ("eth_type" | "in_port" | "recirc_id", ..) | ("tunnel", "flags" | "ttl", _) | (_, "frag" | "cfi", _) => continue,
                _ => "something else",
            };
            fields.insert(field);
        }
    }
}
