//! Against a real bus: a dbus-daemon of the test's own, where the machine has one.

use std::process::{Child, Command, Stdio};

use super::*;

struct Daemon {
    child: Child,
    dir: tempfile::TempDir,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Daemon {
    fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("bus");
        let config = format!(
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\
             <busconfig><type>custom</type><listen>unix:path={}</listen><auth>EXTERNAL</auth><policy context=\"default\">\
             <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/><allow user=\"*\"/></policy></busconfig>",
            socket.display()
        );
        let file = dir.path().join("bus.conf");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new("dbus-daemon");
        command.arg(format!("--config-file={}", file.display())).args(["--nofork", "--print-address"]).stdout(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            eprintln!("\n*** SKIPPED: there is no dbus-daemon on this machine ***\n");
            return None;
        };
        // It says its address once it listens.
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
        Some(Self { child, dir })
    }

    fn bus(&self) -> Bus {
        Bus::at(&self.dir.path().join("bus")).unwrap().unwrap()
    }
}

#[test]
fn calls_are_answered_by_a_real_bus() {
    let Some(daemon) = Daemon::start() else { return };
    let mut bus = daemon.bus();
    assert!(bus.has("org.freedesktop.DBus").unwrap() && !bus.has("org.example.Nobody").unwrap());
    // A text, a number and an answer with one of each kind of number.
    let asked = [Value::text("org.example.Test"), Value::Uint(0)];
    assert_eq!(bus.call(BUS, BUS.service, "RequestName", &asked).unwrap(), [Value::Uint(1)]);
    assert!(daemon.bus().has("org.example.Test").unwrap());
    // A variant, and in it a text: the bus's own properties.
    let asked = [Value::text("org.freedesktop.DBus"), Value::text("Interfaces")];
    assert!(bus.call(BUS, "org.freedesktop.DBus.Properties", "Get", &asked).is_ok());
    // And one that is written: the bus looks at what it passes on.
    let asked = [Value::Path("/org/example".to_owned()), Value::text("Y"), Value::Variant(Box::new(Value::Bool(false)))];
    let nobody = Object { service: "org.example.Nobody", path: "/" };
    assert!(matches!(bus.call(nobody, "org.freedesktop.DBus.Properties", "Set", &asked), Err(Error::Absent)));
}

#[test]
fn refusals_are_told_apart() {
    let Some(daemon) = Daemon::start() else { return };
    let mut bus = daemon.bus();
    let nobody = Object { service: "org.example.Nobody", path: "/" };
    assert!(matches!(bus.call(nobody, "org.example.X", "Y", &[]), Err(Error::Absent)));
    // The bus looks through what it passes on, and hangs up on what cannot be.
    let list =
        Value::List("iay".to_owned(), vec![vec![Value::Int(2), Value::Bytes(vec![192, 0, 2, 1])], vec![Value::Int(10), Value::Bytes(vec![1; 16])]]);
    let domains = Value::List("sb".to_owned(), vec![vec![Value::text("example.org"), Value::Bool(false)]]);
    assert!(matches!(bus.call(nobody, "org.example.X", "Y", &[Value::Int(3), list, domains]), Err(Error::Absent)));
    assert!(matches!(bus.call(BUS, BUS.service, "NoSuchMethod", &[]), Err(Error::Absent)));
    let refused = bus.call(BUS, BUS.service, "GetNameOwner", &[Value::Uint(3)]).unwrap_err();
    assert!(matches!(&refused, Error::Refused { name, .. } if name == "org.freedesktop.DBus.Error.InvalidArgs"), "{refused}");
    // What went wrong with one call leaves the connection as it was.
    assert!(bus.has("org.freedesktop.DBus").unwrap());
}

#[test]
fn no_bus_is_no_error() {
    assert!(Bus::at(Path::new("/nonexistent/bus")).unwrap().is_none());
}

/// Texts, and dictionaries of dictionaries of them, as firewalld answers.
#[test]
fn arrays_of_other_things_are_read() {
    let Some(daemon) = Daemon::start() else { return };
    let names = daemon.bus().call(BUS, BUS.service, "ListNames", &[]).unwrap();
    let Some(Value::List(kind, names)) = names.first() else { panic!("{names:?}") };
    assert!(kind == "s" && names.contains(&vec![Value::text(BUS.service)]), "{names:?}");
    // a{sa{sas}}: {"dmz": {"interfaces": ["eth0", "br0"], "sources": []}}, and a number behind it.
    let (mut body, list) = (Vec::new(), |kind: &str, list: Vec<Vec<Value>>| Value::List(kind.to_owned(), list));
    let texts = |texts: &[&str]| list("s", texts.iter().map(|text| vec![Value::text(*text)]).collect());
    let bytes: &[&[u8]] = &[
        &[0x48, 0, 0, 0, 0, 0, 0, 0],
        b"\x03\0\0\0dmz\0\x38\0\0\0\0\0\0\0",
        b"\x0a\0\0\0interfaces\0\0\x14\0\0\0\x04\0\0\0eth0\0\0\0\0\x03\0\0\0br0\0",
        b"\x07\0\0\0sources\0\0\0\0\0",
        &[9, 0, 0, 0],
    ];
    bytes.iter().for_each(|part| body.extend_from_slice(part));
    let mut cursor = value::Cursor { bytes: &body, at: 0, big: false };
    let inner = list("sas", vec![vec![Value::text("interfaces"), texts(&["eth0", "br0"])], vec![Value::text("sources"), texts(&[])]]);
    let expected = [list("sa{sas}", vec![vec![Value::text("dmz"), inner]]), Value::Uint(9)];
    assert_eq!(cursor.values("a{sa{sas}}u", 0).unwrap(), expected);
}

/// A program that never answers is waited for as long as its caller has patience.
#[test]
fn silence_has_an_end() {
    let Some(daemon) = Daemon::start() else { return };
    let mut silent = daemon.bus();
    silent.call(BUS, BUS.service, "RequestName", &[Value::text("org.example.Silent"), Value::Uint(0)]).unwrap();
    let mut bus = daemon.bus().patient(Duration::from_millis(50)).unwrap();
    let object = Object { service: "org.example.Silent", path: "/" };
    assert!(matches!(bus.call(object, "org.example.X", "Y", &[]), Err(Error::TimedOut(_))));
    // A late answer to that is nobody's.
    assert!(bus.patient(PATIENCE).unwrap().has("org.example.Silent").unwrap());
}

/// What is written is read again, as an answer's body is: lists of structures with bytes and texts in them.
#[test]
fn lists_go_there_and_back() {
    let values = [
        Value::Int(-7),
        Value::List("iay".to_owned(), vec![vec![Value::Int(2), Value::Bytes(vec![192, 0, 2, 1])], vec![Value::Int(10), Value::Bytes(vec![1; 16])]]),
        Value::List("sb".to_owned(), vec![vec![Value::text("example.org"), Value::Bool(true)]]),
        Value::List("sb".to_owned(), Vec::new()),
        Value::Byte(9),
    ];
    let (mut body, mut signature) = (Vec::new(), String::new());
    for value in &values {
        value.sign(&mut signature);
        value.put(&mut body);
    }
    assert_eq!(signature, "ia(iay)a(sb)a(sb)y");
    let mut cursor = value::Cursor { bytes: &body, at: 0, big: false };
    assert_eq!(cursor.values(&signature, 0).unwrap(), values);
    // Cut anywhere it is an error, and never a panic.
    for end in 0..body.len() {
        let mut cursor = value::Cursor { bytes: &body[..end], at: 0, big: false };
        assert!(cursor.values(&signature, 0).is_err(), "{end}");
    }
}

#[test]
fn garbage_is_an_error() {
    for bytes in [&[0u8; 16][..], &[b'l', 2, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff][..]] {
        assert!(wire::length(bytes).map_or(true, |length| length.is_some_and(|length| length > MAX_MESSAGE)));
        assert!(wire::read(bytes).is_err());
    }
}
