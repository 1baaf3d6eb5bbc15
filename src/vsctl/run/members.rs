//! add-bond-iface and del-bond-iface: a port's interfaces one by one.

use super::switch::column;
use super::{Output, Run};
use crate::vsctl::command::{Argument, Command};
use crate::vsctl::error::Error;
use crate::vsctl::uuid::Uuid;

/// The port of a name, which must be there.
fn a_port(run: &Run, name: &Argument) -> Result<Uuid, Error> {
    let found = run.port(&name.text).map(|(port, _)| port);
    found.ok_or_else(|| Error::absent(format!("no port named {}", name.text)).at(name.at()))
}

/// The interface of a name that is no bridge's own, and its port.
fn an_interface(run: &Run, name: &str) -> Option<(Uuid, Uuid)> {
    let (port, _) = run.interface(name).filter(|_| run.bridge(name).is_none())?;
    let interface = run.interfaces_of(port).into_iter().find(|row| run.name("Interface", *row) == name)?;
    Some((interface, port))
}

pub(in crate::vsctl) fn add_bond_iface(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let (bond, name) = (command.argument(0)?, command.argument(1)?);
    let port = a_port(run, bond)?;
    if command.has("--may-exist")
        && let Some((_, on)) = an_interface(run, &name.text)
    {
        if on == port {
            return Ok(Output::Nothing);
        }
        let other = run.name("Port", on);
        let text = format!("\"--may-exist add-bond-iface {} {}\" but {} is actually attached to port {other}", bond.text, name.text, name.text);
        return Err(Error::conflict(text).at(name.at()));
    }
    run.check_free(&name.text, "an interface").map_err(|error| error.at(name.at()))?;
    let interface = run.insert_named("Interface", name)?;
    run.attach("Port", port, "interfaces", &[interface], name)?;
    Ok(Output::Nothing)
}

pub(in crate::vsctl) fn del_bond_iface(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let (bond, name) = match command.arguments.as_slice() {
        [bond, name, ..] => (Some(bond), name),
        _ => (None, command.argument(0)?),
    };
    let Some((interface, port)) = an_interface(run, &name.text) else {
        let absent = || Error::absent(format!("no interface named {}", name.text)).at(name.at());
        return if command.has("--if-exists") { Ok(Output::Nothing) } else { Err(absent()) };
    };
    if let Some(bond) = bond
        && a_port(run, bond)? != port
    {
        return Err(Error::conflict(format!("port {} does not have an interface {}", bond.text, name.text)).at(name.at()));
    }
    if run.interfaces_of(port).len() == 1 {
        return Err(Error::conflict(format!("cannot delete last interface from port {}", run.name("Port", port))).at(name.at()));
    }
    let (ports, interfaces) = column("Port", "interfaces")?;
    run.change(ports, port, interfaces, None, name.at(), |datum| datum.retain_rows(|row| row != interface));
    let (table, _) = column("Interface", "name")?;
    run.database.delete(table, interface);
    Ok(Output::Nothing)
}
