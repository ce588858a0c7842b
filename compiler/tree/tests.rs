use super::*;

fn path(text: &str) -> ImagePath {
    ImagePath::new(text).expect("a valid path")
}

fn origin() -> Origin {
    Origin::new("test")
}

#[test]
fn a_tree_survives_its_encoding() {
    let mut tree = Tree::new();
    let mut entry = Entry::file(Digest::of(b"hello"), 5, 0o4755, 7, origin());
    entry
        .xattrs
        .insert("security.capability".into(), vec![0, 255, 1]);
    tree.insert_with_parents(path("/usr/bin/hello"), entry);
    tree.insert_with_parents(path("/bin"), Entry::symlink("usr/bin", 0, origin()));
    let read = Tree::decode(&tree.encode()).expect("decodes");
    assert_eq!(read, tree);
    assert_eq!(read.digest(), tree.digest());
}

#[test]
fn links_resolve_inside_the_tree() {
    let mut tree = Tree::new();
    tree.insert_with_parents(path("/usr/bin/sh"), Entry::symlink("busybox", 0, origin()));
    tree.insert_with_parents(
        path("/usr/bin/busybox"),
        Entry::file(Digest::of(b""), 0, 0o755, 0, origin()),
    );
    tree.insert(path("/bin"), Entry::symlink("/usr/bin", 0, origin()));
    tree.insert(path("/loop"), Entry::symlink("loop", 0, origin()));
    let (found, _) = tree.resolve(&path("/bin/sh")).expect("resolves");
    assert_eq!(found, path("/usr/bin/busybox"));
    assert!(tree.resolve(&path("/loop")).is_none());
    assert!(tree.resolve(&path("/bin/missing")).is_none());
}

#[test]
fn damaged_encodings_are_refused() {
    assert!(Tree::decode(b"{\"path\":\"/../x\"}").is_err());
    assert!(Tree::decode(b"not json").is_err());
}
