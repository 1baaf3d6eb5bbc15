//! The internet checksum (RFC 1071).

/// The internet checksum over the parts as if they were one; every part but the last must have an even length.
pub fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum: u64 = 0;
    for part in parts {
        for pair in part.chunks(2) {
            let low = pair.get(1).copied().unwrap_or(0);
            sum += u64::from(u16::from_be_bytes([pair.first().copied().unwrap_or(0), low]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // The loop leaves 16 bits.
    !u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_its_checksum_sums_to_zero() {
        let header = [0x45, 0, 0, 0x54, 0, 0, 0x40, 0, 64, 1, 0, 0, 172, 16, 3, 140, 172, 16, 3, 1];
        let mut right = header;
        right[10..12].copy_from_slice(&checksum(&[&header]).to_be_bytes());
        assert_eq!(checksum(&[&right]), 0);
        assert_eq!(checksum(&[&right[..4], &right[4..]]), 0);
        assert_eq!(checksum(&[&[0xff]]), 0x00ff, "an odd byte is the high one");
    }
}
