//! `$'…'`: the quotes with C's escapes.
//!
//! It must not guess: what depends on the locale, or would end the value early, is refused.

use super::code::Code;
use super::lex::{Lex, Lexer, Stop};
use super::span::Span;
use super::word::WordBuilder;

impl Lexer<'_> {
    /// Reads `'…'` at hand, the `$` before it already read.
    pub(super) fn ansi(&mut self, out: &mut WordBuilder) -> Lex<()> {
        let open = self.pos;
        self.pos += 1;
        loop {
            let Some(c) = self.cur() else {
                return Err(self.unterminated(Span::new(open - 1, open + 1), "'"));
            };
            let at = self.pos;
            self.pos += 1;
            match c {
                b'\'' => return Ok(()),
                b'\\' => self.escape(at, out)?,
                _ => out.verbatim(c, at),
            }
        }
    }

    /// The escape whose backslash stands at `at`.
    fn escape(&mut self, at: usize, out: &mut WordBuilder) -> Lex<()> {
        let Some(c) = self.cur() else { return Ok(()) };
        self.pos += 1;
        let byte = match c {
            b'a' => 7,
            b'b' => 8,
            b'e' | b'E' => 0x1b,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'\\' | b'\'' | b'"' | b'?' => c,
            b'0'..=b'7' => {
                self.pos -= 1;
                let number = self.digits(8, 3);
                u8::try_from(number.unwrap_or(0) & 0xff).unwrap_or(0)
            }
            b'x' => {
                if self.cur() == Some(b'{') {
                    return Err(self.refuse(at, "`\\x{…}` is not evaluated", "write `\\xHH`"));
                }
                match self.digits(16, 2) {
                    Some(number) => u8::try_from(number).unwrap_or(0),
                    None => return self.keep(at, c, out),
                }
            }
            b'u' | b'U' => match self.digits(16, if c == b'u' { 4 } else { 8 }) {
                Some(number) if number < 0x80 => u8::try_from(number).unwrap_or(0),
                Some(_) => return Err(self.refuse(at, "what this stands for depends on the shell's locale", "write the character itself")),
                None => return self.keep(at, c, out),
            },
            b'c' => match self.cur() {
                Some(letter) if letter.is_ascii_alphabetic() => {
                    self.pos += 1;
                    letter & 0x1f
                }
                _ => return Err(self.refuse(at, "`\\c` takes a letter", "write `\\xHH`")),
            },
            _ => return self.keep(at, c, out),
        };
        if byte == 0 {
            return Err(self.refuse(at, "a NUL would end the value here", "remove it"));
        }
        out.escaped(&[byte], Span::new(at, self.pos));
        Ok(())
    }

    /// An escape that stands for itself, backslash included.
    fn keep(&mut self, at: usize, c: u8, out: &mut WordBuilder) -> Lex<()> {
        out.escaped(&[b'\\', c], Span::new(at, self.pos));
        Ok(())
    }

    fn refuse(&mut self, at: usize, message: &str, help: &str) -> Stop {
        self.error(Code::RefusedShell, Span::new(at, self.pos), message, help);
        Stop::File
    }

    /// Up to `most` digits; `None` when there is none.
    fn digits(&mut self, radix: u32, most: usize) -> Option<u32> {
        let mut number = None;
        for _ in 0..most {
            let Some(digit) = self.peek(0).and_then(|c| char::from(c).to_digit(radix)) else { break };
            number = Some(number.unwrap_or(0) * radix + digit);
            self.pos += 1;
        }
        number
    }
}
