//! `zosc provenance`.

use std::path::{Path, PathBuf};

use crate::build;
use crate::check::{Image, SigningKey};
use crate::io::{self, Files as _};
use crate::lock;
use crate::plan;
use crate::provenance::{self, Facts, NamedFile};
use crate::tree::{Digest, Store};

use super::contents::{Planned, contents};
use super::running::RunningArguments;
use super::session::Session;
use super::{LockArguments, ManifestArguments, Outcome};

/// The largest lock that is read.
const LARGEST: u64 = 64 << 20;

/// Who built an image, where nobody says more.
const BUILDER: &str = "urn:zosc:builder:local";

/// States how the outputs came about: from which manifest and lock, from what, by whom (in-toto, SLSA provenance).
///
/// What the statement is about is built first, where it is not there already: `zosc provenance -o zos.intoto.json`. With a key
/// it comes in a signed envelope (DSSE); without one, nobody vouches for it.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    #[command(flatten)]
    lock: LockArguments,
    /// The file that the statement is written to. Default: standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Who built it: an address that those who check the statement know and trust.
    #[arg(long, value_name = "URI", default_value = BUILDER)]
    builder: String,
    /// Also say when the build began and ended, as its record has it.
    #[arg(long)]
    times: bool,
    /// Sign with the RSA key in this file.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Sign with the RSA key in this environment variable.
    #[arg(long, value_name = "NAME", conflicts_with = "key")]
    key_env: Option<String>,
    #[command(flatten)]
    running: RunningArguments,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let image = session.image(&arguments.manifest)?;
    let store = session.store()?;
    let mode = arguments.lock.mode_with(arguments.running.executor);
    let inputs = session.inputs(&image, &store, mode)?;
    let (plan, parts) = session.settle(plan::lower_with_parts(&image, &inputs))?;
    let wanted: Vec<plan::Input> = plan.outputs.iter().map(|output| output.content).collect();
    let wanted: Vec<plan::Input> = wanted.into_iter().chain(plan.build_id).collect();
    let planned = Planned {
        image: &image,
        inputs: &inputs,
        plan: &plan,
    };
    let digests = contents(
        session,
        &planned,
        &wanted,
        &store,
        arguments.lock,
        &arguments.running,
    )?;
    let outputs: Vec<NamedFile> = plan
        .outputs
        .iter()
        .zip(&digests)
        .map(|(output, digest)| NamedFile {
            name: output.name.clone(),
            sha256: *digest,
        })
        .collect();
    let build_id = plan.build_id.and(digests.last());
    let lock_file = lock_file(&image);
    let statement = provenance::statement(&Facts {
        outputs: &outputs,
        build_id: build_id.and_then(|blob| spelt(&store, blob)),
        manifests: &manifests(session, &image),
        lock_file: lock_file.as_ref(),
        overrides: &image.overrides,
        lock: &inputs.lock,
        parts: &parts,
        builder: &arguments.builder,
        times: arguments.times.then(|| times(&store, &digests)).flatten(),
    });
    let document = match key(arguments) {
        None => statement,
        Some(place) => {
            let key = session.settle(build::private_key(&place).map_err(Into::into))?;
            let payload = statement.to_string();
            let signature = key.sign(&provenance::signed_bytes(&payload));
            provenance::envelope(&payload, &key.name().to_string(), &signature)
        }
    };
    session.deliver(arguments.output.as_deref(), format!("{document:#}\n"))
}

fn key(arguments: &Arguments) -> Option<SigningKey> {
    let file = arguments.key.clone().map(SigningKey::File);
    file.or_else(|| arguments.key_env.clone().map(SigningKey::Environment))
}

/// The digest that a blob spells out.
fn spelt(store: &Store, blob: &Digest) -> Option<Digest> {
    let text = store.get(blob).ok()?;
    String::from_utf8_lossy(&text).trim().parse().ok()
}

/// When the newest build that yielded one of these began and ended.
fn times(store: &Store, outputs: &[Digest]) -> Option<(u64, u64)> {
    let mut records = outputs
        .iter()
        .filter_map(|digest| build::record_of(store, digest));
    let record = records.next()?;
    let ended = record.started.saturating_add(record.elapsed);
    Some((record.started, ended))
}

/// The texts of the image's folder that were read, the manifest first; the library is part of zosc.
fn manifests(session: &Session, image: &Image) -> Vec<NamedFile> {
    let own = image.manifest.as_path();
    let mut found = Vec::new();
    for (_, source) in session.sources.iter() {
        let Some(path) = &source.file else {
            continue;
        };
        let file = NamedFile {
            name: named(path, image),
            sha256: Digest::of(source.text.as_bytes()),
        };
        if path == own {
            found.insert(0, file);
        } else {
            found.push(file);
        }
    }
    found
}

/// A path from the manifest's folder; of one that lies elsewhere, the name alone.
fn named(path: &Path, image: &Image) -> String {
    let inner = path.strip_prefix(&image.directory).ok();
    let inner = inner.or_else(|| path.file_name().map(Path::new));
    inner.unwrap_or(path).display().to_string()
}

fn lock_file(image: &Image) -> Option<NamedFile> {
    let bytes = io::System.read(&lock::file_of(image), LARGEST);
    Some(NamedFile {
        name: lock::file_name(image),
        sha256: Digest::of(&bytes.ok()?),
    })
}
