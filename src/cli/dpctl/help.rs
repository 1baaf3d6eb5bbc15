//! What `--help` and `help` print.

use std::fmt::Write;

use super::call::Call;
use super::commands::COMMANDS;
use super::{Outcome, output};

const REST: &str = "\
Each IFACE is NAME[,type=TYPE][,port_no=N][,OPTION=VALUE]...; TYPE is system
(a device there is), internal, vxlan, geneve or gre.
DP is NAME or system@NAME, and optional where only one datapath exists.
filter=MATCH of dump-flows is FIELD=VALUE[/MASK] or a protocol, with commas
between, in OpenFlow's words: filter=in_port=eth0,tcp,nw_src=10.0.0.0/8. A flow
is printed unless it matches a bit that MATCH names with another value.

Options:
  -s, --statistics            print counters of ports, or of the flow
  -m, --more                  print everything about flows, ports by name
  --names, --no-names         print ports by name, or by number
  --may-create                mod-flow: add the flow if there is none
  --clear                     mod-flow: set the flow's counters to zero
  --atomic                    add-flows, mod-flows, del-flows with a file: make
                              all changes, or take them back at the first that
                              fails. The counters of flows that were deleted
                              and are put back restart at zero; what others
                              change meanwhile is not watched
  --read-only                 refuse commands that change something
  -t, --timeout=SECS          give up after SECS seconds
  -v, --verbose[=SPEC]        accepted for scripts; there is no log
  -o, --option                print all options
  -h, --help                  display this help message
  -V, --version               display version information
";

/// The whole text.
pub(super) fn usage(program: &str) -> String {
    let mut text = format!("{program}: the kernel's Open vSwitch datapaths\nusage: {program} [OPTIONS] COMMAND [ARG...]\n");
    for command in COMMANDS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {:<23} {}", command.name, command.usage);
    }
    text + REST
}

/// `help`.
pub(super) fn run(call: &mut Call<'_>) -> Outcome {
    Ok(output::text(&usage(call.program))?)
}
