//! The agent: the switch itself, and the only one that changes the host.
//!
//! It puts the other rooms together: handlers answer upcalls, the revalidator ages flows, a thread of their own runs bonds and
//! LACP, the worker carries out changes and follows devices and leases, the main thread serves the control socket. Nothing may
//! import it.

mod adopt;
mod alarm;
mod announcer;
mod answers;
mod appctl;
mod backlog;
mod bell;
mod bundles;
mod claims;
mod clients;
mod confirm;
mod counters;
mod daemon;
mod devices;
mod following;
mod handler;
mod handover;
mod hands;
mod hardware;
mod inbox;
mod keeper;
mod leases;
mod leases6;
mod leasing;
mod leasing6;
mod limit;
mod line;
mod log;
mod numbers;
mod reach;
mod report;
mod restart;
mod revalidator;
mod seen;
mod shared;
mod starting;
mod status;
mod tables;
mod timing;
mod topology;
mod transceivers;
mod vports;
mod vsctl;
mod why;
mod wiring;
mod worker;

use std::sync::Arc;

use crate::dp::{self, Dispatch, Dp, UpcallSocket};
use crate::error::{Error, Kind};
use crate::host::observe::system;
use crate::host::paths::Run;
use crate::nl;

use shared::Shared;
use starting::Starting;

/// How many threads answer upcalls at most, whatever the number of CPUs and ports: a third gains nothing while flow
/// installation is one lock in the kernel (`ovs_mutex`).
const HANDLERS: usize = 2;

/// How the agent is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Detach from whoever started it, and log to the run directory.
    pub background: bool,
    /// Have the kernel send upcalls to a socket a vport, as kernels before 5.15 do.
    pub per_vport: bool,
    /// Take the place of the agent that is running.
    pub replace: bool,
}

/// Runs the agent until it is told to stop.
///
/// # Errors
/// It cannot start, or what it serves failed. Bridges and flows stay as they are in the kernel either way.
pub fn run(options: &Options) -> Result<(), Error> {
    start(options).inspect_err(|error| {
        if options.background {
            daemon::failed(error);
        }
    })
}

fn start(options: &Options) -> Result<(), Error> {
    nl::keep_no_memory();
    let run = Run::from_env();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new(Kind::Failed, format!("cannot start the runtime: {error}")))?;
    let starting = Starting::begin("looking for the kernel's datapath", options.background)?;
    let families = dp::family::resolve()?;
    let mut kernel = Dp::new(families)?;
    let (_only, handed) = if options.replace { runtime.block_on(handover::take(&run))? } else { (daemon::only(&run)?, keeper::kept()) };
    let sockets = handed.into_iter().map(|fd| UpcallSocket::adopt(families, fd)).collect::<Result<Vec<_>, _>>()?;
    let has_predecessor = !sockets.is_empty();
    let sockets = if has_predecessor { sockets } else { open_sockets(families)? };
    let pids: Vec<u32> = sockets.iter().map(UpcallSocket::portid).collect();
    refuse_other_switch(&mut kernel, &pids)?;
    if options.background {
        daemon::detach(&run)?;
    }

    let count = sockets.len();
    let dispatch = if options.per_vport { Dispatch::PerVport } else { Dispatch::PerCpu };
    let upcalls = hands::Upcalls { pids, dispatch, shared: sockets.iter().map(UpcallSocket::share).collect::<Result<_, _>>()? };
    keeper::keep(&upcalls.shared);
    let shared = Arc::new(Shared::new(count)?);
    // What waits in a predecessor's sockets must find flows and topology known.
    let gate = has_predecessor.then(|| shared.shut());

    let (queue, orders) = inbox::queue()?;
    let leases = leases::Leases::new(runtime.handle().clone(), queue.clone());
    let leases6 = leases6::Leases6::new(runtime.handle().clone(), queue.clone());
    let announcer = announcer::Announcer::new(runtime.handle().clone());
    let mut worker = worker::Worker::new(run.clone(), kernel, upcalls, Arc::clone(&shared), (leases, leases6, announcer), orders)?;

    for socket in sockets {
        handler::spawn(socket, Dp::new(families)?, Arc::clone(&shared))?;
    }
    // Before anybody may ask for a change: what the agent before this one left is taken over, or back.
    starting.now("reading the kernel's devices and taking over, or back, what an agent before it left");
    runtime.block_on(async {
        // The worker blocks on leases that this runtime drives, so it gets its own thread for this too.
        let (done, adopted) = tokio::sync::oneshot::channel();
        let thread = std::thread::Builder::new().name("worker".into()).spawn(move || {
            let result = worker.take_over();
            let failed = result.is_err();
            if done.send(result).is_ok() && !failed {
                worker.run();
            }
        });
        thread.map_err(|error| Error::new(Kind::Failed, format!("cannot start a thread: {error}")))?;
        adopted.await.map_err(|_| Error::new(Kind::Failed, "the worker ended before it began"))?
    })?;
    drop(gate);
    drop(starting);
    bundles::spawn(run.clone(), Dp::new(families)?, Arc::clone(&shared))?;
    revalidator::spawn(run.clone(), Dp::new(families)?, Dp::new(families)?, Arc::clone(&shared))?;
    let served = runtime.block_on(serve(&run, queue, &shared, options.background));
    // What was received is answered; what comes now is for the next agent, which may be given the sockets. The gate stays shut for as long
    // as the process lives; where a successor has taken over the worker has shut it.
    if !matches!(served, Ok(true)) {
        std::mem::forget(shared.shut());
    }
    if !shared.caught_up(handover::CATCH_UP) {
        log::say("some upcalls were not answered");
    }
    revalidator::save(&run, &shared);
    bundles::save(&run, &shared);
    served.map(drop)
}

/// Serves the control socket until the process is told to stop; says whether that was because a successor has taken over.
async fn serve(run: &Run, queue: inbox::Queue, shared: &Arc<Shared>, background: bool) -> Result<bool, Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let fail = |error: std::io::Error| Error::new(Kind::Failed, format!("cannot listen for signals: {error}"));
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate()).map_err(fail)?, signal(SignalKind::interrupt()).map_err(fail)?);
    let inbox = Box::new(inbox::Front::new(queue, Arc::clone(shared)));
    let listener = crate::ctl::service::bind(&run.socket())?;
    daemon::ready(background);
    log::say("ready");
    tokio::select! {
        result = crate::ctl::service::serve(listener, inbox) => result.map(|()| false),
        _ = terminate.recv() => Ok(false),
        _ = interrupt.recv() => Ok(false),
        () = shared.leave.notified() => Ok(true),
    }
}

/// One socket a handler.
fn open_sockets(families: dp::Families) -> Result<Vec<UpcallSocket>, Error> {
    let count = std::thread::available_parallelism().map_or(1, usize::from).min(HANDLERS);
    Ok((0..count).map(|_| UpcallSocket::open(families)).collect::<Result<_, _>>()?)
}

/// One datapath, one switch: refuses when another program answers for it, with other sockets than `ours`.
fn refuse_other_switch(kernel: &mut Dp, ours: &[u32]) -> Result<(), Error> {
    let refuse = |who: String| {
        Error::new(Kind::OtherSwitch, format!("{who} owns the datapath {}", dp::SYSTEM))
            .advise("stop it first (`systemctl disable --now openvswitch` or `ovs-ctl stop`): two switches would undo each other's flows")
    };
    if let Some(process) = dp::owner::vswitchd() {
        return Err(refuse(process.to_string()));
    }
    let Some(datapath) = kernel.datapath(&system()?)? else { return Ok(()) };
    let vports = kernel.vports(datapath.index)?;
    let owner = dp::owner::owner(&datapath, &vports, ours)
        .map_err(|error| Error::new(Kind::Failed, format!("cannot tell who owns the datapath {}: {error}", dp::SYSTEM)))?;
    match owner {
        dp::owner::Owner::Other { process: Some(process), .. } => Err(refuse(process.to_string())),
        dp::owner::Owner::Other { portid, process: None } => Err(refuse(format!("another program (netlink port {portid})"))),
        dp::owner::Owner::Nobody | dp::owner::Owner::Us => Ok(()),
    }
}
