//! Lowering: an image and its locked inputs become a graph of typed actions.
//!
//! A [`Plan`] is data. It can be printed, hashed and sent elsewhere; only `build` knows how to perform it. Nothing here
//! touches the outside world.

mod action;
mod bill;
mod content;
mod flists;
mod identity;
mod kernel;
mod kernel_build;
mod kernel_sources;
mod lower;
mod packages;
mod packing;
mod parameters;
mod recipes;
mod review;
mod shrinking;
mod signing;
mod skipped_scripts;
mod sources;
mod stage;
mod templates;
mod toolchains;
mod verifying;
mod words;

pub use action::{Action, ActionId, Input, Yield};
pub use bill::About;
pub use flists::{ContentOf, PlannedFlist};
pub use kernel_sources::kernel_sources;
pub use lower::{lower, lower_bill, lower_with_parts};
pub use parameters::{
    AccountEdit, Arguments, BuiltFrom, Capture, FileBody, GroupEdit, InstalledFile, Linked, Mount,
    OwnedFile, Root, Stripping, Verified,
};
pub use review::review;
pub use skipped_scripts::skipped_scripts;
pub use stage::Stage;
pub use templates::filled;
pub use words::{Facets, Word};

pub use crate::check::SigningKey;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::check::Arch;
use crate::source::Span;
use crate::tree::Digest;

/// Actions in an order in which each comes after those it needs.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The manifest, as an absolute path; empty where there is none. Notes and sandboxes are told apart by it, and it counts for no key.
    pub manifest: PathBuf,
    /// The processor of the image. Notes are told apart by it as well, and it counts for no key.
    pub arch: Arch,
    /// The actions; an [`ActionId`] is an index.
    pub actions: Vec<PlannedAction>,
    /// The files that the build yields.
    pub outputs: Vec<Output>,
    /// The whole image, as its initramfs will have it.
    pub tree: Option<Input>,
    /// The blob with the image's digest.
    pub build_id: Option<Input>,
    /// The flists, in the manifest's order.
    pub flists: Vec<PlannedFlist>,
    /// What makes the image smaller, in order.
    pub reductions: Vec<Reduction>,
    /// Places in the manifest of what actions name, by `module NAME`, `package NAME`, `file PATH`, `source NAME`, `unit NAME`, `flist NAME`,
    /// `verify SOURCE WORD`, `initramfs`: for errors.
    pub sites: BTreeMap<String, Span>,
}

/// An action and what people call it.
#[derive(Debug, Clone)]
pub struct PlannedAction {
    /// A short name that stays the same from build to build: `unpack busybox`, `build zinit`.
    pub label: String,
    /// The stage it counts under.
    pub stage: Stage,
    /// What is done.
    pub action: Action,
    /// The manifest node that asked for it.
    pub site: Option<Span>,
    /// What it depends on, as the manifest and the lock call it; the action itself has the rest.
    pub words: Vec<Word>,
    /// The processor whose programs its command runs, where that is known. The inputs decide what those are, so it counts for no key.
    pub processor: Option<Arch>,
}

impl PlannedAction {
    /// What `zosc shell` calls the surroundings of its command: the source that the command builds, or `kernel`.
    pub fn shell(&self) -> Option<&str> {
        let Action::Run { origin, .. } = &self.action else {
            return None;
        };
        let name = origin.strip_prefix("source ");
        let name = name.or_else(|| origin.starts_with("kernel").then_some("kernel"));
        name.filter(|name| !name.contains(['/', '@']))
    }
}

/// A file that the build yields.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its name below `dist/`.
    pub name: String,
    /// What it is: `efi`, `initramfs`, `kernel`, `sbom`.
    pub kind: &'static str,
    /// The blob.
    pub content: Input,
    /// Of a unified kernel image: the blob with what will be in PCR 11.
    pub pcr11: Option<Input>,
}

/// One step that makes the image smaller: what it saves is the difference of two trees.
#[derive(Debug, Clone)]
pub struct Reduction {
    /// What the manifest says: `drop docs`, `strip modules`.
    pub what: String,
    /// For files that are left out: the patterns that the word stands for. Each file counts for the first word that names it.
    pub patterns: Vec<String>,
    /// The image before.
    pub before: Input,
    /// The image after.
    pub after: Input,
}

impl Plan {
    /// Adds an action and returns its output as an input for others.
    pub fn add(
        &mut self,
        stage: Stage,
        label: impl Into<String>,
        site: Option<Span>,
        action: Action,
    ) -> Input {
        self.actions.push(PlannedAction {
            label: label.into(),
            stage,
            action,
            site,
            words: Vec::new(),
            processor: None,
        });
        Input::Output(ActionId(self.actions.len() as u32 - 1))
    }

    /// By the index of the action: a key that needs no build, made of the keys of what it needs in the place of their outputs. Actions with
    /// the same one yield the same; others may.
    pub fn keys_unbuilt(&self) -> Vec<Digest> {
        let mut keys: Vec<Digest> = Vec::with_capacity(self.actions.len());
        for planned in &self.actions {
            keys.push(planned.action.key(&|ActionId(index)| keys[index as usize]));
        }
        keys
    }

    /// By the index of the action: whether it is among these, or one of them needs it, directly or not.
    pub fn with_needs(&self, wanted: impl IntoIterator<Item = ActionId>) -> Vec<bool> {
        let mut needed = vec![false; self.actions.len()];
        for ActionId(index) in wanted {
            needed[index as usize] = true;
        }
        // Each action comes after those that it needs.
        for (index, planned) in self.actions.iter().enumerate().rev() {
            if needed[index] {
                for ActionId(need) in planned.action.needs() {
                    needed[need as usize] = true;
                }
            }
        }
        needed
    }

    /// Says whose programs the command behind an output runs.
    fn runs_programs_of(&mut self, of: Input, processor: Option<Arch>) {
        if let Input::Output(ActionId(index)) = of
            && let Some(planned) = self.actions.get_mut(index as usize)
        {
            planned.processor = processor;
        }
    }
}

#[cfg(test)]
mod tests;
