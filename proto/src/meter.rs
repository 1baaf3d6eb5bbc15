//! Meters: the `ovs_meter` family. A packet whose flow has the action `meter(N)` counts for meter N of its datapath, and is
//! dropped when the meter's rate is exceeded.
//!
//! The kernel never tells a meter's rate: an answer has counters only (`net/openvswitch/meter.c`).

use crate::error::{DecodeError, Reason};
use crate::family::{self, Request};
use crate::flow::Stats;
use crate::nla::{self, Attr, Attrs, TooLong};
use crate::uapi::meter::{VERSION, attr, band, band_type, cmd};

const FAMILY: &str = "ovs_meter";

/// What the datapath can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features<'a> {
    /// How many meters there can be.
    pub max_meters: u32,
    /// How many bands a meter can have.
    pub max_bands: u32,
    bands: Option<Attr<'a>>,
}

impl<'a> Features<'a> {
    /// Reads an answer's payload.
    ///
    /// # Errors
    /// When a header or attribute is malformed.
    pub fn parse(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let (_, _, mut attrs) = family::parse(payload)?;
        let mut this = Self { max_meters: 0, max_bands: 0, bands: None };
        for attr in attrs.by_ref() {
            match attr.kind() {
                attr::MAX_METERS => this.max_meters = u32::from_ne_bytes(attr.fixed(FAMILY)?),
                attr::MAX_BANDS => this.max_bands = u32::from_ne_bytes(attr.fixed(FAMILY)?),
                attr::BANDS => this.bands = Some(attr),
                _ => {}
            }
        }
        family::ended(&attrs, FAMILY)?;
        Ok(this)
    }

    /// What a band can do: numbers of [`band_type`].
    pub fn band_types(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.bands.into_iter().flat_map(|bands| bands.nested()).filter_map(|band| band.nested().find(band::TYPE)?.u32())
    }
}

/// A meter, as an answer describes it.
#[derive(Debug, Clone, Copy)]
pub struct Meter<'a> {
    /// Its number.
    pub id: u32,
    /// What went through it.
    pub stats: Stats,
    /// When a packet last came, in milliseconds on the monotonic clock; when it was made, until one comes.
    pub used: Option<u64>,
    bands: Option<Attrs<'a>>,
}

impl<'a> Meter<'a> {
    /// Reads an answer's payload.
    ///
    /// # Errors
    /// When a header or attribute is malformed, or the number is missing.
    pub fn parse(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let (_, _, mut attrs) = family::parse(payload)?;
        let mut id = None;
        let mut this = Self { id: 0, stats: Stats::default(), used: None, bands: None };
        for attr in attrs.by_ref() {
            match attr.kind() {
                attr::ID => id = Some(u32::from_ne_bytes(attr.fixed(FAMILY)?)),
                attr::STATS => this.stats = stats(&attr).ok_or(attr.error(FAMILY, Reason::BadLength))?,
                attr::USED => this.used = Some(u64::from_ne_bytes(attr.fixed(FAMILY)?)),
                attr::BANDS => this.bands = Some(attr.nested()),
                _ => {}
            }
        }
        family::ended(&attrs, FAMILY)?;
        this.id = id.ok_or(DecodeError::new(FAMILY, attr::ID, 0, Reason::Missing))?;
        Ok(this)
    }

    /// What each band dropped, in the order the bands were given.
    pub fn bands(&self) -> impl Iterator<Item = Stats> + use<'a> {
        self.bands.into_iter().flatten().map(|band| band.nested().find(band::STATS).and_then(|attr| stats(&attr)).unwrap_or_default())
    }
}

/// `struct ovs_flow_stats`.
fn stats(attr: &Attr<'_>) -> Option<Stats> {
    let [packets, bytes] = family::u64s(attr.payload())?;
    Some(Stats { packets, bytes })
}

/// A band of a meter to be made. It drops what exceeds its rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Band {
    /// In kbit/s or packets/s, as the meter says. The kernel refuses 0.
    pub rate: u32,
    /// How much may come at once after silence, in kbit or packets. The kernel's bucket holds this and one second's rate.
    pub burst: u32,
}

/// A meter to be made, or to be changed to this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set<'a> {
    /// The datapath, by its local port's interface index.
    pub dp_ifindex: u32,
    /// Its number.
    pub id: u32,
    /// Whether rates are in kbit/s; else in packets/s.
    pub kbps: bool,
    /// Its bands. Kernels up to 6.12 at least take one.
    pub bands: &'a [Band],
}

/// Appends SET. The answer is what the meter was before, or the new one's counters.
///
/// # Errors
/// [`TooLong`] when the bands do not fit an attribute; nothing is appended then.
pub fn set(out: &mut Vec<u8>, request: Request, set: &Set<'_>) -> Result<(), TooLong> {
    family::put(out, request, cmd::SET, VERSION, set.dp_ifindex, |out| {
        nla::put_u32(out, attr::ID, set.id);
        if set.kbps {
            nla::put_flag(out, attr::KBPS);
        }
        nla::put_nested(out, attr::BANDS | nla::NLA_F_NESTED, |out| {
            for Band { rate, burst } in set.bands {
                nla::put_nested(out, band::UNSPEC | nla::NLA_F_NESTED, |out| {
                    nla::put_u32(out, band::TYPE, band_type::DROP);
                    nla::put_u32(out, band::RATE, *rate);
                    nla::put_u32(out, band::BURST, *burst);
                    Ok::<(), TooLong>(())
                })?;
            }
            Ok(())
        })
    })
}

fn one(out: &mut Vec<u8>, request: Request, command: u8, dp_ifindex: u32, id: u32) -> Result<(), TooLong> {
    family::put(out, request, command, VERSION, dp_ifindex, |out| {
        nla::put_u32(out, attr::ID, id);
        Ok(())
    })
}

/// Appends GET: read one meter. There is no reading all of them.
///
/// # Errors
/// None in practice.
pub fn get(out: &mut Vec<u8>, request: Request, dp_ifindex: u32, id: u32) -> Result<(), TooLong> {
    one(out, request, cmd::GET, dp_ifindex, id)
}

/// Appends DEL: remove a meter. The answer is what it was. The kernel does not mind when there is none.
///
/// # Errors
/// None in practice.
pub fn del(out: &mut Vec<u8>, request: Request, dp_ifindex: u32, id: u32) -> Result<(), TooLong> {
    one(out, request, cmd::DEL, dp_ifindex, id)
}

/// Appends FEATURES: what the datapath can do.
///
/// # Errors
/// None in practice.
pub fn features(out: &mut Vec<u8>, request: Request, dp_ifindex: u32) -> Result<(), TooLong> {
    family::put(out, request, cmd::FEATURES, VERSION, dp_ifindex, |_| Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nlmsg::Message;

    #[test]
    fn a_request_has_its_bands() {
        let mut out = Vec::new();
        let bands = [Band { rate: 1000, burst: 100 }, Band { rate: u32::MAX, burst: 0 }];
        set(&mut out, Request::new(30, 1, 0), &Set { dp_ifindex: 7, id: u32::MAX, kbps: true, bands: &bands }).unwrap();
        let (message, _) = Message::parse(&out).unwrap();
        let meter = Meter::parse(message.payload).unwrap();
        assert_eq!((meter.id, meter.bands().count(), meter.used), (u32::MAX, 2, None));
        let features = Features::parse(message.payload).unwrap();
        assert_eq!(features.band_types().collect::<Vec<_>>(), [band_type::DROP; 2]);
        out.clear();
        super::features(&mut out, Request::new(30, 1, 0), 7).unwrap();
        assert_eq!(Meter::parse(&out[16..]).unwrap_err().reason, Reason::Missing);
    }
}
