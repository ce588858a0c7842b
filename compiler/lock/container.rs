//! Toolchains that are container images: pulled by an engine of the machine, and taken over as a tree.
//!
//! Comes in: an image's name and digest. Goes out: its files as a tree in the store, and the environment that it asks for. Both
//! are the same whichever engine pulled it. No code of an image runs: a container is made, exported, and removed.

mod refusal;
mod settle;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde::Deserialize;

use crate::archive::Unpacking;
use crate::check::Arch;
use crate::diagnostic::Diagnostic;
use crate::io::{self, Engine};
use crate::source::Spanned;
use crate::tree::{Digest, Store};

use super::{Ctx, LockedToolchain, Mode, stopped, unreadable};

/// The processor that container images are pulled for, whatever the image is built for.
pub const CONTAINER: Arch = Arch::X86_64;

/// What toolchains run on, as engines call it.
fn platform() -> String {
    format!("linux/{}", CONTAINER.go_name())
}

/// A container image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContainerImage<'a> {
    /// The toolchain that it is.
    pub toolchain: &'a str,
    /// Its name with the registry's host.
    pub reference: &'a str,
    /// The digest of its manifest, or of the list of its manifests.
    pub sha256: Digest,
}

impl ContainerImage<'_> {
    /// What is pulled. podman takes no tag beside a digest.
    fn pinned(&self) -> String {
        let path = self.reference.rfind('/').unwrap_or(0);
        let tag = self.reference[path..].find(':').map(|at| path + at);
        let name = &self.reference[..tag.unwrap_or(self.reference.len())];
        format!("{name}@sha256:{}", self.sha256)
    }
}

/// Locks a toolchain that is an image, or keeps what is locked of it.
pub(super) fn locked(
    ctx: &Ctx<'_>,
    toolchain: &str,
    reference: &Spanned<String>,
    sha256: Digest,
    before: Option<&LockedToolchain>,
) -> Result<LockedToolchain, Diagnostic> {
    if let Some(
        found @ LockedToolchain::Image {
            reference: old_reference,
            sha256: old_digest,
            ..
        },
    ) = before
        && (old_reference, old_digest) == (&reference.value, &sha256)
    {
        return Ok(found.clone());
    }
    let image = ContainerImage {
        toolchain,
        reference: &reference.value,
        sha256,
    };
    let label = format!("pull {}", reference.value);
    let (tree, environment) = ctx
        .step(&label, || bring(ctx, &image))
        .map_err(|problem| problem.at(reference.span))?;
    Ok(LockedToolchain::Image {
        reference: reference.value.clone(),
        sha256,
        tree,
        environment,
    })
}

/// Brings the files of an image again that the lock names, into the store.
///
/// # Errors
/// No engine pulls it, or its files have another digest than the lock says.
pub fn image_tree(
    image: &ContainerImage<'_>,
    tree: Digest,
    store: &Store,
    (offline, engine): (bool, Option<Engine>),
    cancel: &AtomicBool,
) -> Result<Digest, Diagnostic> {
    let ctx = Ctx::again(store, offline, cancel);
    let mode = Mode { engine, ..ctx.mode };
    let (found, _) = bring(&Ctx { mode, ..ctx }, image)?;
    if found == tree {
        return Ok(found);
    }
    Err(refusal::changed(image, tree, found))
}

/// Pulls an image with the engine that is wanted, else with the first that is there.
fn bring(
    ctx: &Ctx<'_>,
    image: &ContainerImage<'_>,
) -> Result<(Digest, BTreeMap<String, String>), Diagnostic> {
    if ctx.mode.offline {
        return Err(refusal::offline(image));
    }
    let wanted = ctx.mode.engine.or_else(Engine::of_environment);
    let all = [Engine::Podman, Engine::Docker];
    let candidates = wanted.map_or(all.to_vec(), |engine| vec![engine]);
    for engine in &candidates {
        let pulling = Pulling {
            ctx,
            image,
            engine: *engine,
        };
        if let Some(had) = pulling.call(&["image", "ls", "--all", "--quiet", "--no-trunc"])? {
            return pulling.pull(&had);
        }
    }
    Err(refusal::no_engine(&candidates))
}

/// What an engine says of an image.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    os: String,
    architecture: String,
    config: Option<Config>,
}

/// How programs of an image are meant to be started.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    env: Option<Vec<String>>,
}

impl Inspected {
    /// The variables that the image asks for.
    fn environment(self) -> BTreeMap<String, String> {
        let variables = self.config.and_then(|config| config.env);
        let variables = variables.unwrap_or_default();
        let pairs = variables
            .iter()
            .filter_map(|variable| variable.split_once('='));
        pairs
            .filter(|(name, value)| !name.is_empty() && !value.contains('\0'))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

/// An image on its way through an engine.
struct Pulling<'a> {
    ctx: &'a Ctx<'a>,
    image: &'a ContainerImage<'a>,
    engine: Engine,
}

impl Pulling<'_> {
    /// Pulls the image, takes it over, and leaves the engine as it was; `had` lists the images that it has already.
    fn pull(&self, had: &str) -> Result<(Digest, BTreeMap<String, String>), Diagnostic> {
        let platform = platform();
        let pinned = self.image.pinned();
        let pulled = self.ask(&["pull", "--quiet", "--platform", &platform, &pinned])?;
        // podman names the image by its id, docker as it was asked for.
        let name = pulled.lines().last().unwrap_or(&pinned).trim();
        let inspected = self.inspect(name)?;
        let id = inspected.id.trim_start_matches("sha256:").to_owned();
        let taken = self.take_over(name, inspected);
        if !had.contains(&id) {
            self.clear(&["image", "rm", name]);
        }
        taken
    }

    fn inspect(&self, name: &str) -> Result<Inspected, Diagnostic> {
        let answer = self.ask(&["image", "inspect", name])?;
        let found: Result<Vec<Inspected>, _> = serde_json::from_str(&answer);
        let found = found.map_err(|error| error.to_string());
        found
            .and_then(|list| list.into_iter().next().ok_or("nothing".to_owned()))
            .map_err(|why| refusal::failed(self.engine, self.image, &why))
    }

    fn take_over(
        &self,
        name: &str,
        inspected: Inspected,
    ) -> Result<(Digest, BTreeMap<String, String>), Diagnostic> {
        let found = format!("{}/{}", inspected.os, inspected.architecture);
        if found != platform() {
            return Err(refusal::wrong_platform(self.image, &found));
        }
        let temporary = self.ctx.store.temporary();
        let folder =
            tempfile::tempdir_in(&temporary).map_err(|error| unreadable(&temporary, &error))?;
        let archive = folder.path().join("root.tar");
        self.export(name, &archive.to_string_lossy())?;
        let file = File::open(&archive).map_err(|error| unreadable(&archive, &error))?;
        let origin = format!("toolchain {}", self.image.toolchain);
        // Its name stands in messages.
        let shown = format!("{}.tar", self.image.reference);
        let tree = Unpacking::new(&shown, &origin, self.ctx.store).without_devices();
        let tree = settle::settled(&tree.tree_of(file)?, &origin);
        let digest = self.ctx.store.put_tree(&tree)?;
        Ok((digest, inspected.environment()))
    }

    /// Writes the files of an image into an archive, by way of a container that is never started.
    fn export(&self, name: &str, archive: &str) -> Result<(), Diagnostic> {
        let container = io::container_name(format!("image-{}", self.image.sha256.short()));
        let label = format!("--label={}", io::CONTAINER_LABEL);
        let named = format!("--name={container}");
        let further = io::environment("ZOSC_CONTAINER_ARGS").unwrap_or_default();
        let further = shlex::split(&further).ok_or_else(|| {
            let why = "a quote in ZOSC_CONTAINER_ARGS is not closed";
            refusal::failed(self.engine, self.image, why)
        })?;
        let mut create = vec!["create", "--pull=never", "--network=none", &label, &named];
        create.extend(further.iter().map(String::as_str));
        // An image may have no command of its own, and a container is made with one.
        create.extend([name, "/none"]);
        let made = self
            .ask(&create)
            .and_then(|_| self.ask(&["export", "--output", archive, &container]));
        self.clear(&self.engine.removal(&container));
        made.map(drop)
    }

    /// What an engine answers; that it refuses is told in its words.
    fn ask(&self, arguments: &[&str]) -> Result<String, Diagnostic> {
        let answer = self.call(arguments)?;
        answer.ok_or_else(|| refusal::no_engine(&[self.engine]))
    }

    /// As `ask`; `None` where there is no such program.
    fn call(&self, arguments: &[&str]) -> Result<Option<String>, Diagnostic> {
        let here = Path::new("/");
        match io::run_program(self.engine.program(), arguments, here, &[], self.ctx.cancel) {
            Ok(finished) if finished.success => Ok(Some(finished.output)),
            Ok(finished) => Err(refusal::said(self.engine, self.image, &finished.errors)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Err(stopped()),
            Err(error) => Err(refusal::failed(self.engine, self.image, &error.to_string())),
        }
    }

    /// Removes something that is not needed any more, or never came to be; also where someone pressed Ctrl-C.
    fn clear(&self, arguments: &[&str]) {
        let never = AtomicBool::new(false);
        let here = Path::new("/");
        let _ = io::run_program(self.engine.program(), arguments, here, &[], &never);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_takes_the_place_of_the_tag() {
        let sha256 = Digest::of(b"");
        for (reference, name) in [
            ("docker.io/library/rust:1-alpine", "docker.io/library/rust"),
            ("127.0.0.1:5000/tool", "127.0.0.1:5000/tool"),
            ("127.0.0.1:5000/tool:2", "127.0.0.1:5000/tool"),
        ] {
            let image = ContainerImage {
                toolchain: "x",
                reference,
                sha256,
            };
            assert_eq!(image.pinned(), format!("{name}@sha256:{sha256}"));
        }
    }

    #[test]
    fn both_engines_say_what_an_image_asks_for() {
        let answer = r#"[{"Id":"sha256:1","Os":"linux","Architecture":"amd64","Size":1,"Config":{"Env":["PATH=/a:/b","X=y=z","=odd","odd"]}}]"#;
        let found: Vec<Inspected> = serde_json::from_str(answer).expect("reads");
        let found = found.into_iter().next().expect("one").environment();
        let expected = [("PATH", "/a:/b"), ("X", "y=z")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(found, BTreeMap::from(expected));
        let bare = r#"[{"Id":"1","Os":"linux","Architecture":"arm64","Config":{"Env":null}}]"#;
        let found: Vec<Inspected> = serde_json::from_str(bare).expect("reads");
        assert_eq!(found[0].architecture, "arm64");
    }
}
