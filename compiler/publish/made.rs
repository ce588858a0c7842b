//! What there is to publish: the outputs of a build by their digests, with all of their bytes in the store.
//!
//! Comes in: a plan, the image and its locked inputs. Goes out: [`Made`], or that something is not built as the manifest stands.
//! Nothing is built here.

use std::collections::BTreeSet;

use crate::build::Built;
use crate::check::{BlobStore, Image};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::flist::BlockId;
use crate::io::{self, Files as _};
use crate::lock::{self, Inputs};
use crate::plan::{Plan, PlannedFlist, filled};
use crate::source::Span;
use crate::tree::{Digest, ImagePath, Node, Store, Tree};

/// The largest lock that is read.
const LARGEST_LOCK: u64 = 64 << 20;

/// An image that was built, as it is published.
#[derive(Debug, Clone)]
pub struct Made {
    /// The image's name.
    pub image: String,
    /// Its version; may be empty.
    pub version: String,
    /// Its name for people.
    pub title: String,
    /// The release of its kernel; empty where it has none.
    pub kernel: String,
    /// The digest of what went into it.
    pub build_id: Option<Digest>,
    /// Its time, in seconds since 1970.
    pub epoch: u64,
    /// The digest of `zos.lock`.
    pub lock: Option<Digest>,
    /// Its outputs.
    pub outputs: Vec<MadeOutput>,
    /// Its flists.
    pub flists: Vec<MadeFlist>,
}

/// An flist: its list, and what is read by it.
#[derive(Debug, Clone)]
pub struct MadeFlist {
    /// Its name.
    pub name: String,
    /// The list: its content and its bytes.
    pub list: (Digest, u64),
    /// What the list leads to.
    pub blocks: Vec<MadeBlock>,
    /// Where that goes.
    pub write: BlobStore,
    /// The address that machines read it from.
    pub read: String,
    /// The flist's place in the manifest.
    pub span: Span,
}

/// A block in zosc's own store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MadeBlock {
    /// The name by which lists know it.
    pub id: BlockId,
    /// The name by which the store knows it.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

/// An output of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeOutput {
    /// Its file name.
    pub name: String,
    /// What it is: `efi`, `initramfs`, `kernel`, `sbom`.
    pub kind: &'static str,
    /// Whether the name is meant for this image alone.
    pub is_versioned: bool,
    /// Its content.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

impl Made {
    /// Looks up what a plan yielded.
    ///
    /// # Errors
    /// Outputs that are not built as the manifest stands.
    pub fn of(
        plan: &Plan,
        image: &Image,
        inputs: &Inputs,
        store: &Store,
    ) -> Result<Self, Diagnostics> {
        let built = Built::of(plan, store);
        let versioned = image.outputs.iter().filter(|output| output.is_versioned);
        let versioned = versioned.map(|output| filled(&output.name.value, image, &inputs.lock));
        let versioned: BTreeSet<String> = versioned.collect();
        let (mut outputs, mut missing) = (Vec::new(), Vec::new());
        for output in &plan.outputs {
            let content = built.content(&output.content, store);
            let Some((digest, size)) = content.and_then(|digest| sized(store, digest)) else {
                missing.push(output.name.as_str());
                continue;
            };
            outputs.push(MadeOutput {
                name: output.name.clone(),
                kind: output.kind,
                is_versioned: versioned.contains(&output.name),
                digest,
                size,
            });
        }
        let mut flists = Vec::new();
        for planned in &plan.flists {
            let tree = built.content(&planned.output, store);
            let tree = tree.and_then(|tree| store.get_tree(&tree).ok());
            match tree.and_then(|tree| MadeFlist::of(planned, &tree, store)) {
                Some(flist) => flists.push(flist),
                None => missing.push(&planned.name.value),
            }
        }
        if !missing.is_empty() {
            return Err(not_built(&missing).into());
        }
        let build_id = plan.build_id.and_then(|id| built.content(&id, store));
        let build_id = build_id.and_then(|blob| store.get(&blob).ok());
        let text = build_id.map(|text| String::from_utf8_lossy(&text).trim().to_owned());
        let kernel = inputs.lock.kernel.as_ref();
        Ok(Self {
            image: image.name.clone(),
            version: image.version.clone(),
            title: image.title.clone(),
            kernel: kernel.map_or(String::new(), |kernel| kernel.release.clone()),
            build_id: text.and_then(|text| text.parse().ok()),
            epoch: inputs.epoch,
            lock: lock_digest(image),
            outputs,
            flists,
        })
    }

    /// The EFI program, under each of its names.
    pub fn programs(&self) -> impl Iterator<Item = &MadeOutput> {
        self.outputs.iter().filter(|output| output.kind == "efi")
    }
}

impl MadeOutput {
    /// What it is, in the words of the web.
    pub fn media_type(&self) -> &'static str {
        match self.kind {
            "efi" => "application/vnd.microsoft.portable-executable",
            "initramfs" => "application/vnd.zosc.initramfs.v1",
            "kernel" => "application/vnd.zosc.kernel.v1",
            "sbom" if self.name.ends_with(".spdx.json") => "application/spdx+json",
            "sbom" => "application/vnd.cyclonedx+json",
            // A list is a database of SQLite.
            "flist" => "application/vnd.sqlite3",
            _ => "application/octet-stream",
        }
    }
}

impl MadeFlist {
    /// What an action has left of an flist; `None` where some of it is not in the store.
    fn of(planned: &PlannedFlist, tree: &Tree, store: &Store) -> Option<Self> {
        let list = tree.get(&ImagePath::new("/list.fl").ok()?)?;
        let Node::File { digest, size } = list.node else {
            return None;
        };
        let files = tree.iter().filter_map(|(path, entry)| match entry.node {
            Node::File { digest, size } if path.as_str().starts_with("/blobs/") => {
                Some((path.file_name(), digest, size))
            }
            _ => None,
        });
        let blocks = files.map(|(name, digest, size)| {
            let id = name.parse().ok()?;
            let is_there = store.contains_sized(&digest, size);
            is_there.then_some(MadeBlock { id, digest, size })
        });
        Some(Self {
            name: planned.name.value.clone(),
            list: store.contains(&digest).then_some((digest, size))?,
            blocks: blocks.collect::<Option<_>>()?,
            write: planned.write.clone(),
            read: planned.read.clone(),
            span: planned.name.span,
        })
    }

    /// Its list as a file beside others.
    pub fn as_output(&self) -> MadeOutput {
        let (digest, size) = self.list;
        MadeOutput {
            name: format!("{}.fl", self.name),
            kind: "flist",
            is_versioned: false,
            digest,
            size,
        }
    }
}

fn sized(store: &Store, digest: Digest) -> Option<(Digest, u64)> {
    let facts = store.blob_path(&digest).metadata().ok()?;
    Some((digest, facts.len()))
}

fn lock_digest(image: &Image) -> Option<Digest> {
    let path = lock::file_of(image);
    let text = io::System.read(&path, LARGEST_LOCK).ok()?;
    Some(Digest::of(&text))
}

fn not_built(names: &[&str]) -> Diagnostic {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    Diagnostic::error(
        "zosc::publish::not-built",
        format!("{} {verb} not built as the manifest stands", names.join(", ")),
    )
    .help("run `zosc build --publish`, which builds first; `zosc build --dry-run` says what has changed")
}
