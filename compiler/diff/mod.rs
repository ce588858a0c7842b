//! What is different between two manifests, plans or images, and what the difference costs.
//!
//! Comes in: two sides as the passes have made them. Goes out: a [`Difference`], which is data; how it is shown is the command line's.
//! Both sides become [`Facts`], sections of named things with named facts, and only facts are compared: so comments, layout
//! and an order without meaning are no difference, and `compare(a, b)` is the mirror of `compare(b, a)`. Never uses the
//! network, builds nothing, and writes nothing but contents into the store.

mod difference;
mod facts;
mod here;
mod image;
mod impact;
mod local;
mod lock;
mod manifest;
mod order;
mod plan;
mod text;

pub use difference::{
    Change, ChangeKind, Counts, Difference, FieldChange, Place, SectionDifference, Subject, Verdict,
};
pub use facts::FieldKind;
pub use impact::{
    ActionImpact, Fetch, Growth, Impact, OutputChange, OutputImpact, StageImpact, Stored,
};
pub use plan::{WrittenAction, WrittenOutput, WrittenPlan};
pub use text::TextChange;

use std::collections::BTreeSet;

use crate::check::{FileContent, Image};
use crate::diagnostic::Diagnostic;
use crate::inspect::Opened;
use crate::lock::{Inputs, Role};
use crate::source::SourceMap;
use crate::tree::{Digest, Store};

use facts::Facts;
use here::Here;
use image::Images;

/// The version of the form of [`Difference`].
const VERSION: u32 = 1;

/// One side of a comparison.
#[derive(Debug, Clone)]
pub struct Side {
    /// What people call it.
    pub name: String,
    /// What it is.
    pub content: Content,
    /// What is not known of it, and how it would be; a sentence each.
    pub notes: Vec<String>,
}

/// What one side is.
#[derive(Debug, Clone)]
pub enum Content {
    /// A manifest.
    Manifest(Box<ManifestSide>),
    /// A plan.
    Plan(WrittenPlan),
    /// An image.
    Image(Box<Opened>),
    /// The images of a folder.
    Folder(Vec<Opened>),
}

/// A manifest and what is known of its inputs.
#[derive(Debug, Clone)]
pub struct ManifestSide {
    /// The checked manifest.
    pub image: Image,
    /// Its lock and this machine's files.
    pub inputs: Inputs,
    /// Whether the lock was there, or what it would be is known.
    pub locked: bool,
    /// What a build of it does, where that is known.
    pub plan: Option<WrittenPlan>,
}

impl Content {
    fn plan(&self) -> Option<&WrittenPlan> {
        match self {
            Self::Manifest(manifest) => manifest.plan.as_ref(),
            Self::Plan(plan) => Some(plan),
            Self::Image(_) | Self::Folder(_) => None,
        }
    }

    fn images<'a>(&'a self, name: &'a str) -> Option<Images<'a>> {
        let (list, folder) = match self {
            Self::Image(image) => (std::slice::from_ref(&**image), false),
            Self::Folder(list) => (list.as_slice(), true),
            Self::Manifest(_) | Self::Plan(_) => return None,
        };
        Some(Images { name, list, folder })
    }

    /// What it is, in words.
    fn word(&self) -> &'static str {
        match self {
            Self::Manifest(_) => "a manifest",
            Self::Plan(_) => "a plan",
            Self::Image(_) => "an image",
            Self::Folder(_) => "a folder of images",
        }
    }
}

/// Compares two sides.
///
/// # Errors
/// `zosc::diff::no-plan`: a manifest is to be compared with a plan, and what its own would be is not known.
/// `zosc::diff::not-comparable`: the two have nothing in common.
pub fn compare(
    old: &Side,
    new: &Side,
    stored: &Stored,
    sources: &SourceMap,
    store: &Store,
) -> Result<Difference, Diagnostic> {
    let names = (old.name.as_str(), new.name.as_str());
    let images = (old.content.images(names.0), new.content.images(names.1));
    if let (Some(before), Some(after)) = images {
        let (sections, notes) = image::compare(&before, &after, store)?;
        let of = if before.folder && after.folder {
            Subject::Folders
        } else {
            Subject::Images
        };
        return Ok(finished(of, old, new, sections, notes));
    }
    let (of, before, after) = match (&old.content, &new.content) {
        (Content::Manifest(before), Content::Manifest(after)) => {
            let (before, after) = manifests_facts(before, after, store)?;
            (Subject::Manifests, before, after)
        }
        (Content::Image(_) | Content::Folder(_), _)
        | (_, Content::Image(_) | Content::Folder(_)) => {
            return Err(not_comparable(old, new));
        }
        (before, after) => {
            let (before, after) = (plan_of(old, before)?, plan_of(new, after)?);
            (Subject::Plans, plan::facts(before), plan::facts(after))
        }
    };
    let mut sections = difference::between(&before, &after, sources);
    for change in sections.iter_mut().flat_map(|section| &mut section.changes) {
        local::show_text(change, store);
    }
    let plans = old.content.plan().zip(new.content.plan());
    let impact = plans.map(|(before, after)| Impact {
        growth: growth(&old.content, &new.content, store),
        ..impact::between(before, after, stored, store)
    });
    Ok(Difference {
        impact,
        ..finished(of, old, new, sections, Vec::new())
    })
}

/// How much the inputs of an image grow, where both sides tell of them.
fn growth(old: &Content, new: &Content, store: &Store) -> Option<Growth> {
    let (Content::Manifest(old), Content::Manifest(new)) = (old, new) else {
        return None;
    };
    let packages = |side: &ManifestSide| {
        let packages = side.inputs.lock.packages.iter();
        let own = packages.filter(|package| package.role == Role::Image);
        own.map(|package| package.size).sum()
    };
    let files = |side: &ManifestSide| -> u64 {
        let overlays = side.image.overlays.iter();
        let folders = overlays.filter_map(|overlay| side.inputs.folders.get(&overlay.from.value));
        let trees = folders.filter_map(|digest| store.get_tree(digest).ok());
        let files = side.image.files.iter().map(|file| match &file.content {
            FileContent::Bytes(bytes) => bytes.len() as u64,
            FileContent::Local(path) => {
                let file = side.inputs.files.get(&path.value);
                file.map_or(0, |file| file.size)
            }
            FileContent::Link(_) => 0,
        });
        files.chain(trees.map(|tree| tree.content_size())).sum()
    };
    Some(Growth {
        packages_before: packages(old),
        packages_after: packages(new),
        files_before: files(old),
        files_after: files(new),
    })
}

fn finished(
    of: Subject,
    old: &Side,
    new: &Side,
    sections: Vec<SectionDifference>,
    notes: Vec<String>,
) -> Difference {
    let known = old.notes.iter().chain(&new.notes).cloned();
    Difference {
        version: VERSION,
        of,
        old: old.name.clone(),
        new: new.name.clone(),
        same: sections.is_empty(),
        counts: Counts::of(&sections),
        sections,
        impact: None,
        notes: known.chain(notes).collect(),
    }
}

fn not_comparable(old: &Side, new: &Side) -> Diagnostic {
    let word = |side: &Side| format!("`{}` is {}", side.name, side.content.word());
    let fact = format!("{}, and {}", word(old), word(new));
    Diagnostic::error("zosc::diff::not-comparable", fact)
        .help("build the manifest first, and compare what comes out: `zosc build`, then `zosc diff OLD dist/`")
}

fn plan_of<'a>(side: &Side, content: &'a Content) -> Result<&'a WrittenPlan, Diagnostic> {
    content.plan().ok_or_else(|| {
        let fact = format!("what a build of `{}` does is not known", side.name);
        let problem = Diagnostic::error("zosc::diff::no-plan", fact);
        let problem = side.notes.iter().cloned().fold(problem, Diagnostic::note);
        problem.help("lock it first (`zosc lock`), or compare it with another manifest")
    })
}

/// The facts of two manifests.
fn manifests_facts(
    old: &ManifestSide,
    new: &ManifestSide,
    store: &Store,
) -> Result<(Facts, Facts), Diagnostic> {
    let (before, after) = (manifest::value(&old.image), manifest::value(&new.image));
    // What manifests of different folders both name, word for word, is the same as it stands.
    let shared = if old.image.directory == new.image.directory {
        BTreeSet::new()
    } else {
        let others = named(&after, &new.inputs);
        let mut shared = named(&before, &old.inputs);
        shared.retain(|text| others.contains(text));
        shared
    };
    Ok((
        manifest_facts(old, new, before, &shared, store)?,
        manifest_facts(new, old, after, &shared, store)?,
    ))
}

/// Paths and addresses that a manifest and its inputs name.
fn named(value: &serde_json::Value, inputs: &Inputs) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    here::texts(value, &mut found);
    let files = inputs.files.keys();
    found.extend(files.map(|path| path.display().to_string()));
    let indexes = inputs.lock.indexes.iter();
    found.extend(indexes.map(|index| index.url.clone()));
    found
}

fn manifest_facts(
    side: &ManifestSide,
    other: &ManifestSide,
    value: serde_json::Value,
    shared: &BTreeSet<String>,
    store: &Store,
) -> Result<Facts, Diagnostic> {
    let here = Here::new(&side.image.directory, shared.clone());
    let mut facts = manifest::facts(value, &here);
    local::add(&mut facts, &side.image, &side.inputs, &here, store)?;
    order::add(&mut facts, &side.image, &other.image);
    // Where one side has no lock, there is nothing to compare the other's with.
    if side.locked && other.locked {
        lock::add(&mut facts, &side.inputs.lock, &here);
    }
    Ok(facts)
}

/// The size of a content, where the store has it.
fn size_of(store: &Store, digest: &Digest) -> Option<u64> {
    let facts = store.blob_path(digest).metadata().ok()?;
    Some(facts.len())
}

/// A point in time as people write it.
fn time(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests;
