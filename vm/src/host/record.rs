//! What a program printed, put into a document by the command itself: no number there was copied by hand.

use std::fs;
use std::path::Path;

use anyhow::Context;

/// The line that ends what belongs to a command.
const END: &str = "<!-- end -->";

/// Replaces what stands in the document at `path` between `<!-- command -->` and `<!-- end -->` by `lines`.
pub(crate) fn write(path: &Path, command: &str, lines: &[String]) -> anyhow::Result<()> {
    let document = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = replace(&document, command, lines).with_context(|| format!("{} is left as it is", path.display()))?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    println!("written to {}", path.display());
    Ok(())
}

/// The document with `lines` between the two marker lines of `command`.
fn replace(document: &str, command: &str, lines: &[String]) -> anyhow::Result<String> {
    let begin = format!("<!-- {command} -->");
    let mut text = String::new();
    let mut rest = document.lines();
    for line in rest.by_ref() {
        text.push_str(line);
        text.push('\n');
        if line == begin {
            let blank = std::iter::once("");
            for line in blank.clone().chain(lines.join("\n").trim().lines()).chain(blank) {
                text.push_str(line);
                text.push('\n');
            }
            rest.by_ref().find(|line| *line == END).with_context(|| format!("no line {END} after {begin}"))?;
            text.push_str(END);
            text.push('\n');
            text.extend(rest.flat_map(|line| [line, "\n"]));
            return Ok(text);
        }
    }
    anyhow::bail!("no line {begin}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let document = "# a\n<!-- x -->\nold\nolder\n<!-- end -->\nkept\n<!-- y -->\nkept too\n<!-- end -->\n";
        let new = replace(document, "x", &["".into(), "| 1 |".into(), "| 2 |".into(), "".into()]).unwrap();
        assert_eq!(new, "# a\n<!-- x -->\n\n| 1 |\n| 2 |\n\n<!-- end -->\nkept\n<!-- y -->\nkept too\n<!-- end -->\n");
        assert_eq!(replace(&new, "x", &["| 1 |".into(), "| 2 |".into()]).unwrap(), new, "the same again");
        assert!(replace(&new, "y", &["z".into()]).unwrap().ends_with("<!-- y -->\n\nz\n\n<!-- end -->\n"));
    }

    #[test]
    fn a_document_without_the_markers_is_refused() {
        assert!(replace("text\n", "x", &[]).unwrap_err().to_string().contains("<!-- x -->"));
        assert!(replace("<!-- x -->\ntext\n", "x", &[]).unwrap_err().to_string().contains("<!-- end -->"));
    }
}
