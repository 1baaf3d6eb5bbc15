//! The command line: what can be typed, and the help that teaches it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Open vSwitch bridges from ifcfg files, without Open vSwitch's userspace.
#[derive(Debug, Parser)]
#[command(
    name = "ovsdp",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 1 failed and rolled back, 2 usage, 3 bad configuration, 4 nothing by that name, 5 not permitted,\n\
                  6 the kernel lacks what is needed, 7 another switch owns the datapath, 8 timed out."
)]
pub(super) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where the files are and how to print.
#[derive(Debug, Clone, Args)]
pub(super) struct Common {
    /// The folder with the ifcfg files [default: $OVSDP_DIR, else /etc/sysconfig/network-scripts]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// One of the commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Bring bridges up from their files
    #[command(long_about = "Bring bridges up from their files.\n\n\
        Reads the folder, compares what it asks for with what the kernel has, and makes the difference: the datapath, the bridge, its \
        ports; then the addresses move from the port to the bridge, or are leased. Nothing that is right already is touched, so a \
        second `ovsdp up` changes nothing and says so. When a step fails, the ones before it are undone.\n\n\
        With no NAME, everything whose file does not say ONBOOT=no. A port's NAME brings up its bridge.\n\n\
        The bridge is then switched by the agent, which is started when it is not running.")]
    Up {
        /// Bridges or ports by name
        names: Vec<String>,
        /// Print what would be done and change nothing, as `ovsdp plan`
        #[arg(long)]
        dry_run: bool,
        /// The folder, and how to print
        #[command(flatten)]
        common: Common,
    },
    /// Take bridges down and give their ports back what they had
    #[command(long_about = "Take bridges down and give their ports back what they had.\n\n\
        Addresses, routes and the resolver return to the port as they were before the bridge came up; a lease goes back with its \
        remaining time, or is released when the port had none. Other bridges and ports that are not ovsdp's are left alone.")]
    Down {
        /// Bridges by name
        #[arg(required = true)]
        names: Vec<String>,
        /// The folder, and how to print
        #[command(flatten)]
        common: Common,
    },
    /// Bring everything with ONBOOT to what its files say, as a difference
    #[command(long_about = "Bring everything with ONBOOT to what its files say, as a difference.\n\n\
        Unlike `service network restart` nothing is taken down first: what is right stays as it is.")]
    Restart {
        /// The folder, and how to print
        #[command(flatten)]
        common: Common,
    },
    /// Print what `up` would change, and change nothing
    Plan {
        /// Bridges or ports by name; everything with ONBOOT when there is none
        names: Vec<String>,
        /// The folder, and how to print
        #[command(flatten)]
        common: Common,
    },
    /// Print the bridges, their ports and interfaces, as `ovs-vsctl show` does
    Show {
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Print how a bridge is: addresses, lease, ports, MAC table, agent
    Status {
        /// A bridge; all of them when there is none
        name: Option<String>,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Print the MAC table of a bridge, or of all
    Fdb {
        /// A bridge
        bridge: Option<String>,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Print the kernel's flows, as `ovs-dpctl dump-flows` does
    Flows {
        /// Only the flows of this bridge's ports
        bridge: Option<String>,
        /// Print JSON, one flow a line, instead of text
        #[arg(long)]
        json: bool,
    },
    /// Work on the kernel's datapaths, ports and flows one by one, as `ovs-dpctl` does
    #[command(disable_help_flag = true)]
    Dpctl {
        /// What `ovs-dpctl` takes; `ovsdp dpctl --help` lists it
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run the agent: the switch itself
    #[command(long_about = "Run the agent: the switch itself.\n\n\
        It answers the kernel's upcalls, learns addresses, installs and ages flows, keeps leases, and serves the other commands over \
        a varlink socket. `ovsdp up` starts one when none is running; a service manager starts it with this command. When it is killed \
        established flows go on in the kernel, and the next agent adopts them.")]
    Agent {
        /// Detach from the terminal and log to the run directory
        #[arg(long)]
        background: bool,
        /// How the kernel is to hand over packets
        #[arg(long, value_enum, default_value_t = Dispatch::Auto)]
        dispatch: Dispatch,
    },
}

/// How the kernel is to hand over packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Dispatch {
    /// Per CPU where the kernel has it (5.15 and later), per vport below
    Auto,
    /// A socket a vport: what kernels before 5.15 do
    PerVport,
}
