//! Every input as an exact version and digest.

mod inputs;

pub use inputs::*;
