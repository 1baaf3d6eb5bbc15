//! `docs/columns.md` is the table of the columns in words.

use std::fmt::Write as _;
use std::path::Path;

use ovsdp::vsctl::{Class, RULES};

const HEAD: &str = "# Columns

`OVS_OPTIONS`, `OVS_EXTRA` and the commands of `ovsdp vsctl` write columns of Open vSwitch's database. Each is one of three here:

- **applied**: the switch does it;
- **recorded**: it is kept and shown, and has no effect. That is said, except of `external_ids`, of which Open vSwitch makes nothing either;
- **refused**: a line of commands that sets it is not carried out at all. Its default may be set.

A key that is not in the table is treated as its column is. Columns of tables that are not here are refused with their table. A table or
column may be shortened, written with `-` for `_` and in any case.

`OVS_OPTIONS` of a port takes settings of its Port row, `COLUMN[:KEY]=VALUE`; of a bridge the parent and VLAN of a fake one. `OVS_EXTRA`, and what
follows `--` in `OVS_OPTIONS`, takes commands with `--` between them: `set`, `add`, `remove`, `clear`, `br-set-external-id`, `set-fail-mode`,
`del-fail-mode`, `set-controller`, `del-controller`. They are about the file's own port, its interfaces, and in a bridge's file the bridge; what
other keys of a file say (`type`, `options`, `interfaces`) they do not change. What `OVS_EXTRA` says counts before `MTU` and `MACADDR`.

";

fn page() -> String {
    let mut page = String::from(HEAD);
    page.push_str("| table | column | here | what it is, or why not |\n|---|---|---|---|\n");
    for rule in RULES {
        let class = match (rule.class, rule.only) {
            (Class::Applied, []) => "applied".to_owned(),
            (Class::Applied, only) => {
                let only: Vec<_> = only.iter().map(|value| if value.is_empty() { "empty".to_owned() } else { format!("`{value}`") }).collect();
                format!("applied: {}; else refused", only.join(", "))
            }
            (Class::Recorded { .. }, _) => "recorded".to_owned(),
            (Class::Refused, []) => "refused".to_owned(),
            (Class::Refused, only) => format!("refused, unless `{}`", only.join("`, `")),
        };
        let key = rule.key.map_or(String::new(), |key| format!(":{key}"));
        writeln!(page, "| {} | `{}{key}` | {class} | {} |", rule.table, rule.column, rule.why).unwrap();
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
