//! What commands said of a bridge that the switch makes nothing of. It stays when files are asked again, as far as they say nothing of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What commands said of one row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Commanded {
    /// The row's table.
    pub table: String,
    /// The row's name; of a table whose rows have none, its UUID.
    pub row: String,
    /// The external ids the model has a place for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external_ids: BTreeMap<String, String>,
    /// Other columns, as in a [`super::Record`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
}

impl Commanded {
    /// Nothing, of that row.
    pub fn new(table: &str, row: &str) -> Self {
        Self { table: table.to_owned(), row: row.to_owned(), external_ids: BTreeMap::new(), columns: BTreeMap::new() }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.external_ids.is_empty() && self.columns.is_empty()
    }

    /// Whether it is about that row.
    pub fn is_of(&self, table: &str, row: &str) -> bool {
        self.table == table && self.row == row
    }
}
