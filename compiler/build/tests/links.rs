//! What programs of sources need of the image.

use super::*;
use crate::plan::{Linked, Verified};

const TEXT: &str = "int twice(int); int main(int c, char **w) { (void)w; return twice(c); }";
/// The loader's name decides how libraries are searched for; nothing is run here.
const MUSL: &str = "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1";
const GLIBC: &str = "-Wl,--dynamic-linker=/lib64/ld-linux-x86-64.so.2";

/// A library, and programs that are linked to it with further flags; `None` where there is no compiler.
fn linked(flags: &[&[&str]]) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let text = "int twice(int n) { return 2 * n; }";
    let library = compiled(
        "libtwice.so",
        text,
        &["-shared", "-fPIC", "-Wl,-soname,libtwice.so.1"],
    )?;
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().join("libtwice.so");
    fs::write(&at, &library).expect("written");
    let at = at.display().to_string();
    // The library comes after the text that needs it.
    let programs = flags.iter().map(|flags| {
        compiled(
            "p",
            TEXT,
            &[flags, &["-Wl,--no-as-needed", at.as_str()][..]].concat(),
        )
    });
    Some((library, programs.collect::<Option<_>>()?))
}

impl Bench {
    fn tree(&self, files: &[(&str, &[u8])]) -> Tree {
        let mut tree = Tree::new();
        for (at, content) in files {
            let mut entry = self.entry(content, 0o755);
            if !at.starts_with("/usr/bin/") {
                entry.origin = Origin::new("package other-1");
            }
            tree.insert_with_parents(path(at), entry);
        }
        tree
    }

    /// What is said of a tree; nothing where all is well.
    fn links(&self, files: &[(&str, &[u8])]) -> Vec<Diagnostic> {
        let mut plan = Plan::default();
        let tree = Input::Known(self.store.put_tree(&self.tree(files)).expect("stored"));
        let linked = Linked {
            source: "x".into(),
            interpreter: true,
            libraries: true,
        };
        let action = Action::VerifyLinks {
            tree,
            sources: vec![linked],
        };
        plan.add(Stage::ComponentsVerify, "verify links", None, action);
        match self.build(&plan) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.into_iter().collect(),
        }
    }

    fn link_codes(&self, files: &[(&str, &[u8])]) -> Vec<&'static str> {
        self.links(files)
            .iter()
            .map(|problem| problem.code)
            .collect()
    }
}

#[test]
fn a_program_needs_its_loader() {
    let Some((library, programs)) = linked(&[&[GLIBC], &[MUSL]]) else {
        return;
    };
    let bench = Bench::new();
    let problems = bench.links(&[("/usr/bin/p", &programs[0]), ("/usr/bin/q", &programs[1])]);
    let told: Vec<_> = problems
        .iter()
        .map(|problem| (problem.code, problem.help.as_deref().unwrap_or("")))
        .collect();
    assert_eq!(told.len(), 2);
    assert!(
        told.iter()
            .all(|(code, _)| *code == "zosc::build::missing-interpreter"),
        "{told:?}"
    );
    assert!(
        told[0].1.contains("gcompat") && told[1].1.contains("`musl`"),
        "{told:?}"
    );
    let loader = ("/lib/ld-musl-x86_64.so.1", &library[..]);
    let files = [
        ("/usr/bin/q", &programs[1][..]),
        loader,
        ("/usr/lib/libtwice.so.1", &library),
    ];
    assert_eq!(bench.link_codes(&files), [""; 0]);
}

#[test]
fn a_script_needs_its_interpreter() {
    let bench = Bench::new();
    let script = ("/usr/bin/tool", &b"#! /usr/bin/perl -w\nprint 1"[..]);
    let problems = bench.links(&[script]);
    assert_eq!(
        problems[0].message,
        "`/usr/bin/tool` cannot start: its interpreter `/usr/bin/perl` is not in the image"
    );
    assert_eq!(
        bench.link_codes(&[script, ("/usr/bin/perl", b"x")]),
        [""; 0]
    );
}

#[test]
fn libraries_are_looked_for_where_the_loader_looks() {
    let flags: [&[&str]; 3] = [&[MUSL], &[MUSL, "-Wl,-rpath,$ORIGIN/../libexec"], &[GLIBC]];
    let Some((library, programs)) = linked(&flags) else {
        return;
    };
    let bench = Bench::new();
    let [plain, run_path, glibc] = [0, 1, 2].map(|index| ("/usr/bin/p", &programs[index][..]));
    let musl = ("/lib/ld-musl-x86_64.so.1", &library[..]);
    let other = ("/lib64/ld-linux-x86-64.so.2", &library[..]);
    let c_library = ("/usr/lib/x86_64-linux-gnu/libc.so.6", &library[..]);
    let at = |place: &'static str| (place, &library[..]);
    let missing = ["zosc::build::missing-library"];

    // musl is its C library itself, and does not look into Debian's folders.
    assert_eq!(
        bench.link_codes(&[plain, musl, at("/lib/libtwice.so.1")]),
        [""; 0]
    );
    assert_eq!(
        bench.link_codes(&[plain, musl, at("/usr/lib/x86_64-linux-gnu/libtwice.so.1")]),
        missing
    );
    let list = (
        "/etc/ld-musl-x86_64.path",
        &b"/lib:/usr/lib/x86_64-linux-gnu\n"[..],
    );
    assert_eq!(
        bench.link_codes(&[
            plain,
            musl,
            list,
            at("/usr/lib/x86_64-linux-gnu/libtwice.so.1")
        ]),
        [""; 0]
    );
    assert_eq!(
        bench.link_codes(&[run_path, musl, at("/usr/libexec/libtwice.so.1")]),
        [""; 0]
    );

    assert_eq!(
        bench.link_codes(&[glibc, other, c_library, at("/lib64/libtwice.so.1")]),
        [""; 0]
    );
    let problems = bench.links(&[glibc, other]);
    assert_eq!(problems[0].code, missing[0]);
    assert!(
        problems[0].message.contains("`libtwice.so.1`"),
        "{problems:?}"
    );
    assert!(
        problems[0]
            .notes
            .iter()
            .any(|note| note.contains("`libc.so.6`")),
        "{problems:?}"
    );
    let list = [
        ("/etc/ld.so.cache", &b"x"[..]),
        ("/etc/ld.so.conf.d/own.conf", b"/opt/lib\n"),
    ];
    let files = [
        glibc,
        other,
        c_library,
        at("/opt/lib/libtwice.so.1"),
        list[0],
        list[1],
    ];
    assert_eq!(bench.link_codes(&files), [""; 0]);
    assert_eq!(bench.link_codes(&files[..4]), missing);
}

#[test]
fn a_library_in_the_wrong_place_or_of_another_name_is_pointed_at() {
    let Some((library, programs)) = linked(&[&[MUSL]]) else {
        return;
    };
    let bench = Bench::new();
    let needed = [
        ("/usr/bin/p", &programs[0][..]),
        ("/lib/ld-musl-x86_64.so.1", &b"x"[..]),
    ];
    let help = |at: &str, content: &[u8]| {
        let problems = bench.links(&[needed[0], needed[1], (at, content)]);
        problems[0].help.clone().expect("help")
    };
    assert!(help("/opt/libtwice.so.1", &library).contains("-rpath,/opt"));
    let told = help("/usr/lib/libtwice.so.1.4", &library);
    assert!(
        told.contains("file \"/usr/lib/libtwice.so.1\" link=\"libtwice.so.1.4\""),
        "{told}"
    );
    assert!(help("/usr/lib/text", b"x").contains("so:libtwice.so.1"));
    // For another processor it is as good as none.
    let mut foreign = library.clone();
    foreign[18] = 183;
    assert_eq!(
        bench.link_codes(&[needed[0], needed[1], ("/lib/libtwice.so.1", &foreign)]),
        ["zosc::build::missing-library"]
    );
}

#[test]
fn programs_of_a_source_are_verified_one_by_one() {
    let Some((_, programs)) = linked(&[&[GLIBC]]) else {
        return;
    };
    let bench = Bench::new();
    let verify = |wanted: Vec<Verified>| {
        let files = [
            ("/usr/bin/p", &programs[0][..]),
            ("/usr/bin/script", b"#!/bin/sh\n"),
        ];
        let tree = Input::Known(bench.store.put_tree(&bench.tree(&files)).expect("stored"));
        let mut plan = Plan::default();
        let action = Action::Verify {
            tree,
            source: "x".into(),
            wanted,
        };
        plan.add(Stage::ComponentsVerify, "verify x", None, action);
        let problems = bench.build(&plan).err().unwrap_or_default();
        problems
            .into_iter()
            .map(|problem| problem.code)
            .collect::<Vec<_>>()
    };
    assert_eq!(verify(vec![Verified::Arch("x86_64".into())]), [""; 0]);
    let all = vec![
        Verified::Static,
        Verified::Arch("aarch64".into()),
        Verified::NoBuildPaths { stripped: true },
    ];
    assert_eq!(
        verify(all),
        ["zosc::elf::not-static", "zosc::elf::wrong-machine"]
    );
}
