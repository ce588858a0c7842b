//! Packages of all roles, from the repositories of the manifest.
//!
//! A lock that answers to the same wishes over the same repositories is kept as it is, without a look at the network. Otherwise
//! the packages are chosen anew, from the indexes that the lock names as far as the store still has them, so that a
//! further wish does not move what was locked before. What is chosen is fetched and verified whole, because the lock says of a
//! package which scripts it carries.

use std::collections::{BTreeMap, BTreeSet};

use crate::apk::dependency::Dependency;
use crate::check::{Alpine, Image, KernelOrigin, Packed, Repository, StubOrigin};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::{Internet, Network, Offline};
use crate::source::{Span, Spanned};
use crate::tree::Digest;

use super::archives::{fetch_all, file_urls, locked};
use super::change::{self, Change, Listed};
use super::choose::{Choices, Chosen, Offered, choose};
use super::fetch::{Wanted, fetch};
use super::held::Staying;
use super::indexes::indexes;
use super::kernel::kernel;
use super::refusal::Wishes;
use super::sets::answers;
use super::{Ctx, Lock, LockedIndex, LockedKernel, LockedPackage, Role, Update};

/// What the repositories contribute to a lock.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LockedPackages {
    pub(super) wishes: Vec<String>,
    pub(super) indexes: Vec<LockedIndex>,
    /// Packages of the image in the order of installation, then kernel, stub and firmware packages, and those of flists.
    pub(super) packages: Vec<LockedPackage>,
    pub(super) kernel: Option<LockedKernel>,
    /// Names of locked packages that could not stay, with a sentence each.
    pub(super) moved: BTreeMap<String, String>,
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

/// What is asked of the repositories: for the image, or for a toolchain.
pub(super) struct Request<'a> {
    pub(super) alpine: Option<&'a Alpine>,
    pub(super) arch: &'a str,
    /// What is installed.
    pub(super) wishes: Wishes,
    /// What is taken for its files alone.
    pub(super) singles: Vec<Single>,
}

impl<'a> Request<'a> {
    /// What an image asks for.
    pub(super) fn of(image: &'a Image) -> Self {
        Self {
            alpine: image.alpine.as_ref(),
            arch: image.arch.name(),
            wishes: wishes(image),
            singles: singles(image),
        }
    }
}

/// What the repositories have for a request.
enum Selected {
    /// What is locked answers to what is asked for.
    Kept(LockedPackages),
    /// Packages were chosen.
    Chosen {
        indexes: Vec<LockedIndex>,
        choices: Choices,
        network: Box<dyn Network>,
    },
}

/// Locks packages: who asks for none needs no repository.
pub(super) fn packages(
    ctx: &Ctx<'_>,
    request: &Request<'_>,
    previous: &Lock,
) -> Result<LockedPackages, Diagnostics> {
    let (indexes, Choices { chosen, moved }, network) = match select(ctx, request, previous)? {
        Selected::Kept(kept) => return Ok(kept),
        Selected::Chosen {
            indexes,
            choices,
            network,
        } => (indexes, choices, network),
    };
    let alpine = request.alpine.ok_or_else(Diagnostics::new)?;
    let arch = request.arch;
    let known = |choice: &Chosen| previous.packages.iter().find(|package| choice.is(package));
    let new: Vec<&Chosen> = chosen
        .iter()
        .filter(|choice| known(choice).is_none())
        .collect();
    let mut files = fetch_all(ctx, alpine, arch, &new, network.as_ref())?.into_iter();
    let mut packages = Vec::new();
    let mut kernel_found = None;
    for choice in &chosen {
        if let Some(package) = known(choice) {
            if choice.role == Role::Kernel {
                kernel_found.clone_from(&previous.kernel);
            }
            packages.push(LockedPackage {
                urls: file_urls(alpine, arch, choice),
                because: choice.because.clone(),
                ..package.clone()
            });
            continue;
        }
        let file = files.next().expect("every new package was fetched");
        if choice.role == Role::Kernel {
            let found = kernel(&file.unpacked).map_err(|problem| problem.at(choice.span));
            kernel_found = Some(found?);
        }
        packages.push(locked(choice, file));
    }
    Ok(LockedPackages {
        wishes: request.wishes.keys().cloned().collect(),
        indexes,
        packages,
        kernel: kernel_found,
        moved,
    })
}

/// What would change among the packages; none of them is fetched.
pub(super) fn preview(
    ctx: &Ctx<'_>,
    request: &Request<'_>,
    previous: &Lock,
) -> Result<Vec<Change>, Diagnostics> {
    let old: Vec<Listed<'_>> = previous.packages.iter().map(Listed::from).collect();
    Ok(match select(ctx, request, previous)? {
        Selected::Kept(kept) => {
            let new: Vec<Listed<'_>> = kept.packages.iter().map(Listed::from).collect();
            change::packages(&old, &new, &kept.moved)
        }
        Selected::Chosen { choices, .. } => {
            let new: Vec<Listed<'_>> = choices.chosen.iter().map(Chosen::listed).collect();
            change::packages(&old, &new, &choices.moved)
        }
    })
}

fn select(ctx: &Ctx<'_>, request: &Request<'_>, previous: &Lock) -> Result<Selected, Diagnostics> {
    let (wishes, singles) = (&request.wishes, &request.singles);
    if wishes.is_empty() && singles.is_empty() {
        return Ok(Selected::Kept(LockedPackages::default()));
    }
    let Some(alpine) = request
        .alpine
        .filter(|alpine| !alpine.repositories.is_empty())
    else {
        return Err(no_repository(wishes, singles).into());
    };
    let update = ctx.mode.update;
    if update == Update::Nothing
        && let Some(kept) = keep(alpine, wishes, singles, previous)
    {
        return Ok(Selected::Kept(kept));
    }
    let network = network(ctx.mode.offline)?;
    let question = Question {
        alpine,
        arch: request.arch,
        wishes,
        singles,
        previous,
        network: network.as_ref(),
    };
    let first = question.answer(ctx, update != Update::Nothing);
    let (indexes, choices) = match first {
        Ok(found) => found,
        // What is asked for newly may have come to the repositories since.
        Err(problems)
            if update == Update::Nothing && !previous.indexes.is_empty() && !ctx.mode.offline =>
        {
            let current = question.answer(ctx, true);
            current.map_err(|newer| of_both(problems, newer))?
        }
        Err(problems) => return Err(problems),
    };
    Ok(Selected::Chosen {
        indexes,
        choices,
        network,
    })
}

/// What is told where neither the locked indexes have an answer nor the current ones: what the newer ones say, or why they cannot be had.
fn of_both(locked: Diagnostics, current: Diagnostics) -> Diagnostics {
    let unread: Vec<String> = current
        .iter()
        .filter(|problem| problem.code.starts_with("zosc::io::"))
        .map(|problem| format!("the current indexes were not read: {}", problem.message))
        .collect();
    if unread.is_empty() {
        return current;
    }
    let told = locked.into_iter();
    told.map(|problem| unread.iter().cloned().fold(problem, Diagnostic::note))
        .collect()
}

/// What is asked of the repositories.
struct Question<'a> {
    alpine: &'a Alpine,
    arch: &'a str,
    wishes: &'a Wishes,
    singles: &'a [Single],
    previous: &'a Lock,
    network: &'a dyn Network,
}

impl Question<'_> {
    /// Chooses over the locked indexes as far as the store has them, or over the current ones.
    fn answer(
        &self,
        ctx: &Ctx<'_>,
        current: bool,
    ) -> Result<(Vec<LockedIndex>, Choices), Diagnostics> {
        let nothing = Lock::default();
        let known = if current { &nothing } else { self.previous };
        let fetched = indexes(ctx, self.alpine, self.arch, known, self.network)?;
        let indexes: Vec<LockedIndex> = self
            .alpine
            .repositories
            .iter()
            .zip(&fetched)
            .map(|(repository, index)| LockedIndex {
                url: repository.urls.first().cloned().unwrap_or_default(),
                tag: repository.tag.clone(),
                sha256: index.sha256,
            })
            .collect();
        // Over the same indexes the solver comes to the same packages by itself.
        let staying = match ctx.mode.update {
            Update::Everything => Staying::nothing(),
            Update::Nothing if indexes == self.previous.indexes => Staying::nothing(),
            update => Staying::of(self.previous, update),
        };
        let offered = Offered {
            alpine: self.alpine,
            fetched: &fetched,
            network: self.network,
            previous: self.previous,
        };
        let choices = choose(ctx, &offered, staying, self.wishes, self.singles)?;
        Ok((indexes, choices))
    }
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

/// A package that is taken for its files alone: without what it depends on, or, for an flist, with it.
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

pub(super) fn singles(image: &Image) -> Vec<Single> {
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
    for name in image.kernel.iter().flat_map(|kernel| &kernel.microcode) {
        add(Role::Microcode, name);
    }
    for flist in &image.flists {
        if let Packed::Firmware(name) = &flist.pack {
            add(Role::Flist, name);
        }
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
pub(super) fn keep(
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
    let (sets, singles): (Vec<&Single>, Vec<&Single>) = singles
        .iter()
        .partition(|single| single.role == Role::Flist);
    let asked: BTreeSet<(Role, &str, Vec<String>)> = singles
        .iter()
        .map(|single| (single.role, single.name.as_str(), single.because()))
        .collect();
    let locked: BTreeSet<(Role, &str, Vec<String>)> = previous
        .packages
        .iter()
        .filter(|package| ![Role::Image, Role::Flist].contains(&package.role))
        .map(|package| (package.role, package.name.as_str(), package.because.clone()))
        .collect();
    let asks_for_kernel = asked.iter().any(|(role, ..)| *role == Role::Kernel);
    let lacks_kernel = asks_for_kernel && previous.kernel.is_none();
    let answers =
        asked == locked && answers(&previous.packages, &sets) && wishes.keys().eq(&previous.wishes);
    if !same_places || lacks_kernel || !answers {
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
        moved: BTreeMap::new(),
    })
}

/// An address and the same file at the repository's other addresses.
pub(super) fn with_mirrors(alpine: &Alpine, url: &str) -> Vec<String> {
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

/// The place among the manifest's repositories of the one that a locked package came from; the first, where that one is no longer named.
pub fn repository_of(alpine: &Alpine, package: &LockedPackage) -> usize {
    let url = package.urls.first().map_or("", String::as_str);
    let own = |address: &String| {
        let rest = url.strip_prefix(address.as_str());
        rest.is_some_and(|rest| rest.starts_with('/'))
    };
    let mut repositories = alpine.repositories.iter();
    let found = repositories.position(|repository| repository.urls.iter().any(own));
    found.unwrap_or(0)
}

/// Downloads a file into the store and returns its digest and size.
pub(super) fn download(
    ctx: &Ctx<'_>,
    urls: &[String],
    sha256: Option<Digest>,
) -> Result<(Digest, u64), Diagnostic> {
    let subject = urls
        .first()
        .map_or_else(String::new, |url| format!("`{url}`"));
    let wanted = Wanted {
        subject: &subject,
        urls,
        sha256,
        limit: None,
    };
    fetch(
        wanted,
        ctx.store,
        network(ctx.mode.offline)?.as_ref(),
        &|_| {},
    )
}
