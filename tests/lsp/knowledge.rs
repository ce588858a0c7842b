//! What caches know of a project, from a lock and an index that a test makes, and from Alpine's own indexes.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use zosc::check::{self, Image, Settings};
use zosc::diagnostic::Diagnostics;
use zosc::io::System;
use zosc::lsp::knowledge::{Basis, Knowledge, Known, load};
use zosc::source::SourceMap;

use super::support::oracle::alpine;
use super::support::project::Project;

/// What a manifest means.
fn image(manifest: &Path) -> Image {
    let (mut sources, mut problems) = (SourceMap::new(), Diagnostics::new());
    let settings = Settings {
        current_directory: manifest.parent().unwrap().to_owned(),
        ..Settings::default()
    };
    let image = check::check(manifest, &settings, &System, &mut sources, &mut problems);
    image.unwrap_or_else(|| panic!("{problems:?}"))
}

/// All that is known of an image.
fn known(image: &Image, store: &Path) -> Knowledge {
    let mut last = Knowledge::default();
    load(image, store, &AtomicBool::new(false), &mut |knowledge| {
        last = knowledge;
    });
    last
}

#[test]
fn what_a_lock_and_its_indexes_say_is_known() {
    let project = Project::new("packages { install marks }\noutputs { initramfs \"x.cpio\" }\n");
    let (manifest, store) = (project.path("zos.kdl"), project.path("store"));
    let before = known(&image(&manifest), &store);
    assert!(before.locked().is_none());
    // A folder of this machine needs no store.
    let packages = before.packages().ready().unwrap();
    assert_eq!(packages.get("marks").unwrap().version, "2.1-r3");
    let command = "zosc lock";
    assert!(matches!(before.symbols(), Known::Missing { command: found } if found == command));

    let basis = Basis::of(&image(&manifest), &store);
    project.succeed(&["lock"]);
    assert_ne!(Basis::of(&image(&manifest), &store), basis);
    let basis = Basis::of(&image(&manifest), &store);
    let after = known(&image(&manifest), &store);
    assert_eq!(Basis::of(&image(&manifest), &store), basis);
    let locked = after.locked().unwrap();
    assert_eq!(locked.packages("marks").count(), 1);
    assert_eq!(locked.needed_by("shell"), ["marks"]);
    assert_eq!(locked.share("marks").unwrap().packages, 3);

    // A lock that does not answer any more still has its versions, and what is new is not in it.
    project.edit(|text| text.replace("install marks", "install base"));
    assert_eq!(Basis::of(&image(&manifest), &store), basis);
    let stale = known(&image(&manifest), &store);
    assert_eq!(stale.locked().unwrap().packages("marks").count(), 1);

    // Damage is no knowledge, and no reason to stop.
    project.write("zos.lock", "zos-lock 1\nnonsense\n");
    project.write("repository/x86_64/APKINDEX.tar.gz", "no archive");
    std::fs::remove_dir_all(&store).unwrap();
    let damaged = known(&image(&manifest), &store);
    assert!(damaged.locked().is_none());
    assert!(matches!(damaged.packages(), Known::Missing { command: found } if found == command));
}

#[test]
fn alpines_own_indexes_take_a_few_megabytes() {
    let Some(alpine) = alpine() else { return };
    let folder = tempfile::tempdir().unwrap();
    let key = std::fs::read_dir(alpine.join("keys")).unwrap().next();
    let key = key.unwrap().unwrap().path();
    let text = format!(
        "edition 1\nimage test version=\"1\"\nalpine \"3.19\" {{\n    mirror \"file://{}\"\n    repository main\n    repository community\n    key \"{}\"\n}}\npackages {{ install busybox }}\noutputs {{ initramfs \"x.cpio\" }}\n",
        alpine.canonicalize().unwrap().display(),
        key.canonicalize().unwrap().display(),
    );
    let manifest = folder.path().join("zos.kdl");
    std::fs::write(&manifest, text).unwrap();
    let image = image(&manifest);
    let (start, before) = (Instant::now(), resident());
    let knowledge = known(&image, &folder.path().join("store"));
    eprintln!(
        "read in {:?}; the process grew from {before} to {} KiB",
        start.elapsed(),
        resident()
    );
    let packages = knowledge.packages().ready().unwrap();
    assert!(packages.len() > 22_000, "{}", packages.len());
    let busybox = packages.get("busybox").unwrap();
    assert_eq!(busybox.repository, "v3.19/main");
    assert!(busybox.installed_size > 0 && !busybox.description.is_empty());
    assert!(packages.dependants("musl").count() > 1000);
    let start = Instant::now();
    let found = packages.starting_with("py3-").count();
    eprintln!("{found} of a prefix in {:?}", start.elapsed());
    assert!(found > 1000);
}

/// Memory of this process that is in use, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.unwrap().trim().trim_end_matches(" kB");
    number.parse().unwrap()
}
