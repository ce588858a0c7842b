//! SPDX 2.3.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::identifier::uuid;
use super::licence::{Licence, list_version};
use super::{Bill, Class, Component, Format};
use crate::tree::Digest;

const IMAGE: &str = "SPDXRef-image";
/// What is not said.
const NOTHING: &str = "NOASSERTION";

/// The document of a bill.
pub(super) fn document(bill: &Bill) -> Value {
    let name = [bill.name.as_str(), &bill.version];
    let name = name.iter().filter(|part| !part.is_empty());
    let name = name.copied().collect::<Vec<_>>().join("-");
    let names = Names::of(bill);
    let mut licences = BTreeMap::new();
    let mut packages = vec![image(bill)];
    packages.extend(
        bill.outputs
            .iter()
            .map(|output| file(&names, &output.name, output.sha256)),
    );
    for (reference, component) in &bill.components {
        let id = names.component(reference);
        packages.push(package(id, component, &mut licences));
    }
    let mut document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": format!("https://spdx.org/spdxdocs/{}-{}", plain(&name), uuid(bill, Format::Spdx)),
        "creationInfo": {
            "created": bill.time(),
            "creators": [format!("Tool: zosc-{}", bill.zosc)],
            // The list calls itself by two numbers.
            "licenseListVersion": list_version().splitn(3, '.').take(2).collect::<Vec<_>>().join("."),
        },
        "packages": packages,
    });
    if !licences.is_empty() {
        let others = licences.iter().map(|(id, text)| {
            json!({ "licenseId": id, "name": text, "extractedText": text, "comment": "the licence in the component's own words" })
        });
        document["hasExtractedLicensingInfos"] = others.collect();
    }
    document["relationships"] = relationships(bill, &names);
    document
}

/// The identifiers of everything in a document.
struct Names<'a> {
    components: BTreeMap<&'a str, String>,
    outputs: BTreeMap<&'a str, String>,
}

impl<'a> Names<'a> {
    fn of(bill: &'a Bill) -> Self {
        let mut taken = BTreeSet::from([IMAGE.to_owned(), "SPDXRef-DOCUMENT".to_owned()]);
        let mut name = |text: &str| {
            let plain = format!("SPDXRef-{}", plain(text));
            let further = (2..).map(|number| format!("{plain}-{number}"));
            let mut free = [plain.clone()].into_iter().chain(further);
            let free = free.find(|name| taken.insert(name.clone()));
            free.expect("numbers do not end")
        };
        let outputs = bill.outputs.iter();
        let outputs = outputs.map(|output| {
            let name = name(&format!("output-{}", output.name));
            (output.name.as_str(), name)
        });
        let outputs = outputs.collect();
        let components = bill.components.keys();
        let components = components.map(|reference| (reference.as_str(), name(reference)));
        Self {
            components: components.collect(),
            outputs,
        }
    }

    fn component(&self, reference: &str) -> &str {
        self.components
            .get(reference)
            .map_or(NOTHING, String::as_str)
    }

    fn output(&self, name: &str) -> &str {
        self.outputs.get(name).map_or(NOTHING, String::as_str)
    }
}

/// Letters, digits, dots and hyphens alone.
fn plain(text: &str) -> String {
    let sound = |character: char| character.is_ascii_alphanumeric() || character == '.';
    text.chars()
        .map(|character| if sound(character) { character } else { '-' })
        .collect()
}

/// What every package must say, and what is said of all alike.
fn base(id: &str, name: &str, version: &str, purpose: &str) -> Map<String, Value> {
    let mut package = Map::new();
    package.insert("SPDXID".into(), json!(id));
    package.insert("name".into(), json!(name));
    if !version.is_empty() {
        package.insert("versionInfo".into(), json!(version));
    }
    package.insert("downloadLocation".into(), json!(NOTHING));
    package.insert("filesAnalyzed".into(), json!(false));
    package.insert("primaryPackagePurpose".into(), json!(purpose));
    package.insert("licenseConcluded".into(), json!(NOTHING));
    package.insert("licenseDeclared".into(), json!(NOTHING));
    package.insert("copyrightText".into(), json!(NOTHING));
    package
}

fn checksums(digest: &Digest) -> Value {
    json!([{ "algorithm": "SHA256", "checksumValue": digest.to_string() }])
}

fn image(bill: &Bill) -> Value {
    let mut image = base(IMAGE, &bill.name, &bill.version, "OPERATING_SYSTEM");
    if bill.title != bill.name {
        image.insert("summary".into(), json!(bill.title));
    }
    let mut comment = format!("arch: {}", bill.arch);
    if let Some(id) = &bill.build_id {
        image.insert("checksums".into(), checksums(id));
        comment.push_str(&format!("\nbuild-id: {id}"));
    }
    image.insert("comment".into(), json!(comment));
    Value::Object(image)
}

fn file(names: &Names<'_>, name: &str, sha256: Digest) -> Value {
    let mut file = base(names.output(name), name, "", "FILE");
    file.insert("checksums".into(), checksums(&sha256));
    Value::Object(file)
}

fn package(id: &str, component: &Component, licences: &mut BTreeMap<String, String>) -> Value {
    let purpose = purpose(component.class);
    let mut package = base(id, &component.name, &component.version, purpose);
    let mut set = |key: &str, value: Value| {
        package.insert(key.to_owned(), value);
    };
    if let Some((name, address)) = component.maintained_by() {
        let address = address.map_or_else(String::new, |address| format!(" ({address})"));
        set("supplier", json!(format!("Person: {name}{address}")));
    }
    if let Some(place) = place(component) {
        set("downloadLocation", json!(place));
    }
    if let Some(digest) = &component.sha256 {
        set("checksums", checksums(digest));
    }
    if let Some(homepage) = &component.homepage {
        set("homepage", json!(homepage));
    }
    if !component.summary.is_empty() {
        set("summary", json!(component.summary));
    }
    match Licence::of(&component.licence) {
        Licence::Unknown => {}
        Licence::Expression(text) => set("licenseDeclared", json!(text)),
        Licence::Other(text) => {
            let id = format!("LicenseRef-{}", Digest::of(text.as_bytes()).short());
            set("licenseDeclared", json!(id));
            licences.insert(id, text);
        }
    }
    let facts = component.facts.iter();
    let facts: Vec<String> = facts
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    if !facts.is_empty() {
        set("comment", json!(facts.join("\n")));
    }
    let mut references = Vec::new();
    if let Some(cpe) = &component.cpe {
        references.push(json!({
            "referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": cpe,
        }));
    }
    if let Some(purl) = &component.purl {
        references.push(json!({
            "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl,
        }));
    }
    if !references.is_empty() {
        set("externalRefs", Value::Array(references));
    }
    Value::Object(package)
}

fn purpose(class: Class) -> &'static str {
    match class {
        Class::Library => "LIBRARY",
        Class::Application => "APPLICATION",
        Class::OperatingSystem => "OPERATING_SYSTEM",
        Class::Firmware => "FIRMWARE",
        Class::Container => "CONTAINER",
        Class::File => "FILE",
    }
}

/// Where a component's files come from: a download, or a commit.
fn place(component: &Component) -> Option<String> {
    if let Some(url) = &component.download {
        return Some(url.clone());
    }
    let (url, commit) = component.commit.as_ref()?;
    let is_web = url.starts_with("https://") || url.starts_with("ssh://");
    is_web.then(|| format!("git+{url}@{commit}"))
}

fn relationships(bill: &Bill, names: &Names<'_>) -> Value {
    let relation = |one: &str, kind: &str, other: &str| {
        json!({
            "spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other,
        })
    };
    let mut all = vec![relation("SPDXRef-DOCUMENT", "DESCRIBES", IMAGE)];
    for output in &bill.outputs {
        all.push(relation(
            names.output(&output.name),
            "GENERATED_FROM",
            IMAGE,
        ));
    }
    for root in bill.roots() {
        all.push(relation(IMAGE, "DEPENDS_ON", names.component(root)));
    }
    let others = bill.components.values();
    let used: BTreeSet<&String> = others
        .flat_map(|other| {
            let tools = other.needs.iter().chain(&other.built_with);
            tools.chain(&other.patches)
        })
        .collect();
    for (reference, component) in &bill.components {
        let own = names.component(reference);
        if !component.only_builds {
            all.push(relation(IMAGE, "CONTAINS", own));
        } else if !used.contains(reference) {
            all.push(relation(own, "BUILD_TOOL_OF", IMAGE));
        }
        for need in &component.needs {
            all.push(relation(own, "DEPENDS_ON", names.component(need)));
        }
        for tool in &component.built_with {
            all.push(relation(names.component(tool), "BUILD_TOOL_OF", own));
        }
        for patch in &component.patches {
            all.push(relation(names.component(patch), "PATCH_FOR", own));
        }
    }
    Value::Array(all)
}
