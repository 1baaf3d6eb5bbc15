//! iproute2's names for tables, scopes and protocols, as this host has them.
//!
//! It must not know what they are used for.

use std::fs;
use std::path::{Path, PathBuf};

use super::paths;
use crate::ifcfg::{self, Numbered, Numbers};

/// More files than this in one folder of names are not looked through.
const MAX_FILES: usize = 1000;

/// The names of this host. A file that cannot be read gives none: whatever needs them says that a name is missing.
pub fn numbers() -> Numbers {
    of(&paths::IPROUTE_DIRS.map(Path::new))
}

/// The names in `dirs`, those of a later one before those of an earlier.
fn of(dirs: &[&Path]) -> Numbers {
    let mut numbers = Numbers::default();
    // Most hosts have one of them: the others are asked for once, not for each file.
    let there: Vec<_> = dirs.iter().filter(|dir| dir.is_dir()).collect();
    for kind in Numbered::ALL {
        for path in there.iter().flat_map(|dir| files(dir, kind)) {
            if let Ok(Some(bytes)) = ifcfg::read(&path) {
                numbers.read(kind, &String::from_utf8_lossy(&bytes));
            }
        }
    }
    numbers
}

/// A folder's file of a kind and those of the folder beside it, as `rt_tables` and `rt_tables.d/*.conf`.
fn files(dir: &Path, kind: Numbered) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join(format!("{}.d", kind.file()))).into_iter().flatten().take(MAX_FILES).flatten();
    let mut more: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "conf")).collect();
    more.sort();
    std::iter::once(dir.join(kind.file())).chain(more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_folders_and_files_count_more() {
        let dir = tempfile::tempdir().unwrap();
        let (usr, etc) = (dir.path().join("usr"), dir.path().join("etc"));
        for (path, text) in [
            ("usr/rt_tables", "7 a\n8 b\n"),
            ("etc/rt_tables", "9 a\n"),
            ("etc/rt_tables.d/x.conf", "10 c\n"),
            ("etc/rt_tables.d/README", "11 d\n"),
            ("etc/rt_protos", "12 a\n"),
        ] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let numbers = of(&[&usr, &etc, &dir.path().join("nosuch")]);
        let table = |name| numbers.get(Numbered::Table, name);
        assert_eq!([table("a"), table("b"), table("c"), table("d"), table("main")], [Some(9), Some(8), Some(10), None, Some(254)]);
        assert_eq!(numbers.get(Numbered::Protocol, "a"), Some(12));
    }
}
