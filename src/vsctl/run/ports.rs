//! add-port, add-bond, del-port, list-ports, list-ifaces, port-to-br, iface-to-br.

use super::records::set_column;
use super::{Output, Run};
use crate::vsctl::command::{Argument, Command};
use crate::vsctl::error::{Error, Kind};
use crate::vsctl::schema::Table;
use crate::vsctl::value::Atom;

/// Whether ovs-vsctl is content with the port that is there already. Its settings are left as they are.
fn is_what_was_asked(run: &Run, command: &Command, bridge: &str, name: &str, interfaces: &[Argument]) -> Result<bool, Error> {
    let Some((port, seen)) = run.port(name) else { return Ok(false) };
    let asked: Vec<_> = command.words().collect();
    let asked = asked.join(" ");
    if seen.name != bridge {
        return Err(Error::conflict(format!("\"{asked}\" but {name} is actually attached to bridge {}", seen.name)));
    }
    let mut has: Vec<_> = run.interfaces_of(port).into_iter().map(|row| run.name("Interface", row)).collect();
    let mut wants: Vec<_> = interfaces.iter().map(|interface| interface.text.clone()).collect();
    has.sort();
    wants.sort();
    if has != wants {
        return Err(Error::conflict(format!("\"{asked}\" but {name} actually has interface(s) {}", has.join(", "))));
    }
    Ok(true)
}

fn add_to(run: &mut Run, command: &Command, interfaces: &[Argument], settings: &[Argument]) -> Result<Output, Error> {
    let (bridge, name) = (command.argument(0)?, command.argument(1)?);
    if name.text.is_empty() {
        return Err(Error::new(Kind::Value, "port name must not be empty string").at(name.at()));
    }
    let about = |error: Error| error.at(name.at());
    if command.has("--may-exist") && is_what_was_asked(run, command, &bridge.text, &name.text, interfaces).map_err(about)? {
        return Ok(Output::Nothing);
    }
    run.check_free(&name.text, "a port").map_err(about)?;
    for interface in interfaces {
        run.check_free(&interface.text, "an interface").map_err(|error| error.at(interface.at()))?;
    }
    let on = run.a_bridge(&bridge.text).map_err(|error| error.at(bridge.at()))?;
    let mut rows = Vec::new();
    for interface in interfaces {
        rows.push(run.insert_named("Interface", interface)?);
    }
    let port = run.insert_named("Port", name)?;
    run.attach("Port", port, "interfaces", &rows, name)?;
    if command.has("--fake-iface") {
        run.put("Port", port, "bond_fake_iface", Atom::Boolean(true), name)?;
    }
    if let Some(fake) = &on.fake {
        run.put("Port", port, "tag", Atom::Integer(fake.vlan), bridge)?;
    }
    if let Some(table) = Table::of("Port") {
        for setting in settings {
            set_column(run, table, port, setting)?;
        }
    }
    run.attach("Bridge", on.row, "ports", &[port], name)?;
    Ok(Output::Nothing)
}

pub(in crate::vsctl) fn add_port(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let name = command.argument(1)?.clone();
    add_to(run, command, &[name], command.arguments.get(2..).unwrap_or_default())
}

pub(in crate::vsctl) fn add_bond(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let members = command.arguments.get(2..).unwrap_or_default();
    let settings = members.iter().position(|argument| argument.text.contains('=')).unwrap_or(members.len());
    let (interfaces, settings) = members.split_at(settings);
    if interfaces.len() < 2 {
        let text = format!("add-bond requires at least 2 interfaces, but only {} were specified", interfaces.len());
        return Err(Error::usage(text));
    }
    add_to(run, command, interfaces, settings)
}

pub(in crate::vsctl) fn del_port(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let (must, with_interface) = (!command.has("--if-exists"), command.has("--with-iface"));
    let (of, target) = match command.arguments.as_slice() {
        [target] => (None, target),
        [bridge, target, ..] => (Some(bridge), target),
        [] => return command.argument(0).map(|_| Output::Nothing),
    };
    let name = &target.text;
    if run.bridge(name).is_some() {
        if !must {
            return Ok(Output::Nothing);
        }
        let why = "(deleting this port requires deleting the entire bridge)";
        let text = format!("cannot delete port {name} because it is the local port for bridge {name} {why}");
        return Err(Error::conflict(text).at(target.at()));
    }
    let by_interface = || run.interface(name).filter(|_| with_interface);
    let Some((port, seen)) = run.port(name).or_else(by_interface) else {
        let what = if with_interface { "port or interface" } else { "port" };
        return if must { Err(Error::absent(format!("no {what} named {name}")).at(target.at())) } else { Ok(Output::Nothing) };
    };
    if let Some(of) = of {
        let bridge = run.a_bridge(&of.text).map_err(|error| error.at(of.at()))?;
        if bridge.name != seen.name {
            let child = seen.fake.as_ref().is_some_and(|fake| fake.parent == bridge.name);
            let hint = if child { format!(" (although its child bridge {} does)", seen.name) } else { String::new() };
            return Err(Error::conflict(format!("bridge {} does not have a port {name}{hint}", bridge.name)).at(target.at()));
        }
    }
    run.drop_port(port, seen.row)?;
    Ok(Output::Nothing)
}

pub(in crate::vsctl) fn list_ports(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let name = command.argument(0)?;
    let bridge = run.a_bridge(&name.text).map_err(|error| error.at(name.at()))?;
    Ok(Output::lines(run.ports_seen_on(&bridge).into_iter().map(|(name, _)| name)))
}

pub(in crate::vsctl) fn list_ifaces(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let name = command.argument(0)?;
    let bridge = run.a_bridge(&name.text).map_err(|error| error.at(name.at()))?;
    let ports = run.ports_seen_on(&bridge);
    let interfaces = ports.into_iter().flat_map(|(_, port)| run.interfaces_of(port));
    let mut names: Vec<_> = interfaces.map(|row| run.name("Interface", row)).filter(|name| *name != bridge.name).collect();
    names.sort();
    Ok(Output::lines(names))
}

pub(in crate::vsctl) fn port_to_br(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let name = command.argument(0)?;
    let none = || Error::absent(format!("no port named {}", name.text)).at(name.at());
    Ok(Output::lines([run.port(&name.text).ok_or_else(none)?.1.name]))
}

pub(in crate::vsctl) fn iface_to_br(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let name = command.argument(0)?;
    let none = || Error::absent(format!("no interface named {}", name.text)).at(name.at());
    let own = run.bridge(&name.text).is_some();
    Ok(Output::lines([run.interface(&name.text).filter(|_| !own).ok_or_else(none)?.1.name]))
}
