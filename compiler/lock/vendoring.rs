//! What a source is built from beside its own files: crates and Go modules, by its own lock file.
//!
//! The machine's own `cargo` and `go` bring them, so that registry settings and credentials hold. Neither runs code of a
//! source. The lock keeps the digest of what came, beside the digest of the lock file that asked for it.

mod go;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::check::{Build, Image, Recipe, Source, SourceOrigin};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::patch;
use crate::tree::{Digest, ImagePath, Node, Origin, Store, Tree};

use super::folders::{Walk, folder};
use super::git::{self, Checkout};
use super::local::Local;
use super::source::cargo;
use super::{Ctx, Lock, LockedSource, LockedVendor, Vendor, unreadable};

/// Where vendored crates lie while a source is built.
pub const CRATES: &str = "/build/crates";

/// What dependencies are brought for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vendoring<'a> {
    /// The source's name.
    pub source: &'a str,
    /// Who brings them.
    pub by: Vendor,
    /// The folder inside the source that is built.
    pub subdir: &'a str,
    /// The source's files.
    pub tree: Digest,
    /// Where those come from, should the store not have them.
    pub git: Option<Checkout<'a>>,
    /// Patches by name, in order.
    pub patches: Vec<(String, Digest)>,
}

/// Locks the dependencies of all sources that are built by cargo or go from a folder or a repository.
pub(super) fn vendored(
    ctx: &Ctx<'_>,
    image: &Image,
    lock: &Lock,
    local: &Local,
    previous: &Lock,
    problems: &mut Diagnostics,
) -> BTreeMap<String, LockedVendor> {
    let mut found = BTreeMap::new();
    for source in &image.sources {
        let name = &source.name.value;
        let Some((build, vendoring)) = vendoring(source, lock, local) else {
            continue;
        };
        let before = previous.vendored.get(name);
        let is_known = lock.sources.get(name) == previous.sources.get(name);
        // A commit that is locked needs the same as before, and its files need not be here to say so.
        if is_known && vendoring.patches.is_empty() && !ctx.store.contains(&vendoring.tree) {
            found.extend(before.map(|before| (name.clone(), before.clone())));
            continue;
        }
        match needed(ctx, &vendoring, before) {
            Ok(Some(vendored)) => {
                found.insert(name.clone(), vendored);
            }
            Ok(None) => {}
            Err(problem) if problem.labels.is_empty() => problems.push(problem.at(build.span)),
            Err(problem) => problems.push(problem),
        }
    }
    found
}

/// What is to be asked for a source; `None` where it brings what it needs, or cannot be had.
fn vendoring<'a>(
    source: &'a Source,
    lock: &'a Lock,
    local: &Local,
) -> Option<(&'a Build, Vendoring<'a>)> {
    let build = source.build.as_ref()?;
    let by = match &build.recipe {
        Recipe::Cargo { .. } => Vendor::Cargo,
        Recipe::Go { .. } => Vendor::Go,
        Recipe::Make { .. } | Recipe::Script(_) => return None,
    };
    let name = source.name.value.as_str();
    let (tree, git) = match (&source.from, lock.sources.get(name)) {
        (SourceOrigin::Path(path), _) => (*local.folders.get(&path.value)?, None),
        (SourceOrigin::Git { .. }, Some(locked)) => {
            let (checkout, tree) = checkout(name, locked)?;
            (tree, Some(checkout))
        }
        _ => return None,
    };
    let patches = source.patches.iter().map(|patch| {
        let name = patch.value.file_name()?.to_string_lossy().into_owned();
        Some((name, local.files.get(&patch.value)?.digest))
    });
    let vendoring = Vendoring {
        source: name,
        by,
        subdir: &build.subdir,
        tree,
        git,
        patches: patches.collect::<Option<_>>()?,
    };
    Some((build, vendoring))
}

/// How a locked repository is checked out, and the tree that comes of it.
pub fn checkout<'a>(name: &'a str, locked: &'a LockedSource) -> Option<(Checkout<'a>, Digest)> {
    let LockedSource::Git {
        url,
        commit,
        submodules,
        keep_git,
        tree,
        ..
    } = locked
    else {
        return None;
    };
    let checkout = Checkout {
        source: name,
        url,
        commit,
        submodules: *submodules,
        keep_git: *keep_git,
    };
    Some((checkout, *tree))
}

/// The dependencies that are locked already for the same lock file, or those that it asks for now.
fn needed(
    ctx: &Ctx<'_>,
    vendoring: &Vendoring<'_>,
    before: Option<&LockedVendor>,
) -> Result<Option<LockedVendor>, Diagnostic> {
    let tree = files(ctx, vendoring)?;
    let asked = match vendoring.by {
        Vendor::Cargo => crates_of(ctx.store, &tree, vendoring)?,
        Vendor::Go => go::modules_of(ctx.store, &tree, vendoring)?,
    };
    let Some(from) = asked else { return Ok(None) };
    if let Some(before) = before
        && (before.by, before.from) == (vendoring.by, from)
    {
        return Ok(Some(before.clone()));
    }
    let label = format!("vendor {}", vendoring.source);
    let tree = ctx.step(&label, || bring(ctx, vendoring, &tree))?;
    let by = vendoring.by;
    Ok(Some(LockedVendor { by, from, tree }))
}

/// Brings dependencies again that the lock names, into the store.
///
/// # Errors
/// The tool fails, or what it brings has another digest than the lock says.
pub fn vendored_tree(
    vendoring: &Vendoring<'_>,
    tree: Digest,
    store: &Store,
    offline: bool,
    cancel: &AtomicBool,
) -> Result<Digest, Diagnostic> {
    let ctx = Ctx::again(store, offline, cancel);
    let found = bring(&ctx, vendoring, &files(&ctx, vendoring)?)?;
    if found == tree {
        return Ok(found);
    }
    Err(Diagnostic::error(
        "zosc::lock::vendor-changed",
        format!("the dependencies of `{}` are not what the lock says", vendoring.source),
    )
    .note(format!("the lock says {}, {} brought {}", tree.short(), vendoring.by.name(), found.short()))
    .help("bring the store of the machine that locked them, or remove the line `vendored` from the lock and run `zosc lock` to accept them"))
}

/// The source's files with its patches applied.
fn files(ctx: &Ctx<'_>, vendoring: &Vendoring<'_>) -> Result<Tree, Diagnostic> {
    if let Some(checkout) = &vendoring.git
        && !ctx.store.contains(&vendoring.tree)
    {
        git::git_tree(
            checkout,
            vendoring.tree,
            ctx.store,
            ctx.mode.offline,
            ctx.cancel,
        )?;
    }
    let mut tree = ctx.store.get_tree(&vendoring.tree)?;
    let origin = Origin::new(format!("source {}", vendoring.source));
    for (name, digest) in &vendoring.patches {
        tree = patch::apply(tree, name, &ctx.store.get(digest)?, &origin, ctx.store)?;
    }
    Ok(tree)
}

fn bring(ctx: &Ctx<'_>, vendoring: &Vendoring<'_>, tree: &Tree) -> Result<Digest, Diagnostic> {
    let temporary = ctx.store.temporary();
    let work = tempfile::tempdir_in(&temporary).map_err(|error| unreadable(&temporary, &error))?;
    let source = work.path().join("source");
    write(tree, ctx.store, &source)?;
    let out = match vendoring.by {
        Vendor::Cargo => bring_crates(ctx, vendoring, work.path())?,
        Vendor::Go => go::bring(ctx, vendoring, work.path())?,
    };
    let origin = format!("source {}", vendoring.source);
    folder(ctx, &out, Walk::Everything, &origin)
}

/// What a source asks cargo for: the digest of its `Cargo.lock`, where that names crates of elsewhere.
fn crates_of(
    store: &Store,
    tree: &Tree,
    vendoring: &Vendoring<'_>,
) -> Result<Option<Digest>, Diagnostic> {
    if tree
        .get(&inside("vendor")?)
        .is_some_and(crate::tree::Entry::is_directory)
    {
        return Ok(None);
    }
    // That of a workspace lies above its members.
    let mut above = Some(inside(vendoring.subdir)?);
    while let Some(place) = above {
        if let Some(digest) = file(tree, &place, "Cargo.lock") {
            let text = String::from_utf8_lossy(&store.get(&digest)?).into_owned();
            let is_elsewhere = |line: &str| line.starts_with("source = ");
            return Ok(text.lines().any(is_elsewhere).then_some(digest));
        }
        above = place.parent();
    }
    let manifest = file(tree, &inside(vendoring.subdir)?, "Cargo.toml");
    let manifest = manifest.map(|digest| store.get(&digest)).transpose()?;
    let text = String::from_utf8_lossy(&manifest.unwrap_or_default()).into_owned();
    if text.contains("dependencies]") || text.contains("dependencies.") {
        return Err(no_lock_file(
            vendoring,
            "Cargo.lock",
            "cargo generate-lockfile",
        ));
    }
    Ok(None)
}

fn no_lock_file(vendoring: &Vendoring<'_>, name: &str, command: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::lock::no-lock-file",
        format!(
            "the source `{}` has dependencies and no `{name}`",
            vendoring.source
        ),
    )
    .help(format!(
        "run `{command}` in it, and keep what it writes in version control"
    ))
}

/// `cargo vendor`, and the settings that lead cargo to what it brought.
fn bring_crates(
    ctx: &Ctx<'_>,
    vendoring: &Vendoring<'_>,
    work: &Path,
) -> Result<std::path::PathBuf, Diagnostic> {
    let out = work.join("out");
    std::fs::create_dir(&out).map_err(|error| unreadable(&out, &error))?;
    // From outside the source, whose own `rust-toolchain.toml` decides nothing here.
    let manifest = match vendoring.subdir {
        "" => "source/Cargo.toml".to_owned(),
        subdir => format!("source/{subdir}/Cargo.toml"),
    };
    let arguments = [
        "vendor",
        "--locked",
        "--versioned-dirs",
        "--manifest-path",
        &manifest,
        "out/vendor",
    ];
    let settings = cargo(ctx, work, vendoring.source, &arguments)?;
    let settings = settings.lines().map(|line| {
        if line.starts_with("directory = ") {
            format!("directory = \"{CRATES}/vendor\"\n")
        } else {
            format!("{line}\n")
        }
    });
    let path = out.join("config.toml");
    let settings: String = settings.collect();
    std::fs::write(&path, settings).map_err(|error| unreadable(&path, &error))?;
    Ok(out)
}

/// A folder or file inside a source.
fn inside(path: &str) -> Result<ImagePath, Diagnostic> {
    ImagePath::new(path).map_err(|reason| {
        Diagnostic::error("zosc::lock::unusable-file", format!("`{path}`: {reason}"))
            .help("name a folder inside the source")
    })
}

/// The blob of a regular file in a folder of a tree.
fn file(tree: &Tree, folder: &ImagePath, name: &str) -> Option<Digest> {
    match tree.get(&folder.join(name).ok()?)?.node {
        Node::File { digest, .. } => Some(digest),
        _ => None,
    }
}

/// Puts a source's files on disk for the machine's own tools to read.
fn write(tree: &Tree, store: &Store, place: &Path) -> Result<(), Diagnostic> {
    let refuse = |error| unreadable(place, &error);
    std::fs::create_dir_all(place).map_err(refuse)?;
    let is_link = |node: &Node| matches!(node, Node::Symlink { .. });
    // Links come last: nothing is written through one.
    let (links, others): (Vec<_>, Vec<_>) =
        tree.iter().partition(|(_, entry)| is_link(&entry.node));
    for (path, entry) in others.into_iter().chain(links) {
        let path = place.join(path.relative());
        match &entry.node {
            Node::Directory => std::fs::create_dir_all(&path).map_err(refuse)?,
            Node::Symlink { target } => {
                std::os::unix::fs::symlink(target, &path).map_err(refuse)?;
            }
            Node::File { digest, .. } => {
                if let Some(above) = path.parent() {
                    std::fs::create_dir_all(above).map_err(refuse)?;
                }
                let mut file = std::fs::File::create_new(&path).map_err(refuse)?;
                store.copy(digest, &mut file)?;
            }
            _ => {}
        }
    }
    Ok(())
}
