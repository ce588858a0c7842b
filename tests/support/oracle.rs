//! The real `apk` beside the project, and what it leaves in a directory.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use zosc::apk::{Key, open_index};

use super::packages::hexadecimal;

/// The folder with real Alpine packages, or `None`, said aloud, where it is missing.
pub fn alpine() -> Option<PathBuf> {
    let folder = std::env::var_os("ZOSC_TEST_ALPINE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/alpine"),
        PathBuf::from,
    );
    if folder.join("apk-oracle").is_file() {
        return Some(folder);
    }
    eprintln!(
        "skipped: no Alpine packages in {} (ZOSC_TEST_ALPINE)",
        folder.display()
    );
    None
}

/// The keys that sign Alpine's indexes.
pub fn keys(alpine: &Path) -> Vec<Key> {
    let folder = fs::read_dir(alpine.join("keys")).expect("its keys");
    let key = |path: PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        let pem = fs::read(&path).expect("readable");
        Key::parse(name.expect("a name"), &pem).expect("a key")
    };
    folder
        .map(|entry| key(entry.expect("readable").path()))
        .collect()
}

/// The texts of real indexes, their signatures checked.
pub fn index_texts(repositories: &[&str]) -> Vec<Vec<u8>> {
    let alpine = alpine().expect("asked before");
    let keys = keys(&alpine);
    let text = |name: &&str| {
        let path = alpine.join(name).join("x86_64/APKINDEX.tar.gz");
        open_index(&fs::read(path).expect("an index"), &keys, name).expect("signed")
    };
    repositories.iter().map(text).collect()
}

/// The real apk in a small root of its own.
pub struct Oracle {
    program: PathBuf,
    jail: tempfile::TempDir,
}

impl Oracle {
    /// Sets it up, or says aloud why it cannot run here.
    pub fn new() -> Option<Self> {
        let alpine = alpine()?;
        let oracle = Self {
            program: alpine.join("apk-oracle"),
            jail: tempfile::tempdir().expect("a temporary folder"),
        };
        let works = rustix::process::geteuid().is_root()
            && oracle
                .command(&["--version"])
                .output()
                .is_ok_and(|output| output.status.success());
        if !works {
            eprintln!("skipped: the real apk runs in a chroot, which needs root");
            return None;
        }
        Some(oracle)
    }

    /// A folder that apk sees as `/NAME`.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.jail.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(self.jail.path()).args(arguments);
        command.env("SOURCE_DATE_EPOCH", "0");
        command
    }

    /// Runs apk and returns what it says, also where it fails.
    pub fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.command(arguments).output().expect("apk starts");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        if output.status.success() {
            Ok(said)
        } else {
            Err(said)
        }
    }

    /// Installs packages into the empty root `/ROOT` and returns what apk says it does: `install NAME-VERSION` and
    /// `run NAME-VERSION.SCRIPT`.
    pub fn install(
        &self,
        root: &str,
        repository: &str,
        more: &[&str],
        names: &[&str],
    ) -> Result<Vec<String>, String> {
        fs::create_dir(self.folder(root)).expect("a fresh root");
        let root = format!("/{root}");
        let mut arguments = vec![
            "add",
            "--initdb",
            "--root",
            &root,
            "--keys-dir",
            "/etc/apk/keys",
        ];
        arguments.extend(["-X", repository]);
        arguments.extend(more);
        arguments.extend(names);
        let output = self.command(&arguments).output().expect("apk starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            return Err(text + &String::from_utf8_lossy(&output.stderr));
        }
        Ok(text.lines().filter_map(event).collect())
    }
}

/// `(3/54) Installing busybox (1.36.1-r15)` or `Executing busybox-1.36.1-r15.post-install`
fn event(line: &str) -> Option<String> {
    if let Some(script) = line.strip_prefix("Executing ") {
        return Some(format!("run {script}"));
    }
    let (_, rest) = line.split_once(") Installing ")?;
    let (name, version) = rest.split_once(" (")?;
    Some(format!("install {name}-{}", version.strip_suffix(')')?))
}

/// Everything in a directory: path to type, mode, owner, content, time of regular files, attributes.
pub fn listing(root: &Path) -> BTreeMap<String, String> {
    let mut listing = BTreeMap::new();
    let mut links: BTreeMap<u64, String> = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("readable").path();
            let metadata = fs::symlink_metadata(&path).expect("there");
            if metadata.is_dir() {
                pending.push(path.clone());
            }
            found.push((path, metadata));
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (path, metadata) in found {
        let name = format!("/{}", path.strip_prefix(root).expect("below").display());
        let kind = metadata.file_type();
        let what = if kind.is_dir() {
            "directory".to_owned()
        } else if kind.is_symlink() {
            format!("link {}", fs::read_link(&path).expect("a link").display())
        } else if kind.is_file() {
            let first = links.entry(metadata.ino()).or_insert_with(|| name.clone());
            let content = hexadecimal(&Sha256::digest(fs::read(&path).expect("readable")));
            format!("file {content} first {first} time {}", metadata.mtime())
        } else if kind.is_char_device() {
            let device = metadata.rdev();
            format!(
                "char {}:{}",
                rustix::fs::major(device),
                rustix::fs::minor(device)
            )
        } else {
            "other".to_owned()
        };
        let attributes = attributes(&path);
        let (mode, uid, gid) = (metadata.mode() & 0o7777, metadata.uid(), metadata.gid());
        listing.insert(name, format!("{what} {mode:o} {uid}:{gid}{attributes}"));
    }
    listing
}

fn attributes(path: &Path) -> String {
    let mut names = vec![0; 1 << 16];
    let Ok(length) = rustix::fs::llistxattr(path, &mut names) else {
        return String::new();
    };
    let mut text = String::new();
    for name in names[..length]
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let name = String::from_utf8_lossy(name).into_owned();
        let mut value = vec![0; 1 << 16];
        let length = rustix::fs::lgetxattr(path, &*name, &mut value).expect("readable");
        text.push_str(&format!(" {name}={}", hexadecimal(&value[..length])));
    }
    text
}
