//! What the client says about texts, files and folders, and which project a text belongs to.
//!
//! Nothing that is said can be wrong: changes of a text that is not open are left out, and places that are not in it are the nearest that are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::dispatch::decode;
use super::document::Document;
use super::project::Project;
use super::protocol as lsp;
use super::server::Server;
use super::text::Text;
use super::uri;

/// A text is open from now on.
pub(super) fn opened(server: &mut Server, parameters: Value) {
    let opened: lsp::DidOpenTextDocumentParams = match decode(parameters) {
        Ok(opened) => opened,
        Err(problem) => return server.log(&problem.message),
    };
    let item = opened.text_document;
    let path = server.workspace.path(&item.uri);
    let language = serde_json::to_value(&item.language_id).ok();
    let language = language.and_then(|language| language.as_str().map(str::to_owned));
    server.workspace.documents.put(Document {
        uri: item.uri,
        path: path.clone(),
        language: language.unwrap_or_default(),
        version: item.version,
        text: Text::new(item.text),
    });
    texts_changed(server, &path);
}

/// A text has changed.
pub(super) fn changed(server: &mut Server, parameters: &Value) {
    let Some(document) = named(server, parameters) else {
        return;
    };
    let mut document = Document::clone(&document);
    let version = parameters.pointer("/textDocument/version");
    let version = version
        .and_then(Value::as_i64)
        .and_then(|version| i32::try_from(version).ok());
    document.version = version.unwrap_or(document.version);
    let encoding = server.workspace.client.encoding;
    let changes = parameters.get("contentChanges").and_then(Value::as_array);
    for change in changes.into_iter().flatten() {
        let Some(text) = change.get("text").and_then(Value::as_str) else {
            server.log("a change of a text without a text");
            continue;
        };
        let range = change.get("range").filter(|range| !range.is_null());
        document.text = match range.map(|range| decode::<lsp::Range>(range.clone())) {
            None => Text::new(text),
            Some(Ok(range)) => {
                let bytes = document.text.bytes(range, encoding);
                document.text.replaced(bytes, text)
            }
            Some(Err(problem)) => {
                server.log(&problem.message);
                continue;
            }
        };
    }
    let path = document.path.clone();
    server.workspace.documents.put(document);
    texts_changed(server, &path);
}

/// A text was written to its file: what lies beside it may have been written with it.
pub(super) fn saved(server: &mut Server, parameters: &Value) {
    if named(server, parameters).is_some() {
        files_changed(server);
    }
}

/// A text is not open any more: from now on its file counts.
pub(super) fn closed(server: &mut Server, parameters: &Value) {
    let Some(document) = named(server, parameters) else {
        return;
    };
    server.workspace.documents.remove(&document.path);
    server.workspace.owners.remove(&document.path);
    texts_changed(server, &document.path);
    server.publish();
}

/// Files may have changed beside the editor.
pub(super) fn files_changed(server: &mut Server) {
    server.revision += 1;
    let projects: Vec<_> = server.workspace.projects.values().cloned().collect();
    for project in projects {
        server.wish(&project, false);
    }
}

/// The editor has other folders open.
pub(super) fn folders_changed(server: &mut Server, parameters: &Value) {
    let paths = |list: &str| -> Vec<PathBuf> {
        let folders = parameters.pointer(list).and_then(Value::as_array);
        let uris = folders
            .into_iter()
            .flatten()
            .filter_map(|folder| folder.get("uri")?.as_str());
        uris.filter_map(|uri| uri::path_of(&uri.into())).collect()
    };
    let (added, removed) = (paths("/event/added"), paths("/event/removed"));
    let folders = &mut server.workspace.folders;
    folders.retain(|folder| !removed.contains(folder));
    folders.extend(added);
    folders.sort();
    folders.dedup();
}

/// The open text that a message is about.
fn named(server: &Server, parameters: &Value) -> Option<Arc<Document>> {
    let uri = parameters.pointer("/textDocument/uri")?.as_str()?;
    server.workspace.document(&uri.into()).cloned()
}

/// Has every project checked that a text is part of, and finds one for a text that belongs to none.
fn texts_changed(server: &mut Server, path: &Path) {
    server.revision += 1;
    assign(server);
    let projects: Vec<_> = server.workspace.projects.values().cloned().collect();
    let is_part = |project: &&Arc<Project>| project.consists_of(path);
    // What no check has met may be something that one misses.
    let meets_none = !projects.iter().any(|project| is_part(&project));
    for project in projects
        .iter()
        .filter(|project| meets_none || is_part(project))
    {
        server.wish(project, false);
    }
}

/// Finds out again which project each open text belongs to, and lets go of those that nothing open belongs to.
pub(super) fn assign(server: &mut Server) {
    let workspace = &mut server.workspace;
    let mut homeless = Vec::new();
    for document in workspace.documents.iter() {
        let path = &document.path;
        let owner = workspace
            .owners
            .get(path)
            .and_then(|entry| workspace.projects.get(entry));
        let mut projects = workspace.projects.values();
        let importer = projects.find(|project| project.entry != *path && project.consists_of(path));
        // A check that has not been made yet may still show that the text is part of it.
        let stays = owner.filter(|owner| owner.checked.revision == 0 || owner.consists_of(path));
        if let Some(project) = importer.or(stays) {
            let entry = project.entry.clone();
            workspace.owners.insert(path.clone(), entry);
        } else {
            workspace.owners.remove(path);
            homeless.extend(document.is_manifest().then(|| path.clone()));
        }
    }
    let owners = &workspace.owners;
    workspace
        .projects
        .retain(|entry, _| owners.values().any(|owner| owner == entry));
    server.publisher.keep(&server.workspace);
    for path in homeless {
        server.seek(path);
    }
}

/// Makes a project for a text; it is checked at once.
pub(super) fn adopt(server: &mut Server, path: PathBuf, entry: PathBuf) {
    let known = server.workspace.projects.get(&entry);
    // A project that was checked and does not have the text will not have it: then the text stands alone.
    let lacks_it = known.is_some_and(|known| known.is_current() && !known.consists_of(&path));
    let entry = if lacks_it { path.clone() } else { entry };
    let project = server.workspace.projects.get(&entry).cloned();
    let project = project.unwrap_or_else(|| {
        let folder = server.workspace.folder(&entry).or(entry.parent());
        Arc::new(Project::new(&entry, folder.unwrap_or(Path::new("/"))))
    });
    server.workspace.owners.insert(path, entry);
    server.wish(&project, true);
}
