//! What the language has and this version does not build yet. This is the one place that knows.
//!
//! It is asked before anything is fetched, and tells everything in one run. A construct that is built is taken out here.

use crate::check::{Arch, Image, KernelOrigin};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::kernel::Embed;
use crate::source::Span;

/// Refuses what cannot be built yet, each construct at its place.
pub(super) fn refuse(image: &Image) -> Result<(), Diagnostics> {
    let mut found = Diagnostics::new();
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

fn kernel(image: &Image, found: &mut Diagnostics) {
    let Some(kernel) = &image.kernel else { return };
    if let KernelOrigin::Built(built) = &kernel.from {
        if image.arch != Arch::X86_64 {
            not_yet(
                found,
                "kernels for other processors than x86_64 from their sources",
                built.span,
                "take Alpine's, `package linux-virt`, or build it yourself and name it: `prebuilt image=… modules=…`",
            );
        }
        if let (Embed::Builtin, Some(package)) = (kernel.embed, kernel.microcode.first()) {
            not_yet(
                found,
                "microcode into kernels with the initramfs inside",
                package.span,
                "write `embed uki`, or leave `microcode` out",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{self, Settings};
    use crate::io::Memory;
    use crate::source::SourceMap;

    /// The words of a manifest that are refused.
    fn refused(manifest: &str) -> Vec<String> {
        let key = include_str!("../../tests/fixtures/key.pem");
        let files = Memory::new([("/m/zos.kdl", manifest), ("/m/test.rsa.pub", key)]);
        let settings = Settings {
            current_directory: "/m".into(),
            ..Settings::default()
        };
        let (mut sources, mut problems) = (SourceMap::new(), Diagnostics::new());
        let image = check::check(
            "zos.kdl".as_ref(),
            &settings,
            &files,
            &mut sources,
            &mut problems,
        );
        let image = image.unwrap_or_else(|| panic!("{problems:?}"));
        let found = refuse(&image).err().unwrap_or_default();
        let words = found.iter().map(|problem| {
            assert!(problem.help.is_some(), "{problem:?}");
            sources.slice(problem.labels[0].span).to_owned()
        });
        words.collect()
    }

    #[test]
    fn what_is_not_built_is_refused_at_its_word() {
        let pin = "0".repeat(64);
        let manifest = format!(
            r#"image site
alpine "3.22" {{ mirror "https://mirror.example"; repository main; key "test.rsa.pub" }}
toolchain c {{ host }}
kernel "6.12" {{ tarball sha256="{pin}"; toolchain c; embed builtin; microcode intel-ucode }}
"#
        );
        assert_eq!(refused(&manifest), ["intel-ucode"]);
    }

    #[test]
    fn what_leaves_the_image_does_not_hinder_its_build() {
        let manifest = r#"image site
flist docs {
    pack "/usr/share/doc"
    embed "/etc/rfs/docs.fl"
    store write="blobs" read="https://flists.example"
}
size { strip modules; drop man; max initramfs="1MiB" }
outputs { initramfs "initramfs.cpio"; sbom "sbom.cdx.json" }
"#;
        assert_eq!(refused(manifest), [""; 0]);
    }

    #[test]
    fn where_an_image_goes_afterwards_does_not_hinder_its_build() {
        let manifest = "image site\npublish dir \"mirror\" { index kernels }\n";
        assert_eq!(refused(manifest), [""; 0]);
    }
}
