//! Collected changes of flows are sent, many at a time, and what became of each is said: each for itself, or all or none.

use nix::errno::Errno;
use ovsdp_proto::flow::{Flow, Line};
use ovsdp_proto::text::Style;

use super::call::Call;
use super::change::{Changes, Op, Place, Sent, Together};
use super::complaint::{Complaint, Why};
use super::{Outcome, output};
use crate::dp;

impl Changes<'_> {
    /// Sends what has come together, complains of what the kernel refuses, and prints the counters asked for.
    ///
    /// # Errors
    /// The counters cannot be written. Where all are to be made or none, also what the kernel refuses: [`Changes::take_back`]
    /// then takes back what was made.
    pub(super) fn send(&mut self, call: &mut Call<'_>) -> Outcome {
        let done = match (self.together.is_some(), call.options.statistics) {
            (true, _) => self.send_together(),
            (false, true) => self.send_and_count(call),
            (false, false) => {
                self.send_each(call);
                Ok(())
            }
        };
        self.forget();
        done
    }

    /// The kernel only speaks of what it refuses: an acknowledgement for each flow would take as long as the flow.
    fn send_each(&mut self, call: &mut Call<'_>) {
        let (sent, file) = (&self.sent, self.file);
        let fired = self.dp.fire(&mut self.requests, |at, error| {
            if let Some(sent) = sent.get(at) {
                call.complain(&refused(sent, place(file, sent.line), &dp::Error::from(error.on("change", "a flow"))));
            }
        });
        if let Err(error) = fired {
            let (first, last) = (sent.first().map_or(0, |sent| sent.line), sent.last().map_or(0, |sent| sent.line));
            let what = place(file, first).say("updating flow table");
            let until =
                if last > first { format!("which of lines {first} to {last} are done is unknown") } else { "whether it is done is unknown".into() };
            call.complain(&Complaint::because(format!("{what}: {until}"), &error));
        }
    }

    /// With each flow's counters as it is changed.
    fn send_and_count(&mut self, call: &mut Call<'_>) -> Outcome {
        let Self { dp, requests, sent, file, .. } = self;
        let now_ms = dp::now_ms();
        let results = dp.run(requests, |at, flow| {
            if let Some(sent) = sent.get_mut(at) {
                sent.counters = counters(flow, now_ms);
            }
        });
        let mut text = String::new();
        for (sent, result) in sent.iter().zip(results) {
            match result {
                Ok(()) => text.push_str(&sent.counters),
                Err(error) => call.complain(&refused(sent, place(*file, sent.line), &dp::Error::from(error.on("change", "a flow")))),
            }
        }
        Ok(output::text(&text)?)
    }

    fn send_together(&mut self) -> Outcome {
        let Self { dp, requests, sent, file, together: Some(Together { undo, before }), .. } = self else { return Ok(()) };
        let results = dp.run(requests, |at, flow| {
            let Some(Sent { op, looks, .. }) = sent.get(at) else { return };
            let (of, back) = match (op, looks) {
                (_, true) => (at + 1, before.change_back(flow)),
                (Op::Delete, false) => (at, before.install(flow)),
                (Op::Add | Op::Modify, false) => return,
            };
            // Where the way back is missing, that is found below.
            if let Some(sent) = sent.get_mut(of) {
                sent.back = back.ok();
            }
        });
        let mut failed = None;
        for (sent, result) in sent.iter().zip(results) {
            let result = result.map_err(|error| dp::Error::from(error.on("change", "a flow")));
            if !sent.looks && result.as_ref().err().is_none_or(dp::Error::leaves_unknown) {
                let kept = sent.back.ok_or(()).and_then(|back| undo.take(before, back).map_err(drop));
                if kept.is_err() {
                    let what = place(*file, sent.line).say(sent.op.failed());
                    failed.get_or_insert(Complaint::new(format!("{what}: it is done, but what the flow was before is unknown, and stays lost")));
                }
            }
            match result {
                Ok(()) => {}
                Err(error) if sent.looks && error.errno() == Some(Errno::ENOENT) => {}
                Err(error) => {
                    failed.get_or_insert_with(|| refused(sent, place(*file, sent.line), &error));
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Takes back everything that was sent, forgets what was not, and says what is left.
    pub(super) fn take_back(&mut self, call: &mut Call<'_>) {
        self.forget();
        let Some(Together { undo, .. }) = &mut self.together else { return };
        let undone = self.dp.undo(undo);
        undo.clear();
        let name = self.file.unwrap_or("");
        for error in &undone.failed {
            let error = dp::Error::from(error.clone().on("restore", "a flow"));
            call.complain(&Complaint::because(format!("{name}: a change that was made before cannot be taken back"), &error));
        }
        let said = match (undone.failed.len(), undone.done) {
            (0, 0) => "nothing was changed".into(),
            (0, done) => format!("nothing is changed: {done} changes that were made before are taken back"),
            (stay, done) => format!("{done} changes that were made before are taken back, {stay} stay"),
        };
        call.complain(&Complaint::new(format!("{name}: {said}")));
    }
}

fn place(file: Option<&str>, line: u64) -> Place<'_> {
    file.map_or(Place::Here, |file| Place::Line(file, line))
}

/// What the kernel said of a change.
fn refused(sent: &Sent, place: Place<'_>, error: &dp::Error) -> Complaint {
    let gone = sent.op == Op::Delete && error.errno() == Some(Errno::ENOENT);
    let why = match gone && !sent.by_ufid {
        true => Why::explained(Errno::ENOENT, "Perhaps you need to specify a UFID?"),
        false => Why::from(error),
    };
    Complaint::because(place.say(sent.op.failed()), why)
}

/// A flow's counters as `-s` prints them, with a newline.
fn counters(flow: &Flow<'_>, now_ms: u64) -> String {
    let line = Line { flow, now_ms, style: Style::default() }.to_string();
    let behind = line.find("packets:").and_then(|start| line.get(start..)).unwrap_or("");
    let end = behind.find(", actions:").unwrap_or(behind.len());
    format!("{}\n", behind.get(..end).unwrap_or(""))
}
