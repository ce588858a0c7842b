//! Sources from elsewhere: commits, crates with their dependencies, downloads.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::check::{Source, SourceOrigin};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::io;
use crate::source::Spanned;
use crate::tree::{Digest, Store};

use super::folders::{Walk, folder};
use super::{Ctx, Lock, LockedSource, git, program};

/// The sources of an image that come from elsewhere, as the lock has them, or as they are now.
pub(super) fn sources(
    ctx: &Ctx<'_>,
    sources: &[Source],
    previous: &Lock,
    problems: &mut Diagnostics,
) -> BTreeMap<String, LockedSource> {
    let mut locked = BTreeMap::new();
    for source in sources {
        let name = &source.name.value;
        let moves = ctx.mode.update.moves(name);
        let locked_before = previous.sources.get(name);
        let previous = locked_before.filter(|_| !moves);
        let result = match &source.from {
            // A folder counts by its content.
            SourceOrigin::Path(_) => continue,
            SourceOrigin::Git {
                url,
                revision,
                submodules,
                keep_git,
            } => {
                let asked = git::Asked {
                    name,
                    url,
                    revision,
                    submodules: *submodules,
                    keep_git: *keep_git,
                };
                git::locked_git(ctx, locked_before, &asked, moves)
            }
            SourceOrigin::Crate {
                name: package,
                version,
            } => locked_crate(ctx, previous, package, version),
            SourceOrigin::Release { url, sha256, .. } => {
                locked_release(ctx, previous, url, *sha256)
            }
        };
        match result {
            Ok(found) => {
                locked.insert(name.clone(), found);
            }
            Err(problem) => problems.push(problem),
        }
    }
    locked
}

/// A crate as the lock has it, or as the registry has it now.
fn locked_crate(
    ctx: &Ctx<'_>,
    previous: Option<&LockedSource>,
    name: &Spanned<String>,
    version: &Spanned<String>,
) -> Result<LockedSource, Diagnostic> {
    if let Some(LockedSource::Crate {
        name: old_name,
        version: old_version,
        ..
    }) = previous
        && (old_name, old_version) == (&name.value, &version.value)
        && let Some(found) = previous
    {
        return Ok(found.clone());
    }
    let label = format!("vendor {} {}", name.value, version.value);
    let tree = ctx
        .step(&label, || fetch_crate(ctx, &name.value, &version.value))
        .map_err(|problem| problem.at(version.span))?;
    Ok(LockedSource::Crate {
        name: name.value.clone(),
        version: version.value.clone(),
        tree,
    })
}

/// Fetches a crate again that the lock names by digest, into the store.
///
/// # Errors
/// Cargo fails, or what it brings has another digest than the lock says.
pub fn vendor(
    name: &str,
    version: &str,
    tree: Digest,
    store: &Store,
    offline: bool,
    cancel: &AtomicBool,
) -> Result<Digest, Diagnostic> {
    let ctx = Ctx::again(store, offline, cancel);
    let found = fetch_crate(&ctx, name, version)?;
    if found == tree {
        return Ok(found);
    }
    Err(Diagnostic::error("zosc::lock::crate-changed", format!("`{name}` {version} with its dependencies is not what the lock says"))
        .note(format!("the lock says {}, cargo brought {}", tree.short(), found.short()))
        .help("the crate ships no Cargo.lock, so newer dependencies were taken; `zosc lock` after removing its line from the lock accepts them"))
}

/// Lets the machine's cargo fetch a crate and vendor its dependencies, so that the user's registry settings hold.
///
/// Two steps: a package that depends on the crate brings the crate's own files; from those, with the `Cargo.lock` they ship,
/// the dependencies are vendored. No code of a crate runs.
fn fetch_crate(ctx: &Ctx<'_>, name: &str, version: &str) -> Result<Digest, Diagnostic> {
    let folder_error = |error: std::io::Error| super::unreadable(&ctx.store.temporary(), &error);
    let work = tempfile::tempdir_in(ctx.store.temporary()).map_err(folder_error)?;
    let asking = work.path().join("asking");
    std::fs::create_dir(&asking).map_err(folder_error)?;
    let manifest = format!(
        "[package]\nname = \"zosc-asks\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[lib]\npath = \"lib.rs\"\n[dependencies]\n\"{name}\" = \"={version}\"\n[workspace]\n"
    );
    std::fs::write(asking.join("Cargo.toml"), manifest).map_err(folder_error)?;
    std::fs::write(asking.join("lib.rs"), "").map_err(folder_error)?;
    cargo(
        ctx,
        &asking,
        name,
        &["vendor", "--quiet", "--versioned-dirs", "vendor"],
    )?;

    let source = work.path().join("source");
    std::fs::rename(
        asking.join("vendor").join(format!("{name}-{version}")),
        &source,
    )
    .map_err(folder_error)?;
    let _ = std::fs::remove_file(source.join(".cargo-checksum.json"));
    let has_lock = source.join("Cargo.lock").is_file();
    // From outside the crate, whose own `rust-toolchain.toml` would name a program to be run in the place of cargo.
    let mut vendor = vec!["vendor", "--quiet", "--manifest-path", "source/Cargo.toml"];
    if has_lock {
        vendor.push("--locked");
    }
    vendor.push("source/vendor");
    cargo(ctx, work.path(), name, &vendor)?;
    folder(ctx, &source, Walk::Everything, &format!("source {name}"))
}

/// Runs the machine's cargo, and yields what it prints.
pub(super) fn cargo(
    ctx: &Ctx<'_>,
    directory: &Path,
    name: &str,
    arguments: &[&str],
) -> Result<String, Diagnostic> {
    let mut all = arguments.to_vec();
    if ctx.mode.offline {
        all.push("--offline");
    }
    let finished = io::run_program(
        "cargo",
        &all,
        directory,
        &[("CARGO_TERM_COLOR", "never")],
        ctx.cancel,
    );
    program::output_of(
        finished,
        || {
            Diagnostic::error("zosc::lock::cargo-failed", format!("cargo could not fetch the crates of `{name}`"))
                .help("see that the version exists and that `cargo` reaches its registry; with `--offline` only what cargo has already is used")
        },
        |error| {
            Diagnostic::error(
                "zosc::lock::no-cargo",
                format!("`cargo` does not run here: {error}"),
            )
            .help("crates are fetched by the machine's own cargo: install a Rust toolchain")
        },
    )
}

/// A download as the lock has it, or fetched now: to learn its size, and its digest where the manifest leaves that to the lock.
fn locked_release(
    ctx: &Ctx<'_>,
    previous: Option<&LockedSource>,
    url: &Spanned<String>,
    sha256: Option<Digest>,
) -> Result<LockedSource, Diagnostic> {
    if let Some(LockedSource::Release {
        url: old_url,
        sha256: old_digest,
        ..
    }) = previous
        && *old_url == url.value
        && sha256.is_none_or(|sha256| sha256 == *old_digest)
        && let Some(found) = previous
    {
        return Ok(found.clone());
    }
    let label = format!(
        "fetch {}",
        url.value.rsplit('/').next().unwrap_or(&url.value)
    );
    let (sha256, size) = ctx
        .step(&label, || {
            super::packages::download(ctx, std::slice::from_ref(&url.value), sha256)
        })
        .map_err(|problem| problem.at(url.span))?;
    Ok(LockedSource::Release {
        url: url.value.clone(),
        sha256,
        size,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::{Mode, Silent};
    use crate::source::{SourceId, Span};

    #[test]
    fn a_digest_that_is_left_to_the_lock_is_the_first_one_for_good() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path().join("store")).expect("a store");
        let file = folder.path().join("tool");
        let ctx = Ctx {
            store: &store,
            mode: Mode::default(),
            observer: &Silent,
            cancel: &AtomicBool::new(false),
        };
        let url = Spanned::new(
            format!("file://{}", file.display()),
            Span::new(SourceId(0), 0, 0),
        );
        let digest = |locked: &LockedSource| match locked {
            LockedSource::Release { sha256, .. } => *sha256,
            _ => unreachable!("it is a release"),
        };
        std::fs::write(&file, "first").expect("a file");
        let first = locked_release(&ctx, None, &url, None).expect("it is there");
        assert_eq!(digest(&first), Digest::of(b"first"));
        std::fs::write(&file, "second").expect("a file");
        let again = locked_release(&ctx, Some(&first), &url, None).expect("it is locked");
        assert_eq!(digest(&again), Digest::of(b"first"));
        let stated = Some(Digest::of(b"second"));
        let stated = locked_release(&ctx, Some(&first), &url, stated).expect("it is there");
        assert_eq!(digest(&stated), Digest::of(b"second"));
    }
}
