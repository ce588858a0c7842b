//! `kernel.config` and the kernel's version, to the `kernel` section.

use crate::diagnostic::Diagnostic;
use crate::syntax::write::{NewNode, Piece};

use super::Ctx;
use super::assignments::Variables;
use super::folder::Whole;

/// Where the configuration is written beside the manifest.
pub(super) const CONFIG: &str = "kernel/kernel.config";

/// Alpine packages that a kernel is built with.
const TOOLCHAIN: &str = "bash bc bison build-base diffutils elfutils-dev findutils flex linux-headers openssl-dev perl xz";

/// The toolchain that builds the kernel.
pub(super) fn toolchain() -> NewNode {
    let alpine = NewNode::new("alpine").prop("packages", TOOLCHAIN);
    NewNode::new("toolchain").arg("kernel").child(alpine)
}

/// Carries the kernel over.
pub(super) fn carry(
    variables: &mut Variables,
    config: Option<&Whole>,
    ctx: &mut Ctx<'_>,
) -> Option<NewNode> {
    let version = variables.take("KERNEL_VERSION");
    let url = variables.take_any(&["KERNEL_SOURCE_URL", "KERNEL_URL"]);
    if version.is_none() && config.is_none() {
        return None;
    }
    let mut section = NewNode::new("kernel");
    match &version {
        Some(version) => section = section.arg(version.value.trim_start_matches('v')),
        None => ctx.push(
            Diagnostic::warning(
                "zosc::migrate::no-kernel-version",
                "KERNEL_VERSION is not set, and a kernel's configuration does not name its version",
            )
            .help("write the version behind `kernel`, such as `kernel \"6.12.44\"`"),
        ),
    }
    let mut tarball = NewNode::new("tarball");
    if let Some(url) = url {
        tarball = tarball.arg(url.value);
    }
    section = section
        .child(tarball)
        .child(NewNode::new("toolchain").arg("kernel"));
    let text = config.map(|config| String::from_utf8_lossy(&config.bytes).into_owned());
    if text.is_some() {
        section = section.child(NewNode::new("config").arg(CONFIG));
    }
    let setting = |name: &str| text.as_deref().and_then(|text| setting(text, name));
    if let Some(suffix) = setting("CONFIG_LOCALVERSION") {
        section = section.child(NewNode::new("localversion").arg(suffix));
    }
    if let Some(line) = setting("CONFIG_CMDLINE") {
        section = section.child(NewNode::new("cmdline").args(line.split_whitespace()));
    }
    if setting("CONFIG_INITRAMFS_SOURCE").is_some() {
        section = section.child(Piece::Comment(
            "CONFIG_INITRAMFS_SOURCE of the configuration is set by this.".to_owned(),
        ));
    }
    Some(section.child(NewNode::new("embed").arg("builtin")))
}

/// The text of a setting that is set and not empty.
fn setting(config: &str, name: &str) -> Option<String> {
    config
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .map(|value| value.trim().trim_matches('"').to_owned())
        .rfind(|value| !value.is_empty())
}
