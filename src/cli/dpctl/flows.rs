//! `dump-flows`, `get-flow`.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, BufWriter, Write};

use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};
use ovsdp_proto::IfName;
use ovsdp_proto::flow::{Flow, Line, Ufid, Which};
use ovsdp_proto::text::Style;

use super::call::Call;
use super::complaint::{Complaint, Why};
use super::{Outcome, output, target};
use crate::dp::{Datapath, Dp, Parts};

/// What identifies a flow: its identifier, or its key where it was installed without one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Id {
    Ufid(Ufid),
    Key(Box<[u8]>),
}

impl Id {
    fn of(flow: &Flow<'_>) -> Self {
        flow.ufid.map_or_else(|| Self::Key(flow.key.unwrap_or_default().into()), Self::Ufid)
    }

    fn which(&self) -> Which<'_> {
        match self {
            Self::Ufid(ufid) => Which::Ufid(*ufid),
            Self::Key(key) => Which::Key(key),
        }
    }
}

/// What `dump-flows` was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted<'a> {
    datapath: Option<&'a str>,
    /// Whether `type=` names something the kernel's datapath has.
    nothing: bool,
}

/// Reads the arguments of `dump-flows`.
fn wanted(args: &[String]) -> Result<Wanted<'_>, Complaint> {
    let mut wanted = Wanted::default();
    let mut types = None;
    for arg in args {
        if arg.starts_with("filter=") {
            return Err(Complaint::new("filter= is not there yet: ovsdp does not read OpenFlow matches; print all flows and choose from those"));
        } else if arg.starts_with("pmd=") {
            return Err(Complaint::new("pmd= chooses among the threads of a datapath in userspace; the kernel's has none"));
        } else if let Some(list) = arg.strip_prefix("type=") {
            if types.replace(list).is_some() {
                return Err(Complaint::new("type= is given twice"));
            }
        } else if wanted.datapath.replace(arg.as_str()).is_some() {
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
        wanted.nothing = !any;
    }
    Ok(wanted)
}

/// How a command's options want flows printed.
struct Printer {
    names: Option<BTreeMap<u32, IfName>>,
    verbose: bool,
}

impl Printer {
    fn new(call: &Call<'_>, dp: &mut Dp, datapath: &Datapath) -> Result<Self, Complaint> {
        let names = match call.options.port_names() {
            true => {
                let vports = dp.vports(datapath.index).map_err(|error| Complaint::because("listing ports", &error))?;
                Some(vports.into_iter().map(|vport| (vport.number, vport.name)).collect())
            }
            false => None,
        };
        Ok(Self { names, verbose: call.options.more })
    }

    /// Writes one flow and a newline.
    fn line(&self, out: &mut impl Write, flow: &Flow<'_>, now_ms: u64) -> io::Result<()> {
        let Some(names) = &self.names else {
            return writeln!(out, "{}", Line { flow, now_ms, style: Style { names: None, verbose: self.verbose } });
        };
        let name = |port: u32| names.get(&port).map(IfName::as_str);
        writeln!(out, "{}", Line { flow, now_ms, style: Style { names: Some(&name), verbose: self.verbose } })
    }
}

/// Milliseconds on the clock the kernel notes a flow's use with.
pub(super) fn now_ms() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |now| u64::try_from(std::time::Duration::from(now).as_millis()).unwrap_or(u64::MAX))
}

/// `dump-flows [DP] [type=…]`.
pub(super) fn dump(call: &mut Call<'_>) -> Outcome {
    let wanted = wanted(&call.args)?;
    let mut dp = target::connect("listing flows")?;
    let datapath = target::lookup_or_only(&mut dp, wanted.datapath)?;
    if wanted.nothing {
        return Ok(());
    }
    let printer = Printer::new(call, &mut dp, &datapath)?;
    // Actions too large for a dump are asked for one by one, on a socket of their own.
    let mut single = None;
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut result = Ok(());
    let mut failed = None;
    let mut printed = HashSet::new();
    let now_ms = now_ms();
    let dumped = dp.flows(datapath.index, Parts::Full, |flow| {
        let Some(flow) = flow else { return };
        // The kernel may show a flow twice while its table is rebuilt, or all of them again after a loss.
        if result.is_err() || !printed.insert(Id::of(flow)) {
            return;
        }
        if flow.actions.is_some() {
            result = printer.line(&mut out, flow, now_ms);
            return;
        }
        match whole(&mut single, &datapath, &Id::of(flow), |flow| printer.line(&mut out, flow, now_ms)) {
            Ok(written) => result = written,
            Err(complaint) => failed = Some(complaint),
        }
    });
    output::finish(result.and_then(|()| out.flush()))?;
    dumped.map_err(|error| Complaint::because("Failed to dump flows from datapath", &error))?;
    failed.map_or(Ok(()), Err)
}

/// Asks for one flow and prints it, unless it is gone by now.
fn whole(
    single: &mut Option<Dp>,
    datapath: &Datapath,
    id: &Id,
    mut print: impl FnMut(&Flow<'_>) -> io::Result<()>,
) -> Result<io::Result<()>, Complaint> {
    let dp = match single {
        Some(dp) => dp,
        None => single.insert(target::connect("getting flow")?),
    };
    let mut result = Ok(());
    dp.flow(datapath.index, id.which(), |flow| result = print(flow)).map_err(|error| Complaint::because("getting flow", &error))?;
    Ok(result)
}

/// Reads `ufid:UUID`.
fn ufid(text: &str) -> Option<Ufid> {
    Ufid::from_text(text.strip_prefix("ufid:")?.trim_end_matches([',', ' ']))
}

/// `get-flow [DP] ufid:UFID`.
pub(super) fn get(call: &mut Call<'_>) -> Outcome {
    let (datapath, text) = match call.args.as_slice() {
        [datapath, text] => (Some(datapath.as_str()), text),
        [text] => (None, text),
        _ => return Err(Complaint::new("get-flow takes an identifier")),
    };
    let wrong = || Complaint::because("parsing flow ufid", Why::explained(Errno::EINVAL, format!("{text} is not of the form ufid:UUID")));
    let ufid = ufid(text).ok_or_else(wrong)?;
    let mut dp = target::connect("getting flow")?;
    let datapath = target::lookup_or_only(&mut dp, datapath)?;
    let printer = Printer::new(call, &mut dp, &datapath)?;
    let mut out = Vec::new();
    // Writing to a Vec cannot fail.
    let print = |flow: &Flow<'_>| drop(printer.line(&mut out, flow, now_ms()));
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
        assert_eq!(wanted(&args("type=ovs,all dp0")).unwrap(), Wanted { datapath: Some("dp0"), nothing: false });
        for bad in ["filter=arp", "pmd=1", "type=tc", "type=foo", "type=ovs,foo", "a b", "type=ovs type=ovs", "type="] {
            assert!(wanted(&args(bad)).is_err(), "{bad}");
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
