//! The text of `bond/show` and `bond/list`, as Open vSwitch 3.1 writes it.

use core::fmt::Write;

use super::super::time::{Moment, millis};
use super::buckets::Buckets;
use super::machine::{Bond, LacpStatus, Link};
use crate::model::BondMode;

/// The first line of `bond/list`.
pub const LIST_HEADER: &str = "bond\ttype\trecircID\tmembers\n";

impl Bond {
    /// Appends what `bond/show` says of this bond.
    pub fn show(&self, now: Moment, out: &mut String) {
        let bond = &self.settings.bond;
        let _ = writeln!(out, "---- {} ----", self.name);
        let _ = writeln!(out, "bond_mode: {}", bond.mode.text());
        let _ = match self.may_recirculate() {
            true => writeln!(out, "bond may use recirculation: yes, Recirc-ID : {}", self.settings.recirc_id),
            false => writeln!(out, "bond may use recirculation: no, Recirc-ID : -1"),
        };
        let _ = writeln!(out, "bond-hash-basis: {}", bond.hash_basis);
        let _ = writeln!(out, "lb_output action: disabled, bond-id: -1");
        if bond.mode == BondMode::BalanceSlb {
            let _ = writeln!(out, "all members active: false");
        }
        let _ = writeln!(out, "updelay: {} ms", bond.updelay);
        let _ = writeln!(out, "downdelay: {} ms", bond.downdelay);
        if let Some(interval) = self.rebalances() {
            // One that has nothing to look at is not looked at: its time comes round all the same.
            let (interval, late) = (millis(interval).max(1), millis(now.since(self.next_rebalance)));
            let left = if late == 0 { millis(self.next_rebalance.since(now)) } else { interval - late % interval };
            let _ = writeln!(out, "next rebalance: {left} ms");
        }
        let status = match self.lacp {
            LacpStatus::Off => "off",
            LacpStatus::Configured => "configured",
            LacpStatus::Negotiated => "negotiated",
        };
        let _ = writeln!(out, "lacp_status: {status}");
        let _ = writeln!(out, "lacp_fallback_ab: {}", self.settings.fallback_ab);
        let _ = match bond.primary {
            None => writeln!(out, "active-backup primary: <none>"),
            Some(primary) if self.primary().is_some() => writeln!(out, "active-backup primary: {primary}"),
            Some(primary) => writeln!(out, "active-backup primary: {primary} (no such member)"),
        };
        let active = self.links.iter().find(|link| link.member.mac == self.active_mac);
        let active = active.map_or("none", |link| link.member.name.as_str());
        let _ = writeln!(out, "active member mac: {}({active})", self.active_mac);
        let mut order: Vec<usize> = (0..self.links.len()).collect();
        order.sort_unstable_by_key(|at| self.links[*at].member.name);
        for at in order {
            self.show_member(now, at, &self.links[at], out);
        }
        out.push('\n');
    }

    fn show_member(&self, now: Moment, at: usize, link: &Link, out: &mut String) {
        let enabled = if link.enabled { "enabled" } else { "disabled" };
        let _ = writeln!(out, "\nmember {}: {enabled}", link.member.name);
        if self.active == Some(at) {
            let _ = writeln!(out, "  active member");
        }
        if let Some(due) = link.due {
            let delay = if link.enabled { "downdelay" } else { "updelay" };
            let _ = writeln!(out, "  {delay} expires in {} ms", millis(due.since(now)));
        }
        let _ = writeln!(out, "  may_enable: {}", link.may_enable());
        let Some(Buckets(buckets)) = self.buckets.as_ref().filter(|_| self.rebalances().is_some()) else { return };
        for (hash, bucket) in buckets.iter().enumerate().filter(|(_, bucket)| bucket.member == Some(at)) {
            if bucket.bytes >= 1024 {
                let _ = writeln!(out, "  hash {hash}: {} kB load", bucket.bytes / 1024);
            }
        }
    }

    /// Appends this bond's line of `bond/list`.
    pub fn list(&self, out: &mut String) {
        let recirc_id = if self.buckets.is_some() || self.falls_back() { self.settings.recirc_id } else { 0 };
        let members: Vec<&str> = self.links.iter().map(|link| link.member.name.as_str()).collect();
        let _ = writeln!(out, "{}\t{}\t{recirc_id}\t{}", self.name, self.settings.bond.mode.text(), members.join(", "));
    }
}
