//! What a test starts with: nothing, and the means to build a network.

use anyhow::Context;

use super::{Host, Log, Output, command, tool};

/// The world of one test. It has its own mounts, processes, network and name, all gone with the test.
#[derive(Debug)]
pub struct World {
    log: Log,
}

impl World {
    pub(crate) fn new(log: Log) -> World {
        World { log }
    }

    /// Makes a host.
    ///
    /// # Errors
    /// When the kernel refuses a namespace.
    pub fn host(&self, name: &str) -> anyhow::Result<Host> {
        Host::start(name, &self.log).with_context(|| format!("cannot make host {name}"))
    }

    /// Joins two hosts with a cable (a veth pair) and sets both ends up. The kernel chooses the MAC addresses.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn veth(&self, a: &Host, a_name: &str, b: &Host, b_name: &str) -> anyhow::Result<()> {
        self.cable(a, &format!("name {a_name}"), b, &format!("name {b_name}"))?;
        a.run(&format!("ip link set {a_name} up"))?;
        b.run(&format!("ip link set {b_name} up"))?;
        Ok(())
    }

    /// As [`World::veth`], with these MAC addresses.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn veth_with_macs(&self, a: &Host, a_end: (&str, &str), b: &Host, b_end: (&str, &str)) -> anyhow::Result<()> {
        self.cable(a, &format!("name {} address {}", a_end.0, a_end.1), b, &format!("name {} address {}", b_end.0, b_end.1))?;
        a.run(&format!("ip link set {} up", a_end.0))?;
        b.run(&format!("ip link set {} up", b_end.0))?;
        Ok(())
    }

    /// Runs a shell command line outside every host, in the test's own sandbox, that must succeed.
    ///
    /// # Errors
    /// When it exits with anything but 0, with all it said.
    pub fn run(&self, line: &str) -> anyhow::Result<Output> {
        let mut command = tool("/bin/sh");
        command.args(["-c", line]);
        command::run(&self.log, line, command)?.success()
    }

    /// Puts a remark into the test's log.
    pub fn note(&self, text: &str) {
        self.log.line(format!("# {text}"));
    }

    fn cable(&self, a: &Host, a_end: &str, b: &Host, b_end: &str) -> anyhow::Result<Output> {
        self.run(&format!("ip link add {a_end} netns {} type veth peer {b_end} netns {}", a.pid(), b.pid()))
    }
}
