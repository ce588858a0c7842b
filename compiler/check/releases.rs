//! Downloads as sources: one file, or one for each architecture, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::manifest::source as written;
use crate::source::{Span, Spanned};

use super::addresses::pinned;
use super::{Ctx, SourceOrigin, listed};

/// Endings of files that are unpacked unless the manifest says otherwise.
const ARCHIVES: &[&str] = &[
    ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".zip", ".deb", ".apk",
];

/// The file that is taken.
struct Chosen<'a> {
    url: &'a Spanned<String>,
    sha256: Option<&'a Spanned<String>>,
}

impl Ctx<'_> {
    /// Resolves a `release` node for an image of this architecture.
    pub(super) fn release(
        &mut self,
        release: &Spanned<written::Release>,
        arch: &str,
    ) -> Option<SourceOrigin> {
        self.assets(release);
        let chosen = self.chosen(release, arch)?;
        let url = self.address(chosen.url);
        let name = file_name(chosen.url);
        let unpack = self.unpacks(release, name);
        let file_name = self.renamed(release, name, unpack);
        let Some(sha256) = chosen.sha256 else {
            if self.is_whole("source") && release.url.is_some() {
                self.unpinned(chosen.url);
            }
            return None;
        };
        let strip = release.strip_components.as_ref();
        Some(SourceOrigin::Release {
            url: Spanned::new(url?, chosen.url.span),
            sha256: pinned(sha256)?,
            file_name,
            unpack,
            strip_components: strip.map_or(0, |strip| strip.value),
        })
    }

    /// What every asset must have, whether or not it is taken.
    fn assets(&mut self, release: &written::Release) {
        let mut known: BTreeMap<&str, Span> = BTreeMap::new();
        for asset in &release.asset {
            let name = asset.arch.value.name();
            if let Some(earlier) = known.insert(name, asset.arch.span) {
                let message = format!("the release has two assets for `{name}`");
                self.clash(
                    "zosc::check::duplicate-name",
                    message,
                    asset.arch.span,
                    earlier,
                    "remove one of them",
                );
            }
            if asset.sha256.is_none() && self.is_whole("source") {
                self.unpinned(&asset.url);
            }
        }
    }

    /// The file of the release, or that of its assets which is for the image's architecture.
    fn chosen<'r>(
        &mut self,
        release: &'r Spanned<written::Release>,
        arch: &str,
    ) -> Option<Chosen<'r>> {
        let fault = |fact: String, span: Span| {
            Diagnostic::error("zosc::check::release-file", fact).at(span)
        };
        match (&release.url, release.asset.first()) {
            (Some(url), None) => {
                return Some(Chosen {
                    url,
                    sha256: release.sha256.as_ref(),
                });
            }
            (Some(url), Some(asset)) => self.push(
                fault(
                    "the release is one file, and has files for architectures".to_owned(),
                    asset.arch.span,
                )
                .label(url.span, "the one file")
                .help("keep the address behind `release`, or the assets"),
            ),
            (None, Some(_)) => {
                if let Some(sha256) = &release.sha256 {
                    self.push(
                        fault(
                            "this digest is that of one file, and the release has several"
                                .to_owned(),
                            sha256.span,
                        )
                        .help("write `sha256` on the line of each `asset`"),
                    );
                }
                let is_ours = |asset: &&written::Asset| asset.arch.value.name() == arch;
                if let Some(asset) = release.asset.iter().find(is_ours) {
                    return Some(Chosen {
                        url: &asset.url,
                        sha256: asset.sha256.as_ref(),
                    });
                }
                let all = release.asset.iter().map(|asset| asset.arch.value.name());
                let all: BTreeSet<&str> = all.collect();
                self.push(
                    fault(
                        format!("the release has no file for `{arch}`, which the image is for"),
                        release.span,
                    )
                    .note(format!("it has files for {}", listed(all)))
                    .help(format!("add `asset {arch} url=\"…\" sha256=\"…\"`")),
                );
            }
            (None, None) if !self.is_whole("source") => {}
            (None, None) => self.push(
                fault("the release names no file".to_owned(), release.span)
                    .help("write `release \"ADDRESS\" sha256=\"…\"`, or give it an `asset` for each architecture"),
            ),
        }
        None
    }

    fn unpacks(&mut self, release: &written::Release, name: &str) -> bool {
        let is_archive = ARCHIVES.iter().any(|ending| name.ends_with(ending));
        let unpack = release.unpack.as_ref();
        let unpacks = unpack.map_or(is_archive, |unpack| unpack.value);
        if let Some(wanted) = unpack.filter(|wanted| wanted.value && !is_archive) {
            self.not_an_archive(
                wanted.span,
                &format!("`{name}` is not named like an archive that zosc unpacks"),
            );
        }
        if let Some(strip) = release.strip_components.as_ref().filter(|_| !unpacks) {
            self.not_an_archive(
                strip.span,
                &format!("`{name}` is not unpacked, so it has no folders to drop"),
            );
        }
        unpacks
    }

    fn not_an_archive(&mut self, span: Span, message: &str) {
        let endings = listed(ARCHIVES.iter().copied());
        self.push(
            Diagnostic::error("zosc::check::not-an-archive", message)
                .at(span)
                .help(format!("archives end in {endings}")),
        );
    }

    /// The name that the file has from here on.
    fn renamed(&mut self, release: &written::Release, name: &str, unpack: bool) -> String {
        let Some(rename) = &release.rename else {
            return name.to_owned();
        };
        if unpack {
            self.push(
                Diagnostic::error(
                    "zosc::check::release-file",
                    format!("`{name}` is unpacked, so nothing is left that could be renamed"),
                )
                .at(rename.span)
                .help("remove `rename`; `install FILE to=…` gives each file its name in the image"),
            );
            return name.to_owned();
        }
        rename.value.clone()
    }
}

/// The last component of an address's path.
fn file_name(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or("");
    path.rsplit('/').next().unwrap_or("")
}
