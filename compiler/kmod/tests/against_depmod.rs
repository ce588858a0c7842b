//! Index files beside those that the real depmod writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

/// The modules below a real folder, as a tree.
fn tree_from(root: &Path, folder: &Path, store: &Store, tree: &mut Tree) {
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("lists")
        .map(|e| e.expect("an entry").path())
        .collect();
    names.sort();
    for path in names {
        if path.is_dir() {
            tree_from(root, &path, store, tree);
        } else if path.is_file() {
            let content = fs::read(&path).expect("reads");
            let place = path
                .strip_prefix(root)
                .expect("below")
                .to_str()
                .expect("UTF-8");
            let digest = store.put(&content).expect("stored");
            let entry = Entry::file(
                digest,
                content.len() as u64,
                0o644,
                0,
                Origin::new("kernel"),
            );
            tree.insert_with_parents(at(place), entry);
        }
    }
}

/// An unpacked kernel package, from ZOSC_TEST_KERNEL.
#[allow(clippy::disallowed_methods)]
fn real_kernel() -> Option<PathBuf> {
    let found = std::env::var_os("ZOSC_TEST_KERNEL").map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: ZOSC_TEST_KERNEL names no unpacked kernel package");
    }
    found
}

/// Writes a selection below `folder`, runs the real depmod there, and compares file by file.
fn compare_with_depmod(kernel: &Kernel<'_>, store: &Store, selection: &Selection) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let modules = folder.path().join("lib/modules").join(kernel.release());
    let tree = kernel
        .tree_of(selection, 0, &Origin::new("modules"))
        .expect("a tree");
    let made_by_depmod = [
        "modules.order",
        "modules.builtin",
        "modules.builtin.modinfo",
    ];
    for (path, entry) in tree.iter() {
        let Node::File { digest, .. } = &entry.node else {
            continue;
        };
        let index = path
            .parent()
            .is_some_and(|parent| parent.as_str().ends_with(kernel.release()));
        if index && !made_by_depmod.contains(&path.file_name()) {
            continue;
        }
        let place = folder.path().join("lib/modules").join(
            path.relative()
                .trim_start_matches("usr/")
                .trim_start_matches("lib/modules/"),
        );
        fs::create_dir_all(place.parent().expect("a folder")).expect("made");
        fs::write(place, store.get(digest).expect("there")).expect("written");
    }
    let ran = Command::new("depmod")
        .arg("-b")
        .arg(folder.path())
        .arg(kernel.release())
        .status();
    if !ran.is_ok_and(|status| status.success()) {
        eprintln!("skipped: depmod is not installed");
        return false;
    }
    for file in depmod(kernel, selection).expect("index files") {
        let theirs = fs::read(modules.join(file.name)).unwrap_or_default();
        if file.name == "modules.symbols" {
            let sorted = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes).into_owned();
                text.lines().map(str::to_owned).collect::<BTreeSet<_>>()
            };
            assert_eq!(sorted(&file.content), sorted(&theirs));
        } else {
            assert!(
                file.content == theirs,
                "{} differs from depmod's",
                file.name
            );
        }
    }
    true
}

#[test]
fn index_files_equal_what_depmod_writes() {
    let fixture = Fixture::new()
        .module(
            "a-one.ko",
            &Made {
                info: vec![("depends", "b"), ("alias", "pci:v-1[0-9]*")],
                exports: vec!["a1"],
                imports: vec!["b1", "printk"],
            },
        )
        .module(
            "b.ko",
            &Made {
                info: vec![("alias", "devname:b"), ("alias", "char-major-10-7")],
                exports: vec!["b1", "b2"],
                imports: vec!["c1"],
            },
        )
        .module(
            "c.ko",
            &Made {
                info: vec![
                    ("softdep", "pre: b"),
                    ("alias", "pci:v1*"),
                    ("alias", "pci:v-1[0-9]*"),
                ],
                exports: vec!["c1"],
                imports: vec![],
            },
        )
        .module(
            "d.ko",
            &Made {
                info: vec![("depends", "a-one,c")],
                exports: vec![],
                imports: vec!["a1", "c1", "b2"],
            },
        )
        .text(
            "modules.order",
            "kernel/d.ko\nkernel/c.ko\nkernel/b.ko\nkernel/a-one.ko\nkernel/gone.ko\n",
        )
        .text(
            "modules.builtin",
            "kernel/x/virtio-ring.ko\nkernel/x/virtio.ko\n",
        )
        .file(
            &format!("/lib/modules/{RELEASE}/modules.builtin.modinfo"),
            b"virtio.alias=virtio-*\0virtio.license=GPL\0virtio.alias=other\0",
        );
    let kernel = fixture.kernel();
    for names in [&["d"][..], &["b", "a_one"], &["c"], &["d", "c", "b"]] {
        let selection = kernel.select(names).expect("selects");
        compare_with_depmod(&kernel, &fixture.store, &selection);
    }
}

#[test]
fn a_real_kernel_s_index_files_equal_what_depmod_writes() {
    let Some(root) = real_kernel() else { return };
    let mut fixture = Fixture::new();
    tree_from(
        &root,
        &root.join("lib/modules"),
        &fixture.store,
        &mut fixture.tree,
    );
    let kernel = fixture.kernel();
    let names = [
        "virtio_net",
        "virtio_blk",
        "virtio-pci",
        "btrfs",
        "overlay",
        "nvme",
        "nfsd",
        "cifs",
    ];
    let selection = kernel.select(&names).expect("selects");
    assert!(order(&selection).contains(&"virtio_ring"));
    compare_with_depmod(&kernel, &fixture.store, &selection);
    let everything: Vec<String> = kernel.modules().map(str::to_owned).collect();
    let selection = kernel.select(&everything).expect("selects");
    assert_eq!(selection.modules.len(), everything.len());
    assert!(compare_with_depmod(&kernel, &fixture.store, &selection));
}
