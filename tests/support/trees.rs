//! Trees of the real apk and of zosc, made of the same packages and compared.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use zosc::apk::{
    DatabaseSettings, Expected, ScriptKind, Step, UnpackedPackage, finish, initial_root, install,
    installation_steps, unpack,
};
use zosc::build::{Event, Observer, Options, Status, status};
use zosc::plan::{Action, Arguments, Capture, Input, Plan, PlannedAction, Root, Stage};
use zosc::tree::{Entry, ImagePath, Node, Store, Tree};

use super::oracle::{Oracle, listing};
use super::packages::hexadecimal;

/// Files that apk and zosc write themselves, so their times differ.
const DATABASE: [&str; 6] = [
    "/etc/apk/arch",
    "/etc/apk/world",
    "/lib/apk/db/installed",
    "/lib/apk/db/lock",
    "/lib/apk/db/scripts.tar",
    "/lib/apk/db/triggers",
];

/// The real apk and a store beside it.
pub struct Bench {
    pub oracle: Oracle,
    pub store: Store,
    _folder: tempfile::TempDir,
    unpacked: BTreeMap<String, UnpackedPackage>,
}

impl Bench {
    pub fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Some(Self {
            oracle: Oracle::new()?,
            store: Store::open(folder.path()).expect("opens"),
            _folder: folder,
            unpacked: BTreeMap::new(),
        })
    }

    /// Unpacks a package of a repository once.
    pub fn package(&mut self, repository: &Path, full_name: &str) -> UnpackedPackage {
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
    pub fn differences(&mut self, root: &str, repository: &str, names: &[&str]) -> Vec<String> {
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

    /// Installs names with both, scripts and triggers included, and returns the differences that nothing explains.
    pub fn scripted_differences(
        &mut self,
        root: &str,
        repository: &str,
        names: &[&str],
    ) -> Vec<String> {
        let start = now();
        let events = self
            .oracle
            .install(root, &format!("/{repository}"), &[], names)
            .unwrap_or_else(|text| panic!("apk fails: {text}"));
        let folder = self.oracle.folder(repository);
        let packages: Vec<_> = installed(&events)
            .iter()
            .map(|name| self.package(&folder, name))
            .collect();
        let tree = self.run(&packages, names);
        let theirs = self.oracle.folder(root);
        let (apk, zosc) = (listing(&theirs), described(&tree));
        // What scripts write has the clock's time with apk, and the image's with zosc.
        let written: BTreeSet<&String> = apk
            .iter()
            .filter(|(_, text)| time(text).is_some_and(|time| time >= start))
            .map(|(name, _)| name)
            .filter(|name| !DATABASE.contains(&name.as_str()))
            .collect();
        let timeless = |listing: &BTreeMap<String, String>| {
            let entries = listing.iter().map(|(name, text)| {
                let text = if written.contains(name) {
                    without_time(text)
                } else {
                    text.clone()
                };
                (name.clone(), text)
            });
            entries.collect()
        };
        let mut differences = compare(&timeless(&apk), &timeless(&zosc));
        // apk makes its folder for scripts itself, with mode 0700, before the package that lists it with 0755 is there.
        differences.retain(|line| !line.starts_with("/lib/apk/exec:"));
        for name in DATABASE {
            differences.extend(self.database_difference(&theirs, &tree, name));
        }
        fs::remove_dir_all(theirs).expect("removable");
        differences
    }

    /// Builds the installation of packages, scripts in the sandbox.
    fn run(&self, packages: &[UnpackedPackage], names: &[&str]) -> Tree {
        let (plan, root) = installation(packages, &self.store, names);
        let outputs = tempfile::tempdir().expect("a temporary folder");
        let options = Options {
            jobs: 2,
            memory: u64::MAX,
            network: &zosc::io::Offline,
            offline: true,
            remote: None,
            executor: &zosc::build::executor::Embedded,
            reversed: false,
            selection: zosc::build::Selection::default(),
            cancel: &std::sync::atomic::AtomicBool::new(false),
        };
        let job = zosc::build::Job {
            plan: &plan,
            outputs: outputs.path().to_owned(),
            subject: None,
            observer: &Silent,
        };
        if let Err(problems) = zosc::build::run(&[job], &self.store, &options) {
            panic!("{problems:#?}");
        }
        let Input::Output(id) = root else {
            unreachable!("the last action's output");
        };
        let Status::Cached(digest) = status(&plan, &self.store)[id.0 as usize].clone() else {
            panic!("it was built");
        };
        self.store.get_tree(&digest).expect("stored")
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
pub fn installed(events: &[String]) -> Vec<String> {
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
        attributes.push_str(&format!(" {name}={}", hexadecimal(value)));
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
    let names: BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| {
            let apk = theirs.get(name).map(|text| without_time(name, text));
            let zosc = ours.get(name).map(|text| without_time(name, text));
            (apk != zosc).then(|| format!("{name}: apk {apk:?}, zosc {zosc:?}"))
        })
        .collect()
}

/// The scripts of packages, on which the order of installation hangs.
pub fn scripts(packages: &[UnpackedPackage]) -> Vec<BTreeSet<ScriptKind>> {
    let kinds = |package: &UnpackedPackage| package.scripts.keys().copied().collect();
    packages.iter().map(kinds).collect()
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = since.expect("after 1970").as_secs();
    i64::try_from(seconds).expect("a while is left")
}

/// The time in a line of a listing.
fn time(text: &str) -> Option<i64> {
    let (_, rest) = text.split_once(" time ")?;
    rest.split(' ').next()?.parse().ok()
}

/// A line of a listing without its time.
fn without_time(text: &str) -> String {
    let Some((before, rest)) = text.split_once(" time ") else {
        return text.to_owned();
    };
    let after = rest.split_once(' ').map_or("", |(_, after)| after);
    format!("{before} {after}")
}

/// An installation as a plan: every step an action, scripts in the sandbox.
fn installation(packages: &[UnpackedPackage], store: &Store, world: &[&str]) -> (Plan, Input) {
    let unpacked: Vec<Input> = packages
        .iter()
        .map(|package| {
            let bytes = serde_json::to_vec(package).expect("encodes");
            Input::Known(store.put(&bytes).expect("stored"))
        })
        .collect();
    let mut plan = Plan::default();
    let mut root = None;
    for step in installation_steps(&scripts(packages)) {
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
