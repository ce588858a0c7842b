//! Modules of Go: a folder that `go` reads as a proxy.

use std::fs;
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::io;
use crate::tree::{Digest, Store, Tree};

use super::super::{Ctx, program, unreadable};
use super::{Vendoring, file, inside, no_lock_file};

/// What a source asks go for: the digest of its `go.mod` and `go.sum`, where it requires modules and does not bring them.
pub(super) fn modules_of(
    store: &Store,
    tree: &Tree,
    vendoring: &Vendoring<'_>,
) -> Result<Option<Digest>, Diagnostic> {
    let place = inside(vendoring.subdir)?;
    let vendor = place.join("vendor").ok();
    if vendor.is_some_and(|vendor| file(tree, &vendor, "modules.txt").is_some()) {
        return Ok(None);
    }
    let Some(module) = file(tree, &place, "go.mod") else {
        return Err(no_lock_file(
            vendoring,
            "go.mod",
            "go mod init NAME && go mod tidy",
        ));
    };
    let module = store.get(&module)?;
    if !String::from_utf8_lossy(&module).contains("require") {
        return Ok(None);
    }
    let Some(sums) = file(tree, &place, "go.sum") else {
        return Err(no_lock_file(vendoring, "go.sum", "go mod tidy"));
    };
    let both = [module, b"\0".to_vec(), store.get(&sums)?].concat();
    Ok(Some(Digest::of(&both)))
}

/// `go mod download`, and of what it leaves that which depends on the modules alone.
pub(super) fn bring(
    ctx: &Ctx<'_>,
    vendoring: &Vendoring<'_>,
    work: &Path,
) -> Result<PathBuf, Diagnostic> {
    let source = work.join("source").join(vendoring.subdir);
    let cache = work.join("cache");
    let cache_text = cache.display().to_string();
    let mut environment = vec![
        ("GOMODCACHE", cache_text.as_str()),
        ("GOFLAGS", "-modcacherw"),
        ("GOTOOLCHAIN", "local"),
        ("GOWORK", "off"),
        ("GIT_TERMINAL_PROMPT", "0"),
    ];
    let here;
    if ctx.mode.offline {
        // What this machine's go has already.
        let told = go(ctx, vendoring, &["env", "GOMODCACHE"], work, &[])?;
        here = io::file_address(&Path::new(told.trim()).join("cache/download"));
        environment.extend([("GOPROXY", here.as_str()), ("GOSUMDB", "off")]);
    }
    go(
        ctx,
        vendoring,
        &["mod", "download", "all"],
        &source,
        &environment,
    )?;
    let out = work.join("out");
    fs::create_dir_all(&out).map_err(|error| unreadable(&out, &error))?;
    keep(&cache.join("cache/download"), &out)?;
    Ok(out)
}

/// Copies modules: their `.mod` and `.zip` files, and an `.info` that says their version and nothing else.
fn keep(from: &Path, to: &Path) -> Result<(), Diagnostic> {
    let refuse = |error| unreadable(from, &error);
    for entry in fs::read_dir(from).map_err(refuse)? {
        let entry = entry.map_err(refuse)?;
        let (name, path) = (entry.file_name(), entry.path());
        let target = to.join(&name);
        let extension = path.extension().and_then(|extension| extension.to_str());
        if path.is_dir() {
            if name != "sumdb" {
                fs::create_dir_all(&target).map_err(refuse)?;
                keep(&path, &target)?;
            }
        } else if matches!(extension, Some("mod" | "zip")) {
            fs::copy(&path, &target).map_err(refuse)?;
        } else if extension == Some("info") {
            let version = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let text = serde_json::json!({ "Version": version }).to_string();
            fs::write(&target, text).map_err(refuse)?;
        }
    }
    Ok(())
}

fn go(
    ctx: &Ctx<'_>,
    vendoring: &Vendoring<'_>,
    arguments: &[&str],
    directory: &Path,
    environment: &[(&str, &str)],
) -> Result<String, Diagnostic> {
    let finished = io::run_program("go", arguments, directory, environment, ctx.cancel);
    program::output_of(
        finished,
        || {
            Diagnostic::error(
                "zosc::lock::go-failed",
                format!("go could not fetch the modules of `{}`", vendoring.source),
            )
            .help("see that `go mod download` works in the source; with `--offline` only what go has already is used")
        },
        |error| {
            Diagnostic::error(
                "zosc::lock::no-go",
                format!("`go` does not run here: {error}"),
            )
            .help("modules are fetched by the machine's own go: install it, or keep them in the source with `go mod vendor`")
        },
    )
}
