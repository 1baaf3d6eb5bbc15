//! What the agent says of itself until it is ready: to the command that started it and to the service manager, either of which takes it for
//! lost when it is silent. The kernel may be the one that is slow: while another program makes or deletes many devices it keeps everybody
//! waiting, and this thread alone is not asking it for anything.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{daemon, keeper};
use crate::error::{Error, Kind};

/// How often it says something.
const EVERY: Duration = Duration::from_secs(5);
/// How long it goes on doing so: whoever waits for it is not to wait for ever.
const LONGEST: Duration = Duration::from_secs(120);
/// How long the service manager is to wait for the next word, in microseconds (sd_notify(3)).
const PATIENCE_US: u32 = 30_000_000;

/// Says what the agent is doing until it is dropped.
#[derive(Debug)]
pub(super) struct Starting {
    doing: Arc<Mutex<&'static str>>,
    thread: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Starting {
    /// Begins with what it is `doing`, in words that follow "it is". `background`: whether a command waits for it.
    ///
    /// # Errors
    /// There is no room for a thread.
    pub(super) fn begin(doing: &'static str, background: bool) -> Result<Self, Error> {
        Self::with(doing, EVERY, LONGEST, move |text| {
            keeper::notify(&format!("STATUS={text}\nEXTEND_TIMEOUT_USEC={PATIENCE_US}"));
            if background {
                daemon::waiting(text);
            }
        })
    }

    fn with(doing: &'static str, every: Duration, longest: Duration, say: impl Fn(&str) + Send + 'static) -> Result<Self, Error> {
        let doing = Arc::new(Mutex::new(doing));
        let (ended, end) = channel::<()>();
        let (of, begun) = (Arc::clone(&doing), Instant::now());
        let thread = std::thread::Builder::new().name("starting".into()).spawn(move || {
            while end.recv_timeout(every) == Err(RecvTimeoutError::Timeout) && begun.elapsed() < longest {
                let doing = *of.lock().unwrap_or_else(PoisonError::into_inner);
                say(&format!("the agent is {doing}, since {} s", begun.elapsed().as_secs()));
            }
        });
        let thread = thread.map_err(|error| Error::new(Kind::Failed, format!("cannot start a thread: {error}")))?;
        Ok(Self { doing, thread: Some((ended, thread)) })
    }

    /// Says what it is doing from now on.
    pub(super) fn now(&self, doing: &'static str) {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = doing;
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        // Nothing is said after this: the next word is that it is ready, or why not.
        if let Some((ended, thread)) = self.thread.take() {
            drop(ended);
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_done_and_ends_with_what_it_is_of() {
        let (sender, said) = channel();
        let starting = Starting::with("at a", Duration::from_millis(1), LONGEST, move |text| drop(sender.send(text.to_owned()))).unwrap();
        assert!(said.recv().unwrap().starts_with("the agent is at a, since "));
        starting.now("at b");
        while !said.recv().unwrap().starts_with("the agent is at b, since ") {}
        drop(starting);
        // What came before the end; then whoever said it is gone.
        while said.recv().is_ok() {}
    }

    #[test]
    fn it_is_not_for_ever() {
        let (sender, said) = channel();
        let starting = Starting::with("at a", Duration::from_millis(1), Duration::ZERO, move |text| drop(sender.send(text.to_owned()))).unwrap();
        assert!(said.recv().is_err());
        drop(starting);
    }
}
