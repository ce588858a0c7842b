//! The building machine's own compilers, as facts and folders.

mod memory;
mod rust;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::check::{Arch, Image, Packing, Recipe, ToolchainRoot};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io;
use crate::source::Span;
use crate::tools;

use super::{Ctx, HostToolchain};

pub use rust::Rust;

/// Folders of the system that compilers, linkers and their libraries live in.
const SYSTEM: [&str; 6] = [
    "/usr",
    "/bin",
    "/lib",
    "/lib64",
    "/sbin",
    "/etc/alternatives",
];

/// The machine's compilers, and those of other releases of Rust that sources insist on.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    pub(super) own: Option<HostToolchain>,
    pub(super) rusts: BTreeMap<String, HostToolchain>,
}

/// What something is built with on this machine needs.
#[derive(Default)]
struct Needs<'a> {
    rust: bool,
    go: bool,
    upx: bool,
    /// The compiler for C of another processor, which links for it.
    cross: Option<&'static str>,
    /// Releases of Rust, with the places that ask for them.
    releases: BTreeMap<&'a str, Span>,
}

/// Looks at the machine's compilers, where anything is built with them.
pub(super) fn toolchains(ctx: &Ctx<'_>, image: &Image, problems: &mut Diagnostics) -> Hosts {
    let mut hosts = Hosts::default();
    let used = image.used_toolchains();
    let is_host = |name: &str| {
        let toolchain = used.get(name);
        toolchain.filter(|toolchain| toolchain.root == ToolchainRoot::Host)
    };
    let Some(host) = used.keys().find_map(|name| is_host(name)) else {
        return hosts;
    };
    let packs = |packing: &Packing| is_host(&packing.toolchain).is_some();
    let mut needs = Needs {
        upx: image.upx.iter().any(packs),
        cross: image.arch.cross_compiler(),
        ..Needs::default()
    };
    let builds = image
        .sources
        .iter()
        .filter_map(|source| source.build.as_ref());
    for build in builds.filter(|build| is_host(&build.toolchain).is_some()) {
        match &build.recipe {
            Recipe::Cargo { rust, .. } => {
                needs.rust = true;
                let rust = rust.iter().map(|rust| (rust.value.as_str(), rust.span));
                needs.releases.extend(rust);
            }
            Recipe::Go { .. } => needs.go = true,
            Recipe::Make { .. } | Recipe::Script(_) => {}
        }
    }
    let mut note = |found: Result<HostToolchain, Diagnostic>, span: Span| {
        found
            .map_err(|problem| problems.push(problem.at(span)))
            .ok()
    };
    hosts.own = note(known(ctx, &needs, None), host.span);
    for (release, span) in &needs.releases {
        let found =
            release_root(ctx.cancel, release).and_then(|root| known(ctx, &needs, root.as_deref()));
        if let Some(found) = note(found, *span) {
            hosts.rusts.insert((*release).to_owned(), found);
        }
    }
    hosts
}

/// Where rustup keeps a release of Rust; `None` where the machine's own is that release.
fn release_root(cancel: &AtomicBool, release: &str) -> Result<Option<PathBuf>, Diagnostic> {
    let ask = |program: &str, arguments: &[&str]| {
        // Nothing is installed only because it was asked for.
        let environment = [("RUSTUP_AUTO_INSTALL", "0")];
        let told = io::run_program(program, arguments, Path::new("/"), &environment, cancel);
        told.ok()
            .filter(|told| told.success)
            .map(|told| told.output)
    };
    let found = Rust::find(release, &ask);
    if matches!(found, Some(Rust::Own(_))) {
        return Ok(None);
    }
    let root = found.and_then(|kept| {
        let (program, arguments) = kept.question(&["--print", "sysroot"]);
        ask(program, &arguments)
    });
    match root {
        Some(root) => Ok(Some(PathBuf::from(root.trim()))),
        None => Err(Diagnostic::error(
            "zosc::lock::no-rust",
            format!("Rust {release} is not installed on this machine"),
        )
        .help(format!(
            "`rustup toolchain install {release}` installs it beside the others"
        ))),
    }
}

/// As [`toolchain`], without starting anything where nothing has changed since the last time.
fn known(
    ctx: &Ctx<'_>,
    needs: &Needs<'_>,
    root: Option<&Path>,
) -> Result<HostToolchain, Diagnostic> {
    let question = format!(
        "{} {} {} {:?} {root:?}",
        needs.rust, needs.go, needs.upx, needs.cross
    );
    memory::recall(ctx.store, &question, || toolchain(ctx.cancel, needs, root))
}

/// Looks at the machine's `rustc`, `cargo`, `cc`, `go`, and `upx` where programs are packed with it; Rust is that below `root`, or the one that is found first.
fn toolchain(
    cancel: &AtomicBool,
    needs: &Needs<'_>,
    root: Option<&Path>,
) -> Result<HostToolchain, Diagnostic> {
    let ask = |program: &str, arguments: &[&str]| {
        let finished = io::run_program(program, arguments, Path::new("/"), &[], cancel);
        match finished {
            Ok(finished) if finished.success => Ok(finished.output),
            Ok(finished) => Err(missing(program).note(finished.errors.trim().to_owned())),
            Err(error) => Err(missing(program).note(error.to_string())),
        }
    };
    let own = |name: &str| {
        root.map_or(name.to_owned(), |root| {
            root.join("bin").join(name).display().to_string()
        })
    };
    let rust = || -> Result<(String, String), Diagnostic> {
        let rustc = own("rustc");
        let compiler = ask(&rustc, &["-vV"])?;
        let builder = ask(&own("cargo"), &["-V"])?;
        let root = ask(&rustc, &["--print", "sysroot"])?;
        Ok((format!("{compiler}{builder}"), root.trim().to_owned()))
    };
    let mut told = Told::default();
    let mut folders: Vec<String> = SYSTEM
        .iter()
        .filter(|folder| Path::new(folder).is_dir())
        .map(|folder| (*folder).to_owned())
        .collect();
    let mut path = Vec::new();
    let mut add = |root: &str| {
        if !root.starts_with("/usr") {
            folders.push(root.to_owned());
        }
        path.push(format!("{root}/bin"));
    };
    if let Some((rust, root)) = optional(rust(), needs.rust)? {
        told.rust = rust;
        add(&root);
    }
    let linker = ask("cc", &["--version"]);
    told.linker = optional(linker, needs.rust)?.unwrap_or_default();
    let cross = needs.cross.map(|cross| ask(cross, &["--version"]));
    told.cross = cross.and_then(Result::ok).unwrap_or_default();
    if needs.upx {
        told.packer = ask("upx", &["--version"])?;
    }
    let go = || -> Result<(String, String), Diagnostic> {
        let version = ask("go", &["version"])?;
        let root = ask("go", &["env", "GOROOT"])?;
        Ok((version, root.trim().to_owned()))
    };
    if let Some((go, root)) = optional(go(), needs.go)? {
        told.go = go;
        add(&root);
    }
    path.extend(["/usr/local/bin", "/usr/bin", "/bin"].map(str::to_owned));
    Ok(HostToolchain {
        facts: told.facts(),
        path,
        folders,
    })
}

/// What this machine's programs say of themselves where another one's, or its own of another time, said `host.facts`: they are asked the same,
/// and found in the same folders.
pub fn host_facts(host: &HostToolchain, cancel: &AtomicBool) -> String {
    let path = host.path.join(":");
    let ask = |program: &str, arguments: &[&str]| {
        let environment = [("PATH", path.as_str())];
        let told = io::run_program(program, arguments, Path::new("/"), &environment, cancel);
        let told = told.ok().filter(|told| told.success);
        told.map_or_else(String::new, |told| told.output)
    };
    let has_packer = host.facts.lines().any(|line| line.starts_with("upx "));
    let mut crosses = Arch::ALL.into_iter().filter_map(Arch::cross_compiler);
    let cross = crosses.find(|cross| host.facts.lines().any(|line| line.starts_with(cross)));
    let (compiler, builder) = (ask("rustc", &["-vV"]), ask("cargo", &["-V"]));
    let is_whole = !compiler.is_empty() && !builder.is_empty();
    let told = Told {
        rust: if is_whole {
            compiler + &builder
        } else {
            String::new()
        },
        linker: ask("cc", &["--version"]),
        cross: cross.map_or_else(String::new, |cross| ask(cross, &["--version"])),
        packer: if has_packer {
            ask("upx", &["--version"])
        } else {
            String::new()
        },
        go: ask("go", &["version"]),
    };
    told.facts()
}

/// What compilers say of themselves; empty for those that are not there.
#[derive(Debug, Default)]
struct Told {
    /// `rustc -vV` and `cargo -V`.
    rust: String,
    /// `cc --version`.
    linker: String,
    /// What the compiler of another processor says to `--version`.
    cross: String,
    /// `upx --version`.
    packer: String,
    /// `go version`.
    go: String,
}

impl Told {
    /// The facts of a toolchain. Of `cc` and `upx` the first line counts: licences follow.
    fn facts(&self) -> String {
        let first = |text: &str| match text.lines().next() {
            Some(line) => format!("{line}\n"),
            None => String::new(),
        };
        let [linker, cross, packer] =
            [&self.linker, &self.cross, &self.packer].map(|text| first(text));
        format!("{}{linker}{cross}{packer}{}", self.rust, self.go)
    }
}

/// What is not needed may be missing.
fn optional<T>(found: Result<T, Diagnostic>, needed: bool) -> Result<Option<T>, Diagnostic> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(problem) if needed => Err(problem),
        Err(_) => Ok(None),
    }
}

fn missing(program: &str) -> Diagnostic {
    let ways = tools::installing(program);
    Diagnostic::error(
        "zosc::lock::no-toolchain",
        format!("`toolchain … {{ host }}` needs `{program}`, which does not run here"),
    )
    .help(if ways.is_empty() {
        "install it on this machine".to_owned()
    } else {
        format!("install it on this machine: {ways}")
    })
}
