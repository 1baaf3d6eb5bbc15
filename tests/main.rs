//! What needs no kernel module: fixtures, transcripts, two switches joined in virtual time, and the house's own rules.

#[cfg(test)]
mod arrows;
#[cfg(test)]
mod check;
#[cfg(test)]
mod columns;
#[cfg(test)]
mod commanded;
#[cfg(test)]
mod dhcp;
mod dhcp6;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod help;
#[cfg(test)]
mod ifcfg;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod switch;
