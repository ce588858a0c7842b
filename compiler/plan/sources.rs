//! Components from outside Alpine: fetched, built in the sandbox, verified, put in their places.

use std::collections::BTreeMap;

use crate::check::{Build, Recipe, Source, SourceOrigin};
use crate::diagnostic::Diagnostic;
use crate::lock::LockedSource;
use crate::tree::ImagePath;

use super::lower::{Lowering, fixed};
use super::toolchains::{Toolchain, toolchain};
use super::verifying::verified;
use super::{Action, Arguments, Capture, FileBody, Input, InstalledFile, Mount, OwnedFile, Stage};

/// Where a source lies in the sandbox while it is built: the same for every machine, since compilers write it down.
const SOURCE: &str = "/build/source";
/// Where a recipe leaves what it built.
const OUTPUT: &str = "/build/output";

/// Runs `cargo` with the target that its compiler builds for by itself.
const ASK_FOR_TARGET: &str =
    "host=$(rustc -vV | sed -n 's/^host: //p'); exec \"$0\" \"$@\" --target \"$host\"";

/// The tree with the installed files of the source at `index`.
pub(super) fn source(lowering: &mut Lowering<'_>, index: usize) -> Input {
    let source = &lowering.image.sources[index];
    let name = &source.name.value;
    let site = Some(source.name.span);
    let mut tree = fetched(lowering, source);
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

/// `install zinit` after a Cargo build means the program of that name; anything else is a path.
fn installed_path(source: &Source, file: &str) -> ImagePath {
    let cargo = source
        .build
        .as_ref()
        .is_some_and(|build| matches!(build.recipe, Recipe::Cargo { .. }));
    let path = if cargo && !file.contains('/') {
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
            lowering.plan.add(
                Stage::ComponentsBuild,
                format!("fetch {name}"),
                site,
                vendor,
            )
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
            lowering.plan.add(Stage::ComponentsBuild, label, site, git)
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

fn built(lowering: &mut Lowering<'_>, source: &Source, build: &Build, tree: Input) -> Input {
    let name = &source.name.value;
    let Some(toolchain) = toolchain(lowering, &build.toolchain, build.span) else {
        return tree;
    };
    let directory = if build.subdir.is_empty() {
        SOURCE.to_owned()
    } else {
        format!("{SOURCE}/{}", build.subdir)
    };
    let directory = ImagePath::new(&directory).unwrap_or_else(|_| fixed(SOURCE));
    let (arguments, capture) = match &build.recipe {
        Recipe::Cargo { .. } => (cargo_arguments(&build.recipe, &toolchain), fixed(OUTPUT)),
        Recipe::Make { targets, variables } => {
            (make_arguments(targets, variables), directory.clone())
        }
        Recipe::Script(script) => (shell(script), directory.clone()),
        // The lock has refused it.
        Recipe::Go { .. } => return tree,
    };
    let run = Action::Run {
        environment: environment(build, &toolchain, lowering.inputs.epoch),
        root: toolchain.root,
        mounts: vec![Mount {
            tree,
            at: fixed(SOURCE),
            writable: true,
        }],
        files: BTreeMap::new(),
        arguments: Arguments {
            fixed: arguments,
            further: None,
        },
        directory,
        capture: Capture::Directory(capture),
        origin: format!("source {name}"),
        epoch: lowering.inputs.epoch,
    };
    lowering.plan.add(
        Stage::ComponentsBuild,
        format!("build {name}"),
        Some(build.span),
        run,
    )
}

fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-e", "-c", script].map(str::to_owned).into()
}

/// `make` with as many jobs as the machine has processors, which is no part of the key.
fn make_arguments(targets: &[String], variables: &BTreeMap<String, String>) -> Vec<String> {
    let mut arguments = shell("exec make -j\"$(nproc)\" \"$@\"");
    arguments.push("make".to_owned());
    let variables = variables.iter();
    arguments.extend(variables.map(|(name, value)| format!("{name}={value}")));
    arguments.extend_from_slice(targets);
    arguments
}

/// `cargo install` from the vendored source: it builds the programs and puts them, and nothing else, into one folder.
fn cargo_arguments(recipe: &Recipe, toolchain: &Toolchain) -> Vec<String> {
    let Recipe::Cargo {
        target,
        profile,
        bins,
        features,
        no_default_features,
        crt_static,
        rust: _,
    } = recipe
    else {
        return Vec::new();
    };
    // Without an explicit target, `+crt-static` would reach procedural macros too, which cannot be static.
    let own_target = target.is_none() && *crt_static;
    let asks = own_target && toolchain.triple.is_none();
    let mut arguments = if asks {
        shell(ASK_FOR_TARGET)
    } else {
        Vec::new()
    };
    let command = [
        "cargo",
        "install",
        "--path",
        ".",
        "--root",
        OUTPUT,
        "--no-track",
        "--offline",
        "--locked",
        "--profile",
    ]
    .map(str::to_owned);
    arguments.extend(command);
    arguments.push(profile.clone());
    let known = toolchain.triple.as_ref().filter(|_| own_target);
    if let Some(target) = target.as_ref().or(known) {
        arguments.extend(["--target".to_owned(), target.clone()]);
    }
    for bin in bins {
        arguments.extend(["--bin".to_owned(), bin.clone()]);
    }
    if *no_default_features {
        arguments.push("--no-default-features".to_owned());
    }
    if !features.is_empty() {
        arguments.extend(["--features".to_owned(), features.join(",")]);
    }
    for setting in [
        "source.crates-io.replace-with='vendored'".to_owned(),
        format!("source.vendored.directory='{SOURCE}/vendor'"),
    ] {
        arguments.extend(["--config".to_owned(), setting]);
    }
    arguments
}

/// The whole environment of a build: nothing of the machine's own, and paths that are the same everywhere.
fn environment(build: &Build, toolchain: &Toolchain, epoch: u64) -> BTreeMap<String, String> {
    let mut environment: BTreeMap<String, String> = [
        ("PATH", toolchain.path.clone()),
        ("HOME", "/build/home".to_owned()),
        ("TMPDIR", "/tmp".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("TZ", "UTC".to_owned()),
        ("SOURCE_DATE_EPOCH", epoch.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if let Recipe::Cargo { crt_static, .. } = &build.recipe {
        environment.insert("CARGO_HOME".to_owned(), "/build/cargo".to_owned());
        environment.insert("CARGO_TARGET_DIR".to_owned(), "/build/target".to_owned());
        environment.insert("CARGO_INCREMENTAL".to_owned(), "0".to_owned());
        environment.insert("CARGO_TERM_COLOR".to_owned(), "never".to_owned());
        let mut flags = "--remap-path-prefix=/build=.".to_owned();
        if *crt_static {
            flags.push_str(" -C target-feature=+crt-static");
        }
        environment.insert("RUSTFLAGS".to_owned(), flags);
    }
    environment.extend(
        build
            .env
            .iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    environment
}
