//! Unpacks archives of releases and of root filesystems.

use super::Context;
use crate::archive::Unpacking;
use crate::diagnostic::Diagnostic;
use crate::plan::Input;
use crate::tree::Digest;

/// Unpacks an archive; all entries belong to root and have time 0.
pub(super) fn unpack(
    context: &Context<'_>,
    archive: &Input,
    name: &str,
    strip_components: u32,
    origin: &str,
) -> Result<Digest, Diagnostic> {
    let unpacking = Unpacking::new(name, origin, context.store).strip_components(strip_components);
    stored(context, archive, unpacking)
}

/// Unpacks a root filesystem: as [`unpack`], but devices are left out; the sandbox has its own.
pub(super) fn unpack_root(
    context: &Context<'_>,
    archive: &Input,
    name: &str,
    origin: &str,
) -> Result<Digest, Diagnostic> {
    let unpacking = Unpacking::new(name, origin, context.store).without_devices();
    stored(context, archive, unpacking)
}

fn stored(
    context: &Context<'_>,
    archive: &Input,
    unpacking: Unpacking<'_>,
) -> Result<Digest, Diagnostic> {
    let file = context.store.reader(&context.digest(archive))?;
    context.store.put_tree(&unpacking.tree_of(file)?)
}
