//! Holds the architecture: who may import whom, where unsafe code and effects may stand, and what lies at the top level.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Modules from the top down; modules of one row ignore each other.
const LAYERS: &[&[&str]] = &[
    &["cli"],
    &["lsp"],
    &["doctor"],
    &["boot", "diff", "publish", "report", "why"],
    &["inspect"],
    &["migrate", "upkeep"],
    &["build"],
    &["plan", "provenance", "remote", "repository"],
    &["configuration", "lock"],
    &["check"],
    &["manifest"],
    &["syntax"],
    &[
        "apk", "archive", "efi", "elf", "flist", "html", "kconfig", "kmod", "patch", "sbom",
        "zinit",
    ],
    &["tree"],
    &["io"],
    &["diagnostic", "explanation", "tools"],
    &["source"],
];

/// Foreign crates that stay in one module each.
const AT_HOME: &[(&str, &str)] = &[
    ("kdl", "syntax"),
    ("clap", "cli"),
    ("clap_complete", "cli"),
    ("clap_mangen", "cli"),
    ("miette", "cli"),
    ("indicatif", "cli"),
    ("ureq", "io"),
    ("notify", "io"),
    ("goblin", "elf efi inspect"),
    ("object", "kmod efi elf"),
    ("cpio_archive", "archive"),
    ("ring", "apk efi"),
    ("cms", "efi"),
    ("der", "efi"),
    ("x509_cert", "efi"),
    ("rsa", "apk"),
    ("getrandom", "io"),
    ("jsonschema", "manifest"),
    ("gen_lsp_types", "lsp"),
    ("lsp_server", "lsp"),
    ("lzma_rust2", "archive"),
    ("rusqlite", "flist"),
    ("blake2", "flist"),
    ("snap", "flist"),
    ("aes_gcm", "flist"),
    ("percent_encoding", "io"),
    ("saphyr_parser", "migrate zinit"),
    ("spdx", "sbom"),
    ("quick_junit", "boot"),
    ("object_store", "publish"),
    ("oci_client", "publish"),
    ("tokio", "io publish remote"),
    ("reqwest", "publish"),
    ("rustls", "publish"),
    ("futures_util", "io publish remote"),
    ("quick_xml", "publish"),
    ("configparser", "publish"),
    ("webpki_root_certs", "publish"),
    ("bazel_remote_apis", "remote"),
    ("tonic", "remote"),
    ("prost", "remote"),
];

const TOP_LEVEL: &[&str] = &[
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "compiler",
    "docs",
    "manifests",
    "runtime-units",
    "schema",
    "tests",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

/// Rust files below `folder` with their paths relative to `compiler/`, sorted.
fn rust_files(folder: &Path, found: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path
                .strip_prefix(root().join("compiler"))
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

fn compiler() -> Vec<(String, String)> {
    let mut found = Vec::new();
    rust_files(&root().join("compiler"), &mut found);
    assert!(found.len() > 20, "the sources are where they are expected");
    found
}

/// The module that a file belongs to: `apk/version.rs` and `diagnostic.rs` → `apk`, `diagnostic`.
fn module(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

/// Modules named by `crate::NAME` in code (not in comments), grouped imports included.
fn imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
    {
        for (at, _) in line.match_indices("crate::") {
            if at > 0 && line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$')
            {
                continue;
            }
            let rest = &line[at + "crate::".len()..];
            assert!(
                !rest.starts_with('{'),
                "write one `use crate::module::…` a module: {line}"
            );
            let name: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            found.insert(name);
        }
    }
    found
}

#[test]
fn a_module_imports_only_from_below() {
    let mut wrong = Vec::new();
    for (file, text) in compiler() {
        let own = module(&file);
        if ["lib", "main"].contains(&own) {
            continue;
        }
        let from =
            layer(own).unwrap_or_else(|| panic!("`{own}` ({file}) has no place in the layers"));
        for name in imports(&text) {
            let Some(to) = layer(&name) else { continue };
            if name != own && to <= from {
                wrong.push(format!("{file} imports crate::{name}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "against the layering:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn foreign_types_stay_at_home() {
    let mut wrong = Vec::new();
    for (file, text) in compiler() {
        for (foreign, homes) in AT_HOME {
            let used = text.lines().any(|line| {
                let line = line.trim_start();
                !line.starts_with("//")
                    && (line.contains(&format!("use {foreign}::"))
                        || line.contains(&format!(" {foreign}::"))
                        || line.contains(&format!("({foreign}::")))
            });
            if used && !homes.split(' ').any(|home| home == module(&file)) {
                wrong.push(format!("{file} uses {foreign}, whose home is {homes}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_and_effects_stay_in_their_modules() {
    let mut wrong = Vec::new();
    for (file, text) in compiler() {
        if text.contains("allow(unsafe_code)") && !file.starts_with("build/sandbox") {
            wrong.push(format!("{file} allows unsafe code"));
        }
        let exempt = file.starts_with("io/")
            || file.ends_with("tests.rs")
            || file.contains("/tests/")
            || text.contains("#[cfg(test)]");
        if text.contains("allow(clippy::disallowed_methods)") && !exempt {
            wrong.push(format!(
                "{file} reaches for the clock, the environment or the network"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_top_level_stays_as_it_is() {
    let output = std::process::Command::new("git")
        .args(["ls-files"])
        .current_dir(root())
        .output()
        .unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let names: BTreeSet<&str> = listed
        .lines()
        .filter_map(|line| line.split('/').next())
        .filter(|name| !name.starts_with('.'))
        .collect();
    let unexpected: Vec<_> = names
        .iter()
        .filter(|name| !TOP_LEVEL.contains(name))
        .collect();
    assert!(
        unexpected.is_empty(),
        "not part of the layout: {unexpected:?}"
    );
}

#[test]
fn modules_have_telling_names() {
    for (file, _) in compiler() {
        for name in [
            "utils", "util", "common", "core", "types", "helpers", "misc",
        ] {
            let named = file
                .split('/')
                .any(|part| part.trim_end_matches(".rs") == name);
            assert!(!named, "{file}: say what is in it");
        }
    }
}
