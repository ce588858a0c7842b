//! `zosc lsp`.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::io;
use crate::lsp::{Options, serve_stdio};

/// The language server: an editor starts it and speaks to it over standard input and output.
///
/// It tells every problem that `zosc check` tells, while you type, and mends and lays out what it can. Neovim, VS Code, Helix and Zed know
/// how to start it once they are told: docs/editors.md has what to write where. Any editor that speaks the Language Server Protocol can: let
/// it run `zosc lsp` for `zos.kdl` and the files that it imports.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run(store: Option<PathBuf>) -> ExitCode {
    if std::io::stdin().is_terminal() {
        eprintln!(
            "zosc lsp speaks to an editor, and this is a terminal: the editor starts it, `zosc lsp --help` tells how"
        );
        return ExitCode::from(2);
    }
    let options = Options {
        store: store.unwrap_or_else(io::default_store),
    };
    match serve_stdio(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("zosc lsp cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}
