//! Writing tar archives: POSIX ustar, with PAX headers for what its fields cannot hold.
//!
//! Comes in: one [`TarHeader`] after the other with its content. Goes out: bytes that depend on nothing else. Names are
//! written as they are given, whether or not they are safe: readers judge them.

use std::io::{self, Read, Write};

use super::tarball::{TarHeader, TarKind};

const BLOCK: u64 = 512;
/// The most that an octal field of seven digits holds.
const SEVEN_DIGITS: u32 = 0o777_7777;
/// The most that an octal field of eleven digits holds.
const ELEVEN_DIGITS: u64 = 0o777_7777_7777;

/// A tar archive being written.
pub(super) struct TarWriter<W> {
    output: W,
}

impl<W: Write> TarWriter<W> {
    pub(super) fn new(output: W) -> Self {
        Self { output }
    }

    /// Adds an entry; `content` holds `header.size` bytes, and none for what is no file.
    pub(super) fn append(&mut self, header: &TarHeader, content: &mut dyn Read) -> io::Result<()> {
        let records = pax_records(header);
        if !records.is_empty() {
            // apk takes a header without a name for the end of the archive.
            let extension =
                TarHeader::plain_file("PaxHeaders/entry", 0o644, 0, records.len() as u64);
            self.output.write_all(&raw_header(&extension, b'x'))?;
            self.fill(&mut records.as_slice(), extension.size)?;
        }
        self.output
            .write_all(&raw_header(header, type_flag(header.kind)))?;
        if header.kind == TarKind::File {
            self.fill(content, header.size)?;
        }
        Ok(())
    }

    /// Copies exactly `size` bytes and pads them to whole blocks.
    fn fill(&mut self, content: &mut dyn Read, size: u64) -> io::Result<()> {
        if io::copy(&mut content.take(size), &mut self.output)? != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let padding = size.wrapping_neg() % BLOCK;
        io::copy(&mut io::repeat(0).take(padding), &mut self.output)?;
        Ok(())
    }

    /// Ends the archive with its two empty blocks.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.output.write_all(&[0; 2 * BLOCK as usize])?;
        Ok(self.output)
    }

    /// Leaves the archive open, so that another can follow it.
    pub(super) fn into_inner(self) -> W {
        self.output
    }
}

fn type_flag(kind: TarKind) -> u8 {
    match kind {
        TarKind::File => b'0',
        TarKind::HardLink => b'1',
        TarKind::Symlink => b'2',
        TarKind::CharDevice => b'3',
        TarKind::BlockDevice => b'4',
        TarKind::Directory => b'5',
        TarKind::Fifo => b'6',
    }
}

/// One header block; what does not fit into a field is cut, since a PAX record has it whole.
fn raw_header(header: &TarHeader, flag: u8) -> [u8; BLOCK as usize] {
    let mut block = [0; BLOCK as usize];
    let mut put = |at: usize, length: usize, bytes: &[u8]| {
        for (to, from) in block.iter_mut().skip(at).take(length).zip(bytes) {
            *to = *from;
        }
    };
    let octal = |value: u64, digits: usize| format!("{value:0digits$o}\0").into_bytes();
    let seven = |value: u32| octal(u64::from(value.min(SEVEN_DIGITS)), 7);
    let eleven = |value: u64| octal(value.min(ELEVEN_DIGITS), 11);
    put(0, 100, cut(&header.path, 100));
    put(100, 8, &seven(header.mode));
    put(108, 8, &seven(header.uid));
    put(116, 8, &seven(header.gid));
    put(124, 12, &eleven(header.size));
    put(136, 12, &eleven(header.mtime));
    put(148, 8, b"        ");
    put(156, 1, &[flag]);
    put(157, 100, cut(&header.link, 100));
    put(257, 8, b"ustar\x0000");
    put(265, 31, cut(&header.user, 31));
    put(297, 31, cut(&header.group, 31));
    put(329, 8, &seven(header.major));
    put(337, 8, &seven(header.minor));
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    let mut sum = octal(sum, 6);
    sum.push(b' ');
    for (to, from) in block.iter_mut().skip(148).zip(sum) {
        *to = from;
    }
    block
}

/// As much of a text as fits, in whole characters.
fn cut(text: &str, length: usize) -> &[u8] {
    text.get(..text.floor_char_boundary(length))
        .unwrap_or_default()
        .as_bytes()
}

/// The PAX records that an entry needs, sorted by key (POSIX.1-2001, `pax`, "Extended Header Keywords").
fn pax_records(header: &TarHeader) -> Vec<u8> {
    let mut records: Vec<(String, Vec<u8>)> = Vec::new();
    if let Some(checksum) = &header.checksum {
        let digits = super::checksum::hexadecimal_text(checksum.as_bytes());
        records.push(("APK-TOOLS.checksum.SHA1".to_owned(), digits.into_bytes()));
    }
    for (name, value) in &header.xattrs {
        records.push((format!("SCHILY.xattr.{name}"), value.clone()));
    }
    for (key, long, value) in [
        ("gid", header.gid > SEVEN_DIGITS, header.gid.to_string()),
        ("gname", header.group.len() > 31, header.group.clone()),
        ("linkpath", header.link.len() > 100, header.link.clone()),
        (
            "mtime",
            header.mtime > ELEVEN_DIGITS,
            header.mtime.to_string(),
        ),
        ("path", header.path.len() > 100, header.path.clone()),
        ("size", header.size > ELEVEN_DIGITS, header.size.to_string()),
        ("uid", header.uid > SEVEN_DIGITS, header.uid.to_string()),
        ("uname", header.user.len() > 31, header.user.clone()),
    ] {
        if long {
            records.push((key.to_owned(), value.into_bytes()));
        }
    }
    let mut bytes = Vec::new();
    for (key, value) in records {
        pax_record(&mut bytes, &key, &value);
    }
    bytes
}

/// `LENGTH KEY=VALUE\n`, where the length counts its own digits.
fn pax_record(bytes: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length += 1;
    }
    bytes.extend(format!("{length} {key}=").bytes());
    bytes.extend(value);
    bytes.push(b'\n');
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::checksum::Checksum;
    use super::super::tarball::TarReader;
    use super::*;

    fn written(header: &TarHeader, content: &[u8]) -> Vec<u8> {
        let mut tar = TarWriter::new(Vec::new());
        tar.append(header, &mut &*content).expect("into memory");
        tar.finish().expect("into memory")
    }

    fn read_back(bytes: &[u8]) -> TarHeader {
        let mut reader = TarReader::new(bytes);
        let header = reader.next().expect("sound").expect("an entry");
        assert!(reader.next().expect("sound").is_none());
        header
    }

    #[test]
    fn what_no_field_holds_comes_back_through_pax_records() {
        let content = b"content";
        let header = TarHeader {
            path: "d/".repeat(90),
            user: "u".repeat(40),
            group: "g".repeat(32),
            uid: u32::MAX,
            gid: SEVEN_DIGITS + 1,
            mtime: ELEVEN_DIGITS + 1,
            xattrs: BTreeMap::from([("security.capability".to_owned(), vec![0, 10, b'=', 255])]),
            checksum: Some(Checksum::of(content)),
            ..TarHeader::plain_file("", 0o4755, 1, content.len() as u64)
        };
        assert_eq!(read_back(&written(&header, content)), header);
    }

    #[test]
    fn content_that_ends_early_is_an_error() {
        let mut tar = TarWriter::new(Vec::new());
        let header = TarHeader::plain_file("x", 0o644, 0, 5);
        assert!(tar.append(&header, &mut b"four".as_slice()).is_err());
    }

    proptest! {
        #[test]
        fn entries_read_back(path in "[a-z/.é]{1,140}", link in "[a-z/]{0,140}", size in 0u64..1500, mode in 0u32..0o10000, uid: u32, mtime: u32) {
            let header = TarHeader { uid, link, mtime: u64::from(mtime), ..TarHeader::plain_file(&path, mode, 0, size) };
            let content = vec![b'x'; size as usize];
            prop_assert_eq!(read_back(&written(&header, &content)), header);
        }
    }
}
