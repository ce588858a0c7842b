//! Changes of several files, in the form that the client understands.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::protocol as lsp;
use super::text::Text;
use super::view::Workspace;

/// New texts for places in files.
#[derive(Debug, Default)]
pub(super) struct Changes {
    files: BTreeMap<PathBuf, Vec<lsp::TextEdit>>,
}

impl Changes {
    /// Puts a text in the place of a range of a file, whose text is given as it is now.
    pub(super) fn replace(
        &mut self,
        workspace: &Workspace,
        path: &Path,
        text: &Text,
        bytes: Range<usize>,
        new_text: impl Into<String>,
    ) {
        let edits = self.files.entry(path.to_owned()).or_default();
        edits.push(lsp::TextEdit {
            range: text.range(bytes, workspace.client.encoding),
            new_text: new_text.into(),
        });
    }

    /// The whole change: for the versions that are open, where the client minds versions.
    pub(super) fn finish(self, workspace: &Workspace) -> lsp::WorkspaceEdit {
        let documents = &workspace.documents;
        if !workspace.client.versioned_edits() {
            let files = self.files.into_iter();
            let changes = files.map(|(path, edits)| (documents.uri(&path), edits));
            return lsp::WorkspaceEdit {
                changes: Some(changes.collect()),
                ..lsp::WorkspaceEdit::default()
            };
        }
        let changes = self.files.into_iter().map(|(path, edits)| {
            let version = documents.get(&path).map(|document| document.version);
            let edit = lsp::TextDocumentEdit {
                text_document: lsp::OptionalVersionedTextDocumentIdentifier {
                    version,
                    text_document_identifier: lsp::TextDocumentIdentifier {
                        uri: documents.uri(&path),
                    },
                },
                edits: edits.into_iter().map(lsp::Edit::from).collect(),
            };
            lsp::DocumentChange::from(edit)
        });
        lsp::WorkspaceEdit {
            document_changes: Some(changes.collect()),
            ..lsp::WorkspaceEdit::default()
        }
    }
}
