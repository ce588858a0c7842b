//! Names: where things are declared and used, across a manifest and all that it imports.
//!
//! Comes in: a manifest's file and a way to read texts, those of open editors first. Goes out: [`Names`], every file with the
//! [`Occurrence`]s of its names. Works from the texts as they are, so that it works while they are broken, and never from a list
//! of node names: the manifest's types say what names what.

mod occurrence;
mod rename;

#[cfg(test)]
mod project_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

pub(super) use occurrence::{FILE, Occurrence, Symbol, Use, VARIABLE};
pub(super) use rename::{Edits, rename, renameable};

use super::nodes::{Nodes, Word};
use crate::check::Location;
use crate::manifest::model::{Member, Role};

/// How many files are looked at; `check` refuses larger manifests.
const MAXIMUM_FILES: usize = 200;

/// One file of a manifest.
#[derive(Debug)]
pub(super) struct NamedFile {
    pub(super) location: Location,
    pub(super) text: Arc<str>,
    pub(super) nodes: Nodes,
    /// In the order of their nodes.
    pub(super) occurrences: Vec<Occurrence>,
}

/// The files of a manifest, those that import before those that are imported.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) files: Vec<NamedFile>,
}

/// A place where a name stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) file: &'a NamedFile,
    pub(super) occurrence: &'a Occurrence,
}

/// The occurrences in a text that stands for itself.
pub(super) fn occurrences_in(text: &str) -> Vec<Occurrence> {
    occurrence::occurrences(text, &Nodes::read(text))
}

impl NamedFile {
    /// Reads one text.
    pub(super) fn of(location: Location, text: Arc<str>) -> Self {
        let nodes = Nodes::read(&text);
        let occurrences = occurrence::occurrences(&text, &nodes);
        Self {
            location,
            text,
            nodes,
            occurrences,
        }
    }

    /// The occurrences in a node.
    pub(super) fn of_node(&self, node: usize) -> &[Occurrence] {
        let start = self
            .occurrences
            .partition_point(|occurrence| occurrence.node < node);
        let rest = self.occurrences.get(start..).unwrap_or_default();
        let length = rest.partition_point(|occurrence| occurrence.node == node);
        rest.get(..length).unwrap_or_default()
    }

    /// The occurrences at an offset, the shortest first; of equally short ones declarations first.
    pub(super) fn at(&self, offset: usize) -> Vec<&Occurrence> {
        let touches = |place: &Range<usize>| place.start <= offset && offset <= place.end;
        let mut found: Vec<&Occurrence> = self
            .occurrences
            .iter()
            .filter(|occurrence| touches(&occurrence.place))
            .filter(|occurrence| !matches!(occurrence.role, Use::Implies(_)))
            .collect();
        found.sort_by_key(|occurrence| {
            let declares = occurrence.role.is_declaration();
            (
                occurrence.place.len(),
                !declares,
                occurrence.symbol.kind == VARIABLE,
            )
        });
        found
    }

    /// Whether it ships with zosc, so that nobody can change it.
    pub(super) fn is_shipped(&self) -> bool {
        matches!(self.location, Location::Library(_))
    }

    /// How people know it: the name of a file, or `std:NAME`.
    pub(super) fn name(&self) -> String {
        match &self.location {
            Location::Library(path) => self.location.library_name().unwrap_or_else(|| path.clone()),
            Location::Disk(path) => path
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        }
    }

    /// What it imports, in order.
    fn imports(&self) -> impl Iterator<Item = Location> {
        let paths = self.paths_of(|provider| provider == "import");
        paths.map(|(_, location)| location)
    }

    /// Every path of a file or folder that it names, and what that means.
    pub(super) fn paths(&self) -> impl Iterator<Item = (Word, Location)> {
        self.paths_of(|provider| matches!(provider, "import" | "path"))
    }

    fn paths_of(&self, test: impl Fn(&str) -> bool) -> impl Iterator<Item = (Word, Location)> {
        let entries = self.nodes.list.iter().flat_map(|node| &node.entries);
        let paths = entries.filter(move |entry| {
            let provider = entry.member.and_then(|member| member.complete.as_deref());
            !entry.left_out && provider.is_some_and(&test)
        });
        paths.filter_map(|entry| {
            let value = entry.value?;
            let path = value.value(&self.text);
            let is_address = path.contains("://") || path.starts_with("pkcs11:");
            let location = match entry.member?.complete.as_deref() {
                Some("import") => self.location.imported(&path),
                _ => self.location.folder().locate(&path),
            };
            Some((value, location.filter(|_| !is_address && !path.is_empty())?))
        })
    }

    /// The folders of this machine that are laid over the image, and where.
    pub(super) fn overlays(&self) -> impl Iterator<Item = (PathBuf, String)> {
        let overlays = self.nodes.list.iter().filter(|node| {
            let is_overlay = |member: &Member| member.name == "overlay";
            node.parent.is_none() && !node.left_out && node.member.is_some_and(is_overlay)
        });
        overlays.filter_map(|node| {
            let value = |role: Role| {
                let mut entries = node.entries.iter();
                let entry = entries.find(|entry| entry.member.is_some_and(|it| it.role == role));
                entry.and_then(|entry| entry.value)
            };
            let folder = value(Role::Arg)?.value(&self.text);
            let to = value(Role::Prop).map(|to| to.value(&self.text).into_owned());
            match self.location.folder().locate(&folder)? {
                Location::Disk(folder) => Some((folder, to.unwrap_or_default())),
                Location::Library(_) => None,
            }
        })
    }
}

impl Names {
    /// Reads a manifest and all that it imports.
    pub(super) fn of(entry: Location, read: &dyn Fn(&Location) -> Option<Arc<str>>) -> Self {
        let mut files: Vec<NamedFile> = Vec::new();
        let mut met = BTreeSet::from([entry.clone()]);
        let mut next = vec![entry];
        while let Some(location) = next.pop() {
            let Some(text) = read(&location) else {
                continue;
            };
            let file = NamedFile::of(location, text);
            let imports = file.imports().filter(|import| met.insert(import.clone()));
            let mut imports: Vec<Location> = imports.collect();
            imports.reverse();
            next.append(&mut imports);
            files.push(file);
            if files.len() >= MAXIMUM_FILES {
                break;
            }
        }
        Self { files }
    }

    /// The file at a location.
    pub(super) fn file(&self, location: &Location) -> Option<&NamedFile> {
        self.files.iter().find(|file| file.location == *location)
    }

    /// Every place of a symbol that was met in a file. What follows from another name is left out.
    pub(super) fn places<'a>(
        &'a self,
        of: &'a NamedFile,
        symbol: &'a Symbol,
    ) -> impl Iterator<Item = Found<'a>> {
        self.all(of, symbol)
            .filter(|found| !matches!(found.occurrence.role, Use::Implies(_)))
    }

    /// Every place of a symbol, with those where another name implies it.
    pub(super) fn all<'a>(
        &'a self,
        of: &'a NamedFile,
        symbol: &'a Symbol,
    ) -> impl Iterator<Item = Found<'a>> {
        // A name of one section is one of one file.
        let files = self
            .files
            .iter()
            .filter(move |file| symbol.section.is_none() || file.location == of.location);
        files.flat_map(move |file| {
            let occurrences = file.occurrences.iter();
            let same = occurrences.filter(move |occurrence| occurrence.symbol == *symbol);
            same.map(move |occurrence| Found { file, occurrence })
        })
    }

    /// Where a symbol is introduced.
    pub(super) fn declarations<'a>(
        &'a self,
        of: &'a NamedFile,
        symbol: &'a Symbol,
    ) -> impl Iterator<Item = Found<'a>> {
        self.places(of, symbol)
            .filter(|found| found.occurrence.role.is_declaration())
    }

    /// Where a symbol comes from: its declarations, or else the names that bring it with them.
    pub(super) fn origins<'a>(&'a self, of: &'a NamedFile, symbol: &'a Symbol) -> Vec<Found<'a>> {
        let declared: Vec<Found<'a>> = self.declarations(of, symbol).collect();
        if !declared.is_empty() {
            return declared;
        }
        let implied = self.all(of, symbol);
        implied
            .filter(|found| matches!(found.occurrence.role, Use::Implies(_)))
            .collect()
    }
}
