//! Scopes, peers and broadcast addresses: the kernel changes none of them in place.

use super::shapes::host;
use super::*;
use crate::model::{Alias, Reach};

fn files(reach: Reach) -> Intent {
    let mut bridge = bridge("br0", fixed(&["192.0.2.10/24"], Some("192.0.2.1"), &[]), &["eth0"]);
    bridge.local.aliases = vec![Alias { address: "192.0.2.77/24".parse().unwrap(), label: "br0:1".to_owned() }];
    bridge.local.reach = reach;
    intent([bridge])
}

fn shown(world: &World) -> Vec<String> {
    let v4 = world.state.addresses_on(name("br0")).filter(|address| matches!(address.address, IpNet::V4(_)));
    let mut list: Vec<_> = v4.map(|one| format!("{} {:?} {} {:?}", one.address, one.peer, one.scope, one.broadcast)).collect();
    list.sort();
    list
}

#[test]
fn what_is_asked_for_is_made_and_goes_again() {
    let mut world = host();
    let before = world.snapshot();
    let near = Reach { scope: SCOPE_LINK, ..Reach::default() };
    let old_style = Reach { broadcasts: [("192.0.2.10".parse().unwrap(), "192.0.2.0".parse().unwrap())].into(), ..near.clone() };
    let opposite = Reach { peer: Some("192.0.2.1/32".parse().unwrap()), ..Reach::default() };
    let plain = ["192.0.2.10/24 None 0 Some(192.0.2.255)", "192.0.2.77/24 None 0 Some(192.0.2.255)"];
    for (reach, expected) in [
        (Reach::default(), plain),
        (near, ["192.0.2.10/24 None 253 Some(192.0.2.255)", "192.0.2.77/24 None 253 Some(192.0.2.255)"]),
        (old_style, ["192.0.2.10/24 None 253 Some(192.0.2.0)", "192.0.2.77/24 None 253 Some(192.0.2.255)"]),
        (opposite, ["192.0.2.10/32 Some(192.0.2.1) 0 None", "192.0.2.77/24 None 0 Some(192.0.2.255)"]),
        (Reach::default(), plain),
    ] {
        let files = files(reach);
        breaks_nowhere(&world, &Target::Up { intent: &files, names: &[] });
        up_for_good(&mut world, &files);
        assert_eq!(shown(&world), expected);
        assert!(world.state.routes_on(name("br0")).any(|route| route.is_default() && route.via == Some(ip("192.0.2.1"))));
    }
    down_for_good(&mut world);
    assert_same(&world.snapshot(), &before, "after down");
}

/// The usual broadcast address may be missing where somebody else made the address.
#[test]
fn a_missing_broadcast_address_is_no_difference() {
    let wanted = Address::lasting(name("br0"), net("192.0.2.10/24"));
    let there = Address { broadcast: None, ..wanted.clone() };
    assert!(!wanted.must_be_made_anew(&there));
    let unusual = Address { broadcast: Some("192.0.2.0".parse().unwrap()), ..wanted.clone() };
    assert!(unusual.must_be_made_anew(&there) && wanted.must_be_made_anew(&unusual));
    let v6 = Address::lasting(name("br0"), net("2001:db8::1/64"));
    assert!(!v6.must_be_made_anew(&Address { scope: SCOPE_LINK, ..v6.clone() }), "of IPv6 the kernel says the scope");
}
