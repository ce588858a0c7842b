//! `zosc flist` as its users meet it: folders, web servers, a real server of S3, the real `rfs`, hostile lists, runs that are interrupted.
//!
//! Parts need s3s-fs ($ZOSC_TEST_S3S), rfs ($ZOSC_TEST_RFS) and Python with its module for SQLite.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use zosc::flist::BlockId;

#[path = "support/s3.rs"]
mod s3;
#[path = "support/web.rs"]
mod web;

use s3::{KEY_ID, SECRET, Server};
use web::{Absent, Web};

/// A place to work in, with a folder `from` that has one of each kind of thing.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let large: Vec<u8> = (0..1_200_000_u32).map(|at| (at % 251) as u8).collect();
        fs::create_dir_all(place.path("from/lib/empty")).unwrap();
        place.write("from/lib/large", &large);
        place.write("from/lib/twin", &large);
        place.write("from/lib/nothing", b"");
        place.write("from/tool", b"#!/bin/sh\n");
        fs::set_permissions(place.path("from/tool"), Permissions::from_mode(0o755)).unwrap();
        symlink("lib/large", place.path("from/link")).unwrap();
        for number in 0..30 {
            place.write(
                &format!("from/lib/{number}"),
                format!("file {number}").as_bytes(),
            );
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("zosc"));
        command
            .arg("flist")
            .args(arguments)
            .current_dir(self.folder.path())
            .env("ZOSC_STORE", self.path("store"))
            .env("HOME", self.folder.path())
            .env("AWS_ACCESS_KEY_ID", KEY_ID)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env_remove("SOURCE_DATE_EPOCH");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must succeed; what it said to people, and its result.
    fn succeed(&self, arguments: &[&str]) -> (String, String) {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?} failed:\n{said}");
        (said, String::from_utf8(output.stdout).unwrap())
    }

    /// Runs a command that must fail, and returns the codes of its problems.
    fn refuse(&self, arguments: &[&str]) -> Vec<String> {
        let output = self.run(&[arguments, &["--message-format", "json"]].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
        assert!(!text.contains(SECRET), "{text}");
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let codes = lines.filter_map(|line: Value| Some(line["code"].as_str()?.to_owned()));
        codes.collect()
    }

    /// The document that a command prints.
    fn document(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.succeed(arguments).1).unwrap()
    }

    /// The contents, modes and links of a folder.
    fn contents(&self, name: &str) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let root = self.path(name);
        let mut found = BTreeMap::new();
        let mut waiting = vec![root.clone()];
        while let Some(path) = waiting.pop() {
            let facts = path.symlink_metadata().unwrap();
            let content = if facts.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                target.into_os_string().into_encoded_bytes()
            } else if facts.is_dir() {
                let below = fs::read_dir(&path).unwrap().flatten();
                waiting.extend(below.map(|entry| entry.path()));
                Vec::new()
            } else {
                fs::read(&path).unwrap()
            };
            let relative = path.strip_prefix(&root).unwrap().to_owned();
            found.insert(relative, (facts.mode(), content));
        }
        found
    }

    fn blobs(&self) -> Vec<PathBuf> {
        files(&self.path("blobs"))
    }
}

/// The files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            folder if folder.is_dir() => found.append(&mut files(&folder)),
            file => found.push(file),
        }
    }
    found.sort();
    found
}

#[test]
fn a_folder_goes_to_a_store_and_comes_back_over_http() {
    let place = Place::new();
    let web = Web::serve(&place.path("blobs"), Absent::NotFound);
    let pack = |list: &str, jobs: &str| {
        let arguments = ["pack", "from", "-o", list, "--store", "blobs", "--read"];
        let tags = [
            "--tag",
            "version=1",
            "--jobs",
            jobs,
            "--epoch",
            "1000000000",
        ];
        place
            .succeed(&[&arguments[..], &[&web.url], &tags].concat())
            .0
    };
    let said = pack("one.fl", "1");
    assert!(said.contains("packed one.fl  34 files"), "{said}");
    assert!(!web.asked().is_empty(), "a block was read again");
    assert!(pack("two.fl", "2").contains("new 0 blocks"));
    let bytes = |name: &str| fs::read(place.path(name)).unwrap();
    assert_eq!(bytes("one.fl"), bytes("two.fl"));

    let report = place.document(&["inspect", "one.fl", "--format", "json"]);
    assert_eq!(report["entries"]["files"], 34);
    assert_eq!(
        (&report["blocks"], &report["distinct-blocks"]),
        (&37.into(), &34.into())
    );
    assert_eq!(report["tags"]["version"], "1");
    assert_eq!(report["routes"][0]["url"], web.url);
    assert_eq!(report["largest"][0]["path"], "/lib/large");
    let tree = place.succeed(&["tree", "one.fl", "--depth", "1"]).1;
    assert_eq!(
        tree.lines().collect::<Vec<_>>(),
        ["/", "  lib/", "  link  -> lib/large", "  tool  10 B"]
    );
    assert!(
        place
            .succeed(&["inspect", "one.fl"])
            .1
            .contains("and 3 more")
    );

    let verified = place.document(&["verify", "one.fl", "--all", "--format", "json"]);
    assert_eq!(
        (&verified["checked"], &verified["faults"]),
        (&34.into(), &Value::Array(vec![]))
    );
    let (said, _) = place.succeed(&["verify", "one.fl", "--sample", "5"]);
    assert!(said.contains("5 of 34 blocks"), "{said}");
    place.succeed(&["unpack", "one.fl", "to"]);
    assert_eq!(place.contents("to"), place.contents("from"));
    assert_eq!(
        place.refuse(&["unpack", "one.fl", "to"]),
        ["zosc::publish::not-empty"]
    );
    place.succeed(&["unpack", "one.fl", "to", "--force", "--store", "blobs"]);
    // Nor is the folder taken away in which somebody stands, empty as it may be.
    fs::create_dir(place.path("here")).unwrap();
    let output = place
        .command(&["unpack", "../one.fl", "."])
        .current_dir(place.path("here"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("it is where you are"), "{said}");
    assert_eq!(place.contents("to"), place.contents("from"));
}

#[test]
fn a_route_that_leads_elsewhere_is_found_before_there_is_a_list() {
    let place = Place::new();
    fs::create_dir(place.path("other")).unwrap();
    let pack = |web: &Web| {
        let arguments = ["pack", "from", "-o", "x.fl", "--store", "blobs", "--read"];
        let codes = place.refuse(&[&arguments[..], &[&web.url]].concat());
        assert!(!place.path("x.fl").exists());
        codes
    };
    for (absent, code) in [
        (Absent::NotFound, "zosc::publish::route-elsewhere"),
        (Absent::Page, "zosc::publish::route-elsewhere"),
        (Absent::Forbidden, "zosc::publish::route-refused"),
    ] {
        assert_eq!(pack(&Web::serve(&place.path("other"), absent)), [code]);
    }
    let web = Web::serve(&place.path("other"), Absent::NotFound);
    let arguments = [
        "pack",
        "from",
        "-o",
        "x.fl",
        "--store",
        "blobs",
        "--no-proof",
        "--read",
    ];
    place.succeed(&[&arguments[..], &[&web.url]].concat());
    let missing = ["zosc::publish::missing-blocks"];
    assert_eq!(place.refuse(&["verify", "x.fl"]), missing);
    assert_eq!(place.refuse(&["unpack", "x.fl", "to"]), missing);
    assert!(!place.path("to").exists());
    place.succeed(&["verify", "x.fl", "--store", "blobs"]);
}

#[test]
fn addresses_that_cannot_be_meant_are_refused() {
    let place = Place::new();
    let pack =
        |options: &[&str]| place.refuse(&[&["pack", "from", "-o", "x.fl"][..], options].concat());
    let key = format!("s3://{KEY_ID}:{SECRET}@127.0.0.1:9000/zos");
    let credentials = ["zosc::check::credentials-in-url"];
    assert_eq!(pack(&["--store", &key]), credentials);
    assert_eq!(pack(&["--store", "blobs", "--read", &key]), credentials);
    assert_eq!(
        pack(&["--store", "https://h/b"]),
        ["zosc::check::bad-store"]
    );
    assert_eq!(
        pack(&["--store", "blobs", "--read", "https://h/b/"]),
        ["zosc::check::bad-route"]
    );
    assert_eq!(pack(&["--store", "my blobs"]), ["zosc::check::bad-route"]);
    assert_eq!(
        pack(&["--store", "00-7f=blobs"]),
        ["zosc::publish::range-gap"]
    );
    assert_eq!(
        pack(&["--store", "blobs", "--region", "x"]),
        ["zosc::check::needless-setting"]
    );
    let people = place.run(&["pack", "from", "-o", "x.fl", "--store", &key]);
    let said = String::from_utf8(people.stderr).unwrap();
    assert!(
        !said.contains(SECRET) && said.contains("--endpoint http://127.0.0.1:9000"),
        "{said}"
    );
    assert!(place.blobs().is_empty());
}

#[test]
fn stores_share_blocks_by_their_first_bytes() {
    let place = Place::new();
    place.succeed(&[
        "pack",
        "from",
        "-o",
        "x.fl",
        "--store",
        "00-7f=low",
        "--store",
        "80-ff=high",
    ]);
    let (low, high) = (files(&place.path("low")), files(&place.path("high")));
    assert_eq!(low.len() + high.len(), 34);
    assert!(!low.is_empty() && !high.is_empty());
    place.succeed(&["verify", "x.fl", "--all"]);
    place.succeed(&["unpack", "x.fl", "to"]);
    assert_eq!(place.contents("to"), place.contents("from"));
}

#[test]
fn a_list_is_cloned_to_another_store_with_another_route() {
    let place = Place::new();
    place.succeed(&[
        "pack",
        "from",
        "-o",
        "x.fl",
        "--store",
        "blobs",
        "--tag",
        "version=1",
    ]);
    let before = fs::read(place.path("x.fl")).unwrap();
    let (said, _) = place.succeed(&["clone", "x.fl", "--to", "copy"]);
    assert!(
        said.contains("copied 34 blocks") && said.contains("as before"),
        "{said}"
    );
    let (said, _) = place.succeed(&["clone", "x.fl", "--to", "copy", "-o", "y.fl"]);
    assert!(
        said.contains("copied 0 blocks") && said.contains("34 were there"),
        "{said}"
    );
    assert_eq!(fs::read(place.path("x.fl")).unwrap(), before);
    fs::remove_dir_all(place.path("blobs")).unwrap();
    place.succeed(&["verify", "y.fl", "--all"]);
    let report = place.document(&["inspect", "y.fl", "--format", "json"]);
    let route = format!("dir://{}", place.path("copy").display());
    assert_eq!(report["routes"][0]["url"], route);
    assert_eq!(report["tags"]["version"], "1");
    assert_eq!(
        place.refuse(&["verify", "x.fl"]),
        ["zosc::publish::missing-blocks"]
    );
}

#[test]
fn blocks_go_to_a_bucket_and_are_read_without_a_key() {
    let Some(server) = Server::start("zos") else {
        return;
    };
    let place = Place::new();
    let bucket = ["--endpoint", &server.endpoint(), "--region", "us-east-1"];
    let web = Web::serve(&server.bucket("zos"), Absent::NotFound);
    let public = format!("{}/blobs", web.url);
    let arguments = [
        "pack",
        "from",
        "-o",
        "x.fl",
        "--store",
        "s3://zos/blobs",
        "--read",
        &public,
    ];
    let (said, _) = place.succeed(&[&arguments[..], &bucket].concat());
    assert!(said.contains("new 34 blocks"), "{said}");
    let (said, _) = place.succeed(&[&arguments[..], &bucket].concat());
    assert!(said.contains("new 0 blocks"), "{said}");
    place.succeed(&["verify", "x.fl", "--all"]);
    let direct = ["verify", "x.fl", "--all", "--store", "s3://zos/blobs"];
    place.succeed(&[&direct[..], &bucket].concat());
    place.succeed(&["unpack", "x.fl", "to"]);
    assert_eq!(place.contents("to"), place.contents("from"));

    // rfs looks for flat objects in buckets, and this server hands nothing out without a key.
    let route = format!("s3://{}/zos/flat", server.address);
    let arguments = [
        "clone",
        "x.fl",
        "--to",
        "s3://zos/flat",
        "-o",
        "y.fl",
        "--read",
        &route,
    ];
    let refused = place.refuse(&[&arguments[..], &bucket].concat());
    assert_eq!(refused, ["zosc::publish::route-refused"]);
    assert!(!place.path("y.fl").exists());
    place.succeed(&[&arguments[..], &bucket, &["--no-proof"]].concat());
    assert!(
        files(&server.bucket("zos").join("flat"))
            .iter()
            .all(|path| path.parent().unwrap().ends_with("flat"))
    );
    assert_eq!(
        place.refuse(&["verify", "y.fl"]),
        ["zosc::publish::unread-blocks"]
    );
    let direct = ["verify", "y.fl", "--all", "--store", "s3://zos/flat"];
    place.succeed(&[&direct[..], &bucket].concat());
    let wrong = place
        .command(&[&direct[..], &bucket].concat())
        .env("AWS_SECRET_ACCESS_KEY", "wrong")
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(1));
}

#[test]
fn rfs_unpacks_what_was_packed() {
    let Some(rfs) = std::env::var_os("ZOSC_TEST_RFS") else {
        println!("skipped: ZOSC_TEST_RFS does not name rfs");
        return;
    };
    let place = Place::new();
    let web = Web::serve(&place.path("blobs"), Absent::NotFound);
    place.succeed(&[
        "pack", "from", "-o", "x.fl", "--store", "blobs", "--read", &web.url,
    ]);
    place.succeed(&["clone", "x.fl", "--to", "copy", "-o", "y.fl"]);
    for list in ["x.fl", "y.fl"] {
        let to = place.path(&format!("{list}.to"));
        fs::create_dir(&to).unwrap();
        let output = Command::new(&rfs)
            .args(["unpack", "-m", list, "-c", "cache"])
            .arg(&to)
            .current_dir(place.folder.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let (mut unpacked, mut packed) = (
            place.contents(&format!("{list}.to")),
            place.contents("from"),
        );
        // rfs leaves the modes of directories to the umask.
        unpacked.retain(|_, (mode, _)| *mode & 0o170_000 != 0o040_000);
        packed.retain(|_, (mode, _)| *mode & 0o170_000 != 0o040_000);
        assert_eq!(unpacked, packed, "{list}");
    }
}

/// Changes a list with SQL. `false`, aloud, where Python cannot.
fn change(list: &Path, sql: &str) -> bool {
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nc.executescript(sys.argv[2])\nc.commit()\n";
    let run = Command::new("python3")
        .args(["-c", script])
        .arg(list)
        .arg(sql)
        .status();
    let is_changed = run.is_ok_and(|status| status.success());
    if !is_changed {
        println!("skipped: python3 cannot change an SQLite file");
    }
    is_changed
}

#[test]
fn a_hostile_list_writes_nothing() {
    let place = Place::new();
    place.succeed(&["pack", "from", "-o", "x.fl", "--store", "blobs"]);
    place.write("garbage.fl", b"no list at all");
    assert_eq!(
        place.refuse(&["tree", "garbage.fl"]),
        ["zosc::flist::not-a-list"]
    );
    let whole = fs::read(place.path("x.fl")).unwrap();
    let key = "UPDATE block SET key = zeroblob(32)";
    let size = "UPDATE inode SET size = size - 1 WHERE name = 'tool'";
    let route = "UPDATE route SET url = 's3://ID:hunter2@127.0.0.1:9/zos'";
    for (sql, code) in [
        (
            "UPDATE inode SET name = '..' WHERE name = 'tool'",
            "zosc::flist::bad-name",
        ),
        (
            "UPDATE inode SET name = 'a/../../b' WHERE name = 'tool'",
            "zosc::flist::bad-name",
        ),
        // Something below a link that leads out.
        (
            "UPDATE inode SET parent = (SELECT ino FROM inode WHERE name = 'link') WHERE name = 'tool'",
            "zosc::flist::bad-tree",
        ),
        (key, "zosc::publish::wrong-blocks"),
        (size, "zosc::flist::wrong-blocks"),
        (route, "zosc::check::credentials-in-url"),
    ] {
        place.write("hostile.fl", &whole);
        if !change(&place.path("hostile.fl"), sql) {
            return;
        }
        assert_eq!(
            place.refuse(&["unpack", "hostile.fl", "to"]),
            [code],
            "{sql}"
        );
        assert!(!place.path("to").exists(), "{sql}");
    }
    let shown = place.succeed(&["inspect", "hostile.fl"]).1;
    assert!(
        shown.contains("***@127.0.0.1:9/zos") && !shown.contains("hunter2"),
        "{shown}"
    );
    let names = fs::read_dir(place.folder.path()).unwrap().flatten();
    let left = names.filter(|entry| entry.file_name().to_string_lossy().starts_with(".zosc-"));
    assert_eq!(left.count(), 0);
}

/// Packs a folder of many files, and sends a signal once the store has some blocks.
fn interrupt(place: &Place, signal: &str) -> Output {
    let child = place
        .command(&["pack", "from", "-o", "x.fl", "--store", "blobs"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while place.blobs().len() < 20 {
        assert!(begun.elapsed() < Duration::from_mins(1), "blocks come");
        std::thread::sleep(Duration::from_millis(1));
    }
    let number = child.id().to_string();
    Command::new("kill")
        .args([signal, &number])
        .status()
        .unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_run_that_is_interrupted_leaves_whole_blocks_and_no_list() {
    let place = Place::new();
    for number in 0..4000 {
        place.write(
            &format!("from/many/{number}"),
            format!("{number:0900}").as_bytes(),
        );
    }
    let stopped = interrupt(&place, "-INT");
    assert_eq!(
        stopped.status.code(),
        Some(130),
        "{}",
        String::from_utf8_lossy(&stopped.stderr)
    );
    let unfinished = |path: &&PathBuf| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with(".zosc-")
    };
    assert_eq!(place.blobs().iter().filter(unfinished).count(), 0);
    fs::remove_dir_all(place.path("blobs")).unwrap();
    interrupt(&place, "-KILL");
    assert!(!place.path("x.fl").exists());
    for blob in place.blobs().iter().filter(|path| !unfinished(path)) {
        let id: BlockId = blob.file_name().unwrap().to_str().unwrap().parse().unwrap();
        assert_eq!(BlockId::of(&fs::read(blob).unwrap()), id);
    }
    place.succeed(&["pack", "from", "-o", "x.fl", "--store", "blobs"]);
    assert_eq!(
        place.blobs().len(),
        4034,
        "nothing is left of what was killed"
    );
    place.succeed(&["verify", "x.fl", "--all"]);
}
