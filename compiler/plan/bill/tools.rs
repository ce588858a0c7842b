//! Toolchains: what the image is built with, and what is not in it.

use std::collections::BTreeMap;

use crate::check::{LocalRoot, ToolchainRoot, public_address};
use crate::lock::{HostToolchain, LockedToolchain};
use crate::sbom::{Class, Component, purl};

use super::Listing;
use super::packages::reference;

impl Listing<'_, '_> {
    /// Every toolchain that something is built or packed with.
    pub(super) fn toolchains(&mut self) {
        let lowering = self.lowering;
        for (name, toolchain) in lowering.image.used_toolchains() {
            let mut component = Component {
                class: Class::Application,
                name: name.to_owned(),
                only_builds: true,
                ..Component::default()
            };
            match lowering.inputs.lock.toolchains.get(name) {
                Some(locked) => self.locked(locked, &toolchain.root, &mut component),
                None => self.of_this_machine(&toolchain.root, &mut component),
            }
            self.bill.add(&tool(name), component);
        }
    }

    fn locked(
        &mut self,
        locked: &LockedToolchain,
        root: &ToolchainRoot,
        component: &mut Component,
    ) {
        match locked {
            LockedToolchain::Alpine { packages, .. } => {
                let alpine = self.lowering.image.alpine.as_ref();
                let moved = match root {
                    ToolchainRoot::Alpine {
                        release: Some(release),
                        ..
                    } => alpine.map(|alpine| alpine.of_release(release)),
                    _ => None,
                };
                let alpine = moved.as_ref().or(alpine);
                let mut installed = BTreeMap::new();
                for package in packages {
                    let listed = self.package(package, alpine, true);
                    let reference = self.bill.add(&reference(package), listed);
                    let unpacked = &self.lowering.materials.packages;
                    let unpacked = unpacked.get(&package.sha256);
                    installed.extend(unpacked.map(|unpacked| (reference.clone(), *unpacked)));
                    component.needs.insert(reference);
                }
                self.packages.push(installed);
            }
            LockedToolchain::Download { url, sha256, .. } => {
                component.sha256 = Some(*sha256);
                component.download = public_address(url);
                component.purl = Some(generic(component));
            }
            LockedToolchain::Image {
                reference,
                sha256,
                tree,
                ..
            } => {
                component.class = Class::Container;
                component.fact("image", reference);
                component.fact("tree", tree);
                // `HOST/FOLDER/NAME:TAG`, where the host may have a port.
                let plain = reference.split('@').next().unwrap_or(reference);
                let (folder, last) = plain.rsplit_once('/').unwrap_or(("", plain));
                let (image, tag) = last.split_once(':').unwrap_or((last, ""));
                let repository = format!("{folder}/{image}");
                let qualifiers = [
                    ("arch", self.bill.arch.as_str()),
                    ("repository_url", repository.trim_start_matches('/')),
                    ("tag", tag),
                ];
                let version = format!("sha256:{sha256}");
                component.purl = Some(purl("oci", "", image, &version, &qualifiers));
                component.version = version;
            }
        }
    }

    fn of_this_machine(&self, root: &ToolchainRoot, component: &mut Component) {
        let inputs = self.lowering.inputs;
        match root {
            ToolchainRoot::Local(LocalRoot::Archive(path, _)) => {
                let file = inputs.files.get(&path.value);
                component.sha256 = file.map(|file| file.digest);
            }
            ToolchainRoot::Local(LocalRoot::Folder(path)) => {
                if let Some(tree) = inputs.folders.get(&path.value) {
                    component.fact("tree", tree);
                }
            }
            _ => {
                let hosts = inputs.host.iter().chain(inputs.rusts.values());
                let programs: Vec<String> = hosts.map(programs).collect();
                component.fact("programs", programs.join("; "));
            }
        }
    }
}

/// The first line that each compiler of this machine says of itself.
fn programs(host: &HostToolchain) -> String {
    let lines = host.facts.lines().map(str::trim);
    let is_version =
        |line: &&str| line.contains(|digit: char| digit.is_ascii_digit()) && !line.contains(": ");
    lines.filter(is_version).collect::<Vec<_>>().join("; ")
}

/// What a toolchain is called in a list.
pub(super) fn tool(name: &str) -> String {
    format!("toolchain/{name}")
}

/// The package URL of a download that no package manager knows.
pub(super) fn generic(component: &Component) -> String {
    let digest = component.sha256.map(|digest| format!("sha256:{digest}"));
    let qualifiers = [
        ("checksum", digest.as_deref().unwrap_or_default()),
        (
            "download_url",
            component.download.as_deref().unwrap_or_default(),
        ),
    ];
    purl(
        "generic",
        "",
        &component.name,
        &component.version,
        &qualifiers,
    )
}
