//! Publishing to a real server that speaks S3, and to folders: objects, uploads that break, keys that are wrong.
//!
//! s3s-fs is what ZOSC_TEST_S3S names; `tests/run publish` installs it. Without it most of this skips, aloud.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

#[path = "support/registry.rs"]
mod registry;
#[path = "support/s3.rs"]
mod s3;
#[path = "support/scripted.rs"]
mod scripted;
#[path = "support/tls.rs"]
mod tls;
#[path = "support/web.rs"]
mod web;

#[path = "publish/artifacts.rs"]
mod artifacts;
#[path = "publish/flists.rs"]
mod flists;
#[path = "publish/kernels.rs"]
mod kernels;

#[path = "publish/certificates.rs"]
mod certificates;
#[path = "publish/objects.rs"]
mod objects;
#[path = "publish/place.rs"]
mod place;
#[path = "publish/quirks.rs"]
mod quirks;
#[path = "publish/refusals.rs"]
mod refusals;
#[path = "publish/screens.rs"]
mod screens;
#[path = "publish/site.rs"]
mod site;
#[path = "publish/uploads.rs"]
mod uploads;
