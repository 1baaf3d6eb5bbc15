//! Called by initscripts: `ifup-ovs` and `ifdown-ovs` as links in the folder, what `service network` does around them, and
//! its hooks.

use anyhow::ensure;

use super::stage::{ADDRESS, DIR, SERVER, Stage, addresses, changed_nothing, ifcfg, is_as_before, snapshot};
use crate::guest::{Host, World};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("initscripts::one_interface", one_interface),
    Test::new("initscripts::network_restart", network_restart).once().seconds(180),
    Test::new("initscripts::hooks", hooks),
];

/// `/etc/rc.d/init.d/network` and `/sbin/ifup`, as far as they concern the order, the arguments and the environment of what is
/// run: a loop over the files in their names' order, `ifup-ovs` and `ifdown-ovs` for `DEVICETYPE=ovs`, `ip` for the rest: plain devices,
/// bonds with their members, bridges with theirs, with routes and rules. Going down, an interface that is down already is passed over.
const SERVICE: &str = r#"
cd /etc/sysconfig/network-scripts
files() {
    for file in $(ls ifcfg-* | LC_ALL=C sort -k 1,1 -k 2n); do
        [ "$file" = ifcfg-lo ] || echo "$file"
    done
}
is_false() { case "$1" in [fF] | [nN] | [nN][oO] | [oO][fF][fF] | [fF][aA][lL][sS][eE] | 0) return 0 ;; esac; return 1; }
there() { ip link show dev "$1" >/dev/null 2>&1; }
# ip route add and ip rule add, a line of a file each.
lines() {
    [ ! -f "$3-$DEVICE" ] || while read line; do
        case "$3" in route) ip route $1 $line dev "$DEVICE" ;; rule) ip rule $2 $line ;; esac
    done <"$3-$DEVICE"
}
up_by_ip() {
    [ "$SLAVE" != yes ] || return 0
    if [ -n "$BRIDGE" ]; then
        there "$BRIDGE" || ip link add "$BRIDGE" type bridge
        ip link set dev "$DEVICE" master "$BRIDGE"
    fi
    case "$TYPE" in
        Bond)
            there "$DEVICE" || ip link add "$DEVICE" type bond mode active-backup
            for member in $(grep -l "^MASTER=$DEVICE\$" ifcfg-*); do
                member="${member#ifcfg-}"
                ip link set dev "$member" down && ip link set dev "$member" master "$DEVICE" && ip link set dev "$member" up
            done ;;
        Bridge) there "$DEVICE" || ip link add "$DEVICE" type bridge ;;
    esac
    ip link set dev "$DEVICE" up || return 1
    [ -z "$IPADDR" ] || ip addr replace "$IPADDR/$PREFIX" dev "$DEVICE" || return 1
    lines replace add route && lines replace add rule
}
down_by_ip() {
    [ "$SLAVE" != yes ] || return 0
    lines del del rule
    case "$TYPE" in
        Bond | Bridge) ip link delete dev "$DEVICE" ;;
        *) ip addr flush dev "$DEVICE" scope global && ip link set dev "$DEVICE" nomaster down ;;
    esac
}
ifup() {
    DEVICETYPE= TYPE= DEVICE= IPADDR= PREFIX= ONBOOT= OVS_BRIDGE= BRIDGE= MASTER= SLAVE=
    . ./"$1"
    case "$TYPE" in OVS*) DEVICETYPE=ovs ;; esac
    if [ "$2" = boot ] && is_false "$ONBOOT"; then return 0; fi
    if [ "$DEVICETYPE" = ovs ]; then
        ( export DEVICE TYPE OVS_BRIDGE UPPEDSTACK; exec ./ifup-ovs "$1" $2 )
    else
        up_by_ip
    fi
}
ifdown() {
    DEVICETYPE= TYPE= DEVICE= IPADDR= PREFIX= BRIDGE= MASTER= SLAVE=
    . ./"$1"
    case "$TYPE" in OVS*) DEVICETYPE=ovs ;; esac
    ip link show dev "$DEVICE" 2>/dev/null | grep -q '[<,]UP[,>]' || return 0
    if [ "$DEVICETYPE" = ovs ]; then
        ( exec ./ifdown-ovs "$1" )
    else
        down_by_ip
    fi
}
result=0
for word in $1; do
    for file in $(files); do
        case "$word" in
            stop) ifdown "$file" || { echo "stop $file failed"; result=1; } ;;
            start) ifup "$file" boot || { echo "start $file failed"; result=1; } ;;
        esac
    done
done
exit $result
"#;

fn links(host: &Host) -> anyhow::Result<()> {
    host.run(&format!("ln -s /usr/bin/ovsdp {DIR}/ifup-ovs && ln -s /usr/bin/ovsdp {DIR}/ifdown-ovs"))?;
    host.write("/tmp/service", SERVICE)
}

fn one_interface(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_lease(world)?;
    let host = &stage.host;
    links(host)?;
    let before = snapshot(host)?;
    host.run(&format!("cd {DIR} && ./ifup-ovs ifcfg-eth0 boot"))?;
    stage.is_up()?;
    changed_nothing(&host.run(&format!("cd {DIR} && ./ifup-ovs ifcfg-ovsbr0"))?)?;
    // A port alone: it is off the bridge, which stays.
    host.run(&format!("cd {DIR} && ./ifdown-ovs ifcfg-eth0"))?;
    ensure!(!host.run("ip link show dev eth0")?.stdout.contains("master"), "eth0 is still a port");
    host.run("ip link show dev ovsbr0")?;
    host.run(&format!("{DIR}/ifdown-ovs {DIR}/ifcfg-ovsbr0"))?;
    is_as_before(host, &before, "ifdown did not give back what was")?;
    // What is not up is no failure for a network that stops; what no file describes is.
    host.run(&format!("cd {DIR} && ./ifdown-ovs ifcfg-ovsbr0"))?;
    ensure!(host.try_run(&format!("cd {DIR} && ./ifup-ovs ifcfg-nothing"))?.code == 4);
    ensure!(host.try_run(&format!("cd {DIR} && ./ifup-ovs"))?.code == 2);
    Ok(())
}

fn network_restart(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    links(host)?;
    for device in ["plain0", "slave1", "slave2", "member0"] {
        host.run(&format!("ip link add {device} type dummy"))?;
    }
    ifcfg(host, "lo", "DEVICE=lo IPADDR=127.0.0.1 NETMASK=255.0.0.0 ONBOOT=yes")?;
    ifcfg(host, "plain0", "DEVICE=plain0 TYPE=Ethernet BOOTPROTO=none IPADDR=198.51.100.7 PREFIX=24 ONBOOT=yes")?;
    ifcfg(host, "eth0", "DEVICE=eth0 DEVICETYPE=ovs TYPE=OVSPort OVS_BRIDGE=ovsbr0 ONBOOT=yes HOTPLUG=no")?;
    let bridge = format!("DEVICE=ovsbr0 DEVICETYPE=ovs TYPE=OVSBridge BOOTPROTO=static IPADDR={ADDRESS} PREFIX=24 GATEWAY={SERVER} DNS1={SERVER}");
    ifcfg(host, "ovsbr0", &bridge)?;
    let vlan = "DEVICE=int7 DEVICETYPE=ovs TYPE=OVSIntPort OVS_BRIDGE=ovsbr0 OVS_OPTIONS=tag=7 BOOTPROTO=static IPADDR=203.0.113.7 PREFIX=24";
    ifcfg(host, "int7", vlan)?;
    host.write(&format!("{DIR}/route-int7"), "198.18.7.0/24 via 203.0.113.1\n")?;
    host.write(&format!("{DIR}/rule-int7"), "from 203.0.113.7 table main priority 107\n")?;
    // What is no business of ovsdp's, beside it.
    host.write(&format!("{DIR}/route-plain0"), "198.18.1.0/24 via 198.51.100.1\n")?;
    host.write(&format!("{DIR}/rule-plain0"), "from 198.51.100.7 table main priority 101\n")?;
    ifcfg(host, "bond9", "DEVICE=bond9 TYPE=Bond ONBOOT=yes IPADDR=198.18.9.7 PREFIX=24 BONDING_OPTS=mode=active-backup")?;
    for slave in ["slave1", "slave2"] {
        ifcfg(host, slave, &format!("DEVICE={slave} TYPE=Ethernet ONBOOT=yes MASTER=bond9 SLAVE=yes"))?;
    }
    ifcfg(host, "virbr9", "DEVICE=virbr9 TYPE=Bridge ONBOOT=yes IPADDR=198.18.10.7 PREFIX=24")?;
    ifcfg(host, "member0", "DEVICE=member0 TYPE=Ethernet ONBOOT=yes BRIDGE=virbr9")?;
    ifcfg(host, "later0", "DEVICE=later0 DEVICETYPE=ovs TYPE=OVSIntPort OVS_BRIDGE=ovsbr0 ONBOOT=no")?;
    let loopback = || -> anyhow::Result<String> { Ok(host.json("ip -j addr show dev lo")?.to_string()) };
    let lo = loopback()?;
    host.run("sh /tmp/service start")?;
    for _ in 0..2 {
        for (device, address) in [("bond9", "198.18.9.7/24"), ("virbr9", "198.18.10.7/24")] {
            ensure!(addresses(host, device)? == [address], "{device}: {:?}", addresses(host, device)?);
        }
        let (routes, rules) = (host.run("ip route")?.stdout, host.run("ip rule")?.stdout);
        ensure!(
            routes.contains("198.18.7.0/24 via 203.0.113.1 dev int7") && routes.contains("198.18.1.0/24 via 198.51.100.1 dev plain0"),
            "{routes}"
        );
        ensure!(["203.0.113.7", "198.51.100.7"].iter().all(|from| rules.matches(from).count() == 1), "{rules}");
        ensure!(host.run("ip link show dev slave1")?.stdout.contains("master bond9"), "slave1 is in no bond");
        ensure!(host.run("ip link show dev member0")?.stdout.contains("master virbr9"), "member0 is in no bridge");
        ensure!(host.run("ovsdp show")?.stdout.contains("tag: 7"), "int7 is in no VLAN");
        ensure!(loopback()? == lo, "loopback was touched: {}", loopback()?);
        ensure!(addresses(host, "ovsbr0")? == [format!("{ADDRESS}/24")], "{:?}", addresses(host, "ovsbr0")?);
        ensure!(addresses(host, "int7")? == ["203.0.113.7/24"], "{:?}", addresses(host, "int7")?);
        ensure!(addresses(host, "plain0")? == ["198.51.100.7/24"], "{:?}", addresses(host, "plain0")?);
        ensure!(host.try_run("ip link show dev later0")?.code != 0, "ONBOOT=no was started at boot");
        ensure!(host.run("ip route")?.stdout.contains(&format!("default via {SERVER} dev ovsbr0")));
        stage.pings_both_ways()?;
        host.run("sh /tmp/service 'stop start'")?;
    }
    stage.pings_both_ways()?;

    // What somebody else attached keeps the last bridge up: it is said, the service ends with 1, and all is as before.
    host.run("ip link add vm0 type dummy && ip link set vm0 up && ovs-dpctl add-if ovs-system vm0")?;
    let restart = host.try_run("sh /tmp/service 'stop start'")?.fails_with(1)?;
    ensure!(restart.stdout.contains("stop ifcfg-ovsbr0 failed") && restart.stderr.contains("vm0"), "{restart}");
    ensure!(!restart.stdout.contains("start ifcfg"), "something did not start again: {restart}");
    ensure!(host.run("ip link show dev vm0")?.stdout.contains("master ovs-system"), "vm0 was detached");
    ensure!(addresses(host, "ovsbr0")? == [format!("{ADDRESS}/24")], "{:?}", addresses(host, "ovsbr0")?);
    ensure!(addresses(host, "int7")? == ["203.0.113.7/24"], "{:?}", addresses(host, "int7")?);
    stage.pings_both_ways()?;
    host.run("ovs-dpctl del-if ovs-system vm0")?;
    host.run("sh /tmp/service stop")?;
    ensure!(!host.run("ip rule")?.stdout.contains("203.0.113.7") && loopback()? == lo, "the rule is left, or loopback was touched");
    for gone in ["ovsbr0", "int7", "ovs-system", "bond9", "virbr9"] {
        ensure!(host.try_run(&format!("ip link show dev {gone}"))?.code != 0, "{gone} is still there");
    }
    Ok(())
}

/// Off unless asked for; with `--hooks` each interface's, ports before their bridge, in the folder.
fn hooks(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    ifcfg(host, "eth0", "DEVICE=eth0 TYPE=OVSPort OVS_BRIDGE=ovsbr0 ONBOOT=yes")?;
    ifcfg(host, "ovsbr0", &format!("DEVICE=ovsbr0 TYPE=OVSBridge BOOTPROTO=static IPADDR={ADDRESS} PREFIX=24"))?;
    for hook in ["ifup-pre-local", "ifup-local", "ifdown-pre-local", "ifdown-local"] {
        // What there is when it runs: nothing of the bridge before it is up, nor when it is down again.
        let script = format!("#!/bin/sh\nip link show dev ovsbr0 >/dev/null 2>&1 && there=there\necho {hook} $* $PWD $there >>/tmp/said\n");
        host.write(&format!("/sbin/{hook}"), &script)?;
        host.run(&format!("chmod 755 /sbin/{hook}"))?;
    }
    host.run("ovsdp up ovsbr0 && ovsdp down ovsbr0")?;
    ensure!(host.try_run("cat /tmp/said")?.code != 0, "a hook was run unasked");
    host.run("ovsdp up --hooks ovsbr0 && ovsdp down --hooks ovsbr0")?;
    let said = host.read("/tmp/said")?;
    let lines: Vec<_> = said.lines().map(str::trim_end).collect();
    let wanted = [
        format!("ifup-pre-local ifcfg-eth0 {DIR}"),
        format!("ifup-pre-local ifcfg-ovsbr0 {DIR}"),
        format!("ifup-local eth0 {DIR} there"),
        format!("ifup-local ovsbr0 {DIR} there"),
        format!("ifdown-pre-local eth0 {DIR} there"),
        format!("ifdown-pre-local ovsbr0 {DIR} there"),
        format!("ifdown-local eth0 {DIR}"),
        format!("ifdown-local ovsbr0 {DIR}"),
    ];
    ensure!(lines == wanted, "{said}");
    host.write("/sbin/ifup-local", "#!/bin/sh\nexit 7\n")?;
    let up = host.run("ovsdp up --hooks ovsbr0")?;
    ensure!(up.stderr.contains("exit code 7"), "no word about the hook: {up}");
    Ok(())
}
