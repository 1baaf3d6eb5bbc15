//! list, get, set, add, remove, clear, create, destroy: any column of any row.

use std::collections::BTreeSet;

use super::{Naming, Output, Run, misread};
use crate::vsctl::command::{Argument, Command};
use crate::vsctl::error::{Error, Kind};
use crate::vsctl::print::{Cell, Records};
use crate::vsctl::schema::{self, Column, Table};
use crate::vsctl::uuid::Uuid;
use crate::vsctl::value::{self, Atom, AtomKind, Base, Datum, Type};

/// `column`, `column:key`, and what comes after it.
pub(super) struct Parts<'a> {
    pub(super) column: &'static Column,
    /// The key still as it was typed, with where it begins.
    pub(super) key: Option<(String, usize)>,
    /// What comes after, and where.
    pub(super) rest: &'a str,
    pub(super) from: usize,
}

fn wrong(argument: &Argument, text: String) -> Error {
    Error::usage(text).at(argument.at())
}

/// Reads the beginning of an argument: a column, and maybe a key.
pub(super) fn parts<'a>(table: &'static Table, argument: &'a Argument) -> Result<Parts<'a>, Error> {
    let text = &argument.text;
    let (name, mut from) = value::token(text).map_err(|bad| misread(bad, argument, 0))?;
    if name.is_empty() {
        return Err(wrong(argument, format!("{text}: missing column name")));
    }
    let column = schema::column(table, &name).map_err(|error| error.at(argument.piece(0..from)))?;
    let mut key = None;
    if text[from..].starts_with(':') {
        let (typed, length) = value::token(&text[from + 1..]).map_err(|bad| misread(bad, argument, from + 1))?;
        key = Some((typed, from + 1));
        from += 1 + length;
    }
    Ok(Parts { column, key, rest: &text[from..], from })
}

/// The column that was typed, when it may be written.
fn writable(table: &'static Table, name: &Argument) -> Result<&'static Column, Error> {
    let column = schema::column(table, &name.text).map_err(|error| error.at(name.at()))?;
    if column.fixed { Err(read_only(table, column, name)) } else { Ok(column) }
}

fn read_only(table: &Table, column: &Column, argument: &Argument) -> Error {
    Error::new(Kind::Refused, format!("cannot modify read-only column {} in table {}", column.name, table.name)).at(argument.at())
}

impl Run {
    /// Reads one value from part of an argument.
    pub(super) fn atom(&mut self, text: &str, base: &Base, argument: &Argument, from: usize) -> Result<Atom, Error> {
        value::atom(text, base, &mut Naming { run: self, at: argument.at() }).map_err(|bad| misread(bad, argument, from))
    }

    /// Reads what a column holds from part of an argument.
    pub(super) fn datum(&mut self, text: &str, kind: &Type, argument: &Argument, from: usize) -> Result<Datum, Error> {
        value::datum(text, kind, &mut Naming { run: self, at: argument.at() }).map_err(|bad| misread(bad, argument, from))
    }

    /// The table and row a command is about; no row when it may be missing and is.
    fn subject(&mut self, command: &Command) -> Result<(&'static Table, Option<Uuid>), Error> {
        let (of, record) = (command.argument(0)?, command.argument(1)?);
        let table = schema::table(&of.text).map_err(|error| error.at(of.at()))?;
        match self.record(table, record) {
            Ok(row) => Ok((table, Some(row))),
            Err(_) if command.has("--if-exists") => Ok((table, None)),
            Err(error) => Err(error),
        }
    }

    fn record(&self, table: &'static Table, record: &Argument) -> Result<Uuid, Error> {
        self.database.find(table, &record.text).map_err(|error| error.at(record.at()))
    }
}

/// Carries out `column[:key]=value`.
pub(super) fn set_column(run: &mut Run, table: &'static Table, row: Uuid, argument: &Argument) -> Result<(), Error> {
    assign(run, table, row, argument, false)
}

fn assign(run: &mut Run, table: &'static Table, row: Uuid, argument: &Argument, new: bool) -> Result<(), Error> {
    let Parts { column, key, rest, from } = parts(table, argument)?;
    let Some(typed) = rest.strip_prefix('=').filter(|typed| !typed.is_empty()) else {
        return Err(wrong(argument, format!("{}: argument does not end in \"=\" followed by a value.", argument.text)));
    };
    if column.fixed && !new {
        return Err(read_only(table, column, argument));
    }
    let Some((typed_key, key_from)) = key else {
        let datum = run.datum(typed, &column.kind, argument, from + 1)?;
        run.write(table, row, column, None, datum, argument.at());
        return Ok(());
    };
    let Some(of) = column.kind.value else {
        return Err(wrong(argument, format!("cannot specify key to set for non-map column {}", column.name)));
    };
    let key = run.atom(&typed_key, &column.kind.key, argument, key_from)?;
    let value = run.atom(typed, &of, argument, from + 1)?;
    run.change(table, row, column, Some(key.clone()), argument.at(), |datum| datum.unite(Datum::map([(key, value)])));
    Ok(())
}

pub(in crate::vsctl) fn set(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let (table, Some(row)) = run.subject(command)? else { return Ok(Output::Nothing) };
    for argument in command.arguments.iter().skip(2) {
        set_column(run, table, row, argument)?;
    }
    Ok(Output::Nothing)
}

pub(in crate::vsctl) fn add(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let (table, Some(row)) = run.subject(command)? else { return Ok(Output::Nothing) };
    let column = writable(table, command.argument(2)?)?;
    let kind = Type { min: 1, max: usize::MAX, ..column.kind };
    for argument in command.arguments.iter().skip(3) {
        let more = run.datum(&argument.text, &kind, argument, 0)?;
        let key = more.pairs().next().map(|(key, _)| key.clone()).filter(|_| more.len() == 1);
        run.change(table, row, column, key, argument.at(), |datum| datum.unite(more));
    }
    Ok(Output::Nothing)
}

pub(in crate::vsctl) fn remove(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let (table, Some(row)) = run.subject(command)? else { return Ok(Output::Nothing) };
    let column = writable(table, command.argument(2)?)?;
    let mut datum = run.database.get(table, row, column).into_owned();
    let pairs = Type { min: 1, max: usize::MAX, ..column.kind };
    let keys = Type { value: None, ..pairs };
    for argument in command.arguments.iter().skip(3) {
        // Of a map, what are no pairs are keys.
        let less = match run.datum(&argument.text, &pairs, argument, 0) {
            Err(_) if column.kind.value.is_some() => run.datum(&argument.text, &keys, argument, 0)?,
            read => read?,
        };
        let gone: BTreeSet<_> = less.atoms().collect();
        match &mut datum {
            Datum::Set(set) => set.retain(|atom| !gone.contains(atom)),
            Datum::Map(map) => map.retain(|key, value| !gone.contains(key) && less.get(key) != Some(value)),
        }
    }
    if datum.len() < column.kind.min {
        let text = format!(
            "\"remove\" operation would put {} values in column {} of table {} but the minimum number is {}",
            datum.len(),
            column.name,
            table.name,
            column.kind.min
        );
        return Err(Error::conflict(text).at(command.argument(2)?.at()));
    }
    let at = command.argument(2)?.at();
    run.write(table, row, column, None, datum, at);
    Ok(Output::Nothing)
}

pub(in crate::vsctl) fn clear(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let (table, Some(row)) = run.subject(command)? else { return Ok(Output::Nothing) };
    for name in command.arguments.iter().skip(2) {
        let column = writable(table, name)?;
        if column.kind.min > 0 {
            let text =
                format!("\"clear\" operation cannot be applied to column {} of table {}, which is not allowed to be empty", column.name, table.name);
            return Err(Error::conflict(text).at(name.at()));
        }
        run.write(table, row, column, None, Datum::default_of(&column.kind), name.at());
    }
    Ok(Output::Nothing)
}

/// Has `@name` stand for a row that a command makes, or gets.
fn name_row(run: &mut Run, id: &Argument) -> Result<Uuid, Error> {
    if !id.text.starts_with('@') {
        return Err(Error::usage(format!("row id \"{}\" does not begin with \"@\"", id.text)).at(id.at()));
    }
    let symbol = run.symbol(&id.text, &id.at());
    if symbol.made {
        return Err(Error::usage(format!("row id \"{}\" may only be specified on one --id option", id.text)).at(id.at()));
    }
    symbol.made = true;
    Ok(symbol.row)
}

pub(in crate::vsctl) fn get(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let (table, row) = run.subject(command)?;
    if let (Some(id), Some(row)) = (command.options.get("--id"), row) {
        let new = !run.names.0.contains_key(&id.text);
        name_row(run, id)?;
        if !new {
            return Err(Error::usage(format!("row id \"{}\" specified on \"get\" command was used before it was defined", id.text)).at(id.at()));
        }
        run.symbol(&id.text, &id.at()).row = row;
    }
    let Some(row) = row else { return Ok(Output::Nothing) };
    let mut lines = Vec::new();
    for argument in command.arguments.iter().skip(2) {
        if argument.text.eq_ignore_ascii_case("_uuid") {
            lines.push(row.to_string());
            continue;
        }
        let Parts { column, key, rest, from } = parts(table, argument)?;
        if !rest.is_empty() {
            let text = format!("{}: trailing garbage \"{rest}\" in argument", argument.text);
            return Err(Error::usage(text).at(argument.piece(from..argument.text.len())));
        }
        let Some((typed, key_from)) = key else {
            lines.push(run.database.get(table, row, column).text(&column.kind));
            continue;
        };
        if column.kind.value.is_none() {
            return Err(wrong(argument, format!("cannot specify key to get for non-map column {}", column.name)));
        }
        let key = run.atom(&typed, &column.kind.key, argument, key_from)?;
        match run.database.get(table, row, column).get(&key) {
            Some(value) => lines.push(value.to_string()),
            None if command.has("--if-exists") => lines.push(String::new()),
            None => {
                let record = &command.argument(1)?.text;
                let text = format!("no key \"{typed}\" in {} record \"{record}\" column {}", table.name, column.name);
                return Err(Error::absent(text).at(argument.at()));
            }
        }
    }
    Ok(Output::lines(lines))
}

/// The columns `--columns` names, or all; `None` is the row's UUID.
fn columns_of(table: &'static Table, command: &Command) -> Result<Vec<Option<&'static Column>>, Error> {
    let Some(option) = command.options.get("--columns") else {
        return Ok([None].into_iter().chain(table.columns.iter().map(Some)).collect());
    };
    let mut columns = Vec::new();
    for name in option.text.split([',', ' ']).filter(|name| !name.is_empty()) {
        let uuid = name.eq_ignore_ascii_case("_uuid");
        columns.push(if uuid { None } else { Some(schema::column(table, name).map_err(|error| error.at(option.at()))?) });
    }
    if columns.is_empty() {
        return Err(Error::usage("must specify at least one column name").at(option.at()));
    }
    Ok(columns)
}

/// A table of some rows.
pub(super) fn records(run: &Run, table: &'static Table, command: &Command, rows: &[Uuid]) -> Result<Output, Error> {
    const UUID: Type = Type { key: Base::any(AtomKind::Uuid), value: None, min: 1, max: 1 };
    let columns = columns_of(table, command)?;
    let cell = |row: Uuid, column: &Option<&'static Column>| match column {
        Some(column) => Cell { datum: run.database.get(table, row, column).into_owned(), kind: column.kind },
        None => Cell { datum: Datum::one(Atom::Uuid(row)), kind: UUID },
    };
    Ok(Output::Records(Records {
        columns: columns.iter().map(|column| column.map_or("_uuid", |column| column.name)).collect(),
        rows: rows.iter().map(|row| columns.iter().map(|column| cell(*row, column)).collect()).collect(),
    }))
}

pub(in crate::vsctl) fn list(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let of = command.argument(0)?;
    let table = schema::table(&of.text).map_err(|error| error.at(of.at()))?;
    let named = command.arguments.get(1..).unwrap_or_default();
    let mut rows = if named.is_empty() { run.database.rows(table) } else { Vec::new() };
    for record in named {
        match run.record(table, record) {
            Ok(row) => rows.push(row),
            Err(_) if command.has("--if-exists") => {}
            Err(error) => return Err(error),
        }
    }
    records(run, table, command, &rows)
}

pub(in crate::vsctl) fn create(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let of = command.argument(0)?;
    let table = schema::table(&of.text).map_err(|error| error.at(of.at()))?;
    if table.name == "Open_vSwitch" {
        return Err(Error::conflict("there is one Open_vSwitch row, and it is there already").at(of.at()));
    }
    let row = match command.options.get("--id") {
        Some(id) => {
            let row = name_row(run, id)?;
            if !table.root {
                run.created.push((table, row, id.clone()));
            }
            row
        }
        None => {
            if !table.root {
                let text = format!("applying \"create\" command to table {} without --id option will have no effect", table.name);
                run.note(text, command.at());
            }
            run.database.fresh(table.name, None)
        }
    };
    run.database.insert(table, row);
    for argument in command.arguments.iter().skip(1) {
        assign(run, table, row, argument, true)?;
    }
    Ok(Output::lines([row]))
}

/// Rows that are there only to be named go when nobody names them, and stay until then.
pub(in crate::vsctl) fn destroy(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let of = command.argument(0)?;
    let table = schema::table(&of.text).map_err(|error| error.at(of.at()))?;
    let named = command.arguments.get(1..).unwrap_or_default();
    let mut rows = Vec::new();
    match (command.has("--all"), named) {
        (true, []) => rows = run.database.rows(table),
        (true, [first, ..]) => return Err(Error::usage("--all and records argument should not be specified together").at(first.at())),
        (false, []) => run.note("either --all or records argument should be specified".into(), command.at()),
        (false, named) => {
            for record in named {
                match run.record(table, record) {
                    Ok(row) => rows.push(row),
                    Err(_) if command.has("--if-exists") => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    if table.name == "Open_vSwitch" && !rows.is_empty() {
        return Err(Error::conflict("the Open_vSwitch row stays").at(of.at()));
    }
    if table.root {
        for row in rows {
            run.database.delete(table, row);
            run.destroyed.push((table, row));
        }
    }
    Ok(Output::Nothing)
}
