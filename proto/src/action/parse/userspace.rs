//! `userspace(…)` from text, with the cookies of Open vSwitch.

use super::Parser;
use crate::action::Cookie;
use crate::key::VLAN_PRESENT;
use crate::key::parse::port;
use crate::nla;
use crate::text::ParseReason;
use crate::text::cursor::{Parsed, mark, open};
use crate::uapi::{action as kind, userspace as us};

impl Parser<'_, '_, '_> {
    pub(super) fn userspace(&mut self, start: usize) -> Parsed<()> {
        let at = open(self.out);
        self.cur.expect("(pid=")?;
        let pid = self.cur.long()?;
        nla::put_u32(self.out, us::PID, pid);
        let mut seen = 0;
        while self.cur.eat(",") {
            let part = self.cur.pos();
            let name = self.cur.word();
            let number = match name {
                "actions" => us::ACTIONS,
                "tunnel_out_port" => us::EGRESS_TUN_PORT,
                "userdata" | "sFlow" | "slow_path" | "flow_sample" | "ipfix" | "controller" => us::USERDATA,
                _ => return Err(self.cur.since(part, ParseReason::UnknownField)),
            };
            if !mark(&mut seen, number.into()) {
                return Err(self.cur.since(part, ParseReason::Twice));
            }
            match number {
                us::ACTIONS => {}
                us::EGRESS_TUN_PORT => {
                    self.cur.expect("=")?;
                    let port = port(self.cur, self.names)?;
                    nla::put_u32(self.out, number, port);
                }
                _ if name == "userdata" => {
                    self.cur.expect("(")?;
                    let at = open(self.out);
                    self.cur.hex(self.out)?;
                    self.close(part, at, number)?;
                    self.cur.expect(")")?;
                }
                _ => {
                    let cookie = self.cookie(name)?;
                    nla::put_array(self.out, number, cookie.to_bytes());
                }
            }
        }
        // Last, where the kernel and `ovs-vswitchd` put it.
        if seen >> us::ACTIONS & 1 != 0 {
            nla::put_flag(self.out, us::ACTIONS);
        }
        self.cur.expect(")")?;
        self.close(start, at, kind::USERSPACE)
    }

    /// A cookie with its parentheses.
    fn cookie(&mut self, name: &str) -> Parsed<Cookie> {
        Ok(match name {
            "slow_path" => {
                self.cur.expect("(")?;
                let mut reason = 0;
                loop {
                    if self.cur.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                        reason |= self.cur.long()?;
                    } else {
                        reason |= self.cur.flag(Cookie::REASONS, reason)?;
                    }
                    if !self.cur.eat(",") && !self.cur.eat("|") {
                        break;
                    }
                }
                self.cur.expect(")")?;
                Cookie::SlowPath { reason }
            }
            "sFlow" => {
                let (mut vlan_tci, mut output) = (0, 0);
                self.parts(&["vid", "pcp", "output"], |this, number| {
                    let mut part = |bits, low: u16| Ok(u16::try_from(this.cur.number(bits)?).unwrap_or(u16::MAX) << low);
                    match number {
                        0 => vlan_tci |= part(12, 0)?,
                        1 => vlan_tci |= part(3, 13)?,
                        _ => output = this.cur.long()?,
                    }
                    Ok(())
                })?;
                Cookie::SFlow { vlan_tci: if vlan_tci == 0 { 0 } else { vlan_tci | VLAN_PRESENT }, output }
            }
            "flow_sample" => self.flow_sample()?,
            "ipfix" => {
                let mut output_port = u32::MAX;
                self.parts(&["output_port"], |this, _| {
                    output_port = port(this.cur, this.names)?;
                    Ok(())
                })?;
                Cookie::Ipfix { output_port }
            }
            _ => self.controller()?,
        })
    }

    fn flow_sample(&mut self) -> Parsed<Cookie> {
        self.cur.expect("(")?;
        let (mut probability, mut ids, mut output_port, mut direction) = (0, [0; 3], u32::MAX, 0);
        let names = ["probability", "collector_set_id", "obs_domain_id", "obs_point_id", "output_port", "ingress", "egress"];
        let mut seen = 0;
        while self.cur.peek() != Some(b')') {
            let start = self.cur.pos();
            let name = self.cur.word();
            let number = names.iter().position(|known| *known == name).ok_or(self.cur.since(start, ParseReason::UnknownField))?;
            // Ways in and out are one part.
            if !mark(&mut seen, number.min(5)) {
                return Err(self.cur.since(start, ParseReason::Twice));
            }
            if number < 5 {
                self.cur.expect("=")?;
            }
            match number {
                0 => probability = self.cur.short()?,
                4 => output_port = port(self.cur, self.names)?,
                5 => direction = 1,
                6 => direction = 2,
                _ => {
                    let id = self.cur.long()?;
                    if let Some(slot) = ids.get_mut(number - 1) {
                        *slot = id;
                    }
                }
            }
            if !self.cur.eat(",") {
                break;
            }
        }
        self.cur.expect(")")?;
        let [collector_set_id, obs_domain_id, obs_point_id] = ids;
        Ok(Cookie::FlowSample { probability, collector_set_id, obs_domain_id, obs_point_id, output_port, direction })
    }

    fn controller(&mut self) -> Parsed<Cookie> {
        let (mut reason, mut dont_send, mut continuation, mut recirc_id) = (0, false, false, 0);
        let (mut rule_cookie, mut controller_id, mut max_len) = (0, 0, 0);
        let names = ["reason", "dont_send", "continuation", "recirc_id", "rule_cookie", "controller_id", "max_len"];
        self.parts(&names, |this, number| {
            match number {
                0 => reason = this.cur.short()?,
                1 => dont_send = this.cur.number(1)? != 0,
                2 => continuation = this.cur.number(1)? != 0,
                3 => recirc_id = this.cur.long()?,
                4 => rule_cookie = this.cur.number(64)?,
                5 => controller_id = this.cur.short()?,
                _ => max_len = this.cur.short()?,
            }
            Ok(())
        })?;
        Ok(Cookie::Controller { reason, dont_send, continuation, recirc_id, rule_cookie, controller_id, max_len })
    }
}
