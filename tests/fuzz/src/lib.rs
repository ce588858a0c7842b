//! What must hold of any input: one function a fuzz target, which panics where it does not.
//!
//! The fuzzer and the suite, which replays the corpus, call the same functions.

#![allow(unreachable_pub)] // The suite includes this file as a module.

mod archives;
#[cfg(feature = "lsp")]
mod editor;
mod firmware;
mod flists;
mod indexes;
mod kernels;
mod packages;
mod programs;
mod stored;
mod texts;
mod units;
mod unpacking;

use std::ops::Range;
use std::path::Path;

use zosc::check::{self, Settings};
use zosc::diagnostic::{Applicability, Diagnostic, Diagnostics};
use zosc::io::{Memory, Overlay};
use zosc::source::{SourceId, SourceMap};
use zosc::syntax::{self, outline, scan};

#[cfg(feature = "lsp")]
pub use editor::editor;
pub use firmware::{certificate, efi_program};
pub use flists::flist;
pub use indexes::{dependency, index, version};
pub use kernels::{alias, kernel_config, module, module_lists};
pub use packages::{members, package_info, signature, tarball};
pub use programs::{program, strip};
#[cfg(feature = "remote")]
pub use stored::output_tree;
#[cfg(feature = "publish")]
pub use stored::published;
pub use stored::{block, image_file, installed, lock, plan, record, tree};
pub use texts::{crates, old_configuration, overrides, patched, recipe, user_file};
pub use units::{console, script, unit};
pub use unpacking::{initramfs, source_archive};

/// What is said of bytes from outside plays no tricks on a terminal.
fn can_be_shown(problem: &Diagnostic) {
    // Notes and helps may have several lines, and notes columns.
    let notes = problem.notes.iter().map(|text| (text, "\n\t"));
    let helps = problem.help.iter().map(|text| (text, "\n"));
    for (text, kept) in notes.chain(helps).chain([(&problem.message, "")]) {
        let is_odd = |character: char| character.is_control() && !kept.contains(character);
        assert!(!text.contains(is_odd), "{text:?}");
    }
}

/// Cuts a text into tokens that are the text again, and outlines it within its bounds.
pub fn scanner(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let inside = |range: Range<usize>| assert!(text.get(range.clone()).is_some(), "{range:?}");
    let scan = scan::scan(text);
    let mut end = 0;
    for token in &scan.tokens {
        assert!(
            token.start == end && token.end > end,
            "{token:?} behind {end}"
        );
        inside(token.start..token.end);
        end = token.end;
    }
    assert_eq!(end, text.len(), "all of the text is in tokens");
    let outline = outline::outline(text, &scan.tokens);
    for fault in scan.faults.iter().chain(&outline.faults) {
        inside(fault.start..fault.end);
    }
    let ranges = [
        &outline.nodes,
        &outline.broken,
        &outline.blocks,
        &outline.blanks,
        &outline.poisoned,
    ];
    for &(start, end) in ranges.into_iter().flatten() {
        inside(start..end);
    }
}

/// Checks a text as a manifest, among a few files; what is said lies within the texts, and safe fixes can be applied.
pub fn manifest(bytes: &[u8]) {
    let files = Memory::new([
        ("/fuzz/zos.kdl", bytes),
        (
            "/fuzz/site.kdl",
            b"edition 1\nunit site { exec \"/bin/a\" }\n",
        ),
        ("/fuzz/keys/a.rsa.pub", b"-----BEGIN PUBLIC KEY-----\n"),
        ("/fuzz/a.sh", b"#!/bin/sh\n"),
    ]);
    let (entry, settings) = (Path::new("zos.kdl"), settings());
    let (mut sources, mut problems) = (SourceMap::new(), Diagnostics::new());
    let image = check::check(entry, &settings, &files, &mut sources, &mut problems);
    assert_eq!(image.is_none(), problems.has_errors(), "{problems:#?}");
    let inside = |span: zosc::source::Span| {
        let source = sources.get(span.source).expect("a text that was read");
        assert!(source.text.get(span.range()).is_some(), "{span:?}");
    };
    let mut is_fixable = false;
    for problem in &problems {
        problem.labels.iter().for_each(|label| inside(label.span));
        for fix in &problem.fixes {
            fix.edits.iter().for_each(|edit| inside(edit.span));
            is_fixable |= fix.applicability == Applicability::Safe;
        }
    }
    if is_fixable {
        let fixed = check::fix(entry, &settings, &files);
        let mut mended = Overlay::new(&files);
        for change in &fixed.changes {
            mended.put(&change.file, change.after.as_bytes());
        }
        let (mut sources, mut left) = (SourceMap::new(), Diagnostics::new());
        check::check(entry, &settings, &mended, &mut sources, &mut left);
    }
}

fn settings() -> Settings {
    Settings {
        current_directory: "/fuzz".into(),
        ..Settings::default()
    }
}

/// Lays a text out, where it is sound: the result is sound, settled, and means the same.
pub fn format(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut problems = Diagnostics::new();
    syntax::parse(SourceId(0), text, &mut problems);
    let once = match syntax::format(SourceId(0), text) {
        Ok(once) => once,
        Err(found) => {
            assert_eq!(found, problems, "what is sound can be laid out");
            return;
        }
    };
    assert!(problems.is_empty(), "{problems:#?}");
    let twice = syntax::format(SourceId(0), &once);
    assert_eq!(twice.as_ref(), Ok(&once), "the layout settles");
}
