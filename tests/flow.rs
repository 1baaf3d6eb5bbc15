//! `ovsdp flow fmt` as a person or a script meets it: what goes in, what comes out on either side, and the exit code.

use std::io::Write;
use std::process::{Command, Stdio};

/// Runs the command; exit code, standard output, standard error.
fn fmt(args: &[&str], input: &[u8]) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ovsdp"))
        .args(["flow", "fmt"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn good_lines_are_printed_canonically() {
    let input = "# what the bridge does\n\n\
        in_port(0x1),eth(),eth_type(0x800),ipv4(src=10.0.0.0/8)  2,3\n\
        ufid:96e49686-d1cb-46fa-bc45-de1b2d523784, recirc_id(0),in_port(2),eth(), packets:2, bytes:196, used:0.129s, actions:drop";
    let expected = "# what the bridge does\n\n\
        in_port(1),eth(),eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0) 2,3\n\
        ufid:96e49686-d1cb-46fa-bc45-de1b2d523784, recirc_id(0),in_port(2),eth(), packets:2, bytes:196, used:0.129s, actions:drop\n";
    assert_eq!(fmt(&[], input.as_bytes()), (0, expected.to_owned(), String::new()));
    assert_eq!(fmt(&["--flows"], expected.as_bytes()), (0, expected.to_owned(), String::new()));
}

#[test]
fn keys_and_actions_alone() {
    assert_eq!(fmt(&["--keys"], b"eth(), in_port(1)\n"), (0, "eth(),in_port(1)\n".to_owned(), String::new()));
    assert_eq!(fmt(&["--actions"], b"1 2 pop_nsh\n"), (0, "1,2,pop_nsh()\n".to_owned(), String::new()));
    assert_eq!(fmt(&["--keys", "-m"], b"ct_mark(1/0)\n"), (0, "ct_mark(0x1/0)\n".to_owned(), String::new()));
}

#[test]
fn ports_by_name() {
    let line = "recirc_id(0),in_port(br0),eth(), packets:0, bytes:0, used:never, actions:eth0\n";
    let (code, out, err) = fmt(&["--port", "br0=1", "--port", "eth0=2"], line.as_bytes());
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out, "recirc_id(0),in_port(1),eth(), packets:0, bytes:0, used:never, actions:2\n");
    assert_eq!(fmt(&["--port", "br0"], b"").0, 2);
}

#[test]
fn bad_lines_are_shown_and_the_others_printed() {
    let (code, out, err) = fmt(&[], b"in_port(1) 2\nin_port(1),eht() 2\nin_port(1)\tclone(2,tnl_pop(3))\nin_port(\xff)\nin_port(3) 4\n");
    assert_eq!((code, out.as_str()), (3, "in_port(1) 2\nin_port(3) 4\n"));
    let expected = "ovsdp: line 2, column 12: no key field has this name
  in_port(1),eht() 2
             ^^^
ovsdp: line 3, column 20: only a datapath in userspace has this action, the kernel has none like it
  in_port(1) clone(2,tnl_pop(3))
                     ^^^^^^^^^^
ovsdp: line 4, column 9: not UTF-8
  in_port(\u{fffd})
          ^
ovsdp: 3 of 5 lines cannot be read
";
    assert_eq!(err, expected);
}

#[test]
fn a_long_line_is_shown_around_what_is_bad() {
    let line = format!("in_port(1) {}x{}\n", "1,".repeat(5000), ",2".repeat(5000));
    let (code, out, err) = fmt(&[], line.as_bytes());
    assert_eq!((code, out.as_str()), (3, ""));
    let lines: Vec<_> = err.lines().collect();
    assert_eq!(lines[0], "ovsdp: line 1, column 10012: no action has this name");
    let at = lines[2].chars().position(|c| c == '^').unwrap();
    assert_eq!((lines[1].chars().nth(at), lines[1].chars().count()), (Some('x'), 2 + 1 + 60 + 1 + 60));
}

#[test]
fn its_help_teaches() {
    let output = Command::new(env!("CARGO_BIN_EXE_ovsdp")).args(["flow", "fmt", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for word in ["KEY ACTIONS", "VALUE/MASK", "--keys", "--actions", "--flows", "exit code 3", "Examples:"] {
        assert!(help.contains(word), "{word} is not in\n{help}");
    }
}
