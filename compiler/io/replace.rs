//! Writing a file anew.

use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::Path;

use super::{Pending, sweep_pending};

/// Replaces the content of a file at once: whoever reads it meanwhile sees the old or the new one, never a part.
///
/// Permissions stay; of a link, the file that it leads to is replaced. A file that nobody may write to is left alone.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = path.canonicalize()?;
    let metadata = path.metadata()?;
    if metadata.permissions().readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    sweep_pending(folder);
    let mut file = Pending::new(folder)?;
    file.write_all(content)?;
    // Only root may give files away, and only root meets those of others here.
    let _ = fchown(file.file(), Some(metadata.uid()), Some(metadata.gid()));
    file.set_permissions(metadata.permissions())?;
    file.file().sync_all()?;
    file.persist(&path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn the_file_behind_a_link_changes_and_keeps_its_mode() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("a mode");
        symlink("file", &link).expect("a link");
        replace(&link, b"new").expect("replaced");
        assert!(link.is_symlink());
        assert_eq!(fs::read(&file).expect("read"), b"new");
        let mode = file.metadata().expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 2);
    }

    #[test]
    fn a_file_that_is_protected_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "old").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).expect("a mode");
        assert!(replace(&file, b"new").is_err());
        assert!(replace(&folder.path().join("none"), b"new").is_err());
        assert_eq!(fs::read(&file).expect("read"), b"old");
    }
}
