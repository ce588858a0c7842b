//! What every command needs: where problems go, which texts were read, the store, Ctrl-C.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use crate::build;
use crate::check::{self, Image};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::{self, Existing, NewFile, Unwritten};
use crate::lock::{self, Inputs};
use crate::plan;
use crate::source::{SourceMap, Span};
use crate::tree::{Access, Holder, Store};

use super::progress::Progress;
use super::render::{self, Style};
use super::{ColorChoice, Failed, Global, ManifestArguments, MessageFormat, Outcome};

/// Set when someone presses Ctrl-C: commands under way are stopped and nothing half-written stays.
pub(super) static CANCELLED: AtomicBool = AtomicBool::new(false);

/// Set when whoever read standard output has gone: a command that would go on for ever ends.
pub(super) static READER_LEFT: AtomicBool = AtomicBool::new(false);

/// How many files are fetched at a time.
const CONNECTIONS: usize = 4;

/// Writes to standard error. Nobody is left to be told where that is closed.
fn say(text: &str) {
    std::io::stderr().lock().write_all(text.as_bytes()).ok();
}

/// One run of zosc.
pub(super) struct Session {
    /// Texts that were read, for showing places in them.
    pub(super) sources: SourceMap,
    format: MessageFormat,
    style: Style,
    output_style: Style,
    store: PathBuf,
}

impl Session {
    /// A session with the global options; from here on Ctrl-C asks commands to stop, and a second one ends zosc at once.
    pub(super) fn new(global: &Global) -> Self {
        watch_signals();
        let style = |is_terminal: bool| {
            Style::new(match global.color {
                ColorChoice::Always => true,
                ColorChoice::Never => false,
                ColorChoice::Auto => is_terminal && io::environment("NO_COLOR").is_none(),
            })
        };
        Self {
            sources: SourceMap::new(),
            format: global.message_format,
            style: style(std::io::stderr().is_terminal()),
            output_style: style(std::io::stdout().is_terminal()),
            store: global.store.clone().unwrap_or_else(io::default_store),
        }
    }

    /// Whether progress is drawn: on a terminal, for people.
    pub(super) fn draws(&self) -> bool {
        self.format == MessageFormat::Human && std::io::stderr().is_terminal()
    }

    /// Whether messages are for people.
    pub(super) fn for_people(&self) -> bool {
        self.format == MessageFormat::Human
    }

    /// Colours of messages, where they are on.
    pub(super) fn style(&self) -> Style {
        self.style
    }

    /// Colours of results, which may go elsewhere than messages.
    pub(super) fn output_style(&self) -> Style {
        self.output_style
    }

    /// Writes a result to standard output; a reader that went away is no failure.
    pub(super) fn print(&self, text: &str) -> Outcome {
        let mut output = std::io::stdout().lock();
        let written = output
            .write_all(text.as_bytes())
            .and_then(|()| output.flush());
        match written {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                READER_LEFT.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                let problem = Diagnostic::error(
                    "zosc::cli::cannot-write",
                    format!("the output cannot be written: {error}"),
                )
                .help("see that the disk it goes to has room, or write it elsewhere");
                // Whatever the format: standard output is what cannot be written to.
                say(&render::human(&problem.into(), &self.sources, self.style));
                Err(Failed)
            }
        }
    }

    /// Says something to people; programs that read JSON are spared it.
    pub(super) fn tell(&self, text: &str) {
        if self.for_people() {
            say(&format!("{text}\n"));
        }
    }

    /// Shows problems.
    pub(super) fn report(&self, problems: &Diagnostics) {
        self.report_in(problems, &self.sources);
    }

    /// Shows problems of texts that are not those of a manifest.
    pub(super) fn report_in(&self, problems: &Diagnostics, sources: &SourceMap) {
        match self.format {
            MessageFormat::Human => say(&render::human(problems, sources, self.style)),
            MessageFormat::Json => {
                // Where that fails, the command fails of its problems or of its own output.
                self.print(&render::json(problems, sources)).ok();
            }
        }
    }

    /// Shows one problem and fails.
    pub(super) fn fail(&self, problem: Diagnostic) -> Outcome {
        self.report(&problem.into());
        Err(Failed)
    }

    /// The value of a pass, after showing its problems where it failed.
    pub(super) fn settle<T>(&self, result: Result<T, Diagnostics>) -> Result<T, Failed> {
        result.map_err(|problems| {
            self.report(&problems);
            Failed
        })
    }

    /// Writes files below a folder, all of them or none; `otherwise` says what to do where some exist.
    pub(super) fn write_all(
        &self,
        folder: &Path,
        files: &BTreeMap<String, NewFile>,
        existing: Existing,
        otherwise: &str,
    ) -> Outcome {
        let problem = match io::write_all(folder, files, existing) {
            Ok(()) => return Ok(()),
            Err(Unwritten::Exists(paths)) => {
                let shown: Vec<String> = paths
                    .iter()
                    .map(|path| format!("`{}`", path.display()))
                    .collect();
                let verb = if shown.len() == 1 { "exists" } else { "exist" };
                Diagnostic::error(
                    "zosc::cli::exists",
                    format!("{} {verb} already; nothing was written", shown.join(", ")),
                )
                .help(otherwise)
            }
            Err(Unwritten::Failed(path, error)) => {
                io::disk_refusal(&path, &error).unwrap_or_else(|| {
                    Diagnostic::error(
                        "zosc::cli::cannot-write",
                        format!(
                            "cannot write `{}`: {error}; nothing was written",
                            path.display()
                        ),
                    )
                    .help("name a folder that you may write to")
                })
            }
        };
        self.fail(problem)
    }

    /// A place in a text as problems are shown, with a note, for standard output.
    pub(super) fn snippet(&self, span: Span, note: &str) -> String {
        render::snippet(span, note, &self.sources, self.output_style)
    }

    /// A place in a text for programs.
    pub(super) fn place(&self, span: Span) -> serde_json::Value {
        let position = self.sources.position(span);
        let file = self.sources.get(span.source).map(|source| &source.name);
        serde_json::json!({
            "file": file,
            "line": position.line,
            "column": position.column,
            "text": self.sources.slice(span),
        })
    }

    /// Writes a document to a file, in the place of an older one, or to standard output.
    pub(super) fn deliver(&self, to: Option<&Path>, text: String) -> Outcome {
        let Some(path) = to else {
            return self.print(&text);
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let name = path.file_name().unwrap_or_default();
        let file = NewFile {
            bytes: text.into_bytes(),
            executable: false,
        };
        let files = BTreeMap::from([(name.to_string_lossy().into_owned(), file)]);
        self.write_all(folder, &files, Existing::Replace, "name another file")
    }

    /// The folder that relative paths start from.
    pub(super) fn current_directory(&self) -> Result<PathBuf, Failed> {
        self.settle(io::current_directory().map_err(|error| {
            Diagnostic::error(
                "zosc::cli::no-directory",
                format!("the current folder cannot be used: {error}"),
            )
            .help("change to a folder that exists")
            .into()
        }))
    }

    /// What a check is to know of the command line and the environment.
    pub(super) fn settings(
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
    pub(super) fn image(&mut self, arguments: &ManifestArguments) -> Result<Image, Failed> {
        self.image_in(arguments, &io::System)
    }

    /// Reads and checks manifests, and shows what there is to say about all of them.
    pub(super) fn images(&mut self, manifests: &[ManifestArguments]) -> Result<Vec<Image>, Failed> {
        let images = manifests.iter().map(|manifest| self.image(manifest));
        let images: Vec<_> = images.collect();
        images.into_iter().collect()
    }

    /// Reads and checks a manifest among files that may not be the machine's.
    pub(super) fn image_in(
        &mut self,
        arguments: &ManifestArguments,
        files: &dyn io::Files,
    ) -> Result<Image, Failed> {
        let (image, problems) = self.checked(arguments, files)?;
        self.conclude(image, &problems)
    }

    /// Reads and checks a manifest, and shows nothing yet.
    pub(super) fn checked(
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
    pub(super) fn conclude(
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

    /// Where the store is.
    pub(super) fn store_path(&self) -> &Path {
        &self.store
    }

    /// The store where there is one already; a check makes none.
    pub(super) fn existing_store(&self) -> Option<Store> {
        Store::existing(&self.store)
    }

    /// The store; says so where it has to be waited for.
    pub(super) fn store(&self) -> Result<Store, Failed> {
        self.store_as(Access::Shared, true)
    }

    /// The store, for oneself alone where things are taken out of it; `waits` for others, and says for whom, until Ctrl-C.
    pub(super) fn store_as(&self, access: Access, waits: bool) -> Result<Store, Failed> {
        let mut told: Vec<Holder> = Vec::new();
        let opened = Store::open_as(&self.store, access, &mut |holders| {
            if waits && told != holders {
                let holders: Vec<String> = holders.iter().map(Holder::to_string).collect();
                self.tell(&format!(
                    "{} for the store, in use by {}",
                    self.style.verb("wait"),
                    holders.join(", ")
                ));
            }
            told = holders.to_vec();
            waits && !CANCELLED.load(Ordering::Relaxed)
        });
        self.settle(opened.map_err(Diagnostics::from))
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
    pub(super) fn network(&self, offline: bool) -> Result<Box<dyn io::Network>, Failed> {
        self.settle(lock::network(offline).map_err(Diagnostics::from))
    }

    /// Locks an image's inputs; says what scripts that are skipped leave undone where that is news.
    pub(super) fn inputs(
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
    pub(super) fn with_contents<T>(
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
    pub(super) fn locked(
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
    pub(super) fn tell_skipped_scripts(&self, image: &Image, inputs: &Inputs) {
        let skipped = plan::skipped_scripts(image, &inputs.lock.packages);
        if !skipped.is_empty() {
            self.report(&skipped);
        }
    }

    /// Brings everything that a plan takes from elsewhere into the store.
    pub(super) fn fetch(
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
    pub(super) fn with_dropped(
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

/// The first signal that asked for an end; 0 where there was none.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// The exit code of a command that did not get to its end because somebody asked it to stop: 130 after Ctrl-C, as shells have it.
pub(super) fn stopped_by() -> Option<u8> {
    let signal = SIGNAL.load(Ordering::Relaxed);
    (signal != 0).then(|| code_of(signal))
}

fn code_of(signal: i32) -> u8 {
    128_u8.wrapping_add(signal as u8)
}

/// Sets [`CANCELLED`] at the first Ctrl-C, termination or loss of the terminal; the second ends the process.
fn watch_signals() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    let mut watched = vec![SIGINT, SIGTERM];
    // `nohup zosc build` goes on.
    if !io::ignores_signal(SIGHUP) {
        watched.push(SIGHUP);
    }
    if let Ok(mut signals) = signal_hook::iterator::Signals::new(watched) {
        std::thread::spawn(move || {
            for (count, signal) in signals.forever().enumerate() {
                if count > 0 {
                    io::restore_terminal();
                    std::process::exit(i32::from(code_of(signal)));
                }
                SIGNAL.store(signal, Ordering::Relaxed);
                CANCELLED.store(true, Ordering::Relaxed);
            }
        });
    }
}
