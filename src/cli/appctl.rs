//! `ovsdp appctl`: what `ovs-appctl` is asked of bonds and LACP, answered by the agent.

use super::{launch, output};
use crate::error::{Error, Kind};
use crate::host::paths::Run;

pub(super) fn run(run: &Run, words: &[String]) -> Result<(), Error> {
    let Some(mut client) = launch::running(run)? else {
        return Err(Error::new(Kind::NoSuch, "the agent is not running, so there are no bonds").advise("`ovsdp up` starts it"));
    };
    output::text(&client.appctl(words)?)
}
