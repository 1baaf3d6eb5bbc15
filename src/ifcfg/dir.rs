//! Reads a folder into [`Sources`]: the only I/O of this room, and nothing else.
//!
//! It must not look into what it reads.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::file::{MAX_FILE, NETWORK, STATIC_ROUTES, Sources, is_backup, is_companion, is_interface};

/// More files than this is not a configuration folder.
const MAX_FILES: usize = 10_000;

/// Reads the interfaces' files of `dir`, the routes' and rules' beside them, and `dir/../network` and `dir/../static-routes` when
/// they are there.
///
/// A file that cannot be read is noted in the result, so that only a command that needs it fails.
///
/// # Errors
/// The folder itself cannot be read, or holds more than 10 000 such files.
pub fn load(dir: &Path) -> io::Result<Sources> {
    let mut sources = Sources::new(dir);
    let mut count = 0_usize;
    for entry in fs::read_dir(dir)? {
        // A name that is not UTF-8 names no interface.
        let Ok(name) = entry?.file_name().into_string() else { continue };
        if is_interface(&name) || is_companion(&name) || (is_backup(&name) && name.starts_with("ifcfg-")) {
            count += 1;
            if count > MAX_FILES {
                return Err(io::Error::other(format!("{} holds more than {MAX_FILES} interface files", dir.display())));
            }
            add(&mut sources, &name);
        }
    }
    for name in [NETWORK, STATIC_ROUTES] {
        if sources.path(name).is_file() {
            add(&mut sources, name);
        }
    }
    Ok(sources)
}

/// Reads one file, whatever its name, and the network file two levels beside it: what the variables of a single file need.
/// Returns the name it has in the result.
///
/// # Errors
/// The file is not there, is not a regular file (`InvalidInput`), is larger than [`MAX_FILE`] (`FileTooLarge`), or cannot be read.
pub fn load_file(path: &Path) -> io::Result<(Sources, String)> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let Some(bytes) = read(path)? else {
        return Err(match fs::metadata(path) {
            Ok(_) => io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"),
            Err(error) => error,
        });
    };
    let mut sources = Sources::new(path.parent().unwrap_or(Path::new("")));
    if sources.path(NETWORK).is_file() {
        add(&mut sources, NETWORK);
    }
    sources.insert_named(name, bytes);
    Ok((sources, name.to_owned()))
}

/// Reads one file into `sources` under `name`, its name in the folder.
fn add(sources: &mut Sources, name: &str) {
    if is_backup(name) {
        return sources.insert(name, Vec::new());
    }
    match read(&sources.path(name)) {
        Ok(Some(bytes)) => sources.insert(name, bytes),
        Ok(None) => {}
        Err(error) => sources.insert_unreadable(name, error.to_string()),
    }
}

/// The bytes of a regular file; `None` for a folder, a device, or what is not there.
///
/// # Errors
/// The file is larger than [`MAX_FILE`] (`FileTooLarge`), or cannot be read.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // Asked before opening: opening a named pipe would wait for its writer.
    let length = match fs::metadata(path) {
        Ok(meta) if meta.is_file() => meta.len(),
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // Room for all of it and a little more: one call reads it, the next finds its end.
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(MAX_FILE).min(MAX_FILE) + 64);
    File::open(path)?.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {MAX_FILE} bytes")));
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_initscripts_would() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("network-scripts");
        fs::create_dir(&dir).unwrap();
        fs::create_dir(dir.join("ifcfg-folder")).unwrap();
        for (name, text) in
            [("ifcfg-a", "A=1"), ("ifcfg-a~", "A=2"), ("ifcfg-lo", ""), ("route-a", ""), ("ifup-eth", "exit 1"), ("../network", "B=1")]
        {
            fs::write(dir.join(name), text).unwrap();
        }
        let sources = load(&dir).unwrap();
        assert_eq!(sources.interfaces().collect::<Vec<_>>(), [("ifcfg-a", b"A=1".as_slice())]);
        assert_eq!(sources.get(NETWORK), Some(b"B=1".as_slice()));
        assert_eq!(sources.skipped(), ["ifcfg-a~"]);
        assert_eq!(sources.companions().count(), 1);
    }

    #[test]
    fn one_file_by_its_path() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("ifcfg-a.bak"), "A=1").unwrap();
        let (sources, name) = load_file(&dir.path().join("ifcfg-a.bak")).unwrap();
        assert_eq!((name.as_str(), sources.get("ifcfg-a.bak")), ("ifcfg-a.bak", Some(b"A=1".as_slice())));
        let kind = |path: &Path| load_file(path).unwrap_err().kind();
        assert_eq!(kind(dir.path()), io::ErrorKind::InvalidInput);
        assert_eq!(kind(&dir.path().join("nowhere")), io::ErrorKind::NotFound);
        fs::write(dir.path().join("ifcfg-a"), vec![b'#'; MAX_FILE + 1]).unwrap();
        assert_eq!(kind(&dir.path().join("ifcfg-a")), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_file_too_large_is_noted() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("ifcfg-a"), vec![b'#'; MAX_FILE + 1]).unwrap();
        assert_eq!(load(dir.path()).unwrap().unreadable().count(), 1);
        assert!(load(&dir.path().join("nowhere")).is_err());
    }
}
