//! Ports that must fit the ports of other files: patch ports and their peers, tunnels and each other.

use super::code::Code;
use super::diag::Diagnostic;
use super::settings::{Role, Settings};

/// Patch ports whose peer has no file, or another peer. `is_broken`: whether the file of a device could not be read.
pub(super) fn patches(unique: &[&Settings], is_broken: impl Fn(&str) -> bool, found: &mut Vec<Diagnostic>) {
    for settings in unique {
        let Role::Patch(bridge, peer) = &settings.role else { continue };
        let name = settings.device.name;
        let warning = |message: String| Diagnostic::warning(Code::Patch, &settings.file, message).at(peer.span);
        let Some(other) = unique.iter().find(|other| other.device.name == peer.name) else {
            if !is_broken(&peer.name) {
                let help = format!("add `ifcfg-{}` with `TYPE=OVSPatchPort`, `OVS_BRIDGE=` and `OVS_PATCH_PEER={name}`", peer.name);
                found.push(warning(format!("no file describes `{}`, the peer of `{name}`", peer.name)).help(help).note(BOTH));
            }
            continue;
        };
        let diagnostic = match &other.role {
            Role::Patch(of, back) if back.name == name && of.name == bridge.name => {
                warning(format!("`{name}` and its peer `{}` are in one bridge", peer.name)).help("put them into two bridges")
            }
            Role::Patch(_, back) if back.name == name => continue,
            Role::Patch(_, back) => warning(format!("`{}` names another peer, `{}`", peer.name, back.name))
                .help(format!("write `OVS_PATCH_PEER={name}` into `{}`", other.file))
                .related(&other.file, back.span, "the peer's peer"),
            _ => warning(format!("`{}` is no patch port", peer.name)).help("name a port with `TYPE=OVSPatchPort`").related(
                &other.file,
                other.device.span,
                "described here",
            ),
        };
        found.push(diagnostic.note(BOTH));
    }
}

const BOTH: &str = "nothing passes between two patch ports unless each names the other";

/// Tunnels that cannot be beside each other.
pub(super) fn tunnels(unique: &[&Settings], found: &mut Vec<Diagnostic>) {
    for (at, settings) in unique.iter().enumerate() {
        let Role::Tunnel(_, tunnel) = &settings.role else { continue };
        for other in unique.iter().take(at) {
            let Role::Tunnel(_, before) = &other.role else { continue };
            let (message, help) = if tunnel.takes_what(before) {
                ("is the same tunnel, with the same remote_ip, local_ip and key", "give one of them another `key`")
            } else if tunnel.encap.device() != before.encap.device() && tunnel.encap.device().name() == before.encap.device().name() {
                ("uses the same UDP port with other extensions", "give both the same `exts`, or one of them another `dst_port`")
            } else {
                continue;
            };
            let diagnostic = Diagnostic::error(Code::Tunnel, &settings.file, format!("`{}` {message}", other.device.name));
            found.push(diagnostic.at(settings.device.span).help(help).related(&other.file, other.device.span, "the other one"));
        }
    }
}
