//! What the agent has to say: lines on standard error, which is the journal's, the log file's or the terminal's.

/// Says one line.
pub(super) fn say(text: impl std::fmt::Display) {
    eprintln!("ovsdp agent: {text}");
}
