//! The side of zosc that is a container's first process: lays out what the command is to see, and runs it.
//!
//! Comes in: the job in the shared folder. Goes out: the command's output on standard output, and a report in the folder.
//! Ends, and with it the container, when its standard input does: then the zosc outside is gone or wants no more of it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use super::super::sandbox::Ground;
use super::job::{JOB, Job, REPORT, Report, SHARED};

/// The command of zosc that does this.
pub(super) const COMMAND: &str = "inside-container";

/// Runs the job of this container.
///
/// What goes wrong before the command is started is in the report; without one, this process's own words are shown.
pub fn inside_container() -> ExitCode {
    match perform(Path::new(SHARED)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("zosc, in its container: {error}");
            ExitCode::FAILURE
        }
    }
}

fn perform(shared: &Path) -> std::io::Result<()> {
    let job: Job = serde_json::from_slice(&fs::read(shared.join(JOB))?)?;
    let owner = fs::metadata(shared)?;
    let ground = Ground::Container {
        owner: (owner.uid(), owner.gid()),
        gives_back: job.gives_back,
    };
    let outcome = if job.terminal {
        job.sandbox.interact_on(ground)
    } else {
        end_with_input();
        let mut output = std::io::stdout().lock();
        job.sandbox
            .run_on(ground, &AtomicBool::new(false), &mut |line| {
                // Nobody listens any more where this fails, and then the input is at its end as well.
                let _ = output
                    .write_all(line)
                    .and_then(|()| output.write_all(b"\n"))
                    .and_then(|()| output.flush());
            })
    };
    let report = match outcome {
        Ok(outcome) => Report::Ended(outcome),
        Err(problem) => Report::Refused(problem.into()),
    };
    fs::write(shared.join(REPORT), serde_json::to_vec(&report)?)
}

/// Ends this process, the first of its container, when nobody holds its input open any more.
fn end_with_input() {
    std::thread::spawn(|| {
        let mut input = std::io::stdin().lock();
        let mut byte = [0];
        while input.read(&mut byte).is_ok_and(|count| count > 0) {}
        std::process::exit(1);
    });
}
