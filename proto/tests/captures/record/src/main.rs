//! Talks to the kernel's OVS families and prints what it answers, a line for each capture:
//! `CAP name|command|request in hex|answer in hex`. Needs the openvswitch module, root, and a network namespace of its own.

mod split;

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use neli::consts::socket::{Msg, NlFamily};
use neli::socket::NlSocket;
use neli::utils::Groups;
use ovsdp_proto::key::{self, Field, KeyBuf, Lse, TunnelField, Vlan};
use ovsdp_proto::nlmsg::{self, Messages, flag};
use ovsdp_proto::{IfName, Mac, Request, action, datapath, flow, genl, nla, nlctrl, packet, uapi, vport};

const A: Mac = Mac([2, 0, 0, 0, 0, 1]);
const B: Mac = Mac([2, 0, 0, 0, 0, 2]);

struct Kernel {
    socket: NlSocket,
    upcalls: NlSocket,
    seq: u32,
}

fn open() -> NlSocket {
    let socket = NlSocket::connect(NlFamily::Generic, None, Groups::empty()).expect("a netlink socket");
    socket.enable_ext_ack(true).expect("extended acknowledgements");
    socket
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn print(name: &str, command: &str, request: &[u8], answer: &[u8]) {
    println!("CAP {name}|{command}|{}|{}", hex(request), hex(answer));
}

fn append(out: &mut Vec<u8>, datagram: &[u8]) {
    out.extend_from_slice(datagram);
    out.resize(out.len().next_multiple_of(4), 0);
}

impl Kernel {
    fn request(&mut self, family: u16, flags: u16) -> Request {
        self.seq += 1;
        Request::new(family, self.seq, flags)
    }

    /// Sends one request and records every message of the answer, to the acknowledgement or the end of the dump.
    fn record(&mut self, name: &str, command: &str, request: &[u8]) -> Vec<u8> {
        self.socket.send(request, Msg::empty()).expect("send");
        let mut answer = Vec::new();
        let mut buffer = vec![0; 65536];
        'all: loop {
            let (len, _) = self.socket.recv(&mut buffer[..], Msg::empty()).expect("recv");
            append(&mut answer, &buffer[..len]);
            for message in Messages::new(&buffer[..len]) {
                if matches!(message.expect("a message").kind, nlmsg::kind::ERROR | nlmsg::kind::DONE) {
                    break 'all;
                }
            }
        }
        print(name, command, request, &answer);
        answer
    }

    /// Records the upcalls that are there, after a moment.
    fn upcalls(&mut self, name: &str, command: &str, request: &[u8]) -> Vec<u8> {
        sleep(Duration::from_millis(100));
        let mut answer = Vec::new();
        let mut buffer = vec![0; 65536];
        while let Ok((len, _)) = self.upcalls.recv(&mut buffer[..], Msg::DONTWAIT) {
            append(&mut answer, &buffer[..len]);
        }
        print(name, command, request, &answer);
        answer
    }
}

fn family(kernel: &mut Kernel, name: &str) -> u16 {
    let mut out = Vec::new();
    kernel.seq += 1;
    nlctrl::get_family(&mut out, kernel.seq, flag::ACK, name).unwrap();
    let answer = kernel.record(&format!("nlctrl-{name}"), &format!("CTRL_CMD_GETFAMILY {name}"), &out);
    let message = Messages::new(&answer).next().unwrap().unwrap();
    if message.kind != uapi::ctrl::ID {
        return 0;
    }
    nlctrl::Family::parse(message.payload).unwrap().id
}

fn frame(eth_type: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = [&B.0[..], &A.0, eth_type, payload].concat();
    out.resize(out.len().max(60), 0);
    out
}

fn ipv4(proto: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    [&[0x45, 0x08, len[0], len[1], 0, 1, 0x40, 0, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], payload].concat()
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut out = vec![0x60, 0x10, 0x12, 0x34, len[0], len[1], next, 255];
    for last in [1, 2] {
        out.extend_from_slice(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    [&out[..], payload].concat()
}

fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let tcp = [0x30, 0x39, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x12, 0xff, 0xff, 0, 0, 0, 0];
    let udp = [0x30, 0x39, 0, 53, 0, 8, 0, 0];
    let sctp = [0x30, 0x39, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0];
    let arp = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &A.0, &[10, 0, 0, 1], &[0; 6], &[10, 0, 0, 2]].concat();
    let mut solicit = vec![135, 0, 0, 0, 0, 0, 0, 0];
    solicit.extend_from_slice(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    solicit.extend_from_slice(&[1, 1]);
    solicit.extend_from_slice(&A.0);
    let icmp = [8, 0, 0, 0, 0, 1, 0, 1];
    let mut fragment = ipv4(17, &udp);
    fragment[6..8].copy_from_slice(&[0x00, 0x10]);
    let hop_by_hop = [&[6, 0, 1, 4, 0, 0, 0, 0][..], &tcp].concat();
    let nsh = [&[0x0f, 0xc6, 1, 1, 0, 0, 7, 255][..], &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4], &ipv4(1, &icmp)].concat();
    vec![
        ("icmp", frame(&[8, 0], &ipv4(1, &icmp))),
        ("tcp", frame(&[8, 0], &ipv4(6, &tcp))),
        ("udp", frame(&[8, 0], &ipv4(17, &udp))),
        ("sctp", frame(&[8, 0], &ipv4(132, &sctp))),
        ("fragment", frame(&[8, 0], &fragment)),
        ("arp", frame(&[8, 6], &arp)),
        ("tcp6", frame(&[0x86, 0xdd], &ipv6(6, &tcp))),
        ("tcp6-hopopts", frame(&[0x86, 0xdd], &ipv6(0, &hop_by_hop))),
        ("nd", frame(&[0x86, 0xdd], &ipv6(58, &solicit))),
        ("vlan", frame(&[0x81, 0, 0xa0, 100, 8, 0], &ipv4(1, &icmp))),
        ("qinq", frame(&[0x88, 0xa8, 0, 200, 0x81, 0, 0x20, 100, 8, 0], &ipv4(1, &icmp))),
        ("vlan-llc", frame(&[0x81, 0, 0, 100, 0, 46], &[0x42, 0x42, 3, 0])),
        ("llc", frame(&[0, 46], &[0x42, 0x42, 3, 0])),
        ("mpls", frame(&[0x88, 0x47, 0, 0x06, 0x40, 64, 0, 0x0c, 0x81, 63], &ipv4(1, &icmp))),
        ("nsh", frame(&[0x89, 0x4f], &nsh)),
        ("other", frame(&[0x88, 0xcc], &[2, 7, 4])),
    ]
}

/// The mask that makes every bit of `key` count.
fn exact(key: &[u8], out: &mut Vec<u8>, ethernet: bool) {
    // That a frame has no Ethernet type is said by a mask that has one.
    if ethernet && nla::Attrs::new(key).find(uapi::key::ETHERTYPE).is_none() {
        nla::put_be16(out, uapi::key::ETHERTYPE, 0xffff);
    }
    for attr in nla::Attrs::new(key) {
        match attr.kind() {
            uapi::key::ENCAP | uapi::key::TUNNEL | uapi::key::NSH => {
                nla::put_nested::<nla::TooLong>(out, attr.raw_type(), |out| {
                    exact(attr.payload(), out, attr.kind() == uapi::key::ENCAP);
                    Ok(())
                })
                .unwrap();
            }
            // The kernel refuses bits it does not know, in a mask too.
            uapi::key::CT_STATE => nla::put_u32(out, uapi::key::CT_STATE, 0xff),
            kind => {
                let mut bits = vec![0xff; attr.payload().len()];
                if kind == uapi::key::IPV6 {
                    bits[32..34].copy_from_slice(&[0, 0x0f]);
                }
                nla::put(out, kind, &bits).unwrap();
            }
        }
    }
}

fn all_actions(kernel_has: impl Fn(&str) -> bool) -> Vec<(&'static str, Vec<u8>)> {
    let mut all = Vec::new();
    let mut add = |name: &'static str, fill: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        fill(&mut out);
        all.push((name, out));
    };
    let mut one = Vec::new();
    action::output(&mut one, 1);
    add("drop-empty", &|_| {});
    add("output", &|out| {
        action::output(out, 1);
        action::output(out, 0);
    });
    add("userspace", &|out| {
        let to = action::ToUserspace { pid: 77, userdata: Some(&[1, 2, 3, 4, 5, 6, 7, 8]), egress_tun_port: Some(1), actions: true };
        action::userspace(out, &to).unwrap();
    });
    add("set-eth", &|out| {
        action::set_masked(out, uapi::key::ETHERNET, [2; 12], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 3, 3, 3, 3, 3, 3].map(|m| m & 2 | 1)).unwrap()
    });
    add("set-ipv4", &|out| {
        action::set_masked(out, uapi::key::IPV4, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfc, 0, 0]).unwrap()
    });
    add("set-mark", &|out| action::set(out, &Field::SkbMark(0x10)).unwrap());
    add("set-priority", &|out| action::set(out, &Field::Priority(0x10002)).unwrap());
    add("push-vlan", &|out| {
        action::push_vlan(out, Vlan::new(0x8100, 12, 0));
        action::output(out, 1);
    });
    add("push-qinq", &|out| {
        action::push_vlan(out, Vlan::new(0x8100, 12, 3));
        action::push_vlan(out, Vlan::new(0x88a8, 100, 0));
        action::output(out, 1);
        action::pop_vlan(out);
        action::pop_vlan(out);
        action::output(out, 0);
    });
    add("sample", &|out| action::sample(out, u32::MAX / 10, &one).unwrap());
    add("hash-recirc", &|out| {
        action::hash(out, uapi::hash_alg::L4, 5);
        action::recirc(out, 0x2a);
    });
    add("push-pop-mpls", &|out| {
        action::push_mpls(out, Lse::new(100, 3, true, 64), 0x8847);
        action::output(out, 1);
        action::pop_mpls(out, 0x0800);
    });
    add("add-mpls", &|out| action::add_mpls(out, Lse::new(100, 3, true, 64), 0x8847, uapi::mpls::L3_TUNNEL_FLAG_MASK));
    add("ct", &|out| {
        let mut ct = Vec::new();
        nla::put_flag(&mut ct, uapi::ct::COMMIT);
        nla::put_u16(&mut ct, uapi::ct::ZONE, 7);
        nla::put(&mut ct, uapi::ct::MARK, &[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]).unwrap();
        let mut labels = [0; 32];
        labels[0] = 5;
        labels[16] = 0xf;
        nla::put(&mut ct, uapi::ct::LABELS, &labels).unwrap();
        nla::put_nested::<nla::TooLong>(&mut ct, uapi::ct::NAT, |out| {
            nla::put_flag(out, uapi::nat::SRC);
            nla::put(out, uapi::nat::IP_MIN, &[10, 0, 0, 1])?;
            nla::put(out, uapi::nat::IP_MAX, &[10, 0, 0, 9])?;
            nla::put_u16(out, uapi::nat::PROTO_MIN, 1000);
            nla::put_u16(out, uapi::nat::PROTO_MAX, 2000);
            nla::put_flag(out, uapi::nat::PROTO_RANDOM);
            Ok(())
        })
        .unwrap();
        action::ct(out, &ct).unwrap();
        action::recirc(out, 1);
    });
    add("ct-clear", &|out| action::ct_clear(out));
    add("trunc", &|out| {
        action::trunc(out, 100);
        action::output(out, 1);
    });
    add("clone", &|out| action::clone(out, &one).unwrap());
    add("pop-push-eth", &|out| {
        action::pop_eth(out);
        action::push_eth(out, A, B);
        action::output(out, 1);
    });
    add("push-nsh", &|out| {
        let mut nsh = Vec::new();
        key::NshField::Base(key::NshBase { flags: 0, ttl: 63, mdtype: 1, np: 3, path_hdr: 0x7ff }).put(&mut nsh).unwrap();
        key::NshField::Md1([1, 2, 3, 4]).put(&mut nsh).unwrap();
        action::push_nsh(out, &nsh).unwrap();
        action::output(out, 1);
    });
    add("check-pkt-len", &|out| action::check_pkt_len(out, 1500, &one, &[]).unwrap());
    add("dec-ttl", &|out| action::dec_ttl(out, &one).unwrap());
    add("meter-missing", &|out| action::meter(out, 3));
    add("set-tunnel", &|out| {
        let mut tunnel = Vec::new();
        for field in [
            TunnelField::Id(42),
            TunnelField::Ipv4Dst([192, 0, 2, 1].into()),
            TunnelField::Tos(8),
            TunnelField::Ttl(64),
            TunnelField::DontFragment,
            TunnelField::TpDst(4789),
        ] {
            field.put(&mut tunnel).unwrap();
        }
        action::set(out, &Field::Tunnel(nla::Attr::new(uapi::key::TUNNEL, &tunnel))).unwrap();
        action::output(out, 1);
    });
    add("unknown", &|out| nla::put_u32(out, 99, 7));
    if kernel_has("6.12") {
        add("drop", &|out| action::drop(out, 3));
        add("psample", &|out| action::psample(out, 5, Some(&[0xab, 0xcd])).unwrap());
        add("hash-sym", &|out| {
            action::hash(out, uapi::hash_alg::SYM_L4, 0);
            action::recirc(out, 2);
        });
    }
    all
}

fn main() {
    let args: Vec<_> = std::env::args().collect();
    if let [_, word, log, folder] = &args[..]
        && word == "split"
    {
        return split::split(log, folder);
    }
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    println!("KERNEL {}", release.trim());
    let mut kernel = Kernel { socket: open(), upcalls: open(), seq: 0 };
    let dp = family(&mut kernel, uapi::dp::FAMILY);
    let vp = family(&mut kernel, uapi::vport::FAMILY);
    let fl = family(&mut kernel, uapi::flow::FAMILY);
    let pk = family(&mut kernel, uapi::packet::FAMILY);
    family(&mut kernel, uapi::meter::FAMILY);
    family(&mut kernel, uapi::ct_limit::FAMILY);
    family(&mut kernel, "no_such_family");

    let pid = kernel.upcalls.pid().expect("an address");
    let name = |name: &str| IfName::new(name).unwrap();
    let system = name("ovs-system");
    let features = uapi::dp::feature::UNALIGNED | uapi::dp::feature::VPORT_PIDS | uapi::dp::feature::DISPATCH_UPCALL_PER_CPU;
    let mut out = Vec::new();
    let ack = flag::ACK;
    let created = flag::ACK | flag::ECHO;

    let new =
        datapath::New { name: &system, upcall_pid: 0, user_features: features, per_cpu_pids: &[pid, pid], ifindex: None, masks_cache_size: None };
    datapath::new(&mut out, kernel.request(dp, created), &new).unwrap();
    let answer = kernel.record("dp-new", "OVS_DP_CMD_NEW ovs-system", &out);
    let message = Messages::new(&answer).next().unwrap().unwrap();
    let index = datapath::Datapath::parse(message.payload).expect("the new datapath").dp_ifindex;
    out.clear();
    datapath::new(&mut out, kernel.request(dp, created), &new).unwrap();
    kernel.record("dp-new-exists", "OVS_DP_CMD_NEW ovs-system once more", &out);
    out.clear();
    datapath::set(
        &mut out,
        kernel.request(dp, created),
        &datapath::Set { which: datapath::Which::Name(&system), user_features: features, per_cpu_pids: &[], masks_cache_size: Some(512) },
    )
    .unwrap();
    kernel.record("dp-set", "OVS_DP_CMD_SET ovs-system, mask cache of 512", &out);
    out.clear();
    datapath::set(
        &mut out,
        kernel.request(dp, ack),
        &datapath::Set { which: datapath::Which::Name(&system), user_features: 0x8000_0000, per_cpu_pids: &[], masks_cache_size: None },
    )
    .unwrap();
    kernel.record("dp-set-unknown-feature", "OVS_DP_CMD_SET ovs-system with feature bit 31", &out);
    out.clear();
    datapath::get(&mut out, kernel.request(dp, ack), datapath::Which::Name(&system)).unwrap();
    kernel.record("dp-get", "OVS_DP_CMD_GET ovs-system", &out);
    out.clear();
    datapath::get(&mut out, kernel.request(dp, ack), datapath::Which::Index(9999)).unwrap();
    kernel.record("dp-get-missing", "OVS_DP_CMD_GET of interface index 9999", &out);
    out.clear();
    datapath::dump(&mut out, kernel.request(dp, 0)).unwrap();
    kernel.record("dp-dump", "OVS_DP_CMD_GET dump", &out);

    let port = |name, kind| vport::New { dp_ifindex: index, name, kind, upcall_pids: &[], port_no: None, ifindex: None, tunnel: None };
    let (br0, dummy0, none, vxlan) = (name("br0"), name("dummy0"), name("nosuchdev"), name("vx0"));
    for (label, new) in [
        ("vport-new-internal", vport::New { upcall_pids: &[pid], ..port(&br0, uapi::vport::kind::INTERNAL) }),
        ("vport-new-netdev", port(&dummy0, uapi::vport::kind::NETDEV)),
        ("vport-new-missing", port(&none, uapi::vport::kind::NETDEV)),
        ("vport-new-type", port(&none, 99)),
        ("vport-new-vxlan", vport::New { tunnel: Some(vport::Tunnel { dst_port: Some(4789), gbp: true }), ..port(&vxlan, uapi::vport::kind::VXLAN) }),
        ("vport-new-taken", vport::New { port_no: Some(1), ..port(&none, uapi::vport::kind::INTERNAL) }),
    ] {
        out.clear();
        vport::new(&mut out, kernel.request(vp, created), &new).unwrap();
        kernel.record(label, &format!("OVS_VPORT_CMD_NEW {} of type {}", new.name, new.kind), &out);
    }
    // Malformed on purpose: what the kernel's extended acknowledgement says of it.
    let raw = |kernel: &mut Kernel, family: u16, cmd: u8, version: u8, fill: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        let request = kernel.request(family, ack | flag::REQUEST);
        nlmsg::put::<()>(&mut out, request.family, request.flags, request.seq, |out| {
            genl::put_ovs(out, cmd, version, index);
            fill(out);
            Ok(())
        })
        .unwrap();
        out
    };
    let bad = raw(&mut kernel, vp, uapi::vport::cmd::GET, 1, &|out| nla::put_u16(out, uapi::vport::attr::PORT_NO, 1));
    kernel.record("vport-get-short-number", "OVS_VPORT_CMD_GET with a PORT_NO of two bytes", &bad);
    let bad = raw(&mut kernel, vp, uapi::vport::cmd::NEW, 1, &|out| {
        nla::put_u32(out, uapi::vport::attr::TYPE, 4);
        nla::put(out, uapi::vport::attr::NAME, b"vx1\0").unwrap();
        nla::put_u32(out, uapi::vport::attr::UPCALL_PID, 0);
        nla::put_nested::<nla::TooLong>(out, uapi::vport::attr::OPTIONS, |out| {
            nla::put_u8(out, uapi::vport::tunnel::DST_PORT, 1);
            Ok(())
        })
        .unwrap();
    });
    kernel.record("vport-new-short-option", "OVS_VPORT_CMD_NEW of a vxlan port with a DST_PORT of one byte", &bad);
    let bad = raw(&mut kernel, vp, uapi::vport::cmd::NEW, 1, &|out| nla::put_u32(out, uapi::vport::attr::TYPE, 2));
    kernel.record("vport-new-incomplete", "OVS_VPORT_CMD_NEW with a type only", &bad);
    let bad = raw(&mut kernel, vp, uapi::vport::cmd::NEW, 1, &|out| {
        nla::put(out, uapi::vport::attr::NAME, b"a-name-far-too-long-for-a-device\0").unwrap();
    });
    kernel.record("vport-new-long-name", "OVS_VPORT_CMD_NEW with a name of 32 bytes", &bad);
    let bad = raw(&mut kernel, fl, uapi::flow::cmd::NEW, 1, &|out| nla::put_u32(out, uapi::flow::attr::UFID_FLAGS, 1));
    kernel.record("flow-new-incomplete", "OVS_FLOW_CMD_NEW without key", &bad);
    let bad = raw(&mut kernel, fl, uapi::flow::cmd::NEW, 1, &|out| nla::put_u8(out, uapi::flow::attr::UFID_FLAGS, 1));
    kernel.record("flow-new-short-flags", "OVS_FLOW_CMD_NEW with UFID_FLAGS of one byte", &bad);
    let bad = raw(&mut kernel, dp, 77, 2, &|_| {});
    kernel.record("dp-unknown-command", "command 77 of ovs_datapath", &bad);

    out.clear();
    vport::get(&mut out, kernel.request(vp, ack), 0, vport::Which::Name(&br0)).unwrap();
    kernel.record("vport-get", "OVS_VPORT_CMD_GET br0", &out);
    out.clear();
    vport::set_upcall_pids(&mut out, kernel.request(vp, created), index, vport::Which::Number(1), &[pid, pid]).unwrap();
    kernel.record("vport-set", "OVS_VPORT_CMD_SET port 1, two upcall sockets", &out);
    out.clear();
    vport::dump(&mut out, kernel.request(vp, 0), index).unwrap();
    kernel.record("vport-dump", "OVS_VPORT_CMD_GET dump", &out);
    out.clear();
    vport::dump(&mut out, kernel.request(vp, 0), 9999).unwrap();
    kernel.record("vport-dump-missing", "OVS_VPORT_CMD_GET dump of interface index 9999", &out);
    out.clear();
    vport::del(&mut out, kernel.request(vp, ack), index, vport::Which::Number(0)).unwrap();
    kernel.record("vport-del-local", "OVS_VPORT_CMD_DEL of the local port", &out);

    // Every kind of frame, up by a userspace action: the kernel's own keys.
    let mut keys = Vec::new();
    for (label, bytes) in frames() {
        let (mut actions, mut meta) = (Vec::new(), KeyBuf::new());
        action::userspace(&mut actions, &action::ToUserspace { pid, userdata: Some(b"cookie!!"), egress_tun_port: None, actions: true }).unwrap();
        meta.in_port(1);
        out.clear();
        let execute = packet::Execute { dp_ifindex: index, packet: &bytes, key: meta.as_bytes(), actions: &actions, ..packet::Execute::default() };
        packet::execute(&mut out, kernel.request(pk, 0), &execute).unwrap();
        kernel.socket.send(&out[..], Msg::empty()).unwrap();
        let answer =
            kernel.upcalls(&format!("upcall-action-{label}"), &format!("OVS_PACKET_CMD_EXECUTE of a frame ({label}), action userspace"), &out);
        if let Some(Ok(message)) = Messages::new(&answer).next() {
            keys.push((label, packet::Upcall::parse(message.payload).expect("an upcall").key.to_vec()));
        }
    }
    // No flow matches after a recirculation: a miss.
    let (mut actions, mut meta) = (Vec::new(), KeyBuf::new());
    action::recirc(&mut actions, 9);
    meta.in_port(1).priority(5).skb_mark(6);
    for (label, bytes) in frames().into_iter().filter(|(label, _)| ["tcp", "vlan"].contains(label)) {
        out.clear();
        let execute = packet::Execute { dp_ifindex: index, packet: &bytes, key: meta.as_bytes(), actions: &actions, ..packet::Execute::default() };
        packet::execute(&mut out, kernel.request(pk, 0), &execute).unwrap();
        kernel.socket.send(&out[..], Msg::empty()).unwrap();
        kernel.upcalls(&format!("upcall-miss-{label}"), &format!("OVS_PACKET_CMD_EXECUTE of a frame ({label}), action recirc"), &out);
    }
    Command::new("/bin/busybox").args(["ip", "link", "set", "br0", "up"]).status().expect("busybox ip");
    sleep(Duration::from_secs(2));
    kernel.upcalls("upcall-miss-link-up", "ip link set br0 up; sleep 2: what an IPv6 host says first", &[]);

    // A flow for each of those keys, exact.
    let mut ufid = 0;
    let mut next_ufid = || {
        ufid += 1;
        flow::Ufid([ufid, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
    };
    let mut forward = Vec::new();
    action::output(&mut forward, 1);
    for (label, bytes) in &keys {
        let mut mask = Vec::new();
        exact(bytes, &mut mask, true);
        out.clear();
        let put = flow::Put {
            dp_ifindex: index,
            ufid: Some(next_ufid()),
            key: Some(bytes),
            mask: Some(&mask),
            actions: Some(&forward),
            ..flow::Put::default()
        };
        flow::new(&mut out, kernel.request(fl, created | flag::CREATE), &put).unwrap();
        kernel.record(&format!("flow-new-{label}"), &format!("OVS_FLOW_CMD_NEW of the key of a frame ({label}), exact"), &out);
    }
    // The masks a switch writes, and partial ones.
    let wide = |recirc: u32, proto: u8| {
        let (mut key, mut mask) = (KeyBuf::new(), KeyBuf::new());
        key.recirc_id(recirc).in_port(1).ethernet(A, B).eth_type(0x0800);
        mask.recirc_id(u32::MAX).in_port(u32::MAX).ethernet(Mac::BROADCAST, Mac::BROADCAST).eth_type(0xffff);
        let header = key::Ipv4 { src: [10, 0, 0, 1].into(), dst: [10, 0, 0, 2].into(), proto, tos: 8, ttl: 64, frag: 0 };
        key.push(&Field::Ipv4(header)).unwrap();
        (key, mask)
    };
    let (key, mut mask) = wide(0, 47);
    mask.push(&Field::Ipv4(key::Ipv4 { src: [255, 255, 255, 0].into(), dst: [0, 0, 0, 0].into(), proto: 0, tos: 0xfc, ttl: 0, frag: 0xff })).unwrap();
    out.clear();
    let put = flow::Put {
        dp_ifindex: index,
        ufid: Some(next_ufid()),
        key: Some(key.as_bytes()),
        mask: Some(mask.as_bytes()),
        actions: Some(&forward),
        ..flow::Put::default()
    };
    flow::new(&mut out, kernel.request(fl, created | flag::CREATE), &put).unwrap();
    kernel.record("flow-new-partial", "OVS_FLOW_CMD_NEW with a partial mask", &out);
    // Every action, each in a flow of its own.
    for (at, (label, actions)) in all_actions(|needs| needs != "6.12" || release.starts_with("6.12")).iter().enumerate() {
        let (mut key, mut mask) = wide(u32::try_from(0x100 + at).unwrap(), 6);
        mask.push(&Field::Ipv4(key::Ipv4 { src: [0; 4].into(), dst: [0; 4].into(), proto: 0xff, tos: 0, ttl: 0, frag: 0xff })).unwrap();
        key.push(&Field::Tcp(key::Ports { src: 1, dst: 2 })).unwrap();
        key.push(&Field::TcpFlags(0x12)).unwrap();
        out.clear();
        let put = flow::Put {
            dp_ifindex: index,
            ufid: Some(next_ufid()),
            key: Some(key.as_bytes()),
            mask: Some(mask.as_bytes()),
            actions: Some(actions),
            ..flow::Put::default()
        };
        flow::new(&mut out, kernel.request(fl, created | flag::CREATE), &put).unwrap();
        kernel.record(&format!("flow-action-{label}"), &format!("OVS_FLOW_CMD_NEW with actions ({label})"), &out);
    }
    // A flow of a tunnel.
    let mut tunnels: [Vec<u8>; 2] = Default::default();
    let [tunnel, tunnel_mask] = &mut tunnels;
    for (field, bits) in [
        (TunnelField::Id(0x7f_1035), TunnelField::Id(u64::MAX)),
        (TunnelField::Ipv4Src([192, 0, 2, 1].into()), TunnelField::Ipv4Src([255; 4].into())),
        (TunnelField::Ipv4Dst([192, 0, 2, 2].into()), TunnelField::Ipv4Dst([255, 255, 255, 0].into())),
        (TunnelField::Tos(8), TunnelField::Tos(0xff)),
        (TunnelField::Ttl(64), TunnelField::Ttl(0xff)),
        (TunnelField::Csum, TunnelField::Csum),
        (TunnelField::TpDst(6081), TunnelField::TpDst(0xffff)),
        (TunnelField::GeneveOpts(&[1, 2, 0x80, 1, 0, 0, 0, 10]), TunnelField::GeneveOpts(&[0xff, 0xff, 0xff, 0x1f, 0, 0, 0, 0xff])),
    ] {
        field.put(tunnel).unwrap();
        bits.put(tunnel_mask).unwrap();
    }
    let (mut key, mut mask) = (KeyBuf::new(), KeyBuf::new());
    key.recirc_id(0x77).push(&Field::Tunnel(nla::Attr::new(uapi::key::TUNNEL, tunnel))).unwrap().in_port(1).ethernet(A, B).eth_type(0x88cc);
    mask.recirc_id(u32::MAX)
        .push(&Field::Tunnel(nla::Attr::new(uapi::key::TUNNEL, tunnel_mask)))
        .unwrap()
        .in_port(u32::MAX)
        .ethernet(Mac::ZERO, Mac::ZERO)
        .eth_type(0xffff);
    out.clear();
    let put = flow::Put {
        dp_ifindex: index,
        ufid: Some(next_ufid()),
        key: Some(key.as_bytes()),
        mask: Some(mask.as_bytes()),
        actions: Some(&forward),
        ..flow::Put::default()
    };
    flow::new(&mut out, kernel.request(fl, created | flag::CREATE), &put).unwrap();
    kernel.record("flow-new-tunnel", "OVS_FLOW_CMD_NEW of a key with a tunnel", &out);
    // A flow of a connection, partly masked.
    let (mut key, mut mask) = (KeyBuf::new(), KeyBuf::new());
    key.recirc_id(1).dp_hash(5).in_port(1).ethernet(A, B).eth_type(0x88cc);
    mask.recirc_id(u32::MAX).dp_hash(0xf).in_port(u32::MAX).ethernet(Mac::ZERO, Mac([0xff, 0, 0, 0, 0, 0])).eth_type(0xffff);
    for (field, bits) in [
        (Field::CtState(0x22), Field::CtState(0x2b)),
        (Field::CtZone(7), Field::CtZone(0xffff)),
        (Field::CtMark(1), Field::CtMark(0xff)),
        (Field::CtLabels([5; 16]), Field::CtLabels([0xf; 16])),
        (Field::SkbMark(3), Field::SkbMark(u32::MAX)),
        (Field::Priority(4), Field::Priority(0xff)),
    ] {
        key.push(&field).unwrap();
        mask.push(&bits).unwrap();
    }
    out.clear();
    let put = flow::Put {
        dp_ifindex: index,
        ufid: Some(next_ufid()),
        key: Some(key.as_bytes()),
        mask: Some(mask.as_bytes()),
        actions: Some(&forward),
        ..flow::Put::default()
    };
    flow::new(&mut out, kernel.request(fl, created | flag::CREATE), &put).unwrap();
    kernel.record("flow-new-ct", "OVS_FLOW_CMD_NEW of a key with a connection", &out);
    // A flow that counts: what br0 itself sends as IPv6.
    let (mut key, mut mask) = (KeyBuf::new(), KeyBuf::new());
    key.recirc_id(9)
        .in_port(1)
        .ethernet(A, B)
        .eth_type(0x0800)
        .push(&Field::Ipv4(key::Ipv4 { src: [0; 4].into(), dst: [0; 4].into(), proto: 6, tos: 0, ttl: 0, frag: 0 }))
        .unwrap();
    key.push(&Field::Tcp(key::Ports { src: 0, dst: 0 })).unwrap().push(&Field::TcpFlags(0)).unwrap();
    mask.recirc_id(u32::MAX).in_port(u32::MAX).ethernet(Mac::ZERO, Mac::ZERO).eth_type(0xffff);
    out.clear();
    let counted = flow::Put {
        dp_ifindex: index,
        ufid: Some(next_ufid()),
        key: Some(key.as_bytes()),
        mask: Some(mask.as_bytes()),
        actions: Some(&[]),
        ..flow::Put::default()
    };
    flow::new(&mut out, kernel.request(fl, created | flag::CREATE), &counted).unwrap();
    kernel.record("flow-new-counted", "OVS_FLOW_CMD_NEW of what the next frames match", &out);
    for (_, bytes) in frames().iter().filter(|(label, _)| *label == "tcp") {
        for _ in 0..3 {
            out.clear();
            let execute = packet::Execute { dp_ifindex: index, packet: bytes, key: meta.as_bytes(), actions: &actions, ..packet::Execute::default() };
            packet::execute(&mut out, kernel.request(pk, 0), &execute).unwrap();
            kernel.socket.send(&out[..], Msg::empty()).unwrap();
        }
    }
    sleep(Duration::from_millis(100));
    out.clear();
    flow::get(&mut out, kernel.request(fl, ack), index, flow::Which::Ufid(counted.ufid.unwrap()), 0).unwrap();
    kernel.record("flow-get", "OVS_FLOW_CMD_GET by identifier", &out);
    out.clear();
    flow::get(&mut out, kernel.request(fl, ack), index, flow::Which::Ufid(flow::Ufid([0xee; 16])), 0).unwrap();
    kernel.record("flow-get-missing", "OVS_FLOW_CMD_GET of an unknown identifier", &out);
    out.clear();
    flow::dump(&mut out, kernel.request(fl, 0), index, 0).unwrap();
    kernel.record("flow-dump", "OVS_FLOW_CMD_GET dump", &out);
    for (marker, args) in [("TEXT", &["dump-flows"][..]), ("VERBOSE", &["-m", "dump-flows"])] {
        let text = Command::new("/usr/bin/ovs-dpctl").args(args).output().expect("ovs-dpctl");
        for line in String::from_utf8_lossy(&text.stdout).lines().chain(String::from_utf8_lossy(&text.stderr).lines()) {
            println!("{marker} {line}");
        }
    }
    out.clear();
    flow::dump(&mut out, kernel.request(fl, 0), index, 7).unwrap();
    kernel.record("flow-dump-terse", "OVS_FLOW_CMD_GET dump without key, mask, actions", &out);
    out.clear();
    flow::dump(&mut out, kernel.request(fl, 0), 9999, 0).unwrap();
    kernel.record("flow-dump-missing", "OVS_FLOW_CMD_GET dump of interface index 9999", &out);
    out.clear();
    let set = flow::Put { actions: Some(&forward), clear: true, ..counted };
    flow::set(&mut out, kernel.request(fl, created), &set).unwrap();
    kernel.record("flow-set", "OVS_FLOW_CMD_SET actions and CLEAR", &out);
    out.clear();
    flow::set(&mut out, kernel.request(fl, created), &flow::Put { key: None, mask: None, ..set }).unwrap();
    kernel.record("flow-set-without-key", "OVS_FLOW_CMD_SET actions, by identifier alone", &out);
    out.clear();
    flow::set(&mut out, kernel.request(fl, created), &flow::Put { key: None, mask: None, actions: None, ..set }).unwrap();
    kernel.record("flow-clear", "OVS_FLOW_CMD_SET CLEAR, by identifier alone", &out);
    out.clear();
    flow::del(&mut out, kernel.request(fl, created), index, flow::Which::Ufid(counted.ufid.unwrap()), 0).unwrap();
    kernel.record("flow-del", "OVS_FLOW_CMD_DEL by identifier", &out);
    out.clear();
    flow::flush(&mut out, kernel.request(fl, ack), index).unwrap();
    kernel.record("flow-flush", "OVS_FLOW_CMD_DEL of every flow", &out);
    out.clear();
    vport::del(&mut out, kernel.request(vp, created), index, vport::Which::Name(&dummy0)).unwrap();
    kernel.record("vport-del", "OVS_VPORT_CMD_DEL dummy0", &out);
    out.clear();
    datapath::del(&mut out, kernel.request(dp, created), datapath::Which::Name(&system)).unwrap();
    kernel.record("dp-del", "OVS_DP_CMD_DEL ovs-system", &out);
    println!("END");
}
