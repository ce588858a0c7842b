//! A run of publishing: every place is asked first, and only then something is sent.
//!
//! So a wrong key, a bucket that is missing and a registry that refuses are told together, and before anything has changed anywhere. What fails
//! later in one place keeps nobody from the others.

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;

use super::contents::Contents;
use super::made::Made;
use super::place::Place;
use super::registry::Registry;
use super::step::{Observer, Step};
use super::uploads::Uploads;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::Network;
use crate::source::Span;
use crate::tree::Store;

/// Places that were looked at, and what they lack.
pub struct Publishing<'a> {
    contents: Vec<(Span, Contents<'a>)>,
    places: Vec<(Span, Place<'a>)>,
    registries: Vec<(Span, Registry<'a>)>,
}

/// How it is done.
#[derive(Clone, Copy)]
pub struct How<'a> {
    /// How many versioned programs of the image stay in a place; none: all of them.
    pub prune: Option<NonZeroUsize>,
    /// The way to where machines read the contents of flists, to see that they find them there; none: nobody looks.
    pub network: Option<&'a dyn Network>,
    /// Who hears of it.
    pub observer: &'a dyn Observer,
}

impl<'a> Publishing<'a> {
    /// Asks every place what it has.
    ///
    /// # Errors
    /// What each place says that cannot be asked.
    pub fn look(
        uploads: Uploads,
        made: &Made,
        store: &'a Store,
        cancel: &'a AtomicBool,
    ) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let mut publishing = Self {
            contents: Vec::new(),
            places: Vec::new(),
            registries: Vec::new(),
        };
        for flist in uploads.contents {
            let span = flist.span;
            match Contents::look(flist, store, cancel) {
                Ok(contents) => publishing.contents.push((span, contents)),
                Err(problem) => problems.push(placed(problem, span)),
            }
        }
        for uploads in uploads.places {
            let span = uploads.span;
            match Place::look(uploads, store, cancel) {
                Ok(place) => publishing.places.push((span, place)),
                Err(problem) => problems.push(placed(problem, span)),
            }
        }
        for artifact in &uploads.artifacts {
            match Registry::look(artifact, made, store, cancel) {
                Ok(registry) => publishing.registries.push((artifact.span, registry)),
                Err(problem) => problems.push(placed(problem, artifact.span)),
            }
        }
        if problems.has_errors() {
            return Err(problems);
        }
        Ok(publishing)
    }

    /// What would be done, in order; `prune` is how many programs of the image stay.
    ///
    /// # Errors
    /// What a place says whose index cannot be read.
    pub fn steps(&self, prune: Option<NonZeroUsize>) -> Result<Vec<Step>, Diagnostics> {
        let (mut steps, mut problems) = (Vec::new(), Diagnostics::new());
        for (_, contents) in &self.contents {
            steps.extend(contents.steps());
        }
        for (span, place) in &self.places {
            match place.steps(prune) {
                Ok(own) => steps.extend(own),
                Err(problem) => problems.push(placed(problem, *span)),
            }
        }
        for (_, registry) in &self.registries {
            steps.extend(registry.steps());
        }
        if problems.has_errors() {
            return Err(problems);
        }
        Ok(steps)
    }

    /// Does it: what lists lead to first, and only if machines find all of it, what leads to the lists.
    ///
    /// # Errors
    /// What went wrong in each place. Where it did, the names that machines start and the index are as they were.
    pub fn perform(&self, how: How<'_>) -> Result<(), Diagnostics> {
        let mut problems = Diagnostics::new();
        for (span, contents) in &self.contents {
            if let Err(found) = contents.perform(how.network, how.observer) {
                let found = found.into_iter();
                problems.extend(found.map(|problem| placed(problem, *span)).collect());
            }
        }
        if problems.has_errors() {
            return Err(problems);
        }
        for (span, place) in &self.places {
            if let Err(problem) = place.perform(how.prune, how.observer) {
                problems.push(placed(problem, *span));
            }
        }
        for (span, registry) in &self.registries {
            if let Err(problem) = registry.perform(how.observer) {
                problems.push(placed(problem, *span));
            }
        }
        if problems.has_errors() {
            return Err(problems);
        }
        Ok(())
    }
}

/// A problem at the section that it is about, where it has no place of its own.
fn placed(problem: Diagnostic, span: Span) -> Diagnostic {
    if problem.labels.is_empty() {
        return problem.at(span);
    }
    problem
}
