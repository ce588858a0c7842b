//! The input root of a command: what it sees, and what zosc needs beside that, as folders of the protocol.
//!
//! Comes in: a [`Request`], with its trees in the store. Goes out: an [`Input`], whose name follows from the request, the program of zosc and nothing
//! else. Nothing is read that a name does not need: contents are named by the store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::disk;
use super::super::perform::run::{Request, RequestMount, RequestRoot};
use super::super::roots::everyones;
use super::super::sandbox::HOST_FILES;
use super::job::{JOB, Job, JobMount, LIBRARIES, PROGRAM, Programs, TREES};
use super::own::Own;
use crate::diagnostic::Diagnostic;
use crate::remote::{Blob, Content, Folder};
use crate::tree::{Digest, ImagePath, Node, Store, Tree};

/// Entries of a toolchain's root that a worker gives to each command anew, or may.
const WORKERS: [&str; 5] = ["dev", "etc", "proc", "sys", "tmp"];

/// An input root, and where its contents are.
#[derive(Debug, Default)]
pub(super) struct Input {
    /// The input root.
    pub(super) folder: Folder,
    /// Contents that are in the store.
    stored: BTreeSet<Blob>,
    /// Contents that are elsewhere.
    further: BTreeMap<Blob, Content>,
}

/// A tree as a folder.
#[derive(Debug)]
struct Laid {
    folder: Folder,
    /// The names of its uppermost entries that are the command's alone.
    names: BTreeSet<String>,
    contents: BTreeSet<Blob>,
}

/// Trees that were made folders of, for all actions that need them: by their digest, and where they lie.
#[derive(Debug, Default)]
pub(super) struct Folders(Mutex<BTreeMap<(Digest, ImagePath), Arc<Laid>>>);

/// What an input root is made with.
pub(super) struct Maker<'a> {
    /// Where trees and their contents are.
    pub(super) store: &'a Store,
    /// The program that does the job.
    pub(super) own: &'a Own,
    /// Trees that were made folders of.
    pub(super) folders: &'a Folders,
    /// Whether links may be absolute.
    pub(super) absolute_links: bool,
}

impl Maker<'_> {
    /// The input root of a command; `job` is filled in with what lies where.
    pub(super) fn input(&self, request: &Request, mut job: Job) -> Result<Input, Diagnostic> {
        let mut input = Input::default();
        match &request.root {
            RequestRoot::Host(host) => {
                for (path, content) in HOST_FILES {
                    input.bytes(path.trim_start_matches('/'), content.as_bytes())?;
                }
                job.programs = Programs::Worker(host.clone());
            }
            RequestRoot::Toolchain(digest) | RequestRoot::Tree(digest) => {
                let names = self.lay(&mut input, digest, &ImagePath::root())?;
                job.programs = Programs::Root(names);
            }
        }
        for (number, mount) in request.mounts.iter().enumerate() {
            job.mounts.push(self.mount(&mut input, number, mount)?);
        }
        for (path, digest) in &request.files {
            let blob = self.stored(digest)?;
            input.folder.file(path.relative(), blob, true)?;
            input.stored.insert(blob);
            job.files.push(path.clone());
        }
        self.add_program(&mut input)?;
        let job = serde_json::to_vec(&job).expect("texts and numbers are always JSON");
        input.bytes(JOB, &job)?;
        Ok(input)
    }

    /// Lays a tree to be read; returns the names of its uppermost entries that are the command's alone.
    fn lay(
        &self,
        input: &mut Input,
        digest: &Digest,
        at: &ImagePath,
    ) -> Result<Vec<String>, Diagnostic> {
        let laid = self.laid(digest, at)?;
        input.folder.folder(at.relative(), laid.folder.clone())?;
        input.stored.extend(&laid.contents);
        Ok(laid.names.iter().cloned().collect())
    }

    fn laid(&self, digest: &Digest, at: &ImagePath) -> Result<Arc<Laid>, Diagnostic> {
        let place = (*digest, at.clone());
        let known = || {
            self.folders
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(laid) = known().get(&place) {
            return Ok(Arc::clone(laid));
        }
        let tree = everyones(self.store.get_tree(digest)?);
        let laid = Arc::new(self.folder_of(&tree, at)?);
        known().insert(place, Arc::clone(&laid));
        Ok(laid)
    }

    fn folder_of(&self, tree: &Tree, at: &ImagePath) -> Result<Laid, Diagnostic> {
        let mut folder = Folder::new();
        let mut contents = BTreeSet::new();
        for (path, entry) in tree.iter().filter(|(path, _)| !path.is_root()) {
            let path = path.relative();
            let node = match &entry.node {
                Node::Hardlink { to } => tree.get(to).map_or(&entry.node, |file| &file.node),
                node => node,
            };
            match node {
                Node::File { digest, size } => {
                    let blob = Blob {
                        digest: *digest,
                        size: *size,
                    };
                    folder.file(path, blob, entry.mode & 0o111 != 0)?;
                    contents.insert(blob);
                }
                Node::Directory => folder.folder(path, Folder::new())?,
                Node::Symlink { target } => folder.link(path, &self.target(target, at, path))?,
                _ => {}
            }
        }
        let names = tree.iter().filter_map(|(path, _)| path.components().next());
        let names = names.filter(|name| !WORKERS.contains(name));
        Ok(Laid {
            folder,
            names: names.map(str::to_owned).collect(),
            contents,
        })
    }

    /// The target of a link; where links may not be absolute, the way up to the root and down again.
    fn target(&self, target: &str, at: &ImagePath, path: &str) -> String {
        if self.absolute_links || !target.starts_with('/') {
            return target.to_owned();
        }
        let depth = at.components().count() + path.matches('/').count();
        let way = "../".repeat(depth) + target.trim_start_matches('/');
        if way.is_empty() { ".".to_owned() } else { way }
    }

    /// Lays a tree where it is to be read, and puts it into a store of its own; of one that is to be written, the contents go there as well.
    fn mount(
        &self,
        input: &mut Input,
        number: usize,
        mount: &RequestMount,
    ) -> Result<JobMount, Diagnostic> {
        let mut contents = BTreeSet::from([self.stored(&mount.tree)?]);
        if mount.writable {
            let tree = self.store.get_tree(&mount.tree)?;
            contents.extend(tree.iter().filter_map(|(_, entry)| match entry.node {
                Node::File { digest, size } => Some(Blob { digest, size }),
                _ => None,
            }));
        } else {
            self.lay(input, &mount.tree, &mount.at)?;
        }
        for blob in contents {
            let path = self.store.blob_path(&blob.digest);
            let path = path.strip_prefix(self.store.root()).unwrap_or(&path);
            let path = format!("{TREES}/{number}/{}", path.display());
            input.folder.file(&path, blob, false)?;
            input.stored.insert(blob);
        }
        Ok(JobMount {
            at: mount.at.clone(),
            tree: mount.tree,
            writable: mount.writable,
        })
    }

    /// A content of the store with its size.
    fn stored(&self, digest: &Digest) -> Result<Blob, Diagnostic> {
        let path = self.store.blob_path(digest);
        match path.metadata() {
            Ok(facts) => Ok(Blob {
                digest: *digest,
                size: facts.len(),
            }),
            // Who looks for it in earnest says what is missing.
            Err(_) => Err(self
                .store
                .reader(digest)
                .err()
                .unwrap_or_else(|| disk(&path, &std::io::ErrorKind::NotFound.into()))),
        }
    }

    fn add_program(&self, input: &mut Input) -> Result<(), Diagnostic> {
        let mut add = |path: &str, (file, blob): &(std::path::PathBuf, Blob)| {
            input.further.insert(*blob, Content::File(file.clone()));
            input.folder.file(path, *blob, true)
        };
        add(PROGRAM, &self.own.program)?;
        for library in &self.own.libraries {
            let name = library.0.file_name().unwrap_or_default();
            let path = Path::new(LIBRARIES).join(name);
            add(&path.display().to_string(), library)?;
        }
        Ok(())
    }
}

impl Input {
    fn bytes(&mut self, path: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
        let blob = Blob::of(bytes);
        self.further.insert(blob, Content::Bytes(bytes.to_vec()));
        self.folder.file(path, blob, false)
    }

    /// All that the server needs of it.
    pub(super) fn contents(&self, store: &Store) -> Vec<(Blob, Content)> {
        let messages = self.folder.messages().1;
        let messages = messages
            .into_iter()
            .map(|(blob, bytes)| (blob, Content::Bytes(bytes)));
        let further = self
            .further
            .iter()
            .map(|(blob, content)| (*blob, content.clone()));
        let stored = self.stored.iter().map(|blob| stored(blob, store));
        messages.chain(further).chain(stored).collect()
    }
}

/// A content of the store, to be sent.
pub(super) fn stored(blob: &Blob, store: &Store) -> (Blob, Content) {
    (*blob, Content::File(store.blob_path(&blob.digest)))
}
