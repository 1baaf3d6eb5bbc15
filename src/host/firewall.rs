//! firewalld's zones, and how an interface is put into one: by its own interface on the system bus (firewalld.dbus(5)).
//!
//! Only what holds now is changed, nothing that firewalld has written down: so did network-scripts.

use std::time::Duration;

use ovsdp_proto::IfName;

use crate::bus::{self, Bus, Object, Value};
use crate::error::{Error, Kind};
use crate::model::Zone;
use crate::plan::Firewall;

const SERVICE: &str = "org.fedoraproject.FirewallD1";
const DAEMON: Object = Object { service: SERVICE, path: "/org/fedoraproject/FirewallD1" };
const ZONES: &str = "org.fedoraproject.FirewallD1.zone";
/// It writes rules of the kernel's before it answers, and answers one after the other.
const PATIENCE: Duration = Duration::from_secs(10);
/// What its refusal begins with when an interface is in no zone.
const IN_NONE: &str = "UNKNOWN_INTERFACE";

/// Its zones and what is in them; `None` when it does not run.
///
/// # Errors
/// It does not answer.
pub fn observe() -> Result<Option<Firewall>, Error> {
    let failed = |error: bus::Error| failure("cannot ask firewalld for its zones", error);
    let Some(mut bus) = bus().map_err(failed)? else { return Ok(None) };
    match ask(&mut bus) {
        Ok(firewall) => Ok(Some(firewall)),
        // It has ended meanwhile.
        Err(bus::Error::Absent) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// The bus, if it is on it.
fn bus() -> Result<Option<Bus>, bus::Error> {
    let Some(bus) = Bus::system()? else { return Ok(None) };
    let mut bus = bus.patient(PATIENCE)?;
    Ok(bus.has(SERVICE)?.then_some(bus))
}

fn failure(what: &str, error: bus::Error) -> Error {
    let kind = if matches!(error, bus::Error::TimedOut(_)) { Kind::TimedOut } else { Kind::Failed };
    Error::new(kind, format!("{what}: {error}")).advise("see `firewall-cmd --state` and firewalld's log; without `ZONE` it is left alone")
}

fn ask(bus: &mut Bus) -> Result<Firewall, bus::Error> {
    let mut firewall = Firewall::default();
    if let Some(Value::Text(zone)) = bus.call(DAEMON, SERVICE, "getDefaultZone", &[])?.into_iter().next() {
        firewall.default = zone;
    }
    firewall.zones.extend(texts(bus.call(DAEMON, ZONES, "getZones", &[])?.first()));
    let active = bus.call(DAEMON, ZONES, "getActiveZones", &[])?;
    for entry in list(active.first()) {
        let [Value::Text(zone), members] = entry.as_slice() else { continue };
        for member in list(Some(members)) {
            let [Value::Text(kind), names] = member.as_slice() else { continue };
            let names = texts(Some(names)).filter(|_| kind == "interfaces").filter_map(|name| IfName::new(&name).ok());
            firewall.interfaces.extend(names.map(|name| (name, zone.clone())));
        }
    }
    Ok(firewall)
}

fn list(value: Option<&Value>) -> &[Vec<Value>] {
    if let Some(Value::List(_, list)) = value { list } else { &[] }
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = String> {
    list(value).iter().filter_map(|one| if let [Value::Text(text)] = one.as_slice() { Some(text.clone()) } else { None })
}

/// Puts `name` into the zone `to`, or takes it out of the one it is in. `lenient`: that nobody is there to be told is as good.
///
/// # Errors
/// It refuses, in its own words, or does not answer in time.
pub fn put(name: IfName, to: Option<&Zone>, lenient: bool) -> Result<(), Error> {
    let failed = |error: bus::Error| failure(&format!("firewalld is not told of {name}"), error);
    let told = match bus().map_err(failed)? {
        None => Err(bus::Error::Absent),
        Some(mut bus) => match to {
            Some(zone) => bus.call(DAEMON, ZONES, "changeZoneOfInterface", &[Value::text(zone.as_str()), Value::text(name.as_str())]),
            // Without a zone's name it is taken out of whichever it is in.
            None => bus.call(DAEMON, ZONES, "removeInterface", &[Value::text(""), Value::text(name.as_str())]),
        },
    };
    match told {
        Ok(_) => Ok(()),
        Err(bus::Error::Refused { message, .. }) if to.is_none() && message.starts_with(IN_NONE) => Ok(()),
        Err(bus::Error::Absent) if lenient => Ok(()),
        Err(error) => Err(failed(error)),
    }
}
