use super::*;

fn wrong(text: &str) -> String {
    parse(text, &Ports::default()).unwrap_err()
}

#[test]
fn what_is_wrong_is_named() {
    for (text, said) in [
        ("frob=1", "unknown field frob"),
        ("frob", "unknown field frob"),
        ("in_port", "in_port needs a value"),
        ("ip=1", "ip takes no value"),
        ("nw_src=10.0.0.1", "prerequisites not met for setting nw_src"),
        ("tcp,ipv6_src=::1", "prerequisites not met for setting ipv6_src"),
        ("udp,tcp_dst=80", "prerequisites not met for setting tcp_dst"),
        ("ip,tp_dst=80", "prerequisites not met for setting tp_dst"),
        ("ip,arp", "Ethernet type set multiple times"),
        ("ip,dl_type=0x800", "Ethernet type set multiple times"),
        ("in_port=1,in_port=2", "field in_port set multiple times"),
        ("in_port=eth7", "bad value for in_port (eth7 is no number)"),
        ("tcp,tp_dst=65536", "65536 is more than 16 bits hold"),
        ("tcp,tp_dst=+1", "+1 is no number"),
        ("ip,nw_src=10.0.0.0/33", "an address has 32 bits"),
        ("ip,nw_src=10.0.0", "10.0.0 is no address"),
        ("dl_src=02:00", "02:00 is no Ethernet address"),
        ("ct_state=+foo", "foo is no state"),
        ("ct_state=+est-est", "est is there twice"),
        ("ct_state=+", " is no state"),
        ("metadata=1", "flows in a datapath have no metadata"),
        ("reg3=1", "flows in a datapath have no reg3"),
        ("regular=1", "unknown field regular"),
        ("_=1", "unknown field _"),
    ] {
        assert!(wrong(text).contains(said), "{text}: {}", wrong(text));
    }
}

/// Both say the same in the two languages, so that one form has to come of both.
#[test]
fn it_says_what_flow_text_says() {
    for (openflow, place, text) in [
        ("in_port=3", &[key::IN_PORT][..], "in_port(3)"),
        ("ct_zone=5/0xf", &[key::CT_ZONE], "ct_zone(5/0xf)"),
        ("ct_state=+est-inv", &[key::CT_STATE], "ct_state(+est-inv)"),
        ("ct_mark=0x1/0x3", &[key::CT_MARK], "ct_mark(0x1/0x3)"),
        ("recirc_id=9", &[key::RECIRC_ID], "recirc_id(9)"),
        ("tun_id=0x7/0xff", &[key::TUNNEL, tunnel_key::ID], "tunnel(tun_id=0x7/0xff)"),
        ("tun_dst=10.0.0.0/8", &[key::TUNNEL, tunnel_key::IPV4_DST], "tunnel(dst=10.0.0.0/8)"),
        ("tun_ipv6_src=fe80::/10", &[key::TUNNEL, tunnel_key::IPV6_SRC], "tunnel(ipv6_src=fe80::/10)"),
        ("dl_vlan=7", &[key::VLAN], "vlan(vid=7)"),
        ("dl_vlan_pcp=5", &[key::VLAN], "vlan(pcp=5)"),
    ] {
        let (mut key, mut mask) = (Vec::new(), Vec::new());
        ovsdp_proto::key::parse_key(text, None, &mut key, &mut mask).unwrap();
        let expected = Filter::new(Rule::Agrees).with_key(&key, &mask).unwrap();
        assert_eq!(parse(openflow, &Ports::default()), Ok(expected), "{openflow} at {place:?}");
    }
}

#[test]
fn layers_lead_to_their_attributes() {
    let agrees = || Filter::new(Rule::Agrees);
    let ip = || agrees().with_innermost(key::ETHERTYPE, 0, &[8, 0], &[0xff; 2]);
    let ipv6 = || agrees().with_innermost(key::ETHERTYPE, 0, &[0x86, 0xdd], &[0xff; 2]);
    let arp = || agrees().with_innermost(key::ETHERTYPE, 0, &[8, 6], &[0xff; 2]);
    for (text, expected) in [
        ("", agrees()),
        ("ip,nw_src=10.1.2.3/255.255.0.0", ip().with_innermost(key::IPV4, 0, &[10, 1, 0, 0], &[255, 255, 0, 0])),
        ("ip, ip_dst=10.0.0.0/9", ip().with_innermost(key::IPV4, 4, &[10, 0, 0, 0], &[255, 128, 0, 0])),
        ("arp,nw_src=10.0.0.1", arp().with_innermost(key::ARP, 0, &[10, 0, 0, 1], &[255; 4])),
        ("arp,nw_proto=2", arp().with_innermost(key::ARP, 8, &[0, 2], &[255; 2])),
        ("sctp,tp_src=5", ip().with_innermost(key::IPV4, 8, &[132], &[255]).with_innermost(key::SCTP, 0, &[0, 5], &[255; 2])),
        ("udp6 udp_dst=0x100/0xff00", ipv6().with_innermost(key::IPV6, 36, &[17], &[255]).with_innermost(key::UDP, 2, &[1, 0], &[255, 0])),
        ("icmp6,icmpv6_code=1", ipv6().with_innermost(key::IPV6, 36, &[58], &[255]).with_innermost(key::ICMPV6, 1, &[1], &[255])),
        ("ip,nw_tos=0x11", ip().with_innermost(key::IPV4, 9, &[0x10], &[0xfc])),
        ("ipv6,nw_ttl=3", ipv6().with_innermost(key::IPV6, 38, &[3], &[255])),
    ] {
        assert_eq!(parse(text, &Ports::default()), Ok(expected), "{text}");
    }
}
