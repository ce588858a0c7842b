//! Paths as a manifest writes them: relative to the file that they are written in.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::diagnostic::{Diagnostic, nearest};
use crate::io::{FileKind, Files};
use crate::source::{SourceId, Span, Spanned};
use crate::tree::ImagePath;

use super::{Ctx, library, quoted};

/// The folder that the relative paths of a source text start from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Folder {
    /// An absolute folder of this machine.
    Disk(PathBuf),
    /// A folder of the library, without leading slash.
    Library(String),
}

/// A file or folder that a manifest names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// An absolute, normal path of this machine.
    Disk(PathBuf),
    /// A path in the library, without leading slash.
    Library(String),
}

/// Where each source text starts its relative paths from.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(BTreeMap<SourceId, Folder>);

impl Places {
    pub(super) fn insert(&mut self, source: SourceId, folder: Folder) {
        self.0.insert(source, folder);
    }

    fn folder(&self, source: SourceId) -> Folder {
        self.0
            .get(&source)
            .cloned()
            .unwrap_or_else(|| Folder::Disk(PathBuf::from("/")))
    }
}

impl Folder {
    /// What a path means in this folder; `None` where it steps out of the library.
    pub fn locate(&self, path: &str) -> Option<Location> {
        match self {
            Self::Disk(folder) => Some(Location::Disk(normal(&folder.join(path)))),
            Self::Library(folder) => normal_within(folder, path).map(Location::Library),
        }
    }
}

impl Location {
    /// What `import PATH` in this file means; `None` where it steps out of the library.
    pub fn imported(&self, path: &str) -> Option<Self> {
        match path.strip_prefix(library::PREFIX) {
            Some(name) => Folder::Library(String::new()).locate(&format!("{name}.kdl")),
            None => self.folder().locate(path),
        }
    }

    /// What a manifest of the library is called where it is imported.
    pub fn library_name(&self) -> Option<String> {
        match self {
            Self::Library(path) => {
                Some(format!("{}{}", library::PREFIX, path.strip_suffix(".kdl")?))
            }
            Self::Disk(_) => None,
        }
    }

    /// The folder that holds it.
    pub fn folder(&self) -> Folder {
        match self {
            Self::Disk(path) => Folder::Disk(path.parent().unwrap_or(Path::new("/")).to_owned()),
            Self::Library(path) => Folder::Library(
                path.rsplit_once('/')
                    .map_or("", |(folder, _)| folder)
                    .to_owned(),
            ),
        }
    }
}

/// The same path without `.` and `..`, by its text alone; an absolute path stays absolute.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

fn normal_within(folder: &str, path: &str) -> Option<String> {
    let mut components: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                components.pop()?;
            }
            other => components.push(other),
        }
    }
    Some(components.join("/"))
}

/// Why a text is no path of a file, in the words of a message.
pub(super) fn fault(path: &str) -> Option<&'static str> {
    match path {
        "" => Some("is empty"),
        _ if path.chars().any(char::is_control) => Some("holds a control character"),
        _ if path.len() >= 4096 => Some("is longer than Linux allows"),
        _ => None,
    }
}

/// The nearest name to a missing file's among those that stand beside it.
pub(crate) fn nearest_file(files: &dyn Files, path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let beside = files.list(path.parent()?).ok()?;
    nearest(name, beside.iter().map(String::as_str)).map(str::to_owned)
}

/// What a path must name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// A regular file.
    File,
    /// A folder.
    Folder,
}

impl Ctx<'_> {
    /// What a path in a manifest means.
    pub(super) fn locate(&mut self, path: &Spanned<String>) -> Option<Location> {
        if let Some(fault) = fault(path) {
            self.push(
                Diagnostic::error("zosc::check::bad-path", format!("the path {fault}"))
                    .at(path.span)
                    .help("name a file or folder relative to this file"),
            );
            return None;
        }
        let location = self.places.folder(path.span.source).locate(path);
        if location.is_none() {
            self.not_found(path, "in the library of zosc", None);
        }
        location
    }

    /// A file or folder of this machine that must exist.
    pub(super) fn existing(
        &mut self,
        path: &Spanned<String>,
        want: Want,
    ) -> Option<Spanned<PathBuf>> {
        match self.locate(path)? {
            Location::Disk(disk) => {
                self.expect_kind(path, &disk, want)?;
                Some(Spanned::new(disk, path.span))
            }
            Location::Library(_) => {
                self.not_found(path, "outside the library of zosc", None);
                None
            }
        }
    }

    /// A folder of this machine that may come to be after the check.
    pub(super) fn future_folder(&mut self, path: &Spanned<String>) -> Option<Spanned<PathBuf>> {
        match self.locate(path)? {
            Location::Disk(disk) => Some(Spanned::new(disk, path.span)),
            Location::Library(_) => {
                self.not_found(path, "outside the library of zosc", None);
                None
            }
        }
    }

    fn expect_kind(&mut self, path: &Spanned<String>, disk: &Path, want: Want) -> Option<()> {
        let is = match (self.files.kind(disk), want) {
            (Some(FileKind::File(_)), Want::File) | (Some(FileKind::Directory), Want::Folder) => {
                return Some(());
            }
            (None, _) => {
                let near = nearest_file(self.files, disk);
                self.not_found(path, "", near.as_deref());
                return None;
            }
            (Some(FileKind::File(_)), _) => "a file",
            (Some(FileKind::Directory), _) => "a folder",
            (Some(FileKind::Other), _) => "neither a file nor a folder",
        };
        let wanted = match want {
            Want::File => "a file",
            Want::Folder => "a folder",
        };
        self.push(
            Diagnostic::error(
                "zosc::check::wrong-file-kind",
                format!("`{}` is {is}", path.value),
            )
            .at(path.span)
            .help(format!("name {wanted} here")),
        );
        None
    }

    /// A file's name for people: relative to the folder they are in where that is shorter.
    pub(super) fn shown(&self, path: &Spanned<String>) -> String {
        match self.places.folder(path.span.source).locate(path) {
            Some(Location::Disk(disk)) => {
                let relative = disk.strip_prefix(self.current_directory);
                relative.unwrap_or(&disk).display().to_string()
            }
            Some(Location::Library(name)) => format!("{}{name}", library::PREFIX),
            None => path.value.clone(),
        }
    }

    /// The bytes of a file of at most `limit` bytes that must exist, on this machine or in the library.
    pub(super) fn read(&mut self, path: &Spanned<String>, limit: u64) -> Option<Vec<u8>> {
        match self.locate(path)? {
            Location::Library(name) => {
                let bytes = library::read(&name);
                if bytes.is_none() {
                    self.not_found(path, "in the library of zosc", None);
                }
                bytes.map(<[u8]>::to_vec)
            }
            Location::Disk(disk) => {
                self.expect_kind(path, &disk, Want::File)?;
                let read = self.files.read(&disk, limit);
                read.map_err(|error| {
                    self.push(
                        Diagnostic::error(
                            "zosc::check::unreadable-file",
                            format!("`{}` cannot be read: {error}", path.value),
                        )
                        .at(path.span)
                        .help("check the file's permissions and size"),
                    );
                })
                .ok()
            }
        }
    }

    /// Says that a file is missing.
    pub(super) fn not_found(&mut self, path: &Spanned<String>, place: &str, near: Option<&str>) {
        let space = if place.is_empty() { "" } else { " " };
        let problem = Diagnostic::error(
            "zosc::check::file-not-found",
            format!("there is no `{}`{space}{place}", path.value),
        )
        .at(path.span);
        let folder = path.rsplit_once('/').map(|(folder, _)| folder);
        self.push(match near {
            Some(near) => {
                let near = folder.map_or(near.to_owned(), |folder| format!("{folder}/{near}"));
                problem.help(format!("did you mean `{near}`?")).replace(
                    format!("write `{near}`"),
                    path.span,
                    quoted(&near),
                )
            }
            None => problem.help("paths are relative to the file that they are written in"),
        });
    }

    /// A path inside the image.
    pub(super) fn image_path(&mut self, path: &Spanned<String>) -> Option<Spanned<ImagePath>> {
        match ImagePath::new(path) {
            Ok(image) => Some(Spanned::new(image, path.span)),
            Err(error) => {
                self.bad_image_path(
                    path.span,
                    &format!("{error}"),
                    "write a path that starts with `/`, without `..`",
                );
                None
            }
        }
    }

    /// A path inside the image that a file can have.
    pub(super) fn image_file(&mut self, path: &Spanned<String>) -> Option<Spanned<ImagePath>> {
        let image = self.image_path(path)?;
        if image.is_root() || path.ends_with('/') {
            let message = format!("`{}` is the path of a folder", path.value);
            self.bad_image_path(
                path.span,
                &message,
                "write the whole path, with the file's name at its end",
            );
            return None;
        }
        Some(image)
    }

    /// A path below a folder that comes from elsewhere: relative and without `..`.
    pub(super) fn inner_path(&mut self, path: &Spanned<String>) -> Option<String> {
        let fault = match ImagePath::new(path) {
            _ if path.starts_with('/') => "the path is absolute".to_owned(),
            Err(error) => error.to_string(),
            Ok(inner) => return Some(inner.relative().to_owned()),
        };
        self.bad_image_path(
            path.span,
            &fault,
            "write a path inside the source, such as \"bin/agent\"",
        );
        None
    }

    fn bad_image_path(&mut self, span: Span, message: &str, help: &str) {
        self.push(
            Diagnostic::error("zosc::check::bad-image-path", message)
                .at(span)
                .help(help),
        );
    }
}
