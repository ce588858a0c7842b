//! This machine's own files, copied into the store: they count by content, never by name, owner or time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::check::{
    Arch, FileContent, Image, Kernel, KernelOrigin, KernelSource, LocalRoot, SignatureOrigin,
    SourceOrigin, StubOrigin, ToolchainRoot,
};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::efi::{self, KernelFacts, Machine};
use crate::io::{Files as _, System};
use crate::source::Spanned;
use crate::tree::{Digest, Entry, ImagePath, Known, Node, Origin, Store, Tree, made_of};

use super::folders::{Survey, Walk, folder, unusable};
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
            FileContent::Local(path) => local.take_file(ctx, path, problems),
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
        local.take_folder(&overlay.from, read, problems);
    }
    for source in &image.sources {
        if let SourceOrigin::Path(path) = &source.from {
            let origin = format!("source {}", source.name.value);
            let read = folder(ctx, &path.value, Walk::WithoutIgnored, &origin);
            local.take_folder(path, read, problems);
        }
    }
    for patch in image.sources.iter().flat_map(|source| &source.patches) {
        local.take_file(ctx, patch, problems);
    }
    roots(ctx, image, problems, &mut local);
    if let Some(kernel) = &image.kernel {
        kernel_files(ctx, image, kernel, problems, &mut local);
    }
    local
}

impl Local {
    fn take_file(&mut self, ctx: &Ctx<'_>, path: &Spanned<PathBuf>, problems: &mut Diagnostics) {
        if let Some(read) = note(problems, path, file(ctx.store, &path.value)) {
            self.files.insert(path.value.clone(), read);
        }
    }

    fn take_folder(
        &mut self,
        path: &Spanned<PathBuf>,
        read: Result<Digest, Diagnostic>,
        problems: &mut Diagnostics,
    ) {
        if let Some(digest) = note(problems, path, read) {
            self.folders.insert(path.value.clone(), digest);
        }
    }
}

/// A prebuilt kernel, the keys that a kernel's sources are signed with, and a stub.
fn kernel_files(
    ctx: &Ctx<'_>,
    image: &Image,
    kernel: &Kernel,
    problems: &mut Diagnostics,
    local: &mut Local,
) {
    if let KernelOrigin::Prebuilt {
        image: file,
        modules,
    } = &kernel.from
    {
        let wanted = Wanted {
            arch: image.arch,
            version: kernel.version.as_ref(),
        };
        let read = prebuilt(ctx, file, modules.as_ref(), &wanted);
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
            local.take_file(ctx, &path, problems);
        }
        let keyring = &signature.keyring;
        let read = note(problems, keyring, keyring_file(ctx.store, &keyring.value));
        let read = read.map(|read| (keyring.value.clone(), read));
        local.files.extend(read);
    }
    if let Some(StubOrigin::File(path)) = &kernel.stub {
        local.stub = note(problems, path, file(ctx.store, &path.value));
    }
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
                local.take_folder(path, read, problems);
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

/// What a prebuilt kernel must be.
struct Wanted<'a> {
    arch: Arch,
    version: Option<&'a Spanned<String>>,
}

/// Within this much of an x86 kernel are its headers and its release, to which 16 bits point from 0x200
/// (Documentation/arch/x86/boot.rst, `kernel_version`).
const KERNEL_HEADERS: u64 = 0x1_0000 + 0x400;
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

/// What a kernel's image says of itself; only that of x86 says it at its beginning.
fn facts(store: &Store, digest: &Digest) -> Result<KernelFacts, Diagnostic> {
    let head = store.head(digest, KERNEL_HEADERS)?;
    let is_packed = efi::is_packed(&head);
    let found = efi::kernel_facts(&head);
    match found {
        Ok(facts) if facts.release.is_some() || facts.machine == Machine::X86_64 => Ok(facts),
        Err(problem) if !is_packed => Err(problem),
        _ => efi::kernel_facts(&efi::unpacked_kernel(store.get(digest)?)?),
    }
}

/// The only release whose modules are below a folder, where there is one.
fn only_release(folder: &Path) -> Option<String> {
    let candidates = [folder.join("lib/modules"), folder.to_owned()];
    candidates.iter().find_map(|folder| {
        let mut names = System.list(folder).ok()?.into_iter();
        let name = names.next().filter(|_| names.next().is_none())?;
        folder.join(&name).join("kernel").is_dir().then_some(name)
    })
}

fn other_processor(path: &Path, found: Machine, wanted: Arch) -> Diagnostic {
    let found = found.name();
    Diagnostic::error(
        "zosc::lock::other-processor",
        format!(
            "the kernel `{}` is for {found}, and the image for {wanted}",
            path.display()
        ),
    )
    .help(match Arch::named(&found) {
        Some(found) => {
            format!("take one for {wanted}, or write `arch={found}` behind the image's name")
        }
        None => format!("take one for {wanted}"),
    })
}

/// A prebuilt kernel as a tree with `/boot/vmlinuz-RELEASE` and `/lib/modules/RELEASE`.
fn prebuilt(
    ctx: &Ctx<'_>,
    image: &Spanned<PathBuf>,
    modules: Option<&Spanned<PathBuf>>,
    wanted: &Wanted<'_>,
) -> Result<(Digest, LockedKernel), Diagnostic> {
    let content = file(ctx.store, &image.value)?;
    let facts = facts(ctx.store, &content.digest)?;
    if facts.machine.name() != wanted.arch.name() {
        return Err(other_processor(&image.value, facts.machine, wanted.arch));
    }
    let asked = wanted.version.map(|version| version.value.clone());
    let only = || modules.and_then(|modules| only_release(&modules.value));
    let Some(release) = facts.release.or(asked).or_else(only) else {
        return Err(unusable(
            &image.value,
            "it does not say which release it is: write it as `kernel \"RELEASE\"`",
        ));
    };
    let path = ImagePath::new(&format!("/boot/vmlinuz-{release}"))
        .map_err(|error| unusable(&image.value, &error.to_string()))?;
    let modules = modules
        .map(|modules| Survey::of(modules_folder(modules, &release)?, Walk::Everything))
        .transpose()?;
    let looks = modules.as_ref().map(Survey::looks);
    let name = format!("kernel\n{release}\n{}\n{looks:?}", content.digest);
    let tree = made_of(ctx.store, &name, || {
        let origin = Origin::new(format!("kernel {release}"));
        let mut tree = Tree::new();
        tree.insert_with_parents(
            path.clone(),
            Entry::file(content.digest, content.size, 0o644, 0, origin),
        );
        let mut is_settled = true;
        if let Some(modules) = &modules {
            is_settled = add_modules(ctx.store, modules, &release, &mut tree)?;
        }
        Ok((tree, is_settled))
    })?;
    Ok((
        tree,
        LockedKernel {
            release,
            image: path,
        },
    ))
}

/// The folder of the modules of a release: `lib/modules/RELEASE` or `RELEASE` below the one that is named, or that folder itself.
fn modules_folder(folder: &Spanned<PathBuf>, release: &str) -> Result<PathBuf, Diagnostic> {
    let candidates = [
        folder.value.join("lib/modules").join(release),
        folder.value.join(release),
        folder.value.clone(),
    ];
    let is_modules =
        |path: &PathBuf| path.join("modules.dep").is_file() || path.join("kernel").is_dir();
    candidates.into_iter().find(is_modules).ok_or_else(|| {
        let problem = Diagnostic::error(
            "zosc::lock::no-modules",
            format!(
                "there are no modules of `{release}` in `{}`",
                folder.value.display()
            ),
        );
        problem.at(folder.span).help(
            "name the folder that holds `lib/modules/RELEASE`, as `make modules_install` makes it",
        )
    })
}

/// Puts the modules of a release below `/lib/modules/RELEASE`; says whether they are sure to look different once they change.
fn add_modules(
    store: &Store,
    modules: &Survey,
    release: &str,
    to: &mut Tree,
) -> Result<bool, Diagnostic> {
    let (tree, is_settled) = modules.tree(store, &format!("kernel {release}"))?;
    let below = format!("/lib/modules/{release}");
    for (path, entry) in tree.iter() {
        // `build` and `source` lead to the kernel's sources on the machine that built it.
        if matches!(&entry.node, Node::Symlink { target } if target.starts_with('/')) {
            continue;
        }
        let place = ImagePath::new(&format!("{below}{path}"))
            .map_err(|error| unusable(modules.root(), &error.to_string()))?;
        let is_below = place.parent().is_some_and(|parent| to.contains(&parent));
        if is_below {
            to.insert(place, entry.clone());
        } else {
            to.insert_with_parents(place, entry.clone());
        }
    }
    Ok(is_settled)
}
