//! Support code that integration tests share: `#[path = "support/mod.rs"] mod support;`.

pub mod busybox;
pub mod engines;
pub mod made;
pub mod oracle;
pub mod packages;
pub mod project;
pub mod trees;
pub mod watching;
pub mod worlds;
