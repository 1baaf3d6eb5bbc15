//! Group addresses that no bridge forwards: each link keeps them to itself.

use ovsdp_proto::Mac;

/// Whether a frame to `mac` is dropped whatever the MAC table says: the 16 link-local addresses of IEEE 802.1D (spanning
/// tree, pause, LACP, LLDP), Extreme's, and Cisco's. The list is Open vSwitch's (`eth_addr_is_reserved`).
pub(crate) const fn is_reserved(mac: Mac) -> bool {
    matches!(
        mac.as_u64(),
        0x0180_c200_0000..=0x0180_c200_000f
            | 0x00e0_2b00_0000
            | 0x00e0_2b00_0004
            | 0x00e0_2b00_0006
            | 0x0100_0c00_0000
            | 0x0100_0ccc_cccc
            | 0x0100_0ccc_cccd
            | 0x0100_0ccd_cdcd
            | 0x0100_0ccc_ccc0..=0x0100_0ccc_ccc7
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_list_and_its_neighbours() {
        let is = |text: &str| is_reserved(text.parse().unwrap());
        for low in 0..16 {
            assert!(is(&format!("01:80:c2:00:00:{low:02x}")));
        }
        for low in 0xc0..0xc8 {
            assert!(is(&format!("01:00:0c:cc:cc:{low:02x}")));
        }
        for yes in ["00:e0:2b:00:00:00", "00:e0:2b:00:00:04", "00:e0:2b:00:00:06", "01:00:0c:00:00:00"] {
            assert!(is(yes), "{yes}");
        }
        for yes in ["01:00:0c:cc:cc:cc", "01:00:0c:cc:cc:cd", "01:00:0c:cd:cd:cd"] {
            assert!(is(yes), "{yes}");
        }
        for no in ["01:80:c2:00:00:10", "01:80:c1:ff:ff:ff", "00:e0:2b:00:00:01", "00:e0:2b:00:00:05", "01:00:0c:cc:cc:bf"] {
            assert!(!is(no), "{no}");
        }
        for no in ["01:00:0c:cc:cc:c8", "01:00:0c:cc:cc:ce", "01:00:0c:cd:cd:ce", "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"] {
            assert!(!is(no), "{no}");
        }
    }
}
