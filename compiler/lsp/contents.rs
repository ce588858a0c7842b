//! Texts that only zosc has: pages about errors and files of the library, under addresses of their own.
//!
//! `zosc:/errors/zosc-check-cycle.md` is a page, `zosc:/std/zero-os/base.kdl` a file of the library.

use crate::check;
use crate::explanation;

use super::client::Client;
use super::protocol as lsp;
use super::uri::Own;
use super::view::Workspace;

/// Tells a client about them that can show them.
pub(super) fn offer(offers: &mut lsp::ServerCapabilities, client: &Client) {
    if !client.shows_contents() {
        return;
    }
    let options = lsp::TextDocumentContentOptions {
        schemes: vec![Own::SCHEME.to_owned()],
    };
    if let Some(workspace) = &mut offers.workspace {
        workspace.text_document_content = Some(options.into());
    }
}

/// The text of an address.
pub(super) fn contents(
    _: &Workspace,
    parameters: lsp::TextDocumentContentParams,
) -> Result<lsp::TextDocumentContentResult, String> {
    let text = match Own::of(&parameters.uri) {
        Some(Own::Page(code)) => explanation::page(&code).map(str::to_owned),
        Some(Own::Library(name)) => check::library_text(&name).map(str::to_owned),
        None => None,
    };
    let text = text.ok_or_else(|| format!("there is no `{}`", parameters.uri))?;
    Ok(lsp::TextDocumentContentResult { text })
}
