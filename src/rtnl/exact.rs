//! Deleting the one route that is meant, beside others like it.
//!
//! Of IPv4 the kernel takes the first route that is equal in all a request says (`fib_table_delete`). What a request says nothing of may be
//! anything, and that there is no preferred source, or no metric, cannot be said: beside rivals it might take one of them.

use nix::errno::Errno;

use super::names::{rta, rtm};
use super::raw::Raw;
use super::route::Route;
use super::{Error, Mode, Rtnl, emit};
use crate::nl;

/// The `RTAX_*` that are numbers: all but the congestion control (16). 0 stands for none.
fn numbers() -> impl Iterator<Item = u16> {
    (1..=17).filter(|number| *number != 16)
}

impl Rtnl {
    /// Deletes the route that is `route`, and none that is like it. Rivals that the kernel would take for it are put aside for a moment.
    ///
    /// # Errors
    /// [`nl::Kind::NotFound`], [`nl::Kind::NotPermitted`]; what [`Self::routes`] and [`Self::add_route`] say.
    pub fn delete_route(&mut self, route: &Route) -> Result<(), Error> {
        if route.dst.addr().is_ipv6() {
            return self.delete(route);
        }
        let there = self.ipv4_routes()?;
        let Some(place) = there.iter().position(|one| is_the_one(one, route)) else {
            let gone = nl::Error::Kernel { errno: Errno::ESRCH, message: None, attr: None };
            return Err(gone.on("delete route", self.describe(route)));
        };
        let before = there.get(..place).unwrap_or_default();
        let rivals: Vec<&Route> = before.iter().filter(|one| may_be_taken(one, route)).collect();
        let is_first = |rival: &Route| !before.iter().take_while(|one| *one != rival).any(|one| competes(one, rival));
        // Whichever of a destination's routes is the first, and so in force, is the first again.
        let in_force = rivals.first().is_some_and(|rival| is_first(rival));
        for (count, rival) in rivals.iter().enumerate() {
            if let Err(error) = self.delete(rival) {
                self.put_back(rivals.get(..count).unwrap_or_default(), in_force)?;
                return Err(error);
            }
        }
        let deleted = self.delete(route);
        self.put_back(&rivals, in_force)?;
        deleted
    }

    fn put_back(&mut self, rivals: &[&Route], in_force: bool) -> Result<(), Error> {
        if in_force {
            return rivals.iter().rev().try_for_each(|rival| self.add_route(rival, Mode::Prepend));
        }
        rivals.iter().try_for_each(|rival| self.add_route(rival, Mode::Append))
    }

    /// Deletes the first route that is equal in all that can be said of `route`.
    fn delete(&mut self, route: &Route) -> Result<(), Error> {
        let mut named = route.clone();
        if route.dst.addr().is_ipv4() {
            let unset = numbers().filter(|number| route.rtax(*number).is_none());
            named.metrics.extend(unset.map(|kind| Raw { kind, bytes: 0_u32.to_ne_bytes().to_vec() }));
        }
        let request = named.message();
        self.socket
            .transact(|batch| batch.push(rtm::DELROUTE, 0, |out| emit(out, &request)), |_| Ok(()))
            .map_err(|error| error.on("delete route", self.describe(route)))
    }
}

fn competes(one: &Route, other: &Route) -> bool {
    (one.dst, one.table, one.tos, one.metric.unwrap_or(0)) == (other.dst, other.table, other.tos, other.metric.unwrap_or(0))
}

/// Whether the kernel takes `there` for `named`, when it meets it first.
fn may_be_taken(there: &Route, named: &Route) -> bool {
    let same = |route: &Route| (route.dst, route.table, route.tos, route.kind, route.scope, route.protocol);
    let metrics = numbers().all(|number| there.rtax(number).unwrap_or(0) == named.rtax(number).unwrap_or(0));
    let metric = named.metric.unwrap_or(0) == 0 || there.metric == named.metric;
    let source = named.prefsrc.is_none() || there.prefsrc == named.prefsrc;
    same(there) == same(named) && metrics && metric && source && leads_as(there, named)
}

fn leads_as(there: &Route, named: &Route) -> bool {
    let object = |route: &Route| route.extra.iter().find(|raw| raw.number() == rta::NH_ID).cloned();
    match (object(named), object(there)) {
        (Some(named), there) => return there == Some(named),
        // It cannot be told by what it comes to.
        (None, Some(_)) => return named.oif.is_none() && named.gateway.is_none() && named.next_hops.is_empty(),
        (None, None) => {}
    }
    if !named.next_hops.is_empty() {
        let hops = |route: &Route| route.next_hops.iter().map(|hop| (hop.oif, hop.gateway, hop.weight)).collect::<Vec<_>>();
        return hops(there) == hops(named);
    }
    let first = there.next_hops.first();
    let (oif, gateway) = (first.map_or(there.oif, |hop| Some(hop.oif)), first.map_or(there.gateway, |hop| hop.gateway));
    (named.oif.is_none() || oif == named.oif) && (named.gateway.is_none() || gateway == named.gateway)
}

/// Whether `there` is `named`.
fn is_the_one(there: &Route, named: &Route) -> bool {
    let has_object = named.extra.iter().any(|raw| raw.number() == rta::NH_ID);
    let hops = has_object || (there.oif, there.gateway, there.next_hops.len()) == (named.oif, named.gateway, named.next_hops.len());
    may_be_taken(there, named)
        && there.prefsrc == named.prefsrc
        && there.metric.unwrap_or(0) == named.metric.unwrap_or(0)
        && there.extra == named.extra
        && hops
}
