//! Makes Alpine packages, their index and their keys: for tests, and for the demo's repository.
//!
//! Everything is a pure function of what is asked for and the key: times come from the caller, gzip headers hold none.
//! Keys, signatures and indexes are those of zosc; packages are put together by hand, so that they can be as wrong as a test wants.

// Each test that includes this uses a part of it.
#![allow(dead_code, missing_docs, unreachable_pub)]

#[path = "signing.rs"]
mod signing;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use zosc::apk::{Checksum, IndexEntry, PackageInfo, write_index};

pub use signing::{SignatureHash, SigningKey};

/// What stands at a path of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Directory,
    File(Vec<u8>),
    Symlink(String),
    Hardlink(String),
    CharDevice(u32, u32),
    Fifo,
}

/// One entry of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub path: String,
    pub content: Content,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub user: String,
    pub group: String,
    pub mtime: u64,
    pub xattrs: BTreeMap<String, Vec<u8>>,
    /// Another checksum than the content's own, for tests of refusals.
    pub promised: Option<[u8; 20]>,
}

impl Item {
    pub fn new(path: &str, content: Content) -> Self {
        let mode = match content {
            Content::Directory => 0o755,
            Content::Symlink(_) => 0o777,
            _ => 0o644,
        };
        Self {
            path: path.to_owned(),
            content,
            mode,
            uid: 0,
            gid: 0,
            user: "root".to_owned(),
            group: "root".to_owned(),
            mtime: 1_700_000_000,
            xattrs: BTreeMap::new(),
            promised: None,
        }
    }

    pub fn directory(path: &str) -> Self {
        Self::new(path, Content::Directory)
    }

    pub fn file(path: &str, content: &str) -> Self {
        Self::new(path, Content::File(content.as_bytes().to_vec()))
    }

    pub fn symlink(path: &str, target: &str) -> Self {
        Self::new(path, Content::Symlink(target.to_owned()))
    }

    pub fn hardlink(path: &str, target: &str) -> Self {
        Self::new(path, Content::Hardlink(target.to_owned()))
    }

    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    pub fn owner(mut self, user: &str, uid: u64, group: &str, gid: u64) -> Self {
        (self.user, self.group) = (user.to_owned(), group.to_owned());
        (self.uid, self.gid) = (uid, gid);
        self
    }

    pub fn xattr(mut self, name: &str, value: &[u8]) -> Self {
        self.xattrs.insert(name.to_owned(), value.to_vec());
        self
    }

    fn checksum(&self) -> Option<[u8; 20]> {
        self.promised.or_else(|| match &self.content {
            Content::File(bytes) => Some(Sha1::digest(bytes).into()),
            Content::Symlink(target) => Some(Sha1::digest(target).into()),
            _ => None,
        })
    }
}

/// A package to be made.
#[derive(Debug, Clone, Default)]
pub struct Recipe {
    pub name: String,
    pub version: String,
    pub arch: String,
    pub description: String,
    pub origin: Option<String>,
    pub build_date: u64,
    pub depends: Vec<String>,
    pub provides: Vec<String>,
    pub provider_priority: Option<u64>,
    pub install_if: Vec<String>,
    pub replaces: Vec<String>,
    pub replaces_priority: Option<u64>,
    pub triggers: Vec<String>,
    /// Script kind (`post-install`, …) to text.
    pub scripts: BTreeMap<String, String>,
    pub items: Vec<Item>,
    /// The `size` to claim; by default that of the files, and 0 for a package without entries.
    pub installed_size: Option<u64>,
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl Recipe {
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            arch: "x86_64".to_owned(),
            description: format!("{name} for tests"),
            build_date: 1_700_000_000,
            ..Self::default()
        }
    }

    /// The static busybox, by these names.
    ///
    /// # Panics
    /// Where there is none.
    pub fn shell(names: &[&str]) -> Self {
        let busybox = std::fs::read("/bin/busybox").or_else(|_| std::fs::read("/usr/bin/busybox"));
        let busybox = Content::File(busybox.expect("needs the static busybox"));
        let shell =
            Self::new("shell", "1.0-r0").with(Item::new("bin/busybox", busybox).mode(0o755));
        names.iter().fold(shell, |shell, name| {
            shell.with(Item::symlink(&format!("bin/{name}"), "busybox"))
        })
    }

    pub fn depends(mut self, depends: &[&str]) -> Self {
        self.depends = words(depends);
        self
    }

    pub fn provides(mut self, provides: &[&str]) -> Self {
        self.provides = words(provides);
        self
    }

    pub fn replaces(mut self, replaces: &[&str], priority: Option<u64>) -> Self {
        self.replaces = words(replaces);
        self.replaces_priority = priority;
        self
    }

    pub fn origin(mut self, origin: &str) -> Self {
        self.origin = Some(origin.to_owned());
        self
    }

    pub fn triggers(mut self, triggers: &[&str]) -> Self {
        self.triggers = words(triggers);
        self
    }

    pub fn script(mut self, kind: &str, text: &str) -> Self {
        self.scripts.insert(kind.to_owned(), text.to_owned());
        self
    }

    /// Adds an entry and, before it, the directories above it that are not there yet.
    pub fn with(mut self, item: Item) -> Self {
        for (slash, _) in item.path.match_indices('/') {
            let parent = &item.path[..slash];
            // From the end: entries mostly follow their neighbours.
            if !self.items.iter().rev().any(|item| item.path == parent) {
                let mut directory = Item::directory(parent);
                directory.mtime = item.mtime;
                self.items.push(directory);
            }
        }
        self.items.push(item);
        self
    }

    /// Adds an entry alone.
    pub fn with_only(mut self, item: Item) -> Self {
        self.items.push(item);
        self
    }

    pub fn file(self, path: &str, content: &str) -> Self {
        self.with(Item::file(path, content))
    }

    pub fn full_name(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// Makes the archive; the same recipe and key give the same bytes.
    pub fn pack(&self, key: Option<(&SigningKey, SignatureHash)>) -> Archive {
        let data = self.data_member();
        let control = self.control_member(&data);
        let mut bytes = Vec::new();
        if let Some((key, hash)) = key {
            bytes.extend(key.signature_member(hash, &control));
        }
        let identity: [u8; 20] = Sha1::digest(&control).into();
        bytes.extend(control);
        bytes.extend(data);
        Archive {
            recipe: self.clone(),
            identity,
            bytes,
        }
    }

    /// The installed size that it claims.
    pub fn size(&self) -> u64 {
        self.installed_size.unwrap_or_else(|| {
            let size = |item: &Item| match &item.content {
                Content::File(bytes) => bytes.len() as u64,
                _ => 0,
            };
            let sum: u64 = self.items.iter().map(size).sum();
            sum.max(if self.items.is_empty() { 0 } else { 4096 })
        })
    }

    fn data_member(&self) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for item in &self.items {
            append_item(&mut tar, item);
        }
        gzip(&tar.into_inner().expect("into memory"))
    }

    pub fn control_member(&self, data: &[u8]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let info = self.package_info(data);
        append_plain(
            &mut tar,
            ".PKGINFO",
            0o644,
            self.build_date,
            info.as_bytes(),
        );
        for (kind, text) in &self.scripts {
            let name = format!(".{kind}");
            append_plain(&mut tar, &name, 0o755, self.build_date, text.as_bytes());
        }
        gzip(&without_end(tar))
    }

    fn package_info(&self, data: &[u8]) -> String {
        let mut text = String::from("# Made by zosc's test support\n");
        let mut line = |key: &str, value: &str| text.push_str(&format!("{key} = {value}\n"));
        line("pkgname", &self.name);
        line("pkgver", &self.version);
        line("pkgdesc", &self.description);
        line("url", "https://example.org");
        line("builddate", &self.build_date.to_string());
        line("size", &self.size().to_string());
        line("arch", &self.arch);
        line("license", "MIT");
        if let Some(origin) = &self.origin {
            line("origin", origin);
        }
        if let Some(priority) = self.provider_priority {
            line("provider_priority", &priority.to_string());
        }
        if let Some(priority) = self.replaces_priority {
            line("replaces_priority", &priority.to_string());
        }
        let lists = [
            ("replaces", &self.replaces),
            ("depend", &self.depends),
            ("provides", &self.provides),
            ("install_if", &self.install_if),
        ];
        for (key, values) in lists {
            for value in values {
                line(key, value);
            }
        }
        if !self.triggers.is_empty() {
            line("triggers", &self.triggers.join(" "));
        }
        line("datahash", &hexadecimal(&Sha256::digest(data)));
        text
    }
}

/// A finished package.
#[derive(Debug, Clone)]
pub struct Archive {
    pub recipe: Recipe,
    /// SHA-1 of the compressed control member.
    pub identity: [u8; 20],
    pub bytes: Vec<u8>,
}

impl Archive {
    pub fn file_name(&self) -> String {
        format!("{}.apk", self.recipe.full_name())
    }

    /// How an index lists it.
    fn entry(&self) -> IndexEntry {
        let recipe = self.recipe.clone();
        let installed_size = recipe.size();
        let info = PackageInfo {
            name: recipe.name,
            version: recipe.version,
            arch: recipe.arch,
            description: recipe.description,
            url: "https://example.org".to_owned(),
            license: "MIT".to_owned(),
            origin: recipe.origin,
            build_date: recipe.build_date,
            installed_size,
            depends: recipe.depends,
            provides: recipe.provides,
            provider_priority: recipe.provider_priority.unwrap_or_default(),
            install_if: recipe.install_if,
            ..PackageInfo::default()
        };
        IndexEntry {
            info,
            identity: Checksum::from_bytes(self.identity),
            size: self.bytes.len() as u64,
        }
    }
}

/// An `APKINDEX.tar.gz`, signed where a key is given.
pub fn index(
    archives: &[Archive],
    description: &str,
    key: Option<(&SigningKey, SignatureHash)>,
) -> Vec<u8> {
    let entries: Vec<IndexEntry> = archives.iter().map(Archive::entry).collect();
    let signer = key.map(|(key, hash)| key.signer(hash));
    write_index(&entries, description, signer).expect("a sound key")
}

/// One gzip member without name or time.
pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).expect("into memory");
    encoder.finish().expect("into memory")
}

pub type Tar = tar::Builder<Vec<u8>>;

/// The tar without its end-of-archive blocks, so that another can follow it.
fn without_end(tar: Tar) -> Vec<u8> {
    let mut bytes = tar.into_inner().expect("into memory");
    bytes.truncate(bytes.len() - 1024);
    bytes
}

pub fn append_plain(tar: &mut Tar, name: &str, mode: u32, mtime: u64, content: &[u8]) {
    let mut header = tar::Header::new_ustar();
    // apk takes no other type for a file than `0`.
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(mode);
    header.set_mtime(mtime);
    header.set_size(content.len() as u64);
    header.set_username("root").expect("fits");
    header.set_groupname("root").expect("fits");
    tar.append_data(&mut header, name, content)
        .expect("into memory");
}

fn append_item(tar: &mut Tar, item: &Item) {
    let mut records: Vec<(String, Vec<u8>)> = Vec::new();
    if let Some(checksum) = item.checksum() {
        let name = "APK-TOOLS.checksum.SHA1".to_owned();
        records.push((name, hexadecimal(&checksum).into_bytes()));
    }
    for (name, value) in &item.xattrs {
        records.push((format!("SCHILY.xattr.{name}"), value.clone()));
    }
    let path = match item.content {
        Content::Directory => format!("{}/", item.path),
        _ => item.path.clone(),
    };
    if path.len() > 100 {
        records.push(("path".to_owned(), path.clone().into_bytes()));
    }
    let target = match &item.content {
        Content::Symlink(target) | Content::Hardlink(target) => target.as_str(),
        _ => "",
    };
    if target.len() > 100 {
        records.push(("linkpath".to_owned(), target.as_bytes().to_vec()));
    }
    append_pax(tar, &records);
    let content: &[u8] = match &item.content {
        Content::File(bytes) => bytes,
        _ => &[],
    };
    let header = item_header(item, &path, target, content.len() as u64);
    tar.append(&header, content).expect("into memory");
}

/// One PAX header; apk takes one without a name for the end of the archive, so it gets one.
fn append_pax(tar: &mut Tar, records: &[(String, Vec<u8>)]) {
    let mut data = Vec::new();
    for (key, value) in records {
        // The length counts its own digits.
        let rest = key.len() + value.len() + 3;
        let length = (rest..rest + 20).find(|length| rest + length.to_string().len() == *length);
        data.extend(format!("{} {key}=", length.expect("there is one")).bytes());
        data.extend(value);
        data.push(b'\n');
    }
    if data.is_empty() {
        return;
    }
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::XHeader);
    header.set_mode(0o644);
    header.set_size(data.len() as u64);
    let raw = header.as_ustar_mut().expect("ustar");
    copy_text(&mut raw.name, "PaxHeaders/entry");
    header.set_cksum();
    tar.append(&header, data.as_slice()).expect("into memory");
}

/// Writes names byte by byte: tests want names that a careful library refuses.
fn item_header(item: &Item, path: &str, target: &str, size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_mode(item.mode);
    header.set_uid(item.uid);
    header.set_gid(item.gid);
    header.set_username(&item.user).expect("fits");
    header.set_groupname(&item.group).expect("fits");
    header.set_mtime(item.mtime);
    header.set_size(size);
    header.set_entry_type(match item.content {
        Content::Directory => tar::EntryType::Directory,
        Content::File(_) => tar::EntryType::Regular,
        Content::Symlink(_) => tar::EntryType::Symlink,
        Content::Hardlink(_) => tar::EntryType::Link,
        Content::CharDevice(..) => tar::EntryType::Char,
        Content::Fifo => tar::EntryType::Fifo,
    });
    if let Content::CharDevice(major, minor) = item.content {
        header.set_device_major(major).expect("ustar");
        header.set_device_minor(minor).expect("ustar");
    }
    let raw = header.as_ustar_mut().expect("ustar");
    copy_text(&mut raw.name, path);
    copy_text(&mut raw.linkname, target);
    header.set_cksum();
    header
}

fn copy_text(field: &mut [u8], text: &str) {
    let length = text.len().min(field.len());
    field[..length].copy_from_slice(&text.as_bytes()[..length]);
}

pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("into memory");
        text
    })
}
