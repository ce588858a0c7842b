//! Other users of the machine, who put things where zosc will look.

use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::process::Command;

use super::bench::{Bench, ORDINARY, Who};

#[test]
fn a_store_of_a_stranger_is_not_used() {
    let Some(bench) = Bench::new() else { return };
    let project = bench.project(Who::Root, "strange", "touch result");
    let open = bench.path("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o1777)).unwrap();
    // What root's store would be called where it has no home.
    let planted = open.join("zosc-0");
    std::fs::create_dir(&planted).unwrap();
    chown(&planted, Some(ORDINARY), Some(ORDINARY)).unwrap();
    let linked = open.join("linked");
    symlink(project.join("store"), &linked).unwrap();
    std::os::unix::fs::lchown(&linked, Some(ORDINARY), Some(ORDINARY)).unwrap();
    let refused = |from: &std::path::Path, store: Option<&std::path::Path>| {
        let mut command = Command::new(bench.path("zosc"));
        command
            .args(["build", "--message-format=json"])
            .env_remove("HOME")
            .env_remove("XDG_CACHE_HOME")
            .env_remove("ZOSC_STORE")
            .env("TMPDIR", &open)
            .current_dir(from)
            .arg(project.join("zos.kdl"));
        if let Some(store) = store {
            command.arg("--store").arg(store);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("zosc::store::unusable"), "{said}");
        assert!(said.contains("another user"), "{said}");
    };
    refused(&project, None);
    refused(&project, Some(&planted));
    refused(&project, Some(&linked));
    // As one types it who stands beside it.
    refused(&open, Some("zosc-0".as_ref()));
    refused(&open, Some("linked/".as_ref()));
    assert_eq!(std::fs::read_dir(&planted).unwrap().count(), 0);
}

#[test]
fn nobody_else_writes_to_what_is_made() {
    let Some(bench) = Bench::new() else { return };
    for who in [Who::Root, Who::Ordinary] {
        let project = bench.project(who, &format!("open-{who:?}"), "touch result");
        let build = bench.command(who, &project);
        let mut command = Command::new("sh");
        command
            .args(["-c", "umask 0; exec \"$@\"", "sh"])
            .arg(build.get_program())
            .args(build.get_args())
            .current_dir(&project);
        for (name, value) in build.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        let found = Command::new("find")
            .args(["store", "dist", "zos.lock", "!", "-type", "l"])
            .args(["-perm", "/022"])
            .current_dir(&project)
            .output()
            .unwrap();
        let found = String::from_utf8(found.stdout).unwrap();
        assert_eq!(found, "", "{who:?}");
    }
}

#[test]
fn a_link_in_the_place_of_an_output_is_not_followed() {
    let Some(bench) = Bench::new() else { return };
    let project = bench.project(Who::Root, "linked", "touch result");
    bench.write("linked/victim", "mine\n");
    std::fs::create_dir(project.join("dist")).unwrap();
    let output = project.join("dist/initramfs.cpio");
    symlink(project.join("victim"), &output).unwrap();
    let built = bench.command(Who::Root, &project).output().unwrap();
    assert!(built.status.success());
    assert!(output.symlink_metadata().unwrap().is_file());
    let victim = std::fs::read_to_string(project.join("victim")).unwrap();
    assert_eq!(victim, "mine\n");
}
