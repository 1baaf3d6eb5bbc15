//! Small files that must be whole or absent: written beside and renamed, read as JSON.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Replaces the file at `path` with `bytes` in one step: a reader, or the next boot of a killed writer, sees the old bytes
/// or the new ones. Mode 0644.
///
/// # Errors
/// What the kernel says.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    // A run directory is in memory, where this costs nothing; on a disk it is what makes the rename mean something.
    file.sync_all()?;
    fs::rename(&beside, path).inspect_err(|_| {
        let _ = fs::remove_file(&beside);
    })
}

/// Replaces the file at `path` with `value` as JSON.
///
/// # Errors
/// What the kernel says.
pub fn save<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    replace(path, &serde_json::to_vec(value)?)
}

/// Reads `path` as JSON; `None` when there is no such file.
///
/// # Errors
/// What the kernel says, or [`io::ErrorKind::InvalidData`] when it is not what [`save`] wrote.
pub fn load<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes the file at `path`; fine when there is none.
///
/// # Errors
/// What the kernel says.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        assert_eq!(load::<Vec<u32>>(&path).unwrap(), None);
        save(&path, &vec![1, 2]).unwrap();
        assert_eq!(load::<Vec<u32>>(&path).unwrap(), Some(vec![1, 2]));
        fs::write(&path, "[1,").unwrap();
        assert!(load::<Vec<u32>>(&path).is_err());
        remove(&path).unwrap();
        remove(&path).unwrap();
    }
}
