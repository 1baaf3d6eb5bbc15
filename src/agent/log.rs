//! What the agent has to say: lines on standard error, which is the journal's, the log file's or the terminal's.

/// Says one line.
pub(super) fn say(text: impl std::fmt::Display) {
    eprintln!("ovsdp agent: {text}");
}

/// Says why the agent cannot go on, and ends the process: flows go on in the kernel, and the next agent, which a service
/// manager or the next command starts, adopts them. An agent of which a part is missing would only look alive.
pub(super) fn die(text: impl std::fmt::Display) -> ! {
    say(text);
    std::process::exit(1)
}
