//! What an existing lock, and what the store has of it, tell about an image, before anything is fetched.
//!
//! Comes in: an [`Image`], and a store where there is one. Goes out: the problems that locking and building would meet, at
//! their places in the manifest, and what could not be looked into, with the command that makes it possible. Never uses the
//! network, never writes anything, neither `zos.lock` nor into the store; where facts are missing, it says nothing wrong.

mod answer;
mod kernel;
mod programs;
mod world;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::Path;

use crate::check::{GitRevision, Image, SourceOrigin};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::tree::Store;

use super::packages::{keep, singles, wishes};
use super::{Lock, LockedPackage, on_disk};

use answer::Answer;

/// What a review could not look into, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unchecked {
    /// What: `package names`.
    pub what: &'static str,
    /// Why: `no zos.lock`.
    pub because: String,
    /// The command that makes it possible.
    pub command: &'static str,
}

/// Looks at an image in the light of its lock; problems go to `sink`.
pub fn review(image: &Image, store: Option<&Store>, sink: &mut Diagnostics) -> Vec<Unchecked> {
    let path = super::file_of(image);
    let lock = match on_disk::read(&path, store) {
        Ok(lock) => path.exists().then_some(lock),
        Err(problems) => {
            sink.extend(problems);
            return Vec::new();
        }
    };
    let mut found = Diagnostics::new();
    if let Some(warning) = super::other_name(image) {
        found.push(warning);
    }
    let mut review = Review {
        image,
        store,
        lock: lock.as_ref(),
        sink: &mut found,
        unchecked: Vec::new(),
        providers: OnceCell::new(),
    };
    review.sources();
    let answer = review.packages();
    review.modules(&answer);
    review.firmware(&answer);
    review.programs(&answer);
    let unchecked = review.unchecked;
    found.sort();
    sink.extend(found);
    unchecked
}

/// The packages of `zos.lock`, where it is there and answers to what the image asks for; nothing is looked up.
pub fn answering(image: &Image, store: Option<&Store>) -> Vec<LockedPackage> {
    let (wishes, singles) = (wishes(image), singles(image));
    let lock = on_disk::read(&super::file_of(image), store).unwrap_or_default();
    let kept = image
        .alpine
        .as_ref()
        .and_then(|alpine| keep(alpine, &wishes, &singles, &lock));
    kept.map(|kept| kept.packages).unwrap_or_default()
}

/// One review on its way.
struct Review<'a> {
    image: &'a Image,
    store: Option<&'a Store>,
    lock: Option<&'a Lock>,
    sink: &'a mut Diagnostics,
    unchecked: Vec<Unchecked>,
    /// Which package has a program, by the program's name; read when first asked for.
    providers: OnceCell<BTreeMap<String, String>>,
}

impl Review<'_> {
    /// Notes that something could not be looked into, because packages are not known, or not here.
    fn skip(&mut self, what: &'static str, answer: &Answer) {
        let (because, command) = match answer {
            // Told already.
            Answer::Refused => return,
            Answer::Unknown { because, command } => (because.clone(), *command),
            Answer::Known(known) if known.iter().all(|package| package.sha256.is_some()) => (
                "the store does not know all packages".to_owned(),
                "zosc build",
            ),
            Answer::Known(_) => self.lock_is_missing(),
        };
        self.unchecked.push(Unchecked {
            what,
            because,
            command,
        });
    }

    /// Why the lock does not say which packages there are, and what makes it say so.
    fn lock_is_missing(&self) -> (String, &'static str) {
        let file = super::file_name(self.image);
        let because = match self.lock {
            None => format!("no {file}"),
            Some(_) => format!("{file} is older than the manifest"),
        };
        (because, "zosc lock")
    }

    /// Warns of revisions that move, where no lock holds them.
    fn sources(&mut self) {
        for source in &self.image.sources {
            let SourceOrigin::Git { revision, .. } = &source.from else {
                continue;
            };
            let locked = self
                .lock
                .is_some_and(|lock| lock.sources.contains_key(&source.name.value));
            let what = match &revision.value {
                GitRevision::Branch(branch) => format!("follows the branch `{branch}`"),
                GitRevision::Tag(tag) => format!("takes the tag `{tag}`"),
                GitRevision::Named(name) => format!("takes `{name}`"),
                GitRevision::Commit(_) => continue,
            };
            if !locked {
                self.sink.push(
                    Diagnostic::warning(
                        "zosc::lock::floating-source",
                        format!("the source `{}` {what}, and no lock holds a commit", source.name.value),
                    )
                    .at(revision.span)
                    .help(format!("run `zosc lock` and commit {}, or write the whole hash of a commit as `rev`", super::file_name(self.image))),
                );
            }
        }
    }
}

/// The file name of a path of this machine, for messages.
fn shown(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests;
