//! `ovsdp flow fmt`: lines of flow text from standard input, each printed in its canonical form. Needs no kernel.

use std::io::{self, BufRead, BufWriter, Write};

use ovsdp_proto::action::{append_actions, parse_actions};
use ovsdp_proto::flow::{FlowBuf, parse_flow};
use ovsdp_proto::key::{append_key, parse_key};
use ovsdp_proto::text::{ParseError, PortNumbers, Style};

use super::args::{FlowCommand, FlowForm};
use super::output;
use crate::error::{Error, Kind};

/// How much of a bad line is shown on either side of what is bad, in characters.
const AROUND: usize = 60;

/// What went wrong with one line.
enum Bad {
    /// It is not UTF-8 from this byte on.
    Utf8(usize),
    /// It is no flow text.
    Text(ParseError),
}

pub(super) fn run(command: FlowCommand) -> Result<(), Error> {
    let FlowCommand::Fmt { form, ports, verbose } = command;
    let numbers = |name: &str| ports.iter().find(|(known, _)| known == name).map(|(_, number)| *number);
    let numbers: Option<&PortNumbers<'_>> = if ports.is_empty() { None } else { Some(&numbers) };
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let formatter = Formatter { form: form.chosen(), numbers, style: Style { names: None, verbose } };
    let (mut read, mut bad) = (0u64, 0u64);
    let mut buf = FlowBuf::default();
    let (mut line, mut printed) = (Vec::new(), Vec::new());
    let mut input = io::stdin().lock();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).map_err(|error| Error::new(Kind::Failed, format!("cannot read standard input: {error}")))? == 0 {
            break;
        }
        read += 1;
        printed.clear();
        match formatter.line(line.strip_suffix(b"\n").unwrap_or(&line), &mut buf, &mut printed) {
            Ok(()) => printed.push(b'\n'),
            Err(error) => {
                bad += 1;
                // What was good so far goes first, so that both come in the lines' order on a terminal.
                output::finish(out.flush())?;
                report(read, &line, &error);
                continue;
            }
        }
        match out.write_all(&printed) {
            Ok(()) => {}
            error => return output::finish(error),
        }
    }
    output::finish(out.flush())?;
    match bad {
        0 => Ok(()),
        bad => Err(Error::new(Kind::BadConfiguration, format!("{bad} of {read} lines cannot be read"))),
    }
}

/// How every line is read and printed.
struct Formatter<'a> {
    form: FlowForm,
    numbers: Option<&'a PortNumbers<'a>>,
    style: Style<'a>,
}

impl Formatter<'_> {
    /// Reads one line and prints it into `out`. What is empty or a comment stays as it is.
    fn line(&self, line: &[u8], buf: &mut FlowBuf, out: &mut Vec<u8>) -> Result<(), Bad> {
        let text = std::str::from_utf8(line).map_err(|error| Bad::Utf8(error.valid_up_to()))?;
        if text.trim().is_empty() || text.trim_start().starts_with('#') {
            out.extend_from_slice(line);
            return Ok(());
        }
        match self.form {
            FlowForm::Keys => {
                buf.clear();
                parse_key(text, self.numbers, &mut buf.key, &mut buf.mask).map_err(Bad::Text)?;
                append_key(out, &buf.key, Some(&buf.mask), &self.style);
            }
            FlowForm::Actions => {
                buf.clear();
                parse_actions(text, self.numbers, &mut buf.actions).map_err(Bad::Text)?;
                append_actions(out, &buf.actions, &self.style);
            }
            FlowForm::Flows => parse_flow(text, self.numbers, buf).map_err(Bad::Text)?.append_to(out, buf, &self.style),
        }
        Ok(())
    }
}

/// Says on standard error what is wrong with a line, and shows where.
fn report(number: u64, line: &[u8], bad: &Bad) {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end();
    let (start, end, reason) = match bad {
        Bad::Utf8(at) => (*at, *at, "not UTF-8".to_owned()),
        Bad::Text(error) => (error.span.start, error.span.end, error.reason.to_string()),
    };
    let chars = |bytes: usize| text.get(..bytes).unwrap_or(text).chars().count();
    let (column, wide) = (chars(start), chars(end).saturating_sub(chars(start)).max(1));
    eprintln!("ovsdp: line {number}, column {}: {reason}", column + 1);
    let from = column.saturating_sub(AROUND);
    let shown = text.chars().skip(from).take(column - from + wide.min(AROUND) + AROUND);
    // A tab or an escape would put the caret elsewhere.
    let shown: String = shown.map(|c| if c.is_control() { ' ' } else { c }).collect();
    let cut = if from == 0 { "" } else { "…" };
    eprintln!("  {cut}{shown}\n  {:1$}{2}", "", column - from + cut.chars().count(), "^".repeat(wide.min(AROUND)));
}
