//! Cargo within a test, which takes what the tests' own cargo has compiled.

// Each test that includes this uses a part of it.
#![allow(missing_docs, unreachable_pub, clippy::disallowed_methods)]

use std::process::Command;

/// Takes away what cargo tells a test of its package: a build script that looks at such a variable (ring's does) would run again, and
/// all that hangs on it would be compiled again, here and when the tests go on.
pub fn forget_package(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let of_package = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
        ];
        if of_package.iter().any(|start| text.starts_with(start)) {
            command.env_remove(&name);
        }
    }
}
