//! RHEL-style interface files to [`Intent`](crate::model::Intent): text → assignments → typed settings → what the folder
//! asks for, with a place for everything that is wrong.
//!
//! Read top to bottom: `dir` and `file` hold the text, `lex`, `word` and `ansi` take it apart, `assign` evaluates,
//! `keys` and `settings` give it types, `folder` puts the files together, `diag` says what was found. Files are evaluated,
//! never executed: no process is started and, past [`load`], nothing is read. Depends on `model` alone.

mod ansi;
mod assign;
mod code;
mod diag;
mod dir;
mod file;
mod host;
mod lex;
mod span;
mod suggest;
mod value;
mod word;

pub use assign::{MAX_TOTAL, MAX_VALUE, Var, Vars};
pub use code::Code;
pub use diag::{Diagnostic, Related, Severity, Style};
pub use dir::load;
pub use file::{MAX_FILE, NETWORK, Sources, is_backup, is_companion, is_interface};
pub use host::Host;
pub use span::{Position, Span, position};
pub use value::Value;
