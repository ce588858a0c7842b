//! Codes: each has a page, and each of the language's own passes has a case.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::examples::Example;
use super::{cases, gather, root, shown, updates};

/// Codes that no case can give, and why.
const WITHOUT_CASE: [(&str, &str); 17] = [
    (
        "zosc::syntax::not-utf8",
        "a case is a text; unit tests of syntax::read show it",
    ),
    (
        "zosc::syntax::too-large",
        "a unit test of syntax makes the megabyte",
    ),
    (
        "zosc::syntax::too-many",
        "a unit test of syntax makes the mistakes",
    ),
    (
        "zosc::syntax::unformattable",
        "a mistake in zosc; a property test shows that there is none",
    ),
    (
        "zosc::manifest::too-many",
        "a unit test of manifest makes the mistakes",
    ),
    (
        "zosc::manifest::undecodable",
        "a mistake in zosc; a property test shows that there is none",
    ),
    (
        "zosc::check::no-manifest",
        "a case is there; a unit test of check leaves it out",
    ),
    (
        "zosc::check::file-too-large",
        "a unit test of check makes the megabyte",
    ),
    (
        "zosc::check::unreadable-file",
        "a unit test of check makes the key that is too long",
    ),
    (
        "zosc::check::too-many-imports",
        "a unit test of check makes the files",
    ),
    (
        "zosc::check::bad-setting",
        "a unit test of check has a command line",
    ),
    (
        "zosc::check::unknown-setting",
        "a unit test of check has a command line",
    ),
    (
        "zosc::check::variable-without-effect",
        "a unit test of check has an environment",
    ),
    (
        "zosc::configuration::unreadable",
        "a case is there; a unit test of configuration leaves it out",
    ),
    (
        "zosc::configuration::no-server",
        "a unit test of configuration has a command line",
    ),
    (
        "zosc::configuration::unused-server",
        "a test of the command line names one",
    ),
    (
        "zosc::configuration::missing-variable",
        "a unit test of configuration has no environment",
    ),
];

/// Passes whose codes need a case.
const PASSES: [&str; 4] = [
    "zosc::syntax::",
    "zosc::manifest::",
    "zosc::check::",
    "zosc::configuration::",
];

/// Every code in the sources, with a file that has it.
fn codes() -> BTreeMap<String, PathBuf> {
    let mut files = Vec::new();
    gather(&root().join("compiler"), "rs", &mut files);
    let mut codes = BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source file");
        let text = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        for part in text.split("\"zosc::").skip(1) {
            let code = part.split('"').next().unwrap_or_default();
            let is_code = code.split("::").count() == 2
                && code.chars().all(|c| {
                    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, ':' | '-')
                })
                && !code.ends_with(':');
            let is_test = file.ends_with("tests.rs")
                || file.components().any(|part| part.as_os_str() == "tests");
            if is_code && !is_test {
                codes.insert(format!("zosc::{code}"), file.clone());
            }
        }
    }
    codes
}

fn page(code: &str) -> PathBuf {
    root().join(format!("docs/errors/{}.md", code.replace("::", "-")))
}

#[test]
fn every_code_has_a_page() {
    let codes = codes();
    assert!(codes.len() > 30, "codes are found");
    let missing: Vec<String> = codes
        .iter()
        .filter(|(code, _)| !page(code).is_file())
        .map(|(code, file)| format!("{code} ({}) lacks {}", shown(file), shown(&page(code))))
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_page_has_a_code() {
    let codes = codes();
    let mut pages = Vec::new();
    gather(&root().join("docs/errors"), "md", &mut pages);
    let known: BTreeSet<PathBuf> = codes.keys().map(|code| page(code)).collect();
    let stray: Vec<String> = pages
        .iter()
        .filter(|page| !known.contains(*page))
        .map(|page| shown(page))
        .collect();
    assert!(stray.is_empty(), "no code for {}", stray.join(", "));
    for (code, _) in codes {
        let text = std::fs::read_to_string(page(&code)).unwrap_or_default();
        assert!(
            text.starts_with(&format!("# {code}\n")),
            "the page of {code} begins with its name"
        );
    }
}

#[test]
fn every_code_of_the_language_has_a_case() {
    if updates() {
        return; // the cases are being written
    }
    let all: Vec<String> = cases()
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("a case"))
        .collect();
    let missing: Vec<String> = codes()
        .into_keys()
        .filter(|code| PASSES.iter().any(|pass| code.starts_with(pass)))
        .filter(|code| !WITHOUT_CASE.iter().any(|(without, _)| without == code))
        .filter(|code| !all.iter().any(|text| text.contains(&format!(": {code} "))))
        .collect();
    assert!(
        missing.is_empty(),
        "no case in tests/suite for {}",
        missing.join(", ")
    );
}

/// "The suite has a failing and a passing example for every code": both stand on the code's page, for users to read.
#[test]
fn every_page_of_the_language_shows_the_mistake_and_its_remedy() {
    let mut lacking = Vec::new();
    for code in codes().into_keys() {
        let is_exempt = WITHOUT_CASE.iter().any(|(without, _)| *without == code);
        if is_exempt || !PASSES.iter().any(|pass| code.starts_with(pass)) {
            continue;
        }
        let examples = Example::all(&page(&code));
        let (wrong, right): (Vec<&Example>, Vec<&Example>) =
            examples.iter().partition(|example| example.wrong);
        if right.is_empty() {
            lacking.push(format!("{code} lacks ```kdl"));
        }
        if wrong.is_empty() {
            lacking.push(format!("{code} lacks ```kdl wrong"));
        }
        for example in wrong {
            let said = example.codes();
            if said.iter().ne([&code.as_str()]) {
                lacking.push(format!("{code} shows {said:?}"));
            }
        }
    }
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
}
