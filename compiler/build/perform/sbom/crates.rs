//! The crates that a source's `Cargo.lock` names, with what they say of themselves where they are vendored.

use std::collections::BTreeMap;

use super::super::Context;
use super::text_above;
use crate::check::public_address;
use crate::diagnostic::Diagnostic;
use crate::plan::BuiltFrom;
use crate::sbom::{
    Bill, Component, CrateManifest, LockedCrate, crate_manifest, locked_crates, purl,
};
use crate::tree::{Node, Tree};

/// Largest `Cargo.toml` that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// What crates say of themselves, by name and version.
type Manifests = BTreeMap<(String, String), CrateManifest>;

/// Adds a source's crates to a list.
pub(super) fn list(
    context: &Context<'_>,
    bill: &mut Bill,
    source: &BuiltFrom,
) -> Result<(), Diagnostic> {
    let files = context.tree(&source.files)?;
    let mut manifests = Manifests::new();
    read_vendored(context, &files, &mut manifests)?;
    if let Some(vendored) = &source.vendored {
        read_vendored(context, &context.tree(vendored)?, &mut manifests)?;
    }
    let own = text_above(context, &files, &source.subdir, "Cargo.toml")?;
    let own = own.and_then(|text| crate_manifest(&text));
    let lock = text_above(context, &files, &source.subdir, "Cargo.lock")?;
    let locked = locked_crates(&lock.unwrap_or_default());
    let mut references = BTreeMap::new();
    for found in &locked.crates {
        let key = (found.name.clone(), found.version.clone());
        let component = component(found, manifests.get(&key));
        let reference = format!("crate/{}@{}", found.name, found.version);
        references.insert(key, bill.add(&reference, component));
    }
    for found in &locked.crates {
        let key = (found.name.clone(), found.version.clone());
        let needs = found.needs.iter().filter_map(|need| references.get(need));
        let own = references.get(&key);
        if let Some(component) = own.and_then(|own| bill.components.get_mut(own)) {
            component.needs.extend(needs.cloned());
        }
    }
    if let Some(component) = bill.components.get_mut(&source.reference) {
        let needs = locked.direct.iter();
        let needs = needs.filter_map(|need| references.get(need));
        component.needs.extend(needs.cloned());
        if let Some(own) = own {
            component.licence = own.licence;
            component.summary = own.summary;
            if component.version.is_empty() {
                component.version = own.version;
            }
        }
    }
    Ok(())
}

/// Reads `vendor/CRATE/Cargo.toml`, wherever such a folder is.
fn read_vendored(
    context: &Context<'_>,
    tree: &Tree,
    manifests: &mut Manifests,
) -> Result<(), Diagnostic> {
    for (path, entry) in tree.iter() {
        let Node::File { digest, size } = &entry.node else {
            continue;
        };
        let parts: Vec<&str> = path.components().collect();
        if !matches!(parts.as_slice(), [.., "vendor", _, "Cargo.toml"]) || *size > LARGEST {
            continue;
        }
        let bytes = context.store.get(digest)?;
        if let Some(manifest) = crate_manifest(&String::from_utf8_lossy(&bytes)) {
            let key = (manifest.name.clone(), manifest.version.clone());
            manifests.insert(key, manifest);
        }
    }
    Ok(())
}

fn component(found: &LockedCrate, manifest: Option<&CrateManifest>) -> Component {
    let manifest = manifest.cloned().unwrap_or_default();
    // `git+URL?rev=…#COMMIT`
    let commit = found.from.strip_prefix("git+").and_then(|from| {
        let (url, commit) = from.split_once('#')?;
        let url = url.split('?').next().unwrap_or(url);
        Some((public_address(url)?, commit.to_owned()))
    });
    let place = commit
        .as_ref()
        .map(|(url, commit)| format!("git+{url}@{commit}"));
    let checksum = found.sha256.map(|digest| format!("sha256:{digest}"));
    let qualifiers = [
        ("checksum", checksum.as_deref().unwrap_or_default()),
        ("vcs_url", place.as_deref().unwrap_or_default()),
    ];
    Component {
        name: found.name.clone(),
        version: found.version.clone(),
        summary: manifest.summary,
        licence: manifest.licence,
        purl: Some(purl("cargo", "", &found.name, &found.version, &qualifiers)),
        sha256: found.sha256,
        commit,
        ..Component::default()
    }
}
