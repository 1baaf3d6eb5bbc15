//! `ARPCHECK`, `ARPUPDATE`, the `ARPING_` keys and `ACD_TIMEOUT`: what is asked of the neighbours about IPv4 addresses, and told them.
//!
//! It must not read the addresses' own keys beyond which number belongs to which address.

use std::net::Ipv4Addr;

use super::code::Code;
use super::diag::shown;
use super::settings::{Reader, Role};
use crate::model::Arp;

/// The keys without a number.
const PLAIN: [&str; 4] = ["ACD_TIMEOUT", "ARPING_TRIES", "ARPING_WAIT", "ARPING_UPDATE_WAIT"];

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
    let (wait, managers) = (number(reader, "ARPING_WAIT", 1), managers_wait(reader));
    let mut arp = Arp {
        tries: number(reader, "ARPING_TRIES", 1).unwrap_or(ours.tries),
        wait_secs: wait.or(managers.filter(|secs| *secs > 0)).unwrap_or(ours.wait_secs),
        again_secs: number(reader, "ARPING_UPDATE_WAIT", 0).unwrap_or(ours.again_secs),
        ..ours
    };
    if let (Some(own), Some(other), Some((_, var))) = (wait, managers, reader.text("ACD_TIMEOUT"))
        && own != other
    {
        reader.warning(Code::BadValue, var, format!("`ARPING_WAIT={own}` counts, not this"), "remove one of them");
    }
    let check = reader.flag("ARPCHECK").unwrap_or(managers != Some(0) || wait.is_some());
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

/// NetworkManager's key for how long to listen, in milliseconds; here whole seconds, 0 to 255. 0 is its word for not asking at all, -1 for its own
/// choice.
fn managers_wait(reader: &mut Reader<'_>) -> Option<u8> {
    const MOST: u32 = 255_000;
    let (text, var) = reader.text("ACD_TIMEOUT").filter(|(text, _)| *text != "-1")?;
    let millis = text.parse::<u32>().ok().filter(|millis| *millis <= MOST && text.bytes().all(|b| b.is_ascii_digit()));
    let Some(millis) = millis else {
        let message = format!("`{}` is no number of milliseconds from 0 to {MOST}", shown(text.as_bytes()));
        reader.error(Code::BadValue, var, message, "write a number such as `ACD_TIMEOUT=3000`");
        return None;
    };
    u8::try_from(millis.div_ceil(1000)).ok()
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
