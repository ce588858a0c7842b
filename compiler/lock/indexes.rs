//! The indexes of the repositories: those that the lock names as far as the store has them, else the current ones, or
//! without the network those that were last fetched.

use std::path::PathBuf;

use crate::apk::{self, Key};
use crate::check::{Alpine, Repository};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::{self, Files as _, Network, Refreshed, Request, Stamp, System, Version};
use crate::tree::{BlobWriter, Digest, Store};

use super::fetch::{Wanted, fetch};
use super::{Ctx, Lock};

/// Most bytes of an index archive.
const LARGEST_INDEX: u64 = 64 << 20;

/// An index, verified.
pub(super) struct FetchedIndex {
    pub(super) sha256: Digest,
    pub(super) text: Vec<u8>,
}

/// Every repository's index, in the repositories' order.
pub(super) fn indexes(
    ctx: &Ctx<'_>,
    alpine: &Alpine,
    arch: &str,
    previous: &Lock,
    network: &dyn Network,
) -> Result<Vec<FetchedIndex>, Diagnostics> {
    let mut problems = Diagnostics::new();
    let keys = keys(alpine, &mut problems);
    let repositories = alpine.repositories.iter();
    // Looked up before any is fetched: what comes meanwhile for one repository must not decide over another.
    let known: Vec<_> = repositories
        .map(|repository| (repository, known(ctx, repository, arch, previous)))
        .collect();
    // Each takes its time to come, to be verified and to be inflated: all at once.
    let results: Vec<_> = std::thread::scope(|scope| {
        let fetching: Vec<_> = known
            .into_iter()
            .map(|(repository, known)| {
                let keys = &keys;
                scope.spawn(move || index(ctx, repository, arch, known, network, keys))
            })
            .collect();
        fetching
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut found = Vec::new();
    for (repository, result) in alpine.repositories.iter().zip(results) {
        match result {
            Ok(index) => found.push(index),
            Err(problem) => problems.push(problem.at(repository.span)),
        }
    }
    if problems.has_errors() {
        Err(problems)
    } else {
        Ok(found)
    }
}

/// Every repository's index without the network: those that the lock names, else those that were fetched last, else those of
/// this machine's folders. `None` where one is not here.
///
/// # Errors
/// Keys and indexes that cannot be read or verified.
pub(super) fn at_hand(
    store: &Store,
    alpine: &Alpine,
    arch: &str,
    previous: &Lock,
) -> Option<Result<Vec<FetchedIndex>, Diagnostics>> {
    let mut problems = Diagnostics::new();
    let keys = keys(alpine, &mut problems);
    let mut found = Vec::new();
    for repository in &alpine.repositories {
        let (known, bytes) = archive_at_hand(Some(store), repository, arch, previous)?;
        let first = repository.urls.first().map_or("", String::as_str);
        match apk::open_index(&bytes, &keys, first) {
            Ok(text) => found.push(FetchedIndex {
                sha256: known.unwrap_or_else(|| Digest::of(&bytes)),
                text,
            }),
            Err(problem) => problems.push(problem.at(repository.span)),
        }
    }
    Some(if problems.has_errors() {
        Err(problems)
    } else {
        Ok(found)
    })
}

/// The verified text of each repository's index, in the repositories' order, without the network: `None` for one that is not
/// here, or that no key of the manifest has signed.
pub fn index_texts(
    store: Option<&Store>,
    alpine: &Alpine,
    arch: &str,
    lock: &Lock,
) -> Vec<Option<Vec<u8>>> {
    let keys = keys(alpine, &mut Diagnostics::new());
    let text = |repository: &Repository| {
        let (_, bytes) = archive_at_hand(store, repository, arch, lock)?;
        let first = repository.urls.first().map_or("", String::as_str);
        apk::open_index(&bytes, &keys, first).ok()
    };
    alpine.repositories.iter().map(text).collect()
}

/// Which index of each repository [`index_texts`] would open: two answers differ where the texts may.
pub fn index_marks(store: Option<&Store>, alpine: &Alpine, arch: &str, lock: &Lock) -> Vec<String> {
    let mark = |repository: &Repository| {
        let digest = digest_at_hand(store, repository, arch, lock);
        let paths = local_paths(repository, arch).filter(|_| digest.is_none());
        let stamps: Vec<Stamp> = paths.map(|path| Stamp::of(&path)).collect();
        format!("{digest:?} {stamps:?}")
    };
    alpine.repositories.iter().map(mark).collect()
}

/// A repository's index as it is here, with its digest where the store has it.
fn archive_at_hand(
    store: Option<&Store>,
    repository: &Repository,
    arch: &str,
    lock: &Lock,
) -> Option<(Option<Digest>, Vec<u8>)> {
    let known = digest_at_hand(store, repository, arch, lock);
    let bytes = match (known, store) {
        (Some(digest), Some(store)) => store.get(&digest).ok()?,
        _ => {
            local_paths(repository, arch).find_map(|path| System.read(&path, LARGEST_INDEX).ok())?
        }
    };
    Some((known, bytes))
}

/// The index that the lock names, else the one that was fetched last.
fn digest_at_hand(
    store: Option<&Store>,
    repository: &Repository,
    arch: &str,
    lock: &Lock,
) -> Option<Digest> {
    let store = store?;
    let locked = locked(store, repository, lock);
    locked.or_else(|| newest_seen(store, &addresses(repository, arch)))
}

/// Where a repository's index lies on this machine, where it is a folder of it.
fn local_paths(repository: &Repository, arch: &str) -> impl Iterator<Item = PathBuf> {
    let urls = addresses(repository, arch).into_iter();
    urls.filter_map(|url| io::file_path(&url).ok())
}

/// The keys that may sign.
fn keys(alpine: &Alpine, problems: &mut Diagnostics) -> Vec<Key> {
    let mut keys = Vec::new();
    for key in &alpine.keys {
        match Key::parse(&key.name, key.pem.as_bytes()) {
            Ok(parsed) => keys.push(parsed),
            Err(problem) => problems.push(problem.at(key.span)),
        }
    }
    keys
}

/// The addresses of a repository's index.
fn addresses(repository: &Repository, arch: &str) -> Vec<String> {
    let urls = repository.urls.iter();
    urls.map(|url| format!("{url}/{arch}/APKINDEX.tar.gz"))
        .collect()
}

/// The index that the lock names, where the store has it.
fn locked(store: &Store, repository: &Repository, previous: &Lock) -> Option<Digest> {
    let first = repository.urls.first().map_or("", String::as_str);
    let mut indexes = previous.indexes.iter();
    let index = indexes.find(|index| index.url == first && index.tag == repository.tag)?;
    Some(index.sha256).filter(|digest| store.contains(digest))
}

/// The index that is taken without asking the repository: the locked one, or without the network the newest that was seen.
fn known(ctx: &Ctx<'_>, repository: &Repository, arch: &str, previous: &Lock) -> Option<Digest> {
    let locked = locked(ctx.store, repository, previous);
    locked.or_else(|| {
        let may_be_old = ctx.mode.offline;
        let seen = || newest_seen(ctx.store, &addresses(repository, arch));
        may_be_old.then(seen).flatten()
    })
}

fn index(
    ctx: &Ctx<'_>,
    repository: &Repository,
    arch: &str,
    known: Option<Digest>,
    network: &dyn Network,
    keys: &[Key],
) -> Result<FetchedIndex, Diagnostic> {
    let first = repository.urls.first().map_or("", String::as_str);
    let urls = addresses(repository, arch);
    let subject = format!("the index of `{first}`");
    let label = format!("index {}", short(first));
    let sha256 = ctx.step(&label, || match known {
        Some(_) => {
            let wanted = Wanted {
                subject: &subject,
                urls: &urls,
                sha256: known,
                limit: Some(LARGEST_INDEX),
            };
            fetch(wanted, ctx.store, network, &|_| {}).map(|(digest, _)| digest)
        }
        None => current(ctx.store, &subject, &urls, network),
    })?;
    let text = apk::open_index(&ctx.store.get(&sha256)?, keys, first)?;
    Ok(FetchedIndex { sha256, text })
}

/// The index as it is there now; one that has not changed since it was fetched last is not sent again.
fn current(
    store: &Store,
    subject: &str,
    urls: &[String],
    network: &dyn Network,
) -> Result<Digest, Diagnostic> {
    let seen = seen(store, urls).filter(|seen| store.reader(&seen.digest).is_ok());
    let request = Request {
        subject,
        urls,
        limit: LARGEST_INDEX,
    };
    let had = seen.as_ref().and_then(|seen| seen.version.as_ref());
    let finish = |_: &str, version, writer: BlobWriter| {
        let (digest, _) = writer.finish()?;
        Ok(Seen { digest, version })
    };
    let refreshed = io::refresh(network, request, had, &|_| {}, || store.writer(), finish)?;
    match (refreshed, seen) {
        (Refreshed::New(new), _) => {
            store.write_note(&note_name(urls), &new.note())?;
            Ok(new.digest)
        }
        (Refreshed::Unchanged, Some(seen)) => Ok(seen.digest),
        (Refreshed::Unchanged, None) => unreachable!("no version was had"),
    }
}

/// An index that was fetched, as a note keeps it: its digest, and in further lines where its version came from and what it is called.
struct Seen {
    digest: Digest,
    version: Option<Version>,
}

impl Seen {
    fn note(&self) -> Vec<u8> {
        let version = self.version.as_ref();
        let version = version.map(|version| format!("\n{}\n{}", version.url, version.name));
        format!("{}{}", self.digest, version.unwrap_or_default()).into_bytes()
    }

    fn parse(note: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(note).ok()?.lines();
        let digest = lines.next()?.parse().ok()?;
        let version = lines.next().zip(lines.next()).map(|(url, name)| Version {
            url: url.to_owned(),
            name: name.to_owned(),
        });
        Some(Self { digest, version })
    }
}

/// Under which name the store keeps the digest of the index that was last fetched from an address.
fn note_name(urls: &[String]) -> Digest {
    Digest::of(format!("index {}", urls.join(" ")).as_bytes())
}

/// The index that was last fetched from there; a local folder is read as it is now.
fn newest_seen(store: &Store, urls: &[String]) -> Option<Digest> {
    if urls.iter().any(|url| url.starts_with("file:")) {
        return None;
    }
    let digest = seen(store, urls)?.digest;
    store.contains(&digest).then_some(digest)
}

fn seen(store: &Store, urls: &[String]) -> Option<Seen> {
    Seen::parse(&store.note(&note_name(urls))?)
}

/// The last two parts of an address: `v3.22/main`.
fn short(url: &str) -> String {
    let parts: Vec<&str> = url.rsplit('/').take(2).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}
