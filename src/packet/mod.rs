//! What is said to the neighbours on a link in whole frames: whether anybody has an address (RFC 5227), and that it is
//! here now (gratuitous ARP, unsolicited neighbour advertisements). And the two things every such frame needs: the socket
//! and the internet checksum.
//!
//! It must not know bridges, plans or files, nor decide which addresses are asked about.

mod announce;
mod arp;
mod checksum;
mod neighbour;
mod probe;
mod socket;

pub use announce::{Announcement, Turn, announce};
pub use checksum::checksum;
pub use probe::{Claim, Conflict, probe};
pub use socket::{IPV4, open};
