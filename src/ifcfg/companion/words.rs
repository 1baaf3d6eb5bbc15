//! Walks the words of one line and reads values: addresses, networks, numbers, names of tables and the like.
//!
//! It must not know which keywords there are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::super::code::Code;
use super::super::diag::{Diagnostic, shown};
use super::super::numbers::{Numbered, Numbers, number};
use super::super::span::Span;
use super::super::suggest;
use super::line::Word;

/// What is wrong with a line: the first finding ends it.
pub(super) type Read<T> = Result<T, Box<Diagnostic>>;

/// What the lines of one file have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    /// The file.
    pub(super) file: &'a str,
    /// The interface it is about.
    pub(super) device: &'a str,
    /// Whether it holds IPv6's.
    pub(super) ipv6: bool,
    /// The table of a route whose line names none.
    pub(super) table: u32,
    /// Which code its mistakes have.
    pub(super) code: Code,
    pub(super) numbers: &'a Numbers,
}

impl Context<'_> {
    /// An error at `span`.
    pub(super) fn bad(&self, span: Span, message: impl Into<String>, help: impl Into<String>) -> Box<Diagnostic> {
        Box::new(Diagnostic::error(self.code, self.file, message).at(span).help(help))
    }

    /// What this version does not do.
    pub(super) fn unsupported(&self, span: Span, message: impl Into<String>, help: impl Into<String>) -> Box<Diagnostic> {
        Box::new(Diagnostic::error(Code::Unsupported, self.file, message).at(span).help(help))
    }

    const fn family(&self) -> &'static str {
        if self.ipv6 { "IPv6" } else { "IPv4" }
    }

    /// Where the other family's lines belong.
    fn other_file(&self) -> String {
        if self.device.is_empty() {
            return "write it into the `route6-` file of the interface it belongs to".to_owned();
        }
        let (kind, _) = self.file.split_once('-').unwrap_or((self.file, ""));
        let kind = if self.ipv6 { kind.trim_end_matches('6').to_owned() } else { format!("{kind}6") };
        format!("write it into `{kind}-{}`", self.device)
    }
}

/// The words of one line, one after another.
#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    pub(super) context: Context<'a>,
    rest: std::slice::Iter<'a, Word<'a>>,
    last: Span,
}

impl<'a> Words<'a> {
    pub(super) fn new(context: Context<'a>, words: &'a [Word<'a>]) -> Self {
        let last = words.first().map_or(Span::default(), |word| word.span);
        Self { context, rest: words.iter(), last }
    }

    pub(super) fn next(&mut self) -> Option<Word<'a>> {
        let word = *self.rest.next()?;
        self.last = word.span;
        Some(word)
    }

    pub(super) fn peek(&self) -> Option<Word<'a>> {
        self.rest.as_slice().first().copied()
    }

    /// Takes the next word when it is one of `texts`.
    pub(super) fn take(&mut self, texts: &[&str]) -> Option<Word<'a>> {
        self.peek().filter(|word| texts.contains(&word.text)).and_then(|_| self.next())
    }

    /// The word behind `key`; `what` it should be.
    pub(super) fn value(&mut self, key: &Word<'_>, what: &str) -> Read<Word<'a>> {
        let span = self.last;
        self.next().ok_or_else(|| self.context.bad(span, format!("nothing stands behind `{}`", shown(key.text.as_bytes())), format!("write {what}")))
    }

    /// An address of the file's family.
    pub(super) fn address(&mut self, key: &Word<'_>) -> Read<(IpAddr, Span)> {
        let word = self.value(key, "an address")?;
        self.context.address(&word).map(|address| (address, word.span))
    }

    /// A number in a range.
    pub(super) fn number(&mut self, key: &Word<'_>, least: u32, most: u32) -> Read<u32> {
        let word = self.value(key, "a number")?;
        number(word.text).filter(|number| (least..=most).contains(number)).ok_or_else(|| {
            let message = format!("`{}` is no number from {least} to {most}", shown(word.text.as_bytes()));
            self.context.bad(word.span, message, format!("write a number behind `{}`", key.text))
        })
    }

    /// A name of the host's, or the number it stands for.
    pub(super) fn named(&mut self, key: &Word<'_>, kind: Numbered) -> Read<u32> {
        let word = self.value(key, "a name or a number")?;
        let numbers = self.context.numbers;
        numbers.get(kind, word.text).ok_or_else(|| {
            let near = suggest::nearest(word.text, numbers.names(kind)).map(|near| format!("did you mean `{near}`?"));
            let file = kind.file();
            let help = near.unwrap_or_else(|| format!("write its number, or give it the name in `/etc/iproute2/{file}`"));
            self.context.bad(word.span, format!("this host has no name `{}` in `{file}`", shown(word.text.as_bytes())), help)
        })
    }
}

impl Context<'_> {
    fn address(&self, word: &Word<'_>) -> Read<IpAddr> {
        let told = shown(word.text.as_bytes());
        match word.text.parse::<IpAddr>() {
            Ok(address) if address.is_ipv6() == self.ipv6 => Ok(address),
            Ok(_) => Err(self.bad(word.span, format!("`{told}` is no {} address, which is what this file holds", self.family()), self.other_file())),
            Err(_) => Err(self.bad(word.span, format!("`{told}` is no {} address", self.family()), "write it in full")),
        }
    }

    /// `default`, `ADDRESS` or `ADDRESS/PREFIX`, without host bits.
    pub(super) fn network(&self, word: &Word<'_>) -> Read<IpNet> {
        if matches!(word.text, "default" | "any" | "all") {
            return Ok(if self.ipv6 { IpNet::V6(Ipv6Net::default()) } else { IpNet::V4(Ipv4Net::default()) });
        }
        let told = shown(word.text.as_bytes());
        let (address, prefix) = word.text.split_once('/').map_or((word.text, None), |(address, prefix)| (address, Some(prefix)));
        let missing = address.bytes().all(|b| b.is_ascii_digit() || b == b'.') && !address.is_empty() && !self.ipv6;
        if missing && address.parse::<Ipv4Addr>().is_err() {
            return Err(self.bad(word.span, format!("`{told}` is no IPv4 network"), "write all four numbers, such as `10.0.0.0/8`"));
        }
        let ip = self.address(&Word { text: address, span: word.span })?;
        let most = if self.ipv6 { 128 } else { 32 };
        let length = match prefix {
            None => Some(most),
            Some(text) => match text.parse::<Ipv4Addr>() {
                Ok(mask) if !self.ipv6 => ipnet::ipv4_mask_to_prefix(mask).ok(),
                _ => text.parse::<u8>().ok().filter(|length| *length <= most && text.bytes().all(|b| b.is_ascii_digit())),
            },
        };
        let Some(net) = length.and_then(|length| IpNet::new(ip, length).ok()) else {
            let message = format!("`{}` is no prefix length", shown(prefix.unwrap_or_default().as_bytes()));
            return Err(self.bad(word.span, message, format!("write a number from 0 to {most} behind the `/`")));
        };
        if net.addr() != net.network() {
            let message = format!("`{told}` has bits behind its prefix: is the network meant, or the host?");
            return Err(self.bad(word.span, message, format!("write `{}`, or `{ip}/{most}` for the host alone", net.trunc())));
        }
        Ok(net)
    }

    /// An address of either family behind `inet` or `inet6`, else of the file's own.
    pub(super) fn gateway(&self, words: &mut Words<'_>, key: &Word<'_>) -> Read<(IpAddr, Span)> {
        let Some(family) = words.take(&["inet", "inet6"]) else { return words.address(key) };
        let word = words.value(&family, "an address")?;
        let address = if family.text == "inet6" {
            word.text.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
        } else {
            word.text.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
        };
        match address {
            Some(address) if address.is_ipv4() && self.ipv6 => {
                Err(self.unsupported(word.span, format!("the kernel has no IPv6 routes over `{address}`, an IPv4 gateway"), "write an IPv6 gateway"))
            }
            Some(address) => Ok((address, word.span)),
            None => Err(self.bad(word.span, format!("`{}` is no address of the family said before it", shown(word.text.as_bytes())), "write one")),
        }
    }
}
