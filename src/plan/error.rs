//! Why something cannot be planned, or was not done.

use std::fmt;

use ovsdp_proto::{IfName, Mac};
use serde::{Deserialize, Serialize};

use crate::model::Zone;

/// What class an error is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// Nothing more particular.
    Failed,
    /// The files ask for something that cannot be.
    BadConfiguration,
    /// Nothing by that name.
    NotFound,
    /// Not permitted.
    NotPermitted,
    /// The kernel lacks what is needed.
    Unsupported,
    /// Another switch owns the datapath.
    OtherSwitch,
    /// No answer in time.
    TimedOut,
}

/// Why a step, or something else asked of an executor, was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepError {
    /// What was tried, as `adding the address`.
    pub what: String,
    /// On what, as `172.16.3.140/24 on ovsbr0`.
    pub object: String,
    /// Why not, in the kernel's words where it has some.
    pub reason: String,
    /// What to do about it.
    pub advice: Option<String>,
    /// Its class.
    pub kind: ErrorKind,
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.what, self.object, self.reason)
    }
}

impl std::error::Error for StepError {}

/// Why there is no plan. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum PlanError {
    /// The files know nothing by that name.
    #[error("{name}: no bridge or port by that name in the files")]
    NoSuch {
        /// The name asked for.
        name: IfName,
    },
    /// A port's device does not exist.
    #[error("{name}, a port of {bridge}: there is no such device")]
    NoDevice {
        /// The device.
        name: IfName,
        /// The bridge whose port it is.
        bridge: IfName,
    },
    /// A port's device is the loopback device.
    #[error("{name}, a port of {bridge}: the loopback device cannot be a port")]
    Loopback {
        /// The device.
        name: IfName,
        /// The bridge whose port it is.
        bridge: IfName,
    },
    /// A port's device does not speak Ethernet.
    #[error("{name}, a port of {bridge}: not an Ethernet device")]
    NotEthernet {
        /// The device.
        name: IfName,
        /// The bridge whose port it is.
        bridge: IfName,
    },
    /// A port's device belongs to a Linux bridge, a bond or the like.
    #[error("{name}, a port of {bridge}: it is enslaved to {master}")]
    Enslaved {
        /// The device.
        name: IfName,
        /// The bridge whose port it is.
        bridge: IfName,
        /// What it is enslaved to.
        master: IfName,
    },
    /// A port's device is not the one its file means by `HWADDR`.
    #[error("{name}, a port of {bridge}: its address is {}, not {wanted} as HWADDR says", mac.map_or_else(|| "unknown".to_owned(), |mac| mac.to_string()))]
    OtherHardware {
        /// The device.
        name: IfName,
        /// The bridge whose port it is.
        bridge: IfName,
        /// Its address.
        mac: Option<Mac>,
        /// The address its file gives.
        wanted: Mac,
        /// The device that has that.
        holder: Option<IfName>,
    },
    /// A device that bridges need, and that is no port of one, does not exist.
    #[error("{name}: there is no such device, and bridges need it")]
    NoPlainDevice {
        /// The device.
        name: IfName,
    },
    /// What bridges need is the loopback device.
    #[error("{name}: the loopback device is not touched")]
    PlainLoopback {
        /// The device.
        name: IfName,
    },
    /// A device that bridges need belongs to a bridge, a bond or the like itself.
    #[error("{name}: its file gives it addresses, but it is enslaved to {master}")]
    PlainEnslaved {
        /// The device.
        name: IfName,
        /// What it is enslaved to.
        master: IfName,
    },
    /// A port is attached to another bridge.
    #[error("{name}, a port of {bridge}: it is attached to {other}")]
    InOtherBridge {
        /// The port.
        name: IfName,
        /// The bridge whose port it is.
        bridge: IfName,
        /// The bridge that has it.
        other: IfName,
    },
    /// The firewall has no zone of the name asked for.
    #[error("{name}: firewalld has no zone {}", zone.as_str())]
    NoZone {
        /// The interface.
        name: IfName,
        /// The zone its file asks for.
        zone: Zone,
    },
    /// Another tunnel port takes the same packets.
    #[error("{name}, a port of {bridge}: {other} is the same tunnel, with the same remote_ip, local_ip and key")]
    SameTunnel {
        /// The port.
        name: IfName,
        /// The bridge whose port it is.
        bridge: IfName,
        /// The other port.
        other: IfName,
    },
    /// Another tunnel port needs the same device to be another.
    #[error("{name}, a port of {bridge}: it needs {device} with other extensions than {other} does")]
    TunnelsDiffer {
        /// The port.
        name: IfName,
        /// The bridge whose port it is.
        bridge: IfName,
        /// The other port.
        other: IfName,
        /// The device.
        device: IfName,
    },
    /// A tunnel's device belongs to a Linux bridge, a bond or the like.
    #[error("{name}, a tunnel's device: it is enslaved to {master}")]
    TunnelEnslaved {
        /// The device.
        name: IfName,
        /// What it is enslaved to.
        master: IfName,
    },
    /// A device of that name exists and is of another kind.
    #[error("{name}: a device of that name exists already and is {what}")]
    NameTaken {
        /// The name.
        name: IfName,
        /// What the device is.
        what: String,
    },
    /// The last bridge is to go, and the datapath has ports that are not ours.
    #[error("{}: the datapath has ports that ovsdp did not attach, and that would lose their switch: {}", list(bridges), list(names))]
    ForeignPorts {
        /// The ports.
        names: Vec<IfName>,
        /// The bridges that are to go.
        bridges: Vec<IfName>,
    },
    /// A bridge is to go, and has ports that commands attached and whose devices are there.
    #[error("{}: commands attached ports, and whoever said them has not let go of them: {}", list(bridges), list(names))]
    HeldPorts {
        /// The ports.
        names: Vec<IfName>,
        /// The bridges that are to go.
        bridges: Vec<IfName>,
    },
    /// Other devices stand on one that is to go, and the kernel would delete them with it.
    #[error("{name}: the kernel would delete with it what stands on it: {}", list(on))]
    StoodOn {
        /// The device that is to go.
        name: IfName,
        /// Those on it.
        on: Vec<IfName>,
    },
    /// A port that is not ours and is to be detached could not be brought back.
    #[error("{name}: a tunnel that the datapath itself made; ovsdp could not bring it back if something failed")]
    ForeignTunnel {
        /// The port.
        name: IfName,
    },
}

fn list(names: &[IfName]) -> String {
    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}

impl PlanError {
    /// Its class.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuch { .. } | Self::NoDevice { .. } | Self::NoPlainDevice { .. } => ErrorKind::NotFound,
            Self::ForeignPorts { .. } | Self::HeldPorts { .. } | Self::ForeignTunnel { .. } | Self::StoodOn { .. } => ErrorKind::Failed,
            _ => ErrorKind::BadConfiguration,
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::NoSuch { name } => format!("write ifcfg-{name}, or see `ovsdp show` for what is up"),
            Self::NoDevice { name, bridge } => format!("plug it in or load its driver, or take {name} out of {bridge} in ifcfg-{name}"),
            Self::NoPlainDevice { name } => format!("plug it in or load its driver, or take away ifcfg-{name}"),
            Self::PlainLoopback { name } | Self::Loopback { name, .. } | Self::NotEthernet { name, .. } => {
                format!("take ifcfg-{name} away or name another device in it")
            }
            Self::NoZone { zone, .. } => {
                format!(
                    "`firewall-cmd --get-zones` names those there are; `firewall-cmd --permanent --new-zone={}`, then `--reload`, makes one",
                    zone.as_str()
                )
            }
            Self::SameTunnel { other, .. } => {
                format!("give one of them another `key`, or take one away: a packet could be either's; see ifcfg-{other}")
            }
            Self::TunnelsDiffer { name, .. } => format!("give both the same `exts`, or {name} another `dst_port`"),
            Self::Enslaved { name, master, .. } | Self::TunnelEnslaved { name, master } | Self::PlainEnslaved { name, master } => {
                format!("take {name} out of {master} first: `ip link set {name} nomaster`")
            }
            Self::OtherHardware { holder: Some(holder), wanted, .. } => {
                format!("{holder} has {wanted}: write `DEVICE={holder}`, or rename the device")
            }
            Self::OtherHardware { name, .. } => format!("write the address `ip link show {name}` prints, or remove HWADDR"),
            Self::InOtherBridge { name, other, .. } => format!("take {name} out of {other} first: `ovsdp down {name}`"),
            Self::ForeignPorts { bridges, .. } | Self::HeldPorts { bridges, .. } => {
                format!("detach them first, or have them detached: `ovsdp down {} --with-foreign-ports`", list(bridges).replace(',', ""))
            }
            Self::StoodOn { on, .. } => {
                let commands: Vec<_> = on.iter().map(|name| format!("`ip link delete {name}`")).collect();
                format!("take them away first, ovsdp could not make them again: {}", commands.join(", "))
            }
            Self::ForeignTunnel { name } => format!("detach it first: `ovs-dpctl del-if ovs-system {name}`"),
            Self::NameTaken { name, .. } => format!("give the bridge or port another name, or remove the device: `ip link delete {name}`"),
        }
    }
}
