//! The demo, end to end: `manifests/demo/run` on this machine.
//!
//! Needs root, apt, QEMU and some minutes; what is missing is said aloud. Everything it downloads and builds stays in the
//! demo's `build-output/` and the tests' cache.

#![allow(clippy::disallowed_methods)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

#[path = "support/nested_cargo.rs"]
mod nested_cargo;

/// The profile of the tests themselves, so that only zosc is compiled for the demo, and none of what it depends on.
const PROFILE: (&str, &str) = ("ZOSC_DEMO_PROFILE", "dev");

/// Where the demo's builds stay from run to run; those of tests/remote/demo.rs are compared with its component.
fn store() -> PathBuf {
    let cache = std::env::var_os("ZOSC_TEST_CACHE").map_or_else(std::env::temp_dir, PathBuf::from);
    cache.join("demo/store")
}

/// The tests share one folder, so they take turns.
static TURN: Mutex<()> = Mutex::new(());

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/demo")
}

/// Whether the demo can run here; says why not.
fn possible() -> bool {
    let has = |program: &str| {
        let found = Command::new("sh")
            .args(["-c", "command -v \"$1\"", "sh", program])
            .output();
        found.is_ok_and(|output| output.status.success())
    };
    for program in ["apt-get", "qemu-system-x86_64", "cargo", "cc"] {
        if !has(program) {
            eprintln!("skipped: the demo needs {program}");
            return false;
        }
    }
    true
}

fn run(argument: Option<&str>) -> Output {
    let mut command = Command::new(demo().join("run"));
    nested_cargo::forget_package(&mut command);
    let output = command
        .args(argument)
        .env(PROFILE.0, PROFILE.1)
        .env("ZOSC_STORE", store())
        .output()
        .expect("the demo's script can be started");
    println!("{}", String::from_utf8_lossy(&output.stdout));
    eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// What a program said, on either stream.
fn all(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// The compiler that the demo has built.
fn zosc() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("target"),
            PathBuf::from,
        )
        .join("debug/zosc")
}

#[test]
fn the_demo_boots_and_the_second_build_has_nothing_to_do() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if !possible() {
        return;
    }
    let first = run(None);
    assert!(first.status.success());
    let said = String::from_utf8_lossy(&first.stdout);
    assert!(said.contains("demo: all is well"));

    let image = demo().join("dist/vmlinuz.efi");
    let before = fs::metadata(&image).expect("it was built").modified().ok();
    let start = Instant::now();
    let again = Command::new(zosc())
        .arg("build")
        .env("ZOSC_STORE", store())
        .current_dir(demo())
        .output()
        .expect("zosc starts");
    let elapsed = start.elapsed();
    let said = all(&again);
    assert!(again.status.success(), "{said}");
    assert!(said.contains("nothing to do"), "{said}");
    assert!(elapsed < Duration::from_secs(1), "it took {elapsed:?}");
    let after = fs::metadata(&image).expect("it is there").modified().ok();
    assert_eq!(before, after, "an image that is up to date is left alone");
}

#[test]
fn a_boot_that_misses_an_expectation_fails() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if !possible() {
        return;
    }
    assert!(run(Some("build")).status.success());
    let manifest = fs::read_to_string(demo().join("zos.kdl")).expect("the manifest");
    let manifest = manifest.replace(
        "expect \"unit demo up\" within=\"4m\"",
        "expect \"console words that never come\" within=\"10s\"",
    );
    assert!(manifest.contains("never come"));
    // Beside the original: its paths are relative.
    let changed = demo().join("build-output/changed.kdl");
    fs::write(&changed, manifest.replace("build-output/", "")).expect("a file");
    let output = Command::new(zosc())
        .args(["boot", "--test"])
        .arg(demo().join("dist/vmlinuz.efi"))
        .arg("--manifest")
        .arg(&changed)
        .output()
        .expect("zosc starts");
    let said = all(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("it was not seen on the console in time"),
        "{said}"
    );
}

/// Another home, the one thing of its conditions that `--verify` does not change by itself.
#[test]
fn built_twice_by_another_user_environment_it_is_the_same_to_the_byte() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if !possible() {
        return;
    }
    assert!(run(Some("build")).status.success());
    let elsewhere = tempfile::tempdir().expect("a folder");
    // The toolchain is found through these; everything else about the user changes.
    let home = std::env::var("HOME").expect("HOME is set");
    let kept = |name: &str, folder: &str| {
        std::env::var(name).unwrap_or_else(|_| format!("{home}/{folder}"))
    };
    let start = Instant::now();
    let built = Command::new(zosc())
        .args(["build", "--locked", "--verify"])
        .env("ZOSC_STORE", store())
        .current_dir(demo())
        .env("CARGO_HOME", kept("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", kept("RUSTUP_HOME", ".rustup"))
        .env("HOME", elsewhere.path())
        .output()
        .expect("zosc starts");
    let said = all(&built);
    assert!(built.status.success(), "{said}");
    println!("zosc build --verify took {:?}", start.elapsed());
    // The EFI program under two names, and the initramfs.
    assert!(
        said.contains("3 outputs are the same in both builds"),
        "{said}"
    );
}
