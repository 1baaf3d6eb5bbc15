//! The programs that read all flows of a datapath.

use anyhow::ensure;

use crate::guest::Host;
use crate::protocol::GUEST_PATH;
use crate::suites::bench::DATAPATH;

/// One way to read all flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reader {
    /// A dump received and thrown away.
    Bare,
    /// The same without keys, masks and actions.
    BareTerse,
    /// Our text.
    Text,
    /// Their text.
    TheirText,
    /// Our text with identifiers and all fields.
    More,
    /// Their text with identifiers and all fields.
    TheirMore,
    /// Our JSON lines.
    Json,
    /// Our totals.
    Stats,
}

impl Reader {
    /// In the order in which they take turns.
    pub(super) const ALL: [Reader; 8] =
        [Reader::Bare, Reader::Text, Reader::TheirText, Reader::BareTerse, Reader::Stats, Reader::More, Reader::TheirMore, Reader::Json];

    /// The command, words only.
    pub(super) fn line(self) -> String {
        match self {
            Reader::Bare => format!("{GUEST_PATH} bare-dump full {DATAPATH}"),
            Reader::BareTerse => format!("{GUEST_PATH} bare-dump terse {DATAPATH}"),
            Reader::Text => format!("ovsdp dpctl dump-flows {DATAPATH}"),
            Reader::TheirText => format!("ovs-dpctl dump-flows {DATAPATH}"),
            Reader::More => format!("ovsdp dpctl -m dump-flows {DATAPATH}"),
            Reader::TheirMore => format!("ovs-dpctl -m dump-flows {DATAPATH}"),
            Reader::Json => "ovsdp flows --json".to_owned(),
            Reader::Stats => "ovsdp stats".to_owned(),
        }
    }

    /// Fails unless it reads `flows` flows.
    pub(super) fn check(self, host: &Host, flows: u32) -> anyhow::Result<()> {
        let line = self.line();
        let counted = match self {
            Reader::Bare | Reader::BareTerse => host.run(&format!("{line} count"))?.stdout,
            // Its totals are for a person: the number stands there among others.
            Reader::Stats => {
                host.run(&format!("{line} --json >/tmp/stats && {line} >/dev/null"))?;
                host.run(&format!("grep -q -w {flows} /tmp/stats && echo {flows} || cat /tmp/stats"))?.stdout
            }
            _ => host.run(&format!("{line} >/tmp/read && wc -l </tmp/read && rm /tmp/read"))?.stdout,
        };
        ensure!(counted.trim() == flows.to_string(), "`{line}` reads {flows} flows as: {counted}");
        Ok(())
    }
}
