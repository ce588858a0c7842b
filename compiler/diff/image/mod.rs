//! Images as facts: what they are, what is in them, and file by file what is not the same.
//!
//! Of files only those become facts that are different, so that large images cost no more than their differences.

mod contents;
mod files;
mod flists;
mod pairs;
mod program;

pub(super) use pairs::Images;

use crate::diagnostic::Diagnostic;
use crate::inspect::Opened;
use crate::source::SourceMap;
use crate::tree::Store;

use super::difference::{self, SectionDifference};
use super::facts::{Facts, FieldKind};
use super::local;
use pairs::pairs;

/// What is compared of two images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Everything.
    Whole,
    /// What is around the files, which were compared before.
    Around,
    /// The files alone, of images of different kinds.
    Files,
}

/// Differences between the images of two sides, and what was not looked into.
///
/// # Errors
/// `zosc::diff::not-comparable`
pub(super) fn compare(
    old: &Images<'_>,
    new: &Images<'_>,
    store: &Store,
) -> Result<(Vec<SectionDifference>, Vec<String>), Diagnostic> {
    let pairs = pairs(old, new)?;
    let several = pairs.len() > 1 || old.folder && new.folder;
    let (mut gone, mut come) = (Facts::default(), Facts::default());
    let mut both = Vec::new();
    for pair in pairs {
        match pair {
            (Some(before), Some(after)) => both.push((before, after)),
            (Some(before), None) => name(&mut gone, before),
            (None, Some(after)) => name(&mut come, after),
            (None, None) => {}
        }
    }
    let mut sections = difference::between(&gone, &come, &SourceMap::new());
    let mut notes = Vec::new();
    for (index, (before, after)) in both.iter().enumerate() {
        let seen = both.get(..index).unwrap_or_default();
        let extent = extent(before, after, seen, &mut notes);
        let mut found = two(before, after, extent, store, &mut notes);
        if several {
            for section in &mut found {
                section.section = format!("{}: {}", file_name(after), section.section);
            }
        }
        sections.extend(found);
    }
    Ok((sections, notes))
}

/// What is compared of two images after others, and a note where that is not everything.
fn extent(
    old: &Opened,
    new: &Opened,
    seen: &[(&Opened, &Opened)],
    notes: &mut Vec<String>,
) -> Extent {
    if old.report.kind != new.report.kind {
        let note = "the two are of different kinds, so only their files are compared";
        notes.push(note.to_owned());
        return Extent::Files;
    }
    if old.report.initramfs.is_none() || old.report.digest == new.report.digest {
        return Extent::Whole;
    }
    let mut seen = seen.iter();
    let twin = seen.find(|(one, other)| one.tree == old.tree && other.tree == new.tree);
    let Some((twin, _)) = twin else {
        return Extent::Whole;
    };
    let (name, twin) = (file_name(old), file_name(twin));
    notes.push(format!(
        "{name} holds the same files as {twin}, which are told once"
    ));
    Extent::Around
}

/// The name of an image's file, without its folder.
fn file_name(image: &Opened) -> &str {
    let name = image.report.name.as_str();
    name.rsplit('/').next().unwrap_or(name)
}

/// Adds an image that only one side has.
fn name(facts: &mut Facts, image: &Opened) {
    let thing = facts.section(0, "images").thing(file_name(image));
    thing.set("size", FieldKind::Bytes, image.report.size);
    thing.set("digest", FieldKind::Detail, image.report.digest.to_string());
}

/// Differences between two images.
fn two(
    old: &Opened,
    new: &Opened,
    extent: Extent,
    store: &Store,
    notes: &mut Vec<String>,
) -> Vec<SectionDifference> {
    if old.report.digest == new.report.digest {
        return Vec::new();
    }
    let (mut before, mut after) = (facts(old, extent, store), facts(new, extent, store));
    if extent != Extent::Around {
        files::add(old, new, &mut before, &mut after, notes);
        flists::add_files(old, new, (&mut before, &mut after), store, notes);
    }
    let mut sections = difference::between(&before, &after, &SourceMap::new());
    let changes = sections.iter_mut().flat_map(|section| &mut section.changes);
    for change in changes {
        local::show_text(change, store);
    }
    files::look_into(&mut sections, store, notes);
    sections
}

/// The facts of an image by itself.
fn facts(image: &Opened, extent: Extent, store: &Store) -> Facts {
    let mut facts = Facts::default();
    let report = &image.report;
    if let Some(initramfs) = &report.initramfs {
        if extent != Extent::Around {
            contents::add(&mut facts, image, initramfs, store);
            flists::add(&mut facts, initramfs);
        }
        if extent != Extent::Files {
            contents::segments(facts.section(5, "segments"), initramfs);
        }
    }
    if extent == Extent::Files {
        return facts;
    }
    let thing = facts.section(0, "image").thing("image");
    let kind = serde_json::to_value(report.kind).unwrap_or_default();
    thing.say("kind", kind);
    thing.set("size", FieldKind::Bytes, report.size);
    thing.set("digest", FieldKind::Detail, report.digest.to_string());
    if let Some(id) = &report.build_id {
        thing.set("build-id", FieldKind::Detail, id.as_str());
    }
    if let Some(efi) = &report.efi {
        program::add(&mut facts, efi);
    }
    if let Some(kernel) = &report.kernel {
        program::add_kernel(&mut facts, kernel);
    }
    facts
}
