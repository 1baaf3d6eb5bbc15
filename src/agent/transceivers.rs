//! Members of bonds that ask (`bond-detect-mode=miimon`): each one's transceiver is asked at its interval whether the link works. One
//! that gives no answer is taken to be down, as by Open vSwitch.
//!
//! It must not conclude anything for the bond; that is the switch's.

use std::collections::{BTreeMap, BTreeSet};

use ovsdp_proto::IfName;

use super::log;
use super::shared::{Shared, now};
use crate::error::{Error, Kind};
use crate::rtnl;
use crate::switch::Moment;

/// Who is asked, and when next.
#[derive(Debug)]
pub(super) struct Transceivers {
    kernel: rtnl::Transceivers,
    due: BTreeMap<IfName, Moment>,
    /// Those that gave no answer; it is said once.
    silent: BTreeSet<IfName>,
}

impl Transceivers {
    /// # Errors
    /// There is no room for a socket.
    pub(super) fn open() -> Result<Self, Error> {
        let kernel = rtnl::Transceivers::open()
            .map_err(|errno| Error::new(Kind::Failed, format!("cannot open a socket to ask transceivers by: {}", errno.desc())))?;
        Ok(Self { kernel, due: BTreeMap::new(), silent: BTreeSet::new() })
    }

    /// Asks those whose time has come and tells the switch; returns when the next is due. The switch is not held up meanwhile: an
    /// answer may take a while.
    pub(super) fn ask(&mut self, shared: &Shared) -> Option<Moment> {
        let asked: BTreeMap<_, _> = shared.core().switch.asked().collect();
        self.due.retain(|name, _| asked.contains_key(name));
        self.silent.retain(|name| asked.contains_key(name));
        for (name, every) in asked {
            let now = now();
            let due = self.due.entry(name).or_insert(now);
            if *due <= now {
                *due = now + every;
                let up = self.kernel.link(&name);
                match up {
                    Ok(_) => drop(self.silent.remove(&name)),
                    Err(errno) if self.silent.insert(name) => {
                        log::say(format_args!("{name} does not say whether its link works, and is taken to be down: {}", errno.desc()));
                    }
                    Err(_) => {}
                }
                shared.core().switch.set_transceiver(now, &name, up.unwrap_or(false));
            }
        }
        self.due.values().min().copied()
    }
}
