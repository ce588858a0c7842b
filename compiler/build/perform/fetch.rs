//! Brings what comes from elsewhere and is locked by digest: files, crates, commits, images.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::{Event, Options, ledger};
use super::Context;
use crate::diagnostic::Diagnostic;
use crate::io::{self, Request};
use crate::lock;
use crate::plan::Action;
use crate::tree::{BlobWriter, Digest, Store};

/// Performs an action that brings something from elsewhere; `None` for every other.
pub(super) fn bring(context: &Context<'_>, action: &Action) -> Option<Result<Digest, Diagnostic>> {
    Some(match action {
        Action::Fetch { urls, sha256, size } => fetch(context, urls, sha256, *size),
        Action::Vendor {
            name,
            version,
            tree,
        } => known_tree(context, *tree, |store, options| {
            lock::vendor(name, version, *tree, store, options.offline, options.cancel)
        }),
        Action::Git {
            source,
            url,
            commit,
            submodules,
            keep_git,
            tree,
        } => {
            let checkout = lock::Checkout {
                source,
                url,
                commit,
                submodules: *submodules,
                keep_git: *keep_git,
            };
            known_tree(context, *tree, |store, options| {
                lock::git_tree(&checkout, *tree, store, options.offline, options.cancel)
            })
        }
        Action::Dependencies {
            source,
            by,
            subdir,
            from,
            git,
            patches,
            tree,
        } => {
            let git = git
                .as_ref()
                .and_then(|locked| lock::checkout(source, locked));
            let vendoring = lock::Vendoring {
                source,
                by: *by,
                subdir,
                tree: *from,
                git: git.map(|(checkout, _)| checkout),
                patches: patches.clone(),
            };
            known_tree(context, *tree, |store, options| {
                lock::vendored_tree(&vendoring, *tree, store, options.offline, options.cancel)
            })
        }
        Action::Pull {
            toolchain,
            reference,
            sha256,
            tree,
        } => {
            let image = lock::ContainerImage {
                toolchain,
                reference,
                sha256: *sha256,
            };
            known_tree(context, *tree, |store, options| {
                let how = (options.offline, options.executor.engine());
                lock::image_tree(&image, *tree, store, how, options.cancel)
            })
        }
        _ => return None,
    })
}

/// Downloads a file from the first address that has it, exactly as it was locked.
fn fetch(
    context: &Context<'_>,
    urls: &[String],
    sha256: &Digest,
    size: u64,
) -> Result<Digest, Diagnostic> {
    let store = context.store;
    // Locking and other plans leave the same content there under no key of this action.
    if store.contains(sha256) && store.reader(sha256).is_ok() {
        return Ok(*sha256);
    }
    let request = Request {
        subject: &context.planned.label,
        urls,
        limit: size,
    };
    let begin = || {
        Ok(Sink {
            blob: store.writer()?,
            cancel: context.options.cancel,
        })
    };
    let finish = |url: &str, sink: Sink<'_>| {
        let found = sink.blob.digest();
        if found != *sha256 {
            return Err(wrong_digest(url, &found, sha256));
        }
        sink.blob.finish().map(|(digest, _)| digest)
    };
    let progress = |progress: io::Progress<'_>| {
        context.observer.event(
            context.planned,
            Event::Progress {
                done: progress.received,
                total: size,
            },
        );
    };
    io::download(context.options.network, request, &progress, begin, finish)
}

/// A blob in the making that refuses more once the build is cancelled.
struct Sink<'a> {
    blob: BlobWriter,
    cancel: &'a AtomicBool,
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(std::io::Error::other("cancelled"));
        }
        self.blob.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.blob.flush()
    }
}

fn wrong_digest(url: &str, found: &Digest, locked: &Digest) -> Diagnostic {
    let name = url.rsplit('/').next().unwrap_or(url);
    Diagnostic::error(
        "zosc::build::wrong-digest",
        format!("`{name}` is not the file that was locked"),
    )
    .note(format!("locked is {locked}"))
    .note(format!("found is {found}"))
    .help("the address has another file now; where that is meant, `zosc update` accepts it")
}

/// A tree of known digest: the store's, where locking left it there under no key of this action, else as `fetch` brings it.
fn known_tree(
    context: &Context<'_>,
    tree: Digest,
    fetch: impl FnOnce(&Store, &Options<'_>) -> Result<Digest, Diagnostic>,
) -> Result<Digest, Diagnostic> {
    if ledger::is_whole_tree(context.store, &tree) {
        return Ok(tree);
    }
    fetch(context.store, context.options)
}
