//! The kinds of finding, each with the code a reader can look up.
//!
//! L01 to L38 are the linter's published list; those of them that need a type, key or file format which is refused whole are
//! not here until something reports them (`explain` says what does meanwhile). A code never changes its meaning.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What kind of finding a diagnostic is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as it is printed, such as `L14`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// Something that is not an assignment: a bare word, `KEY = v`, `TYPE-X`.
    BareWord = "L01",
    /// A quote that is never closed.
    UnterminatedQuote = "L02",
    /// An unquoted blank inside a value.
    UnquotedBlank = "L03",
    /// CRLF, a byte order mark, non-breaking blanks, typographic quotes, control characters.
    ForeignBytes = "L04",
    /// What a template engine left behind.
    Template = "L05",
    /// The dialect of another distribution.
    Dialect = "L06",
    /// A key nobody reads, perhaps misspelt; a value that is nearly a known one.
    UnknownKey = "L07",
    /// A key set twice.
    DuplicateKey = "L08",
    /// A variable that has no value where it is used.
    UnsetVariable = "L09",
    /// An address or number that cannot be read.
    BadValue = "L10",
    /// A gateway outside the interface's network.
    GatewayOffSubnet = "L11",
    /// An address without PREFIX and NETMASK.
    NoPrefix = "L12",
    /// An address on a port.
    AddressOnPort = "L13",
    /// OVSBOOTPROTO and OVSDHCPINTERFACES that do not fit each other or the folder.
    DhcpInterfaces = "L14",
    /// BOOTPROTO=dhcp on a bridge.
    BootprotoOnBridge = "L15",
    /// OVS_BRIDGE names no bridge.
    NoSuchBridge = "L16",
    /// A bridge without ports.
    EmptyBridge = "L17",
    /// Two network devices in one bridge: a loop when they lead to the same network.
    Loop = "L18",
    /// A bond of fewer than two devices, or of one that is something else too.
    Bond = "L19",
    /// A patch port whose other end does not point back.
    Patch = "L20",
    /// A tunnel without its other end, or with an address.
    Tunnel = "L21",
    /// Kernel VLAN keys on an Open vSwitch interface.
    KernelVlan = "L22",
    /// HWADDR where it cannot mean anything, or is not checked.
    Hwaddr = "L23",
    /// A MACADDR no interface can have.
    BadMac = "L24",
    /// A bridge with a larger MTU than its port.
    Mtu = "L25",
    /// NetworkManager is left in charge of the device.
    NetworkManager = "L28",
    /// Two default routes.
    TwoDefaultRoutes = "L29",
    /// One address in two files.
    AddressTwice = "L30",
    /// DEVICE missing, or not the file's name.
    DeviceName = "L31",
    /// Keys no code has read for years.
    Obsolete = "L32",
    /// A mistake in a route file.
    RouteFile = "L33",
    /// A mistake in a rule file.
    RuleFile = "L34",
    /// A name the kernel does not take.
    BadName = "L35",
    /// A type that needs Open vSwitch's userspace datapath.
    Userspace = "L36",
    /// A file that others than root can write.
    Access = "L37",
    /// A file that is passed over for its name, and nothing in its place.
    Backup = "L38",
    /// Shell that is not evaluated: commands, arithmetic, arrays, control flow.
    RefusedShell = "L39",
    /// A key this version does not act on, where leaving it out would change what happens to traffic.
    Unsupported = "L40",
    /// A key that has no effect here.
    NoEffect = "L41",
    /// An interface type that is unknown.
    BadType = "L42",
    /// Two files for one device.
    DeviceTwice = "L43",
    /// A key that must be there and is not.
    MissingKey = "L44",
    /// A file, value or folder too large.
    TooLarge = "L45",
    /// A file that cannot be read.
    Unreadable = "L46",
    /// What bash would make of it depends on where it runs.
    ShellDependent = "L47",
    /// A companion file (routes, rules, aliases) this version does not act on.
    Companion = "L48",
    /// What the host's devices have against the files.
    Obstacle = "L49",
    /// A rule for network devices' names that contradicts the files, or would catch a bridge.
    NamingRule = "L50",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or_else(|| serde::de::Error::custom("no such code"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_in_order() {
        assert!(Code::ALL.is_sorted_by(|a, b| a.as_str() < b.as_str()));
    }

    #[test]
    fn codes_survive_json() {
        for code in Code::ALL {
            let text = serde_json::to_string(code).unwrap();
            assert_eq!(serde_json::from_str::<Code>(&text).unwrap(), *code);
        }
    }
}
