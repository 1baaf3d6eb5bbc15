//! An Ethernet address.

use core::fmt;
use core::str::FromStr;

use crate::text::put::pair;

/// An Ethernet (MAC) address, in the order its bytes are on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The all-ones address that every station hears.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// The all-zeros address, which no station may have.
    pub const ZERO: Self = Self([0; 6]);

    /// Whether the address names a group (broadcast included): the lowest bit of the first byte.
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Whether the address was assigned locally and not by a vendor: the second-lowest bit of the first byte.
    pub const fn is_local(self) -> bool {
        self.0[0] & 2 != 0
    }

    /// The address as a number, most significant byte first: for ordering and hashing.
    pub const fn as_u64(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// The address as text.
    #[inline]
    pub(crate) fn text(self) -> [u8; 17] {
        let [a, b, c, d, e, f] = self.0;
        let [[a, b], [c, d], [e, f], [g, h], [i, j], [k, l]] = [pair(a), pair(b), pair(c), pair(d), pair(e), pair(f)];
        [a, b, b':', c, d, b':', e, f, b':', g, h, b':', i, j, b':', k, l]
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

/// Text that is not six pairs of hexadecimal digits joined by colons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadMac;

impl fmt::Display for BadMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an Ethernet address: write six pairs of hexadecimal digits, such as 52:54:00:12:34:56")
    }
}

impl core::error::Error for BadMac {}

impl FromStr for Mac {
    type Err = BadMac;

    fn from_str(text: &str) -> Result<Self, BadMac> {
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().ok_or(BadMac)?;
            if part.is_empty() || part.len() > 2 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(BadMac);
            }
            *byte = u8::from_str_radix(part, 16).map_err(|_| BadMac)?;
        }
        if parts.next().is_some() {
            return Err(BadMac);
        }
        Ok(Self(bytes))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Mac {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Mac {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let mac: Mac = "52:54:0:aB:cd:01".parse().unwrap();
        assert_eq!(mac.to_string(), "52:54:00:ab:cd:01");
        assert_eq!(mac.as_u64(), 0x5254_00ab_cd01);
        for bad in ["", "1:2:3:4:5", "1:2:3:4:5:6:7", "1:2:3:4:5:g", "+1:2:3:4:5:6", "001:2:3:4:5:6"] {
            assert_eq!(bad.parse::<Mac>(), Err(BadMac), "{bad}");
        }
    }
}
