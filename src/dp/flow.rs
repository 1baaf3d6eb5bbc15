//! Flows: reading them, and carrying out what [`Requests`] holds.

use nix::time::ClockId;
use ovsdp_proto::flow::{self, Flow, Which};
use ovsdp_proto::packet::Execute;
use ovsdp_proto::uapi::flow::ufid::{OMIT_ACTIONS, OMIT_KEY, OMIT_MASK};
use ovsdp_proto::{Request, uapi};

use super::{Dp, Error, Requests};
use crate::nl::{self, Dumped, Kind};

/// Milliseconds on the clock the kernel notes a flow's use with: `CLOCK_MONOTONIC`.
pub fn now_ms() -> u64 {
    nl::milliseconds(ClockId::CLOCK_MONOTONIC)
}

/// Which parts of a flow to be told. Identifier, counters and time of use always come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Parts {
    /// Everything. Actions too large for a dump are missing then; ask for that flow by itself.
    Full,
    /// Neither key, nor mask, nor actions. A flow without an identifier has its key nevertheless.
    Terse,
}

impl Parts {
    const fn omit(self) -> u32 {
        match self {
            Self::Full => 0,
            Self::Terse => OMIT_KEY | OMIT_MASK | OMIT_ACTIONS,
        }
    }
}

impl Dp {
    /// Hands every flow of `datapath` to `visit`, borrowed from the receive buffer. `None` means: from the beginning,
    /// once at the start and again whenever messages were lost. While flows come and go the kernel may hand out one
    /// twice, or leave one out: tell them apart by their identifiers.
    ///
    /// # Errors
    /// [`Kind::NoDevice`] when the datapath is gone; when the kernel does not answer. Flows that cannot be read are left
    /// out and counted.
    pub fn flows(&mut self, datapath: u32, parts: Parts, mut visit: impl FnMut(Option<&Flow<'_>>)) -> Result<(), Error> {
        let request = Request::new(self.families.flow, 0, 0);
        let mut unreadable = 0;
        let result = self.socket.dump(
            |batch| batch.append(|out| flow::dump(out, request, datapath, parts.omit())),
            |dumped| {
                match dumped {
                    Dumped::Start => {
                        unreadable = 0;
                        visit(None);
                    }
                    Dumped::Object(message) => match Flow::parse(message.payload) {
                        Ok(flow) => visit(Some(&flow)),
                        Err(_) => unreadable += 1,
                    },
                }
                Ok::<(), nl::Error>(())
            },
        );
        self.socket.count_unreadable(unreadable);
        result.map_err(|error| error.on("list", "flows").into())
    }

    /// Hands one flow to `visit`. Returns whether it is there.
    ///
    /// # Errors
    /// When the kernel does not answer or its answer cannot be read.
    pub fn flow(&mut self, datapath: u32, which: Which<'_>, mut visit: impl FnMut(&Flow<'_>)) -> Result<bool, Error> {
        let request = Request::new(self.families.flow, 0, 0);
        let mut found = false;
        let result = self.socket.transact(
            |batch| batch.append(|out| flow::get(out, request, datapath, which, 0)),
            |message| {
                found = true;
                visit(&Flow::parse(message.payload)?);
                Ok(())
            },
        );
        match result {
            Ok(()) => Ok(found),
            Err(error) if error.kind() == Kind::NotFound => Ok(false),
            Err(error) => Err(error.on("look up", "flow").into()),
        }
    }

    /// Removes every flow of `datapath`.
    ///
    /// # Errors
    /// [`Kind::NoDevice`] when the datapath is gone, [`Kind::NotPermitted`].
    pub fn flush_flows(&mut self, datapath: u32) -> Result<(), Error> {
        let request = Request::new(self.families.flow, 0, 0);
        self.done(|batch| batch.append(|out| flow::flush(out, request, datapath))).map_err(|error| error.on("flush", "flows").into())
    }

    /// Carries out `requests` and waits until all are acknowledged. One that fails does not stop those behind it.
    /// `answer` sees the flows that deletions with their last counters are answered with, by the request's place.
    /// Returns each request's own result; acknowledgements that were lost make it carry out requests twice.
    pub fn run(&mut self, requests: &mut Requests, mut answer: impl FnMut(usize, &Flow<'_>)) -> Vec<Result<(), nl::Error>> {
        let flows = self.families.flow;
        self.socket.batch(&mut requests.batch, |index, message| {
            if message.kind == flows {
                answer(index, &Flow::parse(message.payload)?);
            }
            Ok(())
        })
    }

    /// Carries out `requests` without waiting for acknowledgements: for flows and packets on their way. `refused` sees
    /// the place of each that failed and why, as a flow whose port vanished meanwhile. Returns how many failed.
    ///
    /// # Errors
    /// [`Error::Failed`] when they could not be sent; [`Kind::Lost`] when all were sent and carried out but how many
    /// failed is unknown.
    pub fn fire(&mut self, requests: &mut Requests, refused: impl FnMut(usize, nl::Error)) -> Result<usize, Error> {
        self.socket.send_unacked(&mut requests.batch, refused).map_err(|error| error.on("send", "flows and packets").into())
    }

    /// Runs actions on one packet and waits until it is done.
    ///
    /// # Errors
    /// [`Kind::NoDevice`], [`Kind::Invalid`] for actions the kernel does not take, [`Kind::NotPermitted`].
    pub fn execute(&mut self, execute: &Execute<'_>) -> Result<(), Error> {
        let request = Request::new(self.families.packet, 0, 0);
        self.done(|batch| batch.append(|out| ovsdp_proto::packet::execute(out, request, execute))).map_err(|error| error.on("send", "packet").into())
    }

    /// Whether the kernel takes these actions: a flow that no packet can match is installed and removed.
    ///
    /// # Errors
    /// As [`Dp::run`]; that the kernel does not take them is no error.
    pub fn probe(&mut self, put: &flow::Put<'_>) -> Result<bool, Error> {
        let put = flow::Put { probe: true, ..*put };
        let request = Request::new(self.families.flow, 0, ovsdp_proto::nlmsg::flag::CREATE);
        match self.done(|batch| batch.append(|out| flow::new(out, request, &put))) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), Kind::Invalid | Kind::NotSupported) => return Ok(false),
            Err(error) => return Err(error.on("probe", "actions").into()),
        }
        let which = match (put.ufid, put.key) {
            (Some(ufid), _) => Which::Ufid(ufid),
            (None, Some(key)) => Which::Key(key),
            (None, None) => return Ok(true),
        };
        let request = Request::new(self.families.flow, 0, 0);
        let omit = uapi::flow::ufid::OMIT_KEY;
        self.done(|batch| batch.append(|out| flow::del(out, request, put.dp_ifindex, which, omit)))
            .map(|()| true)
            .map_err(|error| error.on("remove", "probing flow").into())
    }
}
