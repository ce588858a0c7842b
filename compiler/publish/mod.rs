//! Publishing: what was built goes to buckets, folders and registries.
//!
//! Comes in: what a plan yielded ([`Made`]) and the image's `publish` sections. Goes out: [`Uploads`], data that says what goes where.
//! Builds nothing, and believes nothing that it reads from a place that others write to.

pub mod description;
pub mod index;
mod made;
pub mod page;
mod uploads;

pub use made::{Made, MadeOutput};
pub use uploads::{Artifact, Home, PlaceUploads, ProgramUpload, Uploads, Wanted, below};
