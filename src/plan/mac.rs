//! Which Ethernet address a bridge has when nobody wrote one.
//!
//! Open vSwitch takes the lowest one of the ports that a vendor assigned. Cloud and KVM interfaces have locally
//! administered ones, and the DHCP lease and the switch port's security hang on them: so the lowest of those comes next,
//! which is deliberately beyond what Open vSwitch does. With no port at all it is derived from the machine and the name.

use ovsdp_proto::Mac;

/// Addresses that belong to protocols and not to stations, beside the multicast ones (`eth_addr_is_reserved`).
const RESERVED: [u64; 4] = [0x00_e0_2b_00_00_00, 0x00_e0_2b_00_00_04, 0x00_e0_2b_00_00_06, 0xfe_ff_ff_ff_ff_ff];

/// One system device the bridge may take its address from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) mac: Mac,
    /// The lease is asked for through it.
    pub(super) through: bool,
}

/// The address for a bridge with these members, `None` when none of them has one to give.
pub(super) fn of_members(candidates: &[Candidate]) -> Option<Mac> {
    let usable = || candidates.iter().filter(|c| !c.mac.is_multicast() && c.mac != Mac::ZERO && !RESERVED.contains(&c.mac.as_u64()));
    let lowest_universal = usable().filter(|c| !c.mac.is_local()).map(|c| c.mac).min();
    lowest_universal.or_else(|| usable().min_by_key(|c| (!c.through, c.mac)).map(|c| c.mac))
}

/// An invented address, the same one every time: unicast, locally administered.
pub(super) fn invented(machine: &[u8; 16], name: &str) -> Mac {
    // FNV-1a, twice with different beginnings: this must not change between releases, and nothing secret hangs on it.
    let hash = |seed: u64| machine.iter().chain(name.as_bytes()).fold(seed, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let [_, a, b, c, ..] = hash(0xcbf2_9ce4_8422_2325).to_be_bytes();
    let [_, d, e, f, ..] = hash(0x8422_2325_cbf2_9ce4).to_be_bytes();
    Mac([a & 0xfc | 0x02, b, c, d, e, f])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(macs: &[(&str, bool)]) -> Option<String> {
        let candidates: Vec<_> = macs.iter().map(|(mac, through)| Candidate { mac: mac.parse().unwrap(), through: *through }).collect();
        of_members(&candidates).map(|mac| mac.to_string())
    }

    #[test]
    fn a_vendors_lowest_first_then_the_local_one_of_the_leases_port() {
        assert_eq!(of(&[("52:54:00:00:00:01", true), ("00:16:3e:00:00:02", false)]).unwrap(), "00:16:3e:00:00:02");
        assert_eq!(of(&[("52:54:00:00:00:01", false), ("52:54:00:00:00:02", true)]).unwrap(), "52:54:00:00:00:02");
        assert_eq!(of(&[("52:54:00:00:00:03", false), ("52:54:00:00:00:02", false)]).unwrap(), "52:54:00:00:00:02");
        assert_eq!(of(&[("00:00:00:00:00:00", true), ("01:00:5e:00:00:01", true), ("fe:ff:ff:ff:ff:ff", true)]), None);
    }

    #[test]
    fn an_invented_address_is_a_stations_own_and_stays() {
        let mac = invented(&[7; 16], "ovsbr0");
        assert!(mac.is_local() && !mac.is_multicast());
        assert_eq!(mac, invented(&[7; 16], "ovsbr0"));
        assert_ne!(mac, invented(&[7; 16], "ovsbr1"));
        assert_ne!(mac, invented(&[8; 16], "ovsbr0"));
    }
}
