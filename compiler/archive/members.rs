//! The entries of one uncompressed newc archive, borrowed from its bytes.

use cpio_archive::NewcHeader;

use crate::diagnostic::Diagnostic;

/// Magic and thirteen fields.
const HEADER: usize = 110;
/// Where the length of the name stands: the twelfth field.
const NAME_LENGTH: std::ops::Range<usize> = 94..102;
/// The longest name with its NUL: the kernel's `PATH_MAX`.
const LONGEST_NAME: usize = 4096;

/// The kind of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// A regular file, or a further name of one.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link; the data is its text.
    Symlink,
    /// A character device.
    CharDevice {
        /// The driver's number.
        major: u32,
        /// The device's number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// The driver's number.
        major: u32,
        /// The device's number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A socket, which no image has a use for.
    Socket,
    /// The end of the archive.
    Trailer,
}

/// One header with its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member<'a> {
    /// The name as written.
    pub name: String,
    /// Its kind.
    pub kind: MemberKind,
    /// Permission bits, 12 of them.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: u32,
    /// How many names the file has.
    pub links: u32,
    /// What names the file apart from its path: device numbers and inode.
    pub identity: (u32, u32, u32),
    /// The content, or the text of a link.
    pub data: &'a [u8],
}

/// Reads members from the start of `bytes` up to and with a trailer, or up to something that is no header.
///
/// Returns the members and the bytes they take. Zeros between members are skipped as the kernel skips them.
pub fn members(bytes: &[u8], most: usize) -> Result<(Vec<Member<'_>>, usize), Diagnostic> {
    let mut found = Vec::new();
    let mut position = 0;
    loop {
        let zeros = bytes
            .get(position..)
            .unwrap_or(&[])
            .iter()
            .take_while(|byte| **byte == 0)
            .count();
        let start = position + zeros;
        if !start.is_multiple_of(4) || bytes.get(start) != Some(&b'0') {
            return Ok((found, position));
        }
        if found.len() >= most {
            return Err(Diagnostic::error(
                "zosc::archive::too-large",
                format!("the archive has more than {most} entries"),
            )
            .help("if it is not damaged, look at it with `cpio -it`"));
        }
        let (member, end) = member(bytes, start)?;
        position = end;
        let last = member.kind == MemberKind::Trailer;
        found.push(member);
        if last {
            return Ok((found, position));
        }
    }
}

fn member(bytes: &[u8], start: usize) -> Result<(Member<'_>, usize), Diagnostic> {
    let short = || damaged(start, "it ends in the middle of an entry");
    let header = bytes.get(start..start + HEADER).ok_or_else(short)?;
    if !header.starts_with(cpio_archive::newc::MAGIC) {
        return Err(damaged(start, "an entry does not begin with `070701`"));
    }
    let name_length = header
        .get(NAME_LENGTH)
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| usize::from_str_radix(digits, 16).ok())
        .ok_or_else(|| damaged(start, "a header holds something that is no number"))?;
    if name_length == 0 || name_length > LONGEST_NAME {
        return Err(damaged(
            start,
            "a name is empty or longer than Linux allows",
        ));
    }
    let mut rest = bytes.get(start + 6..).ok_or_else(short)?;
    let header = NewcHeader::from_reader(&mut rest)
        .map_err(|error| damaged(start, &format!("a header cannot be read ({error})")))?;
    if header.name.contains('\u{fffd}') {
        return Err(damaged(start, "a name is not UTF-8"));
    }
    let size = usize::try_from(header.file_size).map_err(|_| short())?;
    let data = rest.get(..size).ok_or_else(short)?;
    let end = bytes.len() - rest.len() + size;
    let end = end.next_multiple_of(4).min(bytes.len());
    let kind = if header.name == "TRAILER!!!" {
        MemberKind::Trailer
    } else {
        kind(&header).ok_or_else(|| damaged(start, "an entry is of no kind that Linux knows"))?
    };
    let member = Member {
        kind,
        mode: header.mode & 0o7777,
        uid: header.uid,
        gid: header.gid,
        mtime: header.mtime,
        links: header.nlink,
        identity: (header.dev_major, header.dev_minor, header.inode),
        name: header.name,
        data,
    };
    Ok((member, end))
}

fn kind(header: &NewcHeader) -> Option<MemberKind> {
    let (major, minor) = (header.rdev_major, header.rdev_minor);
    Some(match header.mode & 0o170_000 {
        0o100_000 => MemberKind::Regular,
        0o040_000 => MemberKind::Directory,
        0o120_000 => MemberKind::Symlink,
        0o020_000 => MemberKind::CharDevice { major, minor },
        0o060_000 => MemberKind::BlockDevice { major, minor },
        0o010_000 => MemberKind::Fifo,
        0o140_000 => MemberKind::Socket,
        _ => return None,
    })
}

pub(super) fn damaged(offset: usize, why: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::archive::damaged",
        format!("the archive is damaged at byte {offset}: {why}"),
    )
    .help("build or fetch the archive again")
}
