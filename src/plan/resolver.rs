//! The resolver's file: what it says, and what it is to say. Where systemd-resolved keeps it, that program is told instead.
//!
//! There is one file for all bridges. It names the servers of every bridge that has some, in the order of the bridges'
//! names; when the last such bridge goes, it is given back as it was, unless somebody else has written it meanwhile.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use ovsdp_proto::IfName;

use super::memory::{Memory, Remembered};
use super::observed::{LinkResolver, Observed, Resolver};
use super::step::Step;
use crate::model::{Addressing, Interface};

/// What a resolver's file says, or is to say, as far as it is compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Saying {
    servers: Vec<IpAddr>,
    search: Vec<String>,
    /// Whether `search` is the whole list, as a lease's is, and not only what comes first.
    whole: bool,
}

impl Saying {
    pub(super) fn is_empty(&self) -> bool {
        self.servers.is_empty() && self.search.is_empty()
    }

    /// Whether `said` does for this: servers and a search list nobody asked for are nobody's business.
    fn is_met_by(&self, said: &Self) -> bool {
        let search = if self.whole { self.search == said.search } else { said.search.starts_with(&self.search) };
        (self.servers.is_empty() || self.servers == said.servers) && search
    }

    fn add<'a>(&mut self, servers: impl IntoIterator<Item = IpAddr>, search: impl IntoIterator<Item = &'a str>) {
        for server in servers {
            if !self.servers.contains(&server) {
                self.servers.push(server);
            }
        }
        for domain in search.into_iter().flat_map(str::split_whitespace) {
            if !self.search.iter().any(|known| known == domain) {
                self.search.push(domain.to_owned());
            }
        }
    }
}

/// What one bridge's interfaces have for the resolver.
pub(super) fn of_bridge(bridge: &Remembered) -> Saying {
    let mut saying = Saying::default();
    bridge.intent.interfaces().for_each(|interface| of_interface(bridge, interface, &mut saying));
    saying
}

fn of_interface(bridge: &Remembered, interface: &Interface, saying: &mut Saying) {
    match &interface.addressing {
        Addressing::Static(fixed) => saying.add(fixed.dns.iter().copied(), fixed.search.iter().map(String::as_str)),
        Addressing::Dhcp(dhcp) => {
            saying.add(dhcp.dns.iter().copied(), dhcp.search.iter().map(String::as_str));
            if let Some(lease) = bridge.leases.get(&interface.name).filter(|lease| dhcp.peer_dns && !lease.dns.is_empty()) {
                let domain = lease.domain.iter().filter(|_| lease.search.is_empty());
                let list: Vec<&str> = lease.search.iter().chain(domain).map(String::as_str).collect();
                saying.whole |= !list.is_empty();
                saying.add(lease.dns.iter().copied().map(IpAddr::V4), list);
            }
        }
        Addressing::None => {}
    }
    if let Some(lease) = bridge.leases6.get(&interface.name).filter(|lease| !lease.dns.is_empty())
        && interface.ipv6.dhcp.as_ref().is_some_and(|dhcp| dhcp.peer_dns)
    {
        saying.whole |= !lease.search.is_empty();
        saying.add(lease.dns.iter().copied().map(IpAddr::V6), lease.search.iter().map(String::as_str));
    }
}

/// What systemd-resolved is to be told for each interface that has something for it.
fn of_links(memory: &Memory) -> BTreeMap<IfName, LinkResolver> {
    let mut links = BTreeMap::new();
    for bridge in memory.bridges.values() {
        for interface in bridge.intent.interfaces() {
            let mut saying = Saying::default();
            of_interface(bridge, interface, &mut saying);
            if !saying.is_empty() {
                links.insert(interface.name, LinkResolver { servers: saying.servers, search: saying.search });
            }
        }
    }
    links
}

/// The interfaces that systemd-resolved has been told something for, or should have been.
pub fn told_resolver(memory: &Memory) -> Vec<IfName> {
    of_links(memory).into_keys().collect()
}

/// The steps that tell systemd-resolved what `after` asks for, of devices that are there or that `steps` make.
pub(super) fn links(observed: &Observed, after: &Memory, steps: &[Step]) -> Vec<Step> {
    let Some(told) = &observed.resolver.resolved else { return Vec::new() };
    let made = |ifname: &IfName| steps.iter().any(|step| matches!(step, Step::CreateInternal { name, .. } if name == ifname));
    let is_there = |(ifname, _): &(IfName, LinkResolver)| observed.links.contains_key(ifname) || made(ifname);
    let tell = |(ifname, to): (IfName, LinkResolver)| {
        let from = told.get(&ifname).cloned().unwrap_or_default();
        (from != to).then_some(Step::TellResolver { ifname, from, to })
    };
    of_links(after).into_iter().filter(is_there).filter_map(tell).collect()
}

/// The steps that take back what it was told and nobody asks for any longer. Before a device goes: so it is told again when the device comes back.
pub(super) fn given_up(observed: &Observed, after: &Memory) -> Vec<Step> {
    let Some(told) = &observed.resolver.resolved else { return Vec::new() };
    let wanted = of_links(after);
    let gone = of_links(&observed.memory).into_keys().filter(|ifname| !wanted.contains_key(ifname));
    gone.filter_map(|ifname| Some(Step::TellResolver { ifname, from: told.get(&ifname)?.clone(), to: LinkResolver::default() })).collect()
}

fn of_all(memory: &Memory) -> (Saying, Vec<IfName>) {
    let mut all = Saying::default();
    let mut from = Vec::new();
    for (name, bridge) in memory.all() {
        let one = of_bridge(bridge);
        if !one.is_empty() {
            from.push(*name);
            all.add(one.servers, one.search.iter().map(String::as_str));
            all.whole |= one.whole;
        }
    }
    (all, from)
}

/// The step that makes the file say what `after` asks for, given that `before` was the memory when it was last written.
pub(super) fn step(resolver: &Resolver, before: &Memory, after: &Memory) -> Option<Step> {
    if !resolver.ours_to_write {
        return None;
    }
    let says = resolver.content.as_deref().map(parse).unwrap_or_default();
    let (had, _) = of_all(before);
    let (wanted, whose) = of_all(after);
    let original = || before.all().find_map(|(_, bridge)| bridge.resolver_before.clone());
    let is_ours = !had.is_empty() && had.is_met_by(&says);
    let to = if !wanted.is_empty() {
        // What was asked for before and no longer is gives way to what stood there.
        let was = original().filter(|_| is_ours && had != wanted).map(|original| original.content.unwrap_or_default());
        if was.is_none() && wanted.is_met_by(&says) {
            return None;
        }
        let now = resolver.content.as_deref().unwrap_or("");
        let text = render(now, was.as_deref().unwrap_or(now), &wanted, &whose);
        // A lease that is held with other words for the same changes nothing.
        if parse(&text) == says {
            return None;
        }
        Some(text)
    } else if is_ours {
        original()?.content
    } else {
        return None;
    };
    (to != resolver.content).then(|| Step::WriteResolver { from: resolver.content.clone(), to })
}

/// What people should know when the file is another program's: what that one is not told, where `after` asks for something else than
/// `before` did.
pub(super) fn note(resolver: &Resolver, before: &Memory, after: &Memory) -> Option<String> {
    let (wanted, whose) = of_all(after);
    let says = resolver.content.as_deref().map(parse).unwrap_or_default();
    if resolver.ours_to_write || resolver.resolved.is_some() || wanted.is_empty() || wanted == of_all(before).0 || wanted.is_met_by(&says) {
        return None;
    }
    let whose: Vec<&str> = whose.iter().map(IfName::as_str).collect();
    let (servers, search) = (wanted.servers.iter().map(ToString::to_string), wanted.search.iter().cloned());
    let what: Vec<String> = servers.chain(search).collect();
    Some(format!("/etc/resolv.conf is a link, so another program keeps it: it is not told of {} for {}", what.join(", "), whose.join(", ")))
}

fn parse(content: &str) -> Saying {
    let mut saying = Saying::default();
    for line in content.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            // A zone (fe80::1%eth0) cannot be compared as an address; such a line is then one more difference.
            Some("nameserver") => saying.servers.extend(words.next().and_then(|word| word.parse::<IpAddr>().ok())),
            // The last of these lines is the one that counts.
            Some("search" | "domain") => saying.search = words.map(str::to_owned).collect(),
            _ => {}
        }
    }
    saying
}

/// The file's text: settings nobody asked to change stay as they are `now`, servers and search list as they `were`.
fn render(now: &str, were: &str, saying: &Saying, whose: &[IfName]) -> String {
    let whose: Vec<&str> = whose.iter().map(IfName::as_str).collect();
    let mut text = format!("# Written by ovsdp for {}\n", whose.join(", "));
    let mut keep = |of: &str, keys: &[&str]| {
        for line in of.lines().filter(|line| line.split_whitespace().next().is_some_and(|key| keys.contains(&key))) {
            text.push_str(line);
            text.push('\n');
        }
    };
    keep(now, &["options", "sortlist"]);
    if saying.search.is_empty() {
        keep(were, &["search", "domain"]);
    }
    if saying.servers.is_empty() {
        keep(were, &["nameserver"]);
    }
    if !saying.search.is_empty() {
        let more = if saying.whole { Vec::new() } else { parse(were).search };
        let more = more.iter().filter(|domain| !saying.search.contains(domain));
        let list: Vec<&str> = saying.search.iter().chain(more).map(String::as_str).collect();
        let _ = writeln!(text, "search {}", list.join(" "));
    }
    for server in &saying.servers {
        let _ = writeln!(text, "nameserver {server}");
    }
    text
}
