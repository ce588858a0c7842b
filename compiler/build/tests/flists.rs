//! What flists are made of, and flists themselves.

use super::*;
use crate::flist::{Kind, List};
use crate::kmod::tests::{Made, module};

const RELEASE: &str = "6.1.0-test";

impl Bench {
    fn stored(&self, entries: &[(&str, Entry)]) -> Input {
        let mut tree = Tree::new();
        for (at, entry) in entries {
            tree.insert_with_parents(path(at), entry.clone());
        }
        Input::Known(self.store.put_tree(&tree).expect("stored"))
    }

    /// The tree that an action yields, with no other action before it.
    fn made(&self, action: Action) -> Tree {
        let mut plan = Plan::default();
        let key = action.key(&|_| Digest::of(b""));
        plan.add(Stage::RfsFlists, "it", None, action);
        self.build(&plan).expect("builds");
        let digest = ledger::recorded(&self.store, &key).expect("recorded");
        self.store.get_tree(&digest).expect("a tree")
    }

    fn refused(&self, action: Action) -> &'static str {
        let mut plan = Plan::default();
        plan.add(Stage::RfsFlists, "it", None, action);
        self.code(&plan)
    }
}

fn paths(tree: &Tree) -> Vec<&str> {
    tree.iter().map(|(path, _)| path.as_str()).collect()
}

fn folder(trees: Vec<Input>, at: &[&str]) -> Action {
    Action::Folder {
        trees,
        at: at.iter().map(|at| path(at)).collect(),
        flist: Some("x".into()),
    }
}

#[test]
fn a_folder_is_taken_with_what_its_hard_links_lead_to() {
    let bench = Bench::new();
    let program = bench.entry(b"program", 0o755);
    let linked = Entry {
        node: Node::Hardlink {
            to: path("/bin/program"),
        },
        ..program.clone()
    };
    let entries = [
        ("/bin/program", program.clone()),
        ("/opt/tool/program", linked),
        (
            "/opt/tool/link",
            Entry::symlink("program", 9, Origin::new("source x")),
        ),
        ("/opt/toolbox", bench.entry(b"beside", 0o644)),
    ];
    let image = bench.stored(&entries);
    let content = bench.made(folder(vec![image], &["/opt/tool"]));
    assert_eq!(paths(&content), ["/", "/link", "/program"]);
    assert_eq!(content.get(&path("/program")), Some(&program));
    let left = bench.made(Action::Leave {
        tree: image,
        folder: path("/opt/tool"),
    });
    let expected = ["/bin", "/bin/program", "/opt", "/opt/tool", "/opt/toolbox"];
    assert_eq!(paths(&left), expected);
}

#[test]
fn firmware_of_several_packages_is_joined_wherever_they_keep_it() {
    let bench = Bench::new();
    let package = |at: &str, content: &[u8]| bench.stored(&[(at, bench.entry(content, 0o644))]);
    let intel = package("/lib/firmware/intel/a.bin", b"a");
    let amd = package("/usr/lib/firmware/amd/b.bin", b"b");
    let at = ["/lib/firmware", "/usr/lib/firmware"];
    let content = bench.made(folder(vec![intel, amd], &at));
    let expected = ["/", "/amd", "/amd/b.bin", "/intel", "/intel/a.bin"];
    assert_eq!(paths(&content), expected);
    let other = package("/lib/firmware/intel/a.bin", b"another");
    let clash = bench.refused(folder(vec![intel, other], &at));
    assert_eq!(clash, "zosc::build::path-clash");
    let nothing = package("/usr/share/doc/readme", b"");
    let empty = bench.refused(folder(vec![nothing], &at));
    assert_eq!(empty, "zosc::build::empty-flist");
}

#[test]
fn all_modules_are_there_with_those_of_the_image_and_indexes_of_them_all() {
    let bench = Bench::new();
    let made = |exports: &[&'static str], imports: &[&'static str]| {
        let made = Made {
            exports: exports.to_vec(),
            imports: imports.to_vec(),
            ..Made::default()
        };
        bench.entry(&module(&made), 0o644)
    };
    let below = |name: &str| format!("/lib/modules/{RELEASE}/{name}");
    let (first, second, order) = (
        below("kernel/a.ko"),
        below("kernel/b.ko"),
        below("modules.order"),
    );
    let kernel = bench.stored(&[
        (&first, made(&["one"], &[])),
        (&second, made(&[], &["one"])),
        (&order, bench.entry(b"kernel/b.ko\nkernel/a.ko\n", 0o644)),
        ("/boot/vmlinuz", bench.entry(b"kernel", 0o644)),
    ]);
    let image = bench.stored(&[
        ("/kernel/a.ko", made(&["one", "two"], &[])),
        ("/extra/c.ko", made(&[], &["two"])),
        ("/modules.dep", bench.entry(b"of the image alone", 0o644)),
        ("/note", bench.entry(b"note", 0o644)),
    ]);
    let all = bench.made(Action::AllModules {
        kernel,
        image,
        epoch: 7,
    });
    let text = |name: &str| {
        let entry = all.get(&path(&below(name))).expect("there");
        let Node::File { digest, .. } = entry.node else {
            panic!("a file");
        };
        String::from_utf8(bench.store.get(&digest).expect("stored")).expect("a text")
    };
    let dependencies = "kernel/b.ko: kernel/a.ko\nkernel/a.ko:\nextra/c.ko: kernel/a.ko\n";
    assert_eq!(text("modules.dep"), dependencies);
    assert_eq!(text("note"), "note");
    assert!(all.contains(&path(&below("modules.alias.bin"))));
    assert!(!all.contains(&path("/boot")));
}

#[test]
fn an_flist_is_the_same_whoever_packs_it_and_says_what_is_in_it() {
    let large: Vec<u8> = (0..1_500_000_u32).flat_map(u32::to_le_bytes).collect();
    let packed = |jobs: usize| {
        let bench = Bench::new();
        let entries = [
            ("/", Entry::directory(0o755, 5, Origin::new("source x"))),
            ("/large", bench.entry(&large, 0o600).owned_by(3, 4)),
            ("/same", bench.entry(&large, 0o644)),
            ("/empty", bench.entry(b"", 0o644)),
            ("/link", Entry::symlink("large", 5, Origin::new("source x"))),
        ];
        let tree = bench.stored(&entries);
        let action = Action::Flist {
            tree,
            name: "x".into(),
            route: "https://flists.example/blobs".into(),
            tags: [("version".to_owned(), "1".to_owned())].into(),
            epoch: 7,
        };
        let mut plan = Plan::default();
        let key = action.key(&|_| Digest::of(b""));
        plan.add(Stage::RfsFlists, "flist", None, action);
        let options = Options {
            jobs,
            ..bench.options()
        };
        bench.run(&plan, &options).expect("builds");
        let digest = ledger::recorded(&bench.store, &key).expect("recorded");
        (bench, digest)
    };
    let (bench, digest) = packed(1);
    assert_eq!(packed(4).1, digest);
    let tree = bench.store.get_tree(&digest).expect("a tree");
    let Some(Node::File { digest: list, .. }) =
        tree.get(&path("/list.fl")).map(|entry| &entry.node)
    else {
        panic!("a list");
    };
    let list = List::open(&bench.store.blob_path(list)).expect("a sound list");
    assert_eq!(list.routes()[0].url, "https://flists.example/blobs");
    assert_eq!(list.tags()["version"], "1");
    let mut ids = std::collections::BTreeSet::new();
    for (ino, entry) in list.entries() {
        assert!(entry.mtime <= 7);
        let Kind::File { size } = entry.kind else {
            continue;
        };
        let mut content = Vec::new();
        for block in list.blocks(ino) {
            let id = block.id.to_string();
            let blob = path(&format!("/blobs/{}/{id}", &id[..2]));
            let Some(Node::File { digest, .. }) = tree.get(&blob).map(|entry| &entry.node) else {
                panic!("no blob {id}");
            };
            let sealed = bench.store.get(digest).expect("stored");
            content.extend(crate::flist::open(block, &sealed).expect("sound"));
            ids.insert(id);
        }
        assert_eq!(content.len() as u64, size, "{}", entry.path);
        assert!(content.is_empty() || content == large);
    }
    let blobs = tree.iter().filter(|(_, entry)| !entry.is_directory());
    assert_eq!(blobs.count(), ids.len() + 1, "each blob once, and the list");
}

#[test]
fn what_a_list_cannot_hold_is_told() {
    let bench = Bench::new();
    let mut entry = bench.entry(b"ping", 0o755);
    let capability = ("security.capability".to_owned(), vec![1]);
    entry.xattrs.extend([capability]);
    let tree = bench.stored(&[("/ping", entry)]);
    bench.made(Action::Flist {
        tree,
        name: "x".into(),
        route: "dir:///srv/blobs".into(),
        tags: BTreeMap::new(),
        epoch: 7,
    });
    let told = bench.told();
    let warning = "it warned zosc::build::lost-attribute".to_owned();
    assert!(told.contains(&warning), "{told:?}");
}

#[test]
fn what_starts_the_image_cannot_be_packed_away() {
    let bench = Bench::new();
    let tree = bench.stored(&[
        ("/init", bench.entry(b"\x7fELF", 0o755)),
        (
            "/bin/agent",
            Entry::symlink("/opt/agent/bin/agent", 9, Origin::new("x")),
        ),
        ("/opt/agent", Entry::directory(0o755, 9, Origin::new("x"))),
    ]);
    let mut plan = Plan::default();
    let action = Action::Validate {
        tree,
        programs: vec![("/bin/agent".into(), "agent".into())],
        left: vec![(path("/opt/agent"), "agent".into())],
    };
    plan.add(Stage::Validation, "validate", None, action);
    let problems = bench.build(&plan).expect_err("refused");
    let problem = problems.iter().next().expect("says why");
    assert_eq!(problem.code, "zosc::build::missing-program");
    let help = problem.help.as_deref().unwrap_or_default();
    assert!(
        help.starts_with("the flist `agent` took its folder"),
        "{help}"
    );
}
