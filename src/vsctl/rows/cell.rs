//! One setting of a row as a typed value, or as the misfit it is.
//!
//! It must not know what a setting is for.

use ovsdp_proto::{IfName, Mac};

use super::Misfit;
use crate::model::Vid;
use crate::vsctl::value;
use crate::vsctl::view::RowView;

/// A setting that was made: a column's value, or a map's value at a key.
#[derive(Debug, Clone)]
pub(super) struct Cell<'a> {
    row: RowView<'a>,
    column: &'static str,
    /// Empty for a column that is no map.
    key: &'static str,
    text: String,
}

/// The setting in a column that holds one value.
pub(super) fn column<'a>(row: RowView<'a>, column: &'static str) -> Option<Cell<'a>> {
    let datum = row.said(column).filter(|datum| datum.len() == 1)?;
    Some(Cell { row, column, key: "", text: value::plain(datum) })
}

/// The setting at a key of a map.
pub(super) fn key<'a>(row: RowView<'a>, column: &'static str, key: &'static str) -> Option<Cell<'a>> {
    let text = row.map(column).get(key).copied()?.to_owned();
    Some(Cell { row, column, key, text })
}

impl Cell<'_> {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn misfit(&self, reason: &str, help: impl Into<String>) -> Misfit {
        let called = if self.key.is_empty() { self.column.to_owned() } else { format!("{}:{}", self.column, self.key) };
        let text = format!("{called}={} of {} {}: {reason}", value::quoted(&self.text), self.row.table().name, self.row.name());
        Misfit { row: self.row.uuid(), column: self.column, key: self.key, text, help: help.into() }
    }

    /// Its value, one of `words`.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, Misfit> {
        let found = words.iter().find(|(word, _)| *word == self.text).map(|(_, meant)| *meant);
        let list = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| self.misfit("this is no value it takes here", format!("write one of: {}", list())))
    }

    /// Its value, true or false in any of the database's words.
    pub(super) fn boolean(&self) -> Result<bool, Misfit> {
        match self.text.as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err(self.misfit("it is neither true nor false", "write true or false")),
        }
    }

    /// Its value, a number from `low` to `high`.
    pub(super) fn number(&self, low: u32, high: u32) -> Result<u32, Misfit> {
        let number = self.text.parse::<u32>().ok().filter(|number| (low..=high).contains(number));
        number.ok_or_else(|| self.misfit("it is no number this takes", format!("write a number from {low} to {high}")))
    }

    /// Its value, a number from 1 to 65535.
    pub(super) fn short(&self) -> Result<u16, Misfit> {
        let number = self.text.parse::<u16>().ok().filter(|number| *number > 0);
        number.ok_or_else(|| self.misfit("it is no number this takes", "write a number from 1 to 65535"))
    }

    /// Its value, an Ethernet address a station can have.
    pub(super) fn mac(&self) -> Result<Mac, Misfit> {
        let mac = self.text.parse::<Mac>().ok().filter(|mac| !mac.is_multicast() && *mac != Mac::ZERO);
        mac.ok_or_else(|| self.misfit("no device can have this address", "write one such as 52:54:00:12:34:56"))
    }

    /// Its value, a device's name.
    pub(super) fn ifname(&self) -> Result<IfName, Misfit> {
        IfName::new(&self.text).map_err(|bad| self.misfit(&bad.to_string(), "write a device's name, of at most 15 bytes"))
    }
}

/// The VLANs a column holds.
pub(super) fn vids(row: RowView<'_>, column: &str) -> Vec<Vid> {
    // The column takes none that is no VLAN.
    row.integers(column).into_iter().filter_map(|vid| Vid::try_from(u16::try_from(vid).ok()?).ok()).collect()
}
