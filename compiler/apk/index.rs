//! Package indexes: the text `APKINDEX` as records.
//!
//! Comes in: the text, after its archive was verified and unpacked. Goes out: an [`Index`] of [`Package`]s that borrow
//! from it, in the order of the text. Records are `X:value` lines ended by an empty line; unknown lowercase fields are
//! passed over, an unknown uppercase field makes its package uninstallable, as apk-tools does. Dependencies stay text
//! until somebody asks for them.

use crate::diagnostic::Diagnostic;

use super::dependency::Dependency;

/// Most packages that one index may list.
const MOST_PACKAGES: usize = 1 << 20;

/// Longest line, in bytes; the longest real one has 72 KiB.
const LONGEST_LINE: usize = 1 << 20;

/// One record of an index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package<'a> {
    /// The package's name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The identity of its file: `Q1` and the base64 SHA-1 of the control part.
    pub identity: &'a str,
    /// The architecture it is built for.
    pub architecture: &'a str,
    /// Size of the `.apk` file in bytes.
    pub size: u64,
    /// Size of what it installs in bytes; 0 for packages that exist only for their dependencies.
    pub installed_size: u64,
    /// What it is, in one line.
    pub description: &'a str,
    /// Where it comes from.
    pub url: &'a str,
    /// Its licence, as an SPDX expression.
    pub license: &'a str,
    /// The name of the source package that it was built from; empty where unknown.
    pub origin: &'a str,
    /// Who looks after it.
    pub maintainer: &'a str,
    /// When it was built, in seconds since 1970; 0 where unknown.
    pub build_time: u64,
    /// The commit of the packaging that it was built from.
    pub commit: &'a str,
    /// Which provider is taken where several could be; higher wins, 0 means never by itself.
    pub provider_priority: u64,
    /// Why it cannot be installed, where that is so: a field that this reader does not know.
    pub unknown_field: Option<char>,
    depends: &'a str,
    provides: &'a str,
    install_if: &'a str,
}

impl<'a> Package<'a> {
    /// What it needs.
    pub fn depends(&self) -> impl Iterator<Item = Result<Dependency<'a>, Diagnostic>> + use<'a> {
        Dependency::parse_line(self.depends)
    }

    /// What it is besides its name.
    pub fn provides(&self) -> impl Iterator<Item = Result<Dependency<'a>, Diagnostic>> + use<'a> {
        Dependency::parse_line(self.provides)
    }

    /// What makes it come along: all of these present; empty for most packages.
    pub fn install_if(&self) -> impl Iterator<Item = Result<Dependency<'a>, Diagnostic>> + use<'a> {
        Dependency::parse_line(self.install_if)
    }

    /// The name of its file: `busybox-1.36.1-r15.apk`.
    pub fn file_name(&self) -> String {
        format!("{}-{}.apk", self.name, self.version)
    }

    /// Takes one field.
    fn set(&mut self, field: char, value: &'a str) -> Result<(), String> {
        match field {
            'P' => self.name = value,
            'V' => self.version = value,
            'C' => self.identity = value,
            'A' => self.architecture = value,
            'S' => self.size = number(field, value)?,
            'I' => self.installed_size = number(field, value)?,
            'T' => self.description = value,
            'U' => self.url = value,
            'L' => self.license = value,
            'o' => self.origin = value,
            'm' => self.maintainer = value,
            't' => self.build_time = number(field, value)?,
            'c' => self.commit = value,
            'k' => self.provider_priority = number(field, value)?,
            'D' => self.depends = value,
            'p' => self.provides = value,
            'i' => self.install_if = value,
            // Fields of the database of installed packages, without a meaning here.
            'F' | 'M' | 'R' | 'Z' => {}
            _ if field.is_ascii_lowercase() => {}
            _ => self.unknown_field = Some(field),
        }
        Ok(())
    }

    /// Why the finished record cannot be used.
    fn fault(&self) -> Option<&'static str> {
        // As part of a file's name; without [`is_file_name`](crate::tree::is_file_name), which allocates for each of 50,000.
        let is_usable = |text: &str| {
            !text.is_empty()
                && !text.starts_with('.')
                && !text.contains(|c: char| c == '/' || c.is_control())
        };
        match () {
            () if !is_usable(self.name) => Some("a package without a usable name (P:)"),
            () if !is_usable(self.version) => Some("a package without a usable version (V:)"),
            () if self.identity.is_empty() => Some("a package without identity (C:)"),
            () => None,
        }
    }
}

/// What an index lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index<'a> {
    /// The packages in the order of the text.
    pub packages: Vec<Package<'a>>,
}

impl<'a> Index<'a> {
    /// Reads the text of an index.
    pub fn parse(text: &'a [u8]) -> Result<Self, Diagnostic> {
        let text = std::str::from_utf8(text)
            .map_err(|error| refused(0, &format!("it is not UTF-8: {error}")))?;
        let mut packages = Vec::new();
        let mut current: Option<Package<'a>> = None;
        for (number, line) in text.split('\n').chain(std::iter::once("")).enumerate() {
            if line.len() < 2 {
                let Some(package) = current.take() else {
                    continue;
                };
                if let Some(fault) = package.fault() {
                    return Err(refused(number, fault));
                }
                if packages.len() == MOST_PACKAGES {
                    return Err(refused(
                        number,
                        &format!("it lists more than {MOST_PACKAGES} packages"),
                    ));
                }
                packages.push(package);
                continue;
            }
            let mut characters = line.chars();
            let (Some(field), Some(':')) = (
                characters.next().filter(|field| !field.is_control()),
                characters.next(),
            ) else {
                return Err(refused(number, "a line is not of the form `X:value`"));
            };
            if line.len() > LONGEST_LINE {
                return Err(refused(
                    number,
                    &format!("a line is longer than {LONGEST_LINE} bytes"),
                ));
            }
            current
                .get_or_insert_default()
                .set(field, characters.as_str())
                .map_err(|fault| refused(number, &fault))?;
        }
        Ok(Self { packages })
    }
}

fn number(field: char, value: &str) -> Result<u64, String> {
    value.parse().map_err(|_| {
        let shown: String = value.chars().take(40).collect();
        format!("`{field}:{}` is no number", shown.escape_debug())
    })
}

/// `line` counts from 0.
fn refused(line: usize, why: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::apk::bad-index",
        format!("the package index cannot be read: {why}"),
    )
    .note(format!("line {} of APKINDEX", line + 1))
    .help("the repository is damaged or is none: check the mirror's address, or try another mirror")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TWO: &str = "C:Q1abc=\nP:busybox\nV:1.36.1-r15\nA:x86_64\nS:12\nI:34\nT:tools: all of them\nk:7\nD:musl !old>1\np:cmd:sh=1\ni:a b\nz:later\n\nC:Q1def=\nP:odd\nV:1\nY:?\n";

    #[test]
    fn records_become_packages_in_order() {
        let index = Index::parse(TWO.as_bytes()).expect("an index");
        let [busybox, odd] = index.packages.as_slice() else {
            panic!("two packages")
        };
        assert_eq!(
            (
                busybox.size,
                busybox.installed_size,
                busybox.provider_priority
            ),
            (12, 34, 7)
        );
        assert_eq!(busybox.description, "tools: all of them");
        assert_eq!(busybox.file_name(), "busybox-1.36.1-r15.apk");
        let depends: Vec<String> = busybox
            .depends()
            .map(|d| d.expect("valid").to_string())
            .collect();
        assert_eq!(depends, ["musl", "!old>1"]);
        assert_eq!(
            (busybox.unknown_field, odd.unknown_field),
            (None, Some('Y'))
        );
    }

    #[test]
    fn a_damaged_index_is_refused_with_its_line() {
        for (text, line) in [
            ("P:a\nC:x\n\n", 3),
            ("C:x\nV:1\nP:../a\n\n", 4),
            ("hello\n", 1),
            ("C:Q1\nP:a\nV:1\nS:-1\n", 4),
            ("C:Q1\n<html>\n", 2),
            ("C:Q1\nS:\u{1b}[2J\n", 2),
            ("C:Q1\n\u{1b}:x\n", 2),
        ] {
            let refusal = Index::parse(text.as_bytes()).expect_err(text);
            assert_eq!(refusal.code, "zosc::apk::bad-index");
            assert_eq!(
                refusal.notes,
                [format!("line {line} of APKINDEX")],
                "{text}"
            );
            assert!(!refusal.message.contains(char::is_control), "{text:?}");
        }
        assert!(Index::parse(b"P:\xff\xfe\n").is_err());
        let long = format!("D:{}\n", "x".repeat(LONGEST_LINE));
        assert!(Index::parse(long.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Index::parse(&bytes);
        }

        #[test]
        fn index_like_texts_are_read_or_refused(text in "([CPVDpikSIyY]:[a-z0-9=! .]{0,12}\n|\n){0,20}") {
            if let Ok(index) = Index::parse(text.as_bytes()) {
                for package in &index.packages {
                    package.depends().chain(package.provides()).chain(package.install_if()).for_each(drop);
                }
            }
        }
    }
}
