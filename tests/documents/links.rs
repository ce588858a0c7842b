//! No link leads nowhere, on a forge or in the book.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::blocks::{pages, root, text};

/// The text without fenced blocks, comments and code spans.
fn prose(text: &str) -> String {
    let mut prose = String::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside;
        } else if !inside && !line.starts_with("<!--") {
            prose += line;
            prose.push('\n');
        }
    }
    prose
}

/// Everything outside of code spans.
fn without_code(prose: &str) -> String {
    prose.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// Where the links of a page lead.
fn targets(page: &Path) -> Vec<String> {
    let prose = without_code(&prose(&text(page)));
    let parts = prose.split("](").skip(1);
    let targets =
        parts.filter_map(|part| part.split_once(')').map(|(target, _)| target.to_owned()));
    targets.collect()
}

/// The anchors of a page's headings, as forges and mdBook make them.
fn anchors(page: &Path) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let prose = prose(&text(page));
    let titles = prose.lines().filter(|line| line.starts_with('#'));
    titles
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                _ => None,
            });
            let anchor: String = kept.collect();
            let count = seen.entry(anchor.clone()).or_default();
            *count += 1;
            match *count - 1 {
                0 => anchor,
                again => format!("{anchor}-{again}"),
            }
        })
        .collect()
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// What is wrong with a link of a page.
fn fault(page: &Path, target: &str) -> Option<String> {
    if target.starts_with("https://") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() {
        page.to_owned()
    } else {
        plain(&page.parent().unwrap_or(Path::new("")).join(file))
    };
    if !root().join(&path).exists() {
        return Some("is not there".to_owned());
    }
    if page.starts_with("docs") && !path.starts_with("docs") {
        return Some("leads out of the book; name the file instead".to_owned());
    }
    let is_page = path.extension().is_some_and(|kind| kind == "md");
    if page.starts_with("docs") && !is_page {
        return Some("is no page of the book".to_owned());
    }
    let known = anchor.is_empty() || anchors(&path).contains(anchor);
    (!known).then(|| "has no such heading".to_owned())
}

#[test]
fn every_link_leads_somewhere() {
    let mut faults = Vec::new();
    let mut count = 0;
    for page in pages() {
        for target in targets(&page) {
            count += 1;
            let wrong = fault(&page, &target);
            faults.extend(wrong.map(|wrong| format!("{}: {target} {wrong}", page.display())));
        }
    }
    assert!(count > 500, "links are found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let summary = Path::new("docs/SUMMARY.md");
    let listed: Vec<PathBuf> = targets(summary)
        .iter()
        .map(|path| summary.with_file_name(path))
        .collect();
    let once: BTreeSet<&PathBuf> = listed.iter().collect();
    assert_eq!(once.len(), listed.len(), "no page is listed twice");
    let pages = pages();
    let lacking: Vec<String> = pages
        .iter()
        .filter(|page| page.starts_with("docs") && *page != summary && !once.contains(page))
        .map(|page| page.display().to_string())
        .collect();
    assert!(
        lacking.is_empty(),
        "docs/SUMMARY.md lacks {}",
        lacking.join(", ")
    );
}

/// A picture that no page shows is forgotten, and one that is not there was moved.
#[test]
fn every_picture_is_shown() {
    let shown: BTreeSet<PathBuf> = pages()
        .iter()
        .flat_map(|page| {
            let beside = page.parent().unwrap_or(Path::new("")).to_owned();
            pictures(&text(page))
                .into_iter()
                .map(move |name| plain(&beside.join(name)))
        })
        .collect();
    let mut there = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let path = Path::new("docs").join(entry.unwrap().file_name());
        if path.extension().is_some_and(|kind| kind == "svg") {
            there.insert(path);
        }
    }
    assert_eq!(shown, there);
}

/// The files of a page's pictures.
fn pictures(text: &str) -> Vec<String> {
    let parts = text.split("<img src=\"").skip(1);
    let names = parts.filter_map(|part| part.split_once('"'));
    names.map(|(name, _)| name.to_owned()).collect()
}

/// All Rust files below a folder.
fn sources(folder: &Path, found: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            *found += &std::fs::read_to_string(path).unwrap();
        }
    }
}

#[test]
fn every_test_that_holds_an_invariant_exists() {
    let mut code = String::new();
    sources(&root().join("compiler"), &mut code);
    sources(&root().join("tests"), &mut code);
    let page = text(Path::new("docs/invariants.md"));
    let spans = page.split('`').skip(1).step_by(2);
    let tests: Vec<&str> = spans.filter(|span| span.contains('_')).collect();
    assert!(tests.len() > 20, "tests are named");
    let gone: Vec<&&str> = tests
        .iter()
        .filter(|test| !code.contains(&format!("fn {test}(")))
        .collect();
    assert!(gone.is_empty(), "docs/invariants.md names {gone:?}");
}
