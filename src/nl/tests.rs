//! Against the running kernel's rtnetlink, each test in a network namespace of its own: what cannot be shown with bytes.
//! They need root; without, they say loudly that they were skipped.

use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::CommandExt;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, NetlinkAddr, sendto, setsockopt, sockopt};
use ovsdp_proto::nla;
use ovsdp_proto::nlmsg::{self, flag};

use super::sock::Wire;
use super::*;

const SETLINK: u16 = 19;
const GETLINK: u16 = 18;
const NEWADDR: u16 = 20;
const GETADDR: u16 = 22;
const LINK_GROUP: u32 = 1;

fn in_namespace(name: &str, test: impl FnOnce() + Send) {
    namespace::in_namespace(name, &[], test);
}

fn open() -> Socket {
    Socket::open(Protocol::Route, Arc::new(Nameless)).unwrap()
}

/// `struct ifinfomsg` of the loopback device, wishing it up or down.
fn loopback(out: &mut Vec<u8>, up: bool) {
    out.extend_from_slice(&[0; 4]);
    for word in [1u32, u32::from(up), 1] {
        out.extend_from_slice(&word.to_ne_bytes());
    }
}

/// `struct ifaddrmsg` and attributes: address number `n` of the loopback device.
fn address(out: &mut Vec<u8>, n: u16) -> Result<(), Error> {
    out.extend_from_slice(&[2, 32, 0, 0, 1, 0, 0, 0]);
    let [high, low] = n.to_be_bytes();
    nla::put(out, 2, &[10, 1, high, low])?;
    Ok(())
}

fn add_addresses(socket: &mut Socket, numbers: std::ops::Range<u16>) -> Vec<Result<(), Error>> {
    let mut batch = Batch::new();
    for n in numbers {
        batch.push(NEWADDR, flag::CREATE | flag::EXCL, |out| address(out, n)).unwrap();
    }
    socket.batch(&mut batch, |_, _| Ok(()))
}

fn every_address(batch: &mut Batch) -> Result<usize, Error> {
    batch.push(GETADDR, flag::DUMP, |out| {
        out.extend_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0]);
        Ok(())
    })
}

fn dump_addresses(socket: &mut Socket, visit: impl FnMut(Dumped<'_>) -> Result<(), Error>) -> Result<(), Error> {
    socket.dump(every_address, visit)
}

#[test]
fn a_batch_gives_each_request_its_own_result() {
    in_namespace("a_batch_gives_each_request_its_own_result", || {
        let mut socket = open();
        // More than one sendmsg takes; the middle one is there already.
        let mut batch = Batch::new();
        for n in (0..200).chain([100]).chain(200..300) {
            batch.push(NEWADDR, flag::CREATE | flag::EXCL, |out| address(out, n)).unwrap();
        }
        let results = socket.batch(&mut batch, |_, _| Ok(()));
        assert_eq!(results.len(), 301);
        for (place, result) in results.iter().enumerate() {
            match result {
                Ok(()) => assert_ne!(place, 200),
                Err(error) => assert_eq!((place, error.kind()), (200, Kind::Exists)),
            }
        }
        // A batch can be sent again, and answers of a request come before its result.
        batch.clear();
        for index in [1u32, 77] {
            batch
                .push::<Error>(GETLINK, 0, |out| {
                    out.extend_from_slice(&[0; 4]);
                    out.extend_from_slice(&index.to_ne_bytes());
                    out.extend_from_slice(&[0; 8]);
                    Ok(())
                })
                .unwrap();
        }
        let mut answered = Vec::new();
        let results = socket.batch(&mut batch, |place, message| {
            answered.push((place, message.kind));
            Err(Error::Lost)
        });
        assert_eq!(answered, [(0, 16)]);
        assert_eq!(results[0], Err(Error::Lost), "what the reader objects to becomes the result");
        assert_eq!(results[1].as_ref().unwrap_err().kind(), Kind::NoDevice);
        assert_eq!(socket.counters(), Counters::default());
    });
}

#[test]
fn unacknowledged_requests_report_only_failures() {
    in_namespace("unacknowledged_requests_report_only_failures", || {
        let mut socket = open();
        let mut batch = Batch::new();
        for n in [1, 2, 2, 3, 1] {
            batch.push(NEWADDR, flag::CREATE | flag::EXCL, |out| address(out, n)).unwrap();
        }
        let mut refused = Vec::new();
        let failed = socket.send_unacked(&mut batch, |place, error| refused.push((place, error.kind()))).unwrap();
        assert_eq!((failed, refused), (2, vec![(2, Kind::Exists), (4, Kind::Exists)]));
        assert_eq!(socket.send_unacked(&mut Batch::new(), |_, _| ()).unwrap(), 0);
    });
}

#[test]
fn lost_acknowledgements_are_typed_or_sent_again() {
    in_namespace("lost_acknowledgements_are_typed_or_sent_again", || {
        let mut socket = open();
        // Room for a few acknowledgements only.
        setsockopt(&socket, sockopt::RcvBuf, &1024).unwrap();
        let results = add_addresses(&mut socket, 0..100);
        let lost = results.iter().filter(|result| **result == Err(Error::Lost)).count();
        assert!(lost > 0 && lost < 100, "{lost}");
        assert!(socket.counters().enobufs > 0);
        let mut seen = 0;
        dump_addresses(&mut open(), |dumped| {
            seen = if dumped == Dumped::Start { 0 } else { seen + 1 };
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, 100, "all were carried out");

        let mut batch = Batch::repeatable();
        for _ in 0..20 {
            batch
                .push::<Error>(SETLINK, 0, |out| {
                    loopback(out, true);
                    Ok(())
                })
                .unwrap();
        }
        assert!(socket.batch(&mut batch, |_, _| Ok(())).iter().all(Result::is_ok));
        assert!(socket.counters().resent > 0);
    });
}

#[test]
fn a_table_that_changes_is_read_again() {
    in_namespace("a_table_that_changes_is_read_again", || {
        let (mut socket, mut other) = (open(), open());
        assert!(add_addresses(&mut other, 0..2000).iter().all(Result::is_ok));
        let (mut starts, mut seen, mut changes) = (0, 0, 0u16);
        dump_addresses(&mut socket, |dumped| {
            if dumped == Dumped::Start {
                (starts, seen) = (starts + 1, 0);
            } else {
                seen += 1;
                if seen == 1 && changes < 2 {
                    assert!(add_addresses(&mut other, 2000 + changes..2001 + changes)[0].is_ok());
                    changes += 1;
                }
            }
            Ok(())
        })
        .unwrap();
        assert_eq!((starts, seen, socket.counters().dump_intr), (3, 2002, 2));

        // One that never stands still is given up.
        let given_up = dump_addresses(&mut socket, |dumped| {
            if dumped == Dumped::Start {
                seen = 0;
            } else if seen == 0 {
                seen = 1;
                changes += 1;
                assert!(add_addresses(&mut other, 2000 + changes..2001 + changes)[0].is_ok());
            }
            Ok(())
        });
        assert_eq!(given_up, Err(Error::Interrupted(8)));
    });
}

#[test]
fn a_dump_given_up_does_not_stand_in_the_way() {
    in_namespace("a_dump_given_up_does_not_stand_in_the_way", || {
        let mut socket = open();
        assert!(add_addresses(&mut socket, 0..2000).iter().all(Result::is_ok));
        let stop = |dumped: Dumped<'_>| if dumped == Dumped::Start { Ok(()) } else { Err(Error::Lost) };
        assert_eq!(dump_addresses(&mut socket, stop), Err(Error::Lost));
        // As if the time had run out in the middle: the kernel would answer EBUSY to a second dump.
        let mut request = Batch::new();
        request
            .push::<Error>(GETADDR, flag::DUMP, |out| {
                out.extend_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0]);
                Ok(())
            })
            .unwrap();
        let seq = socket.reserve(1);
        socket.wire.send(request.seal(0, 1, seq, false)).unwrap();
        socket.unfinished = Some(seq);
        let mut seen = 0;
        dump_addresses(&mut socket, |dumped| {
            seen = if dumped == Dumped::Start { 0 } else { seen + 1 };
            Ok(())
        })
        .unwrap();
        assert_eq!((seen, socket.counters()), (2000, Counters::default()));
    });
}

#[test]
fn a_dump_is_the_same_received_ahead() {
    in_namespace("a_dump_is_the_same_received_ahead", || {
        let (mut socket, mut other) = (open(), open());
        let read = |socket: &mut Socket| {
            let mut all = [Vec::new(), Vec::new()];
            let keep = |all: &mut Vec<Vec<u8>>, dumped: Dumped<'_>| {
                if let Dumped::Object(message) = dumped {
                    all.push(message.payload.to_vec());
                }
                Ok::<(), Error>(())
            };
            socket.dump(every_address, |dumped| keep(&mut all[0], dumped)).unwrap();
            socket.dump_ahead(every_address, |dumped| keep(&mut all[1], dumped)).unwrap();
            assert_eq!(all[0], all[1]);
            all[0].len()
        };
        // None, one datagram of them, and more than there are buffers.
        assert_eq!(read(&mut socket), 0);
        for (from, to) in [(0, 10), (10, 6000)] {
            assert!(add_addresses(&mut other, from..to).iter().all(Result::is_ok));
            assert_eq!(read(&mut socket), usize::from(to));
        }
        // A visitor that has enough ends it, whether anything was received ahead by then or not.
        for enough in [1, 1000, 5999] {
            let mut seen = 0;
            let stop = |dumped: Dumped<'_>| {
                seen += u32::from(dumped != Dumped::Start);
                if seen < enough { Ok(()) } else { Err(Error::Lost) }
            };
            assert_eq!(socket.dump_ahead(every_address, stop), Err(Error::Lost));
            assert_eq!(seen, enough);
        }
        assert_eq!((read(&mut socket), socket.counters()), (6000, Counters::default()));
        // It is read again when it changed meanwhile.
        let (mut starts, mut seen) = (0, 0);
        let change = |dumped: Dumped<'_>| {
            (starts, seen) = if dumped == Dumped::Start { (starts + 1, 0) } else { (starts, seen + 1) };
            if (starts, seen) == (1, 1) {
                assert!(add_addresses(&mut other, 6000..6001)[0].is_ok());
            }
            Ok::<(), Error>(())
        };
        socket.dump_ahead(every_address, change).unwrap();
        assert_eq!((starts, seen, socket.counters().dump_intr), (2, 6001, 1));
    });
}

#[test]
fn truncation_and_strangers_are_noticed() {
    in_namespace("truncation_and_strangers_are_noticed", || {
        let mut wire = Wire::open(Protocol::Route).unwrap();
        let mut request = Batch::new();
        request
            .push::<Error>(GETLINK, 0, |out| {
                loopback(out, false);
                Ok(())
            })
            .unwrap();
        wire.send(request.seal(0, 1, 1, false)).unwrap();
        let mut small = [0; 64];
        let Err(Error::Truncated { has, room: 64 }) = wire.receive(&mut small) else { panic!("not noticed") };
        assert!(has > 64);
        assert_eq!((wire.counters.truncated, wire.receive(&mut small)), (1, Ok(None)));

        let stranger = Wire::open(Protocol::Route).unwrap();
        let mut forged = Vec::new();
        nlmsg::put::<()>(&mut forged, 2, 0, 1, |out| {
            out.extend_from_slice(&[0; 20]);
            Ok(())
        })
        .unwrap();
        sendto(stranger.as_fd().as_raw_fd(), &forged, &NetlinkAddr::new(wire.portid, 0), MsgFlags::empty()).unwrap();
        let mut buffer = [0; 4096];
        assert_eq!(wire.receive(&mut buffer), Ok(None));
        assert_eq!(wire.counters.foreign, 1);
    });
}

#[test]
fn an_overrun_subscription_says_resync_and_goes_on() {
    in_namespace("an_overrun_subscription_says_resync_and_goes_on", || {
        let mut events = Multicast::open(Protocol::Route, &[LINK_GROUP]).unwrap();
        assert!(!events.wait(Duration::from_millis(1)).unwrap());
        setsockopt(&events, sockopt::RcvBuf, &1024).unwrap();
        let mut socket = open();
        let mut toggle = |times: usize| {
            for n in 0..times {
                let set = |batch: &mut Batch| {
                    batch.push(SETLINK, 0, |out| {
                        loopback(out, n % 2 == 0);
                        Ok(())
                    })
                };
                socket.transact(set, |_| Ok(())).unwrap();
            }
        };
        toggle(50);
        assert!(events.wait(Duration::from_secs(5)).unwrap());
        let (mut messages, mut resyncs) = (0, 0);
        let mut drain = |events: &mut Multicast| {
            (messages, resyncs) = (0, 0);
            let more = events
                .drain(|event| {
                    match event {
                        Event::Message(_) => messages += 1,
                        Event::Resync => resyncs += 1,
                    }
                    Ok::<(), Error>(())
                })
                .unwrap();
            assert!(!more);
            (messages, resyncs)
        };
        let (messages, resyncs) = drain(&mut events);
        assert!(messages < 50 && resyncs == 1, "{messages} messages, {resyncs} resyncs");
        assert_eq!(events.counters().enobufs, 1);
        toggle(1);
        assert_eq!(drain(&mut events), (1, 0));
    });
}

#[test]
fn a_privilege_that_is_missing_is_told() {
    if nix::unistd::geteuid().is_root() {
        // This very test once more, as nobody.
        let again = std::process::Command::new("/proc/self/exe")
            .args(["--exact", "nl::tests::a_privilege_that_is_missing_is_told"])
            .current_dir("/")
            .gid(65534)
            .uid(65534)
            .status();
        match again {
            Ok(status) => assert!(status.success()),
            Err(error) => eprintln!("\n*** SKIPPED: a_privilege_that_is_missing_is_told: cannot run as nobody ({error}) ***\n"),
        }
        return;
    }
    let mut socket = open();
    let set = |batch: &mut Batch| {
        batch.push(SETLINK, 0, |out| {
            loopback(out, true);
            Ok(())
        })
    };
    let refused = socket.transact(set, |_| Ok(())).unwrap_err();
    assert_eq!((refused.kind(), refused.errno()), (Kind::NotPermitted, Some(Errno::EPERM)));
    dump_addresses(&mut socket, |_| Ok(())).unwrap();
}
