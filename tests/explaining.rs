//! What zosc tells of an image and a build: `inspect`, `plan` and `why`, over packages that the test makes and signs.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

#[path = "support/mod.rs"]
mod support;

use serde_json::Value;
use support::packages::{Content, Item, Recipe, SignatureHash, SigningKey, index};
use support::project;

/// An image of packages, files and units, as an initramfs.
const IMAGE: &str = r##"
packages { install marks }
file "/init" mode="0755" text="#!/bin/marks\n"
file "/etc/motd" text="welcome\n"
zinit dialect=toml
unit network { exec "/bin/marks network"; oneshot }
unit sshd { exec "/bin/marks sshd"; requires network }
branding { hostname test; build-id "/etc/build-id" }
size { drop docs }
outputs { initramfs "initramfs.cpio.xz" }
"##;

/// A project with packages that need one another.
struct Project(project::Project);

impl Project {
    fn new() -> Self {
        let project = Self(project::Project::new(IMAGE));
        project.publish("1.0-r0");
        project
    }

    fn edit(&self, from: &str, to: &str) {
        self.0.edit(|text| {
            assert!(text.contains(from), "`{from}` is not in the manifest");
            text.replace(from, to)
        });
    }

    /// A program, the library that it needs in a version, and a base.
    fn publish(&self, library: &str) {
        let recipes = [
            Recipe::new("base", "1.0-r0").file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
            Recipe::new("libmarks", library).file("lib/libmarks.so", library),
            Recipe::new("marks", "2.1-r3")
                .depends(&["libmarks", "base"])
                .file("usr/share/doc/marks/README", "read me\n")
                .with(Item::new("bin/marks", Content::File(b"marks".into())).mode(0o755)),
        ];
        let key = SigningKey::generate("test.rsa.pub", b"command line");
        let signer = Some((&key, SignatureHash::Sha256));
        let archives: Vec<_> = recipes.iter().map(|recipe| recipe.pack(signer)).collect();
        let folder = self.0.path("repository/x86_64");
        for archive in &archives {
            std::fs::write(folder.join(archive.file_name()), &archive.bytes).unwrap();
        }
        let index = index(&archives, "test", signer);
        std::fs::write(folder.join("APKINDEX.tar.gz"), index).unwrap();
    }

    /// What a command prints that ends with this code.
    fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.0.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}:\n{said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn prints(&self, arguments: &[&str]) -> String {
        self.ends(0, arguments)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let text = self.prints(&[arguments, &["--format", "json"]].concat());
        serde_json::from_str(&text).unwrap()
    }
}

/// The member of a list whose field has this value.
fn member<'v>(list: &'v Value, field: &str, value: &str) -> &'v Value {
    let mut members = list.as_array().unwrap().iter();
    let found = members.find(|member| member[field] == value);
    found.unwrap_or_else(|| panic!("no {field} {value} in {list:#}"))
}

#[test]
fn origins_come_from_the_record_and_else_from_the_image() {
    let project = Project::new();
    project.prints(&["build"]);
    let image = "dist/initramfs.cpio.xz";
    let here = project.json(&["inspect", image]);
    let elsewhere = project.json(&["inspect", image, "--store", "other"]);
    assert_eq!(here["initramfs"]["origins"], "record");
    assert_eq!(elsewhere["initramfs"]["origins"], "image");
    for (path, recorded, guessed) in [
        ("/init", "file /init", "unknown"),
        ("/bin/marks", "package marks-2.1-r3", "package marks-2.1-r3"),
        ("/etc/zinit/services/sshd.toml", "unit sshd", "unit sshd"),
        ("/lib/apk/db/installed", "apk database", "apk database"),
        ("/etc/hostname", "branding", "unknown"),
    ] {
        let origin = |report: &Value| {
            let listing = &report["initramfs"]["listing"];
            member(listing, "path", path)["origin"].clone()
        };
        assert_eq!(origin(&here), recorded, "{path}");
        assert_eq!(origin(&elsewhere), guessed, "{path}");
    }
}

#[test]
fn a_part_of_a_folder_of_images_and_a_file_of_one_can_be_asked_for() {
    let project = Project::new();
    project.edit("welcome", "hello");
    project.prints(&["build"]);
    let image = "dist/initramfs.cpio.xz";
    std::fs::copy(project.0.path(image), project.0.path("dist/copy.cpio.xz")).unwrap();
    let both = project.json(&["inspect", "dist", "--units"]);
    let images = both["images"].as_array().unwrap();
    assert_eq!(images.len(), 2);
    for image in images {
        let units = &image["initramfs"]["units"];
        assert_eq!(member(units, "name", "network")["wave"], 1);
        assert_eq!(member(units, "name", "sshd")["wave"], 2);
        assert!(image["initramfs"]["listing"].is_null());
        assert_eq!(image["build"]["number"], 1);
    }
    let motd = project.prints(&["inspect", image, "--cat", "etc/motd"]);
    assert_eq!(motd, "hello\n");
    let sizes = project.prints(&["inspect", image, "--by", "kind", "--color", "always"]);
    assert!(sizes.contains("package"), "{sizes}");
    assert!(sizes.contains("\u{1b}[1m"), "{sizes}");
    project.ends(1, &["inspect", image, "--cat", "/etc/modt"]);
    project.ends(1, &["inspect", "nowhere"]);
}

/// The lines of a plan's human form that say what is to do.
fn to_do(project: &Project) -> Vec<String> {
    let text = project.prints(&["plan", "--stale"]);
    let marked = |line| str::strip_prefix(line, "  • ").or(str::strip_prefix(line, "  ◦ "));
    let lines = text.lines().filter_map(marked);
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    words.collect()
}

#[test]
fn a_plan_names_what_changed_in_the_words_of_the_manifest() {
    let project = Project::new();
    assert!(to_do(&project).contains(&"write units never built".to_owned()));
    project.prints(&["build"]);
    assert!(to_do(&project).is_empty());

    project.edit("\"/bin/marks sshd\"", "\"/bin/marks sshd -D\"");
    let told = to_do(&project);
    for line in [
        "write units unit sshd changed: exec",
        "initramfs after `write units`: unit sshd changed: exec",
    ] {
        assert!(told.contains(&line.to_owned()), "{told:#?}");
    }
    let merged = project.prints(&["plan", "--stage", "components_copy"]);
    assert!(
        merged.contains("1 action, 1 to do: 0 for certain, 1 behind"),
        "{merged}"
    );
    project.edit("\"/bin/marks sshd -D\"", "\"/bin/marks sshd\"");

    project.edit("welcome", "hello");
    assert_eq!(to_do(&project)[0], "write files file /etc/motd changed");
    project.edit("hello", "welcome");

    project.edit(
        "unit network",
        "unit loopback { exec \"/bin/marks lo\"; oneshot }\nunit network",
    );
    let added = "write units unit loopback added".to_owned();
    assert!(to_do(&project).contains(&added));
    let plan = project.json(&["plan", "--stale"]);
    let units = member(&plan["actions"], "label", "write units");
    assert_eq!(units["causes"][0], "unit loopback added");
    let merge = member(&plan["actions"], "label", "merge components");
    assert_eq!(merge["roots"][0], units["id"]);
    let graph = project.prints(&["plan", "--format", "dot"]);
    assert!(
        graph.contains("[label=\"write units\", fillcolor=orange]"),
        "{graph}"
    );
    assert!(
        graph.contains("fillcolor=moccasin") && graph.contains(" -> "),
        "{graph}"
    );
}

#[test]
fn another_version_of_a_package_is_named() {
    let project = Project::new();
    project.prints(&["build"]);
    project.publish("1.0-r1");
    project.prints(&["update"]);
    let told = to_do(&project);
    let fetch = "fetch libmarks package libmarks 1.0-r0 → 1.0-r1".to_owned();
    assert!(told.contains(&fetch), "{told:#?}");
    // With the package in the store, the installation says it by itself.
    project.prints(&["fetch"]);
    let told = to_do(&project);
    assert!(
        told.iter()
            .any(|line| line.starts_with("unpack libmarks package")),
        "{told:#?}"
    );
    project.prints(&["build"]);
    let plan = project.json(&["plan"]);
    let install = member(&plan["actions"], "kind", "install-packages");
    let label = install["label"].as_str().unwrap();
    let last = &project.json(&["plan", "--explain", label])["last"];
    assert_eq!(last["causes"][0], "package libmarks 1.0-r0 → 1.0-r1");
}

#[test]
fn an_action_is_explained_by_its_label_or_its_number() {
    let project = Project::new();
    project.prints(&["build"]);
    let text = project.prints(&["plan", "--explain", "fetch marks"]);
    for wanted in [
        "fetch marks  fetch, stage alpine_extract",
        "downloads a file whose digest is locked",
        "stored: it would not run",
        " ms in build 1: never built",
        "needed by   `unpack marks`",
        "ends up in  initramfs.cpio.xz",
        "package marks",
        "zos.kdl:8:20",
        "packages { install marks }",
        "here",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
    }
    let explained = project.json(&["plan", "--explain", "write units"]);
    assert_eq!(
        explained["depends_on"]["unit sshd"]["exec"],
        "/bin/marks sshd"
    );
    assert!(explained["key"].is_string());
    assert_eq!(explained["last"]["build"], 1);
    let id = explained["id"].to_string();
    assert_eq!(
        project.json(&["plan", "--explain", &id])["label"],
        "write units"
    );

    let refused = |asked: &str| {
        let arguments = ["plan", "--explain", asked, "--message-format", "json"];
        let line = project.ends(1, &arguments);
        serde_json::from_str::<Value>(line.trim()).unwrap()
    };
    let unknown = refused("write unit");
    assert_eq!(unknown["code"], "zosc::cli::unknown-action");
    assert_eq!(unknown["help"], "did you mean `write units`?");
    project.ends(2, &["plan", "--stage", "alpine"]);
}

/// The texts of the links of the only answer of a kind.
fn links(project: &Project, asked: &str, kind: &str) -> Vec<String> {
    let document = project.json(&["why", asked]);
    let links = member(&document["answers"], "kind", kind)["links"].clone();
    let links = links.as_array().unwrap().iter();
    links
        .map(|link| {
            let line = &link["site"]["line"];
            let place = line
                .as_u64()
                .map_or(String::new(), |line| format!(" :{line}"));
            format!("{}{place}", link["text"].as_str().unwrap())
        })
        .collect()
}

#[test]
fn why_follows_every_chain_back_to_the_manifest() {
    let project = Project::new();
    project.prints(&["build"]);
    assert_eq!(
        links(&project, "libmarks", "package"),
        [
            "marks-2.1-r3 needs `libmarks`",
            "the manifest installs `marks` :8"
        ]
    );
    assert_eq!(
        links(&project, "/lib/libmarks.so", "path"),
        [
            "a file of 6 B, mode 0644, from package libmarks-1.0-r0",
            "marks-2.1-r3 needs `libmarks`",
            "the manifest installs `marks` :8"
        ]
    );
    assert_eq!(
        links(&project, "sshd", "unit"),
        [
            "the manifest has it as a daemon :13",
            "it starts in wave 2 of 2",
            "requires network: it waits for that"
        ]
    );
    let network = links(&project, "network", "unit");
    let held = "the unit sshd waits for it: requires network :13".to_owned();
    assert!(network.contains(&held), "{network:#?}");
    assert_eq!(
        links(&project, "/usr/share/doc/marks/README", "path"),
        [
            "it is not in the image: `drop docs` leaves it out :15",
            "before that it was a file of 8 B, mode 0644, from package marks-2.1-r3",
            "the manifest installs `marks` :8"
        ]
    );
    let unit = links(&project, "/etc/zinit/services/sshd.toml", "path");
    assert!(unit[0].ends_with("from unit sshd"), "{unit:#?}");
    assert_eq!(unit[1], "the manifest has it as a daemon :13");

    let text = project.prints(&["why", "/etc/motd"]);
    for wanted in [
        "from file /etc/motd",
        "the manifest puts it there",
        "zos.kdl:10:6",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
    }
}

#[test]
fn why_tells_which_layer_won_and_what_is_nowhere() {
    let project = Project::new();
    project.edit(
        "zinit dialect",
        "file \"/etc/passwd\" text=\"root:x:0:0::/root:/bin/marks\\n\"\nunit marks { target }\nzinit dialect",
    );
    // Before any build, what the manifest says is known.
    let declared = links(&project, "/etc/passwd", "path");
    assert_eq!(declared[0], "the manifest puts it there :11");
    assert!(declared[1].contains("run `zosc build`"), "{declared:#?}");
    project.prints(&["build"]);
    let passwd = links(&project, "/etc/passwd", "path");
    let won = "file /etc/passwd won over package base-1.0-r0 in `merge files`".to_owned();
    assert!(passwd.contains(&won), "{passwd:#?}");
    // A package and a unit of one name are both told, also of an image that is named.
    let image = ["why", "marks", "--image", "dist/initramfs.cpio.xz"];
    let both = project.json(&image);
    for kind in ["package", "unit"] {
        member(&both["answers"], "kind", kind);
    }
    let refused = |asked: &str| {
        let line = project.ends(1, &["why", asked, "--message-format", "json"]);
        let line: Value = serde_json::from_str(line.trim()).unwrap();
        assert_eq!(line["code"], "zosc::why::nothing-known");
        line["help"].as_str().unwrap().to_owned()
    };
    assert_eq!(refused("libmark"), "did you mean `libmarks`?");
    assert_eq!(refused("/etc/modt"), "did you mean `/etc/motd`?");
}
