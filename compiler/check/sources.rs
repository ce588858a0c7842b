//! The `source` sections: where components come from, how they are built, what of them is installed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::manifest::source as written;
use crate::source::{Span, Spanned};

use super::places::Want;
use super::quantities::mode;
use super::{Build, Ctx, InstallFile, Recipe, Source, SourceOrigin, listed};

/// Endings of files that are unpacked unless the manifest says otherwise.
const ARCHIVES: &[&str] = &[
    ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".zip", ".deb", ".apk",
];

/// Resolves the sections.
pub(super) fn resolve(ctx: &mut Ctx<'_>) -> Vec<Source> {
    let manifest = ctx.manifest;
    let mut names: BTreeMap<&str, Span> = BTreeMap::new();
    let mut sources = Vec::new();
    for source in &manifest.source {
        if let Some(earlier) = names.insert(&source.name, source.name.span) {
            let message = format!("two sources are named `{}`", source.name.value);
            ctx.clash(
                "zosc::check::duplicate-name",
                message,
                source.name.span,
                earlier,
                "rename or remove one",
            );
        }
        let from = origin(ctx, source);
        let build = source
            .build
            .as_ref()
            .and_then(|written| build(ctx, written));
        let install = install(ctx, source);
        let Some(from) = from else { continue };
        sources.push(Source {
            name: source.name.clone(),
            from,
            build,
            install,
            verify_static: source
                .verify
                .iter()
                .any(|property| property.value == written::Property::Static),
        });
    }
    sources
}

fn origin(ctx: &mut Ctx<'_>, source: &written::Source) -> Option<SourceOrigin> {
    let crate_ = source.registry.as_ref().map(|from| from.name.span);
    let path = source.path.as_ref().map(|from| from.span);
    let release = source.release.as_ref().map(|from| from.url.span);
    let places: Vec<Span> = [crate_, path, release].into_iter().flatten().collect();
    if places.len() > 1 || places.is_empty() && ctx.is_whole("source") {
        let name = &source.name;
        let mut problem = Diagnostic::error(
            "zosc::check::source-origin",
            match places.len() {
                0 => format!("nothing says where the source `{}` comes from", name.value),
                _ => format!("the source `{}` comes from several places", name.value),
            },
        );
        problem = places
            .iter()
            .skip(1)
            .fold(problem, |problem, span| problem.at(*span));
        problem = match places.first() {
            Some(first) => problem.label(*first, "one of them"),
            None => problem.at(name.span),
        };
        ctx.push(problem.help(
            "give it one of `crate NAME version=…`, `path FOLDER`, `release ADDRESS sha256=…`",
        ));
    }
    if let Some(from) = &source.registry {
        return Some(SourceOrigin::Crate {
            name: from.name.clone(),
            version: from
                .version
                .clone()
                .map(|version| version.trim_start_matches('=').to_owned()),
        });
    }
    if let Some(path) = &source.path {
        let folder = ctx.existing(path, Want::Folder)?;
        return not_the_manifest(ctx, folder).map(SourceOrigin::Path);
    }
    source
        .release
        .as_ref()
        .and_then(|from| self::release(ctx, from))
}

/// A source that holds the whole machine would be copied whole.
fn not_the_manifest(ctx: &mut Ctx<'_>, folder: Spanned<PathBuf>) -> Option<Spanned<PathBuf>> {
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

fn release(ctx: &mut Ctx<'_>, release: &written::Release) -> Option<SourceOrigin> {
    let url = ctx.address(&release.url);
    let name = file_name(&release.url);
    let is_archive = ARCHIVES.iter().any(|ending| name.ends_with(ending));
    let unpack = release
        .unpack
        .as_ref()
        .map_or(is_archive, |unpack| unpack.value);
    if let Some(wanted) = release
        .unpack
        .as_ref()
        .filter(|wanted| wanted.value && !is_archive)
    {
        not_an_archive(
            ctx,
            wanted.span,
            &format!("`{name}` is not named like an archive that zosc unpacks"),
        );
    }
    if let Some(strip) = release.strip_components.as_ref().filter(|_| !unpack) {
        not_an_archive(
            ctx,
            strip.span,
            &format!("`{name}` is not unpacked, so it has no folders to drop"),
        );
    }
    let Some(sha256) = &release.sha256 else {
        if ctx.is_whole("source") {
            ctx.unpinned(&release.url);
        }
        return None;
    };
    Some(SourceOrigin::Release {
        url: Spanned::new(url?, release.url.span),
        sha256: sha256.parse().ok()?,
        unpack,
        strip_components: release
            .strip_components
            .as_ref()
            .map_or(0, |strip| strip.value),
    })
}

fn not_an_archive(ctx: &mut Ctx<'_>, span: Span, message: &str) {
    ctx.push(
        Diagnostic::error("zosc::check::not-an-archive", message)
            .at(span)
            .help(format!(
                "archives end in {}",
                listed(ARCHIVES.iter().copied())
            )),
    );
}

/// The last component of an address's path.
fn file_name(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or("");
    path.rsplit('/').next().unwrap_or("")
}

fn build(ctx: &mut Ctx<'_>, build: &Spanned<written::Build>) -> Option<Build> {
    let recipe = recipe(ctx, build);
    let toolchain = ctx.toolchain(build.toolchain.as_ref(), ("source", build.span));
    let subdir = match &build.subdir {
        Some(subdir) => ctx.inner_path(subdir),
        None => Some(String::new()),
    };
    let env = ctx.environment(&build.env);
    Some(Build {
        recipe: recipe?,
        toolchain: toolchain?,
        subdir: subdir?,
        env,
        span: build.span,
    })
}

fn recipe(ctx: &mut Ctx<'_>, build: &Spanned<written::Build>) -> Option<Recipe> {
    let (fact, span) = match (&build.recipe, &build.script) {
        (Some(recipe), None) => {
            return Some(match recipe.value {
                written::Recipe::Cargo => cargo(build),
            });
        }
        (None, Some(script)) => {
            for (name, span) in cargo_settings(build) {
                ctx.push(
                    Diagnostic::error(
                        "zosc::check::cargo-setting",
                        format!("`{name}` is about `build cargo`, and this build is a script"),
                    )
                    .at(span)
                    .help("say it in the script"),
                );
            }
            return Some(Recipe::Script(script.value.clone()));
        }
        (Some(_), Some(script)) => ("a build has a recipe or a script, not both", script.span),
        (None, None) if !ctx.is_whole("source") => return None,
        (None, None) => ("nothing says how the source is built", build.span),
    };
    ctx.push(
        Diagnostic::error("zosc::check::build-recipe", fact)
            .at(span)
            .help("write `build cargo` or `build script=\"…\"`; leave `build` out to install files as they came"),
    );
    None
}

fn cargo(build: &written::Build) -> Recipe {
    let text = |value: &Option<Spanned<String>>| value.as_ref().map(|value| value.value.clone());
    let words = |list: &[Spanned<String>]| list.iter().map(|word| word.value.clone()).collect();
    Recipe::Cargo {
        target: text(&build.target),
        profile: text(&build.profile).unwrap_or_else(|| "release".to_owned()),
        bins: words(&build.bin),
        features: words(&build.features),
        no_default_features: build.no_default_features,
        crt_static: build.r#static,
    }
}

/// Settings of a build that only Cargo understands.
fn cargo_settings(build: &Spanned<written::Build>) -> Vec<(&'static str, Span)> {
    let first = |list: &[Spanned<String>]| list.first().map(|word| word.span);
    let place = |value: &Option<Spanned<String>>| value.as_ref().map(|value| value.span);
    let flag = |set: bool| set.then_some(build.span);
    [
        ("target", place(&build.target)),
        ("profile", place(&build.profile)),
        ("bin", first(&build.bin)),
        ("features", first(&build.features)),
        ("no-default-features", flag(build.no_default_features)),
        ("static", flag(build.r#static)),
    ]
    .into_iter()
    .filter_map(|(name, span)| Some((name, span?)))
    .collect()
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
