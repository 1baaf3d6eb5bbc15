//! How a port switches: in which bridge, which VLANs, and how it did before.

/// How a port switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mode {
    pub(super) vlans: Vlans,
    pub(super) protected: bool,
    pub(super) bridge: Bridge,
}

/// Which bridge a port is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bridge {
    /// That of most ports.
    First,
    /// The one behind the patch.
    Second,
    /// One that a command makes, behind a patch of its own to the first.
    Third,
    /// None: it is no port.
    Nowhere,
}

impl Bridge {
    /// What it is called.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Bridge::First => "br0",
            Bridge::Second => "br1",
            Bridge::Third => "br2",
            Bridge::Nowhere => "no bridge",
        }
    }

    /// Whether frames pass between it and another. `apart`: while the patch to the second is away.
    pub(super) fn is_joined(self, other: Bridge, apart: bool) -> bool {
        let is_any = self != Bridge::Nowhere && other != Bridge::Nowhere;
        is_any && (self == other || !apart || (self != Bridge::Second && other != Bridge::Second))
    }
}

/// Which VLANs a port carries, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vlans {
    /// All of them.
    Trunk,
    /// One, with its tag.
    TrunkOf(u16),
    /// One, without.
    Access(u16),
    /// Every VLAN with its tag, but one without.
    NativeUntagged(u16),
}

impl Vlans {
    /// The port's own VLAN.
    pub(super) const fn tag(self) -> Option<u16> {
        match self {
            Vlans::Access(vlan) | Vlans::NativeUntagged(vlan) => Some(vlan),
            Vlans::Trunk | Vlans::TrunkOf(_) => None,
        }
    }
}

impl Mode {
    /// A port of the first bridge that is not protected.
    pub(super) const fn of(vlans: Vlans) -> Mode {
        Mode { vlans, protected: false, bridge: Bridge::First }
    }

    /// The same in another bridge.
    pub(super) const fn of_bridge(self, bridge: Bridge) -> Mode {
        Mode { bridge, ..self }
    }

    /// What a file says of its VLANs.
    pub(super) fn options(self) -> String {
        let protected = if self.protected { " protected=true" } else { "" };
        match self.vlans {
            Vlans::Trunk => format!("trunks=[]{protected}"),
            Vlans::TrunkOf(vlan) => format!("trunks={vlan}{protected}"),
            Vlans::Access(vlan) => format!("tag={vlan}{protected}"),
            Vlans::NativeUntagged(vlan) => format!("vlan_mode=native-untagged tag={vlan}{protected}"),
        }
    }

    /// The same for a command, which says what it is no longer too.
    pub(super) fn columns(self) -> String {
        let (mode, tag, trunks) = match self.vlans {
            Vlans::Trunk => ("[]", None, None),
            Vlans::TrunkOf(vlan) => ("trunk", None, Some(vlan)),
            Vlans::Access(vlan) => ("access", Some(vlan), None),
            Vlans::NativeUntagged(vlan) => ("native-untagged", Some(vlan), None),
        };
        let number = |vlan: Option<u16>| vlan.map_or_else(|| "[]".to_owned(), |vlan| vlan.to_string());
        format!("vlan_mode={mode} tag={} trunks={} protected={}", number(tag), number(trunks), self.protected)
    }

    /// The VLAN of a frame that comes in with this tag; `None` when it is not taken.
    pub(super) fn admits(self, tag: Option<u16>) -> Option<u16> {
        match (self.vlans, tag) {
            (Vlans::Trunk, tag) => Some(tag.unwrap_or(0)),
            (Vlans::TrunkOf(vlan), tag) => tag.filter(|tag| *tag == vlan),
            (Vlans::Access(vlan) | Vlans::NativeUntagged(vlan), None) => Some(vlan),
            (Vlans::Access(_), Some(_)) => None,
            (Vlans::NativeUntagged(_), Some(tag)) => Some(tag),
        }
    }

    /// The tag a frame of a VLAN goes out with; `None` when it does not go out.
    pub(super) fn sends(self, vlan: u16) -> Option<Option<u16>> {
        let tagged = (vlan != 0).then_some(vlan);
        match self.vlans {
            Vlans::Trunk => Some(tagged),
            Vlans::TrunkOf(own) => (vlan == own).then_some(tagged),
            Vlans::Access(own) => (vlan == own).then_some(None),
            Vlans::NativeUntagged(own) if vlan == own => Some(None),
            Vlans::NativeUntagged(_) => tagged.map(Some),
        }
    }

    /// Whether one of them keeps frames from the other: ports of different bridges do not.
    pub(super) fn is_protected_from(self, other: Mode) -> bool {
        self.protected && other.protected && self.bridge == other.bridge
    }
}

/// How a port switches, and did before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Modes {
    now: Mode,
    /// Frames below this number may have been sent on in this way: those still on their way when it ended.
    before: Option<(Mode, u32)>,
    /// Whether it leaves its bridge on the way, if only for a moment.
    leaves: bool,
}

impl Modes {
    /// A port that never switched otherwise.
    pub(super) const fn new(now: Mode) -> Modes {
        Modes { now, before: None, leaves: false }
    }

    /// How it switches, or is to.
    pub(super) const fn now(self) -> Mode {
        self.now
    }

    /// It is about to switch in another way. `leaves`: it leaves its bridge on the way.
    pub(super) const fn change(&mut self, to: Mode, leaves: bool) {
        *self = Modes { now: to, before: Some((self.now, u32::MAX)), leaves };
    }

    /// It does: frames from number `next` on are dealt with in no other way.
    pub(super) fn settle(&mut self, next: u32) {
        self.before = self.before.map(|(mode, until)| (mode, until.min(next)));
    }

    /// Whether it may be leaving its bridge when it deals with a frame of this number.
    pub(super) fn leaves(self, number: u32) -> bool {
        self.leaves && self.before.is_some_and(|(_, until)| number < until)
    }

    /// How it may deal with a frame of this number.
    pub(super) fn of(self, number: u32) -> impl Iterator<Item = Mode> + Clone {
        let before = self.before.filter(|(_, until)| number < *until);
        before.into_iter().map(|(mode, _)| mode).chain([self.now])
    }
}
