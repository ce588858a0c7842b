//! Completes the list of what the image is made of, and writes it.

mod crates;
mod modules;

use std::collections::{BTreeMap, BTreeSet};

use super::Context;
use super::packages::read;
use crate::apk::UnpackedPackage;
use crate::apk::dependency::Dependency;
use crate::diagnostic::Diagnostic;
use crate::lock::Vendor;
use crate::plan::{BuiltFrom, Input};
use crate::sbom::{self, Bill, Component, Format, OutputFile};
use crate::tree::{Digest, ImagePath, Node, Tree};

/// What a list is completed with.
pub(super) struct Further<'a> {
    pub(super) identity: Option<&'a Input>,
    pub(super) outputs: &'a BTreeMap<String, Input>,
    pub(super) packages: &'a [BTreeMap<String, Input>],
    pub(super) sources: &'a [BuiltFrom],
    pub(super) kernel_config: Option<&'a Input>,
}

/// The document's digest.
pub(super) fn write(
    context: &Context<'_>,
    format: Format,
    bill: &Bill,
    from: &Further<'_>,
) -> Result<Digest, Diagnostic> {
    let mut bill = bill.clone();
    if let Some(identity) = from.identity {
        let line = context.store.get(&context.digest(identity))?;
        bill.build_id = String::from_utf8_lossy(&line).trim().parse().ok();
    }
    bill.outputs = from
        .outputs
        .iter()
        .map(|(name, content)| OutputFile {
            name: name.clone(),
            sha256: context.digest(content),
        })
        .collect();
    for group in from.packages {
        packages(context, &mut bill, group)?;
    }
    for source in from.sources {
        match source.by {
            Vendor::Cargo => crates::list(context, &mut bill, source)?,
            Vendor::Go => modules::list(context, &mut bill, source)?,
        }
    }
    if let (Some(config), Some(kernel)) =
        (from.kernel_config, bill.components.get_mut("kernel/linux"))
    {
        kernel.fact("config-sha256", context.digest(config));
    }
    context.store.put(sbom::document(&bill, format).as_bytes())
}

/// What packages say of themselves, and which of those that are installed together need each other.
fn packages(
    context: &Context<'_>,
    bill: &mut Bill,
    group: &BTreeMap<String, Input>,
) -> Result<(), Diagnostic> {
    let mut unpacked = BTreeMap::new();
    for (reference, input) in group {
        unpacked.insert(reference.as_str(), read(context, input)?);
    }
    let mut providers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (reference, package) in &unpacked {
        let names = names(&package.info.provides).chain([package.info.name.as_str()]);
        for name in names {
            providers.entry(name).or_default().insert(reference);
        }
    }
    for (reference, package) in &unpacked {
        let Some(component) = bill.components.get_mut(*reference) else {
            continue;
        };
        describe(component, package);
        let needed = names(&package.info.depends).filter_map(|name| providers.get(name));
        let others = needed.flatten().filter(|other| *other != reference);
        component
            .needs
            .extend(others.map(|other| (*other).to_owned()));
    }
    Ok(())
}

/// What dependencies and provisions name, what is refused left out.
fn names(lines: &[String]) -> impl Iterator<Item = &str> {
    let parsed = lines.iter().filter_map(|line| Dependency::parse(line).ok());
    parsed
        .filter(|dependency| !dependency.conflict)
        .map(|dependency| dependency.name)
}

fn describe(component: &mut Component, package: &UnpackedPackage) {
    let info = &package.info;
    component.summary.clone_from(&info.description);
    component.licence.clone_from(&info.license);
    component.maintainer = info.maintainer.clone().unwrap_or_default();
    let is_web = |url: &&String| {
        let is_one = url.starts_with("https://") || url.starts_with("http://");
        is_one && !url.contains(|odd: char| odd.is_whitespace() || "<>\"{}|\\^`".contains(odd))
    };
    component.homepage = Some(&info.url).filter(is_web).cloned();
    component.fact("origin", info.origin.as_deref().unwrap_or_default());
    component.fact("aports-commit", info.commit.as_deref().unwrap_or_default());
}

/// The text of a file in the folder that is built, or in the nearest one above it.
fn text_above(
    context: &Context<'_>,
    tree: &Tree,
    subdir: &str,
    name: &str,
) -> Result<Option<String>, Diagnostic> {
    let mut above = ImagePath::new(subdir).ok();
    while let Some(folder) = above {
        let file = folder.join(name).ok().and_then(|path| tree.get(&path));
        if let Some(Node::File { digest, .. }) = file.map(|entry| &entry.node) {
            let bytes = context.store.get(digest)?;
            return Ok(Some(String::from_utf8_lossy(&bytes).into_owned()));
        }
        above = folder.parent();
    }
    Ok(None)
}
