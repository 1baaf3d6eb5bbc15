//! A packet's way out of a bridge: to which ports, with which tags, through which members, tunnels and other bridges.
//!
//! The actions are one list, and what an action did to the packet's tags holds for what stands behind it. So each tag is put on
//! or taken off once for all ports that want it so, those first that want nothing; and what another bridge did to the tags is
//! set apart in a `clone` when something stands behind it. So is the mark that a tunnel sets.

use ovsdp_proto::action;

use super::bond;
use super::decision::{Decision, Load, Reason};
use super::normal::{Inside, TooFar, Walk};
use super::state::{Exit, Port, Switch};
use super::steps::{LeftOut, Observer, Step};
use super::topology::PortId;
use super::tunnel::{self, Inner, Outer};
use super::vlan::{Edit, TagRead};
use crate::model::{Inherit, Tunnel};

/// How many `clone` actions may stand within each other. The kernel keeps copies of the key for three, then puts the work off, and
/// refuses more than 16 (`OVS_DEFERRED_ACTION_THRESHOLD`, `OVS_COPY_ACTIONS_MAX_DEPTH`).
const NESTED: u8 = 8;

/// Which actions at the end of the list leave the packet with other tags than the bridge they were made in has it with.
#[derive(Debug, Default)]
pub(super) struct Apart {
    /// From here on, and how many `clone`s are within each other there.
    from: Option<(usize, u8)>,
    /// Whether the bridge the packet is in has changed its tags.
    edited: bool,
    /// How many `clone`s are within each other in what was made in that bridge.
    nested: u8,
}

impl Apart {
    /// Sets apart what has to be, before more is appended.
    #[inline]
    fn settle(&mut self, out: &mut Decision) -> Result<(), TooFar> {
        match self.from.take() {
            None => Ok(()),
            Some((from, within)) => self.enclose(from, within + 1, out),
        }
    }

    #[cold]
    fn enclose(&mut self, from: usize, nested: u8, out: &mut Decision) -> Result<(), TooFar> {
        if nested > NESTED {
            return Err(TooFar);
        }
        self.nested = self.nested.max(nested);
        action::enclose(&mut out.actions, from).map_err(|_| TooFar)
    }
}

impl Switch {
    /// To the port a station is behind; everywhere when that is not known.
    pub(super) fn unicast<O: Observer>(
        &mut self,
        walk: &mut Walk<'_, O>,
        inside: &Inside<'_>,
        tags: &mut TagRead,
        found: Option<PortId>,
    ) -> Result<Reason, TooFar> {
        let Some(place) = found.and_then(|id| self.by_id.get(&id).copied()) else {
            self.flood(walk, inside, tags)?;
            return Ok(Reason::Unknown);
        };
        let edit = match inside.plain {
            true if place.port == inside.ingress.port => Err(LeftOut::CameFrom),
            true => Ok(Edit::Keep),
            false => self.edit(inside, place.index, tags),
        };
        match edit {
            Ok(edit) => {
                let led = self.group(walk, inside, &mut { Edit::Keep }, edit, &mut [place.index].into_iter())?;
                Ok(if led { Reason::Forwarded } else { Reason::Nowhere })
            }
            Err(LeftOut::CameFrom) => Ok(Reason::SamePort),
            Err(LeftOut::Protected) => Ok(Reason::Protected),
            Err(_) => Ok(Reason::NotCarried),
        }
    }

    /// To every port that carries it but the one it came from: first those that need nothing done to its tags.
    pub(super) fn flood<O: Observer>(&mut self, walk: &mut Walk<'_, O>, inside: &Inside<'_>, tags: &mut TagRead) -> Result<(), TooFar> {
        let ports = 0..self.bridges[inside.ingress.bridge].ports.len();
        let (mut pop, mut new) = (false, false);
        for at in ports.clone() {
            let edit = match inside.plain {
                true if at == inside.ingress.index => Err(LeftOut::CameFrom),
                true => Ok(Edit::Keep),
                false => self.edit(inside, at, tags),
            };
            match edit {
                Ok(Edit::Keep) => drop(self.leave(walk, inside, at, Edit::Keep)?),
                Ok(Edit::Pop) => pop = true,
                Ok(Edit::New) => new = true,
                Err(why) => walk.observer.step(Step::LeftOut { port: self.bridges[inside.ingress.bridge].ports[at].id, why }),
            }
        }
        let mut before = Edit::Keep;
        for edit in [(pop, Edit::Pop), (new, Edit::New)].into_iter().filter_map(|(wanted, edit)| wanted.then_some(edit)) {
            self.group(walk, inside, &mut before, edit, &mut ports.clone())?;
        }
        Ok(())
    }

    /// To those of some ports that want `edit` made of the packet, of which `before` was made; that is then `edit`, unless it was
    /// for nothing. Says whether a port leads anywhere.
    fn group<O: Observer>(
        &mut self,
        walk: &mut Walk<'_, O>,
        inside: &Inside<'_>,
        before: &mut Edit,
        edit: Edit,
        ports: &mut dyn Iterator<Item = usize>,
    ) -> Result<bool, TooFar> {
        walk.apart.settle(walk.out)?;
        let start = walk.out.actions.len();
        inside.put_edit(*before, edit, walk.out);
        let edited = walk.out.actions.len();
        let mut led = false;
        for at in ports {
            if inside.plain || self.edit(inside, at, &mut TagRead::default()) == Ok(edit) {
                led |= self.leave(walk, inside, at, edit)?;
            }
        }
        if walk.out.actions.len() > edited {
            walk.apart.edited |= edited > start;
            *before = edit;
        } else {
            walk.out.actions.truncate(start);
        }
        Ok(led)
    }

    /// What is done to the packet's tags before it leaves by a port of the bridge; or why it does not.
    #[inline]
    fn edit(&self, inside: &Inside<'_>, at: usize, tags: &mut TagRead) -> Result<Edit, LeftOut> {
        let ports = &self.bridges[inside.ingress.bridge].ports;
        let (port, ingress) = (&ports[at], &ports[inside.ingress.index]);
        if at == inside.ingress.index {
            return Err(LeftOut::CameFrom);
        }
        if port.rules.protected && ingress.rules.protected {
            return Err(LeftOut::Protected);
        }
        port.rules.egress(inside.admitted, &inside.frame.l2, tags).ok_or(LeftOut::NotCarried)
    }

    /// Out by a port, `edit` having been made of the packet; says whether that leads anywhere.
    #[inline]
    fn leave<O: Observer>(&mut self, walk: &mut Walk<'_, O>, inside: &Inside<'_>, at: usize, edit: Edit) -> Result<bool, TooFar> {
        walk.apart.settle(walk.out)?;
        let Port { id: port, exit, .. } = &self.bridges[inside.ingress.bridge].ports[at];
        let port = *port;
        match exit {
            Exit::Device(dp_port) => {
                walk.out.output(*dp_port);
                walk.observer.step(Step::Output { port, edit });
            }
            Exit::Bundle { at, first } => match self.bundles.bond(*at) {
                Some(bond) => {
                    let exit = bond.exit(walk.l2.eth_src, inside.admitted.vlan);
                    // A bucket is the sender's and its VLAN's, which was read to let it in.
                    walk.read.src |= matches!(exit, bond::Exit::Bucket { .. });
                    by_member(walk.out, port, exit);
                    walk.observer.step(Step::Member { port, exit });
                    return Ok(exit != bond::Exit::Nowhere);
                }
                None => {
                    walk.out.output(*first);
                    walk.observer.step(Step::Output { port, edit });
                }
            },
            Exit::Tunnel(dp_port, tunnel) => {
                let from = walk.out.actions.len();
                let Some(()) = wrap(walk, tunnel) else {
                    walk.observer.step(Step::LeftOut { port, why: LeftOut::OwnAddress });
                    return Ok(false);
                };
                walk.out.output(*dp_port);
                // So that what stands behind has the mark it came with, which then nobody needs to read.
                if tunnel.mark.is_some() {
                    walk.apart.enclose(from, 1, walk.out)?;
                }
                walk.observer.step(Step::Output { port, edit });
            }
            Exit::Patch(None) => {
                walk.observer.step(Step::LeftOut { port, why: LeftOut::NoPeer });
                return Ok(false);
            }
            Exit::Patch(Some(peer)) => {
                let peer = *peer;
                let Some(frame) = inside.frame.after(edit, inside.admitted) else {
                    walk.observer.step(Step::LeftOut { port, why: LeftOut::ManyTags });
                    return Ok(false);
                };
                walk.observer.step(Step::Output { port, edit });
                let (from, outer) = (walk.out.actions.len(), walk.outer);
                let before = core::mem::take(&mut walk.apart);
                walk.outer = outer.map(Outer::without_id);
                let (reason, _) = self.pass(walk, &frame, peer, inside.depth + 1)?;
                walk.outer = outer;
                walk.observer.step(Step::Passed { bridge: self.bridges[peer.bridge].id, reason });
                let there = core::mem::replace(&mut walk.apart, before);
                walk.apart.nested = walk.apart.nested.max(there.nested);
                if there.edited || there.from.is_some() {
                    walk.apart.from = Some((from, there.nested));
                }
            }
        }
        Ok(true)
    }
}

impl Inside<'_> {
    /// Appends what makes `edit` of the packet after `before`.
    fn put_edit(&self, before: Edit, edit: Edit, out: &mut Decision) {
        let popped = before == Edit::Pop;
        if !popped && (edit == Edit::Pop || (edit == Edit::New && self.admitted.replaces(&self.frame.l2))) {
            action::pop_vlan(&mut out.actions);
        }
        if edit == Edit::New {
            action::push_vlan(&mut out.actions, self.admitted.new_tag(&self.frame.l2));
        }
    }
}

/// Appends what sends the packet by a member of the bond `port`.
fn by_member(out: &mut Decision, port: PortId, exit: bond::Exit) {
    match exit {
        bond::Exit::Nowhere => {}
        bond::Exit::Port { dp_port } => out.output(dp_port),
        bond::Exit::Bucket { dp_port, bucket } => {
            out.output(dp_port);
            out.loads.push(Load { port, bucket });
        }
        bond::Exit::Recirculate { recirc_id, basis } => out.recirculate(recirc_id, basis),
    }
}

/// Sets the outer header `tunnel` gives the packet, and notes what that depends on. `None`: it does not go by this tunnel.
fn wrap<O>(walk: &mut Walk<'_, O>, tunnel: &Tunnel) -> Option<()> {
    let inherits = tunnel.tos == Inherit::Inner || tunnel.ttl == Inherit::Inner;
    let inner = if inherits { Inner::parse(walk.key, walk.l2) } else { Inner::default() };
    tunnel::set(&mut walk.out.actions, tunnel, walk.outer.as_ref(), &inner)?;
    if inner.is_ip() {
        walk.read.tos |= if tunnel.tos == Inherit::Inner { tunnel::DSCP } else { 0 };
        walk.read.ttl |= tunnel.ttl == Inherit::Inner;
    }
    Some(())
}
