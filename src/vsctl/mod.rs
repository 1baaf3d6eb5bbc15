//! The ovs-vsctl dialect, which `OVS_OPTIONS`, `OVS_EXTRA` and `ovsdp vsctl` share: text -> commands -> a database of bridges,
//! ports and interfaces on which a line of commands runs as one, all of it or nothing.
//!
//! [`Database::of`] makes the database of the model's bridges, and [`Database::intent`] bridges of a database.
//!
//! Pure: no file, no kernel, no agent. What a column does in this switch is said in one table, `columns`; what none of its
//! values can do is refused there, so that nothing is taken and then ignored.

mod columns;
mod command;
mod database;
mod error;
mod print;
mod rows;
mod run;
mod schema;
mod state;
mod uuid;
mod value;
mod view;
mod words;

pub use columns::{Class, RULES, Rule};
pub use command::{Command, Globals, Line, Verbosity, commands, line, options, verbs};
pub use database::Database;
pub use error::{Error, Kind};
pub use print::{Data, Format, Records, Style, render};
pub use rows::{Misfit, carry_over};
pub use run::{Note, Outcome, Output, Write};
pub use schema::{Column, TABLES, Table};
pub use state::{State, VERSION};
pub use uuid::Uuid;
pub use value::{Atom, AtomKind, Base, Datum, Reference, Type};
pub use view::RowView;
pub use words::{At, Word, split, words};
