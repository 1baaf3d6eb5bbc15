//! What systemd-resolved has been told, and how it is told: by its own interface on the system bus (org.freedesktop.resolve1(5)).

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use ovsdp_proto::IfName;

use super::paths::RESOLV_CONF;
use crate::bus::{self, Bus, Object, Value};
use crate::error::{Error, Kind};
use crate::plan::{self, LinkResolver, Memory};
use crate::rtnl::Link;

const SERVICE: &str = "org.freedesktop.resolve1";
const MANAGER: Object = Object { service: SERVICE, path: "/org/freedesktop/resolve1" };
const MANAGER_INTERFACE: &str = "org.freedesktop.resolve1.Manager";
/// It follows the kernel's devices with a delay.
const NO_SUCH_LINK: &str = "org.freedesktop.resolve1.NoSuchLink";
/// How long it may take to hear of a new device.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where it keeps the files that `/etc/resolv.conf` leads to when it is in charge.
const FOLDER: &str = "/run/systemd/resolve/";

/// What it has been told for the interfaces of `memory`; `None` when it is not in charge of the resolver's file, or does not run.
///
/// # Errors
/// It does not answer.
pub fn observe(links: &[Link], memory: &Memory) -> Result<Option<BTreeMap<IfName, LinkResolver>>, Error> {
    if !keeps(Path::new(RESOLV_CONF)) {
        return Ok(None);
    }
    let failed = |error: bus::Error| Error::new(Kind::Failed, format!("cannot ask systemd-resolved: {error}"));
    let Some(mut bus) = Bus::system().map_err(failed)? else { return Ok(None) };
    if !bus.has(SERVICE).map_err(failed)? {
        return Ok(None);
    }
    let mut told = BTreeMap::new();
    for name in plan::told_resolver(memory) {
        let Some(link) = links.iter().find(|link| link.name == name) else { continue };
        let link = of_link(&mut bus, link.index).map_err(failed)?;
        if link != LinkResolver::default() {
            told.insert(name, link);
        }
    }
    Ok(Some(told))
}

/// Whether the file is a link into the folder of systemd-resolved's.
fn keeps(file: &Path) -> bool {
    let Ok(target) = fs::read_link(file) else { return false };
    let from = file.parent().unwrap_or(Path::new("/"));
    // Written from the root, or from where the link is (`../run/…`).
    let whole = from.join(target);
    let mut parts: Vec<_> = Vec::new();
    for part in whole.components() {
        match part {
            std::path::Component::ParentDir => drop(parts.pop()),
            std::path::Component::Normal(name) => parts.push(name),
            _ => {}
        }
    }
    let plain: std::path::PathBuf = std::iter::once(std::ffi::OsStr::new("/")).chain(parts).collect();
    plain.starts_with(FOLDER)
}

/// Nothing when it does not know the device, yet.
fn of_link(bus: &mut Bus, index: u32) -> Result<LinkResolver, bus::Error> {
    let index = Value::Int(index.cast_signed());
    let mut property = |name: &str| -> Result<Vec<Vec<Value>>, bus::Error> {
        let answer = match bus.call(MANAGER, MANAGER_INTERFACE, "GetLink", std::slice::from_ref(&index)) {
            Err(bus::Error::Refused { name, .. }) if name == NO_SUCH_LINK => return Ok(Vec::new()),
            other => other?,
        };
        let Some(Value::Text(path)) = answer.into_iter().next() else { return Ok(Vec::new()) };
        let arguments = [Value::text("org.freedesktop.resolve1.Link"), Value::text(name)];
        let found = bus.call_at(SERVICE, &path, "org.freedesktop.DBus.Properties", "Get", &arguments)?;
        Ok(if let Some(Value::List(_, list)) = found.into_iter().next() { list } else { Vec::new() })
    };
    let servers = property("DNS")?.into_iter().filter_map(|server| match server.as_slice() {
        [Value::Int(_), Value::Bytes(bytes)] => address(bytes),
        _ => None,
    });
    let servers: Vec<IpAddr> = servers.collect();
    let search = property("Domains")?.into_iter().filter_map(|domain| match domain.as_slice() {
        // One that only says where to ask is not searched.
        [Value::Text(name), Value::Bool(false)] => Some(name.clone()),
        _ => None,
    });
    Ok(LinkResolver { servers, search: search.collect() })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    v4.or_else(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from))
}

/// Tells it what `to` says of the interface that the kernel numbers `index`. `lenient`: that nobody is there to be told is as good.
///
/// # Errors
/// It refuses, in its own words, or does not answer in time.
pub fn tell(ifname: IfName, index: u32, to: &LinkResolver, lenient: bool) -> Result<(), Error> {
    let advice = "see `resolvectl status`; `PEERDNS=no` in the file leaves systemd-resolved alone";
    let failed = |error: bus::Error| Error::new(Kind::Failed, format!("systemd-resolved is not told of {ifname}: {error}")).advise(advice);
    let bus = match Bus::system() {
        Ok(Some(bus)) => Some(bus),
        Ok(None) => None,
        Err(error) => return Err(failed(error)),
    };
    let Some(mut bus) = bus else { return if lenient { Ok(()) } else { Err(failed(bus::Error::Absent)) } };
    let deadline = Instant::now() + PATIENCE;
    loop {
        match calls(&mut bus, Value::Int(index.cast_signed()), to) {
            Ok(()) => return Ok(()),
            Err(bus::Error::Absent) if lenient => return Ok(()),
            Err(bus::Error::Refused { name, .. }) if name == NO_SUCH_LINK && lenient => return Ok(()),
            Err(bus::Error::Refused { name, .. }) if name == NO_SUCH_LINK && Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
            Err(error) => return Err(failed(error)),
        }
    }
}

fn calls(bus: &mut Bus, index: Value, to: &LinkResolver) -> Result<(), bus::Error> {
    if *to == LinkResolver::default() {
        return bus.call(MANAGER, MANAGER_INTERFACE, "RevertLink", &[index]).map(drop);
    }
    let server = |server: &IpAddr| match server {
        IpAddr::V4(v4) => vec![Value::Int(nix::libc::AF_INET), Value::Bytes(v4.octets().to_vec())],
        IpAddr::V6(v6) => vec![Value::Int(nix::libc::AF_INET6), Value::Bytes(v6.octets().to_vec())],
    };
    let servers = Value::List("iay".to_owned(), to.servers.iter().map(server).collect());
    bus.call(MANAGER, MANAGER_INTERFACE, "SetLinkDNS", &[index.clone(), servers])?;
    let domains = to.search.iter().map(|domain| vec![Value::text(domain.as_str()), Value::Bool(false)]).collect();
    bus.call(MANAGER, MANAGER_INTERFACE, "SetLinkDomains", &[index, Value::List("sb".to_owned(), domains)]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_the_file_is() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("resolv.conf");
        let up = "../".repeat(12);
        for (target, expected) in [
            ("/run/systemd/resolve/stub-resolv.conf".to_owned(), true),
            (format!("{up}run/systemd/resolve/resolv.conf"), true),
            ("/run/NetworkManager/resolv.conf".to_owned(), false),
            ("/run/systemd/resolved".to_owned(), false),
        ] {
            std::os::unix::fs::symlink(&target, &file).unwrap();
            assert_eq!(keeps(&file), expected, "{target}");
            fs::remove_file(&file).unwrap();
        }
        fs::write(&file, "").unwrap();
        assert!(!keeps(&file));
    }
}
