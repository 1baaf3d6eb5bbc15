//! What each form of the language comes to, what is refused and where the refusal points, and the limits.

use super::*;
use crate::ifcfg::diag::Severity;

fn run(text: &str) -> Evaluated {
    let host = Host::new("host1.example.org");
    evaluate("ifcfg-x", text.as_bytes(), &Vars::before(&host), &host)
}

fn value(text: &str) -> String {
    let evaluated = run(text);
    let value = evaluated.vars.get("A").map(|var| String::from_utf8_lossy(var.value.bytes()).into_owned());
    let found = evaluated.sink.into_list();
    assert!(found.is_empty(), "{text:?} gave {found:#?}");
    value.unwrap()
}

#[track_caller]
fn found(text: &str) -> Vec<(String, usize, usize)> {
    run(text).sink.into_list().iter().map(|d| (d.code.to_string(), d.span.unwrap().start, d.span.unwrap().end)).collect()
}

#[test]
fn words() {
    for (text, expected) in [
        ("A=b", "b"),
        ("A=", ""),
        ("  A=b  ", "b"),
        ("\tA=b\t# c", "b"),
        ("A=a#b", "a#b"),
        ("A=b;", "b"),
        ("B=1; A=2;# x", "2"),
        ("B=1 A=$B", "1"),
        ("A=a\"b\"'c'$'\\x64'\\e", "abcde"),
        ("A='a b'", "a b"),
        ("A=\"a\nb\"", "a\nb"),
        ("A='a\\\nb'", "a\\\nb"),
        ("A=\"a\\\nb\"", "ab"),
        ("A=a\\\nb", "ab"),
        ("A=a \\\n # c", "a"),
        ("A\\\n=b", "b"),
        ("A=\"\\a\\$\\\\\\`\\\"\"", "\\a$\\`\""),
        ("A=a\\ b", "a b"),
        ("export A=b", "b"),
        ("export A=b B=c", "b"),
        ("A=b\nexport A", "b"),
        ("A=b\nA+=c", "bc"),
        ("A+=c", "c"),
        ("A=b\nA=$A$A", "bb"),
        ("B=1\nA=$B\nB+=2", "1"),
        ("B=1\nA=\"$B\"${B}'$B'", "11$B"),
        ("A=${B:-x y;#()}", "x y;#()"),
        ("A=${B-x}", "x"),
        ("B=\nA=${B:-x}${B-y}", "x"),
        ("B=1\nA=${B:-x}${B:+y}${B+z}", "1yz"),
        ("A=${B:+y}${B+z}", ""),
        ("A=${B:-${C:-\"q }\"}}", "q }"),
        ("A=\"${B:-x y}\"", "x y"),
        ("A=a$", "a$"),
        ("A=\"$\"", "$"),
        ("A=$.x", "$.x"),
        ("A=\"$'x'\"", "$'x'"),
        ("B=1\nA=$\\\nB", "1"),
        ("A=$'\\n\\101\\cA\\q\\'\\u41'", "\nA\u{1}\\q'A"),
        ("A=$(hostname)", "host1.example.org"),
        ("A=\"$( hostname -s )-vif\"", "host1-vif"),
        ("A=`hostname -f`", "host1.example.org"),
        ("A=a~:b", "a~:b"),
        ("A={a,b}*?[x]", "{a,b}*?[x]"),
        ("A=!x%y^z", "!x%y^z"),
        ("A=$HOSTNAME", "host1.example.org"),
    ] {
        assert_eq!(value(text), expected, "{text:?}");
    }
}

#[test]
fn refusals_point_at_what_is_refused() {
    for (text, code, start, end) in [
        ("A=b c", "L03", 4, 5),
        ("A = b", "L01", 0, 1),
        ("TYPE-X", "L01", 0, 6),
        ("; A=1", "L01", 0, 1),
        ("A=\"b\nB=c", "L02", 2, 3),
        ("A='b\nB=c", "L02", 2, 3),
        ("A=$'b", "L02", 2, 4),
        ("A=`b", "L02", 2, 3),
        ("A=${B", "L39", 2, 4),
        ("A=${B:-c", "L02", 2, 4),
        ("A=$(date)", "L39", 2, 9),
        ("A=\"x $(ls \")\") y\"", "L39", 5, 14),
        ("A=`hostname -i`", "L39", 2, 15),
        ("A=$((1+1))", "L39", 2, 10),
        ("A=$[1+1]", "L39", 2, 8),
        ("A=${B%%x}", "L39", 2, 9),
        ("A=${#B}", "L39", 2, 7),
        ("A=${!B}", "L39", 2, 7),
        ("A=$1", "L39", 2, 4),
        ("A=$$", "L39", 2, 4),
        ("A=(a b)", "L39", 2, 4),
        ("A[0]=b", "L39", 0, 6),
        ("A=b && B=c", "L39", 4, 6),
        ("A=b|c", "L39", 3, 4),
        ("A=b>c", "L39", 3, 4),
        ("A=<(b)", "L39", 2, 3),
        ("if true; then A=b; fi", "L39", 0, 2),
        (". /etc/x", "L39", 0, 1),
        ("f() { A=b; }", "L39", 0, 3),
        ("function f { A=b; }", "L39", 0, 8),
        ("( A=b )", "L39", 0, 1),
        ("readonly A=b", "L39", 0, 8),
        ("A=b; source /etc/x", "L39", 5, 11),
        ("A=b\nA=c || B=d", "L39", 8, 10),
        ("A=b & B=c", "L39", 4, 5),
        ("A=b <<E", "L39", 4, 6),
        ("A=@(b|c)", "L39", 3, 4),
        ("let A=1+1", "L39", 0, 3),
        ("((A=1))", "L39", 0, 7),
        ("A=${B:=c}", "L39", 2, 9),
        ("A=${B:?c}", "L39", 2, 9),
        ("A=${B/c/d}", "L39", 2, 10),
        ("A=${B:1:2}", "L39", 2, 10),
        ("A=${B[0]}", "L39", 2, 9),
        ("A=${B@Q}", "L39", 2, 8),
        ("A=${1}", "L39", 2, 6),
        ("A=$(<b)", "L39", 2, 7),
        ("A=$(hostname -s; date)", "L39", 2, 22),
        ("A=$(hostname $B)", "L39", 2, 16),
        ("A=$(hostname", "L02", 2, 4),
        ("A=\"$(hostname\"", "L02", 3, 5),
        ("A+=(b)", "L39", 3, 6),
        ("A=\"b\\", "L02", 2, 3),
        ("A=\"x\"\nB='y\n\"", "L02", 8, 9),
        ("=b", "L01", 0, 2),
        ("9A=b", "L01", 0, 4),
        ("A-B=c", "L01", 0, 5),
        ("DEVICE: eth0", "L01", 0, 7),
        ("auto eth0", "L06", 0, 4),
        ("iface eth0 inet dhcp\n  address 1.2.3.4", "L06", 0, 5),
        ("A={{ x }}", "L05", 5, 6),
        ("A=<%= x %>", "L05", 2, 4),
        ("{% if x %}", "L05", 0, 2),
        ("<% if x %>", "L05", 0, 2),
        ("\u{a0}A=b", "L04", 0, 5),
        ("\u{201c}A=b\u{201d}", "L04", 0, 9),
        ("A=\u{201c}b c\u{201d}", "L03", 7, 11),
        ("export", "L39", 0, 6),
        ("export -n A", "L39", 7, 9),
        ("export A={1,2}", "L39", 9, 10),
        ("A=b\\", "L01", 3, 4),
        ("A=b\0", "L04", 3, 4),
        ("A=$'\\0'", "L39", 4, 6),
        ("A=$'\\u00e9'", "L39", 4, 10),
        ("A=\"${B:-'c'}\"", "L39", 8, 9),
        ("RANDOM=1", "L47", 0, 6),
        ("A=$UID", "L47", 2, 6),
        ("A=$PATH", "L47", 2, 7),
    ] {
        let found: Vec<_> = run(text).sink.into_list().into_iter().filter(|d| d.severity == Severity::Error).collect();
        let first = found.first().unwrap_or_else(|| panic!("{text:?} was not refused"));
        let span = first.span.unwrap();
        assert_eq!((first.code.as_str(), span.start, span.end), (code, start, end), "{text:?}: {}", first.message);
        assert!(first.help.as_ref().is_some_and(|help| !help.is_empty()), "{text:?}");
    }
}

#[test]
fn tolerated_with_a_warning() {
    assert_eq!(found("A=b\r\nB=c\r\n"), [("L04".to_owned(), 3, 4)]);
    assert_eq!(found("\u{feff}A=b"), [("L04".to_owned(), 0, 3)]);
    assert_eq!(found("A=b\u{a0}c"), [("L04".to_owned(), 3, 5)]);
    assert_eq!(found("A=\u{201c}b\u{201d}"), [("L04".to_owned(), 2, 5)]);
    assert_eq!(found("A=b\nA=c"), [("L08".to_owned(), 4, 5)]);
    assert_eq!(found("A=$B"), [("L09".to_owned(), 2, 4)]);
    assert_eq!(found("A=~/x"), [("L47".to_owned(), 2, 3)]);
    assert_eq!(found("A=b:~"), [("L47".to_owned(), 4, 5)]);
    assert_eq!(found("A='{{ x }}'"), [("L05".to_owned(), 3, 5)]);
    assert_eq!(found("A=$\"b\""), [("L47".to_owned(), 2, 4)]);
    assert_eq!(found("IFS=,"), [("L47".to_owned(), 0, 3)]);
}

#[test]
fn crlf_is_a_line_end() {
    let evaluated = run("A=\"b\r\nc\"\r\nB=d\\\r\ne\r");
    let get = |name: &str| evaluated.vars.get(name).unwrap().value.bytes().to_vec();
    assert_eq!((get("A"), get("B")), (b"b\nc".to_vec(), b"de".to_vec()));
}

#[test]
fn a_quote_that_swallowed_an_assignment_is_pointed_at() {
    for text in ["HOTPLUG=\"no\nNAME=\"x\"\n", "HOTPLUG=\"no\nNAME=\"x y\"\n"] {
        let found = run(text).sink.into_list().remove(0);
        let related = found.related.first().unwrap_or_else(|| panic!("{found:?}"));
        assert_eq!(related.span, Span::new(8, 9), "{text:?}");
        assert!(related.label.contains("`NAME`") && found.help.as_ref().unwrap().contains("missing quote"), "{found:?}");
    }
    let innocent = run("A=\"x\ny=\"\nB=\"").sink.into_list().remove(0);
    assert!(innocent.related.is_empty(), "{innocent:?}");
}

#[test]
fn advice_is_what_to_write() {
    for (text, advice) in [
        ("DEVICE= br0", "write `DEVICE=br0`"),
        ("DEVICE = br0", "write `DEVICE=br0`"),
        ("DEVICE br0", "write `DEVICE=br0`"),
        ("DEVICE: br0", "write `DEVICE=br0`"),
        ("TYPE-OVSPort", "write `TYPE=OVSPort`"),
        ("the bridge", "put a `#` before it"),
        ("IFACES=eth0 eth1", "`IFACES=\"eth0 eth1\"`"),
        ("IFACES=\"eth0\" eth1", "`IFACES=\"eth0 eth1\"`"),
        ("IFACES=a\"b\" c", "quote the whole value"),
        ("A=\u{201c}b c\u{201d}", "plain quotes"),
        ("A=$(hostname --fqdn)", "`$(hostname -f)`"),
    ] {
        let help = run(text).sink.into_list().into_iter().find(|found| found.severity == Severity::Error).unwrap().help.unwrap();
        assert!(help.contains(advice), "{text:?}: {help}");
    }
}

#[test]
fn one_error_for_a_file_in_another_language() {
    assert_eq!(run("auto eth0\niface eth0 inet static\n  address 1.2.3.4\n").sink.into_list().len(), 1);
}

#[test]
fn unset_variables_say_what_was_meant() {
    let help = |text: &str| run(text).sink.into_list().remove(0).help.unwrap_or_default();
    assert!(help("A=$DEVICE\nDEVICE=x").contains("line 2"));
    assert!(help("DEVICE=x\nA=$DEVICE_y").contains("${DEVICE}_y"));
}

#[test]
fn reading_goes_on_after_a_refused_line() {
    let evaluated = run("A=b c\nB=$(x)y\nfoo bar\nC=d\n");
    assert_eq!(evaluated.vars.get("C").unwrap().value.bytes(), b"d");
    assert_eq!(evaluated.vars.get("B").unwrap().value.bytes(), b"y");
    assert_eq!(evaluated.sink.into_list().len(), 3);
}

#[test]
fn doubling_is_bounded() {
    let text = format!("A=0123456789\n{}", "A+=$A\n".repeat(64));
    assert!(run(&text).sink.has_errors());
    let wide: String = (0..2000).map(|i| format!("V{i}=$A\n")).collect();
    assert!(run(&format!("A={}\n{wide}", "x".repeat(60_000))).sink.has_errors());
    let together = format!("X={}\nexport{}", "x".repeat(60_000), " A=$X".repeat(20_000));
    assert!(run(&together).sink.has_errors());
    let deep = format!("A={}", "${B:-".repeat(100_000));
    assert!(run(&deep).sink.has_errors());
}

#[test]
fn many_errors_take_linear_time() {
    for unit in ["A=b c\n", "$(\n", "A=\"$(x\"\n", "'", "A='\n", "A=${\n", "foo'\n", "A=$B\n", "\\\n"] {
        let _ = run(&unit.repeat((1 << 19) / unit.len()));
    }
}
