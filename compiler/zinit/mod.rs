//! zinit's unit files: one abstract unit, two dialects.
//!
//! In come [`Unit`]s, the model that both generations of zinit share the sense of; out go the texts that the chosen
//! [`Dialect`] reads and, named one by one as [`Loss`]es, the wishes that dialect cannot express. Beside that: the boot
//! order ([`order`]), every edge with what it points at ([`references`]), and rules about commands that are known to
//! fail under a supervisor ([`looks_like_shell`], [`is_bare_getty`], [`daemonises_itself`]). [`read`] takes the texts of either
//! dialect back.
//!
//! It never reads files or manifests and never starts zinit; `tests/zinit_real.rs` shows the texts to the real ones.

mod background;
mod graph;
mod lower;
mod order;
mod quote;
mod read;
mod rules;
mod script;
mod toml;
mod unit;
mod yaml;

pub use background::{Daemonises, daemonises_itself};
pub use graph::{Cycle, Edge, EdgeKind, Reference, Target, cycles, references};
pub use lower::{Dialect, Feature, Loss, Lowered, UnitFile, lower};
pub use order::{BootOrder, Start, Until, Up, Wait, order};
pub use quote::{quote, quote_all};
pub use read::read;
pub use rules::{
    CLIENT, CLIENT_HELP, FORMATS_DISK, SEARCHED, builtin, is_bare_getty, looks_like_shell,
};
pub use script::commands;
pub use unit::{
    Command, Kind, Log, Probe, Restart, Signal, Unit, is_environment_name, is_unit_name,
};

#[cfg(test)]
mod tests;
