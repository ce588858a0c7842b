//! Sources from Git: which commit a revision is, and the files of that commit.
//!
//! The user's own `git` does the talking, so that its settings and credentials hold. It asks nothing, runs no hook and no
//! filter, and what it brings is a tree that depends on the commit alone. Nothing of the repository is kept but that tree.

mod checkout;
mod history;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::check::GitRevision;
use crate::diagnostic::Diagnostic;
use crate::io;
use crate::source::Spanned;
use crate::tools;
use crate::tree::{Digest, Store};

use super::{Ctx, LockedSource, program};

/// What of a repository becomes a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout<'a> {
    /// The source's name, from which the files are.
    pub source: &'a str,
    /// The repository's address.
    pub url: &'a str,
    /// The commit.
    pub commit: &'a str,
    /// Whether submodules come along.
    pub submodules: bool,
    /// Whether a `.git` folder comes along.
    pub keep_git: bool,
}

/// What a manifest says of a Git source.
pub(super) struct Asked<'a> {
    pub(super) name: &'a str,
    pub(super) url: &'a Spanned<String>,
    pub(super) revision: &'a Spanned<GitRevision>,
    pub(super) submodules: bool,
    pub(super) keep_git: bool,
}

impl Asked<'_> {
    /// The revision as the lock writes it.
    fn revision(&self) -> String {
        match &self.revision.value {
            GitRevision::Commit(commit) => format!("commit {commit}"),
            GitRevision::Tag(tag) => format!("tag {tag}"),
            GitRevision::Branch(branch) => format!("branch {branch}"),
            GitRevision::Named(name) => format!("rev {name}"),
        }
    }

    fn checkout<'c>(&'c self, commit: &'c str) -> Checkout<'c> {
        Checkout {
            source: self.name,
            url: &self.url.value,
            commit,
            submodules: self.submodules,
            keep_git: self.keep_git,
        }
    }
}

/// A commit as the lock has it, or as the repository has it now; a lock that moves to the same commit keeps its tree.
pub(super) fn locked_git(
    ctx: &Ctx<'_>,
    previous: Option<&LockedSource>,
    asked: &Asked<'_>,
    moves: bool,
) -> Result<LockedSource, Diagnostic> {
    let revision = asked.revision();
    let same = previous.filter(|previous| {
        matches!(previous, LockedSource::Git { url, submodules, keep_git, .. }
            if (url, submodules, keep_git) == (&asked.url.value, &asked.submodules, &asked.keep_git))
    });
    if let Some(found @ LockedSource::Git { revision: old, .. }) = same
        && *old == revision
        && !moves
    {
        return Ok(found.clone());
    }
    let label = format!("git {}", asked.name);
    ctx.step(&label, || {
        let commit = find(ctx, asked).map_err(|problem| problem.at(asked.revision.span))?;
        let tree = match same {
            Some(LockedSource::Git {
                commit: old, tree, ..
            }) if *old == commit => *tree,
            _ => checkout::tree(ctx, &asked.checkout(&commit))
                .map_err(|problem| problem.at(asked.url.span))?,
        };
        Ok(LockedSource::Git {
            url: asked.url.value.clone(),
            revision,
            commit,
            submodules: asked.submodules,
            keep_git: asked.keep_git,
            tree,
        })
    })
}

/// Fetches a commit again that the lock names, into the store.
///
/// # Errors
/// Git fails, or the commit's files have another digest than the lock says.
pub fn git_tree(
    checkout: &Checkout<'_>,
    tree: Digest,
    store: &Store,
    offline: bool,
    cancel: &AtomicBool,
) -> Result<Digest, Diagnostic> {
    let ctx = Ctx::again(store, offline, cancel);
    let found = checkout::tree(&ctx, checkout)?;
    if found == tree {
        return Ok(found);
    }
    Err(Diagnostic::error(
        "zosc::lock::git-changed",
        format!(
            "the files of `{}` at {} are not what the lock says",
            checkout.source,
            short(checkout.commit)
        ),
    )
    .note(format!("the lock says {}, git brought {}", tree.short(), found.short()))
    .help("a commit never changes, but its submodules' repositories may have moved; `zosc update NAME` locks it anew"))
}

/// Puts the files of a commit of the repository that `directory` lies in into the folder `place`, as [`git_tree`] would see them; the
/// path of `directory` inside the repository.
///
/// # Errors
/// `zosc::lock::no-revision`; `zosc::lock::git-failed`, such as where there is no repository.
pub fn git_past(
    directory: &Path,
    revision: &str,
    place: &Path,
    store: &Store,
    cancel: &AtomicBool,
) -> Result<String, Diagnostic> {
    let ctx = Ctx::again(store, true, cancel);
    let git = Git::new(&ctx, directory);
    let here = directory.display().to_string();
    let top = git.ask(&["rev-parse", "--show-toplevel"], &here)?;
    let inside = git.ask(&["rev-parse", "--show-prefix"], &here)?;
    let asked = format!("{revision}^{{commit}}");
    let verify = [
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &asked,
    ];
    let commit = git
        .ask(&verify, &here)
        .map_err(|_| no_revision(&here, revision))?;
    let url = io::file_address(Path::new(top.trim_end_matches('\n')));
    checkout::files(&ctx, &url, commit.trim(), place)?;
    Ok(inside.trim_end_matches('\n').to_owned())
}

/// The commit that a revision is now.
fn find(ctx: &Ctx<'_>, asked: &Asked<'_>) -> Result<String, Diagnostic> {
    let url = asked.url.value.as_str();
    let patterns = match &asked.revision.value {
        GitRevision::Commit(commit) => return Ok(commit.clone()),
        GitRevision::Tag(tag) => vec![format!("refs/tags/{tag}")],
        GitRevision::Branch(branch) => vec![format!("refs/heads/{branch}")],
        GitRevision::Named(name) => vec![
            format!("refs/tags/{name}"),
            format!("refs/heads/{name}"),
            format!("refs/{name}"),
        ],
    };
    let git = Git::new(ctx, Path::new("/"));
    git.may_reach(url)?;
    // A tag of its own kind is listed twice: as itself, and as the commit it leads to, marked `^{}`.
    let peeled: Vec<String> = patterns.iter().map(|name| format!("{name}^{{}}")).collect();
    let mut arguments = vec!["ls-remote", "--quiet", "--", url];
    arguments.extend(peeled.iter().chain(&patterns).map(String::as_str));
    let listing = git.ask(&arguments, url)?;
    let listed: Vec<(&str, &str)> = listing
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .collect();
    let commit_of = |name: &String| {
        let is = |(commit, listed): &(&str, &str)| (*listed == name).then(|| (*commit).to_owned());
        listed.iter().find_map(is)
    };
    let names = patterns.iter().zip(&peeled);
    let mut found = names
        .flat_map(|(name, peeled)| [peeled, name])
        .filter_map(commit_of);
    match (found.next(), &asked.revision.value) {
        (Some(commit), _) if is_hash(&commit) => Ok(commit),
        (_, GitRevision::Named(name)) => checkout::named(ctx, url, name),
        _ => Err(no_revision(url, &asked.revision())),
    }
}

fn no_revision(url: &str, revision: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::lock::no-revision",
        format!("`{url}` has no {}", quoted(revision)),
    )
    .help(format!("`git ls-remote {url}` lists its branches and tags"))
}

/// `tag v1` → ``tag `v1` ``
fn quoted(revision: &str) -> String {
    match revision.split_once(' ') {
        Some((kind, name)) => format!("{kind} `{name}`"),
        None => revision.to_owned(),
    }
}

/// Whether a text is a whole commit hash.
fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The first digits of a commit.
pub(super) fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// The machine's git, in a folder.
struct Git<'a> {
    ctx: &'a Ctx<'a>,
    directory: &'a Path,
}

impl<'a> Git<'a> {
    fn new(ctx: &'a Ctx<'a>, directory: &'a Path) -> Self {
        Self { ctx, directory }
    }

    /// Refuses an address of the network where that is not to be used.
    fn may_reach(&self, url: &str) -> Result<(), Diagnostic> {
        if self.ctx.mode.offline && !url.starts_with("file://") {
            let problem = failed(url).note("the network is not to be used");
            return Err(problem.help("run the command once without `--offline`"));
        }
        Ok(())
    }

    /// Runs git with the user's settings, for what needs the network, and yields what it prints.
    fn ask(&self, arguments: &[&str], url: &str) -> Result<String, Diagnostic> {
        let mut environment = vec![("GIT_TERMINAL_PROMPT", "0"), ("GIT_LFS_SKIP_SMUDGE", "1")];
        let has_own = ["GIT_SSH_COMMAND", "GIT_SSH"];
        if has_own.iter().all(|name| io::environment(name).is_none()) && self.has_no_ssh_setting() {
            environment.push(("GIT_SSH_COMMAND", "ssh -oBatchMode=yes"));
        }
        self.run(arguments, &environment, url)
    }

    fn has_no_ssh_setting(&self) -> bool {
        let asked = ["config", "--get", "core.sshCommand"];
        let told = io::run_program("git", &asked, self.directory, &[], self.ctx.cancel);
        told.is_ok_and(|told| !told.success)
    }

    /// Runs git without anyone's settings, for what happens on this machine alone, and yields what it prints.
    fn alone(&self, arguments: &[&str], url: &str) -> Result<String, Diagnostic> {
        let environment = [
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_SYSTEM", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("LC_ALL", "C"),
        ];
        self.run(arguments, &environment, url)
    }

    fn run(
        &self,
        arguments: &[&str],
        environment: &[(&str, &str)],
        url: &str,
    ) -> Result<String, Diagnostic> {
        // A repository decides nothing about what runs here.
        let fixed = [
            "core.hooksPath=/dev/null",
            "core.attributesFile=/dev/null",
            "core.autocrlf=false",
            "core.fsmonitor=false",
            "protocol.ext.allow=never",
            "gc.auto=0",
            "maintenance.auto=false",
            "advice.detachedHead=false",
        ];
        let mut all: Vec<&str> = fixed.iter().flat_map(|setting| ["-c", setting]).collect();
        all.extend(arguments);
        let finished = io::run_program("git", &all, self.directory, environment, self.ctx.cancel);
        program::output_of(
            finished,
            || failed(url),
            |error| {
                Diagnostic::error(
                    "zosc::lock::no-git",
                    format!("`git` does not run here: {error}"),
                )
                .help(format!(
                    "sources from Git are fetched by the machine's own git: {}",
                    tools::installing("git")
                ))
            },
        )
    }
}

fn failed(url: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::lock::git-failed",
        format!("git could not fetch from `{url}`"),
    )
    .help(format!(
        "see that `git ls-remote {url}` works here without asking for a password: zosc answers no questions"
    ))
}

#[cfg(test)]
mod tests;
