//! Kconfig: what a kernel can be configured with, and what one was configured with.
//!
//! Comes in: the `Kconfig` files of a kernel's sources as texts, a `.config`, and the values that somebody asked for. Goes
//! out: for each value that Kconfig did not take, a diagnostic that names what stood in its way. Never decides a symbol
//! itself: that is for Kconfig, which knows all of its language; here it is read as far as an explanation needs it.

mod config;
mod expression;
mod language;
mod verdict;

pub use config::Config;
pub use expression::{Expression, Tristate};
pub use language::{Definition, Language, ValueKind};
pub use verdict::{Unheeded, verify};

#[cfg(test)]
mod tests;
