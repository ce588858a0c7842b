//! Lists of what an image is made of: software bills of materials.
//!
//! Comes in: a [`Bill`], which is data, and the lock files of components whose crates and modules it is to name. Goes out:
//! one JSON document, as CycloneDX 1.6 or SPDX 2.3. The same bill gives the same bytes: times are the image's, names of
//! documents are made of the bill's digest, and everything is sorted. Never asks a store or a network, and never holds an
//! address with credentials: whoever makes a bill leaves them out.

mod crates;
mod cyclonedx;
mod identifier;
mod licence;
mod modules;
mod purl;
mod spdx;

pub use crates::{CrateManifest, LockedCrate, LockedCrates, crate_manifest, locked_crates};
pub use modules::{LockedModule, module_of_archive, vendored_modules};
pub use purl::purl;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::tree::Digest;

/// The form of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// CycloneDX 1.6.
    Cyclonedx,
    /// SPDX 2.3.
    Spdx,
}

impl Format {
    /// The form that a file's name promises.
    pub fn of_name(name: &str) -> Option<Self> {
        if name.ends_with(".cdx.json") {
            return Some(Self::Cyclonedx);
        }
        name.ends_with(".spdx.json").then_some(Self::Spdx)
    }
}

/// What an image is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Bill {
    /// The image's name.
    pub name: String,
    /// Its version; may be empty.
    pub version: String,
    /// The name that people see.
    pub title: String,
    /// Its processor.
    pub arch: String,
    /// The time of everything in it, in seconds since 1970.
    pub epoch: u64,
    /// The version of zosc.
    pub zosc: String,
    /// The image's digest; `None` for a bill of what is locked, before anything is built.
    pub build_id: Option<Digest>,
    /// The files that the image was written to.
    pub outputs: Vec<OutputFile>,
    /// What it is made of, by references that are unique in the bill.
    pub components: BTreeMap<String, Component>,
    /// References of what the manifest asks for itself.
    pub direct: BTreeSet<String>,
}

/// A file that an image was written to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct OutputFile {
    /// Its name.
    pub name: String,
    /// Its content.
    pub sha256: Digest,
}

/// What kind of thing a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A package, crate or module.
    #[default]
    Library,
    /// A program.
    Application,
    /// A kernel.
    OperatingSystem,
    /// Firmware or microcode.
    Firmware,
    /// A container image.
    Container,
    /// A file.
    File,
}

/// One thing that an image is made of, or made with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Component {
    /// What kind of thing it is.
    pub class: Class,
    /// Its name.
    pub name: String,
    /// Its version; may be empty.
    pub version: String,
    /// Whether it does its work while the image is built and is not in it.
    pub only_builds: bool,
    /// What it is, in one line; may be empty.
    pub summary: String,
    /// Its home on the web.
    pub homepage: Option<String>,
    /// Its licence, as it says itself; may be empty.
    pub licence: String,
    /// Who looks after it: `NAME <ADDRESS>`; may be empty.
    pub maintainer: String,
    /// Its package URL.
    pub purl: Option<String>,
    /// Its name in lists of vulnerabilities (CPE 2.3).
    pub cpe: Option<String>,
    /// The digest of the file that it is, or came in.
    pub sha256: Option<Digest>,
    /// Where that file came from.
    pub download: Option<String>,
    /// The repository and the commit that its files are from.
    pub commit: Option<(String, String)>,
    /// References of what it needs.
    pub needs: BTreeSet<String>,
    /// References of patches that its files were changed by, in order.
    pub patches: Vec<String>,
    /// References of what it was built with.
    pub built_with: BTreeSet<String>,
    /// Further facts by name, for which documents have no field.
    pub facts: BTreeMap<String, String>,
}

impl Component {
    /// Adds a fact that is known.
    pub fn fact(&mut self, name: &str, value: impl ToString) {
        let value = value.to_string();
        if !value.is_empty() {
            self.facts.insert(name.to_owned(), value);
        }
    }

    /// Who looks after it: the name, and the address where there is one.
    fn maintained_by(&self) -> Option<(&str, Option<&str>)> {
        let text = self.maintainer.trim();
        let (name, address) = match text.split_once('<') {
            Some((name, address)) => (name.trim(), Some(address.trim_end_matches('>').trim())),
            None => (text, None),
        };
        let is_address = |address: &&str| {
            let parts: Vec<&str> = address.split('@').collect();
            matches!(parts.as_slice(), [user, host] if !user.is_empty() && !host.is_empty())
                && !address.contains(|odd: char| odd.is_whitespace() || "<>()".contains(odd))
        };
        let address = address.filter(is_address);
        let name = if name.is_empty() { address? } else { name };
        Some((name, address))
    }
}

impl Bill {
    /// Adds a component under a reference, or finds it there; another one of the same name gets a reference of its own.
    pub fn add(&mut self, reference: &str, component: Component) -> String {
        let taken = |other: &Component| {
            (other.sha256, &other.purl, &other.version)
                != (component.sha256, &component.purl, &component.version)
        };
        let mut reference = reference.to_owned();
        if self.components.get(&reference).is_some_and(taken) {
            let digest = component.sha256.map(|digest| digest.short());
            reference = format!("{reference}#{}", digest.unwrap_or_default());
        }
        match self.components.get_mut(&reference) {
            // What is in the image is not only a tool, whatever else it does.
            Some(known) => known.only_builds &= component.only_builds,
            None => {
                self.components.insert(reference.clone(), component);
            }
        }
        reference
    }

    /// What hangs on the image itself, so that everything in it can be reached: what the manifest asks for, and what nothing
    /// else needs.
    fn roots(&self) -> BTreeSet<&str> {
        let shipped = || {
            let all = self.components.iter();
            all.filter(|(_, component)| !component.only_builds)
        };
        let needed: BTreeSet<&str> = shipped()
            .flat_map(|(_, component)| &component.needs)
            .map(String::as_str)
            .collect();
        let mut roots: BTreeSet<&str> = self.direct.iter().map(String::as_str).collect();
        roots.retain(|root| self.components.contains_key(*root));
        let alone = shipped().filter(|(reference, _)| !needed.contains(reference.as_str()));
        roots.extend(alone.map(|(reference, _)| reference.as_str()));
        let mut reached = BTreeSet::new();
        for root in &roots {
            self.reach(root, &mut reached);
        }
        // Rings of components that need each other and that nothing else needs.
        for (reference, _) in shipped() {
            if !reached.contains(reference.as_str()) {
                roots.insert(reference);
                self.reach(reference, &mut reached);
            }
        }
        roots
    }

    fn reach<'a>(&'a self, from: &'a str, reached: &mut BTreeSet<&'a str>) {
        let mut pending = vec![from];
        while let Some(next) = pending.pop() {
            if reached.insert(next)
                && let Some(component) = self.components.get(next)
            {
                pending.extend(component.needs.iter().map(String::as_str));
            }
        }
    }

    /// The moment of everything in the image, as documents write it.
    fn time(&self) -> String {
        let seconds = i64::try_from(self.epoch).unwrap_or(i64::MAX);
        jiff::Timestamp::from_second(seconds)
            .unwrap_or(jiff::Timestamp::MAX)
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string()
    }
}

/// The text of a bill.
pub fn document(bill: &Bill, format: Format) -> String {
    let value = match format {
        Format::Cyclonedx => cyclonedx::document(bill),
        Format::Spdx => spdx::document(bill),
    };
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests;
