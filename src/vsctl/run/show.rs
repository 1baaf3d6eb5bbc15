//! show: the bridges with their ports and interfaces, and of each what is worth a line.

use core::fmt::Write;

use super::{Output, Run};
use crate::vsctl::command::Command;
use crate::vsctl::error::Error;
use crate::vsctl::value;
use crate::vsctl::view::RowView;

/// What is shown of a row below its name: a column's value, or the rows it names.
const SHOWN: &[(&str, &[&str])] = &[
    ("Bridge", &["controller", "fail_mode", "datapath_type", "ports"]),
    ("Port", &["tag", "trunks", "interfaces"]),
    ("Interface", &["type", "options", "error"]),
    ("Controller", &["is_connected"]),
];

fn columns(run: &Run, row: RowView, names: &[&str], depth: usize, out: &mut String) {
    for name in names {
        let Some(column) = row.table().column(name) else { continue };
        if column.kind.key.reference.is_some() {
            row.rows(name).into_iter().for_each(|below| record(run, below, depth, out));
        } else if let Some(datum) = run.database.said(row.table().name, row.uuid(), name) {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{:1$}{name}: {2}", "", depth * 4, datum.text(&column.kind));
        }
    }
}

fn record(run: &Run, row: RowView, depth: usize, out: &mut String) {
    let table = row.table().name;
    let name = if table == "Controller" { row.text("target").unwrap_or_default() } else { row.name() };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{:1$}{table} {2}", "", depth * 4, value::quoted(name));
    let shown = SHOWN.iter().find(|(of, _)| *of == table).map_or(&[][..], |(_, shown)| shown);
    columns(run, row, shown, depth + 1, out);
}

pub(in crate::vsctl) fn show(run: &mut Run, _: &Command) -> Result<Output, Error> {
    let root = run.database.root();
    let mut out = format!("{root}\n");
    if let Some(root) = run.database.view("Open_vSwitch", root) {
        columns(run, root, &["bridges", "ovs_version"], 1, &mut out);
    }
    Ok(Output::Text(out))
}
