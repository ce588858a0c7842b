//! The data member of a package: its files.
//!
//! Contents go into a batch for the store; what comes out are entries. A name is taken only as it will stand in the image:
//! relative, without `.` or `..`, below a directory that the package itself lists, so that no link can lead it
//! elsewhere.

use std::collections::BTreeMap;
use std::io::{Read, Write as _};

use serde::{Deserialize, Serialize};
use sha1::Digest as _;

use super::checksum::Checksum;
use super::fault::Fault;
use super::tarball::{TarHeader, TarKind, TarReader};
use crate::diagnostic::Diagnostic;
use crate::tree::{Batch, Digest, Entry, ImagePath, Node, Origin};

/// Files up to this size are read into memory and stored only where the store lacks them.
const SMALL: u64 = 1 << 20;

/// One file of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackagedFile {
    /// Where it goes.
    pub path: ImagePath,
    /// What it is; owner and group are the numbers in the archive.
    pub entry: Entry,
    /// The owner's name, which counts where the target's `/etc/passwd` knows it; may be empty.
    pub user: String,
    /// The group's name, which counts where the target's `/etc/group` knows it; may be empty.
    pub group: String,
    /// SHA-1 of the content or of the link's target; none for directories and devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Checksum>,
}

/// Reads a data member's entries in archive order.
pub(super) fn read_contents(
    content: &mut dyn Read,
    package: &str,
    batch: &mut Batch<'_>,
) -> Result<Vec<PackagedFile>, Fault> {
    let mut tar = TarReader::new(content);
    let mut collector = Collector {
        package,
        origin: Origin::new(format!("package {package}")),
        batch,
        files: Vec::new(),
        places: BTreeMap::new(),
    };
    while let Some(header) = tar.next()? {
        if !is_left_out(&header.path) {
            collector.take(header, &mut tar)?;
        }
    }
    Ok(collector.files)
}

/// Names that apk never installs: leftovers of the v1 format at the top, and `.keep_*` files.
fn is_left_out(path: &str) -> bool {
    let top = path.starts_with('.') && !path.starts_with("./") && !path.starts_with("..");
    let last = path.rsplit('/').next().unwrap_or_default();
    top || (last.len() > 6 && last.starts_with(".keep_"))
}

/// Linux has 12 bits for a device's major number and 20 for the minor one; no archive that zosc writes holds more.
fn is_device_number(major: u32, minor: u32) -> Result<(), Fault> {
    if major < 1 << 12 && minor < 1 << 20 {
        return Ok(());
    }
    Err(Fault::malformed(format!(
        "it holds the device {major}:{minor}, a number that Linux does not have"
    )))
}

struct Collector<'a, 's> {
    package: &'a str,
    origin: Origin,
    batch: &'a mut Batch<'s>,
    files: Vec<PackagedFile>,
    /// Where each path stands in `files`.
    places: BTreeMap<ImagePath, usize>,
}

impl Collector<'_, '_> {
    fn take(&mut self, header: TarHeader, tar: &mut dyn Read) -> Result<(), Fault> {
        let path = self.path(&header.path, header.kind)?;
        self.needs_directory(&path, header.kind)?;
        let (node, checksum) = self.node(&path, &header, tar)?;
        let mut entry = Entry {
            node,
            mode: header.mode,
            uid: header.uid,
            gid: header.gid,
            mtime: header.mtime,
            xattrs: header.xattrs,
            origin: self.origin.clone(),
        };
        if let Node::Symlink { .. } = entry.node {
            entry.mode = 0o777;
            entry.xattrs.clear();
        }
        if let Node::Hardlink { to } = &entry.node
            && let Some(target) = self.file(to)
        {
            // One inode has one mode and one owner.
            entry = Entry {
                node: entry.node.clone(),
                ..target.entry.clone()
            };
        }
        self.push(PackagedFile {
            path,
            entry,
            user: header.user,
            group: header.group,
            checksum,
        })
    }

    fn push(&mut self, file: PackagedFile) -> Result<(), Fault> {
        if let Some(first) = self.file(&file.path) {
            if *first == file {
                return Ok(());
            }
            return Err(Diagnostic::error(
                "zosc::apk::duplicate-path",
                format!(
                    "the package `{}` holds `{}` twice, and differently",
                    self.package, file.path
                ),
            )
            .help("build the package anew; an archive holds each path once")
            .into());
        }
        self.places.insert(file.path.clone(), self.files.len());
        self.files.push(file);
        Ok(())
    }

    fn file(&self, path: &ImagePath) -> Option<&PackagedFile> {
        self.files.get(*self.places.get(path)?)
    }

    /// A name that already is what the image will hold; anything else is refused rather than mended.
    fn path(&self, name: &str, kind: TarKind) -> Result<ImagePath, Fault> {
        let plain = if kind == TarKind::Directory {
            name.strip_suffix('/').unwrap_or(name)
        } else {
            name
        };
        let refuse = |reason: &str| {
            Diagnostic::error(
                "zosc::apk::unsafe-path",
                format!("the package `{}` holds the name `{}`: {reason}", self.package, name.escape_debug()),
            )
            .help("names in a package are relative, without `.` and `..`: pack with `tar -C DIR * `, not `tar -C DIR .`")
        };
        let path = ImagePath::new(plain).map_err(|error| refuse(&error.to_string()))?;
        if path.is_root() || path.relative() != plain {
            return Err(refuse("it is not the plain, relative path of a file").into());
        }
        Ok(path)
    }

    /// A file lies in a directory that the package lists; nothing lies below what the package makes a link or a file.
    fn needs_directory(&self, path: &ImagePath, kind: TarKind) -> Result<(), Fault> {
        let mut above = path.parent();
        while let Some(parent) = above.filter(|parent| !parent.is_root()) {
            match self.file(&parent) {
                Some(file) if file.entry.is_directory() => {}
                Some(_) => return Err(self.below_a_link(path, &parent)),
                None if kind != TarKind::Directory && path.parent().as_ref() == Some(&parent) => {
                    return Err(Diagnostic::error(
                        "zosc::apk::missing-directory",
                        format!(
                            "the package `{}` holds `{path}` but not the directory `{parent}`",
                            self.package
                        ),
                    )
                    .help(
                        "an archive lists every directory before what lies in it, as `abuild` does",
                    )
                    .into());
                }
                None => {}
            }
            above = parent.parent();
        }
        if kind != TarKind::Directory {
            let mut behind = self.places.range(path.clone()..).map(|(other, _)| other);
            if let Some(below) = behind
                .find(|other| *other != path)
                .filter(|other| other.starts_with(path))
            {
                return Err(self.below_a_link(below, path));
            }
        }
        Ok(())
    }

    fn below_a_link(&self, path: &ImagePath, parent: &ImagePath) -> Fault {
        Diagnostic::error(
            "zosc::apk::unsafe-path",
            format!(
                "the package `{}` puts `{path}` below `{parent}`, which it makes a link or a file",
                self.package
            ),
        )
        .help("do not use this package: its archive reaches through its own link")
        .into()
    }

    fn node(
        &mut self,
        path: &ImagePath,
        header: &TarHeader,
        tar: &mut dyn Read,
    ) -> Result<(Node, Option<Checksum>), Fault> {
        let (major, minor) = (header.major, header.minor);
        Ok(match header.kind {
            TarKind::File => {
                let (digest, checksum) = self.store_content(header.size, tar)?;
                self.check(path, header.checksum, checksum)?;
                let size = header.size;
                (Node::File { digest, size }, Some(checksum))
            }
            TarKind::Symlink => {
                let target = self.link_target(path, &header.link)?;
                let checksum = Checksum::of(target.as_bytes());
                self.check(path, header.checksum, checksum)?;
                (Node::Symlink { target }, Some(checksum))
            }
            TarKind::HardLink => self.hard_link(path, &header.link)?,
            TarKind::Directory => (Node::Directory, None),
            TarKind::CharDevice => {
                self.is_below_dev(path)?;
                is_device_number(major, minor)?;
                (Node::CharDevice { major, minor }, None)
            }
            TarKind::BlockDevice => {
                self.is_below_dev(path)?;
                is_device_number(major, minor)?;
                (Node::BlockDevice { major, minor }, None)
            }
            TarKind::Fifo => (Node::Fifo, None),
        })
    }

    /// A device elsewhere would let whoever can reach it reach the hardware.
    fn is_below_dev(&self, path: &ImagePath) -> Result<(), Fault> {
        if path.components().next() == Some("dev") && path.components().count() > 1 {
            return Ok(());
        }
        Err(Diagnostic::error(
            "zosc::apk::stray-device",
            format!(
                "the package `{}` makes the device `{path}`, which is not below `/dev`",
                self.package
            ),
        )
        .help("do not use this package: programs look for devices in `/dev` alone")
        .into())
    }

    fn link_target(&self, path: &ImagePath, target: &str) -> Result<String, Fault> {
        if target.is_empty() || target.len() >= 4096 || target.chars().any(char::is_control) {
            return Err(Diagnostic::error(
                "zosc::apk::unsafe-path",
                format!(
                    "the link `{path}` of the package `{}` has no usable target",
                    self.package
                ),
            )
            .help("build the package anew: a link's target is a path without control characters")
            .into());
        }
        Ok(target.to_owned())
    }

    fn hard_link(&self, path: &ImagePath, target: &str) -> Result<(Node, Option<Checksum>), Fault> {
        let found = self.file(&self.path(target, TarKind::HardLink)?);
        let file = match found.map(|file| (file, &file.entry.node)) {
            Some((file, Node::File { .. })) => Some((&file.path, file.checksum)),
            Some((file, Node::Hardlink { to })) => Some((to, file.checksum)),
            _ => None,
        };
        match file {
            Some((to, checksum)) => Ok((Node::Hardlink { to: to.clone() }, checksum)),
            None => Err(Diagnostic::error(
                "zosc::apk::bad-hard-link",
                format!(
                    "the package `{}` makes `{path}` a hard link to `{target}`, which is no earlier file of its own",
                    self.package
                ),
            )
            .help("build the package anew: a hard link names a file that stands before it in the same package")
            .into()),
        }
    }

    fn check(
        &self,
        path: &ImagePath,
        promised: Option<Checksum>,
        found: Checksum,
    ) -> Result<(), Fault> {
        match promised {
            Some(promised) if promised != found => Err(Diagnostic::error(
                "zosc::apk::wrong-file-checksum",
                format!(
                    "`{path}` in the package `{}` is not what its checksum promises",
                    self.package
                ),
            )
            .note(format!("promised {promised}, found {found}"))
            .help("fetch the package again; if it stays so, it was built wrongly or changed")
            .into()),
            _ => Ok(()),
        }
    }

    /// Puts a file's content into the store, hashing it on the way.
    fn store_content(
        &mut self,
        size: u64,
        tar: &mut dyn Read,
    ) -> Result<(Digest, Checksum), Fault> {
        if size <= SMALL {
            let mut bytes = Vec::new();
            tar.read_to_end(&mut bytes)?;
            return Ok((self.batch.put(&bytes)?, Checksum::of(&bytes)));
        }
        let mut writer = self.batch.writer()?;
        let mut sha1 = sha1::Sha1::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = tar.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            sha1.update(bytes);
            writer.write_all(bytes).map_err(Fault::Unreadable)?;
        }
        let (digest, _) = self.batch.add(writer)?;
        Ok((digest, Checksum::from_bytes(sha1.finalize().into())))
    }
}
