use std::path::Path;

use crate::check::{self, Settings};
use crate::cli::render::Style;
use crate::diagnostic::Diagnostics;
use crate::diff::{Content, Difference, ManifestSide, Side, Stored, compare};
use crate::io::Memory;
use crate::lock::Inputs;
use crate::source::SourceMap;
use crate::tree::Store;

use super::{Failed, code, human, markdown};

/// What every manifest of these tests begins with, where it does not say otherwise.
const HEAD: [(&str, &str); 5] = [
    ("edition", "edition 1"),
    ("image", "image site"),
    (
        "alpine",
        "alpine \"3.22\" { repository \"https://h/main\"; key \"keys/a.rsa.pub\" }",
    ),
    ("zinit", "zinit dialect=toml"),
    ("outputs", "outputs { initramfs \"site.cpio.xz\" }"),
];

/// Pairs of manifests, section by section: a name, what it was, what it is.
const PAIRS: [(&str, &str, &str); 18] = [
    (
        "image",
        "image site version=\"1\" { epoch \"2026-01-01T00:00:00Z\" }",
        "image site version=\"2\" { title \"Site\"; epoch \"2026-02-01T00:00:00Z\" }",
    ),
    (
        "alpine",
        "alpine \"3.22\" { mirror \"https://m\"; repository main; repository community; key \"keys/a.rsa.pub\" }",
        "alpine \"3.22\" { mirror \"https://m\" \"https://n\"; repository community; repository main; repository \"https://h/x\" tag=x; key \"keys/a.rsa.pub\" }",
    ),
    (
        "packages",
        "packages { install a b version=\"~1\"; exclude c; scripts skip }",
        "packages { install b version=\"~2\"; install d; exclude e; scripts run; scripts skip b }",
    ),
    (
        "toolchain",
        "toolchain rust { host }\ntoolchain old { host }",
        "toolchain rust { alpine packages=\"rust cargo\" }",
    ),
    (
        "source",
        "toolchain c { host }\nsource a { release \"https://h/a\" sha256=\"0000000000000000000000000000000000000000000000000000000000000000\"; install a to=\"/bin/a\" }",
        "toolchain c { host }\nsource a { release \"https://h/a2\" sha256=\"1111111111111111111111111111111111111111111111111111111111111111\"; install a2 to=\"/bin/a\" mode=\"0700\"; verify static }\nsource b { path agent; build script=make; install x to=\"/bin/x\" }",
    ),
    (
        "kernel",
        "kernel \"6.12\" { package linux-virt; cmdline \"console=ttyS0 quiet\"; embed none }",
        "kernel { package linux-lts; cmdline \"console=ttyS0 panic=10\"; embed none }",
    ),
    (
        "modules",
        "kernel { package linux-virt; cmdline \"console=ttyS0\"; embed none }\nmodules { stage1 loop fuse; stage2 igb }",
        "kernel { package linux-virt; cmdline \"console=ttyS0\"; embed none }\nmodules { stage1 fuse loop virtio_net; stage2 igb optional=#true }",
    ),
    (
        "firmware",
        "kernel { package linux-virt; cmdline \"console=ttyS0\"; embed none }\nmodules { stage1 igb }\nfirmware { package linux-firmware-a; keep \"a/*\" }",
        "kernel { package linux-virt; cmdline \"console=ttyS0\"; embed none }\nmodules { stage1 igb }\nfirmware { for-modules stage1; package linux-firmware-a; package linux-firmware-b }",
    ),
    (
        "unit and boot order",
        "unit a { exec \"/bin/a -v\"; env X=\"1\" }\nunit b { exec \"/bin/b\"; requires a; restart on-failure }\nunit c { exec \"/bin/c\" }",
        "unit b { exec \"/bin/b\"; restart on-failure }\nunit a { exec \"/bin/a\"; requires b; env X=\"1\" Y=\"2\"; stop timeout=\"5s\"; test \"/bin/true\" within=\"3s\" }\nunit d { target; requires a }",
    ),
    (
        "account and group",
        "account root { passwordless }\naccount a uid=1000\naccount b\ngroup g gid=5",
        "account b { shell \"/bin/sh\" }\naccount a uid=1001\ngroup g gid=6",
    ),
    (
        "branding",
        "branding { hostname a; os-release id=a pretty=\"A\" }",
        "branding { hostname b; os-release id=a pretty=\"A {version}\"; build-id \"/etc/build\" }",
    ),
    (
        "file",
        "file \"/etc/a\" text=\"one\\ntwo\\nthree\\n\"\nfile \"/etc/b\" text=\"b\"\nfile \"/etc/d\" text=\"d\"",
        "file \"/etc/a\" text=\"one\\n2\\nthree\\n\" mode=\"0600\"\nfile \"/etc/c\" link=\"b\"\nfile \"/etc/d\" text=\"e\"",
    ),
    (
        "overlay",
        "overlay agent to=\"/srv\"\noverlay boot to=\"/boot\"",
        "overlay boot to=\"/boot\"\noverlay agent to=\"/srv\"",
    ),
    (
        "size",
        "size { strip binaries; drop man docs; max initramfs=\"2MiB\" }",
        "size { strip binaries modules; drop man \"/usr/x/*\"; max initramfs=\"3MiB\" }",
    ),
    (
        "initramfs",
        "initramfs compress=xz level=9 { segments #true }",
        "initramfs compress=zstd level=19 { segments #false }",
    ),
    (
        "outputs",
        "outputs { initramfs \"a.cpio.xz\" }",
        "outputs { initramfs \"b.cpio.xz\" }",
    ),
    (
        "publish",
        "publish s3 endpoint=\"https://s3.example\" bucket=zos { key-id (env)A; secret (env)B }",
        "publish s3 endpoint=\"https://s3.example\" bucket=zos prefix=\"kernel\" { key-id (env)A; secret (env)C; index kernels }",
    ),
    (
        "boot",
        "boot memory=\"512MiB\" { expect \"pid1 zinit\" }",
        "boot memory=\"1GiB\" cpus=2 { expect \"pid1 init\" within=\"9s\" }",
    ),
];

fn whole(text: &str) -> String {
    let has = |section: &str| text.lines().any(|line| line.starts_with(section));
    let missing = HEAD.iter().filter(|(section, _)| !has(section));
    let head: Vec<&str> = missing.map(|(_, line)| *line).collect();
    format!("{text}\n{}\n", head.join("\n"))
}

/// The difference of two manifests without locks.
fn difference(old: &str, new: &str) -> Difference {
    let mut sources = SourceMap::new();
    let mut side = |name: &str, text: &str| {
        let pem = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n";
        let files = Memory::new([
            (format!("/site/{name}"), whole(text)),
            ("/site/keys/a.rsa.pub".to_owned(), pem.to_owned()),
            ("/site/agent/Makefile".to_owned(), "all:\n".to_owned()),
            ("/site/boot/x".to_owned(), "x".to_owned()),
        ]);
        let settings = Settings {
            current_directory: "/site".into(),
            ..Settings::default()
        };
        let mut problems = Diagnostics::new();
        let path = Path::new(name);
        let image = check::check(path, &settings, &files, &mut sources, &mut problems);
        let image = image.unwrap_or_else(|| panic!("{text}\n{problems:#?}"));
        Side {
            name: name.to_owned(),
            content: Content::Manifest(Box::new(ManifestSide {
                image,
                inputs: Inputs::default(),
                locked: false,
                plan: None,
            })),
            notes: Vec::new(),
        }
    };
    let (old, new) = (side("old.kdl", old), side("new.kdl", new));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(folder.path()).expect("a store");
    compare(&old, &new, &Stored::default(), &sources, &store).expect("both are manifests")
}

#[test]
fn each_section_tells_what_is_different_about_it() {
    let mut text = String::new();
    for (name, old, new) in PAIRS {
        let found = human::text(&difference(old, new), Style::new(false));
        text.push_str(&format!(
            "=== {name}\n--- old.kdl\n{old}\n--- new.kdl\n{new}\n---\n{found}\n"
        ));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_comment_on_a_pull_request() {
    let old = PAIRS[8].1.to_owned() + "\n" + PAIRS[11].1;
    let new = PAIRS[8].2.to_owned() + "\n" + PAIRS[11].2;
    insta::assert_snapshot!(markdown::text(&difference(&old, &new), false));
    let short = markdown::text(&difference(&old, &new), true);
    assert!(short.contains("| unit | 4 |"), "{short}");
}

#[test]
fn names_and_texts_from_outside_are_no_markup() {
    let name = "/etc/a|b`c`<img src=x>@team [l](http://x) </details> www.x.org _e_";
    let text = "old\\n````\\n</details>\\n@team\\n";
    let old = format!("file \"{name}\" text=\"{text}\"");
    let new = format!("file \"{name}\" text=\"new\\n{text}\"");
    let page = markdown::text(&difference(&old, &new), false);
    let (before, after) = page.split_once("`````diff\n").expect("a longer fence");
    let (inside, after) = after.split_once("\n`````\n").expect("its end");
    assert!(inside.contains("</details>"), "a fence holds anything");
    for piece in [before, after] {
        for wrong in ["<img", "@", "](", "http://", "www.", "`c`", "a|b", "_e_"] {
            assert!(!piece.contains(wrong), "{wrong} in\n{piece}");
        }
        assert_eq!(
            piece.matches("<details>").count() + piece.matches("</details>").count(),
            1
        );
    }
}

#[test]
fn a_comment_has_a_longest_length() {
    let files = |content: &str| {
        let files = (0..2_000).map(|n| format!("file \"/etc/{n}\" text=\"{content}\\nline\\n\"\n"));
        files.collect::<Vec<_>>().concat()
    };
    let page = markdown::text(&difference(&files("a"), &files("b")), false);
    assert!(page.len() <= 60_000, "{}", page.len());
    assert!(page.contains("more rows do not fit here"));
    assert_eq!(
        page.matches("<details>").count(),
        page.matches("</details>").count()
    );
}

#[test]
fn colours_are_there_where_they_are_wanted() {
    let difference = difference(PAIRS[11].1, PAIRS[11].2);
    assert!(human::text(&difference, Style::new(true)).contains("\u{1b}[1;32m+"));
    assert!(!human::text(&difference, Style::new(false)).contains('\u{1b}'));
    assert!(human::stat(&difference, Style::new(false)).contains("file  +1 -1 ~2"));
}

#[test]
fn what_could_steer_a_terminal_is_shown_as_an_escape() {
    let old = "file \"/etc/a\" text=\"x\"";
    let new = "file \"/etc/a\" text=\"\\u{1b}[2J\\u{202e}x\"";
    let text = human::text(&difference(old, new), Style::new(false));
    assert!(text.contains("\\u{1b}[2J\\u{202e}x"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']));
}

#[test]
fn the_document_keeps_its_form() {
    let difference = difference(
        "unit a { exec \"/bin/a\" }",
        "unit a { exec \"/bin/b\" }\nfile \"/x\" text=\"\"",
    );
    let text = serde_json::to_string_pretty(&difference).expect("plain data");
    insta::assert_snapshot!(text);
}

#[test]
fn a_comparison_that_was_stopped_says_nothing_of_its_sides() {
    assert_eq!([code(Ok(true), None), code(Ok(false), None)], [0, 1]);
    assert_eq!(code(Err(Failed), None), 2);
    assert_eq!(code(Err(Failed), Some(130)), 130);
    // Whoever stops it too late has an answer.
    assert_eq!(code(Ok(true), Some(130)), 0);
}
