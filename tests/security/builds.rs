//! What builds leave behind: links, programs of root's, full disks, folders without end.

use std::path::Path;
use std::process::{Command, Output};

use super::bench::{Bench, Who};

/// Whether a file below a folder holds these bytes; links are not followed.
pub(crate) fn holds(folder: &Path, needle: &[u8]) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| {
        let Ok(facts) = path.symlink_metadata() else {
            return false;
        };
        if facts.is_dir() {
            return holds(&path, needle);
        }
        let content = if facts.is_file() {
            std::fs::read(&path).unwrap_or_default()
        } else {
            Vec::new()
        };
        content.windows(needle.len()).any(|window| window == needle)
    })
}

/// The codes of the problems that a build told.
fn codes(output: &Output) -> Vec<String> {
    let said = String::from_utf8_lossy(&output.stdout);
    let lines = said
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines
        .filter_map(|line| Some(line["code"].as_str()?.to_owned()))
        .collect()
}

#[test]
fn links_that_lead_out_of_a_build_reach_nothing() {
    let Some(bench) = Bench::new() else { return };
    let secret = bench.path("secret");
    let secret = secret.display();
    for who in [Who::Root, Who::Ordinary] {
        for (number, script) in [
            format!("ln -s {secret} result"),
            format!("ln -s ../../../../../../../..{secret} result"),
            format!("ln -s / up; ln -s up{secret} result"),
            format!("mkdir result; ln -s {secret} result/inner"),
            "ln /etc/passwd result || ln -s /etc/passwd result".to_owned(),
            "ln /proc/1/root/etc/shadow result || touch result".to_owned(),
        ]
        .iter()
        .enumerate()
        {
            let name = format!("links-{who:?}-{number}");
            let output = bench.build(who, &name, script);
            let project = bench.path(&name);
            let told = String::from_utf8_lossy(&output.stdout);
            assert!(
                output.status.code().is_some_and(|code| code <= 1),
                "{script}: {told}"
            );
            for place in ["store", "dist"] {
                let leaks = holds(&project.join(place), b"a secret of the caller's");
                assert!(!leaks, "{who:?}: {script}: {told}");
            }
        }
    }
}

#[test]
fn what_a_failed_build_leaves_is_private() {
    let Some(bench) = Bench::new() else { return };
    let script = "cp /bin/true ../setuid; cp /bin/true setuid; chmod 6755 setuid ../setuid; exit 1";
    let output = bench.build(Who::Root, "failed", script);
    assert_eq!(codes(&output), ["zosc::build::run-failed"]);
    let find = |who: Who| {
        let mut command = who.command("find");
        command.arg(bench.path("failed/store"));
        let output = command.args(["-perm", "-4000"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().count()
    };
    assert_ne!(find(Who::Root), 0, "it is kept to be looked at");
    assert_eq!(find(Who::Ordinary), 0, "and by nobody else");
}

#[test]
fn a_command_that_fills_the_disk_leaves_room() {
    let Some(bench) = Bench::new() else { return };
    let project = bench.project(Who::Root, "full", "cat /dev/zero > result");
    let store = project.join("store");
    std::fs::create_dir(&store).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"])
        .arg(&store)
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        println!("skipped: no disk can be mounted here");
        return;
    }
    let output = bench.command(Who::Root, &project).output().unwrap();
    let facts = rustix::fs::statvfs(&store).unwrap();
    let unmounted = Command::new("umount").arg("--lazy").arg(&store).status();
    assert!(unmounted.unwrap().success());
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(codes(&output), ["zosc::build::run-failed"], "{said}");
    assert!(said.contains("is full"), "{said}");
    let (free, all) = (facts.f_bavail, facts.f_blocks);
    assert!(free * 10 > all * 9, "{free} of {all}");
}

#[test]
fn folders_without_end_are_not_read_back() {
    let Some(bench) = Bench::new() else { return };
    let script =
        "touch result; i=0; while [ $i -lt 600 ]; do mkdir d && cd -P d; i=$((i + 1)); done";
    for who in [Who::Root, Who::Ordinary] {
        let output = bench.build(who, &format!("deep-{who:?}"), script);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(codes(&output), ["zosc::build::too-many-files"], "{said}");
    }
}
