use std::collections::BTreeSet;

use super::*;

#[test]
fn columns_are_in_order_and_what_they_name_exists() {
    let tables: BTreeSet<_> = TABLES.iter().map(|table| table.name).chain(ABSENT.iter().map(|(name, _)| *name)).collect();
    assert_eq!(tables.len(), TABLES.len() + ABSENT.len());
    for table in TABLES {
        let names: Vec<_> = table.columns.iter().map(|column| column.name).collect();
        assert!(names.is_sorted() && names.iter().collect::<BTreeSet<_>>().len() == names.len(), "{}", table.name);
        for reference in
            table.columns.iter().flat_map(|column| [Some(column.kind.key), column.kind.value]).flatten().filter_map(|base| base.reference)
        {
            assert!(tables.contains(reference.table), "{}", reference.table);
        }
        if let Some(after) = &table.called_after {
            let column = Table::of(after.table).and_then(|other| other.column(after.column)).unwrap();
            assert_eq!(column.kind.key.reference.unwrap().table, table.name);
        }
    }
}

#[test]
fn a_table_is_found_by_as_much_as_tells_it_apart() {
    for (typed, name) in
        [("Bridge", "Bridge"), ("br", "Bridge"), ("INTERFACE", "Interface"), ("o", "Open_vSwitch"), ("open-v", "Open_vSwitch"), ("q", "")]
    {
        assert_eq!(table(typed).map_or("", |table| table.name), name, "{typed}");
    }
    assert_eq!(table("s").unwrap_err().text, "\"s\" matches multiple table names: SSL, sFlow");
    assert_eq!(table("foo").unwrap_err().text, "unknown table \"foo\"");
    assert_eq!(table("netflow").unwrap_err().text, "there is no table NetFlow here: nothing here exports flows");
}

#[test]
fn a_column_is_found_by_as_much_as_tells_it_apart() {
    let port = Table::of("Port").unwrap();
    for (typed, name) in [("tag", "tag"), ("other-config", "other_config"), ("o", "other_config"), ("STATUS", "status"), ("bond-m", "bond_mode")] {
        assert_eq!(column(port, typed).unwrap().name, name);
    }
    assert_eq!(column(port, "s").unwrap_err().text, "Port contains more than one column whose name matches \"s\": statistics, status");
    assert_eq!(column(port, "x").unwrap_err().text, "Port does not contain a column whose name matches \"x\"");
    // An exact name counts before one that begins with it.
    assert_eq!(column(Table::of("Interface").unwrap(), "mac").unwrap().name, "mac");
}
