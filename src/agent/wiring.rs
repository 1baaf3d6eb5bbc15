//! The topology in force, kept in step with the datapath: anew from what the kernel lists, and device by device from its answers, so that
//! attaching one costs the same however many there are.

use ovsdp_proto::IfName;

use super::hands::Hands;
use super::log;
use super::numbers::Numbers;
use super::shared::now;
use super::topology::{self, Added};
use crate::error::Error;
use crate::host::observe::system;

impl Hands {
    /// Places every port where the memory has it, and puts the topology of that in force.
    ///
    /// # Errors
    /// The kernel did not answer.
    pub(super) fn place_remembered(&mut self) -> Result<(), Error> {
        self.places = topology::places(&self.shared.memory());
        self.refresh()
    }

    /// The same after a change was made as planned: which ports the datapath has is known from its steps.
    ///
    /// # Errors
    /// The kernel did not answer.
    pub(super) fn place_applied(&mut self) -> Result<(), Error> {
        self.places = topology::places(&self.shared.memory());
        self.rewire()
    }

    /// Reads which ports the datapath has, puts the topology that they and the places make in force, and says which datapath there is.
    /// To be called whenever either may have changed otherwise than by [`Self::note_attached`] and [`Self::note_detached`].
    ///
    /// # Errors
    /// The kernel did not answer.
    pub(super) fn refresh(&mut self) -> Result<(), Error> {
        let found = match self.dp.datapath(&system()?)? {
            Some(datapath) => Some((datapath.index, datapath.dispatch(), self.dp.vports(datapath.index)?)),
            None => None,
        };
        self.shared.set_datapath(found.as_ref().map(|(index, dispatch, _)| (*index, *dispatch)));
        let vports = found.map(|(_, _, vports)| vports).unwrap_or_default();
        self.attached = vports.iter().map(|vport| (vport.name, vport.number)).collect();
        self.numbers = Numbers::of(self.attached.values().copied());
        self.rewire()
    }

    /// Takes note of a device that was just attached.
    ///
    /// # Errors
    /// The kernel did not answer.
    pub(super) fn note_attached(&mut self, name: IfName, number: u32) -> Result<(), Error> {
        let added = if self.outdated { None } else { topology::added(&self.places, &self.shared.memory(), &self.attached, (name, number)) };
        self.attached.insert(name, number);
        self.numbers.take(number);
        let is_in_force = added.is_some_and(|added| {
            let switch = &mut self.shared.core().switch;
            match added {
                Added::Bridge(bridge) => switch.plug_bridge(*bridge),
                Added::Port(bridge, rules) => switch.plug(bridge, name, number, &rules),
            }
        });
        self.follow_up(is_in_force)
    }

    /// Takes note of a port that was just detached.
    ///
    /// # Errors
    /// The kernel did not answer.
    pub(super) fn note_detached(&mut self, name: IfName) -> Result<(), Error> {
        let number = self.attached.remove(&name);
        number.into_iter().for_each(|number| self.numbers.give_back(number));
        let is_in_force = !self.outdated && number.is_some_and(|number| self.shared.core().switch.unplug(number));
        self.follow_up(is_in_force)
    }

    /// Puts the topology in force that ports, places and memory make.
    fn rewire(&mut self) -> Result<(), Error> {
        let bundled = topology::of_bundles(&self.shared.memory());
        let mut links = Vec::new();
        for name in bundled.iter().filter(|name| self.attached.contains_key(*name)) {
            // An alternative name finds a device too.
            links.extend(self.rtnl.link(name)?.filter(|link| link.name == *name));
        }
        let topology = topology::topology(&self.places, &self.shared.memory(), &self.attached, &links);
        let result = self.shared.core().switch.set_topology(now(), topology);
        match result {
            Ok(true) => {
                self.shared.bundles.look();
                self.shared.ring();
            }
            Ok(false) => {}
            // The kernel numbers and names ports uniquely; this would be a bug here, and the old topology goes on.
            Err(error) => log::say(format_args!("the topology stays as it was: {error}")),
        }
        self.outdated = false;
        Ok(())
    }

    /// After one device more or less: the whole topology is put in force where that could not be done alone. No bundle has become another
    /// where it could.
    fn follow_up(&mut self, is_in_force: bool) -> Result<(), Error> {
        if !is_in_force {
            return self.rewire();
        }
        self.shared.ring();
        Ok(())
    }
}
