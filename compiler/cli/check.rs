//! `zosc check`.

use similar::TextDiff;

use crate::check::{self, Change, Image};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io;
use crate::manifest;
use crate::syntax;

use super::session::Session;
use super::{Failed, ManifestArguments, Outcome};

/// Checks a manifest without building or fetching anything.
///
/// All mistakes are told in one run, each at its place. Exit code 1 means that there is at least one error.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    /// Write the fixes that are beyond doubt into the manifest and the files that it imports.
    #[arg(long)]
    fix: bool,
    /// With `--fix`: write nothing, and print what would change.
    #[arg(long, requires = "fix")]
    dry_run: bool,
    /// Also print the manifest in this form.
    #[arg(long, value_name = "FORM")]
    emit: Option<Emit>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Emit {
    /// The JSON that `zosc schema` describes.
    Json,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let image = if arguments.fix {
        fix(session, arguments)?
    } else {
        session.image(&arguments.manifest)?
    };
    if let Some(Emit::Json) = arguments.emit {
        let (source, text) = session
            .sources
            .iter()
            .next()
            .map(|(id, source)| (id, source.text.clone()))
            .ok_or(Failed)?;
        let mut ignored = Diagnostics::new();
        let document = syntax::parse(source, &text, &mut ignored);
        return session.print(&format!("{:#}\n", manifest::project(&document)));
    }
    let counts = [
        (image.packages.install.len(), "package", "packages"),
        (image.sources.len(), "source", "sources"),
        (image.stage1.len() + image.stage2.len(), "module", "modules"),
        (image.units.len(), "unit", "units"),
        (image.outputs.len(), "output", "outputs"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(count, _, _)| *count > 0)
        .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }))
        .collect();
    session.tell(&format!(
        "{} {}: {}",
        session.style().good("ok"),
        arguments.manifest.manifest.display(),
        counts.join(", ")
    ));
    Ok(())
}

/// Applies safe fixes, tells them, and checks what has come of it.
fn fix(session: &mut Session, arguments: &Arguments) -> Result<Image, Failed> {
    let settings = session.settings(&arguments.manifest)?;
    let fixed = check::fix(&arguments.manifest.manifest, &settings, &io::System);
    let mut files = io::Overlay::new(&io::System);
    for change in &fixed.changes {
        if arguments.dry_run {
            session.print(&difference(change))?;
            files.put(&change.file, change.after.as_bytes());
        } else {
            session.settle(write(change).map_err(Diagnostics::from))?;
        }
    }
    let verb = if arguments.dry_run {
        "would fix"
    } else {
        "fixed"
    };
    for applied in &fixed.applied {
        let change = applied
            .replaced
            .as_ref()
            .map_or_else(String::new, |(before, after)| {
                format!(": {before} → {after}")
            });
        session.tell(&format!(
            "{} {}:{} {}{change}",
            session.style().verb(verb),
            applied.name,
            applied.line,
            applied.title
        ));
    }
    session.image_in(&arguments.manifest, &files)
}

fn write(change: &Change) -> Result<(), Diagnostic> {
    io::replace(&change.file, change.after.as_bytes()).map_err(|error| {
        Diagnostic::error(
            "zosc::cli::cannot-write",
            format!("cannot write `{}`: {error}", change.name),
        )
        .help("make the file and its folder writable, or look at `zosc check --fix --dry-run`")
    })
}

/// A change as `diff -u` shows it.
fn difference(change: &Change) -> String {
    TextDiff::from_lines(&change.before, &change.after)
        .unified_diff()
        .header(&change.name, &change.name)
        .to_string()
}
