//! What was said of a bridge in the ovs-vsctl dialect that means nothing to the switch, and is to be said back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A row, as far as the rest of the model does not say it already. Values are written as ovs-vsctl prints them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Record {
    /// The row's table.
    pub table: String,
    /// The row's name; of a table whose rows have none, its UUID.
    pub row: String,
    /// What its columns hold, those of maps key by key (`other_config:KEY`). `None`: nothing, whatever the rest of the model says.
    pub columns: BTreeMap<String, Option<String>>,
}

impl Record {
    /// Whether it is about that row.
    pub fn is_of(&self, table: &str, row: &str) -> bool {
        self.table == table && self.row == row
    }
}
