//! The EFI program and the kernel of an image as facts.

use serde_json::Value;

use crate::efi::KernelFacts;
use crate::inspect::EfiReport;

use super::super::facts::{Facts, FieldKind, Thing};

/// Adds an EFI program.
pub(super) fn add(facts: &mut Facts, efi: &EfiReport) {
    let section = facts.section(1, "EFI program");
    let thing = section.thing("EFI program");
    thing.say("machine", efi.machine.as_str());
    thing.say("signed", efi.signed);
    if let Some(line) = &efi.command_line {
        let words: Vec<&str> = line.split_whitespace().collect();
        thing.say("command line", words);
    }
    thing.say_maybe("kernel release", efi.uname.as_deref());
    thing.say_maybe("PCR 11", efi.pcr11.map(|register| register.to_string()));
    if let Some(text) = &efi.os_release {
        settings(section.thing("os-release"), text);
    }
    for row in efi.sbat.iter().flat_map(|rows| rows.lines()) {
        let (component, rest) = row.split_once(',').unwrap_or((row, ""));
        let name = section.free_name(&format!("SBAT {component}"));
        section.thing(name).say("row", rest);
    }
    for (index, part) in efi.sections.iter().enumerate() {
        let name = section.free_name(&format!("section {}", part.name));
        let thing = section.thing(name);
        thing.set("size", FieldKind::Bytes, part.size);
        thing.set("offset", FieldKind::Detail, part.offset);
        thing.set("address", FieldKind::Detail, part.address);
        if let Some(digest) = efi.digests.get(index) {
            thing.set("content", FieldKind::Detail, digest.to_string());
        }
    }
    let section = facts.section(2, "signatures");
    for signature in &efi.signatures {
        let subject = signature.subject.as_deref().unwrap_or("nobody known");
        let name = section.free_name(&format!("signature by {subject}"));
        let thing = section.thing(name);
        thing.say_maybe("issuer", signature.issuer.as_deref());
        thing.say("digest matches", signature.digest_matches);
        thing.say("valid", signature.valid);
        if let Some(digest) = &signature.digest {
            thing.set("digest", FieldKind::Detail, digest.to_string());
        }
    }
}

/// Adds a kernel.
pub(super) fn add_kernel(facts: &mut Facts, kernel: &KernelFacts) {
    let thing = facts.section(3, "kernel").thing("kernel");
    let known = serde_json::to_value(kernel).unwrap_or_default();
    for (name, value) in known.as_object().into_iter().flatten() {
        if *value != Value::Null {
            thing.say(&name.replace('_', " "), value.clone());
        }
    }
}

/// Settings such as those of os-release: a name, `=`, and a value that may stand in quotes.
pub(super) fn settings(thing: &mut Thing, text: &str) {
    for line in text.lines() {
        if let Some((name, value)) = line.split_once('=') {
            thing.say(name, value.trim_matches('"'));
        }
    }
}
