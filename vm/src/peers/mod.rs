//! Other people's programs a test stands ovsdp beside: Debian's Open vSwitch, dnsmasq, dhclient, systemd-resolved, firewalld.

mod bus;
mod dhclient;
mod dnsmasq;
mod firewalld;
pub mod manager;
mod openvswitch;
mod resolved;

pub use dhclient::Dhclient;
pub use dnsmasq::Dnsmasq;
pub use firewalld::Firewalld;
pub use openvswitch::OpenVswitch;
pub use resolved::Resolved;
