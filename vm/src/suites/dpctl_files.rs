//! `ovsdp dpctl add-flows --atomic` and its like: a file's changes are made all or none.

use anyhow::ensure;

use crate::guest::{Host, World};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[Test::new("dpctl_files::all_or_none", all_or_none).seconds(120)];

/// The flows that are there before: two with an identifier, one without.
const THERE: &str = "\
ufid:00112233-4455-6677-8899-aabbccddee01,in_port(1),eth(),eth_type(0x0800),ipv4(frag=no) 2,3
ufid:00112233-4455-6677-8899-aabbccddee02,in_port(2),skb_mark(0x5/0xf),eth(),eth_type(0x86dd),ipv6(frag=no) push_vlan(vid=12,pcp=0),1
in_port(3),eth(),eth_type(0x0806),arp() 1,2
";

/// Changes of every kind, some of them of the same flow, without the one that fails.
const CHANGES: &str = "\
add in_port(4),eth(),eth_type(0x88b5) 1
modify ufid:00112233-4455-6677-8899-aabbccddee01,in_port(1),eth(),eth_type(0x0800),ipv4(frag=no) 7
modify in_port(4),eth(),eth_type(0x88b5) 2,3
delete ufid:00112233-4455-6677-8899-aabbccddee02
add ufid:00112233-4455-6677-8899-aabbccddee02,in_port(2),skb_mark(0x5/0xf),eth(),eth_type(0x86dd),ipv6(frag=no) 9
delete in_port(3),eth(),eth_type(0x0806),arp()
";

/// Lines that fail behind those, and what is said of them.
const FAILING: &[(&str, &str)] = &[
    ("add in_port(1),eth(),eth_type(0x0800),ipv4(frag=no) 2", "updating flow table (File exists)"),
    ("modify in_port(9),eth(),eth_type(0x88b5) 2", "updating flow table (No such file or directory)"),
    ("delete in_port(9),eth(),eth_type(0x88b5)", "deleting flow (No such file or directory)"),
    ("add in_port(9),eth(),eth_type(0x0806) foo(1)", "no action has this name"),
];

fn dump(host: &Host) -> anyhow::Result<Vec<String>> {
    let dump = host.run("ovs-dpctl -m dump-flows dp0")?;
    let mut lines: Vec<_> = dump.stdout.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    Ok(lines)
}

fn all_or_none(world: &mut World) -> anyhow::Result<()> {
    let host = world.host("h")?;
    host.run("modprobe openvswitch && ovsdp dpctl add-dp dp0")?;
    host.write("/tmp/there", THERE)?;
    host.run("ovsdp dpctl --atomic add-flows dp0 /tmp/there")?;
    let before = dump(&host)?;
    ensure!(before.len() == 3, "{before:#?}");
    // So many good lines behind that several requests are sent before the bad one, and as many behind it.
    let many: String = (0..3000u32).map(|n| format!("in_port(5),eth(src=02:00:00:00:{:02x}:{:02x}),eth_type(0x88b5) 1\n", n >> 8, n & 255)).collect();
    for (line, said) in FAILING {
        host.write("/tmp/changes", &format!("{CHANGES}{many}{line}\n{many}"))?;
        let failed = host.try_run("ovsdp dpctl --atomic add-flows dp0 - </tmp/changes")?.fails_with(1)?;
        let place = "standard input:3007: ";
        ensure!(failed.stderr.lines().count() == 2 && failed.stderr.contains(place) && failed.stderr.contains(said), "{line}: {failed}");
        ensure!(failed.stderr.contains("standard input: nothing is changed: ") && failed.stdout.is_empty(), "{failed}");
        ensure!(dump(&host)? == before, "after {line} there is\n{:#?}\ninstead of\n{before:#?}", dump(&host)?);
    }
    // A flow that --may-create makes is none of before.
    host.write(
        "/tmp/changes",
        "in_port(6),eth(),eth_type(0x88b5) 1\nin_port(3),eth(),eth_type(0x0806),arp() 5\ndelete in_port(7),eth(),eth_type(0x88b5)\n",
    )?;
    host.try_run("ovsdp dpctl --atomic --may-create mod-flows /tmp/changes")?.fails_with(1)?;
    ensure!(dump(&host)? == before, "{:#?}", dump(&host)?);
    // Without a line that fails it is all of it, as without --atomic.
    host.write("/tmp/changes", &format!("{CHANGES}{many}"))?;
    host.run("ovsdp dpctl --atomic add-flows dp0 /tmp/changes")?;
    let together = dump(&host)?;
    host.run("ovsdp dpctl del-flows && ovsdp dpctl add-flows /tmp/there && ovsdp dpctl add-flows dp0 /tmp/changes")?;
    ensure!(together == dump(&host)? && together.len() == 3003, "{} flows", together.len());
    for (line, said) in [
        ("--atomic del-flows", "takes a file"),
        ("--atomic -s add-flows /tmp/there", "--atomic goes without"),
        ("--atomic add-flow 'in_port(1),eth()' 1", "takes no --atomic"),
    ] {
        let refused = host.try_run(&format!("ovsdp dpctl {line}"))?.fails_with(1)?;
        ensure!(refused.stderr.contains(said), "{refused}");
    }
    let endless = host.try_run("ovsdp dpctl add-flows /dev/zero")?.fails_with(1)?;
    ensure!(endless.stderr.contains("/dev/zero:1: a line of more than"), "{endless}");
    ensure!(together == dump(&host)?);
    Ok(())
}
