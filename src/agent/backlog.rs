//! Upcalls that cannot be answered at once, by the port they came in by. Whoever floods one port waits behind himself: upcalls are
//! taken from the ports in turn, and when room gets scarce a port that has much of it gets no more.
//!
//! Bytes only: it must not know what an upcall means or what becomes of it.

use std::collections::VecDeque;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// What a piece holds. An upcall lies in as many as it needs; a small packet's with its key takes three.
const PIECE: usize = 128;
/// How many pieces there are: 40 MiB, upcalls of more than a hundred thousand small packets. More than 32 MiB is what the C library
/// never keeps when it is given back (mallopt(3), `M_MMAP_THRESHOLD`).
const PIECES: u32 = 40 * 1024 * 1024 / 128;
/// A port may have this many times what is free: one alone gets most of the room, and two floods never take it all from a third.
const SHARE: u32 = 8;
/// No piece.
const NONE: u32 = u32::MAX;

/// Upcalls that wait.
#[derive(Debug)]
pub(super) struct Backlog {
    pieces: u32,
    room: Option<Room>,
    ports: HashMap<u32, Queue, RandomState>,
    /// The ports that have upcalls, the next in turn first.
    turns: VecDeque<u32>,
    len: usize,
}

/// The memory, which the kernel provides where it is first written.
#[derive(Debug)]
struct Room {
    bytes: Box<[u8]>,
    /// Of each piece the one behind it: of its upcall, then of its port, or of those that are free.
    next: Box<[u32]>,
    /// Pieces that were used and are free again.
    free: u32,
    /// Pieces from here on were never used.
    fresh: u32,
    /// How many pieces are in use.
    used: u32,
}

/// A port's upcalls, first come first.
#[derive(Debug, Clone, Copy)]
struct Queue {
    first: u32,
    last: u32,
    pieces: u32,
}

impl Backlog {
    /// Nothing waits; it takes no memory until something does.
    pub(super) fn new() -> Self {
        Self::with_pieces(PIECES)
    }

    fn with_pieces(pieces: u32) -> Self {
        Self { pieces, room: None, ports: HashMap::default(), turns: VecDeque::new(), len: 0 }
    }

    /// Whether none waits.
    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts an upcall behind those of its port. Returns whether there was room for it.
    pub(super) fn push(&mut self, port: u32, upcall: &[u8]) -> bool {
        let room = self.room.get_or_insert_with(|| Room::new(self.pieces));
        let Ok(need) = u32::try_from((HEADER + upcall.len()).div_ceil(PIECE)) else { return false };
        let free = self.pieces - room.used;
        let has = self.ports.get(&port).map_or(0, |queue| queue.pieces);
        if need > free || has.saturating_add(need) > free.saturating_mul(SHARE) {
            return false;
        }
        let (first, last) = room.write(upcall, need);
        self.len += 1;
        match self.ports.get_mut(&port) {
            Some(queue) => {
                room.link(queue.last, first);
                (queue.last, queue.pieces) = (last, queue.pieces + need);
            }
            None => {
                self.ports.insert(port, Queue { first, last, pieces: need });
                self.turns.push_back(port);
            }
        }
        true
    }

    /// Moves the first upcall of the port whose turn it is into `upcall`, whose memory is used again. Returns whether there was one.
    pub(super) fn pop(&mut self, upcall: &mut Vec<u8>) -> bool {
        let (Some(room), Some(port)) = (&mut self.room, self.turns.pop_front()) else { return false };
        let Some(queue) = self.ports.get_mut(&port) else { return false };
        let (behind, pieces) = room.read(queue.first, upcall);
        self.len -= 1;
        (queue.first, queue.pieces) = (behind, queue.pieces - pieces);
        if queue.pieces == 0 {
            self.ports.remove(&port);
        } else {
            self.turns.push_back(port);
        }
        true
    }

    /// Gives the memory back, when nothing waits.
    pub(super) fn release(&mut self) {
        if self.is_empty() {
            self.room = None;
        }
    }
}

/// How long an upcall is stands before it.
const HEADER: usize = size_of::<u32>();

impl Room {
    fn new(pieces: u32) -> Self {
        let count = pieces as usize;
        Self { bytes: vec![0; count * PIECE].into_boxed_slice(), next: vec![0; count].into_boxed_slice(), free: NONE, fresh: 0, used: 0 }
    }

    /// Writes an upcall into `need` free pieces, which the caller knows there are. Returns the first and the last.
    fn write(&mut self, upcall: &[u8], need: u32) -> (u32, u32) {
        let length = u32::try_from(upcall.len()).unwrap_or(u32::MAX).to_ne_bytes();
        let first = self.take();
        let (begin, mut rest) = upcall.split_at(upcall.len().min(PIECE - HEADER));
        let piece = self.piece_mut(first);
        piece[..HEADER].copy_from_slice(&length);
        piece[HEADER..HEADER + begin.len()].copy_from_slice(begin);
        let mut last = first;
        for _ in 1..need {
            let piece = self.take();
            let part;
            (part, rest) = rest.split_at(rest.len().min(PIECE));
            self.piece_mut(piece)[..part.len()].copy_from_slice(part);
            self.link(last, piece);
            last = piece;
        }
        self.link(last, NONE);
        (first, last)
    }

    /// Reads the upcall that begins at `first` and frees its pieces. Returns the piece behind it and how many there were.
    fn read(&mut self, first: u32, upcall: &mut Vec<u8>) -> (u32, u32) {
        upcall.clear();
        let piece = self.piece_mut(first);
        let mut left = piece.first_chunk().map_or(0, |length| u32::from_ne_bytes(*length) as usize);
        let begin = left.min(PIECE - HEADER);
        upcall.extend_from_slice(&piece[HEADER..HEADER + begin]);
        left -= begin;
        let (mut at, mut pieces) = (self.give(first), 1);
        while left > 0 && at != NONE {
            let part = left.min(PIECE);
            let piece = at;
            upcall.extend_from_slice(&self.piece_mut(piece)[..part]);
            left -= part;
            at = self.give(piece);
            pieces += 1;
        }
        (at, pieces)
    }

    fn piece_mut(&mut self, piece: u32) -> &mut [u8] {
        let at = piece as usize * PIECE;
        &mut self.bytes[at..at + PIECE]
    }

    fn link(&mut self, piece: u32, behind: u32) {
        self.next[piece as usize] = behind;
    }

    fn take(&mut self) -> u32 {
        self.used += 1;
        if self.free == NONE {
            self.fresh += 1;
            return self.fresh - 1;
        }
        let piece = self.free;
        self.free = self.next[piece as usize];
        piece
    }

    /// Frees a piece and returns the one behind it.
    fn give(&mut self, piece: u32) -> u32 {
        self.used -= 1;
        let behind = self.next[piece as usize];
        self.link(piece, self.free);
        self.free = piece;
        behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upcall(port: u8, number: u16, length: usize) -> Vec<u8> {
        let [high, low] = number.to_be_bytes();
        let mut bytes = vec![port, high, low];
        bytes.resize(length, port ^ low);
        bytes
    }

    #[test]
    fn each_port_in_turn_and_each_in_its_order() {
        let mut backlog = Backlog::with_pieces(1000);
        for number in 0..40 {
            assert!(backlog.push(1, &upcall(1, number, 3 + usize::from(number) * 17)));
        }
        for number in 0..2 {
            assert!(backlog.push(2, &upcall(2, number, 200)));
        }
        assert!(backlog.push(3, &upcall(3, 0, 3)));
        assert_eq!(backlog.len, 43);
        let mut order = Vec::new();
        let mut bytes = Vec::new();
        while backlog.pop(&mut bytes) {
            let (port, number) = (bytes[0], u16::from_be_bytes([bytes[1], bytes[2]]));
            assert_eq!(bytes, upcall(port, number, bytes.len()), "another upcall's bytes");
            assert!(port != 1 || bytes.len() == 3 + usize::from(number) * 17);
            order.push((port, number));
        }
        assert_eq!(order[..6], [(1, 0), (2, 0), (3, 0), (1, 1), (2, 1), (1, 2)]);
        assert!(order[5..].iter().enumerate().all(|(at, one)| *one == (1, u16::try_from(at).unwrap() + 2)), "{order:?}");
        assert!(backlog.is_empty() && backlog.turns.is_empty() && backlog.ports.is_empty());
        assert_eq!(backlog.room.as_ref().map(|room| room.used), Some(0));
    }

    #[test]
    fn a_flood_leaves_room_for_the_others() {
        let mut backlog = Backlog::with_pieces(900);
        let taken = (0..2000).filter(|number| backlog.push(1, &upcall(1, *number, 300))).count();
        assert_eq!(taken, 267, "one port alone gets eight parts of nine");
        assert!((0..20).all(|number| backlog.push(2, &upcall(2, number, 300))));
        assert!(!backlog.push(1, &upcall(1, 0, 300)));
        assert!(!backlog.push(3, &upcall(3, 0, 900 * PIECE)), "longer than all there is");
        // What is taken out makes room again, and after many rounds no piece is lost.
        let mut bytes = Vec::new();
        for number in 0..10_000 {
            assert!(backlog.pop(&mut bytes));
            assert!(backlog.push(4 + u32::from(number % 5), &upcall(4, number, 290)), "{number}");
        }
        let all = backlog.len;
        assert_eq!((0..).take_while(|_| backlog.pop(&mut bytes)).count(), all);
        assert_eq!(backlog.room.as_ref().map(|room| (room.used, room.fresh <= 900)), Some((0, true)));
        backlog.release();
        assert!(backlog.room.is_none());
    }

    #[test]
    fn waiting_allocates_nothing_once_it_has_seen_its_load() {
        let mut backlog = Backlog::with_pieces(10_000);
        let (one, mut bytes) = (upcall(1, 7, 400), Vec::new());
        let mut round = || {
            for number in 0..2000 {
                assert!(backlog.push(number % 50, &one));
            }
            while backlog.pop(&mut bytes) {}
        };
        round();
        assert_eq!(allocation_counter::measure(round).count_total, 0);
    }
}
