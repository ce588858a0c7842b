//! `zosc why`.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::build;
use crate::check::Image;
use crate::inspect;
use crate::io;
use crate::lock::{self, Mode, Question, ResolvedPackage, Update};
use crate::plan::{self, Input, Plan};
use crate::tree::{Store, Tree};
use crate::why::{self, Answer, Known};

use super::page::{Cell, Page};
use super::progress::Progress;
use super::session::{CANCELLED, Session};
use super::{Failed, Format, LockArguments, ManifestOption, Outcome};

/// Says why something is in the image: the whole chain, back to the line of the manifest that asked for it.
///
/// A path is told by who put it there and what became of it on the way, a package by who needs it, a module by what loads it, a
/// firmware file by the modules that may ask for it, a unit by who waits for it: `zosc why /usr/bin/env`, `zosc why libcrypto3`,
/// `zosc why sshd`. What a name stands for twice is told twice. Files are known once the image is built.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A path, or the name of a package, module, firmware file, unit, account or source.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    manifest: ManifestOption,
    /// Ask about this image of the manifest instead of the last build's: an `.efi` program, an initramfs, a folder.
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    #[command(flatten)]
    lock: LockArguments,
    /// How the answer is printed.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let image = session.image(&arguments.manifest.arguments())?;
    let store = session.store()?;
    let inputs = session.inputs(&image, &store, arguments.lock.mode())?;
    let plan = session.settle(plan::lower(&image, &inputs))?;
    let status = build::status(&plan, &store);
    let packages = packages(session, &image, &store);
    let tree = match &arguments.image {
        Some(path) => Some(opened(session, path, &store)?),
        None => built(&plan, &status, &image, &store),
    };
    let known = Known {
        image: &image,
        inputs: &inputs,
        plan: &plan,
        status: &status,
        packages: packages.as_deref(),
        tree: tree.as_ref(),
        store: &store,
    };
    let answers = why::why(&known, &arguments.name);
    let answers = session.settle(answers.map_err(Into::into))?;
    session.print(&match arguments.format {
        Format::Human => human(session, &answers),
        Format::Json => format!("{:#}\n", document(session, &arguments.name, &answers)),
    })
}

/// The files of an image that was named.
fn opened(session: &Session, path: &std::path::Path, store: &Store) -> Result<Tree, Failed> {
    let opened = session.settle(inspect::open(path, &io::System, store))?;
    let trees = opened.into_iter().map(|image| image.tree);
    Ok(trees.max_by_key(Tree::len).unwrap_or_default())
}

/// The files of the image as the manifest has it now, else as it was built last.
fn built(plan: &Plan, status: &[build::Status], image: &Image, store: &Store) -> Option<Tree> {
    let now = match plan.tree? {
        Input::Known(digest) => Some(digest),
        Input::Output(id) => match status.get(id.0 as usize)? {
            build::Status::Cached(digest) => Some(*digest),
            build::Status::Stale(_) => None,
        },
    };
    let last = || {
        let mut records = build::newest_first(store).filter(|record| record.is_of(&image.manifest));
        records.find_map(|record| record.tree)
    };
    store.get_tree(&now.or_else(last)?).ok()
}

/// Who needs which package, as far as the locked indexes are in the store.
fn packages(session: &Session, image: &Image, store: &Store) -> Option<Vec<ResolvedPackage>> {
    let question = Question {
        alpine: image.alpine.as_ref()?,
        arch: image.arch.name(),
        wishes: lock::wishes_of(image),
        manifest: Some(&image.manifest),
    };
    let mode = Mode {
        locked: false,
        offline: true,
        update: Update::Nothing,
        engine: None,
        dry: true,
    };
    let progress = Progress::new(session);
    let answer = lock::resolution(&question, store, mode, &progress, &CANCELLED);
    progress.finish();
    answer.ok()
}

fn human(session: &Session, answers: &[Answer]) -> String {
    let texts = answers.iter().map(|answer| {
        let mut page = Page::new(session.output_style());
        page.head(&answer.name, answer.kind);
        let mut text = page.finish();
        for link in &answer.links {
            let mut page = Page::new(session.output_style());
            page.row(2, &[Cell::plain(&link.text)]);
            text.push_str(&page.finish());
            if let Some(site) = link.site {
                text.push_str(&session.snippet(site, "here"));
            }
        }
        text
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn document(session: &Session, asked: &str, answers: &[Answer]) -> Value {
    let answers = answers.iter().map(|answer| {
        let links = answer.links.iter().map(|link| {
            let site = link.site.map(|site| session.place(site));
            json!({ "text": link.text, "site": site })
        });
        json!({ "kind": answer.kind, "name": answer.name, "links": links.collect::<Vec<_>>() })
    });
    json!({ "asked": asked, "answers": answers.collect::<Vec<_>>() })
}
