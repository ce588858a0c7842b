//! Semantics: a manifest and its imports become an [`Image`].

mod image;

pub use image::*;
