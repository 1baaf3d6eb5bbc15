//! What `ip` calls the kernel's numbers for tables, scopes and protocols: iproute2's own names, and those of the host's files.
//!
//! It must not read those files; whoever looks at the host hands their text in.

use std::collections::BTreeMap;

/// Names with their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    tables: BTreeMap<String, u32>,
    scopes: BTreeMap<String, u32>,
    protocols: BTreeMap<String, u32>,
}

/// Which numbers a name is looked up among.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Numbered {
    /// Routing tables (`rt_tables`), 32 bits.
    Table,
    /// How far a destination is (`rt_scopes`), 8 bits.
    Scope,
    /// Who made a route or rule (`rt_protos`), 8 bits.
    Protocol,
}

impl Numbered {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Table, Self::Scope, Self::Protocol];

    /// The file that iproute2 reads such names from.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Table => "rt_tables",
            Self::Scope => "rt_scopes",
            Self::Protocol => "rt_protos",
        }
    }

    pub(super) const fn most(self) -> u32 {
        match self {
            Self::Table => u32::MAX,
            Self::Scope | Self::Protocol => 255,
        }
    }
}

const TABLES: [(&str, u32); 3] = [("default", 253), ("main", 254), ("local", 255)];
const SCOPES: [(&str, u32); 6] = [("global", 0), ("universe", 0), ("site", 200), ("link", 253), ("host", 254), ("nowhere", 255)];
const PROTOCOLS: [(&str, u32); 18] = [
    ("redirect", 1),
    ("kernel", 2),
    ("boot", 3),
    ("static", 4),
    ("gated", 8),
    ("ra", 9),
    ("mrt", 10),
    ("zebra", 11),
    ("bird", 12),
    ("dnrouted", 13),
    ("xorp", 14),
    ("ntk", 15),
    ("dhcp", 16),
    ("keepalived", 18),
    ("babel", 42),
    ("bgp", 186),
    ("isis", 187),
    ("ospf", 188),
];

impl Default for Numbers {
    /// Those every host knows.
    fn default() -> Self {
        let own = |list: &[(&str, u32)]| list.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect();
        Self { tables: own(&TABLES), scopes: own(&SCOPES), protocols: own(&PROTOCOLS) }
    }
}

impl Numbers {
    /// Adds what `text`, one of iproute2's files, says: a number and a name on each line, `#` begins a comment. A line that says
    /// something else is passed over, as iproute2 does.
    pub fn read(&mut self, kind: Numbered, text: &str) {
        for line in text.lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
            if let (Some(number), Some(name)) = (words.next().and_then(number), words.next())
                && number <= kind.most()
            {
                self.of_mut(kind).insert(name.to_owned(), number);
            }
        }
    }

    /// The number of `word`, which is a name or the number itself, decimal or after `0x`.
    pub fn get(&self, kind: Numbered, word: &str) -> Option<u32> {
        self.of(kind).get(word).copied().or_else(|| number(word)).filter(|number| *number <= kind.most())
    }

    /// Every name of a kind.
    pub fn names(&self, kind: Numbered) -> impl Iterator<Item = &str> {
        self.of(kind).keys().map(String::as_str)
    }

    const fn of(&self, kind: Numbered) -> &BTreeMap<String, u32> {
        match kind {
            Numbered::Table => &self.tables,
            Numbered::Scope => &self.scopes,
            Numbered::Protocol => &self.protocols,
        }
    }

    const fn of_mut(&mut self, kind: Numbered) -> &mut BTreeMap<String, u32> {
        match kind {
            Numbered::Table => &mut self.tables,
            Numbered::Scope => &mut self.scopes,
            Numbered::Protocol => &mut self.protocols,
        }
    }
}

/// A number as `ip` takes one: decimal, or hexadecimal after `0x`.
pub(super) fn number(text: &str) -> Option<u32> {
    let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |digits| (digits, 16));
    let plain = digits.bytes().all(|b| b.is_ascii_hexdigit());
    u32::from_str_radix(digits, radix).ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let mut numbers = Numbers::default();
        numbers.read(Numbered::Table, "# a comment\n255\tlocal\n0x64 hundred # said\n 7  seven\nx y\n9\n4294967296 much\n");
        for (word, number) in [
            ("main", Some(254)),
            ("hundred", Some(100)),
            ("seven", Some(7)),
            ("200", Some(200)),
            ("0x10", Some(16)),
            ("much", None),
            ("+1", None),
            ("", None),
        ] {
            assert_eq!(numbers.get(Numbered::Table, word), number, "{word}");
        }
        assert_eq!(numbers.get(Numbered::Scope, "link"), Some(253));
        assert_eq!(numbers.get(Numbered::Protocol, "256"), None);
    }
}
