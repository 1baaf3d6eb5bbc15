//! Which port of a bridge an unwrapped packet came in by.
//!
//! A port may leave open what it takes: any key, any sender, any of our addresses. Of several that take a packet the one that
//! leaves least open has it, the key weighing more than the sender and the sender more than our address (Open vSwitch's
//! `tnl_find`).

use core::net::IpAddr;

use foldhash::quality::RandomState;
use hashbrown::{HashMap, HashSet};

use super::Outer;
use crate::model::{Field, Tunnel};

/// What a port takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::switch) struct Select {
    /// The tunnel device's number in the datapath.
    dp_port: u32,
    /// The key; `None` takes any.
    key: Option<u64>,
    /// The sender; `None` takes any.
    remote: Option<IpAddr>,
    /// Which of our addresses it was sent to.
    local: Local,
}

/// Which of our addresses a packet was sent to. That an address was not named, or said to be the packet's, comes to the same
/// but for which of two such ports has the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Local {
    Is(IpAddr),
    Unnamed,
    Flow,
}

impl Select {
    /// What `tunnel` takes, through the device that has this number in the datapath.
    pub(in crate::switch) fn of(dp_port: u32, tunnel: &Tunnel) -> Self {
        let key = match tunnel.in_key {
            None => Some(0),
            Some(Field::Is(key)) => Some(key.into()),
            Some(Field::Flow) => None,
        };
        let local = match tunnel.local {
            None => Local::Unnamed,
            Some(Field::Is(address)) => Local::Is(address),
            Some(Field::Flow) => Local::Flow,
        };
        Self { dp_port, key, remote: tunnel.remote.value(), local }
    }
}

/// The tunnel ports of every bridge, by what they take.
#[derive(Debug)]
pub(in crate::switch) struct Ports<T> {
    by_select: HashMap<Select, T, RandomState>,
    devices: HashSet<u32, RandomState>,
}

impl<T> Default for Ports<T> {
    fn default() -> Self {
        Self { by_select: HashMap::default(), devices: HashSet::default() }
    }
}

impl<T: Copy> Ports<T> {
    pub(in crate::switch) fn clear(&mut self) {
        self.by_select.clear();
        self.devices.clear();
    }

    pub(in crate::switch) fn insert(&mut self, select: Select, port: T) {
        self.by_select.insert(select, port);
        self.devices.insert(select.dp_port);
    }

    /// Whether the datapath's port of this number is a tunnel device that a port of a bridge goes through.
    pub(in crate::switch) fn has_device(&self, dp_port: u32) -> bool {
        self.devices.contains(&dp_port)
    }

    /// The port that has a packet which came out of the device `dp_port`.
    pub(in crate::switch) fn find(&self, dp_port: u32, outer: &Outer) -> Option<T> {
        for key in [Some(outer.id), None] {
            for remote in [Some(outer.src), None] {
                for local in [Local::Is(outer.dst), Local::Unnamed, Local::Flow] {
                    if let Some(port) = self.by_select.get(&Select { dp_port, key, remote, local }) {
                        return Some(*port);
                    }
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use ovsdp_proto::key::TunnelField;
    use ovsdp_proto::nla::{self, TooLong};
    use ovsdp_proto::uapi::key;

    use super::*;

    fn outer(id: u64, src: [u8; 4], dst: [u8; 4]) -> Outer {
        let mut out = Vec::new();
        let fields = [TunnelField::Id(id), TunnelField::Ipv4Src(src.into()), TunnelField::Ipv4Dst(dst.into())];
        nla::put_nested::<TooLong>(&mut out, key::TUNNEL, |out| fields.iter().try_for_each(|field| field.put(out))).unwrap();
        Outer::parse(&out).unwrap()
    }

    #[test]
    fn the_port_that_leaves_least_open_has_the_packet() {
        let mut ports = Ports::default();
        let everything = [
            "remote_ip=flow key=flow local_ip=flow",
            "remote_ip=flow key=flow",
            "remote_ip=flow key=flow local_ip=10.0.0.1",
            "remote_ip=10.0.0.2 key=flow",
            "remote_ip=10.0.0.2 key=flow local_ip=10.0.0.1",
            "remote_ip=flow key=7",
            "remote_ip=flow key=7 local_ip=10.0.0.1",
            "remote_ip=10.0.0.2 key=7",
            "remote_ip=10.0.0.2 key=7 local_ip=10.0.0.1",
        ];
        // Each one is found while it is the most particular there is.
        for (number, text) in everything.iter().enumerate() {
            let tunnel = Tunnel::parse("vxlan", text.split(' ').map(|word| word.split_once('=').unwrap())).unwrap();
            ports.insert(Select::of(4, &tunnel), number);
            assert_eq!(ports.find(4, &outer(7, [10, 0, 0, 2], [10, 0, 0, 1])), Some(number), "{text}");
        }
        // What is not the packet's own is passed over.
        assert_eq!(ports.find(4, &outer(7, [10, 0, 0, 2], [10, 0, 0, 9])), Some(7));
        assert_eq!(ports.find(4, &outer(7, [10, 0, 0, 9], [10, 0, 0, 1])), Some(6));
        assert_eq!(ports.find(4, &outer(8, [10, 0, 0, 2], [10, 0, 0, 1])), Some(4));
        assert_eq!(ports.find(4, &outer(8, [10, 0, 0, 9], [10, 0, 0, 9])), Some(1));
        assert_eq!(ports.find(5, &outer(7, [10, 0, 0, 2], [10, 0, 0, 1])), None, "another device");
    }

    #[test]
    fn without_a_key_is_the_key_0() {
        let mut ports = Ports::default();
        ports.insert(Select::of(4, &Tunnel::parse("gre", [("remote_ip", "10.0.0.2")]).unwrap()), ());
        assert_eq!(ports.find(4, &outer(0, [10, 0, 0, 2], [10, 0, 0, 1])), Some(()));
        assert_eq!(ports.find(4, &outer(1, [10, 0, 0, 2], [10, 0, 0, 1])), None);
    }
}
