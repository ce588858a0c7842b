//! zosc and the real `rfs` read each other's lists and blocks, and make the same blocks of the same files.
//!
//! `$ZOSC_TEST_RFS` is an rfs with a store of the form `dir://`; docs/flist.md says which versions were tried.

#![allow(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use zosc::diagnostic::Diagnostic;
use zosc::flist::{self, BlockId, CHUNK, Entry, Head, Kind, List, Packable, Route, Watch, open};
use zosc::tree::ImagePath;

/// How long a mount may take to come about on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
const EPOCH: u64 = 1_700_000_000;

/// The real rfs, or the word that there is none.
fn rfs() -> Option<PathBuf> {
    let program = std::env::var_os("ZOSC_TEST_RFS").map(PathBuf::from);
    let program = program.filter(|program| program.is_file());
    if program.is_none() {
        println!("skipped: no rfs (ZOSC_TEST_RFS)");
    }
    program
}

fn run(program: &Path, arguments: &[&OsStr]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect("starts");
    let [said, told] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{arguments:?}: {said}{told}");
    said
}

/// A folder with files whose sizes are where chunks end, of more names than rfs lists at once, and links.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        let tree = bench.path("tree");
        fs::create_dir_all(tree.join("lib/modules/deep")).expect("made");
        fs::create_dir_all(tree.join("empty")).expect("made");
        fs::create_dir(tree.join("many")).expect("made");
        let noise: Vec<u8> = (0..3 * CHUNK as u64)
            .map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
            .collect();
        for (name, size) in [
            ("none", 0),
            ("one", 1),
            ("less", CHUNK - 1),
            ("chunk", CHUNK),
            ("more", CHUNK + 1),
            ("three", 3 * CHUNK),
        ] {
            fs::write(tree.join("lib/modules").join(name), &noise[..size]).expect("written");
        }
        fs::write(tree.join("lib/modules/deep/zeros"), vec![0; 2 * CHUNK + 5]).expect("written");
        fs::write(tree.join("lib/modules/deep/again"), &noise[..=CHUNK]).expect("written");
        fs::write(tree.join("ünïcode name"), "x").expect("written");
        for number in 0..1100 {
            fs::write(tree.join(format!("many/{number}")), number.to_string()).expect("written");
        }
        symlink("lib/modules/one", tree.join("link")).expect("linked");
        symlink("/absolute", tree.join("many/absolute")).expect("linked");
        let mode = |name: &str, mode| {
            fs::set_permissions(tree.join(name), PermissionsExt::from_mode(mode)).expect("a mode");
        };
        mode("lib/modules/one", 0o4755);
        mode("lib/modules/more", 0o600);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn store(&self, name: &str) -> String {
        format!("dir://{}", self.path(name).display())
    }

    /// Packs the tree with zosc: a list, and a store in the form in which rfs reads folders.
    fn pack(&self, list: &str, store: &str) {
        let put = |id: &BlockId, bytes: &[u8]| -> Result<(), Diagnostic> {
            let folder = self.path(store).join(format!("{:02x}", id.prefix()));
            fs::create_dir_all(&folder).expect("made");
            fs::write(folder.join(id.to_string()), bytes).expect("written");
            Ok(())
        };
        let head = Head {
            routes: vec![Route::all(self.store(store))],
            tags: BTreeMap::new(),
            epoch: EPOCH,
        };
        let tree = self.path("tree");
        let entries = entries(&tree).into_iter().map(|entry| {
            let file = matches!(entry.kind, Kind::File { .. })
                .then(|| File::open(on_disk(&tree, &entry)).expect("opens"));
            Ok(match file {
                Some(file) => Packable::file(entry, file),
                None => Packable::bare(entry),
            })
        });
        let watch = Watch {
            cancel: &AtomicBool::new(false),
            progress: &|_| {},
        };
        flist::pack(entries, &head, 2, &put, &self.path(list), &watch).expect("packs");
    }

    /// Names of all blocks in a store.
    fn blocks(&self, store: &str) -> BTreeSet<String> {
        let listed = |folder: &Path| -> Vec<PathBuf> {
            fs::read_dir(folder)
                .expect("listed")
                .map(|entry| entry.expect("listed").path())
                .collect()
        };
        let files = listed(&self.path(store))
            .into_iter()
            .flat_map(|folder| listed(&folder));
        files
            .map(|file| {
                file.file_name()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned()
            })
            .collect()
    }
}

fn on_disk(root: &Path, entry: &Entry) -> PathBuf {
    root.join(entry.path.relative())
}

/// What lies in a folder, sorted, as entries of a list.
fn entries(root: &Path) -> Vec<Entry> {
    let mut waiting = vec![ImagePath::root()];
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        let here = root.join(path.relative());
        let metadata = here.symlink_metadata().expect("there");
        let kind = if metadata.is_dir() {
            for child in fs::read_dir(&here).expect("listed") {
                let name = child.expect("listed").file_name();
                waiting.push(path.join(name.to_str().expect("UTF-8")).expect("a name"));
            }
            Kind::Directory
        } else if metadata.is_symlink() {
            let target = fs::read_link(&here).expect("a link");
            Kind::Symlink {
                target: target.as_os_str().as_bytes().to_vec(),
            }
        } else {
            Kind::File {
                size: metadata.len(),
            }
        };
        let mtime = metadata.mtime().cast_unsigned();
        let mode = metadata.mode() & 0o7777;
        found.push(Entry {
            path,
            kind,
            mode,
            uid: metadata.uid(),
            gid: metadata.gid(),
            mtime,
        });
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// Holds that two folders have the same files, with the same contents; directories that rfs unpacks have modes of their own.
fn assert_same(ours: &Path, theirs: &Path) {
    let facts = |root: &Path| -> Vec<(ImagePath, Kind, u32)> {
        let entries = entries(root).into_iter();
        entries
            .map(|entry| {
                let mode = if matches!(entry.kind, Kind::File { .. }) {
                    entry.mode
                } else {
                    0
                };
                (entry.path, entry.kind, mode)
            })
            .collect()
    };
    assert_eq!(facts(ours), facts(theirs));
    for entry in entries(ours)
        .iter()
        .filter(|entry| matches!(entry.kind, Kind::File { .. }))
    {
        let same = fs::read(on_disk(ours, entry)).expect("read")
            == fs::read(on_disk(theirs, entry)).expect("read");
        assert!(same, "{}", entry.path);
    }
}

#[test]
fn rfs_unpacks_what_zosc_packs() {
    let Some(rfs) = rfs() else { return };
    let bench = Bench::new();
    bench.pack("list.fl", "blobs");
    let [list, cache, out] = ["list.fl", "cache", "out"].map(|name| bench.path(name));
    run(
        &rfs,
        &[
            "unpack".as_ref(),
            "-m".as_ref(),
            list.as_ref(),
            "-c".as_ref(),
            cache.as_ref(),
            out.as_ref(),
        ],
    );
    assert_same(&bench.path("tree"), &out);
}

#[test]
fn rfs_lists_what_zosc_packs() {
    let Some(rfs) = rfs() else { return };
    let bench = Bench::new();
    bench.pack("list.fl", "blobs");
    let list = bench.path("list.fl");
    let of = |command: &str| run(&rfs, &["flist".as_ref(), command.as_ref(), list.as_ref()]);
    let (tree, inspected) = (of("tree"), of("inspect"));
    let entries = entries(&bench.path("tree"));
    assert_eq!(tree.lines().count(), entries.len());
    for entry in &entries {
        let mode = match entry.kind {
            Kind::Directory => 0o040_000,
            Kind::Symlink { .. } => 0o120_000,
            _ => 0o100_000,
        } | entry.mode;
        let block = inspected
            .split("  ---\n")
            .find(|block| block.starts_with(&format!("Path: {}\n", entry.path)));
        let block = block.unwrap_or_else(|| panic!("{} is listed", entry.path));
        for fact in [
            format!("Mode: 0{mode:o}\n"),
            format!("UID: {}\n", entry.uid),
            format!("Modified: {}\n", entry.mtime.min(EPOCH)),
        ] {
            assert!(block.contains(&fact), "{fact}{block}");
        }
    }
    let size: u64 = entries
        .iter()
        .map(|entry| {
            if let Kind::File { size } = entry.kind {
                size
            } else {
                0
            }
        })
        .sum();
    assert!(
        inspected.contains(&format!("Total size: {size} bytes")),
        "{inspected}"
    );
    let routes = run(
        &rfs,
        &[
            "config".as_ref(),
            "-m".as_ref(),
            list.as_ref(),
            "store".as_ref(),
            "list".as_ref(),
        ],
    );
    assert!(
        routes.contains(&format!("range:[0-255] store:{}", bench.store("blobs"))),
        "{routes}"
    );
}

#[test]
fn zosc_unpacks_what_rfs_packs_and_both_make_the_same_blocks() {
    let Some(rfs) = rfs() else { return };
    let bench = Bench::new();
    let [list, tree] = ["theirs.fl", "tree"].map(|name| bench.path(name));
    let store = bench.store("theirs");
    run(
        &rfs,
        &[
            "pack".as_ref(),
            "-m".as_ref(),
            list.as_ref(),
            "-s".as_ref(),
            store.as_ref(),
            tree.as_ref(),
        ],
    );
    bench.pack("ours.fl", "ours");
    assert_eq!(bench.blocks("ours"), bench.blocks("theirs"));
    let theirs = List::open(&list).expect("a list");
    let ours = List::open(&bench.path("ours.fl")).expect("a list");
    assert_eq!(theirs.routes(), [Route::all(store)]);
    let sorted = entries(&tree);
    assert_eq!(
        theirs.entries().map(|(_, entry)| entry).collect::<Vec<_>>(),
        sorted
    );
    for ((their_number, entry), (our_number, _)) in theirs.entries().zip(ours.entries()) {
        assert_eq!(
            theirs.blocks(their_number),
            ours.blocks(our_number),
            "{}",
            entry.path
        );
        if !matches!(entry.kind, Kind::File { .. }) {
            continue;
        }
        let mut content = Vec::new();
        for block in theirs.blocks(their_number) {
            let at = bench
                .path("theirs")
                .join(format!("{:02x}/{}", block.id.prefix(), block.id));
            content.extend(open(block, &fs::read(at).expect("in the store")).expect("opens"));
        }
        entry.check_length(content.len() as u64).expect("whole");
        assert!(
            content == fs::read(on_disk(&tree, &entry)).expect("read"),
            "{}",
            entry.path
        );
    }
    // Their list, sorted and with other routes, is read by them.
    let moved = bench.path("moved.fl");
    let head = Head {
        routes: vec![Route::all(bench.store("ours"))],
        tags: BTreeMap::new(),
        epoch: u64::MAX,
    };
    theirs.write(&head, &moved).expect("written");
    let [cache, out] = ["cache", "out"].map(|name| bench.path(name));
    run(
        &rfs,
        &[
            "unpack".as_ref(),
            "-m".as_ref(),
            moved.as_ref(),
            "-c".as_ref(),
            cache.as_ref(),
            out.as_ref(),
        ],
    );
    assert_same(&tree, &out);
}

/// A mount by rfs, which ends with the test.
struct Mount {
    process: Child,
    at: PathBuf,
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn rfs_mounts_what_zosc_packs() {
    let Some(rfs) = rfs() else { return };
    let has_fusermount = Command::new("fusermount")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok();
    if !rustix::process::geteuid().is_root() || !has_fusermount || File::open("/dev/fuse").is_err()
    {
        println!("skipped: a mount needs root, /dev/fuse and fusermount");
        return;
    }
    let bench = Bench::new();
    bench.pack("list.fl", "blobs");
    let at = bench.path("mounted");
    fs::create_dir(&at).expect("made");
    let said = File::create(bench.path("said")).expect("made");
    let process = Command::new(rfs)
        .args([
            "mount".as_ref(),
            "-m".as_ref(),
            bench.path("list.fl").as_os_str(),
            "-c".as_ref(),
            bench.path("cache").as_os_str(),
            at.as_os_str(),
        ])
        .stdin(Stdio::null())
        .stdout(said.try_clone().expect("a second handle"))
        .stderr(said)
        .spawn()
        .expect("starts");
    let mut mount = Mount {
        process,
        at: at.clone(),
    };
    let started = Instant::now();
    while !at.join("empty").is_dir() {
        if let Some(status) = mount.process.try_wait().expect("a process") {
            let said = fs::read_to_string(bench.path("said")).unwrap_or_default();
            // A container may have the device and not the right to mount.
            assert!(
                said.contains("ermission") || said.contains("not permitted"),
                "rfs mount ended with {status}: {said}"
            );
            println!("skipped: this machine does not let rfs mount");
            return;
        }
        assert!(started.elapsed() < PATIENCE, "rfs mounts nothing");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_same(&bench.path("tree"), &at);
    // A read in the middle of a file, over the end of a chunk.
    let mut piece = [0; 100];
    let three = "lib/modules/three";
    File::open(at.join(three))
        .expect("opens")
        .read_exact_at(&mut piece, CHUNK as u64 - 50)
        .expect("read");
    assert_eq!(
        piece[..],
        fs::read(bench.path("tree").join(three)).expect("read")[CHUNK - 50..CHUNK + 50]
    );
    let facts = at.join("link").symlink_metadata().expect("there");
    assert_eq!(facts.mtime(), EPOCH.cast_signed());
}
