//! `zosc build --verify`: a second build in other conditions, and what differs.

use std::path::Path;

use crate::build::{self, Artifacts, Verdict};
use crate::cli::progress::Progress;
use crate::cli::session::{CANCELLED, Session};
use crate::cli::{Failed, ManifestArguments, Outcome};
use crate::diagnostic::Diagnostic;
use crate::io::{self, Run};
use crate::lock;
use crate::plan::Plan;
use crate::tree::Store;

use super::{Built, Job};

/// A time zone and a locale that few build machines have: the one is no whole hours from UTC, the other has its own letter case.
const ELSEWHERE: [(&str, &str); 3] = [
    ("TZ", "Asia/Kathmandu"),
    ("LANG", "tr_TR.UTF-8"),
    ("LC_ALL", "tr_TR.UTF-8"),
];

/// What people see of the second build while it runs.
const LABEL: &str = "second build";

/// How many of its last lines are shown where it fails.
const LAST_WORDS: usize = 20;

/// What the second build does with its own process: nobody else may read what it makes, and it ends with the first.
pub(super) fn take_second_place() {
    io::restrict_new_files();
    io::end_with_parent();
}

/// Builds again elsewhere, and compares.
pub(super) fn verify(
    session: &Session,
    (job, manifest, number): (&Job, &ManifestArguments, usize),
    store: &Store,
    built: &Built,
) -> Outcome {
    // The store of one image's second build is not empty for another's.
    let folder = store.temporary().join(format!("verify-{number}"));
    let here = session.current_directory()?;
    let second = session.settle(open(&folder).map_err(Into::into))?;
    session.settle(build::share_fetched(&built.plan, store, &second).map_err(Into::into))?;
    // Relative paths of `--set` start from here.
    let directory = if manifest.set.is_empty() {
        &folder
    } else {
        &here
    };
    let jobs = other_count(job.processors());
    session.tell(&format!(
        "{} building {} a second time: empty store, umask 077, {}, --jobs {jobs}",
        session.style().verb("verify"),
        manifest.manifest.display(),
        ELSEWHERE.map(|(_, value)| value)[..2].join(", "),
    ));
    build_again(
        session,
        &words((job, manifest), &here, &folder, jobs),
        directory,
    )?;
    let verdict = session.settle(judge(&built.plan, (store, &built.artifacts), &second))?;
    let problems = verdict.problems(&built.plan);
    if !problems.is_empty() {
        session.report(&problems);
    }
    if !verdict.is_same() {
        return Err(Failed);
    }
    let count = verdict.outputs.len();
    let plural = if count == 1 {
        "output is"
    } else {
        "outputs are"
    };
    session.tell(&format!(
        "{} {count} {plural} the same in both builds, byte by byte",
        session.style().good("same"),
    ));
    Ok(())
}

fn open(folder: &Path) -> Result<Store, Diagnostic> {
    Store::open(folder.join("another-store"))
}

/// Another number of processors than the first build had.
fn other_count(jobs: usize) -> usize {
    if jobs > 1 { jobs - 1 } else { 2 }
}

/// The arguments of the second build.
fn words(
    (job, manifest): (&Job, &ManifestArguments),
    here: &Path,
    folder: &Path,
    jobs: usize,
) -> Vec<String> {
    let shown = |path: &Path| path.to_string_lossy().into_owned();
    let mut words = vec![
        "--store".to_owned(),
        shown(&folder.join("another-store")),
        "--color".to_owned(),
        "never".to_owned(),
        "build".to_owned(),
        "--second".to_owned(),
        "--locked".to_owned(),
        "--output".to_owned(),
        shown(&folder.join("outputs")),
        "--jobs".to_owned(),
        jobs.to_string(),
    ];
    if job.lock.offline {
        words.push("--offline".to_owned());
    }
    words.extend(job.running.words_here());
    for setting in &manifest.set {
        words.extend(["--set".to_owned(), setting.clone()]);
    }
    words.extend(["--".to_owned(), shown(&here.join(&manifest.manifest))]);
    words
}

/// Runs the second build to its end; where it fails, says what it said last.
fn build_again(session: &Session, words: &[String], directory: &Path) -> Outcome {
    let progress = Progress::new(session);
    let observer: &dyn lock::Observer = &progress;
    observer.event(LABEL, lock::Event::Started);
    let mut last: Vec<String> = Vec::new();
    let ended = io::run_itself(
        &Run {
            arguments: words,
            directory,
            environment: &ELSEWHERE,
        },
        &mut |line| {
            observer.event(LABEL, lock::Event::Progress(line));
            if last.len() == LAST_WORDS {
                last.remove(0);
            }
            last.push(line.to_owned());
        },
        &CANCELLED,
    );
    observer.event(LABEL, lock::Event::Finished);
    progress.finish();
    match ended {
        Ok(true) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => session.fail(
            Diagnostic::error("zosc::build::cancelled", "the build was cancelled")
                .help("run the command again: what was finished is kept"),
        ),
        ended => {
            let problem = Diagnostic::error(
                "zosc::cli::second-build-failed",
                match ended {
                    Err(error) => format!("the second build cannot be started: {error}"),
                    _ => "the second build failed where the first went well".to_owned(),
                },
            );
            let last = last.into_iter().filter(|line| !line.trim().is_empty());
            session.fail(last.fold(problem, Diagnostic::note).help(
                "it had an empty store, umask 077, another time zone, locale and number of processors: see what needs something of these",
            ))
        }
    }
}

fn judge(
    plan: &Plan,
    first: (&Store, &Artifacts),
    second: &Store,
) -> Result<Verdict, crate::diagnostic::Diagnostics> {
    let record = build::newest_first(second).next().ok_or_else(|| {
        Diagnostic::error(
            "zosc::cli::second-build-failed",
            "the second build left no record of itself",
        )
        .help("run the command again")
    })?;
    build::compare(plan, first, (second, &record)).map_err(Into::into)
}
