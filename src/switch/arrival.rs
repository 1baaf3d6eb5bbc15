//! Where a packet came from: which port of which bridge, by its number in the datapath and, out of a tunnel device, by its
//! outer header.

use ovsdp_proto::key::L2;

use super::decision::{Install, Reason};
use super::state::{Place, Switch};
use super::tunnel::Outer;

/// Where a packet came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    /// The port; else why it is dropped, and whether a flow may do so.
    pub(super) ingress: Result<Place, (Reason, Install)>,
    /// The outer header, when that was asked.
    pub(super) outer: Option<Outer>,
}

impl Switch {
    /// Finds out. `key` is what `l2` was read from.
    pub(super) fn arrive(&self, key: &[u8], l2: &L2) -> Arrival {
        let dropped = |reason, install| Arrival { ingress: Err((reason, install)), outer: None };
        let Some(in_port) = l2.in_port else { return dropped(Reason::NoPort, Install::No) };
        if !l2.ethernet {
            return dropped(Reason::NoEthernet, Install::No);
        }
        if l2.recirc_id != 0 {
            return dropped(Reason::Recirculated, Install::Briefly);
        }
        if let Some(ingress) = self.by_dp_port.get(&in_port) {
            return Arrival { ingress: Ok(*ingress), outer: None };
        }
        if !self.tunnels.has_device(in_port) {
            return dropped(Reason::UnknownPort, Install::Briefly);
        }
        // Without an outer header a flow of it would match packets with one too.
        let Some(outer) = Outer::parse(key) else { return dropped(Reason::UnknownPort, Install::No) };
        let found = self.tunnels.find(in_port, &outer).ok_or((Reason::UnknownTunnel, Install::Briefly));
        Arrival { ingress: found, outer: Some(outer) }
    }
}
