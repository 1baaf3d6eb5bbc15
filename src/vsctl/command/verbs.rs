//! The commands there are, each a line: what options and how many arguments it takes, and what it does.

use crate::vsctl::error::{Error, Kind};
use crate::vsctl::run::{self, Output, Run};

use super::Command;

/// Whether an option has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vsctl) enum Takes {
    Nothing,
    Value,
}

/// An option of a command.
#[derive(Debug)]
pub(in crate::vsctl) struct Opt {
    pub(in crate::vsctl) name: &'static str,
    pub(in crate::vsctl) takes: Takes,
}

/// A command.
#[derive(Debug)]
pub(in crate::vsctl) struct Verb {
    pub(in crate::vsctl) name: &'static str,
    pub(in crate::vsctl) options: &'static [Opt],
    /// The least and the largest number of arguments.
    pub(in crate::vsctl) min: usize,
    pub(in crate::vsctl) max: usize,
    pub(in crate::vsctl) changes: bool,
    pub(in crate::vsctl) run: fn(&mut Run, &Command) -> Result<Output, Error>,
}

impl Verb {
    pub(in crate::vsctl) fn option(&self, name: &str) -> Option<&'static Opt> {
        self.options.iter().find(|option| option.name == name)
    }
}

const fn flag(name: &'static str) -> Opt {
    Opt { name, takes: Takes::Nothing }
}

const fn value(name: &'static str) -> Opt {
    Opt { name, takes: Takes::Value }
}

const NONE: &[Opt] = &[];
const IF_EXISTS: &[Opt] = &[flag("--if-exists")];
const MAY_EXIST: &[Opt] = &[flag("--may-exist")];
const MANY: usize = usize::MAX;

type Does = fn(&mut Run, &Command) -> Result<Output, Error>;

const fn reads(name: &'static str, options: &'static [Opt], min: usize, max: usize, run: Does) -> Verb {
    Verb { name, options, min, max, changes: false, run }
}

const fn changes(name: &'static str, options: &'static [Opt], min: usize, max: usize, run: Does) -> Verb {
    Verb { changes: true, ..reads(name, options, min, max, run) }
}

/// The commands.
pub(in crate::vsctl) static VERBS: &[Verb] = &[
    changes("init", NONE, 0, 0, |_, _| Ok(Output::Nothing)),
    reads("show", NONE, 0, 0, run::show),
    changes("emer-reset", NONE, 0, 0, run::emer_reset),
    changes("add-br", MAY_EXIST, 1, 3, run::add_br),
    changes("del-br", IF_EXISTS, 1, 1, run::del_br),
    reads("list-br", &[flag("--real"), flag("--fake")], 0, 0, run::list_br),
    reads("br-exists", NONE, 1, 1, run::br_exists),
    reads("br-to-vlan", NONE, 1, 1, run::br_to_vlan),
    reads("br-to-parent", NONE, 1, 1, run::br_to_parent),
    changes("br-set-external-id", NONE, 2, 3, run::br_set_external_id),
    reads("br-get-external-id", NONE, 1, 2, run::br_get_external_id),
    reads("list-ports", NONE, 1, 1, run::list_ports),
    changes("add-port", MAY_EXIST, 2, MANY, run::add_port),
    changes("add-bond", &[flag("--may-exist"), flag("--fake-iface")], 4, MANY, run::add_bond),
    changes("add-bond-iface", MAY_EXIST, 2, 2, run::add_bond_iface),
    changes("del-bond-iface", IF_EXISTS, 1, 2, run::del_bond_iface),
    changes("del-port", &[flag("--if-exists"), flag("--with-iface")], 1, 2, run::del_port),
    reads("port-to-br", NONE, 1, 1, run::port_to_br),
    reads("list-ifaces", NONE, 1, 1, run::list_ifaces),
    reads("iface-to-br", NONE, 1, 1, run::iface_to_br),
    reads("get-controller", NONE, 1, 1, run::get_controller),
    changes("del-controller", NONE, 1, 1, run::del_controller),
    changes("set-controller", &[value("--inactivity-probe")], 1, MANY, run::set_controller),
    reads("get-fail-mode", NONE, 1, 1, run::get_fail_mode),
    changes("del-fail-mode", NONE, 1, 1, run::del_fail_mode),
    changes("set-fail-mode", NONE, 2, 2, run::set_fail_mode),
    reads("comment", NONE, 0, MANY, |_, _| Ok(Output::Nothing)),
    reads("list", &[flag("--if-exists"), value("--columns")], 1, MANY, run::list),
    reads("find", &[value("--columns")], 1, MANY, run::find),
    reads("wait-until", NONE, 2, MANY, run::wait_until),
    reads("get", &[flag("--if-exists"), value("--id")], 2, MANY, run::get),
    changes("set", IF_EXISTS, 3, MANY, run::set),
    changes("add", IF_EXISTS, 4, MANY, run::add),
    changes("remove", IF_EXISTS, 4, MANY, run::remove),
    changes("clear", IF_EXISTS, 3, MANY, run::clear),
    changes("create", &[value("--id")], 2, MANY, run::create),
    changes("destroy", &[flag("--if-exists"), flag("--all")], 1, MANY, run::destroy),
];

/// The commands, each with its options.
pub fn verbs() -> Vec<String> {
    let option = |option: &Opt| match option.takes {
        Takes::Nothing => format!(" [{}]", option.name),
        Takes::Value => format!(" [{}=VALUE]", option.name),
    };
    VERBS.iter().map(|verb| format!("{}{}", verb.name, verb.options.iter().map(option).collect::<String>())).collect()
}

/// Commands of ovs-vsctl that are not here, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("get-manager", "there is no database server to manage"),
    ("del-manager", "there is no database server to manage"),
    ("set-manager", "there is no database server to manage"),
    ("get-ssl", "there is no database server to connect to"),
    ("del-ssl", "there is no database server to connect to"),
    ("set-ssl", "there is no database server to connect to"),
    ("add-aa-mapping", "nothing here speaks LLDP"),
    ("del-aa-mapping", "nothing here speaks LLDP"),
    ("get-aa-mapping", "nothing here speaks LLDP"),
    ("add-zone-tp", "connection tracking is not the switch's"),
    ("del-zone-tp", "connection tracking is not the switch's"),
    ("list-zone-tp", "connection tracking is not the switch's"),
    ("list-dp-cap", "`ovsdp dpctl` tells what the datapath can do"),
];

/// The command of a name.
pub(super) fn verb(name: &str) -> Result<&'static Verb, Error> {
    if let Some(verb) = VERBS.iter().find(|verb| verb.name == name) {
        return Ok(verb);
    }
    match ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == name) {
        Some((_, why)) => Err(Error::new(Kind::Refused, format!("there is no command '{name}' here: {why}"))),
        None => Err(Error::usage(format!("unknown command '{name}'; use --help for help"))),
    }
}
