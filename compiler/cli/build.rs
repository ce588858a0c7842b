//! `zosc build`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::build::executor::Choice;
use crate::build::{self, Artifacts, Options, Saving};
use crate::check;
use crate::diagnostic::bytes;
use crate::io::{self, Stopwatch};
use crate::lock;
use crate::plan;

use super::progress::{Progress, seconds};
use super::session::{CANCELLED, Session};
use super::{ExecutorArgument, LockArguments, ManifestArguments, Outcome};

/// Builds the image and writes its files to `dist/` beside the manifest.
///
/// Only what has changed since the last build is done again. Ctrl-C stops cleanly; what was finished is kept.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    #[command(flatten)]
    lock: LockArguments,
    /// Where the files go. Default: `dist` beside the manifest.
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// How many processors the build may use; commands that run side by side share them. Default: all.
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// How much memory compressors may take together, such as `512MiB`. Default: three quarters of what is available.
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    memory: Option<u64>,
    /// Do not show what commands write; a failure still shows their last lines.
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    executor: ExecutorArgument,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let watch = Stopwatch::start();
    let image = session.image(&arguments.manifest)?;
    let store = session.store()?;
    let mode = lock::Mode {
        engine: arguments.executor.choice().and_then(Choice::engine),
        ..arguments.lock.mode()
    };
    let inputs = session.inputs(&image, &store, mode)?;
    let plan = session.settle(plan::lower(&image, &inputs))?;
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let executor = session.executor(arguments.executor, &store)?;
    let network = session.network(arguments.lock.offline)?;
    let options = Options {
        jobs: arguments.jobs.map_or(processors, NonZeroUsize::get),
        memory: arguments.memory.unwrap_or_else(build::default_memory),
        network: &*network,
        offline: arguments.lock.offline,
        outputs: arguments
            .output
            .clone()
            .unwrap_or_else(|| image.directory.join("dist")),
        executor: &*executor,
        subject: Some(build::Subject {
            manifest: image.manifest.clone(),
            name: image.name.clone(),
            lock: image.directory.join(lock::FILE_NAME),
        }),
        cancel: &CANCELLED,
    };
    let progress = Progress::new(session).streaming(!arguments.quiet);
    let built = build::run(&plan, &store, &options, &progress);
    let warnings = progress.finish();
    if !warnings.is_empty() {
        session.report(&warnings);
    }
    let built = built.map_err(|problems| session.with_dropped(&image, &inputs, &store, problems));
    let artifacts = session.settle(built)?;
    conclude(session, &artifacts, watch)
}

/// A size as manifests have it.
fn memory(text: &str) -> Result<u64, &'static str> {
    check::size_of(text).ok_or("write a number with a unit: `512MiB`, `2GiB`")
}

/// A path as people would type it from here.
fn shown(path: &Path) -> &Path {
    let here = io::current_directory();
    here.ok()
        .and_then(|here| path.strip_prefix(here).ok())
        .unwrap_or(path)
}

/// What was saved, as the lines of a table; none where nothing was to be.
fn saved(savings: &[Saving]) -> Vec<String> {
    let width = savings.iter().map(|saving| saving.what.chars().count());
    let width = width.max().unwrap_or(0);
    let line = |saving: &Saving| {
        let (files, saved) = (saving.files, saving.before - saving.after);
        let what = format!("{:<width$}", saving.what);
        if files == 0 {
            return format!("{:>10} {}", "nothing", saving.what);
        }
        let plural = if files == 1 { "file" } else { "files" };
        let gone = if saving.after == 0 {
            String::new()
        } else {
            format!(": {} became {}", bytes(saving.before), bytes(saving.after))
        };
        format!("{:>10} {what}  {files} {plural}{gone}", bytes(saved))
    };
    let total = savings.iter().map(|saving| saving.before - saving.after);
    let total: u64 = total.sum();
    let mut lines: Vec<String> = savings.iter().map(line).collect();
    if savings.len() > 1 {
        lines.push(format!("{:>10} saved before compression", bytes(total)));
    }
    lines
}

fn conclude(session: &Session, artifacts: &Artifacts, watch: Stopwatch) -> Outcome {
    let style = session.style();
    if !session.for_people() {
        let outputs = artifacts.outputs.iter().map(|output| {
            serde_json::json!({
                "kind": output.kind, "path": output.path, "sha256": output.digest, "size": output.size, "written": output.written, "pcr11": output.pcr11,
            })
        });
        let savings = artifacts.savings.iter().map(|saving| {
            serde_json::json!({
                "by": saving.what, "files": saving.files, "before": saving.before, "after": saving.after,
            })
        });
        let line = serde_json::json!({
            "built": outputs.collect::<Vec<_>>(), "build_id": artifacts.build_id, "saved": savings.collect::<Vec<_>>(), "performed": artifacts.performed, "stored": artifacts.cached,
        });
        return session.print(&format!("{line}\n"));
    }
    for line in saved(&artifacts.savings) {
        session.tell(&line);
    }
    for output in &artifacts.outputs {
        session.tell(&format!(
            "{:>10} {}  {}",
            bytes(output.size),
            shown(&output.path).display(),
            style.faint(&format!("sha256:{}", output.digest.short()))
        ));
        if let Some(register) = output.pcr11 {
            session.tell(&format!(
                "{:>10} {}",
                "PCR 11",
                style.faint(&register.to_string())
            ));
        }
    }
    if let Some(id) = artifacts.build_id {
        session.tell(&format!(
            "{:>10} {}",
            "build id",
            style.faint(&id.to_string())
        ));
    }
    let time = seconds(watch.elapsed());
    session.tell(&if artifacts.nothing_to_do() {
        format!("{} nothing to do ({time})", style.good("ok"))
    } else {
        let (performed, cached) = (artifacts.performed, artifacts.cached);
        format!(
            "{} {performed} actions done, {cached} stored ({time})",
            style.good("ok")
        )
    });
    Ok(())
}
