//! The `kernel` section.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::manifest::kernel as written;
use crate::source::{Span, Spanned};

use super::places::Want;
use super::{Ctx, Kernel, KernelOrigin, StubOrigin};

/// What x86 keeps of a command line, its end mark included.
const LONGEST_CMDLINE: usize = 2048;

/// Parameters of which the last one wins, so that a second one is a mistake.
const ONCE: &[&str] = &[
    "init",
    "loglevel",
    "nr_cpus",
    "panic",
    "quiet",
    "rdinit",
    "ro",
    "root",
    "rootfstype",
    "rw",
];

/// The package that holds the stub where nothing is said.
pub(super) const STUB_PACKAGE: &str = "systemd-efistub";

/// Resolves the section.
pub(super) fn resolve(ctx: &mut Ctx<'_>) -> Option<Kernel> {
    let manifest = ctx.manifest;
    let kernel = manifest.kernel.as_ref()?;
    if let Some(version) = &kernel.version {
        release(ctx, version);
    }
    let from = origin(ctx, kernel);
    let stub = stub(ctx, kernel);
    let cmdline = cmdline(ctx, &kernel.cmdline);
    let sign = kernel.sign.as_ref().and_then(|sign| ctx.signing(sign));
    Some(Kernel {
        version: kernel.version.clone(),
        from: from?,
        cmdline,
        stub: stub?,
        sign,
        span: kernel.span,
    })
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

fn origin(ctx: &mut Ctx<'_>, kernel: &Spanned<written::Kernel>) -> Option<KernelOrigin> {
    match (&kernel.package, &kernel.prebuilt) {
        (Some(package), None) => Some(KernelOrigin::Package(package.clone())),
        (None, Some(prebuilt)) => {
            let image = ctx.existing(&prebuilt.image, Want::File);
            let modules = match &prebuilt.modules {
                Some(modules) => Some(ctx.existing(modules, Want::Folder)?),
                None => None,
            };
            Some(KernelOrigin::Prebuilt {
                image: image?,
                modules,
            })
        }
        (Some(package), Some(prebuilt)) => {
            ctx.push(
                Diagnostic::error(
                    "zosc::check::kernel-origin",
                    "the kernel comes from a package and from files",
                )
                .label(prebuilt.image.span, "files")
                .label(package.span, "package")
                .help("keep one of `package` and `prebuilt`"),
            );
            None
        }
        (None, None) if !ctx.is_whole("kernel") => None,
        (None, None) => {
            ctx.push(
                Diagnostic::error(
                    "zosc::check::kernel-origin",
                    "nothing says where the kernel comes from",
                )
                .at(kernel.span)
                .help("add `package linux-virt` or `prebuilt image=\"vmlinuz\" modules=\"lib/modules\"`"),
            );
            None
        }
    }
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

fn cmdline(ctx: &mut Ctx<'_>, written: &[Spanned<String>]) -> String {
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    let mut words: Vec<&str> = Vec::new();
    for text in written {
        if text.chars().any(char::is_control) {
            bad(ctx, text.span, "the command line holds a control character");
        }
        for word in text.split_whitespace() {
            repeated(ctx, word, ctx.within(text.span, word), &mut seen);
            words.push(word);
        }
    }
    let line = words.join(" ");
    if let Some(last) = written.last()
        && line.len() >= LONGEST_CMDLINE
    {
        let message = format!(
            "the command line has {} bytes, and the kernel keeps {}",
            line.len(),
            LONGEST_CMDLINE - 1
        );
        bad(ctx, last.span, &message);
    }
    line
}

fn bad(ctx: &mut Ctx<'_>, span: Span, message: &str) {
    ctx.push(
        Diagnostic::error("zosc::check::bad-cmdline", message)
            .at(span)
            .help("write parameters such as \"console=ttyS0\", separated by spaces"),
    );
}

/// Warns of a parameter that certainly stands once too often.
fn repeated(ctx: &mut Ctx<'_>, word: &str, span: Span, seen: &mut BTreeMap<String, Span>) {
    let name = word.split('=').next().unwrap_or(word);
    let key = if ONCE.contains(&name) { name } else { word };
    let Some(earlier) = seen.insert(key.to_owned(), span) else {
        return;
    };
    let fact = if key == word {
        format!("`{word}` is on the command line twice")
    } else {
        format!("`{name}` is on the command line twice, and the last one wins")
    };
    ctx.push(
        Diagnostic::warning("zosc::check::repeated-parameter", fact)
            .label(span, "again here")
            .label(earlier, "first here")
            .help("remove one of them"),
    );
}
