//! What a feature gets to see: one state of the editor and of the projects, which stays as it is while the feature works.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::io::Files;

use super::client::Client;
use super::document::{Document, Documents};
use super::knowledge::Knowledge;
use super::project::Project;
use super::protocol as lsp;
use super::uri;

/// Everything that is open. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// What the client can do.
    pub client: Arc<Client>,
    /// The open texts.
    pub documents: Documents,
    /// The manifests that something open belongs to, by path.
    pub projects: BTreeMap<PathBuf, Arc<Project>>,
    /// The folders that the editor has open.
    pub folders: Vec<PathBuf>,
    /// Where the library's files lie, for a client that shows files alone.
    pub library: Option<PathBuf>,
    /// The manifest of each open text.
    pub(super) owners: BTreeMap<PathBuf, PathBuf>,
}

impl Workspace {
    /// An empty one.
    pub(super) fn new(client: Client) -> Self {
        Self {
            client: Arc::new(client),
            documents: Documents::default(),
            projects: BTreeMap::new(),
            folders: Vec::new(),
            library: None,
            owners: BTreeMap::new(),
        }
    }

    /// The path of an address. A text that was never saved has one in the folder that is open, so that it can name files there.
    pub fn path(&self, uri: &lsp::Uri) -> PathBuf {
        uri::path_of(uri).unwrap_or_else(|| {
            let name = uri.0.replace(['/', '\0'], "_");
            let folder = self.folders.first();
            folder.map_or(Path::new("/"), PathBuf::as_path).join(name)
        })
    }

    /// Whether a path is one of the library's files, which nobody edits.
    pub fn is_shipped(&self, path: &Path) -> bool {
        let library = self.library.as_deref();
        library.is_some_and(|library| path.starts_with(library))
    }

    /// The open text of an address.
    pub fn document(&self, uri: &lsp::Uri) -> Option<&Arc<Document>> {
        self.documents.get(&self.path(uri))
    }

    /// The project that an open text belongs to.
    pub fn project(&self, path: &Path) -> Option<&Arc<Project>> {
        self.projects.get(self.owners.get(path)?)
    }

    /// The version of a text, where it is open.
    pub(super) fn version(&self, path: &Path) -> Option<i32> {
        self.documents.get(path).map(|open| open.version)
    }

    /// The open folder that holds a path; the innermost of several.
    pub fn folder(&self, path: &Path) -> Option<&Path> {
        let holding = self
            .folders
            .iter()
            .filter(|folder| path.starts_with(folder));
        holding
            .max_by_key(|folder| folder.components().count())
            .map(PathBuf::as_path)
    }
}

/// What a feature gets that is asked about a text.
pub struct View<'a> {
    /// The text.
    pub document: &'a Document,
    /// The project that it belongs to.
    pub project: &'a Project,
    /// What caches know of it.
    pub knowledge: &'a Knowledge,
    /// Everything else that is open.
    pub workspace: &'a Workspace,
    /// What the client can do.
    pub client: &'a Client,
    pub(super) cancelled: &'a AtomicBool,
}

impl View<'_> {
    /// Whether nobody waits for the answer any more.
    pub fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Files as the editor shows them.
    pub fn files(&self) -> &dyn Files {
        &self.workspace.documents
    }

    /// The offset in the text of a place that the client means.
    pub fn offset(&self, position: lsp::Position) -> usize {
        self.document.text.offset(position, self.client.encoding)
    }

    /// A range of the text, as the client counts.
    pub fn range(&self, bytes: std::ops::Range<usize>) -> lsp::Range {
        self.document.text.range(bytes, self.client.encoding)
    }
}
