//! What there is to publish: the outputs of a build by their digests, with all of their bytes in the store.
//!
//! Comes in: a plan, the image and its locked inputs. Goes out: [`Made`], or that something is not built as the manifest stands.
//! Nothing is built here.

use std::collections::BTreeSet;

use crate::build::Built;
use crate::check::Image;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::{self, Files as _};
use crate::lock::{self, Inputs};
use crate::plan::{Plan, filled};
use crate::tree::{Digest, Store};

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
        })
    }

    /// The EFI program, under each of its names.
    pub fn programs(&self) -> impl Iterator<Item = &MadeOutput> {
        self.outputs.iter().filter(|output| output.kind == "efi")
    }
}

fn sized(store: &Store, digest: Digest) -> Option<(Digest, u64)> {
    let facts = store.blob_path(&digest).metadata().ok()?;
    Some((digest, facts.len()))
}

fn lock_digest(image: &Image) -> Option<Digest> {
    let path = image.directory.join(lock::FILE_NAME);
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
