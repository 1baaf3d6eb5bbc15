//! add-br, del-br, list-br, br-exists, br-to-vlan, br-to-parent.

use super::switch::column;
use super::{Output, Run};
use crate::vsctl::command::{Argument, Command};
use crate::vsctl::error::{Error, Kind};
use crate::vsctl::uuid::Uuid;
use crate::vsctl::value::{Atom, Datum};

/// Whether ovs-vsctl is content with the bridge that is there already.
fn is_what_was_asked(run: &Run, name: &str, fake: Option<(&Argument, i64)>) -> Result<bool, Error> {
    let Some(there) = run.bridge(name) else { return Ok(false) };
    let asked = fake
        .map_or_else(|| format!("\"--may-exist add-br {name}\""), |(parent, vlan)| format!("\"--may-exist add-br {name} {} {vlan}\"", parent.text));
    let but = match (fake, there.fake) {
        (None, None) => return Ok(true),
        (None, Some(is)) => format!("is a VLAN bridge for VLAN {}", is.vlan),
        (Some(_), None) => "is not a VLAN bridge".to_owned(),
        (Some((parent, _)), Some(is)) if is.parent != parent.text => format!("has the wrong parent {}", is.parent),
        (Some((_, vlan)), Some(is)) if is.vlan != vlan => format!("is a VLAN bridge for the wrong VLAN {}", is.vlan),
        _ => return Ok(true),
    };
    Err(Error::conflict(format!("{asked} but {name} {but}")))
}

impl Run {
    /// Makes a row with a name.
    pub(super) fn insert_named(&mut self, of: &'static str, name: &Argument) -> Result<Uuid, Error> {
        let (table, column) = column(of, "name")?;
        let row = self.database.fresh(of, Some(&name.text));
        self.database.insert(table, row);
        self.write(table, row, column, None, Datum::one(Atom::from(name.text.as_str())), name.at());
        Ok(row)
    }

    /// Has a row name others besides those it names.
    pub(super) fn attach(&mut self, of: &'static str, row: Uuid, named: &'static str, rows: &[Uuid], by: &Argument) -> Result<(), Error> {
        let (table, column) = column(of, named)?;
        self.change(table, row, column, None, by.at(), |datum| {
            if let Datum::Set(set) = datum {
                // A column that must not be empty holds the row that is none while it is.
                set.remove(&Atom::Uuid(Uuid::default()));
                set.extend(rows.iter().map(|row| Atom::Uuid(*row)));
            }
        });
        Ok(())
    }

    /// Gives a column of a row one value.
    pub(super) fn put(&mut self, of: &'static str, row: Uuid, name: &'static str, atom: Atom, by: &Argument) -> Result<(), Error> {
        let (table, column) = column(of, name)?;
        self.write(table, row, column, None, Datum::one(atom), by.at());
        Ok(())
    }

    /// Takes a port and its interfaces away.
    pub(super) fn drop_port(&mut self, port: Uuid, bridge: Uuid) -> Result<(), Error> {
        let (bridges, ports) = column("Bridge", "ports")?;
        let (table, _) = column("Port", "interfaces")?;
        let (interfaces, _) = column("Interface", "name")?;
        for interface in self.interfaces_of(port) {
            self.database.delete(interfaces, interface);
        }
        self.database.delete(table, port);
        self.database.update(bridges, bridge, ports, |datum| {
            if let Datum::Set(set) = datum {
                set.remove(&Atom::Uuid(port));
            }
        });
        Ok(())
    }
}

pub(in crate::vsctl) fn add_br(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let name = command.argument(0)?;
    let fake = match command.arguments.as_slice() {
        [_] => None,
        [_, parent, vlan] => {
            let out = || Error::new(Kind::Value, "add-br: vlan must be between 0 and 4095").at(vlan.at());
            Some((parent, vlan.text.parse::<i64>().ok().filter(|vlan| (0..4096).contains(vlan)).ok_or_else(out)?))
        }
        _ => return Err(Error::usage("'add-br' command takes exactly 1 or 3 arguments")),
    };
    if name.text.is_empty() {
        return Err(Error::new(Kind::Value, "bridge name must not be empty string").at(name.at()));
    }
    if command.has("--may-exist") && is_what_was_asked(run, &name.text, fake).map_err(|error| error.at(name.at()))? {
        return Ok(Output::Nothing);
    }
    run.check_free(&name.text, "a bridge").map_err(|error| error.at(name.at()))?;
    let parent = match fake {
        None => None,
        Some((parent, vlan)) => {
            let absent = || Error::absent(format!("parent bridge {} does not exist", parent.text)).at(parent.at());
            let bridge = run.bridge(&parent.text).ok_or_else(absent)?;
            if bridge.fake.is_some() {
                return Err(Error::conflict("cannot create bridge with fake bridge as parent").at(parent.at()));
            }
            if let Some(other) = run.fakes(bridge.row).into_iter().find(|other| other.fake.as_ref().is_some_and(|fake| fake.vlan == vlan)) {
                let text = format!("bridge {} already has a child VLAN bridge {} on VLAN {vlan}", parent.text, other.name);
                return Err(Error::conflict(text).at(parent.at()));
            }
            Some((bridge.row, vlan))
        }
    };
    let interface = run.insert_named("Interface", name)?;
    run.put("Interface", interface, "type", Atom::from("internal"), name)?;
    let port = run.insert_named("Port", name)?;
    run.attach("Port", port, "interfaces", &[interface], name)?;
    let bridge = match parent {
        Some((bridge, vlan)) => {
            run.put("Port", port, "fake_bridge", Atom::Boolean(true), name)?;
            run.put("Port", port, "tag", Atom::Integer(vlan), name)?;
            bridge
        }
        None => {
            let bridge = run.insert_named("Bridge", name)?;
            let root = run.database.root();
            run.attach("Open_vSwitch", root, "bridges", &[bridge], name)?;
            bridge
        }
    };
    run.attach("Bridge", bridge, "ports", &[port], name)?;
    Ok(Output::Nothing)
}

pub(in crate::vsctl) fn del_br(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let name = command.argument(0)?;
    let bridge = match run.a_bridge(&name.text) {
        Ok(bridge) => bridge,
        Err(_) if command.has("--if-exists") => return Ok(Output::Nothing),
        Err(error) => return Err(error.at(name.at())),
    };
    if let Some(fake) = &bridge.fake {
        let seen = run.ports_seen_on(&bridge);
        for port in seen.into_iter().map(|(_, port)| port).chain([fake.port]) {
            run.drop_port(port, bridge.row)?;
        }
        return Ok(Output::Nothing);
    }
    for port in run.ports_of(bridge.row) {
        run.drop_port(port, bridge.row)?;
    }
    let (root, bridges) = column("Open_vSwitch", "bridges")?;
    let (table, _) = column("Bridge", "name")?;
    run.database.update(root, run.database.root(), bridges, |datum| datum.retain_rows(|row| row != bridge.row));
    run.database.delete(table, bridge.row);
    Ok(Output::Nothing)
}

pub(in crate::vsctl) fn list_br(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let (real, fake) = (command.has("--real"), command.has("--fake"));
    let mut names = Vec::new();
    for row in run.real_bridges() {
        if real || !fake {
            names.push(run.name("Bridge", row));
        }
        if fake || !real {
            names.extend(run.fakes(row).into_iter().map(|bridge| bridge.name));
        }
    }
    names.sort();
    Ok(Output::lines(names))
}

/// ovs-vsctl says nothing and exits with 2 when there is none.
pub(in crate::vsctl) fn br_exists(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let name = command.argument(0)?;
    match run.bridge(&name.text) {
        Some(_) => Ok(Output::Nothing),
        None => Err(Error::new(Kind::No, format!("no bridge named {}", name.text)).at(name.at())),
    }
}

pub(in crate::vsctl) fn br_to_vlan(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let name = command.argument(0)?;
    let bridge = run.a_bridge(&name.text).map_err(|error| error.at(name.at()))?;
    Ok(Output::lines([bridge.fake.map_or(0, |fake| fake.vlan)]))
}

pub(in crate::vsctl) fn br_to_parent(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let name = command.argument(0)?;
    let bridge = run.a_bridge(&name.text).map_err(|error| error.at(name.at()))?;
    Ok(Output::lines([bridge.fake.map_or(bridge.name, |fake| fake.parent)]))
}
