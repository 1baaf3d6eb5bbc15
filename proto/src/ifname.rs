//! A network device's name.

use core::fmt;
use core::ops::Deref;
use core::str::FromStr;

/// The longest name in bytes: the kernel's `IFNAMSIZ` less the closing NUL.
pub const MAX_LEN: usize = 15;

/// A network device's name: 1 to 15 bytes, no `/`, `:`, white space or control character, neither `.` nor `..`
/// (`dev_valid_name` in the kernel's `net/core/dev.c`; only ASCII beyond what it asks, so that it can be printed).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IfName {
    bytes: [u8; MAX_LEN],
    len: u8,
}

/// Why text is not a device's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadIfName {
    /// Nothing, `.` or `..`.
    Empty,
    /// More than 15 bytes.
    TooLong,
    /// A character the kernel, or printing, does not allow.
    BadChar(char),
}

impl fmt::Display for BadIfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a device name must not be empty, `.` or `..`"),
            Self::TooLong => write!(f, "a device name has at most {MAX_LEN} bytes"),
            Self::BadChar(c) => write!(f, "a device name must not contain {c:?}"),
        }
    }
}

impl core::error::Error for BadIfName {}

impl IfName {
    /// Checks `text` and makes it a name.
    ///
    /// # Errors
    /// [`BadIfName`] says which rule it breaks.
    pub fn new(text: &str) -> Result<Self, BadIfName> {
        if matches!(text, "" | "." | "..") {
            return Err(BadIfName::Empty);
        }
        if let Some(bad) = text.chars().find(|c| !c.is_ascii_graphic() || matches!(c, '/' | ':')) {
            return Err(BadIfName::BadChar(bad));
        }
        let mut bytes = [0; MAX_LEN];
        bytes.get_mut(..text.len()).ok_or(BadIfName::TooLong)?.copy_from_slice(text.as_bytes());
        Ok(Self { bytes, len: u8::try_from(text.len()).map_err(|_| BadIfName::TooLong)? })
    }

    /// The name closest to `text`: cut after 15 bytes, with `_` for what a name must not contain. Of text that is a name, it.
    pub fn lossy(text: &str) -> Self {
        let (mut bytes, mut len) = ([0; MAX_LEN], 0);
        for (place, byte) in bytes.iter_mut().zip(text.bytes()) {
            *place = if byte.is_ascii_graphic() && !matches!(byte, b'/' | b':') { byte } else { b'_' };
            len += 1;
        }
        let name = Self { bytes, len };
        if !matches!(name.as_str(), "" | "." | "..") {
            return name;
        }
        let mut underscore = [0; MAX_LEN];
        underscore[0] = b'_';
        Self { bytes: underscore, len: 1 }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        self.bytes.get(..usize::from(self.len)).and_then(|bytes| core::str::from_utf8(bytes).ok()).unwrap_or("")
    }
}

impl FromStr for IfName {
    type Err = BadIfName;

    fn from_str(text: &str) -> Result<Self, BadIfName> {
        Self::new(text)
    }
}

impl Deref for IfName {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for IfName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl core::borrow::Borrow<str> for IfName {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

// As `str` hashes: a map keyed by names can then be asked with a `&str`.
impl core::hash::Hash for IfName {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialEq<str> for IfName {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl fmt::Debug for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for IfName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for IfName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_rules() {
        assert_eq!(IfName::new("ovs-br.100@x").unwrap().as_str(), "ovs-br.100@x");
        assert_eq!(IfName::new("abcdefghijklmno").unwrap().len(), 15);
        assert_eq!(IfName::new("abcdefghijklmnop"), Err(BadIfName::TooLong));
        for bad in ["", ".", ".."] {
            assert_eq!(IfName::new(bad), Err(BadIfName::Empty));
        }
        for bad in ["a b", "a/b", "a:b", "a\tb", "ü"] {
            assert!(matches!(IfName::new(bad), Err(BadIfName::BadChar(_))), "{bad}");
        }
    }

    #[test]
    fn any_text_has_a_name_close_to_it() {
        for name in ["eth0", "vxlan_sys_65535"] {
            assert_eq!(IfName::lossy(name), IfName::new(name).unwrap());
        }
        for (text, name) in [("abcdefghijklmnop", "abcdefghijklmno"), ("a b/c:d", "a_b_c_d"), ("", "_"), (".", "_"), ("..", "_"), ("...", "...")] {
            assert_eq!(IfName::lossy(text), IfName::new(name).unwrap());
        }
    }
}
