//! `docs/columns.md` is the table of the columns in words.

use std::fmt::Write as _;
use std::path::Path;

use ovsdp::vsctl::{COLUMNS, Class, Table};

fn page() -> String {
    let mut page = String::from(
        "# Columns\n\n\
        What becomes of a setting of Open vSwitch's Bridge, Port and Interface tables that a file makes in `OVS_OPTIONS` or `OVS_EXTRA`: it is\n\
        **applied**, **recorded** (kept, shown by `ovsdp show --json`, without a meaning here), or refused, with the reason.\n\n\
        `OVS_OPTIONS` of a port takes settings of its Port row: `COLUMN[:KEY]=VALUE`. `OVS_EXTRA`, and what follows `--` in `OVS_OPTIONS`, takes\n\
        commands with `--` between them: `set TABLE RECORD COLUMN[:KEY]=VALUE…`, `br-set-external-id BRIDGE KEY VALUE`, `set-fail-mode BRIDGE\n\
        standalone`, `del-fail-mode BRIDGE`, `del-controller BRIDGE`. The record is the file's own device, and in a bridge's file the bridge. A\n\
        column's name may be shortened and written with `-` for `_`. What `OVS_EXTRA` says counts before `MTU` and `MACADDR`. Any other command is refused.\n\
        Of `fail_mode` only `standalone` is taken, of `datapath_type` only `system`, of `stp_enable`, `rstp_enable` and `mcast_snooping_enable` only false.\n",
    );
    for table in Table::ALL {
        writeln!(page, "\n## {}\n\n| column | |\n|---|---|", table.name()).unwrap();
        for column in COLUMNS.iter().filter(|column| column.table == table) {
            let name = match column.key {
                "" => column.name.to_owned(),
                "*" => format!("{}:…", column.name),
                key => format!("{}:{key}", column.name),
            };
            let class = match column.class {
                Class::Applied => "applied".to_owned(),
                Class::Recorded => "recorded".to_owned(),
                Class::Refused(why) => format!("refused: {why}"),
            };
            writeln!(page, "| `{name}` | {class} |").unwrap();
        }
    }
    page
}

#[test]
fn the_page_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/columns.md");
    if std::env::var_os("OVSDP_BLESS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), page(), "OVSDP_BLESS=1 writes it anew");
}
