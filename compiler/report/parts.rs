//! What the image is made of, in short: from its list of parts where the build wrote one, else from apk's database and the
//! origins of its files.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::Subject;
use crate::inspect;
use crate::tree::Store;

/// The parts of an image.
#[derive(Debug, Default, Serialize)]
pub(super) struct Parts {
    /// Whether they are from a list of parts; else crates, modules and tools are not among them.
    listed: bool,
    /// By kind, name and version.
    parts: Vec<Part>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Part {
    #[serde(rename = "k")]
    kind: String,
    #[serde(rename = "n")]
    name: String,
    #[serde(rename = "v")]
    version: String,
    #[serde(rename = "l")]
    licence: String,
}

/// Gathers the parts.
pub(super) fn parts(subject: &Subject, store: &Store) -> Parts {
    let lists = subject.record.iter().flat_map(|record| &record.outputs);
    let mut lists = lists.filter(|output| output.kind == "sbom");
    let listed = lists.find_map(|output| {
        let document = serde_json::from_slice(&store.get(&output.digest).ok()?);
        listed(&document.ok()?)
    });
    let is_listed = listed.is_some();
    let parts = listed.unwrap_or_else(|| found(subject, store));
    Parts {
        listed: is_listed,
        parts: parts.into_iter().collect(),
    }
}

/// What a document in either form lists: references begin with what a part is.
fn listed(document: &Value) -> Option<BTreeSet<Part>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if let Some(components) = document["components"].as_array() {
        let parts = components.iter().map(|component| {
            let licence = &component["licenses"][0];
            Part {
                kind: kind(&text(&component["bom-ref"]), '/'),
                name: text(&component["name"]),
                version: text(&component["version"]),
                licence: licence["expression"]
                    .as_str()
                    .or_else(|| licence["license"]["name"].as_str())
                    .unwrap_or_default()
                    .to_owned(),
            }
        });
        return Some(parts.collect());
    }
    let others = document["hasExtractedLicensingInfos"].as_array();
    let others: BTreeMap<String, String> = others
        .into_iter()
        .flatten()
        .map(|other| (text(&other["licenseId"]), text(&other["name"])))
        .collect();
    let packages = document["packages"].as_array()?.iter();
    let packages = packages.filter_map(|package| {
        let id = text(&package["SPDXID"]);
        let kind = kind(id.strip_prefix("SPDXRef-")?, '-');
        let licence = text(&package["licenseDeclared"]);
        let licence = others.get(&licence).cloned().unwrap_or(licence);
        let is_part = !matches!(kind.as_str(), "image" | "output");
        is_part.then(|| Part {
            kind,
            name: text(&package["name"]),
            version: text(&package["versionInfo"]),
            licence: if licence == "NOASSERTION" {
                String::new()
            } else {
                licence
            },
        })
    });
    Some(packages.collect())
}

fn kind(reference: &str, divider: char) -> String {
    let kind = reference.split(divider).next().unwrap_or_default();
    kind.to_owned()
}

/// What lies in the image itself.
fn found(subject: &Subject, store: &Store) -> BTreeSet<Part> {
    let installed = inspect::installed(&subject.tree, store).into_iter();
    let packages = installed.map(|package| Part {
        kind: "package".to_owned(),
        name: package.name,
        version: package.version,
        licence: package.licence,
    });
    let origins = subject.tree.iter().map(|(_, entry)| &entry.origin);
    let sources = origins.filter(|origin| origin.kind() == "source");
    let sources = sources.map(|origin| Part {
        kind: "source".to_owned(),
        name: origin.name().to_owned(),
        version: String::new(),
        licence: String::new(),
    });
    packages.chain(sources).collect()
}
