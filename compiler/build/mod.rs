//! Performs a plan: the only pass that runs foreign code.

mod perform;
pub mod sandbox;
