//! What a package holds, as far as a check wants to know it, from what was unpacked when it was locked or built.
//!
//! Comes in: the digest of a package's file. Goes out: its files as a tree, its scripts' texts, and the names under which
//! its busybox is known. Where it was not unpacked, or its contents are gone, nothing is known of the package.

use crate::apk::ScriptKind;
use crate::tree::{Digest, Node, Store, Tree};

use super::unpacked::unpacked;

/// Most names of a busybox; the largest has some 400.
const MOST_APPLETS: usize = 2000;

/// What a package holds.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// Its files.
    pub(super) tree: Tree,
    /// The texts of the scripts that run when it is installed.
    pub(super) scripts: Vec<String>,
    /// Programs that its scripts link to its busybox: by path where it says so, else by name.
    pub(super) applets: Vec<String>,
}

/// What is known of a package.
pub(super) fn facts(store: &Store, package: &Digest) -> Option<Facts> {
    let (unpacked, _) = unpacked(store, package)?;
    let tree = unpacked.tree();
    let mut scripts = Vec::new();
    for (kind, digest) in &unpacked.scripts {
        if runs_at_installation(*kind) {
            let text = store.get(digest).ok()?;
            scripts.push(String::from_utf8_lossy(&text).into_owned());
        }
    }
    let mut applets = Vec::new();
    if scripts.iter().any(|text| text.contains("--install")) {
        applets = names_of_programs(&tree, store)?;
    }
    Some(Facts {
        tree,
        scripts,
        applets,
    })
}

fn runs_at_installation(kind: ScriptKind) -> bool {
    matches!(
        kind,
        ScriptKind::PreInstall | ScriptKind::PostInstall | ScriptKind::Trigger
    )
}

/// Names of the programs that `busybox --install` links: Alpine lists them in a file, and every busybox holds them.
fn names_of_programs(tree: &Tree, store: &Store) -> Option<Vec<String>> {
    let mut listed = Vec::new();
    let mut held = Vec::new();
    for (path, entry) in tree.iter() {
        let Node::File { digest, .. } = &entry.node else {
            continue;
        };
        if path.as_str().starts_with("/etc/busybox-paths.d/") {
            let text = String::from_utf8_lossy(&store.get(digest).ok()?).into_owned();
            let paths = text.lines().filter(|line| !line.trim().is_empty());
            listed.extend(paths.map(|line| format!("/{}", line.trim().trim_start_matches('/'))));
        } else if path.file_name().starts_with("busybox") && entry.mode & 0o111 != 0 {
            held.extend(names_inside(&store.get(digest).ok()?));
        }
    }
    let mut all = if listed.is_empty() { held } else { listed };
    all.truncate(MOST_APPLETS);
    Some(all)
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
