//! The kernel's messages since a moment.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::OFlag;

/// A place in the kernel's log.
#[derive(Debug)]
pub(crate) struct KernelLog {
    file: Option<File>,
}

impl KernelLog {
    /// From now on. A kernel without `/dev/kmsg` has nothing to say.
    pub(crate) fn from_now() -> KernelLog {
        let file = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open("/dev/kmsg");
        let file = file.and_then(|mut file| file.seek(SeekFrom::End(0)).map(|_| file));
        KernelLog { file: file.ok() }
    }

    /// What it said meanwhile, a line each.
    pub(crate) fn read(&mut self) -> String {
        let mut text = String::new();
        let Some(file) = &mut self.file else { return text };
        let mut record = [0_u8; 8192];
        // One read is one record; an error is the end (EAGAIN), or records lost to a full buffer (EPIPE): then go on.
        loop {
            match file.read(&mut record) {
                Ok(0) => return text,
                Ok(length) => text.push_str(&message(&String::from_utf8_lossy(&record[..length]))),
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
                Err(_) => return text,
            }
        }
    }
}

/// `6,1234,5678901,-;the message` and continuation lines, as `[    5.678901] the message`.
fn message(record: &str) -> String {
    let (head, body) = record.split_once(';').unwrap_or(("", record));
    let microseconds: u64 = head.split(',').nth(2).and_then(|field| field.parse().ok()).unwrap_or(0);
    let line = body.lines().next().unwrap_or_default();
    format!("[{:5}.{:06}] {line}\n", microseconds / 1_000_000, microseconds % 1_000_000)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_record_reads_like_dmesg() {
        let record = "6,1234,5678901,-;openvswitch: Open vSwitch switching datapath\n SUBSYSTEM=net\n";
        assert_eq!(super::message(record), "[    5.678901] openvswitch: Open vSwitch switching datapath\n");
    }
}
