//! What may be heard where: what was sent by which port, and what each station has heard of it. It knows neither hosts nor the switch.

use anyhow::{Context, ensure};

use super::modes::{Bridge, Mode, Modes};

/// The VLANs frames are in; 0: none.
pub(super) const VLANS: [u16; 3] = [0, 5, 6];
/// The tags frames are sent with.
pub(super) const TAGS: [Option<u16>; 3] = [None, Some(5), Some(6)];
/// The bridges ports are in.
const BRIDGES: [Bridge; 3] = [Bridge::First, Bridge::Second, Bridge::Third];

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
    /// Which of [`BRIDGES`] its port may have been in.
    bridges: [bool; BRIDGES.len()],
    /// Whether its port was surely protected.
    protected: bool,
    twice: Twice,
    /// Whether its port may have left its bridge just then. The switch then forgets who was behind it, as they turn up elsewhere, perhaps beyond the
    /// SLB bond: what the network there sends back of them is taken for new, by Open vSwitch too.
    returns: bool,
    /// Whether the patch was surely away.
    apart: bool,
    /// By whom it was heard, a bit each.
    heard: u16,
}

impl Sent {
    /// Its port may have been like this when the switch looked at it.
    fn maybe(&mut self, mode: Mode) {
        for (at, vlan) in VLANS.into_iter().enumerate() {
            self.vlans[at] |= mode.admits(self.tag) == Some(vlan);
        }
        for (at, bridge) in BRIDGES.into_iter().enumerate() {
            self.bridges[at] |= mode.bridge == bridge;
        }
        self.protected &= mode.protected;
    }

    /// Which of `all` it may be in.
    fn of<T>(all: impl IntoIterator<Item = T>, is: impl IntoIterator<Item = bool>) -> impl Iterator<Item = T> {
        all.into_iter().zip(is).filter_map(|(one, is)| is.then_some(one))
    }

    /// Whether a port like `to` may send it on with this tag.
    fn fits(&self, to: Mode, tag: Option<u16>) -> bool {
        Sent::of(VLANS, self.vlans).any(|vlan| to.sends(vlan) == Some(tag))
    }

    /// Whether its bridge may have been joined to that of a port like `to`.
    fn is_joined(&self, to: Mode) -> bool {
        Sent::of(BRIDGES, self.bridges).any(|bridge| bridge.is_joined(to.bridge, self.apart))
    }

    /// Whether no protection surely kept it from a port like `to`.
    fn is_let(&self, to: Mode) -> bool {
        let mut elsewhere = Sent::of(BRIDGES, self.bridges).filter(|bridge| *bridge != to.bridge);
        !(self.protected && to.protected) || elsewhere.any(|bridge| bridge.is_joined(to.bridge, self.apart))
    }
}

/// Everything that was sent, and by whom it was heard.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    sent: Vec<Sent>,
    heard: u64,
    /// The bond fails over while frames below this number are on their way.
    failing_over: u32,
    /// The patch to the second bridge is away.
    apart: bool,
}

impl Oracle {
    /// The number of the next frame.
    fn next(&self) -> u32 {
        u32::try_from(self.sent.len()).unwrap_or(u32::MAX)
    }

    /// Notes a frame, and gives it a number. `modes`: how its port may switch.
    pub(super) fn sends(&mut self, from: usize, tag: Option<u16>, modes: Modes, twice: Twice) -> anyhow::Result<u32> {
        let number = self.next();
        let (vlans, bridges) = ([false; VLANS.len()], [false; BRIDGES.len()]);
        let mut sent = Sent {
            from: u8::try_from(from)?,
            tag,
            vlans,
            bridges,
            protected: true,
            twice,
            returns: modes.leaves(number),
            apart: self.apart,
            heard: 0,
        };
        modes.of(number).for_each(|mode| sent.maybe(mode));
        self.sent.push(sent);
        Ok(number)
    }

    /// Notes that a port is about to switch in another way: so may what it has just sent, in the last `frames`, and the switch has not seen.
    /// `leaves`: it leaves its bridge on the way.
    pub(super) fn changes(&mut self, from: usize, mode: Mode, leaves: bool, frames: usize) {
        for sent in self.sent.iter_mut().rev().take(frames).filter(|sent| usize::from(sent.from) == from) {
            sent.maybe(mode);
            sent.returns |= leaves;
        }
    }

    /// Notes that a port does: what is sent from now on is dealt with in no other way.
    pub(super) fn changed(&self, modes: &mut Modes) {
        modes.settle(self.next());
    }

    /// From now on the bond fails over; or does not, of what is sent from now on.
    pub(super) fn fail_over(&mut self, on: bool) {
        self.failing_over = if on { u32::MAX } else { self.next() };
    }

    /// The patch is away: from now on nothing passes between the second bridge and the others.
    pub(super) const fn part(&mut self) {
        self.apart = true;
    }

    /// It is about to be there again: what was sent just before, the last `frames`, may go either way, as the switch may not have seen it yet.
    pub(super) fn join(&mut self, frames: usize) {
        self.apart = false;
        self.sent.iter_mut().rev().take(frames).for_each(|sent| sent.apart = false);
    }

    /// Whether what a station sends, whose port switches like `from`, in a VLAN is heard by one whose port switches like `to`, once all is done.
    pub(super) fn reaches(&self, from: Mode, to: Mode, vlan: u16) -> bool {
        to.sends(vlan).is_some() && !from.is_protected_from(to) && from.bridge.is_joined(to.bridge, self.apart)
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
        ensure!(sent.returns || at != usize::from(sent.from), "{}: by its sender", who());
        ensure!(to.clone().any(|mode| sent.fits(mode, tag)), "{}: which does not send it so", who());
        ensure!(to.clone().any(|mode| sent.is_joined(mode)), "{}: nothing joined their bridges", who());
        ensure!(sent.returns || to.clone().any(|mode| sent.is_let(mode)), "{}: both are protected", who());
        let first = sent.heard & (1 << at) == 0;
        let twice = sent.returns || sent.twice == Twice::Always || (failing_over && sent.twice == Twice::FailingOver);
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
    use super::super::modes::Vlans;
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
        modes.change(to, false);
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
        // Not by ports of different bridges, nor by one that moves.
        let elsewhere = protected.of_bridge(Bridge::Second);
        assert_eq!(simply(protected, None, elsewhere, None), "");
        assert_eq!(said(changing(protected, elsewhere), None, Modes::new(protected), None), "");
        let gone = protected.of_bridge(Bridge::Nowhere);
        assert!(said(changing(protected, gone), None, Modes::new(protected), None).contains("both are protected"));
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
        let (mut oracle, five, behind) = (Oracle::default(), Modes::new(FIVE), Modes::new(FIVE.of_bridge(Bridge::Second)));
        let before = oracle.sends(0, None, five, Twice::Never).unwrap();
        oracle.part();
        let numbers = [(0, five), (1, behind), (2, five)].map(|(from, modes)| oracle.sends(from, None, modes, Twice::Never).unwrap());
        assert!(oracle.hears(before, 1, None, behind).is_ok());
        assert!(oracle.hears(numbers[0], 1, None, behind).is_err() && oracle.hears(numbers[1], 0, None, five).is_err());
        assert!(oracle.hears(numbers[0], 2, None, five).is_ok());
        assert!(oracle.hears(numbers[0], 3, None, Modes::new(FIVE.of_bridge(Bridge::Third))).is_ok());
        oracle.join(1);
        let after = oracle.sends(0, None, five, Twice::Never).unwrap();
        assert!(oracle.hears(numbers[2], 1, None, behind).is_ok() && oracle.hears(after, 1, None, behind).is_ok());
        assert!(oracle.hears(numbers[0], 1, None, behind).is_err());
    }

    #[test]
    fn what_no_port_sends_or_takes_is_found() {
        let nowhere = FIVE.of_bridge(Bridge::Nowhere);
        assert!(simply(nowhere, None, FIVE, None).contains("nothing joined"));
        assert!(simply(FIVE, None, nowhere, None).contains("nothing joined"));
        assert!(simply(nowhere, None, nowhere, None).contains("nothing joined"));
        assert_eq!(said(changing(nowhere, FIVE), None, changing(FIVE, nowhere), None), "");
    }

    #[test]
    fn what_a_port_that_leaves_has_sent_may_come_back() {
        let (mut oracle, trunk) = (Oracle::default(), Modes::new(TRUNK));
        let mut from = Modes::new(FIVE);
        let early = [0; 2].map(|_| oracle.sends(0, None, from, Twice::Never).unwrap());
        oracle.changes(0, SIX, true, 1);
        from.change(SIX, true);
        let amid = oracle.sends(0, None, from, Twice::Never).unwrap();
        oracle.changed(&mut from);
        let late = oracle.sends(0, None, from, Twice::Never).unwrap();
        let again = [early[0], early[1], amid, late].map(|number| {
            let twice = [6; 2].map(|vlan| oracle.hears(number, 1, Some(vlan), trunk).is_ok());
            (twice[1], oracle.hears(number, 0, None, from).is_ok())
        });
        assert_eq!(again, [(false, false), (true, true), (true, true), (false, false)]);
        assert!(oracle.hears(amid, 2, Some(7), trunk).is_err());
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
        oracle.changes(0, SIX, false, 1);
        assert!(oracle.hears(early, 1, None, six).is_err() && oracle.hears(late, 1, None, six).is_ok());
    }
}
