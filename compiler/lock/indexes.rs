//! The indexes of the repositories: those that the lock names as far as the store has them, else the current ones.

use crate::apk::{self, Key};
use crate::check::{Alpine, Repository};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::Network;
use crate::tree::Digest;

use super::fetch::{Wanted, fetch};
use super::{Ctx, Lock};

/// Most bytes of an index archive.
const LARGEST_INDEX: u64 = 64 << 20;

/// An index, verified.
pub(super) struct FetchedIndex {
    pub(super) sha256: Digest,
    pub(super) text: Vec<u8>,
}

/// Every repository's index: the one that the lock names where the store has it, else the current one.
pub(super) fn indexes(
    ctx: &Ctx<'_>,
    alpine: &Alpine,
    arch: &str,
    previous: &Lock,
    network: &dyn Network,
) -> Result<Vec<FetchedIndex>, Diagnostics> {
    let mut problems = Diagnostics::new();
    let mut keys = Vec::new();
    for key in &alpine.keys {
        match Key::parse(&key.name, key.pem.as_bytes()) {
            Ok(parsed) => keys.push(parsed),
            Err(problem) => problems.push(problem.at(key.span)),
        }
    }
    let mut found = Vec::new();
    for repository in &alpine.repositories {
        match index(ctx, repository, arch, previous, network, &keys) {
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

fn index(
    ctx: &Ctx<'_>,
    repository: &Repository,
    arch: &str,
    previous: &Lock,
    network: &dyn Network,
    keys: &[Key],
) -> Result<FetchedIndex, Diagnostic> {
    let first = repository.urls.first().map_or("", String::as_str);
    let known = previous
        .indexes
        .iter()
        .find(|index| index.url == first && index.tag == repository.tag)
        .map(|index| index.sha256)
        .filter(|digest| ctx.store.contains(digest));
    let urls: Vec<String> = repository
        .urls
        .iter()
        .map(|url| format!("{url}/{arch}/APKINDEX.tar.gz"))
        .collect();
    let subject = format!("the index of `{first}`");
    let wanted = Wanted {
        subject: &subject,
        urls: &urls,
        sha256: known,
        limit: Some(LARGEST_INDEX),
    };
    let label = format!("index {}", short(first));
    let (sha256, _) = ctx.step(&label, || fetch(wanted, ctx.store, network, &|_| {}))?;
    let text = apk::open_index(&ctx.store.get(&sha256)?, keys, first)?;
    Ok(FetchedIndex { sha256, text })
}

/// The last two parts of an address: `v3.22/main`.
fn short(url: &str) -> String {
    let parts: Vec<&str> = url.rsplit('/').take(2).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}
