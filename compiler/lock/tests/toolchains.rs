//! Toolchains of packages, archives and folders.

use super::*;
use crate::check::{
    Build, InstallFile, LocalRoot, Recipe as Steps, Source, SourceOrigin, Toolchain, ToolchainRoot,
};
use crate::tree::ImagePath;

/// Adds a toolchain, and a source that is built with it.
fn with(image: &mut Image, name: &str, root: ToolchainRoot) {
    let span = at(50);
    let toolchain = Toolchain { root, span };
    image.toolchains.insert(name.to_owned(), toolchain);
    let folder = image.directory.join("agent");
    std::fs::create_dir_all(&folder).expect("made");
    image.sources.push(Source {
        name: spanned(format!("by-{name}"), 51),
        from: SourceOrigin::Path(spanned(folder, 52)),
        patches: Vec::new(),
        build: Some(Build {
            recipe: Steps::Script("true".into()),
            toolchain: name.to_owned(),
            subdir: String::new(),
            env: BTreeMap::new(),
            span,
        }),
        install: vec![InstallFile {
            file: spanned("x".into(), 53),
            to: spanned(ImagePath::root(), 53),
            mode: 0o755,
        }],
        verify: Vec::new(),
    });
}

fn packages(names: &[&str]) -> ToolchainRoot {
    let packages = names.iter().map(|name| spanned((*name).to_owned(), 60));
    ToolchainRoot::Alpine {
        packages: packages.collect(),
        release: None,
    }
}

/// What a repository of Alpine has in any case.
fn basis(version: &str) -> Vec<Recipe> {
    vec![
        recipe("alpine-baselayout", "1"),
        recipe("busybox", "1"),
        recipe("make", version).depends(&["musl"]),
        recipe("musl", version),
    ]
}

fn of(resolved: &Resolved, toolchain: &str) -> Vec<String> {
    let packages = resolved.inputs.lock.toolchains[toolchain].packages();
    packages.iter().map(LockedPackage::full_name).collect()
}

fn lines(resolved: &Resolved) -> Vec<String> {
    resolved.changes.iter().map(ToString::to_string).collect()
}

#[test]
fn a_toolchain_is_locked_by_itself_and_moves_by_its_name() {
    let bench = Bench::new();
    bench.offer(&basis("1"), key());
    let mut image = bench.image(&["musl"]);
    with(&mut image, "c", packages(&["make"]));
    let first = bench.lock(&image, Mode::default()).expect("locked");
    let all = ["alpine-baselayout-1", "busybox-1", "musl-1", "make-1"];
    assert_eq!(of(&first, "c"), all);
    assert_eq!(names(&first), ["musl-1"]);
    let alpine = image.alpine.as_ref().expect("there");
    let mirrored = first.inputs.lock.packages_of(alpine).into_iter();
    let mirrored: Vec<String> = mirrored.map(LockedPackage::full_name).collect();
    assert_eq!(
        mirrored,
        ["musl-1", "alpine-baselayout-1", "busybox-1", "make-1"]
    );
    assert!(lines(&first).contains(&"+ toolchain c: make 1".to_owned()));
    bench.lock(&image, LOCKED).expect("kept");
    bench.offer(&basis("2"), key());
    bench
        .lock(&image, LOCKED)
        .expect("kept although there is newer");
    // The name of the toolchain moves all of it, and nothing of the image.
    let update = |names: &[String]| {
        let mode = Mode {
            update: Update::Only(names),
            ..Mode::default()
        };
        let told = preview(&image, &bench.store, mode, &Silent, &AtomicBool::new(false));
        let told: Vec<String> = told
            .expect("looks")
            .iter()
            .map(ToString::to_string)
            .collect();
        let done = bench.lock(&image, mode).expect("updated");
        assert_eq!(told, lines(&done));
        done
    };
    let moved = update(&["c".into()]);
    assert_eq!(of(&moved, "c")[2..], ["musl-2", "make-2"]);
    assert_eq!(names(&moved), ["musl-1"]);
    // Without its user, a toolchain is not locked.
    image.sources.clear();
    let gone = bench.lock(&image, Mode::default()).expect("locked");
    assert!(gone.inputs.lock.toolchains.is_empty());
    assert!(lines(&gone).contains(&"- toolchain c: make 2".to_owned()));
}

#[test]
fn a_package_that_a_toolchain_lacks_is_told_at_its_word() {
    let bench = Bench::new();
    bench.offer(&basis("1"), key());
    let mut image = bench.image(&[]);
    with(&mut image, "c", packages(&["gcc"]));
    let problem = only(bench.lock(&image, Mode::default()));
    assert_eq!(problem.code, "zosc::lock::unknown-package");
    assert_eq!(problem.labels[0].span, at(60));
}

#[test]
fn root_filesystems_count_by_content() {
    let bench = Bench::new();
    let mut image = bench.image(&[]);
    let archive = bench.folder.path().join("root.tar");
    std::fs::write(&archive, "tar").expect("written");
    let root = bench.folder.path().join("root");
    std::fs::create_dir_all(root.join("dev/pts")).expect("made");
    std::fs::create_dir_all(root.join("bin")).expect("made");
    std::fs::write(root.join("bin/cc"), "cc").expect("written");
    std::os::unix::net::UnixListener::bind(root.join("bin/socket")).expect("bound");
    let folder = LocalRoot::Folder(spanned(root.clone(), 70));
    with(&mut image, "folder", ToolchainRoot::Local(folder));
    let right = LocalRoot::Archive(spanned(archive.clone(), 71), Some(Digest::of(b"tar")));
    with(&mut image, "archive", ToolchainRoot::Local(right));
    let url = spanned(format!("file://{}", archive.display()), 72);
    let sha256 = Digest::of(b"tar");
    with(
        &mut image,
        "download",
        ToolchainRoot::Download { url, sha256 },
    );
    let resolved = bench.lock(&image, Mode::default()).expect("locked");
    let tree = bench.store.get_tree(&resolved.inputs.folders[&root]);
    let tree = tree.expect("stored");
    let paths: Vec<String> = tree.iter().map(|(path, _)| path.to_string()).collect();
    assert_eq!(paths, ["/bin", "/bin/cc"]);
    assert_eq!(resolved.inputs.files[&archive].digest, sha256);
    let locked: Vec<&String> = resolved.inputs.lock.toolchains.keys().collect();
    assert_eq!(locked, ["download"]);
    bench.lock(&image, LOCKED).expect("kept");
    std::fs::write(&archive, "changed").expect("written");
    let problem = only(bench.lock(&image, LOCKED));
    assert_eq!(problem.code, "zosc::lock::wrong-digest");
    assert_eq!(problem.labels[0].span, at(71));
}
