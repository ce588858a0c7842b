//! Archives that are compressed in pieces, side by side.

use super::*;

/// A tree that becomes several pieces at the least level of xz: one package's files beside those of others.
fn tree(bench: &Bench, version: &str) -> Tree {
    let mut tree = Tree::new();
    for package in 0..12 {
        for number in 0..40_u64 {
            let own = if package == 5 { version } else { "1" };
            let mut content = format!("{package} {own} {number} ")
                .repeat(500)
                .into_bytes();
            content.resize(60_000 + number as usize, package);
            let mut entry = bench.entry(&content, 0o644);
            entry.origin = Origin::new(format!("package p{package}"));
            tree.insert_with_parents(path(&format!("/usr/share/p{package}/{number}")), entry);
        }
    }
    tree
}

fn packed(bench: &Bench, tree: &Tree, options: &Options<'_>) -> Digest {
    packed_by(bench, tree, options, Compression::Xz { level: 0 })
}

fn packed_by(
    bench: &Bench,
    tree: &Tree,
    options: &Options<'_>,
    compression: Compression,
) -> Digest {
    let mut plan = Plan::default();
    let action = Action::Cpio {
        tree: Input::Known(bench.store.put_tree(tree).expect("stored")),
        compression,
        epoch: 9,
    };
    let packed = plan.add(Stage::InitramfsCreate, "pack", None, action);
    output(&mut plan, "initramfs.cpio.xz", packed);
    let artifacts = bench.run(&plan, options);
    artifacts.expect("builds").outputs[0].digest
}

/// How many results are remembered.
fn results(bench: &Bench) -> usize {
    let folders = fs::read_dir(bench.store.root().join("actions")).expect("lists");
    let count = |folder: std::io::Result<fs::DirEntry>| {
        fs::read_dir(folder.expect("a folder").path())
            .expect("lists")
            .count()
    };
    folders.map(count).sum()
}

/// Keys tell stored results apart by what went in alone, so a store of an earlier zosc would hand out archives as they were then.
#[test]
fn other_bytes_for_the_same_archive_need_another_version_of_its_kind() {
    let bench = Bench::new();
    let tree = tree(&bench, "1");
    let compressions = [
        Compression::None,
        Compression::Gzip,
        Compression::Xz { level: 0 },
        Compression::Zstd { level: 3 },
    ];
    let all = compressions
        .map(|compression| packed_by(&bench, &tree, &bench.options(), compression).to_string());
    let version = Action::Cpio {
        tree: Input::Known(Digest::of(b"")),
        compression: Compression::None,
        epoch: 0,
    }
    .kind_version();
    assert_eq!(
        (version, Digest::of(all.join("\n").as_bytes()).to_string()),
        (
            3,
            "ca1e36b4b9f7490829a2e0765af957759d457c4f5e87adc5c90e144edc731824".to_owned(),
        ),
        "archives have changed: raise the version of their kind in `Action::kind_version`, then this digest",
    );
}

#[test]
fn processors_and_memory_change_no_byte() {
    let mut digests = Vec::new();
    for (jobs, memory) in [(1, u64::MAX), (2, 1), (8, u64::MAX)] {
        let bench = Bench::new();
        let options = Options {
            jobs,
            memory,
            ..bench.options()
        };
        digests.push(packed(&bench, &tree(&bench, "1"), &options));
    }
    digests.dedup();
    assert_eq!(digests.len(), 1);
}

#[test]
fn a_changed_package_costs_its_own_pieces() {
    let bench = Bench::new();
    let first = packed(&bench, &tree(&bench, "1"), &bench.options());
    let all = results(&bench);
    assert!(all > 8, "{all}");
    let second = packed(&bench, &tree(&bench, "2"), &bench.options());
    let new = results(&bench) - all;
    // The archive itself, the pieces with the package's files, and the one that has seen some of them.
    assert!((2..=5).contains(&new), "{new} of {all}");
    assert_ne!(first, second);
    let elsewhere = Bench::new();
    let whole = packed(&elsewhere, &tree(&elsewhere, "2"), &elsewhere.options());
    assert_eq!(
        second, whole,
        "remembered pieces are those that would be made"
    );
}

#[test]
fn a_damaged_piece_is_made_again() {
    let bench = Bench::new();
    let first = packed(&bench, &tree(&bench, "1"), &bench.options());
    let pieces = ledger::pieces(&bench.store, &first);
    assert!(pieces.len() > 8, "{}", pieces.len());
    let made = pieces
        .iter()
        .map(|key| ledger::recorded(&bench.store, key).expect("made"));
    for blob in made.chain([first]) {
        let name = blob.to_string();
        let blob = bench.store.root().join("blobs").join(&name[..1]);
        let blob = blob.join(&name[1..]);
        let bytes = fs::read(&blob).expect("reads");
        fs::write(&blob, [&bytes[..bytes.len() - 1], b"?"].concat()).expect("damaged");
    }
    fs::remove_dir_all(bench.outputs()).expect("removed");
    assert_eq!(packed(&bench, &tree(&bench, "1"), &bench.options()), first);
}
