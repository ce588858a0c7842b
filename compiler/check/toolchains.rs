//! The `toolchain` sections.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::io::FileKind;
use crate::manifest::toolchain as written;
use crate::source::{Span, Spanned};

use super::alternatives::{Choice, flag};
use super::places::{Location, Want};
use super::{Ctx, LocalRoot, Toolchain, ToolchainRoot, listed, quoted, suggest};

/// Endings of archives that a root filesystem may come in.
const ARCHIVES: &[&str] = &[
    ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tzst",
];

/// Resolves the sections.
pub(super) fn resolve(ctx: &mut Ctx<'_>) -> BTreeMap<String, Toolchain> {
    let manifest = ctx.manifest;
    let mut toolchains: BTreeMap<String, Toolchain> = BTreeMap::new();
    let mut places: BTreeMap<&str, Span> = BTreeMap::new();
    for toolchain in &manifest.toolchain {
        let name = &toolchain.name;
        let root = root(ctx, toolchain);
        if let Some(earlier) = places.insert(&name.value, name.span) {
            ctx.namesakes("toolchains", name, earlier);
            continue;
        }
        if let Some(root) = root {
            let span = name.span;
            toolchains.insert(name.value.clone(), Toolchain { root, span });
        }
    }
    toolchains
}

fn root(ctx: &mut Ctx<'_>, toolchain: &written::Toolchain) -> Option<ToolchainRoot> {
    let name = &toolchain.name;
    let ways = [
        ("alpine", toolchain.alpine.as_ref().map(|it| it.span)),
        (
            "image",
            toolchain.image.as_ref().map(|it| it.reference.span),
        ),
        ("rootfs", toolchain.rootfs.as_ref().map(|it| it.from.span)),
        ("host", flag(toolchain.host.as_ref())),
    ];
    let choice = Choice {
        code: "zosc::check::toolchain-origin",
        section: "toolchain",
        place: name.span,
        none: format!("the toolchain `{}` consists of nothing", name.value),
        several: format!("the toolchain `{}` consists of several things", name.value),
        help: format!(
            "write `toolchain {} {{ alpine packages=\"build-base\" }}`, or `{{ host }}` for this machine's own compilers",
            name.value
        ),
    };
    if !ctx.exactly_one(choice, &ways) {
        return None;
    }
    if let Some(alpine) = &toolchain.alpine {
        return Some(self::alpine(ctx, alpine));
    }
    if let Some(image) = &toolchain.image {
        return container(ctx, image);
    }
    if let Some(rootfs) = &toolchain.rootfs {
        return self::rootfs(ctx, rootfs);
    }
    Some(ToolchainRoot::Host)
}

fn alpine(ctx: &mut Ctx<'_>, alpine: &Spanned<written::AlpineRoot>) -> ToolchainRoot {
    let list = &alpine.packages;
    let mut packages: Vec<Spanned<String>> = Vec::new();
    for name in list.split_whitespace() {
        let package = Spanned::new(name.to_owned(), ctx.word_within(list.span, name));
        if !packages.contains(&package) {
            packages.push(package);
        }
    }
    ToolchainRoot::Alpine {
        packages,
        release: alpine.release.clone(),
    }
}

fn container(ctx: &mut Ctx<'_>, image: &written::ContainerImage) -> Option<ToolchainRoot> {
    let reference = &image.reference;
    if let Some((name, digest)) = reference.split_once('@') {
        let problem = bad_reference(reference, "it holds a digest");
        let help = format!("write `image {} digest=\"{digest}\"`", quoted(name));
        let problem = problem.help(help);
        ctx.push(match &image.digest {
            Some(_) => problem.replace("remove the digest", reference.span, quoted(name)),
            None => problem.replace(
                "write it as `digest`",
                reference.span,
                format!("{} digest={}", quoted(name), quoted(digest)),
            ),
        });
        return None;
    }
    let canonical = match canonical(reference) {
        Ok(canonical) => canonical,
        Err(fault) => {
            ctx.push(
                bad_reference(reference, fault)
                    .help("write an image as `podman pull` takes it, such as \"docker.io/library/rust:1-alpine\""),
            );
            return None;
        }
    };
    let Some(digest) = &image.digest else {
        if ctx.is_whole("toolchain") {
            ctx.push(
                Diagnostic::error(
                    "zosc::check::unpinned-download",
                    format!("nothing says which digest the image `{}` must have", reference.value),
                )
                .at(reference.span)
                .help("add `digest=\"sha256:…\"`; `skopeo inspect docker://IMAGE` and `podman images --digests` print it"),
            );
        }
        return None;
    };
    Some(ToolchainRoot::Container {
        reference: Spanned::new(canonical, reference.span),
        digest: digest.strip_prefix("sha256:")?.parse().ok()?,
    })
}

fn bad_reference(reference: &Spanned<String>, fault: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::check::bad-image-reference",
        format!(
            "`{}` is no name of a container image: {fault}",
            reference.value
        ),
    )
    .at(reference.span)
}

/// A reference with its host, as `docker` reads names without one.
fn canonical(reference: &str) -> Result<String, &'static str> {
    if reference.contains("://") {
        return Err("it is an address");
    }
    let sound =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/' | b':');
    if reference.is_empty() || !reference.bytes().all(sound) {
        return Err("it holds other signs than letters, digits, `.`, `-`, `_`, `/` and `:`");
    }
    let (host, path) = match reference.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
        _ => ("docker.io", reference),
    };
    let (name, tag) = path.split_once(':').unwrap_or((path, "latest"));
    if name.chars().any(char::is_uppercase) {
        return Err("names of images are lowercase");
    }
    let is_part = |part: &str| part.starts_with(|first: char| first.is_ascii_alphanumeric());
    if !name.split('/').all(is_part) || tag.is_empty() || tag.contains([':', '/']) {
        return Err("it is `HOST/NAME:TAG`");
    }
    let library = if host == "docker.io" && !path.contains('/') {
        "library/"
    } else {
        ""
    };
    Ok(format!("{host}/{library}{path}"))
}

fn rootfs(ctx: &mut Ctx<'_>, rootfs: &written::Rootfs) -> Option<ToolchainRoot> {
    let from = &rootfs.from;
    let sha256 = rootfs
        .sha256
        .as_ref()
        .and_then(|digest| digest.parse().ok());
    if from.contains("://") {
        let url = ctx.address(from)?;
        archive(ctx, from)?;
        let Some(sha256) = sha256 else {
            if ctx.is_whole("toolchain") {
                ctx.unpinned(from);
            }
            return None;
        };
        return Some(ToolchainRoot::Download {
            url: Spanned::new(url, from.span),
            sha256,
        });
    }
    let Location::Disk(path) = ctx.locate(from)? else {
        ctx.not_found(from, "outside the library of zosc", None);
        return None;
    };
    let path = Spanned::new(path, from.span);
    let local = if ctx.files.kind(&path.value) == Some(FileKind::Directory) {
        if let Some(digest) = &rootfs.sha256 {
            ctx.push(
                Diagnostic::error(
                    "zosc::check::wrong-file-kind",
                    format!("`{}` is a folder, which has no `sha256`", from.value),
                )
                .at(digest.span)
                .help("remove it: a folder counts by its content"),
            );
            return None;
        }
        LocalRoot::Folder(path)
    } else {
        ctx.existing(from, Want::File)?;
        archive(ctx, from)?;
        LocalRoot::Archive(path, sha256)
    };
    Some(ToolchainRoot::Local(local))
}

/// Refuses a file that is not named like an archive.
fn archive(ctx: &mut Ctx<'_>, from: &Spanned<String>) -> Option<()> {
    if ARCHIVES.iter().any(|ending| from.ends_with(ending)) {
        return Some(());
    }
    ctx.push(
        Diagnostic::error(
            "zosc::check::not-an-archive",
            format!(
                "`{}` is not named like an archive with a root filesystem",
                from.value
            ),
        )
        .at(from.span)
        .help(format!(
            "such archives end in {}",
            listed(ARCHIVES.iter().copied())
        )),
    );
    None
}

impl Ctx<'_> {
    /// The toolchain that something in `section` is built with: the one that is named, or the only one there is.
    pub(super) fn toolchain(
        &mut self,
        wanted: Option<&Spanned<String>>,
        (section, place): (&str, Span),
    ) -> Option<String> {
        let written = self.manifest.toolchain.iter();
        let all: BTreeSet<&str> = written.map(|toolchain| toolchain.name.as_str()).collect();
        let names = || all.iter().copied();
        let Some(wanted) = wanted else {
            if !self.is_whole(section) || self.declared.unsure("toolchain") {
                return None;
            }
            let mut first = names();
            return match (first.next(), first.next()) {
                (Some(only), None) => Some(only.to_owned()),
                (first, _) => {
                    self.which_toolchain(section, place, first.is_some().then(|| listed(names())));
                    None
                }
            };
        };
        if all.contains(wanted.as_str()) {
            return Some(wanted.value.clone());
        }
        if !self.declared.may_have("toolchain", wanted) {
            let problem = Diagnostic::error(
                "zosc::check::unknown-toolchain",
                format!("there is no toolchain `{}`", wanted.value),
            )
            .at(wanted.span);
            let otherwise = format!("add `toolchain {} {{ host }}`", wanted.value);
            self.push(suggest(problem, wanted, wanted.span, names(), &otherwise));
        }
        None
    }

    fn which_toolchain(&mut self, section: &str, place: Span, several: Option<String>) {
        let packs = section == "size";
        let (message, help) = match several {
            Some(several) => (
                if packs {
                    "nothing says which toolchain's `upx` packs these programs".to_owned()
                } else {
                    format!("nothing says which toolchain builds this {section}")
                },
                match section {
                    "kernel" => format!("add `toolchain NAME` to it: there are {several}"),
                    _ => format!("add `toolchain=NAME`: there are {several}"),
                },
            ),
            None if self.declared.has_section("toolchain") => return,
            None if packs => (
                "there is no toolchain whose `upx` could pack these programs".to_owned(),
                "add `toolchain tools { alpine packages=\"upx\" }` to the manifest, or `toolchain tools { host }` for this machine's own `upx`"
                    .to_owned(),
            ),
            None => (
                format!("there is no toolchain to build this {section} with"),
                "add `toolchain rust { host }` to the manifest for this machine's own compilers"
                    .to_owned(),
            ),
        };
        self.push(
            Diagnostic::error("zosc::check::which-toolchain", message)
                .at(place)
                .help(help),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_without_a_host_are_those_of_docker_hub() {
        for (written, full) in [
            ("rust:1-alpine", "docker.io/library/rust:1-alpine"),
            ("me/tool", "docker.io/me/tool"),
            ("quay.io/me/tool:2", "quay.io/me/tool:2"),
            ("localhost/tool", "localhost/tool"),
            ("host:5000/tool", "host:5000/tool"),
        ] {
            assert_eq!(canonical(written).as_deref(), Ok(full));
        }
        for wrong in [
            "",
            "https://h/x",
            "Rust",
            "a b",
            "h.io/",
            "x:",
            "a//b",
            "x:1:2",
        ] {
            assert!(canonical(wrong).is_err(), "{wrong}");
        }
    }
}
