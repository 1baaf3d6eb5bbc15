//! What is said to the neighbours on a link in whole frames: whether anybody has an address (RFC 5227), whether one is there, and that an
//! address is here now (gratuitous ARP, unsolicited neighbour advertisements). And the two things every such frame needs: the socket
//! and the internet checksum.
//!
//! It must not know bridges, plans or files, nor decide which addresses are asked about.

mod announce;
mod arp;
mod checksum;
mod neighbour;
mod probe;
mod reach;
mod socket;

pub use announce::{Announcement, Turn, announce};
pub use checksum::checksum;
pub use probe::{Claim, Conflict, probe};
pub use reach::{Neighbour, silent};
pub use socket::{IPV4, open};
