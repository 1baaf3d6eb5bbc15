//! What commands say of bridges that files describe, over the files' next turns.

use std::collections::BTreeMap;

use ovsdp::ifcfg::{self, Host, Sources};
use ovsdp::model::{Bridge, Intent};
use ovsdp::plan::{Memory, Remembered};
use ovsdp::vsctl::{Data, Database, Style, Uuid, carry_over, commands, render, split};
use ovsdp_proto::IfName;

/// A host with files and a memory, and no kernel.
struct Scene {
    files: Vec<(String, String)>,
    memory: Memory,
}

impl Scene {
    fn up(files: &[(&str, &str)]) -> Self {
        let mut scene = Self { files: Vec::new(), memory: Memory::default() };
        scene.write(files);
        scene.ask_files();
        scene
    }

    fn write(&mut self, files: &[(&str, &str)]) {
        self.files =
            files.iter().map(|(name, text)| (format!("ifcfg-{name}"), format!("DEVICE={name} DEVICETYPE=ovs ONBOOT=yes {text}\n"))).collect();
    }

    /// What `ovsdp up` would make true.
    fn asked(&self) -> BTreeMap<IfName, Bridge> {
        let mut sources = Sources::default();
        self.files.iter().for_each(|(name, text)| sources.insert(name, text.as_bytes().to_vec()));
        let outcome = ifcfg::intent(&sources, &Host::new("host"));
        let Intent { bridges, .. } = outcome.intent.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics));
        self.memory.with_commanded(Intent { bridges, ..Intent::default() }).bridges
    }

    fn ask_files(&mut self) {
        let asked = self.asked();
        self.remember(asked);
        assert_eq!(self.asked(), self.bridges(), "asked again, the files ask for something else");
    }

    fn bridges(&self) -> BTreeMap<IfName, Bridge> {
        self.memory.bridges.iter().map(|(name, remembered)| (*name, remembered.intent.clone())).collect()
    }

    fn remember(&mut self, bridges: BTreeMap<IfName, Bridge>) {
        self.memory.bridges = bridges.into_iter().map(|(name, intent)| (name, Remembered::new(intent))).collect();
        // An agent's successor reads it from its file.
        self.memory = serde_json::from_str(&serde_json::to_string(&self.memory).unwrap()).unwrap();
    }

    /// Carries out a line as the agent does; what it prints, and of what is said besides, what is said of the next `up`.
    fn say(&mut self, line: &str) -> (String, Vec<String>) {
        let old = self.bridges();
        let database = Database::of(Uuid(1), old.values(), &self.memory.rows).unwrap();
        let done = database.transact(&commands(&split(line)).unwrap()).unwrap_or_else(|error| panic!("{line}: {error}"));
        let mut new = done.database.intent().unwrap_or_else(|_| panic!("{line}"));
        carry_over(&old, &mut new);
        self.memory.rows = done.database.rows_of_none();
        self.remember(new);
        let notes = done.taken_back(&database, &old).into_iter().map(|note| note.text).collect();
        (render(&done.outputs, &Style { data: Data::Bare, ..Style::default() }), notes)
    }

    /// What a line prints.
    fn tells(&mut self, line: &str) -> String {
        self.say(line).0
    }
}

const BRIDGE: (&str, &str) = ("br0", "TYPE=OVSBridge OVS_EXTRA=\"set Bridge br0 external_ids:file=1 other_config:colour=red\"");
const PORT: (&str, &str) = ("eth0", "TYPE=OVSPort OVS_BRIDGE=br0 OVS_OPTIONS=\"tag=5\" OVS_EXTRA=\"set Interface eth0 external_ids:nic=a\"");

#[test]
fn what_is_only_kept_stays_beside_what_files_say() {
    let mut scene = Scene::up(&[BRIDGE, PORT]);
    let line = "set Bridge br0 external_ids:mine=2 external_ids:file=3 other_config:shade=dark -- set Interface eth0 external_ids:vm=web \
                -- br-set-external-id br0 also x -- set Port br0 other_config:x=y external_ids:p=q -- set-controller br0 tcp:192.0.2.1";
    let (_, notes) = scene.say(line);
    assert_eq!(notes, ["external_ids:file=\"3\" of Bridge br0 lasts until the next `ovsdp up`, which makes it what its file says"]);
    assert_eq!(scene.tells("get Bridge br0 external_ids:file"), "\"3\"\n");
    for _ in 0..2 {
        scene.ask_files();
        assert_eq!(scene.tells("get Bridge br0 external_ids"), "{also=x, file=\"1\", mine=\"2\"}\n");
        assert_eq!(scene.tells("get Bridge br0 other_config"), "{colour=red, shade=dark}\n");
        assert_eq!(scene.tells("get Interface eth0 external_ids"), "{nic=a, vm=web}\n");
        assert_eq!(scene.tells("get Port br0 other_config -- get Port br0 external_ids"), "{x=y}\n{p=q}\n");
        assert_eq!(scene.tells("get-controller br0"), "tcp:192.0.2.1\n");
    }
    // A file says it from now on, and later no more: then it is gone. What a command takes away is gone as well.
    scene.write(&[("br0", "TYPE=OVSBridge OVS_EXTRA=\"set Bridge br0 external_ids:mine=file -- set-controller br0 tcp:192.0.2.2\""), PORT]);
    scene.ask_files();
    assert_eq!(scene.tells("get Bridge br0 external_ids -- get-controller br0"), "{also=x, mine=file}\ntcp:192.0.2.2\n");
    scene.write(&[("br0", "TYPE=OVSBridge"), PORT]);
    let (_, notes) = scene.say("remove Bridge br0 external_ids also -- remove Bridge br0 other_config shade");
    assert!(notes.is_empty(), "{notes:?}");
    scene.ask_files();
    assert_eq!(scene.tells("get Bridge br0 external_ids -- get Bridge br0 other_config -- get-controller br0"), "{}\n{}\n");
    // A port that is gone takes what was said of it along.
    scene.write(&[("br0", "TYPE=OVSBridge")]);
    scene.ask_files();
    scene.write(&[("br0", "TYPE=OVSBridge"), PORT]);
    scene.ask_files();
    assert_eq!(scene.tells("get Interface eth0 external_ids"), "{nic=a}\n");
}

#[test]
fn files_have_the_say_in_what_the_switch_does() {
    let mut scene = Scene::up(&[BRIDGE, PORT]);
    let (_, notes) = scene.say("set Port eth0 tag=10 -- set Interface br0 mtu_request=1400 -- add-port br0 vnet0 tag=3 -- set Port vnet0 tag=4");
    let until = "lasts until the next `ovsdp up`, which makes it what its file says";
    assert_eq!(notes, [format!("tag=10 of Port eth0 {until}"), format!("mtu_request=1400 of Interface br0 {until}")]);
    let (_, notes) = scene.say("remove Bridge br0 other_config colour -- clear Port eth0 tag");
    assert_eq!(notes, [format!("that other_config:colour of Bridge br0 is gone {until}"), format!("tag=[] of Port eth0 {until}")]);
    scene.ask_files();
    assert_eq!(scene.tells("get Port eth0 tag -- get Port vnet0 tag -- get Interface br0 mtu_request"), "5\n4\n[]\n");
    assert_eq!(scene.tells("get Bridge br0 other_config"), "{colour=red}\n");
    let (_, notes) = scene.say("del-port vnet0 -- del-port eth0");
    assert_eq!(notes, ["port eth0 is gone until the next `ovsdp up`: its file still describes it"]);
    let (_, notes) = scene.say("add-br br1 -- set Bridge br1 flood_vlans=7 -- del-br br0");
    assert_eq!(notes, ["bridge br0 is gone until the next `ovsdp up`: its file still describes it"]);
    let (_, notes) = scene.say("set Bridge br1 flood_vlans=8 -- del-br br1");
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn rows_that_ports_of_commands_name_stay_with_them() {
    let mut scene = Scene::up(&[BRIDGE, PORT]);
    scene.say("--id=@q create QoS type=linux-htb queues:0=@u -- --id=@u create Queue other_config:max-rate=7 -- add-port br0 vnet0 qos=@q");
    scene.say("--id=@p get Port eth0 -- --id=@m create Mirror name=m select_src_port=@p -- set Bridge br0 mirrors=@m -- set Port eth0 lacp=off");
    scene.say("set Mirror m snaplen=100");
    for _ in 0..2 {
        scene.ask_files();
        assert_eq!(
            scene.tells("get QoS vnet0 type -- get Mirror m snaplen -- --columns=other_config list Queue"),
            "linux-htb\n100\nother_config        : max-rate=7\n"
        );
        assert_eq!(scene.tells("get Port eth0 lacp"), "[]\n");
    }
    scene.say("clear Bridge br0 mirrors -- del-port vnet0");
    scene.ask_files();
    assert_eq!(scene.tells("list Mirror"), "");
    // What shapes nobody's packets is there until it is destroyed.
    assert_eq!(scene.tells("--columns=type list QoS"), "type                : linux-htb\n");
    scene.say("-- --all destroy QoS -- --all destroy Queue");
    assert!(scene.memory.rows.is_empty());
}
