//! What makes an image smaller, and what it tells.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::archive::Encoder;
use crate::plan::{Reduction, Stripping};

fn packed(bytes: &[u8], compression: Compression) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new(), compression, bytes.len() as u64).expect("begins");
    encoder.write_all(bytes).expect("writes");
    encoder.finish().expect("ends")
}

impl Bench {
    /// Strips a tree and packs it, so that the build has an output.
    fn stripped(&self, tree: &Tree, what: Stripping) -> (Tree, Artifacts) {
        let mut plan = Plan::default();
        let before = Input::Known(self.store.put_tree(tree).expect("stored"));
        let action = Action::Strip { tree: before, what };
        let after = plan.add(Stage::Cleanup, "strip", None, action);
        plan.reductions.push(Reduction {
            what: "strip".into(),
            patterns: Vec::new(),
            before,
            after,
        });
        let pack = pack(&mut plan, "pack", after);
        output(&mut plan, "x", pack);
        let artifacts = self.build(&plan).expect("builds");
        let key = plan.actions[0].action.key(&|_| Digest::of(b""));
        let digest = ledger::recorded(&self.store, &key).expect("recorded");
        (self.store.get_tree(&digest).expect("a tree"), artifacts)
    }
}

fn size(tree: &Tree, at: &str) -> u64 {
    match tree.get(&path(at)).expect("an entry").node {
        Node::File { size, .. } => size,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn programs_lose_their_symbols_and_nothing_else() {
    let Some(program) = compiled("program", "int main(void) { return 0; }", &[]) else {
        return;
    };
    let bench = Bench::new();
    let mut tree = Tree::new();
    let mut main = bench.entry(&program, 0o4755).owned_by(3, 4);
    let capability = ("security.capability".to_owned(), vec![1, 2, 3]);
    main.xattrs.extend([capability]);
    let link = Entry {
        node: Node::Hardlink { to: path("/bin/a") },
        ..main.clone()
    };
    tree.insert(path("/bin/a"), main);
    tree.insert(path("/bin/b"), link);
    tree.insert(path("/bin/same"), bench.entry(&program, 0o755));
    tree.insert(path("/bin/script"), bench.entry(b"#!/bin/sh\n", 0o755));
    tree.insert(path("/lib/firmware/dsp.elf"), bench.entry(&program, 0o755));
    tree.insert(path("/usr/share/rom.img"), bench.entry(&program, 0o644));
    let mut payload = program.clone();
    payload.extend(b"payload");
    tree.insert(path("/bin/payload"), bench.entry(&payload, 0o755));

    let (after, artifacts) = bench.stripped(&tree, Stripping::Binaries);
    for (path, entry) in tree.iter() {
        let mut expected = entry.clone();
        let new = after.get(path).expect("still there");
        if ["/bin/a", "/bin/same"].contains(&path.as_str()) {
            expected.node = new.node.clone();
            assert!(size(&after, path.as_str()) < program.len() as u64);
        }
        assert_eq!(*new, expected, "{path}");
    }
    let saving = &artifacts.savings[0];
    assert_eq!((saving.files, saving.before), (2, 2 * program.len() as u64));
    assert_eq!(saving.after, 2 * size(&after, "/bin/a"));
    let told = bench.told();
    assert!(
        told.contains(&"strip warned zosc::build::not-stripped".to_owned()),
        "{told:?}"
    );
}

const MODULE: &str = "
static const char license[] __attribute__((used, section(\".modinfo\"))) = \"license=GPL\";
int printk(const char *text);
int init_module(void) { return printk(\"hello\"); }
";

#[test]
fn modules_stay_in_their_compression_and_signed_ones_as_they_are() {
    let Some(module) = compiled("x.ko", MODULE, &["-c"]) else {
        return;
    };
    let mut signed = module.clone();
    signed.extend([0; 16]);
    signed.extend([0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 16]);
    signed.extend(b"~Module signature appended~\n");
    let files = [
        ("a.ko", module.clone()),
        ("b.ko.gz", packed(&module, Compression::Gzip)),
        ("c.ko.xz", packed(&module, Compression::Xz { level: 6 })),
        ("d.ko.zst", packed(&module, Compression::Zstd { level: 3 })),
        ("signed.ko", signed.clone()),
        (
            "signed.ko.xz",
            packed(&signed, Compression::Xz { level: 6 }),
        ),
        ("notes", b"text".to_vec()),
    ];
    let bench = Bench::new();
    let mut tree = Tree::new();
    for (name, content) in &files {
        let place = path(&format!("/lib/modules/6.1.0/kernel/{name}"));
        tree.insert(place, bench.entry(content, 0o644));
    }
    let (after, artifacts) = bench.stripped(&tree, Stripping::Modules);
    assert_eq!(artifacts.savings[0].files, 4);
    for (name, content) in &files {
        let place = path(&format!("/lib/modules/6.1.0/kernel/{name}"));
        let Node::File { digest, .. } = after.get(&place).expect("still there").node else {
            panic!("a file");
        };
        let new = bench.store.get(&digest).expect("stored");
        if name.starts_with("signed") || *name == "notes" {
            assert_eq!(new, *content, "{name}");
            continue;
        }
        assert!(new.len() < content.len(), "{name}");
        let opened = crate::kmod::open(name, &new).expect("opens");
        assert_eq!(
            opened.packing,
            crate::kmod::open(name, content).expect("opens").packing
        );
        let facts =
            [&module[..], &opened.object].map(|bytes| crate::kmod::ModuleFacts::read(name, bytes));
        let [before, after] = facts.map(|facts| facts.expect("a module"));
        assert_eq!(before, after);
    }
    let told = bench.told();
    assert!(
        told.contains(&"strip warned zosc::build::not-stripped".to_owned()),
        "{told:?}"
    );
}

/// Runs depmod over the modules of a folder, and modinfo over each.
fn told_by_kmod(root: &Path, modules: &[(String, Vec<u8>)]) -> Option<Vec<(String, Vec<u8>)>> {
    let folder = root.join("lib/modules/6.1.0");
    fs::create_dir_all(&folder).expect("made");
    let mut told = Vec::new();
    for (name, content) in modules {
        fs::write(folder.join(name), content).expect("written");
    }
    let mut depmod = Command::new("depmod");
    if !depmod
        .arg("-b")
        .arg(root)
        .arg("6.1.0")
        .status()
        .is_ok_and(|status| status.success())
    {
        println!("skipped: there is no `depmod`");
        return None;
    }
    for index in [
        "modules.dep",
        "modules.alias",
        "modules.symbols",
        "modules.softdep",
    ] {
        told.push((
            index.to_owned(),
            fs::read(folder.join(index)).expect("written"),
        ));
    }
    for (name, _) in modules {
        let output = Command::new("modinfo")
            .arg(name)
            .current_dir(&folder)
            .output();
        let output = output.ok().filter(|output| output.status.success())?;
        let text = String::from_utf8(output.stdout).expect("text");
        let lines = text.lines().filter(|line| !line.starts_with("filename:"));
        told.push((
            name.clone(),
            lines.collect::<Vec<_>>().join("\n").into_bytes(),
        ));
    }
    Some(told)
}

#[test]
#[allow(clippy::disallowed_methods)]
fn the_kernel_s_own_tools_read_stripped_modules_alike() {
    let Some(kernel) = std::env::var_os("ZOSC_TEST_KERNEL") else {
        println!("skipped: ZOSC_TEST_KERNEL names no unpacked kernel package");
        return;
    };
    let mut found = Vec::new();
    for entry in ignore::WalkBuilder::new(kernel)
        .standard_filters(false)
        .build()
    {
        let path = entry.expect("a file").into_path();
        if path.extension().is_some_and(|extension| extension == "ko") && found.len() < 150 {
            found.push(path);
        }
    }
    let mut before = Vec::new();
    let mut after = Vec::new();
    for file in found {
        let name = file
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let content = fs::read(&file).expect("read");
        let opened = crate::kmod::open(&name, &content).expect("opens");
        let crate::elf::Stripped::Smaller(smaller) = crate::elf::strip_module(&opened.object)
        else {
            continue;
        };
        before.push((name.clone(), opened.object.into_owned()));
        after.push((name, smaller));
    }
    assert!(before.len() > 50, "{}", before.len());
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let told = [&before, &after];
    let [Some(before), Some(after)] =
        [0, 1].map(|index| told_by_kmod(folders[index].path(), told[index]))
    else {
        return;
    };
    assert_eq!(before, after);
}

#[test]
fn each_word_of_drop_is_told_what_it_saved() {
    let bench = Bench::new();
    let mut tree = Tree::new();
    for (at, content) in [
        ("/d/doc/a", "aaaa"),
        ("/d/doc/b", "bb"),
        ("/d/man", "m"),
        ("/d/kept", "k"),
    ] {
        tree.insert(path(at), bench.entry(content.as_bytes(), 0o644));
    }
    let node = Node::Hardlink {
        to: path("/d/doc/b"),
    };
    let link = Entry {
        node,
        ..tree.get(&path("/d/doc/b")).expect("there").clone()
    };
    tree.insert(path("/d/other"), link);
    let mut plan = Plan::default();
    let before = Input::Known(bench.store.put_tree(&tree).expect("stored"));
    let words = [
        ("drop docs", "/d/doc/**"),
        ("drop /d/*a*", "/d/{man,doc/a}"),
        ("drop none", "/n"),
    ];
    let action = Action::Drop {
        tree: before,
        patterns: words.map(|(_, pattern)| pattern.to_owned()).into(),
    };
    let after = plan.add(Stage::Cleanup, "leave out", None, action);
    for (what, pattern) in words {
        plan.reductions.push(Reduction {
            what: what.into(),
            patterns: vec![pattern.into()],
            before,
            after,
        });
    }
    let packed = pack(&mut plan, "pack", after);
    output(&mut plan, "x", packed);
    let told: Vec<_> = bench.build(&plan).expect("builds").savings;
    let told: Vec<_> = told
        .iter()
        .map(|saving| (saving.files, saving.before, saving.after))
        .collect();
    // The content of `/d/doc/b` lives on under its other name.
    assert_eq!(told, [(2, 6, 2), (1, 1, 0), (0, 0, 0)]);
}
