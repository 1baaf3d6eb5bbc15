//! An attribute this program does not look into, kept so that it can be given back.

use netlink_packet_core::DefaultNla;
use ovsdp_proto::nla::Attr;
use serde::{Deserialize, Serialize};

/// An attribute as it stood on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Raw {
    /// `nla_type`, flags included.
    pub kind: u16,
    /// The payload, without padding; hexadecimal digits when serialized.
    #[serde(with = "hex")]
    pub bytes: Vec<u8>,
}

impl Raw {
    /// A copy of `attr`.
    pub fn of(attr: &Attr<'_>) -> Self {
        Self { kind: attr.raw_type(), bytes: attr.payload().to_vec() }
    }

    /// The attribute's number, without flags.
    pub const fn number(&self) -> u16 {
        self.kind & ovsdp_proto::nla::NLA_TYPE_MASK
    }

    /// The payload as a host-order `u32`; `None` when it is of another length.
    pub fn u32(&self) -> Option<u32> {
        self.bytes.as_slice().try_into().ok().map(u32::from_ne_bytes)
    }

    /// As `netlink-packet-route` takes attributes it does not know.
    pub(super) fn nla(&self) -> DefaultNla {
        DefaultNla::new(self.kind, self.bytes.clone())
    }
}

mod hex {
    use core::fmt::Write as _;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(bytes.len() * 2);
        for byte in bytes {
            write!(text, "{byte:02x}").map_err(serde::ser::Error::custom)?;
        }
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let bad = || D::Error::custom("an attribute's bytes are pairs of hexadecimal digits");
        let digits = text.as_bytes();
        if digits.len() % 2 != 0 {
            return Err(bad());
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
        digits.as_chunks::<2>().0.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect::<Option<_>>().ok_or_else(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_the_journal() {
        let raw = Raw { kind: 0x8016, bytes: vec![0, 0xff, 0x1a] };
        let text = serde_json::to_string(&raw).unwrap();
        assert_eq!(text, r#"{"kind":32790,"bytes":"00ff1a"}"#);
        assert_eq!(serde_json::from_str::<Raw>(&text).unwrap(), raw);
        for bad in ["0", "0g", "+1"] {
            assert!(serde_json::from_str::<Raw>(&format!(r#"{{"kind":1,"bytes":"{bad}"}}"#)).is_err());
        }
    }
}
