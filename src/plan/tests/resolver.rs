//! The resolver's file: whose servers and domains stand in it, and what stood there before.

use super::shapes::host;
use super::*;

fn files(dns: &[&str], search: &[&str]) -> Intent {
    let Addressing::Static(fixed) = fixed(&["192.0.2.10/24"], None, dns) else { unreachable!() };
    let search = search.iter().map(|domain| (*domain).to_owned()).collect();
    intent([bridge("br0", Addressing::Static(Static { search, ..fixed }), &["eth0"])])
}

const BEFORE: &str = "search old.example\noptions rotate\nnameserver 172.16.3.1\n";

fn world() -> World {
    let mut world = host();
    world.state.resolver.content = Some(BEFORE.to_owned());
    world
}

fn says(world: &World) -> &str {
    world.state.resolver.content.as_deref().unwrap()
}

#[test]
fn domains_come_first_and_go_again() {
    let mut world = world();
    let first = files(&[], &["a.example", "b.example"]);
    breaks_nowhere(&world, &Target::Up { intent: &first, names: &[] });
    up_for_good(&mut world, &first);
    let text = "# Written by ovsdp for br0\noptions rotate\nnameserver 172.16.3.1\nsearch a.example b.example old.example\n";
    assert_eq!(says(&world), text);
    // Another domain takes their place, not one beside them.
    up_for_good(&mut world, &files(&["192.0.2.53"], &["c.example"]));
    assert_eq!(says(&world), "# Written by ovsdp for br0\noptions rotate\nsearch c.example old.example\nnameserver 192.0.2.53\n");
    // What is no longer asked for is what it was.
    up_for_good(&mut world, &files(&[], &["c.example"]));
    assert_eq!(says(&world), "# Written by ovsdp for br0\noptions rotate\nnameserver 172.16.3.1\nsearch c.example old.example\n");
    up_for_good(&mut world, &files(&[], &[]));
    assert_eq!(says(&world), BEFORE);
    up_for_good(&mut world, &first);
    down_for_good(&mut world);
    assert_eq!(says(&world), BEFORE);
}

#[test]
fn what_somebody_wrote_meanwhile_stays_beside_it() {
    let mut world = world();
    up_for_good(&mut world, &files(&[], &["a.example"]));
    world.state.resolver.content = Some("nameserver 192.0.2.9\n".to_owned());
    up_for_good(&mut world, &files(&[], &["a.example"]));
    assert_eq!(says(&world), "# Written by ovsdp for br0\nnameserver 192.0.2.9\nsearch a.example\n");
}

/// A lease's list is the whole of it; a file's own domains come before.
#[test]
fn a_leases_domain_replaces_what_was_there() {
    let mut world = world();
    world.server = Some(Lease { domain: Some("lease.example".to_owned()), ..lease() });
    let own = Dhcp { through: vec![name("eth0")], search: vec!["own.example".to_owned()], ..Dhcp::default() };
    up_for_good(&mut world, &intent([bridge("br0", Addressing::Dhcp(own), &["eth0"])]));
    assert_eq!(says(&world), "# Written by ovsdp for br0\noptions rotate\nsearch own.example lease.example\nnameserver 172.16.3.1\n");
    // A search list comes in place of the domain.
    let mut world = self::world();
    let search = vec!["one.example".to_owned(), "two.example".to_owned()];
    world.server = Some(Lease { domain: Some("lease.example".to_owned()), search, ..lease() });
    up_for_good(&mut world, &intent([bridge("br0", dhcp(&["eth0"]), &["eth0"])]));
    assert_eq!(says(&world), "# Written by ovsdp for br0\noptions rotate\nsearch one.example two.example\nnameserver 172.16.3.1\n");
}

#[test]
fn another_programs_file_is_left_alone_and_people_are_told() {
    let mut world = world();
    world.state.resolver.ours_to_write = false;
    let report = up_for_good(&mut world, &files(&["192.0.2.53"], &["a.example"]));
    let notes: Vec<_> = report.notes.iter().filter(|note| note.contains("resolv.conf")).collect();
    assert_eq!(notes, ["/etc/resolv.conf is a link, so another program keeps it: it is not told of 192.0.2.53, a.example for br0"]);
    assert_eq!(says(&world), BEFORE);
    assert!(up(&mut world, &files(&["192.0.2.53"], &["a.example"])).notes.iter().all(|note| !note.contains("resolv.conf")));
}

/// Where systemd-resolved keeps the file it is told instead, for each interface, and the file is left alone.
#[test]
fn systemd_resolved_is_told_and_forgets() {
    let mut world = world();
    world.state.resolver.ours_to_write = false;
    world.state.resolver.resolved = Some(std::collections::BTreeMap::new());
    let before = world.snapshot();
    let told = |world: &World| world.state.resolver.resolved.as_ref().unwrap().get(&name("br0")).cloned();
    let link = |servers: &[&str], search: &[&str]| {
        let search = search.iter().map(|domain| (*domain).to_owned()).collect();
        Some(LinkResolver { servers: servers.iter().map(|server| server.parse().unwrap()).collect(), search })
    };
    let first = files(&["192.0.2.53"], &["a.example"]);
    breaks_nowhere(&world, &Target::Up { intent: &first, names: &[] });
    let report = up_for_good(&mut world, &first);
    assert!(!report.notes.iter().any(|note| note.contains("resolv.conf")), "{:?}", report.notes);
    assert_eq!(told(&world), link(&["192.0.2.53"], &["a.example"]));
    let second = files(&["192.0.2.54", "2001:db8::53"], &[]);
    breaks_nowhere(&world, &Target::Up { intent: &second, names: &[] });
    up_for_good(&mut world, &second);
    assert_eq!(told(&world), link(&["192.0.2.54", "2001:db8::53"], &[]));
    // Somebody told it something else: what the file says holds.
    world.state.resolver.resolved.as_mut().unwrap().remove(&name("br0"));
    up_for_good(&mut world, &second);
    assert_eq!(told(&world), link(&["192.0.2.54", "2001:db8::53"], &[]));
    up_for_good(&mut world, &files(&[], &[]));
    assert_eq!(told(&world), None);
    up_for_good(&mut world, &first);
    breaks_nowhere(&world, &Target::Down { names: &[], with_foreign_ports: false });
    down_for_good(&mut world);
    assert_same(&world.snapshot(), &before, "after down");
    assert_eq!(says(&world), BEFORE);
}
