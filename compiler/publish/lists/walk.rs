//! A folder of this machine, as entries that can be packed.
//!
//! Entries come in the order of their paths, whatever order the file system has them in. No link is followed. What changes while it is read
//! is an error, and so are names that no list can hold.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::flist::{Entry, Kind, Packable};
use crate::tree::ImagePath;

/// Whose the files are in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// Whose they are on disk.
    Kept,
    /// Root's, all of them.
    Root,
}

/// What is in a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Regular files.
    pub files: u64,
    /// Bytes of their contents.
    pub bytes: u64,
    /// What a mounted list could not show, and stays out of it: devices, pipes, sockets.
    pub left_out: Vec<ImagePath>,
}

/// Says what stays out of a list, or of a folder, where there is something.
pub fn left_out(paths: &[ImagePath]) -> Option<Diagnostic> {
    const TOLD: usize = 8;
    let count = paths.len();
    let (noun, verb) = match count {
        0 => return None,
        1 => ("file", "is no file, folder or link, and stays out"),
        _ => ("files", "are no files, folders or links, and stay out"),
    };
    let mut problem = Diagnostic::warning(
        "zosc::publish::left-out",
        format!("{count} special {noun} {verb}"),
    )
    .help("no mounted flist shows devices, pipes and sockets: let the image make them");
    for path in paths.iter().take(TOLD) {
        problem = problem.note(format!("`{path}`"));
    }
    if count > TOLD {
        problem = problem.note(format!("and {} more", count - TOLD));
    }
    Some(problem)
}

/// Looks through a folder, and says everything that keeps it from being packed.
///
/// # Errors
/// `zosc::publish::unreadable-folder` and `zosc::publish::bad-file-name`.
pub fn scan(folder: &Path) -> Result<Scanned, Diagnostics> {
    let mut scanned = Scanned::default();
    let mut problems = Diagnostics::new();
    for step in Walk::new(folder)? {
        match step {
            Err(problem) => problems.push(problem),
            Ok(step) if step.facts.is_file() => {
                scanned.files += 1;
                scanned.bytes += step.facts.len();
            }
            Ok(step) if is_special(&step.facts) => scanned.left_out.push(step.path),
            Ok(_) => {}
        }
    }
    problems.into_result().map(|()| scanned)
}

/// The entries of a folder with their contents; the folder itself becomes the root.
pub(super) fn packables(
    folder: &Path,
    owners: Owners,
) -> Result<impl Iterator<Item = Result<Packable<'static>, Diagnostic>> + use<>, Diagnostic> {
    let steps = Walk::new(folder)?;
    let packed = steps.filter(|step| !step.as_ref().is_ok_and(|step| is_special(&step.facts)));
    Ok(packed.map(move |step| packable(step?, owners)))
}

fn is_special(facts: &Metadata) -> bool {
    let kind = facts.file_type();
    kind.is_char_device() || kind.is_block_device() || kind.is_fifo() || kind.is_socket()
}

fn packable(step: Step, owners: Owners) -> Result<Packable<'static>, Diagnostic> {
    let Step { disk, path, facts } = step;
    let (uid, gid) = match owners {
        Owners::Kept => (facts.uid(), facts.gid()),
        Owners::Root => (0, 0),
    };
    let kind = if facts.is_dir() {
        Kind::Directory
    } else if facts.is_symlink() {
        let target = std::fs::read_link(&disk).map_err(|error| unreadable(&disk, &error))?;
        Kind::Symlink {
            target: target.as_os_str().as_bytes().to_vec(),
        }
    } else {
        Kind::File { size: facts.len() }
    };
    let is_file = facts.is_file();
    let entry = Entry {
        path,
        kind,
        mode: facts.mode() & 0o7777,
        uid,
        gid,
        mtime: u64::try_from(facts.mtime()).unwrap_or(0),
    };
    if !is_file {
        return Ok(Packable::bare(entry));
    }
    let content = Content::open(&disk, &facts).map_err(|error| unreadable(&disk, &error))?;
    Ok(Packable::file(entry, content))
}

/// A file's content, as long as the file stays as it was when it was listed.
struct Content {
    file: File,
    look: Look,
}

impl Content {
    fn open(path: &Path, listed: &Metadata) -> io::Result<Self> {
        // A pipe that has taken the file's place would not be waited for, and a link not be followed.
        let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits();
        let flags = i32::try_from(flags).unwrap_or_default();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)?;
        let look = Look::of(listed);
        let content = Self { file, look };
        content.is_as_it_was().map(|()| content)
    }

    fn is_as_it_was(&self) -> io::Result<()> {
        if Look::of(&self.file.metadata()?) == self.look {
            return Ok(());
        }
        Err(io::Error::other("it changed while it was packed"))
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            self.is_as_it_was()?;
        }
        Ok(count)
    }
}

/// What differs when a file has changed: nobody can set `ctime`.
#[derive(Debug, PartialEq, Eq)]
struct Look([u64; 3], [i64; 4]);

impl Look {
    fn of(facts: &Metadata) -> Self {
        Self(
            [facts.dev(), facts.ino(), facts.len()],
            [
                facts.mtime(),
                facts.mtime_nsec(),
                facts.ctime(),
                facts.ctime_nsec(),
            ],
        )
    }
}

/// One entry of a folder.
struct Step {
    disk: PathBuf,
    path: ImagePath,
    facts: Metadata,
}

/// A path that has still to be looked at, or why it cannot be packed.
type Waiting = Result<(PathBuf, ImagePath), Diagnostic>;

/// The entries of a folder, those above first.
struct Walk {
    /// What has still to be looked at, the next one last.
    waiting: Vec<Waiting>,
}

impl Walk {
    fn new(folder: &Path) -> Result<Self, Diagnostic> {
        // A link is followed where it is named itself, and nowhere below.
        let there = folder.canonicalize();
        let there = there.map_err(|error| unreadable(folder, &error))?;
        if !there.is_dir() {
            return Err(unreadable(folder, &io::ErrorKind::NotADirectory.into()));
        }
        Ok(Self {
            waiting: vec![Ok((there, ImagePath::root()))],
        })
    }

    fn step(&mut self, disk: PathBuf, path: ImagePath) -> Result<Step, Diagnostic> {
        let facts = disk.symlink_metadata();
        let facts = facts.map_err(|error| unreadable(&disk, &error))?;
        if facts.is_dir() {
            let mut below = below(&disk, &path)?;
            self.waiting.append(&mut below);
        }
        Ok(Step { disk, path, facts })
    }
}

impl Iterator for Walk {
    type Item = Result<Step, Diagnostic>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.waiting.pop()? {
            Ok((disk, path)) => Some(self.step(disk, path)),
            Err(problem) => Some(Err(problem)),
        }
    }
}

/// What lies in a folder, last name first.
fn below(disk: &Path, path: &ImagePath) -> Result<Vec<Waiting>, Diagnostic> {
    let failed = |error: io::Error| unreadable(disk, &error);
    let entries = std::fs::read_dir(disk).map_err(failed)?;
    let names: io::Result<Vec<_>> = entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect();
    let mut names = names.map_err(failed)?;
    names.sort_unstable_by(|one, other| other.as_bytes().cmp(one.as_bytes()));
    let placed = names.into_iter().map(|name| {
        let disk = disk.join(&name);
        let named = name.to_str().and_then(|name| path.join(name).ok());
        match named {
            Some(path) => Ok((disk, path)),
            None => Err(bad_name(&disk)),
        }
    });
    Ok(placed.collect())
}

fn bad_name(disk: &Path) -> Diagnostic {
    Diagnostic::error(
        "zosc::publish::bad-file-name",
        format!("`{}` has a name that no list can hold", disk.to_string_lossy().escape_debug()),
    )
    .help("rename it: names are UTF-8 without control characters, at most 255 bytes long, and a path has less than 4096")
}

fn unreadable(disk: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error(
        "zosc::publish::unreadable-folder",
        format!("cannot pack `{}`: {error}", disk.display()),
    )
    .help("check the path and your permissions, and pack while nobody writes there")
}
