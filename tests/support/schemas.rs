//! The schemas of CycloneDX and SPDX, from tests/fixtures/schemas.

#![allow(unreachable_pub)]

use std::io::Read as _;

use serde_json::Value;

fn schema(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/schemas");
    let file = std::fs::File::open(format!("{folder}/{name}.schema.json.xz")).unwrap();
    let mut text = String::new();
    xz2::read::XzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What is wrong with a document by a schema: `bom-1.6` or `spdx-2.3`.
pub fn faults(name: &str, document: &Value) -> Vec<String> {
    let beside = [("spdx", "spdx"), ("jsf-0.82", "jsf-0.82")].map(|(file, at)| {
        let address = format!("http://cyclonedx.org/schema/{at}.SNAPSHOT.schema.json");
        (address, schema(file))
    });
    let mut registry = jsonschema::Registry::new();
    for (address, schema) in &beside {
        registry = registry.add(address.as_str(), schema).unwrap();
    }
    let registry = registry.prepare().unwrap();
    let validator = jsonschema::options()
        .with_registry(&registry)
        .should_validate_formats(true)
        .build(&schema(name))
        .unwrap();
    let errors = validator.iter_errors(document);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}
