//! The bytes of LACP (IEEE 802.1AX-2014, 6.4.2): what each side says of itself and of what it has heard of the other.

use ovsdp_proto::Mac;
use serde::{Deserialize, Serialize};

/// The Ethernet type of the slow protocols, LACP among them.
pub const SLOW_PROTOCOLS: u16 = 0x8809;
/// The group every slow protocol is sent to; no bridge forwards it.
pub(super) const GROUP: Mac = Mac([0x01, 0x80, 0xc2, 0x00, 0x00, 0x02]);
/// The length of a PDU in bytes, from the subtype on.
pub const PDU_LEN: usize = 110;
/// The length of a frame with a PDU in bytes, without a checksum.
pub const FRAME_LEN: usize = 14 + PDU_LEN;

const SUBTYPE_LACP: u8 = 1;
const SUBTYPE_MARKER: u8 = 2;
const VERSION: u8 = 1;
/// The types of the TLVs, in the order the standard demands.
const ACTOR: u8 = 1;
const PARTNER: u8 = 2;
const COLLECTOR: u8 = 3;
/// The lengths of the TLVs.
const INFO_LEN: u8 = 20;
const COLLECTOR_LEN: u8 = 16;

/// Flags of one side's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct State(pub u8);

impl State {
    /// It speaks without being spoken to.
    pub const ACTIVITY: Self = Self(0x01);
    /// It wants to hear something every second.
    pub const TIMEOUT: Self = Self(0x02);
    /// The link may be one of several.
    pub const AGGREGATION: Self = Self(0x04);
    /// The link is where it should be.
    pub const SYNCHRONIZED: Self = Self(0x08);
    /// It takes packets from the link.
    pub const COLLECTING: Self = Self(0x10);
    /// It sends packets over the link.
    pub const DISTRIBUTING: Self = Self(0x20);
    /// It has not heard of the other.
    pub const DEFAULTED: Self = Self(0x40);
    /// It has not heard of the other for too long.
    pub const EXPIRED: Self = Self(0x80);

    /// Each flag with its name, in the order they are printed.
    pub const NAMES: [(Self, &'static str); 8] = [
        (Self::ACTIVITY, "activity"),
        (Self::TIMEOUT, "timeout"),
        (Self::AGGREGATION, "aggregation"),
        (Self::SYNCHRONIZED, "synchronized"),
        (Self::COLLECTING, "collecting"),
        (Self::DISTRIBUTING, "distributing"),
        (Self::DEFAULTED, "defaulted"),
        (Self::EXPIRED, "expired"),
    ];

    /// Whether a flag is set.
    pub const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    /// Sets or clears a flag.
    pub const fn set(&mut self, flag: Self, on: bool) {
        self.0 = if on { self.0 | flag.0 } else { self.0 & !flag.0 };
    }
}

/// What is said of one side of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Info {
    /// The system's priority, lower is better.
    pub system_priority: u16,
    /// The system's address.
    pub system: Mac,
    /// The aggregation key.
    pub key: u16,
    /// The port's priority, lower is better.
    pub port_priority: u16,
    /// The port's number.
    pub port: u16,
    /// Its state.
    pub state: State,
}

impl Info {
    fn read(bytes: [u8; 15]) -> Self {
        let [p0, p1, m0, m1, m2, m3, m4, m5, k0, k1, q0, q1, n0, n1, state] = bytes;
        Self {
            system_priority: u16::from_be_bytes([p0, p1]),
            system: Mac([m0, m1, m2, m3, m4, m5]),
            key: u16::from_be_bytes([k0, k1]),
            port_priority: u16::from_be_bytes([q0, q1]),
            port: u16::from_be_bytes([n0, n1]),
            state: State(state),
        }
    }

    fn write(&self) -> [u8; 15] {
        let ([p0, p1], [k0, k1]) = (self.system_priority.to_be_bytes(), self.key.to_be_bytes());
        let ([q0, q1], [n0, n1]) = (self.port_priority.to_be_bytes(), self.port.to_be_bytes());
        let [m0, m1, m2, m3, m4, m5] = self.system.0;
        [p0, p1, m0, m1, m2, m3, m4, m5, k0, k1, q0, q1, n0, n1, self.state.0]
    }

    /// Whether the other side, that believes `heard` of this one, needs to hear this (802.1AX-2014, 6.4.16): the flags that
    /// say how packets flow at the moment do not matter to it.
    pub fn is_news_to(&self, heard: &Self) -> bool {
        const TOLD: u8 = State::ACTIVITY.0 | State::TIMEOUT.0 | State::AGGREGATION.0 | State::SYNCHRONIZED.0;
        let told = |info: &Self| Self { state: State(info.state.0 & TOLD), ..*info };
        told(self) != told(heard)
    }
}

/// A PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pdu {
    /// The side that sends it.
    pub actor: Info,
    /// What the sender has heard of the side that receives it.
    pub partner: Info,
}

/// Why a slow protocol's frame is no PDU of LACP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// It is of the marker protocol, which asks whether everything sent before has arrived.
    Marker,
    /// It is too short, of another protocol or malformed.
    Bad,
}

impl Pdu {
    /// Reads what follows the Ethernet header. Bytes behind a PDU's length (padding) do not matter.
    ///
    /// # Errors
    /// See [`Unreadable`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        let bytes = bytes.first_chunk::<PDU_LEN>().ok_or(Unreadable::Bad)?;
        let info = |kind: u8, at: usize| match bytes.get(at..at + 17)? {
            [found, INFO_LEN, info @ ..] if *found == kind => Some(Info::read(*info.first_chunk()?)),
            _ => None,
        };
        match bytes[0] {
            // Whatever its version: a later one only appends (802.1AX-2014, 6.4.2.3).
            SUBTYPE_LACP => {}
            SUBTYPE_MARKER => return Err(Unreadable::Marker),
            _ => return Err(Unreadable::Bad),
        }
        match (info(ACTOR, 2), info(PARTNER, 22)) {
            (Some(actor), Some(partner)) => Ok(Self { actor, partner }),
            _ => Err(Unreadable::Bad),
        }
    }

    /// Its bytes, from the subtype on. What is not named is zero, the collector's delay and the terminator among it.
    pub fn to_bytes(&self) -> [u8; PDU_LEN] {
        let mut bytes = [0; PDU_LEN];
        let mut put = |at: usize, part: &[u8]| bytes[at..at + part.len()].copy_from_slice(part);
        put(0, &[SUBTYPE_LACP, VERSION, ACTOR, INFO_LEN]);
        put(4, &self.actor.write());
        put(22, &[PARTNER, INFO_LEN]);
        put(24, &self.partner.write());
        put(42, &[COLLECTOR, COLLECTOR_LEN]);
        bytes
    }
}

/// The frame that carries a PDU from the device with address `source`.
pub fn frame(source: Mac, pdu: &Pdu) -> [u8; FRAME_LEN] {
    let mut bytes = [0; FRAME_LEN];
    let mut put = |at: usize, part: &[u8]| bytes[at..at + part.len()].copy_from_slice(part);
    put(0, &GROUP.0);
    put(6, &source.0);
    put(12, &SLOW_PROTOCOLS.to_be_bytes());
    put(14, &pdu.to_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEM: Mac = Mac([0x02, 0, 0, 0, 0, 0xaa]);
    const OTHER: Mac = Mac([0x02, 0, 0, 0, 0, 0xbb]);

    /// Written down byte by byte from the figure of 802.1AX-2014, 6.4.2.3: an active, slow sender in sync, whose partner
    /// is a fast one.
    fn by_the_standard() -> Vec<u8> {
        let actor = [1, 20, 0xff, 0xfe, 0x02, 0, 0, 0, 0, 0xaa, 0, 5, 0xff, 0xff, 0, 7, 0x3d, 0, 0, 0];
        let partner = [2, 20, 0x80, 0x00, 0x02, 0, 0, 0, 0, 0xbb, 0, 9, 0, 255, 0, 1, 0x3f, 0, 0, 0];
        let collector = [3, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let terminator = [0; 52];
        [&[1, 1][..], &actor, &partner, &collector, &terminator].concat()
    }

    fn pdu() -> Pdu {
        let actor = Info { system_priority: 65534, system: SYSTEM, key: 5, port_priority: 65535, port: 7, state: State(0x3d) };
        let partner = Info { system_priority: 32768, system: OTHER, key: 9, port_priority: 255, port: 1, state: State(0x3f) };
        Pdu { actor, partner }
    }

    #[test]
    fn the_bytes_are_the_standard_s() {
        assert_eq!(by_the_standard().len(), PDU_LEN);
        assert_eq!(pdu().to_bytes()[..], by_the_standard()[..]);
        assert_eq!(Pdu::parse(&by_the_standard()), Ok(pdu()));
        let frame = frame(OTHER, &pdu());
        assert_eq!(frame[..14], [0x01, 0x80, 0xc2, 0, 0, 2, 2, 0, 0, 0, 0, 0xbb, 0x88, 0x09]);
        assert_eq!(frame[14..], by_the_standard()[..]);
    }

    #[test]
    fn what_is_no_pdu_is_refused() {
        let whole = by_the_standard();
        for len in 0..PDU_LEN {
            assert_eq!(Pdu::parse(&whole[..len]), Err(Unreadable::Bad), "{len} bytes");
        }
        assert!(Pdu::parse(&[whole.clone(), vec![0xee; 9]].concat()).is_ok(), "padding");
        let changed = |at: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            Pdu::parse(&bytes)
        };
        assert_eq!(changed(0, 2), Err(Unreadable::Marker));
        for (at, byte) in [(0, 10), (2, 2), (3, 19), (22, 1), (23, 0)] {
            assert_eq!(changed(at, byte), Err(Unreadable::Bad), "byte {at}");
        }
        assert!(changed(1, 2).is_ok(), "a later version");
        assert!(changed(42, 9).is_ok(), "Open vSwitch does not look at the collector");
    }

    #[test]
    fn only_what_the_other_side_goes_by_is_news() {
        let here = pdu().actor;
        let news = |change: fn(&mut Info)| {
            let mut heard = here;
            change(&mut heard);
            here.is_news_to(&heard)
        };
        assert!(!news(|heard| heard.state.set(State::COLLECTING, false)));
        assert!(!news(|heard| heard.state.0 ^= State::EXPIRED.0 | State::DEFAULTED.0 | State::DISTRIBUTING.0));
        for flag in [State::ACTIVITY, State::TIMEOUT, State::AGGREGATION, State::SYNCHRONIZED] {
            let mut heard = here;
            heard.state.0 ^= flag.0;
            assert!(here.is_news_to(&heard));
        }
        let changes: [fn(&mut Info); 5] = [|i| i.key = 1, |i| i.port = 1, |i| i.port_priority = 1, |i| i.system_priority = 1, |i| i.system = OTHER];
        for change in changes {
            assert!(news(change));
        }
    }
}
