//! Requests collected for one `sendmsg`. Bytes only: no socket here.

use ovsdp_proto::nlmsg::{self, flag};
use ovsdp_proto::{DecodeError, Reason};

use super::error::Error;

/// At most this many requests go into one `sendmsg`: their acknowledgements must fit the receive buffer together.
pub(super) const MAX_REQUESTS: usize = 128;
/// At most this many bytes go into one `sendmsg`, unless a single request is larger. The kernel refuses more than the
/// send buffer (212,992 bytes by default).
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// Requests in the order they will be carried out. Reuse it ([`Batch::clear`]): its memory is kept.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// Where each request ends in `bytes`, padding included.
    ends: Vec<usize>,
    repeatable: bool,
}

impl Batch {
    /// An empty batch.
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), ends: Vec::new(), repeatable: false }
    }

    /// An empty batch of requests that may be carried out twice without harm (set, put, delete; not create). Those whose
    /// acknowledgement the kernel had to throw away are then sent again instead of failing with [`Error::Lost`].
    pub const fn repeatable() -> Self {
        Self { bytes: Vec::new(), ends: Vec::new(), repeatable: true }
    }

    /// Forgets the requests, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// How many requests there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many bytes the requests take on the wire.
    pub fn wire_len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends a request of message type `kind`; `NLM_F_REQUEST` is added to `flags`, `NLM_F_ACK` when it is sent.
    /// `fill` appends the payload. Returns the request's place in the batch, which is its place among the results too.
    ///
    /// # Errors
    /// What `fill` returns; the batch is then as it was before.
    pub fn push<E>(&mut self, kind: u16, flags: u16, fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<usize, E> {
        nlmsg::put(&mut self.bytes, kind, flags | flag::REQUEST, 0, fill)?;
        self.ends.push(self.bytes.len());
        Ok(self.ends.len() - 1)
    }

    /// Appends the one complete message that `build` appends; its sequence number is replaced when it is sent. Returns
    /// its place, as [`Batch::push`] does.
    ///
    /// # Errors
    /// What `build` returns, and [`Error::Decode`] when it did not append exactly one message; the batch is then as it
    /// was before.
    pub fn append<E: Into<Error>>(&mut self, build: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<usize, Error> {
        let start = self.bytes.len();
        let checked = build(&mut self.bytes).map_err(E::into).and_then(|()| {
            let bytes = self.bytes.get(start..).unwrap_or(&[]);
            match nlmsg::Message::parse(bytes)? {
                (_, taken) if taken == bytes.len() => Ok(()),
                (_, taken) => Err(Error::Decode(DecodeError::new("netlink", 0, taken, Reason::BadLength))),
            }
        });
        match checked {
            Ok(()) => {
                self.ends.push(self.bytes.len());
                Ok(self.ends.len() - 1)
            }
            Err(error) => {
                self.bytes.truncate(start);
                Err(error)
            }
        }
    }

    /// Whether requests whose outcome was lost are to be sent again.
    pub(super) const fn is_repeatable(&self) -> bool {
        self.repeatable
    }

    /// The bytes of request `index`, header included; empty when there is none.
    pub fn request(&self, index: usize) -> &[u8] {
        self.bytes.get(self.start(index)..self.ends.get(index).copied().unwrap_or(0)).unwrap_or(&[])
    }

    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).and_then(|before| self.ends.get(before).copied()).unwrap_or(0)
    }

    /// The largest run of requests from `first` that one `sendmsg` takes: the index behind its last. Always more than
    /// `first` when there is a request at `first`.
    pub(super) fn chunk_end(&self, first: usize) -> usize {
        let start = self.start(first);
        let fits = |end: &&usize| **end - start <= MAX_BYTES;
        let ends = self.ends.get(first..).unwrap_or(&[]);
        let count = ends.iter().take(MAX_REQUESTS).take_while(fits).count();
        first + count.max(1).min(ends.len())
    }

    /// Numbers the requests `first..end` upwards from `seq`, sets or clears their wish for an acknowledgement, and
    /// returns their bytes.
    pub(super) fn seal(&mut self, first: usize, end: usize, seq: u32, ack: bool) -> &[u8] {
        let whole = self.start(first)..self.start(end);
        let mut at = whole.start;
        let mut seq = seq;
        for index in first..end {
            if let Some(header) = self.bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<{ nlmsg::HEADER_LEN }>()) {
                let flags = u16::from_ne_bytes([header[6], header[7]]);
                let flags = if ack { flags | flag::ACK } else { flags & !flag::ACK };
                header[6..8].copy_from_slice(&flags.to_ne_bytes());
                header[8..12].copy_from_slice(&seq.to_ne_bytes());
            }
            at = self.ends.get(index).copied().unwrap_or(at);
            seq = seq.wrapping_add(1);
        }
        self.bytes.get(whole).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(sizes: &[usize]) -> Batch {
        let mut batch = Batch::new();
        for size in sizes {
            batch
                .push::<()>(20, flag::CREATE, |out| {
                    out.resize(out.len() + size, 7);
                    Ok(())
                })
                .unwrap();
        }
        batch
    }

    #[test]
    fn chunks_are_bounded_in_number_and_bytes_and_never_empty() {
        let many = filled(&[0; 300]);
        assert_eq!((many.chunk_end(0), many.chunk_end(128), many.chunk_end(256)), (128, 256, 300));
        let large = filled(&[60_000, 10_000, 70_000, 1, 1]);
        assert_eq!((large.chunk_end(0), large.chunk_end(1), large.chunk_end(2), large.chunk_end(3)), (1, 2, 3, 5));
        assert_eq!(large.chunk_end(5), 5);
    }

    #[test]
    fn sealing_numbers_the_chosen_requests_only() {
        let mut batch = filled(&[1, 2, 3]);
        let all: Vec<_> =
            nlmsg::Messages::new(batch.seal(1, 3, u32::MAX, true)).map(Result::unwrap).map(|m| (m.seq, m.flags, m.payload.len())).collect();
        let flags = flag::REQUEST | flag::ACK | flag::CREATE;
        assert_eq!(all, [(u32::MAX, flags, 2), (0, flags, 3)]);
        let first = nlmsg::Message::parse(batch.request(0)).unwrap().0;
        assert_eq!((first.seq, first.flags), (0, flag::REQUEST | flag::CREATE));
        let unacked = nlmsg::Message::parse(batch.seal(2, 3, 9, false)).unwrap().0;
        assert_eq!((unacked.seq, unacked.flags), (9, flag::REQUEST | flag::CREATE));
    }

    #[test]
    fn a_failed_fill_leaves_the_batch_as_it_was() {
        let mut batch = filled(&[4]);
        assert_eq!(batch.push(1, 0, |_| Err("no")), Err("no"));
        assert_eq!((batch.len(), batch.wire_len()), (1, 20));
        let copy = batch.request(0).to_vec();
        let append = |batch: &mut Batch, bytes: &[u8]| {
            batch.append::<Error>(|out| {
                out.extend_from_slice(bytes);
                Ok(())
            })
        };
        let again = append(&mut batch, &copy).unwrap();
        assert_eq!(batch.request(again), copy);
        for bad in [&copy[..18], &[], &[copy.clone(), copy.clone()].concat()] {
            assert!(append(&mut batch, bad).is_err());
        }
        assert_eq!((batch.len(), batch.wire_len()), (2, 40));
    }
}
