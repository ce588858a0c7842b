//! Both forms say what the bill says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;

fn component(name: &str, needs: &[&str]) -> Component {
    Component {
        name: name.to_owned(),
        version: "1".to_owned(),
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        ..Component::default()
    }
}

fn bill() -> Bill {
    let mut bill = Bill {
        name: "site".into(),
        version: "2.0".into(),
        title: "The Site".into(),
        arch: "x86_64".into(),
        epoch: 1_700_000_000,
        zosc: "0.1.0".into(),
        build_id: Some(Digest::of(b"image")),
        outputs: vec![OutputFile {
            name: "site.efi".into(),
            sha256: Digest::of(b"efi"),
        }],
        ..Bill::default()
    };
    let mut agent = Component {
        class: Class::Application,
        licence: "its own".into(),
        maintainer: "A. N. Other <a@m.example>".into(),
        commit: Some(("https://m.example/agent".into(), "0123".into())),
        patches: vec!["patch/agent/fix.patch".into()],
        built_with: BTreeSet::from(["toolchain/c".to_owned()]),
        ..component("agent", &["package/musl-1"])
    };
    agent.fact("path", "/usr/bin/agent");
    agent.fact("nothing", "");
    bill.add("source/agent", agent);
    let musl = Component {
        licence: "MIT".into(),
        sha256: Some(Digest::of(b"musl")),
        download: Some("https://m.example/musl.apk".into()),
        purl: Some("pkg:apk/alpine/musl@1".into()),
        ..component("musl", &[])
    };
    bill.add("package/musl-1", musl);
    for name in ["toolchain/c", "patch/agent/fix.patch"] {
        let tool = Component {
            only_builds: true,
            ..component(name, &[])
        };
        bill.add(name, tool);
    }
    bill
}

fn read(bill: &Bill, format: Format) -> Value {
    serde_json::from_str(&document(bill, format)).expect("is JSON")
}

#[test]
fn cyclonedx_says_it() {
    let document = read(&bill(), Format::Cyclonedx);
    let root = &document["metadata"]["component"];
    assert_eq!(root["components"][0]["name"], "site.efi");
    assert_eq!(
        root["hashes"][0]["content"],
        Digest::of(b"image").to_string()
    );
    assert_eq!(document["metadata"]["timestamp"], "2023-11-14T22:13:20Z");
    let components: BTreeMap<&str, &Value> = document["components"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| (entry["bom-ref"].as_str().expect("a text"), entry))
        .collect();
    let agent = components["source/agent"];
    assert_eq!(agent["licenses"], json!([{"license": {"name": "its own"}}]));
    assert_eq!(agent["supplier"]["contact"][0]["email"], "a@m.example");
    assert_eq!(agent["pedigree"]["commits"][0]["uid"], "0123");
    assert_eq!(
        agent["properties"],
        json!([{"name": "zosc:path", "value": "/usr/bin/agent"}])
    );
    assert_eq!(components["package/musl-1"]["scope"], "required");
    assert_eq!(components["toolchain/c"]["scope"], "excluded");
    assert_eq!(
        document["dependencies"][0],
        json!({"ref": "image", "dependsOn": ["source/agent"]})
    );
}

#[test]
fn spdx_says_it() {
    let document = read(&bill(), Format::Spdx);
    let relations: Vec<String> = document["relationships"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|relation| {
            ["spdxElementId", "relationshipType", "relatedSpdxElement"]
                .map(|key| {
                    let text = relation[key].as_str().unwrap_or("?");
                    text.trim_start_matches("SPDXRef-").to_owned()
                })
                .join(" ")
        })
        .collect();
    for relation in [
        "DOCUMENT DESCRIBES image",
        "output-site.efi GENERATED_FROM image",
        "image CONTAINS package-musl-1",
        "source-agent DEPENDS_ON package-musl-1",
        "toolchain-c BUILD_TOOL_OF source-agent",
        "patch-agent-fix.patch PATCH_FOR source-agent",
    ] {
        assert!(
            relations.iter().any(|found| found == relation),
            "{relation}: {relations:#?}"
        );
    }
    assert!(!relations.contains(&"image CONTAINS toolchain-c".to_owned()));
    let text = document.to_string();
    assert!(text.contains("git+https://m.example/agent@0123"), "{text}");
    let other = &document["hasExtractedLicensingInfos"][0];
    assert_eq!(other["extractedText"], "its own");
}

#[test]
fn one_bill_has_one_identifier_and_another_has_another() {
    let serial = |bill: &Bill| read(bill, Format::Cyclonedx)["serialNumber"].clone();
    let namespace = |bill: &Bill| read(bill, Format::Spdx)["documentNamespace"].clone();
    let (one, mut other) = (bill(), bill());
    assert_eq!(document(&one, Format::Spdx), document(&other, Format::Spdx));
    other.build_id = Some(Digest::of(b"another"));
    assert_ne!(serial(&one), serial(&other));
    assert_ne!(namespace(&one), namespace(&other));
    let uuid = serial(&one).as_str().expect("a text").to_owned();
    // The version and the variant, where RFC 9562 has them.
    assert_eq!(uuid.as_bytes()["urn:uuid:".len() + 14], b'8', "{uuid}");
    assert!(
        b"89ab".contains(&uuid.as_bytes()["urn:uuid:".len() + 19]),
        "{uuid}"
    );
}

#[test]
fn everything_hangs_on_the_image_even_in_a_ring() {
    let mut bill = Bill::default();
    for (name, needs) in [("a", ["b"]), ("b", ["a"]), ("c", ["a"])] {
        bill.add(name, component(name, &needs));
    }
    assert_eq!(bill.roots(), BTreeSet::from(["c"]));
    bill.components.remove("c");
    assert_eq!(bill.roots(), BTreeSet::from(["a"]));
}

#[test]
fn two_things_of_one_name_are_two() {
    let mut bill = Bill::default();
    let made = |content: &[u8]| Component {
        sha256: Some(Digest::of(content)),
        only_builds: content == b"tool",
        ..component("x", &[])
    };
    assert_eq!(bill.add("x", made(b"tool")), "x");
    let second = bill.add("x", made(b"other"));
    assert!(second.starts_with("x#"), "{second}");
    // A tool that is in the image as well is no longer a tool alone.
    let shipped = Component {
        only_builds: false,
        ..made(b"tool")
    };
    assert_eq!(bill.add("x", shipped), "x");
    assert!(!bill.components["x"].only_builds);
}

#[test]
fn maintainers_are_names_with_addresses_or_without() {
    let by = |text: &str| {
        let component = Component {
            maintainer: text.to_owned(),
            ..Component::default()
        };
        let by = component.maintained_by();
        by.map(|(name, address)| (name.to_owned(), address.map(str::to_owned)))
    };
    let pair =
        |name: &str, address: Option<&str>| Some((name.to_owned(), address.map(str::to_owned)));
    assert_eq!(by("A B <a@b.example>"), pair("A B", Some("a@b.example")));
    assert_eq!(
        by("<a@b.example>"),
        pair("a@b.example", Some("a@b.example"))
    );
    assert_eq!(by("A <not an address>"), pair("A", None));
    assert_eq!(by(" "), None);
}
