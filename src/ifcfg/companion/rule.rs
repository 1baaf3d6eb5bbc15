//! `ip rule add` arguments to a rule: each word understood, or refused with its place.
//!
//! It must not know what other rules there are.

use ipnet::IpNet;
use ovsdp_proto::IfName;

use super::super::diag::shown;
use super::super::numbers::{Numbered, number};
use super::super::span::Span;
use super::super::suggest;
use super::line::Word;
use super::route::tos;
use super::words::{Context, Read, Words};
use crate::model::{Mark, PolicyRule, Route, RuleAction};

/// Protocols by the names of /etc/protocols that rules are written with.
const PROTOCOLS: [(&str, u8); 11] = [
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("udp", 17),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ipv6-icmp", 58),
    ("ospf", 89),
    ("sctp", 132),
    ("udplite", 136),
];
/// What `ip rule` takes besides, and this version does not.
const REFUSED: [&str; 7] = ["dscp", "flowlabel", "map-to", "nat", "proto", "protocol", "realms"];
/// What is understood, for suggestions.
const WORDS: [&str; 25] = [
    "from",
    "to",
    "iif",
    "oif",
    "fwmark",
    "table",
    "lookup",
    "priority",
    "preference",
    "tos",
    "ipproto",
    "sport",
    "dport",
    "uidrange",
    "tun_id",
    "suppress_prefixlength",
    "suppress_ifgroup",
    "l3mdev",
    "goto",
    "nop",
    "blackhole",
    "unreachable",
    "prohibit",
    "not",
    "dsfield",
];

/// A rule with what of it was written, before it is known to be whole.
struct Draft {
    rule: PolicyRule,
    /// The action other than a table, and where it stands.
    action: Option<(RuleAction, Span)>,
    table: Option<(u32, Span)>,
    suppress: Option<(u8, Span)>,
    group: Option<(u32, Span)>,
    seen: Vec<&'static str>,
}

/// Reads one line.
pub(super) fn read(context: Context<'_>, line: &[Word<'_>]) -> Read<PolicyRule> {
    let mut words = Words::new(context, line);
    if let Some(verb) = words.take(&["add", "del", "delete"]) {
        let message = format!("`{}` is too much: the line stands behind `ip rule add`", verb.text);
        return Err(context.bad(verb.span, message, "begin with what the packets have in common, such as `from 192.0.2.0/24`"));
    }
    let rule = PolicyRule::new(context.ipv6, RuleAction::Nop);
    let mut draft = Draft { rule, action: None, table: None, suppress: None, group: None, seen: Vec::new() };
    while let Some(word) = words.next() {
        draft.word(&mut words, word)?;
    }
    draft.finish(context)
}

impl Draft {
    fn word(&mut self, words: &mut Words<'_>, word: Word<'_>) -> Read<()> {
        let context = words.context;
        let name = name(word.text).ok_or_else(|| unknown(context, &word))?;
        if self.seen.contains(&name) {
            return Err(context.bad(word.span, format!("`{}` is said twice", word.text), "keep one of them"));
        }
        self.seen.push(name);
        let rule = &mut self.rule;
        match name {
            "not" => rule.not = true,
            "from" => rule.from = network(words, &word)?,
            "to" => rule.to = network(words, &word)?,
            "iif" => rule.iif = Some(device(words, &word)?),
            "oif" => rule.oif = Some(device(words, &word)?),
            "fwmark" => rule.mark = Some(mark(words, &word)?),
            "priority" => rule.priority = Some(words.number(&word, 0, u32::MAX)?),
            "tos" => rule.tos = tos(words, &word)?,
            "ipproto" => rule.ipproto = protocol(words, &word)?,
            "sport" => rule.sport = Some(ports(words, &word)?),
            "dport" => rule.dport = Some(ports(words, &word)?),
            "uidrange" => rule.uids = Some(uids(words, &word)?),
            "tun_id" => rule.tunnel = tunnel(words, &word)?,
            "table" => {
                let span = words.peek().map_or(word.span, |word| word.span);
                let table = words.named(&word, Numbered::Table)?;
                if table == 0 {
                    return Err(context.bad(span, "no table has the number 0", "write `main`, or a number above 0"));
                }
                self.table = Some((table, word.span));
            }
            "suppress_prefixlength" => {
                let most = if context.ipv6 { 128 } else { 32 };
                let length = words.number(&word, 0, most)?;
                self.suppress = u8::try_from(length).ok().map(|length| (length, word.span));
            }
            "suppress_ifgroup" => self.group = Some((group(words, &word)?, word.span)),
            "l3mdev" => return self.act(context, RuleAction::Vrf, word.span),
            "goto" => {
                let target = words.number(&word, 1, u32::MAX)?;
                return self.act(context, RuleAction::Goto(target), word.span);
            }
            "nop" => return self.act(context, RuleAction::Nop, word.span),
            "blackhole" => return self.act(context, RuleAction::Blackhole, word.span),
            "unreachable" => return self.act(context, RuleAction::Unreachable, word.span),
            _ => return self.act(context, RuleAction::Prohibit, word.span),
        }
        Ok(())
    }

    fn act(&mut self, context: Context<'_>, action: RuleAction, span: Span) -> Read<()> {
        if self.action.replace((action, span)).is_some() {
            return Err(context.bad(span, "a rule does one thing with its packets", "write a line for each"));
        }
        Ok(())
    }

    fn finish(self, context: Context<'_>) -> Read<PolicyRule> {
        let Self { mut rule, action, table, suppress, group, .. } = self;
        let of_lookup = [table.map(|(_, span)| span), suppress.map(|(_, span)| span), group.map(|(_, span)| span)];
        rule.action = match (action, of_lookup.into_iter().flatten().next()) {
            (Some(_), Some(span)) => {
                return Err(context.bad(span, "a rule does one thing with its packets", "remove this, or what else is to become of them"));
            }
            (Some((action, span)), None) => {
                if let (RuleAction::Goto(target), Some(priority)) = (action, rule.priority)
                    && target <= priority
                {
                    let message = format!("the kernel goes forward only, and {target} is not behind {priority}");
                    return Err(context.bad(span, message, "name a higher priority"));
                }
                action
            }
            // As `ip` does without a table.
            (None, _) => RuleAction::Lookup {
                table: table.map_or(Route::MAIN, |(table, _)| table),
                suppress: suppress.map(|(length, _)| length),
                suppress_group: group.map(|(group, _)| group),
            },
        };
        Ok(rule)
    }
}

/// The one name of a keyword; `None` for what is none.
fn name(word: &str) -> Option<&'static str> {
    Some(match word {
        "not" => "not",
        "from" => "from",
        "to" => "to",
        "iif" | "dev" => "iif",
        "oif" => "oif",
        "fwmark" => "fwmark",
        "priority" | "preference" | "pref" | "prio" | "order" => "priority",
        "tos" | "dsfield" => "tos",
        "ipproto" => "ipproto",
        "sport" => "sport",
        "dport" => "dport",
        "table" | "lookup" => "table",
        "uidrange" => "uidrange",
        "tun_id" => "tun_id",
        "suppress_prefixlength" | "sup_pl" => "suppress_prefixlength",
        "suppress_ifgroup" | "sup_group" => "suppress_ifgroup",
        "l3mdev" => "l3mdev",
        "goto" => "goto",
        "nop" => "nop",
        "blackhole" => "blackhole",
        "unreachable" => "unreachable",
        "prohibit" => "prohibit",
        _ => return None,
    })
}

fn unknown(context: Context<'_>, word: &Word<'_>) -> Box<super::super::diag::Diagnostic> {
    let told = shown(word.text.as_bytes());
    if REFUSED.contains(&word.text) {
        let message = format!("`{told}` in a rule is not supported yet: the rule would be made without it");
        return context.unsupported(word.span, message, "remove it if this host can do without it");
    }
    let near = suggest::nearest(word.text, WORDS).map(|near| format!("did you mean `{near}`?"));
    context.bad(
        word.span,
        format!("`{told}` is no word of a rule"),
        near.unwrap_or_else(|| "write what ip-rule(8) has after `ip rule add`".to_owned()),
    )
}

/// A network; `None` for every address.
fn network(words: &mut Words<'_>, key: &Word<'_>) -> Read<Option<IpNet>> {
    let word = words.value(key, "a network, or `all`")?;
    Ok(Some(words.context.network(&word)?).filter(|net| net.prefix_len() > 0))
}

fn device(words: &mut Words<'_>, key: &Word<'_>) -> Read<IfName> {
    let word = words.value(key, "a device's name")?;
    IfName::new(word.text).map_err(|bad| {
        words.context.bad(word.span, format!("`{}` cannot be a device's name: {bad}", shown(word.text.as_bytes())), "write the name of a device")
    })
}

/// `VALUE` or `VALUE/MASK`.
fn mark(words: &mut Words<'_>, key: &Word<'_>) -> Read<Mark> {
    let word = words.value(key, "a number")?;
    let (value, mask) = word.text.split_once('/').map_or((word.text, None), |(value, mask)| (value, Some(mask)));
    let read = number(value).zip(mask.map_or(Some(u32::MAX), number)).filter(|(_, mask)| *mask != 0);
    let Some((value, bits)) = read else {
        let message = format!("`{}` is no mark: a number, and after a `/` the bits that count", shown(word.text.as_bytes()));
        return Err(words.context.bad(word.span, message, "write a mark such as `0x1/0xff`"));
    };
    if value == 0 && mask.is_none() {
        return Err(words.context.bad(word.span, "the kernel takes the mark 0 for any", "write `0/0xffffffff` for packets without a mark"));
    }
    Ok(Mark { value, mask: bits })
}

fn protocol(words: &mut Words<'_>, key: &Word<'_>) -> Read<u8> {
    let word = words.value(key, "a protocol")?;
    let known = PROTOCOLS.iter().find(|(name, _)| *name == word.text).map(|(_, number)| *number);
    let read = known.or_else(|| number(word.text).and_then(|number| u8::try_from(number).ok()).filter(|number| *number > 0));
    read.ok_or_else(|| {
        let message = format!("`{}` is no protocol that is known here", shown(word.text.as_bytes()));
        words.context.bad(word.span, message, "write its number, or a name such as `tcp`")
    })
}

/// `PORT` or `FIRST-LAST`.
fn ports(words: &mut Words<'_>, key: &Word<'_>) -> Read<(u16, u16)> {
    let word = words.value(key, "a port")?;
    let port = |text: &str| number(text).and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0);
    let (first, last) = word.text.split_once('-').unwrap_or((word.text, word.text));
    port(first).zip(port(last)).filter(|(first, last)| first <= last && *last < u16::MAX).ok_or_else(|| {
        let message = format!("`{}` is no port and no range of them", shown(word.text.as_bytes()));
        words.context.bad(word.span, message, "write a port from 1 to 65534, or a range such as `1000-2000`")
    })
}

/// `FIRST-LAST`.
fn uids(words: &mut Words<'_>, key: &Word<'_>) -> Read<(u32, u32)> {
    let word = words.value(key, "a range of users")?;
    let uid = |text: &str| text.parse::<u32>().ok().filter(|uid| *uid < u32::MAX);
    let range = word.text.split_once('-').and_then(|(first, last)| uid(first).zip(uid(last)));
    range.filter(|(first, last)| first <= last).ok_or_else(|| {
        let message = format!("`{}` is no range of users", shown(word.text.as_bytes()));
        words.context.bad(word.span, message, "write the first and the last number, such as `1000-1999`, for one user twice the same")
    })
}

/// A tunnel's key.
fn tunnel(words: &mut Words<'_>, key: &Word<'_>) -> Read<u64> {
    let word = words.value(key, "a tunnel's key")?;
    let hex = word.text.strip_prefix("0x").map(|digits| u64::from_str_radix(digits, 16));
    let read = hex.unwrap_or_else(|| word.text.parse()).ok().filter(|key| *key > 0);
    read.ok_or_else(|| {
        let message = format!("`{}` is no tunnel's key", shown(word.text.as_bytes()));
        words.context.bad(word.span, message, "write a number above 0")
    })
}

/// A group of devices; the only one with a name of its own is the one every device begins in.
fn group(words: &mut Words<'_>, key: &Word<'_>) -> Read<u32> {
    let word = words.value(key, "a group of devices")?;
    let known = (word.text == "default").then_some(0);
    known.or_else(|| number(word.text)).filter(|group| *group < u32::MAX).ok_or_else(|| {
        let message = format!("`{}` is no group of devices that is known here", shown(word.text.as_bytes()));
        words.context.bad(word.span, message, "write its number, or `default`")
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::code::Code;
    use super::super::super::diag::Sink;
    use super::super::super::numbers::Numbers;
    use super::super::line;
    use super::*;

    fn parse(text: &str, ipv6: bool) -> Read<PolicyRule> {
        let numbers = Numbers::default();
        let context = Context {
            file: if ipv6 { "rule6-br0" } else { "rule-br0" },
            device: "br0",
            ipv6,
            table: Route::MAIN,
            code: Code::RuleFile,
            numbers: &numbers,
        };
        read(context, &line::split(context.file, text.as_bytes(), &mut Sink::default())[0])
    }

    #[test]
    fn lines_of_ip_rule() {
        for (text, ipv6, told) in [
            ("from 192.0.2.0/24 table 200", false, "from 192.0.2.0/24 lookup 200"),
            ("to 192.168.1.0/24 table main priority 500", false, "from all to 192.168.1.0/24 lookup 254 priority 500"),
            ("from all fwmark 7 lookup 0x64 pref 0", false, "from all fwmark 0x7 lookup 100 priority 0"),
            ("not from 192.0.2.1 fwmark 0x1/0xf prohibit", false, "not from 192.0.2.1/32 fwmark 0x1/0xf prohibit"),
            ("iif eth1 oif lo tos 10 ipproto tcp sport 1-9 dport 53 goto 900 prio 8", false, {
                "from all iif eth1 oif lo tos 0x10 ipproto 6 sport 1-9 dport 53 goto 900 priority 8"
            }),
            ("uidrange 1000-1999 tun_id 0x10 table 7 sup_group default", false, "from all uidrange 1000-1999 tun_id 16 lookup 7 suppress_ifgroup 0"),
            ("l3mdev pref 1000", true, "-6 from all l3mdev priority 1000"),
            ("suppress_prefixlength 0", false, "from all lookup 254 suppress_prefixlength 0"),
            ("from 2001:db8::/32 tos 0x10 blackhole", true, "-6 from 2001:db8::/32 tos 0x10 blackhole"),
        ] {
            assert_eq!(parse(text, ipv6).unwrap().to_string(), told, "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_at_its_place() {
        let of_line = Code::RuleFile;
        for (text, code, at, advice) in [
            ("add from 192.0.2.0/24", of_line, "add", "begin with"),
            ("from 192.0.2.1/24", of_line, "192.0.2.1/24", "`192.0.2.0/24`"),
            ("from 2001:db8::/32", of_line, "2001:db8::/32", "`rule6-br0`"),
            ("from", of_line, "from", "a network"),
            ("from all from all", of_line, "from", "keep one"),
            ("tabel 5", of_line, "tabel", "`table`"),
            ("table isp", of_line, "isp", "rt_tables"),
            ("table 5 blackhole", of_line, "table", "remove this"),
            ("nop blackhole", of_line, "blackhole", "a line for each"),
            ("goto 5 priority 5", of_line, "goto", "higher"),
            ("fwmark 0", of_line, "0", "0/0xffffffff"),
            ("fwmark 1/0", of_line, "1/0", "0x1/0xff"),
            ("ipproto tpc", of_line, "tpc", "`tcp`"),
            ("dport 9-1", of_line, "9-1", "1000-2000"),
            ("iif a/b", of_line, "a/b", "name"),
            ("uidrange 5-0 table 7", of_line, "5-0", "1000-1999"),
            ("uidrange 5", of_line, "5", "twice"),
            ("uidrange 0-4294967295", of_line, "0-4294967295", "1000-1999"),
            ("tun_id 0", of_line, "0", "above 0"),
            ("suppress_ifgroup lan", of_line, "lan", "`default`"),
            ("l3mdev table 5", of_line, "table", "remove this"),
            ("goto 9 suppress_ifgroup 5", of_line, "suppress_ifgroup", "remove this"),
            ("protocol bird table 7", Code::Unsupported, "protocol", "remove it"),
        ] {
            let found = parse(text, false).expect_err(text);
            let span = found.span.unwrap();
            assert_eq!((found.code, &text[span.start..span.end]), (code, at), "{text}: {}", found.message);
            assert!(found.help.as_ref().unwrap().contains(advice), "{text}: {:?}", found.help);
        }
    }
}
