//! The tunnel: of which kind it is, and what else its file says of it. Beyond it is a device of Linux's own.

use super::Soak;
use super::scene::{Scene, TUNNELLED};

/// The tunnel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tunnel {
    kind: &'static str,
    /// Its UDP port; `None`: it has none.
    port: Option<u16>,
    key: u32,
    /// The last byte of the far host's address.
    far: u8,
    /// What else is said of it.
    options: &'static str,
}

impl Default for Tunnel {
    fn default() -> Tunnel {
        Tunnel { kind: "vxlan", port: Some(4789), key: 1, far: 2, options: "" }
    }
}

const OPTIONS: [&str; 5] = ["", "options:tos=inherit", "options:ttl=7 options:df_default=false", "options:local_ip=192.0.2.1", CSUM];
const CSUM: &str = "options:csum=true";

impl Tunnel {
    /// What the file says.
    fn lines(self) -> String {
        let Tunnel { kind, port, key, far, options } = self;
        let port = port.map_or_else(String::new, |port| format!("options:dst_port={port} "));
        format!("TYPE=OVSTunnel\nOVS_TUNNEL_TYPE={kind}\nOVS_TUNNEL_OPTIONS=\"options:remote_ip=192.0.2.{far} options:key={key} {port}{options}\"\n")
    }

    /// The far host's device, in `ip`'s words.
    fn device(self) -> String {
        let Tunnel { kind, port, key, far, options } = self;
        let port = port.map_or_else(String::new, |port| format!("dstport {port}"));
        let csum = if options == CSUM { "csum" } else { "" };
        match kind {
            "vxlan" => format!("vxlan id {key} remote 192.0.2.1 local 192.0.2.{far} {port}"),
            "geneve" => format!("geneve id {key} remote 192.0.2.1 {port}"),
            _ => format!("gretap key {key} remote 192.0.2.1 local 192.0.2.{far} {csum}"),
        }
    }
}

impl Scene {
    /// Has the tunnel's file say what it is from its next writing on.
    pub(super) fn write_tunnel(&mut self) {
        self.stations[TUNNELLED].file = Some(self.tunnel.lines());
    }

    /// Has the far host answer.
    pub(super) fn answer(&self) -> anyhow::Result<()> {
        let device = self.tunnel.device();
        self.far.run(&format!("ip link add vx type {device} && ip link set vx master lan && ip link set vx up")).map(drop)
    }
}

impl Soak {
    /// The tunnel has another key, and in one case of two its kind, its port, the far host's address or another option is another too.
    pub(super) fn other_tunnel(&mut self) -> anyhow::Result<()> {
        let mut tunnel = Tunnel { key: self.scene.tunnel.key + 1, ..self.scene.tunnel };
        match self.dice.below(8) {
            0 | 1 => (tunnel.kind, tunnel.port) = [("vxlan", Some(4789)), ("geneve", Some(6081)), ("gre", None)][self.dice.below(3)],
            2 => tunnel.port = tunnel.port.map(|port| port ^ 1),
            3 => tunnel.options = OPTIONS[self.dice.below(OPTIONS.len())],
            4 => tunnel.far = 5 - tunnel.far,
            _ => {}
        }
        if tunnel.kind == "geneve" {
            // Linux's sends from the first address.
            tunnel.far = 2;
        }
        // With another device of the kernel's below it, it is not the port that it was.
        let (before, mode) = (self.scene.tunnel, self.scene.stations[TUNNELLED].modes.now());
        let is_another = (tunnel.kind, tunnel.port) != (before.kind, before.port);
        if is_another {
            self.leaves(TUNNELLED, mode)?;
        }
        self.scene.tunnel = tunnel;
        self.scene.far.run("ip link del vx")?;
        self.scene.write_tunnel();
        self.scene.write_file(TUNNELLED, mode)?;
        self.up()?;
        if is_another {
            self.changed(TUNNELLED);
            self.left(TUNNELLED)?;
        }
        self.scene.answer()
    }
}
