//! The terminal: taken over, given back on every way out, and listened to. What is drawn and what keys mean is not its business.
//!
//! Signals that end the process are taken as a descriptor and waited on together with the keys, so that SIGTERM, too, leaves the
//! terminal as it was; a panic does by the hook that ratatui sets.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::super::reading::pause;
use super::page::page;
use super::state::{Effect, Key, State};
use super::texts::Texts;
use super::view::Digits;
use super::{Scene, Source, TopArgs, draw};
use crate::error::{Error, Kind};

/// The longest wait without anything to read or draw.
const IDLE: Duration = Duration::from_secs(3600);

/// Gives the terminal back when it is dropped.
struct Taken;

impl Drop for Taken {
    fn drop(&mut self) {
        // A terminal that is gone cannot be given back, and nobody would see the complaint.
        let _ = ratatui::try_restore();
    }
}

fn fail(what: &str) -> impl Fn(io::Error) -> Error {
    move |error| Error::new(Kind::Failed, format!("cannot {what}: {error}"))
}

/// Shows `scene`, which was read from `began` on, and what becomes of it, until a key or a signal ends it.
pub(super) fn run(args: &TopArgs, source: &mut Source, mut scene: Scene, mut began: Instant) -> Result<(), Error> {
    let signals = signals().map_err(|errno| fail("listen for signals")(errno.into()))?;
    let _taken = Taken;
    let mut terminal = ratatui::try_init().map_err(fail("take over the terminal"))?;
    let (mut state, mut texts) = (State::default(), Texts::default());
    let mut busy = began.elapsed();
    loop {
        let work = Instant::now();
        let room = draw::room(terminal.size().map_err(fail("ask for the terminal's size"))?.height);
        let page = page(&scene, &mut state, room, Digits::Few, &mut texts, |now, id| source.text(now, id));
        let period = busy + pause(args.interval, busy);
        terminal.draw(|frame| draw::draw(frame, &scene, &state, &page, period)).map_err(fail("draw"))?;
        busy += work.elapsed();
        let deadline = (!state.paused).then(|| began + busy + pause(args.interval, busy));
        match wait(&signals, deadline)? {
            Woken::Stop => return Ok(()),
            Woken::Due => {
                began = Instant::now();
                source.read(&mut scene)?;
                busy = began.elapsed();
            }
            Woken::Input => {
                // All that is there, before it is drawn: pasted text must not be drawn letter by letter.
                while event::poll(Duration::ZERO).map_err(fail("read the terminal"))? {
                    let Some(key) = key(&event::read().map_err(fail("read the terminal"))?) else { continue };
                    match state.press(key, room) {
                        Effect::Draw => {}
                        Effect::Quit => return Ok(()),
                        Effect::NextDatapath => {
                            began = Instant::now();
                            source.turn(&scene)?;
                            source.read(&mut scene)?;
                            busy = began.elapsed();
                        }
                    }
                }
            }
        }
    }
}

/// Why a wait ended.
enum Woken {
    /// The next reading is due.
    Due,
    /// There are keys, or the terminal has another size.
    Input,
    /// The process is to end, or the terminal is gone.
    Stop,
}

fn wait(signals: &SignalFd, deadline: Option<Instant>) -> Result<Woken, Error> {
    let left = deadline.map_or(IDLE, |deadline| deadline.saturating_duration_since(Instant::now()));
    // Rounded up: the rest of a millisecond would be spent asking again and again.
    let timeout = PollTimeout::try_from(left.saturating_add(Duration::from_micros(999))).unwrap_or(PollTimeout::MAX);
    let stdin = io::stdin();
    let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN), PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, timeout) {
        Ok(0) if deadline.is_some() => Ok(Woken::Due),
        // A change of the terminal's size interrupts.
        Ok(0) | Err(Errno::EINTR) => Ok(Woken::Input),
        Ok(_) => {
            let [keys, signal] = fds.map(|fd| fd.revents().unwrap_or(PollFlags::empty()));
            let gone = keys.intersects(PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL);
            Ok(if gone || !signal.is_empty() { Woken::Stop } else { Woken::Input })
        }
        Err(errno) => Err(fail("wait for keys")(errno.into())),
    }
}

/// The signals that end a process, as a descriptor instead.
fn signals() -> Result<SignalFd, Errno> {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT] {
        set.add(signal);
    }
    set.thread_block()?;
    SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

/// The key that was pressed, when it is one that is listened to.
fn key(event: &Event) -> Option<Key> {
    let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press | KeyEventKind::Repeat, .. }) = event else { return None };
    Some(match code {
        KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => Key::Interrupt,
        KeyCode::Char(_) if modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => return None,
        KeyCode::Char(letter) => Key::Char(*letter),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}
