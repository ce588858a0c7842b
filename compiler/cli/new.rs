//! `zosc new`.

use std::io::Write as _;
use std::path::PathBuf;

use crate::diagnostic::Diagnostic;

use super::Outcome;
use super::session::Session;

/// The manifest that a new project starts from.
const STARTER: &str = include_str!("../../manifests/minimal/zos.kdl");

/// Writes a first manifest to start from, with comments that explain it.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder to write zos.kdl to; it is made where it is missing.
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let file = arguments.directory.join("zos.kdl");
    let written = std::fs::create_dir_all(&arguments.directory)
        .and_then(|()| std::fs::File::create_new(&file))
        .and_then(|mut opened| opened.write_all(STARTER.as_bytes()));
    match written {
        Ok(()) => {
            session.tell(&format!("wrote {}", file.display()));
            session.tell("next: read it, then `zosc check` and `zosc build`");
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => session.fail(
            Diagnostic::error(
                "zosc::cli::exists",
                format!("`{}` exists already", file.display()),
            )
            .help("name another folder: `zosc new DIR`"),
        ),
        Err(error) => session.fail(
            Diagnostic::error(
                "zosc::cli::cannot-write",
                format!("cannot write `{}`: {error}", file.display()),
            )
            .help("name a folder that you may write to: `zosc new DIR`"),
        ),
    }
}
