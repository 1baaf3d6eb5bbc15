//! Which bits count: the mask of a value, and the masks of a nest's attributes beside them.

use crate::nla::Attrs;

/// Which bits of a value count.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mask<'a> {
    /// All of them.
    Exact,
    /// None of them.
    Any,
    /// Those set here.
    Bits(&'a [u8]),
}

impl<'a> Mask<'a> {
    /// The mask as an array, `None` when it has another length.
    #[inline]
    pub(crate) fn array<const N: usize>(self) -> Option<[u8; N]> {
        match self {
            Self::Exact => Some([0xff; N]),
            Self::Any => Some([0; N]),
            Self::Bits(bytes) => bytes.try_into().ok(),
        }
    }

    #[inline]
    pub(crate) fn is_any(self) -> bool {
        match self {
            Self::Exact => false,
            Self::Any => true,
            Self::Bits(bytes) => all(bytes, 0),
        }
    }

    #[inline]
    pub(crate) fn is_exact(self) -> bool {
        match self {
            Self::Exact => true,
            Self::Any => false,
            Self::Bits(bytes) => all(bytes, 0xff),
        }
    }
}

/// Whether every byte is this one. Most masks are a few words long.
#[inline]
pub(super) fn all(bytes: &[u8], byte: u8) -> bool {
    let (words, tail) = bytes.as_chunks::<4>();
    words.iter().all(|word| *word == [byte; 4]) && tail.iter().all(|other| *other == byte)
}

/// The masks of the attributes of a nest. A mask has its attributes in the order of the key as a rule: then the next one is the
/// one that is asked for. From the first that is not, they are found in a table, where of each kind the last one wins, as for
/// the kernel. So printing takes time in proportion to what is read, whatever its order.
pub(super) struct Masks<'a> {
    whole: Mask<'a>,
    next: Attrs<'a>,
    table: Option<Table<'a>>,
}

impl<'a> Masks<'a> {
    /// The masks in `whole`, the mask of the nest.
    #[inline]
    pub(super) fn new(whole: Mask<'a>) -> Self {
        let bytes = if let Mask::Bits(bytes) = whole { bytes } else { &[] };
        Self { whole, next: Attrs::new(bytes), table: None }
    }

    /// The mask of the attribute `kind`, when there is a mask that names it.
    #[inline]
    pub(super) fn find(&mut self, kind: u16) -> Option<&'a [u8]> {
        if self.table.is_none()
            && let Some(attr) = self.next.next()
            && attr.kind() == kind
        {
            return Some(attr.payload());
        }
        self.look_up(kind)
    }

    /// The mask of the attribute `kind`.
    #[inline]
    pub(super) fn of(&mut self, kind: u16) -> Mask<'a> {
        match self.whole {
            Mask::Bits(_) => self.find(kind).map_or(Mask::Any, Mask::Bits),
            other => other,
        }
    }

    #[inline(never)]
    fn look_up(&mut self, kind: u16) -> Option<&'a [u8]> {
        let bytes = self.next.bytes();
        self.table.get_or_insert_with(|| Table::new(bytes)).find(kind)
    }
}

/// How many attributes have a place of their own: more than any kernel knows of one nest.
const PLACES: usize = 40;

/// Attributes by kind.
struct Table<'a> {
    bytes: &'a [u8],
    places: [Option<&'a [u8]>; PLACES],
    /// Those of a kind without a place, sorted: made when such a kind is asked for.
    others: Option<Vec<(u16, &'a [u8])>>,
}

impl<'a> Table<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut places = [None; PLACES];
        for attr in Attrs::new(bytes) {
            if let Some(place) = places.get_mut(usize::from(attr.kind())) {
                *place = Some(attr.payload());
            }
        }
        Self { bytes, places, others: None }
    }

    /// The last attribute `kind`.
    fn find(&mut self, kind: u16) -> Option<&'a [u8]> {
        if let Some(place) = self.places.get(usize::from(kind)) {
            return *place;
        }
        let others = self.others.get_or_insert_with(|| {
            let attrs = Attrs::new(self.bytes).map(|attr| (attr.kind(), attr.payload()));
            let mut others: Vec<_> = attrs.filter(|(kind, _)| usize::from(*kind) >= PLACES).collect();
            others.sort_by_key(|(kind, _)| *kind);
            others
        });
        let end = others.partition_point(|(other, _)| *other <= kind);
        let (found, payload) = others.get(end.checked_sub(1)?)?;
        (*found == kind).then_some(*payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nla;

    /// Attributes of these kinds, each as long as its place in the list.
    fn list(kinds: &[u16]) -> Vec<u8> {
        let mut bytes = Vec::new();
        kinds.iter().enumerate().for_each(|(at, kind)| nla::put(&mut bytes, *kind, &vec![1; at]).unwrap());
        bytes
    }

    #[test]
    fn of_every_kind_the_last_one_is_found() {
        let kinds = [3, 0, 39, 40, 3, 9000, 41, 40, 39, 16383, 41];
        let bytes = list(&kinds);
        let mut masks = Masks::new(Mask::Bits(&bytes));
        for kind in (0..50).chain([8999, 9000, 9001, 16383]) {
            let last = kinds.into_iter().rposition(|other| other == kind);
            assert_eq!(masks.find(kind).map(<[u8]>::len), last, "{kind}");
            assert_eq!(matches!(masks.of(kind), Mask::Any), last.is_none(), "{kind}");
        }
        for kind in [3, 9000] {
            assert!(matches!(Masks::new(Mask::Exact).of(kind), Mask::Exact) && matches!(Masks::new(Mask::Any).of(kind), Mask::Any));
            assert!(Masks::new(Mask::Exact).find(kind).is_none());
        }
    }

    #[test]
    fn in_order_they_are_found_without_a_table() {
        let kinds = [22, 19, 2, 500, 3, 4];
        let bytes = list(&kinds);
        let mut masks = Masks::new(Mask::Bits(&bytes));
        for (at, kind) in kinds.into_iter().enumerate() {
            assert_eq!(masks.find(kind).map(<[u8]>::len), Some(at));
        }
        assert!(masks.table.is_none());
        assert_eq!((masks.find(9), masks.find(3).map(<[u8]>::len), masks.find(22).map(<[u8]>::len)), (None, Some(4), Some(0)));
        // Left out of the mask, or of the key: those behind are found all the same.
        for (asked, found) in [([22, 7, 19, 2], [true, false, true, true]), ([22, 2, 500, 4], [true; 4])] {
            let mut masks = Masks::new(Mask::Bits(&bytes));
            assert_eq!(asked.map(|kind| masks.find(kind).is_some()), found);
        }
    }
}
