//! How many upcall sockets the kernel wants to be told: one for each CPU that could ever be there.

/// Where the kernel lists the CPUs that could ever be there.
const POSSIBLE: &str = "/sys/devices/system/cpu/possible";

/// The number of slots of a datapath's per-CPU socket array: the largest possible CPU number plus one, so that every CPU
/// that is plugged in later finds its slot. With fewer, the kernel drops that CPU's upcalls and logs "cpu_id mismatch
/// with handler threads". Falls back to the CPUs this process may run on where sysfs is not mounted.
pub fn slots() -> usize {
    let running = std::thread::available_parallelism().map_or(1, usize::from);
    std::fs::read_to_string(POSSIBLE).ok().and_then(|list| highest(&list)).map_or(running, |highest| running.max(highest + 1))
}

/// The largest number in a list such as `0-3,8`; `None` when there is none or it is no such list.
pub fn highest(list: &str) -> Option<usize> {
    let mut largest = None;
    for range in list.trim().split(',') {
        let last = range.rsplit('-').next()?;
        largest = largest.max(Some(last.parse::<usize>().ok()?));
    }
    // The kernel is built for 8,192 CPUs at most; more would be a slip of the reader.
    largest.filter(|largest| *largest < 8192)
}

/// `slots` entries filled with the port ids of `sockets`, each in its turn. Empty when there are no sockets.
pub fn spread(sockets: &[u32], slots: usize) -> Vec<u32> {
    sockets.iter().copied().cycle().take(if sockets.is_empty() { 0 } else { slots }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_cpu_lists() {
        assert_eq!(highest("0-3\n"), Some(3));
        assert_eq!(highest("0\n"), Some(0));
        assert_eq!(highest("0-1,8-11,6"), Some(11));
        for bad in ["", "\n", "a", "0-", "0,,1", "0-99999999999"] {
            assert_eq!(highest(bad), None, "{bad:?}");
        }
        assert!(slots() >= 1);
    }

    #[test]
    fn sockets_take_turns() {
        assert_eq!(spread(&[7, 9], 5), [7, 9, 7, 9, 7]);
        assert_eq!(spread(&[7], 3), [7, 7, 7]);
        assert!(spread(&[], 3).is_empty());
    }
}
