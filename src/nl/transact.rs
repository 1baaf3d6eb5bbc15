//! Requests and their acknowledgements, matched by sequence number.

use std::time::Instant;

use ovsdp_proto::nlmsg::{Message, Messages, kind};

use super::ack;
use super::batch::Batch;
use super::error::Error;
use super::names::Names;
use super::sock::Socket;

/// How often a request is sent again because its acknowledgement was lost.
const MAX_RESENDS: u32 = 3;

/// The requests of one `sendmsg` that wait for their acknowledgements. Pure: bytes are fed in, results come out.
struct Pending<'r> {
    batch: &'r Batch,
    names: &'r Names,
    /// Place in the batch and sequence number of the first request.
    first: usize,
    seq: u32,
    /// Of each request, in order; `None` while it is not acknowledged.
    results: Vec<Option<Result<(), Error>>>,
    /// What the reader of a request's answer objected to: becomes its result once it is acknowledged.
    objections: Vec<(usize, Error)>,
    open: usize,
}

impl<'r> Pending<'r> {
    fn new(batch: &'r Batch, names: &'r Names, first: usize, end: usize, seq: u32) -> Self {
        let open = end - first;
        Self { batch, names, first, seq, results: vec![None; open], objections: Vec::new(), open }
    }

    /// Takes in one datagram. Returns how many of its messages answer none of these requests.
    ///
    /// # Errors
    /// [`Error::Overrun`] or [`Error::Decode`]: what follows in the datagram is lost.
    fn feed(&mut self, datagram: &[u8], reply: &mut impl FnMut(usize, Message<'_>) -> Result<(), Error>) -> Result<u64, Error> {
        let mut stray = 0;
        for message in Messages::new(datagram) {
            let message = message?;
            let place = message.seq.wrapping_sub(self.seq) as usize;
            let Some(result) = self.results.get_mut(place).filter(|result| result.is_none()) else {
                stray += 1;
                continue;
            };
            match message.kind {
                kind::NOOP => {}
                kind::OVERRUN => return Err(Error::Overrun),
                kind::ERROR | kind::DONE => {
                    let index = self.first + place;
                    let mut outcome = ack::outcome(&message, self.batch.request(index), self.names);
                    if outcome.is_ok()
                        && let Some(at) = self.objections.iter().position(|(of, _)| *of == index)
                    {
                        outcome = Err(self.objections.swap_remove(at).1);
                    }
                    *result = Some(outcome);
                    self.open -= 1;
                }
                _ => {
                    let index = self.first + place;
                    if let Err(error) = reply(index, message) {
                        self.objections.push((index, error));
                    }
                }
            }
        }
        Ok(stray)
    }
}

impl Socket {
    /// Carries out the one request that `build` puts into a batch, and waits for its acknowledgement. `reply` sees what
    /// the kernel answers besides: the object asked for, or echoed (`NLM_F_ECHO`).
    ///
    /// # Errors
    /// [`Error::Kernel`] when the kernel refuses; the others as they say. What `build` and `reply` return, the latter if
    /// the kernel does not refuse.
    pub fn transact(
        &mut self,
        build: impl FnOnce(&mut Batch) -> Result<usize, Error>,
        mut reply: impl FnMut(Message<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut batch = Batch::new();
        build(&mut batch)?;
        self.batch(&mut batch, |_, message| reply(message)).pop().unwrap_or(Err(Error::Lost))
    }

    /// Carries out the requests of `batch` in their order, as many in one `sendmsg` as fit, and waits for their
    /// acknowledgements. One that fails does not stop those behind it. `reply` sees what the kernel answers besides,
    /// with the request's place. Returns each request's own result.
    ///
    /// A request must not be a dump ([`Socket::dump`]).
    pub fn batch(&mut self, batch: &mut Batch, mut reply: impl FnMut(usize, Message<'_>) -> Result<(), Error>) -> Vec<Result<(), Error>> {
        let mut results = Vec::with_capacity(batch.len());
        if let Err(error) = self.settle() {
            results.resize(batch.len(), Err(error));
            return results;
        }
        let mut resends = 0;
        while results.len() < batch.len() {
            let first = results.len();
            let mut done = self.chunk(batch, first, batch.chunk_end(first), &mut reply);
            let lost = done.iter().position(|result| matches!(result, Err(Error::Lost)));
            match lost {
                // Everything from the first lost one on is sent again: the order is kept.
                Some(at) if batch.is_repeatable() && resends < MAX_RESENDS => {
                    done.truncate(at);
                    resends = if at == 0 { resends + 1 } else { 1 };
                    self.wire.counters.resent += 1;
                }
                _ => resends = 0,
            }
            results.append(&mut done);
        }
        results
    }

    /// Sends requests `first..end` in one `sendmsg` and collects their results.
    fn chunk(
        &mut self,
        batch: &mut Batch,
        first: usize,
        end: usize,
        reply: &mut impl FnMut(usize, Message<'_>) -> Result<(), Error>,
    ) -> Vec<Result<(), Error>> {
        let seq = self.reserve(end - first);
        if let Err(error) = self.wire.send(batch.seal(first, end, seq, true)) {
            return vec![Err(error); end - first];
        }
        let deadline = Instant::now() + self.timeout;
        let mut pending = Pending::new(batch, &self.names, first, end, seq);
        let mut missing = Error::TimedOut(self.timeout);
        // The kernel has carried out all of it by now. After an overrun, what is still queued is all there will be.
        let mut overrun = false;
        while pending.open > 0 {
            let received = if overrun { self.wire.receive(&mut self.buffer) } else { self.wire.receive_by(&mut self.buffer, deadline) };
            match received {
                Ok(Some(datagram)) => match pending.feed(datagram, reply) {
                    Ok(stray) => self.wire.counters.stray += stray,
                    Err(error) => {
                        self.wire.counters.unreadable += u64::from(matches!(error, Error::Decode(_)));
                        overrun = true;
                        missing = Error::Lost;
                    }
                },
                Ok(None) => break,
                Err(Error::Overrun | Error::Truncated { .. }) => {
                    overrun = true;
                    missing = Error::Lost;
                }
                Err(error) => {
                    missing = error;
                    break;
                }
            }
        }
        pending.results.into_iter().map(|result| result.unwrap_or_else(|| Err(missing.clone()))).collect()
    }

    /// Sends the requests of `batch` without asking for acknowledgements, and then takes in, without waiting, what the
    /// kernel objects to: `refused` sees the place of each request that failed and why. What succeeded says nothing.
    /// Returns how many failed. For what may fail harmlessly at any time: flows and packets on their way.
    ///
    /// # Errors
    /// [`Error::Socket`] when a `sendmsg` fails; nothing from there on was sent. [`Error::Overrun`] when objections were
    /// lost: all was carried out, but how many failed is unknown.
    pub fn send_unacked(&mut self, batch: &mut Batch, mut refused: impl FnMut(usize, Error)) -> Result<usize, Error> {
        self.settle()?;
        let (mut first, mut failed, mut lost) = (0, 0, false);
        while first < batch.len() {
            let end = batch.chunk_end(first);
            let seq = self.reserve(end - first);
            self.wire.send(batch.seal(first, end, seq, false))?;
            let mut pending = Pending::new(batch, &self.names, first, end, seq);
            loop {
                match self.wire.receive(&mut self.buffer) {
                    Ok(None) => break,
                    Ok(Some(datagram)) => match pending.feed(datagram, &mut |_, _| Ok(())) {
                        Ok(stray) => self.wire.counters.stray += stray,
                        Err(_) => lost = true,
                    },
                    Err(Error::Overrun | Error::Truncated { .. }) => lost = true,
                    Err(error) => return Err(error),
                }
            }
            for (place, result) in pending.results.into_iter().enumerate() {
                if let Some(Err(error)) = result {
                    failed += 1;
                    refused(first + place, error);
                }
            }
            first = end;
        }
        if lost { Err(Error::Overrun) } else { Ok(failed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nl::Nameless;
    use std::sync::Arc;

    use nix::errno::Errno;
    use ovsdp_proto::nlmsg::{self, flag};

    fn message(out: &mut Vec<u8>, of: u16, seq: u32, payload: &[u8]) {
        nlmsg::put::<()>(out, of, flag::CAPPED, seq, |out| {
            out.extend_from_slice(payload);
            Ok(())
        })
        .unwrap();
    }

    fn ack(out: &mut Vec<u8>, seq: u32, code: i32) {
        message(out, kind::ERROR, seq, &[code.to_ne_bytes().as_slice(), &[0; 16]].concat());
    }

    fn three() -> Batch {
        let mut batch = Batch::new();
        for _ in 0..3 {
            batch.push::<()>(20, 0, |_| Ok(())).unwrap();
        }
        batch
    }

    #[test]
    fn answers_find_their_requests_in_any_order_and_packing() {
        let batch = three();
        let names: Names = Arc::new(Nameless);
        let mut pending = Pending::new(&batch, &names, 0, 3, u32::MAX - 1);
        let mut answers = Vec::new();
        let mut datagram = Vec::new();
        ack(&mut datagram, 0, -17);
        message(&mut datagram, 16, u32::MAX, b"object");
        message(&mut datagram, kind::NOOP, u32::MAX, b"");
        // One of an earlier request, one of nobody's, and one that was answered already.
        ack(&mut datagram, u32::MAX - 2, 0);
        ack(&mut datagram, 1, 0);
        ack(&mut datagram, 0, 0);
        let mut reply = |place: usize, message: Message<'_>| {
            answers.push((place, message.payload.to_vec()));
            if place == 1 { Err(Error::Lost) } else { Ok(()) }
        };
        assert_eq!(pending.feed(&datagram, &mut reply), Ok(3));
        assert_eq!(pending.open, 2);
        let mut datagram = Vec::new();
        ack(&mut datagram, u32::MAX - 1, 0);
        ack(&mut datagram, u32::MAX, 0);
        assert_eq!(pending.feed(&datagram, &mut reply), Ok(0));
        assert_eq!(pending.open, 0);
        let exists = Error::Kernel { errno: Errno::EEXIST, message: None, attr: None };
        assert_eq!(pending.results, [Some(Ok(())), Some(Err(Error::Lost)), Some(Err(exists))]);
        assert_eq!(answers, [(1, b"object".to_vec())]);
    }

    #[test]
    fn an_overrun_and_a_cut_datagram_are_told() {
        let batch = three();
        let names: Names = Arc::new(Nameless);
        let mut pending = Pending::new(&batch, &names, 0, 3, 5);
        let mut datagram = Vec::new();
        ack(&mut datagram, 5, 0);
        message(&mut datagram, kind::OVERRUN, 6, &[0; 4]);
        assert_eq!(pending.feed(&datagram, &mut |_, _| Ok(())), Err(Error::Overrun));
        let mut datagram = Vec::new();
        ack(&mut datagram, 7, 0);
        datagram.extend_from_slice(&[99, 0, 0, 0, 2]);
        assert!(matches!(pending.feed(&datagram, &mut |_, _| Ok(())), Err(Error::Decode(_))));
        assert_eq!(pending.results, [Some(Ok(())), None, Some(Ok(()))]);
    }
}
