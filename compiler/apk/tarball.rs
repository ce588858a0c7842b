//! Reading tar archives: POSIX ustar with PAX headers and GNU long names.
//!
//! Comes in: a stream of inflated bytes. Goes out: one [`TarHeader`] after the other, and the content of each. Stricter
//! and smaller than a general tar library on purpose: extension headers are bounded, a header's checksum must
//! match, and what is no known type is refused. Never touches the disk.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::checksum::Checksum;
use super::fault::Fault;

const BLOCK: usize = 512;
/// The most bytes one extension header (PAX records, GNU long name) may hold.
const EXTENSION_LIMIT: u64 = 1 << 20;

/// The kind of a tar entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TarKind {
    File,
    HardLink,
    Symlink,
    CharDevice,
    BlockDevice,
    Directory,
    Fifo,
}

/// One entry's header, extensions applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TarHeader {
    pub(super) path: String,
    pub(super) link: String,
    pub(super) kind: TarKind,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) user: String,
    pub(super) group: String,
    pub(super) mtime: u64,
    pub(super) size: u64,
    pub(super) major: u32,
    pub(super) minor: u32,
    pub(super) xattrs: BTreeMap<String, Vec<u8>>,
    pub(super) checksum: Option<Checksum>,
}

impl TarHeader {
    /// The header of a file of root's.
    pub(super) fn plain_file(path: &str, mode: u32, mtime: u64, size: u64) -> Self {
        Self {
            path: path.to_owned(),
            link: String::new(),
            kind: TarKind::File,
            mode,
            uid: 0,
            gid: 0,
            user: "root".to_owned(),
            group: "root".to_owned(),
            mtime,
            size,
            major: 0,
            minor: 0,
            xattrs: BTreeMap::new(),
            checksum: None,
        }
    }
}

/// A tar archive being read.
pub(super) struct TarReader<R> {
    source: R,
    /// Content of the current entry that has not been read.
    content: u64,
    /// Zeros between that content and the next header.
    padding: u64,
}

/// What extension headers say about the entry that follows them.
#[derive(Default)]
struct Extensions {
    long_path: Option<String>,
    long_link: Option<String>,
    records: BTreeMap<String, Vec<u8>>,
}

impl<R: Read> TarReader<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            content: 0,
            padding: 0,
        }
    }

    /// The next entry; `None` at the end, with or without end-of-archive blocks.
    pub(super) fn next(&mut self) -> Result<Option<TarHeader>, Fault> {
        let mut extensions = Extensions::default();
        loop {
            self.skip_content()?;
            let Some(block) = self.block()? else {
                return Ok(None);
            };
            if block.iter().all(|byte| *byte == 0) {
                return self.end();
            }
            let header = RawHeader::check(&block)?;
            let size = header.number(124..136)?;
            self.begin_content(size);
            match header.kind()? {
                RawKind::Entry(kind) => {
                    let entry = header.entry(kind, extensions)?;
                    self.begin_content(if kind == TarKind::File {
                        entry.size
                    } else {
                        size
                    });
                    return Ok(Some(entry));
                }
                RawKind::Pax => extensions.records = pax_records(&self.extension()?)?,
                RawKind::PaxGlobal => {}
                RawKind::LongPath => extensions.long_path = Some(text(&self.extension()?)?),
                RawKind::LongLink => extensions.long_link = Some(text(&self.extension()?)?),
            }
        }
    }

    fn begin_content(&mut self, size: u64) {
        self.content = size;
        self.padding = size.wrapping_neg() % BLOCK as u64;
    }

    /// Inflated zeros are all that may follow the first zero block.
    fn end(&mut self) -> Result<Option<TarHeader>, Fault> {
        while let Some(block) = self.block()? {
            if block.iter().any(|byte| *byte != 0) {
                return Err(Fault::malformed(
                    "entries follow the end of the tar archive",
                ));
            }
        }
        Ok(None)
    }

    fn extension(&mut self) -> Result<Vec<u8>, Fault> {
        if self.content > EXTENSION_LIMIT {
            return Err(Fault::malformed("an extension header is larger than 1 MiB"));
        }
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn skip_content(&mut self) -> Result<(), Fault> {
        let rest = self
            .content
            .checked_add(self.padding)
            .ok_or_else(|| Fault::malformed("an entry's size is beyond all measure"))?;
        (self.content, self.padding) = (0, 0);
        let skipped = io::copy(&mut self.source.by_ref().take(rest), &mut io::sink())?;
        if skipped == rest {
            Ok(())
        } else {
            Err(Fault::Truncated)
        }
    }

    /// The next block, or `None` where the stream ends right before it.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, Fault> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.source.read(rest)? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(Fault::Truncated),
                count => filled += count,
            }
        }
        Ok(Some(block))
    }
}

/// Reads the current entry's content; a stream that ends within it is an `UnexpectedEof`.
impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.content == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let limit =
            usize::try_from(self.content).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self
            .source
            .read(buffer.get_mut(..limit).unwrap_or_default())?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.content -= count as u64;
        Ok(count)
    }
}

enum RawKind {
    Entry(TarKind),
    Pax,
    PaxGlobal,
    LongPath,
    LongLink,
}

/// A header block whose checksum holds; fields at the offsets of POSIX.1-1988.
struct RawHeader<'a>(&'a [u8; BLOCK]);

impl<'a> RawHeader<'a> {
    fn check(block: &'a [u8; BLOCK]) -> Result<Self, Fault> {
        let header = Self(block);
        if !header.field(257..262).eq(b"ustar") {
            return Err(Fault::malformed("a tar header is not of the ustar kind"));
        }
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| {
                u64::from(if (148..156).contains(&at) {
                    b' '
                } else {
                    *byte
                })
            })
            .sum();
        if header.number(148..156)? != sum {
            return Err(Fault::malformed("a tar header's checksum is wrong"));
        }
        Ok(header)
    }

    fn field(&self, range: std::ops::Range<usize>) -> &'a [u8] {
        self.0.get(range).unwrap_or_default()
    }

    /// A NUL-terminated or full text field.
    fn text(&self, range: std::ops::Range<usize>) -> Result<String, Fault> {
        text(self.field(range))
    }

    /// Octal digits, or big-endian binary where the first bit is set (GNU).
    fn number(&self, range: std::ops::Range<usize>) -> Result<u64, Fault> {
        let wrong = || Fault::malformed("a number in a tar header is none");
        let field = self.field(range);
        if let Some((&first, rest)) = field.split_first()
            && first & 0x80 != 0
        {
            return rest.iter().try_fold(u64::from(first & 0x7f), |sum, &byte| {
                Ok(sum.checked_mul(256).ok_or_else(wrong)? + u64::from(byte))
            });
        }
        let digits = field.split(|byte| *byte == 0).next().unwrap_or_default();
        let digits = digits.trim_ascii();
        if digits.is_empty() {
            return Ok(0);
        }
        let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
        u64::from_str_radix(digits, 8).map_err(|_| wrong())
    }

    fn small(&self, range: std::ops::Range<usize>) -> Result<u32, Fault> {
        u32::try_from(self.number(range)?)
            .map_err(|_| Fault::malformed("a number in a tar header is too large"))
    }

    fn kind(&self) -> Result<RawKind, Fault> {
        Ok(match self.0[156] {
            b'0' | 0 | b'7' => RawKind::Entry(TarKind::File),
            b'1' => RawKind::Entry(TarKind::HardLink),
            b'2' => RawKind::Entry(TarKind::Symlink),
            b'3' => RawKind::Entry(TarKind::CharDevice),
            b'4' => RawKind::Entry(TarKind::BlockDevice),
            b'5' => RawKind::Entry(TarKind::Directory),
            b'6' => RawKind::Entry(TarKind::Fifo),
            b'x' => RawKind::Pax,
            b'g' => RawKind::PaxGlobal,
            b'L' => RawKind::LongPath,
            b'K' => RawKind::LongLink,
            other => {
                let shown = char::from(other).escape_default();
                return Err(Fault::malformed(format!(
                    "a tar entry has the unknown type `{shown}`"
                )));
            }
        })
    }

    fn path(&self) -> Result<String, Fault> {
        let name = self.text(0..100)?;
        // GNU's own variant keeps other things where POSIX has the prefix.
        let posix = self.field(257..263) == b"ustar\0";
        let prefix = if posix {
            self.text(345..500)?
        } else {
            String::new()
        };
        Ok(if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        })
    }

    fn entry(&self, kind: TarKind, extensions: Extensions) -> Result<TarHeader, Fault> {
        let mut header = TarHeader {
            path: extensions.long_path.map_or_else(|| self.path(), Ok)?,
            link: extensions
                .long_link
                .map_or_else(|| self.text(157..257), Ok)?,
            kind,
            mode: self.small(100..108)? & 0o7777,
            uid: self.small(108..116)?,
            gid: self.small(116..124)?,
            user: self.text(265..297)?,
            group: self.text(297..329)?,
            mtime: self.number(136..148)?,
            size: self.number(124..136)?,
            major: self.small(329..337)?,
            minor: self.small(337..345)?,
            xattrs: BTreeMap::new(),
            checksum: None,
        };
        for (key, value) in extensions.records {
            apply(&mut header, &key, value)?;
        }
        Ok(header)
    }
}

/// Applies one PAX record (POSIX.1-2001, `pax`, "Extended Header Keywords"; `SCHILY.*` from star, `APK-TOOLS.*`
/// from abuild).
fn apply(header: &mut TarHeader, key: &str, value: Vec<u8>) -> Result<(), Fault> {
    if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
        header.xattrs.insert(name.to_owned(), value);
        return Ok(());
    }
    if key.starts_with("GNU.sparse.") {
        return Err(Fault::malformed(
            "it holds a sparse file, which packages do not",
        ));
    }
    let known = [
        "path", "linkpath", "uname", "gname", "size", "uid", "gid", "mtime",
    ];
    if !known.contains(&key) && key != "APK-TOOLS.checksum.SHA1" {
        return Ok(());
    }
    let value = text(&value)?;
    let wrong = || Fault::malformed(format!("the PAX record `{key}` has a wrong value"));
    match key {
        "path" => header.path = value,
        "linkpath" => header.link = value,
        "uname" => header.user = value,
        "gname" => header.group = value,
        "size" => header.size = value.parse().map_err(|_| wrong())?,
        "uid" => header.uid = value.parse().map_err(|_| wrong())?,
        "gid" => header.gid = value.parse().map_err(|_| wrong())?,
        // Fractions of a second are of no use in an image.
        "mtime" => {
            let seconds = value.split('.').next().unwrap_or_default();
            header.mtime = seconds.parse().map_err(|_| wrong())?;
        }
        _ => {
            header.checksum = Some(Checksum::from_hexadecimal(&value).map_err(|_| wrong())?);
        }
    }
    Ok(())
}

/// Splits PAX records: `LENGTH KEY=VALUE\n`, the length counting all of it.
fn pax_records(mut bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, Fault> {
    let wrong = || Fault::malformed("a PAX header is broken");
    let mut records = BTreeMap::new();
    while !bytes.is_empty() {
        let space = bytes
            .iter()
            .position(|byte| *byte == b' ')
            .ok_or_else(wrong)?;
        let length: usize = bytes
            .get(..space)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(wrong)?;
        let record = bytes
            .get(space + 1..length)
            .and_then(|record| record.strip_suffix(b"\n"))
            .ok_or_else(wrong)?;
        let equals = record
            .iter()
            .position(|byte| *byte == b'=')
            .ok_or_else(wrong)?;
        let (key, value) = record.split_at(equals);
        let key = std::str::from_utf8(key).map_err(|_| wrong())?;
        records.insert(key.to_owned(), value.get(1..).unwrap_or_default().to_vec());
        bytes = bytes.get(length..).unwrap_or_default();
    }
    Ok(records)
}

/// Text up to the first NUL.
fn text(bytes: &[u8]) -> Result<String, Fault> {
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8(bytes.to_vec()).map_err(|_| Fault::malformed("a name in it is not UTF-8"))
}
