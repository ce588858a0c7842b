use super::parts::By;
use super::*;
use crate::archive::{Compression, pack};
use crate::cli::render::Style;
use crate::tree::{Entry, Origin};

const NONE: Parts = Parts {
    files: false,
    sizes: false,
    by: None,
    units: false,
    modules: false,
    flists: false,
    segments: false,
    kernel: false,
    efi: false,
};

/// A small image, taken apart in a store of its own.
fn example() -> (tempfile::TempDir, Store, Opened) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(folder.path()).expect("opens");
    let path = |text: &str| ImagePath::new(text).expect("a path");
    let origin = || Origin::new("test");
    let mut tree = Tree::new();
    let database = "P:busybox\nV:1.36.1-r15\nF:bin\nR:busybox\n\n";
    for (at, content, mode) in [
        ("/bin/busybox", "busybox".repeat(300).as_str(), 0o4755),
        ("/etc/motd", "welcome\n", 0o644),
        ("/lib/apk/db/installed", database, 0o644),
        (
            "/etc/zinit/net.yaml",
            "exec: udhcpc\noneshot: true\n",
            0o644,
        ),
        ("/etc/zinit/ntp.yaml", "exec: ntpd\nafter: [net]\n", 0o644),
        ("/etc/zinit/sshd.yaml", "exec: sshd\nafter: [net]\n", 0o644),
        ("/lib/modules/6.12/kernel/e1000.ko", "no module", 0o644),
    ] {
        let digest = store.put(content.as_bytes()).expect("stored");
        let entry = Entry::file(digest, content.len() as u64, mode, 0, origin());
        tree.insert_with_parents(path(at), entry);
    }
    tree.insert(path("/init"), Entry::symlink("bin/busybox", 0, origin()));
    let console = Entry {
        node: Node::CharDevice { major: 5, minor: 1 },
        ..Entry::directory(0o600, 0, origin())
    };
    tree.insert_with_parents(path("/dev/console"), console);
    let mut bytes = Vec::new();
    pack(&tree, &store, 0, Compression::None, &mut bytes).expect("packs");
    let opened = inspect::opened("dist/initramfs.cpio", &bytes, &store).expect("an image");
    (folder, store, opened)
}

fn shown(parts: Parts) -> String {
    let (_folder, _, opened) = example();
    text::text(&opened.report, parts, Style::new(false))
}

#[test]
fn a_summary_shows_every_part_in_short() {
    insta::assert_snapshot!(shown(NONE));
}

#[test]
fn a_part_is_shown_alone_and_in_full() {
    let parts = Parts {
        files: true,
        units: true,
        modules: true,
        ..NONE
    };
    insta::assert_snapshot!(shown(parts));
}

#[test]
fn sizes_are_shared_out_by_kind_and_by_folder_too() {
    let by = |by| {
        shown(Parts {
            by: Some(by),
            ..NONE
        })
    };
    insta::assert_snapshot!(by(By::Kind) + &by(By::Folder));
}

#[test]
fn json_has_the_parts_that_were_asked_for() {
    let (_folder, _, opened) = example();
    let images = [opened];
    let value =
        |parts: Parts| -> Value { serde_json::from_str(&json(&images, parts)).expect("JSON") };
    let whole = value(NONE);
    assert_eq!(whole["initramfs"]["units"][0]["wave"], 1);
    assert_eq!(
        whole["initramfs"]["listing"].as_array().map(Vec::len),
        Some(19)
    );
    let sizes = value(Parts {
        sizes: true,
        ..NONE
    });
    assert!(sizes["digest"].is_string());
    assert!(sizes["initramfs"]["sizes"].is_object());
    assert!(sizes["initramfs"]["listing"].is_null());
}

#[test]
fn words_from_an_image_cannot_steer_the_terminal() {
    let (_folder, _, mut opened) = example();
    let contents = opened.report.initramfs.as_mut().expect("contents");
    contents.init = Some("/init -> \u{1b}[2J".to_owned());
    let text = text::text(&opened.report, NONE, Style::new(false));
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_file_is_found_through_links_and_a_wrong_name_gets_the_right_one() {
    let (_folder, store, opened) = example();
    let content = file(&opened.tree, "/init").map(|digest| store.get(&digest));
    assert!(content.is_some_and(|content| content.is_ok_and(|bytes| bytes.len() == 2_100)));
    assert_eq!(file(&opened.tree, "/etc"), None);
    let problem = no_such_file(&[opened], "/etc/modt");
    assert_eq!(problem.help.as_deref(), Some("did you mean `/etc/motd`?"));
}
