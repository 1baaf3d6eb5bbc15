//! The thread that receives a dump while another one works on what came before. It looks for the end and for nothing else:
//! what a message means is [`super::dump`]'s business.

use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use super::dump::ends;
use super::error::Error;
use super::sock::Wire;

/// How many datagrams may lie between the two: a few, so that neither waits while the other is held up for a moment. The
/// kernel fills 32 KiB of each buffer, and only what was filled is resident.
pub(super) const BUFFERS: usize = 8;

/// A datagram: a buffer and how many bytes of it; or what went wrong instead.
pub(super) type Received = Result<(Box<[u8]>, usize), Error>;

/// Receives the dump numbered `seq` into the buffers that come by `free`, and hands each over by `full`, until it has ended,
/// cannot go on (which is the last that is handed over), or nobody listens any more. Each datagram may take `timeout`. Returns
/// whether the dump has ended.
pub(super) fn receive(wire: &mut Wire, timeout: Duration, seq: u32, full: &SyncSender<Received>, free: &Receiver<Box<[u8]>>) -> bool {
    let mut buffer = None;
    loop {
        let Some(mut room) = buffer.take().or_else(|| free.recv().ok()) else { return false };
        let received = wire.receive_by(&mut room, Instant::now() + timeout);
        let received = received.and_then(|datagram| datagram.ok_or(Error::TimedOut(timeout)));
        let (message, ended, goes_on) = match received.map(|datagram| (datagram.len(), ends(datagram, seq))) {
            Ok((len, last)) => (Ok((room, len)), last, !last),
            Err(error) => {
                // A loss does not end the dump; the buffer is still ours.
                let goes_on = matches!(error, Error::Overrun | Error::Truncated { .. });
                buffer = Some(room);
                (Err(error), false, goes_on)
            }
        };
        if full.send(message).is_err() || !goes_on {
            return ended;
        }
    }
}
