//! `.PKGINFO`: what a package says about itself.

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use crate::tree::Digest;

/// What a package says about itself in `.PKGINFO`.
///
/// Dependencies, provisions and the like stay as written, one item an element.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PackageInfo {
    /// `pkgname`
    pub name: String,
    /// `pkgver`, with the release: `1.36.1-r15`
    pub version: String,
    /// `arch`: `x86_64`, `noarch`, …
    pub arch: String,
    /// `pkgdesc`
    pub description: String,
    /// `url`
    pub url: String,
    /// `license`
    pub license: String,
    /// `origin`: the source package.
    pub origin: Option<String>,
    /// `maintainer`
    pub maintainer: Option<String>,
    /// `commit` of the package's recipe.
    pub commit: Option<String>,
    /// `builddate`, seconds since 1970.
    pub build_date: u64,
    /// `size`: bytes once installed; of a package with 0 apk installs the record only, no file and no script.
    pub installed_size: u64,
    /// `depend`
    pub depends: Vec<String>,
    /// `provides`
    pub provides: Vec<String>,
    /// `provider_priority`
    pub provider_priority: u64,
    /// `install_if`
    pub install_if: Vec<String>,
    /// `replaces`: packages whose files this one may take over.
    pub replaces: Vec<String>,
    /// `replaces_priority`
    pub replaces_priority: u64,
    /// `triggers`: patterns of directories.
    pub triggers: Vec<String>,
    /// `datahash`: SHA-256 of the compressed data member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_hash: Option<Digest>,
}

impl PackageInfo {
    /// `NAME-VERSION`, as apk calls a package.
    pub fn full_name(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// Reads `.PKGINFO`: lines of `key = value`, `#` comments, keys that may repeat. Unknown keys are left aside, as apk
    /// does.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Fault::malformed("its `.PKGINFO` is not UTF-8"))?;
        let mut info = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((key, value)) = line.split_once(" = ") {
                info.set(key, value)?;
            }
        }
        if !is_plain_name(&info.name) || !is_plain_name(&info.version) {
            return Err(Fault::malformed(
                "its `.PKGINFO` names no package and version",
            ));
        }
        Ok(info)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Fault> {
        let number = || {
            let wrong =
                |_| Fault::malformed(format!("`{key} = {value}` in its `.PKGINFO` is no number"));
            value.trim().parse().map_err(wrong)
        };
        let words = || value.split_ascii_whitespace().map(str::to_owned);
        match key {
            "pkgname" => value.clone_into(&mut self.name),
            "pkgver" => value.clone_into(&mut self.version),
            "arch" => value.clone_into(&mut self.arch),
            "pkgdesc" => value.clone_into(&mut self.description),
            "url" => value.clone_into(&mut self.url),
            "license" => value.clone_into(&mut self.license),
            "origin" => self.origin = Some(value.to_owned()),
            "maintainer" => self.maintainer = Some(value.to_owned()),
            "commit" => self.commit = Some(value.to_owned()),
            "builddate" => self.build_date = number()?,
            "size" => self.installed_size = number()?,
            "provider_priority" => self.provider_priority = number()?,
            "replaces_priority" => self.replaces_priority = number()?,
            "depend" => self.depends.extend(words()),
            "provides" => self.provides.extend(words()),
            "install_if" => self.install_if.extend(words()),
            "replaces" => self.replaces.extend(words()),
            "triggers" => self.triggers = words().collect(),
            "datahash" => {
                let wrong = |_| Fault::malformed("the `datahash` in its `.PKGINFO` is no SHA-256");
                self.data_hash = Some(value.trim().parse().map_err(wrong)?);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether a text may be part of the file names that are made from it.
fn is_plain_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('.')
        && text.len() <= 128
        && text
            .chars()
            .all(|c| !c.is_control() && !c.is_whitespace() && c != '/')
}
