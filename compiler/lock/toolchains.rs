//! Toolchains: the packages, the archive or the container image that each consists of.

use std::collections::BTreeMap;

use crate::apk::dependency::Dependency;
use crate::check::{Image, KernelOrigin, Toolchain, ToolchainRoot};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Span, Spanned};
use crate::tree::Digest;

use super::container;
use super::packages::{self, Request};
use super::refusal::Wishes;
use super::{Change, Ctx, Lock, LockedToolchain, Mode, Update};

/// Packages that every toolchain of packages has: recipes start from a shell.
const ALWAYS: [&str; 2] = ["alpine-baselayout", "busybox"];

impl Image {
    /// The toolchains that something is built or packed with, by name.
    pub fn used_toolchains(&self) -> BTreeMap<&str, &Toolchain> {
        let sources = self
            .sources
            .iter()
            .filter_map(|source| source.build.as_ref());
        let sources = sources.map(|build| build.toolchain.as_str());
        let kernel = self.kernel.as_ref().and_then(|kernel| match &kernel.from {
            KernelOrigin::Built(built) => Some(built.toolchain.as_str()),
            KernelOrigin::Package(_) | KernelOrigin::Prebuilt { .. } => None,
        });
        let packers = self.upx.iter().map(|packing| packing.toolchain.as_str());
        let names = sources.chain(kernel).chain(packers);
        names
            .filter_map(|name| Some((name, self.toolchains.get(name)?)))
            .collect()
    }
}

/// Locks the toolchains that are used; what could not stay is noted in `moved`.
pub(super) fn toolchains(
    ctx: &Ctx<'_>,
    image: &Image,
    previous: &Lock,
    problems: &mut Diagnostics,
) -> BTreeMap<String, LockedToolchain> {
    let mut locked = BTreeMap::new();
    for (name, toolchain) in image.used_toolchains() {
        let before = previous.toolchains.get(name);
        let found = match &toolchain.root {
            // What is of this machine is no part of the lock.
            ToolchainRoot::Host | ToolchainRoot::Local(_) => continue,
            ToolchainRoot::Container { reference, digest } => {
                container::locked(ctx, name, reference, *digest, before).map_err(Diagnostics::from)
            }
            ToolchainRoot::Alpine { packages, release } => {
                let release = release.as_ref().map(|release| release.value.as_str());
                alpine(ctx, image, (name, packages, release), before)
            }
            ToolchainRoot::Download { url, sha256 } => {
                download(ctx, url, *sha256, before).map_err(Diagnostics::from)
            }
        };
        match found {
            Ok(found) => {
                locked.insert(name.to_owned(), found);
            }
            Err(found) => problems.extend(found),
        }
    }
    locked
}

/// What an update would change among toolchains of packages.
pub(super) fn preview(
    ctx: &Ctx<'_>,
    image: &Image,
    previous: &Lock,
) -> Result<Vec<Change>, Diagnostics> {
    let mut changes = Vec::new();
    for (name, toolchain) in image.used_toolchains() {
        let ToolchainRoot::Alpine { packages, release } = &toolchain.root else {
            continue;
        };
        let release = release.as_ref().map(|release| release.value.as_str());
        let alpine = image.alpine.as_ref();
        let moved = alpine
            .zip(release)
            .map(|(alpine, release)| alpine.of_release(release));
        let request = request(image, moved.as_ref(), packages);
        let before = before(previous.toolchains.get(name));
        let ctx = ctx.moving(update_of(ctx.mode.update, name, &before));
        let found = packages::preview(&ctx, &request, &before)?;
        changes.extend(found.into_iter().map(|change| change.of_toolchain(name)));
    }
    Ok(changes)
}

fn alpine(
    ctx: &Ctx<'_>,
    image: &Image,
    (name, packages, release): (&str, &[Spanned<String>], Option<&str>),
    locked: Option<&LockedToolchain>,
) -> Result<LockedToolchain, Diagnostics> {
    let alpine = image.alpine.as_ref();
    let moved = alpine
        .zip(release)
        .map(|(alpine, release)| alpine.of_release(release));
    let request = request(image, moved.as_ref(), packages);
    let before = before(locked);
    let ctx = ctx.moving(update_of(ctx.mode.update, name, &before));
    let found = packages::packages(&ctx, &request, &before)?;
    Ok(LockedToolchain::Alpine {
        wishes: found.wishes,
        indexes: found.indexes,
        packages: found.packages,
    })
}

/// What a toolchain asks of the repositories: its packages, and a shell to start recipes from.
fn request<'a>(
    image: &'a Image,
    moved: Option<&'a crate::check::Alpine>,
    packages: &[Spanned<String>],
) -> Request<'a> {
    let place = packages.first().map(|package| package.span);
    let named = packages.iter().map(|package| {
        let wish = Dependency::parse(&package.value).map(|wish| wish.to_string());
        (wish.unwrap_or_else(|_| package.value.clone()), package.span)
    });
    let always = place.into_iter().flat_map(|place: Span| {
        let names = ALWAYS.into_iter();
        names.map(move |name| (name.to_owned(), place))
    });
    let mut wishes: Wishes = always.collect();
    wishes.extend(named);
    Request {
        alpine: moved.or(image.alpine.as_ref()),
        arch: image.arch.name(),
        wishes,
        singles: Vec::new(),
    }
}

/// What is locked of a toolchain, as if it were an image.
fn before(locked: Option<&LockedToolchain>) -> Lock {
    match locked {
        Some(LockedToolchain::Alpine {
            wishes,
            indexes,
            packages,
        }) => Lock {
            wishes: wishes.clone(),
            indexes: indexes.clone(),
            packages: packages.clone(),
            ..Lock::default()
        },
        _ => Lock::default(),
    }
}

/// What may move of packages when some names are to: nothing, where none of those is meant.
pub(super) fn update_of<'a>(update: Update<'a>, name: &str, before: &Lock) -> Update<'a> {
    match update {
        Update::Only(names) if names.iter().any(|moving| moving == name) => Update::Everything,
        Update::Only(_)
            if !before
                .packages
                .iter()
                .any(|package| update.moves(&package.name)) =>
        {
            Update::Nothing
        }
        other => other,
    }
}

fn download(
    ctx: &Ctx<'_>,
    url: &Spanned<String>,
    sha256: Digest,
    locked: Option<&LockedToolchain>,
) -> Result<LockedToolchain, Diagnostic> {
    if let Some(
        found @ LockedToolchain::Download {
            url: old_url,
            sha256: old_digest,
            ..
        },
    ) = locked
        && (old_url, old_digest) == (&url.value, &sha256)
    {
        return Ok(found.clone());
    }
    let label = format!("fetch {}", file_name(&url.value));
    let fetched = ctx.step(&label, || {
        packages::download(ctx, std::slice::from_ref(&url.value), Some(sha256))
    });
    let (sha256, size) = fetched.map_err(|problem| problem.at(url.span))?;
    Ok(LockedToolchain::Download {
        url: url.value.clone(),
        sha256,
        size,
    })
}

/// The last part of an address.
fn file_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

impl<'a> Ctx<'a> {
    /// The same, but with another part of the lock that may move.
    pub(super) fn moving(&self, update: Update<'a>) -> Self {
        Self {
            mode: Mode {
                update,
                ..self.mode
            },
            ..*self
        }
    }
}
