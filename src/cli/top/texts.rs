//! The text of flows on the screen. Only those shown are asked for and formatted, and what was is kept for a while: a flow's
//! actions may change under its identifier.

use hashbrown::HashMap;

use super::flows::{Id, RANKED};

/// The most texts kept: what can be shown or filtered among, twice.
const KEPT: usize = 2 * RANKED;
/// How long a text is shown before the flow is asked for again.
const FRESH_MS: u64 = 5_000;

/// Texts of flows, and when each was made.
#[derive(Debug, Default)]
pub(super) struct Texts {
    kept: HashMap<Id, (String, u64)>,
}

impl Texts {
    /// The text of a flow at `now_ms`; `make` makes it when none is kept that is fresh.
    pub(super) fn get(&mut self, id: &Id, now_ms: u64, make: impl FnOnce(&Id) -> String) -> String {
        let is_fresh = |made: u64| now_ms.saturating_sub(made) < FRESH_MS;
        if let Some((text, made)) = self.kept.get(id)
            && is_fresh(*made)
        {
            return text.clone();
        }
        if self.kept.len() >= KEPT {
            self.kept.retain(|_, (_, made)| is_fresh(*made));
        }
        if self.kept.len() >= KEPT {
            self.kept.clear();
        }
        let text = make(id);
        self.kept.insert(id.clone(), (text.clone(), now_ms));
        text
    }
}

#[cfg(test)]
mod tests {
    use ovsdp_proto::flow::Ufid;

    use super::*;

    #[test]
    fn a_text_is_made_once_until_it_is_stale() {
        let (mut texts, id) = (Texts::default(), Id::Named(Ufid([1; 16])));
        let mut made = 0;
        let mut get = |texts: &mut Texts, now| {
            texts.get(&id, now, |_| {
                made += 1;
                made.to_string()
            })
        };
        let seen = [0, 4_999, 5_000, 9_999].map(|now| get(&mut texts, now));
        assert_eq!(seen, ["1", "1", "2", "2"]);
    }

    #[test]
    fn they_are_bounded() {
        let mut texts = Texts::default();
        for number in 0..5_000u64 {
            let mut ufid = [0; 16];
            ufid[..8].copy_from_slice(&number.to_be_bytes());
            texts.get(&Id::Named(Ufid(ufid)), number, |_| String::new());
            assert!(texts.kept.len() <= KEPT);
        }
    }
}
