//! What a list of datapath actions, as both print it, does with a packet: what arrives where.

use std::collections::BTreeMap;

use anyhow::{Context, bail};

use super::packet::{Packet, Tag};

/// A copy of the packet that leaves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arrival {
    /// By the datapath's port of this name.
    pub(super) port: String,
    /// With these tags, the outer one first.
    pub(super) tags: Vec<Tag>,
    /// In this outer header.
    pub(super) outer: Option<String>,
}

/// The copies, in order of the ports' names, which are those of `aliases` where it has them.
pub(super) fn arrivals(packet: &Packet, actions: &str, aliases: &BTreeMap<String, String>) -> anyhow::Result<Vec<Arrival>> {
    let mut all = Vec::new();
    carry_out(actions, &mut State { tags: packet.tags.clone(), ..State::default() }, &mut all).with_context(|| format!("of {actions}"))?;
    for arrival in &mut all {
        if let Some(alias) = aliases.get(&arrival.port) {
            arrival.port.clone_from(alias);
        }
        // An outer header that was set is nothing to who does not send it.
        arrival.outer = arrival.outer.take().filter(|_| arrival.port.contains("_sys"));
    }
    all.sort();
    Ok(all)
}

#[derive(Debug, Clone, Default)]
struct State {
    tags: Vec<Tag>,
    outer: Option<String>,
    mark: Option<String>,
}

fn carry_out(actions: &str, state: &mut State, all: &mut Vec<Arrival>) -> anyhow::Result<()> {
    for action in words(actions) {
        let (name, inside) = match action.split_once('(') {
            Some((name, rest)) => (name, rest.strip_suffix(')').context("a bracket is open")?),
            None => (action, ""),
        };
        match name {
            "drop" => {}
            "pop_vlan" => {
                anyhow::ensure!(!state.tags.is_empty(), "it takes a tag off that is not there");
                state.tags.remove(0);
            }
            "push_vlan" => {
                let number = |what: &str, usual: u16| match field(inside, what) {
                    None => Ok(usual),
                    Some(text) => parse(text).with_context(|| action.to_owned()),
                };
                state.tags.insert(0, Tag { tpid: number("tpid", 0x8100)?, vid: number("vid", 0)?, pcp: u8::try_from(number("pcp", 0)?)? });
            }
            "clone" => carry_out(inside, &mut state.clone(), all)?,
            "set" if inside.starts_with("tunnel(") => state.outer = Some(outer(inside)),
            // No packet here comes with a mark: to set none is to do nothing.
            "set" if inside.starts_with("skb_mark(") => state.mark = Some(inside.to_owned()).filter(|mark| !mark.ends_with("(0)")),
            // That the outer header met congestion: the kernel's devices have passed it on already.
            "set" if matches!(inside, "ipv4(tos=0x3/0x3)" | "ipv6(tclass=0x3/0x3)") => {}
            "hash" => {}
            _ if inside.is_empty() || name == "recirc" => {
                // A tunnel's mark is its own. Open vSwitch leaves it on whatever stands behind.
                let mark = state.mark.take().unwrap_or_default();
                let outer = state.outer.clone().map(|outer| outer + &mark);
                all.push(Arrival { port: name.to_owned(), tags: state.tags.clone(), outer });
            }
            _ => bail!("{action} is not known here"),
        }
    }
    Ok(())
}

/// An outer header without its congestion bits: those are the kernel's business, and in Open vSwitch's flows.
fn outer(text: &str) -> String {
    let fields = text.strip_prefix("tunnel(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(text);
    let plain = words(fields).into_iter().filter_map(|word| match word.strip_prefix("tos=").map(parse) {
        Some(Ok(tos)) if tos & 0xfc == 0 => None,
        Some(Ok(tos)) => Some(format!("tos={:#x}", tos & 0xfc)),
        _ => Some(word.to_owned()),
    });
    plain.collect::<Vec<_>>().join(",")
}

/// The value of `what` in a list of `what=value`.
fn field<'a>(list: &'a str, what: &str) -> Option<&'a str> {
    words(list).into_iter().find_map(|word| word.strip_prefix(what)?.strip_prefix('='))
}

fn parse(text: &str) -> anyhow::Result<u16> {
    Ok(match text.strip_prefix("0x") {
        Some(hexadecimal) => u16::from_str_radix(hexadecimal, 16)?,
        None => text.parse()?,
    })
}

/// The words between commas that are in no bracket.
pub(super) fn words(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut words) = (0_u32, 0, Vec::new());
    for (at, letter) in list.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                words.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(&list[start..]);
    words.retain(|word| !word.is_empty());
    words
}
