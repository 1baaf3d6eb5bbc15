//! `normalize-actions FLOW ACTIONS [NAME=NUMBER…]`: which actions packets of a flow meet under which VLAN and MPLS headers, so that lists
//! which do the same in another order print the same. It asks no kernel.

use std::collections::BTreeMap;

use nix::errno::Errno;
use ovsdp_proto::action::{Action, append_actions, parse_actions};
use ovsdp_proto::key::{Field, Key, Lse, VLAN_PRESENT, Vlan, parse_key};
use ovsdp_proto::nla::Attrs;
use ovsdp_proto::text::Style;

use super::super::args::named_port;
use super::call::Call;
use super::complaint::{Complaint, Why};
use super::{Outcome, output};

/// As many tags as Open vSwitch keeps of a flow; the kernel too.
const MOST_TAGS: usize = 2;

/// What stands before the packet's payload when an action is met: the outermost tag first, and the first MPLS entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Headers {
    tags: Vec<(u16, u16)>,
    mpls: Option<u32>,
}

impl Headers {
    /// The headers a flow matches.
    fn of(key: Key<'_>) -> Self {
        let mut headers = Self { tags: Vec::new(), mpls: None };
        let mut level = Some(key);
        while let Some(key) = level {
            let (mut eth_type, mut tci) = (0, 0);
            for field in key.fields().flatten() {
                match field {
                    Field::EthType(value) => eth_type = value,
                    Field::Vlan(value) => tci = value,
                    Field::Mpls([first, ..]) => headers.mpls = Some(u32::from_be_bytes(*first)),
                    _ => {}
                }
            }
            if tci & VLAN_PRESENT != 0 && headers.tags.len() < MOST_TAGS {
                headers.tags.push((eth_type, tci));
            }
            level = key.encap();
        }
        headers
    }

    fn push(&mut self, tag: Vlan) {
        self.tags.insert(0, (tag.tpid, tag.tci));
        self.tags.truncate(MOST_TAGS);
    }

    fn append_to(&self, out: &mut String) {
        use std::fmt::Write as _;
        if self.tags.is_empty() {
            out.push_str("no vlan: ");
        }
        // Writing to a String cannot fail.
        for (tpid, tci) in &self.tags {
            out.push_str("vlan(");
            if *tpid != 0x8100 {
                let _ = write!(out, "tpid=0x{tpid:04x},");
            }
            let _ = write!(out, "vid={},pcp={}): ", tci & 0xfff, tci >> 13);
        }
        match self.mpls.map(Lse) {
            Some(entry) => drop(write!(out, "mpls(label={},tc={},ttl={}): ", entry.label(), entry.tc(), entry.ttl())),
            None => out.push_str("no mpls: "),
        }
    }
}

/// The actions by the headers they are met under, outputs next to each other in order of their ports.
fn by_headers(mut headers: Headers, actions: &[u8]) -> BTreeMap<Headers, Vec<u8>> {
    let mut groups: BTreeMap<Headers, (Vec<u8>, Vec<u32>)> = BTreeMap::new();
    for attr in Attrs::new(actions) {
        match Action::read(attr) {
            Ok(Action::PopVlan) => drop((!headers.tags.is_empty()).then(|| headers.tags.remove(0))),
            Ok(Action::PushVlan(tag)) => headers.push(tag),
            action => {
                let (done, outputs) = groups.entry(headers.clone()).or_default();
                if let Ok(Action::Output(port)) = action {
                    outputs.push(port);
                    continue;
                }
                flush(done, outputs);
                // It is as long as it was.
                let _ = attr.put(done);
            }
        }
    }
    if groups.is_empty() {
        groups.entry(headers).or_default();
    }
    let whole = |(headers, (mut done, mut outputs)): (Headers, (Vec<u8>, Vec<u32>))| {
        flush(&mut done, &mut outputs);
        (headers, done)
    };
    groups.into_iter().map(whole).collect()
}

/// Appends the outputs in order, and forgets them.
fn flush(done: &mut Vec<u8>, outputs: &mut Vec<u32>) {
    outputs.sort_unstable();
    outputs.drain(..).for_each(|port| ovsdp_proto::action::output(done, port));
}

/// Carries out the command.
pub(super) fn run(call: &mut Call<'_>) -> Outcome {
    let invalid = |what: &'static str| move |error: String| Complaint::because(what, Why::explained(Errno::EINVAL, error));
    let mut ports = BTreeMap::new();
    for arg in call.args.get(2..).unwrap_or_default() {
        let (name, number) = named_port(arg).map_err(invalid("reading a port's number"))?;
        ports.insert(name, number);
    }
    let number = |name: &str| ports.get(name).copied();
    let (mut key, mut mask, mut actions) = (Vec::new(), Vec::new(), Vec::new());
    parse_key(call.arg(0), Some(&number), &mut key, &mut mask).map_err(|error| invalid("parsing the flow")(error.to_string()))?;
    parse_actions(call.arg(1), Some(&number), &mut actions).map_err(|error| invalid("parsing actions")(error.to_string()))?;

    let mut text = b"input flow: ".to_vec();
    ovsdp_proto::key::append_key(&mut text, &key, None, &Style::default());
    text.push(b'\n');
    if call.options.more {
        text.extend_from_slice(b"input actions: ");
        append_actions(&mut text, &actions, &Style::default());
        text.push(b'\n');
    }
    for (headers, actions) in by_headers(Headers::of(Key::new(&key)), &actions) {
        let mut line = String::new();
        headers.append_to(&mut line);
        text.extend_from_slice(line.as_bytes());
        append_actions(&mut text, &actions, &Style::default());
        text.push(b'\n');
    }
    Ok(output::text(&String::from_utf8_lossy(&text))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(flow: &str, actions: &str) -> String {
        let (mut key, mut mask, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
        parse_key(flow, None, &mut key, &mut mask).unwrap();
        parse_actions(actions, None, &mut bytes).unwrap();
        let groups = by_headers(Headers::of(Key::new(&key)), &bytes);
        let line = |(headers, actions): (&Headers, &Vec<u8>)| {
            let (mut line, mut text) = (String::new(), Vec::new());
            headers.append_to(&mut line);
            append_actions(&mut text, actions, &Style::default());
            line + &String::from_utf8(text).unwrap()
        };
        groups.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn actions_are_told_by_what_is_before_the_payload() {
        let plain = "in_port(1),eth(),eth_type(0x0800),ipv4(frag=no)";
        assert_eq!(normal(plain, "9,2,7"), "no vlan: no mpls: 2,7,9");
        assert_eq!(normal(plain, "drop"), "no vlan: no mpls: drop");
        assert_eq!(
            normal(plain, "push_vlan(vid=12,pcp=0),1,pop_vlan,2,push_vlan(vid=5,pcp=3),3,push_vlan(tpid=0x88a8,vid=6,pcp=0),4"),
            "no vlan: no mpls: 2\nvlan(vid=12,pcp=0): no mpls: 1\nvlan(vid=5,pcp=3): no mpls: 3\nvlan(tpid=0x88a8,vid=6,pcp=0): vlan(vid=5,pcp=3): no mpls: 4"
        );
        let double =
            "in_port(1),eth(),eth_type(0x88a8),vlan(vid=9,pcp=1),encap(eth_type(0x8100),vlan(vid=3,pcp=0),encap(eth_type(0x86dd),ipv6(frag=no)))";
        assert_eq!(
            normal(double, "1,pop_vlan,2,pop_vlan,3"),
            "no vlan: no mpls: 3\nvlan(vid=3,pcp=0): no mpls: 2\nvlan(tpid=0x88a8,vid=9,pcp=1): vlan(vid=3,pcp=0): no mpls: 1"
        );
        let mpls = "in_port(1),eth(),eth_type(0x8847),mpls(label=7,tc=2,ttl=9,bos=1)";
        assert_eq!(
            normal(mpls, "1,push_vlan(vid=3,pcp=0),2,set(eth(src=00:00:00:00:00:01)),5"),
            "no vlan: mpls(label=7,tc=2,ttl=9): 1\nvlan(vid=3,pcp=0): mpls(label=7,tc=2,ttl=9): 2,set(eth(src=00:00:00:00:00:01)),5"
        );
    }
}
