//! Every example of the documentation is tried: ```` ```kdl ```` blocks are right, ```` ```kdl wrong ```` blocks are not.
//!
//! A block with a line `edition …` is a whole manifest. Any other is a fragment, even where its info string does not say so: the sections
//! that it leaves out come from [`FRAME`]. Both find the files of `tests/suite/check/beside` beside them. ```` ```kdl configuration ````
//! is a user's configuration.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use zosc::diagnostic::{Diagnostics, Severity};

use super::frame::FRAME;
use super::{diagnose_beside, diagnose_configuration, gather, root, shown};

/// A KDL block of a page.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    /// The file it stands in.
    page: PathBuf,
    text: String,
    /// Whether it must fail.
    pub(crate) wrong: bool,
    /// Whether it is a user's configuration and no manifest.
    is_configuration: bool,
}

impl Example {
    /// The examples of a page, in their order.
    pub(crate) fn all(page: &Path) -> Vec<Self> {
        let text = std::fs::read_to_string(page).unwrap_or_default();
        let mut lines = text.lines();
        let mut found = Vec::new();
        while let Some(line) = lines.next() {
            let Some(info) = line.strip_prefix("```") else {
                continue;
            };
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let wrong = match info {
                "kdl" | "kdl fragment" | "kdl configuration" => false,
                "kdl wrong" | "kdl configuration wrong" => true,
                _ => continue,
            };
            found.push(Self {
                page: page.to_owned(),
                text: block.join("\n") + "\n",
                wrong,
                is_configuration: info.contains("configuration"),
            });
        }
        found
    }

    /// What the compiler says about it.
    pub(crate) fn diagnose(&self) -> Diagnostics {
        if self.is_configuration {
            return diagnose_configuration(&self.text).1;
        }
        let has = |section: &str| {
            self.text.lines().any(|line| {
                line.strip_prefix(section)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '{', '\t']))
            })
        };
        let mut whole = String::new();
        if !has("edition") {
            for (section, text) in FRAME {
                if !has(section) {
                    whole.push_str(text);
                    whole.push('\n');
                }
            }
        }
        whole.push_str(&self.text);
        diagnose_beside(&whole).1
    }

    /// The codes of what is said about it.
    pub(crate) fn codes(&self) -> BTreeSet<&'static str> {
        let said = self.diagnose();
        said.iter().map(|problem| problem.code).collect()
    }

    /// How it is not as it says, if it is not.
    fn fault(&self) -> Option<String> {
        let said = self.diagnose();
        let list: Vec<String> = said
            .iter()
            .map(|problem| format!("    {}: {}", problem.code, problem.message))
            .collect();
        let failed = said
            .iter()
            .any(|problem| problem.severity == Severity::Error);
        let fact = match (self.wrong, said.is_empty(), failed) {
            (false, false, _) => "is not right",
            (true, true, _) => "is not wrong",
            _ => return None,
        };
        let page = shown(&self.page);
        Some(format!(
            "{page} {fact}:\n{}{}\n",
            self.text,
            list.join("\n")
        ))
    }
}

/// All pages of the project.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for folder in ["docs", "runtime-units", "manifests"] {
        gather(&root().join(folder), "md", &mut pages);
    }
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

#[test]
fn every_example_is_as_it_says() {
    let examples: Vec<Example> = pages().iter().flat_map(|page| Example::all(page)).collect();
    assert!(examples.len() > 50, "examples are found");
    let faults: Vec<String> = examples.iter().filter_map(Example::fault).collect();
    assert!(faults.is_empty(), "{}\n{}", faults.join("\n"), faults.len());
}
