//! Unpacks an archive from elsewhere into a tree: tar in its compressions, zip, deb, apk.
//!
//! Archives come from anywhere: sizes are bounded, paths stay inside, nothing lies below a symlink, devices are refused.

use std::fs::File;
use std::io::{self, BufReader, Read};

use super::{Algorithm, BoundedHeaders, debian_files};
use crate::diagnostic::Diagnostic;
use crate::tree::{Entry, ImagePath, Node, Origin, Store, Tree};

/// Most bytes that an archive may unpack to.
const BYTES: u64 = 16 << 30;
/// Most entries of an archive.
const ENTRIES: usize = 1_000_000;

/// An archive that becomes a tree; all entries belong to root and have time 0.
pub struct Unpacking<'a> {
    name: &'a str,
    strip_components: usize,
    origin: Origin,
    store: &'a Store,
    tree: Tree,
    bytes: u64,
    /// Most bytes that it may unpack to.
    limit: u64,
    /// Whether top-level names that begin with a dot describe the package and are no files of it.
    packed_members: bool,
    /// Whether devices are left out rather than refused.
    leaves_devices_out: bool,
}

impl<'a> Unpacking<'a> {
    /// An archive of this name, whose entries have this origin and whose contents go into this store.
    pub fn new(name: &'a str, origin: &str, store: &'a Store) -> Self {
        Self {
            name,
            strip_components: 0,
            origin: Origin::new(origin),
            store,
            tree: Tree::new(),
            bytes: 0,
            limit: BYTES,
            packed_members: false,
            leaves_devices_out: false,
        }
    }

    /// Drops so many leading folders of every path.
    #[must_use]
    pub fn strip_components(mut self, count: u32) -> Self {
        self.strip_components = count as usize;
        self
    }

    /// Leaves devices out rather than refuse them.
    #[must_use]
    pub fn without_devices(mut self) -> Self {
        self.leaves_devices_out = true;
        self
    }

    /// The files of the archive, whose name tells its format.
    ///
    /// # Errors
    /// It is damaged, of an unknown kind, too large, or holds what no archive should; and those of the store.
    pub fn tree_of(mut self, file: File) -> Result<Tree, Diagnostic> {
        let lower = self.name.to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
        if ends(&[".zip", ".jar", ".whl"]) {
            self.zip(file)?;
        } else if ends(&[".deb", ".udeb"]) {
            self.deb(file)?;
        } else if ends(&[".apk"]) {
            // Signature, control data and files are three gzip members that inflate to one tar stream.
            self.packed_members = true;
            self.tar(&mut flate2::read::MultiGzDecoder::new(BufReader::new(file)))?;
        } else if lower.contains(".tar") || ends(&[".tgz", ".txz", ".tzst", ".crate"]) {
            let mut content = self.inflate(self.name, BufReader::new(file))?;
            self.tar(&mut content)?;
        } else {
            return Err(self.refuse("its name ends like no archive that zosc unpacks")
                .help("tar (plain, gz, xz, zst), zip, deb and apk are unpacked; a single program needs `unpack #false`"));
        }
        self.finish()
    }

    fn refuse(&self, reason: impl std::fmt::Display) -> Diagnostic {
        Diagnostic::error(
            "zosc::archive::bad-archive",
            format!("`{}` cannot be unpacked: {reason}", self.name),
        )
        .help("check the address and the digest; unpack it by hand to see what it holds")
    }

    fn inflate<'r>(
        &self,
        name: &str,
        from: impl io::BufRead + 'r,
    ) -> Result<Box<dyn Read + 'r>, Diagnostic> {
        let algorithm = Algorithm::of_name(name)
            .ok_or_else(|| self.refuse("its compression is none of gz, xz and zst"))?;
        let unpacked = algorithm.unpacked(from);
        unpacked.map_err(|error| self.refuse(error))
    }

    fn tar(&mut self, content: &mut dyn Read) -> Result<(), Diagnostic> {
        // What is passed over is unpacked as well; headers take as much again at most.
        let mut content = Bounded::new(content, self.limit.saturating_mul(2));
        let (content, ends) = BoundedHeaders::new(&mut content);
        let mut archive = tar::Archive::new(content);
        // The end of one member's tar stream may be marked; the next one's content follows.
        archive.set_ignore_zeros(self.packed_members);
        let entries = archive.entries().map_err(|error| self.refuse(error))?;
        for entry in entries {
            let mut entry = entry.map_err(|error| self.refuse(error))?;
            ends.pass(&entry);
            let path = entry.path_bytes().into_owned();
            let Some(path) = self.place(&path)? else {
                continue;
            };
            let mode = entry.header().mode().map_err(|error| self.refuse(error))? & 0o7777;
            let link = entry.link_name_bytes().map(std::borrow::Cow::into_owned);
            let made = match entry.header().entry_type() {
                tar::EntryType::Directory => self.directory(mode),
                tar::EntryType::Regular
                | tar::EntryType::Continuous
                | tar::EntryType::GNUSparse => self.file(&mut entry, mode)?,
                tar::EntryType::Symlink => self.symlink(&link.unwrap_or_default())?,
                tar::EntryType::Link => self.hard_link(&link.unwrap_or_default(), &path)?,
                tar::EntryType::XGlobalHeader => continue,
                tar::EntryType::Char | tar::EntryType::Block | tar::EntryType::Fifo
                    if self.leaves_devices_out =>
                {
                    continue;
                }
                other => {
                    return Err(self.refuse(format!("`{path}` is a special file ({other:?})")));
                }
            };
            self.add(path, made)?;
        }
        Ok(())
    }

    fn deb(&mut self, file: File) -> Result<(), Diagnostic> {
        let (name, content) =
            debian_files(BufReader::new(file)).map_err(|error| self.refuse(error))?;
        let mut content = self.inflate(&name, BufReader::new(content))?;
        self.tar(&mut content)
    }

    fn zip(&mut self, file: File) -> Result<(), Diagnostic> {
        let mut archive = zip::ZipArchive::new(file).map_err(|error| self.refuse(error))?;
        for index in 0..archive.len() {
            let mut entry = archive
                .by_index(index)
                .map_err(|error| self.refuse(error))?;
            let name = entry
                .name()
                .map_err(|error| self.refuse(error))?
                .into_owned();
            let Some(path) = self.place(name.as_bytes())? else {
                continue;
            };
            let mode = entry.unix_mode();
            let made = if entry.is_dir() {
                self.directory(mode.unwrap_or(0o755) & 0o7777)
            } else if entry.is_symlink() {
                let mut target = Vec::new();
                let limited = (&mut entry).take(4096).read_to_end(&mut target);
                limited.map_err(|error| self.refuse(error))?;
                self.symlink(&target)?
            } else {
                // Archives made on systems without permissions say nothing, or none at all.
                let mode = mode.map(|mode| mode & 0o7777).filter(|mode| *mode != 0);
                self.file(&mut entry, mode.unwrap_or(0o644))?
            };
            self.add(path, made)?;
        }
        Ok(())
    }

    /// Where an entry goes; `None` where nothing is left of its path.
    fn place(&self, path: &[u8]) -> Result<Option<ImagePath>, Diagnostic> {
        let text = std::str::from_utf8(path).map_err(|_| {
            let shown = String::from_utf8_lossy(path);
            self.refuse(format!("the name `{}` is not UTF-8", shown.escape_debug()))
        })?;
        let whole = ImagePath::new(text)
            .map_err(|reason| self.refuse(format!("`{}`: {reason}", text.escape_debug())))?;
        if self.packed_members && whole.relative().starts_with('.') {
            return Ok(None);
        }
        let stripped: Vec<&str> = whole.components().skip(self.strip_components).collect();
        if stripped.is_empty() {
            return Ok(None);
        }
        let path = ImagePath::new(&stripped.join("/")).map_err(|reason| self.refuse(reason))?;
        Ok(Some(path))
    }

    fn directory(&self, mode: u32) -> Entry {
        Entry::directory(mode, 0, self.origin.clone())
    }

    fn file(&mut self, content: &mut dyn Read, mode: u32) -> Result<Entry, Diagnostic> {
        let mut bounded = Bounded::new(content, self.limit.saturating_sub(self.bytes));
        let stored = self.store.put_reader(&mut bounded);
        let (overrun, broken) = (bounded.overrun, bounded.broken);
        if overrun {
            return Err(self.refuse(format!("it unpacks to more than {} bytes", self.limit)));
        }
        if let Some(reason) = broken {
            return Err(self.refuse(reason));
        }
        let (digest, size) = stored?;
        self.bytes = self.bytes.saturating_add(size);
        Ok(Entry::file(digest, size, mode, 0, self.origin.clone()))
    }

    fn symlink(&self, target: &[u8]) -> Result<Entry, Diagnostic> {
        match std::str::from_utf8(target) {
            Ok(target) if !target.is_empty() && !target.contains('\0') => {
                Ok(Entry::symlink(target, 0, self.origin.clone()))
            }
            _ => Err(self.refuse("a link has no target, or one that is not UTF-8")),
        }
    }

    fn hard_link(&self, target: &[u8], from: &ImagePath) -> Result<Entry, Diagnostic> {
        let dangling = || self.refuse(format!("`{from}` is a link to a file that is not there"));
        let to = self.place(target)?.ok_or_else(dangling)?;
        let mut entry = self.tree.get(&to).cloned().ok_or_else(dangling)?;
        match &entry.node {
            Node::File { .. } => entry.node = Node::Hardlink { to },
            Node::Hardlink { .. } | Node::Symlink { .. } => {}
            _ => return Err(dangling()),
        }
        Ok(entry)
    }

    fn add(&mut self, path: ImagePath, entry: Entry) -> Result<(), Diagnostic> {
        if self.tree.len() >= ENTRIES {
            return Err(self.refuse(format!("it holds more than {ENTRIES} entries")));
        }
        let replaced = self.tree.get(&path);
        if replaced.is_some_and(|old| !(old.is_directory() && entry.is_directory())) {
            return Err(self.refuse(format!("`{path}` comes twice")));
        }
        self.tree.insert_with_parents(path, entry);
        Ok(())
    }

    /// Refuses paths below what is no directory: some tools would write through a symlink there.
    fn finish(self) -> Result<Tree, Diagnostic> {
        for (path, _) in self.tree.iter() {
            let above = path.parent().and_then(|above| self.tree.get(&above));
            if above.is_some_and(|above| !above.is_directory()) {
                return Err(self.refuse(format!("`{path}` lies below a file or a link")));
            }
        }
        if self.tree.is_empty() {
            return Err(
                self.refuse("nothing is in it, or nothing is left after `strip-components`")
            );
        }
        Ok(self.tree)
    }
}

/// Reads at most so many bytes, and remembers the archive's own errors apart from the store's.
struct Bounded<'r> {
    content: &'r mut dyn Read,
    left: u64,
    overrun: bool,
    broken: Option<String>,
}

impl<'r> Bounded<'r> {
    fn new(content: &'r mut dyn Read, left: u64) -> Self {
        Self {
            content,
            left,
            overrun: false,
            broken: None,
        }
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self
            .content
            .read(buffer)
            .inspect_err(|error| self.broken = Some(error.to_string()))?;
        let Some(left) = self.left.checked_sub(count as u64) else {
            self.overrun = true;
            let reason = "it unpacks to more than it may";
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
        };
        self.left = left;
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
