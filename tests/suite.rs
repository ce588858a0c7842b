//! Manifests with the diagnostics they must give, and everything generated from the language.
//!
//! `UPDATE_EXPECT=1` writes expectations and generated files anew; read the difference before you commit it.

#![allow(clippy::disallowed_methods)]

#[path = "suite/case.rs"]
mod case;
#[path = "suite/codes.rs"]
mod codes;
#[path = "suite/corpus.rs"]
mod corpus;
#[path = "suite/examples.rs"]
mod examples;
#[path = "suite/fixing.rs"]
mod fixing;
#[path = "suite/frame.rs"]
mod frame;
#[path = "suite/generated.rs"]
mod generated;
#[path = "suite/layout.rs"]
mod layout;
#[path = "suite/shipped.rs"]
mod shipped;

use std::path::{Path, PathBuf};

use zosc::diagnostic::Diagnostics;
use zosc::source::SourceMap;
use zosc::{check, configuration, io, manifest, syntax};

/// The folder of the package.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether expectations are to be written instead of compared.
fn updates() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some()
}

/// Every case of the suite, in order.
fn cases() -> Vec<PathBuf> {
    let mut found = Vec::new();
    gather(&root().join("tests/suite"), "kdl", &mut found);
    found.retain(|path| !path.starts_with(beside()));
    found.sort();
    found
}

/// All files below a folder with this extension.
fn gather(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    let mut all = Vec::new();
    gather_all(folder, &mut all);
    let wanted = |path: &PathBuf| path.extension().is_some_and(|found| found == extension);
    found.extend(all.into_iter().filter(wanted));
}

/// All files below a folder.
fn gather_all(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of this package") {
        let path = entry.expect("a folder of this package").path();
        if path.is_dir() {
            gather_all(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The path as it is shown.
fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// What the compiler says about a text that stands alone: syntax and decoding.
fn diagnose(name: &str, text: &str) -> (SourceMap, Diagnostics) {
    let mut sources = SourceMap::new();
    let id = sources.add(name, text);
    let mut sink = Diagnostics::new();
    let document = syntax::parse(id, text, &mut sink);
    manifest::decode(&document, &mut sink);
    sink.sort();
    (sources, sink)
}

/// Files that cases of the check find beside them.
fn beside() -> PathBuf {
    root().join("tests/suite/check/beside")
}

/// What is said about a user's configuration.
fn diagnose_configuration(text: &str) -> (SourceMap, Diagnostics) {
    let (mut sources, mut sink) = (SourceMap::new(), Diagnostics::new());
    let place = Path::new("/home/me/.config/zosc/config.kdl");
    let files = io::Memory::new([(place, text)]);
    configuration::check(place, &files, &mut sources, &mut sink);
    (sources, sink)
}

/// Whether a case is a user's configuration and no manifest.
fn is_configuration(path: &Path) -> bool {
    path.starts_with(root().join("tests/suite/configuration"))
}

/// What the compiler says about a case: those of the check go through that pass, among the files beside them.
fn diagnose_case(path: &Path, text: &str) -> (SourceMap, Diagnostics) {
    if is_configuration(path) {
        return diagnose_configuration(text);
    }
    if !path.starts_with(root().join("tests/suite/check")) {
        return diagnose("zos.kdl", text);
    }
    diagnose_beside(text)
}

/// What the compiler says about a manifest among the files beside the cases of the check.
fn diagnose_beside(text: &str) -> (SourceMap, Diagnostics) {
    let (mut sources, mut sink) = (SourceMap::new(), Diagnostics::new());
    check::check(
        Path::new("zos.kdl"),
        &settings(),
        &files(text),
        &mut sources,
        &mut sink,
    );
    (sources, sink)
}

/// Settings for a check among [`files`].
fn settings() -> check::Settings {
    check::Settings {
        current_directory: "/suite".into(),
        ..check::Settings::default()
    }
}

/// A case as the manifest `/suite/zos.kdl`, and the files beside it.
fn files(text: &str) -> io::Memory {
    let mut beside_it = Vec::new();
    gather_all(&beside(), &mut beside_it);
    let mut known: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for file in beside_it {
        let name = file.strip_prefix(beside()).expect("found below it");
        let bytes = std::fs::read(&file).expect("a file of this package");
        known.push((Path::new("/suite").join(name), bytes));
    }
    known.push(("/suite/zos.kdl".into(), text.into()));
    io::Memory::new(known)
}

#[test]
fn every_case_gives_its_diagnostics() {
    let cases = cases();
    assert!(cases.len() > 10, "the suite is where it should be");
    let reports: Vec<String> = cases.iter().filter_map(|path| case::run(path)).collect();
    assert!(
        reports.is_empty(),
        "{}\n{} of {} cases differ; UPDATE_EXPECT=1 writes what is said now",
        reports.join("\n"),
        reports.len(),
        cases.len()
    );
}

#[test]
fn every_fix_mends_its_problem() {
    if updates() {
        return; // the cases are being written
    }
    let failures: Vec<String> = cases()
        .iter()
        .flat_map(|path| case::try_fixes(path))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_case_of_twelve_mistakes_has_twelve_diagnostics() {
    let path = root().join("tests/suite/check/twelve-mistakes.kdl");
    let text = std::fs::read_to_string(&path).expect("the case");
    let (_, sink) = diagnose_case(&path, &text);
    let mut places: Vec<_> = sink
        .iter()
        .filter_map(|problem| problem.labels.first().map(|label| label.span))
        .collect();
    places.dedup();
    assert_eq!((sink.len(), places.len()), (12, 12));
}
