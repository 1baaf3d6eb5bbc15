//! A link's IPv6 settings, as the kernel tells them with the link.

use ovsdp_proto::nla::Attr;
use serde::{Deserialize, Serialize};

use super::names::inet6;

/// What `net.ipv6.conf.DEVICE.*` says of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inet6 {
    /// `forwarding`.
    pub forwarding: i32,
    /// `mtu`, of IPv6 packets in bytes.
    pub mtu: i32,
    /// `accept_ra`.
    pub accept_ra: i32,
    /// `accept_redirects`.
    pub accept_redirects: i32,
    /// `autoconf`.
    pub autoconf: i32,
    /// `use_tempaddr`; negative where there can be none.
    pub use_tempaddr: i32,
}

impl Inet6 {
    /// Reads the attribute that holds what every address family has to say of a link; `None` where there is no IPv6.
    pub(super) fn read(families: &Attr<'_>) -> Option<Self> {
        let family = families.nested().find(inet6::FAMILY)?;
        let conf = family.nested().find(inet6::CONF)?;
        let value = |at: usize| conf.payload().get(at * 4..at * 4 + 4).and_then(|bytes| bytes.first_chunk().copied()).map(i32::from_ne_bytes);
        Some(Self {
            forwarding: value(inet6::FORWARDING)?,
            mtu: value(inet6::MTU)?,
            accept_ra: value(inet6::ACCEPT_RA)?,
            accept_redirects: value(inet6::ACCEPT_REDIRECTS)?,
            autoconf: value(inet6::AUTOCONF)?,
            use_tempaddr: value(inet6::USE_TEMPADDR)?,
        })
    }
}
