//! What commands print: texts, and tables as lists, columns, CSV or JSON.

mod table;

use super::run::Output;

pub(super) use table::Cell;
pub use table::Records;

/// How tables look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// A line for each column, a blank line between rows.
    #[default]
    List,
    /// Rows below headings.
    Table,
    /// Comma-separated values (RFC 4180).
    Csv,
    /// JSON (RFC 7047's values).
    Json,
}

impl Format {
    /// The format of a name.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "list" => Self::List,
            "table" => Self::Table,
            "csv" => Self::Csv,
            "json" => Self::Json,
            _ => return None,
        })
    }
}

/// How values look in lists, tables and CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Data {
    /// As they are typed.
    #[default]
    String,
    /// Without brackets and quotes.
    Bare,
    /// As JSON.
    Json,
}

impl Data {
    /// The form of a name.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::String,
            "bare" => Self::Bare,
            "json" => Self::Json,
            _ => return None,
        })
    }
}

/// How what is printed looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Style {
    /// Tables.
    pub format: Format,
    /// Their values.
    pub data: Data,
    /// Whether columns have headings.
    pub headings: bool,
    /// Whether JSON is laid out for people.
    pub pretty: bool,
    /// Whether each command that prints text prints one line.
    pub oneline: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { format: Format::List, data: Data::String, headings: true, pretty: false, oneline: false }
    }
}

/// What a line of commands prints on standard output.
pub fn render(outputs: &[Output], style: &Style) -> String {
    let (mut out, mut tables) = (String::new(), 0);
    for output in outputs {
        match output {
            Output::Records(records) => {
                let text = records.text(style);
                if tables > 0 && style.format != Format::Json {
                    out.push('\n');
                }
                tables += 1;
                out.push_str(&text);
            }
            Output::Text(text) if style.oneline => {
                let text = text.strip_suffix('\n').unwrap_or(text);
                out.push_str(&text.replace('\\', "\\\\").replace('\n', "\\n"));
                out.push('\n');
            }
            Output::Text(text) => out.push_str(text),
            Output::Nothing if style.oneline => out.push('\n'),
            Output::Nothing => {}
        }
    }
    out
}
