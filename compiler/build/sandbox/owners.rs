//! Whose the files of a sandbox were: told by its first process, read by zosc.
//!
//! A path is told folder by folder, so what is told is as long as the names there are and no longer. Records end with a zero byte: `/PLACE`,
//! `+NAME` into a folder, `-` out of it, `UID GID MODE NAME` for a file of the folder, where `.` is the place itself, and `!` at the end.

use std::ffi::CStr;
use std::io::{Cursor, Write as _};
use std::os::fd::BorrowedFd;

use rustix::io::Errno;

use super::Owner;

/// Most records: whoever has left more has left more files than are read back, so nobody asks whose they were.
const MOST: u32 = 6_000_000;

/// Most owners that are handed on: no more files than that are read back.
const READ_BACK: usize = 2_000_000;

/// The longest path that is read back: `tree::ImagePath` holds no longer one.
const PATH: usize = 4095;

/// Writes records; system calls only, no allocation.
pub(super) struct Records<'a> {
    file: BorrowedFd<'a>,
    left: u32,
    has_missed: bool,
}

impl<'a> Records<'a> {
    pub(super) fn new(file: BorrowedFd<'a>) -> Self {
        Self {
            file,
            left: MOST,
            has_missed: false,
        }
    }

    /// What follows is about a place.
    pub(super) fn place(&mut self, path: &CStr) {
        self.write(path.to_bytes_with_nul());
    }

    /// What follows is about a folder of the last one.
    pub(super) fn enter(&mut self, name: &CStr) {
        self.record(format_args!("+"), name);
    }

    /// What follows is about the folder above.
    pub(super) fn leave(&mut self) {
        self.write(b"-\0");
    }

    /// A file's owner.
    pub(super) fn owner(&mut self, name: &CStr, user: u32, group: u32, mode: u32) {
        self.record(format_args!("{user} {group} {mode} "), name);
    }

    /// A file could not be given back; one that is gone need not be.
    pub(super) fn miss(&mut self, error: Errno) {
        self.has_missed |= error != Errno::NOENT;
    }

    /// All is told that is asked for, where nothing was missed.
    pub(super) fn end(mut self) {
        self.left = 1;
        if !self.has_missed {
            self.write(b"!\0");
        }
    }

    fn record(&mut self, head: std::fmt::Arguments<'_>, name: &CStr) {
        let mut bytes = [0; 512];
        let mut record = Cursor::new(&mut bytes[..]);
        let fits = record.write_fmt(head).is_ok();
        if !fits || record.write_all(name.to_bytes_with_nul()).is_err() {
            self.stop();
        }
        let length = usize::try_from(record.position()).unwrap_or_default();
        self.write(bytes.get(..length).unwrap_or_default());
    }

    /// What cannot be written makes all that follows worthless.
    fn write(&mut self, mut record: &[u8]) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        while !record.is_empty() {
            match rustix::io::write(self.file, record) {
                Ok(count) if count > 0 => record = record.get(count..).unwrap_or_default(),
                _ => return self.stop(),
            }
        }
    }

    fn stop(&mut self) {
        (self.left, self.has_missed) = (0, true);
    }
}

/// The owners that were told, and whether that was all.
pub(super) fn read(records: &[u8]) -> (Vec<Owner>, bool) {
    let mut owners = Vec::new();
    let mut path = Vec::new();
    // How long the paths of the folders above are.
    let mut above = Vec::new();
    for record in records.split(|byte| *byte == 0) {
        match record {
            b"!" => return (owners, true),
            b"-" => path.truncate(above.pop().unwrap_or_default()),
            [b'+', name @ ..] => {
                above.push(path.len());
                path.push(b'/');
                path.extend(name);
            }
            [b'/', ..] => {
                path = record.strip_suffix(b"/").unwrap_or(record).to_vec();
                above.clear();
            }
            _ if owners.len() < READ_BACK => owners.extend(owner(record, &path)),
            _ => {}
        }
    }
    (owners, false)
}

fn owner(record: &[u8], folder: &[u8]) -> Option<Owner> {
    let mut fields = record.splitn(4, |byte| *byte == b' ');
    let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse().ok();
    let (uid, gid, mode) = (number()?, number()?, number()?);
    let path = match (fields.next()?, folder) {
        (b".", b"") => b"/".to_vec(),
        (b".", place) => place.to_vec(),
        (name, _) if folder.len() + 1 + name.len() > PATH => return None,
        (name, _) => [folder, b"/", name].concat(),
    };
    Some(Owner {
        path: String::from_utf8(path).ok()?,
        uid,
        gid,
        mode,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_put_together_from_names() {
        let told = b"/\x000 5 448 .\0+a\x007 0 420 b c\0+\xff\x007 0 420 lost\0-\0-\x001 1 1 d\0/out\x002 3 493 .\x002 3 420 e\0!\0";
        let (owners, is_whole) = read(told);
        assert!(is_whole);
        let owners: Vec<_> = owners
            .iter()
            .map(|it| format!("{} {} {} {}", it.path, it.uid, it.gid, it.mode))
            .collect();
        assert_eq!(
            owners,
            [
                "/ 0 5 448",
                "/a/b c 7 0 420",
                "/d 1 1 1",
                "/out 2 3 493",
                "/out/e 2 3 420"
            ]
        );
        assert!(!read(b"/\x000 5 448 .\0").1);
    }

    #[test]
    fn a_file_that_was_missed_is_told_and_one_that_is_gone_is_not() {
        use std::io::{Read as _, Seek as _};
        use std::os::fd::AsFd as _;
        let whole = |error| {
            let mut file = tempfile::tempfile().expect("a file");
            let mut records = Records::new(file.as_fd());
            records.place(c"/");
            records.owner(c".", 5, 0, 448);
            records.miss(error);
            records.end();
            let mut told = Vec::new();
            file.rewind().expect("at its beginning");
            file.read_to_end(&mut told).expect("is read");
            read(&told).1
        };
        assert!(whole(Errno::NOENT));
        assert!(!whole(Errno::PERM));
    }
}
