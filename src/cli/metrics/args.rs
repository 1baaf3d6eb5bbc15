//! What can be typed behind `ovsdp metrics`.

use std::net::SocketAddr;

use clap::Args;

/// What can be typed behind `ovsdp metrics`.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct MetricsArgs {
    /// Serve them at http://ADDRESS:PORT/metrics instead of printing them
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<SocketAddr>,
    /// Listen also on an address that other hosts can reach; nobody is asked who they are
    #[arg(long, requires = "listen")]
    pub(super) allow_remote: bool,
}
