//! Tables of records.

use core::fmt::Write;

use serde_json::{Value, json};

use super::{Data, Format, Style};
use crate::vsctl::value::{self, Datum, Type};

/// What a record holds in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::vsctl) struct Cell {
    pub(in crate::vsctl) datum: Datum,
    pub(in crate::vsctl) kind: Type,
}

impl Cell {
    fn text(&self, data: Data) -> String {
        match data {
            Data::String => self.datum.text(&self.kind),
            Data::Bare => value::plain(&self.datum),
            Data::Json => value::json(&self.datum).to_string(),
        }
    }
}

/// Records of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    pub(in crate::vsctl) columns: Vec<&'static str>,
    pub(in crate::vsctl) rows: Vec<Vec<Cell>>,
}

impl Records {
    pub(super) fn text(&self, style: &Style) -> String {
        match style.format {
            Format::List => self.list(style),
            Format::Table => self.table(style),
            Format::Csv => self.csv(style),
            Format::Json => self.json(style),
        }
    }

    fn list(&self, style: &Style) -> String {
        let mut out = String::new();
        for (place, row) in self.rows.iter().enumerate() {
            if place > 0 {
                out.push('\n');
            }
            for (column, cell) in self.columns.iter().zip(row) {
                // Writing to a String cannot fail.
                let _ = if style.headings { write!(out, "{column:20}: ") } else { Ok(()) };
                out.push_str(&cell.text(style.data));
                out.push('\n');
            }
        }
        out
    }

    fn table(&self, style: &Style) -> String {
        let texts: Vec<Vec<String>> = self.rows.iter().map(|row| row.iter().map(|cell| cell.text(style.data)).collect()).collect();
        let heading = |column: usize| if style.headings { self.columns.get(column).map_or(0, |name| name.chars().count()) } else { 0 };
        let width = |column: usize| texts.iter().filter_map(|row| row.get(column)).map(|text| text.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(|column| heading(column).max(width(column))).collect();
        let line = |cells: &mut dyn Iterator<Item = String>| {
            let padded: Vec<_> = cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            format!("{}\n", padded.join(" ").trim_end_matches(' '))
        };
        let mut out = String::new();
        if style.headings {
            out.push_str(&line(&mut self.columns.iter().map(|name| (*name).to_owned())));
            out.push_str(&line(&mut widths.iter().map(|width| "-".repeat(*width))));
        }
        texts.into_iter().for_each(|row| out.push_str(&line(&mut row.into_iter())));
        out
    }

    fn csv(&self, style: &Style) -> String {
        let field = |text: String| if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text };
        let line = |fields: &mut dyn Iterator<Item = String>| format!("{}\n", fields.map(field).collect::<Vec<_>>().join(","));
        let mut out = String::new();
        if style.headings {
            out.push_str(&line(&mut self.columns.iter().map(|name| (*name).to_owned())));
        }
        self.rows.iter().for_each(|row| out.push_str(&line(&mut row.iter().map(|cell| cell.text(style.data)))));
        out
    }

    fn json(&self, style: &Style) -> String {
        let data: Vec<Vec<Value>> = self.rows.iter().map(|row| row.iter().map(|cell| value::json(&cell.datum)).collect()).collect();
        let value = json!({ "data": data, "headings": self.columns });
        let text = if style.pretty { format!("{value:#}") } else { value.to_string() };
        format!("{text}\n")
    }
}
