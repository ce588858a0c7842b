//! Lists of flists in two images: what they say, and which of their files are not the same.

use std::collections::{BTreeMap, BTreeSet};

use crate::flist::{Block, Entry, Kind, List};
use crate::inspect::{self, ContentsReport, Opened};
use crate::tree::{Hasher, Store};

use super::super::facts::{Facts, FieldKind, Section, Thing};

/// The section's place and name.
const SECTION: (usize, &str) = (12, "flists");
/// The most files of a list that are told one by one.
const MOST: usize = 10_000;

/// Adds what the lists of an image say.
pub(super) fn add(facts: &mut Facts, contents: &ContentsReport) {
    let section = facts.section(SECTION.0, SECTION.1);
    for list in &contents.flists {
        let thing = section.thing(format!("flist {}", list.path));
        thing.say("entries", list.entries);
        thing.say("files", list.files);
        thing.set("content", FieldKind::Bytes, list.content);
        thing.set("blocks", FieldKind::Detail, list.blocks);
        thing.say("read from", list.routes.clone());
        for (name, value) in &list.tags {
            thing.say(name, value.as_str());
        }
    }
}

/// Adds the files that are not the same in lists which both images have.
pub(super) fn add_files(
    old: &Opened,
    new: &Opened,
    (before, after): (&mut Facts, &mut Facts),
    store: &Store,
    notes: &mut Vec<String>,
) {
    let readable = |image: &Opened| -> BTreeMap<String, List> {
        let lists = inspect::lists(&image.tree, store);
        let lists = lists.filter(|(path, _)| old.tree.get(path) != new.tree.get(path));
        lists
            .filter_map(|(path, list)| Some((path.to_string(), list.ok()?)))
            .collect()
    };
    let (old, new) = (readable(old), readable(new));
    for (path, one) in &old {
        let Some(other) = new.get(path) else { continue };
        let (one, other) = (files(one), files(other));
        let paths: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        let changed = paths
            .into_iter()
            .filter(|path| one.get(*path) != other.get(*path));
        let changed: Vec<&String> = changed.collect();
        if changed.len() > MOST {
            let more = changed.len() - MOST;
            notes.push(format!(
                "{more} further files of {path} are different and not listed"
            ));
        }
        for file in changed.into_iter().take(MOST) {
            for (files, facts) in [(&one, &mut *before), (&other, &mut *after)] {
                let section: &mut Section = facts.section(SECTION.0, SECTION.1);
                if let Some(file_facts) = files.get(file) {
                    file_facts.tell(section.thing(format!("{path}: {file}")));
                }
            }
        }
    }
}

/// What is compared of a file in a list.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    entry: Entry,
    content: String,
}

fn files(list: &List) -> BTreeMap<String, Listed> {
    let entries = list.entries().map(|(number, mut entry)| {
        // An epoch moves the times of all files, and is told by itself.
        entry.mtime = 0;
        let content = content(list.blocks(number));
        (entry.path.to_string(), Listed { entry, content })
    });
    entries.collect()
}

/// What tells one content from another: the keys of its blocks.
fn content(blocks: &[Block]) -> String {
    let mut hasher = Hasher::new();
    for block in blocks {
        hasher.update(&block.key);
    }
    hasher.finish().to_string()
}

impl Listed {
    fn tell(&self, thing: &mut Thing) {
        let entry = &self.entry;
        match &entry.kind {
            Kind::File { size } => {
                thing.set("content", FieldKind::Detail, self.content.as_str());
                thing.set("size", FieldKind::Bytes, *size);
                thing.say("type", "file");
            }
            Kind::Symlink { target } => {
                thing.say("target", target.escape_ascii().to_string());
                thing.say("type", "symlink");
            }
            Kind::Directory => thing.say("type", "directory"),
            Kind::CharDevice(_) | Kind::BlockDevice(_) => thing.say("type", "device"),
            Kind::Fifo => thing.say("type", "pipe"),
            Kind::Socket => thing.say("type", "socket"),
        }
        thing.say("mode", format!("{:04o}", entry.mode));
        thing.say("uid", entry.uid);
        thing.say("gid", entry.gid);
    }
}
