//! The kernel's settings for IPv6 that no netlink message carries or takes: those of devices to come and of the whole host,
//! and the files through which a device's are changed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ovsdp_proto::IfName;

use crate::model::{Ipv6Setting, Ipv6Settings};
use crate::plan;
use crate::rtnl;

/// Where the kernel shows them, a folder for each device; not there in a kernel without IPv6.
const CONF: &str = "/proc/sys/net/ipv6/conf";

/// The settings of `links`, of a new device, and whether the host routes.
pub fn observe(links: &[rtnl::Link]) -> plan::Ipv6Conf {
    let default = Path::new(CONF).join("default");
    let default = Ipv6Setting::ALL.into_iter().filter_map(|setting| Some((setting, value(&default, setting)?))).collect();
    let devices = links.iter().filter_map(|link| Some((link.name, of_link(link.inet6?)))).collect();
    let forwards = value(&Path::new(CONF).join("all"), Ipv6Setting::Forwarding).is_some_and(|value| value != 0);
    plan::Ipv6Conf { default, devices, forwards }
}

fn of_link(inet6: rtnl::Inet6) -> Ipv6Settings {
    let rtnl::Inet6 { forwarding, mtu, accept_ra, accept_redirects, autoconf, use_tempaddr } = inet6;
    Ipv6Settings::from([
        (Ipv6Setting::Forwarding, forwarding),
        (Ipv6Setting::AcceptRa, accept_ra),
        (Ipv6Setting::AcceptRedirects, accept_redirects),
        (Ipv6Setting::Autoconf, autoconf),
        (Ipv6Setting::UseTempaddr, use_tempaddr),
        (Ipv6Setting::Mtu, mtu),
    ])
}

fn value(folder: &Path, setting: Ipv6Setting) -> Option<i32> {
    // A number and a line's end, which the kernel gives at once.
    let mut text = [0; 16];
    let length = File::open(folder.join(setting.name())).and_then(|mut file| file.read(&mut text)).ok()?;
    std::str::from_utf8(text.get(..length)?).ok()?.trim().parse().ok()
}

/// The file of one setting of one device.
pub fn path(name: IfName, setting: Ipv6Setting) -> PathBuf {
    Path::new(CONF).join(name.as_str()).join(setting.name())
}

/// Changes a device's setting.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] when there is no such device or no IPv6, [`io::ErrorKind::InvalidInput`] for a value the
/// kernel does not take, [`io::ErrorKind::ReadOnlyFilesystem`] in a container that may not.
pub fn set(name: IfName, setting: Ipv6Setting, to: i32) -> io::Result<()> {
    fs::write(path(name, setting), format!("{to}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_a_number_in_a_file() {
        let dir = tempfile::tempdir().unwrap();
        for (text, expected) in [("1\n", Some(1)), ("-1\n", Some(-1)), ("", None), ("x", None)] {
            fs::write(dir.path().join("accept_ra"), text).unwrap();
            assert_eq!(value(dir.path(), Ipv6Setting::AcceptRa), expected, "{text:?}");
        }
        assert_eq!(value(dir.path(), Ipv6Setting::Mtu), None, "a kernel without it");
    }
}
