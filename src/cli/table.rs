//! A table of plain text: columns as wide as their widest cell, numbers to the right.

use std::fmt::Write;

/// A column's title and which way its cells lean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// Words, to the left.
    Words(&'static str),
    /// A number, to the right.
    Number(&'static str),
}

impl Column {
    /// What stands above it.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Words(title) | Self::Number(title) => title,
        }
    }
}

/// The titles and rows, each line behind `indent`, without blanks at its end. A row has as many cells as there are columns.
pub(super) fn table(indent: &str, columns: &[Column], rows: &[Vec<String>]) -> String {
    let widths = widths(columns, rows);
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = indent.to_owned();
        for ((cell, column), width) in cells.zip(columns).zip(&widths) {
            // Writing to a String cannot fail.
            let _ = match column {
                Column::Words(_) => write!(text, "{cell:<width$}  "),
                Column::Number(_) => write!(text, "{cell:>width$}  "),
            };
        }
        out.push_str(text.trim_end());
        out.push('\n');
    };
    line(&mut columns.iter().map(|column| column.title()));
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    out
}

/// How wide each column is: as its title or its widest cell, in characters.
pub(super) fn widths(columns: &[Column], rows: &[Vec<String>]) -> Vec<usize> {
    let widest = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    columns.iter().enumerate().map(|(at, column)| column.title().len().max(widest(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lean_left_and_numbers_right() {
        let columns = [Column::Words("NAME"), Column::Number("RX"), Column::Words("WHAT")];
        let rows = [vec!["eth0.100".into(), "7".into(), "x".into()], vec!["lo".into(), "12345".into(), String::new()]];
        assert_eq!(table("  ", &columns, &rows), "  NAME         RX  WHAT\n  eth0.100      7  x\n  lo        12345\n");
        assert_eq!(table("", &columns, &[]), "NAME  RX  WHAT\n");
    }
}
