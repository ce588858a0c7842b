//! Support code that integration tests share: `#[path = "support/mod.rs"] mod support;`.

pub mod oracle;
pub mod packages;
pub mod trees;
