//! What needs no kernel module: fixtures, transcripts, two switches joined in virtual time, and the house's own rules.

mod arrows;
mod dhcp;
mod switch;
