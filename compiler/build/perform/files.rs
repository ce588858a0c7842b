//! Trees from files: contents that the plan carries, files of a component, whole folders at another place.

use crate::diagnostic::{Diagnostic, nearest};
use crate::plan::{FileBody, Input, InstalledFile, OwnedFile};
use crate::tree::{Digest, Entry, ImagePath, Node, Origin, Store, Tree};

/// A tree from contents that are known; later files replace earlier ones at the same path.
pub(super) fn write_files(
    files: &[OwnedFile],
    epoch: u64,
    resolve: &dyn Fn(&Input) -> Digest,
    store: &Store,
) -> Result<Tree, Diagnostic> {
    let mut tree = Tree::new();
    for file in files {
        let origin = Origin::new(&file.origin);
        let mut entry = match &file.body {
            FileBody::Text(text) => Entry::file(
                store.put(text.as_bytes())?,
                text.len() as u64,
                file.mode,
                epoch,
                origin,
            ),
            FileBody::Blob(content, size) => {
                Entry::file(resolve(content), *size, file.mode, epoch, origin)
            }
            FileBody::Link(target) => Entry::symlink(target, epoch, origin),
            FileBody::Directory => Entry::directory(file.mode, epoch, origin),
            FileBody::CharDevice(major, minor) => {
                let mut entry = Entry::directory(file.mode, epoch, origin);
                entry.node = Node::CharDevice {
                    major: *major,
                    minor: *minor,
                };
                entry
            }
        };
        (entry.uid, entry.gid) = (file.uid, file.gid);
        tree.insert_with_parents(file.path.clone(), entry);
    }
    Ok(tree)
}

/// Files of a component's tree at their places in the image, owned by root.
///
/// # Errors
/// A file that is not there, with the nearest name among those that are; a folder where a file is meant.
pub(super) fn install_files(
    from: &Tree,
    files: &[InstalledFile],
    origin: &str,
    epoch: u64,
) -> Result<Tree, Diagnostic> {
    let mut tree = Tree::new();
    for file in files {
        let found = from.resolve(&file.file).map(|(_, entry)| &entry.node);
        // A file of several names is a file by each of them.
        let node = match found {
            Some(Node::Hardlink { to }) => from.get(to).map(|entry| &entry.node),
            other => other,
        };
        let Some(Node::File { digest, size }) = node else {
            return Err(not_there(from, &file.file, origin, found.is_some()));
        };
        let entry = Entry::file(*digest, *size, file.mode, epoch, Origin::new(origin));
        tree.insert_with_parents(file.to.clone(), entry);
    }
    Ok(tree)
}

fn not_there(from: &Tree, wanted: &ImagePath, origin: &str, other_kind: bool) -> Diagnostic {
    let wanted = wanted.relative();
    if other_kind {
        return Diagnostic::error(
            "zosc::build::not-a-file",
            format!("`{wanted}` of {origin} is not a regular file"),
        )
        .help("`install` takes single files; name one inside the folder");
    }
    let names: Vec<&str> = from
        .iter()
        .filter(|(_, entry)| matches!(entry.node, Node::File { .. } | Node::Hardlink { .. }))
        .map(|(path, _)| path.relative())
        .collect();
    let problem = Diagnostic::error(
        "zosc::build::no-such-file",
        format!("{origin} has no file `{wanted}`"),
    );
    match nearest(wanted, names.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None if names.len() <= 12 => problem.help(format!("it has: {}", names.join(", "))),
        None => problem.help(format!(
            "it has {} files; name one by its path in the source or build folder",
            names.len()
        )),
    }
}

/// A whole tree below another directory; entries get a new origin and time stamp.
pub(super) fn move_tree(
    tree: &Tree,
    to: &ImagePath,
    origin: &str,
    epoch: u64,
) -> Result<Tree, Diagnostic> {
    let moved = |path: &ImagePath| {
        to.join(path.relative()).map_err(|error| {
            Diagnostic::error(
                "zosc::build::bad-path",
                format!("`{path}` cannot be below `{to}`: {error}"),
            )
            .help("shorten the path or choose another folder")
        })
    };
    let mut result = Tree::new();
    for (path, entry) in tree.iter().filter(|(path, _)| !path.is_root()) {
        let mut entry = entry.clone();
        entry.origin = Origin::new(origin);
        entry.mtime = epoch;
        if let Node::Hardlink { to } = &mut entry.node {
            *to = moved(to)?;
        }
        result.insert_with_parents(moved(path)?, entry);
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ImagePath {
        ImagePath::new(text).expect("a sound path")
    }

    fn component() -> Tree {
        let mut tree = Tree::new();
        let program = Entry::file(Digest::of(b"x"), 1, 0o600, 3, Origin::new("source tool"));
        tree.insert_with_parents(path("/bin/tool"), program.owned_by(5, 5));
        tree
    }

    #[test]
    fn an_installed_file_belongs_to_root_and_has_the_wanted_mode() {
        let file = InstalledFile {
            file: path("bin/tool"),
            to: path("/usr/bin/t"),
            mode: 0o755,
        };
        let tree = install_files(&component(), &[file], "source tool", 9).expect("installs");
        let entry = tree.get(&path("/usr/bin/t")).expect("there");
        assert_eq!((entry.uid, entry.mode, entry.mtime), (0, 0o755, 9));
    }

    #[test]
    fn a_file_of_several_names_is_installed_by_each() {
        let mut tree = component();
        let mut other = Entry::file(Digest::of(b"x"), 1, 0o600, 3, Origin::new("source tool"));
        other.node = Node::Hardlink {
            to: path("/bin/tool"),
        };
        tree.insert(path("/bin/zool"), other);
        let file = |file: &str| InstalledFile {
            file: path(file),
            to: path("/t"),
            mode: 0o755,
        };
        let [one, other] = ["bin/tool", "bin/zool"]
            .map(|name| install_files(&tree, &[file(name)], "source tool", 0).expect("installs"));
        assert_eq!(one, other);
    }

    #[test]
    fn a_missing_file_is_told_with_its_neighbours() {
        let file = InstalledFile {
            file: path("bin/tol"),
            to: path("/t"),
            mode: 0o755,
        };
        let refused = install_files(&component(), &[file], "source tool", 0).expect_err("missing");
        assert_eq!(refused.code, "zosc::build::no-such-file");
        assert_eq!(refused.help.as_deref(), Some("did you mean `bin/tool`?"));
    }

    #[test]
    fn a_moved_tree_keeps_its_links_together() {
        let mut tree = component();
        let mut link = Entry::file(Digest::of(b"x"), 1, 0o600, 3, Origin::new("x"));
        link.node = Node::Hardlink {
            to: path("/bin/tool"),
        };
        tree.insert(path("/bin/other"), link);
        let moved = move_tree(&tree, &path("/opt"), "overlay rootfs", 4).expect("moves");
        let entry = moved.get(&path("/opt/bin/other")).expect("there");
        assert_eq!(
            entry.node,
            Node::Hardlink {
                to: path("/opt/bin/tool")
            }
        );
        assert_eq!(entry.origin.as_str(), "overlay rootfs");
    }
}
