use std::process::Command;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::lock::{Mode, Silent};
use crate::source::{SourceId, Span};
use crate::tree::{ImagePath, Tree};

struct Bench {
    folder: tempfile::TempDir,
    store: Store,
    cancel: AtomicBool,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path().join("store")).expect("opens");
        Self {
            folder,
            store,
            cancel: AtomicBool::new(false),
        }
    }

    /// Runs a shell script in which `git` is somebody's, with fixed times.
    fn sh(&self, script: &str) -> String {
        let done = Command::new("sh")
            .args(["-e", "-c", script])
            .current_dir(self.folder.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "a")))
            .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "a@b")))
            .envs(
                ["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_DATE"), "1700000000 +0000")),
            )
            .output()
            .expect("runs");
        let errors = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{script}: {errors}");
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    fn url(&self, name: &str) -> Spanned<String> {
        spanned(format!("file://{}/{name}", self.folder.path().display()))
    }

    fn ctx(&self) -> Ctx<'_> {
        Ctx {
            store: &self.store,
            mode: Mode::default(),
            observer: &Silent,
            cancel: &self.cancel,
        }
    }

    fn lock(
        &self,
        revision: GitRevision,
        previous: Option<&LockedSource>,
        moves: bool,
    ) -> Result<LockedSource, Diagnostic> {
        let asked = Asked {
            name: "it",
            url: &self.url("it"),
            revision: &spanned(revision),
            submodules: false,
            keep_git: false,
        };
        locked_git(&self.ctx(), previous, &asked, moves)
    }

    fn tree(&self, commit: &str, submodules: bool, keep_git: bool) -> (Digest, Tree) {
        let url = self.url("it").value;
        let checkout = Checkout {
            source: "it",
            url: &url,
            commit,
            submodules,
            keep_git,
        };
        let digest = checkout::tree(&self.ctx(), &checkout).expect("fetched");
        (digest, self.store.get_tree(&digest).expect("stored"))
    }
}

fn spanned<T>(value: T) -> Spanned<T> {
    Spanned::new(value, Span::new(SourceId(0), 0, 0))
}

fn paths(tree: &Tree) -> Vec<String> {
    tree.iter()
        .map(|(path, entry)| format!("{path} {:o}", entry.mode))
        .collect()
}

fn facts(locked: &LockedSource) -> (&str, &str, Digest) {
    match locked {
        LockedSource::Git {
            revision,
            commit,
            tree,
            ..
        } => (revision, commit, *tree),
        _ => unreachable!("it is from git"),
    }
}

const TWO_COMMITS: &str = "git init -q -b main it; cd it
    echo one > file; printf '#!/bin/sh\\n' > run; chmod 755 run; ln -s file link
    echo '*.txt text eol=lf filter=upper' > .gitattributes; printf 'a\\nb\\n' > x.txt
    git add .; git commit -qm one; git tag -a -m v1 v1
    echo two > file; git commit -qam two";

#[test]
fn a_branch_stays_where_it_is_locked_until_it_is_moved() {
    let bench = Bench::new();
    bench.sh(TWO_COMMITS);
    let branch = || GitRevision::Branch("main".into());
    let first = bench.lock(branch(), None, false).expect("locked");
    let (revision, commit, _) = facts(&first);
    assert_eq!(
        (revision, commit),
        ("branch main", &*bench.sh("git -C it rev-parse HEAD"))
    );
    let third = bench.sh("cd it; echo three > file; git commit -qam three; git rev-parse HEAD");
    let kept = bench.lock(branch(), Some(&first), false).expect("kept");
    assert_eq!(kept, first);
    let moved = bench.lock(branch(), Some(&first), true).expect("moved");
    assert_eq!(facts(&moved).1, third);
    // A tag leads to its commit, not to itself; the beginning of a hash names one as well.
    let one = bench.sh("git -C it rev-parse HEAD~2");
    for revision in [
        GitRevision::Tag("v1".into()),
        GitRevision::Named("v1".into()),
        GitRevision::Named(one[..9].to_owned()),
        GitRevision::Commit(one.clone()),
    ] {
        let locked = bench.lock(revision, Some(&moved), false).expect("locked");
        assert_eq!(facts(&locked).1, one);
    }
    for revision in [
        GitRevision::Tag("main".into()),
        GitRevision::Named("nothing".into()),
        GitRevision::Commit("0".repeat(40)),
    ] {
        let problem = bench.lock(revision, None, false).expect_err("unknown");
        assert_eq!(problem.code, "zosc::lock::no-revision");
    }
}

#[test]
fn files_are_those_of_the_commit_whatever_the_user_has_set() {
    let bench = Bench::new();
    bench.sh(TWO_COMMITS);
    let commit = bench.sh("git -C it rev-parse HEAD~1");
    let (digest, tree) = bench.tree(&commit, false, false);
    let expected = [
        "/.gitattributes 644",
        "/file 644",
        "/link 777",
        "/run 755",
        "/x.txt 644",
    ];
    assert_eq!(paths(&tree), expected);
    let file = ImagePath::new("/x.txt").expect("sound");
    let Some(crate::tree::Node::File {
        digest: content, ..
    }) = tree.get(&file).map(|entry| &entry.node)
    else {
        panic!("no file");
    };
    assert_eq!(bench.store.get(content).expect("stored"), b"a\nb\n");
    assert_eq!(
        git_tree_of(&bench, &commit, digest).expect("the same"),
        digest
    );
    let problem = git_tree_of(&bench, &commit, Digest::of(b"")).expect_err("another");
    assert_eq!(problem.code, "zosc::lock::git-changed");
}

fn git_tree_of(bench: &Bench, commit: &str, tree: Digest) -> Result<Digest, Diagnostic> {
    let url = bench.url("it").value;
    let checkout = Checkout {
        source: "it",
        url: &url,
        commit,
        submodules: false,
        keep_git: false,
    };
    git_tree(&checkout, tree, &bench.store, true, &bench.cancel)
}

#[test]
fn a_git_folder_depends_on_the_commit_alone() {
    let bench = Bench::new();
    bench.sh(TWO_COMMITS);
    let commit = bench.sh("git -C it rev-parse HEAD");
    let (first, tree) = bench.tree(&commit, false, true);
    // What is on other branches, and how the repository is packed, changes nothing.
    bench.sh("cd it; git checkout -q -b other HEAD~1; echo other > other; git add .; git commit -qm o; git tag v9; git gc -q");
    let (second, _) = bench.tree(&commit, false, true);
    assert_eq!(first, second);
    // Git is content with it.
    let place = bench.folder.path().join("out");
    write(&tree, &bench.store, &place);
    let told = bench.sh(
        "cd out; git describe --dirty --tags; git status --porcelain; git fsck --strict; git tag",
    );
    let described = format!("v1-1-g{}", &commit[..7]);
    assert_eq!(told, format!("{described}\nv1"));
}

/// Puts a tree on disk.
fn write(tree: &Tree, store: &Store, place: &Path) {
    use crate::tree::Node;
    use std::os::unix::fs::PermissionsExt as _;

    std::fs::create_dir_all(place).expect("made");
    for (path, entry) in tree.iter() {
        let path = place.join(path.relative());
        match &entry.node {
            Node::Directory => std::fs::create_dir_all(&path).expect("made"),
            Node::Symlink { target } => std::os::unix::fs::symlink(target, &path).expect("made"),
            Node::File { digest, .. } => {
                std::fs::write(&path, store.get(digest).expect("stored")).expect("written");
                let mode = std::fs::Permissions::from_mode(entry.mode);
                std::fs::set_permissions(&path, mode).expect("own");
            }
            _ => unreachable!("git has nothing else"),
        }
    }
}

#[test]
fn submodules_come_along_as_deep_as_they_lie() {
    let bench = Bench::new();
    bench.sh("for name in inner middle; do git init -q -b main $name; echo $name > $name/file; done
        allow='-c protocol.file.allow=always'
        git -C inner add .; git -C inner commit -qm i
        cd middle; git add .; git $allow submodule --quiet add ../inner deep/inner; git commit -qm m; cd ..
        git init -q -b main it; cd it; git $allow submodule --quiet add ../middle; git commit -qm o");
    let commit = bench.sh("git -C it rev-parse HEAD");
    let (_, tree) = bench.tree(&commit, true, false);
    let files: Vec<String> = paths(&tree);
    assert!(
        files.contains(&"/middle/deep/inner/file 644".to_owned()),
        "{files:?}"
    );
    assert!(
        !files.iter().any(|path| path.contains("/.git ")),
        "{files:?}"
    );
    let (_, tree) = bench.tree(&commit, false, false);
    assert_eq!(paths(&tree), ["/.gitmodules 644", "/middle 755"]);
}

#[test]
fn what_git_says_is_told() {
    let bench = Bench::new();
    let branch = GitRevision::Branch("main".into());
    let problem = bench
        .lock(branch, None, false)
        .expect_err("nothing is there");
    assert_eq!(problem.code, "zosc::lock::git-failed");
    assert!(
        problem.notes.iter().any(|note| note.contains("it")),
        "{problem:?}"
    );
    let url = spanned("https://git.invalid/x".to_owned());
    let asked = Asked {
        name: "x",
        url: &url,
        revision: &spanned(GitRevision::Branch("main".into())),
        submodules: false,
        keep_git: false,
    };
    let offline = Ctx::again(&bench.store, true, &bench.cancel);
    let problem = locked_git(&offline, None, &asked, false).expect_err("offline");
    assert_eq!(problem.notes, ["the network is not to be used"]);
}
