//! Files to compare: pieces of the language thrown together, well-formed assignments, and other people's files with a few
//! bytes changed. No piece names a program.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::bash::Files;

/// Names: plain ones, those that are set beforehand, and those bash itself has a use for somewhere.
const NAMES: &[&str] = &[
    "AA",
    "AA",
    "AA",
    "BB",
    "BB",
    "BB",
    "DEVICE",
    "OVS_EXTRA",
    "_x1",
    "a",
    "HOSTNAME",
    "DEVNAME",
    "CONFIG",
    "AUTO",
    "COLUMNS",
    "LINES",
    "FUNCNEST",
    "GLOBIGNORE",
    "HISTSIZE",
    "HISTFILESIZE",
    "HISTCONTROL",
    "IGNOREEOF",
    "MAILCHECK",
    "MAPFILE",
    "COPROC",
    "PROMPT_COMMAND",
    "TEXTDOMAIN",
    "TMOUT",
    "TIMEFORMAT",
    "CHILD_MAX",
    "EXECIGNORE",
    "FIGNORE",
    "INPUTRC",
    "histchars",
    "auto_resume",
    "INSIDE_EMACS",
    "USER",
    "LOGNAME",
    "MAIL",
    "EDITOR",
];

/// Pieces of words, of lines, and of what is refused.
const PIECES: &[&str] = &[
    "a",
    "b c",
    " ",
    "\t",
    "\n",
    "\n",
    "\n",
    ";",
    "#",
    " # c\n",
    "\t#",
    "\\",
    "\\\n",
    "\\n",
    "'",
    "\"",
    "\"\"",
    "''",
    "'x y'",
    "\"x y\"",
    "$'\\n'",
    "$'\\x41\\101'",
    "$'a\\'b'",
    "$'\\001'",
    "$'\\177'",
    "$'\\xff\\xc3'",
    "$'\\cA\\e'",
    "$'\\u41\\U00000042'",
    "$'\\z\\8\\x'",
    "$\"t\"",
    "$",
    "$$",
    "$AA",
    "${BB}",
    "$\\\nAA",
    "${A\\\nA}",
    "${AA\\\n:-x}",
    "${AA:-d e}",
    "${AA-d}",
    "${BB:+'q r'}",
    "${BB+\"s\"}",
    "${AA:-${BB:-n}}",
    "\"${AA:-u v}\"",
    "\"$AA$BB\"",
    "${AA:-\\}}",
    "\"${AA:-\\\\ \\$}\"",
    "\"\\$\\\\\\q\"",
    "\"${BB+$'x'}\"",
    "\"${BB+~}\"",
    "${BB+~}",
    "${BB:+$'\\001'}",
    "${BB+a\nb}",
    "\"${BB+a\nb}\"",
    "\"${BB+a\\\nb}\"",
    "${zz-}",
    "${zz:-$HOSTNAME}",
    "$HOSTNAME",
    "$DEVNAME",
    "${CONFIG}",
    "{a,b}",
    "{",
    "}",
    "~",
    ":",
    "~/x",
    ":~",
    "~+",
    "=~",
    "*",
    "?",
    "[x]",
    "!",
    "!!",
    "%",
    "^",
    ",",
    "=",
    "+",
    "@",
    "-",
    "/",
    "\u{e9}",
    "\u{a0}",
    "\u{4e2d}",
    "$(hostname)",
    "$(hostname -s)",
    "$(hostname -f)",
    "`hostname`",
    "`hostname -s`",
    "\"$( hostname )\"",
    "\"`hostname -f`\"",
    "export ",
    "export AA BB\n",
    "\r\n",
    "\r",
    "\\\r\n",
    "(",
    ")",
    "()",
    "|",
    "||",
    "&",
    "&&",
    "<",
    ">",
    "<<x",
    "((",
    "[[ ",
    "$((1))",
    "$[1]",
    "${#AA}",
    "${AA%x}",
    "${!AA}",
    "$1",
    "$@",
    "$_",
    "\\ ",
    "\\\"",
    "\\'",
    "\\$",
    "\\`",
    "\"\\`\"",
    "0",
    "9",
    "2>",
    "{{",
    "<%",
    "then",
];

/// Words a well-formed value is put together from.
const WORDS: &[&str] = &[
    "a",
    "'x y'",
    "\"x  y\"",
    "\"m\nn\"",
    "'m\nn'",
    "$'\\t'",
    "$'\\001\\177'",
    "$'it\\'s'",
    "$AA",
    "${BB}x",
    "${AA:-d e}",
    "${AA-'d  e'}",
    "${BB:+q}",
    "${BB+\"s t\"}",
    "\"${AA:-u  v}\"",
    "\"$AA $BB\"",
    "\\ ",
    "\\\n",
    "\"a\\\nb\"",
    "{a,b}",
    "#",
    "=",
    "a:b",
    "$(hostname -s)",
    "\"`hostname`\"",
    "$",
    "\"$\"",
    "%",
    "!",
    "\"\\q\\$\"",
    "${AA:-${BB:-\"n m\"}}",
    "\u{e9}",
    "'\"'",
    "\"'\"",
    "${AA:-#;()|&}",
    "${zz:-a\nb}",
    "\"${zz:-\\\\}\"",
    "\\\\",
    "\\a",
    "$'\\xff'",
    "${zz:-$'\\001'}",
    "\"${zz:-a*b}\"",
    "*",
    "[a-z]",
    "?",
    "$HOSTNAME",
    "$CONFIG",
    "${DEVNAME}",
    "\"\\\"\"",
    "''",
    "\"\"",
    "^",
    "@",
    "/dev/null",
    "-n",
    "+x",
    ",",
    "\u{4e2d}",
    "${AA+${BB-}}",
    "\"${AA:+[$AA]}\"",
];

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let fixed = select(PIECES).prop_map(|text| text.as_bytes().to_vec());
    let assignment = (select(NAMES), select(vec!["=", "=", "=", "+="])).prop_map(|(key, op)| format!("{key}{op}").into_bytes());
    let start = (select(NAMES), select(vec!["=", "=", "+="])).prop_map(|(key, op)| format!("\n{key}{op}").into_bytes());
    prop_oneof![6 => fixed, 1 => assignment, 3 => start, 1 => (1_u8..=0xff).prop_map(|b| vec![b])]
}

/// Anything: most of it is refused, and what is not must be right.
pub(super) fn wild() -> impl Strategy<Value = Files> {
    let text = |most: usize| vec(piece(), 1..most).prop_map(|pieces| pieces.concat());
    (prop_oneof![2 => Just(Vec::new()), 1 => text(6)], text(14)).prop_map(|(network, file)| Files { network, file })
}

/// Files that are well formed: assignments of words, each name free to be set again through `+=`.
pub(super) fn tidy() -> impl Strategy<Value = Files> {
    let line = (
        select(vec!["", " ", "\t", "export ", "# c\n", "\n", "# it's\n", "#\\\n"]),
        select(NAMES),
        select(vec!["=", "+=", "+="]),
        vec(select(WORDS), 0..5),
        select(vec!["\n", "\n", "\n", ";", " ; ", " # c\n", " ", "\t\n", " \\\n"]),
    )
        .prop_map(|(before, key, op, words, after)| format!("{before}{key}{op}{}{after}", words.concat()).into_bytes());
    let comment = vec(any::<u8>().prop_filter("ends no comment", |&b| b != 0 && b != b'\n'), 0..6).prop_map(|mut bytes| {
        bytes.insert(0, b'#');
        bytes.push(b'\n');
        bytes
    });
    // Values to begin with, so that most expansions find one and `+=` is not a duplicate.
    let lines = || vec(prop_oneof![9 => line.clone(), 1 => comment.clone()], 1..6).prop_map(|lines| lines.concat());
    let network = prop_oneof![1 => Just(Vec::new()), 1 => lines()];
    (network, lines()).prop_map(|(network, file)| Files { network: [b"AA='1  2'\nBB=\n".to_vec(), network].concat(), file })
}

/// One of `files` with a few pieces put in, taken out or put elsewhere.
pub(super) fn changed(files: Vec<Vec<u8>>) -> impl Strategy<Value = Files> {
    let change = (any::<Index>(), any::<Index>(), prop_oneof![2 => piece().prop_map(Some), 1 => Just(None)]);
    (select(files), vec(change, 1..4)).prop_map(|(mut file, changes)| {
        for (at, length, new) in changes {
            let start = at.index(file.len() + 1);
            let end = (start + length.index(4)).min(file.len());
            file.splice(start..end, new.unwrap_or_default());
        }
        Files { network: Vec::new(), file }
    })
}
