//! `zos.lock`: KDL, canonical, an entry a line, in an order that does not depend on anything but what is locked.
//!
//! Packages stand in the order of their installation, which is part of what is locked; everything else is sorted.

mod read;

use std::path::Path;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::SourceMap;
use crate::syntax::{self, Value};

use super::{
    Lock, LockedIndex, LockedKernelSource, LockedPackage, LockedSource, LockedToolchain, Role,
};
use read::read_node;

/// The version of the format.
const VERSION: i128 = 1;
/// The largest lock that is read, in bytes: about 2,500 packages.
pub(super) const LARGEST: u64 = syntax::MAXIMUM_SIZE as u64;

/// The canonical text of a lock.
pub(super) fn emit(lock: &Lock) -> String {
    let mut text = String::from(
        "// Written by zosc; commit it. `zosc lock` adds what the manifest newly asks for.\n",
    );
    text.push_str(&format!("zos-lock {VERSION}\n"));
    for wish in &lock.wishes {
        line(&mut text, "wish", wish, &[]);
    }
    for index in &lock.indexes {
        line(&mut text, "index", &index.url, &index_properties(index));
    }
    for package in &lock.packages {
        let mut properties = package_properties(package);
        properties.insert(1, ("role", role_name(package.role).to_owned()));
        line(&mut text, "package", &package.name, &properties);
    }
    for (name, toolchain) in &lock.toolchains {
        emit_toolchain(&mut text, name, toolchain);
    }
    if let Some(kernel) = &lock.kernel {
        line(
            &mut text,
            "kernel",
            &kernel.release,
            &[("image", kernel.image.to_string())],
        );
    }
    if let Some(source) = &lock.kernel_source {
        emit_kernel_source(&mut text, source);
    }
    for (name, source) in &lock.sources {
        let (kind, properties) = source_properties(source);
        line(&mut text, kind, name, &properties);
    }
    for (name, vendored) in &lock.vendored {
        let properties = [
            ("by", vendored.by.name().to_owned()),
            ("from", vendored.from.to_string()),
            ("tree", vendored.tree.to_string()),
        ];
        line(&mut text, "vendored", name, &properties);
    }
    text
}

/// The first word of a source's line, and what stands behind its name.
fn source_properties(source: &LockedSource) -> (&'static str, Vec<(&'static str, String)>) {
    match source {
        LockedSource::Crate {
            name,
            version,
            tree,
        } => {
            let properties = vec![
                ("package", name.clone()),
                ("version", version.clone()),
                ("tree", tree.to_string()),
            ];
            ("crate", properties)
        }
        LockedSource::Git {
            url,
            revision,
            commit,
            submodules,
            keep_git,
            tree,
        } => {
            let mut properties = vec![
                ("url", url.clone()),
                ("revision", revision.clone()),
                ("commit", commit.clone()),
            ];
            let with = [(*submodules, "submodules"), (*keep_git, "git")];
            let with = with.into_iter().filter_map(|(is, word)| is.then_some(word));
            let with: Vec<&str> = with.collect();
            if !with.is_empty() {
                properties.push(("with", with.join(" ")));
            }
            properties.push(("tree", tree.to_string()));
            ("git", properties)
        }
        LockedSource::Release { url, sha256, size } => {
            let properties = vec![
                ("url", url.clone()),
                ("sha256", sha256.to_string()),
                ("size", size.to_string()),
            ];
            ("release", properties)
        }
    }
}

fn index_properties(index: &LockedIndex) -> Vec<(&'static str, String)> {
    let tag = index.tag.iter().map(|tag| ("tag", tag.clone()));
    tag.chain([("sha256", index.sha256.to_string())]).collect()
}

fn package_properties(package: &LockedPackage) -> Vec<(&'static str, String)> {
    let mut properties = vec![
        ("version", package.version.clone()),
        ("url", package.urls.first().cloned().unwrap_or_default()),
        ("identity", package.identity.clone()),
        ("sha256", package.sha256.to_string()),
        ("size", package.size.to_string()),
        ("built", package.built.to_string()),
    ];
    let scripts: Vec<&str> = package.scripts.iter().map(String::as_str).collect();
    for (name, list) in [
        ("scripts", scripts.join(" ")),
        ("triggers", package.triggers.join(" ")),
        ("because", package.because.join(" ")),
    ] {
        if !list.is_empty() {
            properties.push((name, list));
        }
    }
    properties
}

/// A toolchain's own line, and one for each index and package of it.
fn emit_toolchain(text: &mut String, name: &str, toolchain: &LockedToolchain) {
    match toolchain {
        LockedToolchain::Alpine {
            wishes,
            indexes,
            packages,
        } => {
            line(text, "toolchain", name, &[("wishes", wishes.join(" "))]);
            let own = ("toolchain", name.to_owned());
            for index in indexes {
                let properties: Vec<_> = [own.clone()]
                    .into_iter()
                    .chain(index_properties(index))
                    .collect();
                line(text, "toolchain-index", &index.url, &properties);
            }
            for package in packages {
                let properties: Vec<_> = [own.clone()]
                    .into_iter()
                    .chain(package_properties(package))
                    .collect();
                line(text, "toolchain-package", &package.name, &properties);
            }
        }
        LockedToolchain::Download { url, sha256, size } => {
            let properties = [
                ("url", url.clone()),
                ("sha256", sha256.to_string()),
                ("size", size.to_string()),
            ];
            line(text, "toolchain-rootfs", name, &properties);
        }
        LockedToolchain::Image {
            reference,
            sha256,
            tree,
            environment,
        } => {
            let properties = [
                ("image", reference.clone()),
                ("sha256", sha256.to_string()),
                ("tree", tree.to_string()),
            ];
            line(text, "toolchain-image", name, &properties);
            for (variable, value) in environment {
                let properties = [("toolchain", name.to_owned()), ("value", value.clone())];
                line(text, "toolchain-variable", variable, &properties);
            }
        }
    }
}

fn emit_kernel_source(text: &mut String, source: &LockedKernelSource) {
    let url = source.urls.first().map_or("", String::as_str);
    let mut properties = vec![
        ("sha256", source.sha256.to_string()),
        ("size", source.size.to_string()),
        ("made", source.made.to_string()),
    ];
    properties.extend(
        source
            .archive
            .iter()
            .map(|archive| ("archive", archive.clone())),
    );
    line(text, "kernel-source", url, &properties);
    if let Some(signature) = &source.signature {
        let properties = [
            ("sha256", signature.sha256.to_string()),
            ("size", signature.size.to_string()),
        ];
        line(text, "kernel-signature", &signature.url, &properties);
    }
}

fn line(text: &mut String, node: &str, argument: &str, properties: &[(&str, String)]) {
    text.push_str(&format!("{node} {}", quote(argument)));
    for (name, value) in properties {
        // Numbers of the lock are whole and small; everything else is a quoted string.
        let value = if ["size", "built", "made"].contains(name) {
            value.clone()
        } else {
            quote(value)
        };
        text.push_str(&format!(" {name}={value}"));
    }
    text.push('\n');
}

fn quote(value: &str) -> String {
    let mut quoted = String::from("\"");
    for character in value.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                quoted.push_str(&format!("\\u{{{:x}}}", control as u32));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Image => "image",
        Role::Kernel => "kernel",
        Role::Stub => "stub",
        Role::Firmware => "firmware",
        Role::Microcode => "microcode",
        Role::Flist => "flist",
    }
}

/// Reads a lock.
///
/// # Errors
/// It is not KDL, of another version of the format, or has a line that zosc would not have written: with line and column.
pub(super) fn parse(path: &Path, bytes: Vec<u8>) -> Result<Lock, Diagnostics> {
    let text = syntax::read_text(bytes).map_err(|problem| damaged(path, &problem.message))?;
    let mut sources = SourceMap::new();
    let id = sources.add(path.display().to_string(), text.as_str());
    let mut problems = Diagnostics::new();
    let document = syntax::parse(id, &text, &mut problems);
    if let Some(problem) = problems.iter().next() {
        let place = problem
            .labels
            .first()
            .map(|label| sources.position(label.span).line);
        let place = place.map_or_else(String::new, |line| format!("line {line}: "));
        return Err(damaged(path, &format!("{place}{}", problem.message)));
    }
    let mut lock = Lock::default();
    let mut nodes = document.nodes.iter();
    match nodes.next().map(|node| {
        (
            node.name.value.as_str(),
            node.arguments().next().map(|entry| &entry.value.value),
        )
    }) {
        Some(("zos-lock", Some(Value::Integer(VERSION)))) => {}
        Some(("zos-lock", Some(Value::Integer(other)))) => return Err(other_version(path, *other)),
        _ => return Err(damaged(path, "it does not begin with `zos-lock 1`")),
    }
    for node in nodes {
        read_node(node, &mut lock).ok_or_else(|| {
            let line = sources.position(node.span).line;
            damaged(
                path,
                &format!(
                    "line {line}: zosc would not have written this `{}`",
                    node.name.value
                ),
            )
        })?;
    }
    Ok(lock)
}

fn damaged(path: &Path, why: &str) -> Diagnostics {
    Diagnostic::error(
        "zosc::lock::damaged",
        format!("`{}` cannot be read: {why}", path.display()),
    )
    .help("take it back from version control, or delete it to lock everything anew")
    .into()
}

fn other_version(path: &Path, version: i128) -> Diagnostics {
    Diagnostic::error(
        "zosc::lock::other-version",
        format!(
            "`{}` has the format {version}, and this zosc writes {VERSION}",
            path.display()
        ),
    )
    .help("use the zosc that wrote it, or delete it to lock everything anew")
    .into()
}

#[cfg(test)]
mod tests;
