//! `ovsdp fdb`: the MAC tables, in the columns of `ovs-appctl fdb/show`.

use std::fmt::Write;

use super::{launch, output};
use crate::ctl::api::Fdb;
use crate::error::{Error, Kind};
use crate::host::paths::Run;

pub(super) fn run(run: &Run, bridge: Option<&str>, json: bool) -> Result<(), Error> {
    let Some(mut client) = launch::running(run)? else {
        return Err(Error::new(Kind::NoSuch, "the agent is not running, so nothing is learned").advise("`ovsdp up` starts it"));
    };
    let fdb = client.fdb(bridge)?;
    if json { output::json(&fdb) } else { output::text(&text(&fdb, bridge.is_none())) }
}

fn text(fdb: &Fdb, with_bridge: bool) -> String {
    let mut out =
        String::from(if with_bridge { "Bridge           Port  VLAN  MAC                Age\n" } else { " Port  VLAN  MAC                Age\n" });
    for entry in &fdb.entries {
        let port =
            if entry.port == entry.bridge { "LOCAL".to_owned() } else { entry.port_no.map_or_else(|| entry.port.clone(), |no| no.to_string()) };
        if with_bridge {
            let _ = write!(out, "{:<15} ", entry.bridge);
        }
        let _ = writeln!(out, "{port:>5}  {:>4}  {}  {:>3}", entry.vlan, entry.mac, entry.age);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::api::FdbEntry;

    #[test]
    fn the_columns_of_fdb_show() {
        let entry =
            |port: &str, port_no| FdbEntry { bridge: "br0".into(), port: port.into(), port_no, vlan: 0, mac: "52:54:00:00:00:01".into(), age: 7 };
        let fdb = Fdb { entries: vec![entry("br0", Some(1)), entry("eth0", Some(2))] };
        assert_eq!(
            text(&fdb, false),
            " Port  VLAN  MAC                Age\nLOCAL     0  52:54:00:00:00:01    7\n    2     0  52:54:00:00:00:01    7\n"
        );
    }
}
