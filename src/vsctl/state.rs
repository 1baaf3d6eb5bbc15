//! The columns in which the switch says how its interfaces are.
//!
//! It must not ask the kernel: what it says is handed in.

use std::collections::BTreeMap;

use ovsdp_proto::Mac;

use super::database::Database;
use super::schema::Table;
use super::uuid::Uuid;
use super::value::{Atom, Datum};

/// How an interface is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Its device's number.
    pub ifindex: Option<u32>,
    /// Its device's Ethernet address.
    pub mac: Option<Mac>,
    /// Its device's MTU, in bytes.
    pub mtu: Option<u32>,
    /// Whether its device is up.
    pub up: Option<bool>,
    /// Whether its device has a carrier.
    pub carrier: Option<bool>,
    /// Its number, -1 when it could not be attached.
    pub port: Option<i64>,
    /// Why it could not be attached.
    pub error: Option<String>,
    /// What it has counted, by Open vSwitch's names.
    pub statistics: BTreeMap<&'static str, i64>,
}

/// What is said of the switch as a whole.
pub const VERSION: &str = concat!("ovsdp ", env!("CARGO_PKG_VERSION"));

impl Database {
    /// Says which version of the switch it is.
    pub fn introduce(&mut self) {
        let root = self.root();
        self.tell("Open_vSwitch", root, "ovs_version", Some(Atom::from(VERSION)));
    }

    /// Says how the interface called `name` is.
    pub fn observe(&mut self, name: &str, state: &State) {
        let Some(row) = Table::of("Interface").and_then(|table| self.named(table, name).next()) else { return };
        let link = |up: bool| Atom::from(if up { "up" } else { "down" });
        self.tell("Interface", row, "ifindex", state.ifindex.map(|index| Atom::Integer(index.into())));
        self.tell("Interface", row, "mac_in_use", state.mac.map(|mac| Atom::String(mac.to_string())));
        self.tell("Interface", row, "mtu", state.mtu.map(|mtu| Atom::Integer(mtu.into())));
        self.tell("Interface", row, "admin_state", state.up.map(link));
        self.tell("Interface", row, "link_state", state.carrier.map(link));
        self.tell("Interface", row, "ofport", state.port.map(Atom::Integer));
        self.tell("Interface", row, "error", state.error.as_deref().map(Atom::from));
        let counted = state.statistics.iter().map(|(name, count)| (Atom::from(*name), Atom::Integer(*count)));
        if let Some((table, column)) = Table::of("Interface").and_then(|table| Some((table, table.column("statistics")?))) {
            self.set(table, row, column, Datum::map(counted));
        }
    }

    fn tell(&mut self, of: &str, row: Uuid, name: &str, atom: Option<Atom>) {
        if let Some((table, column)) = Table::of(of).and_then(|table| Some((table, table.column(name)?))) {
            self.set(table, row, column, Datum::set(atom));
        }
    }
}
