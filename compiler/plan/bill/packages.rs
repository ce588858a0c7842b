//! Packages of Alpine and of repositories like its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::{Alpine, public_address};
use crate::lock::{LockedPackage, Role, repository_of};
use crate::sbom::{Class, Component, purl};

use super::Listing;

impl Listing<'_, '_> {
    /// Packages that are installed in the image, or that something in it is taken from.
    pub(super) fn image_packages(&mut self) {
        let lowering = self.lowering;
        let alpine = lowering.image.alpine.as_ref();
        let wishes: BTreeSet<String> = self.wishes().map(str::to_owned).collect();
        let mut installed = BTreeMap::new();
        for package in &lowering.inputs.lock.packages {
            let component = self.package(package, alpine, false);
            let reference = self.bill.add(&reference(package), component);
            if package.role != Role::Image || wishes.contains(&package.name) {
                self.bill.direct.insert(reference.clone());
            }
            let Some(unpacked) = lowering.materials.packages.get(&package.sha256) else {
                continue;
            };
            if package.role == Role::Image {
                installed.insert(reference, *unpacked);
            } else {
                // It is looked into, and nothing that it depends on is installed for it.
                self.packages.push(BTreeMap::from([(reference, *unpacked)]));
            }
        }
        self.packages.push(installed);
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
                Role::Firmware | Role::Microcode => Class::Firmware,
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
        }
        component
    }
}

/// What a package is called in a list.
pub(super) fn reference(package: &LockedPackage) -> String {
    format!("package/{}", package.full_name())
}
