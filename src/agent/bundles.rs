//! The thread that runs bonds and LACP: it follows the carriers of their members or asks their transceivers, sends what they have to
//! say, and has the revalidator pass over the flows when members changed. It sleeps until something is due.
//!
//! It is apart from the worker because that one may wait long for a lease, and a partner gives up after three seconds.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ovsdp_proto::action;
use ovsdp_proto::key::KeyBuf;
use ovsdp_proto::packet::Execute;

use super::bell::Bell;
use super::counters::Place;
use super::log;
use super::shared::{Shared, now};
use super::transceivers::Transceivers;
use crate::dp::{Dp, Requests};
use crate::error::{Error, Kind};
use crate::host::paths::Run;
use crate::host::store;
use crate::rtnl::{Event, Events, Rtnl};
use crate::switch::Remembered;

/// Frames are sent before they are more than this together: the kernel takes no message larger than the socket's send buffer.
const WIRE_MAX: usize = 96 * 1024;
/// No poll is longer; it only bounds the wait.
const LONGEST: Duration = Duration::from_secs(3600);

/// What wakes the thread.
#[derive(Debug)]
pub(super) struct Wake {
    bell: Bell,
    /// The members may be others, and their carriers are to be read.
    look: AtomicBool,
}

impl Wake {
    /// # Errors
    /// There is no room for a descriptor.
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self { bell: Bell::new()?, look: AtomicBool::new(false) })
    }

    /// Something may be due.
    pub(super) fn ring(&self) {
        self.bell.ring();
    }

    /// The same, and the members may be others.
    pub(super) fn look(&self) {
        self.look.store(true, Ordering::Release);
        self.ring();
    }

    fn heard(&self) -> bool {
        self.bell.heard();
        self.look.swap(false, Ordering::AcqRel)
    }
}

/// Starts the thread.
///
/// # Errors
/// There is no room for a socket or a thread.
pub(super) fn spawn(run: Run, dp: Dp, shared: Arc<Shared>) -> Result<(), Error> {
    let requests = Requests::new(dp.families());
    let losses = shared.counters.losses.place();
    let (links, rtnl, transceivers) = (Events::links()?, Rtnl::open()?, Transceivers::open()?);
    let runner = Runner { run, dp, rtnl, links, transceivers, shared, requests, saved: Vec::new(), losses };
    std::thread::Builder::new()
        .name("bundles".into())
        .spawn(move || runner.run())
        .map(drop)
        .map_err(|error| Error::new(Kind::Failed, format!("cannot start the thread for bonds: {error}")))
}

struct Runner {
    run: Run,
    dp: Dp,
    rtnl: Rtnl,
    links: Events,
    transceivers: Transceivers,
    shared: Arc<Shared>,
    requests: Requests,
    saved: Vec<Remembered>,
    losses: Place,
}

impl Runner {
    fn run(mut self) {
        loop {
            let look = self.shared.bundles.heard();
            self.follow(look);
            let shared = Arc::clone(&self.shared);
            let question = self.transceivers.ask(&shared);
            let next = self.run_due().into_iter().chain(question).min();
            let wait = next.map_or(LONGEST, |next| next.since(now()).min(LONGEST));
            // A wait of part of a millisecond would be none.
            let wait = PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX);
            let mut fds = [shared.bundles.bell.as_fd(), self.links.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
            match poll(&mut fds, wait) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => log::die(format_args!("bonds cannot be waited for: poll: {}", errno.desc())),
            }
        }
    }

    /// Follows carriers: by events, and by reading them all when events were lost or the members are others.
    fn follow(&mut self, mut look: bool) {
        let Self { links, shared, .. } = self;
        let drained = links.drain(|event| {
            let (name, up) = match event {
                Event::Link(link) => (link.name, link.running),
                Event::LinkGone { name, .. } => (name, false),
                Event::Resync => return look = true,
                _ => return,
            };
            shared.core().switch.set_carrier(now(), &name, up);
        });
        if let Err(error) = drained {
            log::say(format_args!("carriers were lost sight of: {error}"));
            look = true;
        }
        if !look {
            return;
        }
        match self.rtnl.links() {
            Ok(links) => {
                let mut core = self.shared.core();
                for link in links {
                    core.switch.set_carrier(now(), &link.name, link.running);
                }
            }
            Err(error) => log::say(format_args!("carriers cannot be read: {error}")),
        }
    }

    /// Does what is due; returns when the next is.
    fn run_due(&mut self) -> Option<crate::switch::Moment> {
        let shared = Arc::clone(&self.shared);
        let mut core = shared.core();
        let before = core.switch.generation();
        let Self { dp, requests, .. } = self;
        let (mut actions, mut key) = (Vec::new(), KeyBuf::new());
        if let Some(dp_ifindex) = shared.datapath() {
            // Of no port: the kernel takes what it needs from the frame itself.
            key.priority(0);
            core.switch.run_bundles(now(), &mut |dp_port, packet| {
                actions.clear();
                action::output(&mut actions, dp_port);
                let execute = Execute { dp_ifindex, packet, key: key.as_bytes(), actions: &actions, mru: None, hash: None, probe: false };
                // No frame of these is too long for a message.
                let _ = requests.execute(&execute);
                if requests.wire_len() > WIRE_MAX {
                    fire(dp, requests);
                }
            });
        }
        let changed = core.switch.generation() != before;
        let (next, remembered) = (core.switch.next_bundle_run(), core.switch.remember_bundles());
        fire(dp, requests);
        drop(core);
        shared.counters.losses.say(&mut self.losses, self.dp.counters());
        if changed {
            shared.ring();
        }
        if remembered != self.saved {
            write(&self.run, &remembered);
            self.saved = remembered;
        }
        shared.datapath().and(next)
    }
}

/// Sends what has been collected.
fn fire(dp: &mut Dp, requests: &mut Requests) {
    if requests.is_empty() {
        return;
    }
    let mut refused = None;
    let sent = dp.fire(requests, |_, error| refused = Some(error.to_string()));
    requests.clear();
    if let Err(error) = sent {
        log::say(format_args!("what a bond had to say was not sent: {error}"));
    }
    if let Some(error) = refused {
        log::say(format_args!("the kernel did not send what a bond had to say: {error}"));
    }
}

fn write(run: &Run, remembered: &[Remembered]) {
    if let Err(error) = store::save(&run.bonds(), &remembered) {
        log::say(format_args!("cannot write {}: {error}", run.bonds().display()));
    }
}

/// Writes down what of bonds and LACP outlives the agent.
pub(super) fn save(run: &Run, shared: &Shared) {
    let remembered = shared.core().switch.remember_bundles();
    if !remembered.is_empty() {
        write(run, &remembered);
    }
}

/// Has bonds and LACP begin where the agent before was. Call it before the topology is in force.
pub(super) fn restore(run: &Run, shared: &Shared) {
    match store::load::<Vec<Remembered>>(&run.bonds()) {
        Ok(remembered) => shared.core().switch.restore_bundles(remembered.unwrap_or_default()),
        Err(error) => log::say(format_args!("bonds begin anew: {}: {error}", run.bonds().display())),
    }
}
