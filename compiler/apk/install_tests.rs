//! What installing does to a tree, rule by rule. `tests/apk_tree.rs` compares whole trees with the real apk.

use super::packages::{Content, Item, Recipe};
use super::tests::{path, store, unpacked};
use super::*;
use crate::diagnostic::Diagnostic;
use crate::tree::{Entry, Node, Origin, Store, Tree};

struct Bench {
    _folder: tempfile::TempDir,
    store: Store,
    root: Tree,
    packages: Vec<UnpackedPackage>,
}

impl Bench {
    fn new() -> Self {
        let (folder, store) = store();
        let root = initial_root(&store).expect("a root");
        Self {
            _folder: folder,
            store,
            root,
            packages: Vec::new(),
        }
    }

    /// Installs packages in one go; what came before is as if a script had run since.
    fn install(&mut self, recipes: &[Recipe]) -> Result<(), Diagnostic> {
        let new: Vec<_> = recipes
            .iter()
            .map(|recipe| unpacked(recipe, &self.store).expect("sound"))
            .collect();
        self.root = install(self.root.clone(), &self.packages, &new, &self.store)?;
        self.packages.extend(new);
        Ok(())
    }

    fn installed(recipes: &[Recipe]) -> Self {
        let mut bench = Self::new();
        bench.install(recipes).expect("installs");
        bench
    }

    fn refused(recipes: &[Recipe]) -> Diagnostic {
        Self::new().install(recipes).expect_err("refused")
    }

    /// Does what a script could do.
    fn write(&mut self, at: &str, content: &str) {
        let digest = self.store.put(content.as_bytes()).expect("stored");
        let origin = Origin::new("script");
        let entry = Entry::file(digest, content.len() as u64, 0o644, 0, origin);
        self.root.insert_with_parents(path(at), entry);
    }

    fn entry(&self, at: &str) -> &Entry {
        self.root
            .get(&path(at))
            .unwrap_or_else(|| panic!("no {at}"))
    }

    fn content(&self, at: &str) -> String {
        let (_, entry) = self.root.resolve(&path(at)).expect("there");
        let Node::File { digest, .. } = entry.node else {
            panic!("{at} is no file")
        };
        String::from_utf8(self.store.get(&digest).expect("stored")).expect("text")
    }

    fn settle(&mut self) {
        let root = std::mem::take(&mut self.root);
        self.root = settle_directories(root, &self.packages, &self.store).expect("settles");
    }

    fn finish(&mut self, settings: &DatabaseSettings) {
        let root = std::mem::take(&mut self.root);
        self.root = finish(root, &self.packages, settings, &self.store).expect("finishes");
    }
}

fn recipe(name: &str) -> Recipe {
    Recipe::new(name, "1-r0")
}

#[test]
fn the_files_of_a_package_alone_make_a_tree() {
    let (_folder, store) = store();
    let tree = unpacked(&recipe("a").file("usr/x", "a"), &store)
        .expect("sound")
        .tree();
    let paths: Vec<_> = tree.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/usr", "/usr/x"]);
}

#[test]
fn a_collision_names_both_packages() {
    let error = Bench::refused(&[
        recipe("a").file("usr/x", "a"),
        recipe("b").file("usr/x", "a"),
    ]);
    assert_eq!(error.code, "zosc::apk::file-collision");
    assert_eq!(
        error.message,
        "the packages `a-1-r0` and `b-1-r0` both hold `/usr/x`"
    );
}

#[test]
fn replaces_takes_a_file_over_and_its_constraint_counts() {
    let b = |replaces| recipe("b").file("usr/x", "b").replaces(&[replaces], None);
    let bench = Bench::installed(&[recipe("a").file("usr/x", "a"), b("a<2")]);
    assert_eq!(bench.content("/usr/x"), "b");
    let error = Bench::refused(&[recipe("a").file("usr/x", "a"), b("a<1")]);
    assert_eq!(error.code, "zosc::apk::file-collision");
}

#[test]
fn the_higher_replaces_priority_keeps_its_file() {
    let a = recipe("a").file("usr/x", "a").replaces(&["b"], Some(2));
    let b = recipe("b").file("usr/x", "b").replaces(&["a"], Some(1));
    assert_eq!(Bench::installed(&[a, b]).content("/usr/x"), "a");
}

#[test]
fn packages_of_one_origin_share() {
    let packages = ["a", "b"].map(|name| recipe(name).origin("both").file("usr/x", name));
    assert_eq!(Bench::installed(&packages).content("/usr/x"), "b");
}

#[test]
fn a_hard_link_outlives_its_replaced_target() {
    let a = recipe("a")
        .file("usr/x", "a")
        .with(Item::hardlink("usr/y", "usr/x"));
    let b = recipe("b").file("usr/x", "b").replaces(&["a"], None);
    let bench = Bench::installed(&[a, b]);
    assert_eq!(bench.content("/usr/y"), "a");
    assert_eq!(bench.content("/usr/x"), "b");
}

#[test]
fn a_hard_link_to_a_file_left_to_another_package_keeps_its_own_content() {
    let a = recipe("a").file("usr/x", "a").replaces(&["b"], Some(1));
    let b = recipe("b")
        .file("usr/x", "b")
        .with(Item::hardlink("usr/y", "usr/x"));
    let bench = Bench::installed(&[a, b]);
    assert_eq!(
        (bench.content("/usr/x"), bench.content("/usr/y")),
        ("a".into(), "b".into())
    );
}

#[test]
fn files_reach_through_directory_links_but_stay_inside() {
    let a = recipe("a")
        .with(Item::symlink("bin", "/usr/bin"))
        .with(Item::directory("usr/bin"));
    let b = recipe("b").file("bin/tool", "b");
    let bench = Bench::installed(&[a, b]);
    assert!(matches!(bench.entry("/bin").node, Node::Symlink { .. }));
    assert_eq!(bench.content("/usr/bin/tool"), "b");
}

#[test]
fn a_file_never_takes_the_place_of_a_directory_nor_the_other_way_round() {
    let (file, folder) = (
        recipe("a").file("usr/x", "a"),
        recipe("b").with(Item::directory("usr/x")),
    );
    for pair in [[file.clone(), folder.clone()], [folder, file]] {
        assert_eq!(Bench::refused(&pair).code, "zosc::apk::file-in-the-way");
    }
    let dangling = recipe("a").with(Item::symlink("opt", "nowhere"));
    let below = recipe("b").file("opt/x", "b");
    assert_eq!(
        Bench::refused(&[dangling, below]).code,
        "zosc::apk::file-in-the-way"
    );
}

#[test]
fn owners_are_looked_up_when_a_package_is_installed() {
    let item = |at: &str| Item::file(at, "x").owner("web", 900, "web", 901);
    let mut bench = Bench::new();
    bench
        .install(&[recipe("a")
            .file("etc/passwd", "root:x:0:0::/:\n")
            .with(item("etc/early"))])
        .expect("installs");
    bench.write("/etc/passwd", "root:x:0:0::/:\nweb:x:101:102::/:\n");
    bench.write("/etc/group", "web:x:102:\n");
    bench
        .install(&[recipe("b").with(item("etc/late"))])
        .expect("installs");
    let owner = |at| (bench.entry(at).uid, bench.entry(at).gid);
    assert_eq!(
        (owner("/etc/early"), owner("/etc/late")),
        ((900, 901), (101, 102))
    );
}

#[test]
fn what_a_script_changed_below_etc_is_kept() {
    let mut bench = Bench::installed(&[recipe("a").file("etc/x", "a").file("usr/x", "a")]);
    bench.write("/etc/x", "changed");
    bench.write("/etc/new", "changed");
    bench.write("/etc/same", "b");
    let b = ["etc/x", "etc/new", "etc/same", "usr/x"]
        .iter()
        .fold(recipe("b").replaces(&["a"], None), |recipe, at| {
            recipe.file(at, "b")
        });
    bench.install(&[b]).expect("installs");
    assert_eq!(bench.content("/etc/x"), "changed");
    assert_eq!(bench.content("/etc/x.apk-new"), "b");
    assert_eq!(bench.content("/etc/new.apk-new"), "b");
    assert_eq!(bench.content("/usr/x"), "b");
    assert!(!bench.root.contains(&path("/etc/same.apk-new")));
}

#[test]
fn directories_get_their_owner_at_the_end_from_the_lowest_number() {
    let a = recipe("a").with(Item::directory("srv").mode(0o775).owner("", 7, "", 7));
    let b = recipe("b").with(Item::directory("srv").mode(0o755).owner("", 3, "", 9));
    let c = recipe("c").with(Item::directory("srv").mode(0o750).owner("", 3, "", 9));
    let mut bench = Bench::installed(&[a, b, c]);
    assert_eq!(
        (bench.entry("/srv").mode, bench.entry("/srv").uid),
        (0o775, 0)
    );
    bench.settle();
    let srv = bench.entry("/srv");
    assert_eq!((srv.mode, srv.uid, srv.gid), (0o750, 3, 9));
}

#[test]
fn a_directory_that_was_there_keeps_its_owner() {
    let mut bench = Bench::installed(&[recipe("a").with(Item::directory("tmp").mode(0o700))]);
    bench.root.insert(
        path("/home"),
        Entry::directory(0o2755, 0, Origin::new("script")).owned_by(5, 5),
    );
    bench
        .install(&[recipe("b").with(Item::directory("home").mode(0o700))])
        .expect("installs");
    bench.settle();
    assert_eq!(bench.entry("/tmp").mode, 0o1777);
    assert_eq!(
        (bench.entry("/home").mode, bench.entry("/home").uid),
        (0o2755, 5)
    );
}

#[test]
fn triggers_get_the_directories_that_match() {
    let watcher = recipe("w").triggers(&["/usr/lib/*", "+/usr", "+/srv", "/e?c"]);
    let other = recipe("o")
        .file("usr/lib/modules/x", "x")
        .file("etc/x", "x")
        .with_only(Item::directory("srv/a/b"));
    let bench = Bench::installed(&[
        recipe("base").with(Item::directory("srv/a")),
        watcher,
        other,
    ]);
    let found = trigger_directories(&bench.packages, &bench.packages[1]);
    let texts: Vec<_> = found.iter().map(tree_path).collect();
    assert_eq!(texts, ["/etc", "/srv", "/usr", "/usr/lib/modules"]);
    assert!(trigger_directories(&bench.packages, &bench.packages[0]).is_empty());
}

fn tree_path(path: &crate::tree::ImagePath) -> &str {
    path.as_str()
}

#[test]
fn a_journal_that_a_script_removed_or_changed_is_noticed() {
    let mut bench = Bench::installed(&[recipe("a").file("usr/x", "a")]);
    let whole = bench.root.clone();
    bench
        .root
        .retain(|at, _| !at.starts_with(&path("/lib/apk/db")));
    let error = bench.install(&[recipe("b")]).expect_err("refused");
    assert_eq!(error.code, "zosc::apk::broken-installation");
    bench.root = whole;
    for content in ["", "{}", "{\"packages\":[],\"settled\":false}"] {
        bench.write("/lib/apk/db/zosc-journal.json", content);
        let error = bench.install(&[recipe("b")]).expect_err("refused");
        assert_eq!(error.code, "zosc::apk::broken-installation");
    }
}

#[test]
fn finishing_writes_what_apk_looks_for_and_nothing_else() {
    let a = recipe("a")
        .replaces(&["old"], Some(3))
        .triggers(&["/usr/bin"])
        .script("trigger", "exit 0\n")
        .with(Item::new("dev/tun", Content::CharDevice(10, 200)).mode(0o660))
        .file("etc/apk/keys/theirs.pub", "their key");
    let mut bench = Bench::installed(&[a]);
    let keys = [("theirs.pub", "their key"), ("ours.pub", "our key")];
    bench.finish(&DatabaseSettings {
        world: vec![
            "zsh".into(),
            "!a-conflict".into(),
            "Abc@edge".into(),
            "busybox=1".into(),
        ],
        repositories: vec!["https://example.org/main".into()],
        arch: "x86_64".into(),
        keys: keys.map(|(name, key)| (name.to_owned(), key.into())).into(),
        tags: [("a".to_owned(), "edge".to_owned())].into(),
    });
    assert_eq!(
        bench.content("/etc/apk/world"),
        "!a-conflict\nAbc@edge\nbusybox=1\nzsh\n"
    );
    assert_eq!(bench.content("/etc/apk/arch"), "x86_64\n");
    assert_eq!(
        bench.content("/etc/apk/repositories"),
        "https://example.org/main\n"
    );
    assert_eq!(bench.content("/etc/apk/keys/ours.pub"), "our key");
    assert_eq!(
        bench.entry("/etc/apk/keys/theirs.pub").origin.as_str(),
        "package a-1-r0"
    );
    let identity = bench.packages[0].identity;
    assert_eq!(
        bench.content("/lib/apk/db/triggers"),
        format!("{identity} /usr/bin\n")
    );
    let installed = bench.content("/lib/apk/db/installed");
    assert!(
        installed.contains("\nr:old\nq:3\ns:edge\nF:dev\nR:tun\na:0:0:660\nF:etc\n"),
        "{installed}"
    );
    let tar = bench.content("/lib/apk/db/scripts.tar");
    assert!(tar.starts_with(&format!("a-1-r0.{identity}.trigger\0")));
    assert_eq!(tar.len(), 512 + 512 + 1024);
    assert!(
        !bench
            .root
            .iter()
            .any(|(at, _)| at.as_str().contains("journal"))
    );
}

#[test]
fn a_key_name_stays_in_its_folder() {
    let bench = Bench::installed(&[recipe("a")]);
    let settings = DatabaseSettings {
        keys: [("../passwd".to_owned(), Vec::new())].into(),
        ..DatabaseSettings::default()
    };
    let error = finish(bench.root, &bench.packages, &settings, &bench.store).expect_err("refused");
    assert_eq!(error.code, "zosc::apk::bad-key");
}
