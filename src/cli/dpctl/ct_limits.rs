//! `ct-set-limits`, `ct-get-limits`, `ct-del-limits`: how many connections a zone may have. The limits hold for every
//! datapath of the network namespace; one must be there all the same, as for `ovs-dpctl`.

use std::fmt::Write;

use nix::errno::Errno;
use ovsdp_proto::ct_limit::{Limit, Zone};

use super::call::Call;
use super::complaint::{Complaint, Why};
use super::conntrack::zone;
use super::{Outcome, output, target};
use crate::dp::CtLimits;

fn invalid(said: impl Into<String>) -> Complaint {
    Complaint::because(said, Why::errno(Errno::EINVAL))
}

/// The datapath's name, where the first word is one, and the other words.
fn split(args: &[String]) -> (Option<&str>, &[String]) {
    match args.split_first() {
        Some((first, rest)) if !first.contains('=') => (Some(first), rest),
        _ => (None, args),
    }
}

fn open(datapath: Option<&str>) -> Result<CtLimits, Complaint> {
    let mut dp = target::connect("opening datapath")?;
    target::lookup_or_only(&mut dp, datapath)?;
    CtLimits::open().map_err(|error| Complaint::because("opening the limits of connections", &error))
}

/// Reads a number of 32 bits.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

/// Reads `default=L` or `zone=N,limit=L`.
fn limit(text: &str) -> Result<(Zone, u32), Complaint> {
    if let Some(limit) = text.strip_prefix("default=") {
        return Ok((Zone::Default, number(limit).ok_or_else(|| invalid("invalid default limit"))?));
    }
    let (mut of, mut most) = (None, None);
    for item in text.split(',').filter(|item| !item.is_empty()) {
        let bad = |key| invalid(format!("failed to parse field {key}"));
        match item.split_once('=') {
            None | Some((_, "")) => return Err(invalid(format!("field {} missing value", item.trim_end_matches('=')))),
            Some(("zone", value)) => of = Some(zone(value).map_err(|_| bad("zone"))?),
            Some(("limit", value)) => most = Some(number(value).ok_or_else(|| bad("limit"))?),
            Some((key, _)) => return Err(invalid(format!("invalid zone limit field: {key}"))),
        }
    }
    match (of, most) {
        (Some(zone), Some(limit)) => Ok((Zone::Number(zone), limit)),
        _ => Err(invalid("failed to parse zone limit")),
    }
}

/// Reads `zone=N[,N]…`.
fn zones(text: &str) -> Result<Vec<Zone>, Complaint> {
    let list = text.strip_prefix("zone=").ok_or_else(|| invalid(format!("invalid argument {text}")))?;
    list.split(',').map(|text| zone(text).map(Zone::Number)).collect()
}

/// `ct-set-limits [DP] [default=L] [zone=N,limit=L]…`.
pub(super) fn set(call: &mut Call<'_>) -> Outcome {
    let (datapath, words) = split(&call.args);
    let limits = words.iter().map(|word| limit(word)).collect::<Result<Vec<_>, _>>()?;
    if limits.is_empty() {
        return Err(invalid("no limit is given: default=L or zone=N,limit=L"));
    }
    let done = open(datapath)?.set(&limits);
    done.map_err(|error| Complaint::because("failed to set conntrack limit", &error))
}

/// `ct-del-limits [DP] zone=N[,N]…`.
pub(super) fn delete(call: &mut Call<'_>) -> Outcome {
    let (datapath, words) = split(&call.args);
    let [text] = words else { return Err(invalid("zones are given as zone=N[,N]...")) };
    let zones = zones(text)?;
    let done = open(datapath)?.delete(&zones);
    done.map_err(|error| Complaint::because("failed to delete conntrack limit", &error))
}

/// `ct-get-limits [DP] [zone=N[,N]…]`.
pub(super) fn get(call: &mut Call<'_>) -> Outcome {
    let (datapath, words) = split(&call.args);
    let zones = match words {
        [] => Vec::new(),
        // Where zones are named, the kernel tells the default only when it is named too.
        [text] => [vec![Zone::Default], zones(text)?].concat(),
        [_, more, ..] => return Err(invalid(format!("invalid argument {more}"))),
    };
    let limits = open(datapath)?.get(&zones).map_err(|error| Complaint::because("failed to get conntrack limit", &error))?;
    Ok(output::text(&text(&limits))?)
}

fn text(limits: &[Limit]) -> String {
    let default = limits.iter().rfind(|limit| limit.zone == Zone::Default).map_or(0, |limit| limit.limit);
    let mut text = format!("default limit={default}\n");
    for Limit { zone, limit, count } in limits {
        if let Zone::Number(zone) = zone {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "zone={zone},limit={limit},count={count}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        assert_eq!(limit("default=4294967295"), Ok((Zone::Default, u32::MAX)));
        assert_eq!(limit("zone=0,limit=3"), Ok((Zone::Number(0), 3)));
        assert_eq!(limit("limit=0,zone=65535"), Ok((Zone::Number(65535), 0)));
        assert_eq!(zones("zone=1,2"), Ok(vec![Zone::Number(1), Zone::Number(2)]));
        for (bad, said) in [
            ("default=", "invalid default limit"),
            ("default=-1", "invalid default limit"),
            ("default=4294967296", "invalid default limit"),
            ("zone=1", "failed to parse zone limit"),
            ("limit=1", "failed to parse zone limit"),
            ("zone=65536,limit=1", "failed to parse field zone"),
            ("zone=1,limit=x", "failed to parse field limit"),
            ("zone=1,limit", "field limit missing value"),
            ("foo=1", "invalid zone limit field: foo"),
        ] {
            assert_eq!(limit(bad), Err(invalid(said)), "{bad}");
        }
        for bad in ["zone=", "zone=1,", "zone=1,x", "1", "zones=1"] {
            assert!(zones(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_default_is_printed_first() {
        let limits = [
            Limit { zone: Zone::Number(5), limit: 3, count: 1 },
            Limit { zone: Zone::Default, limit: 9, count: 0 },
            Limit { zone: Zone::Number(2), limit: 0, count: 0 },
        ];
        assert_eq!(text(&limits), "default limit=9\nzone=5,limit=3,count=1\nzone=2,limit=0,count=0\n");
    }
}
