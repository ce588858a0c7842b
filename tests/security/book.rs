//! docs/security.md names a test beside each promise: that there is one.

use std::collections::BTreeSet;
use std::path::Path;

/// The names of all tests in the Rust files below a folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            let names = text.lines().filter_map(|line| {
                let line = line.trim_start();
                if line.starts_with("#[") {
                    let is_one = line.starts_with("#[test]") || line.starts_with("#[tokio::test");
                    is_test = (is_test || is_one) && !line.starts_with("#[ignore");
                    return None;
                }
                if !std::mem::take(&mut is_test) {
                    return None;
                }
                let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
                let line = line.strip_prefix("async ").unwrap_or(line);
                let (name, _) = line.strip_prefix("fn ")?.split_once('(')?;
                Some(name.to_owned())
            });
            found.extend(names);
        }
    }
}

#[test]
fn every_promise_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = BTreeSet::new();
    functions(&root.join("tests"), &mut known);
    functions(&root.join("compiler"), &mut known);
    let text = std::fs::read_to_string(root.join("docs/security.md")).unwrap();
    let mut rows = 0;
    let mut wrong = Vec::new();
    let mut is_of_promises = false;
    for line in text.lines() {
        // The tables of promises are those whose last column has tests.
        is_of_promises = match line.trim_end_matches('|').rsplit('|').next() {
            Some(last) if line.starts_with('|') => is_of_promises || last.trim() == "test",
            _ => false,
        };
        if !is_of_promises || line.starts_with("| promise |") || line.starts_with("|-") {
            continue;
        }
        rows += 1;
        let tests = line.trim_end_matches('|').rsplit('|').next();
        let named: Vec<&str> = tests
            .unwrap_or_default()
            .split('`')
            .skip(1)
            .step_by(2)
            .collect();
        if named.is_empty() {
            wrong.push(format!("no test: {line}"));
        }
        let missing = named.iter().filter(|name| !known.contains(**name));
        wrong.extend(missing.map(|name| format!("no function is called `{name}`")));
    }
    for name in text.split('`').skip(1).step_by(2) {
        let is_test = name.matches('_').count() > 3 && name.starts_with(char::is_lowercase);
        if is_test && !known.contains(name) {
            wrong.push(format!("no function is called `{name}`"));
        }
    }
    assert!(rows > 20, "{rows} promises");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
