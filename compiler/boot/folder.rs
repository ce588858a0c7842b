//! The temporary folder of a machine: what its hypervisor is given as files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::io::temporary_folder;

/// A folder for one boot, gone when this is dropped; or the name of one that is never made.
pub(super) struct Folder {
    path: PathBuf,
    made: Option<tempfile::TempDir>,
}

impl Folder {
    /// Makes one.
    pub(super) fn make() -> Result<Self, Diagnostic> {
        let made = tempfile::Builder::new()
            .prefix("zosc-boot-")
            .tempdir()
            .map_err(|error| unusable(&temporary_folder(), &error))?;
        Ok(Self {
            path: made.path().to_owned(),
            made: Some(made),
        })
    }

    /// Only names files.
    pub(super) fn imagined() -> Self {
        Self {
            path: temporary_folder().join("zosc-boot"),
            made: None,
        }
    }

    /// Whether anything is written.
    pub(super) fn is_written(&self) -> bool {
        self.made.is_some()
    }

    /// The place of a file.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf, Diagnostic> {
        self.with(name, |path| fs::write(path, content))
    }

    /// Makes a file of this size that takes no room yet.
    pub(super) fn sparse(&self, name: &str, size: u64) -> Result<PathBuf, Diagnostic> {
        self.with(name, |path| File::create(path)?.set_len(size))
    }

    /// Makes a link to a file.
    pub(super) fn link(&self, name: &str, to: &Path) -> Result<PathBuf, Diagnostic> {
        self.with(name, |path| {
            fs::create_dir_all(path.parent().unwrap_or(path))?;
            std::os::unix::fs::symlink(to, path)
        })
    }

    fn with(
        &self,
        name: &str,
        act: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Result<PathBuf, Diagnostic> {
        let path = self.file(name);
        if self.is_written() {
            act(&path).map_err(|error| unusable(&path, &error))?;
        }
        Ok(path)
    }
}

/// That a file cannot be read or written.
pub(super) fn unusable(path: &Path, error: &std::io::Error) -> Diagnostic {
    let fault = Diagnostic::error(
        "zosc::boot::unusable-file",
        format!("`{}` cannot be used: {error}", path.display()),
    );
    if error.kind() == std::io::ErrorKind::NotFound {
        return fault.help(
            "an image is made by `zosc build`; for a file of your own, make its folder first",
        );
    }
    fault.help("see that you may read and write it, and that its disk has room")
}
