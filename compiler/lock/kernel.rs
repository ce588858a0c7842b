//! The kernel inside a package.

use std::collections::BTreeSet;

use crate::apk::UnpackedPackage;
use crate::diagnostic::Diagnostic;

use super::LockedKernel;

/// The kernel inside a package: `/lib/modules/RELEASE`, and `/boot/vmlinuz-…`.
pub(super) fn kernel(package: &UnpackedPackage) -> Result<LockedKernel, Diagnostic> {
    let name = package.info.full_name();
    let mut releases = BTreeSet::new();
    let mut images = BTreeSet::new();
    for file in &package.files {
        let components: Vec<&str> = file.path.components().collect();
        match components.as_slice() {
            ["lib", "modules", release, ..] | ["usr", "lib", "modules", release, ..] => {
                releases.insert((*release).to_owned());
            }
            ["boot", image] if image.starts_with("vmlinuz") && !file.entry.is_directory() => {
                images.insert(file.path.clone());
            }
            _ => {}
        }
    }
    let image = images
        .first()
        .cloned()
        .ok_or_else(|| no_kernel(&name, "it has no `/boot/vmlinuz-…`"))?;
    let from_image = image
        .file_name()
        .strip_prefix("vmlinuz-")
        .map(str::to_owned);
    let release = match releases.len() {
        0 => from_image.ok_or_else(|| no_kernel(&name, "it has no `/lib/modules/…`")),
        1 => Ok(releases.pop_first().unwrap_or_default()),
        _ => Err(no_kernel(&name, "it has modules of several kernels")),
    }?;
    let image = images
        .into_iter()
        .find(|image| image.file_name() == format!("vmlinuz-{release}"))
        .unwrap_or(image);
    Ok(LockedKernel { release, image })
}

fn no_kernel(package: &str, why: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::lock::no-kernel",
        format!("the package `{package}` holds no kernel: {why}"),
    )
    .help("kernel packages of Alpine are `linux-lts`, `linux-virt` and the like")
}
