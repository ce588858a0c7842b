//! The machine's disks: empty ones that nobody keeps, or those of a project, which stay from boot to boot.
//!
//! A project's disks lie in a folder of their own: `disk1.qcow2`, `disk2.qcow2` and so on, `.raw` for cloud-hypervisor. Nothing there is ever
//! overwritten or made smaller; whoever wants empty disks asks for them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::folder::{Folder, unusable};
use super::plan::Hypervisor;
use super::qcow2;
use crate::diagnostic::{Diagnostic, bytes};

/// Where the disks are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Disks {
    /// Empty ones in a temporary folder, gone with the machine.
    #[default]
    Fresh,
    /// Those of a project.
    Kept(Kept),
}

/// A project's disks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Their folder.
    pub folder: PathBuf,
    /// Whether all of them are made anew first.
    pub reset: bool,
    /// Whether what the machine writes is forgotten.
    pub snapshot: bool,
    /// How many of the last disks may have another size: nobody has named one for them.
    pub unsized_last: usize,
}

/// The form of a disk's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Raw,
    Qcow2,
}

impl Format {
    /// As hypervisors and file names have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Raw => Self::Qcow2,
            Self::Qcow2 => Self::Raw,
        }
    }
}

/// One disk of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Disk {
    pub path: PathBuf,
    pub format: Format,
    /// Whether what is written to it is forgotten.
    pub is_snapshot: bool,
}

/// Something that this process alone uses, as long as this lives.
#[derive(Debug)]
pub(super) struct Held {
    _file: File,
}

/// The folder below a project's own that has the disks of a manifest: `.zosc/boot/` and the name of the manifest without its ending.
pub fn folder_of(manifest: &Path) -> PathBuf {
    let name = manifest.file_stem().unwrap_or_default();
    let beside = manifest.parent().unwrap_or(Path::new(""));
    beside.join(".zosc/boot").join(name)
}

/// Holds a folder of disks, made where it is not there.
pub(super) fn hold_folder(folder: &Path) -> Result<Held, Diagnostic> {
    fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
    // What is below `.zosc` is nobody's source.
    if let Some(top) = folder.ancestors().find(|path| path.ends_with(".zosc")) {
        let ignore = top.join(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "*\n").map_err(|error| unusable(&ignore, &error))?;
        }
    }
    let lock = folder.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock)
        .map_err(|error| unusable(&lock, &error))?;
    hold_open(&file, folder)
}

/// Holds an open file, known by this name; refuses where another boot does.
pub(super) fn hold_open(file: &File, name: &Path) -> Result<Held, Diagnostic> {
    let refused = || {
        Diagnostic::error(
            "zosc::boot::in-use",
            format!("another boot uses `{}`", name.display()),
        )
        .help("stop it, or wait for its end; a `zosc boot --test` with a file of its own for the console goes beside it: `--serial FILE`")
    };
    let file = file.try_clone().map_err(|error| unusable(name, &error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Held { _file: file }),
        Err(Errno::WOULDBLOCK) => Err(refused()),
        Err(error) => Err(unusable(name, &error.into())),
    }
}

/// Lays out disks of these sizes.
pub(super) fn lay_out(
    disks: &Disks,
    sizes: &[u64],
    hypervisor: Hypervisor,
    folder: &Folder,
) -> Result<Vec<Disk>, Diagnostic> {
    let kept = match disks {
        Disks::Fresh => return fresh(sizes, folder),
        Disks::Kept(kept) => kept,
    };
    let format = match hypervisor {
        Hypervisor::Qemu => Format::Qcow2,
        Hypervisor::CloudHypervisor => Format::Raw,
    };
    if kept.reset && folder.is_written() {
        for (path, _) in kept_in(&kept.folder) {
            fs::remove_file(&path).map_err(|error| unusable(&path, &error))?;
        }
    }
    let firm = sizes.len().saturating_sub(kept.unsized_last);
    let mut laid = Vec::new();
    for (index, size) in sizes.iter().enumerate() {
        let path = place(&kept.folder, index + 1, format);
        let is_there = !kept.reset && path.exists();
        if is_there {
            fits(&path, format, Some(*size).filter(|_| index < firm))?;
        } else if !kept.reset {
            let other = place(&kept.folder, index + 1, format.other());
            if other.exists() {
                return Err(other_format(&other, &path, hypervisor));
            }
        }
        if !is_there && folder.is_written() {
            create(&path, format, *size)?;
        }
        laid.push(Disk {
            path,
            format,
            is_snapshot: kept.snapshot,
        });
    }
    Ok(laid)
}

/// Disks that a folder has, by their names, with the bytes that they take.
pub fn kept_in(folder: &Path) -> Vec<(PathBuf, u64)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(PathBuf, u64)> = entries
        .map(|entry| entry.path())
        .filter(|path| is_disk(path))
        .filter_map(|path| {
            let facts = fs::metadata(&path).ok()?;
            // Holes take nothing; blocks are counted in units of 512 bytes.
            Some((path, std::os::unix::fs::MetadataExt::blocks(&facts) * 512))
        })
        .collect();
    found.sort();
    found
}

/// Removes a project's disks, and their folder where nothing else is in it; what was removed.
///
/// # Errors
/// A boot uses them, or something cannot be removed.
pub fn remove(folder: &Path) -> Result<Vec<(PathBuf, u64)>, Diagnostic> {
    let found = kept_in(folder);
    if !folder.is_dir() {
        return Ok(found);
    }
    let _held = hold_folder(folder)?;
    for (path, _) in &found {
        fs::remove_file(path).map_err(|error| unusable(path, &error))?;
    }
    let _ = fs::remove_file(folder.join("lock"));
    let _ = fs::remove_dir(folder);
    Ok(found)
}

fn is_disk(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = name
        .strip_prefix("disk")
        .and_then(|rest| rest.strip_suffix(".qcow2").or(rest.strip_suffix(".raw")));
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn place(folder: &Path, number: usize, format: Format) -> PathBuf {
    folder.join(format!("disk{number}.{}", format.name()))
}

fn fresh(sizes: &[u64], folder: &Folder) -> Result<Vec<Disk>, Diagnostic> {
    let sizes = sizes.iter().enumerate();
    let disks = sizes.map(|(index, size)| {
        Ok(Disk {
            path: folder.sparse(&format!("disk{}.raw", index + 1), *size)?,
            format: Format::Raw,
            is_snapshot: false,
        })
    });
    disks.collect()
}

fn create(path: &Path, format: Format, size: u64) -> Result<(), Diagnostic> {
    match format {
        Format::Raw => File::create_new(path).and_then(|file| file.set_len(size)),
        Format::Qcow2 => qcow2::create(path, size),
    }
    .map_err(|error| unusable(path, &error))
}

/// Refuses a disk that is not what is asked for.
fn fits(path: &Path, format: Format, wanted: Option<u64>) -> Result<(), Diagnostic> {
    let size = match format {
        Format::Raw => fs::metadata(path).map(|facts| Some(facts.len())),
        Format::Qcow2 => qcow2::size(path),
    };
    let size = size.map_err(|error| unusable(path, &error))?;
    let Some(size) = size else {
        return Err(Diagnostic::error(
            "zosc::boot::other-disk",
            format!("`{}` is no disk in the format qcow2", path.display()),
        )
        .help("move it away, or make all disks anew: `--reset`"));
    };
    match wanted.filter(|wanted| *wanted != size) {
        None => Ok(()),
        Some(wanted) => Err(Diagnostic::error(
            "zosc::boot::other-disk",
            format!(
                "`{}` has {}, and {} are asked for",
                path.display(),
                bytes(size),
                bytes(wanted)
            ),
        )
        .help(format!(
            "keep it: `--disk-size {}`; or make all disks anew, and lose what is on them: `--reset`",
            written(size)
        ))),
    }
}

fn other_format(there: &Path, wanted: &Path, hypervisor: Hypervisor) -> Diagnostic {
    let format = wanted.extension().unwrap_or_default().display();
    Diagnostic::error(
        "zosc::boot::other-disk",
        format!(
            "`{}` is there, and {hypervisor} gets disks in the format {format}",
            there.display()
        ),
    )
    .help(format!(
        "convert it: `qemu-img convert -O {format} {} {}`; or make all disks anew, and lose what is on them: `--reset`",
        there.display(),
        wanted.display()
    ))
}

/// A size as the option takes it.
fn written(size: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let fitting = units
        .into_iter()
        .find(|(_, bits)| size > 0 && size.is_multiple_of(1 << bits));
    match fitting {
        Some((unit, bits)) => format!("{}{unit}", size >> bits),
        None => format!("{size}B"),
    }
}
