//! The static busybox: the shell of toolchains and packages that tests make.

// Each test that includes this uses a part of it.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::path::Path;

/// What scripts of tests use of it.
pub const APPLETS: [&str; 24] = [
    "sh",
    "awk",
    "cat",
    "chmod",
    "chown",
    "cut",
    "env",
    "grep",
    "id",
    "ln",
    "ls",
    "mkdir",
    "mv",
    "nproc",
    "sed",
    "seq",
    "sha256sum",
    "sleep",
    "sort",
    "stat",
    "tail",
    "touch",
    "tty",
    "uname",
];

/// Whether there is one; said aloud where not.
pub fn is_there() -> bool {
    let there = Path::new("/bin/busybox").is_file();
    if !there {
        println!("skipped: needs the static busybox (apt-get install busybox-static)");
    }
    there
}

/// Makes a root filesystem for commands.
pub fn install(root: &Path) {
    let folder = root.join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy("/bin/busybox", folder.join("busybox")).unwrap();
    for name in APPLETS {
        std::os::unix::fs::symlink("busybox", folder.join(name)).unwrap();
    }
}
