//! `DEVTIMEOUT` and `LINKDELAY`: how long a device is waited for, and its carrier. Also how a number of seconds to wait is read.
//!
//! It must not know which devices there are.

use super::code::Code;
use super::diag::shown;
use super::settings::{Reader, Role};
use crate::model::{LONGEST_WAIT, Patience};

/// Reads both, where there is a device to wait for.
pub(super) fn read(reader: &mut Reader<'_>, role: &Role) -> Patience {
    let mut patience = Patience::default();
    match role {
        Role::Port(_) | Role::Bond(..) | Role::Plain | Role::Member => {
            patience.device_secs = seconds(reader, "DEVTIMEOUT").unwrap_or(0);
            patience.carrier_secs = seconds(reader, "LINKDELAY").unwrap_or(0);
        }
        Role::Bridge => {
            no_effect(reader, "DEVTIMEOUT", "this device is made, not waited for");
            patience.carrier_secs = seconds(reader, "LINKDELAY").unwrap_or(0);
        }
        Role::Internal(_) | Role::Fake(..) | Role::Tunnel(..) | Role::Patch(..) => {
            no_effect(reader, "DEVTIMEOUT", "this device is made, not waited for");
            no_effect(reader, "LINKDELAY", "the carrier is that of the bridge's ports, in whose files it belongs");
        }
    }
    patience
}

fn no_effect(reader: &mut Reader<'_>, key: &str, why: &str) {
    if let Some((_, var)) = reader.text(key).filter(|(_, var)| &*var.file == reader.file) {
        reader.warning(Code::NoEffect, var, format!("`{key}` has no effect here: {why}"), "remove it");
    }
}

/// A number of seconds to wait. More than the longest wait is taken as that, with a warning.
pub(super) fn seconds(reader: &mut Reader<'_>, key: &str) -> Option<u16> {
    let (text, var) = reader.text(key)?;
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        let message = format!("`{}` is no number of seconds", shown(text.as_bytes()));
        reader.error(Code::BadValue, var, message, format!("write a number from 0 to {LONGEST_WAIT}, such as `{key}=10`"));
        return None;
    }
    let number = text.parse::<u16>().unwrap_or(u16::MAX);
    if number > LONGEST_WAIT {
        let message = format!("`{}` is taken as {LONGEST_WAIT}: nothing is waited for longer", shown(text.as_bytes()));
        reader.warning(Code::BadValue, var, message, format!("write `{key}={LONGEST_WAIT}`"));
    }
    Some(number.min(LONGEST_WAIT))
}
