//! A folder of this machine as a store.
//!
//! A block is written beside its place and gets its name by one rename: several may write at once, and who is killed leaves
//! nothing that looks like a block. One that is there with another length, as a crashed machine may leave it, is written again.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::diagnostic::Diagnostic;
use crate::flist::{BlockId, SEALED_LIMIT};
use crate::io::{Pending, disk_refusal, sweep_pending};

use super::{Blocks, Found, Layout, Put, Tried, checked};

/// Blocks in a folder.
#[derive(Debug)]
pub struct FolderStore {
    root: PathBuf,
    layout: Layout,
    /// Folders in which nothing is left of earlier writers.
    swept: Mutex<BTreeSet<PathBuf>>,
}

impl FolderStore {
    /// The blocks in a folder, which is made when the first one is written.
    pub fn new(root: &Path, layout: Layout) -> Self {
        Self {
            root: root.to_owned(),
            layout,
            swept: Mutex::default(),
        }
    }

    fn path(&self, layout: Layout, id: &BlockId) -> PathBuf {
        self.root.join(layout.name(id))
    }

    /// Removes what killed writers have left in a folder, before this process writes there for the first time.
    fn sweep(&self, folder: &Path) {
        let is_swept = self.swept.lock().is_ok_and(|swept| swept.contains(folder));
        if !is_swept {
            sweep_pending(folder);
            if let Ok(mut swept) = self.swept.lock() {
                swept.insert(folder.to_owned());
            }
        }
    }

    fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.root);
        self.sweep(folder);
        let mut file = match Pending::new(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(folder)?;
                Pending::new(folder)?
            }
            begun => begun?,
        };
        file.write_all(bytes)?;
        // A web server, which runs as somebody else, hands it out.
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.persist(path)
    }
}

impl Blocks for FolderStore {
    fn address(&self) -> String {
        format!("dir://{}", self.root.display())
    }

    fn read(&self, id: &BlockId) -> Result<Vec<u8>, Vec<Tried>> {
        let mut tried = Vec::new();
        for layout in [Layout::Sharded, Layout::Flat] {
            let path = self.path(layout, id);
            match contents(&path).and_then(|bytes| checked(id, bytes)) {
                Ok(bytes) => return Ok(bytes),
                Err(found) => {
                    let place = path.display().to_string();
                    let is_end = found != Found::Nothing;
                    tried.push(Tried { place, found });
                    // `rfs` looks further only where nothing is.
                    if is_end {
                        break;
                    }
                }
            }
        }
        Err(tried)
    }

    fn write(&self, id: &BlockId, bytes: &[u8]) -> Result<Put, Diagnostic> {
        let path = self.path(self.layout, id);
        let there = fs::symlink_metadata(&path);
        if there.is_ok_and(|facts| facts.is_file() && facts.len() == bytes.len() as u64) {
            return Ok(Put::Present);
        }
        match self.put(&path, bytes) {
            Ok(()) => Ok(Put::New),
            Err(error) => Err(refused(&path, &error)),
        }
    }

    fn has(&self, id: &BlockId) -> Result<bool, Diagnostic> {
        let path = self.path(self.layout, id);
        match fs::symlink_metadata(&path) {
            Ok(facts) => Ok(facts.is_file() && facts.len() > 0),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(refused(&path, &error)),
        }
    }
}

fn contents(path: &Path) -> Result<Vec<u8>, Found> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("no regular file"));
        }
        file.take(SEALED_LIMIT as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error| match error {
        error if is_absent(&error) => Found::Nothing,
        error => Found::Failed(error.to_string()),
    })
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn refused(path: &Path, error: &io::Error) -> Diagnostic {
    disk_refusal(path, error).unwrap_or_else(|| {
        Diagnostic::error(
            "zosc::publish::unusable-folder",
            format!("the store takes no block at `{}`: {error}", path.display()),
        )
        .help("name a folder that you may write to; what is there already is found again")
    })
}
