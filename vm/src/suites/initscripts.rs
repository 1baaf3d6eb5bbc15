//! Called by initscripts: `ifup-ovs` and `ifdown-ovs` as links in the folder, what `service network` does around them, and
//! its hooks.

use anyhow::ensure;

use super::stage::{ADDRESS, DIR, SERVER, Stage, addresses, changed_nothing, ifcfg, is_as_before, snapshot};
use crate::guest::{Host, World};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("initscripts::one_interface", one_interface),
    Test::new("initscripts::network_restart", network_restart).seconds(180),
    Test::new("initscripts::hooks", hooks),
];

/// `/etc/rc.d/init.d/network` and `/sbin/ifup`, as far as they concern the order, the arguments and the environment of what is
/// run: a loop over the files in their names' order, `ifup-ovs` and `ifdown-ovs` for `DEVICETYPE=ovs`, `ip` for the rest. Going down, an
/// interface that is down already is passed over.
const SERVICE: &str = r#"
cd /etc/sysconfig/network-scripts
files() {
    for file in $(ls ifcfg-* | LC_ALL=C sort -k 1,1 -k 2n); do
        [ "$file" = ifcfg-lo ] || echo "$file"
    done
}
is_false() { case "$1" in [fF] | [nN] | [nN][oO] | [oO][fF][fF] | [fF][aA][lL][sS][eE] | 0) return 0 ;; esac; return 1; }
ifup() {
    DEVICETYPE= TYPE= DEVICE= IPADDR= PREFIX= ONBOOT= OVS_BRIDGE=
    . ./"$1"
    case "$TYPE" in OVS*) DEVICETYPE=ovs ;; esac
    if [ "$2" = boot ] && is_false "$ONBOOT"; then return 0; fi
    if [ "$DEVICETYPE" = ovs ]; then
        ( export DEVICE TYPE OVS_BRIDGE UPPEDSTACK; exec ./ifup-ovs "$1" $2 )
    else
        ip link set dev "$DEVICE" up && ip addr replace "$IPADDR/$PREFIX" dev "$DEVICE"
    fi
}
ifdown() {
    DEVICETYPE= TYPE= DEVICE= IPADDR= PREFIX=
    . ./"$1"
    case "$TYPE" in OVS*) DEVICETYPE=ovs ;; esac
    ip link show dev "$DEVICE" 2>/dev/null | grep -q '[<,]UP[,>]' || return 0
    if [ "$DEVICETYPE" = ovs ]; then
        ( exec ./ifdown-ovs "$1" )
    else
        ip addr flush dev "$DEVICE" scope global && ip link set dev "$DEVICE" down
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
    host.run("ip link add plain0 type dummy")?;
    ifcfg(host, "lo", "DEVICE=lo IPADDR=127.0.0.1 NETMASK=255.0.0.0 ONBOOT=yes")?;
    ifcfg(host, "plain0", "DEVICE=plain0 TYPE=Ethernet BOOTPROTO=none IPADDR=198.51.100.7 PREFIX=24 ONBOOT=yes")?;
    ifcfg(host, "eth0", "DEVICE=eth0 DEVICETYPE=ovs TYPE=OVSPort OVS_BRIDGE=ovsbr0 ONBOOT=yes HOTPLUG=no")?;
    let bridge = format!("DEVICE=ovsbr0 DEVICETYPE=ovs TYPE=OVSBridge BOOTPROTO=static IPADDR={ADDRESS} PREFIX=24 GATEWAY={SERVER} DNS1={SERVER}");
    ifcfg(host, "ovsbr0", &bridge)?;
    ifcfg(host, "int7", "DEVICE=int7 DEVICETYPE=ovs TYPE=OVSIntPort OVS_BRIDGE=ovsbr0 BOOTPROTO=static IPADDR=203.0.113.7 PREFIX=24")?;
    ifcfg(host, "later0", "DEVICE=later0 DEVICETYPE=ovs TYPE=OVSIntPort OVS_BRIDGE=ovsbr0 ONBOOT=no")?;
    host.run("sh /tmp/service start")?;
    for _ in 0..2 {
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
    for gone in ["ovsbr0", "int7", "ovs-system"] {
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
