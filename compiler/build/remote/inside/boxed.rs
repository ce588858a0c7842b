//! Runs a command in the embedded sandbox, over an input root that is some folder of the worker.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::super::super::perform::surroundings::{Prepared, on_host};
use super::super::super::sandbox::{Access, End, RootFs, Sandbox};
use super::super::job::{Job, Programs, TREES};
use super::direct::everyones;
use super::given;
use crate::diagnostic::Diagnostic;
use crate::plan::Capture;
use crate::tree::{Store, Tree};

/// Runs it to its end; of one that did its work, what it left.
pub(super) fn run(
    job: &Job,
    input: &Path,
    store: &Store,
    line: &mut dyn FnMut(&[u8]),
) -> Result<(End, Option<Tree>), Diagnostic> {
    let never = AtomicBool::new(false);
    let arguments = job.arguments.clone();
    let sandbox = match &job.programs {
        Programs::Worker(host) => on_host(Sandbox::new(RootFs::Empty, arguments), host),
        Programs::Root(_) => Sandbox::new(RootFs::ReadOnly(input.to_owned()), arguments),
    };
    let mut prepared = Prepared::on_toolchain(sandbox, store)?;
    prepared.set(&job.environment, &job.directory);
    for (number, mount) in job.mounts.iter().enumerate() {
        let contents = Store::open(input.join(TREES).join(number.to_string()))?;
        let tree = contents.get_tree(&mount.tree)?;
        if mount.writable {
            prepared.lay(&everyones(tree), (&contents, store), &mount.at, &never)?;
        } else {
            let folder = input.join(mount.at.relative());
            given::dress(tree, &folder);
            prepared.show(folder, &mount.at);
        }
    }
    for path in &job.files {
        let file = input.join(path.relative());
        given::dress_program(&file);
        prepared.bind(file, path, Access::Read);
    }
    let outcome = prepared.sandbox.run(&never, line).map_err(refused)?;
    if !outcome.end.is_success() {
        return Ok((outcome.end, None));
    }
    let what = Capture::Directory(job.capture.clone());
    let tree = prepared.capture(&what, &outcome.owners, store, &job.mark())?;
    Ok((outcome.end, Some(tree)))
}

/// What to do about a kernel that refuses is for those who run the worker.
fn refused(problem: Diagnostic) -> Diagnostic {
    if problem.code != "zosc::build::no-namespaces" {
        return problem;
    }
    let mut told = Diagnostic::error(
        "zosc::remote::no-isolation",
        "the worker neither isolates the action nor lets zosc do it",
    )
    .note(problem.message)
    .help(
        "have the worker run actions with their input root as `/` (buildbox-run-bubblewrap, a chroot), or allow user namespaces to the user \
         that it runs as; or build here with `--executor sandbox`",
    );
    told.notes.extend(problem.help);
    told
}
