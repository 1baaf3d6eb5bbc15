//! Other people's programs a test stands ovsdp beside: Debian's Open vSwitch, dnsmasq, dhclient.

mod dhclient;
mod dnsmasq;
pub mod manager;
mod openvswitch;

pub use dhclient::Dhclient;
pub use dnsmasq::Dnsmasq;
pub use openvswitch::OpenVswitch;
