//! The text of `lacp/show` and `lacp/show-stats`, as Open vSwitch 3.1 writes it.

use core::fmt::Write;

use super::machine::{Counts, Lacp, Link, Status};
use super::pdu::{Info, State};

impl Lacp {
    /// Appends what `lacp/show` says of this port.
    pub fn show(&self, out: &mut String) {
        let activity = if self.settings.active { "active" } else { "passive" };
        let negotiated = if self.negotiated { " negotiated" } else { "" };
        let key = self.key().map_or_else(|| "none".to_owned(), |key| key.to_string());
        let time = if self.settings.fast { "fast" } else { "slow" };
        let _ = writeln!(out, "---- {} ----", self.name);
        let _ = writeln!(out, "  status: {activity}{negotiated}");
        let _ = writeln!(out, "  sys_id: {}", self.settings.system);
        let _ = writeln!(out, "  sys_priority: {}", self.settings.system_priority);
        let _ = writeln!(out, "  aggregation key: {key}");
        let _ = writeln!(out, "  lacp_time: {time}");
        for link in self.by_name() {
            let status = match link.status {
                Status::Current => "current",
                Status::Expired => "expired",
                Status::Defaulted => "defaulted",
            };
            let attached = if link.attached { "attached" } else { "detached" };
            let _ = writeln!(out, "\nmember: {}: {status} {attached}", link.member.name);
            let _ = writeln!(out, "  port_id: {}", link.member.port);
            let _ = writeln!(out, "  port_priority: {}", link.member.priority);
            let _ = writeln!(out, "  may_enable: {}", self.usable(link));
            side(out, "actor", &self.actor(link));
            side(out, "partner", &link.partner);
        }
    }

    /// Appends what `lacp/show-stats` says of this port.
    pub fn show_stats(&self, out: &mut String) {
        let _ = writeln!(out, "---- {} statistics ----", self.name);
        for link in self.by_name() {
            let Counts { sent, received, bad, markers, expired, defaulted, carrier_changed } = link.counts;
            let _ = writeln!(out, "\nmember: {}:", link.member.name);
            let _ = writeln!(out, "  TX PDUs: {sent}");
            let _ = writeln!(out, "  RX PDUs: {received}");
            let _ = writeln!(out, "  RX Bad PDUs: {bad}");
            let _ = writeln!(out, "  RX Marker Request PDUs: {markers}");
            let _ = writeln!(out, "  Link Expired: {expired}");
            let _ = writeln!(out, "  Link Defaulted: {defaulted}");
            let _ = writeln!(out, "  Carrier Status Changed: {carrier_changed}");
        }
    }

    fn by_name(&self) -> Vec<&Link> {
        let mut links: Vec<&Link> = self.links.iter().collect();
        links.sort_unstable_by_key(|link| link.member.name);
        links
    }
}

fn side(out: &mut String, who: &str, info: &Info) {
    let _ = writeln!(out, "\n  {who} sys_id: {}", info.system);
    let _ = writeln!(out, "  {who} sys_priority: {}", info.system_priority);
    let _ = writeln!(out, "  {who} port_id: {}", info.port);
    let _ = writeln!(out, "  {who} port_priority: {}", info.port_priority);
    let _ = writeln!(out, "  {who} key: {}", info.key);
    let _ = write!(out, "  {who} state:");
    for (_, name) in State::NAMES.iter().filter(|(flag, _)| info.state.has(*flag)) {
        let _ = write!(out, " {name}");
    }
    out.push('\n');
}
