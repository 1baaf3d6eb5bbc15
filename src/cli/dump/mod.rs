//! What `ovsdp flows` and `ovsdp dpctl dump-flows` share: every flow once, chosen by its bytes, whole, and written in large
//! pieces. How a flow is printed is up to them.

mod out;
mod ports;

use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;

use ovsdp_proto::flow::{Flow, Line, Which};
use ovsdp_proto::key::Key;
use ovsdp_proto::text::{PortNames, Style};

pub(super) use out::Out;
pub(super) use ports::Ports;

use crate::dp::filter::Filter;
use crate::dp::{self, Datapath, Dp, Reading};

/// How flows are printed as text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    /// Ports are printed by these names.
    pub names: Option<&'a Ports>,
    /// Identifiers and fields that match anything are printed, too.
    pub verbose: bool,
    /// The time in milliseconds, as [`dp::now_ms`] has it.
    pub now_ms: u64,
}

impl Text<'_> {
    /// Appends one flow, without a newline.
    pub(super) fn append(&self, out: &mut Vec<u8>, flow: &Flow<'_>) {
        let name = |port: u32| self.names.and_then(|names| names.name(port));
        let names: Option<&PortNames<'_>> = if self.names.is_some() { Some(&name) } else { None };
        Line { flow, now_ms: self.now_ms, style: Style { names, verbose: self.verbose } }.append_to(out);
    }
}

/// Which flows are wanted.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Those that came in by one of these ports.
    pub ports: Option<BTreeSet<u32>>,
    /// Those that this chooses.
    pub filter: Option<Filter>,
}

impl Wanted {
    fn has(&self, flow: &Flow<'_>) -> bool {
        let in_port = || flow.key.and_then(|key| Key::new(key).in_port());
        self.ports.as_ref().is_none_or(|ports| in_port().is_some_and(|port| ports.contains(&port)))
            && self.filter.as_ref().is_none_or(|filter| filter.chooses(flow))
    }
}

/// Why not all flows were printed.
#[derive(Debug)]
pub(super) enum Failed {
    /// They could not be read.
    Dump(dp::Error),
    /// The one whose actions are too large for a dump could not be read by itself.
    Get(dp::Error),
    /// They could not be written.
    Write(io::Error),
}

/// Hands every flow that is wanted to `show`, which prints it. Actions too large for a dump are asked for one by one.
///
/// # Errors
/// [`Failed`]; `show`'s as [`Failed::Write`].
pub(super) fn read(dp: &mut Dp, datapath: &Datapath, wanted: &Wanted, mut show: impl FnMut(&Flow<'_>) -> io::Result<()>) -> Result<Reading, Failed> {
    let mut failed = None;
    // On a socket of its own: the dump's is busy.
    let mut single = None;
    let reading = dp.read_flows(datapath, |flow| {
        if !wanted.has(flow) {
            return ControlFlow::Continue(());
        }
        let shown = match flow.actions {
            Some(_) => show(flow).map_err(Failed::Write),
            None => whole(&mut single, datapath, flow, &mut show),
        };
        match shown {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    match failed {
        Some(failed) => Err(failed),
        None => reading.map_err(Failed::Dump),
    }
}

/// Asks for one flow by itself and shows it, unless it is gone by now.
fn whole(single: &mut Option<Dp>, datapath: &Datapath, flow: &Flow<'_>, show: &mut impl FnMut(&Flow<'_>) -> io::Result<()>) -> Result<(), Failed> {
    let dp = match single {
        Some(dp) => dp,
        None => single.insert(Dp::open().map_err(Failed::Get)?),
    };
    let which = flow.ufid.map_or_else(|| Which::Key(flow.key.unwrap_or_default()), Which::Ufid);
    let mut shown = Ok(());
    dp.flow(datapath.index, which, |flow| shown = show(flow)).map_err(Failed::Get)?;
    shown.map_err(Failed::Write)
}

/// What the reader of a dump should know, in one line, when it did not go straight.
pub(super) fn remark(reading: &Reading) -> Option<String> {
    let Reading { flows, unreadable, restarts, expected, .. } = *reading;
    let mut parts = Vec::new();
    if unreadable > 0 {
        parts.push(format!("{unreadable} flows could not be read and are left out"));
    }
    if restarts > 0 {
        parts.push(format!("messages were lost, and the flows read again {restarts} times; none is printed twice"));
    }
    if flows < expected {
        parts.push(format!("{flows} flows were found where the datapath counts {expected}: while flows come and go some cannot be seen"));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_went_wrong_is_remarked() {
        assert_eq!(remark(&Reading { flows: 3, expected: 3, ..Reading::default() }), None);
        let said = remark(&Reading { flows: 3, unreadable: 1, restarts: 2, expected: 4, ..Reading::default() }).unwrap();
        assert!(said.starts_with("1 flows") && said.contains("again 2 times") && said.contains("3 flows were found where the datapath counts 4"));
        assert!(!said.contains('\n'));
    }
}
