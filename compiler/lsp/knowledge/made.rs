//! Knowledge that tests have made: of a few packages, modules, firmware files and symbols.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::check::{self, Image, Settings};
use crate::diagnostic::Diagnostics;
use crate::io::Memory;
use crate::kconfig::Language;
use crate::kmod::Kernel;
use crate::kmod::tests::{Made, module};
use crate::lock::{Lock, LockedKernel, LockedPackage, LockedSource, LockedToolchain, Role};
use crate::source::SourceMap;
use crate::tree::{Digest, Entry, ImagePath, Origin, Store, Tree};

/// The index of a repository.
pub const MAIN: &str = "C:Q1a=\nP:busybox\nV:1.36-r1\nS:500\nI:900\nT:many tools in one\nD:so:libc.so\np:cmd:sh=1.36-r1\n\n\
    C:Q1b=\nP:musl\nV:1.2-r0\nS:300\nI:600\nT:the C library\np:so:libc.so=1\n\n\
    C:Q1c=\nP:openssh\nV:9.6-r0\nS:10\nI:40\nT:a shell from afar\nD:openssh-keygen so:libc.so !old\n\n\
    C:Q1d=\nP:openssh-keygen\nV:9.6-r0\nS:5\nI:20\nT:keys\nD:so:libc.so\n\n\
    C:Q1e=\nP:openssh-doc\nV:9.6-r0\nS:5\nI:7\nT:manuals\ni:docs openssh\n\n\
    C:Q1f=\nP:docs\nV:1-r0\nS:1\nI:3\nT:\n\n";
/// The index of a repository with a tag.
pub const EDGE: &str = "C:Q1g=\nP:busybox\nV:1.37-r0\nS:501\nI:901\nT:newer tools\n\nC:Q1h=\nP:only-edge\nV:2-r0\nS:1\nI:1\nT:\n\n";
/// The index of a repository with newer packages.
pub const TESTING: &str = "C:Q1i=\nP:openssh\nV:9.10-r0\nS:11\nI:41\nT:newer\n\n";

/// A manifest about what is known here; no two lines of it are the same.
pub const MANIFEST: &str = r#"edition 1
image test version="2.0" { title "Prüfstand"; epoch "2026-01-01T00:00:00Z" }
alpine "3.22" { mirror "https://mirror.example/alpine"; repository main; key "test.rsa.pub" }
packages {
    install busybox openssh
    exclude apk-tools
}
toolchain rust { alpine packages="busybox musl" }
source zinit {
    git "https://git.example/zinit" rev="v0.2.14"
    build cargo toolchain=rust { bin zinit }
    install zinit to="/sbin/zinit" mode="0755"
}
kernel { package linux-virt; cmdline "console=ttyS0"; stub package=systemd-efistub }
modules { stage1 virtio-net; stage2 radio }
firmware { package linux-firmware; keep "sound/*"; for-modules stage2 }
zinit dialect=toml
unit network { exec "/bin/network --up"; oneshot }
unit sshd { exec "/usr/sbin/sshd -D"; after network; test "nc -z 127.0.0.1 22" }
unit ready { target; requires network sshd }
size { max initramfs="48MiB" }
outputs { efi "vmlinuz-{kernel}.efi"; initramfs "initramfs-{source.zinit.rev}.cpio.xz" }
boot memory="1GiB" { disk "8GiB" }
"#;

/// What [`MANIFEST`] means.
pub fn image() -> Image {
    let (mut sources, mut problems) = (SourceMap::new(), Diagnostics::new());
    let settings = Settings {
        current_directory: "/m".into(),
        ..Settings::default()
    };
    let key = include_str!("../../../tests/fixtures/key.pem");
    let files = Memory::new([("/m/zos.kdl", MANIFEST), ("/m/test.rsa.pub", key)]);
    let manifest = Path::new("zos.kdl");
    let image = check::check(manifest, &settings, &files, &mut sources, &mut problems);
    image.unwrap_or_else(|| panic!("{problems:?}"))
}

/// A lock of the packages of [`MAIN`], of which these are wished for.
pub fn lock(wishes: &[&str]) -> Lock {
    let packages = [
        ("musl", "Q1b=", "1.2-r0"),
        ("busybox", "Q1a=", "1.36-r1"),
        ("openssh-keygen", "Q1d=", "9.6-r0"),
        ("openssh", "Q1c=", "9.6-r0"),
        ("docs", "Q1f=", "1-r0"),
        ("openssh-doc", "Q1e=", "9.6-r0"),
    ];
    Lock {
        wishes: wishes.iter().map(|wish| (*wish).to_owned()).collect(),
        packages: packages
            .map(|(name, identity, version)| package(Role::Image, name, identity, version))
            .into(),
        ..Lock::default()
    }
}

fn package(role: Role, name: &str, identity: &str, version: &str) -> LockedPackage {
    LockedPackage {
        role,
        name: name.to_owned(),
        version: version.to_owned(),
        urls: Vec::new(),
        identity: identity.to_owned(),
        sha256: Digest::of(name.as_bytes()),
        size: 700,
        built: 0,
        scripts: [].into(),
        triggers: Vec::new(),
        because: Vec::new(),
    }
}

/// Everything that is known of [`MANIFEST`].
pub fn knowledge() -> Knowledge {
    let mut lock = lock(&["busybox", "openssh"]);
    lock.packages
        .push(package(Role::Kernel, "linux-virt", "Q1k=", "6.12.1-r0"));
    lock.kernel = Some(LockedKernel {
        release: "6.12.1-0-virt".to_owned(),
        image: path("/boot/vmlinuz-virt"),
    });
    let zinit = LockedSource::Git {
        url: "https://git.example/zinit".to_owned(),
        revision: "tag v0.2.14".to_owned(),
        commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
        submodules: false,
        keep_git: false,
        tree: Digest::of(b""),
    };
    lock.sources = BTreeMap::from([("zinit".to_owned(), zinit)]);
    let rust = LockedToolchain::Alpine {
        wishes: Vec::new(),
        indexes: Vec::new(),
        packages: vec![package(Role::Image, "musl", "Q1b=", "1.2-r0")],
    };
    lock.toolchains = BTreeMap::from([("rust".to_owned(), rust)]);
    let offered = |repository, tag, text: &'static str| Offered {
        repository,
        tag,
        text: text.as_bytes(),
    };
    let packages = Packages::of(&[
        offered("v3.22/main", None, MAIN),
        offered("edge/main", Some("edge"), EDGE),
    ]);
    let efi = Outcome {
        kind: OutputKind::Initramfs,
        size: 12 << 20,
    };
    Knowledge {
        packages: Known::Ready(Arc::new(packages)),
        modules: Known::Ready(Arc::new(modules())),
        firmware: Known::Ready(Arc::new(firmware())),
        symbols: Known::Ready(Arc::new(symbols())),
        locked: Some(Arc::new(Locked::new(lock, &[MAIN.as_bytes()]))),
        outcomes: Arc::new([efi]),
    }
}

/// What is known where nothing was ever fetched.
pub fn nothing() -> Knowledge {
    Knowledge {
        packages: Known::Missing {
            command: "zosc lock",
        },
        modules: Known::Missing {
            command: "zosc lock",
        },
        firmware: Known::Missing {
            command: "zosc lock",
        },
        symbols: Known::Missing {
            command: "zosc build",
        },
        ..Knowledge::default()
    }
}

fn path(text: &str) -> ImagePath {
    ImagePath::new(text).expect("a path")
}

/// A kernel whose modules need one another and firmware.
pub(super) fn modules() -> Modules {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(folder.path()).expect("opens");
    let mut tree = Tree::new();
    for (name, info) in [
        (
            "virtio_net",
            vec![
                ("description", "Virtio *network* driver"),
                ("depends", "net_failover"),
            ],
        ),
        ("net_failover", vec![("depends", "failover")]),
        ("failover", vec![]),
        (
            "radio",
            vec![("firmware", "radio/one.bin"), ("firmware", "radio/two.bin")],
        ),
    ] {
        let content = module(&Made {
            info,
            ..Made::default()
        });
        let digest = store.put(&content).expect("stored");
        let file = Entry::file(digest, 4096, 0o644, 0, Origin::new("package linux-1"));
        tree.insert_with_parents(
            path(&format!("/lib/modules/6.12.1-0-virt/kernel/{name}.ko")),
            file,
        );
    }
    for (name, text) in [
        (
            "modules.dep",
            "kernel/virtio_net.ko: kernel/net_failover.ko kernel/failover.ko\nkernel/net_failover.ko: kernel/failover.ko\nkernel/failover.ko:\nkernel/radio.ko:\n",
        ),
        ("modules.builtin", "kernel/ext4.ko\n"),
    ] {
        let digest = store.put(text.as_bytes()).expect("stored");
        let file = Entry::file(
            digest,
            text.len() as u64,
            0o644,
            0,
            Origin::new("package linux-1"),
        );
        tree.insert_with_parents(path(&format!("/lib/modules/6.12.1-0-virt/{name}")), file);
    }
    let kernel = Kernel::read(&tree, &store).expect("a kernel");
    Modules::of(&kernel, Reading::All, &AtomicBool::new(false))
}

/// Files of a firmware package, one of them packed, and a link.
pub(super) fn firmware() -> Firmware {
    let mut tree = Tree::new();
    let origin = || Origin::new("package firmware-1");
    for (name, size) in [
        ("sound/one.bin", 10),
        ("sound/two.bin.xz", 20),
        ("radio/one.bin", 40),
    ] {
        let file = Entry::file(Digest::of(b""), size, 0o644, 0, origin());
        tree.insert_with_parents(path(&format!("/lib/firmware/{name}")), file);
    }
    let link = Entry::symlink("one.bin".to_owned(), 0, origin());
    tree.insert(path("/lib/firmware/sound/link.bin"), link);
    Firmware::of(tree)
}

/// Two symbols of a kernel's sources.
pub(super) fn symbols() -> Symbols {
    let text = "config NET\n\tbool \"Networking\"\n\thelp\n\t  Talks to others.\n\nconfig NET_CORE\n\tdef_tristate y\n";
    let language = Language::read("x86_64", &mut |file| {
        (file == "Kconfig").then(|| text.to_owned())
    });
    Symbols::of(&language)
}

/// What is known of the packages of one index.
pub fn offering(index: &str) -> Knowledge {
    let offered = Offered {
        repository: "main",
        tag: None,
        text: index.as_bytes(),
    };
    Knowledge {
        packages: Known::Ready(Arc::new(Packages::of(&[offered]))),
        ..nothing()
    }
}
