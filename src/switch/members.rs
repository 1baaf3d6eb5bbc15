//! What bonds and LACP make of a packet that comes in: whether it is theirs, whether a member takes it, and by which member one
//! goes out that came round for that.

use core::time::Duration;

use ovsdp_proto::Mac;
use ovsdp_proto::key::L2;

use super::arp;
use super::bond::{Exit, Verdict};
use super::bundles::Slot;
use super::decision::{Decision, Install, Load, Read, Reason};
use super::lacp::SLOW_PROTOCOLS;
use super::state::{Place, Switch};
use super::steps::{Observer, Step};
use super::time::Moment;

/// How long a bond may not move a station that has just said where it is.
pub(super) const ARP_LOCK: Duration = Duration::from_secs(5);

impl Switch {
    /// Sends a packet that came round by the member of a bond that its hash chooses.
    pub(super) fn spread<O: Observer>(&mut self, at: usize, l2: &L2, out: &mut Decision, observer: &mut O) {
        let one = &mut self.bundles.all[at];
        let exit = one.bond.as_mut().map_or(Exit::Nowhere, |bond| bond.exit_after(l2.dp_hash));
        let Exit::Bucket { dp_port, bucket } = exit else {
            return out.settle(l2, Reason::Recirculated, Read::default(), Install::Briefly);
        };
        let port = one.port;
        (out.bridge, out.port) = (Some(self.bridges[one.bridge].id), Some(port));
        out.output(dp_port);
        out.loads.push(Load { port, bucket });
        observer.step(Step::Member { port, exit });
        out.settle(l2, Reason::Spread, Read { bucket: true, ..Read::default() }, Install::Yes);
    }

    /// Whether a packet is for the LACP of the port it came in by.
    #[inline]
    pub(super) fn hears_lacp(&self, ingress: Place, l2: &L2) -> bool {
        let speaks = |slot: Slot| self.bundles.all[slot.bundle].lacp.is_some();
        l2.eth_type == SLOW_PROTOCOLS && l2.vlan.is_none() && ingress.slot.is_some_and(speaks)
    }

    /// What the bond a packet came in by makes of it, if it is a bond.
    #[inline]
    pub(super) fn verdict(&self, now: Moment, ingress: Place, dst: Mac) -> Verdict {
        let Some(Slot { bundle, member }) = ingress.slot else { return Verdict::Accept };
        self.bundles.all[bundle].bond.as_ref().map_or(Verdict::Accept, |bond| bond.admit(now, member, dst))
    }

    /// Whether a packet that came in by a bond was sent back by the network: its sender is behind another port, or was until a moment ago
    /// and is not known now. Unless it says that it has moved; which is not believed of one that has just said where it is, there. `l2` is
    /// what `key` says. If so, whether that may be installed: what holds for a moment is not.
    pub(super) fn sent_back(&self, now: Moment, ingress: Place, vlan: u16, l2: &L2, key: &[u8]) -> Option<Install> {
        let (bridge, address) = (&self.bridges[ingress.bridge], (vlan, l2.eth_src));
        let install = match bridge.fdb.find(address) {
            Some(found) => (found.port != ingress.port).then_some(Install::Yes),
            None => bridge.lately.was_elsewhere(now, address, ingress.port).then_some(Install::No),
        };
        install.filter(|_| !arp::is_gratuitous(l2, key) || bridge.fdb.is_locked(now, address))
    }
}
