use std::collections::BTreeSet;

use super::*;
use crate::vsctl::schema::TABLES;
use crate::vsctl::{Database, Uuid, commands, split};

#[test]
fn every_column_has_one_rule_and_every_rule_a_column() {
    for table in TABLES {
        let whole = RULES.iter().any(|rule| rule.table == table.name && rule.column == "*");
        for column in table.columns {
            let rules = RULES.iter().filter(|rule| (rule.table, rule.column, rule.key) == (table.name, column.name, None)).count();
            assert_eq!(rules, usize::from(!whole), "{} {}", table.name, column.name);
        }
    }
    let all: BTreeSet<_> = RULES.iter().map(|rule| (rule.table, rule.column, rule.key)).collect();
    assert_eq!(all.len(), RULES.len());
    for rule in RULES {
        let table = Table::of(rule.table).unwrap();
        let column = table.column(rule.column);
        assert!(rule.column == "*" || column.is_some(), "{rule:?}");
        assert!(rule.key.is_none() || column.is_some_and(|column| column.kind.value.is_some()), "{rule:?}");
        assert!(!rule.why.is_empty() && rule.table != "*", "{rule:?}");
    }
}

fn run(line: &str) -> Result<Vec<String>, String> {
    let line = format!("add-br br0 -- add-port br0 p1 -- {line}");
    let outcome = Database::new(Uuid(1)).transact(&commands(&split(&line)).unwrap());
    outcome.map(|outcome| outcome.notes.into_iter().map(|note| note.text).collect()).map_err(|error| {
        assert_eq!(error.kind, Kind::Refused, "{error}");
        assert!(error.at.is_some());
        error.text
    })
}

#[test]
fn what_is_applied_is_taken_without_a_word() {
    for line in [
        "set bridge br0 other-config:hwaddr=\"00:11:22:33:44:55\" other-config:mac-table-size=50000 fail_mode=standalone datapath_type=system",
        "set port p1 tag=5 vlan_mode=native-untagged trunks=5,6 protected=true other_config:priority-tags=always",
        "set interface p1 type=vxlan options:remote_ip=1.2.3.4 mtu_request=9000 external_ids:iface-id=x",
        "set bridge br0 stp_enable=false external_ids:a=b",
        "set port p1 other_config:all-members-active=false",
        "set interface p1 ingress_policing_rate=0",
    ] {
        assert_eq!(run(line), Ok(vec![]), "{line}");
    }
}

#[test]
fn what_has_no_effect_is_said() {
    let unknown = "other_config:foo=bar of Port p1 is kept and has no effect: it is no setting of this switch";
    assert_eq!(run("set port p1 other_config:foo=bar other_config:lacp-time=fast"), Ok(vec![unknown.to_owned()]));
    let target = "target=\"tcp:1.2.3.4\" of Controller is kept and has no effect: there is no OpenFlow";
    assert!(run("set-controller br0 tcp:1.2.3.4").unwrap().iter().any(|note| note == target));
    assert!(
        run("-- --id=@m create Mirror name=m -- set bridge br0 mirrors=@m").unwrap().iter().any(|note| note.contains("name=m of Mirror m is kept"))
    );
    // What nothing was left of in the end has nothing to be said.
    assert_eq!(run("set port p1 other_config:foo=bar -- clear port p1 other_config"), Ok(vec![]));
}

#[test]
fn what_cannot_be_had_ends_the_line() {
    for (line, says) in [
        ("set bridge br0 stp_enable=on", "stp_enable=true of Bridge br0 cannot be had here: there is no spanning tree yet"),
        ("set-fail-mode br0 secure", "fail_mode=secure of Bridge br0 cannot be had here: a bridge that waits"),
        ("set bridge br0 datapath_type=netdev", "datapath_type=netdev of Bridge br0 cannot be had here: the datapath is the kernel's"),
        ("set interface p1 type=dpdk", "type=dpdk of Interface p1 cannot be had here: the kernel's datapath has no ports"),
        ("set port p1 statistics:a=5", "statistics:a=5 of Port p1 cannot be had here: it is what the switch says"),
        ("add port p1 other_config all-members-active=true", "other_config:all-members-active=\"true\" of Port p1 cannot be had here"),
        ("set port p1 other_config={all-members-active=true,x=y}", "other_config:all-members-active=\"true\" of Port p1"),
        ("set interface p1 ofport=7", "ofport=7 of Interface p1 cannot be had here"),
    ] {
        let error = run(line).unwrap_err();
        assert!(error.starts_with(says), "{line}: {error}");
    }
}
