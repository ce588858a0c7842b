//! `build.conf`: versions and switches, to the sections that say the same.

use crate::diagnostic::Diagnostic;
use crate::syntax::write::{NewNode, Piece};

use super::Ctx;
use super::assignments::{Variable, Variables};

/// Variables that steer a run of the old builder, not the image.
const ABOUT_A_RUN: &[&str] = &[
    "BUILDER_IMAGE",
    "BUILDER_TAG",
    "CONTAINER_IMAGE",
    "CONTAINER_RUNTIME",
    "DEBUG",
    "FORCE_REBUILD",
    "JOBS",
    "KEEP_BUILD",
    "KERNEL_SUBPATH",
    "MAKEFLAGS",
    "MANIFESTS_SUBPATH",
    "REBUILD_FROM_STAGE",
    "RUSTFLAGS",
    "UPLOAD_KERNEL",
    "UPLOAD_MANIFESTS",
    "VERBOSE",
];

/// Ends of names of variables that say where the old builder kept its files.
const ABOUT_PLACES: &[&str] = &["_DIR", "_FILE", "_PATH", "_CONF", "_LIST", "_ROOT"];

/// What the variables of `build.conf` become, beside what other sections take from them.
pub(super) struct Settings {
    /// The `image` section.
    pub(super) image: NewNode,
    /// The children of `alpine` that come from variables, and its release.
    pub(super) release: String,
    /// The mirror.
    pub(super) mirror: String,
    /// `account`, `branding`, `initramfs` and `outputs`.
    pub(super) rest: Vec<Piece>,
}

/// Takes what the sections at the top and bottom of a manifest need.
pub(super) fn carry(variables: &mut Variables, has_zinit: bool, ctx: &mut Ctx<'_>) -> Settings {
    let title = variables.take_any(&["ZEROOS_NAME", "IMAGE_NAME", "OS_NAME"]);
    let version = variables.take_any(&["ZEROOS_VERSION", "IMAGE_VERSION", "VERSION"]);
    let title = title.map_or("Zero-OS".to_owned(), |title| title.value);
    let image = NewNode::new("image")
        .arg("zero-os")
        .prop(
            "version",
            version.map_or("1".to_owned(), |version| version.value),
        )
        .prop("arch", "x86_64")
        .child(NewNode::new("title").arg(title.clone()));
    let mirror = variables.take("ALPINE_MIRROR");
    let mirror = mirror.map_or_else(default_mirror, |mirror| mirror.value);
    let mut rest = Vec::new();
    if variables.is_on("ZEROOS_PASSWORDLESS_ROOT") || variables.is_on("PASSWORDLESS_ROOT") {
        rest.push(Piece::Blank);
        rest.push(Piece::Comment("Anyone at the console is root.".to_owned()));
        let passwordless = NewNode::new("passwordless");
        rest.push(
            NewNode::new("account")
                .arg("root")
                .child(passwordless)
                .into(),
        );
    }
    rest.extend(branding(variables, &title));
    rest.extend(initramfs(variables, ctx));
    rest.extend(outputs(has_zinit));
    Settings {
        image,
        release: release(variables, ctx),
        mirror,
        rest,
    }
}

/// Where Alpine's packages come from when nothing else is said.
fn default_mirror() -> String {
    "https://dl-cdn.alpinelinux.org/alpine".to_owned()
}

/// The release in two numbers: `v3.22` and `3.22.1` are understood too.
fn release(variables: &mut Variables, ctx: &mut Ctx<'_>) -> String {
    const DEFAULT: &str = "3.22";
    let Some(written) = variables.take("ALPINE_VERSION") else {
        ctx.note(format!(
            "ALPINE_VERSION is not set, so Alpine {DEFAULT} is taken"
        ));
        return DEFAULT.to_owned();
    };
    let value = written.value.trim_start_matches('v');
    let numbers: Vec<&str> = value.split('.').collect();
    let is_number =
        |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match numbers.as_slice() {
        ["edge"] => value.to_owned(),
        [major, minor, ..] if [major, minor].into_iter().all(is_number) => {
            format!("{major}.{minor}")
        }
        _ => {
            ctx.push(unusable(&written, "ALPINE_VERSION", DEFAULT));
            DEFAULT.to_owned()
        }
    }
}

fn branding(variables: &mut Variables, title: &str) -> Vec<Piece> {
    let hostname = variables.take_any(&["ZEROOS_HOSTNAME", "HOSTNAME"]);
    if !variables.is_on("ZEROOS_BRANDING") && hostname.is_none() {
        return Vec::new();
    }
    let hostname = hostname.map_or("zero-os".to_owned(), |hostname| hostname.value);
    let section = NewNode::new("branding")
        .child(NewNode::new("hostname").arg(hostname))
        .child(
            NewNode::new("os-release")
                .prop("id", "zero-os")
                .prop("pretty", format!("{title} {{version}}")),
        )
        .child(NewNode::new("build-id").arg("/etc/zero-os-build-id"));
    vec![Piece::Blank, section.into()]
}

fn initramfs(variables: &mut Variables, ctx: &mut Ctx<'_>) -> Vec<Piece> {
    let method =
        variables.take_any(&["INITRAMFS_COMPRESSION", "COMPRESSION_METHOD", "COMPRESSION"]);
    let level = variables.take_any(&[
        "INITRAMFS_COMPRESSION_LEVEL",
        "COMPRESSION_LEVEL",
        "XZ_LEVEL",
    ]);
    let compress = match &method {
        None => "xz",
        Some(method) => match method.value.trim_start_matches('.') {
            known @ ("xz" | "zstd" | "gzip" | "none") => known,
            "gz" => "gzip",
            "zst" => "zstd",
            _ => {
                ctx.push(unusable(method, "the compression", "xz"));
                "xz"
            }
        },
    };
    let level = level.and_then(|written| {
        let number = written
            .value
            .parse::<u64>()
            .ok()
            .filter(|level| *level <= 19);
        if number.is_none() {
            ctx.push(unusable(&written, "the level of compression", "zosc's own"));
        }
        number
    });
    let section = NewNode::new("initramfs")
        .prop("compress", compress)
        .prop_maybe("level", level);
    vec![Piece::Blank, section.into()]
}

/// The files that the old builder left in `dist/`.
fn outputs(has_zinit: bool) -> Vec<Piece> {
    let versioned = if has_zinit {
        "vmlinuz-{kernel}-{source.zinit.rev}.efi"
    } else {
        "vmlinuz-{kernel}.efi"
    };
    let section = NewNode::new("outputs")
        .child(NewNode::new("efi").arg("vmlinuz.efi"))
        .child(NewNode::new("efi-versioned").arg(versioned))
        .child(NewNode::new("initramfs").arg("initramfs.cpio.xz"));
    vec![Piece::Blank, section.into()]
}

fn unusable(variable: &Variable, what: &str, instead: &str) -> Diagnostic {
    Diagnostic::warning(
        "zosc::migrate::unusable-value",
        format!("{what} cannot be `{}`", variable.value),
    )
    .at(variable.span)
    .help(format!(
        "{instead} is taken; change it in the manifest if it should be another"
    ))
}

/// Tells which variables nothing was made of.
pub(super) fn tell_unused(variables: &Variables, ctx: &mut Ctx<'_>) {
    let mut known = Vec::new();
    for (name, variable) in variables.unused() {
        let is_place = ABOUT_PLACES.iter().any(|end| name.ends_with(end));
        if ABOUT_A_RUN.contains(&name) || is_place {
            known.push(name);
            continue;
        }
        ctx.push(
            Diagnostic::warning(
                "zosc::migrate::unknown-variable",
                format!("what `{name}` means is not known here"),
            )
            .at(variable.span)
            .help("if the image depends on it, write that into the manifest: docs/manifest.md has every section"),
        );
    }
    if !known.is_empty() {
        ctx.note(format!(
            "left out, since they are about the old builder and not about the image: {}",
            known.join(", ")
        ));
    }
}
