//! How a conversation begins: what the client can do, and what it is offered.

use serde_json::{Value, json};

use super::client::Client;
use super::protocol as lsp;
use super::server::{Server, Stage};
use super::text::Encoding;
use super::view::Workspace;
use super::{library, uri};

/// Answers `initialize`.
pub(super) fn initialize(server: &mut Server, parameters: &Value) -> Value {
    let client = Client::new(parameters);
    let offers = offers(server, &client);
    let has_addresses = client.shows_contents();
    server.workspace = Workspace::new(client);
    if !has_addresses {
        server.workspace.library = library::on_disk(&server.store);
    }
    server.workspace.folders = folders(parameters);
    let process = parameters.get("processId").and_then(Value::as_u64);
    let process = process.and_then(|process| u32::try_from(process).ok());
    // An editor in another container has a number that means nothing here.
    server.editor = process.filter(|process| crate::io::is_running(*process));
    server.stage = Stage::Open;
    let version = env!("CARGO_PKG_VERSION");
    json!({
        "capabilities": offers,
        "serverInfo": { "name": "zosc", "version": version },
    })
}

/// What the client is told that it may ask for: no more than what it knows itself.
fn offers(server: &Server, client: &Client) -> lsp::ServerCapabilities {
    let encoding = match client.encoding {
        Encoding::Utf8 => lsp::PositionEncodingKind::UTF8,
        Encoding::Utf16 => lsp::PositionEncodingKind::UTF16,
    };
    let sync = lsp::TextDocumentSyncOptions {
        open_close: Some(true),
        change: Some(lsp::TextDocumentSyncKind::Incremental),
        save: Some(true.into()),
        ..lsp::TextDocumentSyncOptions::default()
    };
    let folders = lsp::WorkspaceFoldersServerCapabilities {
        supported: Some(true),
        change_notifications: Some(true.into()),
    };
    let mut offers = lsp::ServerCapabilities {
        position_encoding: Some(encoding),
        text_document_sync: Some(sync.into()),
        workspace: Some(lsp::WorkspaceOptions {
            workspace_folders: Some(folders),
            ..lsp::WorkspaceOptions::default()
        }),
        ..lsp::ServerCapabilities::default()
    };
    for feature in server.table.iter() {
        (feature.offer)(&mut offers, client);
    }
    offers
}

/// The folders that the editor has open, by the newest of three ways to say so.
fn folders(parameters: &Value) -> Vec<std::path::PathBuf> {
    let listed = parameters.get("workspaceFolders").and_then(Value::as_array);
    let listed = listed
        .into_iter()
        .flatten()
        .filter_map(|folder| folder.get("uri"));
    let named = listed
        .chain(parameters.get("rootUri"))
        .filter_map(Value::as_str);
    let mut folders: Vec<_> = named.filter_map(|uri| uri::path_of(&uri.into())).collect();
    if folders.is_empty() {
        let path = parameters.get("rootPath").and_then(Value::as_str);
        folders.extend(path.filter(|path| path.starts_with('/')).map(Into::into));
    }
    folders.sort();
    folders.dedup();
    folders
}
