//! Packages: unpacked, installed, recorded.

use super::Context;
use crate::apk::{self, DatabaseSettings, Expected, ScriptKind, UnpackedPackage};
use crate::diagnostic::Diagnostic;
use crate::lock;
use crate::plan::Input;
use crate::tree::{Digest, Tree};

/// Verifies and unpacks a package; what it holds is stored as JSON, its files as blobs.
pub(super) fn unpack(
    context: &Context<'_>,
    package: &Input,
    (name, version, identity): (&str, &str, &str),
) -> Result<Digest, Diagnostic> {
    let identity = identity.parse().map_err(|_| {
        Diagnostic::error(
            "zosc::build::bad-lock",
            format!("the lock gives `{name}` the identity `{identity}`, which is none"),
        )
        .help("run `zosc update`; identities begin with `Q1`")
    })?;
    let expected = Expected {
        name: name.to_owned(),
        version: version.to_owned(),
        identity: Some(identity),
    };
    let (_, stored) = lock::unpack_once(context.store, &context.digest(package), &expected)?;
    Ok(stored)
}

/// The files of a package that is not installed but looked into.
pub(super) fn files(context: &Context<'_>, package: &Input) -> Result<Tree, Diagnostic> {
    Ok(read(context, package)?.tree())
}

/// Installs packages into a root, or into the one that apk starts from.
pub(super) fn install(
    context: &Context<'_>,
    root: Option<&Input>,
    installed: &[Input],
    packages: &[Input],
) -> Result<Tree, Diagnostic> {
    let store = context.store;
    let root = match root {
        Some(root) => context.tree(root)?,
        None => apk::initial_root(store)?,
    };
    let (installed, packages) = (read_all(context, installed)?, read_all(context, packages)?);
    apk::install(root, &installed, &packages, store)
}

/// Gives directories their owners and modes.
pub(super) fn settle(
    context: &Context<'_>,
    root: &Input,
    packages: &[Input],
) -> Result<Tree, Diagnostic> {
    let packages = read_all(context, packages)?;
    apk::settle_directories(context.tree(root)?, &packages, context.store)
}

/// The arguments of a trigger, as a JSON list.
pub(super) fn trigger_directories(
    context: &Context<'_>,
    packages: &[Input],
    package: &Input,
) -> Result<Digest, Diagnostic> {
    let packages = read_all(context, packages)?;
    let directories = apk::trigger_directories(&packages, &read(context, package)?);
    let bytes = serde_json::to_vec(&directories).expect("paths are always JSON");
    context.store.put(&bytes)
}

/// Writes apk's database and settings.
pub(super) fn finish(
    context: &Context<'_>,
    root: &Input,
    packages: &[Input],
    settings: &DatabaseSettings,
) -> Result<Tree, Diagnostic> {
    let packages = read_all(context, packages)?;
    apk::finish(context.tree(root)?, &packages, settings, context.store)
}

/// One script of a package.
pub(super) fn script(
    context: &Context<'_>,
    package: &Input,
    script: &str,
) -> Result<Digest, Diagnostic> {
    let unpacked = read(context, package)?;
    let kind = ScriptKind::from_name(script);
    let found = kind.and_then(|kind| unpacked.scripts.get(&kind).copied());
    found.ok_or_else(|| {
        Diagnostic::error(
            "zosc::build::bad-lock",
            format!(
                "the lock says that `{}` has a script `{script}`, and it has none",
                unpacked.info.name
            ),
        )
        .help("run `zosc update`")
    })
}

fn read_all(context: &Context<'_>, packages: &[Input]) -> Result<Vec<UnpackedPackage>, Diagnostic> {
    packages
        .iter()
        .map(|package| read(context, package))
        .collect()
}

pub(super) fn read(context: &Context<'_>, package: &Input) -> Result<UnpackedPackage, Diagnostic> {
    let bytes = context.store.get(&context.digest(package))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Diagnostic::error(
            "zosc::store::bad-tree",
            format!("a stored package cannot be read: {error}"),
        )
        .help("run `zosc build` again; the package is unpacked anew")
    })
}
