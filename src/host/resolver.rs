//! The resolver's configuration file: read as text, written whole, and only when it is a plain file. A symbolic link says
//! that another program, such as systemd-resolved, writes it.

use std::fs;
use std::io;
use std::path::Path;

/// What stands in the file, `None` when there is none; and whether it may be written.
///
/// # Errors
/// What the kernel says about reading it.
pub fn read(path: &Path) -> io::Result<(Option<String>, bool)> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => {
            let text = match fs::read(path) {
                Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            Ok((text, metadata.is_file()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((None, true)),
        Err(error) => Err(error),
    }
}

/// Replaces the file's text, or removes the file when there is none. Atomic by renaming; where the file is a mount of its
/// own (containers do that) renaming is refused and it is written in place.
///
/// # Errors
/// What the kernel says about writing it.
pub fn write(path: &Path, text: Option<&str>) -> io::Result<()> {
    let Some(text) = text else {
        return match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        };
    };
    match super::store::replace(path, text.as_bytes()) {
        Err(error) if matches!(error.kind(), io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices | io::ErrorKind::ReadOnlyFilesystem) => {
            fs::write(path, text)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("resolv.conf");
        assert_eq!(read(&path).unwrap(), (None, true));
        write(&path, Some("nameserver 10.0.0.1\n")).unwrap();
        assert_eq!(read(&path).unwrap(), (Some("nameserver 10.0.0.1\n".into()), true));
        write(&path, None).unwrap();
        write(&path, None).unwrap();
        assert_eq!(read(&path).unwrap(), (None, true));
    }

    #[test]
    fn a_link_belongs_to_somebody_else() {
        let dir = tempfile::tempdir().unwrap();
        let (path, target) = (dir.path().join("resolv.conf"), dir.path().join("stub"));
        std::os::unix::fs::symlink(&target, &path).unwrap();
        assert_eq!(read(&path).unwrap(), (None, false));
        fs::write(&target, "x").unwrap();
        assert_eq!(read(&path).unwrap(), (Some("x".into()), false));
    }
}
