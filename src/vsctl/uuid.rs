//! Names of rows. They are made of what a row is called, so that the same database made twice has the same ones.

use core::fmt;
use core::str::FromStr;

/// A row's UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub u128);

/// Where the hyphens are.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl Uuid {
    /// The UUID a text stands for, below another one: version 8 of RFC 9562, 122 bits of FNV-1a.
    pub fn derived(root: Self, text: &str) -> Self {
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        let hash = |basis, bytes: &mut dyn Iterator<Item = u8>| bytes.fold(basis, |hash: u128, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
        let first = hash(BASIS, &mut root.0.to_be_bytes().into_iter().chain(text.bytes()));
        // FNV moves a last byte's bits into the upper half only slowly: hashed again, every bit depends on every byte.
        let mixed = hash(BASIS, &mut first.to_le_bytes().into_iter().chain(first.to_be_bytes()));
        Self(mixed & !(0xf << 76) & !(0b11 << 62) | 8 << 76 | 0b10 << 62)
    }

    /// Whether a text of at least four digits is how it begins.
    pub fn begins_with(self, text: &str) -> bool {
        text.len() >= 4 && self.to_string().starts_with(&text.to_ascii_lowercase())
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:032x}", self.0);
        let (a, b, c, d, e) = (&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]);
        write!(f, "{a}-{b}-{c}-{d}-{e}")
    }
}

/// A text is no UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoUuid;

impl FromStr for Uuid {
    type Err = NoUuid;

    fn from_str(text: &str) -> Result<Self, NoUuid> {
        let shaped = text.len() == 36 && text.bytes().enumerate().all(|(i, b)| if HYPHENS.contains(&i) { b == b'-' } else { b.is_ascii_hexdigit() });
        if !shaped {
            return Err(NoUuid);
        }
        u128::from_str_radix(&text.replace('-', ""), 16).map(Self).map_err(|_| NoUuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_and_read_it_is_the_same() {
        let text = "3a5e2ff5-8454-429e-b464-e20b8f601539";
        let uuid: Uuid = text.parse().unwrap();
        assert_eq!(uuid.to_string(), text);
        assert!(uuid.begins_with("3A5e") && !uuid.begins_with("3a5") && !uuid.begins_with("3a5f"));
        for wrong in ["", "3a5e2ff5-8454-429e-b464-e20b8f60153", "3a5e2ff5-8454-429e-b464+e20b8f601539", "3a5e2ff5-8454-429e-b464-e20b8f60153g"] {
            assert_eq!(wrong.parse::<Uuid>(), Err(NoUuid), "{wrong}");
        }
    }

    #[test]
    fn a_name_has_one_and_two_names_have_two() {
        let root = Uuid(7);
        assert_eq!(Uuid::derived(root, "a"), Uuid::derived(root, "a"));
        let all: std::collections::BTreeSet<_> = (0..10_000).map(|i| Uuid::derived(root, &i.to_string())).collect();
        let starts: std::collections::BTreeSet<_> = all.iter().map(|uuid| uuid.0 >> 96).collect();
        assert!(all.len() == 10_000 && starts.len() > 9_990);
        assert!(all.iter().all(|uuid| uuid.to_string().as_bytes()[14] == b'8'));
    }
}
