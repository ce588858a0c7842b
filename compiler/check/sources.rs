//! The `source` sections: where components come from, how they are built, what of them is installed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::manifest::source as written;
use crate::source::{Span, Spanned};

use super::alternatives::Choice;
use super::places::Want;
use super::quantities::mode;
use super::{Arch, Build, Ctx, InstallFile, Recipe, Source, SourceOrigin, listed, suggest};

/// Resolves the sections; `arch` is that of the image.
pub(super) fn resolve(ctx: &mut Ctx<'_>, arch: Arch) -> Vec<Source> {
    let manifest = ctx.manifest;
    let mut names: BTreeMap<&str, Span> = BTreeMap::new();
    let mut sources = Vec::new();
    for source in &manifest.source {
        if let Some(earlier) = names.insert(&source.name, source.name.span) {
            ctx.namesakes("sources", &source.name, earlier);
        }
        let from = origin(ctx, source, arch.name());
        let patches = patches(ctx, source, from.as_ref());
        let build = source.build.as_ref();
        let built = build.and_then(|written| ctx.build(written, arch));
        if let (Some(build), Some(built)) = (build, &built) {
            other_processor(ctx, source, build, built, arch);
        }
        let install = install(ctx, source);
        if build.is_none() || built.is_some() {
            known_files(ctx, source, from.as_ref(), built.as_ref());
        }
        let Some(from) = from else { continue };
        sources.push(Source {
            name: source.name.clone(),
            from,
            patches,
            build: built,
            install,
            verify: verify(source),
        });
    }
    sources
}

fn origin(ctx: &mut Ctx<'_>, source: &written::Source, arch: &str) -> Option<SourceOrigin> {
    let ways = [
        ("git", source.git.as_ref().map(|from| from.url.span)),
        ("crate", source.registry.as_ref().map(|from| from.name.span)),
        ("path", source.path.as_ref().map(|from| from.span)),
        ("release", source.release.as_ref().map(|from| from.span)),
    ];
    let name = &source.name;
    ctx.exactly_one(
        Choice {
            code: "zosc::check::source-origin",
            section: "source",
            place: name.span,
            none: format!("nothing says where the source `{}` comes from", name.value),
            several: format!("the source `{}` comes from several places", name.value),
            help: "give it one of `git ADDRESS tag=…`, `crate NAME version=…`, `path FOLDER`, `release ADDRESS sha256=…`".to_owned(),
        },
        &ways,
    );
    if let Some(from) = &source.git {
        return ctx.git(from);
    }
    if let Some(from) = &source.registry {
        let version = from.version.clone();
        return Some(SourceOrigin::Crate {
            name: from.name.clone(),
            version: version.map(|version| version.trim_start_matches('=').to_owned()),
        });
    }
    if let Some(path) = &source.path {
        let folder = ctx.existing(path, Want::Folder)?;
        return not_the_machine(ctx, folder).map(SourceOrigin::Path);
    }
    source
        .release
        .as_ref()
        .and_then(|from| ctx.release(from, arch))
}

/// Refuses a target of another processor than the image's, where programs must be for that.
fn other_processor(
    ctx: &mut Ctx<'_>,
    source: &written::Source,
    build: &written::Build,
    built: &Build,
    arch: Arch,
) {
    let Recipe::Cargo {
        target: Some(target),
        ..
    } = &built.recipe
    else {
        return;
    };
    let (Some(written), Some((processor, rest))) = (&build.target, target.split_once('-')) else {
        return;
    };
    let is_other = Arch::named(processor).is_some_and(|processor| processor != arch);
    let mut verified = source.verify.iter();
    let matters =
        source.verify.is_empty() || verified.any(|word| word.value == written::Property::Arch);
    if !is_other || !matters {
        return;
    }
    let problem = Diagnostic::error(
        "zosc::check::other-processor",
        format!("`{target}` makes programs for {processor}, and the image is for {arch}"),
    )
    .at(written.span)
    .help(format!("write `target=\"{arch}-{rest}\"`, or `target=\"{{arch}}-{rest}\"` for the processor of any image"));
    let fix = format!("\"{{arch}}-{rest}\"");
    ctx.push(if ctx.is_editable(written.span) {
        problem.replace("follow the image's processor", written.span, fix)
    } else {
        problem
    });
}

/// A source that holds the whole machine would be copied whole.
fn not_the_machine(ctx: &mut Ctx<'_>, folder: Spanned<PathBuf>) -> Option<Spanned<PathBuf>> {
    if folder.value.parent().is_some() {
        return Some(folder);
    }
    ctx.push(
        Diagnostic::error(
            "zosc::check::bad-path",
            "the path is this machine's root folder",
        )
        .at(folder.span)
        .help("name the folder of the component alone"),
    );
    None
}

fn patches(
    ctx: &mut Ctx<'_>,
    source: &written::Source,
    from: Option<&SourceOrigin>,
) -> Vec<Spanned<PathBuf>> {
    let is_program = matches!(from, Some(SourceOrigin::Release { unpack: false, .. }));
    if let (Some(first), true) = (source.patch.first(), is_program) {
        ctx.push(
            Diagnostic::error(
                "zosc::check::release-file",
                "the release is one file that is not unpacked, and patches change source files",
            )
            .at(first.span)
            .help("remove `patch`, or take the release's source archive"),
        );
        return Vec::new();
    }
    let mut patches: Vec<Spanned<PathBuf>> = Vec::new();
    for written in &source.patch {
        let Some(patch) = ctx.existing(written, Want::File) else {
            continue;
        };
        if let Some(earlier) = patches.iter().find(|earlier| **earlier == patch) {
            let (message, earlier) = (
                format!("the patch `{}` is applied twice", written.value),
                earlier.span,
            );
            ctx.clash(
                "zosc::check::duplicate-name",
                message,
                patch.span,
                earlier,
                "remove one of them",
            );
            continue;
        }
        patches.push(patch);
    }
    patches
}

fn verify(source: &written::Source) -> Vec<Spanned<written::Property>> {
    let mut verify: Vec<Spanned<written::Property>> = Vec::new();
    for wanted in &source.verify {
        if !verify.contains(wanted) {
            verify.push(*wanted);
        }
    }
    verify
}

fn install(ctx: &mut Ctx<'_>, source: &written::Source) -> Vec<InstallFile> {
    let mut files = Vec::new();
    for file in &source.install {
        let inner = ctx.inner_path(&file.file);
        let Some(to) = ctx.image_file(&file.to) else {
            continue;
        };
        ctx.claim_installed(&to, &format!("source `{}`", source.name.value));
        if inner.is_some() {
            files.push(InstallFile {
                file: file.file.clone(),
                to,
                mode: mode(file.mode.as_ref(), 0o755),
            });
        }
    }
    if source.install.is_empty() && ctx.is_whole("source") {
        ctx.push(
            Diagnostic::warning(
                "zosc::check::nothing-installed",
                format!(
                    "nothing of the source `{}` goes into the image",
                    source.name.value
                ),
            )
            .at(source.name.span)
            .help("add `install FILE to=\"/usr/bin/FILE\"`"),
        );
    }
    files
}

/// Refuses files that a source will certainly not have, where all that it will have is known.
fn known_files(
    ctx: &mut Ctx<'_>,
    source: &written::Source,
    from: Option<&SourceOrigin>,
    build: Option<&Build>,
) {
    let (known, fact) = match (build.map(|build| &build.recipe), from) {
        (Some(recipe), _) => (programs(recipe), "no program of this build"),
        (
            None,
            Some(SourceOrigin::Release {
                file_name,
                unpack: false,
                ..
            }),
        ) => (vec![file_name.clone()], "not the file of this release"),
        _ => return,
    };
    if known.is_empty() {
        return;
    }
    for file in &source.install {
        if file.file.contains('/') || known.contains(&file.file.value) {
            continue;
        }
        let problem = Diagnostic::error(
            "zosc::check::unknown-file",
            format!("`{}` is {fact}", file.file.value),
        )
        .at(file.file.span);
        let names = || known.iter().map(String::as_str);
        let otherwise = format!("there is {}", listed(names()));
        ctx.push(suggest(
            problem,
            &file.file,
            file.file.span,
            names(),
            &otherwise,
        ));
    }
}

/// The programs that a recipe makes, where it names them all.
fn programs(recipe: &Recipe) -> Vec<String> {
    match recipe {
        Recipe::Cargo { bins, .. } => bins.clone(),
        Recipe::Go { packages, .. } => {
            let named = |package: &String| {
                let name = package.rsplit('/').next()?;
                (!name.is_empty() && !name.starts_with('.')).then(|| name.to_owned())
            };
            let names: Option<Vec<String>> = packages.iter().map(named).collect();
            names.unwrap_or_default()
        }
        Recipe::Make { .. } | Recipe::Script(_) => Vec::new(),
    }
}
