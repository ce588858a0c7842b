//! Debian's packages: an `ar` archive of plain members, one of which is a tar archive of the files (deb(5)).

use std::io::{self, Read, Take};

/// How the archive begins.
const MAGIC: &[u8] = b"!<arch>\n";
/// Bytes of a member's header: name, time, owner, group, mode, size, and two bytes that end it.
const HEADER: u64 = 60;

/// The archive of a package's files: its name, such as `data.tar.xz`, and its content.
///
/// # Errors
/// It is no package, damaged, or has no such archive.
pub fn debian_files<R: Read>(mut package: R) -> io::Result<(String, Take<R>)> {
    if front(&mut package, MAGIC.len() as u64)? != MAGIC {
        return Err(damaged("it does not begin with `!<arch>`"));
    }
    loop {
        let header = front(&mut package, HEADER)?;
        if header.is_empty() {
            return Err(damaged("it holds no data.tar"));
        }
        let (name, size) = member(&header).ok_or_else(|| damaged("a member has no header"))?;
        if name.starts_with("data.tar") {
            return Ok((name, package.take(size)));
        }
        // Members begin at even places.
        let size = size.saturating_add(size % 2);
        io::copy(&mut (&mut package).take(size), &mut io::sink())?;
    }
}

fn front(package: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    package.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A member's name and size.
fn member(header: &[u8]) -> Option<(String, u64)> {
    let text = std::str::from_utf8(header).ok()?;
    text.get(58..).filter(|end| *end == "`\n")?;
    let size = text.get(48..58)?.trim_end().parse().ok()?;
    // Some writers end names with a slash.
    let name = text.get(..16)?.trim_end().trim_end_matches('/');
    Some((name.to_owned(), size))
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
