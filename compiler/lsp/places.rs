//! The names of what is open, and places in its files as a client counts them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::library;
use super::names::{NamedFile, Names};
use super::protocol as lsp;
use super::text::Text;
use super::uri::Own;
use super::view::{View, Workspace};
use crate::check::{self, Location};
use crate::io::Files as _;
use crate::syntax;

/// The names of the manifest that a text belongs to, from the texts as the editor has them.
pub(super) fn names(view: &View<'_>) -> Names {
    let own = location(view.workspace, &view.document.path);
    if matches!(own, Location::Library(_)) {
        // It belongs to whoever imports it.
        let entries = view.workspace.projects.keys();
        let mut manifests = entries.map(|entry| of_manifest(view.workspace, entry));
        if let Some(names) =
            manifests.find(|names| names.files.len() > 1 && names.file(&own).is_some())
        {
            return names;
        }
    }
    let mut names = of_manifest(view.workspace, &view.project.entry);
    // A text that was just imported, or is so no longer, belongs to the manifest all the same.
    if names.file(&own).is_none() {
        names
            .files
            .push(NamedFile::of(own, view.document.text.shared()));
    }
    names
}

/// The names of a manifest.
pub(super) fn of_manifest(workspace: &Workspace, entry: &Path) -> Names {
    let read = |location: &Location| read(workspace, location);
    Names::of(location(workspace, entry), &read)
}

/// The text at hand among the files of its manifest.
pub(super) fn here<'a>(view: &View<'_>, names: &'a Names) -> Option<&'a NamedFile> {
    names.file(&location(view.workspace, &view.document.path))
}

fn location(workspace: &Workspace, path: &Path) -> Location {
    library::location(workspace.library.as_deref(), path)
}

/// The address of a file; `None` for one that this client has no way to show.
pub(super) fn uri(workspace: &Workspace, location: &Location) -> Option<lsp::Uri> {
    match location {
        Location::Disk(path) => Some(workspace.documents.uri(path)),
        Location::Library(_) if workspace.client.shows_contents() => {
            Some(Own::Library(location.library_name()?).uri())
        }
        Location::Library(path) => {
            let file = workspace.library.as_deref()?.join(path);
            Some(workspace.documents.uri(&file))
        }
    }
}

fn read(workspace: &Workspace, location: &Location) -> Option<Arc<str>> {
    match location {
        Location::Library(_) => check::library_text(&location.library_name()?).map(Arc::from),
        Location::Disk(path) => {
            if let Some(document) = workspace.documents.get(path) {
                return Some(document.text.shared());
            }
            let bytes = workspace.documents.read(path, syntax::MAXIMUM_SIZE as u64);
            String::from_utf8(bytes.ok()?).ok().map(Arc::from)
        }
    }
}

/// Places in the files of a manifest, as the client counts them.
pub(super) struct Places<'a> {
    view: &'a View<'a>,
    texts: BTreeMap<Location, Text>,
}

impl<'a> Places<'a> {
    pub(super) fn new(view: &'a View<'a>, names: &Names) -> Self {
        let files = names.files.iter();
        let texts = files.map(|file| (file.location.clone(), Text::new(&*file.text)));
        Self {
            view,
            texts: texts.collect(),
        }
    }

    /// The address of a file; `None` for one that this client has no way to show.
    pub(super) fn uri(&self, location: &Location) -> Option<lsp::Uri> {
        uri(self.view.workspace, location)
    }

    /// A range of a file; the beginning of one that is no manifest.
    pub(super) fn range(&self, location: &Location, bytes: Range<usize>) -> lsp::Range {
        let text = self.texts.get(location);
        text.map_or_else(lsp::Range::default, |text| {
            text.range(bytes, self.view.client.encoding)
        })
    }

    pub(super) fn location(
        &self,
        location: &Location,
        bytes: Range<usize>,
    ) -> Option<lsp::Location> {
        Some(lsp::Location {
            uri: self.uri(location)?,
            range: self.range(location, bytes),
        })
    }
}
