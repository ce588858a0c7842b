//! What is different between two manifests, plans or images, and what the difference costs.
//!
//! Comes in: two sides as the passes have made them. Goes out: a [`Difference`], which is data; how it is shown is the command line's.
//! Both sides become [`Facts`], sections of named things with named facts, and only facts are compared: so comments, layout
//! and an order without meaning are no difference, and `compare(a, b)` is the mirror of `compare(b, a)`. Never uses the
//! network, builds nothing, and writes nothing but contents into the store.

mod difference;
mod facts;
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
pub use impact::{ActionImpact, Fetch, Impact, OutputChange, OutputImpact, StageImpact, Stored};
pub use plan::{WrittenAction, WrittenOutput, WrittenPlan};
pub use text::TextChange;

use crate::check::Image;
use crate::diagnostic::Diagnostic;
use crate::lock::Inputs;
use crate::source::SourceMap;
use crate::tree::{Digest, Store};

use facts::Facts;

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
        }
    }
}

/// Compares two sides.
///
/// # Errors
/// `zosc::diff::no-plan`: a manifest is to be compared with a plan, and what its own would be is not known.
pub fn compare(
    old: &Side,
    new: &Side,
    stored: &Stored,
    sources: &SourceMap,
    store: &Store,
) -> Result<Difference, Diagnostic> {
    let (of, before, after) = match (&old.content, &new.content) {
        (Content::Manifest(before), Content::Manifest(after)) => (
            Subject::Manifests,
            manifest_facts(before, after, store)?,
            manifest_facts(after, before, store)?,
        ),
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
    let notes = old.notes.iter().chain(&new.notes);
    Ok(Difference {
        version: VERSION,
        of,
        old: old.name.clone(),
        new: new.name.clone(),
        same: sections.is_empty(),
        counts: Counts::of(&sections),
        sections,
        impact: plans.map(|(old, new)| impact::between(old, new, stored, store)),
        notes: notes.cloned().collect(),
    })
}

fn plan_of<'a>(side: &Side, content: &'a Content) -> Result<&'a WrittenPlan, Diagnostic> {
    content.plan().ok_or_else(|| {
        let fact = format!("what a build of `{}` does is not known", side.name);
        let problem = Diagnostic::error("zosc::diff::no-plan", fact);
        let problem = side.notes.iter().cloned().fold(problem, Diagnostic::note);
        problem.help("lock it first (`zosc lock`), or compare it with another manifest")
    })
}

/// The facts of a manifest that is compared with another.
fn manifest_facts(
    side: &ManifestSide,
    other: &ManifestSide,
    store: &Store,
) -> Result<Facts, Diagnostic> {
    let directory = side.image.directory.display().to_string();
    let mut facts = manifest::facts(&side.image);
    local::add(&mut facts, &side.image, &side.inputs, store)?;
    order::add(&mut facts, &side.image, &other.image);
    // Where one side has no lock, there is nothing to compare the other's with.
    if side.locked && other.locked {
        lock::add(&mut facts, &side.inputs.lock, &directory);
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
