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

/// How many attributes have a place in the table: more than any kernel knows of one nest.
const PLACES: usize = 40;

/// The masks of the attributes of a nest: of each kind the last one wins, as for the kernel. Read once, so that printing
/// takes time in proportion to what is printed whatever its order is.
pub(super) struct Masks<'a> {
    whole: Mask<'a>,
    places: [Option<&'a [u8]>; PLACES],
    /// Those of a kind without a place, by kind: made when such an attribute is asked for.
    others: Option<Vec<(u16, &'a [u8])>>,
}

impl<'a> Masks<'a> {
    /// The masks in `whole`, the mask of the nest.
    #[inline]
    pub(super) fn new(whole: Mask<'a>) -> Self {
        let mut places = [None; PLACES];
        if let Mask::Bits(bytes) = whole {
            for attr in Attrs::new(bytes) {
                if let Some(place) = places.get_mut(usize::from(attr.kind())) {
                    *place = Some(attr.payload());
                }
            }
        }
        Self { whole, places, others: None }
    }

    /// The mask of the attribute `kind`, when there is a mask that names it.
    #[inline]
    pub(super) fn find(&mut self, kind: u16) -> Option<&'a [u8]> {
        match self.places.get(usize::from(kind)) {
            Some(place) => *place,
            None => self.other(kind),
        }
    }

    /// The mask of the attribute `kind`.
    #[inline]
    pub(super) fn of(&mut self, kind: u16) -> Mask<'a> {
        match self.whole {
            Mask::Bits(_) => self.find(kind).map_or(Mask::Any, Mask::Bits),
            other => other,
        }
    }

    #[cold]
    fn other(&mut self, kind: u16) -> Option<&'a [u8]> {
        let Mask::Bits(bytes) = self.whole else { return None };
        let others = self.others.get_or_insert_with(|| {
            let attrs = Attrs::new(bytes).map(|attr| (attr.kind(), attr.payload()));
            let mut others: Vec<_> = attrs.filter(|(kind, _)| usize::from(*kind) >= PLACES).collect();
            others.sort_by_key(|(kind, _)| *kind);
            others
        });
        let end = others.partition_point(|(other, _)| *other <= kind);
        let (found, mask) = others.get(end.checked_sub(1)?)?;
        (*found == kind).then_some(*mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nla;

    #[test]
    fn of_every_kind_the_last_one_is_found() {
        let mut bytes = Vec::new();
        let kinds = [3, 0, 39, 40, 3, 9000, 41, 40, 39, 16383, 41];
        for (at, kind) in kinds.into_iter().enumerate() {
            nla::put(&mut bytes, kind, &vec![1; at]).unwrap();
        }
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
}
