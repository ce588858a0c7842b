//! `zosc resolve`.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::check::{Alpine, Key, Repository};
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::io::{self, Files as _};
use crate::lock::{self, Because, Mode, Question, ResolvedPackage, Update};
use crate::source::Span;

use super::session::{CANCELLED, Session};
use super::{Failed, ManifestArguments, Outcome};

/// Most bytes of a key file, which has a few hundred.
const LARGEST_KEY: u64 = 64 << 10;

/// Shows which packages names come to: `name-version` lines in the order of installation, as apk would install them.
///
/// Repositories and keys are those of the manifest, or those named here. A name may carry a version, a tag, or a refusal,
/// as in apk's world: `busybox`, `busybox=1.36.1-r15`, `busybox~1.36`, `busybox@edge`, `'!busybox'`. Where it cannot be, says why
/// and fails.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What is asked for; without any name, what the manifest installs.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// A repository instead of the manifest's: an address or a folder, `'@TAG ADDRESS'` with a tag. May be repeated.
    #[arg(
        long = "repository",
        short = 'X',
        value_name = "URL",
        requires = "names"
    )]
    repositories: Vec<String>,
    /// A public key that may sign, instead of the manifest's. May be repeated.
    #[arg(long = "key", value_name = "FILE", requires = "repositories")]
    keys: Vec<PathBuf>,
    /// The architecture. Default: the manifest's, else x86_64.
    #[arg(long, value_name = "ARCH")]
    arch: Option<String>,
    /// The manifest.
    #[arg(
        long,
        value_name = "MANIFEST",
        default_value = "zos.kdl",
        conflicts_with = "repositories"
    )]
    manifest: PathBuf,
    /// Sets a value of the manifest for this run: `--set alpine.release=3.21`. May be repeated.
    #[arg(
        long = "set",
        value_name = "PATH=VALUE",
        conflicts_with = "repositories"
    )]
    set: Vec<String>,
    /// Ask the newest indexes, whatever zos.lock says.
    #[arg(long, conflicts_with = "offline")]
    update: bool,
    /// Do not use the network: the indexes that zos.lock names, or that were fetched last.
    #[arg(long)]
    offline: bool,
    /// Say why this package is among them, instead of listing them.
    #[arg(long, value_name = "NAME")]
    why: Option<String>,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let mut places = places(session, arguments).into_iter();
    let names = arguments.names.iter().cloned();
    let wishes: Vec<(String, Span)> = names
        .zip(places.by_ref())
        .map(|(wish, place)| {
            let name = place_of_name(&wish, place);
            (wish, name)
        })
        .collect();
    let mode = Mode {
        locked: false,
        dry: false,
        offline: arguments.offline,
        update: if arguments.update {
            Update::Everything
        } else {
            Update::Nothing
        },
        engine: None,
    };
    let packages = if arguments.repositories.is_empty() {
        of_manifest(session, arguments, wishes, mode)?
    } else {
        let alpine = session.settle(named(arguments, places))?;
        let question = Question {
            alpine: &alpine,
            arch: arguments.arch.as_deref().unwrap_or("x86_64"),
            wishes,
            manifest: None,
        };
        ask(session, &question, mode)?
    };
    match &arguments.why {
        Some(name) => why(session, &packages, name),
        None => list(session, &packages),
    }
}

fn of_manifest(
    session: &mut Session,
    arguments: &Arguments,
    wishes: Vec<(String, Span)>,
    mode: Mode<'_>,
) -> Result<Vec<ResolvedPackage>, Failed> {
    let image = session.image(&ManifestArguments {
        manifest: arguments.manifest.clone(),
        set: arguments.set.clone(),
    })?;
    let Some(alpine) = &image.alpine else {
        let problem = Diagnostic::error(
            "zosc::lock::no-repository",
            "packages are asked for, and there is no repository",
        );
        let help = "add a section such as `alpine \"3.22\" { repository main; repository community }`, or name one: `--repository URL --key FILE`";
        session.report(&problem.help(help).into());
        return Err(Failed);
    };
    let wishes = if wishes.is_empty() {
        lock::wishes_of(&image)
    } else {
        wishes
    };
    let question = Question {
        alpine,
        arch: arguments.arch.as_deref().unwrap_or(image.arch.name()),
        wishes,
        manifest: Some(&image.manifest),
    };
    ask(session, &question, mode)
}

fn ask(
    session: &Session,
    question: &Question<'_>,
    mode: Mode<'_>,
) -> Result<Vec<ResolvedPackage>, Failed> {
    let store = session.store()?;
    let progress = super::progress::Progress::new(session);
    let answer = lock::resolution(question, &store, mode, &progress, &CANCELLED);
    progress.finish();
    session.settle(answer)
}

/// Makes the arguments a text of its own, so that problems point at what was typed; the places of names, repositories
/// and keys in turn.
fn places(session: &mut Session, arguments: &Arguments) -> Vec<Span> {
    let names = arguments
        .names
        .iter()
        .chain(&arguments.repositories)
        .cloned();
    let keys = arguments.keys.iter().map(|key| key.display().to_string());
    let typed: Vec<String> = names.chain(keys).collect();
    let source = session.sources.add("<command line>", typed.join("\n"));
    let mut start = 0;
    typed
        .iter()
        .map(|text| {
            let span = Span::new(source, start, start + text.len());
            start += text.len() + 1;
            span
        })
        .collect()
}

/// The place of the name alone in a wish: problems are about that, and a fix must leave the version and the tag.
fn place_of_name(wish: &str, place: Span) -> Span {
    let start = wish.len() - wish.trim_start_matches('!').len();
    let end = wish.find(['<', '=', '>', '~', '@']).unwrap_or(wish.len());
    let from = place.range().start;
    Span::new(place.source, from + start, from + end)
}

/// The repositories and keys of the command line in the shape of a manifest's.
fn named(
    arguments: &Arguments,
    mut places: impl Iterator<Item = Span>,
) -> Result<Alpine, Diagnostics> {
    let mut problems = Diagnostics::new();
    let mut repositories = Vec::new();
    for (text, span) in arguments.repositories.iter().zip(places.by_ref()) {
        match repository(text, span) {
            Ok(repository) => repositories.push(repository),
            Err(problem) => problems.push(problem.at(span)),
        }
    }
    let mut keys = Vec::new();
    for (path, span) in arguments.keys.iter().zip(places) {
        match key(path, span) {
            Ok(key) => keys.push(key),
            Err(problem) => problems.push(problem.at(span)),
        }
    }
    let Some(span) = repositories.first().map(|repository| repository.span) else {
        return Err(problems);
    };
    if problems.has_errors() {
        return Err(problems);
    }
    Ok(Alpine {
        release: String::new(),
        repositories,
        keys,
        span,
    })
}

/// An address, or a folder, perhaps behind `@TAG `.
fn repository(text: &str, span: Span) -> Result<Repository, Diagnostic> {
    let bad = || {
        Diagnostic::error(
            "zosc::cli::bad-repository",
            format!("`{text}` names no repository"),
        )
        .help("write an address or a folder, `https://dl-cdn.alpinelinux.org/alpine/v3.22/main`; with a tag, `'@edge https://…'`")
    };
    let (tag, place) = match text.strip_prefix('@') {
        Some(tagged) => {
            let (tag, place) = tagged.split_once(' ').ok_or_else(bad)?;
            (Some(tag.to_owned()), place.trim())
        }
        None => (None, text.trim()),
    };
    if place.is_empty() || place.contains(' ') || tag.as_ref().is_some_and(String::is_empty) {
        return Err(bad());
    }
    let url = if place.contains("://") {
        place.trim_end_matches('/').to_owned()
    } else {
        let folder = std::path::absolute(place).map_err(|_| bad())?;
        io::file_address(&folder)
    };
    Ok(Repository {
        urls: vec![url],
        tag,
        follows_release: false,
        span,
    })
}

fn key(path: &Path, span: Span) -> Result<Key, Diagnostic> {
    let bytes = io::System.read(path, LARGEST_KEY).map_err(|error| {
        Diagnostic::error(
            "zosc::cli::cannot-read",
            format!("cannot read `{}`: {error}", path.display()),
        )
        .help("name the PEM file of a public key; Alpine's own are in `/etc/apk/keys` of any Alpine machine")
    })?;
    let name = path.file_name().unwrap_or_default();
    Ok(Key {
        name: name.to_string_lossy().into_owned(),
        pem: String::from_utf8_lossy(&bytes).into_owned(),
        span,
    })
}

fn list(session: &Session, packages: &[ResolvedPackage]) -> Outcome {
    if !session.for_people() {
        return objects(session, packages, packages.iter());
    }
    let mut text = String::new();
    for package in packages {
        text.push_str(&format!("{}\n", package.full_name()));
    }
    session.print(&text)
}

/// Prints some of the packages for programs, a line each.
fn objects<'p>(
    session: &Session,
    all: &[ResolvedPackage],
    some: impl Iterator<Item = &'p ResolvedPackage>,
) -> Outcome {
    let mut text = String::new();
    for package in some {
        text.push_str(&format!("{}\n", object(all, package)));
    }
    session.print(&text)
}

/// A package for programs.
fn object(packages: &[ResolvedPackage], package: &ResolvedPackage) -> serde_json::Value {
    let reason = match &package.because {
        Because::Wished(wish) => json!({ "kind": "wished", "dependency": wish }),
        Because::Needed { by, dependency } => json!({
            "kind": "needed",
            "by": packages.get(*by).map(|asker| &asker.name),
            "dependency": dependency,
        }),
        Because::Companion(conditions) => {
            json!({ "kind": "companion", "conditions": conditions })
        }
    };
    json!({
        "name": package.name,
        "version": package.version,
        "repository": package.repository,
        "tag": package.tag,
        "reason": reason,
    })
}

/// Says how a package came in, from a wish on, and who else needs it.
fn why(session: &Session, packages: &[ResolvedPackage], name: &str) -> Outcome {
    let answers = |package: &&ResolvedPackage| package.name == name || package.full_name() == name;
    let provides = |package: &&ResolvedPackage| package.provides.iter().any(|role| role == name);
    let found = packages
        .iter()
        .find(answers)
        .or_else(|| packages.iter().find(provides));
    let Some(package) = found else {
        return session.fail(not_among(packages, name));
    };
    let chain = chain(packages, package);
    if !session.for_people() {
        return objects(session, packages, chain.into_iter());
    }
    let mut text = String::new();
    for link in &chain {
        let told = told(packages, link);
        text.push_str(&format!("{told}\n"));
    }
    let first = match package.because {
        Because::Needed { by, .. } => Some(by),
        Because::Wished(_) | Because::Companion(_) => None,
    };
    for (asker, dependency) in &package.needed_by {
        if Some(*asker) != first
            && let Some(asker) = packages.get(*asker)
        {
            text.push_str(&format!("{} needs `{dependency}` too\n", asker.full_name()));
        }
    }
    session.print(&text)
}

/// From the wish, or the companion, that a chain of reasons begins with to the package.
fn chain<'p>(
    packages: &'p [ResolvedPackage],
    package: &'p ResolvedPackage,
) -> Vec<&'p ResolvedPackage> {
    let mut chain = vec![package];
    let mut at = package;
    // A chain cannot be longer than the answer, whatever cycles its packages have.
    while let Because::Needed { by, .. } = at.because
        && let Some(asker) = packages.get(by)
        && chain.len() < packages.len()
    {
        chain.push(asker);
        at = asker;
    }
    chain.reverse();
    chain
}

fn told(packages: &[ResolvedPackage], package: &ResolvedPackage) -> String {
    let name = package.full_name();
    match &package.because {
        Because::Wished(wish) => format!("`{wish}` is asked for: {name}"),
        Because::Needed { by, dependency } => {
            let asker = packages.get(*by).map(ResolvedPackage::full_name);
            format!("{} needs `{dependency}`: {name}", asker.unwrap_or_default())
        }
        Because::Companion(conditions) => {
            format!("`{}` bring along {name}", conditions.join("`, `"))
        }
    }
}

fn not_among(packages: &[ResolvedPackage], name: &str) -> Diagnostic {
    let problem = Diagnostic::error(
        "zosc::cli::not-installed",
        format!("`{name}` is none of the {} packages", packages.len()),
    );
    match nearest(name, packages.iter().map(|package| package.name.as_str())) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("without `--why` they are listed"),
    }
}
