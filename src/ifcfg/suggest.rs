//! "Did you mean": the nearest of a few known words.
//!
//! It must not know what the words are for.

/// The candidate nearest to `word`, when it is near enough to have been meant. Case counts little.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.is_empty() || word.len() > 40 {
        return None;
    }
    let upper = word.to_ascii_uppercase();
    let limit = (word.len() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != word && candidate.len() <= 40)
        .map(|candidate| (distance(upper.as_bytes(), candidate.to_ascii_uppercase().as_bytes()), candidate))
        .filter(|(far, _)| *far <= limit)
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

/// How many insertions, deletions, replacements and swaps of neighbours make one word the other.
pub(super) fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&last, j) + usize::from(x != y)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, far) in [("", "", 0), ("a", "", 1), ("ova", "ovs", 1), ("GATEWYA", "GATEWAY", 1), ("DNS", "DNS1", 1), ("kitten", "sitting", 3)] {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), far, "{a} {b}");
        }
    }

    #[test]
    fn only_near_words_are_suggested() {
        let keys = ["DEVICE", "DNS1", "OVS_EXTRA", "GATEWAY"];
        assert_eq!(nearest("device", keys), Some("DEVICE"));
        assert_eq!(nearest("OVS_EXTRAS", keys), Some("OVS_EXTRA"));
        assert_eq!(nearest("DNS", keys), Some("DNS1"));
        assert_eq!(nearest("VLAN_ID", keys), None);
        assert_eq!(nearest("", keys), None);
    }
}
