//! The script that mounts flists: with fakes in a machine made for the case, and with the real `rfs` where there is one.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::jail::{Jail, said};

#[path = "real_rfs.rs"]
mod real;

const RELEASE: &str = "6.12.44-Zero-OS";

/// A machine with an flist of modules; `rfs` mounts what /store holds by copying it.
fn with_flist() -> Option<Jail> {
    let jail = Jail::new()?;
    jail.file(&format!("/etc/rfs/modules-{RELEASE}.fl"), "a list");
    jail.file(&format!("/lib/modules/{RELEASE}/kernel/own.ko"), "own");
    jail.file("/store/kernel/own.ko", "own");
    jail.file("/store/kernel/far.ko", "far");
    jail.file("/store/modules.dep", "an index");
    jail.file("/proc/mounts", "");
    jail.fake(
        "rfs",
        "for side; do :; done\necho \"$@\" >/asked\ncp -a /store/. \"$side\"\necho \"rfs $side fuse\" >>/proc/mounts\n\
         sleep 600 &\ntrap 'kill $!; exit 0' TERM\nwait",
    );
    jail.fake(
        "mount",
        "cp -a \"$3/.\" \"$4\"\necho \"rfs $4 fuse\" >>/proc/mounts",
    );
    jail.fake(
        "umount",
        "grep -v \" $2 \" /proc/mounts >/tmp/mounts\ncat /tmp/mounts >/proc/mounts",
    );
    Some(jail)
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Starts the unit's script, does something, and stops it as zinit does; what it said.
fn while_mounting(jail: &Jail, words: &[&str], act: impl FnOnce()) -> String {
    let child = jail.start("zero-os/rfs.sh", &[&["mount"], words].concat());
    act();
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).expect("a process");
    rustix::process::kill_process_group(pid, Signal::TERM).expect("it runs");
    said(&child.wait_with_output().expect("it ends")).1
}

fn is_ready(jail: &Jail, words: &[&str]) -> bool {
    jail.run("zero-os/rfs.sh", &[&["ready"], words].concat()).0
}

const MODULES: [&str; 1] = ["modules"];

#[test]
fn an_flist_comes_over_its_place_once_the_store_answers() {
    let Some(jail) = with_flist() else { return };
    assert!(!is_ready(&jail, &MODULES));
    let said = while_mounting(&jail, &MODULES, || {
        wait_for("it becomes ready", || is_ready(&jail, &MODULES));
    });
    let told = format!("rfs-modules: /etc/rfs/modules-{RELEASE}.fl is at /lib/modules/{RELEASE}\n");
    assert!(said.contains(&told), "{said}");
    assert!(jail.read("/dev/console").ends_with(&told), "{said}");
    assert_eq!(
        jail.read("/asked"),
        format!("mount -m /etc/rfs/modules-{RELEASE}.fl -c /var/cache/rfs /run/rfs/modules\n")
    );
    assert_eq!(
        jail.read(&format!("/lib/modules/{RELEASE}/kernel/far.ko")),
        "far"
    );
    assert!(!is_ready(&jail, &MODULES), "stopped, it has gone");
    assert_eq!(jail.read("/proc/mounts"), "", "and leaves no mount behind");
}

#[test]
fn any_flist_has_the_place_and_the_list_that_its_unit_names() {
    let Some(jail) = with_flist() else { return };
    jail.file(&format!("/etc/rfs/docs-{RELEASE}.fl"), "a list");
    let (place, list) = ("/srv/{kernel}/docs", "/etc/rfs/docs-{kernel}.fl");
    let words = ["docs", place, list, "https://flists.example/blobs"];
    while_mounting(&jail, &words, || {
        wait_for("it becomes ready", || is_ready(&jail, &words[..3]));
    });
    assert_eq!(
        jail.read("/dev/console"),
        format!("rfs-docs: /etc/rfs/docs-{RELEASE}.fl is at /srv/{RELEASE}/docs\n")
    );
}

#[test]
fn a_store_that_does_not_answer_hides_nothing_and_is_told_once() {
    let Some(jail) = with_flist() else { return };
    // Reading from the mount hangs until the time is up.
    jail.fake("timeout", "echo >>/tried; exit 143");
    let list = format!("/etc/rfs/modules-{RELEASE}.fl");
    let words = ["modules", "", list.as_str(), "https://flists.example/blobs"];
    let said = while_mounting(&jail, &words, || {
        wait_for("it tries again", || jail.read("/tried").len() > 1);
    });
    let told = "rfs-modules: https://flists.example/blobs does not answer; until it does, the machine has what the image brought\n";
    assert_eq!(jail.read("/dev/console"), told);
    assert!(said.contains(told), "in the unit's log as well: {said}");
    assert_eq!(
        jail.read(&format!("/lib/modules/{RELEASE}/modules.dep")),
        ""
    );
    assert_eq!(
        jail.read(&format!("/lib/modules/{RELEASE}/kernel/own.ko")),
        "own"
    );
    assert_eq!(jail.read("/proc/mounts"), "");
}

#[test]
fn an_flist_of_another_kernel_is_not_mounted_over_the_images_modules() {
    let Some(jail) = with_flist() else { return };
    jail.file(&format!("/lib/modules/{RELEASE}/kernel/special.ko"), "own");
    let said = while_mounting(&jail, &MODULES, || {
        wait_for("it says so", || !jail.read("/dev/console").is_empty());
    });
    assert!(
        said.contains("is not for this image: it lacks kernel/special.ko"),
        "{said}"
    );
    assert_eq!(
        jail.read(&format!("/lib/modules/{RELEASE}/modules.dep")),
        ""
    );
}

#[test]
fn without_an_flist_there_is_nothing_to_wait_for() {
    let Some(jail) = Jail::new() else { return };
    assert!(is_ready(&jail, &MODULES));
    let said = while_mounting(&jail, &MODULES, || {
        wait_for("it says so", || !jail.read("/dev/console").is_empty());
    });
    assert!(said.contains("nothing to mount"), "{said}");
}

#[test]
fn the_real_rfs_is_mounted_when_its_store_comes_and_again_when_it_dies() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(machine) = real::Machine::new(folder.path()) else {
        return;
    };
    let mounted = |times: usize| {
        wait_for("the flist is mounted", || {
            machine.console().matches(" is at ").count() == times && machine.is_ready()
        });
    };
    // The store is away: the machine has what the image brought.
    let script = machine.start();
    wait_for("the console says what is missing", || {
        machine.console().contains("does not answer")
    });
    assert_eq!(machine.read("own"), "brought by the image");
    assert!(!machine.is_ready());
    let server = machine.serve();
    mounted(1);
    assert!(!server.asked().is_empty());
    assert_eq!(machine.read("own"), "from the store");
    // It goes away: what has been read stays. It comes back: so does the rest.
    drop(server);
    assert_eq!(machine.read("far"), "");
    assert_eq!(machine.read("own"), "from the store");
    let server = machine.serve();
    assert_eq!(machine.read("far"), "far away");
    assert!(machine.kill_rfs());
    mounted(2);
    // zinit 0.3 kills what has been starting for too long.
    real::end(script, Signal::KILL);
    let script = machine.start();
    mounted(3);
    assert_eq!(machine.read("far"), "far away");
    real::end(script, Signal::TERM);
    assert_eq!(machine.read("own"), "brought by the image");
    assert_eq!(machine.mounts(), 0);
    assert!(!machine.kill_rfs(), "it has ended with the unit");
    drop(server);
}
