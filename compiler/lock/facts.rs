//! What a package holds, noted in the store beside it, so that a check need not unpack it.
//!
//! Comes in: a package as it is unpacked, when it is locked or built. Goes out, at any time later: its files as a tree, its
//! scripts' texts, and the names under which its busybox is known. A note may be gone, or its blobs may be; then nothing is
//! known of the package.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::apk::{ScriptKind, UnpackedPackage};
use crate::diagnostic::Diagnostic;
use crate::tree::{Digest, Node, Store, Tree};

/// Most names of a busybox; the largest has some 400.
const MOST_APPLETS: usize = 2000;

/// What a package holds.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// Its files.
    pub(super) tree: Tree,
    /// What is known beside them.
    pub(super) more: More,
}

/// What a package holds beside its files.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct More {
    /// The texts of the scripts that run when it is installed.
    pub(super) scripts: BTreeMap<ScriptKind, String>,
    /// Programs that its scripts link to its busybox: by path where it says so, else by name.
    pub(super) applets: Vec<String>,
}

/// Notes what a package holds.
pub fn note_facts(
    store: &Store,
    package: &Digest,
    unpacked: &UnpackedPackage,
) -> Result<(), Diagnostic> {
    let tree = unpacked.tree();
    let mut more = More::default();
    for (kind, digest) in &unpacked.scripts {
        if runs_at_installation(*kind) {
            let text = String::from_utf8_lossy(&store.get(digest)?).into_owned();
            more.scripts.insert(*kind, text);
        }
    }
    if more.scripts.values().any(|text| text.contains("--install")) {
        more.applets = applets(&tree, store)?;
    }
    let mut note = serde_json::to_vec(&more).expect("texts are always JSON");
    note.push(b'\n');
    note.extend(tree.encode());
    store.write_note(&name(package), &note)
}

/// What is known of a package.
pub(super) fn facts(store: &Store, package: &Digest) -> Option<Facts> {
    let note = store.note(&name(package))?;
    let end = note.iter().position(|byte| *byte == b'\n')?;
    let (more, tree) = note.split_at_checked(end)?;
    Some(Facts {
        tree: Tree::decode(tree).ok()?,
        more: serde_json::from_slice(more).ok()?,
    })
}

fn name(package: &Digest) -> Digest {
    Digest::of(format!("facts 1\n{package}").as_bytes())
}

fn runs_at_installation(kind: ScriptKind) -> bool {
    matches!(
        kind,
        ScriptKind::PreInstall | ScriptKind::PostInstall | ScriptKind::Trigger
    )
}

/// Names of the programs that `busybox --install` links: Alpine lists them in a file, and every busybox holds them.
fn applets(tree: &Tree, store: &Store) -> Result<Vec<String>, Diagnostic> {
    let mut listed = Vec::new();
    let mut held = Vec::new();
    for (path, entry) in tree.iter() {
        let Node::File { digest, .. } = &entry.node else {
            continue;
        };
        if path.as_str().starts_with("/etc/busybox-paths.d/") {
            let text = String::from_utf8_lossy(&store.get(digest)?).into_owned();
            let paths = text.lines().filter(|line| !line.trim().is_empty());
            listed.extend(paths.map(|line| format!("/{}", line.trim().trim_start_matches('/'))));
        } else if path.file_name().starts_with("busybox") && entry.mode & 0o111 != 0 {
            held.extend(names_inside(&store.get(digest)?));
        }
    }
    let mut all = if listed.is_empty() { held } else { listed };
    all.truncate(MOST_APPLETS);
    Ok(all)
}

/// The names that a busybox holds: sorted, each ended by NUL, `[` and `[[` first.
fn names_inside(program: &[u8]) -> Vec<String> {
    const START: &[u8] = b"\0[\0[[\0";
    let mut windows = program.windows(START.len());
    let Some(start) = windows.position(|window| window == START) else {
        return Vec::new();
    };
    let names = program.get(start + 1..).unwrap_or_default();
    let names = names.split(|byte| *byte == 0).take(MOST_APPLETS);
    let is_name =
        |name: &&[u8]| (1..=32).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic);
    names
        .take_while(is_name)
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_busybox_are_found_inside_it() {
        let program = b"\x7fELF\0junk\0[\0[[\0ash\0httpd\0\0other\0";
        assert_eq!(names_inside(program), ["[", "[[", "ash", "httpd"]);
        assert!(names_inside(b"nothing").is_empty());
    }
}
