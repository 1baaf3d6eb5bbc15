//! `add-flow`, `mod-flow`, `del-flow`; `add-flows`, `mod-flows`, `del-flows`; `parse-actions`.
//!
//! A file's line is `[add|modify|delete] FLOW [ACTIONS]`, `#` begins a remark. A line that fails does not stop those behind
//! it: it is named, and the exit code tells. With `--atomic` it stops everything, and what was done before is taken back.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use ovsdp_proto::action::{append_actions, parse_actions};
use ovsdp_proto::text::Style;

use super::call::Call;
use super::change::{Changes, Op};
use super::complaint::{Complaint, Why};
use super::{Outcome, output, target};
use crate::dp::{Datapath, Dp};

/// The longest line, in bytes. A flow's key, mask and actions are 64 KiB each at most, and their text is a few times that.
const MAX_LINE: u64 = 1 << 20;

/// The datapath named before the last `rest` arguments, or the only one.
fn open(call: &Call<'_>, rest: usize) -> Result<(Dp, Datapath), Complaint> {
    let mut dp = target::connect("opening datapath")?;
    let named = (call.args.len() > rest).then(|| call.arg(0));
    let datapath = target::lookup_or_only(&mut dp, named)?;
    Ok((dp, datapath))
}

/// `add-flow [DP] FLOW ACTIONS`.
pub(super) fn add(call: &mut Call<'_>) -> Outcome {
    put(call, Op::Add)
}

/// `mod-flow [DP] FLOW ACTIONS`.
pub(super) fn modify(call: &mut Call<'_>) -> Outcome {
    put(call, Op::Modify)
}

fn put(call: &mut Call<'_>, op: Op) -> Outcome {
    let (dp, datapath) = open(call, 2)?;
    let mut changes = Changes::new(dp, datapath, None, false)?;
    let at = call.args.len().saturating_sub(2);
    changes.push_parts(&call.options, op, call.arg(at), call.arg(at + 1))?;
    changes.send(call)
}

/// `del-flow [DP] FLOW`.
pub(super) fn delete(call: &mut Call<'_>) -> Outcome {
    let (dp, datapath) = open(call, 1)?;
    let mut changes = Changes::new(dp, datapath, None, false)?;
    changes.push(&call.options, Op::Delete, 0, call.arg(call.args.len().saturating_sub(1)))?;
    changes.send(call)
}

/// `add-flows [DP] FILE`.
pub(super) fn add_file(call: &mut Call<'_>) -> Outcome {
    let (dp, datapath) = open(call, 1)?;
    file(call, dp, datapath, Op::Add)
}

/// `mod-flows [DP] FILE`.
pub(super) fn modify_file(call: &mut Call<'_>) -> Outcome {
    let (dp, datapath) = open(call, 1)?;
    file(call, dp, datapath, Op::Modify)
}

/// `del-flows [DP] [FILE]`: those of a file, or all. A single argument that is a datapath's name is the datapath.
pub(super) fn delete_file(call: &mut Call<'_>) -> Outcome {
    let is_datapath = |text: &str| match target::connect("opening datapath") {
        Ok(mut dp) => target::lookup(&mut dp, text).is_ok(),
        Err(_) => false,
    };
    let from_file = match call.args.as_slice() {
        [] => false,
        [only] => !is_datapath(only),
        _ => true,
    };
    let (mut dp, datapath) = open(call, usize::from(from_file))?;
    if from_file {
        return file(call, dp, datapath, Op::Delete);
    }
    if call.options.atomic {
        return Err(Complaint::new("--atomic takes a file: deleting all flows is one request"));
    }
    dp.flush_flows(datapath.index).map_err(|error| Complaint::because("deleting all flows", &error))
}

/// Changes what the last argument's lines say, each of which is `op` unless it says otherwise.
fn file(call: &mut Call<'_>, dp: Dp, datapath: Datapath, op: Op) -> Outcome {
    if call.options.atomic && (call.options.statistics || call.options.clear) {
        return Err(Complaint::new("--atomic goes without --statistics and --clear: counters cannot be taken back"));
    }
    let path = call.arg(call.args.len().saturating_sub(1)).to_owned();
    let failed = |error: &io::Error| Complaint::because(format!("Opening file \"{path}\" failed"), error);
    let (name, mut lines): (&str, Box<dyn BufRead>) = match path.as_str() {
        "-" => ("standard input", Box::new(io::stdin().lock())),
        path => (path, Box::new(BufReader::with_capacity(1 << 16, File::open(path).map_err(|error| failed(&error))?))),
    };
    let mut changes = Changes::new(dp, datapath, Some(name), call.options.atomic)?;
    let done = each_line(call, &mut *lines, name, &mut changes, op);
    if !call.options.atomic {
        return done;
    }
    if let Err(why) = done {
        call.complain(&why);
        changes.take_back(call);
    }
    Ok(())
}

/// Changes what `lines` say. With `--atomic` the first that fails is the error.
fn each_line(call: &mut Call<'_>, lines: &mut dyn BufRead, name: &str, changes: &mut Changes<'_>, op: Op) -> Outcome {
    let mut bytes = Vec::new();
    let mut number = 0;
    loop {
        bytes.clear();
        let failed = match io::Read::take(&mut *lines, MAX_LINE).read_until(b'\n', &mut bytes) {
            Ok(0) => break,
            Ok(len) if len as u64 == MAX_LINE && bytes.last() != Some(&b'\n') => {
                Err((Complaint::new(format!("{name}:{}: a line of more than {MAX_LINE} bytes is no flow's", number + 1)), true))
            }
            Ok(_) => {
                number += 1;
                let text = String::from_utf8_lossy(&bytes);
                let Some((op, flow)) = split(&text, op) else { continue };
                changes.push(&call.options, op, number, flow).map_err(|why| (why, false))
            }
            Err(error) => Err((Complaint::because(format!("reading {name}"), &error), true)),
        };
        match failed {
            Ok(()) => {}
            Err((why, _)) if call.options.atomic => return Err(why),
            Err((why, last)) => {
                call.complain(&why);
                if last {
                    // What was read before it is done all the same.
                    break;
                }
            }
        }
        if changes.is_full() {
            changes.send(call)?;
        }
    }
    changes.send(call)
}

/// What a line asks for; nothing for an empty one.
fn split(line: &str, otherwise: Op) -> Option<(Op, &str)> {
    let text = line.split('#').next().unwrap_or("").trim();
    if text.is_empty() {
        return None;
    }
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    Some(match word {
        "add" => (Op::Add, rest.trim_start()),
        "modify" => (Op::Modify, rest.trim_start()),
        "delete" => (Op::Delete, rest.trim_start()),
        _ => (otherwise, text),
    })
}

/// `parse-actions ACTIONS…`: each in canonical form.
pub(super) fn actions(call: &mut Call<'_>) -> Outcome {
    let mut text = Vec::new();
    let mut bytes = Vec::new();
    for actions in &call.args {
        bytes.clear();
        let invalid = |error| Complaint::because("parsing actions", Why::explained(nix::errno::Errno::EINVAL, format!("{error}")));
        parse_actions(actions, None, &mut bytes).map_err(invalid)?;
        append_actions(&mut text, &bytes, &Style::default());
        text.push(b'\n');
    }
    Ok(output::text(&String::from_utf8_lossy(&text))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_to_do_or_leaves_it_to_the_command() {
        assert_eq!(split("# nothing\n", Op::Add), None);
        assert_eq!(split(" \t\r\n", Op::Add), None);
        assert_eq!(split("in_port(1) 2 # why\n", Op::Modify), Some((Op::Modify, "in_port(1) 2")));
        assert_eq!(split("delete  in_port(1)", Op::Add), Some((Op::Delete, "in_port(1)")));
        assert_eq!(split("add\tin_port(1) 2\r\n", Op::Delete), Some((Op::Add, "in_port(1) 2")));
        assert_eq!(split("modify", Op::Delete), Some((Op::Modify, "")));
    }
}
