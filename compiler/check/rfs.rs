//! The program that mounts flists: whether the image has it and what it needs, and whether it reads the stores.

use crate::diagnostic::Diagnostic;
use crate::source::Span;

use super::units::Units;
use super::{
    Ctx, Flist, GitRevision, Kernel, KernelOrigin, ModuleRequest, Packages, Source, SourceOrigin,
    flist_units,
};

/// The last release that reads nothing over HTTP.
const LAST_WITHOUT_HTTP: [u32; 3] = [2, 0, 7];

/// Packages of Alpine that bring certificates, by themselves or by what they depend on.
const CERTIFICATES: &[&str] = &[
    "ca-certificates",
    "ca-certificates-bundle",
    "apk-tools",
    "curl",
];

/// What an image has, as far as mounting flists goes.
pub(super) struct Parts<'a> {
    pub(super) packages: &'a Packages,
    pub(super) sources: &'a [Source],
    pub(super) kernel: Option<&'a Kernel>,
    /// The modules of both stages.
    pub(super) modules: Vec<&'a ModuleRequest>,
    pub(super) units: &'a Units,
}

/// Finds what flists that are to be mounted lack.
pub(super) fn mounts(ctx: &mut Ctx<'_>, flists: &[Flist], parts: &Parts<'_>) {
    for flist in flists {
        let Some(mount) = &flist.mount else { continue };
        let unit = flist_units::name(&flist.name);
        if let Some(off) = parts.units.disabled.get(&unit) {
            ctx.push(
                Diagnostic::warning(
                    "zosc::check::flist-not-mounted",
                    format!(
                        "nothing mounts `{}`: the unit `{unit}` is switched off",
                        mount.value
                    ),
                )
                .label(mount.span, "to be mounted")
                .label(*off, "switched off here")
                .help(format!("remove `unit {unit} {{ disabled }}`, or `mount`")),
            );
        }
    }
    let mut mounted = flists
        .iter()
        .filter_map(|flist| Some((flist, flist.mount.as_ref()?)));
    let Some((_, first)) = mounted.next() else {
        return;
    };
    if !has_program(ctx, parts, "rfs") {
        ctx.push(
            Diagnostic::error(
                "zosc::check::no-rfs",
                "an flist is to be mounted, and nothing brings `rfs`, which does that",
            )
            .at(first.span)
            .help("add a source that installs it: `source rfs { release \"https://…\" sha256=…; install rfs to=\"/usr/bin/rfs\" }`"),
        );
        return;
    }
    if !has_program(ctx, parts, "fusermount") && !has_package(ctx, parts, &["fuse"]) {
        let fact = "`rfs` mounts by way of `fusermount`, and nothing here brings that";
        let help = "add `packages { install fuse }`; `fuse3` has no program of that name";
        needs(ctx, first.span, fact, help);
    }
    if let Some(fact) = without_fuse(parts) {
        let help = "add `modules { stage1 fuse }`, with `optional=#true` where the kernel may have it built in";
        needs(ctx, first.span, fact, help);
    }
    let is_private = |flist: &&Flist| {
        let read = flist.read.as_str();
        flist.mount.is_some() && (read.starts_with("https:") || read.starts_with("s3s:"))
    };
    let private = flists.iter().find(is_private);
    if let Some(flist) = private.filter(|_| !has_certificates(ctx, parts)) {
        let fact = "`rfs` trusts nobody without certificates, and nothing here brings any";
        let help = "add `packages { install ca-certificates-bundle }`";
        needs(ctx, flist.read.span, fact, help);
    }
    without_network(ctx, flists, parts);
}

fn needs(ctx: &mut Ctx<'_>, span: Span, fact: &str, help: &str) {
    ctx.push(
        Diagnostic::warning("zosc::check::rfs-needs", fact)
            .at(span)
            .help(help),
    );
}

/// Tells of an flist whose store is far away in an image where nothing says that the network is up.
fn without_network(ctx: &mut Ctx<'_>, flists: &[Flist], parts: &Parts<'_>) {
    if ctx.declared.may_have("unit", "network") {
        return;
    }
    let waits_for_nothing = |flist: &&Flist| {
        let name = flist_units::name(&flist.name);
        let mut units = parts.units.list.iter();
        let unit = units.find(|unit| unit.unit.name == name);
        // One of the author's knows what it waits for.
        unit.zip(flist.mount.as_ref())
            .is_some_and(|(unit, mount)| unit.span == mount.span && unit.unit.requires.is_empty())
    };
    let mut far = flists
        .iter()
        .filter(|flist| !flist.read.starts_with("dir:"));
    if let Some(flist) = far.find(waits_for_nothing) {
        let fact = "the store is read over the network, and no unit `network` brings that up";
        let help =
            "write `import \"std:zero-os/network\"`, or give the unit that does it that name";
        needs(ctx, flist.read.span, fact, help);
    }
}

/// Whether the image may have a program: an overlay can hold anything.
fn has_program(ctx: &Ctx<'_>, parts: &Parts<'_>, name: &str) -> bool {
    // The library's script is called `rfs` too, and lies elsewhere.
    let end = format!("bin/{name}");
    let mut installed = parts.sources.iter().flat_map(|source| &source.install);
    installed.any(|file| file.to.value.as_str().ends_with(&end))
        || ctx.manifest.file.iter().any(|file| file.to.ends_with(&end))
        || !ctx.manifest.overlay.is_empty()
        || !ctx.is_whole("source")
        || has_package(ctx, parts, &[name])
}

/// Whether one of these packages is asked for.
fn has_package(ctx: &Ctx<'_>, parts: &Parts<'_>, names: &[&str]) -> bool {
    let mut requests = parts.packages.install.iter();
    requests.any(|request| names.contains(&request.name.as_str())) || !ctx.is_whole("packages")
}

fn has_certificates(ctx: &Ctx<'_>, parts: &Parts<'_>) -> bool {
    let is_one = |path: &str| path.starts_with("/etc/ssl/");
    let mut installed = parts.sources.iter().flat_map(|source| &source.install);
    has_package(ctx, parts, CERTIFICATES)
        || installed.any(|file| is_one(file.to.value.as_str()))
        || ctx.manifest.file.iter().any(|file| is_one(&file.to))
        || !ctx.manifest.overlay.is_empty()
}

/// What is wrong with the kernel's own part, where that is known.
fn without_fuse(parts: &Parts<'_>) -> Option<&'static str> {
    let mut modules = parts.modules.iter();
    if modules.any(|module| module.name.value == "fuse") {
        return None;
    }
    match &parts.kernel?.from {
        KernelOrigin::Prebuilt { modules: None, .. } => None,
        KernelOrigin::Built(built) => match built.config.values.get("CONFIG_FUSE_FS")?.as_str() {
            "m" => Some(
                "flists are mounted through FUSE, which this kernel has as a module, and the image has not",
            ),
            "n" => Some("flists are mounted through FUSE, which this kernel is configured without"),
            _ => None,
        },
        KernelOrigin::Package(_) | KernelOrigin::Prebuilt { .. } => {
            Some("flists are mounted through FUSE, and the kernel's module `fuse` is in no stage")
        }
    }
}

/// Refuses stores that the release of `rfs` that the manifest pins cannot read.
pub(super) fn reads(ctx: &mut Ctx<'_>, flists: &[Flist], sources: &[Source]) {
    let pinned = sources.iter().find_map(|source| {
        let is_rfs = source.name.value == "rfs";
        let (version, span) = is_rfs.then(|| pinned(source)).flatten()?;
        (version <= LAST_WITHOUT_HTTP).then_some((version, span))
    });
    let Some(([major, minor, patch], place)) = pinned else {
        return;
    };
    for flist in flists {
        if !flist.read.starts_with("http") {
            continue;
        }
        ctx.push(
            Diagnostic::error(
                "zosc::check::rfs-too-old",
                format!("rfs {major}.{minor}.{patch} reads no store over HTTP"),
            )
            .label(flist.read.span, "this store")
            .label(place, "this rfs")
            .help("build rfs from a commit after 2.0.7, or read from `s3://HOST:PORT/BUCKET`"),
        );
    }
}

/// The release that a source is pinned to, and where it is said.
fn pinned(source: &Source) -> Option<([u32; 3], Span)> {
    match &source.from {
        SourceOrigin::Release { url, .. } => {
            let (_, path) = url.split_once("://")?.1.split_once('/')?;
            Some((version(path)?, url.span))
        }
        SourceOrigin::Git { revision, .. } => match &revision.value {
            GitRevision::Tag(name) | GitRevision::Named(name) => {
                Some((version(name)?, revision.span))
            }
            GitRevision::Commit(_) | GitRevision::Branch(_) => None,
        },
        SourceOrigin::Crate { .. } | SourceOrigin::Path(_) => None,
    }
}

/// The first three numbers with dots between them.
fn version(text: &str) -> Option<[u32; 3]> {
    let is_part_of_number = |sign: char| sign.is_ascii_digit() || sign == '.';
    text.split(|sign| !is_part_of_number(sign)).find_map(|run| {
        let numbers: Vec<u32> = run
            .trim_matches('.')
            .split('.')
            .map_while(|number| number.parse().ok())
            .collect();
        numbers.try_into().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_found_in_addresses_and_tags() {
        assert_eq!(
            version("threefoldtech/rfs/releases/download/v2.0.6/rfs"),
            Some([2, 0, 6])
        );
        assert_eq!(version("v2.0.10"), Some([2, 0, 10]));
        assert_eq!((version("development"), version("v2.0")), (None, None));
        assert!([2, 0, 10] > LAST_WITHOUT_HTTP);
    }
}
