//! Makes the export of an image independent of the engine that wrote it.

use std::collections::BTreeMap;

use crate::tree::{Entry, ImagePath, Node, Origin, Tree};

/// Files that engines lay into containers; what an image has there itself is hidden from its programs as well.
const OF_ENGINES: [&str; 6] = [
    "/.dockerenv",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/mtab",
    "/etc/resolv.conf",
    "/run/.containerenv",
];
/// Folders that are mounted over while anything runs: what lies below counts for nothing.
const MOUNTED: [&str; 3] = ["/dev", "/proc", "/sys"];
/// Folders that some engine makes where an image has none.
const ALWAYS: [&str; 5] = ["/dev", "/etc", "/proc", "/run", "/sys"];

/// The files of an image alone. Of hard links, the first by name holds the content.
pub(super) fn settled(exported: &Tree, origin: &str) -> Tree {
    let mut tree = Tree::new();
    let mut first: BTreeMap<ImagePath, ImagePath> = BTreeMap::new();
    for (path, entry) in exported.iter() {
        if is_of_engines(path) {
            continue;
        }
        let mut entry = entry.clone();
        let content = match &entry.node {
            Node::Hardlink { to } => Some(to.clone()),
            Node::File { .. } => Some(path.clone()),
            _ => None,
        };
        if let Some(content) = content {
            if let Some(to) = first.get(&content) {
                entry.node = Node::Hardlink { to: to.clone() };
            } else if let Some(file) = exported.get(&content) {
                entry.node = file.node.clone();
                first.insert(content, path.clone());
            }
        }
        tree.insert_with_parents(path.clone(), entry);
    }
    for name in ALWAYS {
        let Ok(path) = ImagePath::new(name) else {
            continue;
        };
        let is_own = tree
            .get(&path)
            .is_some_and(|entry| name == "/etc" || !entry.is_directory());
        if !is_own {
            tree.insert(path, Entry::directory(0o755, 0, Origin::new(origin)));
        }
    }
    tree
}

fn is_of_engines(path: &ImagePath) -> bool {
    let below = |folder: &&str| {
        let rest = path.as_str().strip_prefix(*folder);
        rest.is_some_and(|rest| rest.starts_with('/'))
    };
    OF_ENGINES.contains(&path.as_str()) || MOUNTED.iter().any(below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Digest;

    fn path(text: &str) -> ImagePath {
        ImagePath::new(text).expect("sound")
    }

    fn tree(files: &[&str]) -> Tree {
        let mut tree = Tree::new();
        for file in files {
            let origin = Origin::new("toolchain x");
            let (name, to) = file.split_once("=>").unwrap_or((file, ""));
            let mut entry = Entry::file(Digest::of(b"x"), 1, 0o644, 0, origin.clone());
            if !to.is_empty() {
                entry.node = Node::Hardlink { to: path(to) };
            }
            if let Some(folder) = name.strip_suffix('/') {
                tree.insert_with_parents(path(folder), Entry::directory(0o555, 0, origin));
            } else {
                tree.insert_with_parents(path(name), entry);
            }
        }
        tree
    }

    #[test]
    fn what_engines_add_counts_for_nothing() {
        let docker = [
            "/.dockerenv",
            "/dev/console",
            "/dev/pts/",
            "/etc/hosts",
            "/etc/resolv.conf",
            "/bin/a",
            "/bin/b=>/bin/a",
            "/proc/",
            "/bin/c=>/bin/a",
        ];
        let podman = [
            "/run/.containerenv",
            "/bin/a=>/bin/b",
            "/bin/b",
            "/bin/c=>/bin/b",
        ];
        let settled = |files: &[&str]| settled(&tree(files), "toolchain x");
        // Folders that `insert_with_parents` makes are of no origin that matters here.
        let shown = |tree: &Tree| -> Vec<String> {
            tree.iter()
                .map(|(path, entry)| format!("{path} {:o} {:?}", entry.mode, entry.node))
                .collect()
        };
        let (docker, podman) = (settled(&docker), settled(&podman));
        assert_eq!(shown(&docker), shown(&podman));
        let names: Vec<String> = docker.iter().map(|(path, _)| path.to_string()).collect();
        assert_eq!(
            names,
            [
                "/bin", "/bin/a", "/bin/b", "/bin/c", "/dev", "/etc", "/proc", "/run", "/sys"
            ]
        );
        let link = docker.get(&path("/bin/c")).expect("there");
        assert_eq!(link.node, Node::Hardlink { to: path("/bin/a") });
    }
}
