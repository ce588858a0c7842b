//! The solver and the version order against the real apk 2.14, over a real repository.
//!
//! Needs the Alpine packages that `ZOSC_TEST_ALPINE` names (default `../shared/alpine` beside the repository) and root, for
//! the oracle's chroot; says so and passes where either is missing.

// Tests may read the environment.
#![allow(clippy::disallowed_methods, missing_docs)]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use zosc::apk::dependency::Dependency;
use zosc::apk::index::Index;
use zosc::apk::solver::{Catalogue, Repository};
use zosc::apk::version;

/// The Alpine folder, or `None` (said aloud) where these tests cannot run.
fn alpine() -> Option<PathBuf> {
    let folder = std::env::var_os("ZOSC_TEST_ALPINE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/alpine"),
        PathBuf::from,
    );
    if !folder.join("apk-oracle").is_file() {
        eprintln!(
            "skipped: no Alpine packages in {}; ZOSC_TEST_ALPINE names their folder",
            folder.display()
        );
        return None;
    }
    let id = Command::new("id").arg("-u").output().expect("id runs");
    if id.stdout != b"0\n" {
        eprintln!("skipped: the oracle needs root for its chroot");
        return None;
    }
    Some(folder)
}

/// The real apk in a jail of its own.
struct Oracle {
    program: PathBuf,
    jail: tempfile::TempDir,
}

impl Oracle {
    fn new(alpine: &Path) -> Self {
        let oracle = Self {
            program: alpine.join("apk-oracle"),
            jail: tempfile::tempdir().expect("a temporary folder"),
        };
        oracle.run(&["--version"]);
        for root in ["out0", "out1"] {
            std::fs::create_dir(oracle.jail.path().join(root)).expect("made");
            assert!(
                oracle
                    .run(&["add", "--initdb", "--root", &format!("/{root}")])
                    .0
            );
        }
        oracle
    }

    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new("sh")
            .arg(&self.program)
            .arg(self.jail.path())
            .args(arguments)
            .output()
            .expect("the oracle runs");
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }

    /// `name-version` in the order of installation, or what apk says against it.
    fn solve(&self, root: &str, world: &[String]) -> Result<Vec<String>, String> {
        let root = format!("/{root}");
        let mut arguments = vec![
            "add",
            "--simulate",
            "--root",
            &root,
            "--keys-dir",
            "/etc/apk/keys",
        ];
        arguments.extend(["--repositories-file", "/repositories"]);
        arguments.extend(world.iter().map(String::as_str));
        let (success, text) = self.run(&arguments);
        if !success {
            return Err(text);
        }
        let install = |line: &str| {
            let (name, version) = line.split_once(") Installing ")?.1.split_once(" (")?;
            let name = name.split('@').next().unwrap_or(name);
            Some(format!("{name}-{}", version.strip_suffix(')')?))
        };
        Ok(text.lines().filter_map(install).collect())
    }
}

/// The text `APKINDEX` out of its archive; signatures are checked elsewhere.
fn index_text(repository: &Path) -> Vec<u8> {
    let archive = std::fs::File::open(repository.join("x86_64/APKINDEX.tar.gz")).expect("an index");
    let mut archive = tar::Archive::new(flate2::read::MultiGzDecoder::new(archive));
    archive.set_ignore_zeros(true);
    for entry in archive.entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        if entry.path_bytes().as_ref() == b"APKINDEX" {
            let mut text = Vec::new();
            entry.read_to_end(&mut text).expect("read");
            return text;
        }
    }
    panic!("no APKINDEX in {}", repository.display());
}

/// A generator with a fixed seed (xorshift64), so that every run asks the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

fn ours(catalogue: &Catalogue<'_>, world: &[String]) -> Result<Vec<String>, String> {
    let wishes: Vec<Dependency<'_>> = world
        .iter()
        .map(|wish| Dependency::parse(wish).expect("a dependency"))
        .collect();
    match catalogue.resolve(&wishes) {
        Ok(solution) => Ok(solution
            .packages
            .iter()
            .map(|choice| format!("{}-{}", choice.package.name, choice.package.version))
            .collect()),
        Err(refusal) => Err(format!("{refusal:?}")),
    }
}

/// Asks both for every world and returns the disagreements.
fn disagreements(
    oracle: &Oracle,
    catalogue: &Catalogue<'_>,
    lines: &[String],
    worlds: &[Vec<String>],
) -> Vec<String> {
    std::fs::write(oracle.jail.path().join("repositories"), lines.join("\n")).expect("written");
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    let refused = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for root in ["out0", "out1"] {
            let (next, found, refused) = (&next, &found, &refused);
            scope.spawn(move || {
                while let Some(world) = worlds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (theirs, ours) = (oracle.solve(root, world), ours(catalogue, world));
                    refused.fetch_add(usize::from(theirs.is_err()), Ordering::Relaxed);
                    if theirs.is_err() && ours.is_err() || theirs == ours {
                        continue;
                    }
                    let mut text = format!("world {}\n", world.join(" "));
                    describe(&mut text, &theirs, &ours);
                    found.lock().expect("not poisoned").push(text);
                }
            });
        }
    });
    eprintln!(
        "{} worlds asked, {} of them refused by apk",
        worlds.len(),
        refused.into_inner()
    );
    found.into_inner().expect("not poisoned")
}

fn describe(
    text: &mut String,
    theirs: &Result<Vec<String>, String>,
    ours: &Result<Vec<String>, String>,
) {
    match (theirs, ours) {
        (Ok(theirs), Ok(ours)) => {
            let missing: Vec<_> = theirs.iter().filter(|name| !ours.contains(name)).collect();
            let surplus: Vec<_> = ours.iter().filter(|name| !theirs.contains(name)).collect();
            let _ = writeln!(text, "  only apk: {missing:?}\n  only here: {surplus:?}");
            if missing.is_empty() && surplus.is_empty() {
                let _ = writeln!(
                    text,
                    "  another order:\n    apk:  {theirs:?}\n    here: {ours:?}"
                );
            }
        }
        _ => {
            let _ = writeln!(text, "  apk:  {theirs:?}\n  here: {ours:?}");
        }
    }
}

fn report(what: &str, disagreements: &[String]) {
    eprintln!("{what}: {} disagreements", disagreements.len());
    assert!(
        disagreements.is_empty(),
        "{what}:\n{}",
        disagreements.join("\n")
    );
}

#[test]
fn every_package_of_the_installation_medium_resolves_as_apk_resolves_it() {
    let Some(alpine) = alpine() else { return };
    let oracle = Oracle::new(&alpine);
    let text = index_text(&alpine.join("v3.19-iso"));
    let index = Index::parse(&text).expect("an index");
    let catalogue = Catalogue::new(&[Repository {
        index: &index,
        tag: None,
    }]);
    let worlds: Vec<Vec<String>> = index
        .packages
        .iter()
        .map(|package| vec![package.name.to_owned()])
        .collect();
    let all = index
        .packages
        .iter()
        .map(|package| package.name.to_owned())
        .collect();
    let worlds = [worlds, vec![all]].concat();
    let found = disagreements(
        &oracle,
        &catalogue,
        &["/mirror/v3.19-iso".to_owned()],
        &worlds,
    );
    report("installation medium", &found);
}

/// Single names, then sets of names, some with `docs` and the like, which bring companions along.
fn random_worlds(dice: &mut Dice, names: &[String]) -> Vec<Vec<String>> {
    let mut worlds: Vec<Vec<String>> = (0..300).map(|_| vec![dice.pick(names).clone()]).collect();
    let collective = [
        "docs",
        "openrc",
        "bash-completion",
        "lang",
        "dbg",
        "static",
        "systemd",
    ];
    for _ in 0..200 {
        let mut world: Vec<String> = (0..2 + dice.below(7))
            .map(|_| dice.pick(names).clone())
            .collect();
        match dice.below(4) {
            0 => world.push((*dice.pick(&collective)).to_owned()),
            1 => world.push(format!("!{}", dice.pick(names))),
            _ => {}
        }
        world.sort();
        world.dedup();
        worlds.push(world);
    }
    worlds
}

/// All worlds with `ZOSC_SLOW_TESTS=1`, else every fifth: the real apk takes a second for each.
fn sampled(worlds: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let step = if std::env::var_os("ZOSC_SLOW_TESTS").is_some() {
        1
    } else {
        5
    };
    worlds.into_iter().step_by(step).collect()
}

/// The names of all packages of some indexes.
fn names(indexes: &[Index<'_>]) -> Vec<String> {
    indexes
        .iter()
        .flat_map(|index| &index.packages)
        .map(|package| package.name.to_owned())
        .collect()
}

#[test]
fn random_worlds_over_the_full_indexes_resolve_as_apk_resolves_them() {
    let Some(alpine) = alpine() else { return };
    let oracle = Oracle::new(&alpine);
    let texts = ["v3.19/main", "v3.19/community"].map(|name| index_text(&alpine.join(name)));
    let indexes = texts
        .each_ref()
        .map(|text| Index::parse(text).expect("an index"));
    let worlds = sampled(random_worlds(
        &mut Dice(0x05ee_d5ee_d5ee_d5ed),
        &names(&indexes),
    ));
    let repositories = indexes
        .each_ref()
        .map(|index| Repository { index, tag: None });
    let lines = ["/mirror/v3.19/main", "/mirror/v3.19/community"].map(str::to_owned);
    let found = disagreements(&oracle, &Catalogue::new(&repositories), &lines, &worlds);
    report("main and community", &found);
}

#[test]
fn a_repository_behind_a_tag_resolves_as_apk_resolves_it() {
    let Some(alpine) = alpine() else { return };
    let oracle = Oracle::new(&alpine);
    let texts = ["v3.19/main", "v3.19/community"].map(|name| index_text(&alpine.join(name)));
    let indexes = texts
        .each_ref()
        .map(|text| Index::parse(text).expect("an index"));
    let mut worlds =
        random_worlds(&mut Dice(0x7a99_ed5e_ed7a_99ed), &names(&indexes)).split_off(260);
    worlds.truncate(80);
    let mut worlds = sampled(worlds);
    for wish in worlds.iter_mut().step_by(2).flatten() {
        wish.push_str("@extra");
    }
    let tags = [None, Some("extra")];
    let mut repositories = indexes
        .iter()
        .zip(tags)
        .map(|(index, tag)| Repository { index, tag });
    let repositories: [_; 2] = std::array::from_fn(|_| repositories.next().expect("two"));
    let lines = ["/mirror/v3.19/main", "@extra /mirror/v3.19/community"].map(str::to_owned);
    let found = disagreements(&oracle, &Catalogue::new(&repositories), &lines, &worlds);
    report("community behind a tag", &found);
}

/// Pairs of versions: real ones side by side, and crafted ones.
fn version_pairs(texts: &[Vec<u8>]) -> Vec<(String, String)> {
    let indexes: Vec<Index<'_>> = texts
        .iter()
        .map(|text| Index::parse(text).expect("an index"))
        .collect();
    let real: Vec<&str> = indexes
        .iter()
        .flat_map(|index| &index.packages)
        .map(|package| package.version)
        .collect();
    let mut dice = Dice(0x5eed_0ff5_eed5_1234);
    let mut pairs = Vec::new();
    for _ in 0..1500 {
        let left = *dice.pick(&real);
        // Versions that share a beginning tell more than unrelated ones.
        let cut = 1 + dice.below(left.len());
        let near: Vec<&&str> = real
            .iter()
            .filter(|version| version.starts_with(&left[..cut]))
            .collect();
        pairs.push((left.to_owned(), (**dice.pick(&near)).to_owned()));
    }
    let pieces = [
        "0", "1", "01", "001", "00", "10", ".", "..", "a", "b", "_alpha", "_pre", "_p", "_rc1",
        "_git2", "-r", "-r0", "-r1", "~", "_x", "-",
    ];
    for _ in 0..2500 {
        let mut craft = |stem: &str| {
            let mut version = stem.to_owned();
            for _ in 0..dice.below(5) {
                version.push_str(pieces[dice.below(pieces.len())]);
            }
            version
        };
        let left = craft("1");
        let right = craft(if left.len() % 2 == 0 { "1" } else { "1." });
        pairs.push((left, right));
    }
    pairs
}

#[test]
fn versions_compare_as_apk_compares_them() {
    let Some(alpine) = alpine() else { return };
    let oracle = Oracle::new(&alpine);
    let texts = ["v3.19/main", "v3.19/community"].map(|name| index_text(&alpine.join(name)));
    let pairs = version_pairs(&texts);
    // `--check` prints what is no version.
    let script = "while read -r left right; do \
        /sbin/apk version -t \"$left\" \"$right\"; \
        if [ -z \"$(/sbin/apk version --check \"$left\")\" ]; then echo valid; else echo invalid; fi; done";
    let mut shell = Command::new("chroot")
        .arg(oracle.jail.path())
        .args(["/bin/busybox", "sh", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell in the jail");
    let mut input = shell.stdin.take().expect("piped");
    let lines: String = pairs.iter().fold(String::new(), |mut text, (left, right)| {
        let _ = writeln!(text, "{left} {right}");
        text
    });
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let mut output = String::new();
    shell
        .stdout
        .take()
        .expect("piped")
        .read_to_string(&mut output)
        .expect("read");
    writer.join().expect("joined").expect("written");
    assert!(shell.wait().expect("ends").success());

    let mut answers = output.lines();
    let mut wrong = Vec::new();
    for (left, right) in &pairs {
        let theirs = (
            answers.next().expect("an order"),
            answers.next().expect("a verdict"),
        );
        let order = match version::compare(left, right) {
            std::cmp::Ordering::Less => "<",
            std::cmp::Ordering::Equal => "=",
            std::cmp::Ordering::Greater => ">",
        };
        let ours = (
            order,
            if version::is_valid(left) {
                "valid"
            } else {
                "invalid"
            },
        );
        if ours != theirs {
            wrong.push(format!("{left} {right}: apk {theirs:?}, here {ours:?}"));
        }
    }
    eprintln!("{} pairs of versions compared", pairs.len());
    report("versions", &wrong);
}
