//! Choosing flows by the bytes of their key and mask, before anything is printed: what `--filter` and `filter=` become. It is
//! compiled once and allocates nothing for a flow. It must not know any syntax: the text is read above.

use ovsdp_proto::flow::Flow;
use ovsdp_proto::key::Level;
use ovsdp_proto::nla::Attrs;
use ovsdp_proto::uapi::{key, tunnel_key};

/// When a flow is chosen, of the bits that a filter names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// It matches every one of them, with the filter's value.
    Covers,
    /// None of them that it matches has another value: it answers some packet that the filter describes, as far as the filter's
    /// fields go. So `ovs-dpctl` chooses.
    Agrees,
}

/// Where a field is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Below these attributes, from the outside.
    At(Vec<u16>),
    /// An attribute behind all VLAN tags, in whatever depth that is.
    Innermost(u16),
}

/// One field, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    place: Place,
    /// The attribute says by being there, not by its bytes.
    flag: bool,
    /// From which byte of the attribute on.
    offset: usize,
    /// Value and mask, byte by byte.
    bits: Vec<(u8, u8)>,
}

/// What flows are chosen by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    rule: Rule,
    terms: Vec<Term>,
}

/// A field that flows cannot be chosen by, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfit(pub &'static str);

impl Filter {
    /// Chooses every flow.
    pub const fn new(rule: Rule) -> Self {
        Self { rule, terms: Vec::new() }
    }

    /// Demands the fields of a key and its mask, as [`parse_key`](ovsdp_proto::key::parse_key) writes them. Those of which no
    /// bit is in the mask demand nothing.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn with_key(mut self, key: &[u8], mask: &[u8]) -> Result<Self, Unfit> {
        self.nest(Level::Key, &mut Vec::new(), key, mask)?;
        Ok(self)
    }

    /// Demands bytes of the attribute below `path`, from `offset` on.
    #[must_use]
    pub fn with(self, path: &[u16], offset: usize, value: &[u8], mask: &[u8]) -> Self {
        self.demand(Place::At(path.to_vec()), offset, value, mask)
    }

    /// Demands bytes of an attribute behind all VLAN tags, from `offset` on.
    #[must_use]
    pub fn with_innermost(self, kind: u16, offset: usize, value: &[u8], mask: &[u8]) -> Self {
        self.demand(Place::Innermost(kind), offset, value, mask)
    }

    fn demand(mut self, place: Place, offset: usize, value: &[u8], mask: &[u8]) -> Self {
        let bits = mask.iter().enumerate().map(|(at, mask)| (value.get(at).copied().unwrap_or(0) & mask, *mask)).collect();
        self.terms.push(Term { place, flag: false, offset, bits });
        self
    }

    fn nest(&mut self, level: Level, path: &mut Vec<u16>, values: &[u8], masks: &[u8]) -> Result<(), Unfit> {
        for mask in Attrs::new(masks) {
            let kind = mask.kind();
            let value = Attrs::new(values).find(kind);
            let bytes = value.map(|value| value.payload()).unwrap_or_default();
            path.push(kind);
            match (level, kind, mask.payload()) {
                (Level::Tunnel, tunnel_key::GENEVE_OPTS, _) => return Err(Unfit("Geneve options")),
                (Level::Tunnel, tunnel_key::ERSPAN_OPTS, _) => return Err(Unfit("ERSPAN options")),
                (_, _, masks) if let Some(below) = level.below(kind) => self.nest(below, path, bytes, masks)?,
                (_, _, []) => {
                    let place = Place::At(path.clone());
                    self.terms.push(Term { place, flag: true, offset: 0, bits: vec![(value.is_some().into(), 1)] });
                }
                (_, _, mask) if mask.iter().all(|byte| *byte == 0) => {}
                (_, _, mask) => {
                    let bits = mask.iter().enumerate().map(|(at, mask)| (bytes.get(at).copied().unwrap_or(0) & mask, *mask)).collect();
                    self.terms.push(Term { place: Place::At(path.clone()), flag: false, offset: 0, bits });
                }
            }
            path.pop();
        }
        Ok(())
    }

    /// Whether a flow is chosen. One whose key was left out has nothing to be chosen by.
    pub fn chooses(&self, flow: &Flow<'_>) -> bool {
        let Some(key) = flow.key else { return self.terms.is_empty() };
        let whole = Matched { key, mask: flow.mask };
        self.terms.iter().all(|term| term.holds(whole, self.rule))
    }
}

/// A flow's key, or a nest of it, beside its mask; `None`: it matches whole.
#[derive(Clone, Copy)]
struct Matched<'a> {
    key: &'a [u8],
    mask: Option<&'a [u8]>,
}

impl<'a> Matched<'a> {
    /// What is below an attribute, and whether it is there.
    fn below(self, kind: u16) -> (Self, bool, bool) {
        let find = |bytes: &'a [u8]| Attrs::new(bytes).find(kind).map(|attr| attr.payload());
        let (key, mask) = (find(self.key), self.mask.map(find));
        let below = Matched { key: key.unwrap_or_default(), mask: mask.map(Option::unwrap_or_default) };
        (below, key.is_some(), mask.is_none_or(|mask| mask.is_some()))
    }

    /// What is behind all VLAN tags.
    fn innermost(mut self) -> Self {
        while let (below, true, _) = self.below(key::ENCAP) {
            self = below;
        }
        self
    }
}

impl Term {
    fn holds(&self, whole: Matched<'_>, rule: Rule) -> bool {
        let (found, in_key, in_mask) = match &self.place {
            Place::At(path) => path.iter().fold((whole, false, false), |(at, ..), kind| at.below(*kind)),
            Place::Innermost(kind) => whole.innermost().below(*kind),
        };
        // A mask that has an Ethernet type and says nothing of a tag means that there must be none.
        let typed = || whole.below(key::ETHERTYPE).0.mask.is_some_and(|mask| mask.iter().any(|byte| *byte != 0));
        let untagged = !in_mask && matches!(&self.place, Place::At(path) if path.as_slice() == [key::VLAN]) && typed();
        self.bits.iter().enumerate().all(|(at, (value, wanted))| {
            let at = self.offset + at;
            // An attribute that is not there has no bit set, and none that must match.
            let (has, matched) = match self.flag {
                true => (u8::from(in_key), u8::from(in_mask)),
                false if untagged => (0, 0xff),
                false => (byte(found.key, at), found.mask.map_or(0xff, |mask| byte(mask, at))),
            };
            match rule {
                Rule::Covers => matched & wanted == *wanted && (has ^ value) & wanted == 0,
                Rule::Agrees => (has ^ value) & wanted & matched == 0,
            }
        })
    }
}

fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
