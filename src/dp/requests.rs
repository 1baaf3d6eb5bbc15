//! Flow and packet requests collected for one `sendmsg`. Bytes only, so that any thread can collect them.

use ovsdp_proto::flow::{self, Put, Which};
use ovsdp_proto::nlmsg::flag;
use ovsdp_proto::packet::{self, Execute};
use ovsdp_proto::{Request, uapi};

use super::family::Families;
use crate::nl::{Batch, Error};

/// Requests in the order the kernel will carry them out. Reuse it ([`Requests::clear`]): its memory is kept. What each
/// method returns is the request's place, which is its place among the results.
///
/// Carrying one out twice does no harm, except that a packet is sent twice: hand packets to [`super::Dp::fire`].
#[derive(Debug)]
pub struct Requests {
    pub(super) batch: Batch,
    families: Families,
}

impl Requests {
    /// None yet.
    pub const fn new(families: Families) -> Self {
        Self { batch: Batch::repeatable(), families }
    }

    /// None yet, of which none is carried out twice: what became of one whose acknowledgement was lost is unknown then.
    pub const fn once(families: Families) -> Self {
        Self { batch: Batch::new(), families }
    }

    /// Forgets them, keeps the memory.
    pub fn clear(&mut self) {
        self.batch.clear();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// How many bytes they take on the wire.
    pub fn wire_len(&self) -> usize {
        self.batch.wire_len()
    }

    /// Installs a flow, or gives the one that matches the same packets these actions.
    ///
    /// # Errors
    /// [`Error::TooLong`].
    pub fn put_flow(&mut self, put: &Put<'_>) -> Result<usize, Error> {
        let request = Request::new(self.families.flow, 0, flag::CREATE);
        self.batch.append(|out| flow::new(out, request, put))
    }

    /// Changes a flow, which must exist (`ENOENT`).
    ///
    /// # Errors
    /// [`Error::TooLong`].
    pub fn set_flow(&mut self, put: &Put<'_>) -> Result<usize, Error> {
        let request = Request::new(self.families.flow, 0, 0);
        self.batch.append(|out| flow::set(out, request, put))
    }

    /// Removes a flow; with `last_counters` the answer has them, and nothing but them and the identifier.
    ///
    /// # Errors
    /// [`Error::TooLong`].
    pub fn delete_flow(&mut self, datapath: u32, which: Which<'_>, last_counters: bool) -> Result<usize, Error> {
        use uapi::flow::ufid::{OMIT_ACTIONS, OMIT_KEY, OMIT_MASK};
        let flags = if last_counters { flag::ECHO } else { 0 };
        let request = Request::new(self.families.flow, 0, flags);
        self.batch.append(|out| flow::del(out, request, datapath, which, OMIT_KEY | OMIT_MASK | OMIT_ACTIONS))
    }

    /// Asks for a flow as it is when the requests before this one are done.
    ///
    /// # Errors
    /// [`Error::TooLong`].
    pub fn get_flow(&mut self, datapath: u32, which: Which<'_>) -> Result<usize, Error> {
        let request = Request::new(self.families.flow, 0, 0);
        self.batch.append(|out| flow::get(out, request, datapath, which, 0))
    }

    /// Removes a flow; the answer is all of it, as it was.
    ///
    /// # Errors
    /// [`Error::TooLong`].
    pub fn take_flow(&mut self, datapath: u32, which: Which<'_>) -> Result<usize, Error> {
        let request = Request::new(self.families.flow, 0, flag::ECHO);
        self.batch.append(|out| flow::del(out, request, datapath, which, 0))
    }

    /// Appends the request that `other` has at `place`.
    ///
    /// # Errors
    /// [`Error::Decode`] when there is none.
    pub(super) fn copy(&mut self, other: &Self, place: usize) -> Result<usize, Error> {
        self.batch.append::<Error>(|out| {
            out.extend_from_slice(other.batch.request(place));
            Ok(())
        })
    }

    /// Runs actions on a packet.
    ///
    /// # Errors
    /// [`Error::TooLong`].
    pub fn execute(&mut self, execute: &Execute<'_>) -> Result<usize, Error> {
        let request = Request::new(self.families.packet, 0, 0);
        self.batch.append(|out| packet::execute(out, request, execute))
    }
}

/// How a flow comes to be what it shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum How {
    /// It is new: one with the same identifier or key must not be there (`EEXIST`).
    Add,
    /// It is new, or one that is there is changed.
    Put,
    /// It is changed: it must be there (`ENOENT`).
    Set,
}

impl Requests {
    /// Installs or changes a flow; with `echo` the answer is the flow as it is then.
    ///
    /// # Errors
    /// [`Error::TooLong`].
    pub fn change_flow(&mut self, put: &Put<'_>, how: How, echo: bool) -> Result<usize, Error> {
        let echo = if echo { flag::ECHO } else { 0 };
        let request = |flags| Request::new(self.families.flow, 0, flags | echo);
        match how {
            How::Add => self.batch.append(|out| flow::new(out, request(flag::CREATE), put)),
            // The kernel takes CREATE for "only if there is none".
            How::Put => self.batch.append(|out| flow::new(out, request(0), put)),
            How::Set => self.batch.append(|out| flow::set(out, request(0), put)),
        }
    }
}
