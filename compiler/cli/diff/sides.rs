//! What OLD and NEW name: each becomes one side of a comparison.

use std::path::{Path, PathBuf};

use crate::build::{self, Status};
use crate::check::Image;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::diff::{Content, ManifestSide, Side, WrittenPlan};
use crate::inspect;
use crate::io::{self, FileKind, Files as _};
use crate::lock::{self, Inputs, Lock};
use crate::plan::{self, Plan};
use crate::tree::{Digest, Store};

use super::super::session::{CANCELLED, Session};
use super::super::{Failed, ManifestArguments};
use super::past::{self, Past};

/// The largest plan that is read, in bytes.
const LARGEST_PLAN: u64 = 64 << 20;

/// A side, and what the store has of its plan.
pub(super) struct Known {
    pub(super) side: Side,
    /// The results of the plan's actions, where it is of this machine.
    pub(super) stored: Vec<Option<Digest>>,
    /// The files of a commit that it is among.
    pub(super) past: Option<Past>,
}

/// What a path names.
enum Named {
    Manifest(PathBuf),
    Plan(Vec<u8>),
    Image,
    Folder,
}

/// Reads one side; without `impact`, no plan is made.
pub(super) fn side(
    session: &mut Session,
    store: &Store,
    path: &Path,
    no_impact: bool,
) -> Result<Known, Failed> {
    let name = path.display().to_string();
    let Some(of_a_commit) = past::split(path) else {
        return named_side(session, store, name, path, no_impact);
    };
    let current = session.current_directory()?;
    let past = session.settle(past::bring(&current, of_a_commit, store))?;
    let known = named_side(session, store, name, &past.file, no_impact)?;
    Ok(Known {
        past: Some(past),
        ..known
    })
}

fn named_side(
    session: &mut Session,
    store: &Store,
    name: String,
    path: &Path,
    no_impact: bool,
) -> Result<Known, Failed> {
    let named = session.settle(named(path).map_err(Diagnostics::from))?;
    match named {
        Named::Manifest(manifest) => manifest_side(session, store, name, manifest, no_impact),
        Named::Image | Named::Folder => {
            let is_folder = matches!(named, Named::Folder);
            let mut images = session.settle(inspect::open(path, &io::System, store))?;
            let content = match images.pop() {
                Some(image) if !is_folder => Content::Image(Box::new(image)),
                last => Content::Folder(images.into_iter().chain(last).collect()),
            };
            Ok(Known {
                side: Side {
                    name,
                    content,
                    notes: Vec::new(),
                },
                stored: Vec::new(),
                past: None,
            })
        }
        Named::Plan(bytes) => {
            let plan = WrittenPlan::read(&name, &bytes);
            let plan = session.settle(plan.map_err(Diagnostics::from))?;
            Ok(Known {
                side: Side {
                    name,
                    content: Content::Plan(plan),
                    notes: Vec::new(),
                },
                stored: Vec::new(),
                past: None,
            })
        }
    }
}

fn named(path: &Path) -> Result<Named, Diagnostic> {
    let read = |limit| {
        io::System.read(path, limit).map_err(|error| {
            let fact = format!("cannot read `{}`: {error}", path.display());
            Diagnostic::error("zosc::cli::cannot-read", fact)
                .help("name a manifest, a plan or an image: `zosc diff OLD NEW`")
        })
    };
    if io::System.kind(path) == Some(FileKind::Directory) {
        let manifest = path.join("zos.kdl");
        if io::System.kind(&manifest).is_some() {
            return Ok(Named::Manifest(manifest));
        }
        return Ok(Named::Folder);
    }
    let ending = path.extension().and_then(|ending| ending.to_str());
    match ending {
        Some("kdl") => Ok(Named::Manifest(path.to_owned())),
        Some("json") => read(LARGEST_PLAN).map(Named::Plan),
        _ => Ok(Named::Image),
    }
}

fn manifest_side(
    session: &mut Session,
    store: &Store,
    name: String,
    manifest: PathBuf,
    no_impact: bool,
) -> Result<Known, Failed> {
    let image = session.image(&ManifestArguments {
        manifest,
        set: Vec::new(),
    })?;
    let mut notes = Vec::new();
    let (inputs, locked, whole) = session.settle(inputs(&image, store, &name, &mut notes))?;
    // What refuses to be lowered is told by a build.
    let plan = (whole && !no_impact)
        .then(|| plan::lower(&image, &inputs).ok())
        .flatten();
    let stored = plan
        .as_ref()
        .map_or_else(Vec::new, |plan| results(plan, store));
    let side = ManifestSide {
        plan: plan.as_ref().map(WrittenPlan::from),
        image,
        inputs,
        locked,
    };
    Ok(Known {
        side: Side {
            name,
            content: Content::Manifest(Box::new(side)),
            notes,
        },
        stored,
        past: None,
    })
}

/// The inputs of a manifest as far as they are known, whether there is a lock, and whether nothing is missing.
fn inputs(
    image: &Image,
    store: &Store,
    name: &str,
    notes: &mut Vec<String>,
) -> Result<(Inputs, bool, bool), Diagnostics> {
    let beside = lock::beside(image, Some(store))?;
    let file = lock::file_name(image);
    let nothing = Lock::default();
    let previous = beside.as_ref().unwrap_or(&nothing);
    match lock::foresee(image, previous, store, &CANCELLED) {
        Ok(found) => {
            if !found.changes.is_empty() {
                let state = match beside {
                    Some(_) => format!("has a {file} that is older than it"),
                    None => format!("has no {file}"),
                };
                notes.push(format!(
                    "{name} {state}: what `zosc lock` would write is compared"
                ));
            }
            Ok((found.inputs, true, true))
        }
        Err(problems) => {
            let why = problems.iter().next();
            let why = why.map_or_else(String::new, |problem| problem.message.clone());
            notes.push(match &beside {
                Some(_) => format!(
                    "what a build of {name} does is not known, so there is no impact: {why}"
                ),
                None => format!(
                    "{name} has no {file}, so versions, commits and the impact are not compared; `zosc lock` writes one"
                ),
            });
            let locked = beside.is_some();
            let inputs = Inputs {
                lock: beside.unwrap_or_default(),
                ..lock::machine_files(image, store, &CANCELLED)
            };
            Ok((inputs, locked, false))
        }
    }
}

/// What the store has of a plan's actions.
fn results(plan: &Plan, store: &Store) -> Vec<Option<Digest>> {
    let known = build::status(plan, store).into_iter();
    known
        .map(|status| match status {
            Status::Cached(digest) => Some(digest),
            Status::Stale(_) => None,
        })
        .collect()
}
