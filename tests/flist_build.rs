//! Images that carry lists of files instead of the files: all modules of a kernel, a set of firmware, a folder.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::packages::{Recipe, SignatureHash, SigningKey, index};
use support::project::{IMAGE, Project};
use zosc::flist::{Kind, List};
use zosc::tree::{Digest, ImagePath, Node, Store, Tree};

/// A kernel's folder, cut down to some of its modules; `None`, said aloud, without one.
fn kernel(project: &Project) -> Option<String> {
    let Some(unpacked) = std::env::var_os("ZOSC_TEST_KERNEL").map(PathBuf::from) else {
        println!("skipped: ZOSC_TEST_KERNEL names no unpacked kernel package");
        return None;
    };
    let only = |folder: &Path| {
        let mut entries = std::fs::read_dir(folder).unwrap();
        entries.next().unwrap().unwrap().path()
    };
    let modules = only(&unpacked.join("lib/modules"));
    let release = modules.file_name().unwrap().to_str().unwrap().to_owned();
    let copy = |name: &str| {
        let to = project.path(&format!("modules/{release}/{name}"));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(modules.join(name), to).unwrap();
    };
    for name in [
        "modules.builtin",
        "modules.builtin.modinfo",
        "modules.order",
    ] {
        copy(name);
    }
    for name in [
        "drivers/net/net_failover",
        "net/core/failover",
        "fs/fuse/fuse",
        "drivers/net/dummy",
    ] {
        copy(&format!("kernel/{name}.ko"));
    }
    std::fs::copy(
        unpacked.join(format!("boot/vmlinuz-{release}")),
        project.path("vmlinuz"),
    )
    .unwrap();
    Some(release)
}

/// Offers a set of firmware beside what the project has.
fn offer_firmware(project: &Project, version: &str) {
    let key = SigningKey::generate("test.rsa.pub", b"command line");
    let pins: Vec<String> = ["one", "two"]
        .map(|name| format!("firmware-{name}={version}"))
        .into();
    let pins: Vec<&str> = pins.iter().map(String::as_str).collect();
    let recipes = [
        Recipe::new("firmware", version).depends(&pins),
        Recipe::new("firmware-one", version)
            .file("lib/firmware/one/a.bin", &format!("a {version}"))
            .file("usr/share/licenses/one", "do what you like"),
        Recipe::new("firmware-two", version).file("lib/firmware/two/b.bin.zst", "b"),
    ];
    let sign = Some((&key, SignatureHash::Sha256));
    let archives: Vec<_> = recipes.iter().map(|recipe| recipe.pack(sign)).collect();
    let folder = project.path("firmware/x86_64");
    std::fs::create_dir_all(&folder).unwrap();
    for archive in &archives {
        std::fs::write(folder.join(archive.file_name()), &archive.bytes).unwrap();
    }
    std::fs::write(
        folder.join("APKINDEX.tar.gz"),
        index(&archives, "test", sign),
    )
    .unwrap();
}

/// A project with an flist of each kind; `None` where there is no kernel.
fn project() -> Option<Project> {
    let project = Project::new(IMAGE);
    kernel(&project)?;
    offer_firmware(&project, "1-r0");
    let store = r#"store write="blobs" read="https://flists.example/blobs""#;
    let sections = format!(
        r#"
kernel {{ prebuilt image=vmlinuz modules=modules; cmdline "console=ttyS0"; embed none }}
modules {{ stage1 net_failover }}
size {{ strip modules }}
file "/usr/share/marks/large" from=large
flist modules {{ pack "/lib/modules/{{kernel}}"; embed "/etc/rfs/modules-{{kernel}}.fl"; {store} }}
flist firmware {{ pack firmware=firmware; embed "/etc/rfs/firmware-{{tag}}.fl"; tag "2026"; {store} }}
flist marks {{ pack "/usr/share/marks"; embed "/etc/rfs/marks.fl"; {store} }}
"#
    );
    project.write("large", &"large\n".repeat(400_000));
    project.edit(|text| {
        let own = format!(
            "repository \"file://{}\"",
            project.path("repository").display()
        );
        let more = format!(
            "{own}\n    repository \"file://{}\"",
            project.path("firmware").display()
        );
        format!("{}{sections}", text.replace(&own, &more))
    });
    Some(project)
}

/// What a build tells programs.
fn built(project: &Project, arguments: &[&str]) -> Value {
    let mut command = project.command();
    command
        .arg("build")
        .args(arguments)
        .args(["--message-format", "json"]);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// Labels of what would run.
fn would_run(project: &Project) -> Vec<String> {
    let dry = built(project, &["--dry-run"]);
    let actions = dry["would_run"].as_array().unwrap().iter();
    actions
        .map(|action| action["label"].as_str().unwrap().to_owned())
        .collect()
}

/// The files of an image by path.
fn files(project: &Project) -> BTreeMap<String, Value> {
    let report = project.files("dist/initramfs.cpio.xz");
    let listing = report["initramfs"]["listing"].as_array().unwrap().iter();
    listing
        .map(|entry| (entry["path"].as_str().unwrap().to_owned(), entry.clone()))
        .collect()
}

/// Paths and contents of a list, with blobs from the store.
fn contents(project: &Project, list: &Value) -> (List, BTreeMap<String, Vec<u8>>) {
    let store = Store::open(project.path("store")).unwrap();
    let digest: Digest = list["digest"].as_str().unwrap().parse().unwrap();
    let list = List::open(&store.blob_path(&digest)).unwrap();
    let mut files = BTreeMap::new();
    let blobs = blobs(project, &store);
    for (ino, entry) in list.entries() {
        if let Kind::File { size } = entry.kind {
            let mut content = Vec::new();
            for block in list.blocks(ino) {
                let sealed = store.get(&blobs[&block.id.to_string()]).unwrap();
                content.extend(zosc::flist::open(block, &sealed).unwrap());
            }
            assert_eq!(content.len() as u64, size);
            files.insert(entry.path.to_string(), content);
        }
    }
    (list, files)
}

/// Every blob that the plan's flists have made, by its name.
fn blobs(project: &Project, store: &Store) -> BTreeMap<String, Digest> {
    let output = project.run(&["plan", "--stage", "rfs_flists", "--format", "json"]);
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut blobs = BTreeMap::new();
    for action in plan["actions"].as_array().unwrap() {
        if action["kind"] != "flist" {
            continue;
        }
        assert_eq!(action["state"], "stored", "{action}");
        let tree: Tree = store
            .get_tree(&action["detail"].as_str().unwrap().parse().unwrap())
            .unwrap();
        let list = ImagePath::new("/list.fl").unwrap();
        for (path, entry) in tree.iter().filter(|(path, _)| **path != list) {
            if let Node::File { digest, .. } = entry.node {
                blobs.insert(path.file_name().to_owned(), digest);
            }
        }
    }
    blobs
}

#[test]
fn an_image_carries_the_lists_of_what_its_store_has() {
    let Some(project) = project() else { return };
    project.succeed(&["build"]);
    let files = files(&project);
    let lock = std::fs::read_to_string(project.path("zos.lock")).unwrap();
    assert_eq!(lock.matches("role=\"flist\" ").count(), 3, "{lock}");
    let list = |name: &str| {
        let start = format!("/etc/rfs/{name}");
        let mut found = files.iter().filter(|(path, _)| path.starts_with(&start));
        let (path, entry) = found.next().unwrap();
        assert_eq!(entry["origin"], format!("flist {name}"), "{path}");
        contents(&project, entry)
    };
    // The kernel's modules are all there, the image's own as they are in the image, and indexes of the whole.
    let (modules, content) = list("modules");
    let folder = files
        .keys()
        .find(|path| path.ends_with("/net_failover.ko"))
        .unwrap();
    let folder = folder.split_once("/kernel/").unwrap().0;
    let is_module = |path: &&String| {
        Path::new(path.as_str())
            .extension()
            .is_some_and(|end| end == "ko")
    };
    let in_image: Vec<&String> = files.keys().filter(is_module).collect();
    assert_eq!(
        (in_image.len(), content.keys().filter(is_module).count()),
        (2, 4)
    );
    for path in in_image {
        let here = &content[path.strip_prefix(folder).unwrap()];
        assert_eq!(
            Digest::of(here).to_string(),
            files[path]["digest"],
            "{path}"
        );
    }
    let dependencies = String::from_utf8(content["/modules.dep"].clone()).unwrap();
    assert!(
        dependencies.contains("kernel/fs/fuse/fuse.ko:"),
        "{dependencies}"
    );
    assert!(
        dependencies.contains("net_failover.ko: kernel/net/core/failover.ko"),
        "{dependencies}"
    );
    assert!(content.contains_key("/modules.alias.bin"));
    assert_eq!(
        modules.tags()["version"],
        folder.rsplit('/').next().unwrap()
    );
    // Firmware is whole, in the layout of its packages, and not in the image.
    let (firmware, content) = list("firmware");
    let names: Vec<&str> = content.keys().map(String::as_str).collect();
    assert_eq!(names, ["/one/a.bin", "/two/b.bin.zst"]);
    assert_eq!(content["/one/a.bin"], b"a 1-r0");
    assert_eq!(
        (
            firmware.tags()["version"].as_str(),
            firmware.routes()[0].url.as_str()
        ),
        ("2026", "https://flists.example/blobs")
    );
    assert!(!files.contains_key("/lib/firmware"));
    // What leaves the image leaves its folder behind.
    let (_, content) = list("marks");
    let names: Vec<&str> = content.keys().map(String::as_str).collect();
    assert_eq!(names, ["/data", "/large"]);
    assert_eq!(content["/large"].len(), 2_400_000);
    assert!(files.contains_key("/usr/share/marks"));
    assert!(!files.contains_key("/usr/share/marks/data"));
}

#[test]
fn whoever_asks_is_told_which_flist_has_a_file() {
    let Some(project) = project() else { return };
    project.succeed(&["build"]);
    let told = |name: &str| {
        let output = project.run(&["why", name]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{name}: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        said
    };
    for (name, expected) in [
        (
            "/usr/share/marks/data",
            "it is not in the image: it is in the flist `marks`, which took its folder out of the image",
        ),
        ("/usr/share/marks/data", "from package marks-2.1-r3"),
        (
            "fuse",
            "it is in the flist `modules`, which has all modules of the kernel",
        ),
        (
            "/lib/firmware/one/a.bin",
            "it is in the flist `firmware`, which has all firmware of its packages",
        ),
        (
            "/lib/firmware/one/a.bin",
            "its firmware is in an flist; it is not installed",
        ),
        ("two/b.bin", "it is in the flist `firmware`"),
        ("firmware-one", "its firmware is in an flist"),
        ("/etc/rfs/marks.fl", "the list of what the flist holds"),
    ] {
        let said = told(name);
        assert!(said.contains(expected), "{name}: {said}");
    }
    let module = files(&project)
        .into_keys()
        .find(|path| path.ends_with("net_failover.ko"))
        .unwrap();
    let said = told(&module);
    assert!(said.contains("the flist `modules` has it too"), "{said}");
    let report = project.inspected("dist/initramfs.cpio.xz", &["--flists"]);
    let flists = report["initramfs"]["flists"].as_array().unwrap();
    let facts: Vec<(&Value, &Value)> = flists
        .iter()
        .map(|list| (&list["path"], &list["files"]))
        .collect();
    assert_eq!(facts[0].0, "/etc/rfs/firmware-2026.fl");
    assert_eq!(facts[0].1, 2);
    assert_eq!(facts.len(), 3);
    // What is shipped that way is in the list of parts, too.
    let output = project.run(&["sbom", "--format", "cyclonedx"]);
    let parts = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        parts.contains("firmware-two") && parts.contains("zosc:flist"),
        "{parts}"
    );
}

#[test]
fn two_images_are_compared_into_their_flists() {
    let Some(project) = project() else { return };
    project.succeed(&["build"]);
    std::fs::rename(project.path("dist"), project.path("before")).unwrap();
    project.edit(|text| text.replace("from=large", "text=small"));
    project.succeed(&["build"]);
    let output = project.run(&["diff", "before", "dist"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("/etc/rfs/marks.fl: /large"), "{said}");
    assert!(!said.contains("/etc/rfs/marks.fl: /data"), "{said}");
}

#[test]
fn only_what_has_changed_is_packed_again() {
    let Some(project) = project() else { return };
    project.succeed(&["build"]);
    assert_eq!(would_run(&project), [""; 0]);
    // A unit: the trees are looked at, and nothing is packed.
    project.edit(|text| text.replace("echo hello", "echo goodbye"));
    let again = built(&project, &[]);
    let flists = stages(&project, "rfs_flists");
    assert!(
        flists.iter().all(|label| !label.starts_with("flist ")),
        "{flists:?}"
    );
    assert!(again["performed"].as_u64().unwrap() > 0);
    let packed = stages(&project, "initramfs_create");
    assert!(!packed.contains(&"pack packages".to_owned()), "{packed:?}");
    // A file of one flist: that list alone, and of the segments those of lists and of the build id.
    project.edit(|text| text.replace("from=large", "text=small"));
    built(&project, &[]);
    let flists = stages(&project, "rfs_flists");
    let packs: Vec<&String> = flists
        .iter()
        .filter(|label| label.starts_with("flist "))
        .collect();
    assert_eq!(packs, ["flist marks"]);
    let packed = stages(&project, "initramfs_create");
    for name in ["packages", "modules"] {
        assert!(!packed.contains(&format!("pack {name}")), "{packed:?}");
    }
    assert!(packed.contains(&"pack flists".to_owned()), "{packed:?}");
    // What is kept of the last build is all of it, blobs too.
    project.succeed(&["store", "gc", "--keep", "1"]);
    assert_eq!(would_run(&project), [""; 0]);
    let store = Store::open(project.path("store")).unwrap();
    for (name, digest) in blobs(&project, &store) {
        assert!(store.contains(&digest), "{name}");
    }
}

/// Labels of what the last build performed of a stage.
fn stages(project: &Project, stage: &str) -> Vec<String> {
    let store = Store::open(project.path("store")).unwrap();
    let record = zosc::build::newest_first(&store).next().unwrap();
    let actions = record.actions.into_iter();
    let ran = actions.filter(|action| action.stage == stage && action.performed);
    ran.map(|action| action.label).collect()
}

#[test]
fn builds_elsewhere_with_other_processors_come_to_the_same_bytes() {
    let Some(first) = project() else { return };
    let digests = |project: &Project, jobs: &str| {
        built(project, &["--jobs", jobs]);
        let image = std::fs::read(project.path("dist/initramfs.cpio.xz")).unwrap();
        (
            Digest::of(&image),
            blobs(project, &Store::open(project.path("store")).unwrap()),
        )
    };
    let second = project().unwrap();
    assert_eq!(digests(&first, "1"), digests(&second, "2"));
    // A mirror has the firmware, too, and nothing has to be fetched for another build from scratch.
    first.succeed(&["vendor", "mirror"]);
    assert!(holds(&first.path("mirror"), "firmware-one-1-r0.apk"));
    std::fs::remove_dir_all(first.path("firmware")).unwrap();
    let said = first.succeed(&["build", "--verify", "--offline"]);
    assert!(said.contains("the same in both builds"), "{said}");
}

/// Whether a file of a name lies somewhere below a folder.
fn holds(folder: &Path, name: &str) -> bool {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths.any(|path| path.ends_with(name) || path.is_dir() && holds(&path, name))
}

#[test]
fn firmware_stays_as_it_is_locked_until_it_is_updated() {
    let Some(project) = project() else { return };
    project.succeed(&["lock"]);
    let lock = std::fs::read(project.path("zos.lock")).unwrap();
    offer_firmware(&project, "2-r0");
    project.succeed(&["lock"]);
    assert_eq!(std::fs::read(project.path("zos.lock")).unwrap(), lock);
    let said = project.run(&["update", "firmware"]);
    let said =
        String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    assert!(said.contains("firmware-one 1-r0 → 2-r0"), "{said}");
}

#[test]
fn an_flist_without_a_file_is_refused_where_it_is_asked_for() {
    let Some(project) = project() else { return };
    project.edit(|text| text.replace("pack \"/usr/share/marks\"", "pack \"/usr/share/marking\""));
    let lines = project.refuse(&["build"], &["zosc::build::empty-flist"]);
    assert!(
        lines[0]["labels"][0]["line"].as_u64().unwrap() > 20,
        "{lines:?}"
    );
}
