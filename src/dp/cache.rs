//! The cache of masks that matched last, one for each CPU.

use ovsdp_proto::Request;
use ovsdp_proto::datapath::{self, Which};
use ovsdp_proto::nlmsg::flag;

use super::{Datapath, Dp, Error};

impl Dp {
    /// Gives the mask cache of each CPU `entries` entries, which must be a power of two; 0 switches it off. `datapath` is
    /// as the kernel showed it just now: its features are sent along, since leaving them out would clear them. Returns
    /// the datapath as it is now.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::nl::Kind::Invalid) when it is too large or no power of two, [`Kind::NoDevice`](crate::nl::Kind::NoDevice),
    /// [`Kind::NotPermitted`](crate::nl::Kind::NotPermitted).
    pub fn set_masks_cache_size(&mut self, datapath: &Datapath, entries: u32) -> Result<Datapath, Error> {
        let request = Request::new(self.families.datapath, 0, flag::ECHO);
        let set = datapath::Set {
            which: Which::Index(datapath.index),
            user_features: datapath.features,
            per_cpu_pids: &[],
            masks_cache_size: Some(entries),
        };
        self.one(|batch| batch.append(|out| datapath::set(out, request, &set)), |message| Datapath::parse(message.payload))
            .map_err(|error| error.on("set the mask cache of datapath", datapath.name).into())
    }
}
