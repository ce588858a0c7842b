use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::*;
use crate::apk::packages::{Archive, Recipe, SignatureHash, SigningKey, index as pack_index};
use crate::archive::Compression;
use crate::check::{self, Arch};
use crate::source::{SourceId, Span, Spanned};
use crate::tree::Digest;

mod remembering;
mod revalidation;
mod sets;
mod toolchains;
mod trust;
mod unpacking;
mod updates;

pub(super) fn key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate("test.rsa.pub", b"lock"))
}

/// A repository below a folder, a store, and the folder of a manifest.
pub(super) struct Bench {
    pub(super) folder: tempfile::TempDir,
    pub(super) store: Store,
}

impl Bench {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path().join("store")).expect("opens");
        std::fs::create_dir_all(folder.path().join("repository/x86_64")).expect("made");
        Self { folder, store }
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.repository().join("x86_64").join(name)
    }

    /// Writes packages and their index, signed with `signer`.
    pub(super) fn offer(&self, recipes: &[Recipe], signer: &SigningKey) {
        let sign = Some((signer, SignatureHash::Sha256));
        let archives: Vec<Archive> = recipes.iter().map(|recipe| recipe.pack(sign)).collect();
        for archive in &archives {
            std::fs::write(self.file(&archive.file_name()), &archive.bytes).expect("written");
        }
        let index = pack_index(&archives, "test", sign);
        std::fs::write(self.file("APKINDEX.tar.gz"), index).expect("written");
    }

    pub(super) fn image(&self, install: &[&str]) -> Image {
        let url = format!("file://{}", self.repository().display());
        image(self.folder.path(), vec![url], install)
    }

    pub(super) fn lock(&self, image: &Image, mode: Mode) -> Result<Resolved, Diagnostics> {
        resolve(image, &self.store, mode, &Silent, &AtomicBool::new(false))
    }

    fn written(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("zos.lock")).unwrap_or_default()
    }
}

pub(super) fn at(place: usize) -> Span {
    Span::new(SourceId(0), place, place + 1)
}

pub(super) fn spanned<T>(value: T, place: usize) -> Spanned<T> {
    Spanned::new(value, at(place))
}

/// An image of packages; wish number N is at place N.
fn image(directory: &Path, urls: Vec<String>, install: &[&str]) -> Image {
    let requests = install.iter().enumerate().map(|(place, wish)| {
        let (name, version) = wish.split_at(wish.find(['<', '=', '>', '~']).unwrap_or(wish.len()));
        check::PackageRequest {
            name: spanned(name.to_owned(), place),
            version: (!version.is_empty()).then(|| spanned(version.to_owned(), place)),
            tag: None,
        }
    });
    let key = check::Key {
        name: key().name().to_owned(),
        pem: key().public_pem(),
        span: at(100),
    };
    Image {
        name: "test".into(),
        version: String::new(),
        title: String::new(),
        arch: Arch::X86_64,
        epoch: None,
        directory: directory.to_owned(),
        manifest: directory.join("zos.kdl"),
        alpine: Some(check::Alpine {
            release: "3.19".into(),
            repositories: vec![check::Repository {
                urls,
                tag: None,
                follows_release: false,
                span: at(101),
            }],
            keys: vec![key],
            span: at(102),
        }),
        packages: check::Packages {
            install: requests.collect(),
            ..check::Packages::default()
        },
        toolchains: BTreeMap::new(),
        sources: Vec::new(),
        kernel: None,
        stage1: Vec::new(),
        stage2: Vec::new(),
        firmware: check::Firmware::default(),
        dialect: None,
        units: Vec::new(),
        accounts: Vec::new(),
        groups: Vec::new(),
        hostname: None,
        os_release: None,
        build_id: None,
        files: Vec::new(),
        overlays: Vec::new(),
        flists: Vec::new(),
        strip: Vec::new(),
        upx: Vec::new(),
        drop: Vec::new(),
        max_initramfs: None,
        max_efi: None,
        compression: Compression::None,
        segments: false,
        outputs: Vec::new(),
        publish: Vec::new(),
        overrides: Vec::new(),
        boot: check::Boot::default(),
    }
}

pub(super) fn recipe(name: &str, version: &str) -> Recipe {
    Recipe::new(name, version).file(&format!("usr/share/{name}"), name)
}

fn names(resolved: &Resolved) -> Vec<String> {
    let packages = &resolved.inputs.lock.packages;
    packages
        .iter()
        .map(|package| format!("{}-{}", package.name, package.version))
        .collect()
}

fn only(problems: Result<Resolved, Diagnostics>) -> Diagnostic {
    let problems = problems.expect_err("refused");
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.into_iter().next().expect("one")
}

const LOCKED: Mode<'_> = Mode {
    locked: true,
    dry: false,
    offline: false,
    update: Update::Nothing,
    engine: None,
};
const OFFLINE: Mode<'_> = Mode {
    locked: false,
    dry: false,
    offline: true,
    update: Update::Nothing,
    engine: None,
};

#[test]
fn packages_are_locked_in_the_order_of_installation_with_their_scripts() {
    let bench = Bench::new();
    let app = recipe("app", "2")
        .depends(&["lib"])
        .script("post-install", "#!/bin/sh\n");
    let lib = recipe("lib", "1.1")
        .triggers(&["/usr/share/*"])
        .script("trigger", "#!/bin/sh\n");
    bench.offer(&[app, lib], key());
    let resolved = bench
        .lock(&bench.image(&["app~2"]), Mode::default())
        .expect("locked");
    assert_eq!(names(&resolved), ["lib-1.1", "app-2"]);
    let [lib, app] = resolved.inputs.lock.packages.as_slice() else {
        panic!("two packages")
    };
    assert!(app.scripts.contains("post-install") && lib.scripts.contains("trigger"));
    assert_eq!(
        (&lib.because, &app.because),
        (&vec!["app".to_owned()], &vec!["app~2".to_owned()])
    );
    assert_eq!(lib.triggers, ["/usr/share/*"]);
    let bytes = std::fs::read(bench.file("app-2.apk")).expect("there");
    assert_eq!(
        (app.sha256, app.size),
        (Digest::of(&bytes), bytes.len() as u64)
    );
    assert!(bench.store.contains(&app.sha256), "kept for the build");
    assert!(
        bench.written().contains("wish \"app~2\"\n"),
        "{}",
        bench.written()
    );
}

#[test]
fn a_lock_that_answers_is_kept_without_a_look_at_the_repository() {
    let bench = Bench::new();
    bench.offer(&[recipe("app", "1")], key());
    let first = bench
        .lock(&bench.image(&["app"]), Mode::default())
        .expect("locked");
    let text = bench.written();
    std::fs::remove_dir_all(bench.repository()).expect("removed");
    let again = bench.lock(&bench.image(&["app"]), LOCKED).expect("kept");
    assert_eq!(again.inputs.lock.packages, first.inputs.lock.packages);
    assert_eq!((bench.written(), again.changes), (text, Vec::new()));
}

#[test]
fn mirrors_come_from_the_manifest_and_do_not_change_the_lock() {
    let bench = Bench::new();
    bench.offer(&[recipe("app", "1")], key());
    let mut image = bench.image(&["app"]);
    bench.lock(&image, Mode::default()).expect("locked");
    let alpine = image.alpine.as_mut().expect("there");
    alpine.repositories[0]
        .urls
        .push("https://mirror.example/main".into());
    let again = bench.lock(&image, LOCKED).expect("kept");
    assert_eq!(
        again.inputs.lock.packages[0].urls[1],
        "https://mirror.example/main/x86_64/app-1.apk"
    );
}

#[test]
fn a_further_wish_does_not_move_what_was_locked() {
    let bench = Bench::new();
    bench.offer(&[recipe("app", "1"), recipe("more", "1")], key());
    bench
        .lock(&bench.image(&["app"]), Mode::default())
        .expect("locked");
    bench.offer(&[recipe("app", "2"), recipe("more", "1")], key());
    let problem = only(bench.lock(&bench.image(&["app", "more"]), LOCKED));
    assert_eq!(problem.code, "zosc::lock::out-of-date");
    assert_eq!(problem.notes, ["would change: + more 1"]);
    let resolved = bench
        .lock(&bench.image(&["app", "more"]), Mode::default())
        .expect("locked");
    assert_eq!(names(&resolved), ["app-1", "more-1"]);
    let fewer = bench
        .lock(&bench.image(&["more"]), Mode::default())
        .expect("locked");
    assert_eq!(fewer.changes[0].to_string(), "- app 1");
    let update = Mode {
        update: Update::Everything,
        ..Mode::default()
    };
    let newest = bench.lock(&bench.image(&["app"]), update).expect("locked");
    assert_eq!(names(&newest), ["app-2"]);
}

#[test]
fn an_unknown_package_is_told_with_the_nearest_name_and_what_was_searched() {
    let bench = Bench::new();
    bench.offer(&[recipe("openssh", "9")], key());
    let problem = only(bench.lock(&bench.image(&["opensh"]), Mode::default()));
    assert_eq!(problem.code, "zosc::lock::unknown-package");
    assert_eq!(problem.labels[0].span, at(0));
    assert_eq!(problem.help.as_deref(), Some("did you mean `openssh`?"));
    assert!(
        problem.notes[0].starts_with("searched file:///"),
        "{:?}",
        problem.notes
    );
    assert_eq!(problem.fixes[0].edits[0].text, "openssh");
    assert!(
        !bench.folder.path().join("zos.lock").exists(),
        "nothing left behind"
    );
}

#[test]
fn each_processor_has_a_lock_of_its_own() {
    let bench = Bench::new();
    let mut image = bench.image(&[]);
    assert_eq!(file_name(&image), "zos.lock");
    image.arch = Arch::Aarch64;
    assert_eq!(file_name(&image), "zos.aarch64.lock");
    let all: Vec<_> = files_of(&image.manifest).collect();
    assert!(all.contains(&file_of(&image)) && all.len() == Arch::ALL.len());
}

#[test]
fn what_cannot_be_together_is_told_as_a_chain() {
    let bench = Bench::new();
    bench.offer(
        &[
            recipe("app", "1").depends(&["lib"]),
            recipe("lib", "1").depends(&["core>=2"]),
            recipe("core", "1"),
        ],
        key(),
    );
    let problem = only(bench.lock(&bench.image(&["core", "app"]), Mode::default()));
    assert_eq!(problem.code, "zosc::lock::unsatisfiable");
    assert_eq!(problem.labels[0].span, at(1), "the wish that leads there");
    let url = bench.repository().display().to_string();
    assert_eq!(
        problem.notes,
        [
            "`app` is asked for".to_owned(),
            "app-1 needs `lib`".to_owned(),
            "lib-1 needs `core>=2`".to_owned(),
            format!("core-1 in file://{url} has another version"),
        ]
    );
}

#[test]
fn a_name_asked_for_in_two_ways_is_refused() {
    let bench = Bench::new();
    bench.offer(&[recipe("app", "1")], key());
    let problem = only(bench.lock(&bench.image(&["app>1", "app<1"]), Mode::default()));
    assert_eq!(
        (problem.code, problem.labels.len()),
        ("zosc::lock::asked-twice", 2)
    );
}

#[test]
fn offline_names_what_is_missing() {
    let bench = Bench::new();
    let image = image(
        bench.folder.path(),
        vec!["https://mirror.example/main".into()],
        &["app"],
    );
    let problem = only(bench.lock(&image, OFFLINE));
    assert_eq!(problem.code, "zosc::io::offline");
    assert_eq!(problem.labels[0].span, at(101));
}

#[test]
fn the_kernel_is_found_in_its_package() {
    let bench = Bench::new();
    let linux = Recipe::new("linux-virt", "6.12.1-r0")
        .file("boot/vmlinuz-virt", "kernel")
        .file("lib/modules/6.12.1-0-virt/modules.dep", "");
    bench.offer(&[linux.clone(), recipe("stub", "1")], key());
    let mut image = bench.image(&[]);
    image.kernel = Some(Kernel {
        version: None,
        sign: None,
        from: KernelOrigin::Package(spanned("linux-virt".into(), 7)),
        cmdline: String::new(),
        embed: crate::manifest::kernel::Embed::Uki,
        stub: Some(check::StubOrigin::Package(spanned("stub".into(), 8))),
        microcode: Vec::new(),
        span: at(9),
    });
    let resolved = bench.lock(&image, Mode::default()).expect("locked");
    let kernel = resolved.inputs.lock.kernel.clone().expect("a kernel");
    assert_eq!(
        (kernel.release.as_str(), kernel.image.as_str()),
        ("6.12.1-0-virt", "/boot/vmlinuz-virt")
    );
    let roles: Vec<Role> = resolved
        .inputs
        .lock
        .packages
        .iter()
        .map(|package| package.role)
        .collect();
    assert_eq!(roles, [Role::Kernel, Role::Stub]);
    let again = bench.lock(&image, LOCKED).expect("kept");
    assert_eq!(again.inputs.lock, resolved.inputs.lock);

    let bench = Bench::new();
    bench.offer(&[recipe("linux-virt", "1"), recipe("stub", "1")], key());
    image.directory = bench.folder.path().to_owned();
    image.alpine = bench.image(&[]).alpine;
    let problem = only(bench.lock(&image, Mode::default()));
    assert_eq!(
        (problem.code, problem.labels[0].span),
        ("zosc::lock::no-kernel", at(7))
    );
}

#[test]
fn firmware_comes_from_tagged_repositories_where_its_section_says_so() {
    let bench = Bench::new();
    bench.offer(&[recipe("firmware", "1")], key());
    let mut image = bench.image(&[]);
    let alpine = image.alpine.as_mut().expect("there");
    alpine.repositories[0].tag = Some("edge".into());
    image.firmware.packages = vec![spanned("firmware".into(), 7)];
    let problem = only(bench.lock(&image, Mode::default()));
    assert_eq!(problem.code, "zosc::lock::unknown-package");
    image.firmware.tags.insert("firmware".into(), "edge".into());
    let resolved = bench.lock(&image, Mode::default()).expect("locked");
    assert_eq!(names(&resolved), ["firmware-1"]);
    assert_eq!(resolved.inputs.lock.packages[0].because, ["firmware@edge"]);
    bench.lock(&image, LOCKED).expect("kept");
    // Without the tag the lock does not answer what is asked any more.
    image.firmware.tags.clear();
    let problem = only(bench.lock(&image, LOCKED));
    assert_eq!(problem.code, "zosc::lock::unknown-package");
}

#[test]
fn manifests_of_one_folder_have_locks_of_their_own() {
    let bench = Bench::new();
    bench.offer(&[recipe("busybox", "1.36.1-r15")], key());
    let image = bench.image(&["busybox"]);
    let other = Image {
        manifest: image.directory.join("site.kdl"),
        ..bench.image(&[])
    };
    for image in [&image, &other, &image] {
        bench.lock(image, Mode::default()).expect("locks");
    }
    let site = std::fs::read_to_string(bench.folder.path().join("site.lock")).expect("written");
    assert!(bench.written().contains("busybox") && !site.contains("busybox"));
}
