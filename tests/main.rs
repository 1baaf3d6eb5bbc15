//! What needs no kernel module, in one binary. Each module is marked as a test, which is what lets its helpers unwrap.

#[cfg(test)]
mod ifcfg;
