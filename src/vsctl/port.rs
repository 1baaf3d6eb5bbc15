//! A Port row's settings to the model's.
//!
//! It must not know which interfaces the port has.

use std::collections::BTreeMap;

use super::Fault;
use super::setting::Setting;

/// What a port's settings ask for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PortAsk {
    /// What is only kept.
    pub external_ids: BTreeMap<String, String>,
}

/// What `settings` of a Port row ask for; a later one of a column counts instead of the one before.
///
/// # Errors
/// The first that has no meaning here.
pub fn port(settings: &[Setting]) -> Result<PortAsk, Fault> {
    let mut ask = PortAsk::default();
    for setting in settings {
        if !setting.is_recorded {
            return Err(setting.fault("it has no meaning here", "remove it"));
        }
        ask.external_ids.insert(setting.key.clone(), setting.value.clone());
    }
    Ok(ask)
}
