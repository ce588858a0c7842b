//! This machine's own files, copied into the store: they count by content, never by name, owner or time.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::check::{
    FileContent, Image, KernelOrigin, KernelSource, LocalRoot, SignatureOrigin, SourceOrigin,
    StubOrigin, ToolchainRoot,
};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::{Files as _, System};
use crate::source::Spanned;
use crate::tree::{Digest, Entry, ImagePath, Known, Node, Origin, Store, Tree};

use super::keyring::keyring;
use super::{Ctx, LocalFile, LockedKernel, unreadable};

/// What this machine contributes.
#[derive(Default)]
pub(super) struct Local {
    pub(super) files: BTreeMap<PathBuf, LocalFile>,
    pub(super) folders: BTreeMap<PathBuf, Digest>,
    /// The tree of a prebuilt kernel, and what it is.
    pub(super) kernel: Option<Digest>,
    pub(super) prebuilt: Option<LockedKernel>,
    pub(super) stub: Option<LocalFile>,
}

/// Reads all local inputs; what cannot be read is a problem at the place that names it.
pub(super) fn local(ctx: &Ctx<'_>, image: &Image, problems: &mut Diagnostics) -> Local {
    let mut local = Local::default();
    for request in &image.files {
        match &request.content {
            FileContent::Local(path) => {
                if let Some(read) = note(problems, path, file(ctx.store, &path.value)) {
                    local.files.insert(path.value.clone(), read);
                }
            }
            FileContent::Bytes(bytes) => {
                if let Err(problem) = ctx.store.put(bytes) {
                    problems.push(problem);
                }
            }
            FileContent::Link(_) => {}
        }
    }
    for overlay in &image.overlays {
        let read = folder(ctx, &overlay.from.value, Walk::Everything, "overlay");
        if let Some(digest) = note(problems, &overlay.from, read) {
            local.folders.insert(overlay.from.value.clone(), digest);
        }
    }
    for source in &image.sources {
        if let SourceOrigin::Path(path) = &source.from {
            let read = folder(
                ctx,
                &path.value,
                Walk::WithoutIgnored,
                &format!("source {}", source.name.value),
            );
            if let Some(digest) = note(problems, path, read) {
                local.folders.insert(path.value.clone(), digest);
            }
        }
    }
    for patch in image.sources.iter().flat_map(|source| &source.patches) {
        if let Some(read) = note(problems, patch, file(ctx.store, &patch.value)) {
            local.files.insert(patch.value.clone(), read);
        }
    }
    roots(ctx, image, problems, &mut local);
    if let Some(kernel) = &image.kernel {
        if let KernelOrigin::Prebuilt {
            image: file,
            modules,
        } = &kernel.from
        {
            let read = prebuilt(ctx, file, modules.as_ref(), kernel.version.as_ref());
            if let Some((digest, locked)) = note(problems, file, read) {
                local.kernel = Some(digest);
                local.prebuilt = Some(locked);
            }
        }
        if let KernelOrigin::Built(built) = &kernel.from
            && let KernelSource::Tarball {
                signature: Some(signature),
                ..
            } = &built.source
        {
            if let SignatureOrigin::File(path) = &signature.from.value {
                let path = Spanned::new(path.clone(), signature.from.span);
                let read = note(problems, &path, file(ctx.store, &path.value));
                local.files.extend(read.map(|read| (path.value, read)));
            }
            let keyring = &signature.keyring;
            let read = note(problems, keyring, keyring_file(ctx.store, &keyring.value));
            local
                .files
                .extend(read.map(|read| (keyring.value.clone(), read)));
        }
        if let Some(StubOrigin::File(path)) = &kernel.stub {
            local.stub = note(problems, path, file(ctx.store, &path.value));
        }
    }
    local
}

/// Root filesystems of this machine that something is built with.
fn roots(ctx: &Ctx<'_>, image: &Image, problems: &mut Diagnostics, local: &mut Local) {
    for (name, toolchain) in image.used_toolchains() {
        let ToolchainRoot::Local(root) = &toolchain.root else {
            continue;
        };
        match root {
            LocalRoot::Archive(path, sha256) => {
                let read = file(ctx.store, &path.value)
                    .and_then(|read| expected(&path.value, read, *sha256));
                if let Some(read) = note(problems, path, read) {
                    local.files.insert(path.value.clone(), read);
                }
            }
            LocalRoot::Folder(path) => {
                let origin = format!("toolchain {name}");
                let read = folder(ctx, &path.value, Walk::RootFilesystem, &origin);
                if let Some(digest) = note(problems, path, read) {
                    local.folders.insert(path.value.clone(), digest);
                }
            }
        }
    }
}

/// A file, where it is the one that the manifest means.
fn expected(path: &Path, read: LocalFile, sha256: Option<Digest>) -> Result<LocalFile, Diagnostic> {
    match sha256 {
        Some(wanted) if wanted != read.digest => Err(Diagnostic::error(
            "zosc::lock::wrong-digest",
            format!(
                "`{}` is not the file that the manifest means",
                path.display()
            ),
        )
        .note(format!("expected {wanted}, found {}", read.digest))
        .help("find out why it has changed, and only then put the new digest in place of the old")),
        _ => Ok(read),
    }
}

fn note<T>(
    problems: &mut Diagnostics,
    at: &Spanned<PathBuf>,
    result: Result<T, Diagnostic>,
) -> Option<T> {
    result
        .map_err(|problem| {
            let placed = if problem.labels.is_empty() {
                problem.at(at.span)
            } else {
                problem
            };
            problems.push(placed);
        })
        .ok()
}

fn file(store: &Store, path: &Path) -> Result<LocalFile, Diagnostic> {
    let mut known = Known::at(store, path);
    let read = known.file(path)?;
    let (digest, size) = read.map_err(|error| unreadable(path, &error))?;
    known.keep();
    Ok(LocalFile { digest, size })
}

/// Within this much of a kernel are its headers, and what they point to.
const KERNEL_HEADERS: u64 = 1 << 20;
/// Most bytes of a keyring: that of a whole distribution has less than 10 MiB.
const LARGEST_KEYRING: u64 = 32 << 20;

/// Keys that may be written in text, as `gpgv` reads them.
fn keyring_file(store: &Store, path: &Path) -> Result<LocalFile, Diagnostic> {
    let bytes = System
        .read(path, LARGEST_KEYRING)
        .map_err(|error| unreadable(path, &error))?;
    let keys = keyring(&bytes).ok_or_else(|| {
        Diagnostic::error(
            "zosc::lock::unusable-file",
            format!("`{}` holds no OpenPGP keys", path.display()),
        )
        .help("export them: `gpg --export KEY > keys/kernel.org.gpg`")
    })?;
    Ok(LocalFile {
        digest: store.put(&keys)?,
        size: keys.len() as u64,
    })
}

/// Which files of a folder count.
#[derive(Clone, Copy, PartialEq, Eq)]
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
    ctx.store
        .put_tree(&folder_tree(ctx.store, root, walk, origin)?)
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
    let origin = Origin::new(origin);
    let mut known = Known::at(store, root);
    let mut tree = Tree::new();
    let mut builder = WalkBuilder::new(root);
    builder.standard_filters(false).follow_links(false);
    if walk == Walk::WithoutIgnored {
        builder
            .git_ignore(true)
            .ignore(true)
            .require_git(false)
            .filter_entry(|entry| entry.file_name() != ".git");
    }
    if walk == Walk::RootFilesystem {
        builder.filter_entry(|entry| {
            let mounted = ["dev", "proc", "run", "sys", "tmp"];
            let name = entry.file_name().to_str().unwrap_or_default();
            let kind = entry.file_type();
            !(entry.depth() == 1 && mounted.contains(&name))
                && kind.is_some_and(|kind| kind.is_dir() || kind.is_file() || kind.is_symlink())
        });
    }
    for entry in builder.build() {
        let entry =
            entry.map_err(|error| unreadable(root, &std::io::Error::other(error.to_string())))?;
        let path = entry.path();
        let Ok(relative) = path.strip_prefix(root) else {
            continue;
        };
        if relative.as_os_str().is_empty() {
            continue;
        }
        let name = relative
            .to_str()
            .map(ImagePath::new)
            .ok_or_else(|| unusable(path, "its name is not UTF-8"))?;
        let name = name.map_err(|error| unusable(path, &error.to_string()))?;
        tree.insert(name, local_entry(&mut known, path, &origin)?);
    }
    known.keep();
    Ok(tree)
}

fn local_entry(known: &mut Known<'_>, path: &Path, origin: &Origin) -> Result<Entry, Diagnostic> {
    let metadata = std::fs::symlink_metadata(path).map_err(|error| unreadable(path, &error))?;
    if metadata.is_dir() {
        return Ok(Entry::directory(0o755, 0, origin.clone()));
    }
    if metadata.is_symlink() {
        let target = std::fs::read_link(path).map_err(|error| unreadable(path, &error))?;
        let target = target
            .to_str()
            .ok_or_else(|| unusable(path, "it links to a name that is not UTF-8"))?;
        return Ok(Entry::symlink(target, 0, origin.clone()));
    }
    if !metadata.is_file() {
        return Err(unusable(path, "it is neither a file, a folder nor a link"));
    }
    let mode = if metadata.permissions().mode() & 0o111 == 0 {
        0o644
    } else {
        0o755
    };
    let read = known.file_with(path, &metadata)?;
    let (digest, size) = read.map_err(|error| unreadable(path, &error))?;
    Ok(Entry::file(digest, size, mode, 0, origin.clone()))
}

/// A prebuilt kernel as a tree with `/boot/vmlinuz-RELEASE` and `/lib/modules/RELEASE`.
fn prebuilt(
    ctx: &Ctx<'_>,
    image: &Spanned<PathBuf>,
    modules: Option<&Spanned<PathBuf>>,
    version: Option<&Spanned<String>>,
) -> Result<(Digest, LockedKernel), Diagnostic> {
    let content = file(ctx.store, &image.value)?;
    let head = ctx.store.head(&content.digest, KERNEL_HEADERS)?;
    let facts = crate::efi::kernel_facts(&head)?;
    let asked = version.map(|version| version.value.clone());
    let Some(release) = facts.release.or(asked) else {
        return Err(unusable(
            &image.value,
            "it does not say which release it is: write it as `kernel \"RELEASE\"`",
        ));
    };
    let origin = Origin::new(format!("kernel {release}"));
    let mut tree = Tree::new();
    let path = ImagePath::new(&format!("/boot/vmlinuz-{release}"))
        .map_err(|error| unusable(&image.value, &error.to_string()))?;
    tree.insert_with_parents(
        path.clone(),
        Entry::file(content.digest, content.size, 0o644, 0, origin),
    );
    if let Some(modules) = modules {
        for (place, entry) in module_tree(ctx, modules, &release)?.iter() {
            tree.insert(place.clone(), entry.clone());
        }
    }
    Ok((
        ctx.store.put_tree(&tree)?,
        LockedKernel {
            release,
            image: path,
        },
    ))
}

/// The modules below `/lib/modules/RELEASE`, from the folder that holds `lib/modules/RELEASE`, or from that folder itself.
fn module_tree(
    ctx: &Ctx<'_>,
    folder: &Spanned<PathBuf>,
    release: &str,
) -> Result<Tree, Diagnostic> {
    let candidates = [
        folder.value.join("lib/modules").join(release),
        folder.value.join(release),
        folder.value.clone(),
    ];
    let is_modules =
        |path: &&PathBuf| path.join("modules.dep").is_file() || path.join("kernel").is_dir();
    let Some(found) = candidates.iter().find(is_modules) else {
        let problem = Diagnostic::error(
            "zosc::lock::no-modules",
            format!(
                "there are no modules of `{release}` in `{}`",
                folder.value.display()
            ),
        );
        return Err(problem.at(folder.span).help(
            "name the folder that holds `lib/modules/RELEASE`, as `make modules_install` makes it",
        ));
    };
    let mut tree = Tree::new();
    let below = format!("/lib/modules/{release}");
    for (path, entry) in folder_tree(
        ctx.store,
        found,
        Walk::Everything,
        &format!("kernel {release}"),
    )?
    .iter()
    {
        // `build` and `source` lead to the kernel's sources on the machine that built it.
        if matches!(&entry.node, Node::Symlink { target } if target.starts_with('/')) {
            continue;
        }
        let place = ImagePath::new(&format!("{below}{path}"))
            .map_err(|error| unusable(found, &error.to_string()))?;
        let is_below = place.parent().is_some_and(|parent| tree.contains(&parent));
        if is_below {
            tree.insert(place, entry.clone());
        } else {
            tree.insert_with_parents(place, entry.clone());
        }
    }
    Ok(tree)
}

fn unusable(path: &Path, why: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::lock::unusable-file",
        format!("`{}` cannot be part of an image: {why}", path.display()),
    )
    .help("rename it, remove it, or leave it out")
}
