use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use super::*;
use crate::archive::Compression;
use crate::lock::HostToolchain;
use crate::plan::{
    Action, ActionId, Arguments, Capture, FileBody, Input, Mount, Output, OwnedFile, Root, Stage,
};
use crate::tree::{Conflict, Entry, ImagePath, Node, Origin, Tree};

fn path(text: &str) -> ImagePath {
    ImagePath::new(text).expect("a valid path")
}

/// Everything a build needs, in temporary folders.
struct Bench {
    folder: tempfile::TempDir,
    store: Store,
    cancel: AtomicBool,
    events: Events,
}

#[derive(Default)]
struct Events(Mutex<Vec<String>>);

impl Observer for Events {
    fn event(&self, action: &PlannedAction, event: Event<'_>) {
        let word = match event {
            Event::Started { .. } => "started".to_owned(),
            Event::Cached => "cached".to_owned(),
            Event::Finished { .. } => "finished".to_owned(),
            Event::Failed => "failed".to_owned(),
            Event::Shared { .. } => "shared".to_owned(),
            Event::Progress { .. } | Event::Elsewhere(_) => return,
            Event::Line(line) => format!("said {line}"),
            Event::Warning(warning) => format!("warned {}", warning.code),
        };
        let mut events = self.0.lock().expect("no panic");
        events.push(format!("{} {word}", action.label));
    }
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path().join("store")).expect("opens");
        Self {
            folder,
            store,
            cancel: AtomicBool::new(false),
            events: Events::default(),
        }
    }

    fn entry(&self, content: &[u8], mode: u32) -> Entry {
        let digest = self.store.put(content).expect("stored");
        Entry::file(
            digest,
            content.len() as u64,
            mode,
            9,
            Origin::new("source x"),
        )
    }

    fn outputs(&self) -> PathBuf {
        self.folder.path().join("dist")
    }

    fn options(&self) -> Options<'_> {
        Options {
            jobs: 2,
            memory: u64::MAX,
            network: &crate::io::Offline,
            offline: true,
            executor: &executor::Embedded,
            remote: None,
            selection: Selection::default(),
            reversed: false,
            cancel: &self.cancel,
        }
    }

    /// An image of this name, whose outputs lie in a folder of their own where the name is not `test`.
    fn job<'a>(&'a self, plan: &'a Plan, name: &str) -> Job<'a> {
        Job {
            plan,
            outputs: match name {
                "test" => self.outputs(),
                _ => self.outputs().join(name),
            },
            subject: Some(Subject {
                manifest: self.folder.path().join("zos.kdl"),
                name: name.to_owned(),
                lock: self.folder.path().join("zos.lock"),
            }),
            observer: &self.events,
        }
    }

    fn run(&self, plan: &Plan, options: &Options<'_>) -> Result<Artifacts, Diagnostics> {
        let built = run(&[self.job(plan, "test")], &self.store, options);
        built.map(|mut built| built.remove(0))
    }

    fn build(&self, plan: &Plan) -> Result<Artifacts, Diagnostics> {
        self.run(plan, &self.options())
    }

    /// What was told since the last call.
    fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.events.0.lock().expect("no panic"))
    }

    fn code(&self, plan: &Plan) -> &'static str {
        let problems = self.build(plan).expect_err("fails");
        problems.iter().next().expect("says why").code
    }
}

fn file(at: &str, text: &str) -> OwnedFile {
    OwnedFile {
        path: path(at),
        body: FileBody::Text(text.into()),
        mode: 0o644,
        uid: 0,
        gid: 0,
        origin: "file x".into(),
    }
}

fn write(plan: &mut Plan, label: &str, files: &[(&str, &str)]) -> Input {
    let files = files.iter().map(|(at, text)| file(at, text)).collect();
    let action = Action::WriteFiles { files, epoch: 9 };
    plan.add(Stage::AlpineConfigure, label, None, action)
}

fn shell(plan: &mut Plan, label: &str, script: &str, mounts: Vec<Mount>) -> Input {
    let host = HostToolchain {
        facts: "test".into(),
        path: vec!["/usr/bin".into(), "/bin".into()],
        folders: vec!["/usr".into()],
    };
    shell_in(plan, Root::Host(host), label, script, mounts)
}

fn shell_in(plan: &mut Plan, root: Root, label: &str, script: &str, mounts: Vec<Mount>) -> Input {
    let arguments = ["/bin/sh", "-e", "-c", script].map(str::to_owned).into();
    let action = Action::Run {
        root,
        mounts,
        files: BTreeMap::new(),
        arguments: Arguments {
            fixed: arguments,
            further: None,
        },
        environment: [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into(),
        directory: path("/build"),
        capture: Capture::Directory(path("/build/output")),
        origin: format!("source {}", label.trim_start_matches("build ")),
        epoch: 7,
    };
    plan.add(Stage::ComponentsBuild, label, None, action)
}

/// A program with symbols, as this machine's compiler makes it; `None`, said aloud, where there is none.
fn compiled(name: &str, text: &str, flags: &[&str]) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, made) = (folder.path().join("x.c"), folder.path().join(name));
    fs::write(&source, text).expect("written");
    let mut command = std::process::Command::new("cc");
    command
        .arg("-g")
        .args(flags)
        .arg(source)
        .arg("-o")
        .arg(&made);
    if !command.status().is_ok_and(|status| status.success()) {
        println!("skipped: there is no `cc`");
        return None;
    }
    Some(fs::read(made).expect("made"))
}

fn pack(plan: &mut Plan, label: &str, tree: Input) -> Input {
    let action = Action::Cpio {
        tree,
        compression: Compression::Zstd { level: 1 },
        epoch: 9,
    };
    plan.add(Stage::InitramfsCreate, label, None, action)
}

fn output(plan: &mut Plan, name: &str, content: Input) {
    plan.outputs.push(Output {
        pcr11: None,
        name: name.into(),
        kind: "initramfs",
        content,
    });
}

/// Two trees, one of them from a command, merged and packed.
fn image(text: &str, script: &str) -> Plan {
    let mut plan = Plan::default();
    let files = write(&mut plan, "write files", &[("/etc/motd", text)]);
    let mounts = vec![Mount {
        tree: files,
        at: path("/build/source"),
        writable: true,
    }];
    let built = shell(&mut plan, "build tool", script, mounts);
    let action = Action::Merge {
        trees: vec![files, built],
        conflict: Conflict::Refuse,
    };
    let tree = plan.add(Stage::ComponentsCopy, "merge", None, action);
    let packed = pack(&mut plan, "pack", tree);
    output(&mut plan, "initramfs.cpio.zst", packed);
    plan
}

const SCRIPT: &str = "wc -c < source/etc/motd > output/size; echo built";

#[test]
fn a_second_build_has_nothing_to_do() {
    let bench = Bench::new();
    let plan = image("hello", SCRIPT);
    let first = bench.build(&plan).expect("builds");
    assert_eq!((first.counts.performed, first.counts.cached), (4, 0));
    assert!(first.outputs[0].written && !first.nothing_to_do());
    assert!(bench.told().contains(&"build tool said built".to_owned()));
    let facts = || fs::metadata(bench.outputs().join("initramfs.cpio.zst")).expect("written");
    let before = (facts().ino(), facts().mtime_nsec(), facts().mode() & 0o777);
    let second = bench.build(&plan).expect("builds");
    assert!(second.nothing_to_do());
    assert_eq!((second.counts.performed, second.counts.cached), (0, 4));
    assert_eq!(second.outputs[0].digest, first.outputs[0].digest);
    assert_eq!(before, (facts().ino(), facts().mtime_nsec(), 0o644));
}

#[test]
fn the_same_plan_gives_the_same_bytes_from_an_empty_store() {
    let plan = image("hello", SCRIPT);
    let digest = |bench: &Bench| bench.build(&plan).expect("builds").outputs[0].digest;
    assert_eq!(digest(&Bench::new()), digest(&Bench::new()));
}

#[test]
fn what_yields_the_same_stops_a_change() {
    let bench = Bench::new();
    bench.build(&image("hello", SCRIPT)).expect("builds");
    bench.told();
    // Another script, the same files: everything behind it is found.
    let other = format!("{SCRIPT}; true");
    let artifacts = bench.build(&image("hello", &other)).expect("builds");
    assert_eq!(
        (artifacts.counts.performed, artifacts.counts.cached),
        (1, 3)
    );
    let told = bench.told();
    assert!(told.contains(&"merge cached".to_owned()), "{told:?}");
}

#[test]
fn a_lost_or_damaged_blob_is_made_again() {
    let bench = Bench::new();
    let plan = image("hello", SCRIPT);
    let first = bench.build(&plan).expect("builds");
    let inner = Digest::of(b"5\n");
    for (name, digest, performed) in [
        ("the output", first.outputs[0].digest, 1),
        ("a file of a tree", inner, 2),
    ] {
        let blob = bench.store.blob_path(&digest);
        for damage in [true, false] {
            fs::remove_dir_all(bench.outputs()).expect("removed");
            // The packed result leads to the inner blob only when it is made again.
            fs::remove_file(bench.store.blob_path(&first.outputs[0].digest)).expect("removed");
            if damage && blob.exists() {
                fs::write(&blob, "damaged").expect("written");
            } else if blob.exists() {
                fs::remove_file(&blob).expect("removed");
            }
            let again = bench
                .build(&plan)
                .unwrap_or_else(|why| panic!("{name}: {why:?}"));
            assert_eq!(again.outputs, first.outputs, "{name}");
            assert!(again.counts.performed >= performed, "{name}");
        }
    }
}

#[test]
fn actions_of_one_key_run_once() {
    let bench = Bench::new();
    let mut plan = Plan::default();
    let first = shell(&mut plan, "one", "sleep 0.2; echo x > output/x", Vec::new());
    let mut same = plan.actions[0].clone();
    same.label = "two".into();
    plan.actions.push(same);
    let action = Action::Merge {
        trees: vec![first, Input::Output(ActionId(1))],
        conflict: Conflict::Refuse,
    };
    let merged = plan.add(Stage::ComponentsCopy, "merge", None, action);
    let packed = pack(&mut plan, "pack", merged);
    output(&mut plan, "out", packed);
    let artifacts = bench.build(&plan).expect("builds");
    assert_eq!(
        (artifacts.counts.performed, artifacts.counts.cached),
        (3, 1)
    );
}

#[test]
fn independent_actions_run_side_by_side() {
    let bench = Bench::new();
    let mut plan = Plan::default();
    shell(&mut plan, "one", "sleep 0.5; echo 1 > output/1", Vec::new());
    shell(&mut plan, "two", "sleep 0.5; echo 2 > output/2", Vec::new());
    bench.build(&plan).expect("builds");
    let told = bench.told();
    let started = |event: &String| event.ends_with("started");
    assert!(told[..2].iter().all(started), "{told:?}");
}

#[test]
fn status_names_what_changed() {
    let bench = Bench::new();
    let stale = |plan: &Plan| -> Vec<String> {
        let all = status(plan, &bench.store);
        let stale = all.into_iter().zip(&plan.actions);
        stale
            .filter_map(|(status, planned)| match status {
                Status::Cached(_) => None,
                Status::Stale(reason) => Some(format!("{}: {reason}", planned.label)),
            })
            .collect()
    };
    let plan = image("hello", SCRIPT);
    assert_eq!(
        stale(&plan)[..2],
        [
            "write files: never built",
            "build tool: after `write files`: never built"
        ]
    );
    bench.build(&plan).expect("builds");
    assert!(stale(&plan).is_empty());
    assert_eq!(
        stale(&image("other", SCRIPT)),
        [
            "write files: file x /etc/motd changed",
            "build tool: after `write files`: file x /etc/motd changed",
            "merge: after `write files`: file x /etc/motd changed",
            "pack: after `write files`: file x /etc/motd changed",
        ]
    );
    bench
        .build(&image("other text", "exit 1"))
        .expect_err("fails");
    let other = image("other text", SCRIPT);
    assert_eq!(
        stale(&other)[0],
        "build tool: what `write files` yields changed"
    );
    assert_eq!(
        stale(&image("hello", "true"))[0],
        "build tool: source tool changed: command"
    );
    let Some(Status::Cached(digest)) = status(&plan, &bench.store).pop() else {
        panic!("it was built");
    };
    fs::remove_file(bench.store.blob_path(&digest)).expect("removed");
    assert_eq!(stale(&plan), ["pack: its result is no longer in the store"]);
}

#[test]
fn downloads_are_verified_and_mirrors_tried_in_order() {
    let bench = Bench::new();
    let folder = bench.folder.path();
    fs::write(folder.join("bad"), "HELLO").expect("written");
    fs::write(folder.join("good"), "hello").expect("written");
    let plan = |mirrors: &[&str]| {
        let mut plan = Plan::default();
        let url = |name: &&str| format!("file://{}/{name}", folder.display());
        let action = Action::Fetch {
            urls: mirrors.iter().map(url).collect(),
            sha256: Digest::of(b"hello"),
            size: 5,
        };
        let content = plan.add(Stage::AlpineExtract, "fetch x", None, action);
        output(&mut plan, "x", content);
        plan
    };
    let problems = bench
        .build(&plan(&["missing", "bad"]))
        .expect_err("no good mirror");
    let problem = problems.iter().next().expect("a problem");
    assert_eq!(problem.code, "zosc::build::wrong-digest");
    let left = bench.store.contains(&Digest::of(b"HELLO"));
    assert!(!left, "what was refused is not kept");
    bench
        .build(&plan(&["missing", "bad", "good"]))
        .expect("fetched");
    let fetched = fs::read_to_string(bench.outputs().join("x")).expect("written");
    assert_eq!(fetched, "hello");
}

#[test]
fn an_output_stays_in_its_folder() {
    let bench = Bench::new();
    for name in ["../x", "/x", "a/b", "..", ""] {
        let mut plan = Plan::default();
        let tree = write(&mut plan, "write", &[("/x", "x")]);
        let packed = pack(&mut plan, "pack", tree);
        output(&mut plan, name, packed);
        assert_eq!(bench.code(&plan), "zosc::build::output-name", "{name}");
    }
}

#[test]
fn an_initramfs_above_its_limit_is_refused() {
    let bench = Bench::new();
    let mut plan = Plan::default();
    let files = [("/e", ""), ("/x", "four"), ("/y", "twelve bytes")];
    let tree = write(&mut plan, "write", &files);
    let parts = vec![pack(&mut plan, "pack", tree)];
    let action = Action::Concat {
        parts,
        limit: Some(8),
        content: Some(tree),
    };
    let joined = plan.add(Stage::InitramfsCreate, "initramfs", None, action);
    output(&mut plan, "x", joined);
    let problems = bench.build(&plan).expect_err("refused");
    let problem = problems.iter().next().expect("says why");
    assert_eq!(problem.code, "zosc::build::too-large");
    assert_eq!(
        problem.notes,
        [
            "its files have 16 B before compression; most of that is from",
            "        16 B  file x",
            "and its largest files are",
            "        12 B  /y",
            "         4 B  /x",
        ]
    );
}

#[test]
fn an_efi_program_above_its_limit_is_refused() {
    let bench = Bench::new();
    let limited = |limit| {
        let mut plan = Plan::default();
        let tree = write(&mut plan, "write", &[("/x", "four")]);
        let initramfs = pack(&mut plan, "pack", tree);
        let action = Action::Limit {
            program: initramfs,
            limit,
            initramfs,
            content: tree,
        };
        let program = plan.add(Stage::KernelBuild, "size of efi", None, action);
        output(&mut plan, "x", program);
        plan
    };
    let problems = bench.build(&limited(8)).expect_err("refused");
    let problem = problems.iter().next().expect("says why");
    assert_eq!(problem.code, "zosc::build::too-large");
    assert!(problem.notes.contains(&"         4 B  /x".to_owned()));
    bench.build(&limited(1 << 20)).expect("small enough");
}

#[test]
fn segments_together_hold_what_the_image_holds() {
    let bench = Bench::new();
    let mut plan = Plan::default();
    let files = [
        ("package p-1", "/usr/bin/p"),
        ("unit u", "/etc/u"),
        ("branding", "/etc/b"),
    ];
    let files = files.map(|(origin, at)| OwnedFile {
        origin: origin.into(),
        ..file(at, at)
    });
    let action = Action::WriteFiles {
        files: files.into(),
        epoch: 9,
    };
    let tree = plan.add(Stage::AlpineConfigure, "write", None, action);
    let mut parts = Vec::new();
    for name in ["packages", "components", "files", "units"] {
        let action = Action::Segment {
            tree,
            name: name.into(),
        };
        let segment = plan.add(Stage::InitramfsCreate, name, None, action);
        parts.push(pack(&mut plan, name, segment));
    }
    let action = Action::Concat {
        parts,
        limit: None,
        content: None,
    };
    let joined = plan.add(Stage::InitramfsCreate, "initramfs", None, action);
    output(&mut plan, "x", joined);
    let artifacts = bench.build(&plan).expect("builds");
    let bytes = bench
        .store
        .get(&artifacts.outputs[0].digest)
        .expect("stored");
    let read = crate::archive::read(
        &bytes,
        &bench.store,
        &Origin::new("test"),
        crate::archive::Limits::default(),
    )
    .expect("an archive");
    let files: Vec<String> = read
        .tree
        .iter()
        .filter(|(_, entry)| matches!(entry.node, Node::File { .. }))
        .map(|(at, _)| at.to_string())
        .collect();
    assert_eq!(files, ["/etc/b", "/etc/u", "/usr/bin/p"]);
}

mod commands;
mod elsewhere;
mod flists;
mod links;
mod packing;
mod panics;
mod pieces;
mod records;
mod selections;
mod several;
mod shells;
mod shrinking;
