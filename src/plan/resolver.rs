//! The resolver's file: what it says, and what it is to say.
//!
//! There is one file for all bridges. It names the servers of every bridge that has some, in the order of the bridges'
//! names; when the last such bridge goes, it is given back as it was, unless somebody else has written it meanwhile.

use std::fmt::Write as _;
use std::net::IpAddr;

use ovsdp_proto::IfName;

use super::memory::{Memory, Remembered};
use super::observed::Resolver;
use super::step::Step;
use crate::model::Addressing;

/// What a resolver's file says, as far as it is compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Saying {
    servers: Vec<IpAddr>,
    search: Vec<String>,
}

impl Saying {
    pub(super) fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// Whether `said` does for this: a search list nobody asked for is nobody's business.
    fn is_met_by(&self, said: &Self) -> bool {
        self.servers == said.servers && (self.search.is_empty() || self.search == said.search)
    }

    fn add(&mut self, servers: impl IntoIterator<Item = IpAddr>, search: Option<&str>) {
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
    for interface in bridge.intent.interfaces() {
        match &interface.addressing {
            Addressing::Static(fixed) => saying.add(fixed.dns.iter().copied(), None),
            Addressing::Dhcp(dhcp) => {
                saying.add(dhcp.dns.iter().copied(), None);
                if let Some(lease) = bridge.leases.get(&interface.name).filter(|_| dhcp.peer_dns) {
                    let servers: Vec<IpAddr> = lease.dns.iter().copied().map(IpAddr::V4).collect();
                    let search = (!servers.is_empty()).then_some(lease.domain.as_deref()).flatten();
                    saying.add(servers, search);
                }
            }
            Addressing::None => {}
        }
    }
    saying
}

fn of_all(memory: &Memory) -> (Saying, Vec<IfName>) {
    let mut all = Saying::default();
    let mut from = Vec::new();
    for (name, bridge) in &memory.bridges {
        let one = of_bridge(bridge);
        if !one.is_empty() {
            from.push(*name);
            all.add(one.servers, Some(&one.search.join(" ")));
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
    let to = if !wanted.is_empty() {
        if wanted.is_met_by(&says) {
            return None;
        }
        Some(render(resolver.content.as_deref().unwrap_or(""), &wanted, &whose))
    } else if !had.is_empty() && had.is_met_by(&says) {
        before.bridges.values().find_map(|bridge| bridge.resolver_before.clone())?.content
    } else {
        return None;
    };
    (to != resolver.content).then(|| Step::WriteResolver { from: resolver.content.clone(), to })
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

/// The file's text: settings nobody asked to change stay.
fn render(old: &str, saying: &Saying, whose: &[IfName]) -> String {
    let whose: Vec<&str> = whose.iter().map(IfName::as_str).collect();
    let mut text = format!("# Written by ovsdp for {}\n", whose.join(", "));
    let stays = |line: &&str| match line.split_whitespace().next() {
        Some("options" | "sortlist") => true,
        Some("search" | "domain") => saying.search.is_empty(),
        _ => false,
    };
    for line in old.lines().filter(stays) {
        text.push_str(line);
        text.push('\n');
    }
    if !saying.search.is_empty() {
        let _ = writeln!(text, "search {}", saying.search.join(" "));
    }
    for server in &saying.servers {
        let _ = writeln!(text, "nameserver {server}");
    }
    text
}
