//! Controllers and fail modes, which are kept and shown, and emer-reset, which takes away what a controller may have set.

use super::switch::{Bridge, column};
use super::{Output, Run};
use crate::vsctl::command::{Argument, Command};
use crate::vsctl::error::{Error, Kind};
use crate::vsctl::schema::Table;
use crate::vsctl::value::{self, Atom, Datum};

fn bridge(run: &Run, name: &Argument, real: bool) -> Result<Bridge, Error> {
    let found = if real { run.a_real_bridge(&name.text) } else { run.a_bridge(&name.text) };
    found.map_err(|error| error.at(name.at()))
}

pub(in crate::vsctl) fn get_controller(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let bridge = bridge(run, command.argument(0)?, false)?;
    let rows = run.database.said("Bridge", bridge.row, "controller").into_iter().flat_map(|datum| datum.rows().collect::<Vec<_>>());
    let target = |row| run.database.said("Controller", row, "target").and_then(Datum::only).and_then(Atom::as_str).unwrap_or_default();
    let mut targets: Vec<_> = rows.map(target).collect();
    targets.sort_unstable();
    Ok(Output::lines(targets))
}

/// Has a column hold nothing.
fn empty(run: &mut Run, of: &'static str, row: crate::vsctl::Uuid, name: &'static str, by: &Argument) -> Result<(), Error> {
    let (table, column) = column(of, name)?;
    run.write(table, row, column, None, Datum::default_of(&column.kind), by.at());
    Ok(())
}

pub(in crate::vsctl) fn del_controller(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let name = command.argument(0)?;
    let bridge = bridge(run, name, true)?;
    empty(run, "Bridge", bridge.row, "controller", name)?;
    Ok(Output::Nothing)
}

pub(in crate::vsctl) fn set_controller(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let name = command.argument(0)?;
    let bridge = bridge(run, name, true)?;
    empty(run, "Bridge", bridge.row, "controller", name)?;
    let (table, _) = column("Controller", "target")?;
    let mut rows = Vec::new();
    for target in command.arguments.iter().skip(1) {
        let row = run.database.fresh("Controller", None);
        run.database.insert(table, row);
        run.put("Controller", row, "target", Atom::from(target.text.as_str()), target)?;
        if let Some(probe) = command.options.get("--inactivity-probe") {
            let (_, column) = column("Controller", "inactivity_probe")?;
            let number = value::datum(&probe.text, &column.kind, &mut super::Naming { run, at: probe.at() });
            let number = number.map_err(|bad| super::misread(bad, probe, 0))?;
            run.write(table, row, column, None, number, probe.at());
        }
        rows.push(row);
    }
    run.attach("Bridge", bridge.row, "controller", &rows, name)?;
    Ok(Output::Nothing)
}

pub(in crate::vsctl) fn get_fail_mode(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let bridge = bridge(run, command.argument(0)?, false)?;
    let mode = run.database.said("Bridge", bridge.row, "fail_mode").and_then(Datum::only).and_then(Atom::as_str);
    Ok(Output::lines(mode))
}

pub(in crate::vsctl) fn del_fail_mode(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let name = command.argument(0)?;
    let bridge = bridge(run, name, true)?;
    empty(run, "Bridge", bridge.row, "fail_mode", name)?;
    Ok(Output::Nothing)
}

pub(in crate::vsctl) fn set_fail_mode(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let (name, mode) = (command.argument(0)?, command.argument(1)?);
    let bridge = bridge(run, name, true)?;
    if !matches!(mode.text.as_str(), "standalone" | "secure") {
        return Err(Error::new(Kind::Value, "fail-mode must be \"standalone\" or \"secure\"").at(mode.at()));
    }
    run.put("Bridge", bridge.row, "fail_mode", Atom::from(mode.text.as_str()), mode)?;
    Ok(Output::Nothing)
}

/// The columns emer-reset empties.
const RESET: &[(&str, &[&str])] = &[
    ("Open_vSwitch", &["manager_options", "ssl"]),
    ("Bridge", &["controller", "fail_mode", "flood_vlans", "ipfix", "mirrors", "netflow", "sflow"]),
    ("Port", &["other_config"]),
    ("Interface", &["ingress_policing_burst", "ingress_policing_rate"]),
];

pub(in crate::vsctl) fn emer_reset(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let by = Argument::new(command.verb(), command.at().word, 0);
    for (of, columns) in RESET {
        let Some(table) = Table::of(of) else { continue };
        for row in run.database.rows(table) {
            for name in *columns {
                empty(run, of, row, name, &by)?;
            }
        }
    }
    let (table, other) = column("Bridge", "other_config")?;
    for row in run.database.rows(table) {
        run.change(table, row, other, None, by.at(), |datum| {
            if let Datum::Map(map) = datum {
                map.retain(|key, _| key.as_str() == Some("hwaddr"));
            }
        });
    }
    Ok(Output::Nothing)
}
