//! The archive and EFI writers against the real thing: a Debian kernel under OVMF in QEMU, by software emulation.
//!
//! Needs qemu-system-x86_64, OVMF, systemd's stub, a static busybox, and an unpacked `linux-image-…-cloud-amd64` that
//! ZOSC_TEST_KERNEL names; says aloud that it is skipped where one of them is missing.

#![allow(clippy::disallowed_methods)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use zosc::archive::{Compression, concatenate, pack, split};
use zosc::efi::{Uki, kernel_facts, write_uki};
use zosc::elf::{Stripped, strip_module};
use zosc::kmod;
use zosc::tree::{Digest, Entry, ImagePath, Node, Origin, Store, Tree};

const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";
const FIRMWARE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";
const BUSYBOX: &str = "/usr/bin/busybox";
/// Software emulation on a busy machine with two cores.
const PATIENCE: Duration = Duration::from_mins(3);

/// What `/init` says when everything that the archive should carry has arrived.
const INIT: &str = "#!/bin/sh
mkdir -p /proc && mount -t proc proc /proc
fail() { echo \"zosc-test: FAILED $1\"; }
[ \"$(stat -c %i /bin/busybox)\" = \"$(stat -c %i /bin/cat)\" ] || fail 'hard link'
[ \"$(cat /bin/../data/late)\" = content ] || fail 'the content of the second segment'
[ \"$(stat -c %u:%g:%a /data/owned)\" = 12:34:4750 ] || fail owner
[ -c /dev/console ] || fail console
[ -p /data/pipe ] || fail pipe
[ \"$(readlink /data/link)\" = owned ] || fail link
[ \"$(stat -c %Y /data/owned)\" = 1000 ] || fail time
grep -q zosc.test=1 /proc/cmdline || fail 'command line'
[ \"$(sha256sum </many/large)\" = 'DIGEST  -' ] || fail 'a file in several pieces'
[ \"$(cat /many/small)\" = small ] || fail 'what comes behind it'
for module in dummy fuse veth; do
    insmod /modules/$module.ko || fail \"the stripped module $module\"
    grep -q \"^$module \" /proc/modules || fail \"$module is not loaded\"
done
echo zosc-test: done
poweroff -f
";

fn path(text: &str) -> ImagePath {
    ImagePath::new(text).expect("a path")
}

fn origin() -> Origin {
    Origin::new("test")
}

fn file(store: &Store, content: &[u8], mode: u32) -> Entry {
    let digest = store.put(content).expect("stored");
    Entry::file(digest, content.len() as u64, mode, 1_000, origin())
}

fn node(node: Node, mode: u32) -> Entry {
    Entry {
        node,
        ..Entry::directory(mode, 1_000, origin())
    }
}

/// Modules of the kernel's package, stripped. Debian's are signed, and its kernel takes them without, where Secure Boot is off.
fn stripped_modules(store: &Store, tree: &mut Tree) {
    let root = std::env::var_os("ZOSC_TEST_KERNEL").expect("the kernel was found there");
    for entry in ignore::WalkBuilder::new(root)
        .standard_filters(false)
        .build()
    {
        let file = entry.expect("a file").into_path();
        let name = file
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if !["dummy.ko", "fuse.ko", "veth.ko"].contains(&name.as_str()) {
            continue;
        }
        let content = fs::read(&file).expect("read");
        let opened = kmod::open(&name, &content).expect("opens");
        let Stripped::Smaller(stripped) = strip_module(&opened.object) else {
            panic!("{name} has nothing to lose");
        };
        let place = path(&format!("/modules/{name}"));
        tree.insert_with_parents(place, self::file(store, &stripped, 0o644));
    }
}

fn image(store: &Store) -> Tree {
    let mut tree = Tree::new();
    stripped_modules(store, &mut tree);
    let busybox = fs::read(BUSYBOX).expect("busybox");
    tree.insert_with_parents(path("/bin/busybox"), file(store, &busybox, 0o755));
    for name in [
        "sh",
        "cat",
        "mount",
        "mkdir",
        "stat",
        "readlink",
        "grep",
        "insmod",
        "poweroff",
        "sha256sum",
    ] {
        let to = path("/bin/busybox");
        let place = path(&format!("/bin/{name}"));
        tree.insert(place, node(Node::Hardlink { to }, 0o755));
    }
    // More than one piece has: the kernel gets blocks of one stream, each with a dictionary of its own size.
    let lines: Vec<String> = (0..1_800_000)
        .map(|number| format!("{number:07}\n"))
        .collect();
    let large = lines.concat();
    tree.insert_with_parents(path("/many/large"), file(store, large.as_bytes(), 0o644));
    tree.insert(path("/many/small"), file(store, b"small", 0o644));
    let init = INIT.replace("DIGEST", &Digest::of(large.as_bytes()).to_string());
    tree.insert(path("/init"), file(store, init.as_bytes(), 0o755));
    let console = node(Node::CharDevice { major: 5, minor: 1 }, 0o600);
    tree.insert_with_parents(path("/dev/console"), console);
    let owned = file(store, b"x", 0o4750).owned_by(12, 34);
    tree.insert_with_parents(path("/data/owned"), owned);
    tree.insert(path("/data/late"), file(store, b"content", 0o644));
    tree.insert(path("/data/pipe"), node(Node::Fifo, 0o600));
    tree.insert(path("/data/link"), Entry::symlink("owned", 1_000, origin()));
    tree
}

/// Four segments, each compressed in its own way, joined.
fn initramfs(store: &Store) -> Vec<u8> {
    let tree = image(store);
    let segments = split(&tree, |path, _| match path.components().next() {
        Some("bin") => 1,
        Some("data") => 2,
        Some("many") => 3,
        _ => 0,
    });
    let compressions = [
        Compression::None,
        Compression::Xz { level: 6 },
        Compression::Zstd { level: 19 },
        Compression::Xz { level: 6 },
    ];
    let packed: Vec<Vec<u8>> = segments
        .iter()
        .zip(compressions)
        .map(|(segment, compression)| {
            let mut bytes = Vec::new();
            pack(&segment.tree, store, 1_000, compression, &mut bytes).expect("packs");
            bytes
        })
        .collect();
    let mut readers: Vec<&[u8]> = packed.iter().map(Vec::as_slice).collect();
    let mut joined = Vec::new();
    let readers = readers
        .iter_mut()
        .map(|reader| reader as &mut dyn std::io::Read);
    concatenate(readers, &mut joined).expect("joins");
    joined
}

/// Kills what is left of QEMU when a test ends, however it ends.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts QEMU with a serial console that goes to a file, and returns what it says until `/init` is done.
fn boot(folder: &Path, arguments: &[&str]) -> String {
    let log = folder.join("serial.log");
    let child = Command::new("qemu-system-x86_64")
        .args([
            "-machine",
            "q35",
            "-m",
            "512",
            "-display",
            "none",
            "-no-reboot",
            "-net",
            "none",
        ])
        .args([
            "-monitor",
            "none",
            "-serial",
            &format!("file:{}", log.display()),
        ])
        .args(arguments)
        .stdin(Stdio::null())
        .spawn()
        .expect("QEMU starts");
    let mut machine = Machine(child);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let said = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
        let ended = machine.0.try_wait().expect("waits").is_some();
        if said.contains("zosc-test: done") || ended || Instant::now() > deadline {
            return said;
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn assert_booted(said: &str) {
    let tail: Vec<&str> = said.lines().rev().take(30).collect();
    assert!(
        said.contains("zosc-test: done"),
        "the machine says, latest first: {tail:#?}"
    );
    assert!(!said.contains("zosc-test: FAILED"), "{tail:#?}");
}

/// The kernel image and everything else that these tests need.
fn kernel() -> Option<PathBuf> {
    let Some(root) = std::env::var_os("ZOSC_TEST_KERNEL").map(PathBuf::from) else {
        eprintln!("skipped: ZOSC_TEST_KERNEL names no unpacked kernel package");
        return None;
    };
    for needed in [
        STUB,
        FIRMWARE,
        VARIABLES,
        BUSYBOX,
        "/usr/bin/qemu-system-x86_64",
    ] {
        if !Path::new(needed).exists() {
            eprintln!("skipped: {needed} is missing");
            return None;
        }
    }
    let mut images: Vec<PathBuf> = fs::read_dir(root.join("boot"))
        .expect("the kernel package has /boot")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().contains("/vmlinuz-"))
        .collect();
    images.sort();
    images.pop()
}

/// The image as a file, with a fresh copy of the firmware's variables beside it.
fn made(folder: &Path, kernel: &Path) -> (String, String) {
    let store = Store::open(folder.join("store")).expect("opens");
    let kernel = fs::read(kernel).expect("the kernel");
    assert!(kernel_facts(&kernel).expect("facts").efi_stub);
    let stub = fs::read(STUB).expect("the stub");
    let initrd = initramfs(&store);
    let mut bytes = Vec::new();
    let parts = Uki {
        stub: &stub,
        kernel: &kernel,
        os_release: Some("ID=zosc-test\nPRETTY_NAME=\"zosc test\"\n"),
        command_line: Some("console=ttyS0 panic=-1 zosc.test=1"),
        initrds: vec![(&initrd).into()],
        sbat: Some("zosc,1,zosc test,zosc,1,none"),
        ..Uki::default()
    };
    write_uki(&parts, &mut bytes).expect("writes");
    let efi = folder.join("esp/EFI/BOOT");
    fs::create_dir_all(&efi).expect("made");
    let image = efi.join("BOOTX64.EFI");
    fs::write(&image, bytes).expect("written");
    let variables = folder.join("vars.fd");
    fs::copy(VARIABLES, &variables).expect("copied");
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    (text(&image), text(&variables))
}

fn firmware(variables: &str) -> [String; 4] {
    [
        "-drive".to_owned(),
        format!("if=pflash,format=raw,readonly=on,file={FIRMWARE}"),
        "-drive".to_owned(),
        format!("if=pflash,format=raw,file={variables}"),
    ]
}

#[test]
fn a_unified_image_boots_from_a_disk_under_ovmf() {
    let Some(kernel) = kernel() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_, variables) = made(folder.path(), &kernel);
    let disk = format!(
        "format=raw,file=fat:rw:{}",
        folder.path().join("esp").display()
    );
    let firmware = firmware(&variables);
    let mut arguments: Vec<&str> = firmware.iter().map(String::as_str).collect();
    arguments.extend(["-drive", &disk]);
    assert_booted(&boot(folder.path(), &arguments));
}

#[test]
fn a_unified_image_boots_by_kernel_option_under_ovmf() {
    let Some(kernel) = kernel() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (image, variables) = made(folder.path(), &kernel);
    let firmware = firmware(&variables);
    let mut arguments: Vec<&str> = firmware.iter().map(String::as_str).collect();
    arguments.extend(["-kernel", &image]);
    assert_booted(&boot(folder.path(), &arguments));
}

#[test]
fn kernel_and_initramfs_boot_without_firmware() {
    let Some(kernel) = kernel() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(folder.path().join("store")).expect("opens");
    let initrd = folder.path().join("initramfs.cpio");
    fs::write(&initrd, initramfs(&store)).expect("written");
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let (kernel, initrd) = (text(&kernel), text(&initrd));
    let arguments = [
        "-kernel",
        &kernel,
        "-initrd",
        &initrd,
        "-append",
        "console=ttyS0 panic=-1 zosc.test=1",
    ];
    assert_booted(&boot(folder.path(), &arguments));
}
