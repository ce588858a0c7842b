//! What is known of an image's inputs without the network and without writing `zos.lock`.

use std::sync::atomic::AtomicBool;

use crate::check::Image;
use crate::diagnostic::Diagnostics;
use crate::tree::Store;

use super::{Ctx, Inputs, Lock, Mode, Resolved, Silent, local, read, settle, unsupported};

/// What [`resolve`](super::resolve) would come to without the network, where `previous` is the lock; `zos.lock` is not written.
///
/// # Errors
/// As [`resolve`](super::resolve); that something would have to be looked up or fetched.
pub fn foresee(
    image: &Image,
    previous: &Lock,
    store: &Store,
    cancel: &AtomicBool,
) -> Result<Resolved, Diagnostics> {
    unsupported::refuse(image)?;
    let ctx = Ctx {
        store,
        mode: Mode {
            offline: true,
            ..Mode::default()
        },
        observer: &Silent,
        cancel,
    };
    settle(&ctx, image, previous)
}

/// The lock as it lies beside a manifest, whether or not it answers to it; `None` where there is none.
///
/// # Errors
/// It cannot be read.
pub fn beside(image: &Image, store: Option<&Store>) -> Result<Option<Lock>, Diagnostics> {
    let path = super::file_of(image);
    let lock = read(&path, store)?;
    Ok(path.exists().then_some(lock))
}

/// This machine's files that an image asks for, as far as they can be read: the inputs that need no lock.
pub fn machine_files(image: &Image, store: &Store, cancel: &AtomicBool) -> Inputs {
    let ctx = Ctx::again(store, true, cancel);
    let local = local::local(&ctx, image, &mut Diagnostics::new());
    Inputs {
        files: local.files,
        folders: local.folders,
        kernel: local.kernel,
        stub: local.stub,
        ..Inputs::default()
    }
}
