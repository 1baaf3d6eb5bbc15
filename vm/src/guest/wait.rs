//! Waiting for a condition, instead of sleeping and hoping.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;

const POLL: Duration = Duration::from_millis(20);

/// Tries `attempt` until it succeeds.
///
/// # Errors
/// With what it said last, once `timeout` has passed.
pub fn eventually<T>(timeout: Duration, mut attempt: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let deadline = Instant::now() + timeout;
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() >= deadline => return Err(error).with_context(|| format!("still not so after {timeout:?}")),
            Err(_) => thread::sleep(POLL),
        }
    }
}

/// How long the kernel has been up.
///
/// # Errors
/// When `/proc/uptime` is not there or reads like nothing known.
pub fn uptime() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/uptime").context("cannot read /proc/uptime")?;
    let seconds: f64 = text.split(' ').next().unwrap_or_default().parse().with_context(|| format!("/proc/uptime says {text:?}"))?;
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eventually_returns_the_first_success_or_the_last_error() {
        let mut left = 3;
        let tries = eventually(Duration::from_secs(5), || {
            left -= 1;
            anyhow::ensure!(left == 0, "{left} left");
            Ok("done")
        });
        assert_eq!(tries.unwrap(), "done");
        let error = eventually(Duration::ZERO, || -> anyhow::Result<()> { anyhow::bail!("never") }).unwrap_err();
        assert_eq!(error.root_cause().to_string(), "never");
    }
}
