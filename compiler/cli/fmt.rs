//! `zosc fmt`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::{self, Files as _};
use crate::source::Span;
use crate::syntax;

use super::session::Session;
use super::{Failed, Outcome};

/// Lays manifests out: indentation, spaces and empty lines. Values, names and comments stay as they are.
///
/// A file is written only where it changes, and never where it has a mistake of syntax.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Manifests, or folders whose `.kdl` files are meant; `-` lays standard input out to standard output.
    #[arg(value_name = "FILE", default_value = "zos.kdl")]
    files: Vec<PathBuf>,
    /// Write nothing, and fail if a file would change.
    #[arg(long)]
    check: bool,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let mut problems = Diagnostics::new();
    let mut changed = 0;
    for file in files(&arguments.files, &mut problems) {
        match lay_out(session, &file, arguments.check) {
            Ok(true) => changed += 1,
            Ok(false) => {}
            Err(found) => problems.extend(found),
        }
    }
    if !problems.is_empty() {
        session.report(&problems);
        return Err(Failed);
    }
    if changed == 0 {
        session.tell(&format!("{} nothing to change", session.style().good("ok")));
    }
    Ok(())
}

/// Every file that is meant, in the order of the arguments and of names.
fn files(arguments: &[PathBuf], problems: &mut Diagnostics) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for argument in arguments {
        if !argument.is_dir() {
            files.push(argument.clone());
            continue;
        }
        let before = files.len();
        // Hidden files and what git ignores, such as build output, are not meant.
        let walk = WalkBuilder::new(argument)
            .sort_by_file_path(Path::cmp)
            .build();
        let entries = walk.filter_map(Result::ok);
        files.extend(
            entries
                .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
                .map(ignore::DirEntry::into_path)
                .filter(|path| path.extension().is_some_and(|extension| extension == "kdl")),
        );
        if files.len() == before {
            problems.push(
                Diagnostic::error(
                    "zosc::cli::no-manifests",
                    format!("there is no `.kdl` file in `{}`", argument.display()),
                )
                .help("name files, or a folder with manifests; hidden files and those that git ignores do not count"),
            );
        }
    }
    files
}

/// Lays one file out; says whether anything changed.
fn lay_out(session: &mut Session, file: &Path, check: bool) -> Result<bool, Diagnostics> {
    let is_stream = file == Path::new("-");
    let bytes = if is_stream {
        read_input()
    } else {
        io::System.read(file, syntax::MAXIMUM_SIZE as u64)
    };
    let bytes = bytes.map_err(|error| cannot_read(file, &error))?;
    let text = syntax::read_text(bytes).map_err(|mut problem| {
        problem.message = format!("`{}` is no UTF-8 text", file.display());
        problem
    })?;
    let source = session
        .sources
        .add(file.display().to_string(), text.as_str());
    let formatted = syntax::format(source, &text)?;
    let changes = formatted != text;
    if check && changes {
        let (start, end, note) = first_difference(&text, &formatted);
        return Err(not_formatted(file, Span::new(source, start, end), note).into());
    }
    if is_stream && !check {
        // Where the reader has gone, there is nobody to tell.
        let _ = session.print(&formatted);
    } else if changes {
        io::replace(file, formatted.as_bytes()).map_err(|error| cannot_write(file, &error))?;
        session.tell(&format!(
            "{} {}",
            session.style().verb("formatted"),
            file.display()
        ));
    }
    Ok(changes || is_stream)
}

fn read_input() -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than is allowed, so that the parser says what is wrong.
    let limit = syntax::MAXIMUM_SIZE as u64 + 1;
    std::io::stdin().take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn cannot_read(file: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(
        "zosc::cli::cannot-read",
        format!("cannot read `{}`: {error}", file.display()),
    )
    .help("name a manifest, or a folder with manifests: `zosc fmt FILE`")
}

fn cannot_write(file: &Path, error: &std::io::Error) -> Diagnostic {
    if let Some(problem) = io::disk_refusal(file, error) {
        return problem;
    }
    Diagnostic::error(
        "zosc::cli::cannot-write",
        format!("cannot write `{}`: {error}", file.display()),
    )
    .help("make the file and its folder writable, or use `zosc fmt -`")
}

/// The first line that changes: where it stands, and what happens there.
fn first_difference(text: &str, formatted: &str) -> (usize, usize, String) {
    let mut start = 0;
    let mut new = formatted.split_inclusive('\n');
    for line in text.split_inclusive('\n') {
        let replaced = new.next();
        if replaced != Some(line) {
            let shown = line.trim_end();
            return (start, start + shown.len(), becomes(shown, replaced));
        }
        start += line.len();
    }
    (start, start, becomes("", new.next()))
}

fn becomes(line: &str, replaced: Option<&str>) -> String {
    match replaced.map(str::trim_end) {
        None => "the file ends here".to_owned(),
        Some(same) if same == line => "the end of this line changes".to_owned(),
        Some("") => "an empty line stands here".to_owned(),
        Some(other) => format!("becomes `{other}`"),
    }
}

fn not_formatted(file: &Path, span: Span, note: String) -> Diagnostic {
    let file = file.display();
    Diagnostic::error(
        "zosc::cli::not-formatted",
        format!("`{file}` is not laid out as `zosc fmt` does it"),
    )
    .label(span, note)
    .help(format!("run `zosc fmt {file}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_changes_is_shown() {
        let shown = |text, formatted| {
            let (start, end, note) = first_difference(text, formatted);
            (&text[start..end], note)
        };
        assert_eq!(
            shown("a\n  b\nc\n", "a\nb\nc\n"),
            ("  b", "becomes `b`".into())
        );
        assert_eq!(shown("a\n\n", "a\n"), ("", "the file ends here".into()));
        assert_eq!(shown("a {\n\n}", "a {\n}\n"), ("", "becomes `}`".into()));
        assert_eq!(
            shown("a", "a\n"),
            ("a", "the end of this line changes".into())
        );
    }
}
