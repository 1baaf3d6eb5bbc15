//! Any files on any host.

use proptest::prelude::*;

use super::*;
use crate::model::{self, Alias, Dhcp6, Ipv6, Ipv6Setting, Ipv6Settings, PolicyRule, RouteKind, RouteMetric, RuleAction};

const NICS: [&str; 3] = ["eth0", "eth1", "eth2"];
/// What a new device gets.
const NEW: [(Ipv6Setting, i32); 5] =
    [(Ipv6Setting::Forwarding, 0), (Ipv6Setting::AcceptRa, 1), (Ipv6Setting::Autoconf, 1), (Ipv6Setting::UseTempaddr, 0), (Ipv6Setting::Mtu, 1500)];

#[derive(Debug, Clone)]
struct Nic {
    up: bool,
    vendor: bool,
    mtu: u32,
    addresses: Vec<(u8, u8, bool)>,
    v6: Option<bool>,
    default: bool,
    extra: bool,
    client: bool,
}

fn nic() -> impl Strategy<Value = Nic> {
    let addresses = prop::collection::vec((0..3u8, 2..6u8, any::<bool>()), 0..4);
    (any::<bool>(), any::<bool>(), prop::sample::select(vec![1400u32, 1500, 9000]), addresses, any::<Option<bool>>(), any::<[bool; 3]>())
        .prop_map(|(up, vendor, mtu, addresses, v6, [default, extra, client])| Nic { up, vendor, mtu, addresses, v6, default, extra, client })
}

fn world() -> impl Strategy<Value = World> {
    (prop::collection::vec(nic(), 3), 0..3u8, 2..6u8, any::<[bool; 4]>()).prop_map(|(nics, subnet, host, [far, domain, mtu, symlink])| {
        let mut world = World::new();
        world.state.ipv6.default = NEW.into();
        for (at, (ifname, nic)) in NICS.iter().zip(nics).enumerate() {
            let mac = format!("{}:00:00:00:00:{:02x}", if nic.vendor { "00" } else { "52" }, 9 - at);
            world.add_nic(ifname, &mac, nic.up);
            world.state.links.get_mut(&name(ifname)).unwrap().mtu = nic.mtu;
            // As a device has it whose owner listens to routers by itself.
            let own = [(Ipv6Setting::AcceptRa, i32::from(!nic.client)), (Ipv6Setting::Mtu, i32::try_from(nic.mtu).unwrap())];
            world.state.ipv6.devices.insert(name(ifname), Ipv6Settings::from(NEW).into_iter().chain(own).collect());
            for (subnet, host, limited) in &nic.addresses {
                let address = format!("10.{at}.{subnet}.{host}/24");
                if !world.state.addresses_on(name(ifname)).any(|a| a.address == net(&address)) {
                    world.add_address(ifname, &address, limited.then_some(1000));
                }
            }
            if let (true, Some(limited)) = (nic.up, nic.v6) {
                world.add_address(ifname, &format!("2001:db8:{at}::7/64"), limited.then_some(1000));
                let via = Route {
                    metric: Some(1024),
                    ..Route::main(name(ifname), net("::/0"), Some(ip("fe80::1")), if limited { PROTOCOL_RA } else { PROTOCOL_STATIC })
                };
                world.add_route(via);
            }
            if let (true, Some((subnet, host, _))) = (nic.up, nic.addresses.first()) {
                let gateway = format!("10.{at}.{subnet}.1");
                let source = Some(ip(&format!("10.{at}.{subnet}.{host}")));
                if nic.default {
                    world.add_route(Route { prefsrc: source.filter(|_| nic.extra), ..default_route(ifname, &gateway) });
                }
                if nic.extra {
                    world.add_route(Route::main(name(ifname), net("192.168.77.1/32"), None, PROTOCOL_STATIC));
                    world.add_route(Route { table: 7, ..Route::main(name(ifname), net("172.31.0.0/16"), Some(ip("192.168.77.1")), PROTOCOL_STATIC) });
                }
            }
            if nic.client {
                let pid = u32::try_from(at).unwrap();
                world.state.dhcp_clients.push(DhcpClient { pid, start_time: 1, name: "udhcpc".to_owned(), ifname: name(ifname), paused: false });
            }
        }
        let mut offered = lease();
        offered.address = format!("10.0.{subnet}.{host}/24").parse().unwrap();
        offered.routers = vec![if far { "10.9.9.1".parse().unwrap() } else { format!("10.0.{subnet}.1").parse().unwrap() }];
        offered.domain = domain.then(|| "example.org".to_owned());
        offered.mtu = mtu.then_some(1300);
        world.server = Some(offered);
        world.server6 = Some(leases6::lease6());
        world.state.resolver.ours_to_write = !symlink;
        world
    })
}

fn addressing(subnet: u8) -> impl Strategy<Value = Addressing> {
    let fixed_at = move |(hosts, gateway, dns): (Vec<u8>, bool, bool)| {
        let mut addresses: Vec<String> = hosts.iter().map(|host| format!("10.{subnet}.{}.{host}/24", host % 2)).collect();
        addresses.dedup();
        let gateway = gateway.then(|| format!("10.{subnet}.{}.1", hosts[0] % 2));
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        fixed(&addresses, gateway.as_deref(), if dns { &["9.9.9.9"] } else { &[] })
    };
    prop_oneof![
        Just(Addressing::None),
        Just(dhcp(&[])),
        (prop::sample::subsequence(vec![2u8, 3, 4, 5], 1..4), any::<bool>(), any::<bool>()).prop_map(fixed_at),
    ]
}

/// Not asked for, or one of two values.
type Choice = Option<bool>;

/// What a file may ask of IPv6: an address the first device has, another, or none.
fn ipv6() -> impl Strategy<Value = Ipv6> {
    let asked = |(addresses, gateway, autoconf, [privacy, mtu, dhcp]): (Vec<&str>, Choice, Choice, [Choice; 3])| {
        let mut ipv6 = Ipv6 { addresses: addresses.iter().map(|net| net.parse().unwrap()).collect(), autoconf, ..Ipv6::default() };
        ipv6.gateway = gateway.map(|link| if link { "fe80::1".parse().unwrap() } else { "2001:db8:9::1".parse().unwrap() });
        ipv6.dhcp = dhcp.map(|address| Dhcp6 { address, ..Dhcp6::default() });
        let mut set = |setting, value: Option<i32>| ipv6.settings.extend(value.map(|value| (setting, value)));
        set(Ipv6Setting::AcceptRa, autoconf.map(i32::from));
        set(Ipv6Setting::UseTempaddr, privacy.map(|on| if on { 2 } else { 0 }));
        set(Ipv6Setting::Mtu, mtu.map(|small| if small { 1280 } else { 1300 }));
        ipv6
    };
    let addresses = prop::sample::subsequence(vec!["2001:db8:0::7/64", "2001:db8:5::8/64"], 0..3);
    (addresses, any::<Option<bool>>(), any::<Option<bool>>(), any::<[Option<bool>; 3]>()).prop_map(asked)
}

/// What files beside the interface's own may hold: routes over networks that may be there or not, rules, and further addresses.
fn beside() -> impl Strategy<Value = (Vec<model::Route>, Vec<PolicyRule>, Vec<Alias>)> {
    let route = |(dst, via, kind, mtu, metric, onlink): (&str, Option<&str>, RouteKind, bool, Option<u32>, bool)| {
        let via = via.filter(|_| kind == RouteKind::Unicast).map(ip);
        let metrics = if mtu { [(RouteMetric::Mtu, 1280)].into() } else { [].into() };
        // Some lead over a second gateway as well.
        let several = via.filter(|via| via.is_ipv4() && metric == Some(2));
        let hop = |via, weight| model::Hop { via, weight, onlink };
        let hops = several.map(|via| vec![hop(via, 1), hop(ip("10.0.0.2"), 3)]).unwrap_or_default();
        let via = via.filter(|_| hops.is_empty());
        model::Route { kind, metrics, metric, onlink: onlink && via.is_some(), hops, ..model::Route::new(net(dst), via) }
    };
    let v4 = prop::option::of(prop::sample::select(vec!["10.0.0.1", "10.0.1.1", "10.5.1.1", "10.66.0.2"]));
    let v6 = prop::option::of(prop::sample::select(vec!["fe80::1", "2001:db8:0::9", "2001:db8:77::1"]));
    let kind = || prop::sample::select(vec![RouteKind::Unicast, RouteKind::Unicast, RouteKind::Blackhole, RouteKind::Unreachable]);
    let rest = || (kind(), any::<bool>(), prop::option::of(1..3u32), any::<bool>());
    let of = |dst: &'static str, via: BoxedStrategy<Option<&'static str>>| {
        let all = (via, rest()).prop_map(move |(via, (kind, mtu, metric, onlink))| route((dst, via, kind, mtu, metric, onlink)));
        prop::option::of(all)
    };
    let routes = (of("172.16.0.0/12", v4.clone().boxed()), of("0.0.0.0/0", v4.boxed()), of("2001:db8:50::/48", v6.boxed()));
    let lookup = |(priority, table)| PolicyRule { priority, ..PolicyRule::new(false, RuleAction::lookup(table)) };
    let rules = prop::collection::vec((prop::option::of(1..4u32), 1..3u32).prop_map(lookup), 0..3);
    let alias = |(address, label): (&str, &str)| Alias { address: address.parse().unwrap(), label: label.to_owned() };
    let aliases = prop::sample::subsequence(vec![("10.66.0.1/24", "br0:1"), ("10.0.0.9/24", "br0:2")], 0..3);
    let aliases = aliases.prop_map(move |list| list.into_iter().map(alias).collect());
    (routes, rules, aliases).prop_map(|((a, b, c), mut rules, aliases): (_, Vec<PolicyRule>, _)| {
        // As the files' reader leaves them: none twice, whether with a priority or without.
        let mut seen: Vec<PolicyRule> = Vec::new();
        rules.retain(|rule| {
            let is_new = !seen.iter().any(|known| known.action == rule.action || (rule.priority.is_some() && known.priority == rule.priority));
            seen.push(rule.clone());
            is_new
        });
        ([a, b, c].into_iter().flatten().collect(), rules, aliases)
    })
}

fn one_lease(mut files: Intent) -> Intent {
    // There is one server, and it gives one address.
    let mut seen = false;
    for bridge in files.bridges.values_mut() {
        let Bridge { local, ports, .. } = bridge;
        for interface in std::iter::once(local).chain(ports.values_mut().flat_map(|port| &mut port.interfaces)) {
            if matches!(interface.addressing, Addressing::Dhcp(_)) {
                if seen {
                    interface.addressing = Addressing::None;
                }
                seen = true;
            }
        }
    }
    files
}

fn files() -> impl Strategy<Value = Intent> {
    let owner = prop::collection::vec(0..3usize, 3);
    let pins = (any::<Option<bool>>(), any::<Option<bool>>(), any::<Option<bool>>());
    (owner, addressing(0), addressing(1), prop::option::of(addressing(5)), any::<bool>(), pins, prop::option::of(ipv6()), beside()).prop_map(
        |(owner, first, second, internal, both, (mac, mtu, port_mtu), ipv6, (routes, rules, aliases))| {
            let members = |bridge: usize| -> Vec<&str> { NICS.iter().zip(&owner).filter(|(_, o)| **o == bridge).map(|(n, _)| *n).collect() };
            let mut br0 = bridge("br0", first, &members(0));
            br0.local.ipv6 = ipv6.unwrap_or_default();
            br0.local.aliases = aliases;
            br0.local.rules = rules;
            br0.local.routes = if br0.local.is_addressed() { routes } else { Vec::new() };
            br0.local.mac = mac.map(|_| "02:00:00:00:00:77".parse().unwrap());
            br0.local.mtu = mtu.map(|small| if small { 1350 } else { 1450 });
            for port in br0.ports.values_mut() {
                port.interfaces[0].mtu = port_mtu.map(|small| if small { 1360 } else { 1500 });
                port.interfaces[0].mac = port_mtu.filter(|small| *small).and_then(|_| "02:00:00:00:00:78".parse().ok());
            }
            if let Some(addressing) = internal {
                br0.ports.insert(name("int0"), Port::new(interface("int0", Kind::Internal, addressing)));
            }
            let br1 = both.then(|| bridge("br1", second, &members(1)));
            one_lease(intent([br0].into_iter().chain(br1)))
        },
    )
}

/// What the devices that exist by themselves carry, lifetimes aside: a lease may have been renewed meanwhile.
/// Which of two addresses in one subnet is the primary one may change when one of them was owed for a while.
fn devices(world: &World) -> Observed {
    let mut state = world.snapshot();
    state.routes.retain(|route| route.protocol != PROTOCOL_KERNEL);
    for address in &mut state.addresses {
        address.flags = 0;
        if address.valid_lft.is_some() {
            (address.valid_lft, address.preferred_lft) = (Some(0), Some(0));
        }
    }
    state
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn applied_is_applied_and_down_is_as_before(mut world in world(), files in files(), later in files()) {
        let before = devices(&world);
        for files in [&files, &later] {
            // A bridge that no file names any longer stays up until it is taken down.
            let gone: Vec<_> = world.state.memory.bridges.keys().filter(|name| !files.bridges.contains_key(*name)).copied().collect();
            if !gone.is_empty() {
                apply(&mut world, &Target::Down { names: &gone, with_foreign_ports: false }, &mut |_| {});
            }
            let report = up(&mut world, files);
            prop_assert!(matches!(report.outcome, Outcome::Applied | Outcome::Unchanged), "{:#?}", report.outcome);
            let again = up(&mut world, files);
            prop_assert!(matches!(again.outcome, Outcome::Unchanged), "{:#?}", again.steps);
            for bridge in files.bridges.values() {
                for member in bridge.interfaces().filter(|i| i.kind == Kind::System) {
                    prop_assert!(world.state.addresses_on(member.name).all(Address::is_link_local_v6));
                    prop_assert_eq!(world.state.routes_on(member.name).count(), 0);
                }
            }
        }
        let last = world.state.memory.clone();
        let report = take_down(&mut world);
        prop_assert!(matches!(report.outcome, Outcome::Applied), "{:#?}", report.outcome);
        let after = devices(&world);
        prop_assert_eq!(after.links, before.links);
        prop_assert_eq!(after.addresses, before.addresses, "{:#?}", last);
        prop_assert_eq!(after.routes, before.routes);
        prop_assert_eq!(after.resolver, before.resolver);
        prop_assert_eq!(after.dhcp_clients, before.dhcp_clients);
        prop_assert_eq!(after.memory, before.memory);
        prop_assert_eq!(after.vports, before.vports);
    }

    #[test]
    fn broken_anywhere_it_is_as_before(mut world in world(), files in files(), later in files(), at in any::<prop::sample::Index>(), down in any::<bool>()) {
        breaks_at(&world, &Target::Up { intent: &files, names: &[] }, at)?;
        up(&mut world, &files);
        breaks_at(&world, &if down { Target::Down { names: &[], with_foreign_ports: false } } else { Target::Up { intent: &later, names: &[] } }, at)?;
    }
}

fn breaks_at(start: &World, target: &Target<'_>, at: prop::sample::Index) -> Result<(), TestCaseError> {
    let before = start.snapshot();
    let whole = apply(&mut start.clone(), target, &mut |_| {});
    let steps = whole.steps.len();
    if matches!(whole.outcome, Outcome::Refused(_)) || steps == 0 {
        return Ok(());
    }
    let at = at.index(steps);
    let mut failed = World { fail_in: Some(at), ..start.clone() };
    let report = apply(&mut failed, target, &mut |_| {});
    prop_assert!(matches!(report.outcome, Outcome::RolledBack(_)), "{:#?}", report.outcome);
    prop_assert_eq!(failed.snapshot(), before.clone());
    for after in [false, true] {
        let mut killed = World { kill_in: Some((at, after)), ..start.clone() };
        let _ = apply(&mut killed, target, &mut |_| {});
        killed.restart();
        prop_assert_eq!(killed.snapshot(), before.clone());
    }
    Ok(())
}
