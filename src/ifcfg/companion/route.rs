//! `ip route add` arguments to a route: each word understood, or refused with its place.
//!
//! It must not know what else there is on the interface; `judge` looks at the routes together.

use std::net::IpAddr;

use ipnet::IpNet;

use super::super::diag::shown;
use super::super::numbers::Numbered;
use super::super::span::Span;
use super::super::suggest;
use super::line::Word;
use super::words::{Context, Read, Words};
use crate::model::{Hop, Route, RouteKind, RouteMetric};

/// The metrics with the least and the most the kernel keeps as it was told.
const METRICS: [(RouteMetric, u32, u32); 10] = [
    (RouteMetric::Mtu, 68, 65520),
    (RouteMetric::Window, 1, u32::MAX),
    (RouteMetric::Ssthresh, 1, u32::MAX),
    (RouteMetric::Cwnd, 1, u32::MAX),
    (RouteMetric::Advmss, 1, 65495),
    (RouteMetric::Reordering, 1, u32::MAX),
    (RouteMetric::Hoplimit, 1, 255),
    (RouteMetric::Initcwnd, 1, u32::MAX),
    (RouteMetric::Initrwnd, 1, u32::MAX),
    (RouteMetric::Quickack, 1, 1),
];
/// Those that `ip` takes `lock` before.
const LOCKABLE: [RouteMetric; 6] =
    [RouteMetric::Mtu, RouteMetric::Advmss, RouteMetric::Reordering, RouteMetric::Window, RouteMetric::Cwnd, RouteMetric::Ssthresh];
/// What `ip route` takes besides, and this version does not.
const REFUSED: [&str; 17] = [
    "as",
    "congctl",
    "encap",
    "expires",
    "fastopen_no_cookie",
    "features",
    "from",
    "nhid",
    "pref",
    "realm",
    "realms",
    "rto_min",
    "rtt",
    "rttvar",
    "src_valid_mark",
    "ttl-propagate",
    "vrf",
];
/// The kinds of route the kernel makes by itself, or that nothing uses any longer.
const REFUSED_KINDS: [&str; 5] = ["broadcast", "anycast", "multicast", "nat", "xresolve"];
/// What is understood, for suggestions.
const WORDS: [&str; 14] =
    ["to", "via", "dev", "table", "metric", "priority", "preference", "src", "scope", "proto", "protocol", "tos", "onlink", "nexthop"];

/// A route with what of it was written, before it is known to be whole.
struct Draft {
    route: Route,
    via: Option<Span>,
    onlink: Option<Span>,
    /// Where the first of several gateways stands.
    hops: Option<Span>,
    table: bool,
    seen: Vec<&'static str>,
}

/// Reads one line.
pub(super) fn read(context: Context<'_>, line: &[Word<'_>]) -> Read<Route> {
    let mut words = Words::new(context, line);
    if let Some(verb) = words.take(&["add", "replace", "append", "prepend", "change", "del", "delete"]) {
        let message = format!("`{}` is too much: the line stands behind `ip route add`", verb.text);
        return Err(context.bad(verb.span, message, "begin with the destination"));
    }
    let kind = words.peek().and_then(|word| RouteKind::ALL.into_iter().find(|kind| kind.name() == word.text));
    if kind.is_some() {
        words.next();
    }
    if let Some(word) = words.take(&REFUSED_KINDS) {
        let message = format!("`{}` routes are not made here", word.text);
        return Err(context.unsupported(word.span, message, "remove the line: the kernel makes those it needs by itself"));
    }
    let key = words.take(&["to"]);
    let at = line.last().map_or(Span::default(), |word| word.span);
    let word =
        words.next().ok_or_else(|| context.bad(key.map_or(at, |key| key.span), "no destination", "write a network such as `198.51.100.0/24`"))?;
    let dst = context.network(&word)?;
    build(words, dst, kind.unwrap_or_default())
}

/// A route to `dst` with what the rest of the line says.
pub(super) fn build(mut words: Words<'_>, dst: IpNet, kind: RouteKind) -> Read<Route> {
    let mut draft = Draft { route: Route { kind, ..Route::new(dst, None) }, via: None, onlink: None, hops: None, table: false, seen: Vec::new() };
    while let Some(word) = words.next() {
        draft.option(&mut words, word)?;
    }
    draft.finish(words.context)
}

impl Draft {
    /// Whether `name` is said for the first time.
    fn once(&mut self, context: Context<'_>, word: &Word<'_>, name: &'static str) -> Read<()> {
        if self.seen.contains(&name) {
            return Err(context.bad(word.span, format!("`{}` is said twice", word.text), "keep one of them"));
        }
        self.seen.push(name);
        Ok(())
    }

    fn option(&mut self, words: &mut Words<'_>, word: Word<'_>) -> Read<()> {
        let context = words.context;
        match word.text {
            "via" => {
                self.once(context, &word, "via")?;
                let (gateway, span) = gateway(words, &word)?;
                (self.route.via, self.via) = (Some(gateway), Some(span));
            }
            "dev" | "oif" => {
                self.once(context, &word, "dev")?;
                device(words, &word)?;
            }
            "table" => {
                self.once(context, &word, "table")?;
                let span = words.peek().map_or(word.span, |word| word.span);
                self.route.table = words.named(&word, Numbered::Table)?;
                self.table = true;
                if self.route.table == 0 {
                    return Err(context.bad(span, "no table has the number 0", "write `main`, or a number above 0"));
                }
            }
            "metric" | "priority" | "preference" => {
                self.once(context, &word, "metric")?;
                self.route.metric = Some(words.number(&word, 0, u32::MAX)?).filter(|metric| *metric > 0);
            }
            "src" => {
                self.once(context, &word, "src")?;
                self.route.source = Some(words.address(&word)?.0);
            }
            "scope" => {
                self.once(context, &word, "scope")?;
                let scope = words.named(&word, Numbered::Scope)?;
                self.route.scope = u8::try_from(scope).ok().filter(|_| !context.ipv6);
            }
            "proto" | "protocol" => {
                self.once(context, &word, "proto")?;
                let span = words.peek().map_or(word.span, |word| word.span);
                self.route.protocol = u8::try_from(words.named(&word, Numbered::Protocol)?).ok();
                if matches!(self.route.protocol, Some(0..=2 | 9)) {
                    let message = "this name is for routes the kernel makes by itself or routers advertise";
                    return Err(context.bad(span, message, "write `static`, or remove it"));
                }
            }
            "tos" | "dsfield" => {
                self.once(context, &word, "tos")?;
                if context.ipv6 {
                    let help = "remove it; a rule in `rule6-` can tell packets apart by it";
                    return Err(context.bad(word.span, "the kernel knows no IPv6 routes by type of service", help));
                }
                self.route.tos = tos(words, &word)?;
            }
            "onlink" => {
                self.once(context, &word, "onlink")?;
                (self.route.onlink, self.onlink) = (true, Some(word.span));
            }
            "nexthop" if context.ipv6 => {
                let message = "a route over several gateways is not supported yet for IPv6";
                let help = "write a line for each gateway with a `metric` of its own: the lowest is used";
                return Err(context.unsupported(word.span, message, help));
            }
            "nexthop" => return self.hop(words, word),
            text => return self.metric(words, word, METRICS.iter().find(|(metric, ..)| metric.name() == text)),
        }
        Ok(())
    }

    /// One gateway of several, up to the next one.
    fn hop(&mut self, words: &mut Words<'_>, key: Word<'_>) -> Read<()> {
        let context = words.context;
        let (mut via, mut hop) = (None, (1, false));
        let mut said: Vec<&str> = Vec::new();
        while let Some(word) = words.peek().filter(|word| word.text != "nexthop") {
            words.next();
            if said.contains(&word.text) {
                return Err(context.bad(word.span, format!("`{}` is said twice", word.text), "keep one of them"));
            }
            match word.text {
                "via" => via = Some(gateway(words, &word)?),
                "dev" => device(words, &word)?,
                "weight" => hop.0 = words.number(&word, 1, 256)?,
                "onlink" => hop.1 = true,
                other => {
                    let message = format!("`{}` stands behind a gateway of several", shown(other.as_bytes()));
                    return Err(context.bad(word.span, message, "write what is about the whole route before the first `nexthop`"));
                }
            }
            said.push(word.text);
        }
        let Some((via, span)) = via else {
            return Err(context.bad(key.span, "`nexthop` without a gateway", "write `via` and the router's address behind it"));
        };
        if self.route.hops.iter().any(|other| other.via == via) {
            return Err(context.bad(span, format!("`{via}` is a gateway of this route already"), "keep one of them, with a `weight`"));
        }
        self.hops.get_or_insert(key.span);
        self.route.hops.push(Hop { via, weight: u16::try_from(hop.0).unwrap_or(1), onlink: hop.1 });
        Ok(())
    }

    /// A metric, or a word nobody understands.
    fn metric(&mut self, words: &mut Words<'_>, word: Word<'_>, known: Option<&(RouteMetric, u32, u32)>) -> Read<()> {
        let context = words.context;
        let told = shown(word.text.as_bytes());
        let Some((metric, least, most)) = known else {
            if REFUSED.contains(&word.text) {
                let message = format!("`{told}` in a route is not supported yet: the route would be made without it");
                return Err(context.unsupported(word.span, message, "remove it if this host can do without it"));
            }
            let known = WORDS.into_iter().chain(METRICS.iter().map(|(metric, ..)| metric.name()));
            let near = suggest::nearest(word.text, known).map(|near| format!("did you mean `{near}`?"));
            let help = near.unwrap_or_else(|| "write what ip-route(8) has after `ip route add`".to_owned());
            return Err(context.bad(word.span, format!("`{told}` is no word of a route"), help));
        };
        self.once(context, &word, metric.name())?;
        if let Some(lock) = words.take(&["lock"]) {
            if !LOCKABLE.contains(metric) {
                return Err(context.bad(lock.span, format!("`{told}` cannot be locked"), "remove `lock`"));
            }
            *self.route.metrics.entry(RouteMetric::Lock).or_default() |= 1 << metric.number();
        }
        let value = words.number(&word, *least, *most)?;
        self.route.metrics.insert(*metric, value);
        Ok(())
    }

    fn finish(self, context: Context<'_>) -> Read<Route> {
        let Self { mut route, via, onlink, hops, table, .. } = self;
        if let Some(span) = hops.filter(|_| via.is_some() || onlink.is_some()) {
            return Err(context.bad(span, "one gateway, and several", "write `nexthop` before each, and all that is about one behind it"));
        }
        // The kernel knows no several that are one.
        if let [only] = route.hops.as_slice() {
            (route.via, route.onlink) = (Some(only.via), only.onlink);
            route.hops.clear();
        }
        let via = via.or(hops);
        if !table {
            route.table = if route.kind == RouteKind::Local { Route::LOCAL } else { context.table };
        }
        if let Some(span) = via.filter(|_| route.kind != RouteKind::Unicast) {
            let message = format!("a `{}` route has no gateway", route.kind.name());
            return Err(context.bad(span, message, "remove `via`"));
        }
        if let Some(span) = onlink.filter(|_| via.is_none()) {
            return Err(context.bad(span, "`onlink` says nothing without `via`", "add the gateway, or remove it"));
        }
        Ok(route)
    }
}

/// The router's address behind `via`.
fn gateway(words: &mut Words<'_>, key: &Word<'_>) -> Read<(IpAddr, Span)> {
    let context = words.context;
    let (gateway, span) = context.gateway(words, key)?;
    if gateway.is_unspecified() || gateway.is_multicast() || gateway.is_loopback() {
        return Err(context.bad(span, format!("`{gateway}` is no gateway"), "write the router's address"));
    }
    Ok((gateway, span))
}

/// The device behind `dev`, which is the file's own.
fn device(words: &mut Words<'_>, key: &Word<'_>) -> Read<()> {
    let context = words.context;
    let device = words.value(key, "the interface's name")?;
    if device.text == context.device {
        return Ok(());
    }
    let other = shown(device.text.as_bytes());
    let message = format!("this route leads out of `{other}`, and the file is about `{}`", context.device);
    let kind = if context.ipv6 { "route6" } else { "route" };
    Err(context.bad(device.span, message, format!("write it into `{kind}-{other}`, or correct the name")))
}

/// A type of service: hexadecimal, as `ip` reads it.
pub(super) fn tos(words: &mut Words<'_>, key: &Word<'_>) -> Read<u8> {
    let context = words.context;
    let word = words.value(key, "a hexadecimal number")?;
    let digits = word.text.strip_prefix("0x").unwrap_or(word.text);
    let number = u8::from_str_radix(digits, 16).ok().filter(|number| number & 0b11 == 0 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
    number.ok_or_else(|| {
        let message = format!("`{}` is no type of service: a hexadecimal number whose last two bits are 0", shown(word.text.as_bytes()));
        context.bad(word.span, message, "write a number such as `0x10`")
    })
}

#[cfg(test)]
mod tests;
