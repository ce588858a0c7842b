//! The list of what the image is made of: what the lock and the manifest say, and where a build finds the rest.
//!
//! Licences, maintainers and dependencies stand in the packages themselves, crates and modules in the sources; the action
//! reads them there. No address leaves here that holds credentials or means something on this machine alone.

mod files;
mod packages;
mod programs;
mod tools;

use std::collections::BTreeMap;

use crate::apk::dependency::Dependency;
use crate::sbom::{Bill, Component, Format};
use crate::tree::Digest;

use super::lower::Lowering;
use super::{Action, BuiltFrom, Input, Stage};

/// What tells more of the image's parts than the lock does.
#[derive(Debug, Clone, Default)]
pub(super) struct Materials {
    /// Unpacked packages, by the digests of their files.
    pub(super) packages: BTreeMap<Digest, Input>,
    /// Files of sources, patches applied, by the sources' names.
    pub(super) sources: BTreeMap<String, Input>,
    /// Crates and modules that are vendored, by the sources' names.
    pub(super) vendored: BTreeMap<String, Input>,
    /// The configuration of a kernel that is built.
    pub(super) kernel_config: Option<Input>,
}

/// What a list is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The image as it is built: its digest and its files are in the list.
    Built,
    /// What is locked. Nothing has to be built to know it.
    Locked,
}

/// A list that is being put together.
struct Listing<'a, 'i> {
    lowering: &'a Lowering<'i>,
    bill: Bill,
    /// Unpacked packages by reference, those together that are installed together.
    packages: Vec<BTreeMap<String, Input>>,
}

/// What the lock and the manifest say of the image's parts, and where the rest is found.
fn listed<'a, 'i>(lowering: &'a Lowering<'i>) -> (Listing<'a, 'i>, Vec<BuiltFrom>) {
    let image = lowering.image;
    let mut listing = Listing {
        lowering,
        bill: Bill {
            name: image.name.clone(),
            version: image.version.clone(),
            title: image.title.clone(),
            arch: image.arch.to_string(),
            epoch: lowering.inputs.epoch,
            zosc: env!("CARGO_PKG_VERSION").to_owned(),
            ..Bill::default()
        },
        packages: Vec::new(),
    };
    listing.image_packages();
    listing.toolchains();
    let sources = listing.sources();
    listing.kernel();
    listing.files();
    (listing, sources)
}

/// What the lock and the manifest say of the image's parts.
pub(super) fn known(lowering: &Lowering<'_>) -> Bill {
    listed(lowering).0.bill
}

/// The list of what the image is made of.
pub(super) fn bill(lowering: &mut Lowering<'_>, format: Format, about: About) -> Input {
    let (Listing { bill, packages, .. }, sources) = listed(lowering);
    let plan = &mut lowering.plan;
    // No list has its own digest in it, nor that of another.
    let outputs = plan.outputs.iter();
    let outputs = outputs
        .filter(|output| output.kind != "sbom")
        .map(|output| (output.name.clone(), output.content));
    let is_built = about == About::Built;
    let action = Action::Sbom {
        format,
        bill: Box::new(bill),
        identity: plan.build_id.filter(|_| is_built),
        outputs: outputs.filter(|_| is_built).collect(),
        packages,
        sources,
        kernel_config: lowering.materials.kernel_config.filter(|_| is_built),
    };
    let label = match format {
        Format::Cyclonedx => "list parts as CycloneDX",
        Format::Spdx => "list parts as SPDX",
    };
    plan.add(Stage::KernelBuild, label, None, action)
}

impl Listing<'_, '_> {
    /// Adds something that the manifest asks for by itself.
    fn add_direct(&mut self, reference: &str, component: Component) -> String {
        let reference = self.bill.add(reference, component);
        self.bill.direct.insert(reference.clone());
        reference
    }

    /// Names of packages that the manifest asks for.
    fn wishes(&self) -> impl Iterator<Item = &str> {
        let wishes = self.lowering.inputs.lock.wishes.iter();
        let wishes = wishes.filter_map(|wish| Dependency::parse(wish).ok());
        wishes.filter(|wish| !wish.conflict).map(|wish| wish.name)
    }
}

#[cfg(test)]
mod tests;
