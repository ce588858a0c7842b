//! Credentials in configuration: found, and written over before anything else looks at the texts.
//!
//! What is found here is in no message, no snippet and no file that is written.

use std::collections::BTreeSet;

/// A shorter value is not looked for elsewhere: it would be found in ordinary words.
const SHORTEST_FOUND_ELSEWHERE: usize = 6;

/// Words of a variable's name that make its value a credential.
const TELLING: &[&str] = &[
    "KEY",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASS",
    "TOKEN",
    "CREDENTIAL",
    "CREDENTIALS",
    "APIKEY",
];

/// Last words of a name that make it name a place, not the credential itself.
const PLACES: &[&str] = &["FILE", "PATH", "DIR", "NAME"];

/// Whether a variable of this name holds a credential.
pub(super) fn is_secret_name(name: &str) -> bool {
    let words: Vec<String> = name.split('_').map(str::to_ascii_uppercase).collect();
    let is_one = |list: &[&str], word: &String| list.contains(&word.as_str());
    words.iter().any(|word| is_one(TELLING, word))
        && !words.last().is_some_and(|word| is_one(PLACES, word))
}

/// Every credential of a folder.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    values: BTreeSet<String>,
}

impl Secrets {
    /// Takes down the credentials of a text.
    pub(super) fn collect(&mut self, text: &str) {
        for (start, end) in places(text) {
            // A user's name beside a password is hidden where it stands, but may be an ordinary word elsewhere.
            let value = &text[start..end];
            let is_address = text[..start].ends_with("://");
            let value = value
                .split_once(':')
                .filter(|_| is_address)
                .map_or(value, |(_, password)| password);
            for value in literals(value) {
                if value.len() >= SHORTEST_FOUND_ELSEWHERE {
                    self.values.insert(value.to_owned());
                }
            }
        }
    }

    /// The text with every credential replaced by as many `x`.
    pub(super) fn hide(&self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        let mut cover = |start: usize, end: usize| {
            for byte in &mut bytes[start..end] {
                if !matches!(byte, b'\n' | b'"' | b'\'') {
                    *byte = b'x';
                }
            }
        };
        for (start, end) in places(text) {
            cover(start, end);
        }
        for value in &self.values {
            for (start, _) in text.match_indices(value.as_str()) {
                cover(start, start + value.len());
            }
        }
        // Whole characters were replaced, byte by byte, with ASCII.
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// Whether bytes hold one of the credentials.
    pub(super) fn are_in(&self, bytes: &[u8]) -> bool {
        self.values.iter().any(|value| {
            bytes
                .windows(value.len())
                .any(|window| window == value.as_bytes())
        })
    }
}

/// Ranges of values and of user names in addresses that are credentials.
fn places(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        found.extend(assigned(text, line, offset));
        found.extend(in_addresses(line).map(|(start, end)| (offset + start, offset + end)));
        offset += line.len();
    }
    found
}

/// The value in a line such as `export S3_SECRET_KEY="…"`, `# TOKEN=…` or, in YAML, `TOKEN: …`.
fn assigned(text: &str, line: &str, offset: usize) -> Option<(usize, usize)> {
    let lead = |c: char| c == '#' || c == '-' || c.is_whitespace();
    let rest = line.trim_start_matches(lead);
    let rest = rest.strip_prefix("export").map_or(rest, str::trim_start);
    let name_length = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(rest.len());
    let (name, behind) = rest.split_at(name_length);
    let is_comment = line.trim_start().starts_with('#');
    let value = match behind.strip_prefix('=') {
        Some(value) => value,
        // In a comment, a colon is part of a sentence.
        None if is_comment => return None,
        None => behind.strip_prefix(':')?.trim_start_matches([' ', '\t']),
    };
    if name.is_empty() || !is_secret_name(name) {
        return None;
    }
    let start = offset + line.len() - value.len();
    let value = if behind.starts_with('=') {
        value.split_whitespace().next()?
    } else {
        value.trim_end()
    };
    // A quoted value may go on over several lines.
    let end = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => text[start + 1..]
            .find(quote)
            .map_or(text.len(), |length| start + 1 + length),
        Some(_) => start + value.len(),
        None => return None,
    };
    Some((start, end))
}

/// User names and passwords in addresses of a line: `https://NAME:PASSWORD@host`.
fn in_addresses(line: &str) -> impl Iterator<Item = (usize, usize)> {
    line.match_indices("://").filter_map(|(at, sign)| {
        let start = at + sign.len();
        let authority = line[start..]
            .find(|c: char| c == '/' || c == '"' || c == '\'' || c.is_whitespace())
            .map_or(&line[start..], |length| &line[start..start + length]);
        let user = &authority[..authority.rfind('@')?];
        (!user.is_empty() && user != "git" && !user.starts_with('$'))
            .then_some((start, start + user.len()))
    })
}

/// The parts of a value that are no quotes and no references to variables.
fn literals(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(['"', '\'', '$', '{', '}', '\n', ' ', '\t', '@', ':'])
        .map(|part| part.trim_start_matches(['-', '=']))
        .filter(|part| !part.is_empty())
        // What remains of `$NAME` and `${NAME…` is a name in capitals.
        .filter(|part| {
            let is_name = |c: char| c.is_ascii_uppercase() || c == '_';
            !(part.chars().all(is_name) && part.contains('_'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell() {
        for name in [
            "S3_ACCESS_KEY",
            "READ_SECRET_KEY",
            "GITEA_TOKEN",
            "DB_PASSWORD",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["KEYMAP", "SIGNING_KEY_FILE", "S3_BUCKET", "MONKEY_BUSINESS"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn values_are_covered_wherever_they_stand() {
        let text = "S3_BUCKET=zos\nexport S3_SECRET_KEY=\"hunter22/x\" # old: hunter22/x\n#S3_ACCESS_KEY=AKIAOLD\nURL=https://me:p4ssw0rd@host/x\nTOKEN_TWO='a\nb'\nREAD_KEY=${OTHER_KEY:-deadbeef}\n";
        let mut secrets = Secrets::default();
        secrets.collect(text);
        let hidden = secrets.hide(text);
        assert_eq!(hidden.len(), text.len());
        for value in ["hunter22", "AKIAOLD", "p4ssw0rd", "deadbeef", "'a", "b'"] {
            assert!(!hidden.contains(value), "{value} in\n{hidden}");
        }
        assert!(hidden.contains("S3_BUCKET=zos") && hidden.contains("@host/x"));
        assert!(secrets.are_in(b"curl -u x:hunter22/x") && !secrets.are_in(b"nothing"));
    }
}
