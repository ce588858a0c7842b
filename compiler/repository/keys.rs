//! Key pairs as files: `NAME.rsa`, which signs and stays at home, and `NAME.rsa.pub`, which manifests name.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::apk::PrivateKey;
use crate::diagnostic::Diagnostic;
use crate::io::{self, Files as _};

use super::files::{unreadable, unwritable};

/// A private key is a few thousand bytes.
const LARGEST_KEY: u64 = 64 << 10;

/// The files of a key pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFiles {
    /// The private key.
    pub private: PathBuf,
    /// The public key.
    pub public: PathBuf,
}

/// Makes a key pair of so many bits: `NAME.rsa`, readable by its owner alone, and `NAME.rsa.pub`.
///
/// # Errors
/// `zosc::repository::key-exists` where either file is there; `zosc::repository::cannot-write`; those of making keys.
pub fn make_key_pair(name: &Path, bits: u32) -> Result<KeyFiles, Diagnostic> {
    let plain = name.to_string_lossy();
    let plain = plain.strip_suffix(".rsa").unwrap_or(&plain);
    let files = KeyFiles {
        private: PathBuf::from(format!("{plain}.rsa")),
        public: PathBuf::from(format!("{plain}.rsa.pub")),
    };
    for file in [&files.private, &files.public] {
        if file.symlink_metadata().is_ok() {
            return Err(exists(file));
        }
    }
    let key = PrivateKey::generate(&file_name(&files.public), bits, &mut io::random)?;
    let folder = files.private.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    for (file, mode, text) in [
        (&files.private, 0o600, key.private_pem()),
        (&files.public, 0o644, key.public_pem()),
    ] {
        write_new(file, mode, &text).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => exists(file),
            _ => unwritable(file, &error),
        })?;
    }
    Ok(files)
}

/// Reads a private key; signatures call its public half by its file name and `.pub`.
///
/// # Errors
/// `zosc::repository::cannot-read`, `zosc::apk::bad-private-key`
pub fn read_key(path: &Path) -> Result<PrivateKey, Diagnostic> {
    let pem = io::System
        .read(path, LARGEST_KEY)
        .map_err(|error| unreadable(path, &error))?;
    PrivateKey::parse(&format!("{}.pub", file_name(path)), &pem)
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn write_new(path: &Path, mode: u32, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())
}

fn exists(path: &Path) -> Diagnostic {
    Diagnostic::error(
        "zosc::repository::key-exists",
        format!("`{}` exists already", path.display()),
    )
    .help("a key that signed packages is not replaced: name another, or move the old pair away")
}
