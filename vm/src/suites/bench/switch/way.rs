//! The three that switch, each between two hosts, and what a process costs by the kernel's books.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::HANDLING;
use crate::guest::{Host, Process, Traffic, World, eventually};
use crate::peers::OpenVswitch;
use crate::protocol::GUEST_PATH;
use crate::suites::stage::plain_bridge;

/// The side of the senders' MACs.
pub(in crate::suites::bench) const A: u8 = 10;
/// The side of the receivers'.
pub(in crate::suites::bench) const B: u8 = 11;

/// Who switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Ours,
    Theirs,
    /// Who only installs flows and sends packets on.
    Bare,
}

/// A switch between two hosts. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) host: Host,
    /// Where the senders are.
    pub(super) a: Host,
    /// Where the receivers are.
    pub(super) b: Host,
    /// The name of the programs that do the work.
    pub(super) programs: &'static [&'static str],
    _bare: Option<Process>,
    pub(super) theirs: Option<OpenVswitch>,
}

impl Scene {
    /// Brings a switch up with one station known behind its second port.
    pub(super) fn new(world: &World, way: Way) -> anyhow::Result<Scene> {
        let (host, a, b) = (world.host("host")?, world.host("a")?, world.host("b")?);
        for one in [&host, &a, &b] {
            // What IPv6 says by itself would be counted.
            one.run("for all in all default; do echo 1 >/proc/sys/net/ipv6/conf/$all/disable_ipv6; done")?;
        }
        world.veth(&host, "p1", &a, "eth0")?;
        world.veth(&host, "p2", &b, "eth0")?;
        let (mut bare, mut theirs) = (None, None);
        let programs: &[&str] = match way {
            Way::Ours => {
                plain_bridge(&host, "br0", &["p1", "p2"])?;
                &["ovsdp"]
            }
            Way::Theirs => {
                let switch = OpenVswitch::start(&host)?;
                switch.vsctl("add-br br0 -- add-port br0 p1 -- add-port br0 p2")?;
                theirs = Some(switch);
                &["ovs-vswitchd", "ovsdb-server"]
            }
            Way::Bare => {
                host.run("ovsdp dpctl add-dp dp0 p1,port_no=1 p2,port_no=2")?;
                let mut handler = host.spawn(&format!("{GUEST_PATH} bare-handler dp0 1 2"))?;
                handler.wait_log(HANDLING, Duration::from_secs(10))?;
                bare = Some(handler);
                &["guest"]
            }
        };
        let scene = Scene { host, a, b, programs, _bare: bare, theirs };
        scene.announce(1)?;
        Ok(scene)
    }

    /// Has the receivers say where they are.
    pub(super) fn announce(&self, stations: u32) -> anyhow::Result<()> {
        self.send(&self.b, &self.a, &Traffic { rate: 2000, ..Traffic::of_each(B, stations, A) })
    }

    /// Sends traffic from one host to the other, all of which must arrive.
    pub(super) fn send(&self, from: &Host, to: &Host, traffic: &Traffic) -> anyhow::Result<()> {
        let arrivals = to.arrivals("eth0", traffic.count, Duration::from_secs(5))?;
        from.blast("eth0", traffic)?.wait(Duration::from_secs(120))?;
        let arrived = arrivals.wait(Duration::from_secs(240))?;
        ensure!(arrived.packets >= traffic.count, "{} of {} packets arrived", arrived.packets, traffic.count);
        Ok(())
    }

    /// The CPU time the switch's processes have used so far.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        let told = self.of_each_task("schedstat")?;
        let used = told.lines().filter_map(|line| line.split(' ').next()?.parse::<u64>().ok());
        Ok(Duration::from_nanos(used.sum()))
    }

    /// The same by the names of their threads.
    pub(super) fn cpu_by_thread(&self) -> anyhow::Result<BTreeMap<String, Duration>> {
        let programs = self.programs.join(" ");
        let told = self.host.run(&format!(
            "for task in $(for pid in $(pidof {programs}); do echo /proc/$pid/task/*; done); do echo $(cat $task/comm $task/schedstat); done"
        ))?;
        let mut all = BTreeMap::new();
        for line in told.stdout.lines() {
            // A name, which may have blanks in it, and three numbers.
            let words: Vec<&str> = line.split(' ').collect();
            let [name @ .., used, _, _] = &words[..] else { continue };
            *all.entry(name.join(" ")).or_default() += Duration::from_nanos(used.parse().context("no number")?);
        }
        Ok(all)
    }

    /// How often their threads have been given a CPU so far.
    pub(super) fn wake_ups(&self) -> anyhow::Result<u32> {
        let told = self.of_each_task("status")?;
        let switches =
            told.lines().filter(|line| line.contains("ctxt_switches:")).filter_map(|line| line.split_ascii_whitespace().last()?.parse::<u32>().ok());
        Ok(switches.sum())
    }

    /// What of their memory is resident, in MB.
    pub(super) fn resident(&self) -> anyhow::Result<f64> {
        resident(&self.host, self.programs)
    }

    /// What of it is their own, and no file's, in MB.
    pub(super) fn anonymous(&self) -> anyhow::Result<f64> {
        told_megabytes(&self.host, self.programs, "RssAnon:")
    }

    /// How many flows the kernel has.
    pub(super) fn flows(&self) -> anyhow::Result<u32> {
        let shown = self.host.run("ovsdp dpctl show")?;
        let flows = shown.stdout.lines().find_map(|line| line.trim().strip_prefix("flows: ")?.trim().parse().ok());
        flows.with_context(|| format!("no number of flows: {shown}"))
    }

    /// Waits until the kernel has at most `flows` flows.
    pub(super) fn wait_until_quiet(&self, flows: u32) -> anyhow::Result<()> {
        eventually(Duration::from_secs(120), || {
            let left = self.flows()?;
            ensure!(left <= flows, "{left} flows are left");
            Ok(())
        })
    }

    fn of_each_task(&self, file: &str) -> anyhow::Result<String> {
        self.of_each(&format!("task/*/{file}"))
    }

    fn of_each(&self, file: &str) -> anyhow::Result<String> {
        of_each(&self.host, self.programs, file)
    }
}

/// What of programs' memory is resident, in MB.
pub(in crate::suites::bench) fn resident(host: &Host, programs: &[&str]) -> anyhow::Result<f64> {
    told_megabytes(host, programs, "VmRSS:")
}

/// The sum of a number of kB that `/proc/PID/status` tells of each of the programs' processes, in MB.
fn told_megabytes(host: &Host, programs: &[&str], field: &str) -> anyhow::Result<f64> {
    let told = of_each(host, programs, "status")?;
    let each = told.lines().filter_map(|line| line.strip_prefix(field)?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    Ok(each.sum::<f64>() * 1024.0 / 1e6)
}

/// A file below `/proc/PID` of each of the programs' processes.
fn of_each(host: &Host, programs: &[&str], file: &str) -> anyhow::Result<String> {
    let programs = programs.join(" ");
    let told = host.run(&format!("for pid in $(pidof {programs}); do cat /proc/$pid/{file}; done"))?;
    ensure!(!told.stdout.is_empty(), "{programs}: no such process");
    Ok(told.stdout)
}
