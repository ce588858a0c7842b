//! The file of a lock: its name, and how it is read and replaced.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::check::{Arch, Image};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::{self, Files as _};
use crate::tree::Store;

use super::{Change, Ctx, Lock, file, portable, remembered, unreadable};

/// The lock of an image: beside its manifest and of its name, `zos.lock` of `zos.kdl`; `zos.aarch64.lock` for another processor than
/// x86_64, so that one manifest can be locked for both.
pub fn file_of(image: &Image) -> PathBuf {
    file_for(&image.manifest, image.arch)
}

/// The locks that a manifest may have, one for each processor.
pub fn files_of(manifest: &Path) -> impl Iterator<Item = PathBuf> {
    Arch::ALL.map(|arch| file_for(manifest, arch)).into_iter()
}

pub(super) fn file_for(manifest: &Path, arch: Arch) -> PathBuf {
    match arch {
        Arch::X86_64 => manifest.with_extension("lock"),
        Arch::Aarch64 => manifest.with_extension(format!("{arch}.lock")),
    }
}

/// The name of an image's lock, for messages.
pub fn file_name(image: &Image) -> String {
    let path = file_of(image);
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Says where the lock of an image is not there, and one beside it is of no manifest.
pub fn other_name(image: &Image) -> Option<Diagnostic> {
    if !has_lock_of_no_manifest(&file_of(image)) {
        return None;
    }
    let name = file_name(image);
    let warning = Diagnostic::warning(
        "zosc::lock::other-name",
        format!("there is no {name}, and a zos.lock that is of no manifest"),
    );
    Some(warning.help(format!(
        "the lock of a manifest has its name: if zos.lock is of this one, rename it to {name}; else remove it"
    )))
}

/// Whether a lock that is not there may be the one beside it, of the usual name, which belongs to no manifest.
fn has_lock_of_no_manifest(path: &Path) -> bool {
    let usual = folder(path).join("zos.lock");
    !path.exists() && usual.exists() && !usual.with_extension("kdl").exists()
}

/// The folder of the manifest, which the lock lies in.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// The lock in a file; an empty one where there is none.
pub(super) fn read(path: &Path, store: Option<&Store>) -> Result<Lock, Diagnostics> {
    match io::System.read(path, file::LARGEST) {
        Ok(bytes) => {
            let lock = match store.and_then(|store| remembered::recall(store, &bytes)) {
                Some(lock) => lock,
                None => remembered::parse(path, bytes, store)?,
            };
            Ok(portable::placed(&lock, folder(path)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Lock::default()),
        Err(error) => Err(unreadable(path, &error).into()),
    }
}

/// What the lock beside an image's manifest says, whether or not it still answers to it; an empty one where there is none.
pub fn known(image: &Image, store: Option<&Store>) -> Lock {
    read(&file_of(image), store).unwrap_or_default()
}

/// Writes a changed lock under a temporary name and renames it.
pub(super) fn write(
    ctx: &Ctx<'_>,
    path: &Path,
    previous: &Lock,
    lock: &Lock,
    changes: &[Change],
) -> Result<(), Diagnostics> {
    let lock = portable::portable(lock, folder(path));
    let text = file::emit(&lock);
    remembered::remember(ctx.store, &text, &lock);
    // Mirrors are in the manifest and not in the file, so the texts decide.
    let same = || file::emit(&portable::portable(previous, folder(path))) == text;
    if path.exists() && same() {
        return Ok(());
    }
    if ctx.mode.locked {
        return Err(out_of_date(path, changes).into());
    }
    if ctx.mode.dry {
        return Ok(());
    }
    io::sweep_pending(folder(path));
    let written = io::Pending::new(folder(path)).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        // A temporary file is private; the lock is to be read by all, as the manifest is.
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        // Unlike all that can be made again, the choices in a lock are somebody's own.
        file.file().sync_all()?;
        file.persist(path)
    });
    written.map_err(|error| unwritable(path, &error).into())
}

/// The lock would have to change, and must not.
fn out_of_date(path: &Path, changes: &[Change]) -> Diagnostic {
    let name = path.file_name().unwrap_or_default().display();
    let problem = if path.exists() {
        Diagnostic::error(
            "zosc::lock::out-of-date",
            format!("{name} does not fit the manifest, and `--locked` keeps it"),
        )
        .help("run `zosc lock` without `--locked`, look at the change, and commit it")
    } else {
        let problem = Diagnostic::error(
            "zosc::lock::out-of-date",
            format!("there is no {name}, and `--locked` makes none"),
        );
        problem.help(if has_lock_of_no_manifest(path) {
            format!("the lock of a manifest has its name: if zos.lock is of this one, rename it to {name}")
        } else {
            format!("run `zosc lock` without `--locked`, and commit {name}")
        })
    };
    changes.iter().take(20).fold(problem, |problem, change| {
        problem.note(format!("would change: {change}"))
    })
}

fn unwritable(path: &Path, error: &std::io::Error) -> Diagnostic {
    io::disk_refusal(path, error).unwrap_or_else(|| {
        Diagnostic::error(
            "zosc::lock::cannot-write",
            format!("cannot write `{}`: {error}", path.display()),
        )
        .help("the lock is kept beside the manifest; make that folder writable")
    })
}
