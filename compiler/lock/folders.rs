//! Folders of this machine as stored trees: they count by content, never by owner or time.
//!
//! A folder is looked through first, and its files are read only where something about them looks different than the last time.

use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::diagnostic::Diagnostic;
use crate::io::unix_milliseconds;
use crate::tree::{Digest, Entry, Hasher, ImagePath, Known, Look, Origin, Store, Tree, made_of};

use super::{Ctx, unreadable};

/// Which files of a folder count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// All of them.
    Everything,
    /// Those of a root filesystem: no devices, and nothing of what a running system mounts.
    RootFilesystem,
    /// Those that `.gitignore` and `.ignore` leave, without `.git`: what an author would commit.
    WithoutIgnored,
}

/// A folder as a stored tree: owned by root, times 0, modes 0755 for folders and programs, else 0644.
pub(super) fn folder(
    ctx: &Ctx<'_>,
    root: &Path,
    walk: Walk,
    origin: &str,
) -> Result<Digest, Diagnostic> {
    let survey = Survey::of(root.to_owned(), walk)?;
    let name = format!("folder\n{origin}\n{}", survey.looks());
    made_of(ctx.store, &name, || survey.tree(ctx.store, origin))
}

/// As [`folder`], but the tree itself; contents are in the store.
///
/// # Errors
/// `zosc::lock::unreadable`, `zosc::lock::unusable-file`
pub fn folder_tree(
    store: &Store,
    root: &Path,
    walk: Walk,
    origin: &str,
) -> Result<Tree, Diagnostic> {
    let (tree, _) = Survey::of(root.to_owned(), walk)?.tree(store, origin)?;
    Ok(tree)
}

/// A folder as it looks, before any of its files is read.
pub(super) struct Survey {
    root: PathBuf,
    found: Vec<Found>,
    /// When the looking began, in milliseconds since 1970.
    moment: u64,
}

/// Something in a folder.
struct Found {
    name: ImagePath,
    path: PathBuf,
    facts: Metadata,
}

impl Survey {
    /// Looks through a folder, in the order of names.
    pub(super) fn of(root: PathBuf, walk: Walk) -> Result<Self, Diagnostic> {
        let moment = unix_milliseconds();
        let mut found = Vec::new();
        for entry in walker(&root, walk).build() {
            let entry = entry
                .map_err(|error| unreadable(&root, &std::io::Error::other(error.to_string())))?;
            let path = entry.into_path();
            let Some(relative) = path.strip_prefix(&root).ok() else {
                continue;
            };
            if relative.as_os_str().is_empty() {
                continue;
            }
            let name = relative
                .to_str()
                .map(ImagePath::new)
                .ok_or_else(|| unusable(&path, "its name is not UTF-8"))?;
            let name = name.map_err(|error| unusable(&path, &error.to_string()))?;
            let facts =
                std::fs::symlink_metadata(&path).map_err(|error| unreadable(&path, &error))?;
            found.push(Found { name, path, facts });
        }
        found.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(Self {
            root,
            found,
            moment,
        })
    }

    /// The folder.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// What is another whenever a name, a file's content, a link's target or a mode is.
    pub(super) fn looks(&self) -> Digest {
        let mut hasher = Hasher::new();
        hasher.update(self.root.as_os_str().as_bytes());
        for found in &self.found {
            hasher.update(b"\0");
            hasher.update(found.name.as_str().as_bytes());
            hasher.update(&[0, u8::from(found.facts.is_dir())]);
            // A folder is what is in it; its times also tell of what was there for a moment.
            if !found.facts.is_dir() {
                hasher.update(&Look::of(&found.facts).bytes());
            }
        }
        hasher.finish()
    }

    /// The folder's tree, and whether it is sure to look different once it changes.
    pub(super) fn tree(&self, store: &Store, origin: &str) -> Result<(Tree, bool), Diagnostic> {
        let origin = Origin::new(origin);
        let mut known = Known::at(store, &self.root);
        let mut tree = Tree::new();
        let mut is_settled = true;
        for found in &self.found {
            let entry = local_entry(&mut known, &found.path, &found.facts, &origin)?;
            tree.insert(found.name.clone(), entry);
            let look = Look::of(&found.facts);
            is_settled &= found.facts.is_dir()
                || (found.facts.is_symlink() && look.is_settled(self.moment))
                || known.look(&found.path) == Some(look);
        }
        known.keep();
        Ok((tree, is_settled))
    }
}

fn walker(root: &Path, walk: Walk) -> WalkBuilder {
    let mut builder = WalkBuilder::new(root);
    builder.standard_filters(false).follow_links(false);
    match walk {
        Walk::Everything => {}
        Walk::WithoutIgnored => {
            builder
                .git_ignore(true)
                .ignore(true)
                .require_git(false)
                .filter_entry(|entry| entry.file_name() != ".git");
        }
        Walk::RootFilesystem => {
            builder.filter_entry(|entry| {
                let mounted = ["dev", "proc", "run", "sys", "tmp"];
                let name = entry.file_name().to_str().unwrap_or_default();
                let kind = entry.file_type();
                !(entry.depth() == 1 && mounted.contains(&name))
                    && kind.is_some_and(|kind| kind.is_dir() || kind.is_file() || kind.is_symlink())
            });
        }
    }
    builder
}

fn local_entry(
    known: &mut Known<'_>,
    path: &Path,
    facts: &Metadata,
    origin: &Origin,
) -> Result<Entry, Diagnostic> {
    if facts.is_dir() {
        return Ok(Entry::directory(0o755, 0, origin.clone()));
    }
    if facts.is_symlink() {
        let target = std::fs::read_link(path).map_err(|error| unreadable(path, &error))?;
        let target = target
            .to_str()
            .ok_or_else(|| unusable(path, "it links to a name that is not UTF-8"))?;
        return Ok(Entry::symlink(target, 0, origin.clone()));
    }
    if !facts.is_file() {
        return Err(unusable(path, "it is neither a file, a folder nor a link"));
    }
    let mode = if facts.permissions().mode() & 0o111 == 0 {
        0o644
    } else {
        0o755
    };
    let read = known.file_with(path, facts)?;
    let (digest, size) = read.map_err(|error| unreadable(path, &error))?;
    Ok(Entry::file(digest, size, mode, 0, origin.clone()))
}

/// Something of this machine that no image can hold.
pub(super) fn unusable(path: &Path, why: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::lock::unusable-file",
        format!("`{}` cannot be part of an image: {why}", path.display()),
    )
    .help("rename it, remove it, or leave it out")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_looks_different_after_every_change_that_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let looks = || {
            let survey = Survey::of(folder.path().to_owned(), Walk::Everything);
            survey.expect("can be looked through").looks()
        };
        fs::create_dir(at("inner")).expect("made");
        fs::write(at("inner/file"), "one").expect("written");
        symlink("file", at("inner/link")).expect("linked");
        let mut seen = vec![looks()];
        assert_eq!(looks(), seen[0]);
        let changes: [&dyn Fn(); 6] = [
            &|| fs::write(at("inner/file"), "longer").expect("written"),
            &|| {
                fs::set_permissions(at("inner/file"), fs::Permissions::from_mode(0o755))
                    .expect("set");
            },
            &|| {
                fs::remove_file(at("inner/link")).expect("removed");
                symlink("elsewhere", at("inner/link")).expect("linked");
            },
            &|| fs::create_dir(at("empty")).expect("made"),
            &|| fs::rename(at("inner/file"), at("inner/renamed")).expect("renamed"),
            &|| fs::remove_file(at("inner/renamed")).expect("removed"),
        ];
        for change in changes {
            // Times of files count in ticks.
            std::thread::sleep(std::time::Duration::from_millis(20));
            change();
            let now = looks();
            assert!(!seen.contains(&now), "change {}", seen.len());
            seen.push(now);
        }
    }

    #[test]
    fn what_has_just_changed_is_not_settled() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path().join("store")).expect("opens");
        let root = folder.path().join("root");
        fs::create_dir(&root).expect("made");
        fs::write(root.join("file"), "content").expect("written");
        let survey = || Survey::of(root.clone(), Walk::Everything).expect("can be looked through");
        assert!(!survey().tree(&store, "overlay").expect("stored").1);
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(survey().tree(&store, "overlay").expect("stored").1);
    }
}
