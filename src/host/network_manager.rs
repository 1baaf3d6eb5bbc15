//! NetworkManager on the system bus: which devices it has in hand, and how it is told to leave some of them alone.
//!
//! Told by a file of ours in its configuration, so that it holds over a reboot, and before our agent runs: a list that adds to what other files
//! say (NetworkManager.conf(5): `unmanaged-devices+` below `[keyfile]`). `managed` below `[device]` does not do: it is looked at when a device
//! appears. What it then does is looked at on the bus (`man 7 NetworkManager-dispatcher` names the states).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use ovsdp_proto::IfName;

use super::paths::NM_DROP_IN;
use super::resolver;
use crate::bus::{self, Bus, Object, Value};
use crate::error::{Error, Kind};
use crate::plan::NetworkManager;

const SERVICE: &str = "org.freedesktop.NetworkManager";
const MANAGER: Object = Object { service: SERVICE, path: "/org/freedesktop/NetworkManager" };
const SETTINGS: Object = Object { service: SERVICE, path: "/org/freedesktop/NetworkManager/Settings" };
const DEVICE: &str = "org.freedesktop.NetworkManager.Device";
const ACTIVE: &str = "org.freedesktop.NetworkManager.Connection.Active";
const PROFILE: &str = "org.freedesktop.NetworkManager.Settings.Connection";
/// It makes this folder before it takes its name on the bus: where it is not, nobody need be asked.
const RUN: &str = "/run/NetworkManager";
/// `NM_MANAGER_RELOAD_FLAG_CONF`: read the configuration again.
const RELOAD_CONF: u32 = 1;
/// `NM_SETTINGS_CONNECTION_FLAG_NM_GENERATED`: what it made of what it found on a device that somebody else has configured.
const GENERATED: u32 = 2;
/// How long it may take to let go of a device, or to have it back.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);
/// States of a device: it is left alone; it could be configured and is not; that begins; it is configured; that has failed.
mod state {
    pub(super) const UNMANAGED: u32 = 10;
    pub(super) const DISCONNECTED: u32 = 30;
    pub(super) const PREPARE: u32 = 40;
    pub(super) const ACTIVATED: u32 = 100;
}
/// How our file names one device.
const NAME: &str = "interface-name:=";
const KEY: &str = "unmanaged-devices+=";

/// Whether it runs.
///
/// # Errors
/// The bus does not answer.
pub fn runs() -> Result<bool, Error> {
    Ok(bus().map_err(failed)?.is_some())
}

fn bus() -> Result<Option<Bus>, bus::Error> {
    if !Path::new(RUN).is_dir() {
        return Ok(None);
    }
    let Some(mut bus) = Bus::system()? else { return Ok(None) };
    Ok(bus.has(SERVICE)?.then_some(bus))
}

fn failed(error: bus::Error) -> Error {
    let kind = if matches!(error, bus::Error::TimedOut(_)) { Kind::TimedOut } else { Kind::Failed };
    Error::new(kind, format!("NetworkManager: {error}"))
        .advise("see `nmcli general status` and its log; `systemctl stop NetworkManager` takes it away")
}

/// Which devices our file has it leave alone, and which of `names` but for those it has in hand.
///
/// # Errors
/// The file cannot be read, or it runs and does not answer.
pub fn observe(names: &BTreeSet<IfName>) -> Result<NetworkManager, Error> {
    let told = told(Path::new(NM_DROP_IN)).map_err(|error| Error::new(Kind::Failed, format!("cannot read {NM_DROP_IN}: {error}")))?;
    let asked: Vec<IfName> = names.difference(&told).copied().collect();
    if asked.is_empty() {
        return Ok(NetworkManager { told, manages: None });
    }
    let Some(mut bus) = bus().map_err(failed)? else { return Ok(NetworkManager { told, manages: None }) };
    let mut manages = BTreeMap::new();
    for name in asked {
        let Some(device) = device(&mut bus, name).map_err(failed)? else { continue };
        if state(&mut bus, &device).map_err(failed)? > state::UNMANAGED {
            manages.insert(name, profile(&mut bus, &device).map_err(failed)?);
        }
    }
    Ok(NetworkManager { told, manages: Some(manages) })
}

/// The names in our file; none where there is none.
fn told(path: &Path) -> io::Result<BTreeSet<IfName>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(error),
    };
    let words = text.lines().filter_map(|line| line.strip_prefix(KEY)).flat_map(|list| list.split(';'));
    Ok(words.filter_map(|word| IfName::new(word.strip_prefix(NAME)?).ok()).collect())
}

/// The text of our file.
fn text(names: &BTreeSet<IfName>) -> String {
    let mut text =
        "# Written by ovsdp: the devices of bridges that are up are left alone. With the last bridge this file goes.\n[keyfile]\n".to_owned();
    let words: Vec<String> = names.iter().map(|name| format!("{NAME}{name}")).collect();
    let _ = writeln!(text, "{KEY}{}", words.join(";"));
    text
}

/// The object of a device; `None` when it has none of that name.
fn device(bus: &mut Bus, name: IfName) -> Result<Option<String>, bus::Error> {
    match bus.call(MANAGER, SERVICE, "GetDeviceByIpIface", &[Value::text(name.as_str())]) {
        Ok(values) => Ok(path(values)),
        Err(bus::Error::Refused { name, .. }) if name.ends_with(".UnknownDevice") => Ok(None),
        Err(error) => Err(error),
    }
}

/// The path of an object, where it is one.
fn path(values: Vec<Value>) -> Option<String> {
    if let Some(Value::Text(path)) = values.into_iter().next() { Some(path).filter(|path| path.len() > 1) } else { None }
}

/// A property; nothing when the object has gone meanwhile.
fn property(bus: &mut Bus, object: &str, interface: &str, name: &str) -> Result<Vec<Value>, bus::Error> {
    match bus.call_at(SERVICE, object, "org.freedesktop.DBus.Properties", "Get", &[Value::text(interface), Value::text(name)]) {
        Err(bus::Error::Absent) => Ok(Vec::new()),
        other => other,
    }
}

/// A device's state; that of one left alone when it has gone.
fn state(bus: &mut Bus, device: &str) -> Result<u32, bus::Error> {
    let state = property(bus, device, DEVICE, "State")?;
    Ok(if let Some(Value::Uint(state)) = state.first() { *state } else { state::UNMANAGED })
}

/// The UUID of the profile that a device is configured by; `None` when it is not, or only looked at.
fn profile(bus: &mut Bus, device: &str) -> Result<Option<String>, bus::Error> {
    let Some(active) = path(property(bus, device, DEVICE, "ActiveConnection")?) else { return Ok(None) };
    let Some(connection) = path(property(bus, &active, ACTIVE, "Connection")?) else { return Ok(None) };
    let flags = property(bus, &connection, PROFILE, "Flags")?;
    if matches!(flags.first(), Some(Value::Uint(flags)) if flags & GENERATED != 0) {
        return Ok(None);
    }
    Ok(if let Some(Value::Text(uuid)) = property(bus, &active, ACTIVE, "Uuid")?.into_iter().next() { Some(uuid) } else { None })
}

/// Has it leave the devices `to` alone where those were `from`; returns when it has. What it had configured by a profile it is to configure
/// again when it has it back; any other device that it is to have back it leaves alone until the next boot, for it would take away what it
/// finds there. `again`: what it configures again is waited for, too, and that it cannot is an error.
///
/// # Errors
/// The file cannot be written, or it refuses, or does not do it in time.
pub fn tell(from: &BTreeSet<IfName>, to: &BTreeSet<IfName>, managed: &BTreeMap<IfName, Option<String>>, again: bool) -> Result<(), Error> {
    let mut bus = bus().map_err(failed)?;
    let back: Vec<(IfName, Option<&str>)> =
        from.difference(to).map(|name| (*name, managed.get(name).and_then(|profile| profile.as_deref()))).collect();
    if let Some(bus) = &mut bus {
        for (name, _) in back.iter().filter(|(_, profile)| profile.is_none()) {
            hold_off(bus, *name).map_err(failed)?;
        }
    }
    write(Path::new(NM_DROP_IN), to).map_err(|error| {
        let error = Error::new(Kind::Failed, format!("cannot write {NM_DROP_IN}: {error}"));
        error.advise("NetworkManager is told by it to leave bridges' devices alone; `NM_CONTROLLED=yes` in their files leaves them to it")
    })?;
    let Some(mut bus) = bus else { return Ok(()) };
    bus.call(MANAGER, SERVICE, "Reload", &[Value::Uint(RELOAD_CONF)]).map_err(failed)?;
    let deadline = Instant::now() + PATIENCE;
    for name in to.difference(from) {
        lets_go(&mut bus, *name, deadline)?;
    }
    for (name, profile) in back {
        if let Some(profile) = profile {
            configures(&mut bus, name, profile, deadline, again)?;
        }
    }
    Ok(())
}

fn write(path: &Path, names: &BTreeSet<IfName>) -> io::Result<()> {
    if names.is_empty() {
        return resolver::write(path, None);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    resolver::write(path, Some(&text(names)))
}

/// Has it leave one device alone until the next boot, whatever its configuration says.
fn hold_off(bus: &mut Bus, name: IfName) -> Result<(), bus::Error> {
    let Some(device) = device(bus, name)? else { return Ok(()) };
    let managed = [Value::text(DEVICE), Value::text("Managed"), Value::Variant(Box::new(Value::Bool(false)))];
    match bus.call_at(SERVICE, &device, "org.freedesktop.DBus.Properties", "Set", &managed) {
        Ok(_) | Err(bus::Error::Absent) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Waits until it leaves a device alone.
fn lets_go(bus: &mut Bus, name: IfName, deadline: Instant) -> Result<(), Error> {
    loop {
        let Some(device) = device(bus, name).map_err(failed)? else { return Ok(()) };
        let now = state(bus, &device).map_err(failed)?;
        if now <= state::UNMANAGED {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let message = format!("NetworkManager has {name} in hand all the same (state {now}), though {NM_DROP_IN} has it leave that alone");
            return Err(Error::new(Kind::TimedOut, message).advise("see `NetworkManager --print-config`: no later file may say `unmanaged-devices=`"));
        }
        thread::sleep(LOOK);
    }
}

/// Sees that it configures a device by a profile again; one that is not there any longer is no longer its concern. Where `again`, waits until it
/// has, or is at it when the time is up.
fn configures(bus: &mut Bus, name: IfName, profile: &str, deadline: Instant, again: bool) -> Result<(), Error> {
    let begun = Instant::now();
    let mut asked = false;
    loop {
        let Some(device) = device(bus, name).map_err(failed)? else { return Ok(()) };
        let now = state(bus, &device).map_err(failed)?;
        let begins = (state::PREPARE..=state::ACTIVATED).contains(&now);
        if now == state::ACTIVATED || (begins && !again) {
            return Ok(());
        }
        // It does so by itself, unless the profile says otherwise.
        if now == state::DISCONNECTED && !asked && begun.elapsed() > PATIENCE / 10 {
            asked = true;
            let Some(connection) = connection(bus, profile).map_err(failed)? else { return Ok(()) };
            let arguments = [Value::Path(connection), Value::Path(device), Value::Path("/".to_owned())];
            let activated = bus.call(MANAGER, SERVICE, "ActivateConnection", &arguments);
            if let Err(error) = activated
                && again
            {
                return Err(failed(error));
            }
        }
        if Instant::now() >= deadline {
            let message = format!("NetworkManager has not brought {name} up again by its profile {profile} (state {now})");
            return if begins || !again {
                Ok(())
            } else {
                Err(Error::new(Kind::TimedOut, message).advise(format!("`nmcli connection up {profile}`")))
            };
        }
        thread::sleep(LOOK);
    }
}

fn connection(bus: &mut Bus, profile: &str) -> Result<Option<String>, bus::Error> {
    match bus.call(SETTINGS, "org.freedesktop.NetworkManager.Settings", "GetConnectionByUuid", &[Value::text(profile)]) {
        Ok(values) => Ok(path(values)),
        Err(bus::Error::Refused { name, .. }) if name.ends_with(".InvalidConnection") => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_there_and_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("conf.d/zz-ovsdp.conf");
        let names: BTreeSet<IfName> = ["eth0", "br0"].into_iter().map(|name| IfName::new(name).unwrap()).collect();
        assert_eq!(told(&path).unwrap(), BTreeSet::new());
        write(&path, &names).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("\n[keyfile]\nunmanaged-devices+=interface-name:=br0;interface-name:=eth0\n"), "{text}");
        assert_eq!(told(&path).unwrap(), names);
        write(&path, &BTreeSet::new()).unwrap();
        assert!(!path.exists());
        write(&path, &BTreeSet::new()).unwrap();
    }
}
