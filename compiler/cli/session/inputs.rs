//! From manifests to what a plan needs: they are checked, locked and fetched, and people are told what there is to say.

use crate::build;
use crate::check::{self, Image};
use crate::cli::progress::Progress;
use crate::cli::{Failed, ManifestArguments};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io;
use crate::lock::{self, Inputs};
use crate::plan;
use crate::tree::Store;

use super::{CANCELLED, Session};

/// How many files are fetched at a time.
const CONNECTIONS: usize = 4;

impl Session {
    /// What a check is to know of the command line and the environment.
    pub(in crate::cli) fn settings(
        &self,
        arguments: &ManifestArguments,
    ) -> Result<check::Settings, Failed> {
        Ok(check::Settings {
            current_directory: self.current_directory()?,
            overrides: arguments.set.clone(),
            environment: variables(),
            source_date_epoch: io::environment("SOURCE_DATE_EPOCH"),
        })
    }

    /// Reads and checks a manifest; shows what there is to say about it.
    pub(in crate::cli) fn image(&mut self, arguments: &ManifestArguments) -> Result<Image, Failed> {
        self.image_in(arguments, &io::System)
    }

    /// Reads and checks manifests, and shows what there is to say about all of them.
    pub(in crate::cli) fn images(
        &mut self,
        manifests: &[ManifestArguments],
    ) -> Result<Vec<Image>, Failed> {
        let images = manifests.iter().map(|manifest| self.image(manifest));
        let images: Vec<_> = images.collect();
        images.into_iter().collect()
    }

    /// Reads and checks a manifest among files that may not be the machine's.
    pub(in crate::cli) fn image_in(
        &mut self,
        arguments: &ManifestArguments,
        files: &dyn io::Files,
    ) -> Result<Image, Failed> {
        let (image, problems) = self.checked(arguments, files)?;
        self.conclude(image, &problems)
    }

    /// Reads and checks a manifest, and shows nothing yet.
    pub(in crate::cli) fn checked(
        &mut self,
        arguments: &ManifestArguments,
        files: &dyn io::Files,
    ) -> Result<(Option<Image>, Diagnostics), Failed> {
        let settings = self.settings(arguments)?;
        let mut problems = Diagnostics::new();
        let image = check::check(
            &arguments.manifest,
            &settings,
            files,
            &mut self.sources,
            &mut problems,
        );
        Ok((image, problems))
    }

    /// Shows what there is to say about a manifest, and fails where that is an error.
    pub(in crate::cli) fn conclude(
        &self,
        image: Option<Image>,
        problems: &Diagnostics,
    ) -> Result<Image, Failed> {
        if !problems.is_empty() {
            self.report(problems);
        }
        let image = image.filter(|_| !problems.has_errors()).ok_or(Failed)?;
        for change in &image.overrides {
            self.tell(&self.override_line(change));
        }
        Ok(image)
    }

    /// A value of `--set` or of an environment variable, and which one it replaces.
    fn override_line(&self, change: &check::Override) -> String {
        let place = change.replaced.and_then(|span| {
            let name = &self.sources.get(span.source)?.name;
            let line = self.sources.position(span).line;
            Some(format!(
                " instead of {} ({name}:{line})",
                self.sources.slice(span)
            ))
        });
        let place = place.unwrap_or_default();
        let variable = change.variable;
        let variable = variable.map_or(String::new(), |name| format!(", by {name}"));
        format!(
            "{} {} = {}{place}{variable}",
            self.style.verb("set"),
            change.path,
            change.value
        )
    }

    /// Says what changed in the lock: each change, or how many there were.
    fn tell_changes(&self, changes: &[lock::Change]) {
        const TOLD: usize = 12;
        for change in changes.iter().take(TOLD) {
            self.tell(&format!("{} {change}", self.style.verb("lock")));
        }
        if changes.len() > TOLD {
            let more = changes.len() - TOLD;
            self.tell(&format!(
                "{} and {more} more, see the lock",
                self.style.verb("lock")
            ));
        }
    }

    /// The network, or only this machine's files.
    pub(in crate::cli) fn network(&self, offline: bool) -> Result<Box<dyn io::Network>, Failed> {
        self.settle(lock::network(offline).map_err(Diagnostics::from))
    }

    /// Locks an image's inputs; says what scripts that are skipped leave undone where that is news.
    pub(in crate::cli) fn inputs(
        &self,
        image: &Image,
        store: &Store,
        mode: lock::Mode<'_>,
    ) -> Result<Inputs, Failed> {
        let resolved = self.locked(image, store, mode)?;
        if !resolved.changes.is_empty() {
            self.tell_skipped_scripts(image, &resolved.inputs);
        }
        Ok(resolved.inputs)
    }

    /// Does something with the contents of images' inputs. Where one is lost that only locking reads, a file of the project's own, the inputs are read
    /// once more, and it is done again.
    pub(in crate::cli) fn with_contents<T>(
        &self,
        images: &[Image],
        store: &Store,
        mode: lock::Mode<'_>,
        act: impl Fn() -> Result<T, Diagnostics>,
    ) -> Result<Result<T, Diagnostics>, Failed> {
        let done = act();
        if !done.as_ref().is_err_and(build::is_loss) {
            return Ok(done);
        }
        for image in images {
            self.inputs(image, &store.distrusting(), mode)?;
        }
        Ok(act())
    }

    /// Locks an image's inputs, writing `zos.lock` where it changes, and says what changed.
    pub(in crate::cli) fn locked(
        &self,
        image: &Image,
        store: &Store,
        mode: lock::Mode<'_>,
    ) -> Result<lock::Resolved, Failed> {
        // With `--locked`, the refusal says it.
        if let Some(warning) = lock::other_name(image).filter(|_| !mode.locked) {
            self.report(&warning.into());
        }
        let progress = Progress::new(self);
        let resolved = lock::resolve(image, store, mode, &progress, &CANCELLED);
        progress.finish();
        let resolved = self.settle(resolved)?;
        self.tell_changes(&resolved.changes);
        Ok(resolved)
    }

    /// Says what the scripts that are skipped leave undone.
    pub(in crate::cli) fn tell_skipped_scripts(&self, image: &Image, inputs: &Inputs) {
        let skipped = plan::skipped_scripts(image, &inputs.lock.packages);
        if !skipped.is_empty() {
            self.report(&skipped);
        }
    }

    /// Brings everything that a plan takes from elsewhere into the store.
    pub(in crate::cli) fn fetch(
        &self,
        image: &Image,
        inputs: &Inputs,
        store: &Store,
        offline: bool,
    ) -> Result<build::Fetched, Failed> {
        let plan = self.settle(plan::lower(image, inputs))?;
        let network = self.network(offline)?;
        let options = build::Options {
            jobs: CONNECTIONS,
            ..build::Options::new(&*network, offline, &build::executor::Embedded, &CANCELLED)
        };
        let progress = Progress::new(self);
        let fetched = build::fetch(&plan, store, &options, &progress);
        progress.finish();
        self.settle(fetched.map_err(|problems| self.with_dropped(image, inputs, store, problems)))
    }

    /// Adds what took the place of locked packages that are at none of their addresses.
    pub(in crate::cli) fn with_dropped(
        &self,
        image: &Image,
        inputs: &Inputs,
        store: &Store,
        mut problems: Diagnostics,
    ) -> Diagnostics {
        let is_missing = |problem: &Diagnostic| problem.code == "zosc::io::not-found";
        if problems.iter().any(is_missing) {
            let progress = Progress::new(self);
            problems.extend(lock::gone(
                image,
                &inputs.lock,
                store,
                &progress,
                &CANCELLED,
            ));
            progress.finish();
        }
        problems
    }
}

/// The environment variables that change manifests, as far as they are set.
fn variables() -> Vec<(String, String)> {
    let set = |name: &&str| Some(((*name).to_owned(), io::environment(name)?));
    check::VARIABLES.iter().filter_map(set).collect()
}
