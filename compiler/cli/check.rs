//! `zosc check`.

use std::collections::BTreeMap;

use serde_json::json;
use similar::TextDiff;

use crate::check::{self, Change, Image};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io;
use crate::lock::Unchecked;
use crate::manifest;
use crate::plan;
use crate::syntax;

use super::session::Session;
use super::{Failed, ManifestArguments, ManifestsArguments, Outcome};

/// Checks manifests without building or fetching anything.
///
/// All mistakes of all manifests are told in one run, each at its place. Exit code 1 means that there is at least one error. With a zos.lock, and with
/// what earlier runs left in the store, packages, modules and the programs that units start are checked too.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifests: ManifestsArguments,
    /// Write the fixes that are beyond doubt into the manifest and the files that it imports.
    #[arg(long)]
    fix: bool,
    /// With `--fix`: write nothing, and print what would change.
    #[arg(long, requires = "fix")]
    dry_run: bool,
    /// Also print each manifest in this form.
    #[arg(long, value_name = "FORM")]
    emit: Option<Emit>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Emit {
    /// The JSON that `zosc schema` describes.
    Json,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let manifests = arguments.manifests.each().into_iter();
    let outcomes = manifests.map(|manifest| check_one(session, arguments, &manifest));
    let outcomes: Vec<Outcome> = outcomes.collect();
    outcomes.into_iter().collect()
}

/// Checks one manifest, beside others whose texts were read before.
fn check_one(
    session: &mut Session,
    arguments: &Arguments,
    manifest: &ManifestArguments,
) -> Outcome {
    let read_before = session.sources.iter().count();
    let (image, mut problems) = if arguments.fix {
        fix(session, arguments, manifest)?
    } else {
        session.checked(manifest, &io::System)?
    };
    let mut unchecked = Vec::new();
    if let Some(image) = &image {
        let store = session.existing_store();
        unchecked = plan::review(image, store.as_ref(), &mut problems);
    }
    let image = session.conclude(image, &problems)?;
    if let Some(Emit::Json) = arguments.emit {
        let (source, text) = session
            .sources
            .iter()
            .nth(read_before)
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
        manifest.manifest.display(),
        counts.join(", ")
    ));
    tell_unchecked(session, &unchecked)
}

/// Says what could not be looked into: a line for people, an object for programs, for each reason.
fn tell_unchecked(session: &Session, unchecked: &[Unchecked]) -> Outcome {
    let mut reasons: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for part in unchecked {
        let reason = (part.because.as_str(), part.command);
        reasons.entry(reason).or_default().push(part.what);
    }
    for ((because, command), what) in reasons {
        let line = format!(
            "not checked: {} ({because}; `{command}` helps)",
            what.join(", ")
        );
        if session.for_people() {
            session.tell(&session.style().faint(&line));
        } else {
            let object = json!({
                "severity": "note",
                "message": line,
                "unchecked": what,
                "because": because,
                "command": command,
            });
            session.print(&format!("{object}\n"))?;
        }
    }
    Ok(())
}

/// Applies safe fixes, tells them, and checks what has come of it.
fn fix(
    session: &mut Session,
    arguments: &Arguments,
    manifest: &ManifestArguments,
) -> Result<(Option<Image>, Diagnostics), Failed> {
    let settings = session.settings(manifest)?;
    let fixed = check::fix(&manifest.manifest, &settings, &io::System);
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
    session.checked(manifest, &files)
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
