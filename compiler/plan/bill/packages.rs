//! Packages of Alpine and of repositories like its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::{Alpine, Flist, Packed, public_address};
use crate::lock::{LockedPackage, Role, repository_of};
use crate::sbom::{Class, Component, purl};

use super::super::ContentOf;
use super::Listing;

impl Listing<'_, '_> {
    /// Packages that are installed in the image, or that something in it is taken from.
    pub(super) fn image_packages(&mut self) {
        let lowering = self.lowering;
        let alpine = lowering.image.alpine.as_ref();
        let wishes: BTreeSet<String> = self.wishes().map(str::to_owned).collect();
        // What is installed together, and what an flist packs together, may name each other.
        let (mut installed, mut packed) = (BTreeMap::new(), BTreeMap::new());
        for package in &lowering.inputs.lock.packages {
            let component = self.package(package, alpine, false);
            let flists = match package.role {
                Role::Flist => self.flists_of_set(package),
                Role::Kernel => self.flists_of_modules(),
                _ => String::new(),
            };
            let reference = self.bill.add(&reference(package), component);
            // Some of its files may be in the image all the same.
            if let Some(component) = self.bill.components.get_mut(&reference) {
                component.fact("flist", flists);
            }
            let is_asked = match package.role {
                Role::Image => wishes.contains(&package.name),
                Role::Flist => package.because.contains(&package.name),
                Role::Kernel | Role::Stub | Role::Firmware | Role::Microcode => true,
            };
            if is_asked {
                self.bill.direct.insert(reference.clone());
            }
            let Some(unpacked) = lowering.materials.packages.get(&package.sha256) else {
                continue;
            };
            match package.role {
                Role::Image => {
                    installed.insert(reference, *unpacked);
                }
                Role::Flist => {
                    packed.insert(reference, *unpacked);
                }
                // It is looked into, and nothing that it depends on is installed for it.
                _ => self.packages.push(BTreeMap::from([(reference, *unpacked)])),
            }
        }
        self.packages.push(installed);
        if !packed.is_empty() {
            self.packages.push(packed);
        }
    }

    /// The flists that ship the firmware of a package.
    fn flists_of_set(&self, package: &LockedPackage) -> String {
        let flists = self.lowering.image.flists.iter();
        let ships = |flist: &&Flist| match &flist.pack {
            Packed::Firmware(set) => package.because.contains(&set.value),
            Packed::Folder(_) => false,
        };
        let names = flists.filter(ships).map(|flist| flist.name.value.as_str());
        names.collect::<Vec<_>>().join(" ")
    }

    /// The flists that ship all modules of the kernel.
    pub(super) fn flists_of_modules(&self) -> String {
        let flists = self.lowering.plan.flists.iter();
        let names = flists.filter(|flist| flist.content_of == ContentOf::Kernel);
        let names = names.map(|flist| flist.name.value.as_str());
        names.collect::<Vec<_>>().join(" ")
    }

    /// A package; the rest stands in itself.
    pub(super) fn package(
        &self,
        package: &LockedPackage,
        alpine: Option<&Alpine>,
        only_builds: bool,
    ) -> Component {
        let repository =
            alpine.and_then(|alpine| alpine.repositories.get(repository_of(alpine, package)));
        let elsewhere = repository.filter(|repository| !repository.follows_release);
        let elsewhere = elsewhere
            .and_then(|repository| repository.urls.iter().find_map(|url| public_address(url)));
        let distro = alpine.map(|alpine| format!("alpine-{}", alpine.release));
        let qualifiers = [
            ("arch", self.bill.arch.as_str()),
            ("checksum", &format!("sha256:{}", package.sha256)),
            ("distro", distro.as_deref().unwrap_or_default()),
            ("repository_url", elsewhere.as_deref().unwrap_or_default()),
        ];
        let (name, version) = (package.name.as_str(), package.version.as_str());
        let mut component = Component {
            class: match package.role {
                Role::Kernel => Class::OperatingSystem,
                Role::Firmware | Role::Microcode | Role::Flist => Class::Firmware,
                Role::Image | Role::Stub => Class::Library,
            },
            name: package.name.clone(),
            version: package.version.clone(),
            only_builds,
            purl: Some(purl("apk", "alpine", name, version, &qualifiers)),
            sha256: Some(package.sha256),
            download: package.urls.iter().find_map(|url| public_address(url)),
            ..Component::default()
        };
        component.fact("identity", &package.identity);
        component.fact("size", package.size);
        match package.role {
            Role::Image => {}
            Role::Kernel => component.fact("taken", "kernel and modules"),
            Role::Stub => component.fact("taken", "EFI stub"),
            Role::Firmware => component.fact("taken", "firmware"),
            Role::Microcode => component.fact("taken", "microcode"),
            Role::Flist => component.fact("taken", "firmware, for an flist"),
        }
        component
    }
}

/// What a package is called in a list.
pub(super) fn reference(package: &LockedPackage) -> String {
    format!("package/{}", package.full_name())
}
