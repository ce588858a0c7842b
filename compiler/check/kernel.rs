//! The `kernel` section.

use crate::diagnostic::Diagnostic;
use crate::manifest::kernel as written;
use crate::manifest::kernel::Embed;
use crate::source::{Span, Spanned};

use super::alternatives::Choice;
use super::places::Want;
use super::{Arch, BuiltKernel, Ctx, Kernel, KernelOrigin, StubOrigin, kernel_cmdline};

/// The package that holds the stub where nothing is said.
pub(super) const STUB_PACKAGE: &str = "systemd-efistub";

/// Resolves the section for a processor.
pub(super) fn resolve(ctx: &mut Ctx<'_>, arch: Arch) -> Option<Kernel> {
    let manifest = ctx.manifest;
    let kernel = manifest.kernel.as_ref()?;
    if let Some(version) = &kernel.version {
        release(ctx, version);
    }
    let cmdline = kernel_cmdline::cmdline(ctx, &kernel.cmdline);
    let embed = kernel.embed.map_or(Embed::Uki, |embed| embed.value);
    let for_what = Purpose {
        arch,
        embed,
        cmdline: &cmdline,
    };
    let from = origin(ctx, kernel, for_what);
    misplaced_settings(ctx, kernel);
    microcode(ctx, kernel, arch);
    silent(ctx, kernel, &cmdline, arch);
    let stub = match embed {
        Embed::Uki => Some(stub(ctx, kernel)?),
        Embed::Builtin | Embed::None => None,
    };
    let sign = kernel.sign.as_ref().and_then(|sign| ctx.signing(sign));
    let from = from?;
    let version = match (&from, &kernel.version) {
        (KernelOrigin::Built(built), Some(version)) => {
            Some(Spanned::new(built.release(), version.span))
        }
        (_, version) => version.clone(),
    };
    Some(Kernel {
        version,
        from,
        cmdline,
        embed,
        stub,
        sign,
        microcode: unique(&kernel.microcode),
        span: kernel.span,
    })
}

/// What a kernel is to boot, and how.
#[derive(Clone, Copy)]
pub(super) struct Purpose<'a> {
    /// The processor.
    pub(super) arch: Arch,
    /// How it becomes one file with the initramfs.
    pub(super) embed: Embed,
    /// Its command line.
    pub(super) cmdline: &'a str,
}

/// Each word once.
fn unique(words: &[Spanned<String>]) -> Vec<Spanned<String>> {
    let mut all: Vec<Spanned<String>> = Vec::new();
    for word in words {
        if !all.contains(word) {
            all.push(word.clone());
        }
    }
    all
}

/// A kernel's release names a folder.
fn release(ctx: &mut Ctx<'_>, version: &Spanned<String>) {
    let sound = version.starts_with(|first: char| first.is_ascii_digit())
        && version.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+' | b'~')
        });
    if !sound {
        ctx.push(
            Diagnostic::error(
                "zosc::check::kernel-origin",
                format!("`{}` is no release of a kernel", version.value),
            )
            .at(version.span)
            .help("write what `uname -r` prints, such as \"6.12.44-0-lts\", or leave it out"),
        );
    }
}

fn origin(
    ctx: &mut Ctx<'_>,
    kernel: &Spanned<written::Kernel>,
    purpose: Purpose<'_>,
) -> Option<KernelOrigin> {
    let package = kernel.package.as_ref();
    let prebuilt = kernel.prebuilt.as_ref();
    let source_package = kernel.source_package.as_ref();
    let ways = [
        ("package", package.map(|from| from.span)),
        ("prebuilt", prebuilt.map(|from| from.image.span)),
        ("tarball", kernel.tarball.as_ref().map(|from| from.span)),
        ("source-package", source_package.map(|from| from.url.span)),
    ];
    let choice = Choice {
        code: "zosc::check::kernel-origin",
        section: "kernel",
        place: kernel.span,
        none: "nothing says where the kernel comes from".to_owned(),
        several: "the kernel comes from several places".to_owned(),
        help: "add `package linux-virt`, `prebuilt image=\"vmlinuz\" modules=\"lib/modules\"` or `tarball sha256=\"…\"`".to_owned(),
    };
    ctx.exactly_one(choice, &ways);
    if let Some(package) = package {
        return Some(KernelOrigin::Package(package.clone()));
    }
    if let Some(prebuilt) = prebuilt {
        let image = ctx.existing(&prebuilt.image, Want::File);
        let modules = match &prebuilt.modules {
            Some(modules) => Some(ctx.existing(modules, Want::Folder)?),
            None => None,
        };
        return Some(KernelOrigin::Prebuilt {
            image: image?,
            modules,
        });
    }
    if !is_built(kernel) {
        return None;
    }
    built(ctx, kernel, purpose).map(|built| KernelOrigin::Built(Box::new(built)))
}

fn is_built(kernel: &written::Kernel) -> bool {
    kernel.tarball.is_some() || kernel.source_package.is_some()
}

fn built(
    ctx: &mut Ctx<'_>,
    kernel: &Spanned<written::Kernel>,
    purpose: Purpose<'_>,
) -> Option<BuiltKernel> {
    let (source, span) = match (&kernel.tarball, &kernel.source_package) {
        (Some(tarball), _) => (ctx.tarball(tarball, kernel.version.as_ref()), tarball.span),
        (None, Some(package)) => (ctx.source_package(package), package.url.span),
        (None, None) => return None,
    };
    let toolchain = ctx.toolchain(kernel.toolchain.as_ref(), ("kernel", kernel.span));
    let decisions = match &kernel.config {
        Some(config) => ctx.kernel_config(config),
        None => super::kernel_config::Decisions::default(),
    };
    let needs = ctx.kernel_boots(&decisions, purpose);
    let files = kernel.config.as_ref().map(|config| config.files.len());
    let written = kernel.localversion.as_ref();
    let configured = decisions.text("CONFIG_LOCALVERSION").unwrap_or_default();
    let localversion = written.map_or(configured, |localversion| &localversion.value);
    let firmware = kernel.builtin_firmware.iter();
    let firmware: Vec<&Spanned<String>> = firmware.filter(|pattern| ctx.pattern(pattern)).collect();
    Some(BuiltKernel {
        version: ctx.kernel_version(kernel, span)?,
        source: source?,
        toolchain: toolchain?,
        config: decisions.resolved(files.unwrap_or(0) == 0),
        localversion: localversion.to_owned(),
        needs,
        firmware: firmware.into_iter().cloned().collect(),
        span,
    })
}

/// Refuses settings that mean nothing to a kernel of this origin and embedding.
fn misplaced_settings(ctx: &mut Ctx<'_>, kernel: &written::Kernel) {
    let place = |value: &Option<Spanned<String>>| value.as_ref().map(|value| value.span);
    let embed = kernel.embed.map(|embed| (embed.value, embed.span));
    let only_built = [
        ("toolchain", place(&kernel.toolchain)),
        ("config", kernel.config.as_ref().map(|config| config.span)),
        ("localversion", place(&kernel.localversion)),
        (
            "builtin-firmware",
            kernel.builtin_firmware.first().map(|first| first.span),
        ),
        (
            "embed builtin",
            embed
                .filter(|embed| embed.0 == Embed::Builtin)
                .map(|embed| embed.1),
        ),
    ];
    let exists = kernel.package.is_some() || kernel.prebuilt.is_some();
    for (name, span) in only_built
        .into_iter()
        .filter(|_| exists && !is_built(kernel))
    {
        let Some(span) = span else { continue };
        let fact = format!("`{name}` is about a kernel that is built, and this one exists already");
        let help = match name {
            "embed builtin" => {
                "write `embed uki`: it puts the initramfs beside the kernel into one EFI program"
            }
            _ => "remove it, or let the kernel come from a `tarball`",
        };
        let problem = misplaced(fact, span).help(help);
        ctx.push(match name {
            "embed builtin" => problem.replace("write `uki`", span, "uki"),
            _ => problem,
        });
    }
    let Some((embed, at)) = embed.filter(|embed| embed.0 != Embed::Uki) else {
        return;
    };
    if let Some(stub) = &kernel.stub {
        let fact = "`stub` is about a unified kernel image, and none is made";
        ctx.push(
            misplaced(fact.to_owned(), stub.span)
                .label(at, "this makes none")
                .help("remove `stub`, or write `embed uki`"),
        );
    }
    if let (Some(sign), Embed::None) = (&kernel.sign, embed) {
        let fact = "`sign` is about an EFI program, and none is made";
        ctx.push(
            misplaced(fact.to_owned(), sign.span)
                .label(at, "this makes none")
                .help("remove `sign`, or write `embed uki`"),
        );
    }
}

fn misplaced(fact: String, span: Span) -> Diagnostic {
    Diagnostic::error("zosc::check::kernel-setting", fact).at(span)
}

/// Refuses microcode for processors that are given none by the kernel.
fn microcode(ctx: &mut Ctx<'_>, kernel: &written::Kernel, arch: Arch) {
    let Some(first) = kernel.microcode.first().filter(|_| arch != Arch::X86_64) else {
        return;
    };
    let fact = format!("`microcode` is about x86 processors, and the image is for {arch}");
    ctx.push(
        misplaced(fact, first.span)
            .help("remove it: firmware gives these processors what they need"),
    );
}

/// Warns where something is expected of a console that nothing is written to.
fn silent(ctx: &mut Ctx<'_>, kernel: &written::Kernel, cmdline: &str, arch: Arch) {
    let boot = ctx.manifest.boot.as_ref();
    let expects = boot.is_some_and(|boot| !boot.expect.is_empty());
    // What others have built into a kernel is not known; Alpine builds no console in.
    let Some(package) = kernel
        .package
        .as_ref()
        .filter(|_| expects && ctx.is_whole("kernel"))
    else {
        return;
    };
    let words = cmdline.split(' ');
    let mut consoles = words
        .filter_map(|word| word.strip_prefix("console="))
        .peekable();
    let is_read = match arch {
        Arch::X86_64 => consoles.peek().is_some(),
        // Machines for Arm say themselves which console they have; a kernel that is told nothing takes that.
        Arch::Aarch64 => {
            consoles.peek().is_none() || consoles.any(|console| console.starts_with("ttyAMA"))
        }
    };
    if is_read {
        return;
    }
    ctx.push(
        Diagnostic::warning(
            "zosc::check::no-console",
            "`boot` expects something, and the kernel has no console that `zosc boot` could read",
        )
        .at(package.span)
        .help(format!("add `cmdline \"console={}\"`", arch.console())),
    );
}

fn stub(ctx: &mut Ctx<'_>, kernel: &written::Kernel) -> Option<StubOrigin> {
    let default = || StubOrigin::Package(Spanned::new(STUB_PACKAGE.to_owned(), kernel_span(ctx)));
    let Some(stub) = &kernel.stub else {
        return Some(default());
    };
    match (&stub.package, &stub.path) {
        (Some(package), None) => Some(StubOrigin::Package(package.clone())),
        (None, Some(path)) => ctx.existing(path, Want::File).map(StubOrigin::File),
        (None, None) if !ctx.is_whole("kernel") => None,
        (package, path) => {
            let fact = match path {
                Some(_) => "the stub comes from a package and from a file",
                None => "nothing says where the stub comes from",
            };
            let span = package.as_ref().map_or(stub.span, |package| package.span);
            ctx.push(
                Diagnostic::error("zosc::check::stub-origin", fact)
                    .at(span)
                    .help(format!(
                        "write `stub package={STUB_PACKAGE}` or `stub path=\"FILE\"`"
                    )),
            );
            None
        }
    }
}

/// The place of what follows from the kernel section without being written in it.
fn kernel_span(ctx: &Ctx<'_>) -> Span {
    let kernel = ctx.manifest.kernel.as_ref();
    kernel.map_or(Span::new(crate::source::SourceId(0), 0, 0), |kernel| {
        kernel.span
    })
}
