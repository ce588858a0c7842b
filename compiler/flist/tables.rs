//! The tables of a list that may come from anywhere.
//!
//! SQLite is told to trust nothing: the file is opened read-only and as one that nobody changes, so no journal beside it counts; no trigger,
//! view or function of the file runs; texts, tables and the work itself are bounded. Every table is read once, from its first row to its
//! last, and never through an index, which might say something else. What the rows mean is up to [`super::List`].

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row};

use super::{BLOCKS, BYTES, Block, BlockId, ENTRIES, HEADS, Route, TEXT, too_large};
use crate::diagnostic::{Diagnostic, bytes};
use crate::io::file_address;

/// How an SQLite file begins.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// The tables and the columns that are read.
const TABLES: [(&str, &[&str]); 5] = [
    (
        "inode",
        &[
            "ino", "parent", "name", "size", "uid", "gid", "mode", "rdev", "ctime", "mtime",
        ],
    ),
    ("extra", &["ino", "data"]),
    ("block", &["ino", "id", "key"]),
    ("tag", &["key", "value"]),
    ("route", &["start", "end", "url"]),
];

/// Between two looks at how much work has been done.
const STEP: u64 = 10_000;
/// Most instructions of SQLite to learn which tables there are.
const SCHEMA_WORK: u64 = 1_000_000;
/// Most instructions of SQLite to read them.
const WORK: u64 = 400_000_000;

/// A row of `inode`, as it stands there.
#[derive(Debug)]
pub(super) struct Inode {
    pub(super) ino: i64,
    pub(super) parent: i64,
    pub(super) name: Box<str>,
    pub(super) size: u64,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: u32,
    pub(super) rdev: u64,
    pub(super) mtime: u64,
}

/// All rows, in their order.
#[derive(Debug)]
pub(super) struct Tables {
    /// By their numbers.
    pub(super) inodes: Vec<Inode>,
    /// The number of an inode, and its data.
    pub(super) extras: Vec<(i64, Box<[u8]>)>,
    /// The number of a file, and a block of it.
    pub(super) blocks: Vec<(i64, Block)>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) routes: Vec<Route>,
}

/// Reads all tables of a list.
pub(super) fn read(path: &Path) -> Result<Tables, Diagnostic> {
    check_file(path)?;
    let left = Arc::new(AtomicU64::new(SCHEMA_WORK));
    let connection = connect(path, &left).map_err(damaged_by)?;
    check_schema(&connection)?;
    left.store(WORK, Ordering::Relaxed);
    let source = Source(&connection);
    Ok(Tables {
        inodes: source.rows(
            "inode",
            "ino, parent, name, size, uid, gid, mode, rdev, mtime",
            ENTRIES,
            inode,
        )?,
        extras: source.rows("extra", "ino, data", ENTRIES, |row| {
            Ok((row.number(0)?, row.bytes(1, TEXT)?.into()))
        })?,
        blocks: source.rows("block", "ino, id, key", BLOCKS, |row| {
            let id = BlockId(row.hash(1)?);
            let key = row.hash(2)?;
            Ok((row.number(0)?, Block { id, key }))
        })?,
        tags: source.rows("tag", "key, value", HEADS, |row| {
            Ok((row.text(0, TEXT)?.to_owned(), row.text(1, TEXT)?.to_owned()))
        })?,
        routes: source.rows("route", "start, \"end\", url", HEADS, |row| {
            let [start, end] = [row.small(0)?, row.small(1)?];
            let url = row.text(2, TEXT)?.to_owned();
            Ok(Route { start, end, url })
        })?,
    })
}

fn inode(row: &Cells<'_>) -> Result<Inode, Diagnostic> {
    Ok(Inode {
        ino: row.number(0)?,
        parent: row.number(1)?,
        name: row.text(2, TEXT)?.into(),
        size: row.small(3)?,
        uid: row.small(4)?,
        gid: row.small(5)?,
        mode: row.small(6)?,
        // A device number is 64 bits, of which the first may be set.
        rdev: row.number(7)?.cast_unsigned(),
        // What is older than 1970 counts as of 1970.
        mtime: row.number(8)?.max(0).cast_unsigned(),
    })
}

/// Whether a file begins as a list does, and is of a size that lists have.
fn check_file(path: &Path) -> Result<(), Diagnostic> {
    use std::io::Read as _;
    let shown = path.display();
    let cannot_read = |error| {
        Diagnostic::error(
            "zosc::flist::cannot-read",
            format!("`{shown}` cannot be read: {error}"),
        )
        .help("check the path")
    };
    let file = std::fs::File::open(path).map_err(cannot_read)?;
    let metadata = file.metadata().map_err(cannot_read)?;
    if !metadata.is_file() {
        return Err(not_a_list(format!("`{shown}` is no file")));
    }
    if metadata.len() > BYTES {
        let size = bytes(metadata.len());
        return Err(too_large(format!(
            "`{shown}` is {size} large, and an flist is at most {}",
            bytes(BYTES)
        )));
    }
    let mut start = Vec::new();
    file.take(MAGIC.len() as u64)
        .read_to_end(&mut start)
        .map_err(cannot_read)?;
    if start != MAGIC {
        return Err(not_a_list(format!(
            "`{shown}` is no SQLite file, and so no flist"
        )));
    }
    Ok(())
}

fn connect(path: &Path, left: &Arc<AtomicU64>) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(address(path), flags)?;
    for (limit, most) in [
        (Limit::SQLITE_LIMIT_LENGTH, 64 << 10),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, 16 << 10),
        (Limit::SQLITE_LIMIT_COLUMN, 64),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 16),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 4),
        (Limit::SQLITE_LIMIT_VDBE_OP, 10_000),
        (Limit::SQLITE_LIMIT_FUNCTION_ARG, 8),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 64),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        connection.set_limit(limit, most)?;
    }
    for (setting, value) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
    ] {
        connection.set_db_config(setting, value)?;
    }
    let left = Arc::clone(left);
    let is_over = move || {
        let take = |left: u64| left.checked_sub(STEP);
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_err()
    };
    connection.progress_handler(STEP as i32, Some(is_over))?;
    connection.execute_batch(
        "PRAGMA query_only = ON; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192;",
    )?;
    Ok(connection)
}

/// The file as SQLite's address of one that does not change, so that neither locks nor journals are looked for.
fn address(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    file_address(&path) + "?mode=ro&immutable=1"
}

/// Whether there are the tables of a list, as ordinary tables with ordinary columns.
fn check_schema(connection: &Connection) -> Result<(), Diagnostic> {
    for (table, columns) in TABLES {
        let kind = connection.query_row(
            "SELECT type, wr FROM pragma_table_list WHERE schema = 'main' AND name = ?",
            [table],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)),
        );
        match kind {
            Ok((kind, false)) if kind == "table" => {}
            Ok(_) => return Err(not_a_list(format!("`{table}` is no table of rows"))),
            Err(rusqlite::Error::QueryReturnedNoRows) => {
                return Err(not_a_list(format!("the file has no table `{table}`")));
            }
            Err(error) => return Err(damaged_by(error)),
        }
        for column in columns {
            let hidden = connection.query_row(
                "SELECT hidden FROM pragma_table_xinfo(?) WHERE name = ?",
                [table, column],
                |row| row.get::<_, i64>(0),
            );
            match hidden {
                Ok(0) => {}
                Ok(_) => {
                    return Err(not_a_list(format!(
                        "column `{column}` of table `{table}` is computed"
                    )));
                }
                Err(rusqlite::Error::QueryReturnedNoRows) => {
                    return Err(not_a_list(format!(
                        "table `{table}` has no column `{column}`"
                    )));
                }
                Err(error) => return Err(damaged_by(error)),
            }
        }
    }
    Ok(())
}

/// Where rows come from.
struct Source<'c>(&'c Connection);

impl Source<'_> {
    /// The rows of a table, at most so many, each read by `read`.
    fn rows<T>(
        &self,
        table: &'static str,
        columns: &str,
        most: usize,
        read: impl Fn(&Cells<'_>) -> Result<T, Diagnostic>,
    ) -> Result<Vec<T>, Diagnostic> {
        // The row's number comes first: a tree of pages with a ring in it would never end, but cannot go on counting up.
        let sql = format!("SELECT rowid, {columns} FROM {table} NOT INDEXED");
        let mut statement = self.0.prepare(&sql).map_err(damaged_by)?;
        let mut rows = statement.query([]).map_err(damaged_by)?;
        let mut found = Vec::new();
        let mut last = None;
        while let Some(row) = rows.next().map_err(damaged_by)? {
            let cells = Cells { row, table };
            let number = cells.number_at(0)?;
            if last.is_some_and(|last| number <= last) {
                return Err(damaged(format!(
                    "the rows of table `{table}` are out of order"
                )));
            }
            if found.len() == most {
                return Err(too_large(format!(
                    "table `{table}` has more than {most} rows"
                )));
            }
            last = Some(number);
            found.push(read(&cells)?);
        }
        Ok(found)
    }
}

/// One row; its columns are counted without the row's number.
struct Cells<'r> {
    row: &'r Row<'r>,
    table: &'static str,
}

impl<'r> Cells<'r> {
    fn value(&self, column: usize) -> Result<ValueRef<'r>, Diagnostic> {
        self.row.get_ref(column).map_err(damaged_by)
    }

    fn wrong(&self, what: &str) -> Diagnostic {
        damaged(format!("a row of table `{}` {what}", self.table))
    }

    fn number_at(&self, column: usize) -> Result<i64, Diagnostic> {
        match self.value(column)? {
            ValueRef::Integer(number) => Ok(number),
            _ => Err(self.wrong("has something else where a number belongs")),
        }
    }

    fn number(&self, column: usize) -> Result<i64, Diagnostic> {
        self.number_at(column + 1)
    }

    /// A number that fits.
    fn small<T: TryFrom<i64>>(&self, column: usize) -> Result<T, Diagnostic> {
        let number = self.number(column)?;
        T::try_from(number)
            .map_err(|_| self.wrong(&format!("has the number {number}, which is out of range")))
    }

    fn text(&self, column: usize, most: usize) -> Result<&'r str, Diagnostic> {
        match self.value(column + 1)? {
            ValueRef::Text(text) if text.len() > most => {
                Err(self.wrong("holds a text that is too long"))
            }
            ValueRef::Text(text) => {
                std::str::from_utf8(text).map_err(|_| self.wrong("holds a text that is no UTF-8"))
            }
            _ => Err(self.wrong("has something else where a text belongs")),
        }
    }

    fn bytes(&self, column: usize, most: usize) -> Result<&'r [u8], Diagnostic> {
        match self.value(column + 1)? {
            ValueRef::Blob(bytes) | ValueRef::Text(bytes) if bytes.len() <= most => Ok(bytes),
            ValueRef::Blob(_) | ValueRef::Text(_) => {
                Err(self.wrong("holds bytes that are too many"))
            }
            _ => Err(self.wrong("has something else where bytes belong")),
        }
    }

    fn hash(&self, column: usize) -> Result<[u8; 32], Diagnostic> {
        match self.value(column + 1)? {
            ValueRef::Blob(bytes) => <[u8; 32]>::try_from(bytes)
                .map_err(|_| self.wrong("holds a hash that is not of 32 bytes")),
            _ => Err(self.wrong("has something else where a hash belongs")),
        }
    }
}

fn not_a_list(message: String) -> Diagnostic {
    Diagnostic::error("zosc::flist::not-a-list", message)
        .help("name a file that `zosc flist pack`, a build or `rfs pack` has written")
}

/// The problem that a list does not hold together.
pub(super) fn damaged(message: String) -> Diagnostic {
    Diagnostic::error("zosc::flist::damaged", message)
        .help("fetch the flist again and compare its digest, or pack the files again")
}

/// What SQLite says of a file may quote it.
fn damaged_by(error: rusqlite::Error) -> Diagnostic {
    // A statement that would become too long for its limit is out of memory, too.
    if let Some(ErrorCode::OperationInterrupted | ErrorCode::OutOfMemory) =
        error.sqlite_error_code()
    {
        return too_large("the file takes more work to read than any flist does");
    }
    let said = error.to_string();
    damaged(format!(
        "SQLite cannot read the file: {}",
        said.escape_debug()
    ))
}
