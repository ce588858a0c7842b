//! Programs packed by the real UPX.

use std::process::Command;

use super::*;
use crate::check::{self, Settings};
use crate::diagnostic::Diagnostics;
use crate::source::SourceMap;

/// The folder with `upx`: ZOSC_TEST_UPX, or one that programs are in anyway.
#[allow(clippy::disallowed_methods)]
fn packer() -> Option<String> {
    let named = std::env::var("ZOSC_TEST_UPX").ok();
    let folders = named
        .into_iter()
        .chain(["/usr/local/bin".into(), "/usr/bin".into()]);
    let mut folders = folders.filter(|folder| Path::new(folder).join("upx").exists());
    let found = folders.next();
    if found.is_none() {
        println!("skipped: there is no `upx`");
    }
    found
}

/// The plan of an image's `upx` over a tree: what a manifest lowers to, on a toolchain with `upx` in this folder.
fn packing(tree: Input, words: &str, folder: &str) -> Plan {
    let manifest = format!(
        "image site\ntoolchain tools {{ host }}\nsize {{ upx {words} }}\noutputs {{ initramfs \"x\" }}\n"
    );
    let files = crate::io::Memory::new([("/m/zos.kdl", manifest.as_str())]);
    let settings = Settings {
        current_directory: "/m".into(),
        ..Settings::default()
    };
    let (mut sources, mut problems) = (SourceMap::new(), Diagnostics::new());
    let image = check::check(
        "zos.kdl".as_ref(),
        &settings,
        &files,
        &mut sources,
        &mut problems,
    );
    let host = HostToolchain {
        facts: "test".into(),
        path: vec![folder.to_owned(), "/usr/bin".into(), "/bin".into()],
        folders: vec!["/usr".into(), folder.to_owned()],
    };
    let inputs = crate::lock::Inputs {
        host: Some(host),
        ..crate::lock::Inputs::default()
    };
    let mut plan = crate::plan::lower(&image.expect("checks"), &inputs).expect("lowers");
    // The image itself is what the test brings.
    let first = plan.reductions[0].before;
    plan.reductions[0].before = tree;
    for planned in &mut plan.actions {
        if let Action::Programs { tree: from, .. } | Action::Exchange { tree: from, .. } =
            &mut planned.action
            && *from == first
        {
            *from = tree;
        }
    }
    let after = plan.reductions[0].after;
    let Input::Output(last) = after else {
        panic!("made")
    };
    plan.actions.truncate(last.0 as usize + 1);
    plan.outputs.clear();
    plan.build_id = None;
    let packed = pack(&mut plan, "pack", after);
    output(&mut plan, "x", packed);
    plan
}

impl Bench {
    fn packed(&self, tree: &Tree, words: &str, folder: &str) -> (Tree, Artifacts) {
        let input = Input::Known(self.store.put_tree(tree).expect("stored"));
        let plan = packing(input, words, folder);
        let artifacts = self.build(&plan).expect("builds");
        let bytes = self
            .store
            .get(&artifacts.outputs[0].digest)
            .expect("stored");
        let limits = crate::archive::Limits::default();
        let read = crate::archive::read(&bytes, &self.store, &Origin::new("x"), limits);
        (read.expect("an archive").tree, artifacts)
    }
}

#[test]
fn programs_are_packed_and_still_say_the_same() {
    let Some(folder) = packer() else { return };
    let text = "#include <stdio.h>\nint main(int c, char **w) { printf(\"%s %d\\n\", w[1], c); return 3; }";
    let Some(program) = compiled("p", text, &["-static"]) else {
        return;
    };
    let bench = Bench::new();
    let mut tree = Tree::new();
    let mut put =
        |at: &str, content: &[u8]| tree.insert_with_parents(path(at), bench.entry(content, 0o755));
    put("/usr/bin/a", &program);
    put("/usr/bin/kept", &[&program[..], b"kept"].concat());
    put("/usr/bin/script", b"#!/bin/sh\n");
    put("/usr/bin/tiny", b"\x7fELF\x02\x01\x01");
    put("/usr/sbin/init", &[&program[..], b"init"].concat());
    put("/sbin/zinit", &[&program[..], b"zinit"].concat());
    let main = tree.get(&path("/usr/bin/a")).expect("there").clone();
    let node = Node::Hardlink {
        to: path("/usr/bin/a"),
    };
    tree.insert(
        path("/usr/lib"),
        Entry::directory(0o755, 0, Origin::new("x")),
    );
    tree.insert(path("/usr/lib/linked"), Entry { node, ..main });

    let words = "\"/usr/bin/*\" \"/usr/sbin/*\" \"/sbin/zinit\" except=\"/usr/bin/kept\"";
    let (after, artifacts) = bench.packed(&tree, words, &folder);
    let node = |tree: &Tree, at: &str| tree.get(&path(at)).expect("there").node.clone();
    for at in [
        "/usr/bin/kept",
        "/usr/bin/script",
        "/usr/bin/tiny",
        "/usr/sbin/init",
        "/usr/lib/linked",
    ] {
        assert_eq!(node(&after, at), node(&tree, at), "{at}");
    }
    assert_eq!(
        artifacts.savings[0].files, 2,
        "a program, and zinit, which is named in full"
    );
    let Node::File { digest, size } = node(&after, "/usr/bin/a") else {
        panic!("a file");
    };
    assert!(size < program.len() as u64 * 2 / 3, "{size}");

    let runnable = bench.folder.path().join("packed");
    fs::write(&runnable, bench.store.get(&digest).expect("stored")).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&runnable, mode).expect("changed");
    let output = Command::new(&runnable).arg("one").output().expect("runs");
    assert_eq!(
        (&output.stdout[..], output.status.code()),
        (&b"one 2\n"[..], Some(3))
    );

    // Elsewhere, the same bytes.
    let elsewhere = Bench::new();
    for entry in [&program[..], b"x"] {
        elsewhere.store.put(entry).expect("stored");
    }
    let mut only = Tree::new();
    only.insert_with_parents(path("/usr/bin/a"), elsewhere.entry(&program, 0o755));
    let (again, _) = elsewhere.packed(&only, "\"/usr/bin/a\"", &folder);
    assert_eq!(node(&again, "/usr/bin/a"), Node::File { digest, size });
}

#[test]
fn what_upx_refuses_stays_as_it_is_and_is_told() {
    let Some(folder) = packer() else { return };
    let Some(program) = compiled("p", "int main(void) { return 0; }", &["-static"]) else {
        return;
    };
    let bench = Bench::new();
    let mut tree = Tree::new();
    tree.insert_with_parents(path("/usr/bin/a"), bench.entry(&program, 0o755));
    let (once, _) = bench.packed(&tree, "\"/usr/bin/a\"", &folder);
    bench.told();
    let (twice, artifacts) = bench.packed(&once, "\"/usr/bin/a\"", &folder);
    assert_eq!(
        once.get(&path("/usr/bin/a")).map(|entry| &entry.node),
        twice.get(&path("/usr/bin/a")).map(|entry| &entry.node)
    );
    assert_eq!(artifacts.savings[0].files, 0);
    let told = bench.told();
    assert!(
        told.iter()
            .any(|line| line.ends_with("warned zosc::build::not-packed")),
        "{told:?}"
    );
}

#[test]
fn a_toolchain_without_upx_says_what_to_install() {
    let bench = Bench::new();
    let tree = bench.store.put_tree(&Tree::new()).expect("stored");
    let mut plan = packing(Input::Known(tree), "\"/usr/bin/a\"", "/usr/share");
    for planned in &mut plan.actions {
        if let Action::Run { environment, .. } = &mut planned.action {
            environment.insert("PATH".into(), "/nowhere".into());
        }
    }
    let problems = bench.build(&plan).expect_err("fails");
    let problem = problems.iter().next().expect("a problem");
    assert_eq!(problem.code, "zosc::build::run-failed");
    assert!(
        problem.notes.iter().any(|note| note.contains("upx-ucl")),
        "{problem:?}"
    );
}
