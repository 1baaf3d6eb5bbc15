//! Routes as assignments: `ADDRESS0=`, `NETMASK0=`, `GATEWAY0=` and on, in the folder's own language.
//!
//! It must not read the other form, whose lines are arguments for `ip`.

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

use super::super::assign::{Evaluated, Vars};
use super::super::code::Code;
use super::super::diag::{Diagnostic, shown};
use super::super::host::Host;
use super::super::settings::{Reader, value_span};
use super::super::span::Span;
use super::super::{assign, suggest};
use super::line::Word;
use super::route;
use super::words::{Context, Words};
use crate::model::{Route, RouteKind};

/// What stands before the number.
const KEYS: [&str; 5] = ["ADDRESS", "NETMASK", "GATEWAY", "METRIC", "OPTIONS"];

/// Whether network-scripts would take the file for this form.
pub(super) fn is_shell(src: &[u8]) -> bool {
    src.split(|&b| b == b'\n').any(|line| {
        let rest = line.trim_ascii_start().strip_prefix(b"ADDRESS").unwrap_or_default();
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        digits > 0 && rest.get(digits) == Some(&b'=')
    })
}

/// Reads the routes of a file, each with its place; what is wrong goes into `found`.
pub(super) fn read(context: Context<'_>, src: &[u8], base: &Vars, host: &Host, found: &mut Vec<Diagnostic>) -> Vec<(Route, Span)> {
    let Evaluated { vars, used, mut sink } = assign::evaluate(context.file, src, base, host);
    let mut routes = Vec::new();
    if !sink.has_errors() {
        let numbers = numbers(&vars, context.file);
        for (name, var) in vars.of(context.file).filter(|(name, _)| !used.contains(*name)) {
            let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
            if !KEYS.contains(&stem) || stem.len() == name.len() {
                let near = suggest::nearest(stem, KEYS).map(|near| format!("did you mean `{near}0`?"));
                let unknown = Diagnostic::warning(Code::UnknownKey, context.file, format!("nothing reads `{name}` in a route file"));
                sink.push(unknown.at(var.name_span).help(near.unwrap_or_else(|| "remove it".to_owned())));
            }
        }
        let mut reader = Reader { file: context.file, vars: &vars, sink: &mut sink };
        for (n, expected) in numbers.into_iter().zip(0..) {
            if n != expected
                && let Some((_, var)) = reader.text(&format!("ADDRESS{n}"))
            {
                let message = format!("`ADDRESS{n}` is not read: `ADDRESS{expected}` is missing before it");
                reader.error(context.code, var, message, format!("number the routes from 0 without a gap: rename it to `ADDRESS{expected}`"));
                break;
            }
            match one(context, &mut reader, n) {
                Some(Ok(route)) => routes.push(route),
                Some(Err(bad)) => reader.sink.push(*bad),
                None => {}
            }
        }
    }
    found.extend(sink.into_list());
    routes
}

/// The numbers that have an address, in order.
fn numbers(vars: &Vars, file: &str) -> Vec<u32> {
    let set = vars.of(file).filter(|(_, var)| !var.value.bytes().is_empty());
    let mut numbers: Vec<u32> = set.filter_map(|(name, _)| name.strip_prefix("ADDRESS")?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

/// One route; `None` when its address is blank or was refused.
fn one(context: Context<'_>, reader: &mut Reader<'_>, n: u32) -> Option<super::words::Read<(Route, Span)>> {
    let (text, var) = reader.text(&format!("ADDRESS{n}"))?;
    let at = value_span(var);
    let Ok(address) = text.parse::<Ipv4Addr>() else {
        let help =
            if text.contains('/') { format!("write the mask into `NETMASK{n}=`") } else { "write four numbers, such as 198.51.100.0".to_owned() };
        reader.error(context.code, var, format!("`{}` is no IPv4 address", shown(text.as_bytes())), help);
        return None;
    };
    let prefix = match reader.text(&format!("NETMASK{n}")) {
        Some((text, mask)) => match text.parse::<Ipv4Addr>().ok().and_then(|mask| ipnet::ipv4_mask_to_prefix(mask).ok()) {
            Some(prefix) => prefix,
            None => {
                reader.error(context.code, mask, format!("`{}` is no network mask", shown(text.as_bytes())), "write a mask such as 255.255.255.0");
                return None;
            }
        },
        None => {
            let prefix = if address.is_unspecified() { 0 } else { super::super::address::class(address) };
            let message = format!("no `NETMASK{n}`: `{address}` gets /{prefix}, after its class");
            reader.warning(Code::NoPrefix, var, message, format!("add `NETMASK{n}=` and what is right"));
            prefix
        }
    };
    let net = IpNet::V4(Ipv4Net::new(address, prefix).ok()?);
    let dst = match context.network(&Word { text: &net.to_string(), span: at }) {
        Ok(dst) => dst,
        Err(bad) => return Some(Err(bad)),
    };
    // The rest is what the other form says with words.
    let mut words: Vec<Word<'_>> = Vec::new();
    for (key, word) in [("GATEWAY", "via"), ("METRIC", "metric")] {
        if let Some((text, var)) = reader.text(&format!("{key}{n}")) {
            let span = value_span(var);
            words.extend([Word { text: word, span }, Word { text, span }]);
        }
    }
    if let Some((_, var)) = reader.text(&format!("OPTIONS{n}")) {
        words.extend(var.value.words().map(|(text, span)| Word { text, span }));
    }
    Some(route::build(Words::new(context, &words), dst, RouteKind::Unicast).map(|route| (route, at)))
}

#[cfg(test)]
mod tests {
    use super::super::super::numbers::Numbers;
    use super::*;

    fn routes(text: &str) -> (Vec<Route>, Vec<Diagnostic>) {
        let numbers = Numbers::default();
        let context = Context { file: "route-br0", device: "br0", ipv6: false, table: Route::MAIN, code: Code::RouteFile, numbers: &numbers };
        let mut found = Vec::new();
        let routes = read(context, text.as_bytes(), &Vars::default(), &Host::new("h"), &mut found);
        (routes.into_iter().map(|(route, _)| route).collect(), found)
    }

    #[test]
    fn the_form_is_told_by_its_addresses() {
        for (text, shell) in
            [("ADDRESS0=x", true), ("# x\n  ADDRESS12='1'", true), ("ADDRESS=x", false), ("10.0.0.0/8", false), ("", false), ("XADDRESS0=", false)]
        {
            assert_eq!(is_shell(text.as_bytes()), shell, "{text}");
        }
    }

    #[test]
    fn assignments_come_to_routes() {
        let text = "N=198.51.100\nADDRESS0=$N.0\nNETMASK0=255.255.255.0\nGATEWAY0=192.0.2.1\nMETRIC0=5\nADDRESS1=10.0.0.0\nNETMASK1=255.0.0.0\nOPTIONS1='mtu 1400 table 7'\n";
        let (routes, found) = routes(text);
        assert!(found.is_empty(), "{found:?}");
        let [first, second] = routes.try_into().unwrap();
        assert_eq!(first, Route { metric: Some(5), ..Route::new("198.51.100.0/24".parse().unwrap(), "192.0.2.1".parse().ok()) });
        assert_eq!((second.dst.to_string(), second.table, second.via), ("10.0.0.0/8".to_owned(), 7, None));
        assert_eq!(second.metrics.values().collect::<Vec<_>>(), [&1400]);
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        for (text, code) in [
            ("ADDRESS0=10.0.0.0\n", Code::NoPrefix),
            ("ADDRESS1=10.0.0.0\nNETMASK1=255.0.0.0\n", Code::RouteFile),
            ("ADDRESS0=10.0.0.1\nNETMASK0=255.0.0.0\n", Code::RouteFile),
            ("ADDRESS0=10.0.0.0/8\n", Code::RouteFile),
            ("ADDRESS0=10.0.0.0\nNETMASK0=8\n", Code::RouteFile),
            ("ADDRESS0=10.0.0.0\nNETMASK0=255.0.0.0\nGATEWAY0=x\n", Code::RouteFile),
            ("ADDRESS0=10.0.0.0\nNETMASK0=255.0.0.0\nGATWAY0=10.0.0.1\n", Code::UnknownKey),
            ("ADDRESS0=$(ls)\n", Code::RefusedShell),
        ] {
            let (_, found) = routes(text);
            assert_eq!(found.iter().map(|found| found.code).collect::<Vec<_>>(), [code], "{text}: {found:?}");
            assert!(found[0].span.is_some() && found[0].help.is_some(), "{found:?}");
        }
    }
}
