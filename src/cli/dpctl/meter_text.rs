//! A meter in the words of `ovs-ofctl add-meter`: `meter=1 kbps burst stats bands=type=drop rate=1000 burst_size=100`, with
//! blanks or commas between.

use ovsdp_proto::meter::Band;

/// A meter that was described.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Described {
    /// Its number.
    pub id: u32,
    /// Whether rates are in kbit/s; else in packets/s.
    pub kbps: bool,
    /// Its bands.
    pub bands: Vec<Band>,
}

/// A band while it is read.
#[derive(Debug, Default)]
struct Reading {
    rate: Option<u32>,
    burst: Option<u32>,
}

/// Reads a meter.
///
/// # Errors
/// What is wrong with it.
pub(super) fn meter(text: &str) -> Result<Described, String> {
    let (mut id, mut unit, mut burst) = (None, None, false);
    let mut bands: Option<Vec<Reading>> = None;
    for item in text.split([',', ' ', '\t', '\n']).filter(|item| !item.is_empty()) {
        let item = match item.split_once('=') {
            Some(("bands" | "band", first)) if bands.is_none() => {
                bands = Some(Vec::new());
                if first.is_empty() {
                    continue;
                }
                first
            }
            _ => item,
        };
        let Some(bands) = &mut bands else {
            match item.split_once('=') {
                Some(("meter", value)) if id.is_none() => id = Some(number("meter", value)?),
                None if item == "kbps" || item == "pktps" => {
                    if unit.replace(item == "kbps").is_some() {
                        return Err("a meter has one unit, kbps or pktps".into());
                    }
                }
                None if item == "burst" => burst = true,
                // Counters are kept whether they are asked for or not.
                None if item == "stats" => {}
                _ => return Err(format!("{item} is not understood before bands=")),
            }
            continue;
        };
        band(bands, item)?;
    }
    let id = id.ok_or("which one is said by meter=N")?;
    let bands = bands.unwrap_or_default();
    if bands.is_empty() {
        return Err("a meter needs a band: bands=type=drop rate=N".into());
    }
    let bands = bands.into_iter().map(|reading| finish(&reading, burst)).collect::<Result<_, _>>()?;
    Ok(Described { id, kbps: unit.unwrap_or(true), bands })
}

/// Reads what belongs to a band.
fn band(bands: &mut Vec<Reading>, item: &str) -> Result<(), String> {
    match item.split_once('=') {
        Some(("type", "drop")) => {
            bands.push(Reading::default());
            return Ok(());
        }
        Some(("type", other)) => return Err(format!("the kernel's meters have no band of type {other}: they drop")),
        _ => {}
    }
    let band = bands.last_mut().ok_or("a band begins with type=drop")?;
    let (name, room, value) = match item.split_once('=') {
        Some(("rate", value)) => ("rate", &mut band.rate, value),
        Some(("burst_size", value)) => ("burst_size", &mut band.burst, value),
        _ => return Err(format!("a band has no {item}")),
    };
    match room.replace(number(name, value)?) {
        None => Ok(()),
        Some(_) => Err(format!("{name} is given twice")),
    }
}

/// Without `burst` as much may come at once as in a second: so does `ovs-vswitchd`.
fn finish(reading: &Reading, burst: bool) -> Result<Band, String> {
    let rate = reading.rate.ok_or("a band needs rate=N")?;
    if rate == 0 {
        return Err("a rate of 0 would let nothing through: an action drop does".into());
    }
    match (burst, reading.burst) {
        (true, size) => Ok(Band { rate, burst: size.unwrap_or(0) }),
        (false, None) => Ok(Band { rate, burst: rate }),
        (false, Some(_)) => Err("burst_size counts with the word burst before bands= only".into()),
    }
}

fn number(name: &str, text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|_| !text.starts_with('+')).ok_or_else(|| format!("{name}={text} is not a number of 32 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meters_are_read() {
        let one = |rate, burst| vec![Band { rate, burst }];
        for (text, id, kbps, bands) in [
            ("meter=1 kbps burst stats bands=type=drop rate=1000 burst_size=100", 1, true, one(1000, 100)),
            ("meter=2,pktps,bands=type=drop,rate=5", 2, false, one(5, 5)),
            ("bands= type=drop rate=4294967295 meter", 0, true, Vec::new()),
            ("meter=4294967295 band=type=drop rate=1 type=drop rate=2", u32::MAX, true, vec![Band { rate: 1, burst: 1 }, Band { rate: 2, burst: 2 }]),
        ] {
            match bands.is_empty() {
                true => assert!(meter(text).is_err(), "{text}"),
                false => assert_eq!(meter(text), Ok(Described { id, kbps, bands }), "{text}"),
            }
        }
    }

    #[test]
    fn what_cannot_be_a_meter_is_said() {
        for (text, said) in [
            ("", "meter=N"),
            ("meter=1", "needs a band"),
            ("meter=1 bands=", "needs a band"),
            ("meter=all bands=type=drop rate=1", "meter=all"),
            ("meter=1 meter=2 bands=type=drop rate=1", "meter=2"),
            ("meter=1 kbps pktps bands=type=drop rate=1", "one unit"),
            ("meter=1 bands=type=drop", "needs rate"),
            ("meter=1 bands=type=drop rate=0", "rate of 0"),
            ("meter=1 bands=type=drop rate=1 rate=2", "twice"),
            ("meter=1 bands=type=drop rate=4294967296", "32 bits"),
            ("meter=1 bands=type=drop rate=1 burst_size=5", "the word burst"),
            ("meter=1 bands=type=dscp_remark rate=1", "dscp_remark"),
            ("meter=1 bands=rate=1", "begins with type=drop"),
            ("meter=1 bands=type=drop rate=1 prec_level=1", "prec_level"),
            ("meter=1 foo bands=type=drop rate=1", "foo"),
        ] {
            let error = meter(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
