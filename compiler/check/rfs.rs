//! The program that mounts flists: whether the image has it, whether something runs it, and whether it reads the stores.

use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

use super::units::Units;
use super::{Ctx, Flist, GitRevision, Packages, Source, SourceOrigin, library};

/// The last release that reads nothing over HTTP.
const LAST_WITHOUT_HTTP: [u32; 3] = [2, 0, 7];

/// The file of the library with units that mount flists, and the flists that it mounts.
const LIBRARY: (&str, &[&str]) = ("std:zero-os/rfs", &["modules", "firmware"]);

/// Refuses an flist that is to be mounted where nothing mounts it.
pub(super) fn mounts(
    ctx: &mut Ctx<'_>,
    flists: &[Flist],
    packages: &Packages,
    sources: &[Source],
    units: &Units,
) {
    let mut has_rfs = brings_rfs(ctx, packages, sources);
    for flist in flists {
        let Some(mount) = &flist.mount else { continue };
        let unit = format!("rfs-{}", flist.name.value);
        let is_there = units.list.iter().any(|known| known.unit.name == unit);
        if !is_there && !ctx.declared.unsure("unit") {
            let problem = not_mounted(ctx, flist, mount, &unit, units);
            ctx.push(problem);
        }
        if !has_rfs {
            has_rfs = true;
            ctx.push(
                Diagnostic::error(
                    "zosc::check::no-rfs",
                    "an flist is to be mounted, and nothing brings `rfs`, which does that",
                )
                .at(mount.span)
                .help("add a source that installs it: `source rfs { release \"https://…\" sha256=…; install rfs to=\"/usr/bin/rfs\" }`"),
            );
        }
    }
}

fn not_mounted(
    ctx: &Ctx<'_>,
    flist: &Flist,
    mount: &Spanned<String>,
    unit: &str,
    units: &Units,
) -> Diagnostic {
    let message = format!(
        "nothing mounts `{}`: there is no unit `{unit}`",
        mount.value
    );
    let problem = Diagnostic::error("zosc::check::flist-not-mounted", message).at(mount.span);
    if let Some(off) = units.disabled.get(unit) {
        return problem
            .label(*off, "it is switched off here")
            .help(format!("remove `unit {unit} {{ disabled }}`, or `mount`"));
    }
    let (file, names) = LIBRARY;
    let ships = library::names().iter().any(|name| name == file);
    if !ships || !names.contains(&flist.name.as_str()) {
        return problem.help(format!(
            "add a unit `{unit}` that runs `rfs mount` in the foreground, or remove `mount`"
        ));
    }
    let problem = problem.help(format!("write `import \"{file}\"`, which has that unit"));
    if !ctx.is_editable(mount.span) {
        return problem;
    }
    let top = Span::new(mount.span.source, 0, 0);
    problem.replace("import it", top, format!("import \"{file}\"\n"))
}

/// Whether the image may have a program `rfs`: an overlay can hold anything.
fn brings_rfs(ctx: &Ctx<'_>, packages: &Packages, sources: &[Source]) -> bool {
    let manifest = ctx.manifest;
    // The script of the library is called so too, and lies elsewhere.
    let is_rfs = |path: &str| path.ends_with("bin/rfs");
    let mut installed = sources.iter().flat_map(|source| &source.install);
    let mut requests = packages.install.iter();
    installed.any(|file| is_rfs(file.to.value.as_str()))
        || requests.any(|request| request.name.value == "rfs")
        || manifest.file.iter().any(|file| is_rfs(&file.to))
        || !manifest.overlay.is_empty()
        || !ctx.is_whole("source")
        || !ctx.is_whole("packages")
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
