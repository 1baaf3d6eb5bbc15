//! The words of every explanation: the text a person reads, and nothing else.
//!
//! What stands here is true of this version: an entry changes together with the code it speaks of.

use super::super::code::Code;
use super::Explanation;

const fn of(
    code: &'static str,
    title: &'static str,
    found_as: Option<Code>,
    what: &'static str,
    why: &'static str,
    instead: &'static str,
) -> Explanation {
    Explanation { code, title, found_as, what, why, instead }
}

/// Every code, in order.
pub const EXPLANATIONS: &[Explanation] = &[
    of(
        "L01",
        "not an assignment",
        None,
        "A line is not `KEY=value`: a bare word, blanks around the `=`, a name that cannot be one (`TYPE-X=1`).",
        "network-scripts had bash read the file. bash ran the word as a command, said that there is none, and went on: the setting was \
        never made, and the interface came up without it.",
        "One assignment a line, `KEY=value`, with no blank around the `=`.",
    ),
    of(
        "L02",
        "a quote that is never closed",
        None,
        "A quote is opened and the file ends before it is closed.",
        "bash stopped there and kept the lines before; network-scripts went on with half of the file. ovsdp does nothing with half of a file.",
        "Put the missing quote at the end of its value. The finding points at the line that lacks it where that can be told.",
    ),
    of(
        "L03",
        "an unquoted blank in a value",
        None,
        "A value goes on after a blank, without quotes around both: `BOND_IFACES=eth0 eth1`.",
        "bash took what follows for a command to run, and the assignment held for that command alone: the key stayed unset.",
        "Quotes around the whole value: `BOND_IFACES=\"eth0 eth1\"`.",
    ),
    of(
        "L04",
        "bytes that are hardly meant",
        None,
        "CR LF line ends, a byte order mark, blanks that do not break, typographic quotes, control characters.",
        "bash kept them as part of the value: `TYPE=OVSBridge` with a CR behind it was no type that ifup-ovs knew. A byte order mark hid \
        the first key. Word processors and web pages put them in.",
        "Plain ASCII blanks and quotes, and Unix line ends. ovsdp drops the CR and the mark, and keeps the other bytes in the value, as bash did.",
    ),
    of(
        "L05",
        "what a template left behind",
        None,
        "`{{ … }}`, `<% … %>` or the like stands where a value should be.",
        "The file was put in place before its template was filled in. bash made of it what the characters happen to mean in a shell.",
        "The value the template should have put there.",
    ),
    of(
        "L06",
        "another distribution's dialect",
        None,
        "Words of Debian's `/etc/network/interfaces` (`auto`, `iface`) or keys of SUSE's (`STARTMODE`, `OVS_BRIDGE=yes`).",
        "network-scripts know neither: `auto eth0` ran a program called `auto`, `STARTMODE` was read by nobody, `OVS_BRIDGE=yes` named a \
        bridge `yes`.",
        "`DEVICE=`, `ONBOOT=`, `TYPE=OVSBridge` or `TYPE=OVSPort`, and `OVS_BRIDGE=` with the bridge's name.",
    ),
    of(
        "L07",
        "a key or word that nobody reads",
        None,
        "A key that is not one of network-scripts', NetworkManager's or Open vSwitch's, such as `OVS_EXTRAS` or `DNS`; a `DEVICETYPE` other \
        than `ovs`.",
        "Nothing reads it, so what it was to set is not set, and nothing says so.",
        "The key that was meant; the finding names the nearest one. A note belongs behind a `#`.",
    ),
    of(
        "L08",
        "a key that is set twice",
        None,
        "A later line of the file sets the same key again.",
        "The last one counts, as in bash: of two `OVS_OPTIONS` lines the first is lost, not added to.",
        "One line; or `KEY+=\" more\"` where the second is to be added to the first.",
    ),
    of(
        "L09",
        "a variable without a value",
        None,
        "`$NAME` stands where `NAME` is not set: it is set further down, is misspelt, or takes in what follows (`$DEVICE_vif` is the \
        variable `DEVICE_vif`).",
        "bash expands at the line it reads, so it came to nothing, in the middle of a longer value without a trace.",
        "Set it above; write `${NAME}` where letters, digits or `_` follow; `${NAME:-default}` where it may be unset.",
    ),
    of(
        "L10",
        "a value that cannot be read",
        None,
        "A placeholder (`A.B.C.D`), an address with its prefix in it, a mask with holes, a number out of its range, a yes or no that is \
        neither, a `BOOTPROTO` that is no way to get an address.",
        "network-scripts handed most values on as they were, some other program refused them, and the interface came up without. A word \
        that is neither yes nor no counted as one or the other, depending on the key.",
        "What the finding says; `ovsdp ifcfg vars FILE` prints the values as they are read.",
    ),
    of(
        "L11",
        "a gateway outside the interface's network",
        None,
        "`GATEWAY` is not in the network of the file's first address, or is one of its addresses itself. In `/etc/sysconfig/network`: it is in no \
        network of any file, or no file describes what `GATEWAYDEV` names.",
        "network-scripts left the default route out, without a word. ovsdp leaves it out as well and says so, but for three gateways that \
        can be meant: one in the network of another address of the file, and, over the link without any network, one that is link-local \
        (169.254.0.0/16) or stands beside a first address of /32.",
        "A gateway in the network of the first address, or the right `PREFIX`.",
    ),
    of(
        "L12",
        "an address without a prefix",
        None,
        "`IPADDR` without `PREFIX` or `NETMASK`.",
        "The prefix then follows from the address's class, 8, 16 or 24 bits, as in network-scripts. That is seldom the network's, and \
        neighbours or the gateway fall outside it.",
        "`PREFIX=24`, or what is right.",
    ),
    of(
        "L13",
        "an address on a port",
        None,
        "The file of an OVSPort asks for an address or a lease.",
        "ifup-ovs really set it, on the device. But what arrives at a port goes to the bridge and never to the host's own stack: the \
        address answers nobody, and its routes lead away from the bridge. In ovsdp a port carries no address. When nothing else on the \
        bridge has one it is an error, for the host would lose its last.",
        "The address lines in the bridge's file.",
    ),
    of(
        "L14",
        "a lease and the ports it comes through do not fit",
        None,
        "`OVSBOOTPROTO=dhcp` without `OVSDHCPINTERFACES`, with a name there that is no port of the bridge, beside `BOOTPROTO=none`, or in \
        upper case.",
        "ifup-ovs asked for a lease only when a port named in `OVSDHCPINTERFACES` came up; without it never, and ended with success. A \
        `BOOTPROTO` line in the file had the last word over `OVSBOOTPROTO`. Its comparison knew lower case only.",
        "`OVSBOOTPROTO=dhcp`, `OVSDHCPINTERFACES=\"eth0\"` with ports of this bridge, and no `BOOTPROTO`.",
    ),
    of(
        "L15",
        "BOOTPROTO=dhcp on a bridge",
        None,
        "An OVSBridge says `BOOTPROTO=dhcp` and not `OVSBOOTPROTO=dhcp`.",
        "ifup-ovs started the DHCP client when the bridge came up, before any port was in it, so there was nobody to answer. ovsdp asks \
        once the ports are attached, and takes the two keys as one.",
        "`OVSBOOTPROTO=dhcp` and `OVSDHCPINTERFACES=`.",
    ),
    of(
        "L16",
        "OVS_BRIDGE names no bridge",
        None,
        "No file describes the bridge, it is a port itself, it is a Linux bridge, or it is the file's own device.",
        "ifup-ovs ran `ifup` on that name, which did something else or nothing, and then failed to add the port.",
        "The `DEVICE` of a file with `TYPE=OVSBridge`.",
    ),
    of(
        "L17",
        "a bridge without a port",
        None,
        "No file puts a port into the bridge.",
        "Open vSwitch remembers ports in its database: one that was added by hand with `ovs-vsctl add-port` was there again after each \
        reboot, though no file has it. ovsdp has no database; what is in no file, as after `ovsdp vsctl add-port`, is not in the bridge \
        after a reboot. A bridge that only virtual machines attach to is well without.",
        "A file with `TYPE=OVSPort` and `OVS_BRIDGE=` for each device that should be in it.",
    ),
    of(
        "L18",
        "two network devices in one bridge",
        None,
        "More than one device that leads out of the host is a port of the same bridge. Devices that are called like those of guests \
        (`tap…`, `vnet…`, `veth…`) do not count.",
        "When both lead to the same network, the bridge closes a loop: a broadcast goes round for ever and both networks stand still. There \
        is no spanning tree here that would break it.",
        "One of them in the bridge. When they lead to different networks all is well, and the finding may be ignored.",
    ),
    of(
        "L19",
        "a bond of fewer than two devices",
        None,
        "`BOND_IFACES` is missing, names fewer than two devices, or one that is a port or another bond's member as well.",
        "Open vSwitch refuses such a bond, and the bridge came up without it.",
        "Two devices or more, each of them nowhere else: `BOND_IFACES=\"eth0 eth1\"`. A single one is `TYPE=OVSPort`.",
    ),
    of(
        "L20",
        "a patch port whose other end does not point back",
        None,
        "The peer of an OVSPatchPort has no file, or its file names another peer, or both are in one bridge.",
        "Open vSwitch made both ports and passed nothing between them; so does ovsdp.",
        "Two files with `TYPE=OVSPatchPort`, in two bridges, each with `OVS_PATCH_PEER=` and the other's name.",
    ),
    of(
        "L21",
        "a tunnel without its other end, with an address, or twice",
        None,
        "`OVS_TUNNEL_OPTIONS` has no `remote_ip`; the file of an OVSTunnel or OVSPatchPort has address keys; or two tunnels take the same \
        packets, or need one UDP port with different extensions.",
        "Open vSwitch made a port that carried nothing, and said so in its log only. A tunnel or patch port is no device of the host's, so address \
        keys in its file did nothing.",
        "`OVS_TUNNEL_OPTIONS=\"options:remote_ip=192.0.2.1 options:key=7\"`, each tunnel with a key or an end of its own; addresses in the \
        bridge's file.",
    ),
    of(
        "L22",
        "keys of kernel VLAN devices",
        None,
        "`VLAN=yes` or `PHYSDEV=` in a file of Open vSwitch's.",
        "They have network-scripts make a VLAN device of the kernel's; an Open vSwitch port has a tag instead. With both, the interface was \
        brought up before its bridge, or twice.",
        "Remove them, and write `OVS_OPTIONS=\"tag=7\"` into the port's file; a kernel VLAN device that exists already can be a port under its \
        own name.",
    ),
    of(
        "L23",
        "HWADDR does not fit",
        None,
        "`HWADDR` in the file of a bridge or internal port; or on a port, when the host's device of that name has another address, or the \
        address belongs to a device of another name.",
        "A bridge is made, not found, so `HWADDR` says nothing about it. On a port network-scripts compared it with the device and refused \
        to go on when they differed; so does `ovsdp up`, for the bridge would get another device than the file means. `ovsdp check` of a \
        folder that is not this host's compares nothing.",
        "`MACADDR=` to give a bridge an address. On a port the name and the address of the same device, as `ip link` shows them.",
    ),
    of(
        "L24",
        "an address no interface can have",
        None,
        "`MACADDR` is no Ethernet address, is all zeros, or names a group (its first byte is odd).",
        "The kernel refuses it; network-scripts passed over the failure.",
        "Six pairs of hexadecimal digits, the first one even: `52:54:00:12:34:56`.",
    ),
    of(
        "L25",
        "a bridge with a larger MTU than its port",
        None,
        "The file of a bridge or internal port sets an `MTU` above that of one of the bridge's ports: the one its file sets, else the one \
        the host's device has now. Or one of its tunnels adds more to a packet than the interface has room for that the tunnel's packets go \
        out by: 50 bytes for VXLAN, Geneve and ERSPAN, 38 to 46 for GRE, 4 more for the second version of ERSPAN, 20 more over IPv6.",
        "The host sends packets of that size, and the kernel drops them at the port: small packets pass, large transfers hang.",
        "The larger MTU on the port as well, where its network carries it; else the smaller one on the bridge, or none there.",
    ),
    of(
        "L26",
        "OVS_EXTRA that is no ovs-vsctl command",
        Some(Code::Unsupported),
        "`OVS_EXTRA` is not in ovs-vsctl's language, quotes words with blanks, or sets what only ovs-vswitchd acts on.",
        "ifup-ovs split it at blanks without looking at quotes and handed the words to ovs-vsctl. When that refused them, nothing of the \
        line was done.",
        "Write what this file's own bridge, port or interface is to have: `set Bridge ovsbr0 other_config:mac-table-size=50000`, several with \
        `--` between them. Which columns are applied, recorded or refused is in `docs/columns.md`.",
    ),
    of(
        "L27",
        "a secure bridge, or one with a controller, that carries the host's address",
        Some(Code::Unsupported),
        "`fail_mode=secure` or `set-controller` on a bridge that has an address.",
        "Without a controller that sets flows, a secure bridge forwards nothing: the host is cut off after the next boot.",
        "Both are refused. A bridge of ovsdp's is an ordinary learning switch, what Open vSwitch \
        calls standalone.",
    ),
    of(
        "L28",
        "NetworkManager is left in charge",
        None,
        "`NM_CONTROLLED=yes` in a file of Open vSwitch's; or NetworkManager runs on the host, and has written down that it manages a port's \
        device, or nothing in its configuration has it leave that alone (`NM_CONTROLLED=no` counts where its plugin for ifcfg files is installed).",
        "Two programs would set up the same device. On Fedora 41 and RHEL 10 and later NetworkManager no longer reads these files, so there \
        `NM_CONTROLLED=no` does not hold it off either.",
        "`NM_CONTROLLED=no`, or without the key: then `ovsdp up` has NetworkManager leave the devices of its bridges alone while they are up, \
        by a file in `/etc/NetworkManager/conf.d`.",
    ),
    of(
        "L29",
        "two default routes",
        None,
        "Two files set a `GATEWAY` that would become the default route, with the same `METRIC` or none.",
        "Both have the same metric, so the second takes the first one's place or stands unused behind it: which one wins depends on the \
        order of the files.",
        "`DEFROUTE=no` in all but one of them, a `METRIC=` of its own in each, or `GATEWAYDEV=` in `/etc/sysconfig/network`.",
    ),
    of(
        "L30",
        "one address twice",
        None,
        "Two files have the same address, or one file has it twice.",
        "Both interfaces answer for it, and replies leave through one of them, perhaps the wrong one.",
        "An address of its own for each interface.",
    ),
    of(
        "L31",
        "DEVICE and the file's name differ",
        None,
        "`DEVICE` is missing, or is not what stands behind `ifcfg-` in the file's name.",
        "`ifup eth0` reads `ifcfg-eth0` first, whatever device stands in it, and routes and rules are looked for under either name.",
        "One name for both.",
    ),
    of(
        "L32",
        "a key nobody has read for years",
        None,
        "`PROMISC` or `ALLMULTI`.",
        "network-scripts dropped them long ago; the kernel sets promiscuous mode on a bridge's ports by itself.",
        "Remove it.",
    ),
    of(
        "L33",
        "mistakes in a route file",
        None,
        "In `route-ovsbr0`: gaps in the numbers, host bits in a network, the other address family, a table without a name, another device than the file's, a gateway that no network of the interface holds, two routes to one destination.",
        "initscripts passed over the file or the line, or set the route on another device, and went on. ovsdp makes all of a file's routes or none.",
        "What `ip route add` would take, about this interface; `onlink` where the gateway is on the link although no network holds it.",
    ),
    of(
        "L34",
        "mistakes in a rule file",
        None,
        "In `rule-ovsbr0`: a line that begins with `add`, one without `priority`, a rule written twice, a network with host bits or of the other address family, a table without a name.",
        "`ip rule add` refused the first and network-scripts piled up the second: one more with every `ifup`. ovsdp makes a rule once; without \
        `priority` the kernel says where.",
        "What `ip rule add` would take, with a `priority` of its own.",
    ),
    of(
        "L35",
        "a name the kernel does not take",
        None,
        "A device's name has more than 15 bytes, a blank, a `/` or the like in it.",
        "The kernel refuses it, so the interface was never made.",
        "At most 15 letters, digits, `-`, `_` and `.`.",
    ),
    of(
        "L36",
        "a type for the userspace datapath",
        None,
        "OVSUserBridge, OVSDPDKPort and their like, or `DATAPATH` other than `system`.",
        "They are switched by ovs-vswitchd itself, which takes the devices from the kernel. ovsdp switches in the kernel and cannot carry them.",
        "`OVSBridge` and `OVSPort` with a device that the kernel drives, or Open vSwitch itself.",
    ),
    of(
        "L37",
        "a file that others than root can write",
        None,
        "A file of this host's folder, or the folder, may be written by everybody, belongs to another user than root, or may be written by \
        another group than root's. Looked at only in the folder that is this host's.",
        "Whoever can write it decides what root does to the network. network-scripts even ran it as root's shell script.",
        "`chown root:root` and `chmod 644` for the file, 755 for the folder.",
    ),
    of(
        "L38",
        "a file that is passed over for its name",
        None,
        "A file's name ends in `~`, `.bak`, `.old`, `.orig`, `.rpmnew`, `.rpmorig` or `.rpmsave`, and no other file describes the device.",
        "network-scripts passed over such names, and so does ovsdp: the interface is not brought up. Package upgrades leave `.rpmsave` \
        files where there were good ones.",
        "The name without the ending if it is to count; another folder if it is not. A backup beside the file it is one of is no finding.",
    ),
    of(
        "L39",
        "shell that is not evaluated",
        None,
        "Commands other than `$(hostname)`, arithmetic, arrays, `${x%y}` and the like, `if`, `.`, pipes.",
        "bash would run it as root. ovsdp evaluates these files and never executes them; [ifcfg.md](ifcfg.md) has the language.",
        "The value it comes to on this host.",
    ),
    of(
        "L40",
        "a key that is not supported yet",
        None,
        "A key that this version does not act on, where leaving it out would change what happens to traffic.",
        "The interface would come up as something else than the file says: without its VLAN tag, its second address, its firewall zone.",
        "Remove the key if the host can do without it, or leave the interface to network-scripts.",
    ),
    of(
        "L41",
        "a key without effect",
        None,
        "A key that is read by other programs, belongs to another type, or does nothing beside what else the file says.",
        "Nothing happens; but whoever wrote it may have expected something.",
        "Remove it; or keep it for the program that reads it.",
    ),
    of(
        "L42",
        "a type that is unknown",
        None,
        "`TYPE` is misspelt.",
        "ifup-ovs said that the type is invalid and did nothing.",
        "OVSBridge, OVSPort, OVSIntPort, OVSBond, OVSTunnel or OVSPatchPort; or move the file out of the folder and go on without the interface.",
    ),
    of(
        "L43",
        "two files for one device",
        None,
        "Two files have the same `DEVICE`, as two bridges, a bridge and a port, or ports of two bridges.",
        "Which one counted depended on the command and on the files' order.",
        "One file. A copy kept aside may end in `.bak`.",
    ),
    of(
        "L44",
        "a key that must be there",
        None,
        "`TYPE` with `DEVICETYPE=ovs`, `OVS_BRIDGE` with a port, or `DEVICE` where the file's name is none.",
        "ifup-ovs did nothing and said little.",
        "The key the finding names.",
    ),
    of(
        "L45",
        "too large",
        None,
        "A file, a value or all values of a file together are larger than the limits, which [ifcfg.md](ifcfg.md) lists.",
        "No file that a person wrote comes near them; one that doubles a variable with each line would take all memory.",
        "The value itself in place of what makes it grow.",
    ),
    of(
        "L46",
        "a file that cannot be read",
        None,
        "The file is there and the system refuses to open or read it.",
        "What it says is not known, so nothing is done with the folder.",
        "`chmod 644`, or run the command as a user who may read it.",
    ),
    of(
        "L47",
        "it depends on where bash runs",
        None,
        "A variable of the shell's own (`$UID`, `$PATH`, `$RANDOM`), a key that steers the shell (`IFS=`), `~`, `$\"…\"`.",
        "What bash made of it differs between boot, a login and a cron job.",
        "The value itself, in plain quotes.",
    ),
    of(
        "L48",
        "a file beside the interface's that cannot be carried out",
        None,
        "A `route-` or `route6-` file of a port, of a bond's device, or of an interface without an address; a port's `rule-` file. As a \
        warning: such a file, an alias's, or a line of `static-routes`, of an interface that no file describes.",
        "A port carries neither addresses nor routes: this host would be without those of the file. What belongs to nobody is read by \
        nobody; often its name is misspelt.",
        "A port's routes and rules in the files of its bridge; the right name; or the file put aside.",
    ),
    of(
        "L49",
        "the host's devices stand in the way",
        None,
        "A port's device is not there, is no Ethernet device, or belongs to a Linux bridge or bond; or a bridge's name is another device's. \
        Compared only for the folder that is this host's.",
        "`ovsdp up` refuses, before anything is changed. network-scripts made half of the bridge and ended with success. It is a warning \
        when the interface or its bridge does not come up by itself (`ONBOOT=no`), or when a device that is not there is waited for \
        (`DEVTIMEOUT`): it may be there by then.",
        "The name the device has (`ip link`), or the device freed from what it belongs to.",
    ),
    of(
        "L50",
        "a rule for devices' names that contradicts the files",
        None,
        "In `/etc/udev/rules.d/70-persistent-net.rules` or a .link file: a rule gives a device another name than its file does by `HWADDR`, \
        gives its name to another address, gives a device the name of a bridge, or matches nothing but an address that a bridge shares \
        with its port. Compared only for the folder that is this host's.",
        "The device is called something else after the next boot. A bridge takes its port's address, so a rule on the address alone catches \
        the bridge as well when it is made: udev tries to rename it.",
        "The same name and address in both. A rule for hardware alone: `DRIVERS==\"?*\"` in a udev rule, `PermanentMACAddress=` in a .link file.",
    ),
];
