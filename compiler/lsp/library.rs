//! The library's files on disk, for editors that can open nothing else.
//!
//! Editors that ask a server for texts get those of the library under addresses of its own ([`super::contents`]). For the others
//! they are written once, below the store, into a folder that is named by what they say; nobody is meant to change them there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::check::{self, Location};
use crate::io::{Existing, NewFile, Unwritten, write_all};
use crate::tree::Digest;

/// The folder with the library's files; `None` where they cannot be written.
pub(super) fn on_disk(store: &Path) -> Option<PathBuf> {
    let mut files = BTreeMap::new();
    let mut all = Vec::new();
    for name in check::library_names() {
        let text = check::library_text(&name)?;
        all.extend_from_slice(name.as_bytes());
        all.extend_from_slice(text.as_bytes());
        let path = format!("{}.kdl", name.strip_prefix("std:").unwrap_or(&name));
        let file = NewFile {
            bytes: text.as_bytes().to_vec(),
            executable: false,
        };
        files.insert(path, file);
    }
    let digest = Digest::of(&all).to_string();
    let folder = store.join("library").join(digest.get(..16)?);
    match write_all(&folder, &files, Existing::Keep) {
        Ok(()) => Some(folder),
        // All of them or none: what is there was written by another server.
        Err(Unwritten::Exists(there)) => (there.len() == files.len()).then_some(folder),
        Err(Unwritten::Failed(..)) => None,
    }
}

/// What a path means: a file of the library where it is one of those on disk.
pub(super) fn location(library: Option<&Path>, path: &Path) -> Location {
    let below = library.and_then(|library| path.strip_prefix(library).ok());
    match below.and_then(Path::to_str) {
        Some(below) => Location::Library(below.to_owned()),
        None => Location::Disk(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_written_once() {
        let store = tempfile::tempdir().unwrap();
        let folder = on_disk(store.path()).unwrap();
        let file = folder.join("zero-os/udev.kdl");
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(Some(text.as_str()), check::library_text("std:zero-os/udev"));
        let written = file.metadata().unwrap().modified().unwrap();
        assert_eq!(on_disk(store.path()), Some(folder.clone()));
        assert_eq!(file.metadata().unwrap().modified().unwrap(), written);
        let place = location(Some(&folder), &file);
        assert_eq!(place, Location::Library("zero-os/udev.kdl".to_owned()));
        let nowhere = Path::new("/proc/none");
        assert_eq!(on_disk(nowhere), None);
        assert_eq!(
            location(Some(&folder), nowhere),
            Location::Disk(nowhere.to_owned())
        );
    }
}
