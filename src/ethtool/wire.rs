//! The bytes of the `ethtool` family's messages (`include/uapi/linux/ethtool_netlink.h`, `Documentation/networking/ethtool-netlink.rst`).
//!
//! It must not know sockets, nor which values make sense.

use ovsdp_proto::genl::{self, Genl};
use ovsdp_proto::nla::{self, Attr, Attrs, TooLong};
use ovsdp_proto::{DecodeError, Reason};

use super::{Feature, Features, What};

/// The family's name.
pub(super) const FAMILY: &str = "ethtool";
const VERSION: u8 = 1;

mod cmd {
    pub(super) const LINKMODES_GET: u8 = 4;
    pub(super) const WOL_GET: u8 = 9;
    pub(super) const FEATURES_GET: u8 = 11;
    pub(super) const FEATURES_SET: u8 = 12;
    pub(super) const RINGS_GET: u8 = 15;
    pub(super) const PAUSE_GET: u8 = 21;
}

/// Attribute 1 of every message: which device. In it, 2 is its name and 3 flags.
const HEADER: u16 = 1;
const HEADER_DEV_NAME: u16 = 2;
const HEADER_FLAGS: u16 = 3;
/// `ETHTOOL_FLAG_OMIT_REPLY`: the acknowledgement says enough.
const OMIT_REPLY: u32 = 2;

const WOL_MODES: u16 = 2;

mod features {
    pub(super) const HW: u16 = 2;
    pub(super) const WANTED: u16 = 3;
    pub(super) const ACTIVE: u16 = 4;
    pub(super) const NOCHANGE: u16 = 5;
}

mod bitset {
    pub(super) const NOMASK: u16 = 1;
    pub(super) const BITS: u16 = 3;
    pub(super) const BIT: u16 = 1;
    pub(super) const INDEX: u16 = 1;
    pub(super) const NAME: u16 = 2;
    pub(super) const VALUE: u16 = 3;
}

/// How wide a number is on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    Byte,
    Word,
}

/// The message that says a group of numbers; the one that sets them has the number behind it.
const fn get_command(what: What) -> u8 {
    match what {
        What::Rings => cmd::RINGS_GET,
        What::Pause => cmd::PAUSE_GET,
        What::Link => cmd::LINKMODES_GET,
        What::Wake => cmd::WOL_GET,
    }
}

/// The attributes of a group's numbers, in the order of [`What::fields`].
const fn attributes(what: What) -> &'static [(u16, Width)] {
    match what {
        What::Rings => &[(6, Width::Word), (7, Width::Word), (8, Width::Word), (9, Width::Word)],
        What::Pause => &[(2, Width::Byte), (3, Width::Byte), (4, Width::Byte)],
        What::Link => &[(2, Width::Byte), (5, Width::Word), (6, Width::Byte)],
        What::Wake => &[(WOL_MODES, Width::Word)],
    }
}

fn header(out: &mut Vec<u8>, device: &str, flags: u32) -> Result<(), TooLong> {
    nla::put_nested(out, HEADER | nla::NLA_F_NESTED, |out| {
        let mut name = device.as_bytes().to_vec();
        name.push(0);
        nla::put(out, HEADER_DEV_NAME, &name)?;
        if flags != 0 {
            nla::put_u32(out, HEADER_FLAGS, flags);
        }
        Ok(())
    })
}

/// Asks for a group of `device`'s numbers.
pub(super) fn get(out: &mut Vec<u8>, what: What, device: &str) -> Result<(), TooLong> {
    genl::put(out, get_command(what), VERSION);
    header(out, device, 0)
}

/// Sets those of a group's numbers that are there, in the order of [`What::fields`].
pub(super) fn set(out: &mut Vec<u8>, what: What, device: &str, values: &[Option<u32>]) -> Result<(), TooLong> {
    genl::put(out, get_command(what) + 1, VERSION);
    header(out, device, 0)?;
    for ((attr, width), value) in attributes(what).iter().zip(values).filter_map(|(attr, value)| Some((attr, (*value)?))) {
        match (what, width) {
            (What::Wake, _) => wake(out, value)?,
            (_, Width::Word) => nla::put_u32(out, *attr, value),
            (_, Width::Byte) => nla::put_u8(out, *attr, u8::try_from(value).unwrap_or(u8::MAX)),
        }
    }
    Ok(())
}

fn wake(out: &mut Vec<u8>, value: u32) -> Result<(), TooLong> {
    nla::put_nested(out, WOL_MODES | nla::NLA_F_NESTED, |out| {
        // What is not listed is off.
        nla::put_flag(out, bitset::NOMASK);
        nla::put_nested(out, bitset::BITS | nla::NLA_F_NESTED, |out| {
            for index in (0..32).filter(|index| value & (1 << index) != 0) {
                nla::put_nested(out, bitset::BIT | nla::NLA_F_NESTED, |out| {
                    nla::put_u32(out, bitset::INDEX, index);
                    Ok::<(), TooLong>(())
                })?;
            }
            Ok::<(), TooLong>(())
        })
    })
}

/// Reads a group's numbers, in the order of [`What::fields`].
pub(super) fn numbers(payload: &[u8], what: What) -> Result<Vec<Option<u32>>, DecodeError> {
    let attrs = body(payload)?;
    let value = |(kind, width): &(u16, Width)| {
        let attr = attrs.find(*kind)?;
        match (what, width) {
            (What::Wake, _) => Some(bits(&attr).filter(|bit| bit.set).filter_map(|bit| 1u32.checked_shl(bit.index)).fold(0, |all, bit| all | bit)),
            (_, Width::Word) => attr.u32(),
            (_, Width::Byte) => attr.u8().map(u32::from),
        }
    };
    Ok(attributes(what).iter().map(value).collect())
}

/// Asks for `device`'s features, by name.
pub(super) fn get_features(out: &mut Vec<u8>, device: &str) -> Result<(), TooLong> {
    genl::put(out, cmd::FEATURES_GET, VERSION);
    header(out, device, 0)
}

/// Wants features on or off, by name.
pub(super) fn set_features<'a>(out: &mut Vec<u8>, device: &str, wanted: impl Iterator<Item = (&'a str, bool)>) -> Result<(), TooLong> {
    genl::put(out, cmd::FEATURES_SET, VERSION);
    header(out, device, OMIT_REPLY)?;
    nla::put_nested(out, features::WANTED | nla::NLA_F_NESTED, |out| {
        nla::put_nested(out, bitset::BITS | nla::NLA_F_NESTED, |out| {
            for (name, on) in wanted {
                nla::put_nested(out, bitset::BIT | nla::NLA_F_NESTED, |out| {
                    let mut name = name.as_bytes().to_vec();
                    name.push(0);
                    nla::put(out, bitset::NAME, &name)?;
                    if on {
                        nla::put_flag(out, bitset::VALUE);
                    }
                    Ok::<(), TooLong>(())
                })?;
            }
            Ok::<(), TooLong>(())
        })
    })
}

/// Reads a device's features. Those with a name that is not UTF-8 are left out.
pub(super) fn features(payload: &[u8]) -> Result<Features, DecodeError> {
    let attrs = body(payload)?;
    let mut found = Features::new();
    // With a mask of all features there are: each is listed, and set when the device can change it.
    for bit in attrs.find(features::HW).iter().flat_map(bits) {
        if let Ok(name) = std::str::from_utf8(bit.name) {
            found.insert(name.to_owned(), Feature { changeable: bit.set, wanted: false, active: false });
        }
    }
    let mut mark = |kind: u16, mark: fn(&mut Feature)| {
        for bit in attrs.find(kind).iter().flat_map(bits) {
            if let Some(feature) = std::str::from_utf8(bit.name).ok().and_then(|name| found.get_mut(name)) {
                mark(feature);
            }
        }
    };
    mark(features::WANTED, |feature| feature.wanted = true);
    mark(features::ACTIVE, |feature| feature.active = true);
    mark(features::NOCHANGE, |feature| feature.changeable = false);
    Ok(found)
}

fn body(payload: &[u8]) -> Result<Attrs<'_>, DecodeError> {
    let attrs = Attrs::new(Genl::parse(payload)?.payload);
    attrs.check(FAMILY)?;
    match attrs.find(HEADER) {
        Some(_) => Ok(attrs),
        None => Err(DecodeError::new(FAMILY, HEADER, 0, Reason::Missing)),
    }
}

/// One bit of a bitset.
struct Bit<'a> {
    index: u32,
    name: &'a [u8],
    set: bool,
}

/// The bits of a set that is not compact. Without a mask all that are listed are set.
fn bits<'a>(attr: &Attr<'a>) -> impl Iterator<Item = Bit<'a>> + use<'a> {
    let all_set = attr.nested().find(bitset::NOMASK).is_some();
    let list = attr.nested().find(bitset::BITS).map_or(Attrs::new(&[]), |bits| bits.nested());
    list.filter(|bit| bit.kind() == bitset::BIT).map(move |bit| {
        let of = |kind: u16| bit.nested().find(kind);
        Bit {
            index: of(bitset::INDEX).and_then(|index| index.u32()).unwrap_or(u32::MAX),
            name: of(bitset::NAME).map_or(&[], |name| name.cstr()),
            set: all_set || of(bitset::VALUE).is_some(),
        }
    })
}
