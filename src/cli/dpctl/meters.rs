//! `meter-features`, `add-meter`, `mod-meter`, `del-meter`, `dump-meters`: a datapath's meters, in the words of `ovs-ofctl`.
//! `ovs-dpctl` has no such commands; the numbers are the datapath's own, those that the action `meter(N)` names.

use std::fmt::Write;

use nix::errno::Errno;
use ovsdp_proto::meter::Set;
use ovsdp_proto::uapi::meter::band_type;

use super::call::Call;
use super::complaint::{Complaint, Why};
use super::meter_text::{self, Described};
use super::{Outcome, output, target};
use crate::dp::{Datapath, Meter, MeterFeatures, Meters};

/// The datapath's name, where the first word is one, and the other words.
fn split(args: &[String]) -> (Option<&str>, &[String]) {
    match args.split_first() {
        Some((first, rest)) if !first.contains('=') => (Some(first), rest),
        _ => (None, args),
    }
}

fn open(datapath: Option<&str>) -> Result<(Meters, Datapath), Complaint> {
    let mut dp = target::connect("opening datapath")?;
    let datapath = target::lookup_or_only(&mut dp, datapath)?;
    let meters = Meters::open().map_err(|error| Complaint::because("opening meters", &error))?;
    Ok((meters, datapath))
}

fn features_of(meters: &mut Meters, datapath: &Datapath) -> Result<MeterFeatures, Complaint> {
    meters.features(datapath.index).map_err(|error| Complaint::because("reading what meters can be", &error))
}

/// `meter-features [DP]`.
pub(super) fn features(call: &mut Call<'_>) -> Outcome {
    let (mut meters, datapath) = open(call.args.first().map(String::as_str))?;
    let MeterFeatures { max_meters, max_bands, band_types } = features_of(&mut meters, &datapath)?;
    let types = band_types.iter().map(|of| if *of == band_type::DROP { " drop".into() } else { format!(" {of}") }).collect::<String>();
    let text = format!("max_meter:{max_meters} max_bands:{max_bands}\nband_types:{types}\ncapabilities: kbps pktps burst stats\n");
    Ok(output::text(&text)?)
}

/// `add-meter [DP] METER`: one with its number must not be there.
pub(super) fn add(call: &mut Call<'_>) -> Outcome {
    set(call, "adding", false)
}

/// `mod-meter [DP] METER`: it must be there.
pub(super) fn modify(call: &mut Call<'_>) -> Outcome {
    set(call, "changing", true)
}

/// The kernel makes and changes with one request, so whether the meter is there is asked first.
fn set(call: &Call<'_>, doing: &str, exists: bool) -> Outcome {
    let (datapath, words) = split(&call.args);
    let invalid = |said: String| Complaint::because("parsing meter", Why::explained(Errno::EINVAL, said));
    let Described { id, kbps, bands } = meter_text::meter(&words.join(" ")).map_err(invalid)?;
    let (mut meters, datapath) = open(datapath)?;
    let failed = |why: Why| Complaint::because(format!("{doing} meter {id}"), why);
    let most = features_of(&mut meters, &datapath)?.max_bands;
    if usize::try_from(most).is_ok_and(|most| bands.len() > most) {
        return Err(failed(Why::explained(Errno::EINVAL, format!("the kernel's meters have at most {most} bands"))));
    }
    let found = meters.get(datapath.index, id).map_err(|error| failed(Why::from(&error)))?;
    match (found, exists) {
        (Some(_), false) => return Err(failed(Why::errno(Errno::EEXIST))),
        (None, true) => return Err(failed(Why::errno(Errno::ENOENT))),
        _ => {}
    }
    let set = Set { dp_ifindex: datapath.index, id, kbps, bands: &bands };
    meters.set(&set).map_err(|error| failed(Why::from(&error)))
}

/// `del-meter [DP] meter=N`.
pub(super) fn delete(call: &mut Call<'_>) -> Outcome {
    let (datapath, words) = split(&call.args);
    let id = one(words)?.ok_or_else(|| Complaint::because("parsing meter", Why::explained(Errno::EINVAL, "which one is said by meter=N")))?;
    let (mut meters, datapath) = open(datapath)?;
    let failed = |why: Why| Complaint::because(format!("deleting meter {id}"), why);
    // The kernel does not mind deleting what is not there.
    meters.get(datapath.index, id).map_err(|error| failed(Why::from(&error)))?.ok_or_else(|| failed(Why::errno(Errno::ENOENT)))?;
    meters.delete(datapath.index, id).map_err(|error| failed(Why::from(&error)))
}

/// The meter that the one word names; nothing without a word.
fn one(words: &[String]) -> Result<Option<u32>, Complaint> {
    let [text] = words else { return Ok(None) };
    let id = text.strip_prefix("meter=").and_then(|text| text.parse().ok());
    id.map(Some).ok_or_else(|| Complaint::because("parsing meter", Why::explained(Errno::EINVAL, format!("{text} is not of the form meter=N"))))
}

/// `dump-meters [DP] [meter=N]`: counters; the kernel does not tell rates. Without a number, every one below the most there
/// can be is asked for, which is how `ovs-vswitchd` numbers them.
pub(super) fn dump(call: &mut Call<'_>) -> Outcome {
    let (datapath, words) = split(&call.args);
    let id = one(words)?;
    let (mut meters, datapath) = open(datapath)?;
    let ids = match id {
        Some(id) => id..=id,
        None => 0..=features_of(&mut meters, &datapath)?.max_meters,
    };
    let (mut text, now_ms) = (String::new(), crate::dp::now_ms());
    let done = meters.each(datapath.index, ids, |meter| describe(&mut text, &meter, now_ms));
    done.map_err(|error| Complaint::because("reading meters", &error))?;
    if let (Some(id), true) = (id, text.is_empty()) {
        return Err(Complaint::because(format!("reading meter {id}"), Why::errno(Errno::ENOENT)));
    }
    Ok(output::text(&text)?)
}

/// A meter as `ovs-ofctl meter-stats` prints it, with what the kernel knows of it.
fn describe(text: &mut String, meter: &Meter, now_ms: u64) {
    let Meter { id, stats, used, bands } = meter;
    let ago = used.map_or(0, |used| now_ms.saturating_sub(used));
    // Writing to a String cannot fail.
    let _ =
        writeln!(text, "meter:{id} packet_in_count:{} byte_in_count:{} used:{}.{:03}s bands:", stats.packets, stats.bytes, ago / 1000, ago % 1000);
    for (at, band) in bands.iter().enumerate() {
        let _ = writeln!(text, "{at}: packet_count:{} byte_count:{}", band.packets, band.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ovsdp_proto::flow::Stats;

    #[test]
    fn a_meter_is_described() {
        let bands = vec![Stats { packets: 3, bytes: 294 }];
        let mut text = String::new();
        describe(&mut text, &Meter { id: 7, stats: Stats { packets: 12, bytes: 1176 }, used: Some(1000), bands }, 2050);
        assert_eq!(text, "meter:7 packet_in_count:12 byte_in_count:1176 used:1.050s bands:\n0: packet_count:3 byte_count:294\n");
    }

    #[test]
    fn one_meter_is_named() {
        let one = |text: &str| one(&[text.to_owned()]);
        assert_eq!(one("meter=4294967295"), Ok(Some(u32::MAX)));
        assert!(one("meter=x").is_err() && one("7").is_err() && one("meter=4294967296").is_err());
    }
}
