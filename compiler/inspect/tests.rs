use proptest::prelude::*;

use super::*;
use crate::archive::{Compression, pack};
use crate::io;
use crate::tree::{Entry, ImagePath, Node, Tree};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(folder.path()).expect("opens");
    (folder, store)
}

fn image(name: &str, bytes: &[u8], store: &Store) -> Result<Report, Diagnostic> {
    opened(name, bytes, store).map(|opened| opened.report)
}

fn initramfs_bytes(store: &Store) -> Vec<u8> {
    let path = |text: &str| ImagePath::new(text).expect("a path");
    let origin = || Origin::new("test");
    let mut tree = Tree::new();
    let mut file = |at: &str, content: &[u8], mode: u32| {
        let digest = store.put(content).expect("stored");
        let entry = Entry::file(digest, content.len() as u64, mode, 0, origin());
        tree.insert_with_parents(path(at), entry);
    };
    file("/usr/bin/su", &[0; 2_000], 0o4755);
    file(
        "/lib/modules/6.12/kernel/net/virtio-net.ko.xz",
        &[0; 100],
        0o644,
    );
    file("/lib/modules/6.12/modules.dep", b"", 0o644);
    file("/etc/zinit/sshd.yaml", b"exec: sshd\n", 0o644);
    file("/etc/zinit/services/redis.toml", b"", 0o644);
    file("/etc/zinit/init/x.sh", b"", 0o644);
    tree.insert(path("/init"), Entry::symlink("sbin/init", 0, origin()));
    tree.insert_with_parents(
        path("/dev/console"),
        Entry {
            node: Node::CharDevice { major: 5, minor: 1 },
            ..Entry::directory(0o600, 0, origin())
        },
    );
    let mut bytes = Vec::new();
    pack(&tree, store, 0, Compression::Zstd { level: 3 }, &mut bytes).expect("packs");
    bytes
}

#[test]
fn an_initramfs_tells_its_segments_modules_and_units() {
    let (_folder, store) = store();
    let bytes = initramfs_bytes(&store);
    let report = image("initramfs.cpio.zst", &bytes, &store).expect("a report");
    assert_eq!(report.kind, Kind::Initramfs);
    assert_eq!(report.digest, Digest::of(&bytes));
    let contents = report.initramfs.as_ref().expect("contents");
    assert_eq!(contents.segments.len(), 1);
    assert_eq!(contents.files, 6);
    assert_eq!(contents.content, 2_111);
    assert_eq!(contents.init.as_deref(), Some("/init -> sbin/init"));
    let modules: Vec<_> = contents
        .modules
        .iter()
        .map(|m| (m.name.as_str(), m.release.as_str()))
        .collect();
    assert_eq!(modules, [("virtio_net", "6.12")]);
    let units: Vec<_> = contents.units.iter().map(|u| u.name.as_str()).collect();
    assert_eq!(units, ["sshd", "redis"], "what cannot be read comes last");
    let folders = contents.sizes.folders.iter();
    let largest: Vec<_> = folders
        .map(|share| (share.name.as_str(), share.content))
        .collect();
    assert_eq!(
        largest,
        [
            ("/usr", 2_000),
            ("/usr/bin", 2_000),
            ("/lib", 100),
            ("/lib/modules", 100),
            ("/etc", 11),
            ("/etc/zinit", 11)
        ]
    );
}

#[test]
fn every_file_has_an_origin_as_far_as_the_image_tells() {
    let (_folder, store) = store();
    let path = |text: &str| ImagePath::new(text).expect("a path");
    let origin = || Origin::new("test");
    let mut tree = Tree::new();
    let database = "P:busybox\nV:1.36.1-r15\nF:bin\nR:busybox\nR:gone\nF:etc\n\n";
    for (at, content) in [
        ("/usr/bin/busybox", "program"),
        ("/usr/bin/agent", "other"),
        ("/usr/lib/apk/db/installed", database),
        ("/lib/modules/6.12/kernel/a-b.ko", ""),
        ("/lib/modules/6.12/modules.dep", ""),
        ("/lib/firmware/a.bin", "x"),
        ("/etc/zosc/stage1.modules", "a_b\n"),
        ("/etc/zinit/sshd.yaml", "exec: sshd\n"),
    ] {
        let digest = store.put(content.as_bytes()).expect("stored");
        let entry = Entry::file(digest, content.len() as u64, 0o644, 0, origin());
        tree.insert_with_parents(path(at), entry);
    }
    tree.insert(path("/bin"), Entry::symlink("usr/bin", 0, origin()));
    let mut bytes = Vec::new();
    pack(&tree, &store, 0, Compression::None, &mut bytes).expect("packs");
    let opened = opened("x", &bytes, &store).expect("an image");
    let of = |at: &str| {
        opened
            .tree
            .get(&path(at))
            .map(|entry| entry.origin.as_str())
    };
    for (at, wanted) in [
        ("/usr/bin/busybox", "package busybox-1.36.1-r15"),
        ("/usr/bin/agent", "unknown"),
        ("/usr/lib/apk/db/installed", "apk database"),
        ("/lib/modules/6.12/kernel/a-b.ko", "module a_b"),
        ("/lib/modules/6.12/modules.dep", "modules index"),
        ("/lib/firmware/a.bin", "firmware"),
        ("/etc/zosc/stage1.modules", "modules stage1"),
        ("/etc/zinit/sshd.yaml", "unit sshd"),
        ("/etc", "package busybox-1.36.1-r15"),
    ] {
        assert_eq!(of(at), Some(wanted), "{at}");
    }
    let contents = opened.report.initramfs.expect("contents");
    assert_eq!(contents.origins, OriginsFrom::Image);
    let kinds: Vec<_> = contents
        .sizes
        .kinds
        .iter()
        .map(|share| share.name.as_str())
        .collect();
    assert_eq!(
        kinds,
        ["apk", "unit", "package", "unknown", "module", "firmware"]
    );
    let parts = contents.sizes.origins.iter().map(|share| share.content);
    assert_eq!(parts.sum::<u64>(), contents.content);
}

#[test]
fn of_a_folder_every_image_is_opened_and_nothing_else() {
    let (_folder, store) = store();
    let bytes = initramfs_bytes(&store);
    let files = |damaged: bool| {
        let kept = bytes.len() / if damaged { 2 } else { 1 };
        io::Memory::new([
            ("dist/a.cpio.zst", bytes[..kept].to_vec()),
            ("dist/b.cpio.zst", bytes.clone()),
            ("dist/parts.json", b"{}".to_vec()),
            ("empty/notes", b"".to_vec()),
        ])
    };
    let open = |path: &str, damaged| open(path.as_ref(), &files(damaged), &store);
    let names = |images: Vec<Opened>| -> Vec<String> {
        images.into_iter().map(|image| image.report.name).collect()
    };
    let images = names(open("dist", false).expect("two images"));
    assert_eq!(images, ["dist/a.cpio.zst", "dist/b.cpio.zst"]);
    assert_eq!(names(open("dist/b.cpio.zst", false).expect("one")).len(), 1);
    let code = |path: &str, damaged| {
        let problems = open(path, damaged).expect_err("refused");
        problems
            .iter()
            .map(|problem| problem.code)
            .collect::<Vec<_>>()
    };
    assert_eq!(code("dist", true), ["zosc::archive::damaged"]);
    assert_eq!(code("empty", false), ["zosc::inspect::no-image"]);
    assert_eq!(code("nowhere", false), ["zosc::inspect::cannot-read"]);
    assert_eq!(
        code("dist/parts.json", false),
        ["zosc::archive::not-an-archive"]
    );
}

#[test]
fn what_is_no_image_is_refused() {
    let (_folder, store) = store();
    let code = |bytes: &[u8]| image("x", bytes, &store).expect_err("refused").code;
    assert_eq!(code(b"hello"), "zosc::archive::not-an-archive");
    assert_eq!(code(b"MZ"), "zosc::efi::not-efi");
}

#[test]
fn a_unified_image_tells_its_kernel_and_its_files() {
    let (Ok(stub), Some(kernel)) = (
        std::fs::read("/usr/lib/systemd/boot/efi/linuxx64.efi.stub"),
        real_kernel(),
    ) else {
        eprintln!("skipped: no stub, or ZOSC_TEST_KERNEL names no unpacked kernel package");
        return;
    };
    let (_folder, store) = store();
    let initrd = initramfs_bytes(&store);
    let mut bytes = Vec::new();
    let parts = efi::Uki {
        stub: &stub,
        kernel: &kernel,
        command_line: Some("quiet"),
        os_release: Some("PRETTY_NAME=\"Zero-OS\"\n"),
        initrds: vec![(&initrd).into()],
        ..efi::Uki::default()
    };
    efi::write_uki(&parts, &mut bytes).expect("writes");
    let report = image("vmlinuz.efi", &bytes, &store).expect("a report");
    assert_eq!(report.kind, Kind::UnifiedKernelImage);
    let program = report.efi.as_ref().expect("an EFI program");
    assert_eq!(program.command_line.as_deref(), Some("quiet"));
    assert_eq!(
        program.uname,
        report
            .kernel
            .as_ref()
            .and_then(|kernel| kernel.release.clone())
    );
    assert_eq!(
        report.initramfs.as_ref().map(|contents| contents.files),
        Some(6)
    );
    assert_eq!(
        image("k", &kernel, &store).expect("a report").kind,
        Kind::Kernel
    );
    assert_eq!(
        image("s", &stub, &store).expect("a report").kind,
        Kind::EfiProgram
    );
}

/// The image of the kernel package that ZOSC_TEST_KERNEL names.
#[allow(clippy::disallowed_methods)]
fn real_kernel() -> Option<Vec<u8>> {
    let root = std::env::var_os("ZOSC_TEST_KERNEL")?;
    let mut images: Vec<_> = std::fs::read_dir(std::path::Path::new(&root).join("boot"))
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().contains("/vmlinuz-"))
        .collect();
    images.sort();
    std::fs::read(images.pop()?).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn noise_is_refused_or_shown_but_never_a_panic(
        head in prop_oneof![Just(&b"MZ"[..]), Just(&b"070701"[..]), Just(&b""[..])],
        noise in proptest::collection::vec(any::<u8>(), 0..700),
    ) {
        let (_folder, store) = store();
        let mut bytes = head.to_vec();
        bytes.extend(noise);
        let _ = image("x", &bytes, &store);
    }
}
