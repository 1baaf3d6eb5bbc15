use super::*;
use crate::model::{Vid, VlanSet, Vlans};
use crate::vsctl::{commands, split};

fn after(database: &Database, line: &str) -> Outcome {
    database.transact(&commands(&split(line)).unwrap()).unwrap()
}

/// A line whose rows are made bridges and rows again.
fn there_and_back(line: &str) -> BTreeMap<IfName, Bridge> {
    let root = Uuid(1);
    let made = after(&Database::new(root), line).database;
    let bridges = made.intent().unwrap_or_else(|misfit| panic!("{line}: {}", misfit.text));
    let again = Database::of(root, bridges.values(), &made.rows_of_none()).unwrap();
    assert_eq!(again, made.without_count(), "{line}");
    assert_eq!(again.intent().unwrap(), bridges, "{line}");
    // What is remembered is written down in between.
    let text = serde_json::to_string(&bridges).unwrap();
    assert_eq!(serde_json::from_str::<BTreeMap<IfName, Bridge>>(&text).unwrap(), bridges);
    bridges
}

#[test]
fn rows_are_the_same_when_they_were_bridges() {
    for line in [
        "add-br br0",
        "add-br br0 -- add-port br0 p1 tag=10 trunks=20 -- set interface p1 external-ids:iface-id=x mtu_request=9000 mac=\"52:54:00:00:00:01\"",
        "add-br br0 -- add-br fake br0 7 -- add-port fake p1 -- br-set-external-id fake a b",
        "add-br br0 -- add-bond br0 bond0 e0 e1 bond_mode=balance-tcp lacp=active other_config:bond-primary=e0 other_config:lacp-time=fast bond_updelay=5",
        "add-br br0 -- add-bond br0 bond0 e0 e1 bond_mode=active-backup lacp=off other_config:lacp-time=slow",
        "add-br br0 -- add-bond br0 bond0 e0 e1 other_config:bond-detect-mode=miimon other_config:bond-miimon-interval=250",
        "add-br br0 -- add-bond br0 bond0 e0 e1 other_config:bond-detect-mode=carrier other_config:bond-miimon-interval=200",
        "add-br br0 -- add-port br0 vx0 tag=3 vlan_mode=native-untagged trunks=7 -- set interface vx0 type=vxlan options:remote_ip=192.0.2.1 options:key=7 options:ttl=64",
        "add-br br0 -- add-br br1 -- add-port br0 a -- add-port br1 b -- set interface a type=patch options:peer=b -- set interface b type=patch options:peer=a",
        "add-br br0 -- set bridge br0 other_config:hwaddr=52:54:00:00:00:01 other_config:mac-table-size=50 other_config:foo=\"b\" flood_vlans=5,6 fail_mode=standalone",
        "add-br br0 -- set interface br0 mac=\"52:54:00:00:00:01\" -- set bridge br0 datapath_type=system",
        "add-br br0 -- set-controller br0 tcp:192.0.2.1 -- add-port br0 p1 tag=4095 vlan_mode=dot1q-tunnel cvlans=1,2 other_config:qinq-ethtype=802.1q",
        "add-br br0 -- add-port br0 p1 -- --id=@p get port p1 -- --id=@m create Mirror name=m select_src_port=@p -- set bridge br0 mirrors=@m",
        "add-br br0 -- add-port br0 p1 qos=@q -- --id=@q create QoS type=linux-htb queues:0=@u -- --id=@u create Queue other_config:max-rate=7",
        "create QoS type=linux-htb other_config:max-rate=7 -- create Queue dscp=7 -- set Open_vSwitch . external_ids:a=b other_config:c=d",
        "add-br br0 -- add-port br0 p1 vlan_mode=trunk tag=9 protected=true other_config:priority-tags=true external_ids:\"a:b c\"=\"d,e\"",
    ] {
        // Quotes are letters to `split`; a value with a blank needs words of its own.
        there_and_back(&line.replace("a:b c", "a:b"));
    }
}

#[test]
fn what_a_row_says_is_what_the_model_says() {
    let line = "add-br br0 -- add-bond br0 bond0 e1 e0 tag=5 lacp=passive -- set bridge br0 other_config:hwaddr=52:54:00:00:00:09 -- set interface br0 mtu_request=1400";
    let bridges = there_and_back(line);
    let bridge = &bridges[&IfName::new("br0").unwrap()];
    assert_eq!((bridge.local.mac.unwrap().to_string().as_str(), bridge.local.mtu), ("52:54:00:00:00:09", Some(1400)));
    let bond = &bridge.ports[&IfName::new("bond0").unwrap()];
    assert!(bond.bond.is_some() && bond.lacp.is_some_and(|lacp| !lacp.active) && bond.interfaces.len() == 2 && bridge.records.is_empty());
}

#[test]
fn a_native_vlan_is_a_trunk_unless_it_is_none() {
    let vids = |vids: &[u16]| vids.iter().map(|vid| Vid::try_from(*vid).unwrap()).collect::<VlanSet>();
    for (words, tag, trunks) in [
        ("tag=7 trunks=0,3", 7, Some(vids(&[3, 7]))),
        ("tag=7", 7, None),
        ("trunks=3", 0, Some(vids(&[3]))),
        ("tag=0 trunks=0,3", 0, Some(vids(&[0, 3]))),
        ("tag=0", 0, None),
    ] {
        let bridges = there_and_back(&format!("add-br br0 -- add-port br0 p1 vlan_mode=native-untagged {words}"));
        let expected = Vlans::Native { vlan: Vid::try_from(tag).unwrap(), tagged: false, carried: trunks };
        assert_eq!(bridges[&IfName::new("br0").unwrap()].ports[&IfName::new("p1").unwrap()].rules.vlans, expected, "{words}");
    }
}

#[test]
fn a_misfit_is_where_it_was_written() {
    for (line, about) in [
        ("add-port br0 p1 other_config:priority-tags=perhaps", "other_config:priority-tags=perhaps"),
        ("add-port br0 p1 bond_mode=balance-slb", "bond_mode=balance-slb"),
        ("add-port br0 p1 -- set interface p1 type=internal -- set port p1 lacp=active", "lacp=active"),
        ("add-port br0 p1 -- set interface p1 type=vxlan", "type=vxlan"),
        ("add-port br0 p1 -- set interface p1 type=vxlan options:remote_ip=here", "options:remote_ip=here"),
        ("add-port br0 p1 -- set interface p1 type=patch", "type=patch"),
        ("add-port br0 p1 -- set interface p1 mtu_request=60", "mtu_request=60"),
        ("add-port br0 name-of-17-bytes0", "name-of-17-bytes0"),
        ("add-bond br0 b e0 e1 other_config:bond-primary=e2", "other_config:bond-primary=e2"),
        ("add-bond br0 b e0 e1 other_config:bond-detect-mode=ask", "other_config:bond-detect-mode=ask"),
        ("add-port br0 p1 other_config:bond-miimon-interval=200", "other_config:bond-miimon-interval=200"),
        ("set bridge br0 other_config:hwaddr=01:00:00:00:00:01", "other_config:hwaddr=01:00:00:00:00:01"),
        ("set bridge br0 other_config={mac-table-size=x}", "other_config={mac-table-size=x}"),
        ("set interface br0 type=system", "type=system"),
    ] {
        let words = split(line);
        let before = after(&Database::new(Uuid(1)), "add-br br0").database;
        let outcome = before.transact(&commands(&words).unwrap());
        let error = match outcome {
            Err(error) => error,
            Ok(outcome) => outcome.blame(outcome.database.intent().unwrap_err()),
        };
        let span = error.at.clone().unwrap_or_else(|| panic!("{line}: {error}")).span(&words).unwrap();
        assert_eq!(&line[span], about, "{line}: {error}");
    }
}

#[test]
fn what_commands_say_nothing_of_stays() {
    let name = |text: &str| IfName::new(text).unwrap();
    let mut old = there_and_back("add-br br0 -- add-bond br0 b e0 e1 -- add-port br0 p1");
    let bridge = old.get_mut(&name("br0")).unwrap();
    bridge.onboot = false;
    bridge.local.hwaddr = Some("52:54:00:00:00:01".parse().unwrap());
    bridge.ports.get_mut(&name("b")).unwrap().interfaces.reverse();
    let before = Database::of(Uuid(1), old.values(), &[]).unwrap();
    let mut new = after(&before, "del-port p1 -- add-port br0 p2 -- set port b tag=7").database.intent().unwrap();
    carry_over(&old, &mut new);
    let bridge = &new[&name("br0")];
    assert!(!bridge.onboot && bridge.local.hwaddr.is_some() && bridge.ports[&name("p2")].by_command && !bridge.ports[&name("b")].by_command);
    assert_eq!(bridge.ports[&name("b")].interfaces[0].name, name("e1"));
}

/// Pieces of lines, some of which fit after others.
const PIECES: &[&str] = &[
    "--may-exist add-br br0",
    "--may-exist add-br br1",
    "--may-exist add-port br0 p1",
    "--may-exist add-port br0 p2 tag=5 trunks=6",
    "--may-exist add-port br1 p2",
    "--may-exist add-bond br0 b e1 e0",
    "--may-exist add-br f br0 9",
    "--if-exists del-port p1",
    "--if-exists del-br f",
    "--if-exists del-br br1",
    "--if-exists set port p1 tag=7 vlan_mode=native-tagged trunks=0,3",
    "--if-exists clear port p1 tag trunks vlan_mode",
    "--if-exists set port b lacp=passive other_config:lacp-time=fast bond_mode=balance-slb",
    "--if-exists set port b bond_mode=active-backup other_config:bond-rebalance-interval=0 lacp=off",
    "--if-exists set interface p1 type=internal mac=\"52:54:00:00:00:07\" mtu_request=1400",
    "--if-exists set interface p1 type=gre options={remote_ip=192.0.2.1,key=flow,csum=true}",
    "--if-exists clear interface p1 options mac mtu_request external_ids",
    "--if-exists set bridge br0 other_config:hwaddr=52:54:00:00:00:01 external_ids:a=b flood_vlans=4",
    "--if-exists remove bridge br0 other_config hwaddr",
    "--if-exists set interface br0 mac=\"52:54:00:00:00:02\" external_ids:x=y",
    "--if-exists set bridge br0 other_config={forward-bpdu=yes,mac-aging-time=60,unknown=1}",
    "--id=@p get port p1 -- --id=@m create Mirror name=m select_dst_port=@p output_vlan=5 -- add bridge br0 mirrors @m",
    "--if-exists clear bridge br0 mirrors",
    "set-controller br0 tcp:192.0.2.1 ptcp:",
    "--id=@q create QoS type=linux-htb -- set port p1 qos=@q",
    "--id=@q create QoS type=linux-hfsc queues:1=@u -- --id=@u create Queue dscp=3",
    "-- --all destroy QoS",
    "set Open_vSwitch . external_ids:a=b other_config:c=d",
    "--may-exist add-bond-iface b e2",
    "--if-exists del-bond-iface e2",
    "emer-reset",
];

proptest::proptest! {
    #[test]
    fn whatever_was_said_is_said_again(picks in proptest::collection::vec(0..PIECES.len(), 0..24)) {
        let mut database = Database::new(Uuid(1));
        for pick in picks {
            let Ok(outcome) = database.transact(&commands(&split(PIECES[pick])).unwrap()) else { continue };
            let Ok(bridges) = outcome.database.intent() else { continue };
            // As the agent does it: what is remembered is all there is of it.
            let again = Database::of(Uuid(1), bridges.values(), &outcome.database.rows_of_none()).unwrap();
            proptest::prop_assert_eq!(&again.intent().unwrap(), &bridges);
            let shown = |database: &Database| {
                let line = ["show", "list Bridge", "list Port", "list Interface", "list Mirror", "list Controller", "list QoS", "list Queue", "list Open_vSwitch"].join(" -- ");
                let outputs = database.transact(&commands(&split(&line)).unwrap()).unwrap().outputs;
                crate::vsctl::render(&outputs, &crate::vsctl::Style::default())
            };
            proptest::prop_assert_eq!(shown(&again), shown(&outcome.database));
            database = again;
        }
    }
}
