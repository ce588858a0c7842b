//! CycloneDX 1.6.

use serde_json::{Map, Value, json};

use super::identifier::uuid;
use super::licence::Licence;
use super::{Bill, Class, Component, Format, purl};

/// The reference of the image itself.
const IMAGE: &str = "image";

/// The document of a bill.
pub(super) fn document(bill: &Bill) -> Value {
    let components = bill.components.iter();
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", uuid(bill, Format::Cyclonedx)),
        "version": 1,
        "metadata": {
            "timestamp": bill.time(),
            "lifecycles": [{ "phase": if bill.build_id.is_some() { "build" } else { "pre-build" } }],
            "tools": { "components": [{ "type": "application", "name": "zosc", "version": bill.zosc }] },
            "component": image(bill),
        },
        "components": components.map(|(reference, component)| entry(reference, component)).collect::<Vec<_>>(),
        "dependencies": dependencies(bill),
    })
}

/// The image, with the files that it was written to.
fn image(bill: &Bill) -> Value {
    let mut image = Map::new();
    image.insert("type".into(), json!("operating-system"));
    image.insert("bom-ref".into(), json!(IMAGE));
    image.insert("name".into(), json!(bill.name));
    if !bill.version.is_empty() {
        image.insert("version".into(), json!(bill.version));
    }
    if bill.title != bill.name {
        image.insert("description".into(), json!(bill.title));
    }
    if let Some(id) = bill.build_id {
        image.insert("hashes".into(), hashes(&id));
    }
    let arch = property("zosc:arch", &bill.arch);
    let id = bill
        .build_id
        .map(|id| property("zosc:build-id", &id.to_string()));
    image.insert(
        "properties".into(),
        [arch].into_iter().chain(id).collect::<Value>(),
    );
    let files = bill.outputs.iter().map(|output| {
        json!({
            "type": "file", "bom-ref": format!("output/{}", output.name), "name": output.name, "hashes": hashes(&output.sha256),
        })
    });
    if !bill.outputs.is_empty() {
        image.insert("components".into(), files.collect::<Value>());
    }
    Value::Object(image)
}

fn entry(reference: &str, component: &Component) -> Value {
    let mut entry = Map::new();
    let mut set = |key: &str, value: Value| {
        entry.insert(key.to_owned(), value);
    };
    set("type", json!(kind(component.class)));
    set("bom-ref", json!(reference));
    if let Some((name, address)) = component.maintained_by() {
        let mut contact = json!({ "name": name });
        if let Some(address) = address {
            contact["email"] = json!(address);
        }
        set("supplier", json!({ "name": name, "contact": [contact] }));
    }
    set("name", json!(component.name));
    if !component.version.is_empty() {
        set("version", json!(component.version));
    }
    if !component.summary.is_empty() {
        set("description", json!(component.summary));
    }
    let scope = if component.only_builds {
        "excluded"
    } else {
        "required"
    };
    set("scope", json!(scope));
    if let Some(digest) = &component.sha256 {
        set("hashes", hashes(digest));
    }
    match Licence::of(&component.licence) {
        Licence::Unknown => {}
        Licence::Expression(text) => set("licenses", json!([{ "expression": text }])),
        Licence::Other(text) => set("licenses", json!([{ "license": { "name": text } }])),
    }
    for (key, value) in [("cpe", &component.cpe), ("purl", &component.purl)] {
        if let Some(value) = value {
            set(key, json!(value));
        }
    }
    let pedigree = pedigree(component);
    if !pedigree.is_empty() {
        set("pedigree", Value::Object(pedigree));
    }
    let links = links(component);
    if !links.is_empty() {
        set("externalReferences", Value::Array(links));
    }
    if !component.facts.is_empty() {
        let facts = component.facts.iter();
        let facts = facts.map(|(name, value)| property(&format!("zosc:{name}"), value));
        set("properties", facts.collect());
    }
    Value::Object(entry)
}

fn kind(class: Class) -> &'static str {
    match class {
        Class::Library => "library",
        Class::Application => "application",
        Class::OperatingSystem => "operating-system",
        Class::Firmware => "firmware",
        Class::Container => "container",
        Class::File => "file",
    }
}

fn hashes(digest: &crate::tree::Digest) -> Value {
    json!([{ "alg": "SHA-256", "content": digest.to_string() }])
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

/// The commit that it is from, and the patches over it.
fn pedigree(component: &Component) -> Map<String, Value> {
    let mut pedigree = Map::new();
    if let Some((url, commit)) = &component.commit {
        pedigree.insert("commits".into(), json!([{ "uid": commit, "url": url }]));
    }
    if !component.patches.is_empty() {
        let patches = component.patches.iter();
        let patches =
            patches.map(|patch| json!({ "type": "unofficial", "diff": { "url": address(patch) } }));
        pedigree.insert("patches".into(), patches.collect());
    }
    pedigree
}

/// A reference as a relative address.
fn address(reference: &str) -> String {
    let parts = reference.split('/').map(purl::encoded);
    parts.collect::<Vec<_>>().join("/")
}

fn links(component: &Component) -> Vec<Value> {
    let mut links = Vec::new();
    if let Some(url) = &component.homepage {
        links.push(json!({ "type": "website", "url": url }));
    }
    if let Some((url, _)) = &component.commit {
        links.push(json!({ "type": "vcs", "url": url }));
    }
    if let Some(url) = &component.download {
        let mut link = json!({ "type": "distribution", "url": url });
        if let Some(digest) = &component.sha256 {
            link["hashes"] = hashes(digest);
        }
        links.push(link);
    }
    links
}

/// What hangs on what.
fn dependencies(bill: &Bill) -> Vec<Value> {
    let node = |reference: &str, on: Vec<&str>| {
        let mut node = json!({ "ref": reference });
        if !on.is_empty() {
            node["dependsOn"] = json!(on);
        }
        node
    };
    let image = node(IMAGE, bill.roots().into_iter().collect());
    let others = bill.components.iter().map(|(reference, component)| {
        let needs = component.needs.iter().map(String::as_str);
        node(reference, needs.collect())
    });
    [image].into_iter().chain(others).collect()
}
