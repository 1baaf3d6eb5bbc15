//! The one thread that changes things: clients' changes, devices that come and go, what becomes of leases. One after the
//! other, so that nothing is ever planned on a state that another change is just changing.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ovsdp_proto::IfName;

use super::alarm::Alarm;
use super::announcer::Announcer;
use super::counters::Place;
use super::hands::{Hands, Upcalls};
use super::inbox::{Order, Orders};
use super::leases::Leases;
use super::leases6::Leases6;
use super::limit::Limit;
use super::numbers::Numbers;
use super::report::{changed, outcome, tell};
use super::seen::Seen;
use super::shared::{REST, Shared};
use super::{adopt, alarm, bundles, log, reach, restart, topology};
use crate::ctl::api::{Progress, Stage, Who};
use crate::ctl::service::{Change, Lines, Terms};
use crate::dp::{self, Dp};
use crate::error::{Error, Kind};
use crate::host::observe::system;
use crate::host::paths::Run;
use crate::host::{config, journal, store};
use crate::model::{Bridge, Intent};
use crate::nl;
use crate::plan::{self, Journal, Memory, Outcome, Report, Target, Unconfirmed};
use crate::rtnl::{self, Rtnl};

/// How long a change waits for flows to follow it.
const PASS_MAX: Duration = Duration::from_secs(10);

/// The worker.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) hands: Hands,
    pub(super) links: rtnl::Events,
    pub(super) datapaths: dp::Events,
    losses: Place,
    /// The change that waits to be confirmed, and what ends the wait.
    pub(super) waiting: Option<Journal>,
    pub(super) alarm: Alarm,
    /// What became of the one before, for who comes too late.
    pub(super) taken_back: Option<String>,
    /// The MTU each device had when it was last heard of.
    pub(super) mtus: BTreeMap<IfName, u32>,
    /// Whether each device had carrier then.
    pub(super) carriers: BTreeMap<IfName, bool>,
}

impl Worker {
    /// Subscribes to the kernel's events, before anything is read.
    ///
    /// # Errors
    /// There is no room for a socket.
    pub(super) fn new(
        run: Run,
        dp: Dp,
        upcalls: Upcalls,
        shared: Arc<Shared>,
        keepers: (Leases, Leases6, Announcer),
        orders: Orders,
    ) -> Result<Self, Error> {
        let (leases, leases6, announcer) = keepers;
        let (links, datapaths) = (rtnl::Events::open()?, dp::Events::open(dp.families())?);
        let rtnl = Rtnl::open()?;
        let losses = shared.counters.losses.place();
        let hands = Hands {
            run,
            rtnl,
            dp,
            upcalls,
            shared,
            leases,
            leases6,
            announcer,
            orders,
            deadline_ms: None,
            limit: None,
            pending: Vec::new(),
            places: topology::Places::new(),
            attached: topology::Attached::new(),
            numbers: Numbers::default(),
            outdated: false,
            unkept: false,
            seen: Seen::default(),
        };
        Ok(Self {
            hands,
            links,
            datapaths,
            losses,
            waiting: None,
            alarm: Alarm::new()?,
            taken_back: None,
            mtus: BTreeMap::new(),
            carriers: BTreeMap::new(),
        })
    }

    /// Takes over from the agent before: its memory, an unfinished change (which is undone), ports, flows, MAC tables and
    /// leases.
    ///
    /// # Errors
    /// What was left cannot be read, or the kernel refused.
    pub(super) fn take_over(&mut self) -> Result<(), Error> {
        let hands = &mut self.hands;
        let memory = store::load::<Memory>(&hands.run.memory()).map_err(|error| unreadable(&hands.run.memory(), &error))?;
        let journal = journal::load(&hands.run.journal()).map_err(|error| unreadable(&hands.run.journal(), &error))?;
        *hands.shared.memory() = memory.unwrap_or_default();
        for lease in hands.shared.memory().clone().all().flat_map(|(_, bridge)| bridge.leases.values()) {
            hands.leases.note(lease);
        }
        for lease in hands.shared.memory().clone().all().flat_map(|(_, bridge)| bridge.leases6.values()) {
            hands.leases6.note(lease);
        }
        bundles::restore(&hands.run, &hands.shared);
        let datapath = hands.dp.datapath(&system()?)?;
        hands.place_remembered()?;

        if let Some(journal) = journal {
            self.take_over_change(journal)?;
        }
        let hands = &mut self.hands;
        if let Some(datapath) = datapath
            && hands.shared.datapath() == Some(datapath.index)
        {
            // Flows first: what the kernel sends up from now on must find them known.
            let families = hands.dp.families();
            let mut act = Dp::new(families)?;
            let adopted = adopt::adopt(&hands.run, &mut hands.dp, &mut act, &hands.shared, datapath.index)?;
            hands.direct_upcalls(&datapath)?;
            hands.refresh()?;
            hands.shared.ring();
            if adopted.flows > 0 || adopted.macs > 0 {
                log::say(format_args!("took over {} flows and {} addresses", adopted.flows, adopted.macs));
            }
        }
        self.mtus = self.hands.mtus()?;
        self.hands.resume_leases();
        self.hands.resume_leases6();
        self.hands.tend_clients();
        self.hands.tend_clients6();
        Ok(())
    }

    /// Works until the process ends.
    pub(super) fn run(mut self) {
        // A device may have come back while there was no agent.
        self.reattach();
        let mut at_rest = false;
        loop {
            let pending = std::mem::take(&mut self.hands.pending);
            pending.into_iter().for_each(|order| self.carry_out(order));
            self.hands.orders.heard();
            while let Some(order) = self.hands.orders.next() {
                self.carry_out(order);
            }
            self.keep_deadline();
            self.follow();
            let Self { hands, links, datapaths, losses, .. } = &mut self;
            let lost = hands.dp.counters().plus(hands.rtnl.counters()).plus(links.counters()).plus(datapaths.counters());
            hands.shared.counters.losses.say(losses, lost);
            if !self.hands.pending.is_empty() {
                continue;
            }
            let mut fds = [self.hands.orders.as_fd(), self.links.as_fd(), self.datapaths.as_fd(), self.alarm.as_fd()]
                .map(|fd| PollFd::new(fd, PollFlags::POLLIN));
            let rest = if at_rest { PollTimeout::NONE } else { PollTimeout::try_from(REST).unwrap_or(PollTimeout::MAX) };
            match poll(&mut fds, rest) {
                Ok(0) => {
                    nl::give_back_memory();
                    at_rest = true;
                }
                Ok(_) => at_rest = false,
                Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => log::die(format_args!("events cannot be waited for: poll: {}", errno.desc())),
            }
        }
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Change { change, terms, asked, dir, lines, place } => {
                // Whoever gave up waiting, or went away meanwhile, does not expect it any more.
                if !place.begin() || lines.is_closed() {
                    return;
                }
                let before = self.hands.shared.core().switch.generation();
                self.hands.limit = terms.timeout.map(|secs| Limit::of(asked, secs));
                let result = self.change(&change, &terms, &dir, &lines);
                self.hands.limit = None;
                if result.is_ok() {
                    self.await_flows(before);
                }
                // A client that went away does not hear how it ended; the log does not need it either.
                let _ = lines.send(result.map(|(changed, confirm_within)| Progress::done(changed, confirm_within)));
            }
            Order::Confirm { at_ms, answer } => drop(answer.send(self.confirm(at_ms))),
            Order::HandOver(answer) => self.hand_over(answer),
            // Nobody was handed anything.
            Order::Leave => {}
            Order::Lease(ifname, event) => self.lease(ifname, event),
            Order::Lease6(ifname, event) => self.lease6(ifname, event),
        }
    }

    /// Waits until no flow decides as before a change: what it forbids is not forwarded any more once the command has returned.
    /// `before`: the switch's generation then.
    fn await_flows(&self, before: u64) {
        if self.hands.shared.core().switch.generation() == before {
            return;
        }
        let (sender, passed) = std::sync::mpsc::channel();
        self.hands.shared.after_pass(move |result| drop(sender.send(result)));
        match passed.recv_timeout(PASS_MAX) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log::say(format_args!("flows of before the change may go on for a while: {error}")),
            Err(_) => log::say("flows of before the change may go on for a while: there are too many to look at them at once"),
        }
    }

    /// Carries out a client's change; returns how many steps changed something, and within how many seconds it is to be confirmed.
    fn change(&mut self, change: &Change, terms: &Terms, dir: &Path, lines: &Lines) -> Result<(u32, Option<u32>), Error> {
        if *change != Change::Rollback {
            self.one_at_a_time()?;
            self.settle();
        }
        let provisional = terms.probe.map(|_| reach::PROVISIONAL_SECS);
        let confirm = terms.confirm.or(provisional).map(|seconds| (seconds, Who::text(terms.who.as_ref())));
        let report = match change {
            Change::Up(_) | Change::Restart => {
                let mut config = config::read(dir)?;
                config.intent = self.hands.shared.memory().with_commanded(config.intent);
                let names = if let Change::Up(names) = change { config.names(names)? } else { Vec::new() };
                let say = |stage, text| drop(lines.send(Ok(Progress::line(stage, text))));
                let warnings = config.warnings();
                if !warnings.is_empty() {
                    say(Stage::Warning, warnings);
                }
                if config.intent.bridges.is_empty() {
                    say(Stage::Note, config::names_no_bridge(dir));
                }
                if *change == Change::Restart && !config.left.is_empty() {
                    say(Stage::Note, restart::left(&config.left));
                }
                if *change == Change::Restart && confirm.is_none() {
                    return self.each(&config.intent, lines).map(|steps| (steps, None));
                }
                self.hands.await_devices(&config.intent, &names, Instant::now(), lines)?;
                let silent = terms.probe.as_ref().map(|probe| self.hands.silent_before(probe)).transpose()?.unwrap_or_default();
                let report = self.apply(&Target::Up { intent: &config.intent, names: &names }, confirm, Some(lines));
                if let Some(probe) = terms.probe.as_ref().filter(|_| report.outcome == Outcome::Applied) {
                    let bridges = self.hands.brought_up(&config.intent, &names);
                    let devices: Vec<IfName> = bridges.iter().flat_map(Bridge::interfaces).map(|one| one.name).collect();
                    self.prove(probe, &devices, &silent, terms.confirm.is_some(), lines)?;
                }
                report
            }
            Change::Down(names) => {
                let names = ifnames(names)?;
                self.apply(&Target::Down { names: &names, with_foreign_ports: terms.with_foreign_ports }, None, Some(lines))
            }
            Change::Vsctl(words) => return self.vsctl(words, lines).map(|steps| (steps, None)),
            Change::Rollback => return self.roll_back(Some(lines)).map(|undone| (undone, None)),
        };
        let changed = changed(&report.steps);
        let waits = self.waiting.as_ref().and_then(|journal| journal.unconfirmed.as_ref()).map(alarm::seconds_left);
        outcome(report.outcome).map(|()| (changed, waits))
    }

    /// Makes `target` true: for good, or until it is confirmed within the seconds of `confirm`, asked for by whom it says. While
    /// another change waits for that it is a repair, and goes back with the change.
    pub(super) fn apply(&mut self, target: &Target<'_>, confirm: Option<(u32, String)>, lines: Option<&Lines>) -> Report {
        let mut each = |event: plan::Event<'_>| tell(lines, &event);
        let report = match (&mut self.waiting, confirm) {
            (Some(journal), _) => plan::follow_up(&mut self.hands, journal, target, &mut each),
            (None, None) => plan::apply(&mut self.hands, target, &mut each),
            (None, Some((seconds, by))) => {
                let terms = || Unconfirmed { whole: 0, deadline_ms: alarm::deadline_ms(seconds), seconds, by };
                let (report, journal) = plan::apply_unconfirmed(&mut self.hands, target, terms, &mut each);
                self.wait(journal);
                report
            }
        };
        self.hands.announce();
        for note in &report.notes {
            match lines {
                Some(lines) => drop(lines.send(Ok(Progress::line(Stage::Note, note.clone())))),
                None => log::say(note),
            }
        }
        if report.outcome == Outcome::Unchanged {
            return report;
        }
        let placed = match report.outcome {
            Outcome::Applied => self.hands.place_applied(),
            // What a plan placed and took back again is as the memory has it.
            _ => self.hands.place_remembered(),
        };
        if let Err(error) = placed {
            log::say(format_args!("cannot see the datapath: {error}"));
        }
        self.hands.tend_clients();
        self.hands.tend_clients6();
        report
    }

    /// Makes a bridge or plain device what it was last asked to be, after something outside changed.
    pub(super) fn restore(&mut self, bridge: IfName) {
        let Some(remembered) = self.hands.shared.memory().get(bridge).cloned() else { return };
        let mut intent = Intent::default();
        if remembered.intent.is_plain() {
            intent.plain.insert(bridge, remembered.intent.local);
        } else {
            intent.bridges.insert(bridge, remembered.intent);
        }
        let report = self.apply(&Target::Up { intent: &intent, names: &[bridge] }, None, None);
        if let Err(error) = outcome(report.outcome) {
            log::say(format_args!("{bridge} is not as it should be: {error}"));
        }
    }
}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Kind::Failed, format!("cannot read {}: {error}", path.display()))
        .advise("it holds what the ports had before they were ports; move it away to start without it")
}

/// Names from the control socket, which anyone in its group may write to.
fn ifnames(names: &[String]) -> Result<Vec<IfName>, Error> {
    names.iter().map(|name| IfName::new(name).map_err(|error| Error::new(Kind::NoSuch, format!("{name:?}: {error}")))).collect()
}
