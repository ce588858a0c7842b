//! Hints behind words of a manifest: what the lock and the caches make of them.
//!
//! Comes in: the text as the editor has it, a range of it, and what is known. Goes out: a hint behind each word that something is to
//! be said of. Looks nothing up but in memory.

use std::ops::Range;

use super::knowledge::{Knowledge, Locked, Outcome};
use super::meaning::{Meanings, Part, Word};
use super::protocol as lsp;
use super::sketch::Sketch;
use super::view::View;
use crate::check::{Image, OutputKind};
use crate::diagnostic::bytes;
use crate::lock::{LockedSource, LockedToolchain};
use crate::syntax::scan::scan;

/// Most hints of an answer.
const MOST: usize = 2000;
/// Digits of a commit that tell it from others.
const SHORT: usize = 7;

/// Answers `textDocument/inlayHint`.
pub(super) fn hints(view: &View<'_>, parameters: &lsp::InlayHintParams) -> Vec<lsp::InlayHint> {
    let encoding = view.client.encoding;
    let within = view.document.text.bytes(parameters.range, encoding);
    let image = view
        .project
        .good
        .as_ref()
        .and_then(|good| good.image.as_ref());
    let text = view.document.text.as_str();
    let found = hints_in(text, within, image, view.knowledge);
    let hints = found.into_iter().map(|(offset, label)| lsp::InlayHint {
        position: view.document.text.position(offset, encoding),
        label: label.into(),
        kind: None,
        text_edits: None,
        tooltip: None,
        padding_left: Some(true),
        padding_right: None,
        data: None,
    });
    hints.collect()
}

/// The hints of a part of a text, by the offsets that they stand at.
fn hints_in(
    text: &str,
    within: Range<usize>,
    image: Option<&Image>,
    knowledge: &Knowledge,
) -> Vec<(usize, String)> {
    let sketch = Sketch::new(text, &scan(text).tokens);
    let meanings = Meanings::new(text, &sketch);
    let words = meanings
        .words(within)
        .filter(|word| word.part == Part::Value);
    let hints = words.filter_map(|word| {
        let hint = hint(&word, &meanings, image, knowledge)?;
        Some((word.range.end, hint))
    });
    hints.take(MOST).collect()
}

/// What is said of a word.
fn hint(
    word: &Word<'_>,
    meanings: &Meanings<'_>,
    image: Option<&Image>,
    knowledge: &Knowledge,
) -> Option<String> {
    let naming = &word.member.naming;
    let kinds = [&naming.names, &naming.refers, &word.member.complete];
    let kind = kinds.into_iter().flatten().next().map(String::as_str);
    match (kind, word.member.name.as_str()) {
        (Some("package"), _) => package(&word.text, knowledge.locked()?),
        (Some("firmware"), _) => firmware(&word.text, knowledge),
        (Some("source"), _) if naming.names.is_some() => {
            Some(source(knowledge.locked()?.source(&word.text)?))
        }
        (Some("toolchain"), _) if naming.names.is_some() => {
            let lock = knowledge.locked()?.lock();
            toolchain(lock.toolchains.get(&*word.text)?)
        }
        (_, "initramfs" | "efi") if meanings.section(word.node) == "size" => {
            budget(&word.member.name, image?, knowledge.outcomes())
        }
        _ => None,
    }
}

/// The version that is locked, and the bytes that only this wish brings in.
fn package(name: &str, locked: &Locked) -> Option<String> {
    let package = locked
        .lock()
        .packages
        .iter()
        .find(|package| package.name == name)?;
    Some(match locked.share(name) {
        Some(share) if share.installed_size > 0 => {
            format!("{} · {}", package.version, bytes(share.installed_size))
        }
        _ => package.version.clone(),
    })
}

fn firmware(pattern: &str, knowledge: &Knowledge) -> Option<String> {
    let matched = knowledge.firmware().ready()?.matched(&[pattern]);
    Some(match matched.files.len() {
        0 => "no file".to_owned(),
        1 => format!("1 file · {}", bytes(matched.bytes)),
        files => format!("{files} files · {}", bytes(matched.bytes)),
    })
}

fn source(locked: &LockedSource) -> String {
    match locked {
        LockedSource::Git { commit, .. } => commit.get(..SHORT).unwrap_or(commit).to_owned(),
        LockedSource::Crate { version, .. } => version.clone(),
        LockedSource::Release { size, .. } => bytes(*size),
    }
}

fn toolchain(locked: &LockedToolchain) -> Option<String> {
    match locked {
        LockedToolchain::Alpine { packages, .. } if packages.len() != 1 => {
            Some(format!("{} packages", packages.len()))
        }
        LockedToolchain::Alpine { .. } => Some("1 package".to_owned()),
        LockedToolchain::Download { size, .. } => Some(bytes(*size)),
        LockedToolchain::Image { .. } => None,
    }
}

/// How much of a limit the last build has used.
fn budget(what: &str, image: &Image, outcomes: &[Outcome]) -> Option<String> {
    let (limit, kind) = match what {
        "initramfs" => (image.max_initramfs.as_ref()?.value, OutputKind::Initramfs),
        _ => (image.max_efi.as_ref()?.value, OutputKind::Efi),
    };
    let size = outcomes.iter().find(|outcome| outcome.kind == kind)?.size;
    let percent = size.saturating_mul(100).checked_div(limit)?;
    Some(format!("{} used · {percent} %", bytes(size)))
}

#[cfg(test)]
mod tests;
