//! A thread that answers upcalls: receive, decide, and send in one batch the removal of flows the decision made wrong, the
//! flow, and the packet, in that order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ovsdp_proto::flow::{Put, Which};
use ovsdp_proto::packet::{Execute, Upcall};

use super::counters::Place;
use super::log;
use super::shared::{Core, Shared, now};
use crate::dp::{Dp, Requests, UpcallSocket};
use crate::error::{Error, Kind};
use crate::nl;
use crate::switch::{Decision, Insert, Moment, Reason, Ufid};

/// Upcalls answered in one go.
const BATCH: usize = 64;
/// A batch is sent before it grows beyond this: the kernel takes no message larger than the socket's send buffer, whose
/// usual limit is 208 KiB (`net.core.wmem_default`).
const WIRE_MAX: usize = 96 * 1024;
/// There is nothing to do without an upcall; waking up now and then only bounds the wait.
const IDLE: Duration = Duration::from_secs(3600);

/// Starts a handler.
///
/// # Errors
/// There is no room for a thread.
pub(super) fn spawn(socket: UpcallSocket, dp: Dp, shared: Arc<Shared>) -> Result<(), Error> {
    let requests = Requests::new(dp.families());
    let losses = shared.counters.losses.place();
    let handler = Handler { dp, shared, requests, decision: Decision::new(), installs: Vec::new(), heard: false, losses };
    std::thread::Builder::new()
        .name("handler".into())
        .spawn(move || handler.run(socket))
        .map(drop)
        .map_err(|error| Error::new(Kind::Failed, format!("cannot start a handler: {error}")))
}

struct Handler {
    dp: Dp,
    shared: Arc<Shared>,
    requests: Requests,
    decision: Decision,
    /// The places of flow installations among the requests.
    installs: Vec<(usize, Ufid)>,
    /// Whether LACP was heard among the upcalls.
    heard: bool,
    losses: Place,
}

impl Handler {
    fn run(mut self, mut socket: UpcallSocket) {
        let shared = Arc::clone(&self.shared);
        loop {
            match socket.wait(IDLE) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => log::die(format_args!("upcalls cannot be received: {error}")),
            }
            let began = Instant::now();
            let mut core = shared.core();
            let quiet = core.flows.is_empty();
            let at = now();
            let drained = socket.drain(BATCH, |upcall| self.answer(&mut core, at, upcall));
            self.send(&mut core);
            let Core { switch, flows, .. } = &mut *core;
            flows.settle(switch);
            let wake = quiet && !flows.is_empty();
            drop(core);
            if std::mem::take(&mut self.heard) {
                shared.bundles.ring();
            }
            if wake {
                shared.ring();
            }
            match drained {
                Ok(drained) => {
                    shared.counters.upcalls.add(drained.upcalls);
                    shared.counters.overruns.add(drained.overruns);
                    if drained.upcalls > 0 {
                        shared.counters.handling.record(began.elapsed());
                    }
                    shared.counters.losses.say(&mut self.losses, socket.counters().plus(self.dp.counters()));
                }
                Err(error) => log::die(format_args!("upcalls cannot be received: {error}")),
            }
        }
    }

    fn answer(&mut self, core: &mut Core, now: Moment, upcall: &Upcall<'_>) {
        let Core { switch, flows, .. } = core;
        let Self { requests, decision, installs, heard, .. } = self;
        let dp_ifindex = upcall.dp_ifindex;
        switch.upcall(now, upcall.key, decision);
        if decision.reason == Reason::Lacp {
            switch.receive_lacp(now, upcall.key, upcall.packet);
            *heard = true;
        }
        // What does not fit a message is not sent: a flow that is missing costs another upcall, a packet is lost as on any wire.
        for learned in &decision.learned {
            flows.outdated(learned, &mut |ufid| drop(requests.delete_flow(dp_ifindex, Which::Ufid(ufid), false)));
        }
        let put = |ufid| Put {
            dp_ifindex,
            ufid: Some(ufid),
            key: Some(upcall.key),
            mask: Some(&decision.mask),
            actions: Some(&decision.actions),
            clear: false,
            probe: false,
        };
        let placed = match flows.insert(now, upcall.key, decision, switch.generation()) {
            Insert::New(ufid) => Some((requests.put_flow(&put(ufid)), ufid)),
            Insert::Replaced(ufid) => Some((requests.set_flow(&put(ufid)), ufid)),
            Insert::Same(_) | Insert::NotInstalled => None,
        };
        match placed {
            Some((Ok(place), ufid)) => installs.push((place, ufid)),
            Some((Err(_), ufid)) => drop(flows.remove(&ufid)),
            None => {}
        }
        if !decision.is_drop() {
            let Upcall { packet, key, mru, hash, .. } = *upcall;
            let _ = requests.execute(&Execute { dp_ifindex, packet, key, actions: &decision.actions, mru, hash, probe: false });
        }
        if requests.wire_len() > WIRE_MAX {
            self.send(core);
        }
    }

    /// Sends what has been collected and forgets what the kernel refused.
    fn send(&mut self, core: &mut Core) {
        let Self { dp, shared, requests, installs, .. } = self;
        if requests.is_empty() {
            return;
        }
        let (mut refused, mut taken_back) = (0, false);
        let sent = dp.fire(requests, |place, error| {
            // A flow another handler's upcall of the same burst has installed is as good as this one.
            if error.kind() != nl::Kind::Exists {
                refused += 1;
            }
            if let Ok(found) = installs.binary_search_by_key(&place, |(place, _)| *place)
                && let Some((_, ufid)) = installs.get(found)
            {
                core.flows.remove(ufid);
                taken_back = true;
            }
        });
        if let Err(error) = sent {
            log::say(format_args!("some answers to upcalls were not sent: {error}"));
        }
        if taken_back {
            // Whatever is in the kernel in its place is for the revalidator to find.
            shared.ring();
        }
        shared.counters.installed.add(installs.len());
        shared.counters.refused.add(refused);
        installs.clear();
        requests.clear();
    }
}
