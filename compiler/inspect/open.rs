//! Images by their path: one file, or a folder of outputs such as `dist/`.

use std::path::Path;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::{FileKind, Files};
use crate::tree::Store;

use super::{Opened, is_program, opened};

/// The largest image that is read: 4 GiB is what FAT disks hold.
const LARGEST: u64 = 4 << 30;

/// Most files of a folder that are looked at.
const MOST: usize = 1_000;

/// How many bytes tell what a file is; a kernel without an EFI stub has its mark at 0x202.
const TELLING: usize = 0x206;

/// How archives begin: newc, xz, zstd, gzip.
const ARCHIVES: [&[u8]; 4] = [b"07070", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x1f\x8b"];

/// Takes apart what a path names: an image, or every image that lies directly in a folder, by name. Files of other kinds in
/// a folder are passed over.
///
/// # Errors
/// What cannot be read, damaged images, and a folder without any image.
pub fn open(path: &Path, files: &dyn Files, store: &Store) -> Result<Vec<Opened>, Diagnostics> {
    if files.kind(path) != Some(FileKind::Directory) {
        let bytes = read(path, files)?;
        return Ok(vec![opened(&path.display().to_string(), &bytes, store)?]);
    }
    let names = files.list(path).map_err(|error| unreadable(path, &error))?;
    let mut images = Vec::new();
    let mut problems = Diagnostics::new();
    for name in names.iter().take(MOST) {
        let path = path.join(name);
        if !matches!(files.kind(&path), Some(FileKind::File(_))) {
            continue;
        }
        match one_of_many(&path, files, store) {
            Ok(image) => images.extend(image),
            Err(problem) => problems.push(problem.note(format!("in `{}`", path.display()))),
        }
    }
    if images.is_empty() && problems.is_empty() {
        let fact = format!("there is no image in `{}`", path.display());
        problems.push(Diagnostic::error("zosc::inspect::no-image", fact).help(NAME_ONE));
    }
    if problems.is_empty() {
        Ok(images)
    } else {
        Err(problems)
    }
}

const NAME_ONE: &str = "run `zosc build` first, or name the image: an `.efi` file, a kernel, an initramfs, or a folder with such files";

/// A file of a folder, where it is an image.
fn one_of_many(
    path: &Path,
    files: &dyn Files,
    store: &Store,
) -> Result<Option<Opened>, Diagnostic> {
    let start = files
        .read_start(path, TELLING)
        .map_err(|error| unreadable(path, &error))?;
    let is_archive = ARCHIVES.iter().any(|magic| start.starts_with(magic));
    if !is_archive && !is_program(&start) {
        return Ok(None);
    }
    let bytes = read(path, files)?;
    opened(&path.display().to_string(), &bytes, store).map(Some)
}

fn read(path: &Path, files: &dyn Files) -> Result<Vec<u8>, Diagnostic> {
    files
        .read(path, LARGEST)
        .map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(
        "zosc::inspect::cannot-read",
        format!("cannot read `{}`: {error}", path.display()),
    )
    .help(NAME_ONE)
}
