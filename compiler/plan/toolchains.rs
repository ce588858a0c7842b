//! What a toolchain is to the commands that run in it: the one place that knows.

use std::collections::BTreeMap;

use crate::check::{Arch, Build, Image, LocalRoot, Recipe, ToolchainRoot};
use crate::diagnostic::Diagnostic;
use crate::lock::{CONTAINER, HostToolchain, LockedToolchain};
use crate::source::Span;

use super::lower::Lowering;
use super::packages::{Assembly, assemble};
use super::{Action, Input, Root, Stage};

/// Where programs are in a root filesystem.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A toolchain as a command sees it.
#[derive(Debug, Clone)]
pub(super) struct Toolchain {
    /// The root filesystem.
    pub(super) root: Root,
    /// The value of `PATH`.
    pub(super) path: String,
    /// Variables that it asks for; what a recipe sets itself comes before them.
    pub(super) variables: BTreeMap<String, String>,
    /// The target triple that its Rust compiler builds for by itself, where that is known.
    pub(super) triple: Option<String>,
    /// The processor that its programs are for, where that is known and not just this machine's.
    pub(super) processor: Option<Arch>,
}

/// The toolchain of this name, which something at `at` is built with. That it is not locked becomes a problem.
pub(super) fn toolchain(lowering: &mut Lowering<'_>, name: &str, at: Span) -> Option<Toolchain> {
    if let Some(known) = lowering.toolchains.get(name) {
        return Some(known.clone());
    }
    let image = lowering.image;
    let toolchain = image.toolchains.get(name);
    let found = toolchain.and_then(|toolchain| match &toolchain.root {
        ToolchainRoot::Host => host(lowering),
        root => {
            let tree = tree(lowering, name, root, toolchain.span)?;
            let variables = variables(lowering, name);
            let path = variables.get("PATH").map_or(PATH, String::as_str);
            Some(Toolchain {
                root: Root::Toolchain(tree),
                path: path.to_owned(),
                variables,
                triple: triple(image, root),
                processor: processor(image, root),
            })
        }
    });
    if let Some(found) = &found {
        lowering.toolchains.insert(name.to_owned(), found.clone());
    } else {
        let problem = Diagnostic::error(
            "zosc::plan::no-toolchain",
            format!("the toolchain `{name}` is not in the lock"),
        );
        let problem = problem.at(at).help("run `zosc lock`");
        lowering.problems.push(problem);
    }
    found
}

/// The toolchain of a build: of this machine's, the one with the Rust that it insists on.
pub(super) fn toolchain_for(lowering: &mut Lowering<'_>, build: &Build) -> Option<Toolchain> {
    let found = toolchain(lowering, &build.toolchain, build.span)?;
    let Recipe::Cargo {
        rust: Some(rust), ..
    } = &build.recipe
    else {
        return Some(found);
    };
    match (&found.root, lowering.inputs.rusts.get(&rust.value)) {
        (Root::Host(_), Some(host)) => Some(on_host(host.clone())),
        _ => Some(found),
    }
}

/// This machine's own compilers.
fn host(lowering: &Lowering<'_>) -> Option<Toolchain> {
    lowering.inputs.host.clone().map(on_host)
}

fn on_host(host: HostToolchain) -> Toolchain {
    // The `host:` line of `rustc -vV`.
    let triple = host.facts.lines();
    let triple = triple.filter_map(|line| line.strip_prefix("host: "));
    Toolchain {
        path: host.path.join(":"),
        variables: BTreeMap::new(),
        triple: triple.map(str::to_owned).next(),
        processor: None,
        root: Root::Host(host),
    }
}

/// Packages are those of the image's processor, container images are pulled for one; of other root filesystems nothing is known.
fn processor(image: &Image, root: &ToolchainRoot) -> Option<Arch> {
    match root {
        ToolchainRoot::Alpine { .. } => Some(image.arch),
        ToolchainRoot::Container { .. } => Some(CONTAINER),
        ToolchainRoot::Download { .. } | ToolchainRoot::Local(_) | ToolchainRoot::Host => None,
    }
}

/// Alpine's Rust builds for Alpine; of others nothing is known before they are asked.
fn triple(image: &Image, root: &ToolchainRoot) -> Option<String> {
    let is_alpine = matches!(root, ToolchainRoot::Alpine { .. });
    is_alpine.then(|| format!("{}-alpine-linux-musl", image.arch))
}

/// What the image of a toolchain asks for, where it is one.
fn variables(lowering: &Lowering<'_>, name: &str) -> BTreeMap<String, String> {
    match lowering.inputs.lock.toolchains.get(name) {
        Some(LockedToolchain::Image { environment, .. }) => environment.clone(),
        _ => BTreeMap::new(),
    }
}

/// The tree of a toolchain that is not this machine's own; `None` where the lock does not have what the manifest says.
fn tree(
    lowering: &mut Lowering<'_>,
    name: &str,
    root: &ToolchainRoot,
    span: Span,
) -> Option<Input> {
    let inputs = lowering.inputs;
    match (root, inputs.lock.toolchains.get(name)) {
        (
            ToolchainRoot::Alpine { release, .. },
            Some(LockedToolchain::Alpine {
                wishes, packages, ..
            }),
        ) => {
            let alpine = lowering.image.alpine.as_ref();
            let moved = alpine
                .zip(release.as_ref())
                .map(|(alpine, release)| alpine.of_release(release));
            let assembly = Assembly {
                packages: packages.iter().collect(),
                world: wishes.clone(),
                alpine: moved.as_ref().or(alpine),
                toolchain: Some((name, span)),
            };
            Some(assemble(lowering, &assembly))
        }
        (ToolchainRoot::Download { .. }, Some(LockedToolchain::Download { url, sha256, size })) => {
            let fetch = Action::Fetch {
                urls: vec![url.clone()],
                sha256: *sha256,
                size: *size,
            };
            let label = format!("fetch toolchain {name}");
            let archive = add(lowering, label, span, fetch);
            Some(unpack(lowering, name, span, archive, url))
        }
        (
            ToolchainRoot::Container { .. },
            Some(LockedToolchain::Image {
                reference,
                sha256,
                tree,
                ..
            }),
        ) => {
            let pull = Action::Pull {
                toolchain: name.to_owned(),
                reference: reference.clone(),
                sha256: *sha256,
                tree: *tree,
            };
            Some(add(lowering, format!("pull toolchain {name}"), span, pull))
        }
        (ToolchainRoot::Local(LocalRoot::Archive(path, _)), _) => {
            let file = inputs.files.get(&path.value)?;
            let archive = Input::Known(file.digest);
            let path = path.value.to_string_lossy();
            Some(unpack(lowering, name, span, archive, &path))
        }
        (ToolchainRoot::Local(LocalRoot::Folder(path)), _) => {
            inputs.folders.get(&path.value).copied().map(Input::Known)
        }
        _ => None,
    }
}

fn unpack(
    lowering: &mut Lowering<'_>,
    name: &str,
    span: Span,
    archive: Input,
    from: &str,
) -> Input {
    let unpack = Action::UnpackRoot {
        archive,
        name: from.rsplit('/').next().unwrap_or(from).to_owned(),
        origin: format!("toolchain {name}"),
    };
    add(lowering, format!("unpack toolchain {name}"), span, unpack)
}

fn add(lowering: &mut Lowering<'_>, label: String, span: Span, action: Action) -> Input {
    let stage = Stage::ComponentsBuild;
    lowering.plan.add(stage, label, Some(span), action)
}
