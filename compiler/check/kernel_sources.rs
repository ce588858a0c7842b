//! Where the sources of a kernel that is built come from.

use crate::diagnostic::Diagnostic;
use crate::manifest::kernel as written;
use crate::source::{Span, Spanned};

use super::addresses::pinned;
use super::places::Want;
use super::{Ctx, KernelSignature, KernelSource, SignatureOrigin, listed};

/// Where kernel.org's releases are, by the first number of their version.
const KERNEL_ORG: &[&str] = &[
    "https://cdn.kernel.org/pub/linux/kernel",
    "https://mirrors.edge.kernel.org/pub/linux/kernel",
];

/// Endings of archives with a kernel's sources.
const ARCHIVES: &[&str] = &[".tar.xz", ".tar.gz", ".tar.zst", ".tar"];

impl Ctx<'_> {
    /// The version of a kernel that is built from what is named at `place`.
    pub(super) fn kernel_version(
        &mut self,
        kernel: &written::Kernel,
        place: Span,
    ) -> Option<Spanned<String>> {
        let Some(version) = &kernel.version else {
            if self.is_whole("kernel") {
                self.push(
                    Diagnostic::error(
                        "zosc::check::kernel-version",
                        "nothing says which version the kernel's sources are",
                    )
                    .at(place)
                    .help("write it behind `kernel`, such as `kernel \"6.12.44\"`"),
                );
            }
            return None;
        };
        if is_version(version) {
            return Some(version.clone());
        }
        let numbers: Vec<&str> = version.split(['.', '-', '+']).take(3).collect();
        let shorter = numbers.join(".");
        let problem = Diagnostic::error(
            "zosc::check::kernel-version",
            format!("`{}` is no version of the kernel's sources", version.value),
        )
        .at(version.span);
        self.push(if is_version(&shorter) {
            problem
                .help(format!(
                    "write \"{shorter}\"; what is added to it is `localversion`"
                ))
                .replace(
                    format!("write \"{shorter}\""),
                    version.span,
                    format!("\"{shorter}\""),
                )
        } else {
            problem.help("a version is two or three numbers, such as \"6.12.44\" or \"6.13-rc1\"")
        });
        None
    }

    /// Resolves a `tarball` node.
    pub(super) fn tarball(
        &mut self,
        tarball: &Spanned<written::Tarball>,
        version: Option<&Spanned<String>>,
    ) -> Option<KernelSource> {
        let version = version.filter(|version| is_version(version));
        let urls = self.tarball_urls(tarball, version);
        let signature = self.kernel_signature(tarball);
        let Some(sha256) = &tarball.sha256 else {
            if self.is_whole("kernel") {
                let name = version.map_or("the tarball".to_owned(), |version| {
                    format!("linux-{}.tar.xz", published(version))
                });
                let name = tarball
                    .mirrors
                    .first()
                    .map_or(name, |url| url.value.clone());
                self.unpinned(&Spanned::new(name, tarball.span));
            }
            return None;
        };
        Some(KernelSource::Tarball {
            urls: urls?,
            sha256: pinned(sha256)?,
            signature,
        })
    }

    fn tarball_urls(
        &mut self,
        tarball: &Spanned<written::Tarball>,
        version: Option<&Spanned<String>>,
    ) -> Option<Vec<String>> {
        let name = version.map(|version| format!("linux-{}.tar.xz", published(version)));
        let mut urls = Vec::new();
        for mirror in &tarball.mirrors {
            let url = self.address(mirror)?;
            if url.ends_with('/') {
                urls.push(format!("{url}{}", name.as_ref()?));
                continue;
            }
            self.ends_in(mirror, ARCHIVES, "an archive of a kernel's sources")?;
            urls.push(url);
        }
        if !tarball.mirrors.is_empty() {
            return Some(urls);
        }
        let (version, name) = (version?, name?);
        if version.contains("-rc") {
            self.push(
                Diagnostic::error(
                    "zosc::check::kernel-version",
                    format!(
                        "kernel.org keeps no tarball of `{}`, a release candidate",
                        version.value
                    ),
                )
                .at(version.span)
                .help("name where it is: `tarball \"https://…/linux.tar.xz\" sha256=\"…\"`"),
            );
            return None;
        }
        let series = version.split('.').next().unwrap_or_default();
        let roots = KERNEL_ORG.iter();
        Some(
            roots
                .map(|root| format!("{root}/v{series}.x/{name}"))
                .collect(),
        )
    }

    fn kernel_signature(&mut self, tarball: &written::Tarball) -> Option<KernelSignature> {
        let (signature, keyring) = match (&tarball.signature, &tarball.keyring) {
            (None, None) => return None,
            (Some(signature), Some(keyring)) => (signature, keyring),
            (Some(lonely), None) | (None, Some(lonely)) => {
                self.push(
                    Diagnostic::error(
                        "zosc::check::kernel-signature",
                        "a signature is verified with the keys of those who may have made it",
                    )
                    .at(lonely.span)
                    .help("write both: `signature=\"linux.tar.sign\" keyring=\"keys/kernel.org.gpg\"`; or leave both out, the digest pins the archive"),
                );
                return None;
            }
        };
        let from = if signature.contains("://") {
            self.address(signature).map(SignatureOrigin::Url)
        } else {
            let file = self.existing(signature, Want::File);
            file.map(|file| SignatureOrigin::File(file.value))
        };
        let keyring = self.existing(keyring, Want::File);
        Some(KernelSignature {
            from: Spanned::new(from?, signature.span),
            keyring: keyring?,
        })
    }

    /// Resolves a `source-package` node.
    pub(super) fn source_package(
        &mut self,
        package: &written::SourcePackage,
    ) -> Option<KernelSource> {
        let url = self.address(&package.url);
        let sound = self.ends_in(&package.url, &[".deb", ".apk"], "a package");
        let archive = match &package.archive {
            Some(archive) => {
                self.ends_in(archive, ARCHIVES, "an archive of a kernel's sources")?;
                Some(self.inner_path(archive)?)
            }
            None => None,
        };
        let Some(sha256) = &package.sha256 else {
            if self.is_whole("kernel") {
                self.unpinned(&package.url);
            }
            return None;
        };
        sound?;
        Some(KernelSource::Package {
            url: Spanned::new(url?, package.url.span),
            sha256: pinned(sha256)?,
            archive,
        })
    }

    /// Refuses a file whose name has none of some endings.
    fn ends_in(&mut self, file: &Spanned<String>, endings: &[&str], what: &str) -> Option<()> {
        let path = file.split(['?', '#']).next().unwrap_or_default();
        if endings.iter().any(|ending| path.ends_with(ending)) {
            return Some(());
        }
        self.push(
            Diagnostic::error(
                "zosc::check::not-an-archive",
                format!("`{}` is not named like {what}", file.value),
            )
            .at(file.span)
            .help(format!(
                "such files end in {}",
                listed(endings.iter().copied())
            )),
        );
        None
    }
}

/// Two or three numbers, and perhaps `-rc1`.
fn is_version(version: &str) -> bool {
    let (numbers, candidate) = version.split_once("-rc").unwrap_or((version, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let count = numbers.split('.').count();
    (2..=3).contains(&count) && numbers.split('.').all(is_number) && is_number(candidate)
}

/// A version as kernel.org writes it: the first of a series has two numbers.
fn published(version: &str) -> &str {
    let third = version.matches('.').count() == 2;
    version
        .strip_suffix(".0")
        .filter(|_| third)
        .unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_two_or_three_numbers() {
        for good in ["6.12", "6.12.44", "6.13-rc1", "6.12.0"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["", "6", "6.12.44-Zero-OS", "6.12.", "6.12.44.1", "v6.12"] {
            assert!(!is_version(bad), "{bad}");
        }
        assert_eq!(published("6.12.0"), "6.12");
        assert_eq!(published("6.12.10"), "6.12.10");
        assert_eq!(published("6.0"), "6.0");
    }
}
