//! What the language has and this version does not build yet. This is the one place that knows.
//!
//! It is asked before anything is fetched, and tells everything in one run. A construct that is built is taken out here.

use crate::check::{Image, Recipe, Source, SourceOrigin, ToolchainRoot};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::source::Property;
use crate::source::Span;

/// Refuses what cannot be built yet, each construct at its place.
pub(super) fn refuse(image: &Image) -> Result<(), Diagnostics> {
    let mut found = Diagnostics::new();
    toolchains(image, &mut found);
    for source in &image.sources {
        self::source(source, &mut found);
    }
    kernel(image, &mut found);
    found.sort();
    if found.is_empty() { Ok(()) } else { Err(found) }
}

/// Says that a construct is not built yet, and what does its work until then.
fn not_yet(found: &mut Diagnostics, what: &str, span: Span, instead: &str) {
    found.push(
        Diagnostic::error(
            "zosc::lock::unsupported",
            format!("this version of zosc does not build {what} yet"),
        )
        .at(span)
        .help(instead),
    );
}

fn toolchains(image: &Image, found: &mut Diagnostics) {
    for toolchain in image.toolchains.values() {
        let what = match &toolchain.root {
            ToolchainRoot::Host => continue,
            ToolchainRoot::Alpine { .. } => "toolchains of Alpine packages",
            ToolchainRoot::Container { .. } => "in container images",
            ToolchainRoot::Download { .. } | ToolchainRoot::Local(_) => {
                "in root filesystems that exist already"
            }
        };
        not_yet(
            found,
            what,
            toolchain.span,
            "use this machine's compilers: `{ host }`",
        );
    }
}

fn source(source: &Source, found: &mut Diagnostics) {
    if let SourceOrigin::Git { url, .. } = &source.from {
        not_yet(
            found,
            "sources from Git",
            url.span,
            "take a `crate`, a `release`, or a clone as `path`",
        );
    }
    if let Some(patch) = source.patches.first() {
        not_yet(
            found,
            "patched sources",
            patch.span,
            "apply the patches to a copy and take that as `path`",
        );
    }
    for property in &source.verify {
        if property.value != Property::Static {
            let what = format!("images that verify `{}`", property.value.name());
            not_yet(
                found,
                &what,
                property.span,
                "leave the word out; `static` is verified",
            );
        }
    }
    match source
        .build
        .as_ref()
        .map(|build| (&build.recipe, build.span))
    {
        Some((Recipe::Go { .. }, span)) => not_yet(
            found,
            "Go programs by recipe",
            span,
            "write `script=\"go build …\"`, with the modules below `vendor/` in the source",
        ),
        Some((
            Recipe::Cargo {
                rust: Some(rust), ..
            },
            _,
        )) => not_yet(
            found,
            "with a Rust other than the toolchain's",
            rust.span,
            "leave `rust` out, and install that release on this machine",
        ),
        _ => {}
    }
}

fn kernel(image: &Image, found: &mut Diagnostics) {
    let Some(kernel) = &image.kernel else { return };
    if let Some(sign) = &kernel.sign {
        not_yet(
            found,
            "signed kernels",
            sign.key.span,
            "leave `sign` out, and sign the file in `dist/` with `sbsign`",
        );
    }
}
