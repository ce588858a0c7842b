//! Texts that are open in the editor; they hide the files of the same paths.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::io::{FileKind, Files, System};

use super::protocol::Uri;
use super::text::Text;
use super::uri;

/// A text that is open in the editor.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its address, as the client writes it.
    pub uri: Uri,
    /// Its absolute path; of a text that was never saved, one where nothing is.
    pub path: PathBuf,
    /// What language the client says it is.
    pub language: String,
    /// Which version of the text it is, as the client counts.
    pub version: i32,
    /// The text.
    pub text: Text,
}

impl Document {
    /// Whether it is a manifest or a part of one, and no other file that a manifest names.
    pub fn is_manifest(&self) -> bool {
        let by_name = self.path.extension().is_some_and(|ending| ending == "kdl");
        by_name || ["kdl", "zos-kdl", "zos"].contains(&self.language.as_str())
    }
}

/// Every open text by its path. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Documents {
    open: Arc<BTreeMap<PathBuf, Arc<Document>>>,
}

impl Documents {
    /// The open text of a path.
    pub fn get(&self, path: &Path) -> Option<&Arc<Document>> {
        self.open.get(path)
    }

    /// All of them, by path.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Document>> {
        self.open.values()
    }

    /// The address of a path: the client's own where it has the file open.
    pub fn uri(&self, path: &Path) -> Uri {
        self.get(path)
            .map_or_else(|| uri::of_path(path), |document| document.uri.clone())
    }

    /// Opens a text, or takes another one for the same path.
    pub(super) fn put(&mut self, document: Document) {
        Arc::make_mut(&mut self.open).insert(document.path.clone(), Arc::new(document));
    }

    /// Closes a text.
    pub(super) fn remove(&mut self, path: &Path) -> bool {
        Arc::make_mut(&mut self.open).remove(path).is_some()
    }
}

impl Files for Documents {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let Some(document) = self.get(path) else {
            return System.read(path, limit);
        };
        let text = document.text.as_str();
        if text.len() as u64 > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(text.as_bytes().to_vec())
    }

    fn kind(&self, path: &Path) -> Option<FileKind> {
        match self.get(path) {
            Some(document) => Some(FileKind::File(document.text.as_str().len() as u64)),
            None => System.kind(path),
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        System.list(path)
    }

    fn is_link(&self, path: &Path) -> bool {
        System.is_link(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_hides_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zos.kdl");
        std::fs::write(&path, "on disk").unwrap();
        let mut documents = Documents::default();
        assert_eq!(documents.read(&path, 99).unwrap(), b"on disk");
        documents.put(Document {
            uri: uri::of_path(&path),
            path: path.clone(),
            language: "kdl".to_owned(),
            version: 1,
            text: Text::new("in the editor"),
        });
        assert_eq!(documents.read(&path, 99).unwrap(), b"in the editor");
        assert_eq!(documents.kind(&path), Some(FileKind::File(13)));
        let error = documents.read(&path, 3).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(documents.remove(&path));
        assert_eq!(documents.read(&path, 99).unwrap(), b"on disk");
    }
}
