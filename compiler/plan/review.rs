//! What is known about an image before it is locked and built: everything that `zosc check` says beyond the manifest itself.

use crate::check::Image;
use crate::diagnostic::Diagnostics;
use crate::lock::{self, Unchecked};
use crate::tree::Store;

use super::skipped_scripts;

/// Looks at an image in the light of its lock and of what the store has; problems go to `sink`. What could not be looked into is
/// the answer. Never uses the network.
pub fn review(image: &Image, store: Option<&Store>, sink: &mut Diagnostics) -> Vec<Unchecked> {
    let unchecked = lock::review(image, store, sink);
    let packages = lock::answering(image, store);
    sink.extend(skipped_scripts(image, &packages));
    unchecked
}
