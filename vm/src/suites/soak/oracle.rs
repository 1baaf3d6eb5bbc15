//! What may be heard where: how ports switch, what was sent, and what each station has heard of it. It knows neither hosts nor the switch.

use anyhow::{Context, ensure};

/// The VLANs frames are in; 0: none.
pub(super) const VLANS: [u16; 3] = [0, 5, 6];
/// The tags frames are sent with.
pub(super) const TAGS: [Option<u16>; 3] = [None, Some(5), Some(6)];

/// How a port switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mode {
    pub(super) vlans: Vlans,
    pub(super) protected: bool,
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

impl Mode {
    /// A port that is not protected.
    pub(super) const fn of(vlans: Vlans) -> Mode {
        Mode { vlans, protected: false }
    }

    /// What a file says of it.
    pub(super) fn options(self) -> String {
        let protected = if self.protected { " protected=true" } else { "" };
        match self.vlans {
            Vlans::Trunk => format!("trunks=[]{protected}"),
            Vlans::TrunkOf(vlan) => format!("trunks={vlan}{protected}"),
            Vlans::Access(vlan) => format!("tag={vlan}{protected}"),
            Vlans::NativeUntagged(vlan) => format!("vlan_mode=native-untagged tag={vlan}{protected}"),
        }
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

    /// Whether a frame of a VLAN goes from a port like this to one like `to`.
    pub(super) fn reaches(self, to: Mode, vlan: u16) -> bool {
        to.sends(vlan).is_some() && !(self.protected && to.protected)
    }
}

/// How a port switches, and did before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Modes {
    now: Mode,
    /// Frames below this number may have been sent on in this way: those still on their way when it ended.
    before: Option<(Mode, u32)>,
}

impl Modes {
    /// A port that never switched otherwise.
    pub(super) const fn new(now: Mode) -> Modes {
        Modes { now, before: None }
    }

    /// How it switches, or is to.
    pub(super) const fn now(self) -> Mode {
        self.now
    }

    /// It is about to switch in another way.
    pub(super) const fn change(&mut self, to: Mode) {
        *self = Modes { now: to, before: Some((self.now, u32::MAX)) };
    }

    /// How it may deal with a frame of this number.
    fn of(self, number: u32) -> impl Iterator<Item = Mode> + Clone {
        let before = self.before.filter(|(_, until)| number < *until);
        before.into_iter().map(|(mode, _)| mode).chain([self.now])
    }
}

/// Whether a frame may be heard twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Twice {
    /// No.
    Never,
    /// While the bond it comes by fails over.
    FailingOver,
    /// Yes.
    Always,
}

/// A frame that was sent. There are millions.
#[derive(Debug, Clone, Copy)]
struct Sent {
    from: u8,
    tag: Option<u16>,
    /// Which of [`VLANS`] it may be in.
    vlans: [bool; VLANS.len()],
    /// Whether its port was surely protected.
    protected: bool,
    twice: Twice,
    /// Which station was surely cut off from the others.
    cut_off: Option<u8>,
    /// By whom it was heard, a bit each.
    heard: u16,
}

impl Sent {
    /// Its port may have been like this when the switch looked at it.
    fn maybe(&mut self, mode: Mode) {
        for (at, vlan) in VLANS.into_iter().enumerate() {
            self.vlans[at] |= mode.admits(self.tag) == Some(vlan);
        }
        self.protected &= mode.protected;
    }
}

/// Everything that was sent, and by whom it was heard.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    sent: Vec<Sent>,
    heard: u64,
    /// The bond fails over while frames below this number are on their way.
    failing_over: u32,
    /// Which station is cut off from the others.
    cut_off: Option<u8>,
}

impl Oracle {
    /// The number of the next frame.
    fn next(&self) -> u32 {
        u32::try_from(self.sent.len()).unwrap_or(u32::MAX)
    }

    /// Notes a frame, and gives it a number. `modes`: how its port may switch.
    pub(super) fn sends(&mut self, from: usize, tag: Option<u16>, modes: Modes, twice: Twice) -> anyhow::Result<u32> {
        let number = self.next();
        let mut sent = Sent { from: u8::try_from(from)?, tag, vlans: [false; VLANS.len()], protected: true, twice, cut_off: self.cut_off, heard: 0 };
        modes.of(number).for_each(|mode| sent.maybe(mode));
        self.sent.push(sent);
        Ok(number)
    }

    /// Notes that a port is about to switch in another way: so may what it has just sent, in the last `frames`, and the switch has not seen.
    pub(super) fn changes(&mut self, from: usize, mode: Mode, frames: usize) {
        self.sent.iter_mut().rev().take(frames).filter(|sent| usize::from(sent.from) == from).for_each(|sent| sent.maybe(mode));
    }

    /// Notes that a port does: what is sent from now on is dealt with in no other way.
    pub(super) fn changed(&self, modes: &mut Modes) {
        modes.before = modes.before.map(|(mode, _)| (mode, self.next()));
    }

    /// From now on the bond fails over; or does not, of what is sent from now on.
    pub(super) fn fail_over(&mut self, on: bool) {
        self.failing_over = if on { u32::MAX } else { self.next() };
    }

    /// From now on a station is cut off: what it sends nobody else hears, and it hears nobody.
    pub(super) fn cut_off(&mut self, station: usize) -> anyhow::Result<()> {
        self.cut_off = Some(u8::try_from(station)?);
        Ok(())
    }

    /// It is about to be joined to the others again: what was sent just before, the last `frames`, may go either way, as the switch may not have
    /// seen it yet.
    pub(super) fn joined(&mut self, frames: usize) {
        self.cut_off = None;
        self.sent.iter_mut().rev().take(frames).for_each(|sent| sent.cut_off = None);
    }

    /// Notes that a frame was heard by the station `at`, whose port switches like `modes`, with this tag.
    ///
    /// # Errors
    /// It must not have been.
    pub(super) fn hears(&mut self, number: u32, at: usize, tag: Option<u16>, modes: Modes) -> anyhow::Result<()> {
        let failing_over = number < self.failing_over;
        let sent = self.sent.get_mut(number as usize).context("a frame nobody sent")?;
        let (before, to) = (*sent, modes.of(number));
        let who = || format!("frame {number}, {before:?}, heard by station {} with tag {tag:?}, whose port is {modes:?}", at + 1);
        ensure!(at != usize::from(sent.from), "{}: by its sender", who());
        let vlans = || VLANS.into_iter().zip(sent.vlans).filter_map(|(vlan, is)| is.then_some(vlan));
        ensure!(vlans().any(|vlan| to.clone().any(|mode| mode.sends(vlan) == Some(tag))), "{}: which does not send it so", who());
        ensure!(!(sent.protected && to.clone().all(|mode| mode.protected)), "{}: both are protected", who());
        let apart = sent.cut_off.is_some_and(|station| (station == sent.from) != (usize::from(station) == at));
        ensure!(!apart, "{}: one of them was cut off", who());
        let first = sent.heard & (1 << at) == 0;
        let twice = sent.twice == Twice::Always || (failing_over && sent.twice == Twice::FailingOver);
        ensure!(first || twice, "{}: twice", who());
        sent.heard |= 1 << at;
        self.heard += 1;
        Ok(())
    }

    /// Whether a frame was heard by a station.
    pub(super) fn has_heard(&self, number: u32, at: usize) -> bool {
        self.sent.get(number as usize).is_some_and(|sent| sent.heard & (1 << at) != 0)
    }

    /// How many frames were sent, and how often one was heard.
    pub(super) fn count(&self) -> (usize, u64) {
        (self.sent.len(), self.heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUNK: Mode = Mode::of(Vlans::Trunk);
    const FIVE: Mode = Mode::of(Vlans::Access(5));
    const SIX: Mode = Mode::of(Vlans::Access(6));
    const NATIVE: Mode = Mode::of(Vlans::NativeUntagged(5));
    const ONLY: Mode = Mode::of(Vlans::TrunkOf(6));

    /// What is said of a frame with `tag` that a port `from` sent and one `to` let out with the tag `out`.
    fn said(from: Modes, tag: Option<u16>, to: Modes, out: Option<u16>) -> String {
        let mut oracle = Oracle::default();
        let number = oracle.sends(0, tag, from, Twice::Never).unwrap();
        oracle.hears(number, 1, out, to).map_or_else(|error| error.to_string(), |()| String::new())
    }

    fn simply(from: Mode, tag: Option<u16>, to: Mode, out: Option<u16>) -> String {
        said(Modes::new(from), tag, Modes::new(to), out)
    }

    fn changing(from: Mode, to: Mode) -> Modes {
        let mut modes = Modes::new(from);
        modes.change(to);
        modes
    }

    #[test]
    fn a_leak_is_found() {
        for (from, tag, to, out) in [
            (FIVE, None, SIX, None),
            (FIVE, Some(5), FIVE, None),
            (TRUNK, None, FIVE, None),
            (TRUNK, Some(5), SIX, None),
            (SIX, None, NATIVE, None),
            (TRUNK, None, NATIVE, None),
            (TRUNK, Some(5), ONLY, Some(5)),
            (ONLY, None, TRUNK, None),
        ] {
            assert!(simply(from, tag, to, out).contains("does not send it so"), "{from:?} {tag:?} {to:?}");
        }
    }

    #[test]
    fn a_wrong_tag_is_found() {
        assert_eq!(simply(FIVE, None, TRUNK, Some(5)), "");
        assert!(simply(FIVE, None, TRUNK, None).contains("does not send it so"));
        assert!(simply(FIVE, None, TRUNK, Some(6)).contains("does not send it so"));
        assert!(simply(FIVE, None, NATIVE, Some(5)).contains("does not send it so"));
    }

    #[test]
    fn what_is_protected_from_each_other_is_found() {
        let protected = Mode { protected: true, ..FIVE };
        assert!(simply(protected, None, protected, None).contains("both are protected"));
        assert_eq!(simply(protected, None, FIVE, None), "");
        assert_eq!(said(changing(protected, FIVE), None, Modes::new(protected), None), "");
    }

    #[test]
    fn a_frame_heard_twice_or_by_its_sender_is_found() {
        let (mut oracle, five) = (Oracle::default(), Modes::new(FIVE));
        let frames = [Twice::FailingOver, Twice::Always].map(|twice| oracle.sends(0, None, five, twice).unwrap());
        assert!(frames.iter().all(|number| oracle.hears(*number, 1, None, five).is_ok() && oracle.has_heard(*number, 1)));
        let again = frames.map(|number| oracle.hears(number, 1, None, five).is_ok());
        assert_eq!(again, [false, true]);
        assert!(oracle.hears(frames[0], 2, None, five).is_ok() && !oracle.has_heard(frames[0], 3));
        assert!(oracle.hears(frames[1], 0, None, five).is_err() && oracle.hears(9, 1, None, five).is_err());
        oracle.fail_over(true);
        assert!(oracle.hears(frames[0], 1, None, five).is_ok() && oracle.hears(frames[0], 0, None, five).is_err());
        oracle.fail_over(false);
        let late = oracle.sends(0, None, five, Twice::FailingOver).unwrap();
        assert!(oracle.hears(frames[0], 1, None, five).is_ok() && oracle.hears(late, 1, None, five).is_ok());
        assert!(oracle.hears(late, 1, None, five).is_err());
        assert_eq!(oracle.count(), (3, 7));
    }

    #[test]
    fn what_passes_where_nothing_does_is_found() {
        let (mut oracle, five) = (Oracle::default(), Modes::new(FIVE));
        let before = oracle.sends(0, None, five, Twice::Never).unwrap();
        oracle.cut_off(1).unwrap();
        let numbers = [0, 1, 2].map(|from| oracle.sends(from, None, five, Twice::Never).unwrap());
        assert!(oracle.hears(before, 1, None, five).is_ok());
        assert!(oracle.hears(numbers[0], 1, None, five).is_err() && oracle.hears(numbers[1], 0, None, five).is_err());
        assert!(oracle.hears(numbers[0], 2, None, five).is_ok());
        oracle.joined(1);
        let after = oracle.sends(0, None, five, Twice::Never).unwrap();
        assert!(oracle.hears(numbers[2], 1, None, five).is_ok() && oracle.hears(after, 1, None, five).is_ok());
        assert!(oracle.hears(numbers[0], 1, None, five).is_err());
    }

    #[test]
    fn what_changes_may_be_as_before_or_after() {
        assert_eq!(said(changing(FIVE, SIX), None, Modes::new(FIVE), None), "");
        assert_eq!(said(changing(FIVE, SIX), None, Modes::new(SIX), None), "");
        assert_eq!(said(Modes::new(SIX), None, changing(FIVE, TRUNK), Some(6)), "");
        // What is on its way when it has changed may be heard as before, and what is sent then may not.
        let (mut oracle, mut listener, trunk) = (Oracle::default(), changing(FIVE, SIX), Modes::new(TRUNK));
        let early = oracle.sends(0, Some(5), trunk, Twice::Never).unwrap();
        oracle.changed(&mut listener);
        let late = oracle.sends(0, Some(5), trunk, Twice::Never).unwrap();
        assert!(oracle.hears(early, 1, None, listener).is_ok() && oracle.hears(late, 1, None, listener).is_err());
    }

    #[test]
    fn what_was_sent_just_before_may_be_dealt_with_as_after() {
        let (mut oracle, five, six) = (Oracle::default(), Modes::new(FIVE), Modes::new(SIX));
        let early = oracle.sends(0, None, five, Twice::Never).unwrap();
        let late = oracle.sends(0, None, five, Twice::Never).unwrap();
        oracle.changes(0, SIX, 1);
        assert!(oracle.hears(early, 1, None, six).is_err() && oracle.hears(late, 1, None, six).is_ok());
    }
}
