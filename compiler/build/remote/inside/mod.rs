//! The side of zosc that runs on a worker: lays out what the command may change, runs it, and captures what it leaves.
//!
//! Comes in: the job below the working directory, which is the action's input root. Goes out: the command's output on standard output, the
//! captured tree with its contents, and a report. A server need not know modes, times or hard links: what the command may change is
//! written out here, and read back here, by the code that does so at home.
//!
//! Where the input root is `/`, somebody has isolated the action already, and the command runs as it is. Where it is some folder, the embedded sandbox
//! is laid out over it.

mod boxed;
mod direct;
mod given;
mod programs;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use super::super::disk;
use super::super::sandbox::End;
use super::job::{CONTENTS, JOB, Job, OUT, REPORT, Report, STORE, TREE};
use crate::diagnostic::Diagnostic;
use crate::io;
use crate::tree::{Node, Store, Tree};

/// Does the job of this action.
///
/// What goes wrong is in the report; where none can be written, this process's own words are shown.
pub fn inside_worker() -> ExitCode {
    match perform() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("zosc, on its worker: {}", problem.message);
            ExitCode::FAILURE
        }
    }
}

/// Says whether the command did its work.
fn perform() -> Result<bool, Diagnostic> {
    let input = io::current_directory().map_err(|error| disk(Path::new("."), &error))?;
    let job = read_job(&input)?;
    let out = input.join(OUT);
    // A server may have made the folder; nothing of what is in it is ours.
    let _ = fs::remove_dir_all(&out);
    let contents = out.join(CONTENTS);
    fs::create_dir_all(&contents).map_err(|error| disk(&contents, &error))?;
    let report = match run(&job, &input, &out) {
        Ok(end) => Report::Ended(end),
        Err(problem) => Report::Refused(problem.into()),
    };
    let bytes = serde_json::to_vec(&report).expect("texts and numbers are always JSON");
    write(&out.join(REPORT), &bytes)?;
    Ok(matches!(report, Report::Ended(end) if end.is_success()))
}

fn read_job(input: &Path) -> Result<Job, Diagnostic> {
    let path = input.join(JOB);
    let bytes = fs::read(&path).map_err(|error| disk(&path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| disk(&path, &error.into()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Diagnostic> {
    fs::write(path, bytes).map_err(|error| disk(path, &error))
}

/// Runs the command, and puts what it leaves into the folder that goes back.
fn run(job: &Job, input: &Path, out: &Path) -> Result<End, Diagnostic> {
    let store = Store::open(input.join(STORE))?;
    let mut output = std::io::stdout().lock();
    let mut line = |line: &[u8]| {
        // Nobody listens any more where this fails, and whoever started this process will end it.
        let _ = output
            .write_all(line)
            .and_then(|()| output.write_all(b"\n"))
            .and_then(|()| output.flush());
    };
    let is_root = input == Path::new("/");
    programs::verify(job, is_root)?;
    let (end, tree) = if is_root {
        direct::run(job, &store, &mut line)?
    } else {
        boxed::run(job, input, &store, &mut line)?
    };
    if let Some(tree) = tree {
        deliver(&tree, &store, out)?;
    }
    Ok(end)
}

/// Puts a captured tree and its contents into the folder that goes back.
fn deliver(tree: &Tree, store: &Store, out: &Path) -> Result<(), Diagnostic> {
    write(&out.join(TREE), &tree.encode())?;
    for (_, entry) in tree.iter() {
        let Node::File { digest, .. } = &entry.node else {
            continue;
        };
        let to = out.join(CONTENTS).join(digest.to_string());
        match fs::rename(store.blob_path(digest), &to) {
            // Another file of the tree has the same content.
            Err(_) if to.exists() => {}
            moved => moved.map_err(|error| disk(&to, &error))?,
        }
    }
    Ok(())
}
