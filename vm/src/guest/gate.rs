//! A gate in front of a file: the kernel asks before anyone opens it (fanotify(7)), and the answer may be no, a SIGKILL, or take its time.
//! So a program is stopped at an exact point of its work without knowing of it.

use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::fanotify::{EventFFlags, Fanotify, FanotifyEvent, FanotifyResponse, InitFlags, MarkFlags, MaskFlags, Response};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What becomes of whoever is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It is killed.
    Kill,
    /// It is not let in: opening fails with EPERM.
    Refuse,
    /// It stands there until [`Gate::open`].
    Hold,
}

/// The gate. Dropping it lets everyone through.
#[derive(Debug)]
pub struct Gate {
    shared: Arc<Shared>,
    watcher: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    bell: EventFd,
}

#[derive(Debug, Default)]
struct State {
    opened: u32,
    /// Who was stopped.
    stopped: Option<i32>,
    open: bool,
    end: bool,
    failed: Option<String>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    pub(crate) fn start(folder: &str, names: &'static [&'static str], nth: u32, then: Then) -> anyhow::Result<Self> {
        let flags = InitFlags::FAN_CLASS_CONTENT | InitFlags::FAN_CLOEXEC | InitFlags::FAN_NONBLOCK;
        let watch = Fanotify::init(flags, EventFFlags::O_RDONLY | EventFFlags::O_CLOEXEC).context("fanotify_init")?;
        let mask = MaskFlags::FAN_OPEN_PERM | MaskFlags::FAN_EVENT_ON_CHILD;
        watch.mark(MarkFlags::FAN_MARK_ADD, mask, AT_FDCWD, Some(folder)).with_context(|| format!("fanotify_mark {folder}"))?;
        let bell = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC).context("eventfd")?;
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), bell });
        let watched = Arc::clone(&shared);
        let watcher = std::thread::spawn(move || {
            if let Err(error) = follow(&watch, &watched, names, nth, then) {
                watched.state().failed = Some(format!("{error:#}"));
            }
            watched.changed.notify_all();
        });
        Ok(Self { shared, watcher: Some(watcher) })
    }

    /// The process that was stopped, as soon as one is.
    ///
    /// # Errors
    /// When none is within `timeout`.
    pub fn wait(&self, timeout: Duration) -> anyhow::Result<i32> {
        let nobody = |state: &mut State| state.stopped.is_none() && state.failed.is_none();
        let waited = self.shared.changed.wait_timeout_while(self.shared.state(), timeout, nobody);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match (&state.failed, state.stopped) {
            (Some(failed), _) => bail!("the gate broke: {failed}"),
            (None, Some(pid)) => Ok(pid),
            (None, None) => bail!("nobody was stopped within {timeout:?}; the file was opened {} times", state.opened),
        }
    }

    /// The process that was stopped, if one was.
    #[must_use]
    pub fn stopped(&self) -> Option<i32> {
        self.shared.state().stopped
    }

    /// Lets whoever stands there go on.
    pub fn open(&self) {
        self.shared.state().open = true;
        self.ring();
    }

    fn ring(&self) {
        // It fails only when the counter is full: then the watcher has long been rung.
        let _ = self.shared.bell.write(1);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shared.state().end = true;
        self.ring();
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}

fn follow(watch: &Fanotify, shared: &Shared, names: &[&str], nth: u32, then: Then) -> anyhow::Result<()> {
    let mut held: Option<FanotifyEvent> = None;
    loop {
        let mut fds = [PollFd::new(watch.as_fd(), PollFlags::POLLIN), PollFd::new(shared.bell.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => bail!("poll: {errno}"),
        }
        let (open, end) = {
            let state = shared.state();
            (state.open, state.end)
        };
        if open || end {
            held.take().map_or(Ok(()), |event| allow(watch, &event))?;
        }
        if end {
            return Ok(());
        }
        // There is nothing to read when it was not this that rang.
        let _ = shared.bell.read();
        let events = match watch.read_events() {
            Ok(events) => events,
            Err(Errno::EAGAIN | Errno::EINTR) => continue,
            Err(errno) => bail!("fanotify: {errno}"),
        };
        for event in events {
            let is_ours = event.fd().is_some_and(|fd| {
                let path = fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
                path.is_ok_and(|path| path.file_name().is_some_and(|file| names.iter().any(|name| file == *name)))
            });
            let mut state = shared.state();
            state.opened += u32::from(is_ours);
            if !is_ours || state.opened != nth {
                drop(state);
                allow(watch, &event)?;
                continue;
            }
            state.stopped = Some(event.pid());
            drop(state);
            match then {
                Then::Kill => {
                    kill(Pid::from_raw(event.pid()), Signal::SIGKILL).context("kill")?;
                    // It waits in a way that a SIGKILL ends; the answer is for nobody.
                    allow(watch, &event)?;
                }
                Then::Refuse => answer(watch, &event, Response::FAN_DENY)?,
                Then::Hold => held = Some(event),
            }
            shared.changed.notify_all();
        }
    }
}

fn allow(watch: &Fanotify, event: &FanotifyEvent) -> anyhow::Result<()> {
    answer(watch, event, Response::FAN_ALLOW)
}

fn answer(watch: &Fanotify, event: &FanotifyEvent, response: Response) -> anyhow::Result<()> {
    let Some(fd) = event.fd() else { return Ok(()) };
    match watch.write_response(FanotifyResponse::new(fd, response)) {
        // Whoever asked is dead.
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => bail!("fanotify: {errno}"),
    }
}
