//! A lock as facts: every package, source, toolchain and kernel with its version and content.

use crate::lock::{
    Lock, LockedIndex, LockedKernelSource, LockedPackage, LockedSource, LockedToolchain, Role,
};
use crate::tree::Digest;

use super::facts::{Facts, FieldKind, Section, Thing};
use super::here::Here;

/// Sections of a lock come after those of the manifest.
const RANK: usize = 100;

/// Adds what a lock names.
///
/// What it answers to is in the manifest, and left out.
pub(super) fn add(facts: &mut Facts, lock: &Lock, here: &Here) {
    let section = facts.section(RANK, "locked packages");
    packages(section, "", &lock.packages, here);
    let section = facts.section(RANK + 1, "locked sources");
    for (name, source) in &lock.sources {
        self::source(section.thing(format!("source {name}")), source);
    }
    for (name, vendored) in &lock.vendored {
        let thing = section.thing(format!("dependencies of {name}"));
        thing.say("by", vendored.by.name());
        thing.set("from", FieldKind::Detail, vendored.from.to_string());
        content(thing, &vendored.tree);
    }
    let section = facts.section(RANK + 2, "locked kernel");
    if let Some(kernel) = &lock.kernel {
        let thing = section.thing("kernel");
        thing.say("release", kernel.release.as_str());
        thing.set("image", FieldKind::Detail, kernel.image.as_str());
    }
    if let Some(source) = &lock.kernel_source {
        kernel_source(section.thing("kernel sources"), source);
    }
    let section = facts.section(RANK + 3, "locked toolchains");
    for (name, toolchain) in &lock.toolchains {
        self::toolchain(section, name, toolchain, here);
    }
    let section = facts.section(RANK + 4, "locked indexes");
    indexes(section, "", &lock.indexes, here);
}

fn packages(section: &mut Section, above: &str, packages: &[LockedPackage], here: &Here) {
    let mut order = Vec::new();
    for package in packages {
        let role = match package.role {
            Role::Image => "package",
            Role::Kernel => "kernel package",
            Role::Stub => "stub package",
            Role::Firmware => "firmware package",
            Role::Microcode => "microcode package",
            Role::Flist => "flist package",
        };
        let name = format!("{above}{role} {}", package.name);
        let name = section.free_name(&name);
        let thing = section.thing(&name);
        thing.set("version", FieldKind::Version, package.version.as_str());
        thing.set("size", FieldKind::Bytes, package.size);
        thing.set("sha256", FieldKind::Detail, package.sha256.to_string());
        thing.set("identity", FieldKind::Detail, package.identity.as_str());
        thing.set("built", FieldKind::Detail, super::time(package.built));
        if let Some((repository, _)) = package.urls.first().and_then(|url| split(url)) {
            thing.set("repository", FieldKind::Detail, here.relative(repository));
        }
        let scripts: Vec<&str> = package.scripts.iter().map(String::as_str).collect();
        if !scripts.is_empty() {
            thing.say("scripts", scripts);
        }
        if !package.triggers.is_empty() {
            thing.say("triggers", package.triggers.clone());
        }
        if !package.because.is_empty() {
            thing.set("because", FieldKind::Note, package.because.clone());
        }
        order.push(name);
    }
    let list = format!("{above}order of installation");
    section.orders.insert(list, order);
}

/// The folder of a package's repository: the address without architecture and file name.
fn split(url: &str) -> Option<(&str, &str)> {
    url.rsplit_once('/')?.0.rsplit_once('/')
}

fn indexes(section: &mut Section, above: &str, indexes: &[LockedIndex], here: &Here) {
    for index in indexes {
        let name = section.free_name(&format!("{above}index {}", here.relative(&index.url)));
        let thing = section.thing(&name);
        thing.say_maybe("tag", index.tag.as_deref());
        thing.set("sha256", FieldKind::Detail, index.sha256.to_string());
    }
}

fn toolchain(section: &mut Section, name: &str, toolchain: &LockedToolchain, here: &Here) {
    let whole = format!("toolchain {name}");
    match toolchain {
        LockedToolchain::Alpine {
            indexes, packages, ..
        } => {
            let above = format!("{whole}: ");
            self::packages(section, &above, packages, here);
            self::indexes(section, &above, indexes, here);
        }
        LockedToolchain::Download { url, sha256, size } => {
            let thing = section.thing(&whole);
            thing.say("url", url.as_str());
            thing.set("size", FieldKind::Bytes, *size);
            thing.set("sha256", FieldKind::Detail, sha256.to_string());
        }
        LockedToolchain::Image {
            reference,
            sha256,
            tree,
            environment,
        } => {
            let thing = section.thing(&whole);
            thing.say("image", reference.as_str());
            thing.set("sha256", FieldKind::Detail, sha256.to_string());
            content(thing, tree);
            for (name, value) in environment {
                thing.say(&format!("environment.{name}"), value.as_str());
            }
        }
    }
}

fn source(thing: &mut Thing, source: &LockedSource) {
    match source {
        LockedSource::Crate {
            name,
            version,
            tree,
        } => {
            thing.say("crate", name.as_str());
            thing.set("version", FieldKind::Version, version.as_str());
            content(thing, tree);
        }
        LockedSource::Git {
            url,
            revision,
            commit,
            submodules,
            keep_git,
            tree,
        } => {
            thing.say("url", url.as_str());
            thing.say("revision", revision.as_str());
            thing.say("commit", commit.as_str());
            thing.say("submodules", *submodules);
            thing.say("keep-git", *keep_git);
            content(thing, tree);
        }
        LockedSource::Release { url, sha256, size } => {
            thing.say("url", url.as_str());
            thing.set("size", FieldKind::Bytes, *size);
            thing.set("sha256", FieldKind::Detail, sha256.to_string());
        }
    }
}

fn kernel_source(thing: &mut Thing, source: &LockedKernelSource) {
    thing.say_maybe("url", source.urls.first().map(String::as_str));
    thing.set("size", FieldKind::Bytes, source.size);
    thing.set("sha256", FieldKind::Detail, source.sha256.to_string());
    thing.say_maybe("archive", source.archive.as_deref());
    thing.set("made", FieldKind::Detail, super::time(source.made));
    if let Some(signature) = &source.signature {
        thing.say("signature.url", signature.url.as_str());
        thing.set("signature.size", FieldKind::Bytes, signature.size);
        let digest = signature.sha256.to_string();
        thing.set("signature.sha256", FieldKind::Detail, digest);
    }
}

fn content(thing: &mut Thing, tree: &Digest) {
    thing.set("tree", FieldKind::Detail, tree.to_string());
}
