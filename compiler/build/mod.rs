//! Performs a plan: the only pass that runs foreign code.

pub mod sandbox;
