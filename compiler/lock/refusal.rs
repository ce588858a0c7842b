//! What the solver refuses, in the words of the manifest.

use std::collections::BTreeMap;

use crate::apk::dependency::Dependency;
use crate::apk::solver::{Asker, Candidate, Catalogue, Link, Obstacle, Refusal};
use crate::check::Alpine;
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::source::Span;

/// What is to be installed, as `world` writes it, and where the manifest says so.
pub(super) type Wishes = BTreeMap<String, Span>;

/// Turns a refusal into diagnostics at the wishes that led to it.
pub(super) fn explain(
    refusal: &Refusal<'_>,
    wishes: &Wishes,
    alpine: &Alpine,
    catalogue: &Catalogue<'_>,
) -> Diagnostics {
    let span = |wish: &Dependency<'_>| {
        wishes
            .get(&wish.to_string())
            .copied()
            .unwrap_or(alpine.span)
    };
    let problems = match refusal {
        Refusal::UnknownTag(wish) => return unknown_tag(wish, span(wish), alpine).into(),
        Refusal::Unsatisfiable(problems) => problems,
    };
    problems
        .iter()
        .map(|problem| {
            let wish = problem.chain.first().map(|link| link.dependency);
            let span = wish.map_or(alpine.span, |wish| span(&wish));
            match (problem.chain.as_slice(), problem.candidates.as_slice()) {
                ([Link { dependency, .. }], []) => {
                    no_such_package(dependency.name, span, alpine, catalogue)
                }
                (chain, candidates) => unsatisfiable(chain, candidates, alpine).at(span),
            }
        })
        .collect()
}

/// Nobody has a name that the manifest asks for.
pub(super) fn no_such_package(
    name: &str,
    span: Span,
    alpine: &Alpine,
    catalogue: &Catalogue<'_>,
) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "zosc::lock::unknown-package",
        format!("no repository has a package `{name}`"),
    )
    .at(span);
    let diagnostic = searched(diagnostic, alpine);
    match nearest(name, catalogue.package_names()) {
        Some(near) => diagnostic
            .help(format!("did you mean `{near}`?"))
            .replace(format!("write `{near}`"), span, near),
        None => diagnostic.help("look the name up on the distribution's package pages; it may be in a repository that is not listed here"),
    }
}

fn searched(diagnostic: Diagnostic, alpine: &Alpine) -> Diagnostic {
    alpine
        .repositories
        .iter()
        .fold(diagnostic, |diagnostic, repository| {
            let url = repository.urls.first().map_or("", String::as_str);
            let tag = repository
                .tag
                .as_ref()
                .map_or_else(String::new, |tag| format!(" (only for `tag={tag}`)"));
            diagnostic.note(format!("searched {url}{tag}"))
        })
}

fn unknown_tag(wish: &Dependency<'_>, span: Span, alpine: &Alpine) -> Diagnostic {
    let tag = wish.tag.unwrap_or("");
    let tags = || {
        alpine
            .repositories
            .iter()
            .filter_map(|repository| repository.tag.as_deref())
    };
    let diagnostic = Diagnostic::error(
        "zosc::lock::unknown-tag",
        format!(
            "no repository has the tag `{tag}`, which `{}` carries",
            wish.name
        ),
    )
    .at(span);
    match nearest(tag, tags()) {
        Some(near) => diagnostic.help(format!("did you mean `tag={near}`?")),
        None => diagnostic.help(format!(
            "give a repository the tag: `repository testing branch=edge tag={tag}`"
        )),
    }
}

/// Something along a chain cannot be had, or not together with the rest.
fn unsatisfiable(chain: &[Link<'_>], candidates: &[Candidate<'_>], alpine: &Alpine) -> Diagnostic {
    let wish = chain.first().map_or("", |link| link.dependency.name);
    let message = match chain {
        [.., last] if last.dependency.conflict => {
            format!(
                "`{}` is to be left out, and something else needs it",
                last.dependency.name
            )
        }
        [_] => format!("`{wish}` cannot be installed as asked for"),
        _ => format!("`{wish}` cannot be installed"),
    };
    let mut diagnostic = Diagnostic::error("zosc::lock::unsatisfiable", message);
    for link in chain {
        diagnostic = diagnostic.note(said(link));
    }
    if candidates.is_empty()
        && let Some(last) = chain.last()
    {
        diagnostic = searched(
            diagnostic.note(format!("nothing provides `{}`", last.dependency.name)),
            alpine,
        );
    }
    for candidate in candidates {
        diagnostic = diagnostic.note(stands_against(candidate, alpine));
    }
    diagnostic.help(advice(candidates))
}

/// What somebody says about a package, as a sentence.
pub(super) fn said(link: &Link<'_>) -> String {
    let verb = if link.dependency.conflict {
        "refuses"
    } else {
        "needs"
    };
    let Dependency { name, conflict, .. } = link.dependency;
    let what = link.dependency.to_string();
    let what = if conflict {
        what.strip_prefix('!').unwrap_or(name)
    } else {
        &what
    };
    match link.asker {
        Asker::Wish if conflict => format!("`{what}` is excluded"),
        Asker::Wish => format!("`{what}` is asked for"),
        Asker::Package { name, version } => format!("{name}-{version} {verb} `{what}`"),
    }
}

fn stands_against(candidate: &Candidate<'_>, alpine: &Alpine) -> String {
    let repository = alpine.repositories.get(candidate.repository);
    let place = repository
        .and_then(|repository| repository.urls.first())
        .map_or("", String::as_str);
    let package = format!("{}-{}", candidate.name, candidate.version);
    match &candidate.obstacle {
        Obstacle::Version => format!("{package} in {place} has another version"),
        Obstacle::Tag(tag) => format!("{package} is only in {place}, which has the tag `{tag}`"),
        Obstacle::Unreadable => {
            format!("{package} in {place} has an index entry that this zosc cannot read")
        }
        Obstacle::Refused(link) => format!("{package}, but {}", said(link)),
        Obstacle::Rival { name, holder } => {
            format!("{package} provides `{name}`, and so does {holder}, which is installed")
        }
        Obstacle::Needs(dependency) => {
            format!("{package} needs `{dependency}`, which cannot be had")
        }
        Obstacle::NotByItself => {
            format!("{package} provides it, and is taken only when it is named")
        }
        Obstacle::Unknown => format!("{package} does not fit in with the rest"),
    }
}

fn advice(candidates: &[Candidate<'_>]) -> String {
    let by_name = candidates
        .iter()
        .find(|candidate| candidate.obstacle == Obstacle::NotByItself);
    let by_tag = candidates
        .iter()
        .find_map(|candidate| match candidate.obstacle {
            Obstacle::Tag(tag) => Some((candidate.name, tag)),
            _ => None,
        });
    match (by_name, by_tag) {
        (Some(candidate), _) => format!("install the one you want by its name, such as `install {}`", candidate.name),
        (None, Some((name, tag))) => format!("let the tag in: `install {name} tag={tag}`"),
        (None, None) => "relax a version constraint, drop one of the packages that contradict each other, or add a repository that has what is missing".to_owned(),
    }
}
