//! `dump-flows`, `get-flow`.

use nix::errno::Errno;
use ovsdp_proto::flow::{Flow, Ufid, Which};

use super::call::Call;
use super::complaint::{Complaint, Why};
use super::{Outcome, openflow, output, target};
use crate::cli::dump::{self, Failed, Out, Ports, Text, Wanted};
use crate::dp::{Datapath, Dp};

/// What `dump-flows` was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked<'a> {
    datapath: Option<&'a str>,
    /// OpenFlow's match.
    filter: Option<&'a str>,
    /// Whether `type=` names something the kernel's datapath has.
    nothing: bool,
}

/// Reads the arguments of `dump-flows`.
fn asked(args: &[String]) -> Result<Asked<'_>, Complaint> {
    let mut asked = Asked::default();
    let mut types = None;
    for arg in args {
        if let Some(filter) = arg.strip_prefix("filter=") {
            if asked.filter.replace(filter).is_some() {
                return Err(Complaint::new("filter= is given twice"));
            }
        } else if arg.starts_with("pmd=") {
            return Err(Complaint::new("pmd= chooses among the threads of a datapath in userspace; the kernel's has none"));
        } else if let Some(list) = arg.strip_prefix("type=") {
            if types.replace(list).is_some() {
                return Err(Complaint::new("type= is given twice"));
            }
        } else if asked.datapath.replace(arg.as_str()).is_some() {
            return Err(Complaint::new(format!("{arg}: unexpected argument")));
        }
    }
    if let Some(list) = types {
        let mut any = false;
        for kind in list.split(',') {
            match kind {
                "all" | "ovs" | "non-offloaded" => any = true,
                "offloaded" | "partially-offloaded" | "tc" | "dpdk" => {
                    return Err(Complaint::new(format!(
                        "type={kind}: ovsdp does not look at flows outside the kernel's datapath; type=ovs is what it has"
                    )));
                }
                _ => return Err(Complaint::because(format!("Failed to parse type ({kind})"), Why::errno(Errno::EINVAL))),
            }
        }
        asked.nothing = !any;
    }
    Ok(asked)
}

/// The names that a command's options want ports printed by.
fn names(call: &Call<'_>, dp: &mut Dp, datapath: &Datapath) -> Result<Option<Ports>, Complaint> {
    call.options.port_names().then(|| ports(dp, datapath)).transpose()
}

/// How a command's options want flows printed.
fn text<'a>(call: &Call<'_>, names: Option<&'a Ports>) -> Text<'a> {
    Text { names, verbose: call.options.more, now_ms: crate::dp::now_ms() }
}

fn ports(dp: &mut Dp, datapath: &Datapath) -> Result<Ports, Complaint> {
    Ports::of(dp, datapath).map_err(|error| Complaint::because("listing ports", &error))
}

/// `dump-flows [DP] [filter=MATCH] [type=…]`.
pub(super) fn dump(call: &mut Call<'_>) -> Outcome {
    let asked = asked(&call.args)?;
    let mut dp = target::connect("listing flows")?;
    let datapath = target::lookup_or_only(&mut dp, asked.datapath)?;
    let filter = match asked.filter {
        Some(text) => {
            let ports = ports(&mut dp, &datapath)?;
            Some(openflow::parse(text, &ports).map_err(|why| Complaint::new(format!("Failed to parse filter ({why})")))?)
        }
        None => None,
    };
    if asked.nothing {
        return Ok(());
    }
    let names = names(call, &mut dp, &datapath)?;
    let text = text(call, names.as_ref());
    let mut out = Out::new().map_err(|error| Complaint::because("writing flows", &error))?;
    let read = dump::read(&mut dp, &datapath, &Wanted { ports: None, filter }, |flow| out.line(|line| text.append(line, flow)));
    let reading = match read {
        Err(Failed::Write(error)) => return Ok(output::finish(Err(error))?),
        read => {
            output::finish(out.finish())?;
            read?
        }
    };
    let Some(remark) = dump::remark(&reading) else { return Ok(()) };
    if reading.unreadable > 0 {
        return Err(Complaint::new(remark));
    }
    call.warn(&remark);
    Ok(())
}

impl From<Failed> for Complaint {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Dump(error) => Self::because("Failed to dump flows from datapath", &error),
            Failed::Get(error) => Self::because("getting flow", &error),
            Failed::Write(error) => Self::because("writing flows", &error),
        }
    }
}

/// Reads `ufid:UUID`.
fn ufid(text: &str) -> Option<Ufid> {
    Ufid::from_text(text.strip_prefix("ufid:")?.trim_end_matches([',', ' ']))
}

/// `get-flow [DP] ufid:UFID`.
pub(super) fn get(call: &mut Call<'_>) -> Outcome {
    let (datapath, wanted) = match call.args.as_slice() {
        [datapath, wanted] => (Some(datapath.as_str()), wanted),
        [wanted] => (None, wanted),
        _ => return Err(Complaint::new("get-flow takes an identifier")),
    };
    let wrong = || Complaint::because("parsing flow ufid", Why::explained(Errno::EINVAL, format!("{wanted} is not of the form ufid:UUID")));
    let ufid = ufid(wanted).ok_or_else(wrong)?;
    let mut dp = target::connect("getting flow")?;
    let datapath = target::lookup_or_only(&mut dp, datapath)?;
    let names = names(call, &mut dp, &datapath)?;
    let text = text(call, names.as_ref());
    let mut out = Vec::new();
    let print = |flow: &Flow<'_>| {
        text.append(&mut out, flow);
        out.push(b'\n');
    };
    let found = dp.flow(datapath.index, Which::Ufid(ufid), print).map_err(|error| Complaint::because("getting flow", &error))?;
    if !found {
        return Err(Complaint::because("getting flow", Why::errno(Errno::ENOENT)));
    }
    Ok(output::text(&String::from_utf8_lossy(&out))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Vec<String> {
        line.split_ascii_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_cannot_be_chosen_is_refused() {
        let asked_for = Asked { datapath: Some("dp0"), filter: Some("in_port=1,ip"), nothing: false };
        assert_eq!(asked(&args("type=ovs,all dp0 filter=in_port=1,ip")).unwrap(), asked_for);
        for bad in ["filter=arp filter=ip", "pmd=1", "type=tc", "type=foo", "type=ovs,foo", "a b", "type=ovs type=ovs", "type="] {
            assert!(asked(&args(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_identifier_is_read_as_it_is_printed() {
        let text = "ufid:96e49686-d1cb-46fa-bc45-de1b2d523784";
        assert_eq!(format!("ufid:{}", ufid(text).unwrap()), text);
        assert_eq!(ufid(&format!("{text},")), ufid(text));
        for bad in ["", "ufid:", "ufid:0011", "96e49686-d1cb-46fa-bc45-de1b2d523784", "ufid:96e49686d1cb-46fa-bc45-de1b2d5237840", "ufid:0x1"] {
            assert_eq!(ufid(bad), None, "{bad}");
        }
    }
}
