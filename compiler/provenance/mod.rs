//! How an image came about: an in-toto statement (version 1) with SLSA's provenance (version 1), and its envelope.
//!
//! Comes in: what was asked for, what is locked, and the digests of what came out. Goes out: one JSON document, the same for the
//! same build; times are in it only where someone asks for them. Never a secret, nor where things lie on this machine:
//! whoever makes the [`Bill`] has left that out, and files are named from the manifest's folder.

mod dsse;

pub use dsse::{PAYLOAD_TYPE, envelope, signed_bytes};

use serde_json::{Map, Value, json};

use crate::check::{Override, public_address};
use crate::lock::{Lock, LockedIndex, LockedToolchain};
use crate::sbom::{Bill, Component};
use crate::tree::Digest;

/// What kind of build it is: docs/report.md says what the parameters mean.
pub const BUILD_TYPE: &str = "urn:zosc:build:v1";

/// A file by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// Its name, or its path from the manifest's folder.
    pub name: String,
    /// Its content.
    pub sha256: Digest,
}

/// What is known of a build.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The files that came out.
    pub outputs: &'a [NamedFile],
    /// The image's digest.
    pub build_id: Option<Digest>,
    /// The manifest first, then what it imports.
    pub manifests: &'a [NamedFile],
    /// `zos.lock`.
    pub lock_file: Option<&'a NamedFile>,
    /// What the environment and the command line changed.
    pub overrides: &'a [Override],
    /// Exact versions and digests.
    pub lock: &'a Lock,
    /// The image's parts and what it is built with.
    pub parts: &'a Bill,
    /// Who built it.
    pub builder: &'a str,
    /// When the build began and ended, in milliseconds since 1970.
    pub times: Option<(u64, u64)>,
}

/// The statement about a build.
pub fn statement(facts: &Facts<'_>) -> Value {
    let mut run = json!({
        "builder": { "id": facts.builder, "version": { "zosc": facts.parts.zosc } },
    });
    if let Some((began, ended)) = facts.times {
        run["metadata"] = json!({ "startedOn": moment(began), "finishedOn": moment(ended) });
    }
    if let Some(id) = &facts.build_id {
        run["byproducts"] = json!([{ "name": "build-id", "digest": { "sha256": id.to_string() } }]);
    }
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": facts.outputs.iter().map(file).collect::<Vec<_>>(),
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": external(facts),
                "internalParameters": { "arch": facts.parts.arch, "epoch": facts.parts.epoch },
                "resolvedDependencies": dependencies(facts),
            },
            "runDetails": run,
        },
    })
}

fn file(file: &NamedFile) -> Value {
    json!({ "name": file.name, "digest": { "sha256": file.sha256.to_string() } })
}

/// What whoever asked for the build has given.
fn external(facts: &Facts<'_>) -> Value {
    let settings: Map<String, Value> = facts
        .overrides
        .iter()
        .map(|change| (change.path.clone(), json!(change.value)))
        .collect();
    let mut given = json!({
        "manifest": facts.manifests.first().map(file),
        "imports": facts.manifests.iter().skip(1).map(file).collect::<Vec<_>>(),
        "settings": settings,
    });
    if let Some(lock) = facts.lock_file {
        given["lock"] = file(lock);
    }
    given
}

/// Everything that came from elsewhere, and files of the building machine.
fn dependencies(facts: &Facts<'_>) -> Vec<Value> {
    let indexes = facts.lock.indexes.iter();
    let toolchains = facts.lock.toolchains.values();
    let tools = toolchains.flat_map(LockedToolchain::indexes);
    let mut found: Vec<Value> = indexes.chain(tools).map(index).collect();
    found.dedup();
    let components = facts.parts.components.iter();
    found.extend(components.filter_map(|(name, component)| dependency(name, component)));
    for (source, vendored) in &facts.lock.vendored {
        found.push(json!({
            "name": format!("vendored/{source}"),
            "digest": { "zoscTree": vendored.tree.to_string() },
            "annotations": { "by": vendored.by.name(), "lock-file-sha256": vendored.from.to_string() },
        }));
    }
    found
}

fn index(index: &LockedIndex) -> Value {
    let mut found = json!({
        "name": "index/APKINDEX.tar.gz",
        "digest": { "sha256": index.sha256.to_string() },
    });
    if let Some(url) = public_address(&index.url) {
        found["name"] = json!(format!("index/{url}"));
    }
    found
}

/// A part, where anything pins it; a toolchain of this machine is pinned by nothing, and says which programs it has.
fn dependency(name: &str, component: &Component) -> Option<Value> {
    let mut digests = Map::new();
    if let Some(sha256) = &component.sha256 {
        digests.insert("sha256".into(), json!(sha256.to_string()));
    }
    let commit = component.commit.as_ref().map(|(_, commit)| commit);
    // That of a repository on this machine has no address that means anything elsewhere.
    if let Some(commit) = commit.or_else(|| component.facts.get("commit")) {
        digests.insert("gitCommit".into(), json!(commit));
    }
    if let Some(tree) = component.facts.get("tree") {
        digests.insert("zoscTree".into(), json!(tree));
    }
    let mut found = json!({ "name": name });
    let place = component.commit.as_ref();
    let place = place.map(|(url, commit)| format!("git+{url}@{commit}"));
    if let Some(uri) = place.or_else(|| component.purl.clone()) {
        found["uri"] = json!(uri);
    }
    if digests.is_empty() {
        let programs = component.facts.get("programs")?;
        found["uri"] = json!("urn:zosc:toolchain:host");
        found["annotations"] = json!({ "programs": programs });
    } else {
        found["digest"] = Value::Object(digests);
    }
    if let Some(url) = &component.download {
        found["downloadLocation"] = json!(url);
    }
    Some(found)
}

fn moment(milliseconds: u64) -> String {
    let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(milliseconds)
        .unwrap_or(jiff::Timestamp::MAX)
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

#[cfg(test)]
mod tests;
