//! Open vSwitch's words for a tunnel port: `type=` and `options:`, read and written.
//!
//! It takes what a switch without a controller can do; the rest it refuses by name, with the reason.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use super::{Encap, Erspan, Field, Inherit, Tunnel};

const VXLAN_PORT: u16 = 4789;
const GENEVE_PORT: u16 = 6081;
const TTL: u8 = 64;
/// The bits of a type of service that are not explicit congestion notification.
const DSCP: u8 = 0xfc;

/// Types Open vSwitch has and the kernel's datapath, or a learning switch, has not.
const ELSEWHERE: &[(&str, &str)] = &[
    ("lisp", "it carries packets without an Ethernet header"),
    ("bareudp", "it carries packets without an Ethernet header"),
    ("gtpu", "only datapaths in userspace have it"),
    ("srv6", "only datapaths in userspace have it"),
    ("stt", "the kernel's own datapath has it not"),
];

/// Options Open vSwitch has for every tunnel, and why a port cannot have them here.
const REFUSED: &[(&str, &str)] = &[
    ("seq", "GRE packets leave without sequence numbers"),
    ("psk", "nothing here speaks IPsec"),
    ("remote_cert", "nothing here speaks IPsec"),
    ("remote_name", "nothing here speaks IPsec"),
];

/// Why a type and options are no tunnel port's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTunnel {
    /// The type is none.
    #[error("`{0}` is no type of tunnel: there are vxlan, geneve, gre, ip6gre, erspan and ip6erspan")]
    UnknownType(String),
    /// The type is Open vSwitch's, and cannot be had here.
    #[error("no tunnel of type {0} here: {1}")]
    NoType(String, &'static str),
    /// The type has no such option.
    #[error("a {kind} tunnel has no option `{option}`")]
    UnknownOption {
        /// The tunnel's type.
        kind: &'static str,
        /// The option.
        option: String,
    },
    /// The option is Open vSwitch's, and cannot be had here.
    #[error("no option `{0}` here: {1}")]
    NoOption(String, &'static str),
    /// The option has a value it cannot have.
    #[error("{option}={value}: {want}")]
    BadValue {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        want: String,
    },
    /// The option is needed.
    #[error("a {kind} tunnel needs `{option}`: {want}")]
    Missing {
        /// The tunnel's type.
        kind: &'static str,
        /// The option.
        option: &'static str,
        /// What it says.
        want: &'static str,
    },
}

impl BadTunnel {
    /// The option that is wrong, when one is that was given.
    pub fn option(&self) -> Option<&str> {
        match self {
            Self::UnknownOption { option, .. } | Self::NoOption(option, _) => Some(option),
            Self::BadValue { option, .. } => Some(option),
            Self::UnknownType(_) | Self::NoType(..) | Self::Missing { .. } => None,
        }
    }
}

fn bad(option: &'static str, value: &str, want: impl Into<String>) -> BadTunnel {
    BadTunnel::BadValue { option, value: value.to_owned(), want: want.into() }
}

/// A number as Open vSwitch reads one: decimal, hexadecimal after `0x`, octal after `0`.
fn number(text: &str) -> Option<u64> {
    match (text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")), text.strip_prefix('0')) {
        (Some(digits), _) if !digits.starts_with('+') => u64::from_str_radix(digits, 16).ok(),
        (None, Some(digits)) if !digits.is_empty() && !digits.starts_with('+') => u64::from_str_radix(digits, 8).ok(),
        _ if text.starts_with(|c: char| c.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

fn bounded<T: TryFrom<u64>>(option: &'static str, value: &str, least: u64, most: u64) -> Result<T, BadTunnel> {
    let number = number(value).filter(|number| (least..=most).contains(number)).and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| bad(option, value, format!("it must be a number from {least} to {most}")))
}

fn boolean(option: &'static str, value: &str) -> Result<bool, BadTunnel> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(bad(option, value, "it must be true or false")),
    }
}

/// The options as they were given, each taken once.
struct Given<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Given<'a> {
    fn take(&mut self, option: &str) -> Option<&'a str> {
        self.0.remove(option)
    }

    fn number<T: TryFrom<u64>>(&mut self, option: &'static str, (least, most): (u64, u64), default: T) -> Result<T, BadTunnel> {
        self.take(option).map_or(Ok(default), |value| bounded(option, value, least, most))
    }

    fn boolean(&mut self, option: &'static str, default: bool) -> Result<bool, BadTunnel> {
        self.take(option).map_or(Ok(default), |value| boolean(option, value))
    }

    fn address(&mut self, option: &'static str) -> Result<Option<Field<IpAddr>>, BadTunnel> {
        let Some(value) = self.take(option) else { return Ok(None) };
        if value == "flow" {
            return Ok(Some(Field::Flow));
        }
        let address = IpAddr::from_str(value).map_err(|_| bad(option, value, "it must be an IP address, or `flow`"))?;
        if address.is_multicast() || address.is_unspecified() {
            return Err(bad(option, value, "it must be one host's address"));
        }
        Ok(Some(Field::Is(address)))
    }

    fn key(&mut self, option: &'static str, bits: u32) -> Result<Option<Field<u32>>, BadTunnel> {
        match self.take(option) {
            None => Ok(None),
            Some("flow") => Ok(Some(Field::Flow)),
            Some(value) => Ok(Some(Field::Is(bounded(option, value, 0, u64::from(u32::MAX) >> (32 - bits))?))),
        }
    }

    fn erspan(&mut self) -> Result<Erspan, BadTunnel> {
        for option in ["erspan_ver", "erspan_idx", "erspan_dir", "erspan_hwid"] {
            if self.0.get(option) == Some(&"flow") {
                return Err(bad(option, "flow", "no packet of a learning switch says it; give a number"));
            }
        }
        match self.number("erspan_ver", (1, 2), 1)? {
            1u8 => Ok(Erspan::V1 { index: self.number("erspan_idx", (0, 0xf_ffff), 0)? }),
            _ => Ok(Erspan::V2 { dir: self.number("erspan_dir", (0, 1), 0)?, hwid: self.number("erspan_hwid", (0, 0x3f), 0)? }),
        }
    }

    fn encap(&mut self, kind: &str) -> Result<Encap, BadTunnel> {
        match kind {
            "vxlan" => {
                let (gbp, gpe) = match self.take("exts") {
                    None | Some("") => (false, false),
                    Some("gbp") => (true, false),
                    Some("gpe") => (false, true),
                    Some(value) => return Err(bad("exts", value, "it must be `gbp` or `gpe`: a header has no room for both")),
                };
                Ok(Encap::Vxlan { port: self.number("dst_port", (1, 65535), VXLAN_PORT)?, gbp, gpe })
            }
            "geneve" => Ok(Encap::Geneve { port: self.number("dst_port", (1, 65535), GENEVE_PORT)? }),
            "gre" => Ok(Encap::Gre),
            "ip6gre" => Ok(Encap::Ip6Gre),
            "erspan" => Ok(Encap::Erspan(self.erspan()?)),
            "ip6erspan" => Ok(Encap::Ip6Erspan(self.erspan()?)),
            other => Err(match ELSEWHERE.iter().find(|(name, _)| *name == other) {
                Some((_, why)) => BadTunnel::NoType(other.to_owned(), why),
                None => BadTunnel::UnknownType(other.to_owned()),
            }),
        }
    }
}

/// Which family of addresses a type goes by, where it is not both.
fn family(encap: Encap, option: &'static str, address: Option<Field<IpAddr>>) -> Result<(), BadTunnel> {
    let Some(Field::Is(address)) = address else { return Ok(()) };
    let (v6, other) = match encap {
        Encap::Vxlan { .. } | Encap::Geneve { .. } => return Ok(()),
        Encap::Gre => (false, "ip6gre"),
        Encap::Erspan(_) => (false, "ip6erspan"),
        Encap::Ip6Gre => (true, "gre"),
        Encap::Ip6Erspan(_) => (true, "erspan"),
    };
    if address.is_ipv6() == v6 {
        return Ok(());
    }
    let version = if v6 { 6 } else { 4 };
    Err(bad(option, &address.to_string(), format!("a {} tunnel goes by IPv{version}; the other is type {other}", encap.type_name())))
}

impl Tunnel {
    /// Reads a tunnel port's type and options, in Open vSwitch's words.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn parse<'a>(kind: &str, options: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, BadTunnel> {
        let mut given = Given(options.into_iter().collect());
        let encap = given.encap(kind)?;
        let kind = encap.type_name();
        let missing = BadTunnel::Missing { kind, option: "remote_ip", want: "the other end's address, or `flow`" };
        let remote = given.address("remote_ip")?.ok_or(missing)?;
        let local = given.address("local_ip")?;
        family(encap, "remote_ip", Some(remote))?;
        family(encap, "local_ip", local)?;
        if local == Some(Field::Flow) && remote != Field::Flow {
            return Err(bad("local_ip", "flow", "with it remote_ip must be `flow` too"));
        }
        if let (Some(Field::Is(local)), Field::Is(remote)) = (local, remote)
            && local.is_ipv4() != remote.is_ipv4()
        {
            return Err(bad("local_ip", &local.to_string(), format!("it is not of the family of remote_ip={remote}")));
        }
        let bits = encap.key_bits();
        let both = given.key("key", bits)?;
        let in_key = given.key("in_key", bits)?.or(both);
        let out_key = given.key("out_key", bits)?.or(both);
        let tos = match given.take("tos") {
            None => Inherit::Is(0),
            Some("inherit") => Inherit::Inner,
            Some(value) => match bounded("tos", value, 0, 255)? {
                tos if tos & !DSCP == 0 => Inherit::Is(tos),
                _ => return Err(bad("tos", value, "its lowest two bits must be 0: congestion notification is the inner packet's")),
            },
        };
        let ttl = match given.take("ttl") {
            None => Inherit::Is(TTL),
            Some("inherit") => Inherit::Inner,
            Some(value) => Inherit::Is(bounded("ttl", value, 1, 255)?),
        };
        let (df, csum) = (given.boolean("df_default", true)?, given.boolean("csum", false)?);
        let mark = given.take("egress_pkt_mark").map(|value| bounded("egress_pkt_mark", value, 0, u32::MAX.into())).transpose()?;
        match given.take("packet_type") {
            None | Some("legacy_l2") => {}
            Some(value) => return Err(bad("packet_type", value, "every packet of a learning switch has an Ethernet header: `legacy_l2`")),
        }
        if let Some(option) = given.0.into_keys().next() {
            return Err(match REFUSED.iter().find(|(name, _)| *name == option) {
                Some((_, why)) => BadTunnel::NoOption(option.to_owned(), why),
                None => BadTunnel::UnknownOption { kind, option: option.to_owned() },
            });
        }
        Ok(Self { encap, remote, local, in_key, out_key, tos, ttl, df, csum, mark })
    }

    /// Its options in Open vSwitch's words, without those that say what goes without saying. [`parse`](Self::parse) reads
    /// the same from them.
    pub fn options(&self) -> BTreeMap<&'static str, String> {
        fn field<T: Display + Copy>(field: Field<T>) -> String {
            field.value().map_or_else(|| "flow".to_owned(), |value| value.to_string())
        }
        let mut options = BTreeMap::from([("remote_ip", field(self.remote))]);
        let mut put = |option, value: Option<String>| options.extend(value.map(|value| (option, value)));
        put("local_ip", self.local.map(field));
        if self.in_key == self.out_key {
            put("key", self.in_key.map(field));
        } else {
            put("in_key", self.in_key.map(field));
            put("out_key", self.out_key.map(field));
        }
        let inherit = |value, default| match value {
            Inherit::Inner => Some("inherit".to_owned()),
            Inherit::Is(value) => (value != default).then(|| value.to_string()),
        };
        put("tos", inherit(self.tos, 0));
        put("ttl", inherit(self.ttl, TTL));
        put("df_default", (!self.df).then(|| "false".to_owned()));
        put("csum", self.csum.then(|| "true".to_owned()));
        put("egress_pkt_mark", self.mark.map(|mark| mark.to_string()));
        match self.encap {
            Encap::Vxlan { port, gbp, gpe } => {
                put("dst_port", (port != VXLAN_PORT).then(|| port.to_string()));
                put("exts", gbp.then(|| "gbp".to_owned()).or_else(|| gpe.then(|| "gpe".to_owned())));
            }
            Encap::Geneve { port } => put("dst_port", (port != GENEVE_PORT).then(|| port.to_string())),
            Encap::Gre | Encap::Ip6Gre => {}
            Encap::Erspan(Erspan::V1 { index }) | Encap::Ip6Erspan(Erspan::V1 { index }) => {
                put("erspan_ver", Some("1".to_owned()));
                put("erspan_idx", Some(index.to_string()));
            }
            Encap::Erspan(Erspan::V2 { dir, hwid }) | Encap::Ip6Erspan(Erspan::V2 { dir, hwid }) => {
                put("erspan_ver", Some("2".to_owned()));
                put("erspan_dir", Some(dir.to_string()));
                put("erspan_hwid", Some(hwid.to_string()));
            }
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Tunnel, BadTunnel> {
        let mut words = text.split(' ');
        let kind = words.next().unwrap();
        Tunnel::parse(kind, words.map(|word| word.split_once('=').unwrap()))
    }

    #[test]
    fn options_are_read_with_their_defaults() {
        let Tunnel { encap, remote, local, in_key, out_key, tos, ttl, df, csum, mark } = parse("vxlan remote_ip=10.0.0.2").unwrap();
        assert_eq!((encap, remote, local), (Encap::Vxlan { port: 4789, gbp: false, gpe: false }, Field::Is([10, 0, 0, 2].into()), None));
        assert_eq!((in_key, out_key, tos, ttl, df, csum, mark), (None, None, Inherit::Is(0), Inherit::Is(64), true, false, None));
        let one = parse("geneve remote_ip=fd00::2 local_ip=fd00::1 key=0x10 out_key=flow tos=0x28 ttl=inherit df_default=false csum=true dst_port=7")
            .unwrap();
        assert_eq!((one.encap, one.in_key, one.out_key), (Encap::Geneve { port: 7 }, Some(Field::Is(16)), Some(Field::Flow)));
        assert_eq!((one.tos, one.ttl, one.df, one.csum), (Inherit::Is(0x28), Inherit::Inner, false, true));
        let erspan = |text| parse(text).unwrap().encap;
        assert_eq!(erspan("erspan remote_ip=10.0.0.2 key=1 erspan_idx=0xfffff"), Encap::Erspan(Erspan::V1 { index: 0xf_ffff }));
        assert_eq!(
            erspan("ip6erspan remote_ip=fd00::2 key=1 erspan_ver=2 erspan_dir=1 erspan_hwid=63"),
            Encap::Ip6Erspan(Erspan::V2 { dir: 1, hwid: 63 })
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in [
            "vxlan remote_ip=10.0.0.2",
            "vxlan dst_port=8472 exts=gbp key=flow remote_ip=flow",
            "vxlan in_key=1 out_key=2 remote_ip=10.0.0.2 tos=inherit ttl=inherit",
            "vxlan in_key=1 remote_ip=10.0.0.2",
            "geneve csum=true df_default=false key=5 local_ip=fd00::1 remote_ip=fd00::2 tos=40 ttl=1",
            "gre key=4294967295 remote_ip=10.0.0.2",
            "gre egress_pkt_mark=0 remote_ip=10.0.0.2",
            "vxlan egress_pkt_mark=4294967295 exts=gpe remote_ip=10.0.0.2",
            "ip6gre remote_ip=fd00::2",
            "erspan erspan_idx=7 erspan_ver=1 key=1 remote_ip=10.0.0.2",
            "ip6erspan erspan_dir=1 erspan_hwid=4 erspan_ver=2 key=1 local_ip=flow remote_ip=flow",
        ] {
            let tunnel = parse(text).unwrap();
            let options: Vec<String> = tunnel.options().iter().map(|(option, value)| format!(" {option}={value}")).collect();
            assert_eq!(format!("{}{}", tunnel.encap.type_name(), options.concat()), text);
            let json = serde_json::to_string(&tunnel).unwrap();
            assert_eq!(serde_json::from_str::<Tunnel>(&json).unwrap(), tunnel, "{json}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_of_the_option() {
        for (text, option, words) in [
            ("vxlan key=1", None, "needs `remote_ip`"),
            ("vlxan remote_ip=10.0.0.2", None, "`vlxan` is no type of tunnel"),
            ("gtpu remote_ip=10.0.0.2", None, "only datapaths in userspace"),
            ("vxlan remote_ip=10.0.0", Some("remote_ip"), "an IP address"),
            ("vxlan remote_ip=239.0.0.1", Some("remote_ip"), "one host's address"),
            ("vxlan remote_ip=10.0.0.2 local_ip=fd00::1", Some("local_ip"), "not of the family"),
            ("vxlan remote_ip=10.0.0.2 local_ip=flow", Some("local_ip"), "remote_ip must be `flow` too"),
            ("vxlan remote_ip=10.0.0.2 key=16777216", Some("key"), "from 0 to 16777215"),
            ("vxlan remote_ip=10.0.0.2 key=+1", Some("key"), "from 0 to 16777215"),
            ("vxlan remote_ip=10.0.0.2 key=", Some("key"), "from 0 to 16777215"),
            ("erspan remote_ip=10.0.0.2 key=1024", Some("key"), "from 0 to 1023"),
            ("erspan remote_ip=10.0.0.2 erspan_ver=flow", Some("erspan_ver"), "give a number"),
            ("erspan remote_ip=10.0.0.2 erspan_ver=2 erspan_idx=1", Some("erspan_idx"), "has no option"),
            ("gre remote_ip=fd00::2", Some("remote_ip"), "type ip6gre"),
            ("ip6gre remote_ip=10.0.0.2", Some("remote_ip"), "type gre"),
            ("gre remote_ip=10.0.0.2 dst_port=5", Some("dst_port"), "has no option"),
            ("vxlan remote_ip=10.0.0.2 dst_port=0", Some("dst_port"), "from 1 to 65535"),
            ("vxlan remote_ip=10.0.0.2 exts=gbp,gpe", Some("exts"), "no room for both"),
            ("vxlan remote_ip=10.0.0.2 tos=1", Some("tos"), "lowest two bits"),
            ("vxlan remote_ip=10.0.0.2 tos=256", Some("tos"), "from 0 to 255"),
            ("vxlan remote_ip=10.0.0.2 ttl=0", Some("ttl"), "from 1 to 255"),
            ("vxlan remote_ip=10.0.0.2 csum=yes", Some("csum"), "true or false"),
            ("vxlan remote_ip=10.0.0.2 packet_type=ptap", Some("packet_type"), "legacy_l2"),
            ("vxlan remote_ip=10.0.0.2 egress_pkt_mark=0x100000000", Some("egress_pkt_mark"), "from 0 to 4294967295"),
            ("vxlan remote_ip=10.0.0.2 seq=true", Some("seq"), "without sequence numbers"),
            ("vxlan remote_ip=10.0.0.2 rmote=1", Some("rmote"), "has no option `rmote`"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.option(), option, "{text}");
            assert!(error.to_string().contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn a_device_serves_a_type_and_port() {
        for (text, name) in [
            ("vxlan remote_ip=10.0.0.2 dst_port=65535", "vxlan_sys_65535"),
            ("geneve remote_ip=10.0.0.2", "genev_sys_6081"),
            ("gre remote_ip=10.0.0.2", "gre_sys"),
            ("ip6gre remote_ip=fd00::2", "ip6gre_sys"),
            ("erspan remote_ip=10.0.0.2", "erspan_sys"),
            ("ip6erspan remote_ip=fd00::2", "ip6erspan_sys"),
        ] {
            assert_eq!(parse(text).unwrap().encap.device().name().as_str(), name);
        }
    }
}
