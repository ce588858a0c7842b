//! Sources, and the kernel.

use crate::check::{
    BuiltKernel, GitRevision, KernelOrigin, Recipe, Source, SourceOrigin, StubOrigin,
    public_address,
};
use crate::lock::{LockedSource, Vendor};
use crate::sbom::{Class, Component, purl};

use super::super::BuiltFrom;
use super::Listing;
use super::tools::{generic, tool};

impl Listing<'_, '_> {
    /// Every source, with its patches; goes out: those that name crates or modules.
    pub(super) fn sources(&mut self) -> Vec<BuiltFrom> {
        let lowering = self.lowering;
        let mut found = Vec::new();
        for source in &lowering.image.sources {
            let mut component = self.origin(source);
            let places = source.install.iter().map(|file| file.to.value.as_str());
            component.fact("installed", places.collect::<Vec<_>>().join(" "));
            component.patches = self.patches(source);
            if let Some(build) = &source.build {
                component.built_with.insert(tool(&build.toolchain));
            }
            let name = &source.name.value;
            let reference = self.add_direct(&format!("source/{name}"), component);
            let build = source.build.as_ref();
            let by = build.and_then(|build| match build.recipe {
                Recipe::Cargo { .. } => Some(Vendor::Cargo),
                Recipe::Go { .. } => Some(Vendor::Go),
                Recipe::Make { .. } | Recipe::Script(_) => None,
            });
            let files = lowering.materials.sources.get(name);
            if let (Some(by), Some(build), Some(files)) = (by, build, files) {
                found.push(BuiltFrom {
                    reference,
                    by,
                    subdir: build.subdir.clone(),
                    files: *files,
                    vendored: lowering.materials.vendored.get(name).copied(),
                });
            }
        }
        found
    }

    /// Where a source comes from.
    fn origin(&self, source: &Source) -> Component {
        let inputs = self.lowering.inputs;
        let name = &source.name.value;
        let mut component = Component {
            class: Class::Application,
            name: name.clone(),
            ..Component::default()
        };
        match (&source.from, inputs.lock.sources.get(name)) {
            (
                _,
                Some(LockedSource::Crate {
                    name,
                    version,
                    tree,
                }),
            ) => {
                component.name.clone_from(name);
                component.version.clone_from(version);
                component.fact("tree", tree);
                component.purl = Some(purl("cargo", "", name, version, &[]));
            }
            (SourceOrigin::Git { revision, .. }, Some(locked)) => {
                let LockedSource::Git {
                    url, commit, tree, ..
                } = locked
                else {
                    return component;
                };
                component.version = match &revision.value {
                    GitRevision::Tag(tag) => tag.clone(),
                    _ => commit.clone(),
                };
                component.fact("tree", tree);
                let url = public_address(url);
                let place = url.as_ref().map(|url| format!("git+{url}@{commit}"));
                let qualifiers = [("vcs_url", place.as_deref().unwrap_or_default())];
                let version = component.version.as_str();
                component.purl = Some(purl("generic", "", name, version, &qualifiers));
                component.commit = url.map(|url| (url, commit.clone()));
                component.fact("commit", commit);
            }
            (_, Some(LockedSource::Release { url, sha256, .. })) => {
                component.sha256 = Some(*sha256);
                component.download = public_address(url);
                component.purl = Some(generic(&component));
            }
            (SourceOrigin::Path(path), _) => {
                if let Some(tree) = inputs.folders.get(&path.value) {
                    component.fact("tree", tree);
                }
            }
            _ => {}
        }
        component
    }

    fn patches(&mut self, source: &Source) -> Vec<String> {
        let mut references = Vec::new();
        for patch in &source.patches {
            let Some(file) = self.lowering.inputs.files.get(&patch.value) else {
                continue;
            };
            let name = patch.value.file_name().unwrap_or_default();
            let name = name.to_string_lossy();
            let component = Component {
                class: Class::File,
                name: name.clone().into_owned(),
                only_builds: true,
                sha256: Some(file.digest),
                ..Component::default()
            };
            let reference = format!("patch/{}/{name}", source.name.value);
            references.push(self.bill.add(&reference, component));
        }
        references
    }

    /// A kernel that is no package, and a stub that is a file.
    pub(super) fn kernel(&mut self) {
        let lowering = self.lowering;
        let Some(kernel) = &lowering.image.kernel else {
            return;
        };
        let release = lowering.kernel().map(|locked| locked.release.as_str());
        let release = release.unwrap_or_default();
        match &kernel.from {
            KernelOrigin::Package(name) => self.name_kernel(&name.value, release),
            KernelOrigin::Prebuilt { .. } => {
                let mut component = linux(release);
                if let Some(tree) = &lowering.inputs.kernel {
                    component.fact("tree", tree);
                }
                component.fact("flist", self.flists_of_modules());
                self.add_direct("kernel/linux", component);
            }
            KernelOrigin::Built(built) => {
                let mut component = self.built(built);
                component.fact("flist", self.flists_of_modules());
                self.add_direct("kernel/linux", component);
            }
        }
        if let (Some(StubOrigin::File(path)), Some(file)) = (&kernel.stub, lowering.inputs.stub) {
            let name = path.value.file_name().unwrap_or_default();
            let component = Component {
                class: Class::File,
                name: name.to_string_lossy().into_owned(),
                summary: "EFI stub".to_owned(),
                sha256: Some(file.digest),
                ..Component::default()
            };
            self.add_direct("kernel/stub", component);
        }
    }

    /// Lets the package that is the kernel be found by those who look for a kernel.
    fn name_kernel(&mut self, package: &str, release: &str) {
        let packages = self.bill.components.values_mut();
        let is_kernel = |component: &&mut Component| {
            component.class == Class::OperatingSystem && component.name == package
        };
        for component in packages.filter(is_kernel) {
            component.cpe = cpe(release);
            component.fact("release", release);
        }
    }

    fn built(&self, built: &BuiltKernel) -> Component {
        let mut component = linux(&built.release());
        component.version.clone_from(&built.version.value);
        component.built_with.insert(tool(&built.toolchain));
        if let Some(source) = &self.lowering.inputs.lock.kernel_source {
            component.sha256 = Some(source.sha256);
            component.download = source.urls.iter().find_map(|url| public_address(url));
            component.fact("archive", source.archive.as_deref().unwrap_or_default());
            if let Some(signature) = &source.signature {
                component.fact("signature-sha256", signature.sha256);
            }
        }
        component.purl = Some(generic(&component));
        component
    }
}

fn linux(release: &str) -> Component {
    let mut component = Component {
        class: Class::OperatingSystem,
        name: "linux".to_owned(),
        version: release.to_owned(),
        cpe: cpe(release),
        ..Component::default()
    };
    component.fact("release", release);
    component
}

/// Linux in lists of vulnerabilities: by the numbers that its release begins with.
fn cpe(release: &str) -> Option<String> {
    let end = release.find(|character: char| !character.is_ascii_digit() && character != '.');
    let numbers = release.get(..end.unwrap_or(release.len()))?;
    let numbers = numbers.trim_end_matches('.');
    let is_version = numbers.contains('.') && !numbers.starts_with('.');
    is_version.then(|| format!("cpe:2.3:o:linux:linux_kernel:{numbers}:*:*:*:*:*:*:*"))
}

#[cfg(test)]
mod tests {
    use super::cpe;

    #[test]
    fn a_kernel_is_known_by_its_numbers() {
        let name = |numbers: &str| {
            Some(format!(
                "cpe:2.3:o:linux:linux_kernel:{numbers}:*:*:*:*:*:*:*"
            ))
        };
        assert_eq!(cpe("6.12.44-0-virt"), name("6.12.44"));
        assert_eq!(cpe("6.12.1"), name("6.12.1"));
        assert_eq!(cpe("mine"), None);
        assert_eq!(cpe(""), None);
    }
}
