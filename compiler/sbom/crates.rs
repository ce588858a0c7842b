//! Crates: what a `Cargo.lock` names, and what a crate says of itself.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::tree::Digest;

/// What a `Cargo.lock` names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LockedCrates {
    /// Names and versions of what the source itself needs.
    pub direct: Vec<(String, String)>,
    /// Crates that come from elsewhere.
    pub crates: Vec<LockedCrate>,
}

/// A crate that comes from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedCrate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The digest of its archive; `None` for one from a repository.
    pub sha256: Option<Digest>,
    /// Where it comes from, as Cargo writes it: `registry+…` or `git+…`.
    pub from: String,
    /// Names and versions of the crates that it needs.
    pub needs: Vec<(String, String)>,
}

/// What a crate says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CrateManifest {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence; may be empty.
    pub licence: String,
    /// What it is, in one line; may be empty.
    pub summary: String,
}

#[derive(Deserialize)]
struct LockFile {
    #[serde(default)]
    package: Vec<LockEntry>,
}

#[derive(Deserialize)]
struct LockEntry {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// What the text of a `Cargo.lock` names; nothing where it cannot be read.
pub fn locked_crates(text: &str) -> LockedCrates {
    let Ok(file) = toml::from_str::<LockFile>(text) else {
        return LockedCrates::default();
    };
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in &file.package {
        let of_name = versions.entry(&entry.name).or_default();
        of_name.push(&entry.version);
    }
    // `NAME` where there is one version of it, else `NAME VERSION`, else that and where it comes from.
    let needed = |text: &String| {
        let mut words = text.split(' ');
        let name = words.next()?;
        let only = || versions.get(name)?.first().copied();
        let version = words.next().or_else(only)?;
        Some((name.to_owned(), version.to_owned()))
    };
    let elsewhere = file.package.iter().filter_map(|entry| {
        Some(LockedCrate {
            name: entry.name.clone(),
            version: entry.version.clone(),
            sha256: entry
                .checksum
                .as_ref()
                .and_then(|digits| digits.parse().ok()),
            from: entry.source.clone()?,
            needs: entry.dependencies.iter().filter_map(needed).collect(),
        })
    });
    let own = file.package.iter().filter(|entry| entry.source.is_none());
    let direct = own.flat_map(|entry| entry.dependencies.iter().filter_map(needed));
    LockedCrates {
        direct: direct.collect(),
        crates: elsewhere.collect(),
    }
}

/// What the text of a crate's `Cargo.toml` says of it; `None` where it says no name and version.
pub fn crate_manifest(text: &str) -> Option<CrateManifest> {
    let manifest: toml::Table = toml::from_str(text).ok()?;
    let package = manifest.get("package")?.as_table()?;
    let word = |key: &str| Some(package.get(key)?.as_str()?.trim().to_owned());
    let summary = word("description").unwrap_or_default();
    Some(CrateManifest {
        name: word("name")?,
        version: word("version")?,
        licence: word("license").unwrap_or_default(),
        summary: summary.split_whitespace().collect::<Vec<_>>().join(" "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_names_crates_and_what_they_need() {
        let digest = Digest::of(b"x");
        let text = format!(
            r#"version = 4
[[package]]
name = "own"
version = "1.0.0"
dependencies = ["a", "b 2.0.0"]
[[package]]
name = "a"
version = "1.1.0"
source = "registry+https://m.example/index"
checksum = "{digest}"
dependencies = ["b 1.0.0", "c"]
[[package]]
name = "b"
version = "1.0.0"
source = "git+https://m.example/b?rev=1#0123"
[[package]]
name = "b"
version = "2.0.0"
source = "registry+https://m.example/index"
"#
        );
        let LockedCrates { direct, crates } = locked_crates(&text);
        let pair = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(direct, [pair("a", "1.1.0"), pair("b", "2.0.0")]);
        let named: Vec<_> = crates.iter().map(|found| &found.name[..]).collect();
        assert_eq!(named, ["a", "b", "b"]);
        assert_eq!(crates[0].sha256, Some(digest));
        assert_eq!(crates[0].needs, [pair("b", "1.0.0")]);
        assert_eq!(crates[1].sha256, None);
        assert_eq!(locked_crates("not [ TOML"), LockedCrates::default());
    }

    #[test]
    fn a_crate_says_what_it_is() {
        let text = "[package]\nname = \"a\"\nversion = \"1.0.0\"\nlicense = \"MIT\"\ndescription = \"\"\"\n  does\n a thing\"\"\"\n";
        let found = crate_manifest(text).expect("reads");
        assert_eq!(
            (&found.licence[..], &found.summary[..]),
            ("MIT", "does a thing")
        );
        assert_eq!(crate_manifest("[workspace]\n"), None);
    }
}
