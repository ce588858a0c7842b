//! `check --fix` on every case: it makes nothing worse, and has nothing left to do the second time.

use std::path::Path;

use zosc::check::{self, Fixed};
use zosc::diagnostic::Diagnostics;
use zosc::io::{Files, Overlay};
use zosc::source::SourceMap;

use super::{cases, files, is_configuration, settings, shown, updates};

/// What is said about the manifest among some files: codes and messages.
fn said(files: &dyn Files) -> Vec<(&'static str, String)> {
    let (mut sources, mut sink) = (SourceMap::new(), Diagnostics::new());
    let entry = Path::new("zos.kdl");
    check::check(entry, &settings(), files, &mut sources, &mut sink);
    sink.iter()
        .map(|problem| (problem.code, problem.message.clone()))
        .collect()
}

fn fix(files: &dyn Files) -> Fixed {
    check::fix(Path::new("zos.kdl"), &settings(), files)
}

/// The files with what was fixed.
fn with<'a>(fixed: &Fixed, files: &'a dyn Files) -> Overlay<'a> {
    let mut mended = Overlay::new(files);
    for change in &fixed.changes {
        mended.put(&change.file, change.after.as_bytes());
    }
    mended
}

/// The pass that says something: what an earlier one says hides what a later one would.
fn pass(code: &str) -> usize {
    let passes = ["zosc::syntax::", "zosc::manifest::", "zosc::check::"];
    let pass = passes.iter().position(|pass| code.starts_with(pass));
    pass.expect("a case is checked and no more")
}

#[test]
fn fixing_a_case_brings_nothing_new_and_settles() {
    if updates() {
        return; // the cases are being written
    }
    let mut wrong = Vec::new();
    let mut applied = 0;
    for path in cases().into_iter().filter(|path| !is_configuration(path)) {
        let text = std::fs::read_to_string(&path).expect("a case is a text");
        let files = files(&text);
        let fixed = fix(&files);
        applied += fixed.applied.len();
        let mended = with(&fixed, &files);
        let before = said(&files);
        let first = before.iter().map(|(code, _)| pass(code)).min();
        let after = said(&mended);
        let is_better = after.len() < before.len();
        for (code, message) in after {
            // A name that is right again may be that of something that does not fit.
            let is_checked_at_last = is_better && code.starts_with("zosc::check::");
            let comes_to_light =
                is_checked_at_last || first.is_some_and(|first| first < pass(code));
            if !comes_to_light && !before.contains(&(code, message.clone())) {
                wrong.push(format!("{}: new: {code} {message}", shown(&path)));
            }
        }
        for again in fix(&mended).applied {
            wrong.push(format!("{}: again: {again:?}", shown(&path)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(applied > 40, "only {applied} fixes were applied");
}

#[test]
fn fixes_lead_from_one_to_the_next() {
    let text = "edition 1\nimage zos { version 6.10 }\nimport \"std:zero-os/init\"\nunit a { exec true }\n";
    let fixed = fix(&files(text));
    let told: Vec<String> = fixed
        .applied
        .iter()
        .map(|applied| format!("{}:{} {}", applied.name, applied.line, applied.title))
        .collect();
    assert_eq!(
        told,
        [
            "zos.kdl:2 write it as a property",
            "zos.kdl:4 write `#true`",
            "zos.kdl:2 put it in quotes",
            "zos.kdl:4 write \"true\"",
        ]
    );
    let [change] = fixed.changes.as_slice() else {
        panic!("{fixed:?}")
    };
    assert_eq!(
        change.after,
        "edition 1\nimage zos version=\"6.10\" {  }\nimport \"std:zero-os/init\"\nunit a { exec \"true\" }\n"
    );
}
