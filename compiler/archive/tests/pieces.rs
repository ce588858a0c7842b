//! Archives in pieces.

use super::*;

/// A tree of many files of several packages, enough for several pieces; `put` brings their contents.
fn large(packages: &[&str], put: impl Fn(&[u8]) -> Digest) -> Tree {
    let mut tree = Tree::new();
    for package in packages {
        for number in 0..40_usize {
            let mut content = format!("{package} {number} ").repeat(100).into_bytes();
            content.resize(100_000 + number * 97, number as u8);
            let origin = Origin::new(format!("package {package}-1-r0"));
            let entry = Entry::file(put(&content), content.len() as u64, 0o644, 7, origin);
            tree.insert_with_parents(path(&format!("/usr/share/{number}/{package}")), entry);
        }
    }
    tree
}

#[test]
fn pieces_are_those_of_the_entries_whatever_else_there_is() {
    let compression = Compression::Xz { level: 0 };
    let names: Vec<String> = (0..20).map(|number| format!("p{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let keys = |names: &[&str]| {
        let archive = Archive::new(&large(names, |content| Digest::of(&content[..50])), 100)
            .expect("lays out");
        let pieces = archive.pieces(compression);
        let ends = pieces
            .windows(2)
            .all(|two| two[0].range.end == two[1].range.start);
        assert!(
            ends && pieces
                .last()
                .is_some_and(|last| last.range.end == archive.size())
        );
        let keys = pieces.into_iter().map(|piece| piece.key);
        keys.collect::<std::collections::BTreeSet<Digest>>()
    };
    let all = keys(&names);
    assert!(all.len() > 20, "{} pieces", all.len());
    for left_out in [3, 11, 19] {
        let fewer: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| *name != names[left_out])
            .collect();
        let fewer = keys(&fewer);
        let new = fewer.difference(&all).count();
        assert!(
            new <= 4,
            "{new} of {} pieces are others without one package",
            fewer.len()
        );
    }
}

#[test]
fn pieces_are_one_stream_and_any_part_is_that_of_the_whole() {
    let (_folder, store) = store();
    let mut tree = large(&["a", "b", "c"], |content| {
        store.put(content).expect("stored")
    });
    // A file larger than a piece is cut itself.
    let big: Vec<u8> = (0..6_000_000_u32).flat_map(u32::to_le_bytes).collect();
    tree.insert(path("/big"), file(&store, &big, 0o644));
    let archive = Archive::new(&tree, 100).expect("lays out");
    let mut whole = Vec::new();
    archive
        .write(&(0..archive.size()), &store, &mut whole)
        .expect("writes");
    assert_eq!(whole, packed(&tree, &store, Compression::None));
    let pieces = archive.pieces(Compression::Xz { level: 0 });
    assert!(pieces.len() > 4);
    for piece in &pieces {
        let mut part = Vec::new();
        archive
            .write(&piece.range, &store, &mut part)
            .expect("writes");
        assert!(part == whole[piece.range.start as usize..piece.range.end as usize]);
    }
    let bytes = packed(&tree, &store, Compression::Xz { level: 0 });
    let contents = unpacked(&bytes, &store);
    assert_eq!(contents.frames.len(), 1);
    assert_eq!(contents.tree.get(&path("/big")), tree.get(&path("/big")));
}

proptest! {
    #[test]
    fn any_range_is_that_of_the_whole(start in 0_u64..4000, length in 0_u64..3000) {
        let (_folder, store) = store();
        let archive = Archive::new(&sample(&store), 100).expect("lays out");
        let mut whole = Vec::new();
        archive.write(&(0..archive.size()), &store, &mut whole).expect("writes");
        let start = start.min(archive.size());
        let end = (start + length).min(archive.size());
        let mut part = Vec::new();
        archive.write(&(start..end), &store, &mut part).expect("writes");
        prop_assert_eq!(&part[..], &whole[start as usize..end as usize]);
    }
}
