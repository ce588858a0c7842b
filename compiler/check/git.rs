//! Git repositories as sources: their addresses and which revision is taken. Nothing is asked of them here.

use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::io::file_address;
use crate::manifest::source as written;
use crate::source::Spanned;

use super::alternatives::Choice;
use super::{Ctx, GitRevision, SourceOrigin, quoted};

impl Ctx<'_> {
    /// Resolves a `git` node.
    pub(super) fn git(&mut self, git: &written::Git) -> Option<SourceOrigin> {
        let url = self.git_address(&git.url);
        let revision = self.revision(git);
        let is_on = |flag: &Option<Spanned<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
        Some(SourceOrigin::Git {
            url: Spanned::new(url?, git.url.span),
            revision: revision?,
            submodules: is_on(&git.submodules),
            keep_git: is_on(&git.keep_git),
        })
    }

    fn revision(&mut self, git: &written::Git) -> Option<Spanned<GitRevision>> {
        let place = |value: &Option<Spanned<String>>| value.as_ref().map(|value| value.span);
        let choice = Choice {
            code: "zosc::check::git-revision",
            section: "source",
            place: git.url.span,
            none: format!(
                "nothing says which revision of `{}` is taken",
                git.url.value
            ),
            several: "several revisions are asked for".to_owned(),
            help: "add `tag=…`, `rev=…` or `branch=…`; the lock keeps the commit".to_owned(),
        };
        let ways = [
            ("rev", place(&git.rev)),
            ("tag", place(&git.tag)),
            ("branch", place(&git.branch)),
        ];
        if !self.exactly_one(choice, &ways) {
            return None;
        }
        if let Some(tag) = &git.tag {
            return Some(tag.clone().map(GitRevision::Tag));
        }
        if let Some(branch) = &git.branch {
            return Some(branch.clone().map(GitRevision::Branch));
        }
        git.rev.clone().map(|rev| rev.map(revision))
    }

    /// Refuses an address that git would not fetch from, or that carries credentials; yields it otherwise.
    fn git_address(&mut self, address: &Spanned<String>) -> Option<String> {
        // Before anything is said that repeats it.
        let clean = without_password(address).filter(|_| !address.starts_with("https://"));
        if let Some(clean) = clean {
            self.push(
                Diagnostic::error(
                    "zosc::check::credentials-in-url",
                    "the address carries a password",
                )
                .at(address.span)
                .help("leave the password out: ssh asks your agent or your key files, and `https` git's credential helpers")
                .replace("remove it", address.span, quoted(&clean)),
            );
            return None;
        }
        let (fault, better) = match faulty(address) {
            None if address.starts_with("https://") || address.starts_with("file://") => {
                return self.address(address);
            }
            None => return Some(address.value.clone()),
            Some(found) => found,
        };
        let problem = Diagnostic::error(
            "zosc::check::bad-address",
            format!("`{}` is no address of a repository: {fault}", address.value),
        )
        .at(address.span);
        self.push(match better {
            Some(better) => problem.help(format!("write `{better}`")).replace(
                format!("write `{better}`"),
                address.span,
                quoted(&better),
            ),
            None => problem.help(
                "write \"https://HOST/PATH\", \"ssh://git@HOST/PATH\", \"git@HOST:PATH\" or \"file:///PATH\"",
            ),
        });
        None
    }
}

/// What a text names: a whole hash names a commit for ever.
fn revision(text: String) -> GitRevision {
    let is_hash = matches!(text.len(), 40 | 64)
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_hash {
        GitRevision::Commit(text)
    } else {
        GitRevision::Named(text)
    }
}

/// What is wrong with an address, and the right one where it is plain.
fn faulty(address: &str) -> Option<(&'static str, Option<String>)> {
    let broken = |character: char| character.is_whitespace() || character.is_control();
    if address.is_empty() || address.starts_with('-') || address.chars().any(broken) {
        return Some(("it is no text that git takes", None));
    }
    let Some((scheme, rest)) = address.split_once("://") else {
        return without_scheme(address);
    };
    match scheme {
        "https" | "file" => None,
        "ssh"
            if rest
                .split_once('/')
                .is_some_and(|(host, path)| is_host(host) && !path.is_empty()) =>
        {
            None
        }
        "ssh" => Some(("it names no host or no path", None)),
        "http" | "git" => Some((
            "nobody on the way is kept from changing what it brings",
            Some(format!("https://{rest}")),
        )),
        "git+https" | "git+ssh" | "git+file" => Some((
            "`git+` is how other tools mark it",
            address.strip_prefix("git+").map(str::to_owned),
        )),
        _ => Some(("git is fetched by `https`, `ssh` or from a file", None)),
    }
}

/// Whether ssh takes it for a machine, and for nothing else.
fn is_host(host: &str) -> bool {
    let machine = host.rsplit('@').next().unwrap_or(host);
    !machine.is_empty() && !host.starts_with('-') && !machine.starts_with('-')
}

/// An address without `://`: `git@HOST:PATH`, or one that misses something.
fn without_scheme(address: &str) -> Option<(&'static str, Option<String>)> {
    if address.starts_with('/') {
        return Some(("it is a path", Some(file_address(Path::new(address)))));
    }
    if address.starts_with('.') {
        return Some(("it is a path; a folder as it is now is `path`", None));
    }
    let Some((host, path)) = address.split_once(['/', ':']) else {
        return Some(("it names no host", None));
    };
    let is_remote = address
        .get(host.len()..)
        .is_some_and(|rest| rest.starts_with(':'));
    if is_remote {
        // What follows two colons is for a program that git would start.
        let names_no_path = path.is_empty() || path.starts_with(':');
        return names_no_path.then_some(("it names no path", None));
    }
    let is_host = host.contains('.') && !path.is_empty();
    Some((
        "it has no `://`",
        is_host.then(|| format!("https://{address}")),
    ))
}

/// An address without the password in it, where it has one.
fn without_password(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let (host, _) = rest.split_once('/')?;
    let (user, machine) = host.rsplit_once('@')?;
    let (name, _) = user.split_once(':')?;
    let path = rest.get(host.len()..)?;
    Some(format!("{scheme}://{name}@{machine}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_repositories() {
        for good in [
            "https://h/x.git",
            "ssh://git@h:22/x",
            "git@h:x/y.git",
            "h:x",
            "file:///srv/x",
        ] {
            assert_eq!(faulty(good), None, "{good}");
        }
        for (bad, better) in [
            ("http://h/x", Some("https://h/x")),
            ("git://h/x", Some("https://h/x")),
            ("git+https://h/x", Some("https://h/x")),
            ("github.com/a/b", Some("https://github.com/a/b")),
            ("/srv/x", Some("file:///srv/x")),
            ("../x", None),
            ("-oProxyCommand=x", None),
            ("ssh://-oProxyCommand=x/y", None),
            ("ssh://git@-oProxyCommand=x/y", None),
            ("ssh://h", None),
            ("git@h:", None),
            ("a/b", None),
            ("ext::sh", None),
            ("zinit", None),
        ] {
            let found = faulty(bad);
            assert!(found.is_some(), "{bad}");
            assert_eq!(found.and_then(|found| found.1).as_deref(), better, "{bad}");
        }
    }

    #[test]
    fn only_a_whole_hash_is_exact() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(
            revision(hash.to_owned()),
            GitRevision::Commit(hash.to_owned())
        );
        assert_eq!(
            revision("0123456".to_owned()),
            GitRevision::Named("0123456".to_owned())
        );
    }

    #[test]
    fn passwords_are_cut_out_of_ssh_addresses() {
        assert_eq!(
            without_password("ssh://git:pw@h:22/x").as_deref(),
            Some("ssh://git@h:22/x")
        );
        assert_eq!(without_password("ssh://git@h:22/x"), None);
    }
}
