//! Which parts of the process's memory are its program as it is on file (proc(5), `/proc/PID/smaps`). Text only: it must not touch memory.

use std::ops::Range;

/// One mapping.
struct Mapping<'a> {
    range: Range<usize>,
    permissions: &'a str,
    file: &'a str,
    /// Whether it has pages of its own, which are not the file's: in kB, as it is told. `None` when it is not told.
    own: Option<u64>,
}

/// The mappings of the file that is mapped at address `program` which nobody may write to and which have no page that is not the file's.
pub(super) fn unchanged(smaps: &str, program: usize) -> Vec<Range<usize>> {
    let mut all: Vec<Mapping<'_>> = Vec::new();
    for line in smaps.lines() {
        if let Some(mapping) = mapping(line) {
            all.push(mapping);
        } else if let Some(last) = all.last_mut()
            && let Some(own) = line.strip_prefix("Anonymous:")
        {
            last.own = own.trim().strip_suffix(" kB").and_then(|own| own.parse().ok());
        }
    }
    let Some(file) = all.iter().find(|mapping| mapping.range.contains(&program)).map(|mapping| mapping.file) else { return Vec::new() };
    let same = all.into_iter().filter(|mapping| mapping.file == file && file.starts_with('/'));
    same.filter(|mapping| mapping.own == Some(0) && matches!(mapping.permissions, "r--p" | "r-xp")).map(|mapping| mapping.range).collect()
}

/// A line that begins a mapping: range, permissions, offset, device, inode, file.
fn mapping(line: &str) -> Option<Mapping<'_>> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    let (start, end) = (address(start)?, address(end)?);
    let permissions = words.next()?;
    let file = words.nth(3).unwrap_or_default().trim_start();
    Some(Mapping { range: start..end, permissions, file, own: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Linux 6.12 tells it, but for most lines of each mapping.
    const SMAPS: &str = "\
7f0000000000-7f0000139000 r--p 00000000 00:02 1234                       /usr/bin/ovsdp
Size:               1252 kB
Anonymous:             0 kB
VmFlags: rd mr mw me sd
7f0000139000-7f00008d0000 r-xp 00139000 00:02 1234                       /usr/bin/ovsdp
Anonymous:             0 kB
7f00008d0000-7f0000903000 r--p 008cf000 00:02 1234                       /usr/bin/ovsdp
Anonymous:           200 kB
7f0000903000-7f0000906000 rw-p 00902000 00:02 1234                       /usr/bin/ovsdp
Anonymous:             0 kB
7f0000906000-7f000090b000 rw-p 00000000 00:00 0 
Anonymous:             8 kB
7f0000a00000-7f0000b00000 r--p 00000000 00:02 99                         /usr/lib/other
Anonymous:             0 kB
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]
7ffc00030000-7ffc00032000 r-xp 00000000 00:00 0                          [vdso]
Anonymous:             0 kB
";

    #[test]
    fn only_what_the_file_has_as_well_is_given_back() {
        assert_eq!(unchanged(SMAPS, 0x7f00_0020_0000), [0x7f00_0000_0000..0x7f00_0013_9000, 0x7f00_0013_9000..0x7f00_008d_0000]);
    }

    #[test]
    fn what_is_not_told_stays() {
        assert!(unchanged(SMAPS, 0x7ffc_0003_0000).is_empty(), "no file");
        assert!(unchanged(SMAPS, 1).is_empty(), "nobody's");
        assert!(unchanged(&SMAPS.replace("Anonymous:  ", "Unknown:"), 0x7f00_0020_0000).is_empty());
        for text in ["", "-", "x-y r-xp", "1-2", "Anonymous: 0 kB\n"] {
            assert!(unchanged(text, 1).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_program_goes_on_after_it() {
        let numbers: Vec<u32> = (0..100_000).collect();
        for _ in 0..3 {
            super::super::give_back_memory();
            assert_eq!(numbers.iter().map(|number| u64::from(*number)).sum::<u64>(), 4_999_950_000);
        }
    }
}
