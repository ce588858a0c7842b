//! Fetching the chosen packages: into the store, a few at a time, every hash checked.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::apk::{Expected, UnpackedPackage};
use crate::check::Alpine;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io::{Network, Progress};
use crate::tree::Digest;

use super::choose::Chosen;
use super::fetch::{Wanted, fetch};
use super::unpacked::unpack_once;
use super::{Ctx, Event, LockedPackage};

/// How many packages are fetched at a time.
const CONNECTIONS: usize = 4;

/// A package in the store, read through.
pub(super) struct File {
    pub(super) urls: Vec<String>,
    pub(super) sha256: Digest,
    pub(super) unpacked: UnpackedPackage,
}

/// Where a package may lie.
pub(super) fn file_urls(alpine: &Alpine, arch: &str, choice: &Chosen) -> Vec<String> {
    let file_name = format!("{}.apk", choice.full_name());
    let mut urls = Vec::new();
    // apk looks below the package's own architecture; indexes of other makers keep `noarch` packages below the image's.
    for folder in [choice.architecture.as_str(), arch] {
        for mirror in alpine
            .repositories
            .get(choice.repository)
            .iter()
            .flat_map(|repository| &repository.urls)
        {
            let url = format!("{mirror}/{folder}/{file_name}");
            if !folder.is_empty() && !urls.contains(&url) {
                urls.push(url);
            }
        }
    }
    urls
}

/// Fetches and verifies packages, a few at a time; the result is in the order of the choices.
pub(super) fn fetch_all(
    ctx: &Ctx<'_>,
    alpine: &Alpine,
    arch: &str,
    chosen: &[&Chosen],
    network: &dyn Network,
) -> Result<Vec<File>, Diagnostics> {
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, Result<File, Diagnostic>>> = Mutex::new(BTreeMap::new());
    let label = "packages";
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let work = || {
        while !ctx.cancel.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(choice) = chosen.get(number) else {
                return;
            };
            let urls = file_urls(alpine, arch, choice);
            let result = fetch_one(ctx, label, choice, urls, network)
                .map_err(|problem| problem.at(choice.span));
            done.lock()
                .expect("no thread panics while it holds the lock")
                .insert(number, result);
        }
    };
    ctx.step(label, || {
        std::thread::scope(|scope| {
            for _ in 0..CONNECTIONS.min(chosen.len()) {
                scope.spawn(work);
            }
        });
    });
    if ctx.cancel.load(Ordering::Relaxed) {
        return Err(super::stopped().into());
    }
    let (mut files, mut problems) = (Vec::new(), Diagnostics::new());
    for (_, result) in done
        .into_inner()
        .expect("no thread panics while it holds the lock")
    {
        match result {
            Ok(file) => files.push(file),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.has_errors() {
        Err(problems)
    } else {
        Ok(files)
    }
}

fn fetch_one(
    ctx: &Ctx<'_>,
    label: &str,
    choice: &Chosen,
    urls: Vec<String>,
    network: &dyn Network,
) -> Result<File, Diagnostic> {
    let full_name = choice.full_name();
    let subject = format!("the package `{full_name}`");
    let told = |progress: Progress<'_>| {
        if progress.total == Some(progress.received) {
            ctx.observer.event(label, Event::Progress(&full_name));
        }
    };
    let wanted = Wanted {
        subject: &subject,
        urls: &urls,
        sha256: None,
        limit: Some(choice.size),
    };
    let (sha256, _) = fetch(wanted, ctx.store, network, &told)?;
    let identity = choice.identity.parse().map_err(|_| {
        Diagnostic::error(
            "zosc::apk::bad-index",
            format!("{subject} has an identity in its index that cannot be read"),
        )
        .note(format!("`{}`", choice.identity))
        .help("identities are `Q1` and a SHA-1 in base64; the repository's index is damaged")
    })?;
    let expected = Expected {
        name: choice.name.clone(),
        version: choice.version.clone(),
        identity: Some(identity),
    };
    let (unpacked, _) = unpack_once(ctx.store, &sha256, &expected)?;
    if unpacked.archive_size != choice.size {
        return Err(Diagnostic::error(
            "zosc::lock::wrong-size",
            format!("{subject} has another size than its index says"),
        )
        .note(format!(
            "the index says {} bytes, the file has {}",
            choice.size, unpacked.archive_size
        ))
        .help("the repository's index and its files do not belong together: index it anew, or try another mirror"));
    }
    Ok(File {
        urls,
        sha256,
        unpacked,
    })
}

pub(super) fn locked(choice: &Chosen, file: File) -> LockedPackage {
    LockedPackage {
        role: choice.role,
        name: choice.name.clone(),
        version: choice.version.clone(),
        urls: file.urls,
        identity: choice.identity.clone(),
        sha256: file.sha256,
        size: file.unpacked.archive_size,
        built: file.unpacked.info.build_date,
        scripts: file
            .unpacked
            .scripts
            .keys()
            .map(|kind| kind.name().to_owned())
            .collect(),
        triggers: file.unpacked.info.triggers,
        because: choice.because.clone(),
    }
}
