//! Every command of zosc that a page names exists, with the options that it is given there: in blocks, in the middle of a sentence,
//! and in pages about errors.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::blocks::{pages, text};

/// What `--help` says of commands, by their words.
struct Manual(BTreeMap<Vec<String>, Option<String>>);

impl Manual {
    fn of(&mut self, words: &[String]) -> Option<&str> {
        let told = self.0.entry(words.to_vec()).or_insert_with(|| {
            let program = assert_cmd::cargo::cargo_bin("zosc");
            let output = Command::new(program).args(words).arg("--help").output();
            let output = output.unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            output.status.success().then_some(text)
        });
        told.as_deref()
    }

    /// What is wrong with a command line.
    fn fault(&mut self, line: &str) -> Option<String> {
        let words = line.split_whitespace().skip(1);
        let words: Vec<String> = words
            .take_while(|word| !word.starts_with(['|', ';', '&', '>', '<', '#']) && *word != "2>")
            .map(str::to_owned)
            .collect();
        let is_word = |word: &String| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
        };
        let mut command: Vec<String> = Vec::new();
        for word in &words {
            let below = [&command[..], std::slice::from_ref(word)].concat();
            let named = is_word(word) && !word.starts_with('-');
            if command.len() == 2 || !named || self.of(&below).is_none() {
                break;
            }
            command = below;
        }
        let first = words.first()?;
        if command.is_empty() && is_word(first) && !first.starts_with('-') {
            return Some(format!("there is no command `{first}`"));
        }
        let help = self.of(&command)?.to_owned();
        let options = words
            .iter()
            .filter(|word| word.starts_with("--") && word.len() > 2);
        let mut names = options.map(|word| {
            let name = word.split('=').next().unwrap_or(word);
            name.trim_end_matches(|c: char| !c.is_ascii_alphanumeric())
        });
        let unknown = names.find(|name| {
            let knows = |after: char| help.contains(&format!("{name}{after}"));
            !(knows(' ') || knows('\n') || knows(',') || knows('=') || knows('['))
        })?;
        Some(format!(
            "`zosc {}` has no option {unknown}",
            command.join(" ")
        ))
    }
}

/// The command lines of a page that begin with zosc.
fn lines(page: &Path) -> Vec<String> {
    let text = text(page);
    let mut found = Vec::new();
    let mut fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced || line.starts_with("    ") {
            let typed = line
                .trim_start()
                .trim_start_matches("$ ")
                .trim_start_matches("! ");
            let typed = typed
                .split_whitespace()
                .skip_while(|word| is_variable(word));
            found.push(typed.collect::<Vec<_>>().join(" "));
        } else {
            prose += line;
            prose.push(' ');
        }
    }
    found.extend(prose.split('`').skip(1).step_by(2).map(str::to_owned));
    found.retain(|line| line.starts_with("zosc "));
    found
}

/// Whether a word sets a variable for a command.
fn is_variable(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit())
}

#[test]
fn every_command_of_zosc_exists_with_its_options() {
    let mut manual = Manual(BTreeMap::new());
    let mut faults = Vec::new();
    let mut count = 0;
    for page in pages() {
        for line in lines(&page) {
            count += 1;
            let wrong = manual.fault(&line);
            faults.extend(wrong.map(|wrong| format!("{}: {line}: {wrong}", page.display())));
        }
    }
    assert!(count > 200, "commands are found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_zosc_does_not_know_is_found() {
    let mut manual = Manual(BTreeMap::new());
    assert_eq!(manual.fault("zosc store gc --keep 1 2> message"), None);
    assert_eq!(manual.fault("zosc boot --quiet | less --chop"), None);
    assert!(manual.fault("zosc store gc --kepe 1").is_some());
    assert!(manual.fault("zosc biuld").is_some());
}
