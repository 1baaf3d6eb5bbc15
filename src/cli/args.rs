//! The command line: what can be typed, and the help that teaches it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use super::check::{self, CheckArgs};
use super::fdb::FdbArgs;
use super::flows::{self, FlowsArgs};
use super::generate::GenerateArgs;
use super::metrics::MetricsArgs;
use super::stats::StatsArgs;
use super::top::TopArgs;
use super::trace::{self, TraceArgs};
use crate::ctl::service::Probe;

const ABOUT: &str = "Brings Open vSwitch bridges up from ifcfg files, without Open vSwitch's userspace, and is the switch.";

/// The program, without its commands.
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
struct Root {}

/// Reads the process's words.
///
/// # Errors
/// What clap says of them; help and version are among it.
pub(super) fn parse(words: Vec<OsString>) -> Result<Command, clap::Error> {
    // To build all that can be typed takes longer than what is asked for most often, at boot and from scripts: a change that finds
    // nothing to do. It has the few like it built.
    if words.get(1).and_then(|word| word.to_str()).is_some_and(Change::has_subcommand) {
        return read(described(Change::augment_subcommands(Root::command())), words, Change::from_arg_matches).map(Command::Change);
    }
    if words.get(1).is_some_and(|word| word == "--version" || word == "-V") {
        // What clap prints of it needs none of them.
        return read(described(Root::command().subcommand_required(false)), words, Command::from_arg_matches);
    }
    read(known(), words, Command::from_arg_matches)
}

/// All that can be typed.
pub(super) fn known() -> clap::Command {
    described(Command::augment_subcommands(Root::command()))
}

/// What derives the commands describes the program by the type that lists them.
fn described(known: clap::Command) -> clap::Command {
    known.about(ABOUT)
}

fn read<T>(
    mut known: clap::Command,
    words: Vec<OsString>,
    understand: impl FnOnce(&clap::ArgMatches) -> Result<T, clap::Error>,
) -> Result<T, clap::Error> {
    let matches = known.try_get_matches_from_mut(words)?;
    understand(&matches).map_err(|error| error.format(&mut known))
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
    /// What changes the host.
    #[command(flatten)]
    Change(Change),
    /// Print what `up` would change, and change nothing
    Plan {
        /// Bridges or ports by name; everything with ONBOOT when there is none
        names: Vec<String>,
        /// The folder, and how to print
        #[command(flatten)]
        common: Common,
    },
    /// Check the files: all that is wrong or hardly meant, with place, reason and remedy
    #[command(long_about = check::ABOUT, after_help = check::EXAMPLES)]
    Check(CheckArgs),
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
    /// Print the MAC table of a bridge, or of all; or change it
    Fdb(FdbArgs),
    /// Print how a bridge would treat a packet, step by step
    #[command(long_about = trace::ABOUT)]
    Trace(TraceArgs),
    /// Print the kernel's flows, as `ovs-dpctl dump-flows` does
    #[command(long_about = flows::ABOUT)]
    Flows(FlowsArgs),
    /// Print what the kernel counts: packets, ports, masks, flows
    #[command(
        long_about = "Print what the kernel counts of its datapaths: packets that a flow matched, that none did and that were lost, masks, \
        each port's packets, bytes, errors, drops and upcalls, and what the flows have counted together.\n\n\
        It needs neither the agent nor a privilege. Upcalls of a port are there from kernel 6.3 on; before that it is `-`.\n\n\
        With --watch it reads again and again and prints rates too: what grew since the reading before, a second. A rate is `-` when the \
        number went backwards, as that of a port that was made anew. Reading takes at most a quarter of one core's time: where there are \
        so many flows that it would take more, it rests longer than SECS.\n\n\
        When there is no datapath it ends with exit code 4. One that goes while it watches is said on standard error, and it waits for it \
        to come back. It ends quietly when whoever reads its output goes away.",
        after_help = "Examples:\n  \
        ovsdp stats\n  \
        ovsdp stats --watch 1\n  \
        ovsdp stats --watch 0.5 --count 10 --json | jq '.datapaths[0].rates.ports.eth0.rx_packets'"
    )]
    Stats(StatsArgs),
    /// Watch which ports and flows are busiest
    #[command(
        long_about = "Watch which ports and flows are busiest, and which ports cause upcalls.\n\n\
        Keys: p, f and u show ports, flows and upcalls; s and S sort by the next and the previous column, r reverses; / begins a filter, \
        Enter ends typing it, Escape clears it; space stops readings and lets them go on; d shows the next datapath; arrows, page keys, \
        Home and End scroll; q quits.\n\n\
        A rate is what grew since the reading before, a second; `-` is not known. Of the flows the 500 first can be scrolled and filtered \
        among. Only flows on the screen are asked for whole. It takes at most a quarter of one core's time: where there are so many flows \
        that it would take more, readings are further apart than SECS, and the first line says how far.\n\n\
        It needs neither the agent nor a privilege. When there is no datapath it ends with exit code 4; one that goes meanwhile is waited \
        for. With --batch it prints the three tables after each interval instead, for pipes and scripts.",
        after_help = "Examples:\n  \
        ovsdp top\n  \
        ovsdp top --batch --count 1 --interval 5\n  \
        ovsdp top --batch --json | jq -c '.flows[0]'"
    )]
    Top(TopArgs),
    /// Print the kernel's and the agent's numbers in OpenMetrics text, or serve them over HTTP
    #[command(
        long_about = "Print the kernel's and the agent's numbers in OpenMetrics text (version 1.0.0), which Prometheus and others read.\n\n\
        From the kernel come packets, flows and masks of each datapath and the packets, bytes, errors, drops and upcalls of each port; \
        from a running agent upcalls answered and lost, how long its work took, what its netlink sockets lost, and its MAC tables. The \
        kernel's part needs neither the agent nor a privilege; ovsdp_agent_reachable is 0 when the agent's is missing.\n\n\
        With --listen it serves them at http://ADDRESS:PORT/metrics until it is told to stop (SIGTERM). Whoever can connect can read, so \
        it refuses an address that other hosts can reach unless --allow-remote says that this is meant.",
        after_help = "Examples:\n  \
        ovsdp metrics\n  \
        ovsdp metrics --listen 127.0.0.1:9177"
    )]
    Metrics(MetricsArgs),
    /// Work on the kernel's datapaths, ports and flows one by one, as `ovs-dpctl` does
    #[command(disable_help_flag = true)]
    Dpctl {
        /// What `ovs-dpctl` takes; `ovsdp dpctl --help` lists it
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Work on bridges and ports in the words of `ovs-vsctl`
    #[command(disable_help_flag = true)]
    Vsctl {
        /// What `ovs-vsctl` takes; `ovsdp vsctl --help` lists it
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Look at bonds, LACP and the number of flows, and change them while they work, as `ovs-appctl` does
    #[command(
        long_about = "Look at bonds, LACP and the number of flows, and change them while they work, as `ovs-appctl` does.\n\n\
        Commands: bond/list; bond/show [PORT]; bond/set-active-member PORT MEMBER; bond/migrate PORT HASH MEMBER; bond/enable-member \
        and bond/disable-member PORT MEMBER; bond/hash MAC [VLAN] [BASIS]; lacp/show [PORT]; lacp/show-stats [PORT]; upcall/show; \
        upcall/set-flow-limit NUMBER; revalidator/wait. They print what \
        Open vSwitch's print. None of the changes outlives the agent; an enabled or disabled member is so until its carrier changes.\n\n\
        Called through a link named ovs-appctl, ovsdp is this command.",
        after_help = "Example:\n  ovsdp appctl bond/show bond0"
    )]
    Appctl {
        /// The command and what it takes
        #[arg(required = true, value_name = "COMMAND")]
        words: Vec<String>,
        /// Print what the command prints as JSON: an object with `text`
        #[arg(long)]
        json: bool,
    },
    /// Work with the text of flows, without a kernel
    Flow {
        /// What to do with it
        #[command(subcommand)]
        command: FlowCommand,
    },
    /// Look into ifcfg files
    #[command(after_help = "Example:\n  ovsdp ifcfg vars /etc/sysconfig/network-scripts/ifcfg-ovsbr0 --json")]
    Ifcfg {
        /// What to do with one
        #[command(subcommand)]
        command: IfcfgCommand,
    },
    /// Run the agent: the switch itself
    #[command(long_about = "Run the agent: the switch itself.\n\n\
        It answers the kernel's upcalls, learns addresses, installs and ages flows, keeps leases, and serves the other commands over \
        a varlink socket. `ovsdp up` starts one when none is running; a service manager starts it with this command. When it is killed \
        established flows go on in the kernel, and the next agent adopts them.\n\n\
        With --replace it takes the place of the agent that is running, of another version maybe: it is given the sockets the kernel \
        sends new flows' packets to, which wait there meanwhile, so that none is lost.")]
    Agent {
        /// Detach from the terminal and log to the run directory
        #[arg(long)]
        background: bool,
        /// Take the place of the agent that is running, without losing a packet
        #[arg(long)]
        replace: bool,
        /// How the kernel is to hand over packets
        #[arg(long, value_enum, default_value_t = Dispatch::Auto)]
        dispatch: Dispatch,
    },
    /// Make manual pages, or what completes this program's words in a shell
    Generate(GenerateArgs),
}

/// One of the commands of `ovsdp ifcfg`.
#[derive(Debug, Subcommand)]
pub(super) enum IfcfgCommand {
    /// Print the variables a file sets, as bash would have them after reading it
    #[command(
        long_about = "Print the variables a file sets, as bash would have them after reading it.\n\n\
        The file is evaluated, never executed: quotes, $NAME, ${NAME:-word}, += and $(hostname) are worked out in the order of its lines, \
        after those of the network file beside its folder (/etc/sysconfig/network). Anything else that bash would run is refused with its \
        place and what to write instead; then nothing is printed and the command ends with exit code 3.\n\n\
        Each variable is printed as an assignment that reads back as the same bytes, in the order of the file. What bash would take \
        without a word but is hardly meant, such as a key set twice, is a warning on standard error.\n\n\
        What the values ask for is not looked at here; `ovsdp plan` does that.",
        after_help = "Examples:\n  \
        ovsdp ifcfg vars /etc/sysconfig/network-scripts/ifcfg-ovsbr0\n  \
        ovsdp ifcfg vars ifcfg-ovsbr0 --json | jq -r .vars.OVS_EXTRA"
    )]
    Vars {
        /// The file, whatever its name
        file: PathBuf,
        /// Print JSON instead of text: `vars` by name, `bytes` for values that are not UTF-8, `diagnostics`
        #[arg(long)]
        json: bool,
    },
}

/// One of the commands that change the host.
#[derive(Debug, Subcommand)]
pub(super) enum Change {
    /// Bring bridges up from their files
    #[command(long_about = "Bring bridges up from their files.\n\n\
        Reads the folder, compares what it asks for with what the kernel has, and makes the difference: the datapath, the bridge, its \
        ports; then the addresses move from the port to the bridge, or are leased. Nothing that is right already is touched, so a \
        second `ovsdp up` changes nothing and says so. When a step fails, the ones before it are undone.\n\n\
        With no NAME, everything whose file does not say ONBOOT=no. A port's NAME brings up its bridge.\n\n\
        With --probe the gateway is asked when all is done, by ARP or neighbour discovery through the new path, for at most 5 s; when it does \
        not answer everything goes back, and the command ends with exit code 1.\n\n\
        The bridge is then switched by the agent, which is started when it is not running.")]
    Up {
        /// Bridges or ports by name
        names: Vec<String>,
        /// Print what would be done and change nothing, as `ovsdp plan`
        #[arg(long, conflicts_with_all = ["hooks", "confirm", "probe", "timeout"])]
        dry_run: bool,
        /// On what terms
        #[command(flatten)]
        bring: Bring,
        /// The folder, and how to print
        #[command(flatten)]
        common: Common,
    },
    /// Take bridges down and give their ports back what they had
    #[command(long_about = "Take bridges down and give their ports back what they had.\n\n\
        Addresses, routes and the resolver return to the port as they were before the bridge came up; a lease goes back with its \
        remaining time, or is released when the port had none. A port's NAME takes only that port off its bridge. Other bridges are left \
        alone.\n\n\
        With the last bridge the datapath goes. When it has ports that ovsdp did not attach, such as a virtual machine's, nothing is done \
        and they are named; with --with-foreign-ports they are detached, and attached again if something fails.")]
    Down {
        /// Bridges or ports by name
        #[arg(required = true)]
        names: Vec<String>,
        /// Run /sbin/ifup-pre-local, ifup-local, ifdown-pre-local and ifdown-local where they are there, each for at most 30 s
        #[arg(long)]
        hooks: bool,
        /// Detach what others attached to the datapath, when the last bridge goes
        #[arg(long)]
        with_foreign_ports: bool,
        /// The folder, and how to print
        #[command(flatten)]
        common: Common,
    },
    /// Bring everything with ONBOOT to what its files say, as a difference
    #[command(
        visible_alias = "reload",
        long_about = "Bring everything with ONBOOT to what its files say, as a difference.\n\n\
        Unlike `service network restart` nothing is taken down first: what is right stays as it is. Each bridge, and each other device \
        that bridges need, is a change of its own and has a line with its result: one that fails is as it was before and does not keep \
        the others down; the exit code is then that of its failure, or 1 when several failed in different ways. With --confirm or --probe it is one change, all or nothing."
    )]
    Restart {
        /// On what terms
        #[command(flatten)]
        bring: Bring,
        /// The folder, and how to print
        #[command(flatten)]
        common: Common,
    },
    /// Let the change stay that was made with --confirm
    #[command(long_about = "Let the change stay that was made with --confirm.\n\n\
        Say it from a connection that was opened after the change: that proves that this host can still be reached. When no change waits, \
        or the time is up, it ends with exit code 4.")]
    Confirm {
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Take the change back, now, that was made with --confirm
    #[command(long_about = "Take the change back, now, that was made with --confirm.\n\n\
        Everything is as it was before the change, what repairs the agent made meanwhile included; what others attached to the datapath \
        stays. Also takes back what is left of a change that could not be undone. When there is nothing to take back, it ends with exit \
        code 4.")]
    Rollback {
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
}

/// On what terms something is brought up.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Bring {
    /// Run /sbin/ifup-pre-local, ifup-local, ifdown-pre-local and ifdown-local where they are there, each for at most 30 s
    #[arg(long)]
    pub(super) hooks: bool,
    /// Take everything back unless `ovsdp confirm` is said within SECS, 1 to 86400
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(super) confirm: Option<u32>,
    /// Take everything back unless the gateway answers when it is done, or the neighbour at ADDRESS
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, require_equals = true, default_missing_value = Probe::GATEWAY)]
    pub(super) probe: Option<Probe>,
    /// Take everything back that is not done within SECS, 1 to 86400; the command ends with exit code 8 then
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(super) timeout: Option<u32>,
}

/// One of the commands of `ovsdp flow`.
#[derive(Debug, Subcommand)]
pub(super) enum FlowCommand {
    /// Read flows from standard input and print each in its canonical form
    #[command(
        long_about = "Read flows from standard input, a line each, and print each in its canonical form: what `ovs-dpctl dump-flows` \
        would print of it.\n\n\
        A line is a flow as a dump has it (`KEY, packets:2, bytes:196, used:never, actions:ACTIONS`), as it is added (`KEY ACTIONS`, a \
        blank between), or its key alone, each with `ufid:UUID, ` in front or not. With --keys or --actions it is only that. Empty lines \
        and those that begin with # are printed as they are.\n\n\
        In a key, VALUE/MASK matches some bits, a value alone matches whole, a part that is not named matches anything: \
        ipv4(src=10.0.0.0/8,tos=0x10/0xfc,frag=no). Numbers are decimal or begin with 0x. Fields that match anything are left out; \
        with -m they are printed.\n\n\
        A line that cannot be read is shown on standard error with its line, column and reason; the others are printed all the same, and \
        the command ends with exit code 3.",
        after_help = "Examples:\n  \
        echo 'in_port(0x1),eth(),eth_type(0x800),ipv4(src=10.0.0.0/8) 2' | ovsdp flow fmt\n  \
        echo 'push_vlan(vid=12,pcp=0),clone(1,2)' | ovsdp flow fmt --actions\n  \
        ovs-dpctl dump-flows --names | ovsdp flow fmt --port br0=1 --port eth0=2"
    )]
    Fmt {
        /// What a line is
        #[command(flatten)]
        form: FormArgs,
        /// The number of a port that the lines call by name; may be given again
        #[arg(long = "port", value_name = "NAME=NUMBER", value_parser = named_port)]
        ports: Vec<(String, u32)>,
        /// Print fields that match anything, too
        #[arg(short = 'm', long = "more")]
        verbose: bool,
    },
}

/// What a line of flow text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlowForm {
    /// A key with its mask.
    Keys,
    /// Actions.
    Actions,
    /// A whole flow, in any of its forms.
    Flows,
}

/// Which form the lines have, by option.
#[derive(Debug, Clone, Copy, Args)]
#[group(multiple = false)]
pub(super) struct FormArgs {
    /// Each line is a key
    #[arg(long)]
    keys: bool,
    /// Each line is a list of actions
    #[arg(long)]
    actions: bool,
    /// Each line is a whole flow [default]
    #[arg(long)]
    flows: bool,
}

impl FormArgs {
    /// The form asked for; whole flows when none is.
    pub(super) const fn chosen(self) -> FlowForm {
        match self {
            Self { keys: true, .. } => FlowForm::Keys,
            Self { actions: true, .. } => FlowForm::Actions,
            _ => FlowForm::Flows,
        }
    }
}

/// Reads `NAME=NUMBER`.
pub(super) fn named_port(text: &str) -> Result<(String, u32), String> {
    let (name, number) = text.rsplit_once('=').filter(|(name, _)| !name.is_empty()).ok_or("write NAME=NUMBER, such as br0=1")?;
    Ok((name.to_owned(), number.parse().map_err(|_| format!("`{number}` is not a port's number"))?))
}

/// How the kernel is to hand over packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Dispatch {
    /// Per CPU where the kernel has it (5.15 and later), per vport below
    Auto,
    /// A socket a vport: what kernels before 5.15 do
    PerVport,
}
