//! A `.git` folder that depends on the commit alone, for builds that ask `git describe`.
//!
//! It holds the commit, its history and the tags in that history; no remote, no branch, no log, no setting of anyone. What git
//! packs is neither compressed nor put into relation, so that the same objects are the same bytes.

use std::fs;
use std::path::Path;

use crate::diagnostic::Diagnostic;

use super::super::unreadable;
use super::Git;

/// All settings that it has.
const SETTINGS: &str = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n";
const SETTINGS_OF_SHA256: &str = "[core]\n\trepositoryformatversion = 1\n\tfilemode = true\n\tbare = false\n[extensions]\n\tobjectformat = sha256\n";

/// Makes a repository with a commit checked out into that folder.
pub(super) fn settle(
    git: &Git<'_>,
    folder: &Path,
    commit: &str,
    url: &str,
) -> Result<(), Diagnostic> {
    let others = ["for-each-ref", "--format=%(refname)", "refs/remotes"];
    let mut unwanted = git.alone(&others, url)?;
    unwanted += &git.alone(
        &[
            "for-each-ref",
            "--format=%(refname)",
            "--no-merged",
            commit,
            "refs/tags",
        ],
        url,
    )?;
    for name in unwanted.lines() {
        git.alone(&["update-ref", "-d", "--no-deref", name], url)?;
    }
    git.alone(&["pack-refs", "--all", "--prune"], url)?;
    let repack = [
        "-c",
        "core.compression=0",
        "-c",
        "pack.compression=0",
        "-c",
        "pack.threads=1",
        "-c",
        "pack.writeReverseIndex=false",
        "-c",
        "repack.writeBitmaps=false",
        "-c",
        "repack.updateServerInfo=false",
        "repack",
        "-a",
        "-d",
        "-F",
        "--quiet",
        "--window=0",
        "--depth=0",
        "--no-write-bitmap-index",
    ];
    fs::remove_file(folder.join("FETCH_HEAD")).ok();
    git.alone(&repack, url)?;
    // Without what is known of the files on this disk.
    fs::remove_file(folder.join("index")).ok();
    git.alone(&["read-tree", commit], url)?;
    let settings = if commit.len() == 64 {
        SETTINGS_OF_SHA256
    } else {
        SETTINGS
    };
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| unreadable(&path, &error))
    };
    write("config", settings)?;
    write("HEAD", &format!("{commit}\n"))?;
    clear(folder)?;
    // Git takes a folder without these for none of its own.
    for name in ["refs/heads", "refs/tags", "objects/info"] {
        let path = folder.join(name);
        fs::create_dir_all(&path).map_err(|error| unreadable(&path, &error))?;
    }
    Ok(())
}

/// Removes all but what the folder is to have.
fn clear(folder: &Path) -> Result<(), Diagnostic> {
    let refuse = |error| unreadable(folder, &error);
    for entry in fs::read_dir(folder).map_err(refuse)? {
        let entry = entry.map_err(refuse)?;
        let kept = ["HEAD", "config", "index", "objects", "packed-refs"];
        if kept.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let path = entry.path();
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.map_err(|error| unreadable(&path, &error))?;
    }
    for entry in fs::read_dir(folder.join("objects")).map_err(refuse)? {
        let path = entry.map_err(refuse)?.path();
        if path.file_name().is_some_and(|name| name != "pack") {
            fs::remove_dir_all(&path).map_err(|error| unreadable(&path, &error))?;
        }
    }
    Ok(())
}
