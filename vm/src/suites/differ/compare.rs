//! What is on purpose not as in Open vSwitch (`docs/switch.md`): what ours should do, from what theirs does.
//!
//! Everything here is as narrow as it can be told, and where a rule says what a packet looks like, what theirs makes of it must be the same
//! but for what the rule is about.

use anyhow::ensure;

use super::actions::Arrival;
use super::config::{Bridge, Flavour, Setup};
use super::megaflow::Fields;
use super::packet::{MADE_UP, Packet, Tag};

/// How a port deals with VLANs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Trunk,
    Access,
    Native { tagged: bool },
    Customers { tpid: u16 },
}

/// What of a port's settings the rules here ask.
#[derive(Debug, Clone, Copy)]
struct Rules {
    mode: Mode,
    /// Its own VLAN, 0 without one.
    vlan: u16,
    /// With which least priority a packet that has a tag and leaves without a VLAN keeps one.
    keeps_from: Option<u8>,
}

impl Rules {
    fn of(bridge: &Bridge, port: &str) -> Rules {
        let settings = bridge.settings_of(port).unwrap_or_default();
        let value = |key: &str| settings.iter().find_map(|setting| setting.strip_prefix(key)?.strip_prefix('='));
        let vlan = value("tag").and_then(|text| text.parse().ok());
        let mode = match value("vlan_mode") {
            Some("access") => Mode::Access,
            Some("native-tagged") => Mode::Native { tagged: true },
            Some("native-untagged") => Mode::Native { tagged: false },
            Some("dot1q-tunnel") => Mode::Customers { tpid: if value("other_config:qinq-ethtype") == Some("802.1q") { 0x8100 } else { 0x88a8 } },
            None if vlan.is_some() => Mode::Access,
            _ => Mode::Trunk,
        };
        let keeps_from = match value("other_config:priority-tags") {
            Some("always") => Some(0),
            Some("if-nonzero" | "true") => Some(1),
            _ => None,
        };
        Rules { mode, vlan: vlan.filter(|_| mode != Mode::Trunk).unwrap_or(0), keeps_from }
    }

    /// Whether a packet of `vlan` leaves without a VLAN's tag.
    fn bares(&self, vlan: u16) -> bool {
        match self.mode {
            Mode::Access | Mode::Customers { .. } => true,
            Mode::Native { tagged } => vlan == 0 || (!tagged && vlan == self.vlan),
            Mode::Trunk => vlan == 0,
        }
    }
}

/// The packet to ask theirs about. Open vSwitch loses a tag without VLAN and priority that is under another one: this one has a priority.
pub(super) fn question(bridge: &Bridge, packet: &Packet) -> Packet {
    let customers = matches!(Rules::of(bridge, &packet.in_port).mode, Mode::Customers { .. });
    packet.with_priorities(usize::from(!customers && packet.tags.len() < 2))
}

/// What theirs does with that, of the packet itself.
pub(super) fn answer(mut arrivals: Vec<Arrival>) -> Vec<Arrival> {
    for tag in arrivals.iter_mut().flat_map(|arrival| &mut arrival.tags).filter(|tag| tag.pcp == MADE_UP) {
        tag.pcp = 0;
    }
    arrivals
}

/// Whether ours does not let in what theirs would: access and native ports do not take a priority tag over another tag.
fn is_refused(bridge: &Bridge, packet: &Packet) -> bool {
    let over_another = matches!(packet.tags[..], [Tag { vid: 0, .. }, _, ..]);
    over_another && matches!(Rules::of(bridge, &packet.in_port).mode, Mode::Access | Mode::Native { .. })
}

/// What ours should do with a packet of which theirs does this. `flooded` is what theirs does with the same packet to a station that it
/// does not know.
pub(super) fn expected(setup: &Setup, bridge: &Bridge, packet: &Packet, theirs: &[Arrival], flooded: &[Arrival]) -> anyhow::Result<Vec<Arrival>> {
    let mut arrivals = theirs.to_vec();
    // A station that is known is not sent what a flood would not bring it.
    if !packet.is_to_group() {
        arrivals.retain(|arrival| flooded.contains(arrival));
    }
    if setup.flavour != Flavour::Alone {
        return Ok(arrivals);
    }
    if is_refused(bridge, packet) {
        return Ok(Vec::new());
    }
    let from = Rules::of(bridge, &packet.in_port);
    let customers = matches!(from.mode, Mode::Customers { .. });
    let under = if customers { &packet.tags[..] } else { packet.tags.get(1..).unwrap_or_default() };
    // What has a tag under its VLAN's never leaves by an access port.
    arrivals.retain(|arrival| under.is_empty() || Rules::of(bridge, &arrival.port).mode != Mode::Access);
    for arrival in &mut arrivals {
        let to = Rules::of(bridge, &arrival.port);
        // What comes from customers has the priority 0 beside theirs, and goes back as it was. A trunk leaves a priority tag over another tag as
        // it is. `priority-tags` says something of a packet that has a tag and no other under it, and means the same everywhere.
        if customers || matches!(to.mode, Mode::Customers { .. }) || packet.tags.first().is_some_and(|tag| tag.vid == 0) || to.keeps_from.is_some() {
            let tags = leaves_with(from, to, packet, under);
            let mut theirs = tags.clone();
            if customers && under.len() > 1 {
                // Open vSwitch loses the second tag of a customer, as it knows two with the provider's;
                theirs.remove(tags.len() - under.len() + 1);
            }
            // and when the port has no VLAN all that it knows of, unless the provider's tag is given a priority, or `always` keeps it.
            let lost = if customers && from.vlan == 0 { under.get(2..).unwrap_or_default() } else { &theirs[..] };
            let alike = [&theirs[..], lost].iter().any(|tags| vlans(tags) == vlans(&arrival.tags));
            ensure!(alike, "other VLANs than theirs are expected: {tags:?} instead of {arrival:?}");
            arrival.tags = tags;
        }
    }
    Ok(arrivals)
}

/// The tags that are no mere priorities, without those.
fn vlans(tags: &[Tag]) -> Vec<(u16, u16)> {
    tags.iter().filter(|tag| tag.vid != 0).map(|tag| (tag.tpid, tag.vid)).collect()
}

/// What ours may match on and theirs does not, because theirs is too wide and answers later packets as the first one: it forgets that customers'
/// VLANs are asked for, that `priority-tags` asks for the priority, and that behind a patch port the tag under one that came off is the VLAN.
pub(super) fn forgotten(setup: &Setup) -> Fields {
    let told = |what: &str| setup.bridges.iter().any(|bridge| bridge.is_told(what));
    let mut fields = Fields::new();
    if told("cvlans=") {
        fields.extend(["vid", "inner vid"]);
    }
    if setup.flavour == Flavour::Customers {
        fields.insert("inner vid");
    }
    if told("other_config:priority-tags=") {
        fields.insert("pcp");
    }
    fields
}

/// The tags that a packet which came in by a port leaves with by another one.
fn leaves_with(from: Rules, to: Rules, packet: &Packet, under: &[Tag]) -> Vec<Tag> {
    let outer = packet.tags.first().copied();
    let said = outer.map_or(0, |tag| tag.vid);
    let with = |tag: Tag| [&[tag], under].concat();
    if let Mode::Customers { tpid } = from.mode {
        let bare = match to.mode {
            Mode::Access | Mode::Customers { .. } => true,
            Mode::Native { tagged } => !tagged && from.vlan == to.vlan,
            Mode::Trunk => false,
        };
        return if bare { under.to_vec() } else { with(Tag { tpid, vid: from.vlan, pcp: 0 }) };
    }
    let vlan = if said == 0 { from.vlan } else { said };
    let own = Tag { tpid: outer.map_or(0x8100, |tag| tag.tpid), vid: vlan, pcp: outer.map_or(0, |tag| tag.pcp) };
    match outer {
        _ if !to.bares(vlan) => with(own),
        Some(tag) if said == 0 && !under.is_empty() && !matches!(to.mode, Mode::Customers { .. }) => with(tag),
        Some(tag) if under.is_empty() && !matches!(to.mode, Mode::Customers { .. }) && to.keeps_from.is_some_and(|least| tag.pcp >= least) => {
            vec![Tag { tpid: if said == 0 { tag.tpid } else { 0x8100 }, vid: 0, pcp: tag.pcp }]
        }
        _ => under.to_vec(),
    }
}
