//! `zosc migrate`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostics;
use crate::io::{self, Existing, NewFile};
use crate::migrate::{self, Init, Migration};

use super::session::Session;
use super::{Failed, ManifestArguments, Outcome};

/// Turns the `config/` folder of a bash builder into a manifest.
///
/// Reads build.conf, packages.list, sources.conf, modules.conf, firmware.conf, rfs.conf, kernel.config, init and zinit/, and writes
/// one manifest with the files that it names beside it. Each line that could not be carried over is told with its place.
/// No shell is run, and credentials are written nowhere.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder that holds build.conf, packages.list and the rest.
    #[arg(value_name = "CONFIG_DIR")]
    folder: PathBuf,
    /// The manifest to write; files that it names are written beside it.
    #[arg(short, long, value_name = "FILE", default_value = "zos.kdl")]
    output: PathBuf,
    /// Replace files that exist.
    #[arg(long)]
    force: bool,
    /// Keep the configuration's own /init instead of the one that ships with zosc.
    #[arg(long)]
    keep_init: bool,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let init = if arguments.keep_init {
        Init::Own
    } else {
        Init::Library
    };
    let mut problems = Diagnostics::new();
    let migration = migrate::migrate(
        &arguments.folder,
        init,
        &io::System,
        &mut session.sources,
        &mut problems,
    );
    let Some(migration) = migration else {
        session.report(&problems);
        return Err(Failed);
    };
    write(session, arguments, &migration)?;
    if !problems.is_empty() {
        session.report(&problems);
    }
    tell(session, arguments, &migration);
    check(session, arguments);
    Ok(())
}

fn write(session: &Session, arguments: &Arguments, migration: &Migration) -> Outcome {
    let folder = arguments.output.parent().unwrap_or(Path::new(""));
    let name = arguments.output.file_name().unwrap_or_default();
    let manifest = (
        name.to_string_lossy().into_owned(),
        migration.manifest.as_bytes(),
    );
    let files = migration
        .files
        .iter()
        .map(|(path, bytes)| (path.clone(), bytes.as_slice()));
    let files: BTreeMap<String, NewFile> = std::iter::once(manifest)
        .chain(files)
        .map(|(path, bytes)| {
            let file = NewFile {
                bytes: bytes.to_vec(),
                executable: bytes.starts_with(b"#!"),
            };
            (path, file)
        })
        .collect();
    let existing = if arguments.force {
        Existing::Replace
    } else {
        Existing::Keep
    };
    session.write_all(
        folder,
        &files,
        existing,
        "add `--force` to replace them, or name another file: `-o FILE`",
    )
}

fn tell(session: &Session, arguments: &Arguments, migration: &Migration) {
    for note in &migration.notes {
        session.tell(&format!("{} {note}", session.style().faint("note")));
    }
    let beside = match migration.files.len() {
        0 => String::new(),
        1 => " and a file beside it".to_owned(),
        count => format!(" and {count} files beside it"),
    };
    session.tell(&format!("wrote {}{beside}", arguments.output.display()));
    let lines = migration.lines;
    let clear = lines - migration.unclear;
    let look = match migration.unclear {
        0 => String::new(),
        1 => "; 1 needs a look".to_owned(),
        unclear => format!("; {unclear} need a look"),
    };
    let done = format!("migrated {clear} of {lines} lines{look}");
    session.tell(&session.style().strong(&done));
}

/// Shows what `zosc check` says of the result, which is no failure of the migration.
fn check(session: &mut Session, arguments: &Arguments) {
    let manifest = ManifestArguments {
        manifest: arguments.output.clone(),
        set: Vec::new(),
    };
    let shown = arguments.output.display().to_string();
    match session.image(&manifest) {
        Ok(_) => session.tell(&format!(
            "{} {shown}: next, `zosc lock`",
            session.style().good("ok")
        )),
        Err(Failed) => session.tell(&format!(
            "next: mend what `zosc check {shown}` says, as shown above"
        )),
    }
}
