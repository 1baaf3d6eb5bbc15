//! What stations say to each other: at random, and until everybody hears everybody again.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::Soak;
use super::oracle::{TAGS, Twice};
use super::scene::{BONDED, EVERYONE, SOON};

/// After so long a frame that was not heard is sent anew.
const AGAIN: Duration = Duration::from_millis(300);
/// How many frames are sent before one listens.
const BETWEEN: usize = 16;

/// A frame that is to be heard.
struct Wanted {
    from: usize,
    tag: Option<u16>,
    dst: [u8; 6],
    /// Who has not heard it.
    missing: Vec<usize>,
}

impl Soak {
    /// Sends a frame of a station; returns its number.
    fn send(&mut self, from: usize, dst: [u8; 6], tag: Option<u16>) -> anyhow::Result<u32> {
        let station = &self.scene.stations[from];
        // The switch beyond the bond sends what is for a station it does not know by both cables, and an SLB bond takes what is for one
        // station by either, as by Open vSwitch.
        let twice = match (from, dst) {
            (BONDED, EVERYONE) => Twice::FailingOver,
            (BONDED, _) => Twice::Always,
            _ => Twice::Never,
        };
        let number = self.oracle.sends(from, tag, station.modes, twice)?;
        station.send(dst, tag, number)?;
        Ok(number)
    }

    /// Reads what was heard.
    ///
    /// # Errors
    /// Something was that must not have been.
    pub(super) fn listen(&mut self) -> anyhow::Result<()> {
        for (at, station) in self.scene.stations.iter().enumerate() {
            station.heard(|tag, number| self.oracle.hears(number, at, tag, station.modes))?;
        }
        Ok(())
    }

    /// Frames from anyone to anyone, to everyone and to stations there are none of, with tags that may and tags that may not.
    pub(super) fn chatter(&mut self, frames: usize) -> anyhow::Result<()> {
        let stations = self.scene.stations.len();
        for number in 0..frames {
            let (from, to, tag) = (self.dice.below(stations), self.dice.below(stations + 3), self.dice.below(TAGS.len()));
            let nobody = [2, 0, 0, 0, 9, 9];
            let dst = if to == stations { nobody } else { self.scene.stations.get(to).map_or(EVERYONE, |station| station.mac) };
            self.send(from, dst, TAGS[tag])?;
            if number % BETWEEN == BETWEEN - 1 {
                self.listen()?;
            }
        }
        self.listen()
    }

    /// Everybody who is connected hears everybody it may: what is for everyone, which says where they are, and then what is for it alone.
    pub(super) fn resumes(&mut self) -> anyhow::Result<()> {
        let (mut for_everyone, mut for_one) = (Vec::new(), Vec::new());
        for (from, station) in self.scene.stations.iter().enumerate().filter(|(_, station)| station.up) {
            let mode = station.modes.now();
            for (tag, vlan) in TAGS.into_iter().filter_map(|tag| Some((tag, mode.admits(tag)?))) {
                let others = self.scene.stations.iter().enumerate();
                let hears = others.filter(|(to, other)| *to != from && other.up && self.oracle.reaches(mode, other.modes.now(), vlan));
                let missing: Vec<usize> = hears.map(|(to, _)| to).collect();
                for_one.extend(missing.iter().map(|to| Wanted { from, tag, dst: self.scene.stations[*to].mac, missing: vec![*to] }));
                for_everyone.push(Wanted { from, tag, dst: EVERYONE, missing });
            }
        }
        self.all_heard(for_everyone)?;
        self.all_heard(for_one)
    }

    /// Sends frames until each was heard by all who are to.
    fn all_heard(&mut self, mut wanted: Vec<Wanted>) -> anyhow::Result<()> {
        let deadline = Instant::now() + SOON;
        loop {
            wanted.retain(|one| !one.missing.is_empty());
            let Some(Wanted { from, tag, dst, missing }) = wanted.first() else { return Ok(()) };
            let [.., to] = dst;
            ensure!(Instant::now() < deadline, "station {} with tag {tag:?} to {to:#x} is not heard by {missing:?}, counted from 0", from + 1);
            let mut numbers = Vec::new();
            for some in wanted.chunks(BETWEEN) {
                for one in some {
                    numbers.push(self.send(one.from, one.dst, one.tag)?);
                }
                self.listen()?;
            }
            let again = Instant::now() + AGAIN;
            while wanted.iter().any(|one| !one.missing.is_empty()) && Instant::now() < again {
                self.listen()?;
                for (one, number) in wanted.iter_mut().zip(&numbers) {
                    one.missing.retain(|to| !self.oracle.has_heard(*number, *to));
                }
                thread::yield_now();
            }
        }
    }
}
