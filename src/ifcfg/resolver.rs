//! What the resolver is to be told: `DNSn`, `DOMAIN`, `SEARCH`, and `PEERDNS` with its older name `RESOLV_MODS`.
//!
//! It must not know the resolver's file.

use std::net::IpAddr;

use super::address;
use super::code::Code;
use super::diag::shown;
use super::keys::is_false;
use super::settings::Reader;

/// The key that says that the resolver is to be left alone.
pub(super) fn unwanted_by(reader: &mut Reader<'_>) -> Option<&'static str> {
    ["PEERDNS", "RESOLV_MODS"].into_iter().find(|key| reader.text(key).is_some_and(|(text, _)| is_false(text)))
}

/// Reports two answers to one question.
fn judge(reader: &mut Reader<'_>) {
    let (peer, mods) = (reader.flag("PEERDNS"), reader.flag("RESOLV_MODS"));
    if let (Some(peer), Some(mods), Some((_, var))) = (peer, mods, reader.text("RESOLV_MODS"))
        && peer != mods
    {
        let message = "`PEERDNS` and `RESOLV_MODS` ask whether the resolver may be told, and contradict each other: it is left alone";
        reader.warning(Code::BadValue, var, message, "remove `RESOLV_MODS`, the older of the two");
    }
}

/// `DNS1` and on: the servers the resolver asks first.
pub(super) fn servers(reader: &mut Reader<'_>) -> Vec<IpAddr> {
    const MOST: usize = 3;
    judge(reader);
    let unwanted = unwanted_by(reader);
    let mut list: Vec<IpAddr> = Vec::new();
    for n in 1..=address::last(reader, "DNS").unwrap_or(0) {
        let Some((text, var)) = reader.text(&format!("DNS{n}")) else { continue };
        let Ok(address) = text.parse::<IpAddr>() else {
            let help = if text.contains([',', ' ']) {
                "write one server in each of `DNS1`, `DNS2` and `DNS3`"
            } else {
                "write an address such as 192.0.2.53"
            };
            reader.error(Code::BadValue, var, format!("`{}` is no address", shown(text.as_bytes())), help);
            continue;
        };
        if let Some(key) = unwanted {
            reader.warning(Code::NoEffect, var, format!("`DNS{n}` has no effect beside `{key}=no`"), "remove one of them");
        } else if list.contains(&address) {
            reader.warning(Code::BadValue, var, format!("`{address}` is written twice"), "remove one of them");
        } else if list.len() == MOST {
            reader.warning(Code::NoEffect, var, format!("`DNS{n}` has no effect: a resolver asks {MOST} servers"), "remove it");
        } else {
            list.push(address);
        }
    }
    list
}

/// `DOMAIN`, or `SEARCH` where there is none: the domains that come first in the resolver's search list.
pub(super) fn search(reader: &mut Reader<'_>) -> Vec<String> {
    let (domain, search) = (reader.text("DOMAIN"), reader.text("SEARCH"));
    if let (Some(_), Some((_, var))) = (domain, search) {
        reader.warning(Code::NoEffect, var, "`SEARCH` has no effect beside `DOMAIN`", "remove one of them");
    }
    let Some((key, (_, var))) = domain.map(|found| ("DOMAIN", found)).or(search.map(|found| ("SEARCH", found))) else { return Vec::new() };
    if let Some(no) = unwanted_by(reader) {
        reader.warning(Code::NoEffect, var, format!("`{key}` has no effect beside `{no}=no`"), "remove one of them");
        return Vec::new();
    }
    let mut list: Vec<String> = Vec::new();
    for (word, _) in var.value.words() {
        let name = word.trim_end_matches('.');
        if name.is_empty() || name.len() > 253 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
            let message = format!("`{}` is no domain", shown(word.as_bytes()));
            reader.error(
                Code::BadValue,
                var,
                message,
                format!("write domains with blanks between them, such as `{key}=\"example.org example.net\"`"),
            );
        } else if !list.iter().any(|known| known == name) {
            list.push(name.to_owned());
        }
    }
    list
}
