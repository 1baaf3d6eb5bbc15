//! What needs no kernel module: one binary, a module a room.

mod dhcp;
