//! Packages of all roles, from the repositories of the manifest.
//!
//! A lock that answers to the same wishes over the same repositories is kept as it is, without a look at the network. Otherwise
//! the packages are chosen anew, from the indexes that the lock names as far as the store still has them, so that a
//! further wish does not move what was locked before. What is chosen is fetched and verified whole, because the lock says of a
//! package which scripts it carries.

use std::collections::BTreeSet;

use crate::apk::dependency::Dependency;
use crate::check::{Alpine, Image, KernelOrigin, Repository, StubOrigin};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::{Internet, Network, Offline};
use crate::source::{Span, Spanned};
use crate::tree::Digest;

use super::archives::{fetch_all, locked};
use super::choose::choose;
use super::fetch::{Wanted, fetch};
use super::indexes::{FetchedIndex, indexes};
use super::kernel::kernel;
use super::refusal::Wishes;
use super::{Ctx, Lock, LockedIndex, LockedKernel, LockedPackage, Role};

/// What the repositories contribute to a lock.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LockedPackages {
    pub(super) wishes: Vec<String>,
    pub(super) indexes: Vec<LockedIndex>,
    /// Packages of the image in the order of installation, then kernel, stub and firmware packages.
    pub(super) packages: Vec<LockedPackage>,
    pub(super) kernel: Option<LockedKernel>,
}

/// The network, as far as it may be used.
///
/// # Errors
/// The certificates to trust cannot be read.
pub fn network(offline: bool) -> Result<Box<dyn Network>, Diagnostic> {
    if offline {
        return Ok(Box::new(Offline));
    }
    match Internet::new() {
        Ok(internet) => Ok(Box::new(internet)),
        Err(error) => Err(Diagnostic::error(
            "zosc::lock::bad-certificates",
            format!("the network cannot be used: {error}"),
        )
        .help("let SSL_CERT_FILE name a file with certificates in PEM, or unset it")),
    }
}

/// Locks packages: an image without any needs no repository.
pub(super) fn packages(
    ctx: &Ctx<'_>,
    image: &Image,
    previous: &Lock,
) -> Result<LockedPackages, Diagnostics> {
    let wishes = wishes(image);
    let singles = singles(image);
    if wishes.is_empty() && singles.is_empty() {
        return Ok(LockedPackages::default());
    }
    let Some(alpine) = image
        .alpine
        .as_ref()
        .filter(|alpine| !alpine.repositories.is_empty())
    else {
        return Err(no_repository(&wishes, &singles).into());
    };
    if let Some(kept) = keep(alpine, &wishes, &singles, previous) {
        return Ok(kept);
    }
    let network = network(ctx.mode.offline)?;
    let indexes = indexes(ctx, alpine, &image.arch, previous, network.as_ref())?;
    let chosen = choose(alpine, &indexes, &wishes, &singles)?;
    let files = fetch_all(ctx, alpine, &image.arch, &chosen, network.as_ref())?;
    let kernel = chosen
        .iter()
        .zip(&files)
        .find(|(choice, _)| choice.role == Role::Kernel)
        .map(|(choice, file)| kernel(&file.unpacked).map_err(|problem| problem.at(choice.span)))
        .transpose()?;
    let packages = chosen
        .iter()
        .zip(files)
        .map(|(choice, file)| locked(choice, file))
        .collect();
    let locked_index = |(repository, index): (&Repository, &FetchedIndex)| LockedIndex {
        url: repository.urls.first().cloned().unwrap_or_default(),
        tag: repository.tag.clone(),
        sha256: index.sha256,
    };
    Ok(LockedPackages {
        wishes: wishes.into_keys().collect(),
        indexes: alpine
            .repositories
            .iter()
            .zip(&indexes)
            .map(locked_index)
            .collect(),
        packages,
        kernel,
    })
}

/// What is to be installed, as `world` writes it, and where the manifest says so.
pub(super) fn wishes(image: &Image) -> Wishes {
    let requests = image.packages.install.iter().map(|request| {
        let tag = request
            .tag
            .as_ref()
            .map_or_else(String::new, |tag| format!("@{}", tag.value));
        let version = request
            .version
            .as_ref()
            .map_or("", |version| version.value.as_str());
        // A bare version is an exact one.
        let equal = if version.starts_with(|c: char| c.is_ascii_digit()) {
            "="
        } else {
            ""
        };
        let text = format!("{}{tag}{equal}{version}", request.name.value);
        // Written in one way only, so that the lock does not depend on how a constraint is spelt.
        let canonical = Dependency::parse(&text).map(|wish| wish.to_string());
        (canonical.unwrap_or(text), request.name.span)
    });
    let excluded = image
        .packages
        .exclude
        .iter()
        .map(|name| (format!("!{}", name.value), name.span));
    requests.chain(excluded).collect()
}

/// A package that is taken for its files alone, without what it depends on.
pub(super) struct Single {
    pub(super) role: Role,
    pub(super) name: String,
    /// The tag whose repositories may also serve it.
    pub(super) tag: Option<String>,
    pub(super) span: Span,
}

impl Single {
    /// What the lock says of why it is there: the wish, where a name alone does not tell it.
    pub(super) fn because(&self) -> Vec<String> {
        let wish = self.tag.as_ref().map(|tag| format!("{}@{tag}", self.name));
        wish.into_iter().collect()
    }
}

fn singles(image: &Image) -> Vec<Single> {
    let mut singles = Vec::new();
    let tags = &image.firmware.tags;
    let mut add = |role, name: &Spanned<String>| {
        let tag = tags.get(&name.value).filter(|_| role == Role::Firmware);
        singles.push(Single {
            role,
            name: name.value.clone(),
            tag: tag.cloned(),
            span: name.span,
        });
    };
    if let Some(kernel) = &image.kernel {
        if let KernelOrigin::Package(name) = &kernel.from {
            add(Role::Kernel, name);
        }
        if let Some(StubOrigin::Package(name)) = &kernel.stub {
            add(Role::Stub, name);
        }
    }
    for name in &image.firmware.packages {
        add(Role::Firmware, name);
    }
    singles
}

fn no_repository(wishes: &Wishes, singles: &[Single]) -> Diagnostic {
    let span = wishes
        .values()
        .copied()
        .chain(singles.iter().map(|single| single.span))
        .next();
    Diagnostic::error(
        "zosc::lock::no-repository",
        "packages are asked for, and there is no repository",
    )
    .at_maybe(span)
    .help("add a section such as `alpine \"3.22\" { repository main; repository community }`")
}

/// The lock's packages where they answer to exactly what is asked for now.
fn keep(
    alpine: &Alpine,
    wishes: &Wishes,
    singles: &[Single],
    previous: &Lock,
) -> Option<LockedPackages> {
    let repositories = alpine
        .repositories
        .iter()
        .map(|repository| (repository.urls.first(), &repository.tag));
    let same_places = repositories.eq(previous
        .indexes
        .iter()
        .map(|index| (Some(&index.url), &index.tag)));
    let asked: BTreeSet<(Role, &str, Vec<String>)> = singles
        .iter()
        .map(|single| (single.role, single.name.as_str(), single.because()))
        .collect();
    let locked: BTreeSet<(Role, &str, Vec<String>)> = previous
        .packages
        .iter()
        .filter(|package| package.role != Role::Image)
        .map(|package| (package.role, package.name.as_str(), package.because.clone()))
        .collect();
    let asks_for_kernel = asked.iter().any(|(role, ..)| *role == Role::Kernel);
    let lacks_kernel = asks_for_kernel && previous.kernel.is_none();
    if !same_places || asked != locked || lacks_kernel || !wishes.keys().eq(&previous.wishes) {
        return None;
    }
    let packages = previous.packages.iter().cloned().map(|mut package| {
        package.urls = package
            .urls
            .iter()
            .flat_map(|url| with_mirrors(alpine, url))
            .collect();
        package
    });
    Some(LockedPackages {
        wishes: previous.wishes.clone(),
        indexes: previous.indexes.clone(),
        packages: packages.collect(),
        kernel: previous.kernel.clone().filter(|_| asks_for_kernel),
    })
}

/// An address and the same file at the repository's other addresses.
fn with_mirrors(alpine: &Alpine, url: &str) -> Vec<String> {
    let inside = |repository: &Repository| {
        let rest = url.strip_prefix(repository.urls.first()?.as_str())?;
        let rest = rest.strip_prefix('/')?;
        Some(
            repository
                .urls
                .iter()
                .map(|mirror| format!("{mirror}/{rest}"))
                .collect(),
        )
    };
    alpine
        .repositories
        .iter()
        .find_map(inside)
        .unwrap_or_else(|| vec![url.to_owned()])
}

/// Downloads a file into the store and returns its size.
pub(super) fn download(ctx: &Ctx<'_>, urls: &[String], sha256: Digest) -> Result<u64, Diagnostic> {
    let subject = urls
        .first()
        .map_or_else(String::new, |url| format!("`{url}`"));
    let wanted = Wanted {
        subject: &subject,
        urls,
        sha256: Some(sha256),
        limit: None,
    };
    fetch(
        wanted,
        ctx.store,
        network(ctx.mode.offline)?.as_ref(),
        &|_| {},
    )
    .map(|(_, size)| size)
}
