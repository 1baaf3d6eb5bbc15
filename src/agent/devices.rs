//! Waiting for devices: until a port's is there, until it has carrier. By what the kernel tells, never by looking again and again. What comes
//! in meanwhile is put by, but for what cannot wait ([`Hands::meanwhile`]).

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ovsdp_proto::IfName;

use super::hands::Hands;
use super::why::Why;
use super::{alarm, log};
use crate::ctl::api::{Progress, Stage};
use crate::ctl::service::Lines;
use crate::error::{Error, Kind};
use crate::model::{Bridge, Intent};
use crate::plan;
use crate::rtnl::{Events, Link};

/// How often it is looked whether whoever waits is still there.
const LOOK: Duration = Duration::from_secs(1);

impl Hands {
    /// Waits for the devices of the ports that bringing up `names` attaches, each as long as its file says (`DEVTIMEOUT`) counted
    /// from `begun`. What is not there then, the plan refuses.
    ///
    /// # Errors
    /// The change's time is up (`--timeout`), whoever asked for it is gone, or the kernel did not answer. Nothing is begun then.
    pub(super) fn await_devices(&mut self, intent: &Intent, names: &[IfName], begun: Instant, lines: &Lines) -> Result<(), Error> {
        let bridges = self.brought_up(intent, names);
        let devices: Vec<(IfName, u16)> =
            bridges.iter().flat_map(Bridge::interfaces).map(|one| (one.name, one.patience.device_secs)).filter(|(_, secs)| *secs > 0).collect();
        let missing = self.wait_for(
            &devices,
            begun,
            |_| true,
            |missing| {
                let list: Vec<_> = missing.iter().map(|(name, secs)| format!("{name} ({secs} s at most)")).collect();
                let _ = lines.send(Ok(Progress::line(Stage::Note, format!("waiting for the device {}", list.join(", ")))));
            },
            || lines.send(Ok(Progress::line(Stage::Alive, String::new()))).is_err(),
        )?;
        if lines.is_closed() {
            return Err(Error::new(Kind::Failed, "whoever asked for it is gone; nothing was changed"));
        }
        match (missing.first(), self.over()) {
            (Some((name, _)), Some(limit)) => {
                let Error { message, .. } = limit.error();
                Err(Error::new(Kind::TimedOut, format!("{name} is not there, and {message}; nothing was changed")))
            }
            _ => Ok(()),
        }
    }

    /// What bringing up `names` brings up. What the names stand for is for the plan to judge: none when it finds nothing.
    pub(super) fn brought_up(&self, intent: &Intent, names: &[IfName]) -> Vec<Bridge> {
        plan::brought_up(intent, names, &self.shared.memory()).unwrap_or_default()
    }

    /// Waits until each of `devices` has carrier, or its time in seconds is up: then things go on without.
    pub(super) fn await_carrier(&mut self, devices: &[(IfName, u16)]) -> Result<(), Why> {
        self.announce();
        for (name, secs) in self.wait_for(devices, Instant::now(), |link| link.carrier, |_| {}, || false)? {
            log::say(format_args!("{name} has no carrier after {secs} s; going on"));
        }
        Ok(())
    }

    /// Waits until each of `devices` is there and `ready`, or its time is up, and returns those that are not. `before` hears of
    /// them before the first wait. A change that waits to be confirmed is not kept waiting, nor is one whose time is up or that is `given_up`.
    fn wait_for(
        &mut self,
        devices: &[(IfName, u16)],
        begun: Instant,
        ready: impl Fn(&Link) -> bool,
        before: impl FnOnce(&[(IfName, u16)]),
        given_up: impl Fn() -> bool,
    ) -> Result<Vec<(IfName, u16)>, Error> {
        if devices.is_empty() {
            return Ok(Vec::new());
        }
        // Before the first look: what changes after it is told.
        let mut events = Events::open()?;
        let left = self.deadline_ms.map(|at| Duration::from_millis(at.saturating_sub(alarm::now_ms())));
        let latest = left.map(|left| Instant::now() + left).into_iter().chain(self.limit.map(|limit| limit.at)).min();
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
            if given_up() {
                late.extend(still);
                return Ok(late);
            }
            if let Some(before) = before.take() {
                before(&still);
            }
            waiting = still;
            self.wait_beside(&events, next.saturating_duration_since(now).min(LOOK))?;
            while events.drain(|_| {})? {}
        }
    }

    /// Waits for `events` and for orders, at most so long, and takes note of the orders.
    fn wait_beside(&mut self, events: &Events, at_most: Duration) -> Result<(), Error> {
        self.seen.forget();
        let mut fds = [self.orders.as_fd(), events.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        // Rounded up, or the last millisecond would be spent turning in circles.
        match poll(&mut fds, PollTimeout::try_from(at_most + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::new(Kind::Failed, format!("devices cannot be waited for: poll: {}", errno.desc()))),
        }
        self.orders.heard();
        while let Some(order) = self.orders.next() {
            self.meanwhile(order);
        }
        Ok(())
    }
}
