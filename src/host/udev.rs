//! udev's rules and systemd's .link files, read for one thing: which give the network device with an address a name.
//!
//! Text in, rules out; nothing is opened here. What is not understood is taken for no rule, or for one that holds for the
//! hardware alone: a finding about somebody else's file has to be right. Formats: udev(7), systemd.link(5).

use ovsdp_proto::Mac;

use crate::ifcfg::{NamingRule, Span};

/// The rules of a udev rules file, such as `70-persistent-net.rules`. `file`: its absolute path.
pub fn rules(file: &str, text: &str) -> Vec<NamingRule> {
    let mut found = Vec::new();
    for (start, line) in logical_lines(text) {
        let Some(pairs) = pairs(line) else { continue };
        // A name put together by udev itself is not known here.
        let name = pairs.iter().rev().find(|pair| pair.key == "NAME" && matches!(pair.op, "=" | ":=")).map(|pair| pair.value);
        let Some(name) = name.filter(|name| !name.is_empty() && !name.contains(['$', '%'])) else { continue };
        let any_device = pairs.iter().filter(|pair| matches!(pair.op, "==" | "!=")).all(holds_for_any);
        for pair in pairs.iter().filter(|pair| pair.op == "==" && matches!(pair.key, "ATTR{address}" | "ATTRS{address}")) {
            found.extend(pair.value.split('|').filter_map(|text| text.parse().ok()).map(|mac| NamingRule {
                file: file.to_owned(),
                span: Span::new(start + pair.at, start + pair.at + pair.value.len()),
                mac,
                name: name.to_owned(),
                any_device,
            }));
        }
    }
    found
}

/// The rules of one .link file: one for each address it matches. `file`: its absolute path.
pub fn link(file: &str, text: &str) -> Vec<NamingRule> {
    let mut section = "";
    let mut any_device = true;
    let mut name = None;
    let mut macs: Vec<(Mac, Span)> = Vec::new();
    for (start, line) in lines(text) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = header;
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let value_at = start + key.len() + 1;
        match (section, key.trim()) {
            ("Match", key @ ("MACAddress" | "PermanentMACAddress")) => {
                // A device that a datapath made has no permanent address.
                any_device &= key == "MACAddress";
                if value.trim().is_empty() {
                    macs.clear();
                }
                for word in value.split_ascii_whitespace() {
                    let at = value_at + (word.as_ptr() as usize - value.as_ptr() as usize);
                    macs.extend(mac(word).map(|mac| (mac, Span::new(at, at + word.len()))));
                }
            }
            ("Match", "Type") => any_device &= value.trim() == "ether",
            ("Match", "OriginalName") => any_device &= value.trim() == "*",
            ("Match", _) => any_device = false,
            ("Link", "Name") => name = Some(value.trim()).filter(|name| !name.is_empty()),
            _ => {}
        }
    }
    let Some(name) = name else { return Vec::new() };
    let rule = |(mac, span)| NamingRule { file: file.to_owned(), span, mac, name: name.to_owned(), any_device };
    macs.into_iter().map(rule).collect()
}

/// An address as systemd writes them: with colons, with dashes, or in three groups with dots.
fn mac(word: &str) -> Option<Mac> {
    if word.contains('.') {
        let digits: Vec<char> = word.split('.').filter(|group| group.len() == 4).flat_map(str::chars).collect();
        let pairs: Vec<String> = digits.chunks(2).map(|pair| pair.iter().collect()).collect();
        return pairs.join(":").parse().ok();
    }
    word.replace('-', ":").parse().ok()
}

/// Whether a match of a udev rule also holds for a device that a datapath made.
fn holds_for_any(pair: &Pair<'_>) -> bool {
    match (pair.key, pair.op, pair.value) {
        ("SUBSYSTEM", "==", "net") | ("KERNEL", "==", "*") | ("ATTR{type}", "==", "1") | ("ATTR{dev_id}", "==", "0x0") => true,
        ("ACTION" | "ATTR{address}" | "ATTRS{address}", "==", _) => true,
        // Other matches are on what hardware has (`DRIVERS=="?*"`), on its kernel's name (`KERNEL=="eth*"`), or not understood.
        _ => false,
    }
}

/// One `KEY=="value"` of a rule.
struct Pair<'a> {
    key: &'a str,
    op: &'a str,
    value: &'a str,
    /// Where the value stands in the line.
    at: usize,
}

/// The pairs of a rule's line; `None` when udev would not take it.
fn pairs(line: &str) -> Option<Vec<Pair<'_>>> {
    const BETWEEN: [char; 6] = [' ', '\t', ',', '\n', '\r', '\\'];
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let rest = line.get(at..)?;
        let start = at + (rest.len() - rest.trim_start_matches(BETWEEN).len());
        let rest = line.get(start..)?;
        if rest.is_empty() {
            return Some(found);
        }
        let op_at = rest.find(['=', '!', '+', '-', ':'])?;
        let quote_at = op_at + rest.get(op_at..)?.find('"')?;
        let key = rest.get(..op_at)?.trim_end();
        let op = rest.get(op_at..quote_at)?.trim_end();
        if !matches!(op, "==" | "!=" | "=" | "+=" | "-=" | ":=") {
            return None;
        }
        let value_at = start + quote_at + 1;
        let value = line.get(value_at..)?;
        let value = value.get(..value.find('"')?)?;
        found.push(Pair { key, op, value, at: value_at });
        at = value_at + value.len() + 1;
    }
}

/// The lines of `text` with their offsets.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line))
    })
}

/// The rules of a file: its lines, those that end in a backslash with the next one, comments left out.
fn logical_lines(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut begun = None;
    for (start, line) in lines(text) {
        if begun.is_none() && line.trim_start().starts_with('#') {
            continue;
        }
        let from = *begun.get_or_insert(start);
        if !line.trim_end_matches(['\n', '\r']).ends_with('\\') {
            found.extend(text.get(from..start + line.len()).map(|whole| (from, whole)));
            begun = None;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found: address, name, whether it holds for any device, and what its span covers.
    fn shape(found: &[NamingRule], text: &str) -> Vec<String> {
        let one = |rule: &NamingRule| format!("{} {} {} {}", rule.mac, rule.name, rule.any_device, &text[rule.span.start..rule.span.end]);
        found.iter().map(one).collect()
    }

    #[test]
    fn rules_of_the_usual_file() {
        let text = "# PCI device\n\
            SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", ATTR{address}==\"52:54:00:00:00:01\", ATTR{type}==\"1\", KERNEL==\"eth*\", NAME=\"eth0\"\n\
            SUBSYSTEM==\"net\",ACTION==\"add\", \\\n  ATTR{address}==\"52:54:00:00:00:02\" NAME:=\"lan0\"\r\n\
            SUBSYSTEM==\"net\", ATTR{address}==\"52:54:00:00:00:03|52:54:00:00:00:04\", NAME=\"x\"";
        let third = "52:54:00:00:00:03|52:54:00:00:00:04";
        assert_eq!(
            shape(&rules("/r", text), text),
            [
                "52:54:00:00:00:01 eth0 false 52:54:00:00:00:01".to_owned(),
                "52:54:00:00:00:02 lan0 true 52:54:00:00:00:02".to_owned(),
                format!("52:54:00:00:00:03 x true {third}"),
                format!("52:54:00:00:00:04 x true {third}"),
            ]
        );
    }

    #[test]
    fn what_names_nothing_is_no_rule() {
        for text in [
            "",
            "#SUBSYSTEM==\"net\", ATTR{address}==\"52:54:00:00:00:01\", NAME=\"eth0\"",
            "SUBSYSTEM==\"net\", ATTR{address}==\"52:54:00:00:00:01\", RUN+=\"/bin/true\"",
            "SUBSYSTEM==\"net\", ATTR{address}==\"52:54:00:00:00:01\", NAME=\"eth%n\"",
            "SUBSYSTEM==\"net\", ATTR{address}!=\"52:54:00:00:00:01\", NAME=\"eth0\"",
            "SUBSYSTEM==\"net\", ATTR{address}==\"52:54:*\", NAME=\"eth0\"",
            "SUBSYSTEM==\"net\", ATTR{address}==\"52:54:00:00:00:01\", NAME=\"eth0",
            "SUBSYSTEM~\"net\", ATTR{address}==\"52:54:00:00:00:01\", NAME=\"eth0\"",
            "\"\"\"",
            "=",
            "é==\"",
            "\\",
        ] {
            assert!(rules("/r", text).is_empty(), "{text}");
        }
    }

    #[test]
    fn link_files() {
        let text = "# lan\n[Match]\nMACAddress=52:54:00:00:00:01 52-54-00-00-00-02\n[Link]\nDescription=x\nName=lan0\n";
        let expected = ["52:54:00:00:00:01 lan0 true 52:54:00:00:00:01", "52:54:00:00:00:02 lan0 true 52-54-00-00-00-02"];
        assert_eq!(shape(&link("/l", text), text), expected);
        for (text, expected) in [
            ("[Match]\nPermanentMACAddress=5254.0000.0001\n[Link]\nName=a", &["52:54:00:00:00:01 a false 5254.0000.0001"][..]),
            ("[Match]\nMACAddress=52:54:00:00:00:01\nType=ether\n[Link]\nName=a", &["52:54:00:00:00:01 a true 52:54:00:00:00:01"]),
            ("[Match]\nMACAddress=52:54:00:00:00:01\nDriver=e1000\n[Link]\nName=a", &["52:54:00:00:00:01 a false 52:54:00:00:00:01"]),
            ("[Match]\nMACAddress=52:54:00:00:00:01\nMACAddress=\n[Link]\nName=a", &[]),
            ("[Match]\nMACAddress=52:54:00:00:00:01\n[Link]\nNamePolicy=path", &[]),
            ("[Link]\nMACAddress=52:54:00:00:00:01\nName=a", &[]),
            ("[Match]\nMACAddress=52:54:00\n[Link]\nName=a", &[]),
        ] {
            assert_eq!(shape(&link("/l", text), text), expected, "{text}");
        }
    }
}
