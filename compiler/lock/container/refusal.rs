//! Why an image does not come, and what to do about it.

use crate::diagnostic::Diagnostic;
use crate::io::{self, Engine};
use crate::tools;
use crate::tree::Digest;

use super::{ContainerImage, platform};

/// How many lines of an engine's own words are shown.
const SHOWN: usize = 6;

/// What engines and registries say where there is no such image.
const NOT_FOUND: [&str; 7] = [
    "manifest unknown",
    "name unknown",
    "not found",
    "repository does not exist",
    "requested access to the resource is denied",
    "unauthorized",
    "authentication required",
];
/// What engines say where an image is of other platforms.
const OTHER_PLATFORM: [&str; 4] = [
    "no matching manifest for",
    "no image found in manifest list",
    "no image found in image index",
    "the specified platform",
];

/// None of the engines is installed.
pub(super) fn no_engine(engines: &[Engine]) -> Diagnostic {
    let names: Vec<String> = engines
        .iter()
        .map(|engine| format!("`{}`", engine.program()))
        .collect();
    let first = engines.first().copied().unwrap_or(Engine::Podman);
    let ways = tools::installing(first.program());
    Diagnostic::error(
        "zosc::lock::no-engine",
        format!(
            "this toolchain is a container image, and there is no program {} in PATH to pull it",
            names.join(" or ")
        ),
    )
    .help(format!("install one: {ways}"))
}

/// Without a network nothing is pulled.
pub(super) fn offline(image: &ContainerImage<'_>) -> Diagnostic {
    Diagnostic::error(
        "zosc::lock::image-offline",
        format!(
            "the image `{}` is not in the store, and `--offline` pulls none",
            image.reference
        ),
    )
    .help("run `zosc fetch` once without `--offline`; no engine is asked afterwards")
}

/// The image is of another platform.
pub(super) fn wrong_platform(image: &ContainerImage<'_>, found: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::lock::wrong-platform",
        format!(
            "the image `{}` is not for {}",
            image.reference,
            platform()
        ),
    )
    .note(format!("it is for {found}"))
    .help("take the digest of the list of its manifests, or of the one for this platform: `skopeo inspect --raw docker://IMAGE` lists them")
}

/// The files are not those that were locked.
pub(super) fn changed(image: &ContainerImage<'_>, locked: Digest, found: Digest) -> Diagnostic {
    Diagnostic::error(
        "zosc::lock::image-changed",
        format!(
            "the files of the image `{}` are not what the lock says",
            image.reference
        ),
    )
    .note(format!(
        "the lock says {}, what was pulled is {}",
        locked.short(),
        found.short()
    ))
    .help(format!(
        "bring the store of the machine that locked it, or remove the line `toolchain-image \"{}\"` from the lock and run `zosc lock` to accept it",
        image.toolchain
    ))
}

/// Something went wrong with an engine, in zosc's words.
pub(super) fn failed(engine: Engine, image: &ContainerImage<'_>, what: &str) -> Diagnostic {
    let name = engine.program();
    let pinned = image.pinned();
    Diagnostic::error(
        "zosc::lock::image-failed",
        format!("`{name}` did not bring the image `{}`", image.reference),
    )
    .note(what.to_owned())
    .help(format!(
        "see whether `{name} pull {pinned}` works, then run the command again"
    ))
}

/// What an engine's words mean.
pub(super) fn said(engine: Engine, image: &ContainerImage<'_>, words: &str) -> Diagnostic {
    let has = |known: &[&str]| known.iter().any(|part| words.contains(part));
    let diagnostic = if has(&io::NOT_PERMITTED) {
        daemon("this user may not use the docker daemon").help(
            "run `sudo usermod -aG docker $USER` and log in again (its members are as mighty as root), or install podman",
        )
    } else if has(&io::NOT_RUNNING) {
        daemon("no docker daemon answers").help(
            "start it (`sudo systemctl start docker`), or say where it listens in DOCKER_HOST; podman needs none",
        )
    } else if has(&OTHER_PLATFORM) {
        wrong_platform(image, "other platforms")
    } else if has(&NOT_FOUND) {
        not_found(engine, image)
    } else {
        failed(engine, image, "it refuses")
    };
    let lines: Vec<&str> = words
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = &lines[lines.len().saturating_sub(SHOWN)..];
    last.iter().fold(diagnostic, |diagnostic, line| {
        let plain: String = line.chars().filter(|it| !it.is_control()).collect();
        diagnostic.note(plain)
    })
}

fn daemon(message: &str) -> Diagnostic {
    Diagnostic::error("zosc::lock::engine-daemon", message)
}

fn not_found(engine: Engine, image: &ContainerImage<'_>) -> Diagnostic {
    let name = engine.program();
    Diagnostic::error(
        "zosc::lock::no-image",
        format!("there is no image `{}` for this user", image.pinned()),
    )
    .help(format!(
        "check name and digest (`skopeo inspect docker://IMAGE` prints it); where it is private, `{name} login` first"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_engines_have_a_code_and_a_way_on() {
        let image = ContainerImage {
            toolchain: "rust",
            reference: "h.example/rust:1",
            sha256: Digest::of(b""),
        };
        for (words, code) in [
            (
                "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
                "engine-daemon",
            ),
            (
                "permission denied while trying to connect to the Docker daemon socket",
                "engine-daemon",
            ),
            (
                "Error: initializing source docker://h.example/rust@sha256:0: reading manifest sha256:0: manifest unknown",
                "no-image",
            ),
            (
                "Error response from daemon: manifest for h.example/rust@sha256:0 not found: manifest unknown",
                "no-image",
            ),
            (
                "Error: choosing an image from manifest list: no image found in manifest list for architecture amd64",
                "wrong-platform",
            ),
            (
                "no matching manifest for linux/amd64 in the manifest list entries",
                "wrong-platform",
            ),
            ("Error: something new", "image-failed"),
        ] {
            let problem = said(Engine::Podman, &image, words);
            assert_eq!(problem.code, format!("zosc::lock::{code}"), "{words}");
            assert!(problem.help.is_some(), "{words}");
            assert_eq!(problem.notes.last().map(String::as_str), Some(words));
        }
    }
}
