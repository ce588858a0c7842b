//! Writes the file that a list is.
//!
//! The same rows give the same bytes: one transaction in a file of fixed page size, indexes made at the end, and the bytes in which SQLite
//! counts changes and leaves its own version set to what never varies.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use super::rows::Rows;
use super::{HEADS, Head, Route, TEXT, too_large};
use crate::diagnostic::Diagnostic;
use crate::io::{Pending, disk_refusal, sweep_pending};

/// No journal: the file has no name until it is whole. `secure_delete` clears what pages have held before.
const SETTINGS: &str = "
    PRAGMA page_size = 4096;
    PRAGMA encoding = 'UTF-8';
    PRAGMA auto_vacuum = NONE;
    PRAGMA secure_delete = ON;
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA cache_size = -8192;
    BEGIN;
";

/// The types are those that `rfs` declares; SQLite keeps BLOBs and numbers in such columns as they are.
const TABLES: &str = "
    CREATE TABLE inode (ino INTEGER PRIMARY KEY AUTOINCREMENT, parent INTEGER, name VARCHAR(255), size INTEGER, uid INTEGER, gid INTEGER, mode INTEGER, rdev INTEGER, ctime INTEGER, mtime INTEGER);
    CREATE TABLE extra (ino INTEGER PRIMARY KEY, data VARCHAR(4096));
    CREATE TABLE block (ino INTEGER, id VARCHAR(32), key VARCHAR(32));
    CREATE TABLE tag (key VARCHAR(10) PRIMARY KEY, value VARCHAR(255));
    CREATE TABLE route (start INTEGER, end INTEGER, url VARCHAR(2048));
";

/// Made when all rows are there, which is faster and packs them tighter.
const INDEXES: &str = "
    CREATE INDEX parents ON inode (parent);
    CREATE INDEX names ON inode (name);
    CREATE INDEX block_ino ON block (ino);
    COMMIT;
";

/// How often the file was changed, and how often when SQLite's version was put down.
const CHANGES: [u64; 2] = [24, 92];
/// Where SQLite puts its version.
const VERSION: u64 = 96;
/// The version that is put there, whichever it was.
const PINNED: u32 = 3_040_000;

/// Writes a list under a temporary name; it gets its own when all is there, and nothing stays when something fails.
pub(super) fn write_list<T>(
    path: &Path,
    head: &Head,
    fill: impl FnOnce(&mut Rows<'_>) -> Result<T, Diagnostic>,
) -> Result<T, Diagnostic> {
    let no_file = |error| cannot_write(path, error);
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    sweep_pending(folder);
    let file = Pending::new(folder).map_err(no_file)?;
    let filled = write_rows(file.path(), head, fill)?;
    let pin = |offset: u64, value: u32| file.file().write_all_at(&value.to_be_bytes(), offset);
    CHANGES
        .iter()
        .try_for_each(|offset| pin(*offset, 1))
        .and_then(|()| pin(VERSION, PINNED))
        .and_then(|()| file.set_permissions(Permissions::from_mode(0o644)))
        .and_then(|()| file.file().sync_all())
        .map_err(no_file)?;
    file.persist(path).map_err(no_file)?;
    Ok(filled)
}

fn write_rows<T>(
    path: &Path,
    head: &Head,
    fill: impl FnOnce(&mut Rows<'_>) -> Result<T, Diagnostic>,
) -> Result<T, Diagnostic> {
    let failed = |error| write_failed(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection
        .execute_batch(SETTINGS)
        .and_then(|()| connection.execute_batch(TABLES))
        .map_err(failed)?;
    write_head(&connection, path, head)?;
    let mut rows = Rows::new(&connection, path, head.epoch).map_err(failed)?;
    let filled = fill(&mut rows)?;
    rows.finish()?;
    drop(rows);
    connection.execute_batch(INDEXES).map_err(failed)?;
    connection.close().map_err(|(_, error)| failed(error))?;
    Ok(filled)
}

fn write_head(connection: &Connection, path: &Path, head: &Head) -> Result<(), Diagnostic> {
    let texts = head.tags.iter().flat_map(|(key, value)| [key, value]);
    let mut texts = texts.chain(head.routes.iter().map(|route| &route.url));
    if head.routes.len() > HEADS || head.tags.len() > HEADS {
        return Err(too_large(format!(
            "an flist holds at most {HEADS} routes and {HEADS} tags"
        )));
    }
    if texts.any(|text| text.len() > TEXT) {
        return Err(too_large(format!(
            "an address or a tag is longer than {TEXT} bytes"
        )));
    }
    let write = || -> rusqlite::Result<()> {
        let mut tag = connection.prepare("INSERT INTO tag (key, value) VALUES (?, ?)")?;
        for (key, value) in &head.tags {
            tag.execute(params![key, value])?;
        }
        let mut route =
            connection.prepare("INSERT INTO route (start, end, url) VALUES (?, ?, ?)")?;
        for Route { start, end, url } in &head.routes {
            route.execute(params![start, end, url])?;
        }
        Ok(())
    };
    write().map_err(|error| write_failed(path, error))
}

fn cannot_write(path: &Path, error: io::Error) -> Diagnostic {
    disk_refusal(path, &error).unwrap_or_else(|| {
        let shown = path.display();
        problem(format!("the flist `{shown}` cannot be written: {error}"))
    })
}

/// The problem that SQLite could not write.
pub(super) fn write_failed(path: &Path, error: rusqlite::Error) -> Diagnostic {
    let is_full = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull);
    let full = is_full.then(|| disk_refusal(path, &io::ErrorKind::StorageFull.into()));
    full.flatten()
        .unwrap_or_else(|| problem(format!("the flist cannot be written: {error}")))
}

fn problem(message: String) -> Diagnostic {
    Diagnostic::error("zosc::flist::write-failed", message)
        .help("make room where the flist goes, or name another place, then run the command again")
}
