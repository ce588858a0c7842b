//! Debian's sources of Linux, for tests that compile a kernel.

// Each test that includes this uses a part of it.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::disallowed_methods)]

use std::path::Path;
use std::process::Command;

pub const ARCHIVE: &str = "/usr/src/linux-source-6.12.tar.xz";

pub const CONFIG: &str = include_str!("../fixtures/kernel/tiny.config");

/// The kernel of a manifest whose folder has [`CONFIG`] as `tiny.config`; with the same `embed`, it is compiled once for all tests
/// that share a store.
pub fn kernel(version: &str, embed: &str) -> String {
    format!(
        r#"toolchain host {{ host }}
kernel "{version}" {{
    tarball "file://{ARCHIVE}" sha256=lock
    config tiny.config {{ set CONFIG_PRINTK_TIME=y }}
    localversion "-Zero-OS"
    cmdline "console=ttyS0" "panic=1"
    embed {embed}
}}
"#
    )
}

/// The version of the sources, where they are, with what a kernel's build takes and these further files and programs; says why not otherwise.
pub fn version(files: &[&str], programs: &[&str]) -> Option<String> {
    let shell = |script: &str| {
        let output = Command::new("sh").args(["-c", script]).output().ok()?;
        let said = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| said.trim().to_owned())
    };
    if std::env::var_os("ZOSC_SLOW_TESTS").is_none() {
        eprintln!("skipped: ZOSC_SLOW_TESTS is not set");
        return None;
    }
    for file in [ARCHIVE, "/usr/include/gelf.h"].iter().chain(files) {
        if !Path::new(file).exists() {
            eprintln!("skipped: needs {file}");
            return None;
        }
    }
    let usual = ["cc", "make", "flex", "bison", "bc", "perl"];
    for program in usual.iter().chain(programs) {
        if shell(&format!("command -v {program}")).is_none() {
            eprintln!("skipped: needs {program}");
            return None;
        }
    }
    let package = shell("dpkg-query -W -f '${Version}' linux-source-6.12");
    let version = package.and_then(|package| Some(package.split('-').next()?.to_owned()));
    if version.is_none() {
        eprintln!("skipped: needs Debian's linux-source-6.12");
    }
    version
}
