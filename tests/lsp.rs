//! The language server as an editor meets it, over a connection in memory; one file a feature.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

#[path = "lsp/client.rs"]
mod client;
#[path = "support/mod.rs"]
mod support;

#[path = "lsp/code_actions.rs"]
mod code_actions;
#[path = "lsp/completion.rs"]
mod completion;
#[path = "lsp/diagnostics.rs"]
mod diagnostics;
#[path = "lsp/formatting.rs"]
mod formatting;
#[path = "lsp/hover.rs"]
mod hover;
#[path = "lsp/inlay.rs"]
mod inlay;
#[path = "lsp/knowledge.rs"]
mod knowledge;
#[path = "lsp/lens.rs"]
mod lens;
#[path = "lsp/lifecycle.rs"]
mod lifecycle;
#[path = "lsp/locked.rs"]
mod locked;
#[path = "lsp/navigation.rs"]
mod navigation;
#[path = "lsp/rename.rs"]
mod rename;
#[path = "lsp/signature.rs"]
mod signature;
#[path = "lsp/stdio.rs"]
mod stdio;
#[path = "lsp/survival.rs"]
mod survival;
#[path = "lsp/symbols.rs"]
mod symbols;
#[path = "lsp/tokens.rs"]
mod tokens;
