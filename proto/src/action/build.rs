//! Appending actions.

use crate::key::{Ethernet, Field, Lse, Vlan};
use crate::mac::Mac;
use crate::nla::{self, TooLong};
use crate::uapi::{action, check_pkt_len as cpl, dec_ttl as ttl, key, psample as ps, sample as sa, userspace as us};

/// Appends `output`: send the packet to `port`.
pub fn output(out: &mut Vec<u8>, port: u32) {
    nla::put_u32(out, action::OUTPUT, port);
}

/// What a `userspace` action carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ToUserspace<'a> {
    /// The socket; ignored by the kernel when upcalls are dispatched per CPU, but demanded still.
    pub pid: u32,
    /// A cookie that comes back with the packet.
    pub userdata: Option<&'a [u8]>,
    /// Report the tunnel this port would send by.
    pub egress_tun_port: Option<u32>,
    /// Send the flow's actions too.
    pub actions: bool,
}

/// Appends `userspace`: send the packet up as an ACTION upcall.
///
/// # Errors
/// [`TooLong`] when the cookie does not fit; nothing is appended then.
pub fn userspace(out: &mut Vec<u8>, to: &ToUserspace<'_>) -> Result<(), TooLong> {
    nla::put_nested(out, action::USERSPACE, |out| {
        nla::put_u32(out, us::PID, to.pid);
        if let Some(cookie) = to.userdata {
            nla::put(out, us::USERDATA, cookie)?;
        }
        if let Some(port) = to.egress_tun_port {
            nla::put_u32(out, us::EGRESS_TUN_PORT, port);
        }
        if to.actions {
            nla::put_flag(out, us::ACTIONS);
        }
        Ok(())
    })
}

/// Appends `push_vlan`. The kernel demands [`VLAN_PRESENT`](crate::key::VLAN_PRESENT) in the TCI, which is set here.
pub fn push_vlan(out: &mut Vec<u8>, vlan: Vlan) {
    let [t0, t1] = vlan.tpid.to_be_bytes();
    let [c0, c1] = (vlan.tci | crate::key::VLAN_PRESENT).to_be_bytes();
    nla::put_array(out, action::PUSH_VLAN, [t0, t1, c0, c1]);
}

/// Appends `pop_vlan`: remove the outermost tag.
pub fn pop_vlan(out: &mut Vec<u8>) {
    nla::put_flag(out, action::POP_VLAN);
}

/// Appends `set`: overwrite a whole header.
///
/// # Errors
/// [`TooLong`], see [`Field::put`].
pub fn set(out: &mut Vec<u8>, field: &Field<'_>) -> Result<(), TooLong> {
    nla::put_nested(out, action::SET, |out| field.put(out))
}

/// Appends `set_masked`: overwrite the bits of a header that `mask` has set. `value` must be 0 where `mask` is.
///
/// # Errors
/// [`TooLong`] when it does not fit; nothing is appended then.
pub fn set_masked<const N: usize>(out: &mut Vec<u8>, kind: u16, value: [u8; N], mask: [u8; N]) -> Result<(), TooLong> {
    nla::put_nested(out, action::SET_MASKED, |out| {
        nla::put_nested(out, kind, |out| {
            out.extend_from_slice(&value);
            out.extend_from_slice(&mask);
            Ok(())
        })
    })
}

/// Appends `sample`: run `actions` on `probability` of 2³²−1 packets.
///
/// # Errors
/// [`TooLong`] when the actions do not fit; nothing is appended then.
pub fn sample(out: &mut Vec<u8>, probability: u32, actions: &[u8]) -> Result<(), TooLong> {
    nla::put_nested(out, action::SAMPLE, |out| {
        nla::put_u32(out, sa::PROBABILITY, probability);
        nla::put(out, sa::ACTIONS, actions)
    })
}

/// Appends `recirc`: look the packet up again, with this id in its key.
pub fn recirc(out: &mut Vec<u8>, id: u32) {
    nla::put_u32(out, action::RECIRC, id);
}

/// Appends `hash`: leave a hash in the packet's key. `alg` is one of [`uapi::hash_alg`](crate::uapi::hash_alg).
pub fn hash(out: &mut Vec<u8>, alg: u32, basis: u32) {
    let ([a, b, c, d], [e, f, g, h]) = (alg.to_ne_bytes(), basis.to_ne_bytes());
    nla::put_array(out, action::HASH, [a, b, c, d, e, f, g, h]);
}

/// Appends `push_mpls`.
pub fn push_mpls(out: &mut Vec<u8>, lse: Lse, eth_type: u16) {
    let ([a, b, c, d], [e, f]) = (lse.0.to_be_bytes(), eth_type.to_be_bytes());
    nla::put_array(out, action::PUSH_MPLS, [a, b, c, d, e, f, 0, 0]);
}

/// Appends `pop_mpls`; the packet is of `eth_type` afterwards.
pub fn pop_mpls(out: &mut Vec<u8>, eth_type: u16) {
    nla::put_be16(out, action::POP_MPLS, eth_type);
}

/// Appends `add_mpls`; `flags` are of [`uapi::mpls`](crate::uapi::mpls).
pub fn add_mpls(out: &mut Vec<u8>, lse: Lse, eth_type: u16, flags: u16) {
    let ([a, b, c, d], [e, f], [g, h]) = (lse.0.to_be_bytes(), eth_type.to_be_bytes(), flags.to_ne_bytes());
    nla::put_array(out, action::ADD_MPLS, [a, b, c, d, e, f, g, h]);
}

/// Appends `trunc`: the next output sends at most `max_len` bytes, 14 at least.
pub fn trunc(out: &mut Vec<u8>, max_len: u32) {
    nla::put_u32(out, action::TRUNC, max_len);
}

/// Appends `push_eth`.
pub fn push_eth(out: &mut Vec<u8>, src: Mac, dst: Mac) {
    nla::put_array(out, action::PUSH_ETH, Ethernet { src, dst }.to_bytes());
}

/// Appends `pop_eth`.
pub fn pop_eth(out: &mut Vec<u8>) {
    nla::put_flag(out, action::POP_ETH);
}

/// Appends `ct` with attributes of [`uapi::ct`](crate::uapi::ct).
///
/// # Errors
/// [`TooLong`] when they do not fit; nothing is appended then.
pub fn ct(out: &mut Vec<u8>, attrs: &[u8]) -> Result<(), TooLong> {
    nla::put(out, action::CT, attrs)
}

/// Appends `ct_clear`.
pub fn ct_clear(out: &mut Vec<u8>) {
    nla::put_flag(out, action::CT_CLEAR);
}

/// Appends `push_nsh` with attributes of [`uapi::nsh`](crate::uapi::nsh). The kernel wants them in a nest of the key's NSH
/// inside the action, whatever its header's comment says.
///
/// # Errors
/// [`TooLong`] when they do not fit; nothing is appended then.
pub fn push_nsh(out: &mut Vec<u8>, attrs: &[u8]) -> Result<(), TooLong> {
    nla::put_nested(out, action::PUSH_NSH, |out| nla::put(out, key::NSH, attrs))
}

/// Appends `pop_nsh`.
pub fn pop_nsh(out: &mut Vec<u8>) {
    nla::put_flag(out, action::POP_NSH);
}

/// Appends `meter`: drop the packet when the meter's rate is exceeded.
pub fn meter(out: &mut Vec<u8>, id: u32) {
    nla::put_u32(out, action::METER, id);
}

/// Appends `clone`: run `actions` on a copy.
///
/// # Errors
/// [`TooLong`] when they do not fit; nothing is appended then.
pub fn clone(out: &mut Vec<u8>, actions: &[u8]) -> Result<(), TooLong> {
    nla::put(out, action::CLONE, actions)
}

/// Puts the actions from `from` on, a place in `out` where an action begins, into a [`clone`]; a place behind the end is the end.
///
/// # Errors
/// [`TooLong`] when they are longer than an attribute can be; `out` is then unchanged.
pub fn enclose(out: &mut Vec<u8>, from: usize) -> Result<(), TooLong> {
    let from = from.min(out.len());
    let payload = out.len() - from;
    let len = u16::try_from(payload + nla::HEADER_LEN).map_err(|_| TooLong { attr: action::CLONE, len: payload })?;
    nla::put_flag(out, action::CLONE);
    out[from..].rotate_right(nla::HEADER_LEN);
    out[from..from + 2].copy_from_slice(&len.to_ne_bytes());
    Ok(())
}

/// Appends `check_pkt_len`: one list of actions for packets longer than `len` bytes, another for the rest.
///
/// # Errors
/// [`TooLong`] when they do not fit; nothing is appended then.
pub fn check_pkt_len(out: &mut Vec<u8>, len: u16, greater: &[u8], less_equal: &[u8]) -> Result<(), TooLong> {
    nla::put_nested(out, action::CHECK_PKT_LEN, |out| {
        nla::put_u16(out, cpl::PKT_LEN, len);
        nla::put(out, cpl::ACTIONS_IF_GREATER, greater)?;
        nla::put(out, cpl::ACTIONS_IF_LESS_EQUAL, less_equal)
    })
}

/// Appends `dec_ttl`: decrement the time to live, and run `actions` when it is used up.
///
/// # Errors
/// [`TooLong`] when they do not fit; nothing is appended then.
pub fn dec_ttl(out: &mut Vec<u8>, actions: &[u8]) -> Result<(), TooLong> {
    nla::put_nested(out, action::DEC_TTL, |out| nla::put(out, ttl::ACTION, actions))
}

/// Appends `drop`: drop the packet, for this reason. From Linux 6.6; before, no actions at all do the same.
pub fn drop(out: &mut Vec<u8>, reason: u32) {
    nla::put_u32(out, action::DROP, reason);
}

/// Appends `psample`: send a copy to psample's listeners. From Linux 6.11. The one nest of these families that the kernel
/// takes only with [`nla::NLA_F_NESTED`], which it leaves out when it dumps the flow.
///
/// # Errors
/// [`TooLong`] when the cookie does not fit; nothing is appended then.
pub fn psample(out: &mut Vec<u8>, group: u32, cookie: Option<&[u8]>) -> Result<(), TooLong> {
    nla::put_nested(out, action::PSAMPLE | nla::NLA_F_NESTED, |out| {
        nla::put_u32(out, ps::GROUP, group);
        cookie.map_or(Ok(()), |cookie| nla::put(out, ps::COOKIE, cookie))
    })
}
