//! A station: a host of its own at a port of the switch, or beyond what the switch is joined to.

use anyhow::Context;

use super::modes::{Mode, Modes};
use super::oracle::TAGS;
use crate::guest::{Host, Wire, World};

/// The Ethernet type of the frames, and how many bytes of headers they have when their tag is off.
const IPV4: u16 = 0x0800;
const HEADERS: usize = 14 + 20 + 8;
/// What every device's MTU is at first.
pub(super) const MTU: u16 = 1500;

/// A station.
pub(super) struct Station {
    pub(super) host: Host,
    /// Its port, or what connects it to the host beyond.
    pub(super) port: String,
    wire: Wire,
    /// The devices that frames arrive at: each one's number, and the tag they had.
    devices: Vec<(usize, Option<u16>)>,
    /// What its port's file says beside how it switches; `None`: there is no file.
    pub(super) file: Option<String>,
    /// The MTU of its port's device, and whether the file says so.
    pub(super) mtu: u16,
    pub(super) mtu_in_file: bool,
    pub(super) modes: Modes,
    pub(super) mac: [u8; 6],
    pub(super) up: bool,
}

impl Station {
    /// Connects a station to `port` of `near`.
    pub(super) fn connect(world: &World, number: usize, (near, port): (&Host, &str), file: Option<String>, mode: Mode) -> anyhow::Result<Station> {
        let host = world.host(&format!("s{number}"))?;
        // What the kernel says by itself is not of interest.
        host.run("for all in all default; do echo 1 >/proc/sys/net/ipv6/conf/$all/disable_ipv6; done")?;
        world.veth(near, port, &host, "eth0")?;
        let mut devices = Vec::new();
        for tag in TAGS {
            let mut device = "eth0".to_owned();
            if let Some(vlan) = tag {
                device = format!("eth0.{vlan}");
                host.run(&format!("ip link add link eth0 name {device} type vlan id {vlan} && ip link set {device} up"))?;
            }
            let index = host.run(&format!("cat /sys/class/net/{device}/ifindex"))?.stdout.trim().parse()?;
            devices.push((index, tag));
        }
        let wire = Wire::of_arrivals(&host, "eth0", IPV4)?;
        let mac = [2, 0, 0, 0, 0, u8::try_from(number)?];
        Ok(Station { host, port: port.to_owned(), wire, devices, file, mtu: MTU, mtu_in_file: false, modes: Modes::new(mode), mac, up: true })
    }

    /// Sends frame number `number`: IPv4 and UDP, with ports of its own, so that what shares a load by them does. Its header has no checksum,
    /// and no host that gets it says anything.
    pub(super) fn send(&self, dst: [u8; 6], tag: Option<u16>, number: u32) -> anyhow::Result<()> {
        let mut frame = [dst, self.mac].concat();
        if let Some(tag) = tag {
            frame.extend([0x81, 0x00]);
            frame.extend(tag.to_be_bytes());
        }
        frame.extend(IPV4.to_be_bytes());
        let [.., from] = self.mac;
        let [.., high, low] = number.to_be_bytes();
        frame.extend([0x45, 0, 0, 60, 0, 0, 0, 0, 64, 17, 0, 0, 198, 51, 100, from, 198, 51, 100, 200]);
        frame.extend([high, low, 0, 9, 0, 40, 0, 0]);
        frame.extend(number.to_be_bytes());
        frame.resize(frame.len() + 28, 0);
        self.wire.send(&frame)
    }

    /// Hands over the tag and the number of each frame that was heard.
    pub(super) fn heard(&self, mut each: impl FnMut(Option<u16>, u32) -> anyhow::Result<()>) -> anyhow::Result<()> {
        while let Some((device, frame)) = self.wire.arrived()? {
            let (_, tag) = self.devices.iter().find(|(index, _)| *index == device).with_context(|| format!("a frame at device {device}"))?;
            let number = frame.get(HEADERS..HEADERS + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
            each(*tag, number.context("a frame cut short")?)?;
        }
        Ok(())
    }
}
