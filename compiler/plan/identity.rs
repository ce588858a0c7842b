//! The image's digest: what the image is, in one number that stands in the image itself.
//!
//! It covers the whole tree of the image, the kernel, the stub, microcode, the command line, os-release, and how all that is
//! packed; not the places that it is written to, and not the signature, which says who vouches for an image and not what it
//! is. It is the key of [`Action::Identify`], so it changes when one of these does, and with nothing else.

use crate::tree::ImagePath;

use super::content::os_release_text;
use super::kernel::BootParts;
use super::lower::{Lowering, fixed};
use super::{Action, Input, Stage};

/// The blob with the image's digest.
pub(super) fn identity(lowering: &mut Lowering<'_>, tree: Input, parts: &BootParts) -> Input {
    let image = lowering.image;
    let request = image.kernel.as_ref();
    let action = Action::Identify {
        tree,
        kernel: parts.kernel,
        stub: parts.stub,
        microcode: parts.microcode,
        cmdline: request.map_or(String::new(), |kernel| kernel.cmdline.clone()),
        release: lowering
            .kernel()
            .map_or(String::new(), |kernel| kernel.release.clone()),
        os_release: os_release_text(image),
        compression: image.compression,
        segments: image.segments,
        epoch: lowering.inputs.epoch,
    };
    let id = lowering
        .plan
        .add(Stage::InitramfsCreate, "identify image", None, action);
    lowering.plan.build_id = Some(id);
    id
}

/// The tree with the digest in the places that branding names: the build id's file, os-release, and texts with `{build-id}`.
pub(super) fn stamped(lowering: &mut Lowering<'_>, tree: Input, identity: Input) -> Input {
    let image = lowering.image;
    let texts: Vec<ImagePath> = ["/etc/issue", "/etc/motd"].map(fixed).into();
    let texts = texts.into_iter().filter(|text| {
        let mut files = image.files.iter();
        files.any(|file| file.to.value == *text)
    });
    let action = Action::Stamp {
        tree,
        identity,
        build_id: image.build_id.clone(),
        os_release: image.os_release.as_ref().map(|_| fixed("/etc/os-release")),
        texts: texts.collect(),
        epoch: lowering.inputs.epoch,
    };
    if let Action::Stamp {
        build_id: None,
        os_release: None,
        texts,
        ..
    } = &action
        && texts.is_empty()
    {
        return tree;
    }
    lowering
        .plan
        .add(Stage::InitramfsCreate, "stamp image", None, action)
}
