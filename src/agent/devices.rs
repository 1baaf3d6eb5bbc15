//! Waiting for devices: until a port's is there, until it has carrier. By what the kernel tells, never by looking again and again.

use std::time::{Duration, Instant};

use ovsdp_proto::IfName;

use super::hands::{Hands, Why};
use super::{alarm, log};
use crate::ctl::api::{Progress, Stage};
use crate::ctl::service::Lines;
use crate::error::Error;
use crate::model::Intent;
use crate::plan;
use crate::rtnl::{Events, Link};

impl Hands {
    /// Waits for the devices of the ports that bringing up `names` attaches, each as long as its file says (`DEVTIMEOUT`) counted
    /// from `begun`. What is not there then, the plan refuses.
    pub(super) fn await_devices(&mut self, intent: &Intent, names: &[IfName], begun: Instant, lines: &Lines) -> Result<(), Error> {
        // What the names stand for is for the plan to judge.
        let bridges = plan::brought_up(intent, names, &self.shared.memory()).unwrap_or_default();
        let devices: Vec<(IfName, u16)> = bridges
            .iter()
            .flat_map(|bridge| bridge.interfaces())
            .map(|one| (one.name, one.patience.device_secs))
            .filter(|(_, secs)| *secs > 0)
            .collect();
        self.wait_for(
            &devices,
            begun,
            |_| true,
            |missing| {
                let list: Vec<_> = missing.iter().map(|(name, secs)| format!("{name} ({secs} s at most)")).collect();
                let _ = lines.send(Ok(Progress::line(Stage::Note, format!("waiting for the device {}", list.join(", ")))));
            },
        )?;
        Ok(())
    }

    /// Waits until each of `devices` has carrier, or its time in seconds is up: then things go on without.
    pub(super) fn await_carrier(&mut self, devices: &[(IfName, u16)]) -> Result<(), Why> {
        self.announce();
        for (name, secs) in self.wait_for(devices, Instant::now(), |link| link.carrier, |_| {})? {
            log::say(format_args!("{name} has no carrier after {secs} s; going on"));
        }
        Ok(())
    }

    /// Waits until each of `devices` is there and `ready`, or its time is up, and returns those that are not. `before` hears of
    /// them before the first wait. A change that waits to be confirmed is not kept waiting.
    fn wait_for(
        &mut self,
        devices: &[(IfName, u16)],
        begun: Instant,
        ready: impl Fn(&Link) -> bool,
        before: impl FnOnce(&[(IfName, u16)]),
    ) -> Result<Vec<(IfName, u16)>, Error> {
        if devices.is_empty() {
            return Ok(Vec::new());
        }
        // Before the first look: what changes after it is told.
        let mut events = Events::open()?;
        let left = self.deadline_ms.map(|at| Duration::from_millis(at.saturating_sub(alarm::now_ms())));
        let latest = left.map(|left| Instant::now() + left);
        let end = |secs: u16| latest.into_iter().fold(begun + Duration::from_secs(secs.into()), Instant::min);
        let mut before = Some(before);
        let mut waiting = devices.to_vec();
        let mut late = Vec::new();
        loop {
            let mut left = Vec::new();
            for (name, secs) in waiting {
                // An alternative name finds a device too; a port is called by its own.
                let link = self.rtnl.link(&name)?.filter(|link| link.name == name);
                if !link.is_some_and(|link| ready(&link)) {
                    left.push((name, secs));
                }
            }
            let now = Instant::now();
            let (still, over): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, secs)| end(*secs) > now);
            late.extend(over);
            let Some(next) = still.iter().map(|(_, secs)| end(*secs)).min() else { return Ok(late) };
            if let Some(before) = before.take() {
                before(&still);
            }
            waiting = still;
            events.wait(next.saturating_duration_since(now))?;
            while events.drain(|_| {})? {}
        }
    }
}
