//! The log of one test.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

/// The log of one test: cheap to clone, safe to share between threads, every entry written whole.
#[derive(Debug, Clone)]
pub struct Log {
    file: Arc<File>,
}

impl Log {
    /// Appends to the file at `path`.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> anyhow::Result<Log> {
        let file = File::options().create(true).append(true).open(path).with_context(|| format!("cannot open the log {}", path.display()))?;
        Ok(Log { file: Arc::new(file) })
    }

    /// Adds an entry. A log that cannot be written must not fail the test it describes.
    pub fn line(&self, text: impl AsRef<str>) {
        let mut entry = text.as_ref().trim_end().to_owned();
        entry.push('\n');
        let _ = (&*self.file).write_all(entry.as_bytes());
    }

    /// Adds text as an indented block, nothing when it is blank.
    pub fn block(&self, text: &str) {
        let text = text.trim_end();
        if !text.is_empty() {
            self.line(text.lines().map(|line| format!("    {line}\n")).collect::<String>());
        }
    }
}
