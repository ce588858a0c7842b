//! The `alpine` section: repositories and keys.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::io::file_address;
use crate::manifest::alpine as written;
use crate::source::{Span, Spanned};
use crate::tree::Digest;

use super::{Alpine, Ctx, Key, Repository, alpine_keys, library, listed, suggest};

/// A key file is a few hundred bytes.
const LARGEST_KEY: u64 = 64 << 10;

/// Resolves the section.
pub(super) fn resolve(ctx: &mut Ctx<'_>, arch: &str) -> Option<Alpine> {
    let manifest = ctx.manifest;
    let alpine = manifest.alpine.as_ref()?;
    let mirrors = mirrors(ctx, alpine);
    let repositories = repositories(ctx, alpine, &mirrors);
    let keys = keys(ctx, alpine);
    let mut resolved = Alpine {
        release: alpine.release.value.clone(),
        repositories,
        keys,
        span: alpine.release.span,
    };
    alpine_keys::check(ctx, alpine, &resolved, arch);
    alpine_keys::keep_own(&mut resolved.keys, arch);
    Some(resolved)
}

fn mirrors(ctx: &mut Ctx<'_>, alpine: &written::Alpine) -> Vec<String> {
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    let mut mirrors = Vec::new();
    for mirror in &alpine.mirror {
        let found = if mirror.contains("://") {
            ctx.address(mirror)
        } else {
            folder(ctx, mirror)
        };
        let Some(address) = found else {
            continue;
        };
        let address = address.trim_end_matches('/').to_owned();
        if let Some(earlier) = seen.insert(address.clone(), mirror.span) {
            let message = format!("the mirror `{address}` is there twice");
            ctx.clash(
                "zosc::check::duplicate-repository",
                message,
                mirror.span,
                earlier,
                "remove one of them",
            );
            continue;
        }
        mirrors.push(address);
    }
    mirrors
}

fn repositories(
    ctx: &mut Ctx<'_>,
    alpine: &written::Alpine,
    mirrors: &[String],
) -> Vec<Repository> {
    if alpine.repository.is_empty() && ctx.is_whole("alpine") {
        ctx.push(
            Diagnostic::error(
                "zosc::check::no-repository",
                "the `alpine` section names no repository",
            )
            .at(alpine.release.span)
            .help("add `repository main` and `repository community`"),
        );
    }
    let mut seen: BTreeMap<(Vec<String>, Option<String>), Span> = BTreeMap::new();
    let mut repositories = Vec::new();
    for repository in &alpine.repository {
        let Some(urls) = urls(ctx, alpine, repository, mirrors) else {
            continue;
        };
        let tag = repository.tag.as_ref().map(|tag| tag.value.clone());
        let span = repository.name.span;
        if let Some(earlier) = seen.insert((urls.clone(), tag.clone()), span) {
            let message = format!("the repository `{}` is there twice", repository.name.value);
            ctx.clash(
                "zosc::check::duplicate-repository",
                message,
                span,
                earlier,
                "remove one of them",
            );
            continue;
        }
        let follows_release = is_name(&repository.name) && repository.branch.is_none();
        repositories.push(Repository {
            urls,
            tag,
            follows_release,
            span,
        });
    }
    repositories
}

fn urls(
    ctx: &mut Ctx<'_>,
    alpine: &written::Alpine,
    repository: &written::Repository,
    mirrors: &[String],
) -> Option<Vec<String>> {
    let name = &repository.name;
    let whole = if name.contains("://") {
        Some(ctx.address(name)?.trim_end_matches('/').to_owned())
    } else if name.contains('/') {
        Some(folder(ctx, name)?)
    } else {
        None
    };
    if let Some(whole) = whole {
        if let Some(branch) = &repository.branch {
            bad(
                ctx,
                branch.span,
                "a whole address has no branch",
                "remove `branch`, or name a repository of the release",
            );
        }
        return Some(vec![whole]);
    }
    if !is_name(name) {
        let message = format!(
            "`{}` is neither a repository's name nor an address",
            name.value
        );
        bad(
            ctx,
            name.span,
            &message,
            "write `main`, `community`, `testing`, an address, or a folder with a `/` in it, such as \"./packages\"",
        );
        return None;
    }
    let branch = branch(ctx, repository.branch.as_ref().unwrap_or(&alpine.release))?;
    if mirrors.is_empty() {
        if alpine.mirror.is_empty() && ctx.is_whole("alpine") {
            ctx.push(
                Diagnostic::error(
                    "zosc::check::no-mirror",
                    format!("`{}` is a repository's name, and there is no mirror to find it on", name.value),
                )
                .at(name.span)
                .help("add `mirror \"https://dl-cdn.alpinelinux.org/alpine\"`, or write the whole address"),
            );
        }
        return None;
    }
    let urls = mirrors
        .iter()
        .map(|mirror| format!("{mirror}/{branch}/{}", name.value));
    Some(urls.collect())
}

/// Whether a repository is named as on a mirror: `main`.
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    !text.is_empty()
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

impl Alpine {
    /// The same repositories, those of the section's release as another one has them.
    pub fn of_release(&self, release: &str) -> Self {
        let branch = branch_of(release).unwrap_or_else(|| release.to_owned());
        let mut moved = self.clone();
        release.clone_into(&mut moved.release);
        let repositories = moved.repositories.iter_mut();
        for repository in repositories.filter(|repository| repository.follows_release) {
            for url in &mut repository.urls {
                // MIRROR/BRANCH/NAME, and neither of the latter two holds a slash.
                let mut parts = url.rsplitn(3, '/');
                if let (Some(name), Some(_), Some(mirror)) =
                    (parts.next(), parts.next(), parts.next())
                {
                    *url = format!("{mirror}/{branch}/{name}");
                }
            }
        }
        moved
    }
}

/// The address of a folder of this machine.
fn folder(ctx: &mut Ctx<'_>, name: &Spanned<String>) -> Option<String> {
    let path = ctx.future_folder(name)?;
    Some(file_address(&path.value))
}

/// A release as a folder of a mirror: `v3.22`, `edge`, `latest-stable`.
fn branch(ctx: &mut Ctx<'_>, branch: &Spanned<String>) -> Option<String> {
    if let Some(folder) = branch_of(branch) {
        return Some(folder);
    }
    let message = format!("`{}` is no branch of Alpine", branch.value);
    bad(
        ctx,
        branch.span,
        &message,
        "write `edge` or a release such as \"3.22\"",
    );
    None
}

/// The folder of a release, where it is one.
fn branch_of(release: &str) -> Option<String> {
    let number = release.strip_prefix('v').unwrap_or(release);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (major, minor) = number.split_once('.').unwrap_or_default();
    if digits(major) && digits(minor) {
        return Some(format!("v{number}"));
    }
    matches!(release, "edge" | "latest-stable").then(|| release.to_owned())
}

fn bad(ctx: &mut Ctx<'_>, span: Span, message: &str, help: &str) {
    ctx.push(
        Diagnostic::error("zosc::check::bad-repository", message)
            .at(span)
            .help(help),
    );
}

fn keys(ctx: &mut Ctx<'_>, alpine: &written::Alpine) -> Vec<Key> {
    if alpine.key.is_empty() && ctx.is_whole("alpine") {
        ctx.push(
            Diagnostic::error(
                "zosc::check::no-key",
                "the `alpine` section names no key, so no package could be trusted",
            )
            .at(alpine.release.span)
            .help("add `key \"std:alpine/6165ee59\"` for Alpine's own repositories, and `key \"keys/NAME.rsa.pub\"` for each other key that signs"),
        );
    }
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    let mut keys = Vec::new();
    for written in &alpine.key {
        let Some(key) = key(ctx, written) else {
            continue;
        };
        if let Some(earlier) = seen.insert(key.name.clone(), key.span) {
            let message = format!("two keys are named `{}`", key.name);
            ctx.clash(
                "zosc::check::duplicate-key",
                message,
                key.span,
                earlier,
                "signatures tell keys apart by file name: remove or rename one",
            );
            continue;
        }
        keys.push(key);
    }
    keys
}

fn key(ctx: &mut Ctx<'_>, key: &written::Key) -> Option<Key> {
    let (name, bytes) = if let Some(shipped) = key.path.strip_prefix(library::PREFIX) {
        shipped_key(ctx, &key.path, shipped)?
    } else {
        let name = key.path.rsplit('/').next().unwrap_or("").to_owned();
        (name, ctx.read(&key.path, LARGEST_KEY)?)
    };
    let is = Digest::of(&bytes);
    if let Some(wanted) = &key.sha256
        && wanted.parse() != Ok(is)
    {
        ctx.push(
            Diagnostic::error(
                "zosc::check::key-mismatch",
                format!(
                    "`{}` is not the key that the manifest means",
                    key.path.value
                ),
            )
            .at(wanted.span)
            .note(format!("the file's digest is {is}"))
            .help("if you have checked the new key with whoever signs, write its digest"),
        );
        return None;
    }
    let pem = String::from_utf8(bytes).ok();
    let fault = match pem.as_deref() {
        Some(text) if text.contains("PRIVATE KEY-----") => "it is a private key",
        Some(text) if is_public_key(text) => {
            return Some(Key {
                name,
                pem: pem.unwrap_or_default(),
                span: key.path.span,
            });
        }
        _ => "it has no `-----BEGIN PUBLIC KEY-----`",
    };
    ctx.push(
        Diagnostic::error(
            "zosc::check::bad-key",
            format!("`{}` is no public key: {fault}", key.path.value),
        )
        .at(key.path.span)
        .help("name the PEM file of a public key, as `/etc/apk/keys` holds it"),
    );
    None
}

/// A key of the library, under the file name that signatures give.
fn shipped_key(ctx: &mut Ctx<'_>, path: &Spanned<String>, name: &str) -> Option<(String, Vec<u8>)> {
    let keys = library::keys();
    if let Some((file, bytes)) = keys.get(name) {
        return Some(((*file).to_owned(), bytes.to_vec()));
    }
    let problem = Diagnostic::error(
        "zosc::check::file-not-found",
        format!("zosc ships no key `{}`", path.value),
    )
    .at(path.span);
    let names: Vec<String> = keys
        .keys()
        .map(|name| format!("{}{name}", library::PREFIX))
        .collect();
    let names = names.iter().map(String::as_str);
    let otherwise = format!("it ships {}", listed(names.clone()));
    ctx.push(suggest(problem, path, path.span, names, &otherwise));
    None
}

fn is_public_key(text: &str) -> bool {
    let body = text
        .split_once("-----BEGIN PUBLIC KEY-----")
        .and_then(|(_, rest)| rest.split_once("-----END PUBLIC KEY-----"))
        .map(|(body, _)| body);
    body.is_some_and(|body| {
        let mut base64 = body
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .peekable();
        base64.peek().is_some()
            && base64.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
    })
}

/// Tags that repositories have.
pub(super) fn tags(alpine: &Alpine) -> BTreeSet<&str> {
    let tags = alpine.repositories.iter();
    tags.filter_map(|repository| repository.tag.as_deref())
        .collect()
}
