//! The journal as a file: a line that is all of it, and a line for each change since. So each of many steps is written down at the same
//! small cost.
//!
//! A line is written by one write and is there once its end is: what a kill or a full disk left without one was not done. A file
//! of one line is what an agent of before wrote.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::store;
use crate::plan::{Entry, Journal};

/// Replaces the journal at `path` in one step.
///
/// # Errors
/// What the kernel says.
pub fn save(path: &Path, journal: &Journal) -> io::Result<()> {
    let mut line = serde_json::to_vec(journal)?;
    line.push(b'\n');
    store::replace(path, &line)
}

/// Adds a change to the journal at `path`, which is there. After an error it may end in half a line, to which nothing is to be added:
/// [`save`] comes next.
///
/// # Errors
/// What the kernel says.
pub fn append(path: &Path, entry: &Entry<'_>) -> io::Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    let mut file = OpenOptions::new().append(true).open(path)?;
    file.write_all(&line)?;
    // As with a file that is replaced: free in memory, and on a disk what makes it be there.
    file.sync_data()
}

/// Reads the journal at `path`; `None` when there is none.
///
/// # Errors
/// What the kernel says, or [`io::ErrorKind::InvalidData`] when it is not what [`save`] and [`append`] wrote.
pub fn load(path: &Path) -> io::Result<Option<Journal>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let wrong = |at: usize, why: &dyn fmt::Display| io::Error::new(io::ErrorKind::InvalidData, format!("line {}: {why}", at + 1));
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let mut journal: Journal = serde_json::from_slice(lines.next().unwrap_or_default()).map_err(|error| wrong(0, &error))?;
    // What is behind the last line's end: nothing, or half a line.
    let _ = lines.next_back();
    for (at, line) in lines.enumerate() {
        let entry = serde_json::from_slice(line).map_err(|error| wrong(at + 1, &error))?;
        if !journal.follow(entry) {
            return Err(wrong(at + 1, &"it takes back a step that is not there"));
        }
    }
    Ok(Some(journal))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use ovsdp_proto::IfName;

    use super::*;
    use crate::plan::Step;

    fn up(name: &str) -> Step {
        Step::SetUp { name: IfName::new(name).unwrap() }
    }

    fn of(names: &[&str]) -> Journal {
        Journal { done: names.iter().map(|name| up(name)).collect(), unconfirmed: None }
    }

    #[test]
    fn what_is_added_is_read_back_up_to_the_last_whole_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.json");
        let begun = |name: &str| append(&path, &Entry::Begun(Box::new(Cow::Owned(up(name)))));
        assert_eq!(load(&path).unwrap(), None);
        assert_eq!(begun("eth0").unwrap_err().kind(), io::ErrorKind::NotFound);
        save(&path, &of(&["eth0"])).unwrap();
        assert_eq!(load(&path).unwrap(), Some(of(&["eth0"])));
        begun("eth1").unwrap();
        begun("eth2").unwrap();
        assert_eq!(load(&path).unwrap(), Some(of(&["eth0", "eth1", "eth2"])));
        append(&path, &Entry::TakenBack(1)).unwrap();
        let whole = fs::read(&path).unwrap();
        let expected = of(&["eth0", "eth2"]);
        assert_eq!(load(&path).unwrap().as_ref(), Some(&expected));
        begun("eth3").unwrap();
        let longer = fs::read(&path).unwrap();
        for end in whole.len()..longer.len() {
            fs::write(&path, &longer[..end]).unwrap();
            assert_eq!(load(&path).unwrap().as_ref(), Some(&expected), "torn at {end}");
        }
        save(&path, &expected).unwrap();
        begun("eth3").unwrap();
        assert_eq!(load(&path).unwrap(), Some(of(&["eth0", "eth2", "eth3"])));
    }

    #[test]
    fn one_of_an_older_agent_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.json");
        let all = of(&["eth0", "eth1"]);
        store::save(&path, &all).unwrap();
        assert_eq!(load(&path).unwrap(), Some(all));
    }

    #[test]
    fn what_nobody_wrote_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.json");
        for text in ["", "{", "{\"done\":[]}\n{\"begun\":\n", "{\"done\":[]}\n\n\n", "{\"done\":[]}\n{\"taken-back\":0}\n"] {
            fs::write(&path, text).unwrap();
            assert_eq!(load(&path).unwrap_err().kind(), io::ErrorKind::InvalidData, "{text:?}");
        }
    }
}
