//! Other people's programs a test stands ovsdp beside: Debian's Open vSwitch, dnsmasq, dhclient, systemd-resolved, firewalld, NetworkManager.

mod bus;
mod dhclient;
mod dnsmasq;
mod firewalld;
pub mod manager;
mod network_manager;
mod openvswitch;
mod resolved;

pub use dhclient::Dhclient;
pub use dnsmasq::Dnsmasq;
pub use firewalld::Firewalld;
pub use network_manager::NetworkManager;
pub use openvswitch::OpenVswitch;
pub use resolved::Resolved;
