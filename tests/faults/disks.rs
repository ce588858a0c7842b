//! Disks that are full, small, read-only, or another than the project's.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::project::{Project, unwrapped};

/// Something that is mounted as long as this lives.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str]) -> bool {
    Command::new("mount")
        .args(arguments)
        .output()
        .unwrap()
        .status
        .success()
}

/// A disk of so many KiB at a path; `None`, aloud, where nothing can be mounted.
fn disk(at: &Path, size: u32) -> Option<Mounted> {
    std::fs::create_dir_all(at).unwrap();
    let options = format!("size={size}k,mode=0755");
    if !mount(&[
        "-t",
        "tmpfs",
        "-o",
        &options,
        "zosc-faults",
        at.to_str().unwrap(),
    ]) {
        println!("skipped: nothing can be mounted here");
        return None;
    }
    Some(Mounted(at.to_owned()))
}

fn resize(at: &Path, size: u32) {
    let options = format!("remount,size={size}k");
    assert!(mount(&["-o", &options, at.to_str().unwrap()]));
}

/// A folder outside the project's, since mounts there would count as left over.
fn elsewhere() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("zosc-disk-")
        .tempdir()
        .unwrap()
}

#[test]
fn a_full_disk_is_named_and_the_store_on_it_stays_sound() {
    let Some(mut project) = Project::new() else {
        return;
    };
    let wanted = project.build();
    let disk_folder = elsewhere();
    let at = disk_folder.path().join("small");
    let Some(_disk) = disk(&at, 64) else {
        return;
    };
    project.store = at.join("store");
    let _ = std::fs::remove_dir_all(&project.outputs);
    let mut refused = 0;
    // With each size a build comes a little further.
    for size in [
        64, 256, 512, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288,
    ] {
        resize(&at, size);
        let output = project.command(&["build", "--quiet"]).output().unwrap();
        let said = unwrapped(&output.stderr);
        let when = format!("{size} KiB: {said}");
        if output.status.success() {
            break;
        }
        refused += 1;
        assert_eq!(output.status.code(), Some(1), "{when}");
        let by_zosc = said.contains("zosc::io::disk-full") && said.contains("zoscstoregc");
        let by_command = said.contains("zosc::build::run-failed") && said.contains("isfull");
        assert!(by_zosc || by_command, "{when}");
        assert!(said.contains(at.to_str().unwrap()), "{when}");
        assert_eq!(project.digests().len(), 0, "{when}");
        project.assert_alone(&when);
        resize(&at, size + 512);
        project.assert_sound(&when);
        resize(&at, size);
    }
    assert!(refused > 4, "{refused}");
    resize(&at, 65536);
    assert_eq!(project.build(), wanted);
    project.assert_sound("with room");
}

#[test]
fn outputs_that_have_no_room_are_not_begun() {
    let Some(mut project) = Project::new() else {
        return;
    };
    let wanted = project.build();
    let disk_folder = elsewhere();
    let at = disk_folder.path().join("small");
    let Some(_disk) = disk(&at, 32) else {
        return;
    };
    project.outputs.clone_from(&at);
    let said = project.refuse_build();
    assert!(
        said.contains("zosc::io::disk-full") && said.contains(at.to_str().unwrap()),
        "{said}"
    );
    assert_eq!(project.digests().len(), 0);
    resize(&at, 16384);
    assert_eq!(project.build(), wanted);
    project.assert_sound("with room for outputs");
}

#[test]
fn neither_a_full_tmpdir_nor_another_file_system_matters() {
    let Some(mut project) = Project::new() else {
        return;
    };
    let wanted = project.build();
    let disk_folder = elsewhere();
    let (temporary, other) = (
        disk_folder.path().join("tmp"),
        disk_folder.path().join("store"),
    );
    let (Some(_first), Some(_second)) = (disk(&temporary, 4), disk(&other, 65536)) else {
        return;
    };
    let _ = std::fs::write(temporary.join("full"), vec![0; 4096]);
    let variable = ("TMPDIR".to_owned(), temporary.to_str().unwrap().to_owned());
    project.environment.push(variable);
    project.store = other.join("store");
    let _ = std::fs::remove_dir_all(&project.outputs);
    assert_eq!(project.build(), wanted);
    project.assert_sound("on another file system");
}

#[test]
fn a_store_that_cannot_be_written_to_is_good_for_what_is_in_it() {
    let Some(mut project) = Project::new() else {
        return;
    };
    let wanted = project.build();
    let disk_folder = elsewhere();
    let at = disk_folder.path().join("read-only");
    std::fs::create_dir(&at).unwrap();
    let (from, to) = (project.store.to_str().unwrap(), at.to_str().unwrap());
    if !mount(&["--bind", from, to]) {
        println!("skipped: nothing can be mounted here");
        return;
    }
    let _mounted = Mounted(at.clone());
    assert!(mount(&["-o", "remount,bind,ro", to]));
    project.store.clone_from(&at);
    assert_eq!(project.build(), wanted, "nothing to do");
    std::fs::remove_dir_all(&project.outputs).unwrap();
    assert_eq!(project.build(), wanted, "an output to be written");
    for arguments in [
        &["plan"][..],
        &["check"],
        &["store", "stat"],
        &["store", "verify"],
        &["inspect", "dist/image.cpio.zst"],
        &["clean", "--dry-run"],
    ] {
        project.succeed(arguments);
    }
    project.manifest("two");
    let said = project.refuse_build();
    assert!(
        said.contains("zosc::store::read-only") && said.contains("--store"),
        "{said}"
    );
    let said = project.refuse(&["store", "gc"]);
    assert!(said.contains("read-only"), "{said}");
    assert_eq!(
        project.digests(),
        wanted,
        "the outputs of the last build stay"
    );
}
