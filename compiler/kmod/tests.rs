mod against_depmod;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use object::write::{Object, Symbol, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
};
use proptest::prelude::*;

use super::*;
use crate::tree::{Entry, ImagePath, Node, Origin, Store, Tree};

const RELEASE: &str = "6.1.0-test";

/// What a test module says about itself.
#[derive(Clone, Default)]
pub(crate) struct Made<'a> {
    pub(crate) info: Vec<(&'a str, &'a str)>,
    pub(crate) exports: Vec<&'a str>,
    pub(crate) imports: Vec<&'a str>,
}

/// A relocatable object like a `.ko`, as small as can be.
pub(crate) fn module(made: &Made<'_>) -> Vec<u8> {
    let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
    let section = object.add_section(Vec::new(), b".modinfo".to_vec(), SectionKind::ReadOnlyData);
    let mut text = Vec::new();
    for (key, value) in &made.info {
        text.extend(format!("{key}={value}\0").into_bytes());
    }
    text.extend(b"vermagic=test\0");
    object.append_section_data(section, &text, 1);
    // Kernels without symbol versions name their exports in a table and in its strings; depmod reads the strings.
    let section = object.add_section(
        Vec::new(),
        b"__ksymtab_strings".to_vec(),
        SectionKind::ReadOnlyData,
    );
    let mut strings = made.exports.join("\0");
    strings.push('\0');
    object.append_section_data(section, strings.as_bytes(), 1);
    let mut symbol = |name: String, section: SymbolSection| {
        object.add_symbol(Symbol {
            name: name.into_bytes(),
            value: 0,
            size: 0,
            kind: SymbolKind::Data,
            scope: SymbolScope::Dynamic,
            weak: false,
            section,
            flags: SymbolFlags::None,
        });
    };
    for export in &made.exports {
        symbol(format!("__ksymtab_{export}"), SymbolSection::Absolute);
    }
    for import in &made.imports {
        symbol((*import).to_owned(), SymbolSection::Undefined);
    }
    object.write().expect("an object")
}

struct Fixture {
    _folder: tempfile::TempDir,
    store: Store,
    tree: Tree,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path()).expect("opens");
        Self {
            _folder: folder,
            store,
            tree: Tree::new(),
        }
    }

    fn file(mut self, path: &str, content: &[u8]) -> Self {
        let digest = self.store.put(content).expect("stored");
        let entry = Entry::file(digest, content.len() as u64, 0o644, 0, Origin::new("test"));
        self.tree.insert_with_parents(at(path), entry);
        self
    }

    fn text(self, name: &str, content: &str) -> Self {
        self.file(
            &format!("/lib/modules/{RELEASE}/{name}"),
            content.as_bytes(),
        )
    }

    fn module(self, path: &str, made: &Made<'_>) -> Self {
        let bytes = module(made);
        self.file(&format!("/lib/modules/{RELEASE}/kernel/{path}"), &bytes)
    }

    fn info(self, path: &str, info: &[(&str, &str)]) -> Self {
        let made = Made {
            info: info.to_vec(),
            ..Made::default()
        };
        self.module(path, &made)
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::read(&self.tree, &self.store).expect("a kernel")
    }
}

fn at(path: &str) -> ImagePath {
    ImagePath::new(path).expect("a path")
}

fn order(selection: &Selection) -> Vec<&str> {
    selection.modules.iter().map(|m| m.name.as_str()).collect()
}

fn sample() -> Fixture {
    Fixture::new()
        .info(
            "net/virtio_net.ko",
            &[("depends", "net-failover"), ("alias", "virtio:d00000001v*")],
        )
        .info("net/net_failover.ko", &[("depends", "failover")])
        .info("net/failover.ko", &[("depends", "")])
        .info(
            "fs/btrfs.ko",
            &[
                ("depends", "libcrc32c"),
                ("softdep", "pre: crypto-crc32c xxhash64 post: raid6"),
                ("firmware", "btrfs.bin"),
                ("alias", "devname:btrfs-control"),
                ("alias", "char-major-10-234"),
            ],
        )
        .info("lib/libcrc32c.ko", &[("softdep", "pre: crc32c")])
        .info(
            "crypto/crc32c-intel.ko",
            &[("alias", "crypto-crc32c"), ("alias", "crc32c")],
        )
        .info("lib/raid6.ko", &[("weakdep", "lz4")])
        .text(
            "modules.builtin",
            "kernel/drivers/virtio/virtio.ko\nkernel/net/r8169-fw.ko\n",
        )
        .file(
            &format!("/lib/modules/{RELEASE}/modules.builtin.modinfo"),
            b"virtio.license=GPL\0r8169_fw.firmware=rtl_nic/a.fw\0virtio.alias=virtio-bus-*\0",
        )
}

#[test]
fn needs_come_first_and_hyphens_are_underscores() {
    let fixture = sample();
    let kernel = fixture.kernel();
    assert_eq!(kernel.release(), RELEASE);
    let selection = kernel.select(&["virtio-net"]).expect("selects");
    assert_eq!(
        order(&selection),
        ["failover", "net_failover", "virtio_net"]
    );
    assert_eq!(
        selection.modules[0].why,
        Why::NeededBy("net_failover".into())
    );
    assert_eq!(selection.modules[2].why, Why::Asked("virtio-net".into()));
    let again = kernel
        .select(&["virtio:d00000001v00001AF4"])
        .expect("by alias");
    assert_eq!(order(&again), order(&selection));
}

#[test]
fn soft_dependencies_are_taken_where_they_exist() {
    let fixture = sample();
    let selection = fixture.kernel().select(&["btrfs"]).expect("selects");
    assert_eq!(
        order(&selection),
        ["crc32c_intel", "libcrc32c", "btrfs", "raid6"]
    );
    assert_eq!(selection.modules[0].why, Why::WantedBy("btrfs".into()));
    let missing: Vec<_> = selection
        .missing_soft
        .iter()
        .map(|m| m.name.as_str())
        .collect();
    assert_eq!(missing, ["xxhash64"]);
    let weak: Vec<_> = selection.weak.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(weak, ["lz4"]);
    assert_eq!(selection.firmware.len(), 1);
    assert_eq!(selection.firmware[0].name, "btrfs.bin");
    assert!(selection.firmware[0].by.contains("btrfs"));
}

#[test]
fn built_in_modules_satisfy_and_their_firmware_counts() {
    let fixture = sample();
    let selection = fixture
        .kernel()
        .select(&["virtio", "r8169-fw", "virtio-bus-x"])
        .expect("selects");
    assert!(selection.modules.is_empty());
    let names: Vec<_> = selection
        .built_in
        .iter()
        .map(|b| (b.asked.as_str(), b.name.as_str()))
        .collect();
    assert_eq!(
        names,
        [
            ("r8169-fw", "r8169_fw"),
            ("virtio", "virtio"),
            ("virtio-bus-x", "virtio")
        ]
    );
    assert_eq!(selection.firmware[0].name, "rtl_nic/a.fw");
}

#[test]
fn unknown_modules_are_errors_with_the_nearest_name() {
    let fixture = sample();
    let errors = fixture
        .kernel()
        .select(&["btrsf", "failover", "aufs"])
        .expect_err("unknown");
    let names: Vec<_> = errors.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["btrsf", "aufs"]);
    assert_eq!(errors[0].diagnostic.code, "zosc::kmod::unknown-module");
    assert_eq!(
        errors[0].diagnostic.help.as_deref(),
        Some("did you mean `btrfs`?")
    );
}

#[test]
fn a_need_that_is_nowhere_is_an_error() {
    let fixture = Fixture::new().info("a.ko", &[("depends", "nowhere")]);
    let errors = fixture.kernel().select(&["a"]).expect_err("broken");
    assert_eq!(errors[0].diagnostic.code, "zosc::kmod::missing-module");
}

#[test]
fn modules_dep_and_alias_are_used_where_they_exist() {
    let fixture = Fixture::new()
        .info("a.ko.xz", &[])
        .info("b.ko", &[])
        .text("modules.dep", "kernel/a.ko.xz: kernel/b.ko\nkernel/b.ko:\n")
        .text("modules.alias", "# comment\nalias some-* a\n");
    let selection = fixture.kernel().select(&["some-thing"]).expect("selects");
    assert_eq!(order(&selection), ["b", "a"]);
}

#[test]
fn compressed_modules_are_read() {
    let plain = module(&Made {
        info: vec![("depends", "x,y-z")],
        ..Made::default()
    });
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).expect("writes");
    let mut xz = xz2::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&plain).expect("writes");
    for bytes in [
        plain.clone(),
        gzip.finish().expect("packs"),
        xz.finish().expect("packs"),
        zstd::encode_all(&*plain, 1).expect("packs"),
    ] {
        let facts = ModuleFacts::read("m.ko", &bytes).expect("reads");
        assert_eq!(facts.depends(), ["x", "y_z"]);
    }
    assert_eq!(
        ModuleFacts::read("m.ko", b"text")
            .expect_err("no module")
            .code,
        "zosc::kmod::bad-module"
    );
}

#[test]
fn updates_win_over_the_kernel_s_own() {
    let fixture = Fixture::new().info("a.ko", &[("firmware", "old")]).file(
        &format!("/lib/modules/{RELEASE}/updates/a.ko"),
        &module(&Made {
            info: vec![("firmware", "new")],
            ..Made::default()
        }),
    );
    let selection = fixture.kernel().select(&["a"]).expect("selects");
    assert_eq!(selection.firmware[0].name, "new");
}

#[test]
fn one_kernel_and_no_more() {
    let fixture = Fixture::new();
    let code = |fixture: &Fixture| {
        Kernel::read(&fixture.tree, &fixture.store)
            .err()
            .map(|d| d.code)
    };
    assert_eq!(code(&fixture), Some("zosc::kmod::no-modules"));
    let fixture = sample().file("/lib/modules/6.2/kernel/x.ko", b"");
    assert_eq!(code(&fixture), Some("zosc::kmod::several-kernels"));
}

#[test]
fn a_selection_becomes_a_tree_with_its_index_files() {
    let fixture = sample();
    let kernel = fixture.kernel();
    let selection = kernel.select(&["virtio_net", "btrfs"]).expect("selects");
    let tree = kernel
        .tree_of(&selection, 9, &Origin::new("modules"))
        .expect("a tree");
    let read = |name: &str| {
        let path = at(&format!("/lib/modules/{RELEASE}/{name}"));
        let Some(Node::File { digest, .. }) = tree.get(&path).map(|e| e.node.clone()) else {
            panic!("{path} is missing");
        };
        String::from_utf8_lossy(&fixture.store.get(&digest).expect("there")).into_owned()
    };
    assert!(tree.contains(&at(&format!(
        "/lib/modules/{RELEASE}/kernel/net/virtio_net.ko"
    ))));
    assert!(
        read("modules.dep").contains(
            "kernel/net/virtio_net.ko: kernel/net/net_failover.ko kernel/net/failover.ko\n"
        )
    );
    assert!(read("modules.alias").contains("alias virtio:d00000001v* virtio_net\n"));
    assert!(read("modules.devname").ends_with("btrfs btrfs-control c10:234\n"));
    assert!(read("modules.softdep").contains("softdep btrfs pre: crypto-crc32c"));
    assert!(read("modules.builtin").contains("virtio.ko"));
}

#[test]
fn firmware_is_found_packed_linked_and_by_pattern() {
    let link = |fixture: &mut Fixture, path: &str, target: &str| {
        let entry = Entry::symlink(target, 0, Origin::new("test"));
        fixture.tree.insert_with_parents(at(path), entry);
    };
    let mut fixture = Fixture::new()
        .file("/lib/firmware/rtl_nic/a.fw.zst", b"a")
        .file("/lib/firmware/rtl_nic/b.fw", b"b")
        .file("/lib/firmware/rtl_nic/deep/c.fw", b"c")
        .file("/lib/firmware/real/d.fw.xz", b"d");
    link(&mut fixture, "/lib/firmware/alias", "real");
    link(&mut fixture, "/lib/firmware/e.fw.xz", "alias/d.fw.xz");
    link(&mut fixture, "/lib/firmware/gone.fw", "nowhere");
    let selection = select_firmware(
        &fixture.tree,
        &[
            "rtl_nic/a.fw",
            "rtl_nic/*.fw",
            "e.fw",
            "gone.fw",
            "no/*",
            "../escape",
        ],
    );
    assert_eq!(selection.missing, ["gone.fw", "no/*", "../escape"]);
    let files: Vec<_> = selection
        .tree
        .iter()
        .filter(|(_, entry)| !entry.is_directory())
        .map(|(path, _)| path.as_str())
        .collect();
    assert_eq!(
        files,
        [
            "/lib/firmware/alias",
            "/lib/firmware/e.fw.xz",
            "/lib/firmware/real/d.fw.xz",
            "/lib/firmware/rtl_nic/a.fw.zst",
            "/lib/firmware/rtl_nic/b.fw",
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn in_every_closure_needs_are_loaded_before_their_users(
        needs in proptest::collection::vec(proptest::collection::vec(0_usize..12, 0..3), 12),
        wishes in proptest::collection::vec((0_usize..12, 0_usize..12, any::<bool>()), 0..12),
        asked in proptest::collection::vec(0_usize..12, 1..4),
    ) {
        let name = |index: usize| format!("m{index}");
        let mut fixture = Fixture::new();
        let mut hard: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (index, needs) in needs.iter().enumerate() {
            // Needs have smaller numbers, so there is no circle of needs; wishes go anywhere.
            let needs: Vec<String> = needs.iter().filter(|need| **need < index).map(|need| name(*need)).collect();
            let depends = needs.join(",");
            let soft: Vec<String> = wishes
                .iter()
                .filter(|(from, _, _)| *from == index)
                .map(|(_, to, before)| format!("{}: {}", if *before { "pre" } else { "post" }, name(*to)))
                .collect();
            let soft = soft.join(" ");
            fixture = fixture.info(&format!("{}.ko", name(index)), &[("depends", &depends), ("softdep", &soft)]);
            hard.insert(name(index), needs);
        }
        let kernel = fixture.kernel();
        let asked: Vec<String> = asked.into_iter().map(name).collect();
        let selection = kernel.select(&asked).expect("selects");
        let mut loaded = BTreeSet::new();
        for module in &selection.modules {
            for need in &hard[&module.name] {
                prop_assert!(loaded.contains(need), "{} before {}", module.name, need);
            }
            prop_assert!(loaded.insert(module.name.clone()), "{} twice", module.name);
        }
        for name in &asked {
            prop_assert!(loaded.contains(name));
        }
        prop_assert_eq!(kernel.select(&asked).expect("selects"), selection);
    }

    #[test]
    fn noise_is_never_a_panic(at_byte in 0_usize..800, value in any::<u8>(), noise in "[ -~\n\u{0}\u{fc}]{0,200}") {
        let mut bytes = module(&Made { info: vec![("depends", "x")], exports: vec!["a"], imports: vec!["b"] });
        let length = bytes.len();
        bytes[at_byte % length] = value;
        let _ = ModuleFacts::read("m.ko", &bytes);
        let fixture = sample()
            .text("modules.dep", &noise)
            .text("modules.alias", &noise)
            .text("modules.order", &noise)
            .text("modules.builtin", &noise);
        let kernel = fixture.kernel();
        if let Ok(selection) = kernel.select(&["btrfs", &noise]) {
            let _ = depmod(&kernel, &selection);
        }
        let _ = alias_matches(&noise, "virtio:d1");
    }
}
