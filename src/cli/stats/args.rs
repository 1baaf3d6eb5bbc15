//! What can be typed behind `ovsdp stats`, and readers of values that `ovsdp top` takes too.

use std::time::Duration;

use clap::Args;
use ovsdp_proto::IfName;

/// What can be typed behind `ovsdp stats`.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct StatsArgs {
    /// Only this datapath; all of the network namespace when it is not given
    #[arg(long, value_name = "NAME", value_parser = datapath_name)]
    pub(in crate::cli) datapath: Option<IfName>,
    /// Read again every SECS (0.1 to 86400), and print rates too
    #[arg(long, value_name = "SECS", value_parser = period)]
    pub(in crate::cli) watch: Option<Duration>,
    /// End after N readings
    #[arg(long, value_name = "N", requires = "watch", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) count: Option<u32>,
    /// Print JSON, one object a reading, instead of text
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// Reads a number of seconds.
pub(in crate::cli) fn period(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "write seconds, such as 1 or 0.5")?;
    if (0.1..=86_400.0).contains(&seconds) { Ok(Duration::from_secs_f64(seconds)) } else { Err("it must be from 0.1 to 86400 seconds".into()) }
}

/// Reads a datapath's name, as `ovs-system`.
pub(in crate::cli) fn datapath_name(text: &str) -> Result<IfName, String> {
    IfName::new(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods() {
        assert_eq!(period("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["", "x", "0", "0.01", "-1", "nan", "inf", "1e9"] {
            assert!(period(wrong).is_err(), "{wrong}");
        }
    }
}
