//! The numbers in OpenMetrics text (version 1.0.0), encoded by the crate `prometheus-client`. A family without a sample, such as
//! port upcalls on a kernel that does not count them, is left out.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::super::reading::{Datapath, Port};
use super::Numbers;
use crate::ctl::api::{AgentStatus, BridgeStatus};
use crate::ctl::metrics::{AgentMetrics, Losses, Timing};

/// Labels: names and values. The names are ours and need no escaping; the crate escapes the values.
type Labels<'a> = Vec<(&'static str, &'a str)>;

/// The text, `# EOF` included.
pub(super) fn text(numbers: &Numbers) -> String {
    let mut out = String::new();
    let mut registry = Registry::with_prefix("ovsdp");
    registry.register_collector(Box::new(Snapshot::of(numbers)));
    // Writing to a String cannot fail.
    let _ = text::encode(&mut out, &registry);
    out
}

/// One sample of a family.
#[derive(Debug)]
struct Sample {
    labels: Vec<(&'static str, String)>,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Count(u64),
    Level(u64),
    Times { sum: f64, counts: Vec<(f64, u64)> },
}

/// A family of metrics: one name, several sets of labels.
#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    samples: Vec<Sample>,
}

/// Every family, as the numbers are now. The crate wants to own what it collects.
#[derive(Debug, Default)]
struct Snapshot {
    families: Vec<Family>,
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for Family { name, help, unit, samples } in &self.families {
            let Some(first) = samples.first() else { continue };
            let kind = match first.value {
                Value::Count(_) => MetricType::Counter,
                Value::Level(_) => MetricType::Gauge,
                Value::Times { .. } => MetricType::Histogram,
            };
            let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
            for Sample { labels, value } in samples {
                // An empty set of labels would be written as `{}`, which is allowed but nobody expects.
                match labels.as_slice() {
                    [] => value.encode(&mut family)?,
                    labels => value.encode(&mut family.encode_family(&labels)?)?,
                }
            }
        }
        Ok(())
    }
}

impl Value {
    fn encode(&self, encoder: &mut prometheus_client::encoding::MetricEncoder<'_>) -> Result<(), fmt::Error> {
        match self {
            Self::Count(count) => encoder.encode_counter::<NoLabelSet, _, u64>(count, None),
            Self::Level(level) => encoder.encode_gauge(level),
            Self::Times { sum, counts } => {
                let count = counts.iter().map(|(_, count)| count).sum();
                encoder.encode_histogram::<NoLabelSet>(*sum, count, counts, None)
            }
        }
    }
}

impl Snapshot {
    fn of(numbers: &Numbers) -> Self {
        let mut this = Self::default();
        this.datapaths(&numbers.datapaths);
        this.ports(&numbers.datapaths);
        let unreadable = [(vec![], Value::Level(numbers.unreadable))];
        this.push("unreadable_messages", "Messages of the kernel that could not be read just now: what they told is missing", None, unreadable);
        this.push(
            "agent_reachable",
            "Whether the agent runs and lets this user ask it",
            None,
            [(vec![], Value::Level(numbers.agent.is_some().into()))],
        );
        if let Some((status, metrics)) = &numbers.agent {
            this.agent(status, metrics);
            this.bridges(&status.bridges);
        }
        this
    }

    fn push<'a>(&mut self, name: &'static str, help: &'static str, unit: Option<Unit>, samples: impl IntoIterator<Item = (Labels<'a>, Value)>) {
        let owned = |labels: Labels<'_>| labels.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        let samples = samples.into_iter().map(|(labels, value)| Sample { labels: owned(labels), value }).collect();
        self.families.push(Family { name, help, unit, samples });
    }

    fn datapaths(&mut self, all: &[Datapath]) {
        let mut each = |name, help, value: fn(&Datapath) -> Option<Value>| {
            let samples = all.iter().filter_map(|datapath| Some((vec![("datapath", &*datapath.name)], value(datapath)?)));
            self.push(name, help, None, samples);
        };
        each("datapath_hit_packets", "Packets a flow matched", |datapath| Some(Value::Count(datapath.hit)));
        each("datapath_missed_packets", "Packets no flow matched", |datapath| Some(Value::Count(datapath.missed)));
        each("datapath_lost_packets", "Packets no flow matched and that could not be sent up", |datapath| Some(Value::Count(datapath.lost)));
        each("datapath_flows", "Flows in the kernel's table", |datapath| Some(Value::Level(datapath.flows)));
        each("datapath_masks", "Masks in the kernel's table", |datapath| Some(Value::Level(datapath.masks?.masks.into())));
        each("datapath_mask_lookups", "Masks tried, over all packets", |datapath| Some(Value::Count(datapath.masks?.mask_hit)));
        each("datapath_mask_cache_hits", "Packets for which the mask cache knew the mask", |datapath| Some(Value::Count(datapath.masks?.cache_hit)));
    }

    fn ports(&mut self, all: &[Datapath]) {
        let numbers: Vec<_> =
            all.iter().flat_map(|datapath| datapath.ports.iter().map(move |port| (datapath, port, port.number.to_string()))).collect();
        let mut each = |name, help, unit: Option<Unit>, value: fn(&Port) -> Option<u64>| {
            let samples = numbers.iter().filter_map(|(datapath, port, number)| {
                let labels = vec![("datapath", &*datapath.name), ("port", &*port.name), ("number", number.as_str())];
                Some((labels, Value::Count(value(port)?)))
            });
            self.push(name, help, unit, samples);
        };
        each("port_receive_packets", "Packets the port's device received", None, |port| Some(port.rx_packets));
        each("port_receive", "Bytes the port's device received", Some(Unit::Bytes), |port| Some(port.rx_bytes));
        each("port_receive_errors", "Bad packets the port's device received", None, |port| Some(port.rx_errors));
        each("port_receive_drops", "Packets the port's device dropped on the way in", None, |port| Some(port.rx_dropped));
        each("port_transmit_packets", "Packets the port's device sent", None, |port| Some(port.tx_packets));
        each("port_transmit", "Bytes the port's device sent", Some(Unit::Bytes), |port| Some(port.tx_bytes));
        each("port_transmit_errors", "Packets the port's device could not send", None, |port| Some(port.tx_errors));
        each("port_transmit_drops", "Packets the port's device dropped on the way out", None, |port| Some(port.tx_dropped));
        each("port_upcalls", "Packets of the port that were sent up (kernel 6.3 and later)", None, |port| port.upcalls);
        each("port_upcall_errors", "Packets of the port that could not be sent up (kernel 6.3 and later)", None, |port| port.upcall_errors);
    }

    fn agent(&mut self, status: &AgentStatus, metrics: &AgentMetrics) {
        let about = vec![("version", status.version.as_str()), ("dispatch", status.dispatch.as_str())];
        self.push("agent_about", "The agent's version and how the kernel hands it packets", None, [(about, Value::Level(1))]);
        let mut one = |name, help, value| self.push(name, help, None, [(vec![], value)]);
        one("agent_handlers", "Threads that answer upcalls", Value::Level(status.handlers.into()));
        one("agent_upcalls", "Upcalls answered", Value::Count(status.upcalls));
        one("agent_upcall_overruns", "Times upcalls were lost because a socket was full", Value::Count(status.overruns));
        one("agent_dropped_upcalls", "Upcalls thrown away because too many of the same port waited", Value::Count(status.dropped));
        one("agent_installed_flows", "Flows installed", Value::Count(status.installed));
        one("agent_refused_flows", "Flows and packets the kernel refused", Value::Count(status.refused));
        one("agent_flows", "Flows the agent keeps book of", Value::Level(status.flows.into()));
        one("agent_flow_limit", "Flows there may be now; packets beyond are forwarded without one", Value::Level(status.flow_limit.into()));
        let mut times = |name, help, timing| self.push(name, help, Some(Unit::Seconds), [(vec![], times(timing))]);
        times("agent_upcall_batch", "How long batches of upcalls took to be answered", &metrics.handler);
        times("agent_revalidation", "How long passes over the kernel's flows took", &metrics.revalidator);
        let Losses { dump_intr, enobufs, truncated, resent, foreign, stray, unreadable } = metrics.losses;
        let losses = [
            ("dump_interrupted", dump_intr),
            ("buffer_full", enobufs),
            ("truncated", truncated),
            ("resent", resent),
            ("foreign", foreign),
            ("stray", stray),
            ("unreadable", unreadable),
        ];
        let samples = losses.map(|(what, count)| (vec![("what", what)], Value::Count(count)));
        self.push("agent_netlink_losses", "What the agent's netlink sockets lost, threw away or repeated", None, samples);
    }

    fn bridges(&mut self, all: &[BridgeStatus]) {
        let mut each = |name, help, value: fn(&BridgeStatus) -> Value| {
            self.push(name, help, None, all.iter().map(|bridge| (vec![("bridge", bridge.name.as_str())], value(bridge))));
        };
        each("bridge_macs", "Entries of the bridge's MAC table", |bridge| Value::Level(bridge.macs.into()));
        each("bridge_macs_limit", "The most entries the bridge's MAC table may have", |bridge| Value::Level(bridge.macs_max.into()));
        each("bridge_learned_macs", "Addresses learned", |bridge| Value::Count(bridge.learned));
        each("bridge_moved_macs", "Addresses that moved to another port", |bridge| Value::Count(bridge.moved));
        each("bridge_expired_macs", "Addresses that aged out", |bridge| Value::Count(bridge.expired));
        each("bridge_evicted_macs", "Addresses evicted because the table was full", |bridge| Value::Count(bridge.evicted));
    }
}

/// A histogram in seconds.
#[expect(clippy::cast_precision_loss, reason = "below 2^53 nanoseconds, 104 days of work, exact; above it to a part in 2^52")]
fn times(timing: &Timing) -> Value {
    let seconds = |ns: u64| ns as f64 / 1e9;
    let bounds = timing.bounds_ns.iter().map(|ns| seconds(*ns)).chain([f64::INFINITY]);
    Value::Times { sum: seconds(timing.sum_ns), counts: bounds.zip(timing.counts.iter().copied()).collect() }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::cli::reading::tests::{datapath, port};
    use ovsdp_proto::IfName;

    /// The essentials of the grammar of OpenMetrics 1.0.0: every line a comment or a sample of the family announced last, names
    /// and labels well-formed and escaped, no sample twice, counters in `_total`, histograms cumulative, `# EOF` at the end and only
    /// there. Returns the samples by name and labels.
    fn parse(text: &str) -> BTreeMap<String, f64> {
        let body = text.strip_suffix("# EOF\n").expect("no EOF");
        let (mut samples, mut families) = (BTreeMap::new(), BTreeSet::new());
        let (mut family, mut kind, mut unit, mut last) = (String::new(), String::new(), String::new(), f64::NEG_INFINITY);
        let is_name = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        for line in body.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let words: Vec<_> = comment.splitn(3, ' ').collect();
                let [word, name, rest] = words[..] else { panic!("{line}") };
                assert!(is_name(name) && name.starts_with("ovsdp_") && !name.ends_with("_total"), "{line}");
                match word {
                    "HELP" => {
                        assert!(families.insert(name.to_owned()), "{name} is announced twice");
                        (family, kind, unit) = (name.to_owned(), String::new(), String::new());
                        assert!(!rest.is_empty());
                    }
                    "TYPE" => {
                        assert_eq!(name, family);
                        assert!(["counter", "gauge", "histogram"].contains(&rest), "{line}");
                        kind = rest.to_owned();
                    }
                    "UNIT" => {
                        assert!(name == family && family.ends_with(&format!("_{rest}")), "{line}");
                        unit = rest.to_owned();
                    }
                    _ => panic!("{line}"),
                }
                continue;
            }
            let end = line.find(['{', ' ']).unwrap();
            let (name, rest) = line.split_at(end);
            let (labels, value) = labels(rest);
            let suffix = name.strip_prefix(family.as_str()).unwrap_or_else(|| panic!("{line} is not of {family}"));
            assert!(is_name(name) && labels.keys().all(|name| is_name(name)), "{line}");
            match kind.as_str() {
                "counter" => assert_eq!(suffix, "_total", "{line}"),
                "gauge" => assert_eq!(suffix, "", "{line}"),
                "histogram" => {
                    assert!(unit == "seconds" && ["_bucket", "_sum", "_count"].contains(&suffix), "{line}");
                    assert_eq!(labels.contains_key("le"), suffix == "_bucket", "{line}");
                }
                _ => panic!("{line} has no type"),
            }
            let number: f64 = value.parse().unwrap();
            assert!(number >= 0.0, "{line}");
            if suffix == "_bucket" {
                assert!(last <= number, "{line}: buckets are not cumulative");
                last = if labels["le"] == "+Inf" { f64::NEG_INFINITY } else { number };
            }
            assert!(samples.insert(format!("{name}{labels:?}"), number).is_none(), "{line} is there twice");
        }
        samples
    }

    /// What stands in braces, unescaped, and the value behind it.
    fn labels(text: &str) -> (BTreeMap<String, String>, &str) {
        let mut found = BTreeMap::new();
        let Some(mut rest) = text.strip_prefix('{') else { return (found, text.strip_prefix(' ').unwrap()) };
        loop {
            let (name, quoted) = rest.split_once("=\"").unwrap();
            let (mut value, mut chars) = (String::new(), quoted.char_indices());
            let end = loop {
                match chars.next().unwrap() {
                    (at, '"') => break at,
                    (_, '\\') => match chars.next().unwrap().1 {
                        'n' => value.push('\n'),
                        c @ ('"' | '\\') => value.push(c),
                        c => panic!("\\{c} is no escape"),
                    },
                    (_, c) => value.push(c),
                }
            };
            assert!(found.insert(name.to_owned(), value).is_none());
            rest = &quoted[end + 1..];
            if let Some(value) = rest.strip_prefix("} ") {
                return (found, value);
            }
            rest = rest.strip_prefix(',').unwrap();
        }
    }

    fn agent() -> (AgentStatus, AgentMetrics) {
        let status = AgentStatus {
            unconfirmed: None,
            version: "1.2.3".into(),
            pid: 1,
            dispatch: "per-cpu".into(),
            handlers: 2,
            upcalls: 30,
            overruns: 0,
            dropped: 0,
            installed: 20,
            refused: 1,
            flows: 7,
            flow_limit: 10_000,
            bridges: vec![BridgeStatus { name: "br0".into(), macs: 3, macs_max: 8192, learned: 5, expired: 1, evicted: 0, moved: 1 }],
        };
        let timing = |counts: [u64; 3]| Timing { bounds_ns: vec![10_000, 1_000_000], counts: counts.to_vec(), sum_ns: 2_500_000_000 };
        let losses = Losses { dump_intr: 1, enobufs: 2, truncated: 0, resent: 0, foreign: 0, stray: 0, unreadable: 0 };
        (status, AgentMetrics { handler: timing([4, 0, 2]), revalidator: timing([0, 9, 0]), losses })
    }

    #[test]
    fn the_grammar_holds_and_the_numbers_stand_in_it() {
        let mut odd = port(2, "a");
        // A device may be called almost anything.
        odd.name = IfName::new("q\"\\x").unwrap();
        odd.rx_bytes = u64::MAX;
        odd.upcalls = None;
        let text = text(&Numbers { datapaths: vec![datapath(vec![port(0, "ovs-system"), odd])], unreadable: 0, agent: Some(agent()) });
        let samples = parse(&text);
        let of = |name: &str| samples.get(name).copied().unwrap_or_else(|| panic!("no {name} in {text}"));
        assert_eq!(of(r#"ovsdp_datapath_flows{"datapath": "ovs-system"}"#), 0.0);
        assert_eq!(of(r#"ovsdp_port_receive_bytes_total{"datapath": "ovs-system", "number": "2", "port": "q\"\\x"}"#), u64::MAX as f64);
        assert_eq!(of("ovsdp_agent_reachable{}"), 1.0);
        assert_eq!(of("ovsdp_agent_upcalls_total{}"), 30.0);
        assert_eq!(of(r#"ovsdp_agent_upcall_batch_seconds_bucket{"le": "0.00001"}"#), 4.0);
        assert_eq!(of(r#"ovsdp_agent_upcall_batch_seconds_bucket{"le": "+Inf"}"#), 6.0);
        assert_eq!((of("ovsdp_agent_upcall_batch_seconds_count{}"), of("ovsdp_agent_upcall_batch_seconds_sum{}")), (6.0, 2.5));
        assert_eq!(of(r#"ovsdp_agent_netlink_losses_total{"what": "buffer_full"}"#), 2.0);
        assert_eq!(of(r#"ovsdp_bridge_learned_macs_total{"bridge": "br0"}"#), 5.0);
        let upcalls: Vec<_> = samples.keys().filter(|name| name.starts_with("ovsdp_port_upcalls")).collect();
        assert_eq!(upcalls.len(), 1, "{upcalls:?}");
    }

    #[test]
    fn without_a_datapath_and_an_agent_it_says_so() {
        let text = text(&Numbers { datapaths: Vec::new(), unreadable: 3, agent: None });
        assert_eq!(
            parse(&text).into_iter().collect::<Vec<_>>(),
            [("ovsdp_agent_reachable{}".to_owned(), 0.0), ("ovsdp_unreadable_messages{}".to_owned(), 3.0)]
        );
    }
}
