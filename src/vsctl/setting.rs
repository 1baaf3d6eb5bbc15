//! `COLUMN=VALUE`, `COLUMN:KEY=VALUE`: what `set` and `add-port` take behind their names.
//!
//! It must not know what a column's value means.

use ovsdp_proto::Mac;

use super::Fault;
use super::columns::{self, Class, Table};
use super::value;
use crate::model::Vid;

/// One setting whose column takes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Which word it was written in, counted from 0.
    pub word: usize,
    /// The column.
    pub column: &'static str,
    /// The key, of a map column; else empty.
    pub key: String,
    /// The value as it is written; of a map's key, without quotes.
    pub value: String,
    /// Whether it is only kept.
    pub is_recorded: bool,
}

impl Setting {
    /// Its column and key as a person writes them.
    pub(super) fn called(&self) -> String {
        if self.key.is_empty() { self.column.to_owned() } else { format!("{}:{}", self.column, self.key) }
    }

    pub(super) fn fault(&self, reason: &str, help: &str) -> Fault {
        Fault::new(self.word, format!("`{}={}`: {reason}", self.called(), self.value), help)
    }

    /// Its one value.
    pub(super) fn one(&self) -> Result<String, Fault> {
        if !self.key.is_empty() {
            return Ok(self.value.clone());
        }
        let mut atoms = value::atoms(&self.value).map_err(|why| self.fault(why, "write one value"))?;
        match (atoms.pop(), atoms.is_empty()) {
            (Some(atom), true) => Ok(atom),
            _ => Err(self.fault("it takes one value", "write one")),
        }
    }

    /// Its value, one of `words`.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, Fault> {
        let text = self.one()?;
        let list = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, meant)| *meant)
            .ok_or_else(|| self.fault("this is no value it takes here", &format!("write one of: {}", list())))
    }

    /// Its value, true or false.
    pub(super) fn boolean(&self) -> Result<bool, Fault> {
        value::boolean(&self.one()?).ok_or_else(|| self.fault("it is neither true nor false", "write true or false"))
    }

    /// Its value, a number from `low` to `high`.
    pub(super) fn number(&self, low: u32, high: u32) -> Result<u32, Fault> {
        let number = self.one()?.parse::<u32>().ok().filter(|number| (low..=high).contains(number));
        number.ok_or_else(|| self.fault("it is no number this column takes", &format!("write a number from {low} to {high}")))
    }

    /// Its value, an Ethernet address a station can have.
    pub(super) fn mac(&self) -> Result<Mac, Fault> {
        let mac = self.one()?.parse::<Mac>().ok().filter(|mac| !mac.is_multicast() && *mac != Mac::ZERO);
        mac.ok_or_else(|| self.fault("no device can have this address", "write one such as 52:54:00:12:34:56"))
    }

    /// Its values, VLANs' numbers.
    pub(super) fn vids(&self) -> Result<Vec<Vid>, Fault> {
        let atoms = value::atoms(&self.value).map_err(|why| self.fault(why, "write VLANs' numbers with commas between them"))?;
        let vid = |atom: &String| atom.parse::<u16>().ok().and_then(|vid| Vid::try_from(vid).ok());
        atoms.iter().map(|atom| vid(atom).ok_or_else(|| self.fault("VLANs are numbers from 0 to 4095", "write such as 10,20"))).collect()
    }
}

/// Reads settings of a row of `table`; `first` is the number of the first word.
///
/// # Errors
/// The first word that is none, or that names a column that is refused.
pub fn settings(table: Table, first: usize, words: &[&str]) -> Result<Vec<Setting>, Fault> {
    let mut all = Vec::new();
    for (word, text) in (first..).zip(words) {
        read(table, word, text, &mut all)?;
    }
    Ok(all)
}

fn read(table: Table, word: usize, text: &str, all: &mut Vec<Setting>) -> Result<(), Fault> {
    let place = text.find(['=', ':']).unwrap_or(text.len());
    let (name, rest) = text.split_at(place);
    let Some(column) = columns::name(table, name) else {
        let message = format!("`{name}` is no column of a {}", table.name());
        return Err(Fault::new(word, message, "write COLUMN=VALUE or COLUMN:KEY=VALUE; docs/columns.md has the columns"));
    };
    let bad = |why: &str| Fault::new(word, format!("`{text}` cannot be read: {why}"), "write COLUMN=VALUE or COLUMN:KEY=VALUE");
    let pairs = if let Some(rest) = rest.strip_prefix(':') {
        if !columns::is_map(table, column) {
            return Err(bad("this column has no keys"));
        }
        let (key, value) = rest.split_once('=').ok_or_else(|| bad("there is no value"))?;
        let atoms = value::atoms(value).map_err(bad)?;
        let [value] = atoms.as_slice() else { return Err(bad("a key has one value")) };
        vec![(key.trim_matches('"').to_owned(), value.clone())]
    } else {
        let value = rest.strip_prefix('=').filter(|value| !value.is_empty()).ok_or_else(|| bad("there is no value"))?;
        if columns::is_map(table, column) { value::pairs(value).map_err(bad)? } else { vec![(String::new(), value.to_owned())] }
    };
    for (key, value) in pairs {
        let called = if key.is_empty() { column.to_owned() } else { format!("{column}:{key}") };
        let is_recorded = match columns::class(table, column, &key) {
            Some(Class::Applied) => false,
            Some(Class::Recorded) => true,
            Some(Class::Refused(why)) => {
                return Err(Fault::new(
                    word,
                    format!("`{called}` of a {} is refused: {why}", table.name()),
                    "remove it if this host can do without it",
                ));
            }
            None => return Err(bad("this column has keys")),
        };
        all.push(Setting { word, column, key, value, is_recorded });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(table: Table, words: &[&str]) -> Result<Vec<(String, String, String)>, Fault> {
        Ok(settings(table, 0, words)?.into_iter().map(|one| (one.column.to_owned(), one.key, one.value)).collect())
    }

    #[test]
    fn every_form() {
        let of = |column: &str, key: &str, value: &str| (column.to_owned(), key.to_owned(), value.to_owned());
        assert_eq!(
            read(Table::Bridge, &["fail_mode=standalone", "stp=[false]"]).unwrap(),
            [of("fail_mode", "", "standalone"), of("stp_enable", "", "[false]")]
        );
        assert_eq!(
            read(Table::Bridge, &["other-config:hwaddr=\"02:00:00:00:00:01\"", "other_config={mac-table-size=100,mac-aging-time=60}"]).unwrap(),
            [
                of("other_config", "hwaddr", "02:00:00:00:00:01"),
                of("other_config", "mac-table-size", "100"),
                of("other_config", "mac-aging-time", "60")
            ]
        );
        let kept = settings(Table::Interface, 3, &["external-ids:iface-id=vm-1"]).unwrap();
        assert!(kept[0].is_recorded && kept[0].word == 3);
    }

    #[test]
    fn what_is_refused_says_why_and_where() {
        let fault = |table, words: &[&str]| read(table, words).unwrap_err();
        let secured = fault(Table::Bridge, &["fail_mode=standalone", "controller=[]"]);
        assert!(secured.word == 1 && secured.reason.contains("OpenFlow"), "{secured:?}");
        for bad in ["stp_enable", "stp_enable=", "stp_enable:x=1", "nothing=1", "=1", ":", "other_config=5", "other_config:hwaddr", "mirrors=@m"] {
            assert_eq!(fault(Table::Bridge, &["fail_mode=standalone", bad]).word, 1, "{bad}");
        }
        assert!(fault(Table::Port, &["qos=@q"]).reason.contains("not do this yet"));
        assert!(fault(Table::Interface, &["ofport_request=3"]).reason.contains("OpenFlow"));
    }
}
