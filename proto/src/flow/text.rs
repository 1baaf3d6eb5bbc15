//! A whole flow from one line of text, and back.

use crate::action::{self, append_actions};
use crate::flow::line::{TCP_LETTERS, append_counted};
use crate::flow::{Stats, Ufid};
use crate::key::append_key;
use crate::key::parse::{Keys, Until};
use crate::text::cursor::{Cursor, Parsed, is_gap, mark};
use crate::text::put::put;
use crate::text::{ParseError, ParseReason, PortNumbers, Style};

/// What the parts of a flow that have attributes are written to. Cleared and filled again it does not allocate.
#[derive(Debug, Clone, Default)]
pub struct FlowBuf {
    /// The values to match.
    pub key: Vec<u8>,
    /// The bits that must match, attribute by attribute beside the key.
    pub mask: Vec<u8>,
    /// What to do; empty when the line says `drop` or nothing.
    pub actions: Vec<u8>,
    scratch: Vec<u8>,
}

impl FlowBuf {
    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.key.clear();
        self.mask.clear();
        self.actions.clear();
    }
}

/// Counters as a dump shows them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Packets and bytes.
    pub stats: Stats,
    /// Milliseconds since it last matched; `None`: never.
    pub used_ms: Option<u64>,
    /// Every TCP flag seen.
    pub tcp_flags: u8,
}

/// Which of its forms a flow's line has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A key only, or only an identifier: what names a flow.
    Key,
    /// A key and actions with white space between: what adds or changes a flow.
    Add,
    /// As a dump prints it: a key, counters, `actions:`.
    Dump,
}

/// What a flow's line says beside key, mask and actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowText<'t> {
    /// Its identifier.
    pub ufid: Option<Ufid>,
    /// The form of the line.
    pub form: Form,
    /// Counters, in a dump.
    pub counted: Counted,
    /// `offloaded:`, in a dump with `-m`.
    pub offloaded: Option<&'t str>,
    /// `dp:`, which datapath has it, in a dump with `-m`.
    pub dp: Option<&'t str>,
}

/// Reads one flow, in any of the three forms, and puts its parts in `buf`, which is emptied first:
///
/// - `[ufid:UUID,] KEY` or `ufid:UUID`
/// - `[ufid:UUID,] KEY ACTIONS`, with white space between them and none but behind commas inside
/// - `[ufid:UUID,] KEY, packets:N, bytes:N, used:T, …, actions:ACTIONS`
///
/// Ports may be given by name where `names` knows them.
///
/// # Errors
/// At the first thing that cannot be read; `buf` is then empty.
pub fn parse_flow<'t>(line: &'t str, names: Option<&PortNumbers<'_>>, buf: &mut FlowBuf) -> Result<FlowText<'t>, ParseError> {
    buf.clear();
    let done = flow(line, names, buf);
    if done.is_err() {
        buf.clear();
    }
    done
}

fn blanks(cur: &mut Cursor<'_>) {
    cur.take(|byte| byte.is_ascii_whitespace());
}

fn flow<'t>(line: &'t str, names: Option<&PortNumbers<'_>>, buf: &mut FlowBuf) -> Parsed<FlowText<'t>> {
    let mut cur = Cursor::new(line);
    let mut this = FlowText { ufid: None, form: Form::Key, counted: Counted::default(), offloaded: None, dp: None };
    blanks(&mut cur);
    if cur.eat("ufid:") {
        let start = cur.pos();
        this.ufid = Some(Ufid::from_text(cur.token()).ok_or(cur.since(start, ParseReason::BadUfid))?);
        cur.eat(",");
        blanks(&mut cur);
    }
    let mut keys = Keys { cur: &mut cur, names, key: &mut buf.key, mask: &mut buf.mask };
    keys.list(Until::Flow, 0)?;
    let gap = cur.take(is_gap);
    if cur.at_end() {
        return Ok(this);
    }
    if starts_item(&cur) {
        this.form = Form::Dump;
        items(&mut cur, &mut this)?;
        action::parse::whole(&mut cur, names, &mut buf.actions, &mut buf.scratch)?;
        return Ok(this);
    }
    if gap.is_empty() {
        return Err(cur.here(ParseReason::Expected("a comma, or white space and the actions")));
    }
    this.form = Form::Add;
    action::parse::whole(&mut cur, names, &mut buf.actions, &mut buf.scratch)?;
    Ok(this)
}

/// Whether `word:` stands here.
fn starts_item(cur: &Cursor<'_>) -> bool {
    let mut ahead = *cur;
    !ahead.word().is_empty() && ahead.peek() == Some(b':')
}

/// Counters and the like up to and with `actions:`.
fn items<'t>(cur: &mut Cursor<'t>, this: &mut FlowText<'t>) -> Parsed<()> {
    let mut seen = 0;
    loop {
        let start = cur.pos();
        let names = ["packets", "bytes", "used", "flags", "offloaded", "dp", "actions"];
        let name = cur.word();
        let number = names.iter().position(|known| *known == name).ok_or(cur.since(start, ParseReason::UnknownField))?;
        if !mark(&mut seen, number) {
            return Err(cur.since(start, ParseReason::Twice));
        }
        cur.expect(":")?;
        match number {
            0 => this.counted.stats.packets = cur.number(64)?,
            1 => this.counted.stats.bytes = cur.number(64)?,
            2 => this.counted.used_ms = used(cur)?,
            3 => this.counted.tcp_flags = tcp_flags(cur)?,
            4 => this.offloaded = Some(name_of(cur)?),
            5 => this.dp = Some(name_of(cur)?),
            _ => return Ok(()),
        }
        cur.expect(",")?;
        blanks(cur);
    }
}

fn name_of<'t>(cur: &mut Cursor<'t>) -> Parsed<&'t str> {
    let start = cur.pos();
    let name = cur.word();
    if name.is_empty() { Err(cur.since(start, ParseReason::Expected("a name"))) } else { Ok(name) }
}

/// `never`, or seconds with three decimals.
fn used(cur: &mut Cursor<'_>) -> Parsed<Option<u64>> {
    let start = cur.pos();
    if cur.eat("never") {
        return Ok(None);
    }
    let whole = cur.take(|byte| byte.is_ascii_digit());
    let point = cur.eat(".");
    let part = cur.take(|byte| byte.is_ascii_digit());
    let second = cur.eat("s");
    let ms = |whole: &str, part: &str| whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(part.parse().ok()?);
    match ms(whole, part) {
        Some(ms) if point && second && part.len() == 3 => Ok(Some(ms)),
        _ => Err(cur.since(start, ParseReason::BadTime)),
    }
}

fn tcp_flags(cur: &mut Cursor<'_>) -> Parsed<u8> {
    let start = cur.pos();
    let mut flags = 0;
    for letter in cur.token().bytes() {
        let bit = TCP_LETTERS.iter().find(|(_, known)| *known == letter).map(|(bit, _)| 1 << bit);
        let bit: u8 = bit.ok_or(cur.since(start, ParseReason::UnknownFlag))?;
        if flags & bit != 0 {
            return Err(cur.since(start, ParseReason::Twice));
        }
        flags |= bit;
    }
    if flags == 0 { Err(cur.since(start, ParseReason::UnknownFlag)) } else { Ok(flags) }
}

impl Ufid {
    /// Reads an identifier as it is printed; `None` when it is none.
    pub fn from_text(text: &str) -> Option<Self> {
        let bytes: &[u8; 36] = text.as_bytes().try_into().ok()?;
        let mut digits = [0; 32];
        let mut at = digits.iter_mut();
        for (place, byte) in bytes.iter().enumerate() {
            if matches!(place, 8 | 13 | 18 | 23) {
                if *byte != b'-' {
                    return None;
                }
                continue;
            }
            let digit = char::from(*byte).to_digit(16)?;
            *at.next()? = u8::try_from(digit).ok()?;
        }
        let (words, _) = digits.as_chunks::<8>();
        let mut out = [0; 16];
        for (room, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *room = word.iter().fold(0u32, |value, digit| value << 4 | u32::from(*digit)).to_ne_bytes();
        }
        Some(Self(out))
    }
}

impl FlowText<'_> {
    /// Appends the flow in its form, canonically and as UTF-8, without a newline. `buf` is what [`parse_flow`] filled. The
    /// identifier is printed when there is one; whether fields that match anything are, is up to `style`.
    pub fn append_to(&self, out: &mut Vec<u8>, buf: &FlowBuf, style: &Style<'_>) {
        if let Some(ufid) = self.ufid {
            put!(out, "ufid:", ufid.text());
            if self.form == Form::Key && buf.key.is_empty() && buf.mask.is_empty() {
                return;
            }
            put!(out, ", ");
        }
        append_key(out, &buf.key, Some(&buf.mask), style);
        match self.form {
            Form::Key => return,
            Form::Add => put!(out, " "),
            Form::Dump => {
                append_counted(out, &self.counted);
                for (name, value) in [(", offloaded:", self.offloaded), (", dp:", self.dp)] {
                    if let Some(value) = value {
                        put!(out, name, value);
                    }
                }
                put!(out, ", actions:");
            }
        }
        append_actions(out, &buf.actions, style);
    }
}
