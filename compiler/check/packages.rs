//! The `packages` sections.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::manifest::packages::{Install, ScriptPolicy};
use crate::source::{Span, Spanned};

use super::{Alpine, Ctx, PackageRequest, Packages, alpine, suggest};

/// Resolves the sections.
pub(super) fn resolve(ctx: &mut Ctx<'_>, alpine: Option<&Alpine>) -> Packages {
    let manifest = ctx.manifest;
    let mut packages = Packages {
        run_scripts: true,
        ..Packages::default()
    };
    let mut known: BTreeMap<String, PackageRequest> = BTreeMap::new();
    for install in manifest
        .packages
        .iter()
        .flat_map(|section| &section.install)
    {
        if let Some(tag) = &install.tag {
            ctx.known_tag(tag, alpine);
        }
        for name in &install.names {
            request(ctx, name, install, &mut known, &mut packages.install);
        }
    }
    for name in manifest
        .packages
        .iter()
        .flat_map(|section| &section.exclude)
    {
        exclude(ctx, name, &known, &mut packages.exclude);
    }
    scripts(ctx, &mut packages);
    packages
}

fn request(
    ctx: &mut Ctx<'_>,
    name: &Spanned<String>,
    install: &Install,
    known: &mut BTreeMap<String, PackageRequest>,
    requests: &mut Vec<PackageRequest>,
) {
    let request = PackageRequest {
        name: name.clone(),
        version: install.version.as_ref().map(with_operator),
        tag: install.tag.clone(),
    };
    let Some(earlier) = known.get(&name.value) else {
        known.insert(name.value.clone(), request.clone());
        requests.push(request);
        return;
    };
    if earlier.version == request.version && earlier.tag == request.tag {
        return;
    }
    let message = format!("the package `{}` is asked for in two ways", name.value);
    let (later, earlier) = (described(&request), described(earlier));
    ctx.push(
        Diagnostic::error("zosc::check::duplicate-package", message)
            .label(later.0, later.1)
            .label(earlier.0, earlier.1)
            .help("keep one of them"),
    );
}

fn described(request: &PackageRequest) -> (Span, String) {
    let version = request.version.as_ref();
    let version = version.map_or("any version".to_owned(), |version| {
        format!("version {}", version.value)
    });
    let tag = request.tag.as_ref();
    let tag = tag.map_or(String::new(), |tag| format!(", tag {}", tag.value));
    (request.name.span, format!("{version}{tag}"))
}

/// A version without operator is an exact one.
fn with_operator(version: &Spanned<String>) -> Spanned<String> {
    let bare = version.starts_with(|first: char| first.is_ascii_digit());
    let operator = if bare { "=" } else { "" };
    Spanned::new(format!("{operator}{}", version.value), version.span)
}

impl Ctx<'_> {
    /// Refuses a tag that no repository has.
    pub(super) fn known_tag(&mut self, tag: &Spanned<String>, alpine: Option<&Alpine>) {
        let Some(alpine) = alpine else { return };
        let tags = alpine::tags(alpine);
        if tags.contains(tag.as_str()) {
            return;
        }
        let problem = Diagnostic::error(
            "zosc::check::unknown-tag",
            format!("no repository has the tag `{}`", tag.value),
        )
        .at(tag.span);
        let otherwise = format!(
            "add a repository with it: `repository testing branch=edge tag={}`",
            tag.value
        );
        self.push(suggest(problem, tag, tag.span, tags, &otherwise));
    }
}

fn exclude(
    ctx: &mut Ctx<'_>,
    name: &Spanned<String>,
    installed: &BTreeMap<String, PackageRequest>,
    excluded: &mut Vec<Spanned<String>>,
) {
    if let Some(request) = installed.get(&name.value) {
        ctx.push(
            Diagnostic::error(
                "zosc::check::excluded-package",
                format!("the package `{}` is installed and excluded", name.value),
            )
            .label(name.span, "excluded here")
            .label(request.name.span, "installed here")
            .help("remove one of the two"),
        );
    } else if !excluded.contains(name) {
        excluded.push(name.clone());
    }
}

fn scripts(ctx: &mut Ctx<'_>, packages: &mut Packages) {
    let manifest = ctx.manifest;
    let mut seen: BTreeMap<Option<&str>, (bool, Span)> = BTreeMap::new();
    for scripts in manifest
        .packages
        .iter()
        .flat_map(|section| &section.scripts)
    {
        let run = scripts.policy.value == ScriptPolicy::Run;
        let mut about: Vec<(Option<&str>, Span)> = scripts
            .packages
            .iter()
            .map(|package| (Some(package.as_str()), package.span))
            .collect();
        if about.is_empty() {
            about.push((None, scripts.policy.span));
        }
        for (package, span) in about {
            match seen.get(&package) {
                Some((earlier, place)) if *earlier != run => {
                    let whose =
                        package.map_or("scripts".to_owned(), |name| format!("scripts of `{name}`"));
                    let message = format!("{whose} are to run and to be skipped");
                    ctx.clash(
                        "zosc::check::conflicting-scripts",
                        message,
                        span,
                        *place,
                        "keep one of them",
                    );
                    continue;
                }
                _ => seen.insert(package, (run, span)),
            };
            match package {
                Some(name) => {
                    packages.script_exceptions.insert(name.to_owned(), run);
                }
                None => packages.run_scripts = run,
            }
        }
    }
}
