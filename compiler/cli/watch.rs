//! `zosc watch`.

mod machine;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::build::{self, Artifacts, Selection};
use crate::check::Image;
use crate::diagnostic::Diagnostic;
use crate::io::{Noted, Stopwatch, System, Watcher};
use crate::lock;
use crate::source::SourceMap;
use crate::tree::Store;

use super::build::{Job, Way, stage_of, tell_outcome};
use super::progress::seconds;
use super::session::{CANCELLED, READER_LEFT, Session};
use super::{ManifestArguments, Outcome};

use machine::Machine;

/// How late Ctrl-C and the end of a boot are seen.
const PULSE: Duration = Duration::from_millis(100);

/// How many changed files and performed actions are named.
const NAMED: usize = 6;

/// Builds now, and again whenever a file changes that the image is made of.
///
/// That is the manifest, its imports, and every local file and folder that they name. What is wrong is shown, the last good image stays, and
/// watching goes on. What changes during a build is built right after it. Ctrl-C ends it, with exit code 0:
///
///     zosc watch
///     zosc watch --boot
///     zosc watch --until components_build site.kdl
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    #[command(flatten)]
    job: Job,
    /// Perform only what the stages up to this one need.
    #[arg(long, value_name = "STAGE", conflicts_with = "boot")]
    until: Option<String>,
    /// Boot each new image in QEMU, judged as `zosc boot --test` does; the next one takes the machine's place.
    #[arg(long)]
    boot: bool,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let until = arguments.until.as_deref();
    let until = until.map(|name| stage_of(session, "--until", name));
    let mut watch = Watch {
        manifest: &arguments.manifest,
        job: &arguments.job,
        way: Way {
            selection: Selection {
                until: until.transpose()?,
                ..Selection::default()
            },
            reversed: false,
        },
        boots: arguments.boot,
        watcher: Watcher::default(),
        besides: Vec::new(),
        machine: None,
        round: 0,
    };
    let manifest = session
        .current_directory()?
        .join(&arguments.manifest.manifest);
    if !manifest.is_file() {
        // A slip of the keyboard, and nothing that is worth waiting for.
        return session.image(&arguments.manifest).map(|_| ());
    }
    let mut changed = BTreeSet::new();
    loop {
        watch.round(session, &changed)?;
        match watch.wait(session) {
            Some(found) => changed = found,
            None => break,
        }
    }
    watch.machine = None;
    session.tell(&format!("{} stopped", session.style().verb("watch")));
    Ok(())
}

struct Watch<'a> {
    manifest: &'a ManifestArguments,
    job: &'a Job,
    way: Way,
    boots: bool,
    watcher: Watcher,
    /// What is written by builds themselves.
    besides: Vec<PathBuf>,
    machine: Option<Machine>,
    round: u32,
}

impl Watch<'_> {
    /// Reads everything and builds; fails only where nothing can be watched.
    fn round(&mut self, session: &mut Session, changed: &BTreeSet<PathBuf>) -> Outcome {
        let clock = Stopwatch::start();
        self.round += 1;
        let names = short(&session.current_directory()?, changed);
        if !names.is_empty() {
            session.tell(&format!(
                "\n{} {}",
                session.style().verb("change"),
                listed(&names)
            ));
        }
        session.sources = SourceMap::new();
        let noted = Noted::new(&System);
        let (image, problems) = session.checked(self.manifest, &noted)?;
        if let Some(image) = &image {
            self.besides = [self.job.outputs(image), session.store_path().to_owned()]
                .map(|path| std::path::absolute(&path).unwrap_or(path))
                .into();
        }
        let asked = noted.asked();
        let count = count(asked.files.len(), asked.folders.len());
        let followed = self.watcher.follow(asked, self.besides.clone());
        followed.or_else(|error| session.fail(cannot_watch(&error)))?;
        let built = session.conclude(image, &problems);
        let built = built.and_then(|image| self.build(session, &image, clock));
        self.conclude(session, &names, built.is_ok(), clock, &count)
    }

    fn build(&mut self, session: &Session, image: &Image, clock: Stopwatch) -> Outcome {
        let store = session.store()?;
        let built = self.job.build(session, image, &store, self.way);
        // The build itself may have written it, and someone else may from here on.
        self.watcher.watch_from_now(&lock::file_of(image));
        let artifacts = built?.artifacts;
        tell_what_ran(session, &store, image, &artifacts);
        tell_outcome(session, &[(&image.name, &artifacts)], clock)?;
        if self.boots {
            self.boot(session, image, &artifacts)?;
        }
        Ok(())
    }

    /// Puts a new image into the machine's place.
    fn boot(&mut self, session: &Session, image: &Image, artifacts: &Artifacts) -> Outcome {
        let programs = artifacts.outputs.iter();
        let Some(program) = programs.into_iter().find(|output| output.kind == "efi") else {
            return session.fail(
                Diagnostic::error(
                    "zosc::cli::no-image",
                    "the image has no EFI program to boot",
                )
                .help("add `efi \"vmlinuz.efi\"` to `outputs`, or watch without `--boot`"),
            );
        };
        let is_same = |machine: &Machine| machine.runs(image, &program.digest);
        if self.machine.as_ref().is_some_and(is_same) {
            return Ok(());
        }
        if self.machine.take().is_some_and(Machine::stop) {
            let verb = session.style().verb("boot");
            session.tell(&format!("{verb} the machine was stopped for the new image"));
        }
        let quiet = self.job.quiet;
        self.machine = Some(Machine::start(session, image, program, quiet));
        Ok(())
    }

    /// Says how a round has ended.
    fn conclude(
        &self,
        session: &Session,
        changed: &[String],
        is_good: bool,
        clock: Stopwatch,
        count: &str,
    ) -> Outcome {
        let style = session.style();
        if CANCELLED.load(Ordering::Relaxed) {
            return Ok(());
        }
        if !session.for_people() {
            let elapsed = u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX);
            let line = serde_json::json!({
                "round": self.round, "changed": changed, "good": is_good, "elapsed": elapsed,
            });
            return session.print(&format!("{line}\n"));
        }
        if !is_good {
            let time = seconds(clock.elapsed());
            session.tell(&format!(
                "{} not built ({time}); what was built before is left as it is",
                style.bad("fail")
            ));
        }
        session.tell(&style.faint(&format!("watching {count}; Ctrl-C ends it")));
        Ok(())
    }

    /// Waits for a change; `None` where someone wants to stop.
    fn wait(&mut self, session: &Session) -> Option<BTreeSet<PathBuf>> {
        while !CANCELLED.load(Ordering::Relaxed) && !READER_LEFT.load(Ordering::Relaxed) {
            if let Some(machine) = &mut self.machine {
                machine.tell_verdict(session);
            }
            let changed = self.watcher.changes(PULSE);
            if !changed.is_empty() {
                return Some(changed);
            }
        }
        None
    }
}

/// Says which actions a build has performed.
fn tell_what_ran(session: &Session, store: &Store, image: &Image, artifacts: &Artifacts) {
    if artifacts.counts.performed == 0 {
        return;
    }
    let record = build::latest_of(store, &image.manifest).map(|record| record.actions);
    let performed = record
        .into_iter()
        .flatten()
        .filter(|action| action.performed);
    let labels: Vec<String> = performed.map(|action| action.label).collect();
    session.tell(&format!(
        "{} {}",
        session.style().verb("ran"),
        listed(&labels)
    ));
}

/// Paths as people would type them from here.
fn short(here: &Path, paths: &BTreeSet<PathBuf>) -> Vec<String> {
    let paths = paths.iter();
    let shown = paths.map(|path| {
        path.strip_prefix(here)
            .unwrap_or(path)
            .display()
            .to_string()
    });
    shown.collect()
}

/// The first few of some names.
fn listed(names: &[String]) -> String {
    let (shown, more) = names.split_at(names.len().min(NAMED));
    match more.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn count(files: usize, folders: usize) -> String {
    let some = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    match folders {
        0 => some(files, "file"),
        _ => format!("{} and {}", some(files, "file"), some(folders, "folder")),
    }
}

fn cannot_watch(error: &std::io::Error) -> Diagnostic {
    let problem = Diagnostic::error(
        "zosc::cli::cannot-watch",
        match error.kind() {
            std::io::ErrorKind::StorageFull => {
                "the kernel watches no more folders for you".to_owned()
            }
            _ => format!("the files cannot be watched: {error}"),
        },
    );
    problem.help("raise the limit: `sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512`")
}
