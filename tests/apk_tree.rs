//! The tree and the database that zosc makes of packages, against those that the real apk makes of the same packages.
//!
//! Explained differences, the only ones allowed:
//! - times of directories and symlinks: apk leaves the clock's, zosc the package's;
//! - times inside `scripts.tar`: apk 2.14.0 writes the clock's, later ones and zosc the package's build time;
//! - times of the database's own files;
//! - the mode of `/lib/apk/exec`, where scripts run: apk makes it before the package that lists it;
//! - `r:`, `q:` and `s:` lines of packages without directories: apk 2.14 writes them into the next package's record (it
//!   keeps them in a buffer that only a directory flushes), zosc into the package's own.

#![allow(clippy::disallowed_methods)]

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use support::oracle::{Oracle, listing};
use support::packages::{Archive, Content, Item, Recipe, SignatureHash, SigningKey, index};
use zosc::apk::{
    DatabaseSettings, Expected, PackageSummary, ScriptKind, Step, UnpackedPackage, finish,
    initial_root, install, installation_steps, trigger_directories, unpack, verify_index,
};
use zosc::build::{Event, Observer, Options, Status, status};
use zosc::plan::{Action, Arguments, Capture, Input, Plan, PlannedAction, Root, Stage};
use zosc::tree::{Entry, ImagePath, Node, Store, Tree};

/// Files that apk and zosc write themselves, so their times differ.
const DATABASE: [&str; 6] = [
    "/etc/apk/arch",
    "/etc/apk/world",
    "/lib/apk/db/installed",
    "/lib/apk/db/lock",
    "/lib/apk/db/scripts.tar",
    "/lib/apk/db/triggers",
];

struct Bench {
    oracle: Oracle,
    store: Store,
    _folder: tempfile::TempDir,
    unpacked: BTreeMap<String, UnpackedPackage>,
}

impl Bench {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Some(Self {
            oracle: Oracle::new()?,
            store: Store::open(folder.path()).expect("opens"),
            _folder: folder,
            unpacked: BTreeMap::new(),
        })
    }

    /// Unpacks a package of a repository once.
    fn package(&mut self, repository: &Path, full_name: &str) -> UnpackedPackage {
        if let Some(package) = self.unpacked.get(full_name) {
            return package.clone();
        }
        let path = repository.join(format!("x86_64/{full_name}.apk"));
        let bytes = fs::read(path).expect("in the repository");
        let release = full_name.rfind('-').expect("a release");
        let version = full_name[..release].rfind('-').expect("a version");
        let expected = Expected {
            name: full_name[..version].to_owned(),
            version: full_name[version + 1..].to_owned(),
            identity: None,
        };
        let package = unpack(&mut bytes.as_slice(), &expected, &self.store).expect("sound");
        self.unpacked.insert(full_name.to_owned(), package.clone());
        package
    }

    /// What zosc makes of packages in this order.
    fn zosc(&mut self, repository: &Path, order: &[String], world: &[&str]) -> Tree {
        let packages: Vec<_> = order
            .iter()
            .map(|name| self.package(repository, name))
            .collect();
        let settings = DatabaseSettings {
            world: world.iter().map(|name| (*name).to_owned()).collect(),
            arch: "x86_64".to_owned(),
            ..DatabaseSettings::default()
        };
        let root = initial_root(&self.store).expect("a root");
        // One call, as no script runs in between: names are looked up once.
        let root = install(root, &[], &packages, &self.store).expect("installs");
        finish(root, &packages, &settings, &self.store).expect("finishes")
    }

    /// Installs names with both and returns the differences that nothing explains.
    fn differences(&mut self, root: &str, repository: &str, names: &[&str]) -> Vec<String> {
        let order = self
            .oracle
            .install(root, &format!("/{repository}"), &["--no-scripts"], names);
        let order = match order {
            Ok(events) => installed(&events),
            Err(text) => panic!("apk fails: {text}"),
        };
        let tree = self.zosc(&self.oracle.folder(repository), &order, names);
        let theirs = self.oracle.folder(root);
        let mut differences = compare(&listing(&theirs), &described(&tree));
        for name in DATABASE {
            differences.extend(self.database_difference(&theirs, &tree, name));
        }
        fs::remove_dir_all(theirs).expect("removable");
        differences
    }

    fn database_difference(&self, theirs: &Path, tree: &Tree, name: &str) -> Option<String> {
        let theirs = fs::read(theirs.join(&name[1..])).expect("apk wrote it");
        let Some(Node::File { digest, .. }) = tree.get(&path(name)).map(|entry| &entry.node) else {
            return Some(format!("{name} is missing"));
        };
        let ours = self.store.get(digest).expect("stored");
        if name.ends_with("scripts.tar") {
            let same = without_times(ours) == without_times(theirs);
            return (!same).then(|| format!("{name} differs"));
        }
        let theirs = String::from_utf8_lossy(&theirs);
        let ours = String::from_utf8_lossy(&ours);
        let ours = if name.ends_with("installed") {
            displaced(&ours)
        } else {
            ours.into_owned()
        };
        let line = theirs
            .lines()
            .zip(ours.lines())
            .enumerate()
            .find(|(_, (a, b))| a != b);
        (theirs != ours).then(|| format!("{name} differs: {line:?}"))
    }
}

/// The full names of the packages that were installed, in order.
fn installed(events: &[String]) -> Vec<String> {
    let names = events
        .iter()
        .filter_map(|event| event.strip_prefix("install "));
    names.map(str::to_owned).collect()
}

/// The database with the lines that apk displaces where apk puts them.
fn displaced(database: &str) -> String {
    let mut text = String::new();
    let mut held = String::new();
    for record in database.split_inclusive("\n\n") {
        let keeps = |line: &&str| {
            ["r:", "q:", "s:"]
                .iter()
                .any(|field| line.starts_with(field))
        };
        let (own, rest): (Vec<_>, Vec<_>) = record.split_inclusive('\n').partition(keeps);
        let first = rest.iter().position(|line| line.starts_with("F:"));
        held.push_str(&own.concat());
        let (header, files) = rest.split_at(first.unwrap_or(rest.len()));
        text.push_str(&header.concat());
        if first.is_some() {
            text.push_str(&std::mem::take(&mut held));
        }
        text.push_str(&files.concat());
    }
    text
}

/// Blanks the times and the sums of tar headers, which start blocks with this magic.
fn without_times(mut tar: Vec<u8>) -> Vec<u8> {
    for block in tar.chunks_mut(512) {
        if block.get(257..265) == Some(b"ustar  \0") {
            block[136..156].fill(0);
        }
    }
    tar
}

fn path(text: &str) -> ImagePath {
    ImagePath::new(text).expect("a valid path")
}

/// A tree in the words of [`listing`].
fn described(tree: &Tree) -> BTreeMap<String, String> {
    let mut first: BTreeMap<&ImagePath, &ImagePath> = BTreeMap::new();
    for (path, entry) in tree.iter() {
        match &entry.node {
            Node::Hardlink { to } => first.entry(to).or_insert(path),
            _ => first.entry(path).or_insert(path),
        };
    }
    // `listing` calls a file by the first of its names.
    for (path, name) in &mut first {
        *name = (*name).min(path);
    }
    tree.iter()
        .filter(|(path, _)| !path.is_root())
        .map(|(path, entry)| (path.to_string(), description(tree, &first, path, entry)))
        .collect()
}

fn description(
    tree: &Tree,
    first: &BTreeMap<&ImagePath, &ImagePath>,
    path: &ImagePath,
    entry: &Entry,
) -> String {
    let what = match &entry.node {
        Node::File { digest, .. } => {
            format!("file {digest} first {} time {}", first[path], entry.mtime)
        }
        Node::Hardlink { to } => {
            let Some(Node::File { digest, .. }) = tree.get(to).map(|entry| &entry.node) else {
                return format!("dangling hard link to {to}");
            };
            format!("file {digest} first {} time {}", first[to], entry.mtime)
        }
        Node::Directory => "directory".to_owned(),
        Node::Symlink { target } => format!("link {target}"),
        Node::CharDevice { major, minor } => format!("char {major}:{minor}"),
        _ => "other".to_owned(),
    };
    let mut attributes = String::new();
    for (name, value) in &entry.xattrs {
        attributes.push_str(&format!(
            " {name}={}",
            support::packages::hexadecimal(value)
        ));
    }
    format!(
        "{what} {:o} {}:{}{attributes}",
        entry.mode, entry.uid, entry.gid
    )
}

fn compare(theirs: &BTreeMap<String, String>, ours: &BTreeMap<String, String>) -> Vec<String> {
    let without_time = |name: &String, text: &String| {
        let database = DATABASE.contains(&name.as_str());
        // Content is compared apart, and without time.
        if database {
            text.rsplit_once(" time ")
                .map_or(text.clone(), |(_, rest)| {
                    rest.split_once(' ')
                        .map_or(String::new(), |(_, rest)| rest.to_owned())
                })
        } else {
            text.clone()
        }
    };
    let names: std::collections::BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| {
            let apk = theirs.get(name).map(|text| without_time(name, text));
            let zosc = ours.get(name).map(|text| without_time(name, text));
            (apk != zosc).then(|| format!("{name}: apk {apk:?}, zosc {zosc:?}"))
        })
        .collect()
}

fn assert_none(what: &str, differences: &[String]) {
    assert!(
        differences.is_empty(),
        "{what}:\n{}",
        differences.join("\n")
    );
}

#[test]
fn a_server_is_what_apk_makes_of_it() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    let names = ["alpine-base", "chrony", "dhcpcd", "e2fsprogs", "openssh"];
    assert_none(
        "server",
        &bench.differences("server", "mirror/v3.19-iso", &names),
    );
}

#[test]
fn scripts_run_in_the_order_of_apk() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    let names = ["alpine-base", "chrony", "dhcpcd", "e2fsprogs", "openssh"];
    let events = bench
        .oracle
        .install("scripts", "/mirror/v3.19-iso", &[], &names)
        .expect("installs");
    let repository = bench.oracle.folder("mirror/v3.19-iso");
    let order = installed(&events);
    let packages: Vec<_> = order
        .iter()
        .map(|name| bench.package(&repository, name))
        .collect();
    let summaries: Vec<_> = packages
        .iter()
        .map(|package| PackageSummary {
            name: package.info.name.clone(),
            version: package.info.version.clone(),
            scripts: package.scripts.keys().copied().collect(),
        })
        .collect();
    let mut ours: Vec<String> = Vec::new();
    // apk announces a package before its pre-install script, its files come after.
    let announce = |ours: &mut Vec<String>, package: usize| {
        let line = format!("install {}", order[package]);
        if !ours.contains(&line) {
            ours.push(line);
        }
    };
    for step in installation_steps(&summaries) {
        match step {
            Step::Install(range) => range.for_each(|package| announce(&mut ours, package)),
            Step::Script { package, kind } => {
                let idle = trigger_directories(&packages, &packages[package]).is_empty();
                if kind != ScriptKind::Trigger || !idle {
                    if kind == ScriptKind::PreInstall {
                        announce(&mut ours, package);
                    }
                    ours.push(format!("run {}.{}", order[package], kind.name()));
                }
            }
            Step::SettleDirectories => {}
        }
    }
    assert_eq!(ours, events);
}

/// An installation as a plan: every step an action, scripts in the sandbox.
fn installation(
    summaries: &[PackageSummary],
    packages: &[UnpackedPackage],
    store: &Store,
    world: &[&str],
) -> (Plan, Input) {
    let unpacked: Vec<Input> = packages
        .iter()
        .map(|package| {
            let bytes = serde_json::to_vec(package).expect("encodes");
            Input::Known(store.put(&bytes).expect("stored"))
        })
        .collect();
    let mut plan = Plan::default();
    let mut root = None;
    for step in installation_steps(summaries) {
        let action = match step {
            Step::Install(range) => Action::InstallPackages {
                root,
                installed: unpacked[..range.start].to_vec(),
                packages: unpacked[range].to_vec(),
            },
            Step::SettleDirectories => Action::SettleDirectories {
                root: root.expect("packages come first"),
                packages: unpacked.clone(),
            },
            Step::Script { package, kind } => {
                let info = &packages[package].info;
                let name = format!("{}-{}.{}", info.name, info.version, kind.name());
                let at = format!("lib/apk/exec/{name}");
                let root = root.expect("packages come first");
                let further = (kind == ScriptKind::Trigger).then(|| {
                    let action = Action::TriggerDirectories {
                        root,
                        packages: unpacked.clone(),
                        package: unpacked[package],
                    };
                    plan.add(Stage::AlpinePackages, format!("find {name}"), None, action)
                });
                let version = further.is_none().then(|| info.version.clone());
                let script = packages[package].scripts[&kind];
                Action::Run {
                    root: Root::Tree(root),
                    mounts: Vec::new(),
                    files: BTreeMap::from([(path(&at), Input::Known(script))]),
                    arguments: Arguments {
                        fixed: [Some(at), version].into_iter().flatten().collect(),
                        further,
                    },
                    environment: BTreeMap::from([(
                        "PATH".to_owned(),
                        "/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
                    )]),
                    directory: ImagePath::root(),
                    capture: Capture::Root,
                    origin: format!("package {}-{}", info.name, info.version),
                    epoch: 0,
                }
            }
        };
        let label = format!("step {}", plan.actions.len());
        root = Some(plan.add(Stage::AlpinePackages, label, None, action));
    }
    let action = Action::FinishPackages {
        root: root.expect("packages come first"),
        packages: unpacked,
        world: world.iter().map(|name| (*name).to_owned()).collect(),
        repositories: Vec::new(),
        arch: "x86_64".to_owned(),
        keys: BTreeMap::new(),
    };
    let root = plan.add(Stage::AlpinePackages, "finish", None, action);
    (plan, root)
}

struct Silent;

impl Observer for Silent {
    fn event(&self, _: &PlannedAction, _: Event<'_>) {}
}

#[test]
fn a_server_with_its_scripts_is_what_apk_makes_of_it() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    let names = ["alpine-base", "chrony", "dhcpcd", "e2fsprogs", "openssh"];
    let events = bench
        .oracle
        .install("scripted", "/mirror/v3.19-iso", &[], &names)
        .expect("installs");
    let repository = bench.oracle.folder("mirror/v3.19-iso");
    let packages: Vec<_> = installed(&events)
        .iter()
        .map(|name| bench.package(&repository, name))
        .collect();
    let summaries: Vec<_> = packages
        .iter()
        .map(|package| PackageSummary {
            name: package.info.name.clone(),
            version: package.info.version.clone(),
            scripts: package.scripts.keys().copied().collect(),
        })
        .collect();
    let (plan, root) = installation(&summaries, &packages, &bench.store, &names);
    let outputs = tempfile::tempdir().expect("a temporary folder");
    let options = Options {
        jobs: 2,
        network: &zosc::io::Offline,
        offline: true,
        outputs: outputs.path().to_owned(),
        cancel: &std::sync::atomic::AtomicBool::new(false),
    };
    if let Err(problems) = zosc::build::run(&plan, &bench.store, &options, &Silent) {
        panic!("{problems:#?}");
    }
    let Input::Output(id) = root else {
        unreachable!("the last action's output");
    };
    let Status::Cached(digest) = status(&plan, &bench.store)[id.0 as usize].clone() else {
        panic!("it was built");
    };
    let tree = bench.store.get_tree(&digest).expect("stored");
    let theirs = bench.oracle.folder("scripted");
    // What scripts write has the clock's time with apk, and the image's with zosc.
    let timeless = |listing: BTreeMap<String, String>| -> BTreeMap<String, String> {
        let timeless = listing.into_iter().map(|(name, text)| {
            let words: Vec<&str> = text.split(' ').collect();
            let time = words.iter().position(|word| *word == "time");
            let kept = words
                .iter()
                .enumerate()
                .filter(|(index, _)| time.is_none_or(|time| *index != time && *index != time + 1));
            let kept: Vec<&str> = kept.map(|(_, word)| *word).collect();
            (name, kept.join(" "))
        });
        timeless.collect()
    };
    let differences = compare(&timeless(listing(&theirs)), &timeless(described(&tree)));
    // apk makes its folder for scripts itself, with mode 0700, before the package that lists it with 0755 is there.
    let explained = |line: &str| {
        let database = |name: &&str| line.starts_with(&format!("{name}:"));
        DATABASE.iter().any(database) || line.starts_with("/lib/apk/exec:")
    };
    let differences: Vec<String> = differences
        .into_iter()
        .filter(|line| !explained(line))
        .collect();
    fs::remove_dir_all(theirs).expect("removable");
    assert_none("a server with scripts", &differences);
}

#[test]
fn every_package_alone_is_what_apk_makes_of_it() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    if std::env::var_os("ZOSC_SLOW_TESTS").is_none() {
        eprintln!("skipped: a hundred installations, only with ZOSC_SLOW_TESTS=1");
        return;
    }
    let folder = bench.oracle.folder("mirror/v3.19-iso/x86_64");
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("the mirror")
        .filter_map(|entry| {
            let name = entry
                .expect("readable")
                .file_name()
                .into_string()
                .expect("a name");
            let release = name.strip_suffix(".apk")?.rsplit_once('-')?.0.to_owned();
            Some(release.rsplit_once('-')?.0.to_owned())
        })
        .collect();
    names.sort();
    assert!(names.len() >= 90, "the mirror has its packages");
    for name in names {
        let differences = bench.differences(&format!("alone-{name}"), "mirror/v3.19-iso", &[&name]);
        assert_none(&name, &differences);
    }
}

/// Packages that disagree in every way that real ones rarely do.
fn quarrelsome() -> Vec<Recipe> {
    let passwd = "root:x:0:0:root:/root:/bin/sh\nweb:x:101:102:web:/srv:/sbin/nologin\n";
    vec![
        Recipe::new("a-accounts", "1-r0")
            .with(
                Item::directory("home")
                    .mode(0o2775)
                    .owner("web", 900, "web", 901),
            )
            .file("etc/passwd", passwd)
            .file("etc/group", "root:x:0:\nweb:x:102:\n")
            .with(Item::file("etc/early", "x").owner("web", 900, "web", 901)),
        Recipe::new("b-files", "2.1_p3-r4")
            .depends(&["a-accounts"])
            .origin("shared-origin")
            .with(Item::file("srv/index", "b").owner("nobody", 65534, "web", 901))
            .with(
                Item::directory("srv/deep")
                    .mode(0o750)
                    .owner("web", 900, "root", 0),
            )
            .with(Item::directory("srv/open").mode(0o777))
            .with(Item::directory("tmp").mode(0o700))
            .file("usr/bin/both", "from b")
            .file("usr/bin/origin", "from b")
            .file("etc/both", "from b")
            .with(Item::file("usr/bin/suid", "s").mode(0o6755))
            .with(Item::hardlink("usr/bin/twin", "usr/bin/suid").mode(0o6755))
            .with(Item::new("usr/lib/device", Content::CharDevice(10, 200)).mode(0o600))
            .with(Item::symlink("usr/lib/link", "../bin/suid"))
            .with(Item::file("usr/bin/cap", "c").xattr("security.capability", CAPABILITY))
            .file(&format!("usr/share/{}", "long".repeat(40)), "long")
            .file("usr/share/.keep_b-files", "")
            .with_only(Item::file(".leftover", "x"))
            .with_only(Item::file("at-the-root", "x")),
        Recipe::new("c-replaces", "3-r0")
            .depends(&["b-files", "!z-nothing"])
            .provides(&["cmd:both=3-r0", "virtual"])
            .replaces(&["b-files<3"], Some(7))
            .file("usr/bin/both", "from c")
            .file("etc/both", "from c")
            .with(
                Item::directory("srv/deep")
                    .mode(0o700)
                    .owner("web", 900, "root", 0),
            )
            .with(
                Item::directory("srv/open")
                    .mode(0o755)
                    .owner("nobody", 65534, "nobody", 65534),
            )
            .triggers(&["/usr/bin", "/srv/*"])
            .script("trigger", "#!/bin/sh\n")
            .script("post-install", "#!/bin/sh\nexit 0\n"),
        Recipe::new("D-same-origin", "4-r0")
            .depends(&["c-replaces"])
            .origin("shared-origin")
            .replaces(&["c-replaces"], Some(3))
            .file("usr/bin/origin", "from d")
            .with(Item::file("etc/late", "x").owner("web", 900, "web", 901)),
        Recipe::new("e-weaker", "5-r0")
            .depends(&["D-same-origin"])
            .replaces(&["c-replaces"], None)
            .file("usr/bin/both", "from e"),
    ]
}

/// A `vfs_cap_data` of revision 2 that grants `cap_net_raw`.
const CAPABILITY: &[u8] = &[1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn packages_that_disagree_are_what_apk_makes_of_them() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    let key = SigningKey::generate("maker.rsa.pub", b"packages that disagree");
    let repository = bench.oracle.folder("mirror/made/x86_64");
    fs::create_dir_all(&repository).expect("writable");
    fs::write(
        bench.oracle.folder("etc/apk/keys/maker.rsa.pub"),
        key.public_pem(),
    )
    .expect("writable");
    let recipes = quarrelsome();
    let sign = Some((&key, SignatureHash::Sha256));
    let archives: Vec<Archive> = recipes.iter().map(|recipe| recipe.pack(sign)).collect();
    for archive in &archives {
        fs::write(repository.join(archive.file_name()), &archive.bytes).expect("writable");
    }
    fs::write(
        repository.join("APKINDEX.tar.gz"),
        index(&archives, "made", sign),
    )
    .expect("writable");
    let names: Vec<_> = recipes.iter().map(|recipe| recipe.name.as_str()).collect();
    assert_none("made", &bench.differences("made", "mirror/made", &names));
}

#[test]
fn the_indexes_of_alpine_are_signed_by_its_key() {
    let Some(alpine) = support::oracle::alpine() else {
        return;
    };
    let keys: Vec<_> = fs::read_dir(alpine.join("keys"))
        .expect("its keys")
        .map(|entry| {
            let path = entry.expect("readable").path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .expect("a name");
            zosc::apk::Key::parse(name, &fs::read(&path).expect("readable")).expect("a key")
        })
        .collect();
    for repository in ["v3.19-iso", "v3.19/main", "v3.19/community"] {
        let path = alpine.join(repository).join("x86_64/APKINDEX.tar.gz");
        let index = fs::read(path).expect("readable");
        let by = verify_index(&index, &keys, repository).expect("signed");
        assert_eq!(by.key, keys[0].name());
        let mut changed = index.clone();
        *changed.last_mut().expect("not empty") ^= 1;
        let error = verify_index(&changed, &keys, repository).expect_err("refused");
        assert_eq!(error.code, "zosc::apk::bad-signature");
    }
}
