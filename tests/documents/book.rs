//! mdBook makes the book of docs/, and has nothing to complain of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::blocks::{cache, pages, root};

/// mdBook, where `tests/run docs` has installed it, else the one of this machine.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    places.insert(0, cache().join("mdbook/bin"));
    let programs = places.into_iter().map(|folder| folder.join("mdbook"));
    programs.into_iter().find(|path| path.is_file())
}

#[test]
fn the_book_is_made_without_a_warning() {
    let Some(program) = program() else {
        println!("skipped: needs mdbook");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new(program)
        .arg("build")
        .arg(root().join("docs"))
        .arg("--dest-dir")
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}");
    assert!(!said.contains("WARN") && !said.contains("ERROR"), "{said}");
    let mut faults = Vec::new();
    for page in pages() {
        let Ok(name) = page.strip_prefix("docs") else {
            continue;
        };
        let name = match name.to_str() {
            Some("README.md") => PathBuf::from("index.html"),
            Some("SUMMARY.md") => continue,
            _ => name.with_extension("html"),
        };
        faults.extend(broken(folder.path(), &name));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Links of a page as it was made that lead to no file, or to no place in it.
fn broken(book: &Path, page: &Path) -> Vec<String> {
    let read = |path: &Path| std::fs::read_to_string(book.join(path)).unwrap_or_default();
    let text = read(page);
    if text.is_empty() {
        return vec![format!("{} was not made", page.display())];
    }
    let content = text.split("<main>").nth(1).unwrap_or_default();
    let content = content.split("</main>").next().unwrap_or_default();
    let links = content.split("href=\"").skip(1);
    let links: BTreeSet<&str> = links.filter_map(|part| part.split('"').next()).collect();
    let mut broken = Vec::new();
    for link in links {
        if link.starts_with("https://") {
            continue;
        }
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = match file {
            "" => page.to_owned(),
            file => page.with_file_name(file),
        };
        let there = read(&target);
        let known = anchor.is_empty() || there.contains(&format!("id=\"{anchor}\""));
        if there.is_empty() || !known {
            broken.push(format!("{}: {link} leads nowhere", page.display()));
        }
    }
    broken
}
