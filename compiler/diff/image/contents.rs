//! What an initramfs holds, as facts: segments, packages, modules, units and sizes. Files are compared by themselves.

use std::collections::BTreeMap;

use crate::inspect::{self, ContentsReport, Opened};
use crate::tree::{Node, Store, Tree};

use super::super::facts::{Facts, FieldKind, Section};

/// The longest list of modules that is read.
const LONGEST: u64 = 1 << 20;

/// Adds what an initramfs holds.
pub(super) fn add(facts: &mut Facts, image: &Opened, contents: &ContentsReport, store: &Store) {
    let thing = facts.section(4, "initramfs").thing("initramfs");
    thing.say("entries", contents.entries);
    thing.say("files", contents.files);
    thing.set("content", FieldKind::Bytes, contents.content);
    thing.say_maybe("init", contents.init.as_deref());
    if !contents.remarks.is_empty() {
        thing.say("remarks", contents.remarks.clone());
    }
    let section = facts.section(6, "packages");
    for package in inspect::installed(&image.tree, store) {
        let name = section.free_name(&format!("package {}", package.name));
        let thing = section.thing(name);
        thing.set("version", FieldKind::Version, package.version);
        thing.set("installed size", FieldKind::Bytes, package.installed_size);
    }
    let section = facts.section(7, "modules");
    for module in &contents.modules {
        let name = section.free_name(&format!("module {}", module.name));
        let thing = section.thing(name);
        thing.say("release", module.release.as_str());
        thing.set("size", FieldKind::Bytes, module.size);
        let lists = [
            ("firmware", &module.firmware),
            ("missing firmware", &module.missing_firmware),
        ];
        for (name, list) in lists {
            if !list.is_empty() {
                thing.say(name, list.clone());
            }
        }
    }
    module_lists(facts.section(8, "module lists"), &image.tree, store);
    units(facts.section(9, "units"), contents);
    sizes(facts.section(11, "sizes"), contents);
}

/// Adds the archives of an initramfs.
pub(super) fn segments(section: &mut Section, contents: &ContentsReport) {
    for (index, segment) in contents.segments.iter().enumerate() {
        let thing = section.thing(format!("segment {:02}", index + 1));
        thing.say("compression", segment.algorithm.name());
        thing.say("entries", segment.entries);
        thing.set("stored", FieldKind::Bytes, segment.stored);
        thing.set("unpacked", FieldKind::Bytes, segment.unpacked);
    }
}

/// The lists of modules that are loaded at boot, in their order.
fn module_lists(section: &mut Section, tree: &Tree, store: &Store) {
    for (path, entry) in tree.iter() {
        let name = path.as_str().strip_prefix("/etc/zosc/");
        let Some(name) = name.and_then(|name| name.strip_suffix(".modules")) else {
            continue;
        };
        let Node::File { digest, size } = entry.node else {
            continue;
        };
        let Some(bytes) = (size <= LONGEST).then(|| store.get(&digest).ok()).flatten() else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().map(str::trim);
        let mut order = Vec::new();
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let thing = section.free_name(&format!("{name} {line}"));
            section.thing(&thing);
            order.push(thing);
        }
        section.orders.insert(name.to_owned(), order);
    }
}

fn units(section: &mut Section, contents: &ContentsReport) {
    for unit in &contents.units {
        let name = section.free_name(&format!("unit {}", unit.name));
        let thing = section.thing(name);
        thing.say("dialect", unit.dialect);
        thing.say_maybe("kind", unit.kind);
        thing.say_maybe("command", unit.command.as_deref());
        if let Some(wave) = unit.wave {
            thing.set("wave", FieldKind::Detail, wave);
        }
        for (name, list) in [("requires", &unit.requires), ("after", &unit.after)] {
            if !list.is_empty() {
                thing.say(name, list.clone());
            }
        }
    }
}

/// Bytes by kind of origin and by origin, packages without their versions.
fn sizes(section: &mut Section, contents: &ContentsReport) {
    let mut shares: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for share in &contents.sizes.origins {
        let both = shares.entry(without_version(&share.name)).or_default();
        both.0 += share.files;
        both.1 += share.content;
    }
    for share in &contents.sizes.kinds {
        let name = format!("all of kind {}", share.name);
        shares.insert(name, (share.files, share.content));
    }
    for (name, (files, content)) in shares {
        let thing = section.thing(name);
        thing.set("files", FieldKind::Plain, files);
        thing.set("content", FieldKind::Bytes, content);
    }
}

/// `package busybox` of `package busybox-1.36.1-r15`; other origins stay as they are.
fn without_version(origin: &str) -> String {
    let package = origin.strip_prefix("package ");
    let name = package.and_then(|full| full.rsplitn(3, '-').nth(2));
    name.map_or_else(|| origin.to_owned(), |name| format!("package {name}"))
}
