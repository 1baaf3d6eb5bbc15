//! `ovsdp plan`: what `up` would change, from the files and the kernel alone.

use serde_json::json;

use super::args::Common;
use super::output;
use super::show::memory;
use crate::dp::{self, Dp};
use crate::error::Error;
use crate::host::observe::observe;
use crate::host::paths::{Run, config_dir};
use crate::host::{config, firewall, hardware, network_manager};
use crate::plan;
use crate::rtnl::Rtnl;

pub(super) fn run(run: &Run, names: &[String], common: Common) -> Result<(), Error> {
    let config = config::read(&config_dir(common.dir))?;
    let names = config.names(names)?;
    let warnings = config.warnings();
    if !warnings.is_empty() {
        eprintln!("{warnings}");
    }
    let memory = memory(run)?;
    let mut dp = match Dp::open() {
        Ok(dp) => Some(dp),
        // Without the module there is no datapath yet; `up` says so if it cannot be had.
        Err(dp::Error::NoFamily(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let mut observed = observe(&mut Rtnl::open()?, dp.as_mut(), memory)?;
    let intent = observed.memory.with_commanded(config.intent);
    let target = plan::Target::Up { intent: &intent, names: &names };
    observed.hardware = hardware::observe(&plan::looked_at(&target, &observed.memory))?;
    if plan::asks_firewall(&target, &observed.memory) {
        observed.firewall = firewall::observe()?;
    }
    observed.manager = network_manager::observe(&plan::may_leave(&target, &observed.memory))?;
    let plan = plan::up(&intent, &names, &observed)?;
    if common.json {
        return output::json(&json!({ "steps": plan.steps, "later": plan.later, "notes": plan.notes }));
    }
    if plan.is_empty() {
        return output::text("nothing to do: everything is as the files say\n");
    }
    output::text(&plan.render())
}
