//! Where results and problems go: standard output, standard error, files.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cli::render;
use crate::cli::{Failed, MessageFormat, Outcome};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::{self, Existing, NewFile, Unwritten};
use crate::source::{SourceMap, Span};

use super::Session;

/// Set when whoever read standard output has gone: a command that would go on for ever ends.
pub(in crate::cli) static READER_LEFT: AtomicBool = AtomicBool::new(false);

/// Writes to standard error. Nobody is left to be told where that is closed.
fn say(text: &str) {
    std::io::stderr().lock().write_all(text.as_bytes()).ok();
}

impl Session {
    /// Writes a result to standard output; a reader that went away is no failure.
    pub(in crate::cli) fn print(&self, text: &str) -> Outcome {
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
    pub(in crate::cli) fn tell(&self, text: &str) {
        if self.for_people() {
            say(&format!("{text}\n"));
        }
    }

    /// Shows problems.
    pub(in crate::cli) fn report(&self, problems: &Diagnostics) {
        self.report_in(problems, &self.sources);
    }

    /// Shows problems of texts that are not those of a manifest.
    pub(in crate::cli) fn report_in(&self, problems: &Diagnostics, sources: &SourceMap) {
        match self.format {
            MessageFormat::Human => say(&render::human(problems, sources, self.style)),
            MessageFormat::Json => {
                // Where that fails, the command fails of its problems or of its own output.
                self.print(&render::json(problems, sources)).ok();
            }
        }
    }

    /// Shows one problem and fails.
    pub(in crate::cli) fn fail(&self, problem: Diagnostic) -> Outcome {
        self.report(&problem.into());
        Err(Failed)
    }

    /// The value of a pass, after showing its problems where it failed.
    pub(in crate::cli) fn settle<T>(&self, result: Result<T, Diagnostics>) -> Result<T, Failed> {
        result.map_err(|problems| {
            self.report(&problems);
            Failed
        })
    }

    /// Writes files below a folder, all of them or none; `otherwise` says what to do where some exist.
    pub(in crate::cli) fn write_all(
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
    pub(in crate::cli) fn snippet(&self, span: Span, note: &str) -> String {
        render::snippet(span, note, &self.sources, self.output_style)
    }

    /// A place in a text for programs.
    pub(in crate::cli) fn place(&self, span: Span) -> serde_json::Value {
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
    pub(in crate::cli) fn deliver(&self, to: Option<&Path>, text: String) -> Outcome {
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
}
