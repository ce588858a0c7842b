//! Files that are not the same in two images, and what their contents tell.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::elf;
use crate::inspect::Opened;
use crate::kmod;
use crate::tree::{Digest, Entry, Hasher, ImagePath, Node, Store, Tree};

use super::super::difference::{Change, ChangeKind, FieldChange, SectionDifference};
use super::super::facts::{Facts, FieldKind, Thing};

/// The section's place and name.
const SECTION: (usize, &str) = (10, "files");
/// The most files that are told one by one.
const MOST: usize = 50_000;
/// The largest program or module that is looked into, and the bytes of all of them.
const LARGEST: u64 = 64 << 20;
const ALL: u64 = 1 << 30;

/// Adds the files that are not the same to both sides.
pub(super) fn add(
    old: &Opened,
    new: &Opened,
    before: &mut Facts,
    after: &mut Facts,
    notes: &mut Vec<String>,
) {
    // An image without archives has no files to compare with.
    if old.report.initramfs.is_none() || new.report.initramfs.is_none() {
        return;
    }
    let paths = different(&old.tree, &new.tree);
    if paths.len() > MOST {
        let more = paths.len() - MOST;
        notes.push(format!("{more} further files are different and not listed"));
    }
    for path in paths.into_iter().take(MOST) {
        for (tree, facts) in [(&old.tree, &mut *before), (&new.tree, &mut *after)] {
            if let Some(entry) = tree.get(path) {
                let section = facts.section(SECTION.0, SECTION.1);
                entry_facts(section.thing(path.as_str()), entry);
            }
        }
    }
    for (tree, other, facts) in [
        (&old.tree, &new.tree, &mut *before),
        (&new.tree, &old.tree, &mut *after),
    ] {
        times(facts, tree, other);
    }
}

/// Paths at which the trees are not the same, times and origins aside.
fn different<'a>(old: &'a Tree, new: &'a Tree) -> Vec<&'a ImagePath> {
    let paths: BTreeSet<&ImagePath> = old.iter().chain(new.iter()).map(|(path, _)| path).collect();
    let same = |path: &&ImagePath| match (old.get(path), new.get(path)) {
        (Some(one), Some(other)) => {
            let facts = |entry: &Entry| (entry.mode, entry.uid, entry.gid);
            one.node == other.node && facts(one) == facts(other) && one.xattrs == other.xattrs
        }
        _ => false,
    };
    paths.into_iter().filter(|path| !same(path)).collect()
}

fn entry_facts(thing: &mut Thing, entry: &Entry) {
    let kind = match &entry.node {
        Node::File { digest, size } => {
            // What others may not read is not shown line by line either.
            let kind = if entry.mode & 0o004 == 0 {
                FieldKind::Detail
            } else {
                FieldKind::Content
            };
            thing.set("content", kind, digest.to_string());
            thing.set("size", FieldKind::Bytes, *size);
            "file"
        }
        Node::Directory => "directory",
        Node::Symlink { target } => {
            thing.say("target", target.as_str());
            "symlink"
        }
        Node::Hardlink { to } => {
            thing.say("same file as", to.as_str());
            "hard link"
        }
        Node::CharDevice { major, minor } => {
            thing.say("device", format!("{major}, {minor}"));
            "character device"
        }
        Node::BlockDevice { major, minor } => {
            thing.say("device", format!("{major}, {minor}"));
            "block device"
        }
        Node::Fifo => "pipe",
    };
    thing.say("type", kind);
    thing.say("mode", format!("{:04o}", entry.mode));
    thing.say("uid", entry.uid);
    thing.say("gid", entry.gid);
    for (name, value) in &entry.xattrs {
        let value = value.escape_ascii().to_string();
        thing.say(&format!("attribute {name}"), value);
    }
    let origin = entry.origin.as_str();
    if origin != "unknown" {
        thing.set("from", FieldKind::Note, origin);
    }
}

/// The time stamps of what both images have, as one fact: an epoch moves all of them.
fn times(facts: &mut Facts, tree: &Tree, other: &Tree) {
    let mut hasher = Hasher::new();
    let mut latest = 0;
    for (path, entry) in tree.iter().filter(|(path, _)| other.contains(path)) {
        hasher.update(format!("{path}\n{}\n", entry.mtime).as_bytes());
        latest = latest.max(entry.mtime);
    }
    let section = facts.section(SECTION.0, SECTION.1);
    let thing = section.thing("time stamps");
    thing.say("latest", super::super::time(latest));
    thing.set("all", FieldKind::Detail, hasher.finish().to_string());
}

/// Adds what the contents of changed programs and modules tell.
pub(super) fn look_into(
    sections: &mut [SectionDifference],
    store: &Store,
    notes: &mut Vec<String>,
) {
    let files = sections
        .iter_mut()
        .filter(|section| section.section == SECTION.1);
    let mut left = ALL;
    let mut passed_over = 0;
    for change in files.flat_map(|section| &mut section.changes) {
        let Some((before, after)) = contents(change) else {
            continue;
        };
        let sizes = super::super::size_of(store, &before).zip(super::super::size_of(store, &after));
        let Some(size) = sizes.and_then(|(before, after)| before.checked_add(after)) else {
            continue;
        };
        if size > LARGEST || size > left {
            passed_over += 1;
            continue;
        }
        left -= size;
        if let (Ok(before), Ok(after)) = (store.get(&before), store.get(&after)) {
            let path = change.what.clone();
            compare(
                &mut change.fields,
                &facts_of(&path, &before),
                &facts_of(&path, &after),
            );
        }
    }
    if passed_over > 0 {
        notes.push(format!("{passed_over} files were too large to look into"));
    }
}

/// The contents of a file that has another than before.
fn contents(change: &Change) -> Option<(Digest, Digest)> {
    if change.change != ChangeKind::Changed {
        return None;
    }
    let field = change
        .fields
        .iter()
        .find(|field| field.field == "content")?;
    let digest = |value: &Option<Value>| value.as_ref()?.as_str()?.parse().ok();
    Some((digest(&field.before)?, digest(&field.after)?))
}

/// What a program or module says about itself; nothing of other files.
fn facts_of(path: &str, bytes: &[u8]) -> Thing {
    let mut thing = Thing::default();
    if path.contains(".ko")
        && let Ok(facts) = kmod::ModuleFacts::read(path, bytes)
    {
        for key in ["vermagic", "version", "srcversion", "license", "intree"] {
            thing.say_maybe(&format!("module {key}"), facts.values(key).next());
        }
        thing.say("module depends", facts.depends());
        let signed = kmod::open(path, bytes).is_ok_and(|opened| opened.signed);
        thing.say("module signed", signed);
        return thing;
    }
    let Ok(facts) = elf::inspect(path, bytes) else {
        return thing;
    };
    let word = |value: Result<Value, _>| value.unwrap_or_default();
    thing.say("ELF machine", facts.machine.as_str());
    thing.say("ELF kind", word(serde_json::to_value(facts.kind)));
    thing.say("ELF needs", facts.needed.clone());
    thing.say_maybe("ELF interpreter", facts.interpreter.as_deref());
    thing.say_maybe("ELF name", facts.name.as_deref());
    thing.say("ELF run path", facts.run_paths.clone());
    thing.say("ELF position-independent", facts.position_independent);
    thing.say("ELF stripped", facts.stripped);
    thing.say("ELF debugging information", facts.debug);
    thing
}

/// Adds the facts that are different.
fn compare(fields: &mut Vec<FieldChange>, before: &Thing, after: &Thing) {
    let names: BTreeSet<&String> = before.fields.keys().chain(after.fields.keys()).collect();
    for name in names {
        let value = |thing: &Thing| thing.fields.get(name).map(|field| field.value.clone());
        let (before, after) = (value(before), value(after));
        if before != after {
            fields.push(FieldChange {
                field: name.clone(),
                before,
                after,
                old: None,
                new: None,
                kind: FieldKind::Plain,
            });
        }
    }
}
