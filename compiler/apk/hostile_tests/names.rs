//! Names and links that lead elsewhere.

use super::*;

pub(super) fn names() -> Vec<Attack> {
    let placed = |name: &str| {
        packed(
            &recipe()
                .with_only(Item::file("sound", "x"))
                .with_only(Item::file(name, "x")),
        )
    };
    vec![
        (
            "a name that steps out",
            placed("../etc/passwd"),
            "unsafe-path",
        ),
        (
            "a name that steps out halfway",
            placed("usr/../../etc/passwd"),
            "unsafe-path",
        ),
        ("an absolute name", placed("/etc/passwd"), "unsafe-path"),
        ("a name of dots", placed(".."), "unsafe-path"),
        (
            "a name with an escape sequence",
            placed("a\u{1b}[2Jb"),
            "unsafe-path",
        ),
        (
            "a name longer than Linux allows",
            one(plain(&"d/".repeat(2100), 0), b""),
            "unsafe-path",
        ),
        (
            "a component longer than Linux allows",
            one(plain(&"n".repeat(256), 0), b""),
            "unsafe-path",
        ),
    ]
}

pub(super) fn links() -> Vec<Attack> {
    let through = |link: Item| {
        packed(
            &recipe()
                .with_only(link)
                .with_only(Item::file("lib/passwd", "x")),
        )
    };
    let linked = |target: &str| packed(&recipe().with(Item::hardlink("usr/x", target)));
    vec![
        (
            "a file below a link to elsewhere",
            through(Item::symlink("lib", "/etc")),
            "unsafe-path",
        ),
        (
            "a file below a link upwards",
            through(Item::symlink("lib", "../../etc")),
            "unsafe-path",
        ),
        (
            "a file below a file",
            through(Item::file("lib", "x")),
            "unsafe-path",
        ),
        (
            "a link to nowhere",
            packed(&recipe().with_only(Item::symlink("x", ""))),
            "unsafe-path",
        ),
        (
            "a link with a line break",
            packed(&recipe().with_only(Item::symlink("x", "a\nb"))),
            "unsafe-path",
        ),
        (
            "a hard link that steps out",
            linked("../../etc/shadow"),
            "unsafe-path",
        ),
        (
            "an absolute hard link",
            linked("/etc/shadow"),
            "unsafe-path",
        ),
        (
            "a hard link to another package's file",
            linked("etc/shadow"),
            "bad-hard-link",
        ),
        ("a hard link to a directory", linked("usr"), "bad-hard-link"),
        ("a hard link to itself", linked("usr/x"), "bad-hard-link"),
        (
            "a path twice, differently",
            packed(
                &recipe()
                    .file("etc/x", "1")
                    .with_only(Item::file("etc/x", "2")),
            ),
            "duplicate-path",
        ),
        (
            "a directory over a file",
            packed(
                &recipe()
                    .file("etc/x", "1")
                    .with_only(Item::directory("etc/x")),
            ),
            "duplicate-path",
        ),
        (
            "a device beside the others",
            packed(&recipe().with(Item::new("etc/disk", Content::CharDevice(8, 0)))),
            "stray-device",
        ),
        (
            "a device number that Linux does not have",
            packed(&recipe().with(Item::new("dev/disk", Content::CharDevice(1 << 12, 0)))),
            "malformed-archive",
        ),
        (
            "a device at the top",
            packed(&recipe().with(Item::new("dev", Content::CharDevice(1, 1)))),
            "stray-device",
        ),
    ]
}
