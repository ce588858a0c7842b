//! Programs of the machine that bring contents: git, cargo and go.

use std::io::ErrorKind;

use crate::diagnostic::Diagnostic;
use crate::io::Finished;

use super::stopped;

/// How many of a program's last words are told.
const TOLD: usize = 12;

/// What a program printed; `failed` says what it could not do, and `missing` that it does not run here.
pub(super) fn output_of(
    finished: std::io::Result<Finished>,
    failed: impl FnOnce() -> Diagnostic,
    missing: impl FnOnce(std::io::Error) -> Diagnostic,
) -> Result<String, Diagnostic> {
    match finished {
        Ok(finished) if finished.success => Ok(finished.output),
        Ok(finished) => {
            let lines: Vec<&str> = finished.errors.lines().collect();
            let last = lines.iter().skip(lines.len().saturating_sub(TOLD));
            Err(last.fold(failed(), |problem, line| problem.note(*line)))
        }
        Err(error) if error.kind() == ErrorKind::Interrupted => Err(stopped()),
        Err(error) => Err(missing(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_of_a_program_are_told() {
        let lines: Vec<String> = (0..20).map(|number| format!("line {number}")).collect();
        let finished = Finished {
            success: false,
            output: String::new(),
            errors: lines.join("\n"),
        };
        let failed = || Diagnostic::error("zosc::lock::git-failed", "git");
        let missing = |_| unreachable!("it runs");
        let problem = output_of(Ok(finished), failed, missing).expect_err("failed");
        assert_eq!(problem.notes, lines[8..]);
        let stopped = output_of(Err(ErrorKind::Interrupted.into()), failed, missing);
        assert_eq!(stopped.expect_err("stopped").code, "zosc::lock::cancelled");
    }
}
