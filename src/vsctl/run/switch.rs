//! What ovs-vsctl calls a bridge and a port: real bridges, and fake ones, which are a port that stands for a VLAN of a real one.

use super::Run;
use crate::vsctl::error::Error;
use crate::vsctl::schema::{Column, Table};
use crate::vsctl::uuid::Uuid;
use crate::vsctl::value::{Atom, Datum};

/// A table that is there.
fn table(name: &'static str) -> Result<&'static Table, Error> {
    Table::of(name).ok_or_else(|| Error::absent(format!("unknown table \"{name}\"")))
}

/// A column that is there.
pub(super) fn column(of: &'static str, name: &'static str) -> Result<(&'static Table, &'static Column), Error> {
    let table = table(of)?;
    let column = table.column(name).ok_or_else(|| Error::absent(format!("{of} does not contain a column whose name matches \"{name}\"")))?;
    Ok((table, column))
}

/// A bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bridge {
    pub(super) name: String,
    /// The real bridge's row.
    pub(super) row: Uuid,
    /// What makes it a fake one.
    pub(super) fake: Option<Fake>,
}

/// A fake bridge's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fake {
    /// The real bridge's name.
    pub(super) parent: String,
    /// Its port.
    pub(super) port: Uuid,
    pub(super) vlan: i64,
}

impl Run {
    fn rows(&self, of: &'static str, row: Uuid, column: &str) -> Vec<Uuid> {
        self.database.said(of, row, column).into_iter().flat_map(|datum| datum.rows().collect::<Vec<_>>()).collect()
    }

    fn names_row(&self, of: &'static str, row: Uuid, column: &str, named: Uuid) -> bool {
        match self.database.said(of, row, column) {
            Some(Datum::Set(set)) => set.contains(&Atom::Uuid(named)),
            _ => false,
        }
    }

    /// A row's name.
    pub(super) fn name(&self, of: &'static str, row: Uuid) -> String {
        let name = self.database.said(of, row, "name").and_then(Datum::only).and_then(Atom::as_str);
        name.unwrap_or_default().to_owned()
    }

    fn tag(&self, port: Uuid) -> Option<i64> {
        match self.database.said("Port", port, "tag")?.only()? {
            Atom::Integer(tag) => Some(*tag),
            _ => None,
        }
    }

    /// The VLAN a port stands for as a fake bridge.
    fn fake_vlan(&self, port: Uuid) -> Option<i64> {
        let fake = self.database.said("Port", port, "fake_bridge")?.only() == Some(&Atom::Boolean(true));
        self.tag(port).filter(|_| fake)
    }

    /// The real bridges' rows.
    pub(super) fn real_bridges(&self) -> Vec<Uuid> {
        self.rows("Open_vSwitch", self.database.root(), "bridges")
    }

    pub(super) fn real(&self, row: Uuid) -> Bridge {
        Bridge { name: self.name("Bridge", row), row, fake: None }
    }

    /// The ports of a real bridge, its own among them.
    pub(super) fn ports_of(&self, bridge: Uuid) -> Vec<Uuid> {
        self.rows("Bridge", bridge, "ports")
    }

    /// The interfaces of a port.
    pub(super) fn interfaces_of(&self, port: Uuid) -> Vec<Uuid> {
        self.rows("Port", port, "interfaces")
    }

    /// The fake bridges of a real one.
    pub(super) fn fakes(&self, bridge: Uuid) -> Vec<Bridge> {
        let here = self.fakes.iter().filter(|port| self.names_row("Bridge", bridge, "ports", **port));
        here.filter_map(|port| self.fake(bridge, *port)).collect()
    }

    /// Notes which ports are fake bridges before the first command.
    pub(super) fn find_fakes(&mut self) {
        let ports = Table::of("Port").map(|table| self.database.rows(table)).unwrap_or_default();
        self.fakes = ports.into_iter().filter(|port| self.fake_vlan(*port).is_some()).collect();
    }

    fn fake(&self, bridge: Uuid, port: Uuid) -> Option<Bridge> {
        let vlan = self.fake_vlan(port)?;
        let parent = self.name("Bridge", bridge);
        Some(Bridge { name: self.name("Port", port), row: bridge, fake: Some(Fake { parent, port, vlan }) })
    }

    /// The bridge of a name.
    pub(super) fn bridge(&self, name: &str) -> Option<Bridge> {
        let (root, of) = (self.database.root(), Table::of("Bridge")?);
        let real = self.database.named(of, name).find(|row| self.names_row("Open_vSwitch", root, "bridges", *row));
        real.map(|row| self.real(row)).or_else(|| self.port_row(name).and_then(|(port, bridge)| self.fake(bridge, port)))
    }

    /// The bridge of a name, which must be there.
    pub(super) fn a_bridge(&self, name: &str) -> Result<Bridge, Error> {
        self.bridge(name).ok_or_else(|| Error::absent(format!("no bridge named {name}")))
    }

    /// The same, and no fake one.
    pub(super) fn a_real_bridge(&self, name: &str) -> Result<Bridge, Error> {
        let bridge = self.a_bridge(name)?;
        if bridge.fake.is_some() { Err(Error::conflict(format!("{name} is a fake bridge"))) } else { Ok(bridge) }
    }

    /// The port of a name and the real bridge it is on, bridges' own ports too.
    pub(super) fn port_row(&self, name: &str) -> Option<(Uuid, Uuid)> {
        self.database.named(Table::of("Port")?, name).find_map(|port| Some((port, self.holder(port)?)))
    }

    /// The real bridge a port is on.
    fn holder(&self, port: Uuid) -> Option<Uuid> {
        self.real_bridges().into_iter().find(|bridge| self.names_row("Bridge", *bridge, "ports", port))
    }

    /// The bridge a port of a real bridge is on as ovs-vsctl sees it: the fake one of its tag, if there is one.
    pub(super) fn seen_on(&self, port: Uuid, bridge: Uuid) -> Bridge {
        let tag = self.tag(port);
        let fake = tag.and_then(|tag| self.fakes(bridge).into_iter().find(|fake| fake.fake.as_ref().is_some_and(|fake| fake.vlan == tag)));
        fake.unwrap_or_else(|| self.real(bridge))
    }

    /// The port of a name that is no bridge's own, and the bridge it is seen on.
    pub(super) fn port(&self, name: &str) -> Option<(Uuid, Bridge)> {
        let (port, bridge) = self.port_row(name)?;
        let seen = self.seen_on(port, bridge);
        (seen.name != name && self.name("Bridge", bridge) != name).then_some((port, seen))
    }

    /// The interface of a name, the port it is under and the bridge it is seen on.
    pub(super) fn interface(&self, name: &str) -> Option<(Uuid, Bridge)> {
        let interface = self.database.named(Table::of("Interface")?, name).next()?;
        let under = |port: &(Uuid, Uuid)| self.names_row("Port", port.0, "interfaces", interface);
        // Most have the name of their port.
        let near = self.port_row(name).filter(under);
        let all = || self.real_bridges().into_iter().flat_map(|bridge| self.ports_of(bridge).into_iter().map(move |port| (port, bridge)));
        let (port, bridge) = near.or_else(|| all().find(under))?;
        Some((port, self.seen_on(port, bridge)))
    }

    /// The ports seen on a bridge, its own not among them.
    pub(super) fn ports_seen_on(&self, bridge: &Bridge) -> Vec<(String, Uuid)> {
        let fakes: std::collections::BTreeSet<i64> = self.fakes(bridge.row).into_iter().filter_map(|fake| fake.fake.map(|fake| fake.vlan)).collect();
        let seen = |port: &Uuid| match (&bridge.fake, self.tag(*port)) {
            (Some(fake), tag) => tag == Some(fake.vlan),
            (None, Some(tag)) => !fakes.contains(&tag),
            (None, None) => true,
        };
        let named = self.ports_of(bridge.row).into_iter().filter(seen).map(|port| (self.name("Port", port), port));
        let mut ports: Vec<_> = named.filter(|(name, _)| *name != bridge.name).collect();
        ports.sort();
        ports
    }

    /// Why no bridge, port or interface of a name can be made, after `cannot create …`.
    pub(super) fn check_free(&self, name: &str, what: &str) -> Result<(), Error> {
        let why = if self.bridge(name).is_some() {
            format!("a bridge named {name} already exists")
        } else if let Some((_, bridge)) = self.port(name) {
            format!("a port named {name} already exists on bridge {}", bridge.name)
        } else if let Some((_, bridge)) = self.interface(name) {
            format!("an interface named {name} already exists on bridge {}", bridge.name)
        } else {
            return Ok(());
        };
        Err(Error::conflict(format!("cannot create {what} named {name} because {why}")))
    }
}
