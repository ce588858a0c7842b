//! Components from outside Alpine: fetched, built in the sandbox, verified, put in their places.

use std::collections::BTreeMap;

use crate::check::{Build, Recipe, Source, SourceOrigin};
use crate::diagnostic::Diagnostic;
use crate::lock::{self, LockedSource};
use crate::tree::ImagePath;

use super::lower::{Lowering, fixed};
use super::recipes;
use super::toolchains::toolchain_for;
use super::verifying::verified;
use super::{Action, Arguments, Capture, FileBody, Input, InstalledFile, Mount, OwnedFile, Stage};

/// Where a source lies in the sandbox while it is built: the same for every machine, since compilers write it down.
pub(super) const SOURCE: &str = "/build/source";
/// Where a recipe leaves what it built.
pub(super) const OUTPUT: &str = "/build/output";

/// The tree with the installed files of the source at `index`.
pub(super) fn source(lowering: &mut Lowering<'_>, index: usize) -> Input {
    let source = &lowering.image.sources[index];
    let name = &source.name.value;
    let site = Some(source.name.span);
    let mut tree = fetched(lowering, source);
    tree = patched(lowering, source, tree);
    lowering.materials.sources.insert(name.clone(), tree);
    if let Some(build) = &source.build {
        tree = built(lowering, source, build, tree);
    }
    let files = source.install.iter().map(|file| InstalledFile {
        file: installed_path(source, &file.file.value),
        to: file.to.value.clone(),
        mode: file.mode,
    });
    let install = Action::InstallFiles {
        from: tree,
        files: files.collect(),
        origin: format!("source {name}"),
        epoch: lowering.inputs.epoch,
    };
    tree = lowering.plan.add(
        Stage::ComponentsCopy,
        format!("install {name}"),
        site,
        install,
    );
    verified(lowering, source, tree)
}

/// `install zinit` after a Cargo build or Go build means the program of that name; anything else is a path.
fn installed_path(source: &Source, file: &str) -> ImagePath {
    let leaves_programs =
        |build: &Build| matches!(build.recipe, Recipe::Cargo { .. } | Recipe::Go { .. });
    let programs = source.build.as_ref().is_some_and(leaves_programs);
    let path = if programs && !file.contains('/') {
        format!("bin/{file}")
    } else {
        file.to_owned()
    };
    ImagePath::new(&path).unwrap_or_else(|_| ImagePath::root())
}

fn fetched(lowering: &mut Lowering<'_>, source: &Source) -> Input {
    let name = &source.name.value;
    let site = Some(source.name.span);
    let locked = lowering.inputs.lock.sources.get(name);
    match (&source.from, locked) {
        (
            SourceOrigin::Crate { .. },
            Some(LockedSource::Crate {
                name: package,
                version,
                tree,
            }),
        ) => {
            let vendor = Action::Vendor {
                name: package.clone(),
                version: version.clone(),
                tree: *tree,
            };
            let fetched = lowering.plan.add(
                Stage::ComponentsBuild,
                format!("fetch {name}"),
                site,
                vendor,
            );
            lowering.say_source(fetched, name, "version", version);
            fetched
        }
        (
            SourceOrigin::Git { .. },
            Some(LockedSource::Git {
                url,
                commit,
                submodules,
                keep_git,
                tree,
                ..
            }),
        ) => {
            let git = Action::Git {
                source: name.clone(),
                url: url.clone(),
                commit: commit.clone(),
                submodules: *submodules,
                keep_git: *keep_git,
                tree: *tree,
            };
            let label = format!("fetch {name}");
            let fetched = lowering.plan.add(Stage::ComponentsBuild, label, site, git);
            lowering.say_source(fetched, name, "commit", commit);
            fetched
        }
        (
            SourceOrigin::Release {
                file_name,
                unpack,
                strip_components,
                ..
            },
            Some(LockedSource::Release { url, sha256, size }),
        ) => release(
            lowering,
            source,
            (url, *sha256, *size),
            file_name,
            unpack.then_some(*strip_components),
        ),
        (SourceOrigin::Path(folder), _) if lowering.inputs.folders.contains_key(&folder.value) => {
            Input::Known(lowering.inputs.folders[&folder.value])
        }
        _ => {
            let problem = Diagnostic::error(
                "zosc::plan::unlocked-source",
                format!("the source `{name}` is not in the lock"),
            )
            .at(source.name.span)
            .help("run `zosc lock`");
            lowering.problems.push(problem);
            Input::Known(crate::tree::Tree::new().digest())
        }
    }
}

/// The source with its patches applied, each a step of its own so that an error leads to its word.
fn patched(lowering: &mut Lowering<'_>, source: &Source, mut tree: Input) -> Input {
    for patch in &source.patches {
        // What could not be read has been told while locking.
        let Some(file) = lowering.inputs.files.get(&patch.value) else {
            continue;
        };
        let name = patch
            .value
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let label = format!("patch {} with {name}", source.name.value);
        let action = Action::Patch {
            tree,
            patch: Input::Known(file.digest),
            name: name.into_owned(),
            origin: format!("source {}", source.name.value),
        };
        let stage = Stage::ComponentsBuild;
        tree = lowering.plan.add(stage, label, Some(patch.span), action);
    }
    tree
}

fn release(
    lowering: &mut Lowering<'_>,
    source: &Source,
    (url, sha256, size): (&str, crate::tree::Digest, u64),
    file_name: &str,
    unpack: Option<u32>,
) -> Input {
    let name = &source.name.value;
    let site = Some(source.name.span);
    let fetch = Action::Fetch {
        urls: vec![url.to_owned()],
        sha256,
        size,
    };
    let archive = lowering
        .plan
        .add(Stage::ComponentsBuild, format!("fetch {name}"), site, fetch);
    lowering.say_source(archive, name, "download", &sha256.to_string());
    if let Some(strip_components) = unpack {
        let origin = format!("source {name}");
        let action = Action::Unpack {
            archive,
            name: file_name.to_owned(),
            strip_components,
            origin,
        };
        return lowering.plan.add(
            Stage::ComponentsBuild,
            format!("unpack {name}"),
            site,
            action,
        );
    }
    let file = OwnedFile {
        path: ImagePath::new(file_name).unwrap_or_else(|_| ImagePath::root()),
        body: FileBody::Blob(archive, size),
        mode: 0o755,
        uid: 0,
        gid: 0,
        origin: format!("source {name}"),
    };
    let action = Action::WriteFiles {
        files: vec![file],
        epoch: 0,
    };
    lowering.plan.add(
        Stage::ComponentsBuild,
        format!("unpack {name}"),
        site,
        action,
    )
}

/// The source built by its recipe: a tree with what that left.
fn built(lowering: &mut Lowering<'_>, source: &Source, build: &Build, tree: Input) -> Input {
    let name = &source.name.value;
    let Some(toolchain) = toolchain_for(lowering, build) else {
        return tree;
    };
    let directory = if build.subdir.is_empty() {
        SOURCE.to_owned()
    } else {
        format!("{SOURCE}/{}", build.subdir)
    };
    let directory = ImagePath::new(&directory).unwrap_or_else(|_| fixed(SOURCE));
    let arch = lowering.image.arch;
    let dependencies = dependencies(lowering, source, build);
    let steps = recipes::steps(build, &toolchain, arch, dependencies.is_some());
    let mut mounts = vec![Mount {
        tree,
        at: fixed(SOURCE),
        writable: true,
    }];
    mounts.extend(dependencies.map(|tree| Mount {
        tree,
        at: fixed(lock::CRATES),
        writable: false,
    }));
    let local = match tree {
        Input::Known(digest) => Some(digest.to_string()),
        Input::Output(_) => None,
    };
    let epoch = lowering.inputs.epoch;
    let run = Action::Run {
        environment: recipes::environment(build, &toolchain, arch, epoch),
        root: toolchain.root,
        mounts,
        files: BTreeMap::new(),
        arguments: Arguments {
            fixed: steps.arguments,
            further: None,
        },
        capture: Capture::Directory(if steps.leaves_programs {
            fixed(OUTPUT)
        } else {
            directory.clone()
        }),
        directory,
        origin: format!("source {name}"),
        epoch,
    };
    let built = lowering.plan.add(
        Stage::ComponentsBuild,
        format!("build {name}"),
        Some(build.span),
        run,
    );
    lowering.plan.runs_programs_of(built, toolchain.processor);
    if let Some(digest) = local {
        lowering.say_source(built, name, "files", &digest);
    }
    built
}

/// The crates or modules that the lock keeps for a source.
fn dependencies(lowering: &mut Lowering<'_>, source: &Source, build: &Build) -> Option<Input> {
    let name = source.name.value.as_str();
    let inputs = lowering.inputs;
    let locked = inputs.lock.vendored.get(name)?;
    let (git, tree) = match (&source.from, inputs.lock.sources.get(name)) {
        (SourceOrigin::Path(path), _) => (None, *inputs.folders.get(&path.value)?),
        (_, Some(LockedSource::Git { tree, .. })) => {
            (inputs.lock.sources.get(name).cloned(), *tree)
        }
        _ => return None,
    };
    let patches = source.patches.iter().filter_map(|patch| {
        let name = patch.value.file_name()?.to_string_lossy().into_owned();
        Some((name, inputs.files.get(&patch.value)?.digest))
    });
    let action = Action::Dependencies {
        source: name.to_owned(),
        by: locked.by,
        subdir: build.subdir.clone(),
        from: tree,
        git,
        patches: patches.collect(),
        tree: locked.tree,
    };
    let label = format!("vendor {name}");
    let stage = Stage::ComponentsBuild;
    let vendored = lowering.plan.add(stage, label, Some(build.span), action);
    let known = &mut lowering.materials.vendored;
    known.insert(source.name.value.clone(), vendored);
    Some(vendored)
}
