//! Lists that were made to do harm, or were damaged.

use super::*;

/// A sound list, changed by SQL.
fn changed(sql: &str) -> Result<List, Diagnostic> {
    let files = [
        bare("/d", Kind::Directory),
        file("/d/a", b"hello"),
        file("/d/b", &vec![0; CHUNK + 1]),
        symlink("/link", "d/a"),
    ];
    let (_folder, list, _) = packed(&files, 1);
    let connection = Connection::open(&list).unwrap();
    connection.execute_batch(sql).expect(sql);
    connection.close().unwrap();
    List::open(&list)
}

/// The code of what is wrong with a list that was changed so, and the message.
fn told(sql: &str) -> String {
    let problem = changed(sql).expect_err(sql);
    assert!(!problem.message.contains(char::is_control), "{problem:?}");
    let code = problem.code.trim_start_matches("zosc::flist::");
    format!("{code}: {}", problem.message)
}

#[test]
fn what_other_writers_do_differently_is_read() {
    for sql in [
        "",
        // Numbers in another order, with gaps; a directory behind what it holds.
        "UPDATE inode SET ino = 99 WHERE name = 'd'; UPDATE inode SET parent = 99 WHERE parent = 2",
        // Blocks of several files among each other, as threads leave them.
        "CREATE TABLE t AS SELECT * FROM block ORDER BY id; DELETE FROM block; INSERT INTO block SELECT * FROM t ORDER BY id; DROP TABLE t",
        // Blocks shorter than a chunk.
        "INSERT INTO block SELECT ino, id, key FROM block WHERE ino = 4 LIMIT 1",
        // Sizes of directories, times before 1970, an old link's target as a text.
        "UPDATE inode SET size = 4096 WHERE ino = 1; UPDATE inode SET mtime = -5; UPDATE extra SET data = CAST(data AS TEXT)",
        "DROP INDEX names; DROP INDEX parents; DROP INDEX block_ino",
        "CREATE TABLE notes (text); ALTER TABLE inode ADD COLUMN more",
        "PRAGMA journal_mode = WAL; PRAGMA user_version = 7; PRAGMA application_id = 9",
        "INSERT INTO extra VALUES (1, x'00'), (77, 'stray')",
        "DELETE FROM route; DELETE FROM tag",
    ] {
        assert!(changed(sql).is_ok(), "{sql}: {:?}", changed(sql));
    }
}

#[test]
fn entries_that_are_no_tree_are_refused() {
    let trees = [
        (
            "DELETE FROM inode WHERE ino = 1",
            "there is no inode 1, which is the root of every flist",
        ),
        (
            "DELETE FROM inode; DELETE FROM block",
            "there is no inode 1, which is the root of every flist",
        ),
        (
            "UPDATE inode SET parent = 1 WHERE ino = 1",
            "inode 1 is no root directory",
        ),
        (
            "UPDATE inode SET mode = 33188 WHERE ino = 1",
            "inode 1 is no root directory",
        ),
        (
            "UPDATE inode SET parent = 77 WHERE name = 'a'",
            "`a` (inode 3) lies in inode 77, which is no directory of the list",
        ),
        (
            "UPDATE inode SET parent = 3 WHERE name = 'b'",
            "`b` (inode 4) lies in inode 3, which is no directory of the list",
        ),
        (
            "UPDATE inode SET parent = 2 WHERE ino = 2",
            "directories lie in each other, and nothing leads there from the root",
        ),
        (
            "UPDATE inode SET parent = 9 WHERE ino = 2; INSERT INTO inode SELECT 9, 2, 'x', size, uid, gid, mode, 0, 0, 0 FROM inode WHERE ino = 2",
            "directories lie in each other, and nothing leads there from the root",
        ),
        (
            "CREATE TABLE t AS SELECT * FROM inode; DROP TABLE inode; ALTER TABLE t RENAME TO inode; UPDATE inode SET ino = 3 WHERE ino = 4",
            "the numbers of inodes are not from 1 on, each once",
        ),
        (
            "UPDATE inode SET ino = 0 WHERE ino = 3",
            "the numbers of inodes are not from 1 on, each once",
        ),
        (
            "UPDATE inode SET name = 'a' WHERE name = 'b'",
            "`a` (inode 3) is there twice in one directory",
        ),
    ];
    for (sql, message) in trees {
        assert_eq!(told(sql), format!("bad-tree: {message}"), "{sql}");
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["..", ".", "", "/", "a/b", "../x", "x/", "/etc"] {
        let sql = format!("UPDATE inode SET name = '{name}' WHERE name = 'a'");
        assert_eq!(
            told(&sql),
            format!("bad-name: `{name}` (inode 3) has a name that no file can have")
        );
    }
    for name in [
        "char(0)",
        "'a' || char(10) || 'b'",
        "char(27) || '[31m'",
        "hex(zeroblob(128))",
    ] {
        let told = told(&format!("UPDATE inode SET name = {name} WHERE name = 'a'"));
        assert!(told.starts_with("bad-name: "), "{told}");
    }
    let deep = "INSERT INTO inode WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
        SELECT i, CASE i WHEN 10 THEN 1 ELSE i - 1 END, hex(zeroblob(120)), 0, 0, 0, 16877, 0, 0, 0 FROM n";
    assert_eq!(told(deep), "bad-name: a path is longer than Linux allows");
}

#[test]
fn rows_of_the_wrong_kind_are_refused() {
    for (sql, message) in [
        (
            "UPDATE block SET id = x'00' WHERE ino = 3",
            "a row of table `block` holds a hash that is not of 32 bytes",
        ),
        (
            "UPDATE block SET key = zeroblob(33)",
            "a row of table `block` holds a hash that is not of 32 bytes",
        ),
        (
            "UPDATE block SET id = 'text'",
            "a row of table `block` has something else where a hash belongs",
        ),
        (
            "UPDATE block SET key = NULL",
            "a row of table `block` has something else where a hash belongs",
        ),
        (
            "UPDATE block SET ino = 77 WHERE ino = 3",
            "a block belongs to inode 77, which is not there",
        ),
        (
            "UPDATE inode SET size = 'large' WHERE ino = 3",
            "a row of table `inode` has something else where a number belongs",
        ),
        (
            "UPDATE inode SET size = -1 WHERE ino = 3",
            "a row of table `inode` has the number -1, which is out of range",
        ),
        (
            "UPDATE inode SET uid = 4294967296",
            "a row of table `inode` has the number 4294967296, which is out of range",
        ),
        (
            "UPDATE inode SET name = x'61' WHERE ino = 3",
            "a row of table `inode` has something else where a text belongs",
        ),
        (
            "UPDATE inode SET name = CAST(x'ff' AS TEXT) WHERE ino = 3",
            "a row of table `inode` holds a text that is no UTF-8",
        ),
        (
            "UPDATE inode SET name = hex(zeroblob(3000)) WHERE ino = 3",
            "a row of table `inode` holds a text that is too long",
        ),
        (
            "UPDATE inode SET mode = 420 WHERE ino = 3",
            "`a` (inode 3) is of no kind that files are of: its mode is 0644",
        ),
        (
            "UPDATE inode SET mode = mode + 65536 WHERE ino = 3",
            "`a` (inode 3) is of no kind that files are of: its mode is 0300640",
        ),
        (
            "DELETE FROM extra",
            "`link` (inode 5) is a symbolic link to what is no path",
        ),
        (
            "UPDATE extra SET data = x'6100'",
            "`link` (inode 5) is a symbolic link to what is no path",
        ),
        (
            "UPDATE extra SET data = zeroblob(5000)",
            "a row of table `extra` holds bytes that are too many",
        ),
        (
            "UPDATE route SET start = 256",
            "a row of table `route` has the number 256, which is out of range",
        ),
        (
            "UPDATE route SET start = 9, end = 8",
            "the route `https://flists.example/blobs` for 09 to 08 leads nowhere",
        ),
        (
            "UPDATE route SET url = 'a' || char(10)",
            "the route `a\\n` for 00 to ff leads nowhere",
        ),
        (
            "UPDATE tag SET value = NULL",
            "a row of table `tag` has something else where a text belongs",
        ),
    ] {
        assert_eq!(told(sql), format!("damaged: {message}"), "{sql}");
    }
}

#[test]
fn blocks_that_cannot_make_up_a_file_are_refused() {
    for (sql, message) in [
        (
            "DELETE FROM block WHERE ino = 3",
            "`a` (inode 3) has 5 bytes and 0 blocks, which cannot be",
        ),
        (
            "UPDATE inode SET size = 0 WHERE ino = 3",
            "`a` (inode 3) has 0 bytes and 1 blocks, which cannot be",
        ),
        (
            "UPDATE inode SET size = 1048577 WHERE ino = 4",
            "`b` (inode 4) has 1048577 bytes and 2 blocks, which cannot be",
        ),
        (
            "UPDATE block SET ino = 2 WHERE ino = 3",
            "`d` (inode 2) has 0 bytes and 1 blocks, which cannot be",
        ),
    ] {
        assert_eq!(told(sql), format!("wrong-blocks: {message}"), "{sql}");
    }
}

#[test]
fn what_is_no_plain_table_is_refused() {
    let moved = "ALTER TABLE tag RENAME TO real";
    for (sql, message) in [
        (moved.to_owned(), "the file has no table `tag`"),
        (
            format!("{moved}; CREATE VIEW tag AS SELECT * FROM real"),
            "`tag` is no table of rows",
        ),
        (
            format!("{moved}; CREATE VIRTUAL TABLE tag USING fts5(key, value)"),
            "`tag` is no table of rows",
        ),
        (
            format!("{moved}; CREATE TABLE tag (key PRIMARY KEY, value) WITHOUT ROWID"),
            "`tag` is no table of rows",
        ),
        (
            format!("{moved}; CREATE TABLE tag (key, value AS (abs(key)))"),
            "column `value` of table `tag` is computed",
        ),
        (
            format!("{moved}; CREATE TABLE tag (key)"),
            "table `tag` has no column `value`",
        ),
    ] {
        assert_eq!(told(&sql), format!("not-a-list: {message}"), "{sql}");
    }
    // A trigger runs for writers only, and never here.
    assert!(
        changed("CREATE TRIGGER evil AFTER INSERT ON inode BEGIN DELETE FROM inode; END").is_ok()
    );
}

#[test]
fn lists_without_end_are_refused() {
    let many = |table: &str, columns: &str, most: usize| {
        format!(
            "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < {most} + 10) INSERT INTO {table} SELECT {columns} FROM n"
        )
    };
    assert_eq!(
        told(&many("route", "0, 255, 'dir:///a'", HEADS)),
        "too-large: table `route` has more than 1024 rows"
    );
    assert_eq!(
        told(&many("tag", "i, i", HEADS)),
        "too-large: table `tag` has more than 1024 rows"
    );
    let table = |number| format!("CREATE TABLE t{number} (a, b, c);");
    let tables = (0..8000).map(table).collect::<Vec<String>>().concat();
    let told = told(&format!("BEGIN; {tables} COMMIT"));
    assert_eq!(
        told,
        "too-large: the file takes more work to read than any flist does"
    );
}

#[test]
fn what_is_no_list_at_all_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("list");
    let code = |path: &Path| List::open(path).expect_err("refused").code;
    assert_eq!(code(&at), "zosc::flist::cannot-read");
    assert_eq!(code(folder.path()), "zosc::flist::not-a-list");
    for bytes in [&b""[..], b"SQLite", b"hello, world, this is a text"] {
        std::fs::write(&at, bytes).unwrap();
        assert_eq!(code(&at), "zosc::flist::not-a-list");
    }
    for bytes in [
        b"SQLite format 3\0".to_vec(),
        [b"SQLite format 3\0", noise(5000, 1).as_slice()].concat(),
    ] {
        std::fs::write(&at, bytes).unwrap();
        assert_eq!(code(&at), "zosc::flist::damaged");
    }
    std::fs::write(&at, b"SQLite format 3\0").unwrap();
    std::fs::File::options()
        .write(true)
        .open(&at)
        .unwrap()
        .set_len(BYTES + 1)
        .unwrap();
    assert_eq!(code(&at), "zosc::flist::too-large");
}

/// Nothing beside a list counts, and nothing is left there by reading it.
#[test]
fn a_journal_beside_a_list_is_left_alone() {
    let (folder, list, _) = packed(&[file("/a", b"hello")], 1);
    let mut journal = list.clone().into_os_string();
    journal.push("-journal");
    std::fs::write(&journal, noise(5000, 2)).unwrap();
    assert!(List::open(&list).is_ok());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn blocks_that_claim_too_much_are_refused() {
    let encrypt = |key: [u8; 32], compressed: &[u8]| {
        use aes_gcm::aead::AeadInOut as _;
        use aes_gcm::{Aes256Gcm, KeyInit as _};
        let (mut bytes, nonce) = (
            compressed.to_vec(),
            <[u8; 12]>::try_from(&key[..12]).unwrap(),
        );
        Aes256Gcm::new(&key.into())
            .encrypt_in_place(&nonce.into(), b"", &mut bytes)
            .unwrap();
        (
            Block {
                id: BlockId::of(&bytes),
                key,
            },
            bytes,
        )
    };
    let snappy = |plain: &[u8]| snap::raw::Encoder::new().compress_vec(plain).unwrap();
    let message = |(block, bytes): (Block, Vec<u8>)| {
        let message = open(&block, &bytes).expect_err("refused").message;
        message.replace(&format!("block {} ", block.id), "")
    };
    let key = seal(b"hello").block.key;
    assert_eq!(
        message(encrypt(key, &snappy(b"help!"))),
        "holds something else than the list says"
    );
    assert_eq!(
        message(encrypt(key, &snappy(&vec![0; CHUNK + 1]))),
        "holds more than 524,288 bytes"
    );
    assert_eq!(
        message(encrypt(key, b"\xff\xff\xff\xff\x0f")),
        "holds more than 524,288 bytes"
    );
    assert_eq!(
        message(encrypt(key, b"\x05hello")),
        "is not compressed with Snappy"
    );
    assert_eq!(
        message((seal(b"hello").block, vec![0; SEALED_LIMIT + 1])),
        "is longer than blocks are"
    );
    assert_eq!(
        message((seal(b"hello").block, b"short".to_vec())),
        "is damaged: its bytes have another hash than its name says"
    );
}

/// The largest block is as large as a store has to expect.
#[test]
fn no_block_is_larger_than_its_limit() {
    assert_eq!(SEALED_LIMIT, snap::raw::max_compress_len(CHUNK) + 16);
    assert!(seal(&noise(CHUNK, 5)).bytes.len() <= SEALED_LIMIT);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Bytes of a list changed at random, where tables and rows are.
    #[test]
    fn damage_never_panics(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12), cut in prop::option::of(any::<prop::sample::Index>())) {
        static LIST: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let list = LIST.get_or_init(|| {
            let (_folder, list, _) = packed(&samples(), 1);
            std::fs::read(list).unwrap()
        });
        let mut bytes = list.clone();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("list");
        std::fs::write(&at, bytes).unwrap();
        match List::open(&at) {
            Ok(list) => list.entries().for_each(|(number, _)| assert!(list.blocks(number).len() < 4)),
            Err(problem) => prop_assert!(!problem.message.contains(char::is_control)),
        }
    }
}
