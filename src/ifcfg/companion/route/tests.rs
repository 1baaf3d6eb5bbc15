use super::super::super::code::Code;
use super::super::super::diag::Sink;
use super::super::super::numbers::Numbers;
use super::super::line;
use super::*;

fn parse(text: &str, ipv6: bool) -> Read<Route> {
    let mut numbers = Numbers::default();
    numbers.read(Numbered::Table, "100 isp\n");
    let context = Context {
        file: if ipv6 { "route6-br0" } else { "route-br0" },
        device: "br0",
        ipv6,
        table: Route::MAIN,
        code: Code::RouteFile,
        numbers: &numbers,
    };
    let mut sink = Sink::default();
    let lines = line::split(context.file, text.as_bytes(), &mut sink);
    assert!(!sink.has_errors());
    read(context, &lines[0])
}

fn route(dst: &str, via: Option<&str>) -> Route {
    Route::new(dst.parse().unwrap(), via.map(|via| via.parse().unwrap()))
}

#[test]
fn lines_of_ip_route() {
    let metrics = |list: &[(RouteMetric, u32)]| list.iter().copied().collect();
    for (text, expected) in [
        ("198.51.100.0/24 via 192.0.2.1", route("198.51.100.0/24", Some("192.0.2.1"))),
        ("to 198.51.100.7 dev br0", route("198.51.100.7/32", None)),
        ("default via 192.0.2.1 dev br0 metric 10", Route { metric: Some(10), ..route("0.0.0.0/0", Some("192.0.2.1")) }),
        ("10.0.0.0/255.0.0.0", route("10.0.0.0/8", None)),
        ("10.0.0.0/8 via 192.0.2.1 table isp proto bird", { Route { table: 100, protocol: Some(12), ..route("10.0.0.0/8", Some("192.0.2.1")) } }),
        ("10.0.0.0/8 metric 0 table 0x7 src 192.0.2.9 scope global", {
            Route { table: 7, source: "192.0.2.9".parse().ok(), scope: Some(0), ..route("10.0.0.0/8", None) }
        }),
        ("unicast 10.0.0.0/8 tos 10", Route { tos: 0x10, ..route("10.0.0.0/8", None) }),
        ("local 10.0.0.2 dev br0", Route { kind: RouteKind::Local, table: 255, ..route("10.0.0.2/32", None) }),
        ("local 10.0.0.2 table 9", Route { kind: RouteKind::Local, table: 9, ..route("10.0.0.2/32", None) }),
        ("blackhole 10.0.0.0/8", Route { kind: RouteKind::Blackhole, ..route("10.0.0.0/8", None) }),
        ("10.0.0.0/8 via 203.0.113.1 onlink", Route { onlink: true, ..route("10.0.0.0/8", Some("203.0.113.1")) }),
        ("10.0.0.0/8 via inet6 fe80::1", route("10.0.0.0/8", Some("fe80::1"))),
        ("10.0.0.0/8 metric 5 nexthop via 192.0.2.1 weight 256 nexthop dev br0 via 192.0.2.2 onlink", {
            let hop = |via: &str, weight, onlink| Hop { via: via.parse().unwrap(), weight, onlink };
            let hops = vec![hop("192.0.2.1", 256, false), hop("192.0.2.2", 1, true)];
            Route { metric: Some(5), hops, ..route("10.0.0.0/8", None) }
        }),
        ("10.0.0.0/8 nexthop via 192.0.2.1 weight 3 onlink", Route { onlink: true, ..route("10.0.0.0/8", Some("192.0.2.1")) }),
        ("10.0.0.0/8 mtu lock 1400 advmss 1360 initcwnd 20 quickack 1", {
            let all = [
                (RouteMetric::Lock, 4),
                (RouteMetric::Mtu, 1400),
                (RouteMetric::Advmss, 1360),
                (RouteMetric::Initcwnd, 20),
                (RouteMetric::Quickack, 1),
            ];
            Route { metrics: metrics(&all), ..route("10.0.0.0/8", None) }
        }),
    ] {
        assert_eq!(parse(text, false).unwrap(), expected, "{text}");
    }
    for (text, expected) in [
        ("default via fe80::1", route("::/0", Some("fe80::1"))),
        ("2001:db8:7::/48 via 2001:db8::1 metric 100", Route { metric: Some(100), ..route("2001:db8:7::/48", Some("2001:db8::1")) }),
        ("2001:db8::7 scope link", route("2001:db8::7/128", None)),
        ("unreachable 2001:db8::/32", Route { kind: RouteKind::Unreachable, ..route("2001:db8::/32", None) }),
    ] {
        assert_eq!(parse(text, true).unwrap(), expected, "{text}");
    }
}

#[test]
fn what_is_not_understood_is_refused_at_its_place() {
    let of_line = Code::RouteFile;
    for (text, ipv6, code, at, advice) in [
        ("add 10.0.0.0/8", false, of_line, "add", "begin with the destination"),
        ("via 192.0.2.1", false, of_line, "via", "write it in full"),
        ("10.0.0.1/8", false, of_line, "10.0.0.1/8", "`10.0.0.0/8`"),
        ("2001:db8::1/32", true, of_line, "2001:db8::1/32", "`2001:db8::/32`"),
        ("10/8", false, of_line, "10/8", "all four numbers"),
        ("10.0.0.0/33", false, of_line, "10.0.0.0/33", "from 0 to 32"),
        ("2001:db8::/32", false, of_line, "2001:db8::/32", "`route6-br0`"),
        ("10.0.0.0/8", true, of_line, "10.0.0.0/8", "`route-br0`"),
        ("10.0.0.0/8 via", false, of_line, "via", "an address"),
        ("10.0.0.0/8 via 10.1.1.1 via 10.1.1.2", false, of_line, "via", "keep one"),
        ("10.0.0.0/8 dev eth1", false, of_line, "eth1", "`route-eth1`"),
        ("10.0.0.0/8 table isq", false, of_line, "isq", "`isp`"),
        ("10.0.0.0/8 table 0", false, of_line, "0", "`main`"),
        ("10.0.0.0/8 metrik 5", false, of_line, "metrik", "`metric`"),
        ("10.0.0.0/8 metric five", false, of_line, "five", "a number"),
        ("10.0.0.0/8 proto kernel", false, of_line, "kernel", "`static`"),
        ("10.0.0.0/8 onlink", false, of_line, "onlink", "the gateway"),
        ("10.0.0.0/8 mtu 65521", false, of_line, "65521", "a number"),
        ("10.0.0.0/8 hoplimit lock 3", false, of_line, "lock", "remove"),
        ("10.0.0.0/8 tos 3", false, of_line, "3", "`0x10`"),
        ("2001:db8::/32 tos 10", true, of_line, "tos", "rule6-"),
        ("blackhole 10.0.0.0/8 via 10.1.1.1", false, of_line, "10.1.1.1", "remove `via`"),
        ("2001:db8::/32 nexthop via fe80::1 nexthop via fe80::2", true, Code::Unsupported, "nexthop", "a line for each gateway"),
        ("10.0.0.0/8 nexthop via 10.1.1.1 nexthop via 10.1.1.1", false, of_line, "10.1.1.1", "`weight`"),
        ("10.0.0.0/8 nexthop dev br0", false, of_line, "nexthop", "`via`"),
        ("10.0.0.0/8 nexthop via 10.1.1.1 dev eth1", false, of_line, "eth1", "`route-eth1`"),
        ("10.0.0.0/8 nexthop via 10.1.1.1 weight 257", false, of_line, "257", "a number"),
        ("10.0.0.0/8 nexthop via 10.1.1.1 metric 5", false, of_line, "metric", "before the first"),
        ("10.0.0.0/8 via 10.1.1.9 nexthop via 10.1.1.1", false, of_line, "nexthop", "before each"),
        ("blackhole 10.0.0.0/8 nexthop via 10.1.1.1 nexthop via 10.1.1.2", false, of_line, "nexthop", "remove `via`"),
        ("10.0.0.0/8 realm 5", false, Code::Unsupported, "realm", "remove it"),
        ("broadcast 10.0.0.255", false, Code::Unsupported, "broadcast", "remove the line"),
    ] {
        let found = parse(text, ipv6).expect_err(text);
        let span = found.span.unwrap();
        assert_eq!((found.code, &text[span.start..span.end]), (code, at), "{text}: {}", found.message);
        assert!(found.help.as_ref().unwrap().contains(advice), "{text}: {:?}", found.help);
    }
}
