//! Doubly linked lists of numbers: the elements live in somebody's `Vec`, a list links their indices. Adding, removing and
//! finding the oldest take the same time however long the list is, and none of them allocates once the links are there.
//!
//! The caller keeps two promises, which its own tests check: an index it passes was given to [`Links::cover`], and an
//! element is in at most one chain of the same [`Links`].

/// No element.
pub(crate) const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Link {
    prev: u32,
    next: u32,
}

/// The links of every element of one `Vec`, for one kind of list. An element needs one `Links` for each list it is in.
#[derive(Debug, Default)]
pub(crate) struct Links(Vec<Link>);

impl Links {
    /// Makes sure element `index` has a link.
    pub(crate) fn cover(&mut self, index: u32) {
        let len = index as usize + 1;
        if self.0.len() < len {
            self.0.resize(len, Link { prev: NONE, next: NONE });
        }
    }

    /// The element after `index`, if there is one.
    pub(crate) fn next(&self, index: u32) -> Option<u32> {
        Some(self.0[index as usize].next).filter(|next| *next != NONE)
    }
}

/// One list: its ends and its length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain {
    head: u32,
    tail: u32,
    len: u32,
}

impl Chain {
    /// A list of nothing.
    pub(crate) const EMPTY: Self = Self { head: NONE, tail: NONE, len: 0 };

    /// How many elements it has.
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// The first element: the one that has been in the list longest.
    pub(crate) fn front(&self) -> Option<u32> {
        Some(self.head).filter(|head| *head != NONE)
    }

    /// Appends an element that is in no list of these links.
    pub(crate) fn push_back(&mut self, links: &mut Links, index: u32) {
        links.0[index as usize] = Link { prev: self.tail, next: NONE };
        match self.tail {
            NONE => self.head = index,
            tail => links.0[tail as usize].next = index,
        }
        self.tail = index;
        self.len += 1;
    }

    /// Takes an element out that is in this list.
    pub(crate) fn remove(&mut self, links: &mut Links, index: u32) {
        let Link { prev, next } = links.0[index as usize];
        match prev {
            NONE => self.head = next,
            prev => links.0[prev as usize].next = next,
        }
        match next {
            NONE => self.tail = prev,
            next => links.0[next as usize].prev = prev,
        }
        self.len -= 1;
    }

    /// Makes an element of this list the last one.
    pub(crate) fn move_back(&mut self, links: &mut Links, index: u32) {
        if self.tail != index {
            self.remove(links, index);
            self.push_back(links, index);
        }
    }

    /// The elements, first to last.
    pub(crate) fn iter<'a>(&self, links: &'a Links) -> impl Iterator<Item = u32> + use<'a> {
        core::iter::successors(self.front(), |index| links.next(*index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_whatever_is_taken_out() {
        let (mut links, mut chain) = (Links::default(), Chain::EMPTY);
        links.cover(4);
        for index in 0..5 {
            chain.push_back(&mut links, index);
        }
        let list = |chain: &Chain, links: &Links| chain.iter(links).collect::<Vec<_>>();
        assert_eq!(list(&chain, &links), [0, 1, 2, 3, 4]);
        chain.remove(&mut links, 2);
        chain.remove(&mut links, 0);
        chain.remove(&mut links, 4);
        assert_eq!((list(&chain, &links), chain.len()), (vec![1, 3], 2));
        chain.move_back(&mut links, 1);
        chain.move_back(&mut links, 1);
        assert_eq!(list(&chain, &links), [3, 1]);
        chain.remove(&mut links, 1);
        chain.remove(&mut links, 3);
        assert_eq!((chain.front(), chain.len()), (None, 0));
    }
}
