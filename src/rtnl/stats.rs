//! A link's counters.

use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use ovsdp_proto::nla::Attrs;
use ovsdp_proto::nlmsg::Message;
use ovsdp_proto::{DecodeError, IfName, Reason};

use super::names::{self, rtm};
use super::{Error, Rtnl, emit};
use crate::nl::Kind;

/// `IFLA_STATS64`.
const STATS64: u16 = 23;

/// A link's counters, as the device's driver keeps them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Packets received.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Bad packets received.
    pub rx_errors: u64,
    /// Packets that could not be sent.
    pub tx_errors: u64,
    /// Packets dropped on the way in.
    pub rx_dropped: u64,
    /// Packets dropped on the way out.
    pub tx_dropped: u64,
    /// Collisions.
    pub collisions: u64,
    /// Packets the receiver had no room for.
    pub rx_over_errors: u64,
    /// Packets received with a framing error.
    pub rx_frame_errors: u64,
    /// Sends given up.
    pub tx_aborted_errors: u64,
    /// Sends that lost the carrier.
    pub tx_carrier_errors: u64,
}

impl LinkStats {
    /// Reads `struct rtnl_link_stats64`, of which newer kernels append to the end.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (words, _) = bytes.as_chunks::<8>();
        let word = |at: usize| words.get(at).map(|word| u64::from_ne_bytes(*word));
        Some(Self {
            rx_packets: word(0)?,
            tx_packets: word(1)?,
            rx_bytes: word(2)?,
            tx_bytes: word(3)?,
            rx_errors: word(4)?,
            tx_errors: word(5)?,
            rx_dropped: word(6)?,
            tx_dropped: word(7)?,
            collisions: word(9)?,
            rx_over_errors: word(11)?,
            rx_frame_errors: word(13)?,
            tx_aborted_errors: word(16)?,
            tx_carrier_errors: word(17)?,
        })
    }
}

impl Rtnl {
    /// The counters of the link called `name`; `None` when there is none.
    ///
    /// # Errors
    /// When the kernel does not answer or its answer cannot be read.
    pub fn link_stats(&mut self, name: &IfName) -> Result<Option<LinkStats>, Error> {
        let mut request = LinkMessage::default();
        request.attributes = vec![LinkAttribute::IfName(name.as_str().to_owned())];
        let mut found = None;
        let read = |answer: Message<'_>| {
            let missing = DecodeError::new("rtnetlink link", STATS64, 0, Reason::Missing);
            let attrs = Attrs::new(answer.payload.get(names::LINK_HEADER..).unwrap_or(&[]));
            found = Some(attrs.find(STATS64).and_then(|attr| LinkStats::parse(attr.payload())).ok_or(missing)?);
            Ok(())
        };
        match self.socket.transact(|batch| batch.push(rtm::GETLINK, 0, |out| emit(out, &request)), read) {
            Ok(()) => Ok(found),
            Err(error) if error.kind() == Kind::NoDevice => Ok(None),
            Err(error) => Err(error.on("read the counters of link", name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_order() {
        let bytes: Vec<u8> = (0..25u64).flat_map(u64::to_ne_bytes).collect();
        let stats = LinkStats::parse(&bytes).unwrap();
        assert_eq!((stats.tx_packets, stats.rx_bytes, stats.tx_dropped, stats.collisions), (1, 2, 7, 9));
        assert_eq!((stats.rx_over_errors, stats.rx_frame_errors, stats.tx_aborted_errors, stats.tx_carrier_errors), (11, 13, 16, 17));
        assert_eq!(LinkStats::parse(&bytes[..100]), None);
    }
}
