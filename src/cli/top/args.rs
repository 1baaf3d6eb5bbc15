//! What can be typed behind `ovsdp top`.

use std::time::Duration;

use clap::Args;
use ovsdp_proto::IfName;

use super::super::stats::{datapath_name, period};

/// What can be typed behind `ovsdp top`.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct TopArgs {
    /// This datapath; ovs-system, else the first by name, when it is not given
    #[arg(long, value_name = "NAME", value_parser = datapath_name)]
    pub(super) datapath: Option<IfName>,
    /// Read every SECS (0.1 to 86400)
    #[arg(long, value_name = "SECS", value_parser = period, default_value = "1")]
    pub(super) interval: Duration,
    /// Print plain tables instead of taking over the terminal
    #[arg(long)]
    pub(super) batch: bool,
    /// End after N tables
    #[arg(long, value_name = "N", requires = "batch", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) count: Option<u32>,
    /// Print the N busiest flows (0 to 500)
    #[arg(long, value_name = "N", requires = "batch", default_value_t = 20, value_parser = clap::value_parser!(u16).range(..=500))]
    pub(super) rows: u16,
    /// Print JSON, one object an interval, instead of tables
    #[arg(long, requires = "batch")]
    pub(super) json: bool,
}
