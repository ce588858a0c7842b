//! Promises about what a store, a plan's file, a lock, a place of publication and a server of remote execution say.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use zosc::build;
use zosc::check::{self, Image};
use zosc::diagnostic::Diagnostics;
use zosc::diff::{self, Content, Side, Stored, WrittenPlan};
use zosc::io::Memory;
use zosc::source::SourceMap;
use zosc::tree::{ImagePath, Tree};

use super::{archives, can_be_shown, settings};

/// A manifest of everything that a lock has lines for.
const MANIFEST: &str = "edition 1
image fuzz version=\"1\"
alpine \"3.22\" { mirror \"https://mirror.example/alpine\"; repository main; repository community; key \"std:alpine/6165ee59\"; }
packages { install busybox }
source tool {
    release { asset x86_64 url=\"https://files.example/tool.tar.gz\" sha256=lock; }
    install \"bin/tool\" to=\"/usr/bin/tool\"
}
kernel { package linux-virt; cmdline \"quiet\" }
outputs { initramfs \"initramfs.cpio.xz\" }
";

fn image() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let files = Memory::new([("/fuzz/zos.kdl", MANIFEST)]);
        let (mut sources, mut problems) = (SourceMap::new(), Diagnostics::new());
        let entry = Path::new("zos.kdl");
        let image = check::check(entry, &settings(), &files, &mut sources, &mut problems);
        image.unwrap_or_else(|| panic!("{problems:#?}"))
    })
}

/// Reads a lock beside a manifest: it is refused with a line to look at, or says the same when the store remembers it, and
/// the review of it ends.
pub fn lock(bytes: &[u8]) {
    let (folder, store) = archives::store();
    let mut image = image().clone();
    image.manifest = folder.path().join("zos.kdl");
    std::fs::write(folder.path().join("zos.lock"), bytes).expect("written");
    let read = match zosc::lock::beside(&image, None) {
        Ok(read) => read.expect("there is a lock"),
        Err(problems) => return problems.iter().for_each(can_be_shown),
    };
    for _ in ["read", "remembered"] {
        let again = zosc::lock::beside(&image, Some(&store));
        assert_eq!(again.expect("as before").as_ref(), Some(&read));
    }
    let mut problems = Diagnostics::new();
    zosc::lock::review(&image, Some(&store), &mut problems);
    zosc::lock::answering(&image, None);
    problems.iter().for_each(can_be_shown);
}

/// Reads a tree as a store has it: what is accepted is written as itself.
pub fn tree(bytes: &[u8]) {
    let tree = match Tree::decode(bytes) {
        Ok(tree) => tree,
        Err(problem) => return can_be_shown(&problem),
    };
    assert_eq!(Tree::decode(&tree.encode()).as_ref(), Ok(&tree));
    tree.content_size();
    for (path, _) in tree.iter() {
        assert_eq!(ImagePath::new(path.as_str()).as_ref(), Ok(path));
        if let Some((found, _)) = tree.resolve(path) {
            assert!(tree.contains(&found));
        }
    }
}

/// Reads the record of a build: it is passed over as unreadable, or is the record that it says it is.
pub fn record(bytes: &[u8]) {
    let (_folder, store) = archives::store();
    std::fs::create_dir_all(store.builds()).expect("a folder");
    std::fs::write(build::record_file(&store, 1), bytes).expect("written");
    let records = build::records(&store);
    assert_eq!(records.len() + build::unreadable_records(&store).len(), 1);
    assert_eq!(
        build::newest_first(&store).next().is_some(),
        records.len() == 1
    );
    for record in records {
        assert_eq!(record.number, 1);
        let text = serde_json::to_vec(&record).expect("numbers and texts");
        std::fs::write(build::record_file(&store, 1), text).expect("written");
        assert_eq!(build::newest_first(&store).next(), Some(record));
    }
}

/// Reads a plan from a file: what is accepted is compared with itself, without a difference, and with a plan of nothing.
pub fn plan(bytes: &[u8]) {
    let plan = match WrittenPlan::read("fuzz", bytes) {
        Ok(plan) => plan,
        Err(problem) => return can_be_shown(&problem),
    };
    let nothing = WrittenPlan::read("nothing", br#"{"actions":[],"outputs":[]}"#).expect("a plan");
    let side = |plan: &WrittenPlan| Side {
        name: "fuzz".to_owned(),
        content: Content::Plan(plan.clone()),
        notes: Vec::new(),
    };
    let (_folder, store) = archives::store();
    let compare = |old: &WrittenPlan, new: &WrittenPlan| {
        let stored = Stored::default();
        diff::compare(&side(old), &side(new), &stored, &SourceMap::new(), &store)
    };
    match compare(&plan, &plan) {
        Ok(none) => assert!(
            none.sections
                .iter()
                .all(|section| section.changes.is_empty())
        ),
        Err(problem) => can_be_shown(&problem),
    }
    for (old, new) in [(&plan, &nothing), (&nothing, &plan)] {
        if let Err(problem) = compare(old, new) {
            can_be_shown(&problem);
        }
    }
}

/// Looks into an image as `inspect` does, and compares it with itself as `diff` does.
pub fn image_file(bytes: &[u8]) {
    let (_folder, store) = archives::store();
    let opened = match zosc::inspect::opened("fuzz", bytes, &store) {
        Ok(opened) => opened,
        Err(problem) => return can_be_shown(&problem),
    };
    serde_json::to_string(&opened.report).expect("a report is data");
    let side = Side {
        name: "fuzz".to_owned(),
        content: Content::Image(Box::new(opened)),
        notes: Vec::new(),
    };
    let stored = Stored::default();
    match diff::compare(&side, &side, &stored, &SourceMap::new(), &store) {
        Ok(none) => assert!(
            none.sections
                .iter()
                .all(|section| section.changes.is_empty())
        ),
        Err(problem) => can_be_shown(&problem),
    }
}

/// Reads the index of a place where images are published, and the description of one: the index that is made of it is read as
/// itself.
#[cfg(feature = "publish")]
pub fn published(bytes: &[u8]) {
    use std::collections::BTreeMap;

    use zosc::publish::description::Description;
    use zosc::publish::index::{Index, Listed};

    let mut index = Index::read(bytes);
    let listing = [
        ("a.efi", 7),
        ("b.efi", 9),
        ("b.efi.json", 3),
        ("\u{1b}.efi", 1),
    ];
    let listing = listing.map(|(name, size)| Listed {
        name: name.to_owned(),
        size,
        modified: 1_700_000_000_000,
        tag: None,
    });
    index = Index::of(&listing, &index);
    if let Some(description) = Description::read(bytes) {
        let again = Description::read(description.text().as_bytes());
        assert_eq!(again.as_ref(), Some(&description));
        index.describe(BTreeMap::from([("b.efi".to_owned(), description.clone())]));
        index.bring("c.efi", &description);
    }
    index.updated();
    let names = |index: &Index| {
        let kernels = index.kernels.iter();
        kernels
            .map(|kernel| kernel.name.clone())
            .collect::<Vec<_>>()
    };
    assert!(
        names(&index)
            .iter()
            .all(|name| !name.contains(char::is_control))
    );
    let mut again = names(&Index::read(index.json().as_bytes()));
    let mut once = names(&index);
    once.sort();
    again.sort();
    assert_eq!(again, once);
}

/// Reads the folder that came out of a remote command: its files have paths inside it.
#[cfg(feature = "remote")]
pub fn output_tree(bytes: &[u8]) {
    match zosc::remote::files_of(bytes) {
        Ok(files) => {
            for path in files.keys() {
                let plain = |part: &str| !["", ".", ".."].contains(&part);
                assert!(path.split('/').all(plain), "{path}");
                assert!(!path.contains('\0'), "{path:?}");
            }
        }
        Err(problem) => can_be_shown(&problem),
    }
}

/// Reads apk's database of installed packages: what it lists lies inside the image.
pub fn installed(bytes: &[u8]) {
    let packages = zosc::apk::read_installed(&String::from_utf8_lossy(bytes));
    assert!(packages.is_sorted_by(|one, other| one.name <= other.name));
    for package in packages {
        package.full_name();
        for path in package.directories.iter().chain(&package.files) {
            assert_eq!(ImagePath::new(path.as_str()).as_ref(), Ok(path));
        }
    }
}

/// Opens a block of a store of flists, whose key is the first 32 bytes; what was sealed comes out again.
pub fn block(bytes: &[u8]) {
    use zosc::flist::{Block, BlockId, CHUNK, open, seal};

    let Some((key, stored)) = bytes.split_first_chunk::<32>() else {
        return;
    };
    let block = Block {
        id: BlockId::of(stored),
        key: *key,
    };
    match open(&block, stored) {
        Ok(plain) => assert!(plain.len() <= CHUNK),
        Err(problem) => can_be_shown(&problem),
    }
    let sealed = seal(bytes);
    assert_eq!(open(&sealed.block, &sealed.bytes).as_deref(), Ok(bytes));
}

/// Files in memory below this folder, from an input of parts, each behind a line `>> NAME`.
pub fn files_below(folder: &str, bytes: &[u8]) -> Memory {
    let text = String::from_utf8_lossy(bytes);
    let parts = text.split(">> ").filter_map(|part| part.split_once('\n'));
    let plain = |name: &str| name.split('/').all(|part| !["", ".", ".."].contains(&part));
    Memory::new(
        parts
            .filter(|(name, _)| plain(name))
            .map(|(name, content)| {
                (
                    PathBuf::from(folder).join(name),
                    content.as_bytes().to_vec(),
                )
            }),
    )
}
