//! `ovsdp top`: ports, flows and upcalls by rate, on a terminal ([`screen`], [`draw`]) or as plain tables ([`batch`]). Needs
//! neither the agent nor a privilege.
//!
//! What keys do is in [`state`], what tables have in [`view`], which flows are busiest in [`flows`]: all pure. Here the kernel is
//! asked. Flows are read tersely, and only those shown are asked for whole and formatted.

mod args;
mod batch;
mod draw;
mod flows;
mod page;
mod screen;
mod state;
mod texts;
mod view;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::time::Instant;

use ovsdp_proto::IfName;
use ovsdp_proto::action::append_actions;
use ovsdp_proto::flow::Which;
use ovsdp_proto::key::append_key;
use ovsdp_proto::text::Style;

pub(super) use args::TopArgs;

use self::flows::{FlowTable, Id};
use super::reading::{self, Datapath, DatapathRates};
use super::stats::nothing;
use crate::dp::{Dp, SYSTEM};
use crate::error::{Error, Kind};

/// Shows what is busiest until told to stop.
pub(super) fn run(args: &TopArgs) -> Result<(), Error> {
    let on_a_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    if !args.batch && !on_a_terminal {
        return Err(Error::new(Kind::Usage, "standard input and output must be a terminal, and are not both one")
            .advise("`ovsdp top --batch` prints plain tables for pipes and scripts"));
    }
    let mut source = Source { dp: Dp::open()?, chosen: args.datapath };
    let (mut scene, began) = (Scene::default(), Instant::now());
    source.read(&mut scene)?;
    if scene.now.is_none() {
        return Err(nothing(args.datapath.as_ref()));
    }
    if args.batch { batch::run(args, &mut source, scene, began) } else { screen::run(args, &mut source, scene, began) }
}

/// What the last two readings of one datapath say.
#[derive(Debug, Default)]
struct Scene {
    /// The last reading; `None` while the datapath is gone.
    now: Option<Datapath>,
    rates: DatapathRates,
    flows: FlowTable,
    /// Messages of the kernel that could not be read so far: what they told is missing.
    unreadable: u64,
}

/// Where readings come from.
#[derive(Debug)]
struct Source {
    dp: Dp,
    /// The datapath that is shown whether it is there or not.
    chosen: Option<IfName>,
}

impl Source {
    /// Reads the datapath once more.
    ///
    /// # Errors
    /// The kernel did not answer.
    fn read(&mut self, scene: &mut Scene) -> Result<(), Error> {
        let all = reading::datapaths(&mut self.dp, self.chosen.as_ref())?;
        let Some(found) = all.iter().find(|datapath| &*datapath.name == SYSTEM).or(all.first()) else {
            *scene = Scene::default();
            return Ok(());
        };
        let before = scene.now.take().filter(|before| before.index == found.index);
        if before.is_none() {
            scene.flows = FlowTable::default();
        }
        let flows = &mut scene.flows;
        flows.begin(crate::dp::now_ms());
        // What comes again from the beginning is what is seen twice.
        scene.now = reading::read(&mut self.dp, found, |flow| flow.into_iter().for_each(|flow| flows.see(flow)))?;
        flows.end();
        scene.unreadable = self.dp.counters().unreadable;
        scene.rates = scene.now.as_ref().map(|now| DatapathRates::between(before.as_ref(), now)).unwrap_or_default();
        Ok(())
    }

    /// Chooses the datapath that comes behind the one shown, by name.
    ///
    /// # Errors
    /// The kernel did not answer.
    fn turn(&mut self, scene: &Scene) -> Result<(), Error> {
        let all = reading::datapaths(&mut self.dp, None)?;
        let shown = scene.now.as_ref().map(|now| now.name).or(self.chosen);
        let behind = all.iter().find(|datapath| shown.is_none_or(|shown| datapath.name > shown)).or(all.first());
        self.chosen = behind.map(|datapath| datapath.name).or(self.chosen);
        Ok(())
    }

    /// The text of a flow: its key and actions, ports by name.
    fn text(&mut self, now: &Datapath, id: &Id) -> String {
        let names: BTreeMap<u32, &str> = now.ports.iter().map(|port| (port.number, &*port.name)).collect();
        let name = |port: u32| names.get(&port).copied();
        let style = Style { names: Some(&name), verbose: false };
        let which = match id {
            Id::Named(ufid) => Which::Ufid(*ufid),
            Id::Nameless(key) => Which::Key(key),
        };
        let mut text = Vec::new();
        let found = self.dp.flow(now.index, which, |flow| {
            append_key(&mut text, flow.key.unwrap_or_default(), flow.mask, &style);
            text.extend_from_slice(b" actions:");
            append_actions(&mut text, flow.actions.unwrap_or_default(), &style);
        });
        match found {
            Ok(true) => String::from_utf8_lossy(&text).into_owned(),
            Ok(false) => "(gone meanwhile)".into(),
            Err(error) => format!("({error})"),
        }
    }
}
