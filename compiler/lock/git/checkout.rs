//! The files of one commit, with those of its submodules.

use std::fs;
use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::io;
use crate::tree::{Digest, ImagePath};

use super::super::folders::{Walk, folder};
use super::super::{Ctx, unreadable};
use super::{Checkout, Git, failed, history, is_hash, no_revision};

/// How deep submodules may lie in each other.
const DEEPEST: usize = 16;
/// Most submodules of a repository.
const MOST_SUBMODULES: usize = 1000;

/// Fetches a commit and stores its files.
pub(super) fn tree(ctx: &Ctx<'_>, checkout: &Checkout<'_>) -> Result<Digest, Diagnostic> {
    let work = temporary(ctx)?;
    let place = work.path().join("source");
    let commit = checkout.commit;
    let repository = Repository {
        ctx,
        url: checkout.url,
        commit,
        keep_git: checkout.keep_git,
    };
    repository.files(&place, checkout.submodules.then_some(DEEPEST))?;
    let origin = format!("source {}", checkout.source);
    folder(ctx, &place, Walk::Everything, &origin)
}

/// Puts the files of a commit into a folder, without submodules.
pub(super) fn files(
    ctx: &Ctx<'_>,
    url: &str,
    commit: &str,
    place: &Path,
) -> Result<(), Diagnostic> {
    let repository = Repository {
        ctx,
        url,
        commit,
        keep_git: false,
    };
    repository.files(place, None)
}

/// The commit that a text names which is no branch and no tag: the beginning of its hash.
pub(super) fn named(ctx: &Ctx<'_>, url: &str, name: &str) -> Result<String, Diagnostic> {
    let work = temporary(ctx)?;
    let git = Git::new(ctx, work.path());
    git.alone(&["init", "--quiet", "--template=", "."], url)?;
    everything(&git, url)?;
    let asked = format!("{name}^{{commit}}");
    let found = git.alone(
        &[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &asked,
        ],
        url,
    );
    let commit = found.unwrap_or_default().trim().to_owned();
    if is_hash(&commit) {
        return Ok(commit);
    }
    Err(no_revision(url, &format!("rev {name}")))
}

fn temporary(ctx: &Ctx<'_>) -> Result<tempfile::TempDir, Diagnostic> {
    let folder = ctx.store.temporary();
    tempfile::tempdir_in(&folder).map_err(|error| unreadable(&folder, &error))
}

/// Fetches all branches and tags.
fn everything(git: &Git<'_>, url: &str) -> Result<(), Diagnostic> {
    let all = [
        "+refs/heads/*:refs/remotes/all/*",
        "+refs/tags/*:refs/tags/*",
    ];
    let mut fetch = vec!["fetch", "--quiet", "--no-auto-maintenance", "--", url];
    fetch.extend(all);
    git.ask(&fetch, url).map(drop)
}

/// A commit of a repository.
struct Repository<'a> {
    ctx: &'a Ctx<'a>,
    url: &'a str,
    commit: &'a str,
    keep_git: bool,
}

impl Repository<'_> {
    /// Puts the files into a folder; submodules as deep as allowed, or none.
    fn files(&self, place: &Path, submodules: Option<usize>) -> Result<(), Diagnostic> {
        let url = self.url;
        fs::create_dir_all(place).map_err(|error| unreadable(place, &error))?;
        let git = Git::new(self.ctx, place);
        git.may_reach(url)?;
        let format = if self.commit.len() == 64 {
            "sha256"
        } else {
            "sha1"
        };
        let format = format!("--object-format={format}");
        git.alone(&["init", "--quiet", "--template=", &format, "."], url)?;
        self.fetch(&git)?;
        git.alone(
            &["checkout", "--quiet", "--force", "--detach", self.commit],
            url,
        )?;
        if let Some(left) = submodules {
            self.submodules(&git, place, left)?;
        }
        let folder = place.join(".git");
        if self.keep_git {
            history::settle(&git, &folder, self.commit, url)
        } else {
            fs::remove_dir_all(&folder).map_err(|error| unreadable(&folder, &error))
        }
    }

    /// The commit alone where the server lets it have; else, and for its history, all of the repository.
    fn fetch(&self, git: &Git<'_>) -> Result<(), Diagnostic> {
        let url = self.url;
        if !self.keep_git {
            let fetch = [
                "fetch",
                "--quiet",
                "--no-tags",
                "--depth=1",
                "--",
                url,
                self.commit,
            ];
            if git.ask(&fetch, url).is_ok() {
                return Ok(());
            }
        }
        everything(git, url)?;
        let commit = format!("{}^{{commit}}", self.commit);
        if git.alone(&["cat-file", "-e", &commit], url).is_err() {
            // It may be on no branch and still be given out by its name.
            let fetch = ["fetch", "--quiet", "--no-tags", "--", url, self.commit];
            git.ask(&fetch, url)
                .map_err(|_| no_revision(url, &format!("commit {}", self.commit)))?;
        }
        Ok(())
    }

    fn submodules(&self, git: &Git<'_>, place: &Path, left: usize) -> Result<(), Diagnostic> {
        let url = self.url;
        if !place.join(".gitmodules").is_file() {
            return Ok(());
        }
        let listing = [
            "config",
            "-z",
            "--file",
            ".gitmodules",
            "--get-regexp",
            r"\.path$",
        ];
        let listing = git.alone(&listing, url)?;
        let listed: Vec<(&str, &str)> = listing
            .split('\0')
            .filter_map(|entry| entry.split_once('\n'))
            .collect();
        if listed.len() > MOST_SUBMODULES || left == 0 {
            return Err(
                failed(url).note("its submodules are too many, or lie too deep in each other")
            );
        }
        for (key, path) in listed {
            let Some(name) = key.strip_suffix(".path") else {
                continue;
            };
            // What is no submodule of this commit is a leftover of the file.
            let Some(commit) = self.submodule(git, path)? else {
                continue;
            };
            let key = format!("{name}.url");
            let own = git.alone(&["config", "--file", ".gitmodules", "--get", &key], url)?;
            let address = address(url, own.trim_end_matches('\n')).ok_or_else(|| {
                failed(url).note(format!(
                    "its submodule `{path}` has an address that is not fetched from: `{}`",
                    own.trim()
                ))
            })?;
            let inner = Repository {
                ctx: self.ctx,
                url: &address,
                commit: &commit,
                keep_git: false,
            };
            inner.files(&place.join(path), Some(left - 1))?;
        }
        Ok(())
    }

    /// The commit of the submodule at a path, where there is one.
    fn submodule(&self, git: &Git<'_>, path: &str) -> Result<Option<String>, Diagnostic> {
        let is_inside = ImagePath::new(path).is_ok_and(|sound| sound.relative() == path);
        if !is_inside || path.is_empty() {
            return Ok(None);
        }
        let literal = format!(":(top,literal){path}");
        let listed = git.alone(
            &["ls-tree", "--full-tree", self.commit, "--", &literal],
            self.url,
        );
        // `160000 commit HASH<tab>PATH`
        let listed = listed?;
        let commit = listed
            .split('\t')
            .next()
            .and_then(|facts| facts.strip_prefix("160000 commit "));
        Ok(commit.filter(|commit| is_hash(commit)).map(str::to_owned))
    }
}

/// A submodule's address, which may be relative to that of its repository; only what is local already may lead to files.
fn address(outer: &str, own: &str) -> Option<String> {
    let control = |character: char| character.is_control();
    if own.starts_with('-') || own.contains("::") || own.chars().any(control) {
        return None;
    }
    if own.starts_with("./") || own.starts_with("../") {
        return relative(outer, own);
    }
    let is_local = outer.starts_with("file://");
    match own.split_once("://") {
        Some(("https" | "ssh", _)) => Some(own.to_owned()),
        // Those who write a submodule as `http` or `git` mean what everyone can fetch as `https`.
        Some(("http" | "git", rest)) => Some(format!("https://{rest}")),
        Some(("file", _)) if is_local => Some(own.to_owned()),
        Some(_) => None,
        None if own.starts_with('/') => is_local.then(|| io::file_address(Path::new(own))),
        // git@HOST:PATH
        None => own.contains(':').then(|| own.to_owned()),
    }
}

/// An address beside another one, on the same host.
fn relative(outer: &str, own: &str) -> Option<String> {
    let start = match outer.split_once("://") {
        Some((scheme, rest)) => scheme.len() + 3 + rest.find('/')? + 1,
        None => outer.find(':')? + 1,
    };
    let (host, path) = outer.split_at_checked(start)?;
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    for part in own.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(format!("{host}{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses_of_submodules() {
        for (outer, own, expected) in [
            ("https://h/a/b.git", "../c.git", Some("https://h/a/c.git")),
            ("https://h/a/b", "../../d/c", Some("https://h/d/c")),
            ("https://h/a", "./c", Some("https://h/a/c")),
            ("https://h/a", "../../../../c", None),
            ("https://h/a", "../c", Some("https://h/c")),
            ("git@h:a/b", "../c", Some("git@h:a/c")),
            ("git@h:a", "../c", Some("git@h:c")),
            ("file:///a/b", "/c", Some("file:///c")),
            ("file:///a/b", "file:///c", Some("file:///c")),
            ("https://h/a", "/etc", None),
            ("https://h/a", "file:///etc", None),
            ("https://h/a", "ext::sh -c x", None),
            ("https://h/a", "--upload-pack=x", None),
            ("https://h/a", "http://h/c", Some("https://h/c")),
            ("https://h/a", "git@h:c", Some("git@h:c")),
        ] {
            assert_eq!(address(outer, own).as_deref(), expected, "{outer} {own}");
        }
    }
}
