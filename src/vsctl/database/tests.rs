use super::*;
use crate::vsctl::{Outcome, commands, split};

fn after(database: &Database, line: &str) -> Result<Outcome, Error> {
    database.transact(&commands(&split(line))?)
}

fn with(line: &str) -> Database {
    after(&Database::new(Uuid(1)), line).unwrap().database
}

#[test]
fn rows_nobody_names_are_gone_with_what_they_name() {
    let database = with("add-br br0 -- add-port br0 p1 -- --id=@p get port p1 -- --id=@m create Mirror name=m select_src_port=@p");
    assert!(database.rows(Table::of("Mirror").unwrap()).is_empty());
}

#[test]
fn a_bridge_that_goes_leaves_nothing() {
    let database = with("add-br br0 -- add-bond br0 b0 e0 e1 -- add-br f br0 5 -- set-controller br0 tcp:1.1.1.1");
    let bridges = after(&database, "clear Open_vSwitch . bridges").unwrap().database;
    let other = after(&database, "del-br br0").unwrap().database;
    for emptied in [bridges, other] {
        for table in TABLES.iter().filter(|table| table.name != "Open_vSwitch") {
            assert!(emptied.rows(table).is_empty(), "{}", table.name);
        }
        assert!(emptied.names.is_empty());
    }
}

#[test]
fn a_row_is_found_by_all_its_names() {
    let database = with("add-br br0 -- set-controller br0 tcp:1.1.1.1 -- add-port br0 p1 qos=@q -- --id=@q create QoS type=x");
    let of = |table: &str| Table::of(table).unwrap();
    let bridge = database.find(of("Bridge"), "br0").unwrap();
    assert_eq!(database.find(of("Bridge"), &bridge.to_string()).unwrap(), bridge);
    assert_eq!(database.find(of("Bridge"), &bridge.to_string()[..6]).unwrap(), bridge);
    assert_eq!(database.find(of("Open_vSwitch"), ".").unwrap(), database.root());
    assert_eq!(database.find(of("Controller"), "br0").unwrap(), database.rows(of("Controller"))[0]);
    assert_eq!(database.find(of("QoS"), "p1").unwrap(), database.rows(of("QoS"))[0]);
    let two = after(&database, "-- --id=@a create Mirror name=m -- --id=@b create Mirror name=m -- set Bridge br0 mirrors=@a,@b").unwrap().database;
    assert_eq!(two.find(of("Mirror"), "m").unwrap_err().text, "multiple rows in Mirror match \"m\"");
}
