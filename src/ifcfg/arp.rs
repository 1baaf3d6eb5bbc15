//! `ARPCHECK`, `ARPUPDATE` and the `ARPING_` keys: what is asked of the neighbours about IPv4 addresses, and told them.
//!
//! It must not read the addresses' own keys beyond which number belongs to which address.

use std::net::Ipv4Addr;

use super::code::Code;
use super::diag::shown;
use super::settings::{Reader, Role};
use crate::model::Arp;

/// The keys without a number.
const PLAIN: [&str; 3] = ["ARPING_TRIES", "ARPING_WAIT", "ARPING_UPDATE_WAIT"];

/// Reads them. A key without a number speaks of every address that has none of its own.
pub(super) fn read(reader: &mut Reader<'_>, role: Option<&Role>) -> Arp {
    if role.is_some_and(Role::is_uplink) {
        for key in PLAIN.into_iter().chain(["ARPCHECK", "ARPUPDATE"]) {
            if let Some((_, var)) = reader.text(key).filter(|(_, var)| &*var.file == reader.file) {
                reader.warning(Code::NoEffect, var, format!("`{key}` has no effect on a port"), "write it in the bridge's file");
            }
        }
        return Arp::default();
    }
    let ours = Arp::default();
    let mut arp = Arp {
        tries: number(reader, "ARPING_TRIES", 1).unwrap_or(ours.tries),
        wait_secs: number(reader, "ARPING_WAIT", 1).unwrap_or(ours.wait_secs),
        again_secs: number(reader, "ARPING_UPDATE_WAIT", 0).unwrap_or(ours.again_secs),
        ..ours
    };
    let check = reader.flag("ARPCHECK").unwrap_or(true);
    arp.check = check;
    arp.announce = reader.flag("ARPUPDATE").unwrap_or(true);
    let suffixes: Vec<String> = reader.vars.iter().filter_map(|(name, _)| name.strip_prefix("IPADDR")).map(str::to_owned).collect();
    for suffix in suffixes {
        let Some(address) = reader.text(&format!("IPADDR{suffix}")).and_then(|(text, _)| text.parse::<Ipv4Addr>().ok()) else { continue };
        let own = |reader: &mut Reader<'_>, key: &str| if suffix.is_empty() { None } else { reader.flag(&format!("{key}{suffix}")) };
        if !own(reader, "ARPCHECK").unwrap_or(check) {
            arp.unchecked.insert(address);
        }
        if !own(reader, "ARPUPDATE").unwrap_or(arp.announce) {
            arp.unannounced.insert(address);
        }
    }
    arp
}

fn number(reader: &mut Reader<'_>, key: &str, least: u8) -> Option<u8> {
    let (text, var) = reader.text(key)?;
    let number = text.parse::<u8>().ok().filter(|number| *number >= least && text.bytes().all(|b| b.is_ascii_digit()));
    if number.is_none() {
        let message = format!("`{}` is no number from {least} to 255", shown(text.as_bytes()));
        reader.error(Code::BadValue, var, message, format!("write a number such as `{key}=2`"));
    }
    number
}
