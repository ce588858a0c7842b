//! Recipes: the command that builds a source, and its whole environment.

use std::collections::BTreeMap;

use crate::check::{Arch, Build, Recipe};
use crate::lock;

use super::Root;
use super::sources::{OUTPUT, SOURCE};
use super::toolchains::Toolchain;

/// Runs `cargo` with the target that its compiler builds for by itself.
const ASK_FOR_TARGET: &str =
    "host=$(rustc -vV | sed -n 's/^host: //p'); exec \"$0\" \"$@\" --target \"$host\"";

/// Refuses another Rust than the one that is asked for, which is the first argument.
const CHECK_RUST: &str = "found=$(rustc -V); case \"$found \" in \"rustc $0\"[.\\ -]*) ;; \
    *) echo \"this source wants Rust $0, and the toolchain has $found\" >&2; exit 1;; esac; exec \"$@\"";

/// Builds with the modules that the source itself brings, where it does.
const GO_VENDORED: &str = "if [ -f vendor/modules.txt ]; then GOFLAGS=-mod=vendor; else GOFLAGS=-mod=readonly; fi; \
    export GOFLAGS; exec \"$0\" \"$@\"";

/// How a source is built.
pub(super) struct Steps {
    /// The command.
    pub(super) arguments: Vec<String>,
    /// Whether programs and nothing else are put into [`OUTPUT`]; else they stay in the source's folder.
    pub(super) leaves_programs: bool,
}

/// The command of a recipe for an image's processor; `vendored` tells whether its dependencies lie in [`lock::CRATES`].
pub(super) fn steps(build: &Build, toolchain: &Toolchain, arch: Arch, vendored: bool) -> Steps {
    let (arguments, leaves_programs) = match &build.recipe {
        Recipe::Cargo { .. } => (
            cargo_arguments(&build.recipe, toolchain, arch, vendored),
            true,
        ),
        Recipe::Go {
            packages,
            tags,
            ldflags,
            cgo: _,
        } => (go_arguments(packages, tags, ldflags.as_deref()), true),
        Recipe::Make { targets, variables } => (make_arguments(targets, variables), false),
        Recipe::Script(script) => (shell(script), false),
    };
    Steps {
        arguments,
        leaves_programs,
    }
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
fn cargo_arguments(
    recipe: &Recipe,
    toolchain: &Toolchain,
    arch: Arch,
    vendored: bool,
) -> Vec<String> {
    let Recipe::Cargo {
        target,
        profile,
        bins,
        features,
        no_default_features,
        crt_static,
        rust,
    } = recipe
    else {
        return Vec::new();
    };
    // Without an explicit target, `+crt-static` would reach procedural macros too, which cannot be static.
    let crossing = crossing(toolchain, arch);
    let own_target = target.is_none() && *crt_static && crossing.is_none();
    let asks = own_target && toolchain.triple.is_none();
    let mut arguments = Vec::new();
    // This machine's own is the right one already.
    if let Some(rust) = rust
        .as_ref()
        .filter(|_| !matches!(toolchain.root, Root::Host(_)))
    {
        arguments.extend(shell(CHECK_RUST));
        arguments.push(rust.value.clone());
    }
    if asks {
        arguments.extend(shell(ASK_FOR_TARGET));
    }
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
    if let Some(target) = target.as_ref().or(crossing.as_ref()).or(known) {
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
    for setting in crates(vendored) {
        arguments.extend(["--config".to_owned(), setting]);
    }
    arguments
}

/// Settings that lead cargo to the crates: those that were vendored for a source, or those that lie inside it.
fn crates(vendored: bool) -> Vec<String> {
    if vendored {
        return vec![format!("{}/config.toml", lock::CRATES)];
    }
    vec![
        "source.crates-io.replace-with='vendored'".to_owned(),
        format!("source.vendored.directory='{SOURCE}/vendor'"),
    ]
}

/// The target of a Rust compiler that is one for another processor than the image's: its own, but for that processor.
fn crossing(toolchain: &Toolchain, arch: Arch) -> Option<String> {
    let (processor, rest) = toolchain.triple.as_ref()?.split_once('-')?;
    let own = Arch::named(processor)?;
    (own != arch).then(|| format!("{arch}-{rest}"))
}

/// What links programs of a target on a machine with another processor: Rust's own linker where Rust brings the C library along, else
/// the compiler that Debian has for it.
fn linker(target: &str, arch: Arch) -> Option<(String, String)> {
    // What is for no machine at all, or for this one, is linked as ever.
    let (processor, _) = target.split_once('-')?;
    if Arch::named(processor) != Some(arch) {
        return None;
    }
    let variable = target.to_uppercase().replace(['-', '.'], "_");
    let linker = if target.ends_with("-musl") {
        "rust-lld".to_owned()
    } else {
        arch.cross_compiler()?.to_owned()
    };
    Some((format!("CARGO_TARGET_{variable}_LINKER"), linker))
}

/// `go build`, with paths and version control left out of the programs.
fn go_arguments(packages: &[String], tags: &[String], ldflags: Option<&str>) -> Vec<String> {
    let mut arguments = shell(GO_VENDORED);
    arguments.extend(["go", "build", "-trimpath", "-buildvcs=false", "-o"].map(str::to_owned));
    arguments.push(format!("{OUTPUT}/bin/"));
    if !tags.is_empty() {
        arguments.extend(["-tags".to_owned(), tags.join(",")]);
    }
    if let Some(flags) = ldflags {
        arguments.extend(["-ldflags".to_owned(), flags.to_owned()]);
    }
    match packages {
        [] => arguments.push(".".to_owned()),
        some => arguments.extend_from_slice(some),
    }
    arguments
}

/// What a command on a toolchain finds in its environment, unless it needs something else.
pub(super) fn usual_environment(path: &str, epoch: u64) -> [(String, String); 6] {
    [
        ("PATH", path.to_owned()),
        ("HOME", "/build/home".to_owned()),
        ("TMPDIR", "/tmp".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("TZ", "UTC".to_owned()),
        ("SOURCE_DATE_EPOCH", epoch.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

/// The whole environment of a build: nothing of the machine's own, and paths that are the same everywhere.
pub(super) fn environment(
    build: &Build,
    toolchain: &Toolchain,
    arch: Arch,
    epoch: u64,
) -> BTreeMap<String, String> {
    let mut environment = toolchain.variables.clone();
    environment.extend(usual_environment(&toolchain.path, epoch));
    if let Recipe::Cargo {
        crt_static, target, ..
    } = &build.recipe
    {
        let crossing = crossing(toolchain, arch);
        let target = target.clone().filter(|_| crossing.is_some()).or(crossing);
        environment.extend(target.and_then(|target| linker(&target, arch)));
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
    if let Recipe::Go { cgo, .. } = &build.recipe {
        for (name, value) in [
            ("CGO_ENABLED", if *cgo { "1" } else { "0" }),
            ("GO111MODULE", "on"),
            ("GOARCH", arch.go_name()),
            ("GOCACHE", "/build/cache"),
            ("GOENV", "off"),
            ("GOMODCACHE", "/build/modules"),
            ("GOPATH", "/build/go"),
            ("GOPROXY", "file:///build/crates"),
            ("GOSUMDB", "off"),
            ("GOTOOLCHAIN", "local"),
            ("GOWORK", "off"),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
    }
    environment.extend(
        build
            .env
            .iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    environment
}
