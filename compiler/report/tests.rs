//! The page is the same for the same image, small for a large one, and harmless for a hostile one.

use serde_json::Value;

use super::*;
use crate::tree::{Entry, ImagePath, Origin};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(folder.path()).expect("opens");
    (folder, store)
}

fn subject(files: &[(&str, u64, &str)]) -> Subject {
    let mut tree = Tree::new();
    for (path, size, origin) in files {
        let path = ImagePath::new(path).expect("a path");
        let digest = Digest::of(path.as_str().as_bytes());
        let entry = Entry::file(digest, *size, 0o644, 0, Origin::new(origin));
        tree.insert_with_parents(path, entry);
    }
    Subject {
        name: "</title><script>bad()</script>".to_owned(),
        file: None,
        build_id: None,
        tree,
        record: None,
    }
}

/// The data of a page, as a browser would read it.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("id=\"data\">").expect("has data");
    let (data, _) = rest.split_once("</script>").expect("ends");
    serde_json::from_str(data).expect("is JSON")
}

#[test]
fn names_stay_names() {
    let (_folder, store) = store();
    let hostile = "/usr/</script><img src=x onerror=alert(1)>{{script}}";
    let page = page(&subject(&[(hostile, 1, "package <b>x</b>-1")]), &store);
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script").count(), 2);
    assert!(!page.contains("<img"), "no markup of a name");
    assert!(page.contains("<title>&lt;/title&gt;"));
    let data = data(&page);
    let kind = &data["tree"]["c"][0];
    assert_eq!(kind["c"][0]["n"], "<b>x</b>-1");
    let shown = kind["c"][0]["c"][0].to_string();
    assert!(shown.contains("onerror"), "{shown}");
}

#[test]
fn the_same_image_gives_the_same_page() {
    let (_folder, store) = store();
    let subject = subject(&[("/bin/a", 5, "package a-1"), ("/bin/b", 5, "package a-1")]);
    assert_eq!(page(&subject, &store), page(&subject, &store));
}

#[test]
fn a_large_image_gives_a_page_of_a_few_hundred_kilobytes() {
    let (_folder, store) = store();
    let paths: Vec<(String, String)> = (0..20_000)
        .map(|number| {
            let path = format!(
                "/usr/share/{}/{}/file-{number}",
                number % 97,
                number % 1_009
            );
            (path, format!("package p{}-1", number % 300))
        })
        .collect();
    let files: Vec<(&str, u64, &str)> = paths
        .iter()
        .zip(1_u64..)
        .map(|((path, origin), size)| (path.as_str(), size, origin.as_str()))
        .collect();
    let subject = subject(&files);
    let page = page(&subject, &store);
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
    let data = data(&page);
    assert_eq!(data["files"], 20_000);
    assert_eq!(data["bytes"], subject.tree.content_size());
}

#[test]
fn folders_of_one_folder_are_one_step() {
    let tree = subject(&[
        ("/lib/modules/6.12/a.ko", 3, "module a"),
        ("/usr/share/doc/x/one", 1, "package x-1"),
        ("/usr/share/doc/x/two", 2, "package x-1"),
    ])
    .tree;
    let outline = outline::outline(&tree);
    let names = |item: &outline::Item| -> Vec<String> {
        item.children
            .iter()
            .map(|child| child.name.clone())
            .collect()
    };
    assert_eq!(names(&outline), ["module", "package"]);
    let package = &outline.children[1].children[0];
    assert_eq!(names(package), ["usr/share/doc/x"]);
    assert_eq!(names(&package.children[0]), ["two", "one"]);
}

#[test]
fn changes_are_told_by_origin_and_by_path() {
    let before = subject(&[("/a", 5, "package a-1"), ("/b", 5, "package b-1")]).tree;
    let after = subject(&[("/a", 7, "package a-2"), ("/c", 1, "package b-1")]).tree;
    let changes = changes::changes(3, &before, &after);
    let told = serde_json::to_value(&changes).expect("plain data");
    assert_eq!(
        told,
        serde_json::json!({
            "since": 3, "added": 1, "removed": 1, "changed": 1, "bytes": [10, 8],
            "origins": [["package a-2", 0, 7], ["package a-1", 5, 0], ["package b-1", 5, 1]],
            "files": [["changed", "/a", 5, 7], ["removed", "/b", 5, 0], ["added", "/c", 0, 1]],
        })
    );
}
