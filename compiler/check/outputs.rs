//! The `outputs` section.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::manifest::kernel::Embed;
use crate::sbom::Format;
use crate::source::{Span, Spanned};

use super::identity::Identity;
use super::templates::Part;
use super::{
    Ctx, Image, Kernel, KernelOrigin, OutputKind, OutputRequest, Source, SourceOrigin, initramfs,
    quoted,
};

/// Resolves the section; without it, an initramfs, and an EFI program where there is a kernel.
pub(super) fn resolve(
    ctx: &mut Ctx<'_>,
    identity: Option<&Identity>,
    sources: &[Source],
    known: &[String],
) -> Vec<OutputRequest> {
    let manifest = ctx.manifest;
    let Some(outputs) = &manifest.outputs else {
        return defaults(ctx);
    };
    let written = [
        (Some(OutputKind::Efi), &outputs.efi),
        (Some(OutputKind::Efi), &outputs.efi_versioned),
        (Some(OutputKind::Initramfs), &outputs.initramfs),
        (Some(OutputKind::Kernel), &outputs.kernel),
        (sbom(ctx, outputs.sbom.as_ref()), &outputs.sbom),
    ];
    let mut names: BTreeMap<String, &Spanned<String>> = BTreeMap::new();
    let mut requests = Vec::new();
    for (kind, name) in written {
        let (Some(kind), Some(name)) = (kind, name) else {
            continue;
        };
        needs_kernel(ctx, kind, name);
        let plain = filled(name, identity, sources);
        if let Some(earlier) = names.insert(plain.clone(), name) {
            let message = if earlier.value == name.value {
                format!("two outputs are named `{}`", name.value)
            } else {
                format!(
                    "`{}` and `{}` are one name, `{plain}`",
                    earlier.value, name.value
                )
            };
            ctx.clash(
                "zosc::check::duplicate-name",
                message,
                name.span,
                earlier.span,
                "rename one of them",
            );
            continue;
        }
        if sound(ctx, name, identity, known) {
            requests.push(OutputRequest {
                kind,
                name: name.clone(),
                is_versioned: outputs
                    .efi_versioned
                    .as_ref()
                    .is_some_and(|versioned| versioned.span == name.span),
            });
        }
    }
    if names.is_empty() && outputs.sbom.is_none() && ctx.is_whole("outputs") {
        ctx.push(
            Diagnostic::error("zosc::check::no-output", "the `outputs` section names no file")
                .at(outputs.span)
                .help("add `efi \"vmlinuz.efi\"` or `initramfs \"initramfs.cpio.xz\"`, or leave the section out"),
        );
    }
    requests
}

/// A list of what the image is made of, in the form that its name promises.
fn sbom(ctx: &mut Ctx<'_>, name: Option<&Spanned<String>>) -> Option<OutputKind> {
    let name = name?;
    if let Some(format) = Format::of_name(name) {
        return Some(OutputKind::Sbom(format));
    }
    let stem = name.strip_suffix(".json").unwrap_or(name);
    ctx.push(
        Diagnostic::error(
            "zosc::check::sbom-format",
            format!(
                "the name `{}` does not say in which form the list is",
                name.value
            ),
        )
        .at(name.span)
        .help("end it in `.cdx.json` for CycloneDX, or in `.spdx.json` for SPDX")
        .replace(
            format!("write \"{stem}.cdx.json\""),
            name.span,
            quoted(&format!("{stem}.cdx.json")),
        ),
    );
    None
}

fn defaults(ctx: &Ctx<'_>) -> Vec<OutputRequest> {
    let manifest = ctx.manifest;
    let kernel = manifest.kernel.as_ref().map(|kernel| kernel.span);
    let image = manifest.image.as_ref().map(|image| image.name.span);
    let request = |kind, name: String, span| OutputRequest {
        kind,
        name: Spanned::new(name, span),
        is_versioned: false,
    };
    let mut requests = Vec::new();
    if let Some(span) = kernel {
        let (kind, name) = match apart(ctx) {
            Some(_) => (OutputKind::Kernel, "vmlinuz"),
            None => (OutputKind::Efi, "vmlinuz.efi"),
        };
        requests.push(request(kind, name.to_owned(), span));
    }
    if let Some(span) = image.or(kernel) {
        let name = format!("initramfs.cpio{}", initramfs::ending(ctx));
        requests.push(request(OutputKind::Initramfs, name, span));
    }
    requests
}

/// The place that says that kernel and initramfs stay apart.
fn apart(ctx: &Ctx<'_>) -> Option<Span> {
    let embed = ctx.manifest.kernel.as_ref()?.embed?;
    (embed.value == Embed::None).then_some(embed.span)
}

fn needs_kernel(ctx: &mut Ctx<'_>, kind: OutputKind, name: &Spanned<String>) {
    if let (OutputKind::Efi, Some(embed)) = (kind, apart(ctx)) {
        ctx.push(
            Diagnostic::error(
                "zosc::check::kernel-setting",
                format!(
                    "`{}` is an EFI program, and `embed none` makes none",
                    name.value
                ),
            )
            .at(name.span)
            .label(embed, "kernel and initramfs stay apart")
            .help("write `embed uki`, or ask for `kernel` and `initramfs`"),
        );
        return;
    }
    let alone = matches!(kind, OutputKind::Initramfs | OutputKind::Sbom(_));
    if alone || ctx.declared.has_section("kernel") {
        return;
    }
    ctx.push(
        Diagnostic::error(
            "zosc::check::output-without-kernel",
            format!("`{}` needs a kernel, and there is none", name.value),
        )
        .at(name.span)
        .help("add `kernel { package linux-virt }`, or ask for `initramfs` alone"),
    );
}

/// The variables that names may hold.
pub(super) fn known(ctx: &Ctx<'_>, sources: &[Source], kernel: Option<&Kernel>) -> Vec<String> {
    let mut known = vec!["name".to_owned(), "arch".to_owned()];
    if ctx.declared.has_section("kernel") {
        known.push("kernel".to_owned());
    }
    if let Some(Kernel {
        from: KernelOrigin::Built(_),
        ..
    }) = kernel
    {
        known.push("localversion".to_owned());
    }
    known.push("version".to_owned());
    for source in sources {
        known.extend(of_source(source));
    }
    known
}

/// The variables of the sources of an image, as names of outputs may hold them.
pub fn source_variables(image: &Image) -> Vec<String> {
    image.sources.iter().flat_map(of_source).collect()
}

/// What a name may hold of a source.
fn of_source(source: &Source) -> Vec<String> {
    let parts: &[&str] = match source.from {
        SourceOrigin::Crate { .. } => &["version", "rev"],
        SourceOrigin::Git { .. } | SourceOrigin::Release { .. } => &["rev"],
        SourceOrigin::Path(_) => &[],
    };
    let name = &source.name.value;
    let parts = parts.iter();
    parts.map(|part| format!("source.{name}.{part}")).collect()
}

/// The name with the values that are known before the lock.
fn filled(name: &str, identity: Option<&Identity>, sources: &[Source]) -> String {
    let mut text = name.to_owned();
    if let Some(identity) = identity {
        text = text
            .replace("{name}", &identity.name)
            .replace("{arch}", identity.arch.name())
            .replace("{version}", &identity.version);
    }
    for source in sources {
        if let SourceOrigin::Crate { version, .. } = &source.from {
            let variable = format!("{{source.{}.version}}", source.name.value);
            text = text.replace(&variable, version);
        }
    }
    text
}

/// Whether a name is one of a file, with variables that have values.
fn sound(
    ctx: &mut Ctx<'_>,
    name: &Spanned<String>,
    identity: Option<&Identity>,
    known: &[String],
) -> bool {
    let fault = match name.as_str() {
        "" => Some("is empty"),
        name if name.starts_with('.') => Some("starts with a dot"),
        name if name.contains('/') => Some("holds a `/`"),
        name if name.chars().any(char::is_control) => Some("holds a control character"),
        name if name.len() > 200 => Some("is longer than a file's name may be"),
        _ => None,
    };
    if let Some(fault) = fault {
        ctx.push(
            Diagnostic::error("zosc::check::bad-output-name", format!("the name {fault}"))
                .at(name.span)
                .help("write the name of a file; it is put into `dist/` beside the manifest"),
        );
        return false;
    }
    variables(ctx, name, identity, known)
}

/// Whether all variables of a name have values.
pub(super) fn variables(
    ctx: &mut Ctx<'_>,
    name: &Spanned<String>,
    identity: Option<&Identity>,
    known: &[String],
) -> bool {
    let Some(parts) = ctx.template(name, known) else {
        return false;
    };
    let unversioned = identity.is_some_and(|identity| identity.version.is_empty());
    if unversioned && parts.contains(&Part::Variable("version")) {
        ctx.push(
            Diagnostic::error("zosc::check::unknown-variable", "the image has no version")
                .at(ctx.within(name.span, "{version}"))
                .help("give it one: `image NAME version=\"1.0\"`"),
        );
        return false;
    }
    true
}
