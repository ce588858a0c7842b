//! From a bash builder's `config/` folder to a manifest.
//!
//! In comes the folder: shell assignments, lists, zinit's units and scripts. Out goes a [`Migration`]: one `zos.kdl` with the files that
//! it names, and a diagnostic for each line that could not be carried over. One file here for each format.
//!
//! It runs no shell, writes nothing and keeps no credential: their values are hidden before anything reads the texts. What
//! the old builder did is carried over, not what a line may have been meant to do; where the two differ, that is told.

mod assignments;
mod components;
mod fields;
mod firmware;
mod folder;
mod kernel;
mod library;
mod lines;
mod modules;
mod packages;
mod secrets;
mod settings;
mod stores;
mod unit;
mod units;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::Files;
use crate::source::{SourceId, SourceMap, Span};
use crate::syntax::write::{NewNode, Piece, write};

use assignments::Variables;
use folder::{Folder, Text, Whole};
use units::Units;

/// What becomes of the configuration's own `/init`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Init {
    /// The one that ships with zosc takes its place.
    Library,
    /// It is copied and stays `/init`.
    Own,
}

/// A manifest and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The text of the manifest.
    pub manifest: String,
    /// The files that it names, by their paths relative to it.
    pub files: BTreeMap<String, Vec<u8>>,
    /// How many lines of the configuration say something.
    pub lines: usize,
    /// How many of them were not, or not simply, carried over.
    pub unclear: usize,
    /// What was decided on the way, one sentence each.
    pub notes: Vec<String>,
}

/// Reads a folder and makes a manifest of it; `None` where there is nothing to make one of.
///
/// Texts that were read are added to `sources`, without their credentials.
pub fn migrate(
    path: &Path,
    init: Init,
    files: &dyn Files,
    sources: &mut SourceMap,
    sink: &mut Diagnostics,
) -> Option<Migration> {
    let mut found = Diagnostics::new();
    let folder = folder::read(path, files, sources, &mut found);
    let migration = folder.map(|folder| {
        let mut ctx = Ctx {
            sources,
            sink: &mut found,
            notes: Vec::new(),
            lost: BTreeSet::new(),
        };
        let (pieces, files) = carry(&folder, init, &mut ctx);
        let (lines, unclear) = ctx.count(&folder);
        Migration {
            manifest: write(&pieces),
            files,
            lines,
            unclear,
            notes: ctx.notes,
        }
    });
    found.sort();
    sink.extend(found);
    migration
}

/// What the reader of every format needs.
struct Ctx<'a> {
    sources: &'a SourceMap,
    sink: &'a mut Diagnostics,
    notes: Vec<String>,
    /// Lines that are left out together, for one reason.
    lost: BTreeSet<(SourceId, usize)>,
}

impl Ctx<'_> {
    fn push(&mut self, diagnostic: Diagnostic) {
        self.sink.push(diagnostic);
    }

    fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Counts lines as left out.
    fn lost(&mut self, spans: impl Iterator<Item = Span>) {
        self.lost.extend(spans.map(|span| line(self.sources, span)));
    }

    /// A place as people write it: `config/packages.list:12`.
    fn place(&self, span: Span) -> String {
        let name = self
            .sources
            .get(span.source)
            .map_or("", |source| &source.name);
        format!("{name}:{}", self.sources.position(span).line)
    }

    /// How many lines say something, and how many of them need a look.
    fn count(&self, folder: &Folder) -> (usize, usize) {
        let texts = folder.lists.values().chain(&folder.units);
        let lines: BTreeSet<_> = texts
            .flat_map(lines::filled)
            .map(|span| line(self.sources, span))
            .collect();
        let told = self
            .sink
            .iter()
            .filter_map(|problem| problem.labels.first());
        let told = told.map(|label| line(self.sources, label.span));
        let unclear: BTreeSet<_> = told.chain(self.lost.iter().copied()).collect();
        (lines.len(), unclear.intersection(&lines).count())
    }
}

fn line(sources: &SourceMap, span: Span) -> (SourceId, usize) {
    (span.source, sources.position(span).line)
}

/// Everything in the order in which a manifest is read best.
fn carry(
    folder: &Folder,
    init: Init,
    ctx: &mut Ctx<'_>,
) -> (Vec<Piece>, BTreeMap<String, Vec<u8>>) {
    let list = |name: &str| folder.lists.get(name);
    let mut files = BTreeMap::new();
    let mut build = variables(list("build.conf"), &Variables::default(), ctx);
    let mut rfs = variables(list("rfs.conf"), &build, ctx);
    let packages = list("packages.list")
        .map(|text| packages::carry(text, ctx))
        .unwrap_or_default();
    let target = build.take("RUST_TARGET").map(|target| target.value);
    let components = list("sources.conf")
        .map(|text| components::carry(text, target.as_deref(), ctx))
        .unwrap_or_default();
    let has_zinit = components.names.iter().any(|name| name == "zinit");
    let settings = settings::carry(&mut build, has_zinit, ctx);
    let kernel = kernel::carry(&mut build, folder.kernel_config.as_ref(), ctx);
    let modules = list("modules.conf").and_then(|text| modules::carry(text, ctx));
    let firmware = list("firmware.conf").and_then(|text| firmware::carry(text, &build, ctx));
    let units = units::carry(&folder.units, ctx);
    let stores = stores::carry(&mut build, &mut rfs, &units.names, ctx);
    settings::tell_unused(&build, ctx);
    settings::tell_unused(&rfs, ctx);
    if !folder.unknown.is_empty() {
        ctx.note(format!(
            "no part of the configuration as it is known here, and left alone: {}",
            folder.unknown.join(", ")
        ));
    }
    let mut pieces = vec![
        Piece::Comment(
            "Written by `zosc migrate`; `zosc check` tells what is still to be done.".to_owned(),
        ),
        NewNode::new("edition").arg(1).into(),
        Piece::Blank,
        settings.image.into(),
    ];
    pieces.extend(library::imports(folder, init, &units, &mut files, ctx));
    pieces.extend([
        Piece::Blank,
        alpine(&settings.release, &settings.mirror, packages.repositories).into(),
    ]);
    section(
        &mut pieces,
        (!packages.pieces.is_empty()).then(|| NewNode::new("packages").children(packages.pieces)),
    );
    section(&mut pieces, toolchain(&components.toolchain));
    pieces.push(Piece::Blank);
    pieces.extend(components.pieces);
    if let (Some(config), Some(_)) = (&folder.kernel_config, &kernel) {
        files.insert(kernel::CONFIG.to_owned(), config.bytes.clone());
    }
    section(&mut pieces, kernel.is_some().then(kernel::toolchain));
    section(&mut pieces, kernel);
    section(&mut pieces, modules);
    section(&mut pieces, firmware);
    section(
        &mut pieces,
        Some(NewNode::new("zinit").prop("dialect", "yaml")),
    );
    pieces.extend(units.pieces);
    pieces.extend(scripts(&folder.scripts, &mut files));
    pieces.extend(settings.rest);
    pieces.extend(stores);
    (pieces, files)
}

fn section(pieces: &mut Vec<Piece>, node: Option<NewNode>) {
    if let Some(node) = node {
        pieces.extend([Piece::Blank, node.into()]);
    }
}

fn variables(text: Option<&Text>, earlier: &Variables, ctx: &mut Ctx<'_>) -> Variables {
    text.map(|text| assignments::read(text, earlier, ctx.sink))
        .unwrap_or_default()
}

fn alpine(release: &str, mirror: &str, tagged: Vec<NewNode>) -> NewNode {
    NewNode::new("alpine")
        .arg(release)
        .child(NewNode::new("mirror").arg(mirror))
        .child(NewNode::new("repository").arg("main"))
        .child(NewNode::new("repository").arg("community"))
        .children(tagged)
        .child(NewNode::new("key").arg(library::KEY))
}

fn toolchain(packages: &BTreeSet<&str>) -> Option<NewNode> {
    let words: Vec<&str> = packages.iter().copied().collect();
    let alpine = NewNode::new("alpine").prop("packages", words.join(" "));
    (!words.is_empty()).then(|| NewNode::new("toolchain").arg("rust").child(alpine))
}

/// The scripts of units, copied to `scripts/` and put where they were.
fn scripts(scripts: &[Whole], files: &mut BTreeMap<String, Vec<u8>>) -> Vec<Piece> {
    let mut pieces = vec![Piece::Blank];
    for script in scripts {
        let name = script.name.rsplit('/').next().unwrap_or(&script.name);
        let from = format!("scripts/{name}");
        let is_script = Path::new(name).extension().is_some_and(|end| end == "sh");
        let runs = is_script || script.bytes.starts_with(b"#!");
        let node = NewNode::new("file")
            .arg(format!("/etc/zinit/init/{name}"))
            .prop("from", from.as_str())
            .prop_maybe("mode", runs.then_some("0755"));
        files.insert(from, script.bytes.clone());
        pieces.push(node.into());
    }
    pieces
}
